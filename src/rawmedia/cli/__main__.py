"""Lets ``python -m rawmedia.cli`` do what ``rawmedia`` does."""

from __future__ import annotations

from rawmedia.cli import main

if __name__ == "__main__":
    main()
