"""A receiver turns what a network makes of a voice back into the voice, every sample in its place."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest
from call_kit import KEYS, MS, OPUS_TYPE, PCMU, TYPES, Reception, paced, ulaw, voice
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_kit import NoticingClock, Worker, settle

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, AudioFormat
from rawmedia.codecs.catalog import codec_of_name
from rawmedia.codecs.opus import OpusDecoder, OpusEncoder
from rawmedia.errors import ConfigurationError
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.receiver import AudioReceiver
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.compare import snr_db
from rawmedia.testing.network import LossyLink
from rawmedia.wire.packetizer import RtpPacketizer
from rawmedia.wire.payload_types import OPUS, PayloadFormat, PayloadTypes
from rawmedia.wire.rtp import RtpPacket
from rawmedia.wire.telephone_event import KeyEnded, KeyStarted, TelephoneEventSender


def opus(duration_ms: float, *, loss: int = 20, dtx: bool = False) -> list[bytes]:
    """20 ms payloads of a voice at 48 kHz, with a copy of each in the next."""
    encoder = OpusEncoder(WEBRTC, bitrate=32_000, fec=True, expected_loss_percent=loss, dtx=dtx)
    samples = voice(duration_ms, WEBRTC)
    return [encoder.encode(samples[at : at + 960]) for at in range(0, len(samples) - 959, 960)]


def decoded(payloads: list[bytes]) -> np.ndarray:
    """What a decoder makes of payloads of which none is missing."""
    decoder = codec_of_name("PCMU").decoder()
    return np.concatenate([decoder.decode(payload) for payload in payloads])


def test_packets_in_order_become_the_voice_that_was_sent() -> None:
    """Nothing added, nothing lost, nothing moved."""
    payloads = ulaw(voice(2_000))
    reception = Reception()
    heard = reception.hear(paced(payloads, RtpPacketizer(PCMU)))
    np.testing.assert_array_equal(heard.audio, decoded(payloads))
    assert heard.positions == list(range(0, 16_000, 160))
    stats = reception.receiver.stats
    assert (stats.decoded_ms, stats.concealed_ms, stats.recovered_ms) == (2_000, 0, 0)
    assert stats.jitter.lost == stats.malformed == stats.unknown == stats.undecodable == 0


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    jitter_ms=st.floats(0, 15),
    duplicate=st.floats(0, 0.2),
)
def test_jitter_and_duplicates_change_no_sample(
    seed: int, jitter_ms: float, duplicate: float
) -> None:
    """What arrives in time sounds as if the network were a wire; what is late is concealed."""
    payloads = ulaw(voice(1_000))
    link: LossyLink[RtpPacket] = LossyLink(
        seed, delay_ms=30, jitter_ms=jitter_ms, duplicate=duplicate, reorder=0.05, reorder_ms=30
    )
    reception = Reception()
    heard = reception.hear(link.transmit(paced(payloads, RtpPacketizer(PCMU))))
    stats = reception.receiver.stats
    assert len(heard.audio) == 8_000 - 8 * stats.jitter.pause_ms
    assert stats.decoded_ms + stats.concealed_ms == pytest.approx(1_000)
    if not stats.jitter.late:
        np.testing.assert_array_equal(heard.audio, decoded(payloads))


def test_a_lost_packet_is_concealed_in_its_place() -> None:
    """The time of a hole is never cut out, or the far end would run ahead."""
    payloads = ulaw(voice(1_000))
    packets = paced(payloads, RtpPacketizer(PCMU))
    del packets[20]
    reception = Reception()
    heard = reception.hear(packets)
    whole = decoded(payloads)
    assert heard.gaps == []
    assert len(heard.audio) == len(whole)
    np.testing.assert_array_equal(heard.audio[:3_200], whole[:3_200])
    # The concealer blends back into what follows within a few milliseconds.
    np.testing.assert_array_equal(heard.audio[3_520:], whole[3_520:])
    assert reception.receiver.stats.concealed_ms == 20


def test_opus_recovers_a_lost_packet_from_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is nearer to what was said than anything that can be made up."""
    payloads = opus(2_000)
    whole = Reception(SPEECH).hear(paced(payloads, RtpPacketizer(OPUS_TYPE), 960)).audio
    snr = {}
    for recover in (True, False):
        packets = paced(payloads, RtpPacketizer(OPUS_TYPE), 960)
        del packets[10::7]
        reception = Reception(SPEECH)
        if not recover:
            monkeypatch.setattr(OpusDecoder, "recoverable", lambda *_: 0)
        heard = reception.hear(packets)
        stats = reception.receiver.stats
        assert heard.gaps == []
        assert len(heard.audio) == len(whole)
        if recover:
            assert stats.recovered_ms > 0.7 * 20 * len(payloads[10::7])
        snr[recover] = snr_db(whole, heard.audio, format=SPEECH)
    assert snr[True] > snr[False] + 3


