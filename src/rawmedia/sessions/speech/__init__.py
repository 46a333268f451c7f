"""Translated speech on its way to one listener."""
