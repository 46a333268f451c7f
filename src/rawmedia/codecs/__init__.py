"""Payload bytes to samples and back. Nothing here waits, and nothing knows of packets or calls."""