def test_what_the_sender_left_out_is_a_gap_and_no_loss() -> None:
    """A muted sender's audio goes on where its timestamps say."""
    payloads = ulaw(voice(1_000))
    packetizer = RtpPacketizer(PCMU)
    packets = paced(payloads[:25], packetizer)
    packetizer.skip(8_000)
    packets += paced(payloads[25:], packetizer, start_ms=1_500)
    reception = Reception(options={"max_concealed_ms": 0.0})
    heard = reception.hear(packets)
    assert heard.gaps == [(4_000, 8_000)]
    np.testing.assert_array_equal(heard.audio, decoded(payloads))
    assert reception.receiver.stats.jitter.lost == 0


def test_a_long_outage_is_concealed_for_a_while_and_then_a_gap() -> None:
    """A decoder that hums on for a second is worse than silence."""
    payloads = ulaw(voice(3_000))
    packets = paced(payloads, RtpPacketizer(PCMU))
    del packets[50:100]
    reception = Reception(options={"max_concealed_ms": 100.0})
    heard = reception.hear(packets)
    assert reception.receiver.stats.concealed_ms == 100
    assert heard.gaps == [(8_000 + 800, 8_000 - 800)]
    assert heard.positions[-1] + heard.sizes[-1] == 24_000


def test_keys_are_told_once_and_leave_no_hole() -> None:
    """Their packets share the sequence numbers of the voice's."""
    payloads = ulaw(voice(1_000))
    packetizer = RtpPacketizer(PCMU, ssrc=7, sequence_number=65_530, timestamp=2**32 - 3_000)
    events: list[KeyStarted | KeyEnded] = []
    packets: list[tuple[float, RtpPacket]] = paced(payloads[:25], packetizer)
    at = packetizer.timestamp
    number = packets[-1][1].sequence_number
    for report in TelephoneEventSender(8_000).press("5", 100, at):
        number = (number + 1) % 65_536
        packets.append(
            (
                500 + report.offset_ms,
                RtpPacket(KEYS, number, report.timestamp, 7, report.payload, report.marker),
            )
        )
    rest = RtpPacketizer(
        PCMU, ssrc=7, sequence_number=(number + 1) % 65_536, timestamp=(at + 1_600) % 2**32
    )
    packets += paced(payloads[25:], rest, start_ms=700)
    reception = Reception(options={"on_event": events.append, "max_concealed_ms": 0.0})
    heard = reception.hear(sorted(packets, key=lambda each: each[0]))
    assert [type(event) for event in events] == [KeyStarted, KeyEnded]
    assert {event.name for event in events} == {"5"}
    assert heard.gaps == [(4_000, 1_600)]
    np.testing.assert_array_equal(heard.audio, decoded(payloads))
    assert reception.receiver.stats.jitter.lost == 0


