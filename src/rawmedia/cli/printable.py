"""What comes from outside, as text that is safe and readable on a terminal."""

from __future__ import annotations

import unicodedata

_UNSAFE = {"Cc", "Cs"}
"""Control characters, which could steer the terminal, and halves of pairs, which can't be encoded."""


def printable(text: object) -> str:
    """The text on one line, what a terminal would not show as such replaced by U+FFFD."""
    joined = " ".join(str(text).splitlines())
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in _UNSAFE else char
        for char in joined
    )


def media_time(ms: float) -> str:
    """A place in a recording, such as ``0:03.2`` or ``1:02:03.4``."""
    tenths = int(ms // 100)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{tenths // 10:02}.{tenths % 10}"
    return f"{hours}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"


__all__ = ["media_time", "printable"]
