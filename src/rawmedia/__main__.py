"""``python -m rawmedia``: the command line."""

from __future__ import annotations

from rawmedia.cli import main

if __name__ == "__main__":
    main()