def test_a_key_whose_end_is_lost_ends_by_time() -> None:
    """A menu must not wait for ever for the key to come up."""
    events: list[KeyStarted | KeyEnded] = []
    packetizer = RtpPacketizer(PCMU, ssrc=7, sequence_number=0, timestamp=0)
    packets: list[tuple[float, RtpPacket]] = paced(ulaw(voice(400)), packetizer)
    reports = list(TelephoneEventSender(8_000).press("#", 100, packetizer.timestamp))
    packets.append(
        (400, RtpPacket(KEYS, 20, reports[0].timestamp, 7, reports[0].payload, marker=True))
    )
    resumed = RtpPacketizer(
        PCMU, ssrc=7, sequence_number=21, timestamp=packetizer.timestamp + 8_000
    )
    packets += paced(ulaw(voice(100)), resumed, start_ms=1_400)
    Reception(options={"on_event": events.append}).hear(packets)
    assert [type(event) for event in events] == [KeyStarted, KeyEnded]
    assert isinstance(events[1], KeyEnded)
    assert not events[1].complete


def test_what_is_no_audio_is_counted_and_disturbs_nothing() -> None:
    """Ports get RTCP, scanners and types that nobody agreed on."""
    payloads = ulaw(voice(400))
    packets: list[tuple[float, RtpPacket | bytes]] = list(
        paced(payloads, RtpPacketizer(PCMU, ssrc=1))
    )
    packets.insert(5, (90, b"\x80\xc8\x00\x06" + bytes(24)))
    packets.insert(6, (90, b"GET / HTTP/1.1\r\n"))
    packets.insert(7, (90, RtpPacket(9, 1, 1, 1, bytes(160))))  # G.722, which is not here
    packets.insert(8, (90, RtpPacket(120, 1, 1, 1, bytes(160))))  # of which nobody spoke
    reception = Reception()
    heard = reception.hear(packets)
    np.testing.assert_array_equal(heard.audio, decoded(payloads))
    stats = reception.receiver.stats
    assert (stats.rtcp, stats.malformed, stats.unknown) == (1, 1, 2)


@settings(max_examples=40)
@given(datagrams=st.lists(st.binary(max_size=80) | st.binary(max_size=60).map(b"\x80\x6f".__add__)))
def test_no_datagram_raises_and_the_call_goes_on(datagrams: list[bytes]) -> None:
    """Whoever can reach the port can send anything."""
    reception = Reception(SPEECH)
    for datagram in datagrams:
        reception.receiver.receive(datagram)
        reception.receiver.advance()
    payloads = opus(400)
    for _, packet in paced(payloads, RtpPacketizer(OPUS_TYPE), 960):
        reception.receiver.receive(packet.build())
    reception.receiver.end()
    assert reception.receiver.stats.decoded_ms > 0
    assert reception.unread().sizes


def test_a_payload_that_no_decoder_takes_is_concealed() -> None:
    """And the next one is decoded."""
    payloads = opus(1_000)
    payloads[20] = b"\xff" * 3  # a code 3 packet of 63 frames
    reception = Reception(SPEECH)
    heard = reception.hear(paced(payloads, RtpPacketizer(OPUS_TYPE), 960))
    assert heard.gaps == []
    assert len(heard.audio) == 16_000
    stats = reception.receiver.stats
    assert (stats.undecodable, stats.decoded_ms, stats.concealed_ms) == (1, 980, 20)


def test_a_codec_that_changes_in_mid_call_goes_on_where_it_was() -> None:
    """A gateway may switch at any packet, here to a clock of another rate and back."""
    first, second, third = ulaw(voice(500)), opus(500), ulaw(voice(500, seed=2))
    numbers = {"ssrc": 5}
    packets = paced(first, RtpPacketizer(PCMU, sequence_number=0, timestamp=0, **numbers))
    packets += paced(
        second, RtpPacketizer(OPUS_TYPE, sequence_number=25, timestamp=24_000, **numbers), 960, 500
    )
    packets += paced(
        third, RtpPacketizer(PCMU, sequence_number=50, timestamp=8_000, **numbers), 160, 1_000
    )
    reception = Reception(SPEECH)
    heard = reception.hear(packets)
    assert heard.gaps == []
    # Each time that a resampler ends, the frames before and after it are rounded.
    assert abs(len(heard.audio) - 24_000) <= 16 * 7
    assert reception.receiver.stats.decoded_ms == 1_500


