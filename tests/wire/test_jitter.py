"""The jitter buffer: one timeline out, whatever comes in; holes are losses, pauses are silences."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import ValidationError

from rawmedia.errors import ConfigurationError
from rawmedia.testing.network import GilbertElliott, LossyLink
from rawmedia.wire.jitter import (
    MAX_DROPOUT,
    Hole,
    Item,
    JitterBuffer,
    JitterConfig,
    Pause,
    Received,
)
from rawmedia.wire.rtp import RtpPacket

RATE = 48_000
MS = RATE // 1_000
PACKET_MS = 20.0
PACKET = 20 * MS
EVENT = 101
AUDIO = b"audio"


def numbered(
    number: int,
    *,
    ticks: int | None = None,
    ssrc: int = 7,
    payload: bytes = AUDIO,
    payload_type: int = 111,
    marker: bool = False,
) -> RtpPacket:
    """The packet of a number, which wraps, at the time of packets of 20 ms if not said otherwise."""
    ticks = number * PACKET if ticks is None else ticks
    return RtpPacket(
        payload_type, number & 0xFFFF, ticks & 0xFFFF_FFFF, ssrc, payload, marker=marker
    )


def event(number: int) -> RtpPacket:
    return numbered(number, payload_type=EVENT)


@dataclass
class Call:
    """A buffer, the time, and all that came out of it, checked as it comes."""

    buffer: JitterBuffer
    now_ms: float = 0.0
    items: list[Item] = field(default_factory=list)
    given_ms: list[float] = field(default_factory=list)
    """When each item came out."""

    @classmethod
    def of(cls, *, event_payload_types: tuple[int, ...] = (EVENT,), **settings: Any) -> Call:
        return cls(
            JitterBuffer(RATE, JitterConfig(**settings), event_payload_types=event_payload_types)
        )

    def push(self, packet: RtpPacket, now_ms: float | None = None) -> None:
        """A packet comes; before it, whatever is due comes out in time."""
        if now_ms is not None:
            self.wait_until(now_ms)
        self.buffer.push(packet, self.now_ms)
        self.pull()

    def push_all(self, arrivals: list[tuple[float, RtpPacket]]) -> None:
        for arrival_ms, packet in arrivals:
            self.push(packet, arrival_ms)

    def push_regularly(self, *packets: RtpPacket) -> None:
        """A packet every 20 ms from now on."""
        start_ms = self.now_ms
        for index, packet in enumerate(packets):
            self.push(packet, start_ms + index * PACKET_MS)
        self.wait(PACKET_MS)

    def wait(self, duration_ms: float) -> None:
        self.wait_until(self.now_ms + duration_ms)

    def wait_until(self, now_ms: float) -> None:
        while (due_ms := self.buffer.next_due_ms) is not None and due_ms <= now_ms:
            self.now_ms = max(self.now_ms, due_ms)
            assert self.pull(), "what is due comes out"
        self.now_ms = max(self.now_ms, now_ms)

    def pull(self) -> list[Item]:
        return self._take(self.buffer.pull(self.now_ms))

    def flush(self) -> list[Item]:
        return self._take(self.buffer.flush())

    def finish(self) -> Call:
        """End the call, and look at all that came out."""
        self.flush()
        assert_one_timeline(self.items)
        assert_all_accounted_for(self.buffer)
        return self

    def _take(self, items: list[Item]) -> list[Item]:
        self.items += items
        self.given_ms += [self.now_ms] * len(items)
        return items

    @property
    def received(self) -> list[Received]:
        return [item for item in self.items if isinstance(item, Received)]

    @property
    def numbers(self) -> list[int]:
        return [item.packet.sequence_number for item in self.received]

    @property
    def holes(self) -> list[Hole]:
        return [item for item in self.items if isinstance(item, Hole)]

    @property
    def pauses(self) -> list[Pause]:
        return [item for item in self.items if isinstance(item, Pause)]

    def delays_ms(self) -> list[tuple[float, float]]:
        """For each packet of a stream that began at time 0: when it came out, and how late."""
        return [
            (at, at - item.position / MS)
            for at, item in zip(self.given_ms, self.items, strict=True)
            if isinstance(item, Received)
        ]


def assert_one_timeline(items: list[Item]) -> None:
    """Each item starts where the one before it ends, and nothing goes back or lasts nothing."""
    for item in items:
        assert isinstance(item, Received) or item.duration > 0
    for before, after in pairwise(items):
        if isinstance(before, Received):
            assert after.position > before.position
        else:
            assert after.position == before.position + before.duration


def assert_all_accounted_for(buffer: JitterBuffer) -> None:
    stats = buffer.stats
    assert stats.received == (
        stats.given
        + stats.late
        + stats.duplicates
        + stats.events
        + stats.empty
        + stats.strays
        + stats.overflowed
        + stats.buffered
    )
    assert stats.lost >= 0


# --- whatever comes in -------------------------------------------------------------------


class AnyPacketsAtAnyTime(RuleBasedStateMachine):
    """A sender that does what it should, most of the time, and a network with ill will."""

    def __init__(self) -> None:
        super().__init__()
        self.config = JitterConfig(max_delay_ms=150, capacity_ms=300, capacity_packets=12)
        self.buffer = JitterBuffer(RATE, self.config, event_payload_types={EVENT})
        self.now_ms = 0.0
        self.number, self.ticks, self.ssrc = 65_530, 2**32 - 5_000, 7
        self.sent: list[RtpPacket] = []
        self.pushed: list[int] = []
        self.items: list[Item] = []
        self.flushed = False

    def _push(self, packet: RtpPacket) -> None:
        self.sent.append(packet)
        self.pushed.append(id(packet))
        self.buffer.push(packet, self.now_ms)

    @rule(
        count=st.integers(1, 8),
        skipped=st.integers(0, 3),
        size_ms=st.sampled_from([10, 20, 20, 20, 60]),
        waits=st.booleans(),
    )
    def send(self, count: int, skipped: int, size_ms: int, waits: bool) -> None:
        self.number += skipped
        self.ticks += skipped * size_ms * MS
        for _ in range(count):
            self._push(numbered(self.number, ticks=self.ticks, ssrc=self.ssrc))
            self.number += 1
            self.ticks += size_ms * MS
            if waits:
                self.now_ms += size_ms

    @rule(event=st.booleans(), ahead=st.integers(-3, 3))
    def send_no_audio(self, event: bool, ahead: int) -> None:
        kind, payload = (EVENT, AUDIO) if event else (111, b"")
        self.number += ahead == 0
        self._push(
            numbered(
                self.number + ahead, ticks=0, payload=payload, payload_type=kind, ssrc=self.ssrc
            )
        )

    @rule(duration_ms=st.sampled_from([40, 100, 1_000, 5_000, 100_000]), marker=st.booleans())
    def be_silent(self, duration_ms: int, marker: bool) -> None:
        self.now_ms += duration_ms
        self.ticks += duration_ms * MS
        self._push(numbered(self.number, ticks=self.ticks, ssrc=self.ssrc, marker=marker))
        self.number += 1
        self.ticks += PACKET

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.sent[-20:]))
        self._push(old._replace())

    @rule(back=st.integers(1, 20))
    def come_late(self, back: int) -> None:
        self._push(numbered(self.number - back, ticks=self.ticks - back * PACKET, ssrc=self.ssrc))

    @rule(
        number=st.integers(0, 0xFFFF), ticks=st.integers(0, 2**32 - 1), ssrc=st.sampled_from([7, 8])
    )
    def forge(self, number: int, ticks: int, ssrc: int) -> None:
        self._push(numbered(number, ticks=ticks, ssrc=ssrc))

    @rule(near=st.integers(-30, 30), ticks=st.integers(-3_000_000, 3_000_000))
    def garble(self, near: int, ticks: int) -> None:
        self._push(numbered(self.number + near, ticks=self.ticks + ticks, ssrc=self.ssrc))

    @rule(
        number=st.integers(0, 0xFFFF), ticks=st.integers(0, 2**32 - 1), ssrc=st.sampled_from([7, 8])
    )
    def start_anew(self, number: int, ticks: int, ssrc: int) -> None:
        self.number, self.ticks, self.ssrc = number, ticks, ssrc

    @rule(duration_ms=st.floats(0, 400))
    def wait(self, duration_ms: float) -> None:
        self.now_ms += duration_ms

    @rule()
    def pull(self) -> None:
        due_ms = self.buffer.next_due_ms
        items = self.buffer.pull(self.now_ms)
        assert bool(items) == (due_ms is not None and due_ms <= self.now_ms)
        self.items += items
        again_ms = self.buffer.next_due_ms
        assert again_ms is None or again_ms > self.now_ms
        assert len(items) <= 12 * self.config.capacity_packets

    @rule()
    def look_ahead(self) -> None:
        """What `next_due_ms` says comes true, if nothing more arrives."""
        future = copy.deepcopy(self.buffer)
        for _ in range(MAX_DROPOUT):  # as many may be missing, each at its time
            due_ms = future.next_due_ms
            if due_ms is None:
                break
            assert future.pull(max(due_ms, self.now_ms))
        else:
            raise AssertionError("it never comes to rest")
        assert future.pull(self.now_ms + 1e9) == []

    @rule()
    def flush(self) -> None:
        self.items += self.buffer.flush()
        assert self.buffer.stats.buffered == 0

    @invariant()
    def one_timeline(self) -> None:
        assert_one_timeline(self.items[-300:])
        if self.items:
            assert self.items[0].position == 0
        received = [item for item in self.items if isinstance(item, Received)]
        assert all(item.restart for item in received[:1])

    @invariant()
    def every_packet_once_or_counted(self) -> None:
        assert_all_accounted_for(self.buffer)
        given = [id(item.packet) for item in self.items if isinstance(item, Received)]
        assert len(set(given)) == len(given)
        assert set(given) <= set(self.pushed)
        assert self.buffer.stats.received == len(self.pushed)

    @invariant()
    def bounded(self) -> None:
        stats = self.buffer.stats
        assert stats.buffered <= self.config.capacity_packets + 1
        assert stats.target_ms <= self.config.max_delay_ms

    @invariant()
    def no_longer_than_the_call(self) -> None:
        """Restarts and jumps may put the timeline ahead of the clock, each by so much at most."""
        if self.items:
            stats = self.buffer.stats
            jumps = stats.given + stats.restarts + 1
            allowed_ms = self.now_ms + jumps * (self.config.max_jump_ms + 150)
            assert self.items[-1].position <= allowed_ms * MS


TestAnyPacketsAtAnyTime = AnyPacketsAtAnyTime.TestCase
TestAnyPacketsAtAnyTime.settings = settings(max_examples=100, stateful_step_count=40)


@dataclass
class Sent:
    """One packet of a sender that does nothing wrong, and what the network does to it."""

    packet: RtpPacket
    sent_ms: float
    extra_ms: float
    lost: bool
    copied: bool


@st.composite
def streams(draw: st.DrawFn, *, pauses: bool) -> list[Sent]:
    """Audio of 20 ms packets, with loss, copies, reordering by up to 80 ms, and maybe silences."""
    first, start = draw(st.integers(0, 0xFFFF)), draw(st.integers(0, 2**32 - 1))
    kinds = ["audio"] * 8 + (["pause", "event"] if pauses else [])
    drawn = draw(
        st.lists(
            st.tuples(st.sampled_from(kinds), st.integers(0, 99), st.floats(0, 80)), max_size=25
        )
    )
    # Two neighbours at the start and one packet at the end tell all there is to know; an event
    # before any audio would not be known to belong to the stream.
    usual = ("audio", 50, 0.0)
    sent, ticks = [], start
    for number, (kind, chance, extra_ms) in enumerate([usual, usual, *drawn, usual], first):
        if kind == "pause":
            ticks += (1 + chance) * PACKET
        sent.append(
            Sent(
                event(number) if kind == "event" else numbered(number, ticks=ticks),
                sent_ms=(ticks - start) / MS,
                extra_ms=extra_ms,
                lost=kind == "audio" and chance < 15,
                copied=chance > 90,
            )
        )
        ticks += PACKET
    return sent


def arrivals(sent: list[Sent]) -> list[tuple[float, RtpPacket]]:
    copies = [
        (one.sent_ms + one.extra_ms + 5 * copy, one.packet)
        for one in sent
        if not one.lost
        for copy in range(1 + one.copied)
    ]
    return sorted(copies, key=lambda arrival: arrival[0])


PATIENT: dict[str, Any] = {"min_delay_ms": 200, "initial_delay_ms": 200, "max_hole_ms": 0}
"""Longer than any reordering in `streams`, and no guesses about what does not come."""


@given(streams(pauses=False))
def test_what_comes_in_time_is_given_in_order_and_each_loss_is_a_hole(sent: list[Sent]) -> None:
    call = Call.of(**PATIENT)
    call.push_all(arrivals(sent))
    call.finish()

    whole = [one.packet for one in sent]
    came = [one.packet for one in sent if not one.lost]
    assert [item.packet for item in call.received] == came
    for item in call.received:
        assert item.position == whole.index(item.packet) * PACKET
        assert item.restart == (item.packet is whole[0])

    lost = [index for index, one in enumerate(sent) if one.lost]
    covered = [
        index
        for hole in call.holes
        for index in range(hole.position // PACKET, (hole.position + hole.duration) // PACKET)
    ]
    assert covered == lost
    assert call.pauses == []
    stats = call.buffer.stats
    assert stats.lost == len(lost)
    assert stats.late == stats.strays == 0
    assert stats.duplicates == sum(one.copied and not one.lost for one in sent)


@given(streams(pauses=False))
def test_the_hole_before_a_packet_in_hand_is_one_packet_and_names_it(sent: list[Sent]) -> None:
    """The decoder can fill just that one from the next packet's FEC (RFC 6716, section 2.1.7)."""
    call = Call.of(**PATIENT)
    call.push_all(arrivals(sent))
    call.finish()
    for hole, after in pairwise(call.items):
        if isinstance(hole, Hole) and isinstance(after, Received):
            assert hole.next_packet is after.packet
            assert hole.duration == PACKET
        elif isinstance(hole, Hole):
            assert hole.next_packet is None


