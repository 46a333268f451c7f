"""WebVTT captions, which browsers and players show.

Source: W3C WebVTT, Candidate Recommendation of 4 April 2019, section 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.captions.reading import CHARACTERS_PER_SECOND
from rawmedia.captions.writer import MAX_COLUMNS, MAX_LINES, CaptionWriter

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from rawmedia.captions.passage import Passage
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
        max_characters_per_second: What can be read in time.
        bilingual: Whether a cue's source text is shown under its translation. Then every
            language is marked.
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
        max_characters_per_second: float = CHARACTERS_PER_SECOND,
        bilingual: bool = False,
    ) -> None:
        self._language = language
        super().__init__(
            to,
            max_columns=max_columns,
            max_lines=max_lines,
            max_characters_per_second=max_characters_per_second,
            bilingual=bilingual,
        )

    def _text(self, text: str, _language: str, _speaker: str, /) -> str:
        return text

    def _payload(self, passages: Sequence[Passage], speaker: str) -> str:
        payload = "\n".join(map(self._marked, passages))
        return f"<v {speaker.translate(_ESCAPES)}>{payload}</v>" if speaker else payload

    def _marked(self, passage: Passage) -> str:
        text = "\n".join(passage.lines).translate(_ESCAPES)
        foreign = self._language is not None and passage.language != self._language
        if passage.language and (foreign or self._bilingual):
            return f"<lang {passage.language.translate(_ESCAPES)}>{text}</lang>"
        return text


__all__ = ["WebVttWriter"]
