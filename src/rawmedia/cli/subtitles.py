"""Captions of the original: shown while the words are said that they translate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.captions import Cue

if TYPE_CHECKING:
    from rawmedia.captions import CaptionWriter
    from rawmedia.translators.events import FinalTranslation

# 17 characters a second is what subtitlers keep to; nothing is read in less than a second.
_READING_MS_PER_CHARACTER = 60.0
_SHORTEST_MS = 1_000.0


class Subtitles:
    """Writes a cue for each final, where there is no translated speech that sets the time.

    Args:
        writer: Where to.
        language: Which of the translations.
    """

    def __init__(self, writer: CaptionWriter, language: str) -> None:
        self._writer, self._language = writer, language

    def final(self, event: FinalTranslation) -> None:
        """Write the translation beside the speech it is of.

        Raises:
            FileWriteError: The disk is full or broken.
        """
        text = event.translations.get(self._language)
        if text:
            reading_ms = max(_SHORTEST_MS, _READING_MS_PER_CHARACTER * len(text))
            start_ms = max(0.0, event.span.start_ms)
            end_ms = max(event.span.end_ms, start_ms + reading_ms)
            self._writer.write(Cue(start_ms, end_ms, text, self._language))


__all__ = ["Subtitles"]
