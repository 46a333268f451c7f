"""Whether a clock keeps every promise of `Clock` and `Timer`."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeVar

from rawmedia.errors import ClockError
from rawmedia.testing.checks.broken import broke, require, skip
from rawmedia.testing.checks.check import CheckList

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from rawmedia.streams.clock import Clock
    from rawmedia.testing.checks.check import Report

T = TypeVar("T")
_CLOCK = "rawmedia.streams.clock.Clock"
_TIMER = "rawmedia.streams.clock.Timer"
_READINGS = 1_000
_RELEASE_S = 0.01
_EARLY_S = 1e-6
"""What the rounding of times may cost."""

CLOCK_CHECKS: CheckList[ClockTrial] = CheckList()


async def check_clock(
    clock: Clock,
    *,
    step_s: float = 0.02,
    late_s: float = 1.0,
    patience_s: float = 5.0,
    only: str | None = None,
) -> Report:
    """Put every promise of a clock to the test; on the event loop that its timers run on.

    ::

        asyncio.run(check_clock(MyClock()))
        clock = VirtualClock()
        clock.run(check_clock(clock))

    A clock that somebody has to advance, such as a `MediaClock`, must be advanced meanwhile.

    Args:
        clock: A clock that goes on, by itself or by jumps.
        step_s: How long its waits are, in its own seconds; long enough to tell them apart.
        late_s: How much later than asked for a wait may end, in its own seconds.
        patience_s: After how many seconds of real time a wait of some steps counts as one that
            does not end.
        only: The name of the one check to run, as in ``CLOCK_CHECKS.names``.

    Raises:
        BrokenPromiseError: The first promise that was not kept; it says how to see it.
        ConfigurationError: There is no such check.
    """
    return await CLOCK_CHECKS.run(ClockTrial(clock, step_s, late_s, patience_s), only)


class ClockTrial:
    """A clock under test, and how long its waits are to be."""

    def __init__(self, clock: Clock, step_s: float, late_s: float, patience_s: float) -> None:
        self.clock, self.step_s, self.late_s = clock, step_s, late_s
        self.patience_s = patience_s

    def after(self, steps: float) -> float:
        """The time so many steps from now."""
        return self.clock.now() + steps * self.step_s

    def require_on_time(self, when: float, what: str) -> None:
        """It must be ``when``, or a little later.

        Raises:
            SeenError: It is not.
        """
        late_s = self.clock.now() - when
        require(late_s >= -_EARLY_S, f"{what} {-late_s:g} s before its time.")
        require(late_s <= self.late_s, f"{what} {late_s:g} s after its time.")

    async def within(self, call: Awaitable[T], what: str) -> T:
        """Wait for it, but not for ever; timed by a thread, since the clock is what is in doubt.

        Raises:
            SeenError: It takes much too long.
        """
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(call)
        watch = threading.Timer(self.patience_s, lambda: loop.call_soon_threadsafe(task.cancel))
        watch.daemon = True
        watch.start()
        try:
            await asyncio.wait({task})
        finally:
            watch.cancel()
        if task.cancelled():
            broke(f"{what} had not come after {self.patience_s:g} s of real time.")
        return task.result()

    async def pass_by(self, steps: float) -> None:
        """Let time pass."""
        await self.within(self.clock.sleep_until(self.after(steps)), "the end of a sleep")


@CLOCK_CHECKS.promise("now never goes back.", _CLOCK)
async def time_never_goes_back(trial: ClockTrial) -> None:
    """Positions in media time are computed from it."""
    before = trial.clock.now()
    for reading in range(_READINGS):
        now = trial.clock.now()
        require(now >= before, f"now() was {before!r} and then {now!r}.")
        before = now
        if reading % (_READINGS // 4) == 0:
            await trial.pass_by(1)


@CLOCK_CHECKS.promise("now goes on.", _CLOCK)
async def time_goes_on(trial: ClockTrial) -> None:
    """A timeout on a clock that stands is none."""
    before = trial.clock.now()
    await trial.pass_by(1)
    require(trial.clock.now() > before, f"now() was {before!r} before and after a sleep.")


@CLOCK_CHECKS.promise("now may be read from any thread.", f"{_CLOCK}.now")
async def time_is_read_from_any_thread(trial: ClockTrial) -> None:
    """Sound cards and native engines call from their own."""
    before = trial.clock.now()
    there = await asyncio.to_thread(trial.clock.now)
    after = trial.clock.now()
    require(
        before <= there <= after,
        f"another thread read {there!r} between {before!r} and {after!r}.",
    )


@CLOCK_CHECKS.promise("sleep_until returns at its time.", f"{_CLOCK}.sleep_until")
async def sleeping_lasts_until_the_time(trial: ClockTrial) -> None:
    """Pacing sleeps from frame to frame."""
    for steps in (1, 3):
        when = trial.after(steps)
        await trial.within(trial.clock.sleep_until(when), "the end of sleep_until()")
        trial.require_on_time(when, "sleep_until() returned")


@CLOCK_CHECKS.promise("sleep_until returns at once if the time is past.", f"{_CLOCK}.sleep_until")
async def sleeping_until_the_past_returns_at_once(trial: ClockTrial) -> None:
    """A pacer that is late must not become later."""
    for when in (trial.clock.now(), trial.after(-5), -1e9):
        before = trial.clock.now()
        await trial.within(trial.clock.sleep_until(when), "the end of sleep_until() the past")
        passed_s = trial.clock.now() - before
        require(passed_s <= trial.late_s, f"sleep_until() the past took {passed_s:g} s.")


@CLOCK_CHECKS.promise("Sleepers wake in the order of their times.", f"{_CLOCK}.sleep_until")
async def sleepers_wake_in_order(trial: ClockTrial) -> None:
    """What was due first comes first, whoever asked first."""
    woken: list[int] = []

    async def sleeper(steps: int) -> None:
        await trial.clock.sleep_until(start + steps * trial.step_s)
        woken.append(steps)

    start = trial.clock.now()
    sleepers = asyncio.gather(*(sleeper(steps) for steps in (5, 1, 3)))
    await trial.within(sleepers, "the end of three sleeps")
    require(woken == [1, 3, 5], f"sleepers of 5, 1 and 3 steps woke in the order {woken}.")


@CLOCK_CHECKS.promise("Cancelling ends a sleep.", f"{_CLOCK}.sleep_until")
async def a_cancelled_sleep_ends(trial: ClockTrial) -> None:
    """A pacer is cancelled when its call is over."""
    sleeping = asyncio.ensure_future(trial.clock.sleep_until(trial.after(1_000)))
    await asyncio.sleep(0)
    before = trial.clock.now()
    sleeping.cancel()
    await trial.within(asyncio.wait({sleeping}), "the end of a cancelled sleep")
    passed_s = trial.clock.now() - before
    require(
        sleeping.cancelled() and passed_s <= trial.late_s,
        f"a sleep was cancelled, and went on for {passed_s:g} s or swallowed that.",
    )


@CLOCK_CHECKS.promise(
    "call_at calls back once, at its time, and not before it returns.", f"{_CLOCK}.call_at"
)
async def a_call_comes_once_at_its_time(trial: ClockTrial) -> None:
    """Timeouts hang on it."""
    for steps in (2, -1):
        calls: list[float] = []
        called = asyncio.Event()

        def call(calls: list[float] = calls, called: asyncio.Event = called) -> None:
            calls.append(trial.clock.now())
            called.set()

        when = trial.after(steps)
        trial.clock.call_at(when, call)
        require(not calls, "call_at() called back before it returned.")
        await trial.within(called.wait(), "a call by call_at()")
        if steps > 0:
            trial.require_on_time(when, "call_at() called back")
        await trial.pass_by(3)
        require(len(calls) == 1, f"call_at() called back {len(calls)} times.")


@CLOCK_CHECKS.promise(
    "Calls come in the order of their times, on the running loop.", f"{_CLOCK}.call_at"
)
async def calls_come_in_order_on_the_loop(trial: ClockTrial) -> None:
    """What they touch belongs to that loop's thread."""
    calls: list[tuple[int, int]] = []
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def call(steps: int) -> None:
        calls.append((steps, threading.get_ident()))
        if len(calls) == 3:
            loop.call_soon_threadsafe(done.set)

    start = trial.clock.now()
    for steps in (5, 1, 3):
        trial.clock.call_at(start + steps * trial.step_s, lambda steps=steps: call(steps))  # type: ignore[misc]
    await trial.within(done.wait(), "the last of three calls by call_at()")
    order = [steps for steps, _ in calls]
    require(order == [1, 3, 5], f"calls at 5, 1 and 3 steps came in the order {order}.")
    threads = {thread for _, thread in calls}
    require(threads == {threading.get_ident()}, "call_at() called back in another thread.")


