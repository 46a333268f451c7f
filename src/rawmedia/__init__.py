"""The audio of a live call, both ways, with a socket-like interface."""
