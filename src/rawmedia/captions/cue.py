"""One caption: a text and the time in which it is shown."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Cue:
    """A text and when it is shown, in milliseconds since the captioned audio began.

    Raises:
        ValueError: The times are not finite, or the cue ends before it starts or starts
            before the audio.
    """

    start_ms: float
    end_ms: float
    text: str
    """Plain text, whatever characters are in it; a line break is kept."""
    language: str | None = None
    """A BCP-47 tag such as "es", where it is known."""
    speaker: str | None = None
    """Who says it, where it matters."""
    source_text: str | None = None
    """What ``text`` is a translation of, where it may be shown too."""
    source_language: str | None = None
    """A BCP-47 tag, where it is known."""

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms <= self.end_ms < math.inf:
            raise ValueError(
                f"a cue needs 0 <= start <= end, got {self.start_ms} to {self.end_ms} ms"
            )

    @property
    def original(self) -> Cue | None:
        """The source text as a cue of its own, for a second track; None where there is none."""
        if self.source_text is None:
            return None
        return replace(
            self,
            text=self.source_text,
            language=self.source_language,
            source_text=None,
            source_language=None,
        )


class CueSink(Protocol):
    """Where cues go: a caption writer, or something that stands before one."""

    def write(self, cue: Cue, /) -> None:
        """Take the next cue, in the order of their starts."""
        ...


def timestamp(ms: int, separator: str) -> str:
    """``HH:MM:SS`` and three digits after ``separator``; hours take more digits when they need them."""
    seconds, milliseconds = divmod(ms, 1_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{separator}{milliseconds:03}"


__all__ = ["Cue", "CueSink", "timestamp"]
