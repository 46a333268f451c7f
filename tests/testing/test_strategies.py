"""The strategies: what they make is what they say, reaches every corner and shrinks to what is plain."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import PacketError
from rawmedia.testing.event_strategies import (
    BrokenEvents,
    BrokenPromise,
    broken_event_sequences,
    event_sequences,
)
from rawmedia.testing.signals import joined
from rawmedia.testing.strategies import (
    CALL_RATES,
    CutStream,
    PacketFault,
    PacketSequence,
    cut_bytes,
    cut_streams,
    formats,
    frames,
    packet_sequences,
)
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    UtteranceEnded,
)
from rawmedia.translators.request import TranslationRequest
from rawmedia.wire.rtp import RtpPacket

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.translators.events import TranslationEvent

SEEKING = settings(
    max_examples=1_000,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SHRINKING = settings(SEEKING, phases=[Phase.generate, Phase.shrink])


# Audio.


@given(formats(), formats([8_000], 8))
def test_formats_are_of_the_rates_and_channels_asked_for(
    any_of: AudioFormat, chosen: AudioFormat
) -> None:
    assert any_of.sample_rate in CALL_RATES
    assert any_of.num_channels in (1, 2)
    assert chosen.sample_rate == 8_000
    assert 1 <= chosen.num_channels <= 8


@given(frames(), frames(SPEECH, min_samples=10, max_samples=20, sources=st.just("ana")))
def test_frames_are_within_their_bounds(any_of: AudioFrame, chosen: AudioFrame) -> None:
    assert any_of.samples_per_channel <= 960
    assert any_of.source is None
    assert 10 <= chosen.samples_per_channel <= 20
    assert (chosen.format, chosen.source) == (SPEECH, "ana")


def test_frames_reach_full_scale_and_shrink_to_silence() -> None:
    find(frames(), lambda frame: bool((frame.samples == -32_768).any()), settings=SEEKING)
    plain = find(frames(), lambda frame: frame.samples_per_channel > 3, settings=SHRINKING)
    assert (plain.format, plain.position, plain.samples_per_channel) == (TELEPHONY, 0, 4)
    assert not plain.samples.any()


@given(cut_streams(), st.data())
def test_a_cut_stream_is_whole_again_when_it_is_joined(
    stream: CutStream, data: st.DataObject
) -> None:
    assert joined(stream.frames) == stream.whole
    assert stream.frames[-1].end == stream.whole.samples_per_channel
    pieces = data.draw(cut_bytes(bytes(stream.whole)))
    assert b"".join(pieces) == stream.whole.data


def test_streams_are_cut_also_in_odd_places() -> None:
    find(
        cut_streams(TELEPHONY),
        lambda cut: any(not frame.data for frame in cut.frames),
        settings=SEEKING,
    )
    find(
        cut_streams(st.just(TELEPHONY)),
        lambda cut: len({frame.samples_per_channel for frame in cut.frames}) > 3,
        settings=SEEKING,
    )
    plain = find(cut_streams(TELEPHONY), lambda cut: len(cut.frames) > 1, settings=SHRINKING)
    assert plain.whole.samples_per_channel == 0


# Packets.


@given(packet_sequences())
def test_what_is_sent_is_one_stream_and_what_is_not_touched_arrives(
    sequence: PacketSequence,
) -> None:
    numbers = [packet.sequence_number for _, packet in sequence.sent]
    timestamps = [packet.timestamp for _, packet in sequence.sent]
    assert all((b - a) % 65_536 == 1 for a, b in pairwise(numbers))
    assert all((b - a) % 2**32 == 160 for a, b in pairwise(timestamps))
    assert [packet.marker for _, packet in sequence.sent] == [
        at == 0 for at in range(len(sequence.sent))
    ]
    times = [at_ms for at_ms, _ in sequence.arrived]
    assert times == sorted(times)
    arrived = [data for _, data in sequence.arrived]
    for packet in sequence.untouched():
        assert packet.build() in arrived


@given(packet_sequences(faults=()))
def test_without_faults_all_arrive_in_order(sequence: PacketSequence) -> None:
    assert [RtpPacket.parse(data) for _, data in sequence.arrived] == [
        packet for _, packet in sequence.sent
    ]
    assert sequence.faults == ()
    for (sent_ms, _), (arrived_ms, _) in zip(sequence.sent, sequence.arrived, strict=True):
        assert arrived_ms >= sent_ms


@pytest.mark.parametrize("fault", get_args(PacketFault))
def test_every_fault_does_what_it_says(fault: PacketFault) -> None:
    @given(packet_sequences(faults=[fault], max_packets=8))
    @settings(max_examples=30)
    def check(sequence: PacketSequence) -> None:
        sent = [packet.build() for _, packet in sequence.sent]
        arrived = [data for _, data in sequence.arrived]
        hit = [sent[at] for at, _ in sequence.faults]
        assert {each for _, each in sequence.faults} <= {fault}
        extra = len(arrived) - len(sent)
        assert extra == {"lost": -len(hit), "twice": len(hit), "stranger": len(hit)}.get(fault, 0)
        for data in hit:
            times = arrived.count(data)
            assert times >= {"late": 1, "twice": 2, "stranger": 1}.get(fault, 0)
            if fault in ("lost", "truncated", "corrupted"):
                assert not times

    check()
    plain = find(
        packet_sequences(faults=[fault]), lambda found: bool(found.faults), settings=SHRINKING
    )
    assert len(plain.sent) == 1


def test_packets_wrap_overtake_and_are_unreadable() -> None:
    """The corners that receivers get wrong."""

    def wraps(sequence: PacketSequence) -> bool:
        return sequence.sent[0][1].sequence_number > sequence.sent[-1][1].sequence_number

    def overtakes(sequence: PacketSequence) -> bool:
        numbers = [RtpPacket.parse(data).sequence_number for _, data in sequence.arrived]
        return any(b < a < b + 100 for a, b in pairwise(numbers))

    def unreadable(sequence: PacketSequence) -> bool:
        try:
            for _, data in sequence.arrived:
                RtpPacket.parse(data)
        except PacketError:
            return True
        return False

    find(packet_sequences(), wraps, settings=SEEKING)
    find(packet_sequences(faults=["late"]), overtakes, settings=SEEKING)
    find(packet_sequences(), unreadable, settings=SEEKING)


@given(packet_sequences(payload_type=96, payloads=st.just(b"xy"), packet_ms=10, ticks=480))
def test_packets_are_as_they_were_asked_for(sequence: PacketSequence) -> None:
    assert {(packet.payload_type, packet.payload) for _, packet in sequence.sent} == {(96, b"xy")}
    assert [at_ms for at_ms, _ in sequence.sent] == [10.0 * at for at in range(len(sequence.sent))]


# Events.


def violations(
    events: Iterable[TranslationEvent], request: TranslationRequest
) -> set[BrokenPromise]:
    """Which promises a sequence of events breaks: the same laws, written another way round."""
    broken: set[BrokenPromise] = set()
    told: dict[str, list[TranslationEvent]] = defaultdict(list)
    order: list[TranslationEvent] = list(events)
    for event in order:
        if not isinstance(event, Progress):
            told[_name(event)].append(event)
    for mine in told.values():
        partials = [e.revision for e in mine if isinstance(e, PartialTranslation)]
        finals = [e for e in mine if isinstance(e, FinalTranslation)]
        if partials != sorted(set(partials)):
            broken.add("a revision goes back")
        if any(final.revision <= max(partials, default=-1) for final in finals[:1]) and not any(
            isinstance(e, PartialTranslation) for e in mine[mine.index(finals[0]) :]
        ):
            broken.add("the final is no higher than a partial")
        if finals and any(isinstance(e, PartialTranslation) for e in mine[mine.index(finals[0]) :]):
            broken.add("a partial comes after the final")
        if len(finals) > 1:
            broken.add("there are two finals")
        ends = [at for at, e in enumerate(mine) if isinstance(e, UtteranceEnded)]
        if not ends:
            broken.add("an utterance never ends")
        elif len(ends) > 1:
            broken.add("an utterance ends twice")
        elif ends[0] != len(mine) - 1:
            broken.add("something comes after the end")
        spoken: dict[str, list[AudioFrame]] = defaultdict(list)
        for e in mine:
            if isinstance(e, TranslatedAudio):
                spoken[e.language].append(e.frame)
        if set(spoken) - set(request.target_languages):
            broken.add("a language that nobody asked for")
        for pieces in spoken.values():
            if pieces[0].position:
                broken.add("speech does not begin at 0")
            elif any(a.end != b.position for a, b in pairwise(pieces)):
                broken.add("speech has a hole")
    places = [e.position_ms for e in order if isinstance(e, Progress)]
    if places != sorted(places):
        broken.add("progress goes back")
    for at, event in enumerate(order):
        if isinstance(event, Progress):
            later = [_span(e) for e in order[at:] if not isinstance(e, Progress)]
            if any(span.start_ms < event.position_ms for span in later):
                broken.add("progress passes an open utterance")
    return broken


def _name(event: TranslationEvent) -> str:
    return str(getattr(event, "utterance_id"))  # noqa: B009 - the other kinds have none


def _span(event: TranslationEvent) -> TimeSpan:
    span = getattr(event, "span")  # noqa: B009 - likewise
    assert isinstance(span, TimeSpan)
    return span


REQUESTS = [
    TranslationRequest(source_language="en", target_languages=("es",)),
    TranslationRequest(source_language="en", target_languages=("es", "fr")),
    TranslationRequest(source_language="en", target_languages=("es",), speech=False),
    TranslationRequest(source_language="en", target_languages=("es",), partials=False),
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_valid_events_keep_every_promise(request_: TranslationRequest) -> None:
    @given(event_sequences(request_))
    @settings(max_examples=60)
    def check(events: tuple[TranslationEvent, ...]) -> None:
        assert violations(events, request_) == set()
        assert request_.speech or not any(isinstance(e, TranslatedAudio) for e in events)
        assert request_.partials or not any(isinstance(e, PartialTranslation) for e in events)

    check()


@pytest.mark.parametrize("promise", get_args(BrokenPromise))
@pytest.mark.parametrize("request_", REQUESTS[:2])
def test_broken_events_break_the_promise_that_they_name_and_no_other(
    promise: BrokenPromise, request_: TranslationRequest
) -> None:
    """A check that catches something else would pass for one that catches this."""

    @given(broken_event_sequences(request_, promises=[promise]))
    @settings(max_examples=10)
    def check(found: BrokenEvents) -> None:
        assert found.broken == promise
        assert violations(found.events, request_) == {promise}

    check()


def test_events_of_utterances_overlap_and_progress_comes() -> None:
    def overlap(events: tuple[TranslationEvent, ...]) -> bool:
        names = [_name(e) for e in events if not isinstance(e, Progress)]
        return any(
            names[at] != names[at + 1] and names[at] in names[at + 2 :]
            for at in range(len(names) - 2)
        )

    find(event_sequences(), overlap, settings=SEEKING)
    find(
        event_sequences(),
        lambda events: any(isinstance(e, Progress) for e in events),
        settings=SEEKING,
    )
    three = find(
        event_sequences(min_utterances=3, max_utterances=3), lambda _: True, settings=SEEKING
    )
    assert {e.utterance_id for e in three if isinstance(e, UtteranceEnded)} == {"u1", "u2", "u3"}
    assert find(event_sequences(), lambda _: True, settings=SHRINKING) == ()


@given(event_sequences(format=TELEPHONY))
def test_speech_is_in_the_format_asked_for(events: tuple[TranslationEvent, ...]) -> None:
    for event in events:
        if isinstance(event, TranslatedAudio):
            assert event.frame.format == TELEPHONY
            assert np.abs(event.frame.samples).max() > 0
