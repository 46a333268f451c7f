"""A source gives a frame whenever nothing that was sent is queued."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_kit import FRAME, Worker, audio_of, pcm, run, samples

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    EndOfStreamError,
    FormatMismatchError,
    PayloadError,
    StreamClosedError,
    StreamEndedError,
    StreamFailedError,
    StreamTimeoutError,
    StreamUseError,
)
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.streams.pair import audio_pair
from rawmedia.streams.playout import MAX_MARKS
from rawmedia.testing.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.streams.playout import MarkReached

    Given: TypeAlias = Int16Samples | AudioFrame | None


@dataclass
class Counting:
    """Frame n is full of n + 1; or whatever ``give`` makes of n."""

    give: Callable[[int], Given] = lambda n: np.full((FRAME, 1), n + 1, np.int16)
    asked: list[tuple[int, float]] = field(default_factory=list)
    pending: bool = True

    def render(self, samples: int, now: float) -> Given:
        self.asked.append((samples, now))
        return self.give(len(self.asked) - 1)


def first(frame: AudioFrame) -> int:
    return int(frame.samples[0, 0])


def test_a_source_is_asked_only_where_nothing_that_was_sent_is_queued() -> None:
    """What the program says itself comes before what it mixes."""
    stream, source = OutboundAudioStream(), Counting()
    stream.set_source(source)
    sent = pcm(2 * FRAME)
    pulled = [stream.pull()]
    stream.send(sent)
    pulled += [stream.pull() for _ in range(3)]
    assert audio_of(pulled[1:3]) == sent
    assert [first(pulled[0]), first(pulled[3])] == [1, 2]
    assert [frame.position for frame in pulled] == [0, FRAME, 2 * FRAME, 3 * FRAME]
    assert [size for size, _ in source.asked] == [FRAME, FRAME]
    assert not any(frame.filler for frame in pulled)


@given(st.lists(st.sampled_from(["source", "none", "send", "end_segment", "clear"]), max_size=30))
def test_every_pulled_sample_is_counted_once(acts: list[str]) -> None:
    """The wire position is what a platform counts; sent, source, underrun and idle make it up."""
    stream = OutboundAudioStream()
    source = Counting()
    stream.set_source(source)
    heard = 0
    for act in acts:
        if act == "send":
            stream.send(pcm(FRAME))
        elif act in ("end_segment", "clear"):
            getattr(stream, act)()
        source.give = lambda n, act=act: (  # type: ignore[misc]
            np.ones((FRAME, 1), np.int16) if act == "source" else None
        )
        heard += not stream.pull().filler
    stats = stream.stats
    silent = samples(stats.underrun_ms + stats.idle_ms)
    assert stats.pulled_position == len(acts) * FRAME
    assert silent == (len(acts) - heard) * FRAME
    sent = stats.sent_position - samples(stats.buffered_ms + stats.cleared_ms)
    assert sent + samples(stats.source_ms) == heard * FRAME


def test_none_is_idle_silence_and_in_a_segment_an_underrun_that_source_audio_ends() -> None:
    stream, source = OutboundAudioStream(), Counting(lambda n: None)
    stream.set_source(source)
    stream.pull()
    stream.send(pcm(FRAME))
    for _ in range(3):
        stream.pull()
    source.give = lambda n: np.ones((FRAME, 1), np.int16)
    stream.pull()
    source.give = lambda n: None
    stream.pull()
    stats = stream.stats
    assert (stats.idle_ms, stats.underrun_ms, stats.underruns, stats.source_ms) == (20, 60, 2, 20)
    stream.set_source(None)
    stream.end_segment()
    stream.pull()
    assert len(source.asked) == 5


def test_a_frame_keeps_its_speaker_and_its_mark_and_gets_its_place() -> None:
    stream = OutboundAudioStream()
    given = AudioFrame(pcm(FRAME), SPEECH, 7, "ana", filler=True)
    stream.set_source(Counting(lambda n: given))
    stream.pull()
    frame = stream.pull()
    assert (frame.position, frame.source, frame.filler) == (FRAME, "ana", True)
    assert frame.data == given.data
    assert given.position == 7


def test_mono_may_be_flat_and_nobody_can_write_to_what_was_given() -> None:
    stream = OutboundAudioStream()
    samples = np.arange(FRAME, dtype=np.int16)
    stream.set_source(Counting(lambda n: samples))
    frame = stream.pull()
    np.testing.assert_array_equal(frame.samples[:, 0], samples)
    assert bytes(frame) == samples.tobytes()
    assert not frame.samples.flags.writeable
    assert samples.flags.writeable


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (np.zeros((FRAME - 1, 1), np.int16), PayloadError),
        (np.zeros((FRAME, 2), np.int16), PayloadError),
        (np.zeros((FRAME, 1), np.float32), PayloadError),
        (bytes(2 * FRAME), PayloadError),
        (AudioFrame(pcm(FRAME - 1), SPEECH), PayloadError),
        (AudioFrame(pcm(FRAME), TELEPHONY), FormatMismatchError),
    ],
    ids=str,
)
def test_what_is_no_frame_fails_the_stream(wrong: Given, error: type[Exception]) -> None:
    """A frame of another length would shift everything after it."""
    stream = OutboundAudioStream()
    stream.set_source(Counting(lambda n: wrong))
    with pytest.raises(StreamFailedError) as failed:
        stream.pull()
    assert isinstance(failed.value.cause, error)
    with pytest.raises(StreamFailedError):
        stream.send(pcm(FRAME))


@pytest.mark.parametrize("verb", ["render", "pending"])
def test_a_source_that_raises_fails_the_stream(verb: str) -> None:
    """As a callback that raises does: an error that nobody sees is how audio goes missing."""

    class Broken:
        def render(self, samples: int, now: float) -> None:
            raise ZeroDivisionError

        @property
        def pending(self) -> bool:
            raise ZeroDivisionError

    stream = OutboundAudioStream()
    stream.set_source(Broken())
    if verb == "pending":
        assert not stream.pending
    with pytest.raises(StreamFailedError) as failed:
        stream.pull()
    assert isinstance(failed.value.cause, ZeroDivisionError)


def test_after_the_end_only_what_was_sent_is_played() -> None:
    stream, source = OutboundAudioStream(), Counting()
    stream.set_source(source)
    stream.send(pcm(FRAME + 5))
    stream.end()
    assert audio_of([stream.pull(), stream.pull()]).startswith(pcm(FRAME + 5))
    with pytest.raises(EndOfStreamError):
        stream.pull()
    assert not source.asked
    assert not stream.pending


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (lambda stream: stream.end(), StreamEndedError),
        (lambda stream: stream.fail(OSError()), StreamFailedError),
        (lambda stream: stream.close(), StreamClosedError),
    ],
)
def test_a_stream_that_is_over_takes_no_source_but_lets_one_go(
    end: Callable[[OutboundAudioStream], None], error: type[Exception]
) -> None:
    stream = OutboundAudioStream()
    end(stream)
    with pytest.raises(error):
        stream.set_source(Counting())
    stream.set_source(None)


def test_there_is_one_source_at_a_time() -> None:
    """Two programs that both mean to fill a leg have made a mistake that would be heard."""
    stream, source = OutboundAudioStream(), Counting()
    stream.set_source(source)
    stream.set_source(source)
    with pytest.raises(StreamUseError):
        stream.set_source(Counting())
    stream.set_source(None)
    stream.set_source(Counting())


def test_a_pair_has_no_pace_and_so_no_source() -> None:
    outbound, _ = audio_pair()
    outbound.set_source(None)
    with pytest.raises(StreamUseError):
        outbound.set_source(Counting())
    with pytest.raises(StreamUseError):
        run(outbound.aready())


# What may happen while the source is being asked.


def test_a_frame_that_was_made_before_a_clear_is_not_heard_after_it() -> None:
    """Who interrupts may come in the midst of a pull; not one frame of the old may follow."""
    stream = OutboundAudioStream()

    def cleared(n: int) -> Given:
        if n == 1:
            stream.clear()
        return np.ones((FRAME, 1), np.int16)

    stream.set_source(Counting(cleared))
    assert [stream.pull().filler for _ in range(3)] == [False, True, False]


def test_a_clear_reaches_the_transport_and_meanwhile_there_is_silence() -> None:
    stream, source = OutboundAudioStream(), Counting()
    stream.set_source(source)
    stream.pull()
    during: list[AudioFrame] = []

    def drop() -> float:
        during.append(stream.pull())
        return 60.0

    stream.on_clear(drop)
    assert stream.clear() == 60
    assert during[0].filler
    assert len(source.asked) == 1
    assert not stream.pull().filler


def test_what_is_sent_while_the_source_is_asked_follows_and_takes_the_place_of_silence() -> None:
    stream = OutboundAudioStream()

    def sends(n: int) -> Given:
        stream.send(pcm(FRAME, seed=n))
        return None if n else np.ones((FRAME, 1), np.int16)

    stream.set_source(Counting(sends))
    pulled = [stream.pull() for _ in range(3)]
    assert first(pulled[0]) == 1
    assert audio_of(pulled[1:]) == pcm(FRAME, seed=0) + pcm(FRAME, seed=1)


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (lambda stream: stream.fail(OSError()), StreamFailedError),
        (lambda stream: stream.close(), StreamClosedError),
    ],
)
def test_a_stream_that_breaks_while_the_source_is_asked_is_broken(
    end: Callable[[OutboundAudioStream], None], error: type[Exception]
) -> None:
    stream = OutboundAudioStream()
    reached: list[bool] = []

    def breaks(n: int) -> Given:
        stream.mark("x", lambda mark: reached.append(mark.cleared))
        end(stream)
        return np.ones((FRAME, 1), np.int16)

    stream.set_source(Counting(breaks))
    with pytest.raises(error):
        stream.pull()
    assert reached == [True]


def test_an_end_while_the_source_is_asked_lets_its_frame_be_heard() -> None:
    stream = OutboundAudioStream()

    def ends(n: int) -> Given:
        stream.end()
        return np.ones((FRAME, 1), np.int16)

    stream.set_source(Counting(ends))
    assert not stream.pull().filler
    with pytest.raises(EndOfStreamError):
        stream.pull()


def test_the_lock_is_free_while_the_source_is_asked() -> None:
    """A source has a lock of its own, which others hold while they use the stream."""
    stream = OutboundAudioStream()

    def slow(n: int) -> Given:
        sent = Worker(lambda: stream.send(pcm(FRAME)))
        assert sent.result() == FRAME
        return None

    stream.set_source(Counting(slow))
    assert audio_of([stream.pull()]) == pcm(FRAME)


# Marks.


@pytest.mark.parametrize("delay_ms", [0.0, 100.0])
def test_a_mark_set_while_asked_tells_when_that_frame_begins_to_be_heard(delay_ms: float) -> None:
    """Where nobody reports, a frame is heard so long after its pull."""
    clock = VirtualClock()
    stream = OutboundAudioStream(playout_delay_ms=delay_ms, clock=clock)
    heard: list[float] = []

    def marks(n: int) -> Given:
        if n == 2:
            stream.mark("word", lambda mark: heard.append(clock.now() * 1000))
        return np.ones((FRAME, 1), np.int16)

    async def main() -> None:
        stream.set_source(Counting(marks))
        async for _ in stream.paced():
            if len(heard) == 1:
                stream.end()

    clock.run(main(), limit=5)
    assert heard == pytest.approx([40 + delay_ms])


def test_a_mark_set_while_asked_lies_at_the_end_of_the_frame() -> None:
    """So that a platform that reports, and is told of marks, says when the frame was heard."""
    stream = OutboundAudioStream(playout_delay_ms=10_000)
    reached: list[MarkReached] = []
    announced: list[tuple[str, int]] = []
    stream.on_mark(lambda name, position: announced.append((name, position)))

    def marks(n: int) -> Given:
        stream.mark(f"frame {n}", reached.append)
        return None if n == 1 else np.ones((FRAME, 1), np.int16)

    stream.set_source(Counting(marks))
    for _ in range(3):
        stream.pull()
    assert announced == [("frame 0", FRAME), ("frame 1", 2 * FRAME), ("frame 2", 3 * FRAME)]
    stream.report_played(FRAME - 1)
    assert not reached
    stream.report_played(2 * FRAME)
    assert [(mark.name, mark.cleared, mark.estimated) for mark in reached] == [
        ("frame 0", False, False),
        ("frame 1", False, False),
    ]
    stream.on_clear(lambda: None)
    stream.clear()
    assert reached[2].cleared


def test_a_mark_for_a_frame_that_a_clear_overtook_is_cleared() -> None:
    stream = OutboundAudioStream()
    reached: list[bool] = []

    def cleared(n: int) -> Given:
        stream.mark("before", lambda mark: reached.append(mark.cleared))
        stream.clear()
        stream.mark("after", lambda mark: reached.append(mark.cleared))
        return np.ones((FRAME, 1), np.int16)

    stream.set_source(Counting(cleared))
    stream.pull()
    assert reached == [True, True]


def test_a_mark_from_another_thread_while_the_source_is_asked_marks_what_was_sent() -> None:
    stream = OutboundAudioStream()
    reached: list[int] = []

    def elsewhere(n: int) -> Given:
        if n == 1:
            Worker(lambda: stream.mark("x", lambda mark: reached.append(mark.position))).result()
            assert reached == [FRAME]
        return np.ones((FRAME, 1), np.int16)

    stream.send(pcm(FRAME))
    stream.pull()
    stream.set_source(Counting(elsewhere))
    stream.pull()
    stream.pull()
    assert reached == [FRAME]


def test_marks_of_a_source_are_bounded_as_all_are() -> None:
    stream = OutboundAudioStream()

    def floods(n: int) -> Given:
        for _ in range(MAX_MARKS):
            stream.mark("x", lambda mark: None)
        with pytest.raises(StreamUseError):
            stream.mark("x", lambda mark: None)
        return None

    stream.set_source(Counting(floods))
    stream.pull()


# Waiting, for who has no pace.


def test_pending_tells_of_what_was_sent_and_of_what_the_source_has() -> None:
    stream, source = OutboundAudioStream(), Counting(pending=False)
    assert not stream.pending
    stream.set_source(source)
    assert not stream.pending
    source.pending = True
    assert stream.pending
    source.pending = False
    stream.send(pcm(FRAME - 1))
    assert not stream.pending
    stream.send(pcm(1))
    assert stream.pending


def test_aready_returns_when_the_stream_is_cleared_and_the_transport_knows() -> None:
    """Who waits for audio has to pass the clear on, and must not find out at the next frame."""
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)
    told: list[str] = []
    stream.on_clear(lambda: told.append("cleared"))

    async def wait() -> None:
        await stream.aready()
        told.append("ready")

    async def main() -> None:
        waiting = asyncio.create_task(wait())
        await clock.sleep_until(0.1)
        assert not told
        stream.clear()
        await waiting
        assert told == ["cleared", "ready"]
        assert not stream.queued
        with pytest.raises(StreamTimeoutError):
            await stream.aready(timeout=0)  # it was cleared before, not meanwhile

    clock.run(main())


def test_aready_waits_for_what_is_sent_and_tells_of_the_end() -> None:
    async def main() -> None:
        clock_stream = OutboundAudioStream()
        with pytest.raises(StreamTimeoutError):
            await clock_stream.aready(timeout=0)
        sender = threading.Timer(0.01, lambda: clock_stream.send(pcm(FRAME)))
        sender.start()
        await clock_stream.aready()
        sender.join()
        clock_stream.pull()
        clock_stream.end()
        with pytest.raises(EndOfStreamError):
            await clock_stream.aready()

    run(main())


def test_drain_is_about_what_was_sent() -> None:
    stream = OutboundAudioStream()
    stream.set_source(Counting())
    stream.send(pcm(FRAME))
    stream.pull()
    assert stream.drain(timeout=0)


def test_a_source_works_in_every_format() -> None:
    stream = OutboundAudioStream(AudioFormat(48_000, 2), frame_ms=10)
    given = np.arange(960, dtype=np.int16).reshape(480, 2)
    stream.set_source(Counting(lambda n: given))
    assert bytes(stream.pull()) == given.tobytes()