def test_a_new_sender_on_the_same_port_goes_on_where_the_old_one_was() -> None:
    """A transferred call changes its SSRC and all its numbers."""
    first, second = ulaw(voice(500)), ulaw(voice(500, seed=2))
    packets = paced(first, RtpPacketizer(PCMU, ssrc=1)) + paced(
        second, RtpPacketizer(PCMU, ssrc=2), start_ms=500
    )
    reception = Reception()
    heard = reception.hear(packets)
    assert heard.positions == sorted(heard.positions)
    # The first packet of the new one waits for a second that vouches for it.
    assert 7_840 <= len(heard.audio) <= 8_000
    np.testing.assert_array_equal(heard.audio[:4_000], decoded(first))
    assert reception.receiver.stats.jitter.restarts == 1


@pytest.mark.untraced
@pytest.mark.parametrize("ppm", [-400.0, 400.0])
def test_a_sender_whose_clock_runs_off_is_followed(ppm: float) -> None:
    """Or whoever plays it in real time would run out of audio, or fall behind, for ever."""
    seconds = 90
    payloads = ulaw(voice(1_000)) * seconds
    link: LossyLink[RtpPacket] = LossyLink(3, delay_ms=20, jitter_ms=4, drift_ppm=ppm)
    reception = Reception(options={"follow_drift": True})
    heard = reception.hear(link.transmit(paced(payloads, RtpPacketizer(PCMU))))
    stats = reception.receiver.stats
    assert stats.drift_ppm == pytest.approx(ppm, abs=40)
    # In the first half minute the drift is not known yet.
    real = seconds * 8_000 * (1 - ppm / 1e6)
    assert abs(len(heard.audio) - real) < 40 * 8_000 * 400e-6 + 8_000 * 0.06
    assert abs(len(heard.audio) - real) < abs(seconds * 8_000 - real)


def test_stereo_and_other_rates_reach_a_stream_of_any_format() -> None:
    """What the stream is made for is what a reader gets."""
    rng = np.random.default_rng(1)
    samples = rng.integers(-9_000, 9_000, (44_100, 2)).astype(np.int16)
    encoder = codec_of_name("L16").encoder(AudioFormat(44_100, 2))
    payloads = [encoder.encode(samples[at : at + 882]) for at in range(0, 44_100, 882)]
    reception = Reception(AudioFormat(48_000), PayloadTypes())
    heard = reception.hear(paced(payloads, RtpPacketizer(10), 882))
    assert heard.gaps == []
    assert abs(len(heard.audio) - 48_000) <= 48 * 3
    assert heard.audio.shape[1] == 1


def test_a_stream_without_room_is_counted_and_leaves_a_gap() -> None:
    """Policy "error" means that the program is told, and here that is the statistics."""
    clock = VirtualClock()
    stream = InboundAudioStream(TELEPHONY, clock=clock, capacity_ms=100, overflow="error")
    receiver = AudioReceiver(stream, clock=clock, follow_drift=False)
    for _, packet in paced(ulaw(voice(200)), RtpPacketizer(PCMU)):
        receiver.receive(packet)
    receiver.end()
    assert receiver.stats.refused_ms == 100
    assert [frame.position for frame in stream] == [0, 160, 320, 480, 640]


def test_a_thread_can_run_it() -> None:
    """The blocking door, with real packets from another thread."""
    clock = NoticingClock()
    stream = InboundAudioStream(TELEPHONY, clock=clock)
    receiver = AudioReceiver(stream, clock=clock, follow_drift=False)
    worker = Worker(receiver.run)
    clock.next_wait()
    payloads = ulaw(voice(200))
    for _, packet in paced(payloads, RtpPacketizer(PCMU)):
        receiver.receive(packet.build())
    frames = [stream.recv(timeout=10) for _ in payloads]
    np.testing.assert_array_equal(np.concatenate([f.samples for f in frames]), decoded(payloads))
    receiver.close()
    worker.result()
    receiver.close()
    receiver.receive(b"")
    assert receiver.advance() is None


