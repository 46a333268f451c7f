"""What became of translated speech at one listener, told by the one who played it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rawmedia.sessions.metrics.latency import LatencyFigures

SkipReason = Literal["lag", "interrupt"]
"""Why speech goes unheard: it came too late, or somebody asked for silence."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The first of an utterance is rendered. All ``when`` are seconds on the caller's clock."""

    utterance_id: str
    when: float


@dataclass(frozen=True, slots=True)
class SpeechSpedUp:
    """From here on an utterance is played faster; told once for each, when that begins."""

    utterance_id: str
    when: float
    rate: float
    """How fast at first; it may rise further, `SpeechEnded` has the highest."""
    lag_ms: float
    """What was expected of the speech that waits, had nothing been done."""


@dataclass(frozen=True, slots=True)
class SpeechSkipped:
    """Speech of an utterance that will never be heard; its text is for the captions.

    Nothing else follows on an utterance of which nothing was begun, unless ``partial``.
    """

    utterance_id: str
    ms: float
    """How much, at the pace of the engine."""
    when: float
    reason: SkipReason
    partial: bool
    """True where some of it was begun before, or goes on after."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The last of an utterance that was begun is rendered; comes once for each `SpeechStarted`."""

    utterance_id: str
    when: float
    cut: bool
    """Whether some of its speech went unheard; pauses that were trimmed are none."""
    heard_ms: float
    """How much of its audio was played, at the pace of the engine."""
    trimmed_ms: float
    """How much of its pauses was left out."""
    max_rate: float
    """The fastest that it was played, 1.0 or more."""


SpeechFact = SpeechStarted | SpeechSpedUp | SpeechSkipped | SpeechEnded


@dataclass(frozen=True, slots=True)
class SpeechStats:
    """What a playout has done so far. Milliseconds are those of the engine's audio, unless said.

    ``put_ms`` is always ``played_ms + trimmed_ms + skipped_ms + interrupted_ms + queued_ms``.
    """

    put_ms: float = 0.0
    """What was taken."""
    queued_ms: float = 0.0
    """What waits, with what the time stretcher holds."""
    played_ms: float = 0.0
    trimmed_ms: float = 0.0
    """Left out of pauses."""
    skipped_ms: float = 0.0
    """Left out because it came too late."""
    interrupted_ms: float = 0.0
    """Dropped by interrupts."""
    sped_up_ms: float = 0.0
    """How much time playing faster has saved."""
    speed_ups: int = 0
    """How many utterances were played faster."""
    skips: int = 0
    """How often something was skipped for lag."""
    interrupts: int = 0
    underruns: int = 0
    """How often the audio of an utterance came too late to go on without a break."""
    underrun_ms: float = 0.0
    """How long these breaks were, on the caller's clock."""
    stale_ms: float = 0.0
    """Refused: of a cancelled generation, or of an utterance that had ended or was skipped."""
    overflow_ms: float = 0.0
    """Refused because the playout was full and the feeder did not wait."""
    lost_facts: int = 0
    """Facts that nobody took in time."""
    max_lag_ms: float = 0.0
    """The greatest queueing lag of a frame that was heard."""
    lag: LatencyFigures = field(default_factory=LatencyFigures)
    """Percentiles of the queueing lag of all samples that were heard."""


__all__ = [
    "SkipReason",
    "SpeechEnded",
    "SpeechFact",
    "SpeechSkipped",
    "SpeechSpedUp",
    "SpeechStarted",
    "SpeechStats",
]