@CLOCK_CHECKS.promise("A call that was cancelled does not come.", f"{_TIMER}.cancel")
async def a_cancelled_call_does_not_come(trial: ClockTrial) -> None:
    """A wait that ended well must not time out later."""
    calls: list[str] = []
    timer = trial.clock.call_at(trial.after(1), lambda: calls.append("cancelled"))
    other = trial.clock.call_at(trial.after(2), lambda: calls.append("kept"))
    timer.cancel()
    await trial.pass_by(4)
    require(
        calls == ["kept"],
        f"of two calls the first was cancelled, and there came: {', '.join(calls) or 'none'}.",
    )
    other.cancel()


@CLOCK_CHECKS.promise("Cancelling a call that came already is harmless.", f"{_TIMER}.cancel")
async def cancelling_too_late_is_harmless(trial: ClockTrial) -> None:
    """Tidying up cancels without asking; once and again."""
    timer = trial.clock.call_at(trial.after(1), lambda: None)
    await trial.pass_by(2)
    timer.cancel()
    timer.cancel()
    await trial.pass_by(1)


@CLOCK_CHECKS.promise("wait takes a signal that is free, at once.", f"{_CLOCK}.wait")
async def a_free_signal_is_taken(trial: ClockTrial) -> None:
    """Whoever waits holds it afterwards."""
    for deadline in (None, trial.after(-1), trial.after(5)):
        signal = threading.Lock()
        taken = await asyncio.to_thread(trial.clock.wait, signal, deadline)
        require(taken is True, f"wait() with deadline {deadline} said {taken!r} of a free signal.")
        require(signal.locked(), "wait() said True and had not acquired the signal.")


