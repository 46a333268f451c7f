"""What the machine knows of an engine and of one session, and what it counts over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawmedia.translators.resilience.decisions import Reason


@dataclass(frozen=True, slots=True)
class Engine:
    """What matters of an engine."""

    name: str
    """How errors call it."""
    max_session_ms: float | None = None
    """How long one of its sessions may last; None for no limit."""
    partials: bool = True
    """Whether it can report before an utterance is over."""


@dataclass(slots=True, eq=False)
class Session:
    """One translation of one engine, from the wish to open it on."""

    number: int
    engine: int
    reason: Reason
    opened_at: float | None = None
    """None until it is up."""
    from_ms: float = 0.0
    """Where the audio begins that it is sent."""
    stopped: bool = False
    """Whether another is sent what comes from now on."""
    ended_input: bool = False
    """Whether it was told that there is no more audio."""
    offered: int | None = None
    """The frame that it is about to take, by sequence number."""
    sent_end: int = 0
    """The position after the last frame that it took."""
    answered: bool = False
    """Whether it gave any event."""
    settles: bool = False
    """Whether it reports progress by itself."""
    send_error: Exception | None = None
    """What it refused a frame with."""
    failed_at: float = 0.0
    """Since when it refuses frames."""

    @property
    def is_up(self) -> bool:
        """Whether it was opened."""
        return self.opened_at is not None


@dataclass(frozen=True, slots=True)
class ResilienceStats:
    """What became of the audio, in samples per channel, and what it took.

    ``received == settled + held + unguarded + lost`` at any moment.
    """

    received_samples: int
    """What ``send`` took."""
    settled_samples: int
    """What an engine answered for."""
    held_samples: int
    """What is kept to be sent again."""
    unguarded_samples: int
    """What the running engine has and could not be sent again."""
    lost_samples: int
    """What reached no engine that answered for it."""
    sessions: int
    """How many were opened, or tried to be."""
    losses: int
    """How often a running engine was lost."""
    handovers: int
    """How often a running engine was replaced in time."""
    duplicates: int
    """Events that did not reach the reader because they repeated others or came too late."""


__all__ = ["Engine", "ResilienceStats", "Session"]