def test_audio_is_given_when_it_is_due_and_not_before() -> None:
    """Even packets that come in one lump are heard at an even pace."""
    clock = VirtualClock()
    stream = InboundAudioStream(TELEPHONY, clock=clock)
    receiver = AudioReceiver(stream, clock=clock, follow_drift=False)
    times: list[float] = []

    async def listen() -> None:
        async for _ in stream:
            times.append(clock.now())

    async def main() -> None:
        listening = asyncio.create_task(listen())
        running = asyncio.create_task(receiver.arun())
        for _, packet in paced(ulaw(voice(400)), RtpPacketizer(PCMU)):
            receiver.receive(packet)
        await clock.sleep_until(2)
        receiver.end()
        await asyncio.gather(listening, running)

    clock.run(main())
    # What was made up while nothing more came is on top.
    assert 20 <= len(times) <= 24
    assert all(0.015 < after - before < 0.025 for before, after in pairwise(times))


def test_a_cancelled_run_can_be_started_again() -> None:
    """Nothing is lost by it: what became due meanwhile is given at once."""
    clock = VirtualClock()
    stream = InboundAudioStream(TELEPHONY, clock=clock)
    receiver = AudioReceiver(stream, clock=clock, follow_drift=False)
    payloads = ulaw(voice(400))

    async def main() -> None:
        running = asyncio.create_task(receiver.arun())
        await settle()
        for _, packet in paced(payloads, RtpPacketizer(PCMU)):
            receiver.receive(packet)
        await clock.sleep_until(0.2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert stream.stats.position < 3_200
        await clock.sleep_until(1)
        running = asyncio.create_task(receiver.arun())
        await settle()
        assert stream.stats.position >= 3_200
        receiver.end()
        receiver.end()
        await running

    clock.run(main())
    heard = b"".join(map(bytes, stream))
    assert heard.startswith(decoded(payloads).tobytes())


def test_a_program_that_closes_the_stream_ends_the_receiver() -> None:
    """It hangs up by closing what it listens to; the transport must not trip over that."""
    clock = VirtualClock()
    stream = InboundAudioStream(TELEPHONY, clock=clock)
    receiver = AudioReceiver(stream, clock=clock)

    async def main() -> None:
        running = asyncio.create_task(receiver.arun())
        packets = paced(ulaw(voice(400)), RtpPacketizer(PCMU))
        for _, packet in packets[:10]:
            receiver.receive(packet)
        await clock.sleep_until(0.2)
        stream.close()
        for _, packet in packets[10:]:
            receiver.receive(packet)
        await running
        receiver.end()

    clock.run(main())


def test_what_the_receiver_can_not_be_is_refused() -> None:
    """At once, not in mid-call."""
    with pytest.raises(ConfigurationError, match="max_concealed_ms"):
        AudioReceiver(InboundAudioStream(TELEPHONY), max_concealed_ms=-1)


def test_silence_left_out_by_opus_is_a_gap_of_the_right_length() -> None:
    """DTX sends nothing for most of a pause; its timestamps go on."""
    encoder = OpusEncoder(WEBRTC, bitrate=24_000, dtx=True)
    speech, pause = voice(1_000, WEBRTC), np.zeros((48_000, 1), np.int16)
    samples = np.concatenate([speech, pause, speech])
    packetizer = RtpPacketizer(OPUS_TYPE)
    packets = []
    for number, at in enumerate(range(0, len(samples), 960)):
        payload = encoder.encode(samples[at : at + 960])
        if payload:
            packets.append((number * MS, packetizer.packet(payload, 960)))
        else:
            packetizer.skip(960)
    assert len(packets) < 130
    reception = Reception(SPEECH)
    heard = reception.hear(packets)
    assert heard.positions[-1] + heard.sizes[-1] == 48_000
    assert sum(length for _, length in heard.gaps) > 4_000
    assert reception.receiver.stats.jitter.lost == 0


def test_opus_is_decoded_straight_at_the_rate_of_the_stream() -> None:
    """A resampler would cost time and delay."""
    types = PayloadTypes({OPUS_TYPE: OPUS, 96: PayloadFormat("l16", 16_000)})
    for wanted in (TELEPHONY, SPEECH, AudioFormat(24_000), WEBRTC):
        reception = Reception(wanted, types)
        heard = reception.hear(paced(opus(200), RtpPacketizer(OPUS_TYPE), 960))
        assert len(heard.audio) == wanted.samples(200)
        decoder = reception.receiver._renderer._decoder
        assert decoder is not None
        assert decoder.format == wanted
    assert TYPES[OPUS_TYPE] == OPUS


def test_a_key_report_that_is_none_is_counted_and_leaves_no_hole() -> None:
    """Its bytes come from outside like all others."""
    payloads = ulaw(voice(400))
    packetizer = RtpPacketizer(PCMU, ssrc=7, sequence_number=0, timestamp=0)
    packets: list[tuple[float, RtpPacket]] = paced(payloads[:10], packetizer)
    packets += [(200, RtpPacket(KEYS, 10, 1_600, 7, b"abc")), (200, RtpPacket(KEYS, 11, 1_600, 7))]
    rest = RtpPacketizer(PCMU, ssrc=7, sequence_number=12, timestamp=1_600)
    packets += paced(payloads[10:], rest, start_ms=200)
    reception = Reception()
    heard = reception.hear(packets)
    np.testing.assert_array_equal(heard.audio, decoded(payloads))
    assert reception.receiver.stats.malformed == 2


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([PCMU, 8, KEYS, OPUS_TYPE, 13]),
            st.integers(0, 65_535),
            st.integers(0, 2**32 - 1),
            st.integers(1, 2),
            st.binary(max_size=20),
        ),
        max_size=30,
    )
)
def test_no_packet_raises_whatever_its_kind_and_numbers(
    packets: list[tuple[int, int, int, int, bytes]],
) -> None:
    """Two senders, two clocks, keys and noise, in any order."""
    reception = Reception(SPEECH, options={"follow_drift": True})
    for number, packet in enumerate(packets):
        reception.clock._now = number * 0.02
        reception.receiver.receive(RtpPacket(*packet))
        reception.receiver.advance()
    reception.receiver.end()
    heard = reception.unread()
    assert heard.positions == sorted(heard.positions)


