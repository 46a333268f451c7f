"""The program sends, a transport pulls: whole frames out of whatever came in."""

from __future__ import annotations

import asyncio
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_kit import FRAME, NoticingClock, Worker, audio_of, cut, pcm, run, samples, settle

from rawmedia.audio.format import SPEECH, TELEPHONY, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    ClockError,
    ConfigurationError,
    EndOfStreamError,
    PayloadError,
    StreamClosedError,
    StreamEndedError,
    StreamTimeoutError,
    UnsupportedFormatError,
)
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing.clock import VirtualClock

STEREO = AudioFormat(48_000, 2)
SOURCES = [SPEECH, TELEPHONY, WIDEBAND_VOICE, AudioFormat(22_050), STEREO]


def rest(stream: OutboundAudioStream) -> list[AudioFrame]:
    """Pull until the end."""
    frames = []
    while True:
        try:
            frames.append(stream.pull())
        except EndOfStreamError:
            return frames


@given(st.lists(st.integers(0, 1_000), max_size=10), st.sampled_from(SOURCES))
def test_where_the_program_cuts_does_not_change_what_is_pulled(
    cuts: list[int], source: AudioFormat
) -> None:
    """Synthesisers give what they like; a listener must not hear in what pieces."""
    data = pcm(sum(cuts) + 100, source)
    pulled = []
    for pieces in ([data], cut(data, cuts, source)):
        stream = OutboundAudioStream(capacity_ms=60_000)
        for piece in pieces:
            stream.send(AudioFrame(piece, source))
        stream.end()
        pulled.append(rest(stream))
    assert pulled[0] == pulled[1]
    if source == SPEECH:
        padding = -(sum(cuts) + 100) % FRAME
        assert audio_of(pulled[0]) == data + bytes(2 * padding)


@given(
    st.lists(st.integers(0, 1_000), max_size=8),
    st.sampled_from(SOURCES),
    st.integers(1, 5),
)
def test_how_a_send_has_to_wait_does_not_change_what_is_pulled(
    cuts: list[int], source: AudioFormat, capacity: int
) -> None:
    """Audio that goes piece by piece into the room that comes is the same audio."""
    data = pcm(sum(cuts) + 100, source)
    roomy = OutboundAudioStream(capacity_ms=60_000)
    roomy.send(AudioFrame(data, source))
    roomy.end()
    expected = rest(roomy)
    clock = VirtualClock()
    stream = OutboundAudioStream(capacity_ms=20 * capacity, clock=clock)

    async def send() -> None:
        for piece in cut(data, cuts, source):
            size = len(piece) // source.bytes_per_instant
            assert await stream.asend(AudioFrame(piece, source)) == size
        stream.end()

    async def main() -> list[AudioFrame]:
        frames = []
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(send())
            async for frame in stream.paced():
                assert stream.stats.buffered_ms < 20 * (capacity + 1) + 4
                if not frame.filler:
                    frames.append(frame)
        return frames

    assert audio_of(clock.run(main(), limit=20)) == audio_of(expected)


def test_every_pull_gives_a_whole_frame() -> None:
    stream = OutboundAudioStream()
    stream.send(pcm(FRAME + 5))
    frames = [stream.pull() for _ in range(3)]
    assert [frame.samples_per_channel for frame in frames] == [FRAME] * 3
    assert [frame.filler for frame in frames] == [False, True, True]
    assert [frame.position for frame in frames] == [0, FRAME, 2 * FRAME]
    assert bytes(frames[1]) == bytes(2 * FRAME)


@pytest.mark.parametrize("verb", ["end_segment", "end", "drain"])
def test_a_partial_tail_leaves_with_its_segment(verb: str) -> None:
    stream = OutboundAudioStream()
    stream.send(pcm(5))
    if verb == "drain":
        with pytest.raises(StreamTimeoutError):
            stream.drain(timeout=0)
    else:
        getattr(stream, verb)()
    assert bytes(stream.pull()) == pcm(5) + bytes(2 * (FRAME - 5))
    assert samples(stream.stats.padded_ms) == FRAME - 5


