"""Virtual time under other people's runners and threads: it works or says why not, and never hangs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from rawmedia.errors import ClockError
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.testing import clock as clock_module
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.signals import tone

if TYPE_CHECKING:
    from collections.abc import Callable

anyio = pytest.importorskip("anyio")
pytest_plugins = ["pytester"]

HOUR = 3_600


async def sleep_an_hour() -> float:
    await asyncio.sleep(HOUR)
    return VirtualClock.running().now()


# Ways of making loops.


def test_a_runner_of_the_standard_library_takes_the_factory() -> None:
    clock = VirtualClock(7)
    with asyncio.Runner(loop_factory=clock.new_event_loop) as runner:
        assert runner.run(sleep_an_hour()) == HOUR + 7
        assert runner.run(sleep_an_hour()) == 2 * HOUR + 7


def test_anyio_runs_on_it_and_its_timeouts_and_groups_count_in_it() -> None:
    clock = VirtualClock()

    async def main() -> list[float]:
        seen: list[float] = []

        async def worker(seconds: float) -> None:
            await anyio.sleep(seconds)
            seen.append(anyio.current_time())

        with anyio.move_on_after(HOUR) as scope:
            async with anyio.create_task_group() as group:
                for seconds in (30, 10, 20, 2 * HOUR):
                    group.start_soon(worker, seconds)
        assert scope.cancelled_caught
        seen.append(clock.now())
        return seen

    options = {"loop_factory": clock.new_event_loop}
    assert anyio.run(main, backend_options=options) == [10, 20, 30, HOUR]


def test_time_stands_still_while_a_thread_of_anyio_computes() -> None:
    """A timer of virtual time would otherwise come before any thread gets to run."""
    clock = VirtualClock()

    async def main() -> list[float]:
        async def tick() -> None:
            while True:
                await anyio.sleep(1)

        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            result = await anyio.to_thread.run_sync(time_after_a_while, clock)
            asked = await anyio.to_thread.run_sync(anyio.from_thread.run, one_after_a_turn)
            seen = [result, asked, clock.now()]
            await anyio.sleep(5)  # time goes on beside a worker that is idle
            group.cancel_scope.cancel()
        return [*seen, clock.now()]

    options = {"loop_factory": clock.new_event_loop}
    assert anyio.run(main, backend_options=options) == [0, 1, 0, 5]


def time_after_a_while(clock: VirtualClock) -> float:
    """In a thread that computes for longer than a loop takes to come round."""
    assert not threading.Event().wait(0.05)
    return clock.now()


async def one_after_a_turn() -> int:
    await asyncio.sleep(0)
    return 1


def test_a_pytest_with_anyio_runs_tests_in_virtual_time(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import anyio, pytest
        from rawmedia.testing.clock import VirtualClock

        @pytest.fixture
        def clock():
            return VirtualClock()

        @pytest.fixture
        def anyio_backend(clock):
            return "asyncio", {"loop_factory": clock.new_event_loop}

        @pytest.mark.anyio
        async def test_an_hour(clock):
            await anyio.sleep(3_600)
            assert clock.now() == 3_600
        """
    )
    begin = time.monotonic()
    pytester.runpytest_inprocess("-q", "-p", "no:asyncio").assert_outcomes(passed=1)
    assert time.monotonic() - begin < 60


