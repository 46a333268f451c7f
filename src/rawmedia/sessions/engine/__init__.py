"""A session's engine: opened, fed, followed and replaced."""
