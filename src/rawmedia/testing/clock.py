"""Time for tests: a clock that jumps to the next timer, and one that runs faster."""

from __future__ import annotations

import asyncio
import concurrent.futures
import selectors
import threading
import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rawmedia.errors import ClockError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from concurrent.futures import Executor

T = TypeVar("T")

# A job in a thread that takes longer than this of real time is reported instead of waited for.
_THREAD_PATIENCE_S = 60.0
_MAX_TASKS_NAMED = 8
# As many as asyncio's own pool has at most.
_MAX_THREADS = 32
# Longer than a week of virtual time nothing runs unless it is asked to.
_LIMIT_S = 7 * 86_400.0
# So many turns of the loop at one moment of virtual time are some minutes of real time, in which
# something goes round and round.
_MAX_TURNS = 20_000_000
_STUCK_TURNS = 1_000


class VirtualClock:
    """A clock whose time stands still while there is work and jumps when there is none.

    ``run`` gives a coroutine an event loop on this time: an hour of call takes as long as
    its computing does, and every run takes the same steps. ``asyncio.sleep``,
    ``asyncio.timeout`` and the library's own timeouts all count in it.

    Other runners take ``new_event_loop`` as their factory of loops::

        asyncio.run(main(), loop_factory=clock.new_event_loop)  # Python 3.12
        asyncio.Runner(loop_factory=clock.new_event_loop)
        anyio.run(main, backend_options={"loop_factory": clock.new_event_loop})


        @pytest.fixture  # anyio's plugin for pytest
        def anyio_backend(clock: VirtualClock) -> tuple[str, dict[str, object]]:
            return "asyncio", {"loop_factory": clock.new_event_loop}


        def pytest_asyncio_loop_factories(config, item):  # pytest-asyncio from 1.4 on
            return {"virtual": VirtualClock().new_event_loop}

    Where a runner makes the clock out of sight, ``VirtualClock.running()`` finds it.

    Work that real time rules can't take part: sockets and processes are refused with a
    ``ClockError``, as is a thread that waits on a stream of this clock. Jobs in threads that the
    loop knows of (``asyncio.to_thread``, the loop's executor, ``anyio.to_thread``) may run, and
    time stands still meanwhile; one that takes longer than a minute of real time is an error,
    as when it waits on a stream of another clock. Nothing hangs: where everything waits and no
    timer is set, where time passes for more than a week, and where something turns round
    and round at one moment, a ``ClockError`` says who.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds of virtual time."""
        return self._now

    @staticmethod
    def running() -> VirtualClock:
        """The clock of the running event loop.

        Raises:
            ClockError: That loop is on no virtual clock.
            RuntimeError: No loop is running.
        """
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop):
            raise ClockError(
                "the running event loop is on real time; make it with VirtualClock.new_event_loop"
            )
        return loop.clock

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

    def run(self, main: Coroutine[Any, Any, T], *, limit: float = _LIMIT_S) -> T:
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

    def new_event_loop(self, *, limit: float = _LIMIT_S) -> asyncio.AbstractEventLoop:
        """An event loop on this clock, for runners that want a factory.

        Args:
            limit: Seconds of virtual time after which what runs on it counts as endless.
        """
        return VirtualLoop(self, limit)

    def _require_loop(self) -> VirtualLoop:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop) or loop.clock is not self:
            raise ClockError(
                "a virtual clock's timers need its own event loop; start with VirtualClock.run(main())"
            )
        return loop


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that moves its clock instead of waiting."""

    def __init__(self, clock: VirtualClock, limit: float = _LIMIT_S) -> None:
        self.clock = clock
        self._limit = clock.now() + limit
        self._jobs = 0
        self._turns = 0
        self._workers = _Workers()
        self._patient = True
        super().__init__(_JumpingSelector(self))
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Seconds of virtual time."""
        return self.clock.now()

    def run_in_executor(  # type: ignore[override]  # typeshed's version-dependent generics
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run a job in a thread; virtual time stands still until it is done."""
        if executor is None:
            job = asyncio.wrap_future(self._workers.submit(partial(func, *args)), loop=self)
        else:
            job = super().run_in_executor(executor, func, *args)
        self._jobs += 1
        job.add_done_callback(self._job_done)
        return job

    async def shutdown_default_executor(self, *_args: Any) -> None:
        """Wait for jobs in threads that are still running, in real time, unless one of them hangs."""
        self._jobs += 1
        try:
            while self._patient and (unfinished := self._workers.unfinished()):
                await asyncio.wait([asyncio.wrap_future(job, loop=self) for job in unfinished])
        finally:
            self._jobs -= 1

    def _busy(self) -> bool:
        """Whether a thread computes something that the loop waits for."""
        if self._jobs or threading.active_count() == 1:
            return bool(self._jobs)
        return any(map(self._works_for_anyio, threading.enumerate()))

    def _works_for_anyio(self, thread: object) -> bool:
        """Whether it is a worker of `anyio.to_thread` for this loop, and is not idle."""
        if getattr(thread, "loop", None) is not self:
            return False
        idle = getattr(thread, "idle_workers", None)
        return idle is not None and thread not in idle and not getattr(thread, "stopping", False)

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
        self._turns = 0
        self.clock._now = max(self.clock._now, timers[0].when())
        if self.clock._now > self._limit:
            raise ClockError(
                f"still running after {self._limit:g} s of virtual time: {self._waiting()}"
            )

    def _turn(self) -> None:
        """Count what is done without time passing, which may be much but not endless."""
        self._turns += 1
        if self._turns > _MAX_TURNS:
            self._turns = 0
            raise ClockError(
                f"virtual time has stood still at {self.clock.now():g} s for {_MAX_TURNS} turns of "
                f"the loop, while something always had more to do: {self._waiting()}"
            )
        # What is due within its resolution the loop calls now. Two who wait for times that are a
        # rounding error ahead are called, find that it has not come, and ask again, for ever.
        if self._turns % _STUCK_TURNS == 0:
            timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
            if timers and timers[0].when() <= self.clock._now + self._clock_resolution:
                self.clock._now = max(self.clock._now, timers[0].when())

    def _waiting(self) -> str:
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
        places = [f"{task.get_name()} in {_place(task)}" for task in tasks[:_MAX_TASKS_NAMED]]
        if len(tasks) > _MAX_TASKS_NAMED:
            places.append(f"{len(tasks) - _MAX_TASKS_NAMED} more")
        return "; ".join(places) or "no task is left"


class _Workers:
    """Threads that do jobs and don't keep a process from ending.

    asyncio's own pool does: a job that waits for ever would turn the error that says so into an
    interpreter that never exits.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[concurrent.futures.Future[Any], Callable[[], Any]]] = deque()
        self._unfinished: set[concurrent.futures.Future[Any]] = set()
        self._count = 0

    def submit(self, call: Callable[[], T]) -> concurrent.futures.Future[T]:
        """Have a job done by a thread, when one is free."""
        job: concurrent.futures.Future[T] = concurrent.futures.Future()
        with self._lock:
            self._waiting.append((job, call))
            self._unfinished.add(job)
            start = self._count < _MAX_THREADS
            self._count += start
        if start:
            threading.Thread(target=self._work, name="job of a virtual loop", daemon=True).start()
        return job

    def unfinished(self) -> list[concurrent.futures.Future[Any]]:
        """The jobs that wait or run."""
        with self._lock:
            return list(self._unfinished)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._count -= 1
                    return
                job, call = self._waiting.popleft()
            try:
                if job.set_running_or_notify_cancel():
                    _do(job, call)
            finally:
                with self._lock:
                    self._unfinished.discard(job)


def _do(job: concurrent.futures.Future[T], call: Callable[[], T]) -> None:
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it is raised where the job is awaited
        job.set_exception(error)
    else:
        job.set_result(result)


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
            self._loop._turn()
            return ready
        if self._loop._busy():
            ready = self._real.select(_THREAD_PATIENCE_S)
            if not ready:
                self._loop._patient = False
                raise ClockError(
                    f"a job in a thread took more than {_THREAD_PATIENCE_S:g} s of real time; "
                    "if it waits on a stream of another clock, give the stream this one"
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
