"""Keys as packets: one start and one end of each, whatever the network does to the packets."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.errors import ConfigurationError, PayloadError
from rawmedia.wire.rtp import RtpPacket
from rawmedia.wire.telephone_event import (
    DTMF_KEYS,
    MAX_DURATION,
    MAX_KEY_MS,
    EventReport,
    KeyEnded,
    KeyEvent,
    KeyStarted,
    TelephoneEvent,
    TelephoneEventReceiver,
    TelephoneEventSender,
    key_event,
    key_name,
)

reports = st.builds(
    TelephoneEvent,
    event=st.integers(0, 255),
    end=st.booleans(),
    volume=st.integers(0, 63),
    duration=st.integers(0, MAX_DURATION),
)


def send(
    key: str, duration_ms: float, timestamp: int, sender: TelephoneEventSender | None = None
) -> list[EventReport]:
    return list((sender or TelephoneEventSender()).press(key, duration_ms, timestamp))


def hear(
    receiver: TelephoneEventReceiver, sent: list[EventReport], start_ms: float = 0
) -> list[KeyEvent]:
    told: list[KeyEvent] = []
    for report in sent:
        told += receiver.push_payload(
            report.timestamp, report.payload, start_ms + report.offset_ms, marker=report.marker
        )
    return told


def keys(told: list[KeyEvent]) -> list[tuple[str, str, int]]:
    return [(type(one).__name__, one.name, one.timestamp) for one in told]


# --- payloads and names ---


def test_a_report_is_laid_out_as_in_rfc_4733() -> None:
    """Section 2.3: the code, E, a reserved bit, six bits of volume, and the duration."""
    assert TelephoneEvent(5, True, 10, 800).build() == bytes.fromhex("058a 0320")
    assert TelephoneEvent(16, False, 63, 65_535).build() == bytes.fromhex("103f ffff")


@given(st.lists(reports, min_size=1, max_size=4))
def test_reports_come_back_from_their_payload(row: list[TelephoneEvent]) -> None:
    row = [report._replace(end=True) for report in row[:-1]] + row[-1:]
    payload = b"".join(report.build() for report in row)
    assert TelephoneEvent.parse(payload) == tuple(row)
    assert TelephoneEvent.parse(memoryview(payload)) == tuple(row)


def test_the_reserved_bit_is_ignored() -> None:
    assert TelephoneEvent.parse(bytes.fromhex("05ca0320")) == (TelephoneEvent(5, True, 10, 800),)


@pytest.mark.parametrize("size", [0, 1, 3, 5])
def test_part_of_a_report_is_refused(size: int) -> None:
    with pytest.raises(PayloadError, match="4 bytes"):
        TelephoneEvent.parse(bytes(size))


def test_audio_taken_for_events_is_refused() -> None:
    """A wrong payload type must not press forty keys: only the last event may be going on."""
    with pytest.raises(PayloadError, match="ended"):
        TelephoneEvent.parse(b"\x55" * 160)


@pytest.mark.parametrize(
    "change",
    [{"event": 256}, {"event": -1}, {"volume": 64}, {"volume": -1}, {"duration": 65_536}, {"duration": -1}],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        TelephoneEvent(**({"event": 1} | change))
    with pytest.raises(PayloadError):
        TelephoneEvent(1)._replace(**change)


def test_keys_are_named_as_on_the_telephone() -> None:
    assert "".join(map(key_name, range(16))) == DTMF_KEYS == "0123456789*#ABCD"
    assert [key_event(key_name(event)) for event in range(16)] == list(range(16))
    assert key_event("d") == 15
    assert TelephoneEvent(11).name == "#"


def test_events_without_a_key_are_named_by_number() -> None:
    """16 is a hook flash, 36 a fax: they arrive like keys, and an application may know them."""
    assert [key_name(event) for event in (16, 36, 255)] == ["16", "36", "255"]


@given(st.text(max_size=3))
def test_any_name_is_a_key_or_a_configuration_error(name: str) -> None:
    try:
        event = key_event(name)
    except ConfigurationError:
        return
    assert key_name(event) == name.upper()


@pytest.mark.parametrize(
    "name", ["", "10", "42", "-1", "E", "\u0663", "\N{LATIN SMALL LETTER SHARP S}", "1" * 5000]
)
def test_what_is_no_key_is_refused(name: str) -> None:
    """The number 42 as a name would send an event that nobody hears, instead of two keys."""
    with pytest.raises(ConfigurationError, match="key") as refused:
        key_event(name)
    assert len(str(refused.value)) < 100


# --- sending ---


def test_a_key_is_told_by_a_start_news_and_three_ends() -> None:
    """RFC 4733, section 2.5.1: one timestamp, growing durations, a marker on the first alone."""
    sent = send("7", 100, 5000)
    assert [report.offset_ms for report in sent] == [20, 40, 60, 80, 100, 120, 140]
    assert {report.timestamp for report in sent} == {5000}
    assert [report.marker for report in sent] == [True] + [False] * 6
    told = [TelephoneEvent.parse(report.payload)[0] for report in sent]
    assert [one.duration for one in told] == [160, 320, 480, 640, 800, 800, 800]
    assert [one.end for one in told] == [False] * 4 + [True] * 3
    assert {(one.event, one.volume) for one in told} == {(7, 10)}


def test_news_may_be_rarer_and_the_clock_faster() -> None:
    sent = send("#", 110, 0, TelephoneEventSender(clock_rate=48_000, update_ms=50, volume=5))
    told = [TelephoneEvent.parse(report.payload)[0] for report in sent]
    assert [one.duration for one in told] == [2400, 4800, 5280, 5280, 5280]
    assert [report.offset_ms for report in sent] == [50, 100, 150, 200, 250]
    assert {one.volume for one in told} == {5}


def test_a_key_shorter_than_the_first_news_starts_and_ends_with_it() -> None:
    sent = send("1", 10, 0)
    assert [report.marker for report in sent] == [True, False, False]
    assert all(TelephoneEvent.parse(one.payload)[0].end for one in sent)


def test_events_without_a_key_are_sent_by_number() -> None:
    (first, *_) = TelephoneEventSender().press(16, 100, 0)
    assert TelephoneEvent.parse(first.payload)[0].event == 16
    for event in (-1, 256):
        with pytest.raises(ConfigurationError, match="key"):
            TelephoneEventSender().press(event, 100, 0)


def test_a_long_key_is_told_in_segments() -> None:
    """RFC 4733, section 2.5.1.3: a full report without an end, then a timestamp further on."""
    sent = send("0", 20_000, 2**32 - 100)
    segments = [list(group) for _, group in itertools.groupby(sent, lambda one: one.timestamp)]
    assert [group[0].timestamp for group in segments] == [2**32 - 100, 65_435, 130_970]
    last = [TelephoneEvent.parse(group[-1].payload)[0] for group in segments]
    assert [one.duration for one in last] == [65_535, 65_535, 160_000 - 2 * 65_535]
    ends = [TelephoneEvent.parse(one.payload)[0].end for one in sent]
    assert ends == [False] * (len(sent) - 3) + [True] * 3
    assert [one.marker for one in sent] == [True] + [False] * (len(sent) - 1)


def test_the_longest_single_segment_is_not_split() -> None:
    sent = send("0", MAX_DURATION / 8, 0)
    assert {one.timestamp for one in sent} == {0}
    assert TelephoneEvent.parse(sent[-1].payload)[0].duration == MAX_DURATION


@pytest.mark.parametrize("duration_ms", [0, -1, math.nan, math.inf, MAX_KEY_MS + 1])
def test_a_key_of_no_sensible_duration_is_refused_at_once(duration_ms: float) -> None:
    """Not when the first packet is asked for: that is another place in the program."""
    with pytest.raises(ConfigurationError, match="duration_ms"):
        TelephoneEventSender().press("1", duration_ms, 0)
    with pytest.raises(ConfigurationError, match="key"):
        TelephoneEventSender().press("x", 100, 0)


@pytest.mark.parametrize(
    "settings",
    [{"clock_rate": 999}, {"update_ms": 9}, {"update_ms": 1001}, {"volume": 64}, {"volume": -1}],
)
def test_a_sender_out_of_range_is_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        TelephoneEventSender(**settings)


# --- receiving ---


def test_a_key_starts_once_and_ends_once() -> None:
    receiver = TelephoneEventReceiver()
    sent = send("5", 100, 1000)
    assert hear(receiver, sent[:1]) == [KeyStarted("5", 5, 1000)]
    assert receiver.pressed == "5"
    assert hear(receiver, sent[1:]) == [KeyEnded("5", 5, 1000, 100.0, complete=True)]
    assert receiver.pressed is None
    assert receiver.ignored == 2, "the two repeated ends"
    assert receiver.expire(math.inf) == ()


@st.composite
def calls(draw: st.DrawFn) -> tuple[list[tuple[str, float, int]], list[list[EventReport]]]:
    """Keys one after the other anywhere on the circle of timestamps, and their packets."""
    sender = TelephoneEventSender(update_ms=draw(st.sampled_from([20, 50])))
    timestamp = draw(st.integers(0, 2**32 - 1))
    pressed, sent = [], []
    for _ in range(draw(st.integers(1, 5))):
        key = draw(st.sampled_from(DTMF_KEYS))
        duration_ms = draw(st.integers(40, 400) | st.just(9000))
        pressed.append((key, float(duration_ms), timestamp))
        sent.append(list(sender.press(key, duration_ms, timestamp)))
        pause_ms = draw(st.integers(2 * sender.update_ms, 2000))
        timestamp = (timestamp + 8 * (duration_ms + pause_ms)) % 2**32
    return pressed, sent


def expected(pressed: list[tuple[str, float, int]]) -> list[KeyEvent]:
    told: list[KeyEvent] = []
    for key, duration_ms, timestamp in pressed:
        event = key_event(key)
        told.append(KeyStarted(key, event, timestamp))
        told.append(KeyEnded(key, event, timestamp, duration_ms, complete=True))
    return told


@settings(max_examples=40)
@given(calls())
def test_what_is_pressed_is_heard(call: tuple[Any, list[list[EventReport]]]) -> None:
    pressed, sent = call
    receiver = TelephoneEventReceiver()
    told = [one for key in sent for one in hear(receiver, key)]
    assert told == expected(pressed)


@settings(max_examples=40)
@given(calls(), st.data())
def test_one_end_of_each_key_is_enough(
    call: tuple[Any, list[list[EventReport]]], data: st.DataObject
) -> None:
    """All other packets may be lost or doubled: the end alone says what was pressed and for how long.

    Not so of a key in segments, whose start only the packets of its first segment tell.
    """
    pressed, sent = call
    receiver = TelephoneEventReceiver()
    told: list[KeyEvent] = []
    for key in sent:
        segmented = key[0].timestamp != key[-1].timestamp
        end = data.draw(st.integers(len(key) - 3, len(key) - 1))
        for index, report in enumerate(key):
            copies = data.draw(st.integers(0, 2)) if not segmented else 1
            told += hear(receiver, [report] * max(copies, index == end))
    assert told == expected(pressed)


@settings(max_examples=40)
@given(calls(), st.integers(0, 2**32))
def test_packets_of_one_key_in_any_order_press_it_once(
    call: tuple[Any, list[list[EventReport]]], seed: int
) -> None:
    """What comes after the end in its disorder is news of a key that is over."""
    pressed, sent = call
    receiver = TelephoneEventReceiver()
    for (key, duration_ms, timestamp), packets in zip(pressed, sent, strict=True):
        if packets[0].timestamp != packets[-1].timestamp:
            continue
        random.Random(seed).shuffle(packets)
        event = key_event(key)
        assert hear(receiver, packets) == [
            KeyStarted(key, event, timestamp),
            KeyEnded(key, event, timestamp, duration_ms, complete=True),
        ]


@settings(max_examples=40)
@given(calls(), st.data())
def test_whatever_is_lost_each_start_has_one_end_and_no_key_is_made_up(
    call: tuple[Any, list[list[EventReport]]], data: st.DataObject
) -> None:
    pressed, sent = call
    receiver = TelephoneEventReceiver()
    left = [one for key in sent for one in key]
    kept = [one for one in left if data.draw(st.booleans())] if len(left) < 60 else left[::7]
    told = hear(receiver, kept) + list(receiver.expire(math.inf))

    starts, ends = told[0::2], told[1::2]
    assert all(type(one) is KeyStarted for one in starts)
    assert all(type(one) is KeyEnded for one in ends)
    assert [one.timestamp for one in starts] == [one.timestamp for one in ends]
    known = {
        one.timestamp: key for key, packets in zip(pressed, sent, strict=True) for one in packets
    }
    for start, end in zip(starts, ends, strict=True):
        key, duration_ms, _ = known[start.timestamp]
        assert (start.name, end.name) == (key, key)
        assert isinstance(end, KeyEnded)
        assert end.duration_ms <= duration_ms


def test_a_key_whose_ends_are_lost_ends_with_the_next() -> None:
    receiver = TelephoneEventReceiver()
    told = hear(receiver, send("1", 100, 0)[:-3]) + hear(receiver, send("2", 60, 4000))
    assert told[:3] == [
        KeyStarted("1", 1, 0),
        KeyEnded("1", 1, 0, 80.0, complete=False),
        KeyStarted("2", 2, 4000),
    ]


def test_the_same_key_twice_is_two_keys() -> None:
    """As in a number with "55": not the event tells them apart, but the timestamp."""
    receiver = TelephoneEventReceiver()
    told = hear(receiver, send("5", 60, 0)) + hear(receiver, send("5", 60, 960))
    assert keys(told) == [
        ("KeyStarted", "5", 0), ("KeyEnded", "5", 0), ("KeyStarted", "5", 960), ("KeyEnded", "5", 960),
    ]  # fmt: skip


def test_a_key_without_news_ends_after_the_timeout() -> None:
    receiver = TelephoneEventReceiver(timeout_ms=150)
    assert receiver.deadline_ms is None
    hear(receiver, send("9", 200, 0)[:3], start_ms=1000)
    assert receiver.deadline_ms == 1060 + 150
    assert receiver.expire(1209) == ()
    assert receiver.expire(1210) == (KeyEnded("9", 9, 0, 60.0, complete=False),)
    assert receiver.deadline_ms is None
    assert receiver.expire(9999) == ()


def test_news_that_says_the_same_again_is_no_news() -> None:
    """A sender stuck on one duration holds no key down for ever."""
    receiver = TelephoneEventReceiver(timeout_ms=100)
    payload = TelephoneEvent(3, duration=400).build()
    for now_ms in range(0, 100, 20):
        receiver.push_payload(0, payload, now_ms)
    assert receiver.expire(100) == (KeyEnded("3", 3, 0, 50.0, complete=False),)


def test_packets_of_a_key_that_expired_do_not_press_it_again() -> None:
    receiver = TelephoneEventReceiver(timeout_ms=50)
    sent = send("4", 300, 0)
    hear(receiver, sent[:2])
    receiver.expire(500)
    assert hear(receiver, sent[2:]) == []
    assert receiver.ignored == len(sent) - 2


def test_a_key_that_arrives_after_its_successor_is_passed_over() -> None:
    """Too late to be typed in its place; it is counted, and the key that is down stays down."""
    receiver = TelephoneEventReceiver()
    early, late = send("1", 60, 0), send("2", 60, 2000)
    hear(receiver, late[:1])
    assert hear(receiver, early) == []
    assert receiver.pressed == "2"
    assert receiver.ignored == len(early)


def test_a_late_packet_of_an_earlier_segment_does_no_harm() -> None:
    receiver = TelephoneEventReceiver()
    sent = send("0", 9000, 0)
    moved = next(i for i, one in enumerate(sent) if one.timestamp)
    sent.insert(moved + 2, sent.pop(moved - 1))
    assert hear(receiver, sent) == [
        KeyStarted("0", 0, 0),
        KeyEnded("0", 0, 0, 9000.0, complete=True),
    ]


def test_a_marked_packet_where_a_segment_could_be_is_a_new_key() -> None:
    """The marker is what tells a key pressed again after 8.19 s from one held for that long."""
    receiver = TelephoneEventReceiver()
    hear(receiver, send("8", 100, 0)[:3])
    again = send("8", 100, MAX_DURATION)
    assert keys(hear(receiver, again[:1])) == [
        ("KeyEnded", "8", 0),
        ("KeyStarted", "8", MAX_DURATION),
    ]


def test_a_key_that_ended_has_no_further_segment() -> None:
    receiver = TelephoneEventReceiver()
    hear(receiver, send("8", 100, 0))
    payload = TelephoneEvent(8, duration=100).build()
    assert receiver.push_payload(MAX_DURATION, payload, 0) == (KeyStarted("8", 8, MAX_DURATION),)


def test_several_events_in_one_packet_follow_one_another() -> None:
    """RFC 4733, section 2.5.1.5: each starts where the one before it ends."""
    receiver = TelephoneEventReceiver()
    payload = b"".join(
        (
            TelephoneEvent(1, True, 10, 400).build(),
            TelephoneEvent(2, True, 10, 800).build(),
            TelephoneEvent(3, False, 10, 160).build(),
        )
    )
    at = 2**32 - 400
    assert receiver.push_payload(at, payload, 0, marker=True) == (
        KeyStarted("1", 1, at),
        KeyEnded("1", 1, at, 50.0, complete=True),
        KeyStarted("2", 2, 0),
        KeyEnded("2", 2, 0, 100.0, complete=True),
        KeyStarted("3", 3, 800),
    )
    assert receiver.push_payload(at, payload, 20) == (), "all of it is known"
    assert receiver.pressed == "3"


def test_another_sender_is_another_stream() -> None:
    """Its timestamps begin anywhere, mostly so that they would look old."""
    receiver = TelephoneEventReceiver()
    payload = TelephoneEvent(1, duration=160).build()
    receiver.push(RtpPacket(101, 0, 50_000, 1, payload, marker=True), 0)
    told = receiver.push(RtpPacket(101, 0, 49_000, 2, payload, marker=True), 20)
    assert told == (
        KeyEnded("1", 1, 50_000, 20.0, complete=False),
        KeyStarted("1", 1, 49_000),
    )


@pytest.mark.parametrize("clock_rate", [8000, 48_000, 1])
def test_a_sender_that_counts_anew_is_followed(clock_rate: int) -> None:
    """As after a transfer that keeps the SSRC; nothing on a network is late by half a minute."""
    receiver = TelephoneEventReceiver(clock_rate)
    payload = TelephoneEvent(1, True, duration=160).build()
    oldest = max(30 * clock_rate, 2 * MAX_DURATION)
    receiver.push_payload(2**31, payload, 0)
    assert receiver.push_payload(2**31 - oldest, payload, 0) == ()
    told = receiver.push_payload(2**31 - oldest - 1, payload, 0)
    assert keys(list(told))[0] == ("KeyStarted", "1", 2**31 - oldest - 1)


def test_a_payload_that_is_refused_changes_nothing() -> None:
    receiver = TelephoneEventReceiver()
    hear(receiver, send("1", 100, 0)[:2])
    with pytest.raises(PayloadError):
        receiver.push_payload(9000, TelephoneEvent(2, True).build() + b"\0", 50, ssrc=9)
    assert receiver.pressed == "1"
    assert keys(hear(receiver, send("1", 100, 0)[2:])) == [("KeyEnded", "1", 0)]


def test_after_a_reset_the_stream_begins() -> None:
    receiver = TelephoneEventReceiver()
    hear(receiver, send("1", 100, 9000)[:2])
    receiver.reset()
    assert receiver.pressed is None
    assert receiver.expire(math.inf) == ()
    assert keys(hear(receiver, send("2", 100, 100)[:1])) == [("KeyStarted", "2", 100)]


@pytest.mark.parametrize(
    "settings", [{"clock_rate": 0}, {"timeout_ms": 0}, {"timeout_ms": math.nan}]
)
def test_a_receiver_out_of_range_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        TelephoneEventReceiver(**settings)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**32 - 1) | st.integers(0, 100),
            st.binary(max_size=12) | reports.map(TelephoneEvent.build),
            st.booleans(),
        ),
        max_size=20,
    )
)
def test_any_packets_leave_starts_and_ends_in_turn(
    packets: list[tuple[int, bytes, bool]],
) -> None:
    receiver = TelephoneEventReceiver()
    told: list[KeyEvent] = []
    for now_ms, (timestamp, payload, marker) in enumerate(packets):
        try:
            told += receiver.push_payload(timestamp, payload, now_ms, marker=marker)
        except PayloadError:
            continue
    told += receiver.expire(math.inf)
    assert [type(one) for one in told] == [KeyStarted, KeyEnded] * (len(told) // 2)
