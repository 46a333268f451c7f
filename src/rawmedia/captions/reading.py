"""How long a text must stay to be read, and giving cues that time where there is some."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

from rawmedia.captions.layout import one_line, width
from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    from types import TracebackType

    from rawmedia.captions.cue import Cue, CueSink

CHARACTERS_PER_SECOND = 17.0
"""What adults read, in columns: a Chinese, Japanese or Korean character counts as two.

Source: Netflix, Timed Text Style Guides: 17 characters a second in Spanish, French, German
and many more, 20 in English, 9 in Chinese, which is 18 columns; 12 in Korean, which is 24.
Japanese takes 4, so pass 8.
"""
# Source: the same guides, general requirements: 5/6 of a second at least.
_SHORTEST_MS = 5_000 / 6


def reading_ms(text: str, max_characters_per_second: float = CHARACTERS_PER_SECOND) -> float:
    """How long a text must stay to be read, in milliseconds.

    Five sixths of a second at least, and 0 for a text that shows nothing.
    """
    columns = width(one_line(text))
    return max(_SHORTEST_MS, columns * 1_000 / max_characters_per_second) if columns else 0.0


def cue_columns(cue: Cue, *, bilingual: bool) -> int:
    """The columns that are read of a cue; of two languages those of the longer, as nobody reads both."""
    columns = width(one_line(cue.text))
    return max(columns, width(one_line(cue.source_text or ""))) if bilingual else columns


class CueExtender:
    """Stands before a caption writer and lets cues stay until they can be read.

    What is written cannot be taken back, and how long a cue may stay is known only when the
    next one comes. So each cue is held until then, or until ``advance`` says that its time
    to be read is over: a file is one cue late, at most by the time that it takes to read it.
    A cue is never made longer than that, and never into the next one.

    Args:
        sink: Where cues go; it is not closed from here.
        max_characters_per_second: What can be read in time, as `CHARACTERS_PER_SECOND`.
        bilingual: Whether the sink shows the source text too.

    Raises:
        ConfigurationError: ``max_characters_per_second`` is not above 0.
    """

    def __init__(
        self,
        sink: CueSink,
        *,
        max_characters_per_second: float = CHARACTERS_PER_SECOND,
        bilingual: bool = False,
    ) -> None:
        if not max_characters_per_second > 0:
            raise ConfigurationError(
                "max_characters_per_second", f"must be above 0, not {max_characters_per_second}"
            )
        self._sink = sink
        self._characters_per_second = max_characters_per_second
        self._bilingual = bilingual
        self._held: Cue | None = None
        self.extended = 0
        """Cues that were made longer."""

    def write(self, cue: Cue) -> None:
        """Pass on the cue before, and hold this one.

        Raises:
            FileWriteError: What the writer raises for the cue before; this one is held.
        """
        held, self._held = self._held, cue
        if held is not None:
            self._pass_on(held, self._wanted_end_ms(held), cue.start_ms)

    def advance(self, position_ms: float) -> None:
        """No cue will start before this: what has had its time to be read is passed on.

        Raises:
            FileWriteError: What the writer raises.
        """
        if self._held is not None and self._wanted_end_ms(self._held) <= position_ms:
            self._release()

    def close(self) -> None:
        """Pass on the last cue, with all the time that it needs. Twice is harmless.

        Raises:
            FileWriteError: What the writer raises.
        """
        if self._held is not None:
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, None
        assert held is not None
        wanted_ms = self._wanted_end_ms(held)
        self._pass_on(held, wanted_ms, wanted_ms)

    def _wanted_end_ms(self, cue: Cue) -> float:
        columns = cue_columns(cue, bilingual=self._bilingual)
        needed_ms = columns * 1_000 / self._characters_per_second
        return max(cue.end_ms, cue.start_ms + max(_SHORTEST_MS, needed_ms))

    def _pass_on(self, cue: Cue, wanted_ms: float, free_until_ms: float) -> None:
        end_ms = max(cue.end_ms, min(wanted_ms, free_until_ms))
        if end_ms > cue.end_ms:
            self.extended += 1
            cue = replace(cue, end_ms=end_ms)
        self._sink.write(cue)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


__all__ = ["CHARACTERS_PER_SECOND", "CueExtender", "cue_columns", "reading_ms"]
