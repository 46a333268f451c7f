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


class MediaClock:
    """Time as the audio tells it, for calls that run faster or slower than real time.

    Whoever carries the audio calls ``advance_to``; timers that become due run before it
    returns. It is for one event loop and not for threads.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._timers: list[tuple[float, int, _MediaTimer]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        """Seconds of audio since the clock was made."""
        return self._now

    def advance_to(self, when: float) -> None:
        """Audio has passed; a time that is past already changes nothing."""
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
        woken = asyncio.get_running_loop().create_future()
        timer = self.call_at(when, lambda: woken.done() or woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    def call_at(self, when: float, callback: Callable[[], object]) -> _MediaTimer:
        """Call back when so much audio has passed; at the next advance when it has."""
        timer = _MediaTimer(callback)
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
        raise ClockError("a thread can't wait on a media clock; use the async door (arecv, asend, adrain)")


class _MediaTimer:
    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    def run(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    def cancel(self) -> None:
        """Make sure that the call does not come."""
        self._callback = None


__all__ = ["MediaClock"]