@pytest.mark.parametrize("follow_drift", [True, False])
@pytest.mark.parametrize("stream", [TELEPHONY, SPEECH])
def test_pauses_do_not_move_what_comes_after_them(stream: AudioFormat, follow_drift: bool) -> None:
    """A resampler that is flushed at each would otherwise push the call back a little every time."""
    payloads = ulaw(voice(200))
    packetizer = RtpPacketizer(PCMU)
    packets: list[tuple[float, RtpPacket]] = []
    for cycle in range(30):
        packets += paced(payloads, packetizer, start_ms=cycle * 1_000)
        packetizer.skip(6_400)
    reception = Reception(stream, options={"follow_drift": follow_drift, "max_concealed_ms": 0.0})
    heard = reception.hear(packets)
    end_ms = (heard.positions[-1] + heard.sizes[-1]) * 1000 / stream.sample_rate
    assert end_ms == pytest.approx(29_200, abs=5)


def test_pauses_are_followed_like_the_talk_between_them() -> None:
    """The sender's clock runs off in silence too."""
    payloads = ulaw(voice(500))
    packetizer = RtpPacketizer(PCMU)
    packets: list[tuple[float, RtpPacket]] = []
    for cycle in range(90):
        packets += paced(payloads, packetizer, start_ms=cycle * 1_000)
        packetizer.skip(4_000)
    link: LossyLink[RtpPacket] = LossyLink(1, delay_ms=20, drift_ppm=500)
    reception = Reception(options={"follow_drift": True, "max_concealed_ms": 0.0})
    heard = reception.hear(link.transmit(packets))
    ahead_ms = (heard.positions[-1] + heard.sizes[-1]) / 8 - 89_500
    assert -45 < ahead_ms < -30  # 500 ppm of what came after the first ten seconds


@pytest.mark.parametrize("ended", ["end", "close"])
def test_hanging_up_after_the_program_did_is_harmless(ended: str) -> None:
    """Whoever hangs up first, the other one's clean-up must go through."""
    clock = VirtualClock()
    stream = InboundAudioStream(TELEPHONY, clock=clock)
    receiver = AudioReceiver(stream, clock=clock)
    for _, packet in paced(ulaw(voice(100)), RtpPacketizer(PCMU)):
        receiver.receive(packet)
    receiver.advance()
    getattr(stream, ended)()
    receiver.end()
    assert receiver.advance() is None
    clock.run(receiver.arun())