@CLOCK_CHECKS.promise("wait says False when the deadline comes first.", f"{_CLOCK}.wait")
async def a_deadline_ends_a_wait(trial: ClockTrial) -> None:
    """The signal stays whose it was."""
    signal = threading.Lock()
    signal.acquire()
    past = trial.after(-1)
    taken = await asyncio.to_thread(trial.clock.wait, signal, past)
    require(
        taken is False, f"the signal was held and the deadline past, and wait() said {taken!r}."
    )
    when = trial.after(2)
    try:
        taken = await asyncio.to_thread(trial.clock.wait, signal, when)
    except ClockError:
        return  # it can't block a thread, and says so
    trial.require_on_time(when, "wait() returned")
    require(taken is False and signal.locked(), f"the signal was held, and wait() said {taken!r}.")


@CLOCK_CHECKS.promise(
    "wait says True when the signal is released by another thread.", f"{_CLOCK}.wait"
)
async def a_released_signal_ends_a_wait(trial: ClockTrial) -> None:
    """It is how the blocking verbs of streams wake."""
    for far in (trial.after(1_000), None):
        signal = threading.Lock()
        signal.acquire()
        released: list[float] = []

        def release(signal: threading.Lock = signal, released: list[float] = released) -> None:
            released.append(trial.clock.now())
            signal.release()

        releasing = threading.Timer(_RELEASE_S, release)
        releasing.start()
        try:
            taken = await asyncio.to_thread(trial.clock.wait, signal, far)
        except ClockError:
            skip("the clock can't block a thread, and says so")
        finally:
            releasing.join()
        late_s = trial.clock.now() - released[0]
        require(taken is True, f"the signal was released, and wait() said {taken!r}.")
        require(
            late_s <= trial.late_s,
            f"the signal was released, and wait() returned {late_s:g} s later.",
        )


__all__ = ["CLOCK_CHECKS", "ClockTrial", "check_clock"]
