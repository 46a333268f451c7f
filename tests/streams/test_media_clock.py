"""The clock that counts media: it moves when told, and nobody waits on it for ever unseen."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.errors import ClockError
from rawmedia.streams.media_clock import MediaClock

if TYPE_CHECKING:
    from collections.abc import Coroutine


def finish(main: Coroutine[None, None, None]) -> None:
    """Run it, but not for ever: what hangs here waits for a clock that nobody moves."""
    asyncio.run(asyncio.wait_for(main, 10))


def test_time_moves_only_when_audio_passes_and_never_back() -> None:
    """Positions on a recording are read off this clock."""
    clock = MediaClock()
    assert clock.now() == 0
    clock.advance_to(1.5)
    clock.advance_to(1.0)
    assert clock.now() == 1.5


@given(dues=st.lists(st.floats(0, 10), max_size=20), step=st.floats(0.1, 3))
def test_every_timer_runs_once_in_order_and_at_its_own_time(dues: list[float], step: float) -> None:
    """A leg advances a frame or a second at a time; a timer must not be able to tell."""
    clock = MediaClock()
    ran: list[tuple[float, float]] = []
    for due in dues:
        clock.call_at(due, lambda due=due: ran.append((due, clock.now())))  # type: ignore[misc]
    now = 0.0
    while now <= 10:
        now += step
        clock.advance_to(now)
        assert all(due <= now for due, _ in ran)
    assert ran == [(due, due) for due in sorted(dues)]
    assert not clock.has_timers


def test_a_call_for_a_time_that_has_passed_comes_with_the_next_advance_though_that_moves_nothing() -> (
    None
):
    """It would otherwise be lost until audio passes, and perhaps none does any more."""
    clock = MediaClock()
    clock.advance_to(5)
    ran: list[float] = []
    clock.call_at(3, lambda: ran.append(clock.now()))
    clock.advance_to(4)
    assert ran == [5]


def test_a_cancelled_timer_never_runs_and_is_not_waited_for() -> None:
    """A leg lets time pass for timers; one that was called off must not make it."""
    clock = MediaClock()
    ran: list[str] = []
    timer = clock.call_at(1, lambda: ran.append("cancelled"))
    clock.call_at(1, lambda: ran.append("kept"))
    timer.cancel()
    timer.cancel()
    assert clock.has_timers
    clock.advance_to(2)
    timer.cancel()
    assert ran == ["kept"]
    assert not clock.has_timers


def test_timers_that_are_set_and_cancelled_for_an_hour_cost_constant_memory() -> None:
    """Every wait with a timeout sets one and calls it off; its time is hours away."""
    clock = MediaClock()
    kept = [clock.call_at(7_200 + number, lambda: None) for number in range(10)]
    for _ in range(50 * 3_600 // 20):
        clock.call_at(3_600, lambda: None).cancel()
        assert len(clock._timers) < 300
    assert clock.has_timers
    for timer in kept:
        timer.cancel()
    assert not clock.has_timers


def test_a_timer_may_set_and_cancel_others_and_advance_the_clock() -> None:
    """A call-back is the program's, and a program does such things."""
    clock = MediaClock()
    ran: list[tuple[str, float]] = []

    def first() -> None:
        ran.append(("first", clock.now()))
        doomed.cancel()
        clock.call_at(1.5, lambda: ran.append(("added", clock.now())))
        clock.advance_to(2.5)
        ran.append(("first again", clock.now()))

    clock.call_at(1, first)
    doomed = clock.call_at(2, lambda: ran.append(("doomed", clock.now())))
    clock.advance_to(3)
    assert ran == [("first", 1), ("added", 1.5), ("first again", 2.5)]
    assert clock.now() == 3


def test_what_a_timer_raises_comes_out_and_those_behind_it_are_still_due() -> None:
    """An error that nobody sees would leave a wait hanging; so would timers that are lost with it."""
    clock = MediaClock()
    ran: list[float] = []

    def fail() -> None:
        raise ZeroDivisionError

    clock.call_at(1, fail)
    clock.call_at(1, lambda: ran.append(clock.now()))
    with pytest.raises(ZeroDivisionError):
        clock.advance_to(2)
    clock.advance_to(2)
    assert ran == [1]
    assert clock.now() == 2


def test_a_sleeper_wakes_when_its_time_has_passed_and_not_before() -> None:
    """The media clock is a `Clock`: what sleeps on it must."""

    async def main() -> None:
        clock = MediaClock()
        sleeping = asyncio.create_task(clock.sleep_until(2))
        await asyncio.sleep(0)
        clock.advance_to(1.9)
        await asyncio.sleep(0)
        assert not sleeping.done()
        clock.advance_to(2)
        await sleeping
        await clock.sleep_until(1)
        assert clock.now() == 2

    finish(main())


def test_a_cancelled_sleeper_leaves_no_timer() -> None:
    """A leg would let time pass for it."""

    async def main() -> None:
        clock = MediaClock()
        sleeping = asyncio.create_task(clock.sleep_until(2))
        await asyncio.sleep(0)
        assert clock.has_timers
        sleeping.cancel()
        await asyncio.wait([sleeping])
        assert sleeping.cancelled()
        assert not clock.has_timers

    finish(main())


def test_a_sleep_until_the_past_lets_others_run() -> None:
    """A loop of such sleeps must not starve the rest of the program."""

    async def main() -> None:
        clock, ran = MediaClock(), []

        async def other() -> None:
            ran.append(1)

        task = asyncio.create_task(other())
        await clock.sleep_until(0)
        assert ran
        await task

    finish(main())


def test_a_thread_that_would_wait_is_refused_and_one_that_need_not_is_served() -> None:
    """Blocking the only thread that can move the clock would block for ever."""
    clock = MediaClock()
    signal = threading.Lock()
    assert clock.wait(signal, None)  # it was free
    assert not clock.wait(signal, 0.0)  # it is held, and the time to wait is over
    with pytest.raises(ClockError, match="arecv"):
        clock.wait(signal, 1.0)
    with pytest.raises(ClockError):
        clock.wait(signal, None)
