"""Time for tests: it jumps, it never hangs, and it says what it can't do."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.errors import ClockError, StreamTimeoutError
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing import clock as clock_module
from rawmedia.testing.clock import ScaledClock, VirtualClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def test_an_hour_takes_no_time() -> None:
    clock = VirtualClock(start=50.0)

    async def main() -> str:
        await asyncio.sleep(3_600)
        return "done"

    before = time.monotonic()
    assert clock.run(main()) == "done"
    assert time.monotonic() - before < 5
    assert clock.now() == 3_650.0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.floats(0, 1e6))
def test_sleepers_wake_exactly_at_their_time_and_in_order(times: list[float], start: float) -> None:
    """A sum of rounded pieces would be off by a hair, and tests would compare with a tolerance."""
    clock = VirtualClock(start)
    woken: list[tuple[float, float]] = []

    async def sleeper(when: float) -> None:
        await clock.sleep_until(when)
        woken.append((when, clock.now()))

    async def main() -> None:
        await asyncio.gather(*(sleeper(when) for when in times))

    clock.run(main(), limit=1e9)
    for when, now in woken:
        assert max(when, start) - 1e-9 <= now <= max(when, start) + 1e-9
    future = [when for when, _ in woken if when > start]
    assert future == pytest.approx(sorted(future), abs=1e-9)
    assert clock.now() == max(start, *times)


def test_everything_counts_in_virtual_time() -> None:
    clock = VirtualClock()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.sleep(11)
        assert loop.time() == clock.now() == 10
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 5)
        assert clock.now() == 15
        with pytest.raises(StreamTimeoutError):
            await InboundAudioStream(clock=clock).arecv(timeout=2.5)
        assert clock.now() == 17.5
        due = asyncio.Event()
        clock.call_at(20, due.set)
        clock.call_at(18, due.set).cancel()
        await due.wait()
        assert clock.now() == 20

    clock.run(main())


def test_time_stands_still_while_there_is_work() -> None:
    clock = VirtualClock()

    async def main() -> None:
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert clock.now() == 0
        await clock.sleep_until(-5)
        assert clock.now() == 0

    clock.run(main())


def test_every_run_takes_the_same_steps() -> None:
    def steps() -> list[tuple[float, int]]:
        clock = VirtualClock()
        seen: list[tuple[float, int]] = []

        async def worker(number: int) -> None:
            for _ in range(20):
                await asyncio.sleep(number * 0.007)
                seen.append((clock.now(), number))

        async def main() -> None:
            await asyncio.gather(*(worker(number) for number in range(1, 8)))

        clock.run(main())
        return seen

    assert steps() == steps()


def test_a_clock_goes_on_from_run_to_run() -> None:
    clock = VirtualClock()
    clock.run(asyncio.sleep(5))
    clock.run(asyncio.sleep(5), limit=6)
    assert clock.now() == 10


# What cannot be.


def test_a_deadlock_is_an_error_that_names_who_waits_and_where() -> None:
    clock = VirtualClock()
    stream = InboundAudioStream(clock=clock)

    async def reader_of_nothing() -> None:
        await stream.arecv()

    async def main() -> None:
        await asyncio.create_task(reader_of_nothing(), name="the reader")

    with pytest.raises(ClockError) as deadlock:
        clock.run(main())
    text = str(deadlock.value)
    assert "everything waits" in text
    assert "the reader in " in text
    assert "reader_of_nothing (test_virtual_clock.py:" in text
    assert "AudioReader.arecv (reader.py:" in text


def test_a_deadlock_of_many_names_some() -> None:
    async def main() -> None:
        await asyncio.gather(*(asyncio.Event().wait() for _ in range(30)))

    with pytest.raises(ClockError, match="23 more"):
        VirtualClock().run(main())


def test_a_deadlock_without_tasks_says_so() -> None:
    loop = VirtualClock().new_event_loop()
    try:
        with pytest.raises(ClockError, match="no task is left"):
            loop.run_forever()
    finally:
        loop.close()


def test_what_never_ends_is_stopped_at_a_limit() -> None:
    clock = VirtualClock()

    async def forever() -> None:
        while await asyncio.sleep(60, result=True):
            pass

    with pytest.raises(ClockError, match="still running after 3600 s") as endless:
        clock.run(forever(), limit=3_600)
    assert "forever" in str(endless.value)
    assert clock.now() <= 3_660


def test_tasks_of_a_stopped_run_are_cancelled() -> None:
    ends: list[str] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cleaned up")

    with pytest.raises(ClockError):
        VirtualClock().run(main())
    assert ends == ["cleaned up"]


def test_a_thread_cannot_wait_in_virtual_time() -> None:
    """It would wait for a clock that waits for it."""
    clock = VirtualClock()
    outbound = OutboundAudioStream(capacity_ms=20, clock=clock)
    for wait in (
        InboundAudioStream(clock=clock).recv,
        lambda: InboundAudioStream(clock=clock).recv(timeout=5),
        lambda: outbound.send(bytes(10_000)),
        outbound.drain,
    ):
        with pytest.raises(ClockError, match="ScaledClock"):
            wait()

    async def main() -> None:
        with pytest.raises(ClockError, match="async door"):
            await asyncio.to_thread(InboundAudioStream(clock=clock).recv)

    clock.run(main())


def test_a_thread_need_not_wait_for_what_is_there_or_past() -> None:
    clock = VirtualClock()
    free, held = threading.Lock(), threading.Lock()
    held.acquire()
    assert clock.wait(free, None) is True
    assert clock.wait(held, 0.0) is False


def test_its_timers_need_its_own_loop() -> None:
    clock = VirtualClock()

    async def main() -> None:
        with pytest.raises(ClockError, match="its own event loop"):
            await clock.sleep_until(1)
        with pytest.raises(ClockError, match="its own event loop"):
            clock.call_at(1, print)

    asyncio.run(main())
    VirtualClock().run(main())


async def wait_for_a_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        await asyncio.get_running_loop().sock_recv(ours, 1)


async def connect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        await asyncio.open_connection("127.0.0.1", server.getsockname()[1])


async def serve() -> None:
    await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)


async def start_a_process() -> None:
    await asyncio.create_subprocess_exec(sys.executable, "-c", "")


async def start_a_shell() -> None:
    await asyncio.create_subprocess_shell("true")


@pytest.mark.parametrize(
    "wait", [wait_for_a_socket, connect, serve, start_a_process, start_a_shell]
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # asyncio's own, of what it began to open
def test_what_lives_in_real_time_is_refused_at_once(wait: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        with pytest.raises(ClockError, match="virtual time"):
            await wait()

    VirtualClock().run(main())


def test_a_refusal_inside_a_callback_ends_the_run() -> None:
    """asyncio begins to watch a pipe in a callback; an error there is only logged elsewhere."""
    reading, writing = os.pipe()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with os.fdopen(reading, "rb") as pipe:
            transport, _ = await loop.connect_read_pipe(asyncio.Protocol, pipe)
            try:
                await asyncio.sleep(1)
            finally:
                transport.close()

    try:
        with pytest.raises(ClockError, match="socket or pipe"):
            VirtualClock().run(main())
    finally:
        os.close(writing)


def test_other_errors_in_callbacks_are_logged_as_ever() -> None:
    contexts: list[dict[str, object]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: contexts.append(context))
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    VirtualClock().run(main())
    assert [type(context["exception"]) for context in contexts] == [ZeroDivisionError]


# Threads that compute.


def test_a_job_in_a_thread_takes_no_virtual_time() -> None:
    clock = VirtualClock()
    go = threading.Event()

    async def main() -> tuple[int, list[float]]:
        ticks: list[float] = []

        async def tick() -> None:
            while True:
                await asyncio.sleep(1)
                ticks.append(clock.now())

        ticking = asyncio.create_task(tick())
        asyncio.get_running_loop().call_soon(go.set)

        def job() -> int:
            assert go.wait(20)
            return sum(range(100_000))

        result = await asyncio.to_thread(job)
        seen = list(ticks)
        await asyncio.sleep(2.5)
        ticking.cancel()
        assert len(ticks) == 2
        return result, seen

    assert clock.run(main()) == (4_999_950_000, [])
    assert clock.now() == 2.5


def test_a_job_that_fails_or_is_cancelled_lets_time_go_on() -> None:
    clock = VirtualClock()
    release = threading.Event()

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        job = asyncio.ensure_future(asyncio.to_thread(release.wait, 20))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        job.cancel()
        await asyncio.sleep(100)
        release.set()

    clock.run(main())
    assert clock.now() == 100


def test_a_job_that_hangs_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_module, "_THREAD_PATIENCE_S", 0.05)
    release = threading.Event()

    async def main() -> None:
        try:
            await asyncio.to_thread(release.wait, 20)
        finally:
            release.set()

    with pytest.raises(ClockError, match=r"more than 0\.05 s of real time"):
        VirtualClock().run(main())


# The scaled sister.


def test_a_scaled_clock_is_real_time_faster() -> None:
    clock = ScaledClock(1_000)
    assert 0 <= clock.now() < 60_000

    async def main() -> None:
        start = clock.now()
        await clock.sleep_until(start + 20)
        assert clock.now() >= start + 20 - 1e-3
        due = asyncio.Event()
        timer = clock.call_at(clock.now() + 5, due.set)
        assert timer.when() - asyncio.get_running_loop().time() <= 0.005
        await asyncio.wait_for(due.wait(), 20)
        await clock.sleep_until(0)

    before = time.monotonic()
    asyncio.run(main())
    assert 0.024 < time.monotonic() - before < 10


def test_threads_and_processes_work_with_a_scaled_clock() -> None:
    clock = ScaledClock(1_000)
    stream = InboundAudioStream(clock=clock)
    with pytest.raises(StreamTimeoutError):
        stream.recv(timeout=10)

    async def main() -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "raise SystemExit(7)")
        return await process.wait()

    assert asyncio.run(main()) == 7
    held = threading.Lock()
    assert clock.wait(held, None) is True


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_that_makes_no_sense_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        ScaledClock(speed)


def test_a_wait_that_is_a_rounding_error_long_ends_though_others_are_busy() -> None:
    """A timeout that is what is left until a sum of frames differs from nothing by 7e-18 s."""
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)

    async def main() -> None:
        await clock.sleep_until(0.04)
        over = asyncio.Event()

        async def busy() -> None:
            while not over.is_set():  # noqa: ASYNC110 - it is to be busy
                await asyncio.sleep(0)

        working = asyncio.create_task(busy())
        with pytest.raises(StreamTimeoutError):
            await stream.aready(timeout=7e-18)
        over.set()
        await working
        assert clock.now() == pytest.approx(0.04)

    clock.run(main())
