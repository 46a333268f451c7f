"""A clock that counts media: it moves when somebody says that audio has passed."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import TYPE_CHECKING

from rawmedia.errors import ClockError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

# Timers that were cancelled are thrown out when there are more of them than this and than others.
_MAX_CANCELLED = 100


class MediaClock:
    """Time as the audio tells it, for calls that run faster or slower than real time.

    Whoever carries the audio calls ``advance_to``; timers that become due run before it
    returns. It is for one event loop and not for threads. While nobody advances it nothing
    becomes due, so what lives in real time (a process, a network) needs another clock.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._timers: list[tuple[float, int, MediaTimer]] = []
        self._numbers = itertools.count()
        self._cancelled = 0

    def now(self) -> float:
        """Seconds of audio since the clock was made."""
        return self._now

    @property
    def has_timers(self) -> bool:
        """Whether somebody waits for audio to pass."""
        return len(self._timers) > self._cancelled

    def advance_to(self, when: float) -> None:
        """Audio has passed: run what is due by ``when``, each call at its own time.

        A time that is past moves nothing. What a call raises comes out of here; the calls
        after it are made by the next advance.
        """
        when = max(when, self._now)
        while self._timers and self._timers[0][0] <= when:
            due, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, due)
            timer.run()
        self._now = max(self._now, when)

    async def sleep_until(self, when: float) -> None:
        """Return when so much audio has passed; yields to the loop once even when it has."""
        if when <= self._now:
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        timer = self.call_at(when, woken.set)
        try:
            await woken.wait()
        finally:
            timer.cancel()

    def call_at(self, when: float, callback: Callable[[], object]) -> MediaTimer:
        """Call back when so much audio has passed; at the next advance when it has."""
        timer = MediaTimer(self, callback)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        """Take ``signal`` if it is free; a thread can't wait for audio to pass.

        Raises:
            ClockError: It would have to wait.
        """
        if signal.acquire(blocking=False):
            return True
        if deadline is not None and deadline <= self._now:
            return False
        raise ClockError(
            "a thread can't wait on a media clock; use the async door (arecv, asend, adrain)"
        )

    def _count_cancelled(self, change: int) -> None:
        self._cancelled += change
        if self._cancelled > max(_MAX_CANCELLED, len(self._timers) // 2):
            self._timers = [entry for entry in self._timers if entry[2].pending]
            heapq.heapify(self._timers)
            self._cancelled = 0


class MediaTimer:
    """A call that waits for audio to pass."""

    __slots__ = ("_callback", "_clock")

    def __init__(self, clock: MediaClock, callback: Callable[[], object]) -> None:
        self._clock = clock
        self._callback: Callable[[], object] | None = callback

    @property
    def pending(self) -> bool:
        """Whether the call is still to come."""
        return self._callback is not None

    def run(self) -> None:
        """Make the call, if nobody called it off; the clock has taken the timer out."""
        callback, self._callback = self._callback, None
        if callback is None:
            self._clock._count_cancelled(-1)
        else:
            callback()

    def cancel(self) -> None:
        """Make sure that the call does not come; harmless when it came already."""
        if self._callback is not None:
            self._callback = None
            self._clock._count_cancelled(1)


__all__ = ["MediaClock", "MediaTimer"]
