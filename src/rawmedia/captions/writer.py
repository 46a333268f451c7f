"""What every caption writer does: order, layout and time; how a cue looks is the format's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

from rawmedia.captions.cue import timestamp
from rawmedia.captions.layout import width, wrap
from rawmedia.captions.target import caption_target
from rawmedia.errors import ConfigurationError, StreamClosedError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from types import TracebackType

    from rawmedia.captions.cue import Cue
    from rawmedia.captions.target import TextStream

MAX_COLUMNS = 42
MAX_LINES = 2
"""What fits on a screen and can be read in time, as broadcasters have it."""


class CaptionWriter(ABC):
    """Writes cues one after the other; what was written is a valid file at any moment.

    A cue that needs more lines than ``max_lines`` becomes several, which share its time in
    proportion to their length. Cues may overlap in time. Both formats want cues in the
    order of their starts, and what is written cannot be taken back, so a cue that starts
    before the one written last is moved to that one's start and counted in ``adjusted``.

    Used by one thread at a time.

    Args:
        to: A path, whose file is replaced if it exists; or a text stream, which is flushed
            after each cue and stays open.
        max_columns: The widest line, 10 or more; a Chinese, Japanese or Korean character
            takes two columns.
        max_lines: The most lines that are shown at a time.

    Raises:
        FileWriteError: The file cannot be made, or not even its header be written.
        ConfigurationError: ``max_columns`` or ``max_lines`` is too small.
    """

    HEADER: ClassVar[str]
    """What the file starts with."""
    FRACTION_MARK: ClassVar[str]
    """What stands between seconds and milliseconds."""

    def __init__(
        self,
        to: str | os.PathLike[str] | TextStream,
        *,
        max_columns: int = MAX_COLUMNS,
        max_lines: int = MAX_LINES,
    ) -> None:
        if max_columns < 10:
            raise ConfigurationError("max_columns", f"must be at least 10, not {max_columns}")
        if max_lines < 1:
            raise ConfigurationError("max_lines", f"must be at least 1, not {max_lines}")
        self._max_columns, self._max_lines = max_columns, max_lines
        self._last_start_ms = 0
        self._closed = False
        self.written = 0
        """Cues in the file; a long one that was divided counts as often."""
        self.skipped = 0
        """Cues that had no text and were left out."""
        self.adjusted = 0
        """Cues that came late and were moved to the start of the one before."""
        self._target = caption_target(to)
        try:
            self._target.append(self.HEADER)
        except BaseException:
            self.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def write(self, cue: Cue) -> None:
        """Append a cue, whole, so that it can be read at once.

        Raises:
            FileWriteError: The disk is full or broken. The cues before this one are kept,
                and the file with them is valid.
            StreamClosedError: The writer is closed.
        """
        if self._closed:
            raise StreamClosedError
        lines = wrap(self._text(cue), self._max_columns)
        if not lines:
            self.skipped += 1
            return
        start_ms, late = round(cue.start_ms), False
        if start_ms < self._last_start_ms:
            start_ms, late = self._last_start_ms, True
        parts = [lines[i : i + self._max_lines] for i in range(0, len(lines), self._max_lines)]
        times = _share(start_ms, round(cue.end_ms), [sum(map(width, part)) for part in parts])
        blocks = (
            self._block(times[i], times[i + 1], self.written + 1 + i, self._payload(part, cue))
            for i, part in enumerate(parts)
        )
        self._target.append("".join(blocks))
        self._last_start_ms = times[-2]
        self.written += len(parts)
        self.adjusted += late

    def close(self) -> None:
        """Close the file that was opened here. Twice is harmless.

        Raises:
            FileWriteError: The operating system could not close it well.
        """
        if not self._closed:
            self._closed = True
            self._target.close()

    @abstractmethod
    def _text(self, cue: Cue) -> str:
        """What is laid out in lines."""

    @abstractmethod
    def _payload(self, lines: Sequence[str], cue: Cue, /) -> str:
        """The lines as the format writes them: escaped, marked up."""

    def _block(self, start_ms: int, end_ms: int, number: int, payload: str) -> str:
        """A cue, alike in both formats; the blank line makes it complete."""
        start = timestamp(start_ms, self.FRACTION_MARK)
        end = timestamp(end_ms, self.FRACTION_MARK)
        return f"{number}\n{start} --> {end}\n{payload}\n\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _share(start_ms: int, end_ms: int, weights: Sequence[int]) -> list[int]:
    """Divide a time by weights: the borders, one more than there are weights, each 1 ms on or more.

    A time too short for that is made longer at its end.
    """
    end_ms = max(end_ms, start_ms + len(weights))
    borders, done = [start_ms], 0
    for i, weight in enumerate(weights, start=1):
        done += weight
        fair_ms = start_ms + (end_ms - start_ms) * done // max(1, sum(weights))
        borders.append(min(max(fair_ms, borders[-1] + 1), end_ms - (len(weights) - i)))
    borders[-1] = end_ms
    return borders


__all__ = ["MAX_COLUMNS", "MAX_LINES", "CaptionWriter"]