def test_silence_is_an_underrun_in_a_segment_and_idle_outside() -> None:
    stream = OutboundAudioStream()
    stream.pull()
    stream.send(pcm(FRAME))
    for _ in range(3):
        stream.pull()
    stream.send(pcm(FRAME))
    for _ in range(2):
        stream.pull()
    stream.end_segment()
    for _ in range(4):
        stream.pull()
    stats = stream.stats
    assert (stats.underruns, stats.underrun_ms, stats.idle_ms) == (2, 60, 100)


def test_nothing_sent_opens_no_segment() -> None:
    stream = OutboundAudioStream()
    assert stream.send(b"") == 0
    assert run(stream.asend(AudioFrame(b"", TELEPHONY))) == 0
    stream.pull()
    assert (stream.stats.underruns, stream.stats.idle_ms) == (0, 20)


def test_a_clear_ends_the_segment() -> None:
    stream = OutboundAudioStream()
    stream.send(pcm(FRAME))
    stream.clear()
    stream.pull()
    assert (stream.stats.underruns, stream.stats.idle_ms) == (0, 20)


@pytest.mark.parametrize("source", SOURCES)
def test_a_segment_of_another_rate_is_as_long_as_it_was(source: AudioFormat) -> None:
    """What a converter holds belongs to the segment; the sample count is rounded up, once."""
    stream = OutboundAudioStream(capacity_ms=10_000)
    length = -(-3_333 * 16_000 // source.sample_rate)
    padded = -length % FRAME
    for number in (1, 2):
        for piece in cut(pcm(3_333, source), [1, 1_000, 7, 999], source):
            stream.send(AudioFrame(piece, source))
        assert stream.sent_position == number * length
        stream.end_segment()
        assert samples(stream.stats.buffered_ms) == number * (length + padded)


def test_it_takes_whatever_holds_samples() -> None:
    stream = OutboundAudioStream(capacity_ms=10_000)
    data = pcm(FRAME)
    for audio in (data, bytearray(data), memoryview(data), np.frombuffer(data, np.int16)):
        assert stream.send(audio) == FRAME
    assert stream.send(AudioFrame(data, SPEECH, position=99, source="anna")) == FRAME
    frames = [stream.pull() for _ in range(5)]
    assert audio_of(frames) == data * 5
    assert [frame.position for frame in frames] == [n * FRAME for n in range(5)]
    assert frames[-1].source == "anna"


def test_what_was_sent_stays_as_it_was() -> None:
    """The frame that leaves has its place on the wire; the sender's object keeps its own."""
    stream = OutboundAudioStream()
    sent = AudioFrame(pcm(FRAME), SPEECH, position=77)
    stream.pull()
    stream.send(sent)
    assert stream.pull().position == FRAME
    assert sent.position == 77


@pytest.mark.parametrize("audio", [b"\0", np.zeros(3), "text", np.zeros((2, 3), np.int16)])
def test_what_is_no_audio_is_refused_whole(audio: object) -> None:
    stream = OutboundAudioStream()
    with pytest.raises(PayloadError):
        stream.send(audio)  # type: ignore[arg-type]
    assert stream.stats == OutboundAudioStream().stats


def test_a_rate_that_cannot_be_converted_blocks_nobody() -> None:
    """Whether it has room at once or waits its turn."""
    odd = AudioFrame(pcm(20_000), AudioFormat(44_101))
    stream = OutboundAudioStream(capacity_ms=40, clock=VirtualClock())
    for size in (10, 20_000):
        with pytest.raises(UnsupportedFormatError):
            run(stream.asend(AudioFrame(odd.samples[:size], odd.format)))
    assert stream.send(pcm(FRAME)) == FRAME
    assert stream.stats.sent_position == FRAME


@pytest.mark.parametrize(
    ("setting", "value"), [("playout_delay_ms", -1), ("playout_delay_ms", float("nan"))]
)
def test_a_delay_that_makes_no_sense_is_refused(setting: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        OutboundAudioStream(**{setting: value})  # type: ignore[arg-type]


# Waiting for room.


def test_a_send_waits_for_room_in_a_thread_and_in_a_task() -> None:
    clock = NoticingClock()
    stream = OutboundAudioStream(capacity_ms=40, clock=clock)
    data = pcm(4 * FRAME)
    sender = Worker(lambda: stream.send(data))
    clock.next_wait()
    assert stream.sent_position == 2 * FRAME
    first = [stream.pull()]
    clock.next_wait()
    first.append(stream.pull())
    assert sender.result() == 4 * FRAME

    async def main() -> list[AudioFrame]:
        task = asyncio.create_task(stream.asend(data))
        frames = []
        for _ in range(6):
            await settle()
            frames.append(stream.pull())
        assert await task == 4 * FRAME
        return frames

    assert audio_of([*first, *run(main())]) == data + data


def test_a_timed_out_send_has_sent_what_it_says() -> None:
    clock = VirtualClock()
    stream = OutboundAudioStream(capacity_ms=50, clock=clock)
    data = pcm(4 * FRAME)

    async def main() -> None:
        with pytest.raises(StreamTimeoutError) as late:
            await stream.asend(data, timeout=2.5)
        assert clock.now() == 2.5
        assert late.value.accepted_samples == stream.sent_position == 800
        assert await stream.asend(data[1_600:0], timeout=0) == 0

    clock.run(main())
    with pytest.raises(StreamTimeoutError) as late:
        stream.send(data, timeout=0)
    assert late.value.accepted_samples == 0
    stream.end()
    assert audio_of(rest(stream))[:1_600] == data[:1_600]


def test_a_thread_on_a_virtual_clock_keeps_its_prefix_too() -> None:
    stream = OutboundAudioStream(capacity_ms=20, clock=VirtualClock())
    with pytest.raises(ClockError, match="asend") as refused:
        stream.send(pcm(2 * FRAME))
    assert refused.value.accepted_samples == FRAME  # type: ignore[attr-defined]
    stream.pull()
    assert stream.send(pcm(FRAME)) == FRAME


@given(st.integers(0, 5), st.integers(1, 2_000), st.sampled_from(SOURCES))
def test_a_cancelled_send_has_sent_an_exact_prefix(
    pulls: int, size: int, source: AudioFormat
) -> None:
    """``sent_position`` and the error agree, and the next send begins where it broke off."""
    stream = OutboundAudioStream(capacity_ms=40)
    data = pcm(size, source)
    heard: list[AudioFrame] = []

    async def main() -> int:
        task = asyncio.create_task(stream.asend(AudioFrame(data, source)))
        await asyncio.sleep(0)
        for _ in range(pulls):
            heard.append(stream.pull())
            await settle()
        task.cancel()
        try:
            return await task
        except asyncio.CancelledError as error:
            accepted: int = error.accepted_samples  # type: ignore[attr-defined]
            return accepted

    accepted = VirtualClock().run(main())
    assert stream.sent_position == -(-accepted * 16_000 // source.sample_rate)
    sent = OutboundAudioStream(capacity_ms=60_000)
    sent.send(AudioFrame(data[: accepted * source.bytes_per_instant], source))
    sent.end()
    stream.end()
    heard = [frame for frame in [*heard, *rest(stream)] if not frame.filler]
    assert audio_of(heard) == audio_of(rest(sent))


def test_concurrent_sends_queue_whole_and_in_order() -> None:
    """Two utterances that interleave by frames are noise."""
    stream = OutboundAudioStream(capacity_ms=40)
    pieces = [pcm(1_000 * (n + 1), seed=n) for n in range(4)]

    async def main() -> list[AudioFrame]:
        tasks = []
        for piece in pieces:
            tasks.append(asyncio.create_task(stream.asend(piece)))
            await asyncio.sleep(0)
        frames = []
        while not all(task.done() for task in tasks):
            frames.append(stream.pull())
            await settle()
        stream.end()
        return [*frames, *rest(stream)]

    assert audio_of(run(main())).startswith(b"".join(pieces))


def test_threads_and_tasks_queue_in_one_line() -> None:
    clock = NoticingClock()
    stream = OutboundAudioStream(capacity_ms=20, clock=clock)
    pieces = [pcm(2 * FRAME, seed=n) for n in range(4)]

    async def main() -> list[AudioFrame]:
        workers: list[Worker[int]] = []
        tasks: list[asyncio.Task[int]] = []
        for number, piece in enumerate(pieces):
            if number % 2:
                tasks.append(asyncio.create_task(stream.asend(piece)))
                await settle()
            else:
                workers.append(Worker(lambda piece=piece: stream.send(piece)))  # type: ignore[misc]
                await asyncio.to_thread(clock.next_wait)
        frames: list[AudioFrame] = []
        while len(frames) < 8:
            frame = stream.pull()
            if not frame.filler:
                frames.append(frame)
            await asyncio.sleep(0.0001)
        for worker in workers:
            assert await asyncio.to_thread(worker.result) == 2 * FRAME
        await asyncio.gather(*tasks)
        return frames

    assert audio_of(run(main())) == b"".join(pieces)


def test_a_small_send_does_not_overtake_one_that_waits() -> None:
    stream = OutboundAudioStream(capacity_ms=40)

    async def main() -> None:
        await stream.asend(pcm(FRAME))
        waiting = asyncio.create_task(stream.asend(pcm(3 * FRAME)))
        await settle()
        with pytest.raises(StreamTimeoutError) as late:
            await stream.asend(pcm(1), timeout=0)
        assert late.value.accepted_samples == 0
        waiting.cancel()
        await settle()
        stream.pull()
        assert await stream.asend(pcm(1), timeout=0) == 1

    run(main())


def test_a_sender_that_gives_up_lets_the_next_one_go() -> None:
    stream = OutboundAudioStream(capacity_ms=20)

    async def main() -> int:
        first, second = (
            asyncio.create_task(stream.asend(pcm(2 * FRAME, seed=seed))) for seed in (1, 2)
        )
        await settle()
        stream.pull()  # wakes the first
        first.cancel()
        await settle()
        stream.pull()
        await settle()
        stream.pull()
        return await second

    assert run(main()) == 2 * FRAME


def test_a_sender_whose_loop_is_gone_blocks_nobody() -> None:
    stream = OutboundAudioStream(capacity_ms=20)
    dropped = asyncio.new_event_loop()
    dropped.set_exception_handler(lambda loop, context: None)
    task = dropped.create_task(stream.asend(pcm(5 * FRAME)))
    dropped.call_soon(dropped.stop)
    dropped.run_forever()
    dropped.close()
    del task

    async def main() -> int:
        sender = asyncio.create_task(stream.asend(pcm(FRAME)))
        await settle()
        for _ in range(3):
            stream.pull()
            await settle()
        return await sender

    assert run(main()) == FRAME


# Generations.


def test_a_send_of_a_cleared_generation_is_dropped_and_counted() -> None:
    stream = OutboundAudioStream()
    began = stream.generation
    assert stream.send(pcm(FRAME), generation=began) == FRAME
    stream.clear()
    assert stream.generation == began + 1
    assert stream.send(pcm(FRAME), generation=began) == 0
    assert run(stream.asend(AudioFrame(pcm(160, TELEPHONY), TELEPHONY), generation=began)) == 0
    assert stream.send(pcm(FRAME), generation=stream.generation) == FRAME
    stats = stream.stats
    assert (stats.stale_ms, stats.cleared_ms, stats.generation) == (40, 20, 1)


def test_a_send_that_waits_at_a_clear_returns_with_its_remainder_dropped() -> None:
    clock = NoticingClock()
    stream = OutboundAudioStream(capacity_ms=20, clock=clock)

    async def main() -> list[int]:
        tasks = [asyncio.create_task(stream.asend(pcm(3 * FRAME))) for _ in range(2)]
        await settle()
        worker = Worker(lambda: stream.send(pcm(3 * FRAME)))
        await asyncio.to_thread(clock.next_wait)
        assert stream.clear() == 20
        return [*await asyncio.gather(*tasks), await asyncio.to_thread(worker.result)]

    assert run(main()) == [FRAME, 0, 0]
    stats = stream.stats
    assert (stats.cleared_ms, stats.stale_ms, stats.buffered_ms) == (20, 160, 0)
    assert stream.send(pcm(FRAME), timeout=0) == FRAME


def test_a_clear_tells_the_transport_and_adds_what_it_dropped() -> None:
    stream = OutboundAudioStream()
    calls: list[str] = []

    def platform() -> float:
        calls.append("cleared")
        return 55.5

    stream.on_clear(platform)
    stream.on_clear(lambda: calls.append("too"))
    stream.send(pcm(FRAME))
    assert stream.clear() == 75.5
    assert calls == ["cleared", "too"]


def test_new_audio_is_not_pulled_before_the_transport_has_cleared() -> None:
    """A platform told to drop everything would drop what was said since."""
    stream = OutboundAudioStream()
    pulled: list[AudioFrame] = []

    def platform() -> None:
        stream.send(pcm(FRAME))  # as another thread may do now
        pulled.append(stream.pull())

    stream.on_clear(platform)
    stream.clear()
    assert [frame.filler for frame in pulled] == [True]
    assert bytes(stream.pull()) == pcm(FRAME)


def test_a_clear_at_the_end_waits_for_the_transport_as_well() -> None:
    stream = OutboundAudioStream()
    seen: list[type] = []

    def platform() -> None:
        stream.send(pcm(FRAME))
        stream.end()
        seen.append(type(stream.pull()))

    stream.on_clear(platform)
    stream.clear()
    assert seen == [AudioFrame]
    assert len(rest(stream)) == 1


def test_a_transport_that_cannot_clear_fails_the_stream() -> None:
    stream = OutboundAudioStream()
    stream.on_clear(lambda: 1 / 0)
    stream.clear()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        stream.send(pcm(1))


def test_clearing_what_is_over_does_nothing() -> None:
    stream = OutboundAudioStream()
    stream.close()
    assert stream.clear() == 0
    assert stream.generation == 0


# Draining.


def test_a_drain_waits_until_all_is_pulled() -> None:
    stream = OutboundAudioStream()

    async def main() -> list[bool]:
        await stream.asend(pcm(2 * FRAME + 1))
        drains = [asyncio.create_task(stream.adrain()) for _ in range(2)]
        for _ in range(3):
            await settle()
            assert not any(drain.done() for drain in drains)
            stream.pull()
        return await asyncio.gather(*drains)

    assert run(main()) == [True, True]
    assert stream.drain(timeout=0) is True


def test_a_drain_in_a_thread() -> None:
    clock = NoticingClock()
    stream = OutboundAudioStream(clock=clock)
    stream.send(pcm(FRAME))
    drain = Worker(stream.drain)
    clock.next_wait()
    stream.pull()
    assert drain.result() is True


def test_what_is_sent_during_a_drain_does_not_prolong_it() -> None:
    stream = OutboundAudioStream()

    async def main() -> bool:
        await stream.asend(pcm(FRAME))
        drain = asyncio.create_task(stream.adrain())
        await settle()
        await stream.asend(pcm(10 * FRAME))
        stream.pull()
        return await drain

    assert run(main()) is True
    assert stream.stats.buffered_ms == 200


def test_a_drain_says_that_it_was_cleared() -> None:
    stream = OutboundAudioStream()

    async def main() -> bool:
        await stream.asend(pcm(FRAME))
        drain = asyncio.create_task(stream.adrain())
        await settle()
        stream.clear()
        await stream.asend(pcm(FRAME))
        stream.pull()
        return await drain

    assert run(main()) is False


@pytest.mark.parametrize("after", ["clear", "close", "fail"])
def test_what_was_played_before_counts_as_played(after: str) -> None:
    """The transport plays the last frame and hangs up before the program's task has run."""
    stream = OutboundAudioStream()

    async def main() -> bool:
        await stream.asend(pcm(FRAME))
        drain = asyncio.create_task(stream.adrain())
        await settle()
        stream.pull()
        stream.fail(OSError()) if after == "fail" else getattr(stream, after)()
        return await drain

    assert run(main()) is True


@pytest.mark.parametrize(("verb", "error"), [("close", "closed"), ("fail", "OSError")])
def test_a_drain_of_what_will_never_play_raises(verb: str, error: str) -> None:
    stream = OutboundAudioStream()

    async def main() -> None:
        await stream.asend(pcm(FRAME))
        drain = asyncio.create_task(stream.adrain())
        await settle()
        stream.fail(OSError()) if verb == "fail" else stream.close()
        with pytest.raises(Exception, match=error):
            await drain
        with pytest.raises(Exception, match=error):
            await stream.adrain()

    run(main())


def test_drains_that_give_up_leave_nothing_behind() -> None:
    """A program may look every second for as long as the transport stands still."""
    stream = OutboundAudioStream()
    stream.send(pcm(FRAME))
    for _ in range(3_000):
        with pytest.raises(StreamTimeoutError, match="drain"):
            stream.drain(timeout=0)
    stream.mark("still possible", lambda reached: None)

    async def main() -> None:
        drain = asyncio.create_task(stream.adrain())
        await settle()
        drain.cancel()
        await settle()

    run(main())
    assert stream._playout.waypoints == 1


def test_two_streams_share_nothing() -> None:
    first, second = OutboundAudioStream(), OutboundAudioStream()
    first.send(pcm(FRAME))
    first.clear()
    second.close()
    assert OutboundAudioStream().stats.generation == 0
    assert first.send(pcm(FRAME)) == FRAME
    with pytest.raises(StreamClosedError):
        second.send(pcm(FRAME))


def test_leaving_the_context_closes() -> None:
    with OutboundAudioStream() as stream:
        pass
    with pytest.raises(StreamClosedError):
        stream.pull()

    async def main() -> OutboundAudioStream:
        async with OutboundAudioStream() as inner:
            inner.send(pcm(1))
        await inner.aclose()
        inner.end_segment()
        return inner

    closed = run(main())
    with pytest.raises(StreamClosedError):
        closed.pull()
    assert closed.stats.padded_ms == 0


def test_an_ended_stream_plays_out_and_then_says_so() -> None:
    stream = OutboundAudioStream()
    stream.send(pcm(2 * FRAME + 1))
    stream.end()
    stream.end()
    with pytest.raises(StreamEndedError):
        stream.send(pcm(1))
    assert len(rest(stream)) == 3
    for _ in range(2):
        with pytest.raises(EndOfStreamError):
            stream.pull()
    assert stream.drain(timeout=0) is True


@given(st.lists(st.tuples(st.sampled_from(SOURCES), st.integers(0, 900)), max_size=8))
def test_samples_are_conserved_through_changes_of_format(
    parts: list[tuple[AudioFormat, int]],
) -> None:
    stream = OutboundAudioStream(capacity_ms=60_000)
    for source, size in parts:
        stream.send(AudioFrame(pcm(size, source), source))
        assert samples(stream.stats.buffered_ms) == stream.sent_position
    stretches = itertools.groupby([part for part in parts if part[1]], key=lambda part: part[0])
    expected = sum(
        -(-sum(size for _, size in stretch) * 16_000 // source.sample_rate)
        for source, stretch in stretches
    )
    assert stream.sent_position == expected
    stream.end()
    pulled = sum(frame.samples_per_channel for frame in rest(stream))
    assert pulled == stream.sent_position + samples(stream.stats.padded_ms)
