"""Frames given to a callback, in the thread that pushes."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from stream_kit import FRAME, GUARD_S, NoticingClock, Worker, audio_of, pcm, run, settle

from rawmedia.errors import (
    EndOfStreamError,
    RawMediaError,
    StreamClosedError,
    StreamFailedError,
    StreamUseError,
)
from rawmedia.streams.inbound import InboundAudioStream

if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame


def test_the_callback_runs_in_the_pushers_thread_before_push_returns() -> None:
    stream = InboundAudioStream()
    threads: list[int] = []
    stream.on_frame(lambda frame: threads.append(threading.get_ident()))

    def push() -> int:
        stream.push(pcm(2 * FRAME))
        return threading.get_ident()

    pusher = Worker(push).result()
    assert threads == [pusher, pusher]
    assert stream.stats.frames == 2


def test_frames_that_are_unread_come_with_the_next_push() -> None:
    stream = InboundAudioStream()
    frames: list[AudioFrame] = []
    data = pcm(2 * FRAME)
    stream.push(data[: 2 * FRAME])
    stream.on_frame(frames.append)
    assert frames == []
    stream.push(data[2 * FRAME :])
    assert audio_of(frames) == data


@pytest.mark.parametrize("verb", ["end", "fail"])
def test_frames_come_at_once_when_no_push_will_follow(verb: str) -> None:
    stream = InboundAudioStream()
    frames: list[AudioFrame] = []
    overs: list[RawMediaError] = []
    stream.push(pcm(FRAME + 1))
    stream.end() if verb == "end" else stream.fail(OSError())
    stream.on_frame(frames.append, on_over=overs.append)
    assert [frame.samples_per_channel for frame in frames] == [FRAME, 1]
    assert [type(error) for error in overs] == [
        EndOfStreamError if verb == "end" else StreamFailedError
    ]


def test_recv_is_refused_from_then_on() -> None:
    """Also while a frame lies there between the push and the callback."""
    stream = InboundAudioStream()
    refusals: list[type[BaseException]] = []

    def callback(frame: AudioFrame) -> None:
        try:
            stream.recv(timeout=0)
        except StreamUseError as error:
            refusals.append(type(error))

    stream.push(pcm(FRAME))
    stream.on_frame(callback)
    with pytest.raises(StreamUseError, match="on_frame"):
        stream.recv(timeout=0)
    with pytest.raises(StreamUseError, match="on_frame"):
        run(stream.arecv(timeout=0))
    stream.push(pcm(2 * FRAME))
    assert refusals == [StreamUseError] * 3


def test_it_excludes_another_callback_and_a_waiting_reader() -> None:
    stream = InboundAudioStream()
    stream.on_frame(lambda frame: None)
    with pytest.raises(StreamUseError, match="tap"):
        stream.on_frame(lambda frame: None)

    clock = NoticingClock()
    other = InboundAudioStream(clock=clock)
    reader = Worker(other.recv)
    clock.next_wait()
    with pytest.raises(StreamUseError, match="recv"):
        other.on_frame(lambda frame: None)
    other.push(pcm(FRAME))
    assert reader.result().position == 0


def test_taps_are_read_beside_it() -> None:
    stream = InboundAudioStream()
    tap = stream.tap()
    frames: list[AudioFrame] = []
    stream.on_frame(frames.append)
    stream.push(pcm(FRAME))
    assert tap.recv(timeout=0) == frames[0]


def test_a_callback_that_raises_fails_the_stream() -> None:
    stream = InboundAudioStream()
    tap = stream.tap()
    calls: list[int] = []
    overs: list[RawMediaError] = []

    def callback(frame: AudioFrame) -> None:
        calls.append(frame.position)
        raise LookupError("no such key")

    stream.on_frame(callback, on_over=overs.append)
    stream.push(pcm(3 * FRAME + 1))
    assert calls == [0]
    (over,) = overs
    assert isinstance(over, StreamFailedError)
    assert isinstance(over.cause, LookupError)
    with pytest.raises(StreamFailedError, match="no such key"):
        stream.push(pcm(FRAME))
    assert len([tap.recv(timeout=0) for _ in range(3)]) == 3
    with pytest.raises(StreamFailedError):
        tap.recv(timeout=0)
    assert (stream.stats.discarded_ms, stream.stats.buffered_ms) == (40 + 1 / 16, 0)


def test_an_interrupt_in_the_callback_is_not_taken_for_a_failure() -> None:
    """Ctrl-C belongs to the program; the stream goes on when the program does."""
    stream = InboundAudioStream()
    frames: list[AudioFrame] = []

    def callback(frame: AudioFrame) -> None:
        if frame.position == 0:
            raise KeyboardInterrupt
        frames.append(frame)

    stream.on_frame(callback)
    with pytest.raises(KeyboardInterrupt):
        stream.push(pcm(2 * FRAME))
    stream.push(pcm(FRAME))
    assert [frame.position for frame in frames] == [FRAME, 2 * FRAME]


@pytest.mark.parametrize("verb", ["end", "fail", "close"])
def test_it_is_told_once_that_the_stream_is_over(verb: str) -> None:
    stream = InboundAudioStream()
    events: list[str] = []
    stream.on_frame(
        lambda frame: events.append(f"{frame.samples_per_channel}"),
        on_over=lambda error: events.append(type(error).__name__),
    )
    stream.push(pcm(FRAME + 5))
    for _ in range(2):
        stream.fail(OSError()) if verb == "fail" else getattr(stream, verb)()
        stream.close()
    told = {"end": EndOfStreamError, "fail": StreamFailedError, "close": StreamClosedError}[verb]
    rest = [] if verb == "close" else ["5"]
    assert events == ["320", *rest, told.__name__]


def test_it_need_not_be_told() -> None:
    stream = InboundAudioStream()
    frames: list[AudioFrame] = []
    stream.on_frame(frames.append)
    stream.push(pcm(1))
    stream.end()
    assert len(frames) == 1


def test_what_raises_when_told_fails_the_stream() -> None:
    stream = InboundAudioStream()
    calls: list[BaseException] = []

    def on_over(error: BaseException) -> None:
        calls.append(error)
        raise LookupError

    stream.on_frame(lambda frame: None, on_over=on_over)
    stream.end()
    assert len(calls) == 1
    with pytest.raises(StreamFailedError):
        stream.push(pcm(1))


def test_what_it_raises_after_a_close_changes_nothing() -> None:
    stream = InboundAudioStream()
    overs: list[type] = []

    def callback(frame: AudioFrame) -> None:
        stream.close()
        raise LookupError

    stream.on_frame(callback, on_over=lambda error: overs.append(type(error)))
    stream.push(pcm(FRAME))
    assert overs == [StreamClosedError]


def test_the_callback_may_use_the_stream() -> None:
    """A push from inside comes after what is there, not in its midst; closing ends it."""
    stream = InboundAudioStream()
    positions: list[int] = []
    overs: list[type] = []

    def callback(frame: AudioFrame) -> None:
        positions.append(frame.position)
        if len(positions) < 4:
            stream.push(pcm(FRAME))
        else:
            stream.close()

    stream.on_frame(callback, on_over=lambda error: overs.append(type(error)))
    stream.push(pcm(2 * FRAME))
    assert positions == [0, FRAME, 2 * FRAME, 3 * FRAME]
    assert overs == [StreamClosedError]


def test_frames_from_many_threads_come_one_at_a_time_and_in_order() -> None:
    stream = InboundAudioStream(capacity_ms=60_000)
    positions: list[int] = []
    inside = threading.Lock()

    def callback(frame: AudioFrame) -> None:
        assert inside.acquire(blocking=False), "two frames at a time"
        positions.append(frame.position)
        inside.release()

    stream.on_frame(callback)
    start = threading.Barrier(4)

    def push() -> None:
        start.wait(GUARD_S)
        for _ in range(200):
            stream.push(pcm(FRAME))

    for worker in [Worker(push) for _ in range(4)]:
        worker.result()
    assert positions == [n * FRAME for n in range(800)]


def test_a_pusher_never_waits_for_a_slow_callback() -> None:
    """PortAudio's thread must go on while another's frame is being handled."""
    stream = InboundAudioStream()
    entered, leave = threading.Event(), threading.Event()
    positions: list[int] = []

    def callback(frame: AudioFrame) -> None:
        positions.append(frame.position)
        entered.set()
        assert leave.wait(GUARD_S)

    stream.on_frame(callback)
    slow = Worker(lambda: stream.push(pcm(FRAME)))
    assert entered.wait(GUARD_S)
    Worker(lambda: stream.push(pcm(FRAME))).result()
    assert positions == [0]
    leave.set()
    slow.result()
    assert positions == [0, FRAME]


def test_filled_silence_goes_to_the_callback_too() -> None:
    stream = InboundAudioStream(fill_gaps=True)
    fillers: list[bool] = []
    stream.on_frame(lambda frame: fillers.append(frame.filler))
    stream.push(pcm(FRAME))
    stream.push(pcm(FRAME), position=3 * FRAME)
    assert fillers == [False, True, True, False]


def test_a_reader_woken_before_the_callback_was_set_is_refused_and_loses_nothing() -> None:
    stream = InboundAudioStream()
    frames: list[AudioFrame] = []

    async def main() -> None:
        reader = asyncio.create_task(stream.arecv())
        await settle()
        stream.push(pcm(FRAME))  # wakes it, and it has not run
        stream.on_frame(frames.append)
        with pytest.raises(StreamUseError):
            await reader
        stream.push(pcm(FRAME))

    run(main())
    assert len(frames) == 2
