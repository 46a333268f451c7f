"""The transport pushes, the program receives: nothing lost that is not counted."""

from __future__ import annotations

import contextlib
import itertools
import tracemalloc
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from stream_kit import FRAME, GUARD_S, audio_of, cut, pcm, samples

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    ConfigurationError,
    EndOfStreamError,
    PayloadError,
    StreamClosedError,
    StreamEndedError,
    StreamOverflowError,
    StreamTimeoutError,
    UnsupportedFormatError,
)
from rawmedia.streams.inbound import InboundAudioStream, Overflow

STEREO = AudioFormat(48_000, 2)


def unread(stream: InboundAudioStream) -> list[AudioFrame]:
    frames = []
    while True:
        try:
            frames.append(stream.recv(timeout=0))
        except (StreamTimeoutError, EndOfStreamError):
            return frames


@given(st.lists(st.integers(0, 1_000), max_size=10), st.sampled_from([SPEECH, TELEPHONY, STEREO]))
def test_where_the_transport_cuts_does_not_change_what_is_received(
    cuts: list[int], source: AudioFormat
) -> None:
    data = pcm(sum(cuts) + 100, source)
    received = []
    for pieces in ([data], cut(data, cuts, source)):
        stream = InboundAudioStream(capacity_ms=60_000)
        for piece in pieces:
            stream.push(AudioFrame(piece, source))
        stream.end()
        received.append(list(stream))
    assert received[0] == received[1]
    if source == SPEECH:
        assert audio_of(received[0]) == data


def test_audio_comes_out_as_it_went_in() -> None:
    stream = InboundAudioStream()
    data = pcm(FRAME * 3 + 7)
    stream.push(data)
    stream.end()
    frames = list(stream)
    assert audio_of(frames) == data
    assert [frame.samples_per_channel for frame in frames] == [FRAME] * 3 + [7]
    assert {frame.format for frame in frames} == {SPEECH}


def test_a_telephone_frame_is_a_speech_frame_at_once() -> None:
    """Conversion must not make the reader wait for the packet after."""
    stream = InboundAudioStream(SPEECH)
    for number in range(3):
        stream.push(AudioFrame(pcm(160, TELEPHONY), TELEPHONY))
        assert stream.recv(timeout=0).position == number * FRAME


