"""What a session reports beside the events of its translation."""

from __future__ import annotations

from dataclasses import dataclass

from rawmedia.translators.events import TranslationEvent


@dataclass(frozen=True, slots=True)
class UtteranceStarted:
    """A listener begins to hear an utterance. Times are milliseconds since the session began."""

    utterance_id: str
    language: str
    start_ms: float
    ear_voice_span_ms: float | None


@dataclass(frozen=True, slots=True)
class UtteranceHeard:
    """An utterance has been heard to its end, or was only written where there is no speech of it."""

    utterance_id: str
    language: str
    text: str
    start_ms: float
    end_ms: float
    spoken: bool
    """False where only its text was given."""
    cut: bool
    """Whether some of it was cleared unheard."""


@dataclass(frozen=True, slots=True)
class SessionWarning:
    """Something that the session survived."""

    message: str
    cause: BaseException | None = None


SessionEvent = TranslationEvent | UtteranceStarted | UtteranceHeard | SessionWarning

__all__ = ["SessionEvent", "SessionWarning", "UtteranceHeard", "UtteranceStarted"]
