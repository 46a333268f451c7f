"""One timer for many waits: it calls back when it should, and is set anew only when it must be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from rawmedia.errors import StreamTimeoutError
from rawmedia.streams.moving_timer import MovingTimer
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable


class CountingClock(VirtualClock):
    """Counts the timers that are made."""

    def __init__(self) -> None:
        super().__init__()
        self.timers = 0

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        self.timers += 1
        return super().call_at(when, callback)


def test_it_calls_back_once_and_when_it_was_told_to() -> None:
    """Else a wait would last too long, or end twice."""
    clock = VirtualClock()
    rung: list[float] = []

    async def main() -> None:
        timer = MovingTimer(clock)
        timer.call_at(0.5, lambda: rung.append(clock.now()))
        await clock.sleep_until(2.0)

    clock.run(main())
    assert rung == [0.5]


@pytest.mark.parametrize("then", [0.2, 0.5, 0.9])
def test_what_was_told_last_holds_whether_it_is_sooner_or_later(then: float) -> None:
    """It stays set for the first time, which must neither ring at that nor be late for a sooner one."""
    clock = VirtualClock()
    rung: list[tuple[str, float]] = []

    async def main() -> None:
        timer = MovingTimer(clock)
        timer.call_at(0.5, lambda: rung.append(("first", clock.now())))
        timer.cancel()
        timer.call_at(then, lambda: rung.append(("then", clock.now())))
        await clock.sleep_until(2.0)

    clock.run(main())
    assert rung == [("then", then)]


def test_what_was_taken_back_does_not_ring() -> None:
    """Who waits no longer must not be disturbed in his next wait."""
    clock = VirtualClock()
    rung: list[float] = []

    async def main() -> None:
        timer = MovingTimer(clock)
        timer.call_at(0.5, lambda: rung.append(clock.now()))
        await clock.sleep_until(0.4)
        timer.cancel()
        await clock.sleep_until(2.0)

    clock.run(main())
    assert rung == []


def test_it_may_be_told_anew_from_what_it_calls() -> None:
    """Who waits for the next frame does so in the midst of the call for the last."""
    clock = VirtualClock()
    rung: list[float] = []

    async def main() -> None:
        timer = MovingTimer(clock)

        def ring() -> None:
            rung.append(clock.now())
            if len(rung) < 3:
                timer.call_at(clock.now() + 0.25, ring)

        timer.call_at(0.25, ring)
        await clock.sleep_until(2.0)

    clock.run(main())
    assert rung == [0.25, 0.5, 0.75]


def test_many_waits_that_end_before_their_time_share_a_few_timers() -> None:
    """That is what it is for: a timer for each frame costs more than the frame."""
    clock = CountingClock()

    async def main() -> int:
        outbound = OutboundAudioStream(clock=clock)
        timer = MovingTimer(clock)

        async def wait() -> None:
            for _ in range(100):
                await outbound.aready(0.1, timer=timer)
                outbound.pull()

        waiting = asyncio.create_task(wait())
        before = clock.timers
        for number in range(100):
            await asyncio.sleep(0.02 * (number + 1) - clock.now())
            await outbound.asend(bytes(640))
        await waiting
        return clock.timers - before

    assert clock.run(main()) <= 25


def test_a_wait_on_it_ends_when_its_time_is_over() -> None:
    """A timer that was set for an earlier wait must not make this one longer or shorter."""
    clock = VirtualClock()

    async def main() -> list[float]:
        outbound = OutboundAudioStream(clock=clock)
        timer, ended = MovingTimer(clock), []
        for timeout in (0.3, 0.1, 0.25):
            with pytest.raises(StreamTimeoutError):
                await outbound.aready(timeout, timer=timer)
            ended.append(round(clock.now(), 6))
        return ended

    assert clock.run(main()) == [0.3, 0.4, 0.65]


def test_once_closed_it_leaves_nothing_set_and_can_be_used_again() -> None:
    """A connection that is gone must not be kept in memory by its timer."""
    clock = VirtualClock()
    rung: list[float] = []

    async def main() -> int:
        timer = MovingTimer(clock)
        timer.call_at(5.0, lambda: rung.append(clock.now()))
        timer.close()
        loop = asyncio.get_running_loop()
        pending = sum(not each.cancelled() for each in loop._scheduled)  # type: ignore[attr-defined]
        timer.call_at(1.0, lambda: rung.append(clock.now()))
        await clock.sleep_until(6.0)
        return pending

    assert clock.run(main()) == 0
    assert rung == [1.0]