class InboundMachine(RuleBasedStateMachine):
    """Everything that can happen to a stream, against a list of what should be in it.

    The model knows frames only by position and length, which is enough, because every
    sample says its own position.
    """

    @initialize(
        overflow=st.sampled_from(["drop_oldest", "drop_newest", "error"]),
        capacity=st.integers(1, 5),
        tapped=st.booleans(),
    )
    def begin(self, overflow: Overflow, capacity: int, tapped: bool) -> None:
        self.overflow = overflow
        self.capacity = capacity * 10
        self.stream = InboundAudioStream(
            AudioFormat(4_000), frame_ms=2.5, capacity_ms=capacity * 2.5, overflow=overflow
        )
        self.tap = self.stream.tap(2.5) if tapped else None
        self.queue: deque[range] = deque()
        self.pending: deque[int] = deque()
        self.lost = self.discarded = self.read = self.late = self.gap = self.gaps = 0
        self.next = 0
        self.last_read = -1

    def numbers(self, first: int, size: int) -> bytes:
        return b"".join((n % 30_000).to_bytes(2, "little") for n in range(first, first + size))

    def queued(self) -> int:
        return sum(len(frame) for frame in self.queue)

    def arrive(self, frame: range) -> None:
        if self.overflow == "drop_newest" and self.queued() + len(frame) > self.capacity:
            self.lost += len(frame)
            return
        while self.queued() + len(frame) > self.capacity:
            self.lost += len(self.queue.popleft())
        self.queue.append(frame)

    @rule(size=st.integers(0, 45))
    def push(self, size: int) -> None:
        complete = (len(self.pending) + size) // 10 * 10
        data = self.numbers(self.next, size)
        if self.overflow == "error" and self.queued() + complete > self.capacity:
            with pytest.raises(StreamOverflowError):
                self.stream.push(data)
            return
        self.stream.push(data)
        self.take_in(size)

    @rule(size=st.integers(1, 25), ahead=st.integers(-30, 30))
    def push_at(self, size: int, ahead: int) -> None:
        late = min(size, max(0, -ahead))
        fresh = size - late
        if self.overflow == "error":
            if ahead > 0:
                complete = len(self.pending) + fresh // 10 * 10
            else:
                complete = (len(self.pending) + fresh) // 10 * 10
            if self.queued() + complete > self.capacity:
                with pytest.raises(StreamOverflowError):
                    self.stream.push(bytes(size * 2), position=self.next + ahead)
                return
        position = self.next + ahead
        data = bytes(2 * late) + self.numbers(position + late, fresh)
        self.stream.push(data, position=position)
        self.late += late
        if ahead > 0:
            if self.pending:
                self.arrive(range(self.pending[0], self.pending[-1] + 1))
                self.pending.clear()
            self.gap += ahead
            self.gaps += 1
            self.next += ahead
        self.take_in(fresh)

    def take_in(self, size: int) -> None:
        self.pending.extend(range(self.next, self.next + size))
        self.next += size
        while len(self.pending) >= 10:
            self.arrive(range(self.pending[0], self.pending[0] + 10))
            for _ in range(10):
                self.pending.popleft()

    @precondition(lambda self: self.queue)
    @rule()
    def recv(self) -> None:
        expected = self.queue.popleft()
        frame = self.stream.recv(timeout=0)
        assert frame.position == expected.start
        assert bytes(frame) == self.numbers(expected.start, len(expected))
        assert frame.position > self.last_read
        self.last_read = frame.position
        self.read += len(expected)

    @precondition(lambda self: not self.queue)
    @rule()
    def recv_nothing(self) -> None:
        with pytest.raises(StreamTimeoutError):
            self.stream.recv(timeout=0)

    @rule()
    def clear(self) -> None:
        assert self.stream.clear() == self.queued() / 4
        self.discarded += self.queued()
        self.queue.clear()

    @invariant()
    def every_sample_is_accounted_for(self) -> None:
        stats = self.stream.stats
        counts = (stats.overrun_ms, stats.discarded_ms, stats.gap_ms, stats.late_ms)
        assert [ms * 4 for ms in counts] == [self.lost, self.discarded, self.gap, self.late]
        assert stats.gaps == self.gaps
        assert stats.position == self.next
        assert stats.buffered_ms * 4 == self.queued() + len(self.pending)
        accounted = self.read + self.lost + self.discarded + self.gap
        assert stats.position == accounted + stats.buffered_ms * 4

    @invariant()
    def memory_is_bounded(self) -> None:
        assert self.stream.stats.buffered_ms * 4 < self.capacity + 10
        if self.tap is not None:
            assert self.tap.reader_stats.buffered_ms * 4 <= 10

    def teardown(self) -> None:
        if not hasattr(self, "stream"):
            return
        self.stream.end()
        rest = [frame.position for frame in unread(self.stream)]
        expected = [frame.start for frame in self.queue]
        if self.pending:
            expected.append(self.pending[0])
        assert rest == expected


InboundMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
test_every_sample_is_accounted_for = InboundMachine.TestCase


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest", "error"])
@given(st.lists(st.integers(1, 900), max_size=12), st.integers(0, 6))
def test_conversion_keeps_the_accounts(overflow: Overflow, sizes: list[int], reads: int) -> None:
    """Telephone audio doubles at 16 kHz; the filter's 3 ms come on top when it ends."""
    stream = InboundAudioStream(SPEECH, capacity_ms=100, overflow=overflow)
    pushed = read = 0
    for number, size in enumerate(sizes):
        try:
            stream.push(AudioFrame(pcm(size, TELEPHONY), TELEPHONY))
            pushed += 2 * size
        except StreamOverflowError:
            assert overflow == "error"
        if number % 3 == 2:
            for _ in range(reads):
                if stream.stats.buffered_ms >= 20:
                    read += stream.recv(timeout=0).samples_per_channel
        stats = stream.stats
        assert stats.position == pushed
        assert pushed == read + samples(stats.overrun_ms) + samples(stats.buffered_ms)
    stream.end()
    rest = sum(frame.samples_per_channel for frame in unread(stream))
    tail = 48 if pushed else 0
    assert pushed + tail == read + rest + samples(stream.stats.overrun_ms)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([SPEECH, TELEPHONY, STEREO]),
            st.integers(0, 700),
            st.sampled_from([0, 0, 1, 50, 1_000]),
            st.integers(0, 2),
        ),
        max_size=20,
    ),
    st.integers(1, 3),
)
def test_what_was_taken_under_the_policy_error_is_never_dropped(
    pushes: list[tuple[AudioFormat, int, int, int]], frames: int
) -> None:
    """The pusher was told what was refused; it counts on the rest."""
    stream = InboundAudioStream(capacity_ms=20 * frames, overflow="error")
    for source, size, ahead, reads in pushes:
        with contextlib.suppress(StreamOverflowError):
            stream.push(
                AudioFrame(pcm(size, source), source), position=stream.stats.position + ahead
            )
        assert stream.stats.buffered_ms < 20 * (frames + 2)
        for _ in range(reads):
            with contextlib.suppress(StreamTimeoutError):
                stream.recv(timeout=0)
    stream.end()
    unread(stream)
    stats = stream.stats
    assert (stats.overrun_ms, stats.discarded_ms, stats.buffered_ms) == (0, 0, 0)


def test_a_push_that_overflows_is_refused_whole() -> None:
    stream = InboundAudioStream(capacity_ms=40, overflow="error")
    stream.push(pcm(FRAME))
    with pytest.raises(StreamOverflowError) as refused:
        stream.push(pcm(2 * FRAME))
    assert (refused.value.capacity_ms, refused.value.refused_ms) == (40, 40)
    assert stream.stats.position == FRAME
    stream.push(pcm(FRAME))
    for audio in (pcm(FRAME), AudioFrame(pcm(FRAME), SPEECH)):  # what takes the shortest way
        with pytest.raises(StreamOverflowError):
            stream.push(audio)
    assert len(unread(stream)) == 2


def test_an_unfinished_frame_never_makes_a_push_impossible() -> None:
    """A reader can't take it, so it must not count against the room of what completes it."""
    stream = InboundAudioStream(capacity_ms=20, overflow="error")
    stream.push(pcm(FRAME - 1))
    stream.push(pcm(FRAME))
    assert stream.recv(timeout=0).samples_per_channel == FRAME
    assert stream.stats.buffered_ms == (FRAME - 1) / 16


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest", "error"])
def test_the_unfinished_frame_is_not_lost_at_the_end(overflow: Overflow) -> None:
    """It was held beside the capacity, so a full buffer is no reason to drop anything."""
    stream = InboundAudioStream(capacity_ms=20, overflow=overflow)
    tap = stream.tap()
    data = pcm(FRAME + 10)
    stream.push(data)
    stream.end()
    assert audio_of(stream) == data
    assert audio_of(tap) == data
    assert stream.stats.overrun_ms == 0


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="overflow"):
        InboundAudioStream(overflow="wait")  # type: ignore[arg-type]


# Places in media time.


def test_a_hole_moves_the_position_ahead() -> None:
    stream = InboundAudioStream()
    stream.push(pcm(100))
    stream.push(pcm(FRAME), position=1_000)
    first, second = unread(stream)
    assert (first.position, first.samples_per_channel) == (0, 100)
    assert (second.position, second.samples_per_channel) == (1_000, FRAME)
    stats = stream.stats
    assert (stats.gaps, samples(stats.gap_ms), stats.position) == (1, 900, 1_000 + FRAME)


