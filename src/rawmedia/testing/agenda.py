"""What a fake is to do when: planned acts, handed out when the clock says so."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.streams.clock import Clock

T = TypeVar("T")


class Agenda(Generic[T]):
    """What is to be done when; of what is due together, the first that was added comes first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[_Entry[T]] = []
        self._count = 0
        self._ended = False
        self._changed = asyncio.Event()

    def add(self, due: float, act: Callable[[], T]) -> None:
        """Have ``act`` done at ``due``, in seconds of the clock."""
        self._count += 1
        heapq.heappush(self._entries, _Entry(due, self._count, act))
        self._wake()

    def end(self) -> None:
        """Nothing is added after this."""
        self._ended = True
        self._wake()

    async def next(self) -> Callable[[], T] | None:
        """Wait for the moment of what comes next; None after the last."""
        while not self._entries or self._entries[0].due > self._clock.now():
            if not self._entries and self._ended:
                return None
            timer = self._clock.call_at(self._entries[0].due, self._wake) if self._entries else None
            try:
                await self._changed.wait()
            finally:
                if timer is not None:
                    timer.cancel()
        return heapq.heappop(self._entries).act

    def _wake(self) -> None:
        self._changed.set()
        self._changed.clear()


@dataclass(order=True, slots=True)
class _Entry(Generic[T]):
    due: float
    number: int
    act: Callable[[], T] = field(compare=False)


__all__ = ["Agenda"]
