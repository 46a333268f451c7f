"""What a translation reports while somebody speaks.

All events are frozen. Text and audio of one piece of speech share an ``utterance_id``, and
every event carries the span of source audio it speaks for, in milliseconds of the media
time of the frames that were sent: every latency figure is computed from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.timeline import TimeSpan


@dataclass(frozen=True, slots=True)
class WordTiming:
    """One recognised word and where in the source it was said."""

    word: str
    span: TimeSpan


@dataclass(frozen=True, slots=True)
class PartialTranslation:
    """What the utterance sounds like so far; a later revision or the final replaces it whole."""

    utterance_id: str
    revision: int
    """Counts up from 0 within the utterance; a higher one replaces a lower one."""
    source_text: str
    source_language: str
    span: TimeSpan
    translations: Mapping[str, str] = field(default_factory=dict)
    """Text by target language, as the request names it; empty where the engine only has the source."""
    words: tuple[WordTiming, ...] = ()


@dataclass(frozen=True, slots=True)
class FinalTranslation:
    """What the utterance says; nothing revises it any more."""

    utterance_id: str
    revision: int
    """Higher than every partial's."""
    source_text: str
    source_language: str
    span: TimeSpan
    translations: Mapping[str, str]
    """Text by target language, as the request names it."""
    words: tuple[WordTiming, ...] = ()
    untranslated: tuple[str, ...] = ()
    """Source words that the engine did not know and left as they were."""


@dataclass(frozen=True, slots=True)
class TranslatedAudio:
    """A piece of the utterance as speech; the pieces of one language are in order and contiguous."""

    utterance_id: str
    language: str
    """Target language, as the request names it."""
    frame: AudioFrame
    """``position`` counts from the start of the utterance's speech in this language."""
    span: TimeSpan


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """All text and audio of the utterance has been reported."""

    utterance_id: str
    span: TimeSpan


@dataclass(frozen=True, slots=True)
class Progress:
    """Nothing that was sent before ``position_ms`` is needed again, silence included."""

    position_ms: float


@dataclass(frozen=True, slots=True)
class TranslatorWarning:
    """Something went wrong that the translation survived."""

    message: str
    utterance_id: str | None = None
    cause: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider counts, since the event before."""

    audio_ms: float = 0.0
    """Source audio processed."""
    source_characters: int = 0
    target_characters: int = 0
    speech_ms: float = 0.0
    """Audio synthesized."""


TranslationEvent = (
    PartialTranslation
    | FinalTranslation
    | TranslatedAudio
    | UtteranceEnded
    | Progress
    | TranslatorWarning
    | Usage
)

__all__ = [
    "FinalTranslation",
    "PartialTranslation",
    "Progress",
    "TranslatedAudio",
    "TranslationEvent",
    "TranslatorWarning",
    "Usage",
    "UtteranceEnded",
    "WordTiming",
]
