"""Time for tests: a clock that jumps to the next timer, and one that runs faster."""

from __future__ import annotations

import asyncio
import selectors
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rawmedia.errors import ClockError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Coroutine, Mapping
    from concurrent.futures import Executor

T = TypeVar("T")

# A job in a thread that takes longer than this of real time is reported instead of waited for.
_THREAD_PATIENCE_S = 60.0
_MAX_TASKS_NAMED = 8


class VirtualClock:
    """A clock whose time stands still while there is work and jumps when there is none.

    ``run`` gives a coroutine an event loop on this time: an hour of call takes as long as
    its computing does, and every run takes the same steps. ``asyncio.sleep``,
    ``asyncio.timeout`` and the library's own timeouts all count in it.

    Work that real time rules can't take part: sockets and processes are refused with a
    ``ClockError``, as is a thread that waits on a stream. Jobs in the loop's executor
    (``asyncio.to_thread``) may run; time stands still meanwhile.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds of virtual time."""
        return self._now

    async def sleep_until(self, when: float) -> None:
        """Return when virtual time is ``when``.

        Raises:
            ClockError: The running loop is not this clock's.
        """
        loop = self._require_loop()
        if when <= self._now:
            await asyncio.sleep(0)
            return
        # Not asyncio.sleep: the sum of now and what is left is not always `when`.
        due = asyncio.Event()
        timer = loop.call_at(when, due.set)
        try:
            await due.wait()
        finally:
            timer.cancel()

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Call back at ``when``.

        Raises:
            ClockError: The running loop is not this clock's.
        """
        return self._require_loop().call_at(when, callback)

    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        """Take ``signal`` if it is free; a thread can't wait in virtual time.

        Raises:
            ClockError: It would have to wait.
        """
        if signal.acquire(blocking=False):
            return True
        if deadline is not None and deadline <= self._now:
            return False
        raise ClockError(
            "a thread can't wait in virtual time, because that jumps as soon as the event loop is idle; "
            "use the async door (arecv, asend, adrain), or a ScaledClock for threads"
        )

    def run(self, main: Coroutine[Any, Any, T], *, limit: float = 7 * 86_400.0) -> T:
        """Run a coroutine to its end on an event loop of this clock.

        Args:
            main: What to run.
            limit: Seconds of virtual time after which it counts as endless.

        Raises:
            ClockError: Everything waits and no timer is set (the error names what waits),
                the limit was passed, or something needs real time.
        """
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(self, limit)) as runner:
            return runner.run(main)

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """An event loop on this clock, for runners that want a factory."""
        return VirtualLoop(self)

    def _require_loop(self) -> VirtualLoop:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop) or loop.clock is not self:
            raise ClockError(
                "a virtual clock's timers need its own event loop; start with VirtualClock.run(main())"
            )
        return loop


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that moves its clock instead of waiting."""

    def __init__(self, clock: VirtualClock, limit: float = float("inf")) -> None:
        self.clock = clock
        self._limit = clock.now() + limit
        self._jobs = 0
        super().__init__(_JumpingSelector(self))
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Seconds of virtual time."""
        return self.clock.now()

    def run_in_executor(  # type: ignore[override]  # typeshed's version-dependent generics
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run a job in a thread; virtual time stands still until it is done."""
        job = super().run_in_executor(executor, func, *args)
        self._jobs += 1
        job.add_done_callback(self._job_done)
        return job

    async def shutdown_default_executor(self, *args: Any) -> None:
        """Wait for the threads of the executor, in real time."""
        self._jobs += 1
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self._jobs -= 1

    async def subprocess_exec(self, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse: a process lives in real time."""
        raise ClockError(
            "a process can't run in virtual time; use a ScaledClock, or a scripted fake"
        )

    async def subprocess_shell(self, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse: a process lives in real time."""
        raise ClockError(
            "a process can't run in virtual time; use a ScaledClock, or a scripted fake"
        )

    def _job_done(self, _: object) -> None:
        self._jobs -= 1

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Let a wait that this clock refuses end the run, though it came in a callback."""
        error = context.get("exception")
        if isinstance(error, ClockError) and "handle" in context:
            raise error
        super().call_exception_handler(context)

    def _jump(self) -> None:
        """Move the clock to the next timer."""
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        if not timers:
            raise ClockError(
                "everything waits, no timer is set, and real threads and sockets have no part in "
                f"virtual time: {self._waiting()}"
            )
        self.clock._now = max(self.clock._now, timers[0].when())
        if self.clock._now > self._limit:
            raise ClockError(
                f"still running after {self._limit:g} s of virtual time: {self._waiting()}"
            )

    def _waiting(self) -> str:
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
        places = [f"{task.get_name()} in {_place(task)}" for task in tasks[:_MAX_TASKS_NAMED]]
        if len(tasks) > _MAX_TASKS_NAMED:
            places.append(f"{len(tasks) - _MAX_TASKS_NAMED} more")
        return "; ".join(places) or "no task is left"


def _place(task: asyncio.Task[Any]) -> str:
    """Where a task waits: what it awaits in what, the line of each."""
    calls = []
    waiting: Any = task.get_coro()
    while frame := getattr(waiting, "cr_frame", None) or getattr(waiting, "ag_frame", None):
        name = Path(frame.f_code.co_filename).name
        calls.append(f"{frame.f_code.co_qualname} ({name}:{frame.f_lineno})")
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "ag_await", None)
    return " > ".join(calls) or "its start"


class _JumpingSelector(selectors.BaseSelector):
    """Where an event loop would sleep, move its clock; knows one file only, the loop's own wake-up pipe."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if self._loop._jobs:
            ready = self._real.select(_THREAD_PATIENCE_S)
            if not ready:
                raise ClockError(
                    f"a job in a thread took more than {_THREAD_PATIENCE_S:g} s of real time"
                )
            return ready
        self._loop._jump()
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self._real.get_map():
            raise ClockError(
                "a socket or pipe can't be waited for in virtual time; use a ScaledClock, or audio_pair"
            )
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class ScaledClock:
    """Real time, run faster or slower: for threads, processes and native engines in tests.

    Args:
        speed: Seconds of this clock per second of real time; 10 makes a minute last six seconds.

    Raises:
        ValueError: ``speed`` is not above 0.
    """

    def __init__(self, speed: float) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, got {speed}")
        self._speed = speed
        self._start = time.monotonic()

    def now(self) -> float:
        """Seconds of scaled time since the clock was made."""
        return (time.monotonic() - self._start) * self._speed

    async def sleep_until(self, when: float) -> None:
        """Return when scaled time is ``when``."""
        await asyncio.sleep(max(0.0, self._real_seconds(when)))

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Call back on the running loop when scaled time is ``when``."""
        return asyncio.get_running_loop().call_later(self._real_seconds(when), callback)

    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        """Block this thread until ``signal`` is released or scaled time is ``deadline``."""
        if deadline is None:
            return signal.acquire()
        return signal.acquire(timeout=max(0.0, self._real_seconds(deadline)))

    def _real_seconds(self, when: float) -> float:
        return (when - self.now()) / self._speed


__all__ = ["ScaledClock", "VirtualClock"]