@given(streams(pauses=True))
def test_pauses_and_events_are_no_holes_and_positions_are_the_timestamps(sent: list[Sent]) -> None:
    call = Call.of(**PATIENT)
    call.push_all(arrivals(sent))
    call.finish()

    audio = [one for one in sent if one.packet.payload_type != EVENT]
    assert [item.packet for item in call.received] == [o.packet for o in audio if not o.lost]
    for item in call.received:
        expected = (item.packet.timestamp - audio[0].packet.timestamp) & 0xFFFF_FFFF
        assert item.position == expected
    assert sum(hole.duration for hole in call.holes) == PACKET * sum(one.lost for one in audio)
    assert call.buffer.stats.lost == sum(one.lost for one in audio)


# --- holes -------------------------------------------------------------------------------


def test_a_lost_packet_is_a_hole_when_its_time_has_come_and_not_before() -> None:
    call = Call.of()
    call.push_all([(n * PACKET_MS, numbered(n)) for n in range(10) if n != 5])
    call.wait(60)
    index = next(i for i, item in enumerate(call.items) if isinstance(item, Hole))
    assert call.items[index] == Hole(5 * PACKET, PACKET, numbered(6))
    before, after = call.given_ms[index - 1], call.given_ms[index + 1]
    assert call.given_ms[index] - before == pytest.approx(PACKET_MS)
    assert after - call.given_ms[index] == pytest.approx(PACKET_MS)


