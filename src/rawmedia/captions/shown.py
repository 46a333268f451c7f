"""How much of one text is shown, so that an engine that repeats itself without end holds up nobody."""

from __future__ import annotations

from typing import Final

MAX_CHARACTERS: Final = 20_000
"""Of one caption: twenty minutes without a pause, at the 17 characters a second that can be read.
Laying them out in lines takes some 50 ms."""

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def shown(text: str) -> str:
    """The text, or of one that is longer than `MAX_CHARACTERS` its beginning and an ellipsis."""
    if len(text) <= MAX_CHARACTERS:
        return text
    return text[: MAX_CHARACTERS - 1] + _ELLIPSIS


__all__ = ["MAX_CHARACTERS", "shown"]
