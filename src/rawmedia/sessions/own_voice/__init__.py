"""Keeping a translator from translating what it said itself."""
