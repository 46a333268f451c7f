"""The reading end: two doors, iteration, timeouts and cancelling."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_kit import FRAME, GUARD_S, NoticingClock, Worker, audio_of, cut, pcm, run, settle

from rawmedia.audio.format import SPEECH
from rawmedia.errors import (
    ClockError,
    EndOfStreamError,
    StreamClosedError,
    StreamFailedError,
    StreamTimeoutError,
)
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.testing.clock import VirtualClock

if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame


def test_both_doors_lead_to_one_buffer() -> None:
    stream = InboundAudioStream()
    stream.push(pcm(3 * FRAME))

    async def main() -> int:
        return (await stream.arecv()).position

    assert stream.recv().position == 0
    assert run(main()) == FRAME
    assert stream.recv().position == 2 * FRAME


def test_a_thread_waits_for_a_push() -> None:
    clock = NoticingClock()
    stream = InboundAudioStream(clock=clock)
    reader = Worker(stream.recv)
    clock.next_wait()
    stream.push(pcm(FRAME))
    assert reader.result().samples_per_channel == FRAME


def test_a_task_waits_for_a_push() -> None:
    stream = InboundAudioStream()

    async def main() -> AudioFrame:
        reader = asyncio.create_task(stream.arecv())
        await settle()
        stream.push(pcm(FRAME))
        return await reader

    assert run(main()).samples_per_channel == FRAME


def test_nothing_in_time_is_a_typed_error_and_the_stream_goes_on() -> None:
    clock = VirtualClock()
    stream = InboundAudioStream(clock=clock)

    async def main() -> None:
        with pytest.raises(StreamTimeoutError, match=r"recv waited 1\.5 s"):
            await stream.arecv(timeout=1.5)
        assert clock.now() == 1.5
        stream.push(pcm(FRAME))
        assert (await stream.arecv(timeout=1.5)).position == 0

    clock.run(main())
    with pytest.raises(StreamTimeoutError):
        stream.recv(timeout=0)


def test_a_thread_on_a_virtual_clock_is_told_so_only_if_it_would_wait() -> None:
    stream = InboundAudioStream(clock=VirtualClock())
    stream.push(pcm(FRAME))
    assert stream.recv().position == 0
    with pytest.raises(ClockError, match="arecv"):
        stream.recv()
    stream.push(pcm(FRAME))
    assert stream.recv().position == FRAME


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_cancelled_reads_lose_nothing(cancels: list[bool]) -> None:
    """Programs give up on a read all the time: a timeout, a race of two tasks."""
    stream = InboundAudioStream(capacity_ms=60_000, clock=VirtualClock())
    data = pcm(len(cancels) * FRAME)

    async def main() -> list[AudioFrame]:
        received = []
        for piece, cancel in zip(cut(data, [FRAME] * len(cancels)), cancels, strict=False):
            reader = asyncio.create_task(stream.arecv())
            await asyncio.sleep(0)
            stream.push(piece)
            if cancel:
                reader.cancel()  # woken already, and not yet run
            with contextlib.suppress(asyncio.CancelledError):
                received.append(await reader)
        stream.end()
        return [*received, *[frame async for frame in stream]]

    frames = VirtualClock().run(main())
    assert audio_of(frames) == data
    assert stream.stats.frames == len(cancels)


def test_a_timed_out_anext_does_not_end_the_iteration() -> None:
    """It would, if the iterator were an async generator."""
    clock = VirtualClock()
    stream = InboundAudioStream(clock=clock)

    async def main() -> list[int]:
        frames = aiter(stream)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await anext(frames)
        stream.push(pcm(2 * FRAME))
        stream.end()
        return [frame.position async for frame in frames]

    assert clock.run(main()) == [0, FRAME]


def test_iteration_ends_with_the_stream_and_only_then() -> None:
    stream = InboundAudioStream()
    stream.push(pcm(FRAME))
    stream.end()
    assert len(list(stream)) == 1
    assert list(stream) == []

    failed = InboundAudioStream()
    failed.push(pcm(FRAME))
    failed.fail(OSError("cut"))
    assert next(failed).position == 0
    with pytest.raises(StreamFailedError, match="OSError: cut"):
        next(failed)

    async def main() -> None:
        await failed.aclose()
        async for _ in failed:
            raise AssertionError

    with pytest.raises(StreamClosedError):
        run(main())


def test_several_readers_share_the_frames() -> None:
    stream = InboundAudioStream(capacity_ms=60_000)

    async def main() -> list[AudioFrame]:
        async def read() -> list[AudioFrame]:
            return [frame async for frame in stream]

        readers = [asyncio.create_task(read()) for _ in range(3)]
        await settle()
        for _ in range(30):
            stream.push(pcm(FRAME))
            await asyncio.sleep(0)
        stream.end()
        parts = await asyncio.gather(*readers)
        assert all(parts)
        return [frame for part in parts for frame in part]

    frames = run(main())
    assert sorted(frame.position for frame in frames) == [n * FRAME for n in range(30)]


def test_every_piece_of_filled_silence_wakes_a_reader() -> None:
    """One push after a hole is several frames for several who wait."""
    stream = InboundAudioStream(fill_gaps=True)
    stream.push(pcm(FRAME))
    stream.recv(timeout=0)

    async def main() -> list[AudioFrame]:
        readers = [asyncio.create_task(stream.arecv()) for _ in range(3)]
        await settle()
        stream.push(pcm(FRAME), position=3 * FRAME)
        return await asyncio.gather(*readers)

    assert [(frame.position, frame.filler) for frame in run(main())] == [
        (FRAME, True),
        (2 * FRAME, True),
        (3 * FRAME, False),
    ]


def test_leaving_the_context_closes() -> None:
    with InboundAudioStream() as stream:
        stream.push(pcm(FRAME))
    with pytest.raises(StreamClosedError):
        stream.recv()

    async def main() -> InboundAudioStream:
        async with InboundAudioStream() as inner:
            return inner

    with pytest.raises(StreamClosedError):
        run(main()).recv()


def test_clearing_gives_the_milliseconds_and_keeps_what_is_unfinished() -> None:
    stream = InboundAudioStream()
    data = pcm(2 * FRAME + 10)
    stream.push(data)
    assert stream.clear() == 40
    stream.push(pcm(FRAME - 10, seed=2))
    (frame,) = [stream.recv(timeout=0)]
    assert bytes(frame) == data[-20:] + pcm(FRAME - 10, seed=2)
    assert stream.stats.discarded_ms == 40
    assert stream.clear() == 0


def test_a_reader_says_what_it_gives() -> None:
    stream = InboundAudioStream(SPEECH, frame_ms=10)
    assert (stream.format, stream.frame_ms) == (SPEECH, 10)
    stream.push(pcm(400))
    assert stream.recv().duration_ms == 10
    stats = stream.reader_stats
    assert (stats.buffered_ms, stats.frames) == (10, 1)
    assert stream.stats.buffered_ms == 15


def test_the_end_wakes_every_thread_that_waits() -> None:
    clock = NoticingClock()
    stream = InboundAudioStream(clock=clock)
    tap = stream.tap()
    readers = [Worker(stream.recv), Worker(stream.recv), Worker(tap.recv)]
    clock.next_wait(3)
    stream.end()
    for reader in readers:
        assert isinstance(reader.error(), EndOfStreamError)


def test_a_timed_out_thread_leaves_the_frame_to_the_next() -> None:
    clock = NoticingClock()
    stream = InboundAudioStream(clock=clock)
    hasty, patient = (
        Worker(lambda: stream.recv(timeout=0.005)),
        Worker(lambda: stream.recv(timeout=GUARD_S)),
    )
    assert isinstance(hasty.error(), StreamTimeoutError)
    stream.push(pcm(FRAME))
    assert patient.result().position == 0
