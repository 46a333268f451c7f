"""What the machine decides, as values: whoever runs engines carries them out, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.resilience.steps import ResilienceWarning

Reason: TypeAlias = Literal["start", "reconnect", "hand over"]
Why: TypeAlias = Literal[
    "said before", "spoken before", "ended before", "out of date", "not ahead", "interrupted"
]


@dataclass(frozen=True, slots=True)
class Connect:
    """Open an engine at ``at``, in seconds of the clock; tell ``opened`` or ``open_failed``."""

    session: int
    """Counts up over all engines; every later fact and decision names it."""
    engine: int
    """Its place in the list."""
    at: float
    attempt: int
    """Counts from 1 since the engines last ran well."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class Replay:
    """Send the session what ``next_frame`` gives, from ``from_ms`` of media time on.

    The frames keep their positions, so that the spans of the engine's events stay right.
    """

    session: int
    from_ms: float
    backlog_ms: float
    """How much of it has been waiting."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Read the session's events from now on, and tell each as ``heard``."""

    session: int


@dataclass(frozen=True, slots=True)
class Close:
    """Close the session now; nothing of it is needed any more, not even its error."""

    session: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """Give the event to whoever reads the translation."""

    event: TranslationEvent


@dataclass(frozen=True, slots=True)
class Suppress:
    """The event must not reach the reader."""

    event: TranslationEvent
    why: Why


@dataclass(frozen=True, slots=True)
class Warn:
    """Give the reader the machine's own account of a step."""

    event: ResilienceWarning


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The translation has failed: no engine is left, or the budget is spent."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Done:
    """All audio is answered and nothing more will come."""


Decision: TypeAlias = Connect | Replay | Listen | Close | Deliver | Suppress | Warn | GiveUp | Done

__all__ = [
    "Close",
    "Connect",
    "Decision",
    "Deliver",
    "Done",
    "GiveUp",
    "Listen",
    "Reason",
    "Replay",
    "Suppress",
    "Warn",
    "Why",
]
