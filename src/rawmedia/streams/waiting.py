"""Waiting for something that a stream can do later, by a thread or by a task: one body, two doors.

What may have to wait is an `Operation`: it is attempted under the stream's lock until it
gives something other than ``PENDING``. Between two attempts the caller sleeps in a
`WaitList` and is woken only when another attempt makes sense.
"""

from __future__ import annotations

import asyncio
import enum
import threading
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.errors import StreamTimeoutError
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.moving_timer import MovingTimer


class Pending(enum.Enum):
    """What an attempt gives when it could not be done yet."""

    PENDING = enum.auto()


PENDING: Final = Pending.PENDING
T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Operation(Protocol[T_co]):
    """Something that is attempted until it is done, has failed or is given up.

    All of it is called under the stream's lock.
    """

    @property
    def retry_at(self) -> float | None:
        """When, on the clock, another attempt makes sense though nobody wakes the caller; after one that is pending."""
        ...

    def attempt(self) -> T_co | Literal[Pending.PENDING]:
        """Do it if it can be done now; may do a part of it. When it raises it leaves no trace."""
        ...

    @property
    def waiters(self) -> WaitList:
        """Where to sleep until the next attempt; after one that is pending."""
        ...

    def abandon(self, error: BaseException) -> None:
        """Nobody waits any more because of ``error`` (a timeout, a cancellation); leave no trace.

        May come twice.
        """
        ...

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        """What to raise when ``timeout`` seconds were not enough."""
        ...


class WaitList:
    """Who sleeps, in the order in which they came. All under the stream's lock."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: deque[_Sleeper[Any]] = deque()

    def __len__(self) -> int:
        return len(self._waiters)

    def join(self, waiter: _Sleeper[Any]) -> None:
        """Sleep at the end of the list."""
        self._waiters.append(waiter)

    def leave(self, waiter: _Sleeper[Any]) -> None:
        """Stop sleeping unasked; a wake-up that came meanwhile goes to the next in the list."""
        if waiter.woken:
            self.wake_one()
        else:
            self._waiters.remove(waiter)

    def wake_one(self) -> None:
        """Wake whoever has slept longest and can be woken, if anybody does."""
        while self._waiters and not self._waiters.popleft().wake():
            pass

    def wake_all(self) -> None:
        """Wake everybody."""
        while self._waiters:
            self._waiters.popleft().wake()


class _Sleeper(ABC, Generic[T]):
    """One caller's wait, from its first attempt to its last: what threads and tasks have in common."""

    __slots__ = (
        "_clock",
        "_deadline",
        "_lock",
        "_operation",
        "_timeout",
        "_waiters",
        "alarm",
        "woken",
    )

    def __init__(
        self, lock: threading.RLock, clock: Clock, operation: Operation[T], timeout: float | None
    ) -> None:
        self._lock, self._clock, self._operation = lock, clock, operation
        self._timeout = timeout
        self._deadline: float | None = None
        self._waiters: WaitList
        self.alarm: float | None
        """When to try again though nobody woke it."""
        self.woken = False
        """Whether somebody did."""

    @abstractmethod
    def wake(self) -> bool:
        """Wake it, under the lock; returns whether it can still be woken."""

    @abstractmethod
    def _lie_down(self) -> None:
        """It is about to sleep."""

    def attempt(self) -> T | Literal[Pending.PENDING]:
        """Attempt, and join those who sleep when it is pending."""
        with self._lock:
            operation = self._operation
            result = operation.attempt()
            if result is not PENDING:
                return result
            self.alarm = operation.retry_at
            if self._timeout is not None:
                self._check_deadline(self._timeout)
            self.woken = False
            self._lie_down()
            self._waiters = operation.waiters
            self._waiters.join(self)
        return PENDING

    def resume(self) -> None:
        """Leave the list, because it was not a wake-up that ended the sleep."""
        with self._lock:
            self._waiters.leave(self)

    def give_up(self, error: BaseException) -> None:
        """Leave the list and the operation."""
        with self._lock:
            self._waiters.leave(self)
            self._operation.abandon(error)

    def _check_deadline(self, timeout: float) -> None:
        now = self._clock.now()
        if self._deadline is None:
            self._deadline = now + timeout
        if now >= self._deadline:
            error = self._operation.timeout_error(timeout)
            self._operation.abandon(error)
            raise error
        if self.alarm is None or self.alarm > self._deadline:
            self.alarm = self._deadline