@pytest.mark.parametrize("shift", [25, 45])
def test_a_packet_reordered_within_the_delay_is_no_hole(shift: float) -> None:
    call = Call.of()
    order = [(n * PACKET_MS + (shift if n == 5 else 0), numbered(n)) for n in range(10)]
    call.push_all(sorted(order, key=lambda arrival: arrival[0]))
    call.finish()
    assert call.numbers == list(range(10))
    assert call.holes == []
    assert call.buffer.stats.reordered == 1


def test_several_in_a_row_are_holes_at_their_times_and_the_last_names_the_next_packet() -> None:
    call = Call.of(min_delay_ms=100, initial_delay_ms=100)
    call.push_regularly(*(numbered(n) for n in range(4)), *(numbered(n) for n in range(7, 12)))
    call.finish()
    assert call.holes[:3] == [
        Hole(4 * PACKET, PACKET, None),
        Hole(5 * PACKET, PACKET, None),
        Hole(6 * PACKET, PACKET, numbered(7)),
    ]


def test_overdue_holes_come_as_one_but_for_the_last() -> None:
    """A receiver that looks after a second must not get fifty items."""
    call = Call.of()
    call.push_regularly(numbered(0), numbered(1))
    call.buffer.push(numbered(40), 800)
    items = call.buffer.pull(870)
    assert items[-3:] == [
        Hole(2 * PACKET, 37 * PACKET, None),
        Hole(39 * PACKET, PACKET, numbered(40)),
        Received(numbered(40), 40 * PACKET, restart=False),
    ]


def test_while_nothing_comes_holes_are_given_for_so_long_and_no_longer() -> None:
    call = Call.of(max_hole_ms=70)
    call.push_regularly(*map(numbered, range(10)))
    call.wait(10_000)
    assert call.holes == [Hole((10 + n) * PACKET, PACKET, None) for n in range(3)]
    assert call.buffer.next_due_ms is None
    assert call.buffer.stats.lost == 0, "nothing says that they were sent"


def test_what_was_lost_meanwhile_is_known_when_a_packet_comes() -> None:
    """A loss burst of 300 ms: what was not given as a hole yet is given now."""
    call = Call.of(max_hole_ms=60)
    call.push_regularly(*map(numbered, range(10)))
    call.push(numbered(25), 500)
    call.finish()
    assert call.pauses == []
    assert call.holes[0].position == 10 * PACKET
    assert sum(hole.duration for hole in call.holes) == 15 * PACKET
    assert call.holes[-1] == Hole(24 * PACKET, PACKET, numbered(25))
    assert call.buffer.stats.lost == 15


def test_what_was_silent_meanwhile_is_known_when_a_packet_comes() -> None:
    """Silence suppression: the numbers go on, the timestamps jump."""
    call = Call.of(max_hole_ms=60)
    call.push_regularly(*map(numbered, range(10)))
    call.push(numbered(10, ticks=60 * PACKET), 1_200)
    call.finish()
    assert call.pauses == [Pause(13 * PACKET, 47 * PACKET)]
    assert call.received[-1].position == 60 * PACKET
    assert call.buffer.stats.lost == 0


def test_a_pause_within_the_delay_is_seen_without_a_hole() -> None:
    call = Call.of()
    call.push_all([(n * 20.0, numbered(n)) for n in range(10)])
    call.push_all([(n * 20.0 + 20, numbered(n, ticks=(n + 1) * PACKET)) for n in range(10, 15)])
    call.finish()
    assert call.pauses == [Pause(10 * PACKET, PACKET)]
    assert call.holes == []


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        (
            False,
            [
                Pause(10 * PACKET, 5 * PACKET),
                Hole(15 * PACKET, PACKET, numbered(11, ticks=16 * PACKET)),
            ],
        ),
        (True, [Hole(10 * PACKET, PACKET, None), Pause(11 * PACKET, 5 * PACKET)]),
    ],
)
def test_a_loss_beside_a_pause_is_where_the_marker_says(marker: bool, expected: list[Item]) -> None:
    """A marked packet begins a talkspurt (RFC 3551, section 4.1), so the loss was before the pause."""
    call = Call.of(max_hole_ms=0)
    call.push_regularly(*map(numbered, range(10)))
    call.push(numbered(11, ticks=16 * PACKET, marker=marker), 320)
    call.finish()
    found = call.items[10:12]
    if not marker:
        assert found == expected
    else:
        assert found == [expected[0], expected[1]]


def test_the_first_packet_of_a_talkspurt_can_be_recovered_though_holes_were_given_before() -> None:
    call = Call.of(max_hole_ms=60)
    call.push_regularly(*map(numbered, range(10)))
    call.push(numbered(11, ticks=100 * PACKET), 2_000)
    call.finish()
    assert call.items[13:15] == [
        Pause(13 * PACKET, 86 * PACKET),
        Hole(99 * PACKET, PACKET, numbered(11, ticks=100 * PACKET)),
    ]


def test_before_a_marked_packet_holes_already_given_stand_for_what_was_lost() -> None:
    call = Call.of(max_hole_ms=60)
    call.push_regularly(*map(numbered, range(10)))
    call.push(numbered(11, ticks=100 * PACKET, marker=True), 2_000)
    call.finish()
    assert len(call.holes) == 3
    assert call.items[13] == Pause(13 * PACKET, 87 * PACKET)


def test_packets_shorter_than_presumed_make_holes_of_what_time_there_is() -> None:
    """Five missing in 40 ms: the timeline is the timestamps', not the count's."""
    call = Call.of(max_hole_ms=0)
    call.push_regularly(*map(numbered, range(4)))
    call.push(numbered(9, ticks=6 * PACKET), 120)
    call.finish()
    assert call.received[-1].position == 6 * PACKET
    assert sum(hole.duration for hole in call.holes) == 2 * PACKET
    assert call.buffer.stats.lost == 5


