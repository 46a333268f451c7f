"""The books of a session, and the figures and reports that are made of them."""
