"""What a session reports beside the events of its translation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rawmedia.translators.events import TranslationEvent

if TYPE_CHECKING:
    from rawmedia.sessions.metrics.oddities import Oddity


@dataclass(frozen=True, slots=True)
class UtteranceStarted:
    """A listener begins to hear an utterance. Times are milliseconds since the session began."""

    utterance_id: str
    language: str
    start_ms: float
    ear_voice_span_ms: float | None
    text: str = ""
    """As far as it is known by then."""


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


@dataclass(frozen=True, slots=True)
class SpeechPlayedFaster:
    """An utterance is played faster to catch up; told once for it, when that begins."""

    utterance_id: str
    language: str
    rate: float
    lag_ms: float
    """How late the speech that waits would have been otherwise."""


@dataclass(frozen=True, slots=True)
class SpeechLeftOut:
    """Speech of an utterance will not be heard; its text is in the captions."""

    utterance_id: str
    language: str
    ms: float
    """How much, at the pace of the engine."""
    reason: Literal["lag", "interrupt"]
    """It came too late, or somebody asked for silence."""


@dataclass(frozen=True, slots=True)
class DirectionChanged:
    """A direction of a call is in another state."""

    state: DirectionState
    error: BaseException | None = None
    """What the engine failed with, where it did."""
    retry_in_ms: float | None = None
    """When the engine is opened again by itself; None where it is not."""


@dataclass(frozen=True, slots=True)
class EngineMisbehaved:
    """An engine broke a rule of the protocol for the first time; the session copes with it.

    How often it does is in the figures, under ``oddities``.
    """

    rule: Oddity
    engine: str
    utterance_id: str
    """Where it did."""


@dataclass(frozen=True, slots=True)
class CaptionsFailed:
    """Captions in a language can't be written any more; the call goes on without them."""

    language: str
    error: Exception


@dataclass(frozen=True, slots=True)
class OwnVoiceIgnored:
    """What the engine heard was a translation that had just been played; it was left out."""

    utterance_id: str
    text: str


@dataclass(frozen=True, slots=True)
class MemberLeft:
    """Somebody is no more in a room: he was sent out, his stream ended, or it broke."""

    name: str
    error: Exception | None = None


DirectionState = Literal["off", "opening", "translating", "passing_through", "ended"]
"""Switched off; waiting for the engine; at work; without an engine, so that listeners hear the
original; over."""

SessionEvent = (
    TranslationEvent
    | UtteranceStarted
    | UtteranceHeard
    | SpeechPlayedFaster
    | SpeechLeftOut
    | DirectionChanged
    | EngineMisbehaved
    | CaptionsFailed
    | OwnVoiceIgnored
    | MemberLeft
    | SessionWarning
)

__all__ = [
    "CaptionsFailed",
    "DirectionChanged",
    "DirectionState",
    "EngineMisbehaved",
    "MemberLeft",
    "OwnVoiceIgnored",
    "SessionEvent",
    "SessionWarning",
    "SpeechLeftOut",
    "SpeechPlayedFaster",
    "UtteranceHeard",
    "UtteranceStarted",
]