def test_a_key_that_is_down_when_the_sender_hangs_up_is_told_as_ended() -> None:
    """Each start has its end."""
    events: list[KeyStarted | KeyEnded] = []
    clock = VirtualClock()
    receiver = AudioReceiver(
        InboundAudioStream(TELEPHONY, clock=clock), TYPES, clock=clock, on_event=events.append
    )
    report = next(iter(TelephoneEventSender(8_000).press("1", 100, 0)))
    receiver.receive(RtpPacket(KEYS, 1, 0, 7, report.payload, marker=True))
    receiver.end()
    assert [type(event) for event in events] == [KeyStarted, KeyEnded]


def test_strays_of_another_clock_are_neither_played_nor_believed() -> None:
    """Static payload types are always known, so anybody can send one."""
    payloads = opus(2_000)
    packets: list[tuple[float, RtpPacket]] = paced(
        payloads, RtpPacketizer(OPUS_TYPE, ssrc=1, sequence_number=0), 960
    )
    forged = [
        (at + 5, RtpPacket(PCMU, 40_000 + 200 * index, 77 * index, 9, bytes(160)))
        for index, (at, _) in enumerate(packets[10::20])
    ]
    reception = Reception(SPEECH, options={"follow_drift": True})
    reception.hear(sorted([*packets, *forged], key=lambda each: each[0]))
    stats = reception.receiver.stats
    assert (stats.decoded_ms, stats.strays) == (2_000, len(forged))
    assert stats.drift_ppm == 0


def test_a_straggler_of_the_old_codec_changes_nothing() -> None:
    """Two packets that swap places at a change of codecs."""
    first, second = ulaw(voice(500)), opus(500)
    packets = paced(first, RtpPacketizer(PCMU, ssrc=5, sequence_number=0, timestamp=0))
    packets += paced(
        second, RtpPacketizer(OPUS_TYPE, ssrc=5, sequence_number=25, timestamp=0), 960, 500
    )
    late_at, late = packets.pop(24)
    packets.append((late_at + 65, late))
    reception = Reception(SPEECH)
    reception.hear(sorted(packets, key=lambda each: each[0]))
    stats = reception.receiver.stats
    assert stats.strays == 1
    assert stats.decoded_ms == 480 + 500


def test_silence_before_a_change_of_codec_keeps_its_length() -> None:
    """On hold with one codec, back with another; and the books go on."""
    packets = paced(ulaw(voice(1_000)), RtpPacketizer(PCMU, ssrc=5, sequence_number=0))
    packets += paced(
        opus(1_000), RtpPacketizer(OPUS_TYPE, ssrc=5, sequence_number=50), 960, start_ms=11_000
    )
    reception = Reception(SPEECH, options={"max_concealed_ms": 0.0})
    heard = reception.hear(packets)
    assert (heard.positions[-1] + heard.sizes[-1]) / 16 == pytest.approx(12_000, abs=10)
    assert reception.receiver.stats.jitter.received == 100


def test_formats_that_no_stream_can_have_are_unknown() -> None:
    """A session may announce anything; the call goes on with what can be played."""
    types = PayloadTypes(
        {
            96: PayloadFormat("L16", 16_000, 9),
            97: PayloadFormat("PCMU", 8_000, 9),
            98: PayloadFormat("L16", 200_000),
        }
    )
    payloads = ulaw(voice(200))
    packets = paced(payloads, RtpPacketizer(PCMU, ssrc=1, sequence_number=0))
    packets[5:5] = [(90, RtpPacket(number, 1, 1, 1, bytes(288))) for number in (96, 97, 98)]
    reception = Reception(types=types)
    heard = reception.hear(packets)
    np.testing.assert_array_equal(heard.audio, decoded(payloads))
    assert reception.receiver.stats.unknown == 3
