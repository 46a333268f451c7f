"""``python -m rawmedia``: the command line."""

from __future__ import annotations

from rawmedia.cli import main

main()