@pytest.mark.parametrize("gap", [0, 3])
def test_missing_packets_for_which_there_is_no_time_are_counted_and_no_hole(gap: int) -> None:
    call = Call.of(max_hole_ms=0)
    call.push_regularly(*map(numbered, range(4)))
    call.push(numbered(9, ticks=4 * PACKET + gap), 80)
    call.finish()
    assert sum(hole.duration for hole in call.holes) == gap
    assert call.buffer.stats.lost == 5


# --- late --------------------------------------------------------------------------------


def test_a_late_packet_is_dropped_and_counted_as_late_and_not_as_lost() -> None:
    call = Call.of()
    call.push_regularly(*(numbered(n) for n in range(10) if n != 5))
    call.push(numbered(5))
    assert call.buffer.stats.late == 1
    assert call.buffer.stats.lost == 0
    call.push(numbered(5))
    assert call.buffer.stats.late == 1
    assert call.buffer.stats.duplicates == 1
    assert 5 not in call.finish().numbers


def test_a_packet_of_which_a_hole_was_given_before_it_was_known_is_late() -> None:
    call = Call.of(max_hole_ms=60)
    call.push_regularly(*map(numbered, range(10)))
    call.push_all([(500.0, numbered(n)) for n in range(10, 26)])
    call.finish()
    assert call.buffer.stats.late == 3
    assert call.buffer.stats.lost == 0
    assert call.numbers == [*range(10), *range(13, 26)]
    assert len([hole for hole in call.holes if hole.position < 26 * PACKET]) == 3


def test_an_event_that_comes_late_was_not_lost() -> None:
    call = Call.of()
    call.push_regularly(*(numbered(n) for n in range(10) if n != 5))
    assert call.buffer.stats.lost == 1
    call.push(event(5))
    assert call.buffer.stats.lost == 0


def test_what_was_sent_before_the_first_packet_given_is_late_and_no_loss() -> None:
    call = Call.of()
    call.push_regularly(*map(numbered, range(10, 20)))
    call.push(numbered(9))
    call.push(event(8))
    assert call.buffer.stats.late == 1
    assert call.buffer.stats.lost == 0


def test_the_first_packets_may_come_in_any_order() -> None:
    """The timeline begins with the first that is given, not with the first that came."""
    call = Call.of(min_delay_ms=60, initial_delay_ms=60)
    call.push_all([(0.0, numbered(3)), (1.0, numbered(1)), (2.0, event(0)), (3.0, numbered(2))])
    call.finish()
    assert call.numbers == [1, 2, 3]
    assert [item.position for item in call.received] == [0, PACKET, 2 * PACKET]
    assert [item.restart for item in call.received] == [True, False, False]


# --- no audio ----------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [set(), {12}])
def test_a_digit_in_the_middle_is_a_pause_and_no_hole(lost: set[int]) -> None:
    """Events take up sequence numbers, which a buffer that knows only numbers takes for loss."""
    call = Call.of()
    call.push_regularly(*map(numbered, range(10)))
    call.push_regularly(*(event(n) for n in range(10, 16) if n not in lost))
    call.push_regularly(*map(numbered, range(16, 25)))
    call.finish()
    assert_one_timeline(call.items)
    assert sum(pause.duration for pause in call.pauses) == (6 - len(lost)) * PACKET
    assert sum(hole.duration for hole in call.holes) == len(lost) * PACKET
    assert call.buffer.stats.events == 6 - len(lost)
    assert call.numbers == [*range(10), *range(16, 25)]


def test_a_packet_without_payload_is_a_pause_like_an_event() -> None:
    """Senders keep ports open with them (RFC 6263, section 4.1), and there is nothing to play."""
    call = Call.of()
    call.push_regularly(*map(numbered, range(5)), numbered(5, payload=b""), numbered(6))
    call.finish()
    assert call.pauses == [Pause(5 * PACKET, PACKET)]
    assert call.holes == []
    assert call.buffer.stats.empty == 1


def test_a_hole_before_an_event_names_no_packet() -> None:
    """The packet after it isn't its neighbour, so its FEC says nothing of it."""
    call = Call.of(max_hole_ms=0)
    call.push_regularly(*map(numbered, range(5)), event(6), numbered(7, ticks=6 * PACKET))
    call.finish()
    assert call.holes == [Hole(5 * PACKET, PACKET, None)]


def test_while_a_digit_is_sent_no_holes_are_given() -> None:
    call = Call.of(max_hole_ms=1_000)
    call.push_regularly(*map(numbered, range(10)), *map(event, range(10, 60)))
    assert call.holes == []
    assert call.buffer.next_due_ms is None


def test_events_alone_begin_nothing() -> None:
    call = Call.of()
    call.push_regularly(*map(event, range(10)))
    call.finish()
    assert call.items == []
    assert call.buffer.stats.events == 10
    call.push_regularly(*map(numbered, range(10, 15)))
    call.finish()
    assert [item.position for item in call.received] == [n * PACKET for n in range(5)]


def test_the_number_of_an_event_is_taken() -> None:
    call = Call.of()
    call.push_regularly(*map(numbered, range(5)), event(5), event(5), numbered(5))
    assert call.buffer.stats.events == 2
    assert call.buffer.stats.duplicates == 1


def test_an_event_of_another_stream_or_far_away_takes_no_number() -> None:
    call = Call.of()
    call.push_regularly(*map(numbered, range(5)), event(9_000), event(5)._replace(ssrc=9))
    call.push_regularly(*map(numbered, range(5, 8)))
    call.finish()
    assert call.numbers == list(range(8))


# --- timelines ---------------------------------------------------------------------------


@pytest.mark.untraced
def test_numbers_and_timestamps_wrap_unnoticed() -> None:
    """Sequence numbers wrap every 22 minutes, timestamps of a call may do so at any time."""
    call = Call.of()
    first = 65_536 - 20
    start = 2**32 - 30 * PACKET
    for n in range(65_600):
        call.buffer.push(numbered(first + n, ticks=start + n * PACKET), n * PACKET_MS)
        call.items += call.buffer.pull(n * PACKET_MS)
    call.items += call.buffer.flush()
    assert call.items == call.received
    assert [item.position for item in call.received] == [n * PACKET for n in range(65_600)]
    assert [item.restart for item in call.received].count(True) == 1


def restarted(call: Call) -> list[int]:
    return [item.packet.sequence_number for item in call.received if item.restart]


def test_a_new_ssrc_goes_on_where_playout_is_and_stragglers_of_the_old_are_ignored() -> None:
    call = Call.of()
    call.push_regularly(*map(numbered, range(10)))
    new = [numbered(40_000 + n, ticks=99 + n * PACKET, ssrc=8) for n in range(10)]
    call.push_regularly(new[0], new[1])
    call.push(numbered(10))
    call.push(numbered(11))
    call.push_regularly(*new[2:])
    call.finish()
    assert restarted(call) == [0, 40_000]
    assert call.numbers == [*range(10), *range(40_000, 40_010)]
    assert call.received[10].position == 10 * PACKET
    assert call.buffer.stats.strays == 2
    assert call.buffer.stats.restarts == 1
    assert call.holes == []


