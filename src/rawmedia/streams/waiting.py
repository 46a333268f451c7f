"""Waiting for something that a stream can do later, by a thread or by a task: one body, two doors.

What may have to wait is an `Operation`: it is attempted under the stream's lock until it
gives something other than ``PENDING``. Between two attempts the caller sleeps in a
`WaitList` and is woken only when another attempt makes sense.
"""

from __future__ import annotations

import asyncio
import enum
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, Literal, Protocol, TypeVar

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
    """Something that is attempted until it is done, has failed or is given up.

    Everything but ``pause`` is called under the stream's lock.
    """

    def attempt(self) -> T_co | Literal[Pending.PENDING]:
        """Do it if it can be done now; may do a part of it. When it raises it leaves no trace."""
        ...

    def waiters(self) -> WaitList:
        """Where to sleep until the next attempt."""
        ...

    def pause(self) -> None:
        """The caller will sleep; what must not be done under the lock can be done here."""
        ...

    def abandon(self, error: BaseException) -> None:
        """Nobody waits any more because of ``error`` (a timeout, a cancellation); leave no trace.

        May come twice.
        """
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

    def __init__(self, _operation: Operation[object]) -> None:
        self.signal = threading.Lock()
        self.signal.acquire()
        self.woken = False

    def wake(self) -> bool:
        """Wake it; returns True."""
        self.woken = True
        self.signal.release()
        return True


class _TaskWaiter:
    """A sleeping task."""

    __slots__ = ("_loop", "_operation", "future", "woken")

    def __init__(self, operation: Operation[object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._operation = operation
        self.future: asyncio.Future[None] = self._loop.create_future()
        self.woken = False

    def wake(self) -> bool:
        """Wake it; returns whether it can still be woken."""
        self.woken = True
        # On the task's own loop a plain call is enough; call_soon_threadsafe writes to a
        # pipe and costs three times as much.
        if asyncio._get_running_loop() is self._loop:
            self.stir()
            return True
        try:
            self._loop.call_soon_threadsafe(self.stir)
        except RuntimeError as closed:  # the loop is, and its task will never run again
            self._operation.abandon(closed)
            return False
        return True

    def stir(self) -> None:
        """Let the task run, woken or not."""
        if not self.future.done():
            self.future.set_result(None)


_Waiter = _ThreadWaiter | _TaskWaiter
W = TypeVar("W", bound=_Waiter)


class WaitList:
    """Who sleeps, in the order in which they came. All under the stream's lock."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: deque[_Waiter] = deque()

    def __len__(self) -> int:
        return len(self._waiters)

    def join(self, waiter: _Waiter) -> None:
        """Sleep at the end of the list."""
        self._waiters.append(waiter)

    def leave(self, waiter: _Waiter) -> None:
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


class _Wait(Generic[T, W]):
    """One caller's wait, as far as threads and tasks do the same."""

    __slots__ = (
        "_clock",
        "_deadline",
        "_lock",
        "_operation",
        "_timeout",
        "_waiter_type",
        "_waiters",
        "alarm",
        "waiter",
    )

    def __init__(
        self,
        lock: threading.RLock,
        clock: Clock,
        operation: Operation[T],
        timeout: float | None,
        waiter_type: type[W],
    ) -> None:
        self._lock, self._clock, self._operation = lock, clock, operation
        self._timeout = timeout
        self._waiter_type = waiter_type
        self._deadline: float | None = None
        self._waiters: WaitList
        self.waiter: W
        self.alarm: float | None
        """When to try again though nobody woke it."""

    def attempt(self) -> T | Literal[Pending.PENDING]:
        """Attempt, and join those who sleep when it is pending."""
        with self._lock:
            result = self._operation.attempt()
            if result is not PENDING:
                return result
            self.alarm = self._operation.retry_at()
            if self._timeout is not None:
                self._check_deadline(self._timeout)
            self.waiter = self._waiter_type(self._operation)
            self._waiters = self._operation.waiters()
            self._waiters.join(self.waiter)
        return PENDING

    def resume(self) -> None:
        """Leave the list if it was not a wake-up that ended the sleep."""
        if not self.waiter.woken:
            with self._lock:
                self._waiters.leave(self.waiter)

    def give_up(self, error: BaseException) -> None:
        """Leave the list and the operation."""
        with self._lock:
            self._waiters.leave(self.waiter)
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


def wait_in_thread(
    lock: threading.RLock, clock: Clock, operation: Operation[T], timeout: float | None
) -> T:
    """Attempt until it is done, blocking this thread in between.

    Raises:
        StreamTimeoutError: It was not done within ``timeout`` seconds; 0 tries once.
        ClockError: It would have to wait, and a thread can't wait on this clock.
    """
    wait = _Wait(lock, clock, operation, timeout, _ThreadWaiter)
    while (result := wait.attempt()) is PENDING:
        try:
            operation.pause()
            clock.wait(wait.waiter.signal, wait.alarm)
        except BaseException as error:
            wait.give_up(error)
            raise
        wait.resume()
    return result


async def wait_in_task(
    lock: threading.RLock, clock: Clock, operation: Operation[T], timeout: float | None
) -> T:
    """Attempt until it is done, suspending this task in between.

    Raises:
        StreamTimeoutError: It was not done within ``timeout`` seconds; 0 tries once.
        ClockError: It needs a timer, and this clock has none on this event loop.
    """
    wait = _Wait(lock, clock, operation, timeout, _TaskWaiter)
    while (result := wait.attempt()) is PENDING:
        timer = None
        try:
            operation.pause()
            if wait.alarm is not None:
                timer = clock.call_at(wait.alarm, wait.waiter.stir)
            await wait.waiter.future
        except BaseException as error:
            wait.give_up(error)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        wait.resume()
    return result


__all__ = ["PENDING", "Operation", "Pending", "WaitList", "wait_in_task", "wait_in_thread"]