class _SleepingThread(_Sleeper[T]):
    __slots__ = ("signal",)

    signal: threading.Lock

    def wake(self) -> bool:
        self.woken = True
        self.signal.release()
        return True

    def _lie_down(self) -> None:
        self.signal = threading.Lock()
        self.signal.acquire()


class _SleepingTask(_Sleeper[T]):
    __slots__ = ("future",)

    future: asyncio.Future[None]

    def wake(self) -> bool:
        self.woken = True
        # On the task's own loop a plain call is enough; call_soon_threadsafe writes to a
        # pipe and costs three times as much.
        future = self.future
        loop = future.get_loop()
        if asyncio._get_running_loop() is loop:
            _stir(future)
            return True
        try:
            loop.call_soon_threadsafe(_stir, future)
        except RuntimeError as closed:  # the loop is, and its task will never run again
            self._operation.abandon(closed)
            return False
        return True

    def stir(self) -> None:
        """Let the task run, though nobody woke it."""
        _stir(self.future)

    def _lie_down(self) -> None:
        self.future = asyncio.get_running_loop().create_future()


def _stir(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def wait_in_thread(
    lock: threading.RLock,
    clock: Clock,
    operation: Operation[T],
    timeout: float | None,
    *,
    pause: Callable[[], object] | None = None,
) -> T:
    """Attempt until it is done, blocking this thread in between.

    Args:
        lock: The stream's.
        clock: What the timeout is counted on.
        operation: What is to be done.
        timeout: Seconds; None for no limit.
        pause: Called before each sleep, with the lock free.

    Raises:
        StreamTimeoutError: It was not done within ``timeout`` seconds; 0 tries once.
        ClockError: It would have to wait, and a thread can't wait on this clock.
    """
    sleeper = _SleepingThread(lock, clock, operation, timeout)
    while (result := sleeper.attempt()) is PENDING:
        try:
            if pause is not None:
                pause()
            clock.wait(sleeper.signal, sleeper.alarm)
        except BaseException as error:
            sleeper.give_up(error)
            raise
        if not sleeper.woken:
            sleeper.resume()
    return result


async def wait_in_task(
    lock: threading.RLock,
    clock: Clock,
    operation: Operation[T],
    timeout: float | None,
    *,
    pause: Callable[[], object] | None = None,
    timers: Clock | MovingTimer | None = None,
) -> T:
    """Attempt until it is done, suspending this task in between.

    Args:
        lock: The stream's.
        clock: What the timeout is counted on.
        operation: What is to be done.
        timeout: Seconds; None for no limit.
        pause: Called before each sleep, with the lock free.
        timers: What calls back when the time is over; the clock if None.

    Raises:
        StreamTimeoutError: It was not done within ``timeout`` seconds; 0 tries once.
        ClockError: It needs a timer, and this clock has none on this event loop.
    """
    sleeper = _SleepingTask(lock, clock, operation, timeout)
    while (result := sleeper.attempt()) is PENDING:
        timer = None
        try:
            if pause is not None:
                pause()
            if sleeper.alarm is not None:
                timer = (timers or clock).call_at(sleeper.alarm, sleeper.stir)
            await sleeper.future
        except BaseException as error:
            sleeper.give_up(error)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if not sleeper.woken:
            sleeper.resume()
    return result


__all__ = ["PENDING", "Operation", "Pending", "WaitList", "wait_in_task", "wait_in_thread"]
