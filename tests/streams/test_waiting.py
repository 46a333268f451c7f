"""Threads and tasks that wait for one thing: who is woken, and what giving up leaves behind."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import deque
from typing import TYPE_CHECKING, Literal

import pytest
from stream_kit import GUARD_S, NoticingClock, Worker, run, settle

from rawmedia.errors import ClockError, StreamTimeoutError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.waiting import PENDING, Pending, WaitList, wait_in_task, wait_in_thread
from rawmedia.testing.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.streams.clock import Clock


class Tray:
    """Things that are put down and taken: the smallest stream there can be."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.things: deque[int] = deque()
        self.takers = WaitList()
        self.abandoned: list[BaseException] = []
        self.attempts = 0
        self.again_at: float | None = None
        self.pause: Callable[[], object] = lambda: None

    def put(self, thing: int) -> None:
        with self.lock:
            self.things.append(thing)
            self.takers.wake_one()

    def take(self, timeout: float | None = None) -> int:
        return wait_in_thread(self.lock, self.clock, self, timeout, pause=self.pause)

    async def atake(self, timeout: float | None = None) -> int:
        return await wait_in_task(self.lock, self.clock, self, timeout, pause=self.pause)

    def attempt(self) -> int | Literal[Pending.PENDING]:
        self.attempts += 1
        return self.things.popleft() if self.things else PENDING

    @property
    def waiters(self) -> WaitList:
        return self.takers

    def abandon(self, error: BaseException) -> None:
        self.abandoned.append(error)

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        return StreamTimeoutError("take", timeout)

    @property
    def retry_at(self) -> float | None:
        return self.again_at