def test_what_comes_late_is_cut_off_and_counted() -> None:
    stream = InboundAudioStream()
    data = pcm(FRAME)
    stream.push(data)
    stream.push(data, position=FRAME - 20)
    stream.push(data, position=0)
    stream.push(data, position=-5)
    stream.end()
    assert audio_of(stream) == data + data[40:]
    assert samples(stream.stats.late_ms) == 20 + 2 * FRAME


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_positions_of_converted_packets_are_no_holes(sizes: list[int]) -> None:
    """A receiver that gives every packet its place must not be told of gaps by a converter."""
    source = AudioFormat(11_025)
    stream = InboundAudioStream(SPEECH, capacity_ms=60_000)
    done = 0
    for size in sizes:
        frame = AudioFrame(pcm(size, source), source)
        stream.push(frame, position=round(done * 16_000 / 11_025))
        done += size
    stats = stream.stats
    assert (stats.gaps, stats.late_ms) == (0, 0)
    assert stats.position == -(-done * 16_000 // 11_025)


def test_a_hole_in_converted_audio_is_one() -> None:
    """The filter's 3 ms reach into it, and what follows is where it belongs."""
    stream = InboundAudioStream(SPEECH)
    packet = AudioFrame(pcm(160, TELEPHONY), TELEPHONY)
    stream.push(packet, position=0)
    stream.push(packet, position=5 * FRAME)
    stream.push(packet, position=6 * FRAME)
    places = [(frame.position, frame.samples_per_channel) for frame in unread(stream)]
    assert places == [(0, FRAME), (FRAME, 48), (5 * FRAME, FRAME), (6 * FRAME, FRAME)]
    assert samples(stream.stats.gap_ms) == 4 * FRAME - 48


def test_a_format_change_in_mid_stream_is_no_hole() -> None:
    stream = InboundAudioStream(SPEECH)
    telephone, wide = AudioFrame(pcm(160, TELEPHONY), TELEPHONY), AudioFrame(pcm(320), SPEECH)
    for number, frame in enumerate([telephone, wide, telephone, wide]):
        stream.push(frame, position=number * FRAME)
    stream.end()
    ends = [(frame.position, frame.end) for frame in stream]
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(ends))
    assert stream.stats.gaps == 0


def test_an_empty_push_far_ahead_leaves_no_hole() -> None:
    stream = InboundAudioStream()
    stream.push(b"", position=99_999)
    assert (stream.stats.gaps, stream.stats.position) == (0, 0)


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 400)), max_size=15),
    st.integers(1, 4),
    st.sampled_from(["drop_oldest", "drop_newest"]),
    st.booleans(),
)
def test_positions_never_go_back(
    pushes: list[tuple[int, int]], reads: int, overflow: Overflow, fill: bool
) -> None:
    stream = InboundAudioStream(capacity_ms=60, overflow=overflow, fill_gaps=fill)
    position = end = 0
    for ahead, size in pushes:
        position += ahead
        stream.push(pcm(size), position=position)
        position += size
        for _ in range(reads):
            try:
                frame = stream.recv(timeout=0)
            except StreamTimeoutError:
                break
            assert frame.position >= end
            end = frame.end


def test_a_reader_may_have_holes_filled_with_silence() -> None:
    stream = InboundAudioStream(fill_gaps=True, source="anna")
    stream.push(pcm(FRAME))
    stream.push(pcm(FRAME), position=FRAME + 700)
    frames = unread(stream)
    assert [(frame.position, frame.samples_per_channel, frame.filler) for frame in frames] == [
        (0, 320, False),
        (320, 320, True),
        (640, 320, True),
        (960, 60, True),
        (1_020, 320, False),
    ]
    assert audio_of(frames[1:4]) == bytes(1_400)
    assert {frame.source for frame in frames} == {"anna"}
    assert samples(stream.stats.filled_ms) == 700
    assert stream.stats.frames == 5


