"""What every caption writer does: order, layout and time; how a cue looks is the format's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

from rawmedia.captions.cue import timestamp
from rawmedia.captions.layout import clean_lines, one_line, wrap
from rawmedia.captions.passage import Passage, divided
from rawmedia.captions.reading import CHARACTERS_PER_SECOND, cue_columns
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
    before the one written last is moved to that one's start and counted in ``adjusted``. For the same reason a cue that
    leaves too little time to read it is written as it is and counted in ``too_fast``; a
    `CueExtender` before the writer gives it more time where there is some.

    Used by one thread at a time.

    Args:
        to: A path, whose file is replaced if it exists; or a text stream, which is flushed
            after each cue and stays open.
        max_columns: The widest line, 10 or more; a Chinese, Japanese or Korean character
            takes two columns.
        max_lines: The most lines that are shown at a time, of each language.
        max_characters_per_second: What can be read in time; a Chinese, Japanese or Korean
            character counts as two.
        bilingual: Whether a cue's source text is shown under its translation, each marked
            with its language. For two tracks give ``cue.original`` to a second writer.

    Raises:
        FileWriteError: The file cannot be made, or not even its header be written.
        ConfigurationError: ``max_columns``, ``max_lines`` or ``max_characters_per_second``
            is too small.
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
        max_characters_per_second: float = CHARACTERS_PER_SECOND,
        bilingual: bool = False,
    ) -> None:
        if max_columns < 10:
            raise ConfigurationError("max_columns", f"must be at least 10, not {max_columns}")
        if max_lines < 1:
            raise ConfigurationError("max_lines", f"must be at least 1, not {max_lines}")
        if not max_characters_per_second > 0:
            raise ConfigurationError(
                "max_characters_per_second", f"must be above 0, not {max_characters_per_second}"
            )
        self._max_columns, self._max_lines = max_columns, max_lines
        self._characters_per_second = max_characters_per_second
        self._bilingual = bilingual
        self._last_start_ms = 0
        self._closed = False
        self.written = 0
        """Cues in the file; a long one that was divided counts as often."""
        self.skipped = 0
        """Cues that had no text and were left out."""
        self.adjusted = 0
        """Cues that came late and were moved to the start of the one before."""
        self.too_fast = 0
        """Cues that are gone before they can be read."""
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
        passages, speaker = self._laid_out(cue)
        if not passages:
            self.skipped += 1
            return
        start_ms, late = round(cue.start_ms), False
        if start_ms < self._last_start_ms:
            start_ms, late = self._last_start_ms, True
        parts = divided(passages, self._max_lines)
        # Nobody reads both languages, so the longer one counts.
        weights = [max(passage.columns for passage in part) for part in parts]
        times = _share(start_ms, round(cue.end_ms), weights)
        blocks = (
            self._block(times[i], times[i + 1], self.written + 1 + i, self._payload(part, speaker))
            for i, part in enumerate(parts)
        )
        self._target.append("".join(blocks))
        self._last_start_ms = times[-2]
        self.written += len(parts)
        self.adjusted += late
        columns = cue_columns(cue, bilingual=self._bilingual)
        # A millisecond is what rounding may have taken.
        read_in_time = self._characters_per_second * (times[-1] - times[0] + 1) / 1_000
        self.too_fast += columns > read_in_time

    def close(self) -> None:
        """Close the file that was opened here. Twice is harmless.

        Raises:
            FileWriteError: The operating system could not close it well.
        """
        if not self._closed:
            self._closed = True
            self._target.close()

    def _laid_out(self, cue: Cue) -> tuple[list[Passage], str]:
        """What is shown of a cue, by language, and the speaker's name, which may be empty."""
        speaker = one_line(cue.speaker or "")
        said = [(cue.text, cue.language)]
        if self._bilingual and cue.source_text is not None:
            said.append((cue.source_text, cue.source_language))
        passages: list[Passage] = []
        for text, tag in said:
            clean, language = "\n".join(clean_lines(text)), one_line(tag or "")
            if clean:
                labelled = self._text(clean, language, "" if passages else speaker)
                lines = wrap(labelled, self._max_columns)
                passages.append(Passage(tuple(lines), language))
        return passages, speaker

    @abstractmethod
    def _text(self, text: str, language: str, speaker: str, /) -> str:
        """What is laid out in lines: the clean text, with its labels where they are text too."""

    @abstractmethod
    def _payload(self, passages: Sequence[Passage], speaker: str, /) -> str:
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
