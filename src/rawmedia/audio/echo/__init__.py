"""Keeping a translator from hearing itself: the echo of what was played is found, subtracted and gated."""
