"""Real time, as the library reads it."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from stream_kit import GUARD_S, Worker, run

from rawmedia.streams.clock import SYSTEM_CLOCK, Clock, SystemClock
from rawmedia.streams.media_clock import MediaClock
from rawmedia.testing.clock import ScaledClock, VirtualClock


@pytest.mark.parametrize("clock", [SYSTEM_CLOCK, VirtualClock(), ScaledClock(2), MediaClock()])
def test_every_clock_is_a_clock(clock: Clock) -> None:
    """The type checker compares the signatures; time goes on or stands, and never back."""
    before = clock.now()
    assert clock.now() >= before


def test_the_system_clock_is_the_monotonic_one() -> None:
    assert time.monotonic() <= SystemClock().now() <= time.monotonic()


def test_sleeping_lasts_until_the_time_and_not_less() -> None:
    async def main() -> float:
        when = SYSTEM_CLOCK.now() + 0.01
        await SYSTEM_CLOCK.sleep_until(when)
        return SYSTEM_CLOCK.now() - when

    assert -1e-6 < run(main()) < GUARD_S


def test_sleeping_until_what_is_past_still_lets_others_run() -> None:
    async def main() -> list[str]:
        events: list[str] = []
        asyncio.get_running_loop().call_soon(events.append, "other")
        await SYSTEM_CLOCK.sleep_until(SYSTEM_CLOCK.now() - 100)
        return events

    assert run(main()) == ["other"]


def test_a_call_comes_at_its_time_unless_it_is_called_off() -> None:
    async def main() -> list[str]:
        calls: list[str] = []
        done = asyncio.Event()
        now = SYSTEM_CLOCK.now()
        cancelled = SYSTEM_CLOCK.call_at(now + 0.005, lambda: calls.append("cancelled"))
        SYSTEM_CLOCK.call_at(now + 0.01, done.set)
        cancelled.cancel()
        await done.wait()
        return calls

    assert run(main()) == []


def test_a_thread_waits_until_the_signal_or_the_deadline() -> None:
    signal = threading.Lock()
    signal.acquire()
    assert SYSTEM_CLOCK.wait(signal, SYSTEM_CLOCK.now() + 0.005) is False
    assert SYSTEM_CLOCK.wait(signal, SYSTEM_CLOCK.now() - 5) is False
    waiter = Worker(lambda: SYSTEM_CLOCK.wait(signal, None))
    signal.release()
    assert waiter.result() is True
    signal.release()
    assert SYSTEM_CLOCK.wait(signal, SYSTEM_CLOCK.now() + GUARD_S) is True