def test_the_old_ssrc_may_come_back_later() -> None:
    """Music on hold, then the same caller again."""
    call = Call.of()
    call.push_regularly(*map(numbered, range(10)))
    call.push_regularly(*(numbered(40_000 + n, ssrc=8) for n in range(60)))
    call.push_regularly(*(numbered(n, ticks=n * PACKET) for n in range(10, 20)))
    call.finish()
    assert restarted(call) == [0, 40_000, 10]
    assert len(call.received) == 80


def test_one_packet_of_another_ssrc_disturbs_nothing() -> None:
    """A forged or strayed packet: nobody vouches for it."""
    call = Call.of()
    call.push_regularly(*map(numbered, range(10)))
    for n in range(10, 30):
        call.push_regularly(numbered(n))
        call.push(numbered(n * 977, ssrc=n))
    call.finish()
    assert call.numbers == list(range(30))
    assert call.holes == []
    assert restarted(call) == [0]
    call.flush()
    assert call.buffer.stats.strays == 20


@pytest.mark.parametrize(
    ("first", "ticks"),
    [
        (10, 10 * PACKET + 10_000 * MS),  # numbers go on, the timestamp jumps ahead
        (10, 5 * PACKET),  # or back by a little
        (10, 3_000_000_000),  # or back by much
        (10 + MAX_DROPOUT + 1, 10 * PACKET),  # numbers jump
        (20_000, 3_000_000_000),  # both jump
        (60_000, 10 * PACKET),
    ],
)
def test_a_jump_is_a_new_timeline_that_goes_on_where_playout_is(first: int, ticks: int) -> None:
    call = Call.of()
    call.push_regularly(*map(numbered, range(10)))
    call.push_regularly(*(numbered(first + n, ticks=ticks + n * PACKET) for n in range(10)))
    call.finish()
    assert restarted(call) == [0, first]
    assert [item.position for item in call.received] == [n * PACKET for n in range(20)]
    assert [item for item in call.items if item.position < 20 * PACKET] == call.received


@pytest.mark.parametrize(
    ("number", "ticks"),
    [(10, 2**31), (10, 0), (30_000, 10 * PACKET), (5, 11 * PACKET), (11, 10**6)],
)
def test_one_garbled_packet_disturbs_nothing(number: int, ticks: int) -> None:
    call = Call.of()
    call.push_regularly(*(numbered(n) for n in range(10) if n != number))
    call.buffer.push(numbered(number, ticks=ticks), call.now_ms)
    call.push_regularly(*(numbered(n) for n in range(10, 20) if n != number))
    call.finish()
    assert restarted(call) == [0]
    assert call.numbers == [n for n in range(20) if n != number]
    assert call.buffer.stats.strays == 1
    assert [item.position for item in call.received] == [n * PACKET for n in call.numbers]


def test_packets_that_follow_each_other_with_good_ones_between_vouch_for_nothing() -> None:
    """Somebody who sends into the stream all the time must not take it over."""
    call = Call.of()
    for n in range(50):
        call.push(numbered(n), n * PACKET_MS)
        call.push(numbered(n, ssrc=9))
    call.finish()
    assert call.numbers == list(range(50))
    assert call.buffer.stats.strays == 50


@pytest.mark.parametrize(
    ("step", "ticks"), [(1, 10_000 * MS), (101, PACKET), (1, -PACKET), (-1, PACKET)]
)
def test_two_doubtful_packets_that_do_not_fit_each_other_make_no_timeline(
    step: int, ticks: int
) -> None:
    call = Call.of()
    call.push_regularly(*map(numbered, range(5)))
    call.push(numbered(1_000, ticks=0, ssrc=9))
    call.push(numbered(1_000 + step, ticks=ticks, ssrc=9))
    assert call.buffer.stats.restarts == 0
    assert call.buffer.stats.strays == 1


def test_older_packets_with_a_time_far_away_are_not_played() -> None:
    """The first packet given settles where the timeline is, so a wrong one would move it."""
    call = Call.of()
    call.push_all([(0.0, numbered(10)), (1.0, numbered(9, ticks=-10_000 * MS))])
    call.push_regularly(*map(numbered, range(11, 15)))
    call.finish()
    assert call.numbers == list(range(10, 15))
    assert call.items == call.received


@pytest.mark.parametrize("place", [1, 2])
def test_a_packet_with_a_time_before_that_of_one_sent_earlier_is_dropped(place: int) -> None:
    call = Call.of()
    call.push_all([(0.0, numbered(0)), (1.0, numbered(3))])
    call.push(numbered(1, ticks=2 * PACKET))
    call.push(numbered(2, ticks=place * PACKET))
    call.finish()
    assert call.numbers == [0, 1, 3]
    assert call.buffer.stats.strays == 1


def test_the_delay_that_was_learned_serves_the_next_timeline() -> None:
    """It is the same network, whoever speaks."""
    call = Call.of(initial_delay_ms=40)
    link: LossyLink[RtpPacket] = LossyLink(3, jitter_ms=30)
    call.push_all(link.transmit((n * PACKET_MS, numbered(n)) for n in range(500)))
    learned_ms = call.buffer.target_ms
    assert learned_ms > 80
    call.push_regularly(*(numbered(n, ssrc=8) for n in range(5)))
    assert call.buffer.target_ms >= learned_ms - 1


def test_after_a_silence_a_new_timeline_begins_when_it_does() -> None:
    """Ten seconds on hold are ten seconds of the timeline, so that a recording stays in step."""
    call = Call.of()
    call.push_regularly(*map(numbered, range(10)))
    call.wait_until(10_000)
    call.push_regularly(
        *(
            numbered(5_000 + n, ticks=77, ssrc=8)._replace(timestamp=77 + n * PACKET)
            for n in range(5)
        )
    )
    call.finish()
    assert call.received[10].position == pytest.approx(10_000 * MS, abs=MS)
    assert len(call.pauses) == 1


def test_random_timestamps_make_no_long_pauses() -> None:
    """Positions that a receiver fills up must not be an attacker's choice."""
    call = Call.of()
    for n in range(500):
        call.push(numbered(n, ticks=n * 2_654_435_761), n * PACKET_MS)
    call.finish()
    assert call.items[-1].position < (500 * PACKET_MS + 2_000) * MS


def test_a_sender_that_starts_anew_where_it_was_is_believed_after_a_second() -> None:
    """Its numbers are known and its timestamps older, so each looks like a repeated packet."""
    call = Call.of()
    call.push_regularly(*map(numbered, range(500)))
    call.push_regularly(*(numbered(n) for n in range(300)))
    call.finish()
    assert call.buffer.stats.restarts == 1
    assert call.buffer.stats.duplicates == 50
    assert call.numbers[500:] == list(range(50, 300))


def test_copies_of_all_packets_are_no_reason_to_begin_anew() -> None:
    call = Call.of()
    for n in range(200):
        call.push(numbered(n), n * PACKET_MS)
        call.push(numbered(n))
    call.finish()
    assert call.buffer.stats.restarts == 0
    assert call.buffer.stats.duplicates == 200


