"""The checks of clocks pass ours, and each catches what it is there for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from broken_clocks import CLOCK_BREACHES
from conformance_kit import Breach, require_caught

from rawmedia.errors import ConfigurationError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.media_clock import MediaClock
from rawmedia.testing import ScaledClock, VirtualClock
from rawmedia.testing.checks import CLOCK_CHECKS, BrokenPromiseError, check_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.streams.clock import Clock
    from rawmedia.testing.checks import Report

NO_THREADS = {"a_released_signal_ends_a_wait"}
"""A clock whose time jumps or counts media can't block a thread, and says so."""


def test_the_system_clock_keeps_every_promise() -> None:
    assert asyncio.run(check_clock(SYSTEM_CLOCK, late_s=30)).passed == CLOCK_CHECKS.names


def test_a_scaled_clock_keeps_every_promise() -> None:
    clock = ScaledClock(20)
    assert asyncio.run(check_clock(clock, step_s=0.2, late_s=600)).passed == CLOCK_CHECKS.names


def test_a_virtual_clock_keeps_every_promise_to_the_instant() -> None:
    clock = VirtualClock(start=1e6)
    report = clock.run(check_clock(clock, late_s=1e-6))
    assert set(report.skipped) == NO_THREADS
    assert len(report.passed) == len(CLOCK_CHECKS) - 1


def test_a_media_clock_that_somebody_advances_keeps_every_promise() -> None:
    clock = MediaClock()

    async def advance() -> None:
        while True:
            await asyncio.sleep(0)
            if clock.has_timers:
                clock.advance_to(clock.now() + 0.005)

    async def main() -> Report:
        advancing = asyncio.create_task(advance())
        try:
            return await check_clock(clock, late_s=0.01)
        finally:
            advancing.cancel()

    report = asyncio.run(main())
    assert set(report.skipped) == NO_THREADS


@pytest.mark.parametrize("breach", CLOCK_BREACHES.params())
def test_a_broken_clock_is_caught(breach: Breach[Callable[[], Clock]]) -> None:
    clock = breach.make()
    run = clock.run if isinstance(clock, VirtualClock) else asyncio.run
    with pytest.raises(BrokenPromiseError) as caught:
        run(check_clock(clock, step_s=0.01, late_s=0.1, patience_s=0.5, only=breach.check))
    require_caught(caught, breach.check)


def test_every_check_has_somebody_to_catch() -> None:
    assert CLOCK_BREACHES.checks == set(CLOCK_CHECKS.names)


def test_a_check_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match="time_goes_on"):
        asyncio.run(check_clock(SYSTEM_CLOCK, only="time flies"))
