"""Bytes to packets, and packets to their order in time. No socket and no clock: time is an argument."""