def test_what_came_long_ago_says_nothing_of_what_is_lost_now() -> None:
    """What is known of numbers is kept for some thousands of them, and must then be forgotten."""
    call = Call.of()
    lost = {5_000, 5_001, 9_000}
    call.push_all([(n * PACKET_MS, numbered(n)) for n in range(10_000) if n not in lost])
    assert call.buffer.stats.lost == 3
    call.push(numbered(9_950))
    assert call.buffer.stats.duplicates == 1
    call.finish()


def test_packets_that_are_all_too_late_begin_a_timeline_in_the_end() -> None:
    """Never mute for ever: what cannot be a late packet's place is a new one's."""
    call = Call.of(max_jump_ms=10_000)
    call.push_all([(n * PACKET_MS, numbered(n)) for n in range(0, 200, 2)])
    call.wait(100)
    call.push_regularly(*(numbered(n) for n in range(1, 121, 2)))
    assert call.buffer.stats.restarts == 1
    assert call.buffer.stats.late == 50


def test_timestamps_that_stood_still_on_hold_are_played_at_once_and_in_full() -> None:
    """The packets are later than ever, yet nothing is wrong with them."""
    call = Call.of(max_hole_ms=0)
    call.push_regularly(*map(numbered, range(100)))
    call.wait(5_000)
    call.push_regularly(*map(numbered, range(100, 400)))
    call.finish()
    assert call.numbers == list(range(400))
    assert call.holes == []
    assert restarted(call) == [0]
    assert call.buffer.delay_ms == pytest.approx(40)


# --- when --------------------------------------------------------------------------------


def test_on_a_quiet_line_a_packet_leaves_after_the_initial_then_the_least_delay() -> None:
    call = Call.of(min_delay_ms=40, initial_delay_ms=80)
    call.push_regularly(*map(numbered, range(200)))
    call.wait(20)
    delays = [delay_ms for _, delay_ms in call.delays_ms()]
    assert delays[0] == pytest.approx(80)
    assert delays[-1] == pytest.approx(40)
    assert call.numbers == list(range(200))
    assert call.buffer.delay_ms == call.buffer.target_ms == pytest.approx(40)


def test_a_shrinking_delay_is_caught_up_by_a_quarter_of_real_time() -> None:
    """All at once would have a listener hear a jump."""
    call = Call.of(min_delay_ms=40, initial_delay_ms=200)
    call.push_regularly(*map(numbered, range(200)))
    delays = [delay_ms for at, delay_ms in call.delays_ms()]
    falling = [delay for delay in delays if 41 < delay < 199]
    assert len(falling) >= 160 / (PACKET_MS * 0.25) - 8
    assert all(0 <= before - after <= 10.1 for before, after in pairwise(delays))


@pytest.mark.parametrize("fec", [True, False])
def test_the_delay_is_what_jitter_needs_and_a_packet_more_for_fec(fec: bool) -> None:
    call = Call.of(min_delay_ms=0, initial_delay_ms=0, fec=fec)
    link: LossyLink[RtpPacket] = LossyLink(3, jitter_ms=8)
    call.push_all(link.transmit((n * PACKET_MS, numbered(n)) for n in range(1_500)))
    excess_ms = call.buffer._estimator.excess_ms
    assert excess_ms > 20
    assert call.buffer.target_ms == pytest.approx(excess_ms + (PACKET_MS if fec else 0))


def test_with_fec_in_mind_the_packet_after_a_hole_is_in_hand() -> None:
    call = Call.of()
    link: LossyLink[RtpPacket] = LossyLink(4, loss=0.05, jitter_ms=10)
    came = link.transmit((n * PACKET_MS, numbered(n)) for n in range(2_000))
    call.push_all(came)
    numbers = {packet.sequence_number for _, packet in came}
    alone = {n * PACKET for n in range(2_000) if n not in numbers and n + 1 in numbers}
    named = {hole.position for hole in call.holes if hole.next_packet is not None}
    assert len(alone) > 80
    assert len(alone & named) / len(alone) > 0.95


def test_the_delay_keeps_within_its_bounds() -> None:
    call = Call.of(min_delay_ms=50, initial_delay_ms=50, max_delay_ms=90)
    link: LossyLink[RtpPacket] = LossyLink(5, jitter_ms=60)
    for arrival_ms, packet in link.transmit((n * PACKET_MS, numbered(n)) for n in range(500)):
        call.push(packet, arrival_ms)
        assert 50 <= call.buffer.target_ms <= 90
    assert call.buffer.target_ms == 90
    assert call.buffer.stats.jitter_ms > 5


def burst(kind: str, at_ms: float, seed: int = 2) -> Call:
    """A call of a minute over a good line, with 300 ms of trouble in it."""
    link: LossyLink[RtpPacket] = LossyLink(seed, jitter_ms=4)
    (link.spike if kind == "spike" else link.outage)(at_ms, 300)
    call = Call.of()
    targets = []
    for arrival_ms, packet in link.transmit((n * PACKET_MS, numbered(n)) for n in range(1_500)):
        call.push(packet, arrival_ms)
        targets.append((arrival_ms, call.buffer.target_ms))
    before = [target for at, target in targets if at < at_ms]
    after = [target for at, target in targets if at >= at_ms + 2_300]
    assert max(after) <= before[-1] + 10, "the target is near what it was before"
    return call


@pytest.mark.parametrize("at_ms", [1_500.0, 3_000.0, 20_000.0])
@pytest.mark.parametrize("kind", ["spike", "outage"])
def test_two_seconds_after_a_burst_all_is_as_before(kind: str, at_ms: float) -> None:
    call = burst(kind, at_ms)
    assert_one_timeline(call.items)
    before = [delay for at, delay in call.delays_ms() if at_ms - 500 < at < at_ms]
    after = [delay for at, delay in call.delays_ms() if at > at_ms + 2_300]
    assert max(after) <= max(before) + 10
    stats = call.buffer.stats
    assert stats.late <= 5
    assert stats.lost == (15 if kind == "outage" else 0)


@pytest.mark.untraced
@pytest.mark.parametrize("ppm", [500.0, -500.0])
def test_clocks_that_drift_lose_nothing_and_add_no_delay(ppm: float) -> None:
    link: LossyLink[RtpPacket] = LossyLink(6, drift_ppm=ppm)
    call = Call.of()
    call.push_all(link.transmit((n * PACKET_MS, numbered(n)) for n in range(15_000)))
    call.finish()
    assert call.numbers == [n & 0xFFFF for n in range(15_000)]
    assert [hole for hole in call.holes if hole.position < 15_000 * PACKET] == []
    at, last = next(
        (at, item)
        for at, item in zip(reversed(call.given_ms), reversed(call.items), strict=True)
        if isinstance(item, Received)
    )
    arrived_ms = last.position / MS / (1 + ppm / 1e6)
    assert at - arrived_ms < 55


@pytest.mark.parametrize("step_ms", [100.0, 450.0, 900.0])
def test_a_path_that_becomes_longer_loses_hardly_more_than_the_holes_it_made(
    step_ms: float,
) -> None:
    call = Call.of(max_hole_ms=60)
    call.push_all([(n * PACKET_MS, numbered(n)) for n in range(500)])
    call.push_all([(n * PACKET_MS + step_ms, numbered(n)) for n in range(500, 800)])
    assert call.buffer.stats.late <= 5
    assert_one_timeline(call.items)


