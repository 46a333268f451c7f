"""Which fault happens when: decided by place, count and seed, and written down."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from rawmedia.testing.azure_emulator.faults import BadJSON, MessageFault, TimedFault, WrongRequestId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rawmedia.testing.azure_emulator.faults import Fault, Service

F = TypeVar("F", bound="Fault")

_MAX_NOTED = 10_000
# What has no words of the audio in it, so that "any message" means what it says of the audio.
_FRAME_PATHS = {"turn.start", "turn.end", "response"}


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault that happened."""

    fault: Fault
    session: int
    """The client's session, counted from 0."""
    connection: int
    """The connection, counted from 0 over all clients; -1 for a plain request."""
    position_ms: float
    """How much of its stream had come."""


@dataclass(slots=True)
class Place:
    """Where something may go wrong."""

    service: Service
    session: int
    connection: int
    position_ms: float = 0.0


class FaultPlan:
    """Decides on every occasion; the same seed and the same occasions give the same faults.

    Chance is drawn for the session and for the how-manieth occasion of the fault in it, so
    it does not depend on how the sessions of several clients interleave.

    Args:
        faults: What may happen.
        seed: Of chance.
    """

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        self.faults = tuple(faults)
        self.injected: deque[Injection] = deque(maxlen=_MAX_NOTED)
        """What happened, the last ten thousand."""
        self.count = 0
        """How much happened."""
        self._seed = seed
        self._occasions: dict[tuple[int, int], int] = {}
        self._skipped = [0] * len(self.faults)
        self._happened = [0] * len(self.faults)

    def take(self, kind: type[F], place: Place, path: str | None = None) -> F | None:
        """An occasion for faults of a kind: the first that happens, or None.

        Args:
            kind: Of fault.
            place: Where; messages are about the audio up to its position.
            path: Of the message, for faults of messages.
        """
        for number, fault in enumerate(self.faults):
            if not isinstance(fault, kind) or not self._concerns(fault, place, path):
                continue
            if self._happens(number, place):
                return fault
        return None

    def timed(self) -> list[tuple[int, TimedFault]]:
        """The faults that may come at a moment of a connection, with their numbers."""
        return [
            (number, fault)
            for number, fault in enumerate(self.faults)
            if isinstance(fault, TimedFault)
        ]

    def take_timed(self, number: int, place: Place) -> bool:
        """The moment of a timed fault has come; whether it happens."""
        return self._happens(number, place)

    def _concerns(self, fault: Fault, place: Place, path: str | None) -> bool:
        if fault.service not in {None, place.service}:
            return False
        if isinstance(fault, MessageFault) and place.position_ms < fault.from_ms:
            return False
        if isinstance(fault, BadJSON | WrongRequestId):
            return path == fault.path or (fault.path is None and path not in _FRAME_PATHS)
        return True

    def _happens(self, number: int, place: Place) -> bool:
        fault = self.faults[number]
        if self._skipped[number] < fault.skip:
            self._skipped[number] += 1
            return False
        if fault.times is not None and self._happened[number] >= fault.times:
            return False
        if fault.rate < 1:
            key = (number, place.session)
            occasion = self._occasions[key] = self._occasions.get(key, 0) + 1
            chance = np.random.default_rng([self._seed, number, place.session, occasion])
            if chance.random() >= fault.rate:
                return False
        self._happened[number] += 1
        self.count += 1
        self.injected.append(Injection(fault, place.session, place.connection, place.position_ms))
        return True


class Moments:
    """The moments of one session at which timed faults may come."""

    def __init__(self) -> None:
        self._next: dict[int, float] = {}
        """By the fault's number: what moment of the stream is next; kept over reconnections."""

    def connection(self, plan: FaultPlan, place: Place) -> ConnectionMoments:
        """The moments of its next connection."""
        return ConnectionMoments(plan, place, self._next)


class ConnectionMoments:
    """The moments of one connection."""

    def __init__(self, plan: FaultPlan, place: Place, stream: dict[int, float]) -> None:
        self._plan, self._place, self._stream = plan, place, stream
        self._own: dict[int, float] = {}
        self._faults = plan.timed()

    def due(
        self, *, stream_ms: float, connection_ms: float, clock_ms: float
    ) -> Iterator[TimedFault]:
        """What happens now."""
        if not self._faults:
            return
        now = {"stream": stream_ms, "connection": connection_ms, "clock": clock_ms}
        for number, fault in self._faults:
            if fault.service not in {None, self._place.service}:
                continue
            periodic = fault.measured == "stream" and fault.every_ms is not None
            moments = self._stream if periodic else self._own
            at_ms = moments.get(number, fault.at_ms)
            if now[fault.measured] < at_ms:
                continue
            # A moment that has passed does not come again; several that passed at once are one.
            next_ms = float("inf")
            if fault.every_ms is not None:
                passed = (now[fault.measured] - fault.at_ms) // fault.every_ms + 1
                next_ms = fault.at_ms + passed * fault.every_ms
            moments[number] = next_ms
            if self._plan.take_timed(number, self._place):
                yield fault

    def next_clock_ms(self) -> float:
        """The next moment on the clock since the handshake; infinite if there is none."""
        return min(
            (
                self._own.get(number, fault.at_ms)
                for number, fault in self._faults
                if fault.measured == "clock" and fault.service in {None, self._place.service}
            ),
            default=float("inf"),
        )


__all__ = ["FaultPlan", "Injection", "Moments", "Place"]