@given(st.integers(1, 10_000_000), st.integers(1, 10))
def test_each_hole_is_filled_up_to_the_capacity(hole: int, frames: int) -> None:
    """A clock that jumps by years must not become years of silence."""
    stream = InboundAudioStream(capacity_ms=20 * frames, fill_gaps=True)
    stream.push(pcm(FRAME))
    assert stream.recv(timeout=0).position == 0
    for _ in range(2):
        stream.push(pcm(FRAME), position=stream.stats.position + hole)
        silence = sum(frame.samples_per_channel for frame in unread(stream) if frame.filler)
        assert silence == min(hole, frames * FRAME)


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])
def test_what_a_slow_reader_loses_is_not_filled(overflow: Overflow) -> None:
    """At one frame read for one pushed it would else get nothing but silence for ever."""
    stream = InboundAudioStream(capacity_ms=100, fill_gaps=True, overflow=overflow)
    for _ in range(50):
        stream.push(pcm(FRAME))
    for _ in range(50):
        assert not stream.recv(timeout=0).filler
        stream.push(pcm(FRAME))
    assert samples(stream.stats.overrun_ms) == 45 * FRAME
    assert stream.stats.filled_ms == 0


def test_every_loss_is_told_from_a_hole() -> None:
    """Holes and losses in turn: the first are filled, the others are jumped over."""
    stream = InboundAudioStream(capacity_ms=40, fill_gaps=True, overflow="drop_newest")
    heard: list[tuple[int, bool]] = []
    for _ in range(3):
        stream.push(pcm(4 * FRAME))  # two of them are lost
        heard += [(frame.position, frame.filler) for frame in unread(stream)]
        stream.push(pcm(FRAME))
        stream.push(pcm(FRAME), position=stream.stats.position + FRAME)
        heard += [(frame.position, frame.filler) for frame in unread(stream)]
    positions = [n * FRAME for n in range(21) if n % 7 not in (2, 3)]
    assert heard == [(position, position // FRAME % 7 == 5) for position in positions]


def test_a_clear_does_not_blur_what_was_lost() -> None:
    stream = InboundAudioStream(capacity_ms=40, fill_gaps=True, overflow="drop_newest")
    for clear in (True, False):
        stream.push(pcm(4 * FRAME))  # two of them are lost
        stream.recv(timeout=0)
        stream.push(pcm(FRAME))
        if clear:
            stream.clear()
    assert [frame.filler for frame in unread(stream)] == [False, False]


def test_what_was_dropped_unread_is_not_filled() -> None:
    stream = InboundAudioStream(fill_gaps=True)
    stream.push(pcm(3 * FRAME))
    stream.clear()
    stream.push(pcm(FRAME))
    (frame,) = unread(stream)
    assert (frame.position, frame.filler) == (3 * FRAME, False)


def test_a_hole_before_lost_audio_is_still_no_reason_to_go_back() -> None:
    stream = InboundAudioStream(capacity_ms=40, fill_gaps=True, overflow="drop_newest")
    for position in (0, 320, 1_000, 2_000):  # the last two are lost
        stream.push(pcm(FRAME), position=position)
    assert [frame.position for frame in unread(stream)] == [0, 320]
    stream.push(pcm(FRAME), position=5_000)
    assert [frame.position for frame in unread(stream)] == [5_000]
    stream.push(pcm(FRAME), position=5_640)
    assert [frame.position for frame in unread(stream)] == [5_320, 5_640]


# Taps.


def test_a_tap_hears_the_same_audio_and_loses_only_its_own() -> None:
    stream = InboundAudioStream()
    slow, quick = stream.tap(40), stream.tap()
    data = pcm(10 * FRAME)
    for piece in cut(data, [FRAME] * 9):
        stream.push(piece)
    assert audio_of(unread(stream)) == data
    stream.end()
    assert audio_of(quick) == data
    assert audio_of(slow) == data[-4 * FRAME :]
    assert (stream.stats.overrun_ms, quick.reader_stats.overrun_ms) == (0, 0)
    assert slow.reader_stats.overrun_ms == 160
    assert slow.reader_stats.frames == 2


def test_a_tap_works_though_nobody_reads_the_stream() -> None:
    stream = InboundAudioStream(capacity_ms=20, overflow="drop_newest")
    tap = stream.tap(1_000)
    data = pcm(10 * FRAME)
    stream.push(data)
    stream.end()
    assert audio_of(tap) == data
    assert stream.stats.overrun_ms == 180


def test_a_closed_tap_leaves_the_others_alone() -> None:
    stream = InboundAudioStream()
    closed, other = stream.tap(), stream.tap()
    stream.push(pcm(FRAME))
    closed.close()
    closed.close()
    stream.push(pcm(FRAME))
    with pytest.raises(StreamClosedError):
        closed.recv(timeout=0)
    assert closed.reader_stats.discarded_ms == 20
    stream.end()
    assert len(list(stream)) == len(list(other)) == 2


def test_a_tap_begins_where_the_stream_is() -> None:
    """What went before is no gap of its own."""
    stream = InboundAudioStream()
    stream.push(pcm(5 * FRAME + 10))
    tap = stream.tap(fill_gaps=True)
    stream.push(pcm(FRAME))
    stream.push(pcm(FRAME), position=7 * FRAME)
    assert [(frame.position, frame.filler) for frame in unread_of(tap)] == [
        (5 * FRAME, False),
        (6 * FRAME, False),
        (6 * FRAME + 10, True),
        (7 * FRAME, False),
    ]


def unread_of(reader: object) -> list[AudioFrame]:
    return unread(reader)  # type: ignore[arg-type]


def test_a_tap_of_a_finished_stream_has_nothing() -> None:
    stream = InboundAudioStream()
    stream.push(pcm(FRAME))
    stream.end()
    assert list(stream.tap()) == []
    assert len(list(stream)) == 1


# Errors and bounds.


def test_what_is_refused_changes_nothing() -> None:
    stream = InboundAudioStream()
    stream.push(pcm(10))
    before = stream.stats
    with pytest.raises(PayloadError):
        stream.push(b"\0\0\0")
    with pytest.raises(PayloadError):
        stream.push(b"\0\0\0", position=50)
    with pytest.raises(UnsupportedFormatError):
        stream.push(AudioFrame(pcm(10), AudioFormat(44_101)))
    assert stream.stats == before
    stream.end()
    with pytest.raises(StreamEndedError):
        stream.push(pcm(10))


@pytest.mark.untraced
def test_an_hour_that_nobody_reads_costs_constant_memory() -> None:
    """A stream may be opened and never looked at; the call goes on."""
    stream = InboundAudioStream(TELEPHONY, frame_ms=100, capacity_ms=1_000)
    tap = stream.tap(200)
    packet = bytearray(1_600)

    def feed(minutes: int) -> int:
        for _ in range(minutes * 60 * 10):
            stream.push(bytes(packet))  # a new object each time, as from a socket
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        after_a_minute = feed(1)
        after_an_hour = feed(59)
    finally:
        tracemalloc.stop()
    assert after_an_hour - after_a_minute < 20_000
    stats = stream.stats
    assert stats.overrun_ms == 3_600_000 - 1_000
    assert stats.buffered_ms == 1_000
    assert tap.reader_stats.overrun_ms == 3_600_000 - 200


def test_two_streams_share_nothing() -> None:
    first, second = InboundAudioStream(), InboundAudioStream()
    first.push(pcm(FRAME + 1))
    assert second.stats == InboundAudioStream().stats
    second.close()
    assert first.recv(timeout=GUARD_S).samples_per_channel == FRAME
