"""Messages that are to leave at their time: at once, or when the clock says so."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.streams.clock import Clock, Timer


class Outbox:
    """Acts in the order of their times; of those with one time, the first that was put comes first.

    What is due leaves when it is put, with no task in between, so that a fault that comes
    after it on the same connection finds it sent.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._timer: Timer | None = None
        self.last_due = 0.0
        """When the last of what was put is due, in seconds of the clock."""

    def put(self, act: Callable[[], None], due: float | None = None) -> None:
        """Do something at ``due``, in seconds of the clock; None is now."""
        due = self._clock.now() if due is None else due
        self._count += 1
        heapq.heappush(self._entries, (due, self._count, act))
        self.last_due = max(self.last_due, due)
        self._run()

    def cancel(self) -> None:
        """Forget all that is still to leave."""
        self._entries.clear()
        self._stop_timer()

    def _run(self) -> None:
        self._stop_timer()
        while self._entries and self._entries[0][0] <= self._clock.now():
            heapq.heappop(self._entries)[2]()
        if self._entries:
            self._timer = self._clock.call_at(self._entries[0][0], self._run)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


__all__ = ["Outbox"]
