"""WebVTT captions, which browsers and players show.

Source: W3C WebVTT, Candidate Recommendation of 4 April 2019, section 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.captions.layout import clean_lines
from rawmedia.captions.writer import MAX_COLUMNS, MAX_LINES, CaptionWriter

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from rawmedia.captions.cue import Cue
    from rawmedia.captions.target import TextStream

# "-->" must not occur in a text; without a bare ">" it cannot.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class WebVttWriter(CaptionWriter):
    """Writes WebVTT. Speakers become voice tags.

    Args:
        to: A path or a text stream (UTF-8, as WebVTT must be); see `CaptionWriter`.
        language: What the file is in. Cues in other languages are marked as such; None
            marks none.
        max_columns: The widest line.
        max_lines: The most lines at a time.
    """

    HEADER = "WEBVTT\n\n"
    FRACTION_MARK = "."

    def __init__(
        self,
        to: str | os.PathLike[str] | TextStream,
        *,
        language: str | None = None,
        max_columns: int = MAX_COLUMNS,
        max_lines: int = MAX_LINES,
    ) -> None:
        self._language = language
        super().__init__(to, max_columns=max_columns, max_lines=max_lines)

    def _text(self, cue: Cue) -> str:
        return cue.text

    def _payload(self, lines: Sequence[str], cue: Cue, /) -> str:
        payload = "\n".join(lines).translate(_ESCAPES)
        if self._language is not None and cue.language not in (None, self._language):
            payload = f"<lang {_annotation(cue.language or '')}>{payload}</lang>"
        if cue.speaker is not None and (speaker := _annotation(cue.speaker)):
            payload = f"<v {speaker}>{payload}</v>"
        return payload


def _annotation(text: str) -> str:
    """Text that may stand in a tag: one line, escaped."""
    return " ".join(clean_lines(text)).translate(_ESCAPES)


__all__ = ["WebVttWriter"]
