"""The command line. ``rawmedia --help`` tells what it does; nothing of it is loaded by the library."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from rawmedia.cli.exits import ExitCode

_NEEDED = ("typer", "rich")


def main() -> None:
    """Run the command that the program was called with, and exit with its code."""
    if any(find_spec(package) is None for package in _NEEDED):
        print(
            "rawmedia: the command line needs typer and rich; add them with: "
            "pip install 'rawmedia[cli]'",
            file=sys.stderr,
        )
        sys.exit(ExitCode.NOT_INSTALLED)
    from rawmedia.cli.app import run

    run()


__all__ = ["main"]