def test_under_loss_all_of_the_time_is_filled() -> None:
    """5 % lost at random and in bursts: audio, or a hole to fill, for every instant."""
    link: LossyLink[RtpPacket] = LossyLink(
        8, loss=0.02, burst=GilbertElliott.of(0.03, 3), jitter_ms=10, reorder=0.01
    )
    call = Call.of()
    call.push_all(link.transmit((n * PACKET_MS, numbered(n)) for n in range(3_000)))
    call.finish()
    stats = call.buffer.stats
    filled = stats.given * PACKET + sum(hole.duration for hole in call.holes)
    assert filled / (3_000 * PACKET) == pytest.approx(1, abs=0.002)
    assert stats.pause_ms == 0
    assert stats.late / stats.received < 0.03


# --- durations ---------------------------------------------------------------------------


@pytest.mark.parametrize("size_ms", [10, 40, 60])
def test_the_duration_of_packets_is_learned(size_ms: int) -> None:
    size = size_ms * MS
    call = Call.of(max_hole_ms=0, initial_delay_ms=100)
    packets = {n: numbered(n, ticks=n * size) for n in range(10)}
    call.push_all([(n * size_ms * 1.0, packets[n]) for n in (0, 1, 2, 3, 5, 6)])
    call.finish()
    assert call.holes == [Hole(4 * size, size, packets[5])]
    assert call.pauses == []


def test_a_loss_between_the_first_two_packets_is_already_of_the_right_length() -> None:
    call = Call.of(max_hole_ms=0)
    call.push_all([(0.0, numbered(0, ticks=0)), (120.0, numbered(2, ticks=120 * MS))])
    call.finish()
    assert call.holes == [Hole(60 * MS, 60 * MS, numbered(2, ticks=120 * MS))]


@pytest.mark.parametrize(("before_ms", "after_ms"), [(20, 60), (60, 20), (20, 10)])
def test_a_duration_that_changes_is_learned_within_three_packets(
    before_ms: int, after_ms: int
) -> None:
    call = Call.of(max_hole_ms=0)
    at_ms, number = 0, 0
    for size_ms, count in ((before_ms, 10), (after_ms, 10)):
        for _ in range(count):
            call.push(numbered(number, ticks=at_ms * MS), float(at_ms))
            at_ms, number = at_ms + size_ms, number + 1
    call.push(numbered(number + 1, ticks=(at_ms + after_ms) * MS), float(at_ms + after_ms))
    call.finish()
    assert call.holes == [
        Hole(at_ms * MS, after_ms * MS, numbered(number + 1, ticks=(at_ms + after_ms) * MS))
    ]
    assert len(call.pauses) <= 2


def test_a_codec_that_knows_durations_makes_changes_exact() -> None:
    sizes_ms = [20, 20, 20, 60, 60, 10, 10, 20, 40]
    call = Call(
        JitterBuffer(
            RATE, JitterConfig(max_hole_ms=0), duration_of=lambda packet: packet.payload[0] * MS
        )
    )
    at_ms = 0
    for number, size_ms in enumerate(sizes_ms):
        call.push(numbered(number, ticks=at_ms * MS, payload=bytes([size_ms])), float(at_ms))
        at_ms += size_ms
    call.finish()
    assert call.items == call.received
    assert len(call.items) == len(sizes_ms)


def test_a_codec_that_knows_durations_makes_the_first_hole_exact() -> None:
    call = Call(JitterBuffer(RATE, JitterConfig(max_hole_ms=0), duration_of=lambda packet: 60 * MS))
    late = numbered(2, ticks=300 * MS)
    call.push_all([(0.0, numbered(0)), (300.0, late)])
    call.finish()
    assert call.items[1:3] == [Pause(60 * MS, 180 * MS), Hole(240 * MS, 60 * MS, late)]


def test_packets_that_become_shorter_are_believed_at_once() -> None:
    call = Call.of(max_hole_ms=0, min_delay_ms=200, initial_delay_ms=200)
    places = {0: 0, 1: 60, 2: 120, 3: 180, 4: 200, 6: 240}
    call.push_all([(at * 1.0, numbered(n, ticks=at * MS)) for n, at in places.items()])
    call.finish()
    assert call.holes == [Hole(220 * MS, PACKET, numbered(6, ticks=240 * MS))]


@pytest.mark.parametrize("claim", [-5, 0, 10**9])
def test_a_duration_that_cannot_be_is_not_believed(claim: int) -> None:
    call = Call(JitterBuffer(RATE, duration_of=lambda packet: claim))
    call.push_regularly(*(numbered(n) for n in range(20) if n != 10))
    call.finish()
    assert call.received[-1].position == 19 * PACKET
    assert call.items[-1].position < 30 * PACKET


def test_neighbours_closer_than_any_packet_teach_nothing() -> None:
    call = Call.of(max_hole_ms=0)
    call.push_regularly(*map(numbered, range(5)), numbered(5, ticks=4 * PACKET + 1))
    call.push_regularly(*map(numbered, range(6, 9)), numbered(10))
    call.finish()
    assert call.holes[-1] == Hole(9 * PACKET, PACKET, numbered(10))


# --- memory ------------------------------------------------------------------------------


def test_when_nobody_pulls_the_oldest_go_and_are_a_hole() -> None:
    buffer = JitterBuffer(RATE, JitterConfig(capacity_packets=50))
    for n in range(10):
        buffer.push(numbered(n), n * PACKET_MS)
    items = buffer.pull(200)
    for n in range(10, 1_000):
        buffer.push(numbered(n), n * PACKET_MS)
        assert buffer.stats.buffered <= 50
    items += buffer.pull(1_000 * PACKET_MS + 1_000)
    assert_one_timeline(items)
    numbers = [item.packet.sequence_number for item in items if isinstance(item, Received)]
    assert numbers[-50:] == list(range(950, 1_000))
    assert buffer.stats.overflowed == 1_000 - len(numbers)
    assert buffer.stats.lost == 0
    assert buffer.stats.pause_ms == 0
    assert_all_accounted_for(buffer)


def test_what_is_kept_is_bounded_in_time_too() -> None:
    buffer = JitterBuffer(RATE, JitterConfig(capacity_ms=1_000))
    for n in range(500):
        buffer.push(numbered(n), n * PACKET_MS)
    assert buffer.stats.buffered == 51
    items = buffer.flush()
    assert isinstance(items[0], Received)
    assert items[0].position == 0
    assert len(items) == 51


def test_what_is_missing_among_what_overflows_is_lost_and_a_hole() -> None:
    buffer = JitterBuffer(RATE, JitterConfig(capacity_packets=20), event_payload_types={EVENT})
    items: list[Item] = []
    buffer.push(numbered(0), 0)
    items += buffer.pull(60)
    for n in range(1, 60):
        if n % 10 == 5:
            continue
        buffer.push(event(n) if n % 10 == 6 else numbered(n), 60 + n)
    items += buffer.flush()
    assert_one_timeline(items)
    assert buffer.stats.lost == 6
    assert items[-1].position == 59 * PACKET
    assert buffer.stats.hole_ms == (buffer.stats.overflowed + 6) * PACKET_MS
    assert buffer.stats.pause_ms == 6 * PACKET_MS
    assert_all_accounted_for(buffer)


