"""Where on the wire the sent audio went, and how much of that has been heard.

Two positions count here, both in samples per channel. The *place* of audio counts what was
sent, with the padding of segment ends; the *wire position* counts what was pulled, with
the silence between. Nothing here locks or calls back; the stream that owns it does.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.streams.clock import Clock

MAX_MARKS = 1_000
"""How many marks may wait at once."""


@dataclass(frozen=True, slots=True)
class MarkReached:
    """What became of a mark."""

    name: str
    cleared: bool
    """True when the audio before it was dropped, so that it will never be heard."""
    position: int
    """Where on the wire it lies; where the stream was when it was cleared."""
    estimated: bool
    """True where nobody reported playout and it was computed from what was pulled."""


class Waypoint(Protocol):
    """A place in the sent audio that is followed until it is heard or dropped."""

    place: int
    wire: int
    """Its wire position; -1 until the audio before it was pulled."""


@dataclass(slots=True, eq=False)
class Mark:
    """A waypoint that somebody wants to hear about."""

    name: str
    place: int
    callback: Callable[[MarkReached], object]
    wire: int = -1


class Playout:
    """Follows the audio of one outbound stream from the queue to the ear.

    Args:
        delay_s: How long after the pull audio is heard, where nobody reports it.
    """

    def __init__(self, delay_s: float) -> None:
        self._delay = delay_s
        self._delayed = delay_s > 0
        self.pulled = 0
        """Wire position of the next sample to be pulled."""
        self.place = 0
        """Place of the next sample to be pulled."""
        self._content_end = 0  # wire position after the last sent audio that was pulled
        self._reported: int | None = None
        self._pulls: deque[tuple[float, int]] = deque()  # heard when, and up to where
        self._heard = 0
        self._queued: deque[Waypoint] = deque()
        self.on_wire: deque[Waypoint] = deque()
        """Waypoints whose audio was pulled and, for all that is known, not heard."""
        self.leaving: list[Mark] = []
        """Marks whose audio was pulled and that the transport has not been told of."""
        self.given: list[Mark] = []
        """Marks of a frame that is being made, which nobody sent."""

    @property
    def estimated(self) -> bool:
        """Whether what is said of playout is computed, for nobody reports it."""
        return self._reported is None

    @property
    def waypoints(self) -> int:
        """How many waypoints are followed."""
        return len(self._queued) + len(self.on_wire) + len(self.given)

    def played(self, now: float) -> int:
        """The wire position up to which audio has been heard."""
        if self._reported is not None:
            return self._reported
        if not self._delayed:
            return self.pulled
        pulls = self._pulls
        while pulls and pulls[0][0] <= now:
            self._heard = pulls.popleft()[1]
        return self._heard

    def settles_at(self) -> float | None:
        """When all that was pulled will have been heard; None when it was, or nobody can tell."""
        if self._reported is not None or not self._pulls:
            return None
        return self._pulls[-1][0]

    def heard_at(self, wire: int) -> float | None:
        """When the audio before ``wire`` will have been heard; None when nobody can tell."""
        if self._reported is not None:
            return None
        return next((when for when, end in self._pulls if end >= wire), None)

    def report(self, position: int) -> None:
        """The platform played up to ``position``; never goes back nor past what was pulled."""
        self._reported = max(self._reported or 0, min(position, self.pulled))
        self._pulls.clear()

    def note_pull(self, samples: int, clock: Clock, heard_at: float | None = None) -> None:
        """Remember when audio is heard, if that is later and nobody reports it; before it is counted as pulled."""
        if self._reported is not None or (heard_at is None and not self._delayed):
            return
        if not self._delayed:
            self._delayed, self._heard = True, self.pulled
        now = clock.now()
        self.played(now)  # which forgets what was heard
        if heard_at is None:
            heard_at = now + self._delay
        if self._pulls:
            # Playout has one order: nothing is heard before what was pulled before it.
            heard_at = max(heard_at, self._pulls[-1][0])
        self._pulls.append((heard_at, self.pulled + samples))

    def pull(self, samples: int) -> None:
        """Count sent audio that leaves, and the waypoints that leave with it."""
        self.place += samples
        self.pulled += samples
        self._content_end = self.pulled
        if self._queued:
            self._depart()

    def skip(self, samples: int) -> list[Waypoint]:
        """Count sent audio that was dropped before it could leave; returns its waypoints."""
        self.place += samples
        dropped = []
        while self._queued and self._queued[0].place <= self.place:
            dropped.append(self._queued.popleft())
        return dropped

    def follow(self, waypoint: Waypoint) -> None:
        """Follow a waypoint, which is not before any other; it may have left already."""
        self._queued.append(waypoint)
        self._depart()

    def give(self) -> None:
        """The frame that marks were set for was counted as pulled just now: they lie at its end."""
        for mark in self.drop_given():
            mark.wire = self.pulled
            self.on_wire.append(mark)
            self.leaving.append(mark)

    def drop_given(self) -> list[Mark]:
        """Follow no longer what waited for a frame; returns it."""
        given, self.given = self.given, []
        return given

    def forget(self, waypoint: Waypoint) -> None:
        """Follow a waypoint no longer; harmless when it is not followed."""
        for waypoints in (self._queued, self.on_wire):
            if waypoint in waypoints:
                waypoints.remove(waypoint)

    def heard(self, now: float) -> list[Waypoint]:
        """Waypoints that have been heard, each once."""
        if not self.on_wire:
            return []
        played = self.played(now)
        heard = []
        while self.on_wire and self.on_wire[0].wire <= played:
            heard.append(self.on_wire.popleft())
        return heard

    def clear(self, place: int, *, downstream: bool) -> list[Waypoint]:
        """Forget what was queued up to ``place``; returns the waypoints that will never be heard.

        Args:
            place: Where the next sent audio will lie.
            downstream: Whether the platform drops what was pulled and not heard, too.
        """
        self.place = place
        cleared = list(self._queued)
        self._queued.clear()
        if downstream:
            cleared = [*self.on_wire, *cleared]
            self.on_wire.clear()
            self._pulls.clear()
            self._heard = self.pulled
            if self._reported is not None:
                self._reported = self.pulled
        return cleared

    def abandon(self, now: float) -> list[Waypoint]:
        """The transport is gone, and nothing is heard from now on; returns all waypoints."""
        self.played(now)
        self._pulls.clear()
        abandoned = [*self.on_wire, *self._queued]
        self.on_wire.clear()
        self._queued.clear()
        return abandoned

    def _depart(self) -> None:
        while self._queued and self._queued[0].place <= self.place:
            waypoint = self._queued.popleft()
            waypoint.wire = self._content_end - (self.place - waypoint.place)
            self.on_wire.append(waypoint)
            if isinstance(waypoint, Mark):
                self.leaving.append(waypoint)


__all__ = ["MAX_MARKS", "Mark", "MarkReached", "Playout", "Waypoint"]