def test_a_wake_on_the_same_loop_does_not_go_through_call_soon_threadsafe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That writes to a pipe, which makes it three times as dear."""
    tray = Tray()

    async def main() -> int:
        taker = asyncio.create_task(tray.atake())
        await settle()
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "call_soon_threadsafe", None)
        tray.put(1)
        taken = await taker
        monkeypatch.undo()
        return taken

    assert run(main()) == 1


def test_a_task_is_woken_from_another_thread() -> None:
    """A plain call there would leave the loop asleep."""
    tray = Tray()

    async def main() -> int:
        taker = asyncio.create_task(tray.atake())
        await settle()
        await asyncio.to_thread(tray.put, 2)
        return await taker

    assert run(main()) == 2


def test_a_thread_is_woken_by_a_task() -> None:
    clock = NoticingClock()
    tray = Tray(clock)

    async def main() -> int:
        taker = Worker(tray.take)
        await asyncio.to_thread(clock.next_wait)
        tray.put(3)
        return await asyncio.to_thread(taker.result)

    assert run(main()) == 3


def test_tasks_are_served_in_the_order_in_which_they_came() -> None:
    tray = Tray()

    async def main() -> list[int]:
        takers = [asyncio.create_task(tray.atake()) for _ in range(5)]
        await settle()
        for thing in range(5):
            tray.put(thing)
        return await asyncio.gather(*takers)

    assert run(main()) == [0, 1, 2, 3, 4]


def test_each_thing_wakes_one_waiter() -> None:
    """A herd that wakes for every frame would cost a loop as many steps as it has readers."""
    tray = Tray()

    async def main() -> int:
        takers = [asyncio.create_task(tray.atake()) for _ in range(5)]
        await settle()
        before = tray.attempts
        tray.put(1)
        await settle()
        woken = tray.attempts - before
        for thing in range(4):
            tray.put(thing)
        await asyncio.gather(*takers)
        return woken

    assert run(main()) == 1


def test_each_thing_from_another_thread_wakes_one_waiter() -> None:
    tray = Tray()

    async def main() -> int:
        takers = [asyncio.create_task(tray.atake()) for _ in range(3)]
        await settle()
        await asyncio.to_thread(tray.put, 1)
        asleep = len(tray.takers)
        tray.put(2)
        tray.put(3)
        await asyncio.gather(*takers)
        return asleep

    assert run(main()) == 2


def test_each_thing_wakes_one_thread() -> None:
    clock = NoticingClock()
    tray = Tray(clock)
    takers = [Worker(tray.take) for _ in range(3)]
    clock.next_wait(3)
    tray.put(1)
    assert len(tray.takers) == 2
    tray.put(2)
    tray.put(3)
    assert sorted(taker.result() for taker in takers) == [1, 2, 3]


@pytest.mark.parametrize("cancel_first", [True, False])
def test_a_cancelled_task_passes_its_wake_up_on(cancel_first: bool) -> None:
    """Else the thing would lie there while somebody waits for it."""
    tray = Tray()

    async def main() -> int:
        first, second = (asyncio.create_task(tray.atake()) for _ in range(2))
        await settle()
        if cancel_first:
            first.cancel()
            tray.put(1)
        else:
            tray.put(1)
            first.cancel()
        taken = await second
        with pytest.raises(asyncio.CancelledError):
            await first
        return taken

    assert run(main()) == 1
    assert [type(error) for error in tray.abandoned] == [asyncio.CancelledError]
    assert not tray.takers


def test_a_thing_that_came_with_the_cancellation_stays_for_the_next() -> None:
    tray = Tray()

    async def main() -> int:
        only = asyncio.create_task(tray.atake())
        await settle()
        tray.put(1)
        only.cancel()
        with pytest.raises(asyncio.CancelledError):
            await only
        return await tray.atake(timeout=0)

    assert run(main()) == 1


def test_a_timeout_of_zero_tries_once() -> None:
    tray = Tray()
    with pytest.raises(StreamTimeoutError):
        tray.take(timeout=0)
    with pytest.raises(StreamTimeoutError):
        run(tray.atake(timeout=0))
    tray.things.extend([1, 2])
    assert (tray.take(timeout=0), run(tray.atake(timeout=0))) == (1, 2)
    assert tray.attempts == 4
    assert [type(error) for error in tray.abandoned] == [StreamTimeoutError] * 2


def test_a_timeout_counts_on_the_clock_and_over_all_attempts() -> None:
    """A waiter that is woken in vain must not wait afresh."""
    clock = VirtualClock(start=1_000.0)
    tray = Tray(clock)

    async def main() -> float:
        taker = asyncio.create_task(tray.atake(timeout=1.0))
        for _ in range(3):
            await asyncio.sleep(0.3)
            with tray.lock:
                tray.takers.wake_one()
        with pytest.raises(StreamTimeoutError):
            await taker
        return clock.now()

    assert clock.run(main()) == 1_001.0
    assert not tray.takers


def test_a_thread_times_out() -> None:
    tray = Tray()
    with pytest.raises(StreamTimeoutError):
        tray.take(timeout=0.01)
    assert not tray.takers


def test_an_operation_may_ask_for_another_attempt_at_a_time() -> None:
    """Nobody wakes who waits for something that only the clock brings."""
    clock = VirtualClock()
    tray = Tray(clock)
    tray.again_at = 5.0

    async def main() -> int:
        taker = asyncio.create_task(tray.atake(timeout=60))
        await asyncio.sleep(4.0)
        tray.things.append(1)  # with no wake-up
        return await taker

    assert clock.run(main()) == 1
    assert clock.now() == 5.0


def test_a_thread_tries_again_at_the_time_that_its_operation_asks_for() -> None:
    clock = NoticingClock()
    tray = Tray(clock)
    tray.again_at = clock.now() + 0.02
    taker = Worker(lambda: tray.take(timeout=GUARD_S))
    clock.next_wait()
    tray.things.append(1)
    assert taker.result() == 1
    assert not tray.takers


def test_what_the_pause_brings_is_not_slept_through() -> None:
    """It runs after the caller has joined the list, so a wake-up meanwhile counts."""
    tray = Tray()
    tray.pause = lambda: tray.put(7)
    assert tray.take(timeout=GUARD_S) == 7
    assert run(tray.atake(timeout=GUARD_S)) == 7


def test_what_the_pause_raises_leaves_no_trace() -> None:
    tray = Tray()

    def broken() -> None:
        raise LookupError

    tray.pause = broken
    with pytest.raises(LookupError):
        tray.take()
    with pytest.raises(LookupError):
        run(tray.atake())
    assert not tray.takers
    assert [type(error) for error in tray.abandoned] == [LookupError] * 2


def test_a_wait_that_the_clock_refuses_leaves_no_trace() -> None:
    """A sender that stayed in the queue would block all who come after it."""
    clock = VirtualClock()
    tray = Tray(clock)
    with pytest.raises(ClockError):
        tray.take()
    with pytest.raises(ClockError):
        run(tray.atake(timeout=1.0))
    assert not tray.takers
    assert [type(error) for error in tray.abandoned] == [ClockError] * 2


def test_a_task_whose_loop_was_closed_does_not_swallow_the_wake_up() -> None:
    """An application that drops an event loop must not take the others with it."""
    tray = Tray()
    dropped_loop = asyncio.new_event_loop()
    dropped = dropped_loop.create_task(tray.atake())
    dropped_loop.call_soon(dropped_loop.stop)
    dropped_loop.run_forever()
    dropped_loop.close()

    async def main() -> int:
        alive = asyncio.create_task(tray.atake())
        await settle()
        tray.put(1)
        return await alive

    assert run(main()) == 1
    assert [type(error) for error in tray.abandoned] == [RuntimeError]
    # Python says that such a task was never finished; it is, here on purpose.
    dropped_loop.set_exception_handler(lambda loop, context: None)
    del dropped
    gc.collect()
    assert not tray.takers


def test_the_remains_of_a_dropped_loop_may_be_collected_while_the_lock_is_held() -> None:
    """The garbage collector runs in any thread, also in one that is inside of a stream."""
    tray = Tray()
    dropped_loop = asyncio.new_event_loop()
    dropped_loop.set_exception_handler(lambda loop, context: None)
    dropped = dropped_loop.create_task(tray.atake())
    dropped_loop.call_soon(dropped_loop.stop)
    dropped_loop.run_forever()
    dropped_loop.close()
    del dropped

    def collect() -> None:
        with tray.lock:
            tray.takers.wake_one()
            gc.collect()

    Worker(collect).result()
    assert RuntimeError in [type(error) for error in tray.abandoned]


def test_waking_nobody_is_harmless() -> None:
    waiters = WaitList()
    waiters.wake_one()
    waiters.wake_all()
    assert len(waiters) == 0
