"""What was said and how it was translated, one utterance a line of JSON.

A line is written when its utterance is final and never changes, so the file is whole at every
moment but for a line that a killed machine tore, and that one a reader passes over. A reader
checks ``schema_version``; it changes when a field goes or changes its meaning, not when one
is added.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from rawmedia.captions.report import Milliseconds, Text  # noqa: TC001 -- pydantic reads them
from rawmedia.errors import UnreadableFileError

if TYPE_CHECKING:
    import os
    from datetime import datetime

    from rawmedia.audio.timeline import TimeSpan
    from rawmedia.translators.events import FinalTranslation


class _Line(BaseModel):
    # A field that a later version adds is not an error to this one.
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class TranscriptWord(_Line):
    """A word and where in the source it was said."""

    word: Text
    start_ms: Milliseconds
    end_ms: Milliseconds


class TranscriptEntry(_Line):
    """One utterance. All times are milliseconds of the speaker's audio, since it began."""

    schema_version: Literal[1] = 1
    id: Text
    """As the engine names it; unique among those of one speaker and engine."""
    speaker: Text | None = None
    start_ms: Milliseconds
    end_ms: Milliseconds
    source_language: Text
    source_text: Text
    translations: dict[Text, Text] = Field(default_factory=dict)
    """Text by target language, as the request named it."""
    words: tuple[TranscriptWord, ...] = ()
    """Where the engine knows them."""
    untranslated: tuple[Text, ...] = ()
    """Source words that the engine did not know and left as they were."""
    said_at: AwareDatetime | None = None
    """When it was said, by the calendar, where that is known."""

    @classmethod
    def of(
        cls,
        event: FinalTranslation,
        *,
        speaker: str | None = None,
        said_at: datetime | None = None,
    ) -> Self:
        """What an engine's final says.

        Args:
            event: A time in it that is endless is taken for its start.
            speaker: Who said it.
            said_at: When, with its time zone.
        """
        start_ms, end_ms = _finite(event.span)
        return cls(
            id=event.utterance_id,
            speaker=speaker,
            start_ms=start_ms,
            end_ms=end_ms,
            source_language=event.source_language,
            source_text=event.source_text,
            translations=dict(event.translations),
            words=tuple(_word(each.word, each.span) for each in event.words),
            untranslated=event.untranslated,
            said_at=said_at,
        )


def read_transcript(path: str | os.PathLike[str]) -> tuple[TranscriptEntry, ...]:
    """Read a transcript back, also while it is still being written.

    A last line that was torn, by a killed machine or by reading in the middle of a write, is
    passed over.

    Raises:
        UnreadableFileError: The file can't be read, or another line is no entry of this version.
    """
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except (OSError, ValueError) as error:
        # ValueError: a path with a NUL in it.
        raise UnreadableFileError(path, f"cannot be read: {error}") from error
    entries: list[TranscriptEntry] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entries.append(TranscriptEntry.model_validate_json(line))
        except ValidationError as error:
            # A whole line ends in a line break, so that something follows it here.
            if number == len(lines):
                break
            problem = error.errors(include_url=False)[0]["msg"]
            raise UnreadableFileError(
                path, f"line {number} is no entry of a transcript: {problem}"
            ) from error
    return tuple(entries)


def _word(word: str, span: TimeSpan) -> TranscriptWord:
    start_ms, end_ms = _finite(span)
    return TranscriptWord(word=word, start_ms=start_ms, end_ms=end_ms)


def _finite(span: TimeSpan) -> tuple[float, float]:
    start_ms = span.start_ms if math.isfinite(span.start_ms) else 0.0
    return start_ms, span.end_ms if math.isfinite(span.end_ms) else start_ms


__all__ = ["TranscriptEntry", "TranscriptWord", "read_transcript"]
