"""Clocks each of which breaks one promise, built around the system's, or a virtual one for what is too early."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from conformance_kit import Breaches

from rawmedia.streams.clock import SystemClock
from rawmedia.testing import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.streams.clock import Clock

CLOCK_BREACHES: Breaches[Callable[[], Clock]] = Breaches()
breaks = CLOCK_BREACHES.of


@breaks("time_never_goes_back")
class Trembles(SystemClock):
    readings = 0

    def now(self) -> float:
        self.readings += 1
        return super().now() - (self.readings % 2) * 0.001


@breaks("time_goes_on")
class Stands(SystemClock):
    def now(self) -> float:
        return 100.0


@breaks("time_is_read_from_any_thread")
class CountsByThread(SystemClock):
    def now(self) -> float:
        return super().now() if threading.current_thread() is threading.main_thread() else 0.0


@breaks("sleeping_lasts_until_the_time")
class WakesEarly(VirtualClock):
    async def sleep_until(self, when: float) -> None:
        await super().sleep_until((when + self.now()) / 2)


@breaks("sleeping_lasts_until_the_time")
class SleepsFor(SystemClock):
    async def sleep_until(self, when: float) -> None:
        await asyncio.sleep(when)


@breaks("sleeping_lasts_until_the_time")
class WakesLate(SystemClock):
    async def sleep_until(self, when: float) -> None:
        await asyncio.sleep(when - self.now() + 0.25)


@breaks("sleeping_until_the_past_returns_at_once")
class SleepsBackwards(SystemClock):
    async def sleep_until(self, when: float) -> None:
        await asyncio.sleep(0.25 if when <= self.now() else when - self.now())


@breaks("sleepers_wake_in_order")
class HasOneBed(SystemClock):
    bed: asyncio.Lock | None = None

    async def sleep_until(self, when: float) -> None:
        self.bed = self.bed or asyncio.Lock()
        async with self.bed:
            await super().sleep_until(when)


@breaks("a_cancelled_sleep_ends")
class SleepsOn(SystemClock):
    async def sleep_until(self, when: float) -> None:
        try:
            await super().sleep_until(when)
        except asyncio.CancelledError:
            await super().sleep_until(when)


@breaks("a_call_comes_once_at_its_time")
class CallsTwice(SystemClock):
    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        super().call_at(when + 0.002, callback)
        return super().call_at(when, callback)


@breaks("a_call_comes_once_at_its_time")
class CallsAtOnce(SystemClock):
    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        if when <= self.now():
            callback()
            return super().call_at(when, lambda: None)
        return super().call_at(when, callback)


@breaks("a_call_comes_once_at_its_time")
class CallsEarly(VirtualClock):
    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        return super().call_at(when - 0.005, callback)


@breaks("a_call_comes_once_at_its_time")
class NeverCalls(SystemClock):
    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        return super().call_at(when, lambda: None)


@breaks("calls_come_in_order_on_the_loop")
class CallsInAThread(SystemClock):
    def call_at(self, when: float, callback: Callable[[], object]) -> Any:
        timer = threading.Timer(when - self.now(), callback)
        timer.daemon = True
        timer.start()
        return timer


@breaks("calls_come_in_order_on_the_loop")
class CallsInTurn(SystemClock):
    def __init__(self) -> None:
        self.callbacks: list[Callable[[], object]] = []

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        self.callbacks.append(callback)
        return super().call_at(when, lambda: self.callbacks.pop(0)())


class _Deaf:
    def cancel(self) -> None:
        """Nothing."""


@breaks("a_cancelled_call_does_not_come")
class CallsAnyway(SystemClock):
    def call_at(self, when: float, callback: Callable[[], object]) -> Any:
        super().call_at(when, callback)
        return _Deaf()


class _Strict:
    def __init__(self, timer: asyncio.TimerHandle) -> None:
        self.timer, self.over = timer, False

    def cancel(self) -> None:
        if self.over:
            raise RuntimeError("cancelled already")
        self.over = True
        self.timer.cancel()


@breaks("cancelling_too_late_is_harmless")
class CancelsOnce(SystemClock):
    def call_at(self, when: float, callback: Callable[[], object]) -> Any:
        return _Strict(super().call_at(when, callback))


@breaks("a_free_signal_is_taken")
class OnlyLooks(SystemClock):
    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        taken = super().wait(signal, deadline)
        if taken:
            signal.release()
        return taken


@breaks("a_free_signal_is_taken")
class LooksAtTheDeadlineFirst(SystemClock):
    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        if deadline is not None and deadline <= self.now():
            return False
        return super().wait(signal, deadline)


@breaks("a_deadline_ends_a_wait")
class AlwaysSaysTrue(SystemClock):
    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        super().wait(signal, deadline)
        return True


@breaks("a_deadline_ends_a_wait")
class GivesUpEarly(VirtualClock):
    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        return signal.acquire(blocking=False)


@breaks("a_deadline_ends_a_wait")
class TakesItByForce(SystemClock):
    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        waits = deadline is not None and deadline > self.now()
        taken = super().wait(signal, deadline)
        if waits and not taken:
            signal.release()
        return taken


@breaks("a_released_signal_ends_a_wait")
class SaysFalseWhenWoken(SystemClock):
    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        super().wait(signal, deadline)
        return False


@breaks("a_released_signal_ends_a_wait")
class NoticesLate(SystemClock):
    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        taken = super().wait(signal, deadline)
        time.sleep(0.2)
        return taken