def test_a_pytest_with_asyncio_runs_tests_in_virtual_time(pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_asyncio", minversion="1.4")
    pytester.makeconftest(
        """
        from rawmedia.testing.clock import VirtualClock

        def pytest_asyncio_loop_factories(config, item):
            return {"virtual": VirtualClock().new_event_loop}
        """
    )
    pytester.makepyfile(
        """
        import asyncio, pytest, pytest_asyncio
        from rawmedia.testing.clock import VirtualClock

        @pytest_asyncio.fixture
        async def begun():
            return VirtualClock.running().now()

        @pytest.mark.asyncio
        async def test_an_hour(begun):
            await asyncio.sleep(3_600)
            assert VirtualClock.running().now() == begun + 3_600
        """
    )
    scope = "asyncio_default_fixture_loop_scope=function"
    pytester.runpytest_inprocess("-q", "-o", scope).assert_outcomes(passed=1)


def test_a_loop_on_real_time_has_no_virtual_clock() -> None:
    async def main() -> None:
        with pytest.raises(ClockError, match="new_event_loop"):
            VirtualClock.running()

    asyncio.run(main())
    with pytest.raises(RuntimeError):
        VirtualClock.running()


# Never a hang.


@pytest.mark.parametrize("limit", [None, 100.0])
def test_what_never_ends_is_stopped_under_every_runner(limit: float | None) -> None:
    """`VirtualClock.run` alone would not help those who can't use it."""

    async def forever() -> None:
        while await asyncio.sleep(1_000, result=True):
            pass

    def factory() -> asyncio.AbstractEventLoop:
        clock = VirtualClock()
        return clock.new_event_loop() if limit is None else clock.new_event_loop(limit=limit)

    with (
        asyncio.Runner(loop_factory=factory) as runner,
        pytest.raises(ClockError, match="still running after"),
    ):
        runner.run(forever())


def test_going_round_at_one_moment_is_an_error_that_names_who(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A loop that polls with sleep(0) waits for time that waits for it."""
    monkeypatch.setattr(clock_module, "_MAX_TURNS", 1_000)

    async def poll_for_ever() -> None:
        while await asyncio.sleep(0, result=True):
            pass

    with pytest.raises(ClockError, match=r"stood still at 5 s .*poll_for_ever"):
        VirtualClock(5).run(poll_for_ever())


def test_much_work_at_many_moments_is_no_going_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_module, "_MAX_TURNS", 1_000)

    async def busy() -> None:
        for _ in range(20):
            for _ in range(900):
                await asyncio.sleep(0)
            await asyncio.sleep(1)

    VirtualClock().run(busy())


HANGING = """
import asyncio
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.testing import clock as clock_module

clock_module._THREAD_PATIENCE_S = 0.2
stream = InboundAudioStream()  # on real time, by mistake


async def main():
    await asyncio.to_thread(stream.recv)


clock_module.VirtualClock().run(main())
"""


def test_a_thread_that_waits_on_a_stream_of_real_time_ends_the_process_with_an_error() -> None:
    """asyncio's pool joins its threads at exit, and would wait for this one for ever."""
    done = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "ClockError: a job in a thread took more than 0.2 s of real time" in done.stderr
    assert "another clock" in done.stderr


def test_a_thread_of_nobodys_that_waits_on_a_stream_is_refused_and_so_is_who_waits_for_it() -> None:
    """The thread gets its error where it waits, and the loop does not wait for a dead thread."""
    clock = VirtualClock()
    errors: list[BaseException] = []

    async def main() -> None:
        stream, heard = InboundAudioStream(clock=clock), asyncio.Event()

        def listen() -> None:
            try:
                stream.recv()
            except ClockError as error:
                errors.append(error)

        thread = threading.Thread(target=listen)
        thread.start()
        thread.join(20)
        await heard.wait()

    with pytest.raises(ClockError, match="everything waits"):
        clock.run(main())
    assert "async door" in str(errors[0])


def test_a_thread_may_use_the_sync_door_for_what_is_there() -> None:
    """Only waiting is impossible; and a push from a thread wakes who waits on the loop."""
    clock = VirtualClock()

    async def main() -> tuple[float, float]:
        stream = InboundAudioStream(clock=clock)
        stream.push(tone(20))
        frame = await asyncio.to_thread(stream.recv)
        waiting = asyncio.create_task(stream.arecv())
        await asyncio.sleep(0)
        await asyncio.to_thread(stream.push, tone(40))
        return frame.duration_ms, (await waiting).start_ms

    assert clock.run(main()) == (20, 20)


# The threads of jobs.


def test_jobs_in_many_threads_all_come_back_and_none_is_left() -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*(asyncio.to_thread(pow, number, 2) for number in range(200)))

    before = threading.active_count()
    assert VirtualClock().run(main()) == [number**2 for number in range(200)]
    for _ in range(1_000):
        if threading.active_count() <= before:
            break
        time.sleep(0.005)
    assert threading.active_count() <= before


def test_an_executor_of_ones_own_is_used_as_it_is() -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
            return await loop.run_in_executor(pool, lambda: threading.current_thread().name)

    assert VirtualClock().run(main()).startswith("mine")


def test_a_run_ends_after_the_jobs_that_it_began() -> None:
    """As asyncio's own runner has it: a job writes its file to the end."""
    begun, release, done = threading.Event(), threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        assert release.wait(20)
        done.set()

    async def main() -> None:
        task = asyncio.ensure_future(asyncio.to_thread(job))
        assert await asyncio.to_thread(begun.wait, 20)
        task.cancel()
        threading.Timer(0.05, release.set).start()

    VirtualClock().run(main())
    assert done.is_set()


def test_a_job_that_is_cancelled_before_it_begins_is_not_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock_module, "_MAX_THREADS", 1)
    release = threading.Event()
    done: list[str] = []

    async def main() -> None:
        first = asyncio.ensure_future(asyncio.to_thread(release.wait, 20))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(asyncio.to_thread(done.append, "second"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second.cancel()
        for _ in range(3):
            await asyncio.sleep(0)
        release.set()
        assert await first
        await asyncio.sleep(1)

    VirtualClock().run(main())
    assert done == []


def raises(error: BaseException) -> Callable[[], Any]:
    def job() -> None:
        raise error

    return job


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_what_a_job_raises_is_raised_where_it_is_awaited(error: BaseException) -> None:
    async def main() -> None:
        with pytest.raises(type(error)):
            await asyncio.to_thread(raises(error))

    VirtualClock().run(main())