def test_a_pause_longer_than_the_capacity_drops_nothing() -> None:
    call = Call.of(capacity_ms=500, max_delay_ms=200)
    call.push_regularly(*map(numbered, range(5)))
    call.wait_until(60_000)
    for n in range(5, 20):
        call.buffer.push(numbered(n, ticks=60_000 * MS + n * PACKET), call.now_ms)
    call.wait(1_000)
    assert call.buffer.stats.overflowed == 0
    assert len(call.received) == 20


def test_events_that_wait_for_a_missing_packet_are_bounded() -> None:
    buffer = JitterBuffer(RATE, JitterConfig(capacity_packets=10), event_payload_types={EVENT})
    buffer.push(numbered(0), 0)
    buffer.pull(100)
    for n in range(2, 2_000):
        buffer.push(event(n), 100 + n * PACKET_MS)
        assert len(buffer._timeline.held) <= 10  # type: ignore[union-attr]
    buffer.push(numbered(2_000), 2_000 * PACKET_MS)
    items = buffer.pull(2_000 * PACKET_MS + 100)
    assert isinstance(items[-1], Received)
    assert items[-1].position == 2_000 * PACKET
    assert buffer.stats.overflowed == 0


def test_restarts_that_nobody_pulls_are_bounded() -> None:
    """What is left of old timelines waits to be pulled, and would otherwise wait without bound."""
    config = JitterConfig(capacity_packets=10)
    buffer = JitterBuffer(RATE, config)
    for n in range(300):
        ssrc = n // 2
        buffer.push(numbered(n, ssrc=ssrc), n * 1_500.0)
        assert len(buffer._ready) <= 14
    items = buffer.flush()
    assert_one_timeline(items)
    assert buffer.stats.overflowed > 200
    assert_all_accounted_for(buffer)
    first = next(item for item in items if isinstance(item, Received))
    assert first.restart


def test_numbers_that_run_away_do_not_grow_what_is_kept() -> None:
    buffer = JitterBuffer(RATE)
    for n in range(300):
        buffer.push(numbered(n * MAX_DROPOUT, ticks=n), float(n))
        assert buffer.stats.buffered <= 3
    items = buffer.flush()
    assert_one_timeline(items)
    assert_all_accounted_for(buffer)


# --- edges -------------------------------------------------------------------------------


def test_before_the_first_packet_there_is_nothing() -> None:
    buffer = JitterBuffer(RATE)
    assert buffer.next_due_ms is None
    assert buffer.pull(1e9) == []
    assert buffer.flush() == []
    assert buffer.delay_ms == buffer.target_ms == 60
    assert buffer.stats.received == buffer.stats.buffered == 0


def test_a_flush_gives_all_that_is_left_with_its_holes_and_the_stream_goes_on() -> None:
    call = Call.of()
    call.push_all([(n * 1.0, numbered(n)) for n in (0, 1, 3)])
    assert call.flush() == [
        Received(numbered(0), 0, restart=True),
        Received(numbered(1), PACKET, restart=False),
        Hole(2 * PACKET, PACKET, numbered(3)),
        Received(numbered(3), 3 * PACKET, restart=False),
    ]
    assert call.flush() == []
    call.push(numbered(4), 80)
    call.finish()
    assert call.numbers == [0, 1, 3, 4]


def test_a_flush_gives_up_a_packet_that_nothing_vouches_for() -> None:
    call = Call.of()
    call.push(numbered(0))
    call.push(numbered(0, ssrc=9))
    assert call.buffer.stats.buffered == 2
    call.flush()
    assert call.numbers == [0]
    assert call.buffer.stats.strays == 1


def test_the_same_doubtful_packet_twice_vouches_for_nothing() -> None:
    call = Call.of()
    call.push_regularly(numbered(0), numbered(9, ssrc=9), numbered(9, ssrc=9))
    assert call.buffer.stats.restarts == 0
    assert call.buffer.stats.duplicates == 1
    call.push(numbered(10, ssrc=9))
    assert call.buffer.stats.restarts == 1


def test_time_does_not_go_back() -> None:
    """Two sockets read in turn may hand in times out of order by a little."""
    buffer, other = JitterBuffer(RATE), JitterBuffer(RATE)
    for n in range(10):
        buffer.push(numbered(n), 1_000 + n * PACKET_MS - (500 if n == 5 else 0))
        other.push(numbered(n), 1_000 + n * PACKET_MS - (PACKET_MS if n == 5 else 0))
    assert buffer.pull(2_000) == other.pull(2_000)
    assert buffer.stats == other.stats


@pytest.mark.parametrize("now_ms", [nan, inf, -inf])
def test_a_time_that_is_none_is_refused_and_nothing_is_taken(now_ms: float) -> None:
    buffer = JitterBuffer(RATE)
    with pytest.raises(ConfigurationError, match="now_ms"):
        buffer.push(numbered(0), now_ms)
    assert buffer.stats.received == 0
    buffer.push(numbered(0), 5)
    with pytest.raises(ConfigurationError, match="now_ms"):
        buffer.pull(nan)
    assert len(buffer.pull(66)) == 1


def test_a_change_of_payload_type_is_no_restart() -> None:
    """The receiver sees the type of each packet; numbers and timestamps go on."""
    call = Call.of()
    call.push_regularly(
        *map(numbered, range(5)), *(numbered(n, payload_type=0) for n in range(5, 9))
    )
    call.finish()
    assert [item.packet.payload_type for item in call.received] == [111] * 5 + [0] * 4
    assert restarted(call) == [0]


def test_two_buffers_share_nothing() -> None:
    one, other = JitterBuffer(RATE), JitterBuffer(RATE)
    one.push(numbered(0), 0)
    assert other.pull(1_000) == []
    assert other.stats.received == 0


@pytest.mark.parametrize("clock_rate", [0, -8_000, 999, 200_000])
def test_a_clock_rate_out_of_range_is_refused(clock_rate: int) -> None:
    with pytest.raises(ConfigurationError, match="clock_rate"):
        JitterBuffer(clock_rate)


@pytest.mark.parametrize("clock_rate", [8_000, 16_000, 44_100, 48_000, 90_000])
def test_any_clock_rate_is_one_timeline(clock_rate: int) -> None:
    buffer = JitterBuffer(clock_rate)
    items: list[Item] = []
    for n in range(200):
        packet = numbered(n, ticks=n * clock_rate // 50)
        if n % 20 != 10:
            buffer.push(packet, n * PACKET_MS)
        items += buffer.pull(n * PACKET_MS)
    items += buffer.flush()
    assert_one_timeline(items)
    assert items[-1].position == 199 * clock_rate // 50
    assert buffer.stats.hole_ms == pytest.approx(10 * PACKET_MS, abs=0.2)


@pytest.mark.parametrize(
    "settings",
    [
        {"min_delay_ms": 100, "initial_delay_ms": 60},
        {"initial_delay_ms": 600},
        {"max_delay_ms": 5_000, "capacity_ms": 1_000},
        {"min_delay_ms": -1},
        {"late_share": 0},
        {"capacity_packets": 2},
        {"max_hole_ms": nan},
        {"depth_ms": 60},
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        JitterConfig(**settings)  # type: ignore[arg-type]
