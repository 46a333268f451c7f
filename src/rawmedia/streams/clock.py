"""The clock that every timer of the library reads, so that tests can replace time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable


class Timer(Protocol):
    """A call that was put off and can be called off."""

    def cancel(self) -> None:
        """Make sure that the call does not come; harmless when it came already."""
        ...


class Clock(Protocol):
    """Time, and the three ways in which the library waits for it.

    ``now`` counts seconds from an arbitrary start and never goes back.
    """

    def now(self) -> float:
        """Seconds; may be read from any thread."""
        ...

    async def sleep_until(self, when: float) -> None:
        """Return at ``when``, at once if that is past; cancelling ends the wait."""
        ...

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call back on the running event loop at ``when``; must be called on that loop."""
        ...

    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        """Block this thread until ``signal``, a held lock, can be acquired.

        Returns:
            True when it was acquired, False when ``deadline`` came first.

        Raises:
            ClockError: This clock cannot block this thread (a virtual one never can).
        """
        ...


class SystemClock:
    """Real time, from the operating system's monotonic clock."""

    def now(self) -> float:
        """Seconds since some moment before the program started."""
        return time.monotonic()

    async def sleep_until(self, when: float) -> None:
        """Sleep until ``when``; yields to the loop once even when that is past."""
        await asyncio.sleep(max(0.0, when - time.monotonic()))

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Call back on the running loop at ``when``."""
        # Not loop.call_at: uvloop's loop.time() starts elsewhere than the monotonic clock.
        return asyncio.get_running_loop().call_later(when - time.monotonic(), callback)

    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        """Block this thread until ``signal`` is released by another or the deadline comes."""
        if deadline is None:
            return signal.acquire()
        return signal.acquire(timeout=max(0.0, deadline - time.monotonic()))


SYSTEM_CLOCK = SystemClock()
"""What everything uses unless it is given another."""

__all__ = ["SYSTEM_CLOCK", "Clock", "SystemClock", "Timer"]
