"""Waiting for something that a stream can do later, by a thread or by a task: one body, two doors.

What may have to wait is an `Operation`: it is attempted under the stream's lock until it
gives something other than ``PENDING``. Between two attempts the caller sleeps in a
`WaitList` and is woken only when another attempt makes sense.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from rawmedia.errors import StreamTimeoutError
    from rawmedia.streams.clock import Clock


class Pending(enum.Enum):
    """What an attempt gives when it could not be done yet."""

    PENDING = enum.auto()


PENDING: Final = Pending.PENDING
T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Operation(Protocol[T_co]):
    """Something that is attempted until it is done, has failed or is given up. All under the lock."""

    def attempt(self) -> T_co | Literal[Pending.PENDING]:
        """Do it if it can be done now; may do a part of it."""
        ...

    def waiters(self) -> WaitList:
        """Where to sleep until the next attempt."""
        ...

    def abandon(self, error: BaseException) -> None:
        """The caller gives up because of ``error`` (a timeout, a cancellation); leave no trace."""
        ...

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        """What to raise when ``timeout`` seconds were not enough."""
        ...

    def retry_at(self) -> float | None:
        """When, on the clock, another attempt makes sense though nobody wakes the caller."""
        ...


class _ThreadWaiter:
    """A sleeping thread."""

    __slots__ = ("signal", "woken")

    def __init__(self) -> None:
        self.signal = threading.Lock()
        self.signal.acquire()
        self.woken = False

    def wake(self) -> None:
        self.woken = True
        self.signal.release()


class _TaskWaiter:
    """A sleeping task."""

    __slots__ = ("_loop", "future", "woken")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self._loop.create_future()
        self.woken = False

    def wake(self) -> None:
        self.woken = True
        # On the task's own loop a plain call is enough; call_soon_threadsafe writes to a
        # pipe and costs three times as much.
        if asyncio._get_running_loop() is self._loop:
            self.stir()
            return
        # A RuntimeError says that its loop is closed, so nobody waits there any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.stir)

    def stir(self) -> None:
        """Let the task run, woken or not."""
        if not self.future.done():
            self.future.set_result(None)


class WaitList:
    """Who sleeps, in the order in which they came. All under the stream's lock."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: deque[_ThreadWaiter | _TaskWaiter] = deque()

    def __len__(self) -> int:
        return len(self._waiters)

    def join(self, waiter: _ThreadWaiter | _TaskWaiter) -> None:
        """Sleep at the end of the list."""
        self._waiters.append(waiter)

    def leave(self, waiter: _ThreadWaiter | _TaskWaiter) -> None:
        """Stop sleeping unasked; a wake-up that came meanwhile goes to the next in the list."""
        if waiter.woken:
            self.wake_one()
        else:
            self._waiters.remove(waiter)

    def wake_one(self) -> None:
        """Wake whoever has slept longest, if anybody does."""
        if self._waiters:
            self._waiters.popleft().wake()

    def wake_all(self) -> None:
        """Wake everybody."""
        while self._waiters:
            self._waiters.popleft().wake()


def wait_in_thread(
    lock: threading.Lock,
    clock: Clock,
    operation: Operation[T],
    timeout: float | None,
) -> T:
    """Attempt until it is done, blocking this thread in between.

    Raises:
        StreamTimeoutError: It was not done within ``timeout`` seconds; 0 tries once.
        ClockError: It would have to wait, and a thread can't wait on this clock.
    """
    deadline: float | None = None
    while True:
        with lock:
            result = operation.attempt()
            if result is not PENDING:
                return result
            if timeout is not None:
                now = clock.now()
                deadline = now + timeout if deadline is None else deadline
                if now >= deadline:
                    raise _timed_out(operation, timeout)
            waiter = _ThreadWaiter()
            waiters = operation.waiters()
            waiters.join(waiter)
            alarm = _earliest(deadline, operation.retry_at())
        try:
            woken = clock.wait(waiter.signal, alarm)
        except BaseException as error:
            with lock:
                waiters.leave(waiter)
                operation.abandon(error)
            raise
        if not woken:
            with lock:
                waiters.leave(waiter)


async def wait_in_task(
    lock: threading.Lock,
    clock: Clock,
    operation: Operation[T],
    timeout: float | None,
) -> T:
    """Attempt until it is done, suspending this task in between.

    Raises:
        StreamTimeoutError: It was not done within ``timeout`` seconds; 0 tries once.
    """
    deadline: float | None = None
    while True:
        with lock:
            result = operation.attempt()
            if result is not PENDING:
                return result
            if timeout is not None:
                now = clock.now()
                deadline = now + timeout if deadline is None else deadline
                if now >= deadline:
                    raise _timed_out(operation, timeout)
            waiter = _TaskWaiter()
            waiters = operation.waiters()
            waiters.join(waiter)
            alarm = _earliest(deadline, operation.retry_at())
        timer = None if alarm is None else clock.call_at(alarm, waiter.stir)
        try:
            await waiter.future
        except BaseException as error:
            with lock:
                waiters.leave(waiter)
                operation.abandon(error)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if not waiter.woken:
            with lock:
                waiters.leave(waiter)


def _timed_out(operation: Operation[T], timeout: float) -> StreamTimeoutError:
    error = operation.timeout_error(timeout)
    operation.abandon(error)
    return error


def _earliest(deadline: float | None, retry_at: float | None) -> float | None:
    if deadline is None or retry_at is None:
        return deadline if retry_at is None else retry_at
    return min(deadline, retry_at)


__all__ = ["PENDING", "Operation", "Pending", "WaitList", "wait_in_task", "wait_in_thread"]
