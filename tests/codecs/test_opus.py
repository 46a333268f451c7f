"""Opus packets from samples and back, over every rate; holes, settings, threads and broken bytes."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opus_kit import cut, decoded, encoded, joined, level_db, snr_db, speech

from rawmedia.audio.format import SPEECH, WEBRTC, AudioFormat
from rawmedia.codecs import libopus
from rawmedia.codecs.opus import FRAME_DURATIONS_MS, OPUS_RATES, OpusDecoder, OpusEncoder, Signal
from rawmedia.codecs.opus_packet import packet_samples, parse_packet
from rawmedia.errors import ConfigurationError, PayloadError, UnsupportedFormatError
from rawmedia.testing.signals import speech_like

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.codecs.codec import Decoder, Encoder

STEREO = AudioFormat(48_000, 2)
FORMATS = [AudioFormat(rate, channels) for rate in OPUS_RATES for channels in (1, 2)]
every_format = pytest.mark.parametrize("format", FORMATS, ids=str)


# Round trips


@every_format
def test_audio_comes_back_late_by_the_lookahead_and_otherwise_the_same(format: AudioFormat) -> None:
    """In frames of every duration; left stays left."""
    audio = speech(800, format)
    for frame_ms in FRAME_DURATIONS_MS:
        encoder = OpusEncoder(
            format, application="audio", bitrate=64_000 * format.num_channels, complexity=10
        )
        packets = encoded(audio, encoder, frame_ms)
        heard = decoded(packets, OpusDecoder(format))
        assert len(heard) == len(packets) * format.samples(frame_ms)
        assert heard.dtype == np.int16
        assert heard.shape[1] == format.num_channels
        late = heard[encoder.lookahead_samples :]
        for channel in range(format.num_channels):
            assert snr_db(audio[:, channel], late[:, channel]) > 15, (frame_ms, channel)


@every_format
def test_speech_at_few_bits_is_coded_as_speech_and_comes_back(format: AudioFormat) -> None:
    audio = speech(1_500, format)
    encoder = OpusEncoder(format, bitrate=16_000 * format.num_channels, signal="voice")
    packets = encoded(audio, encoder)
    late = decoded(packets, OpusDecoder(format))[encoder.lookahead_samples - 4 :]
    assert "celt" not in {parse_packet(packet).mode for packet in packets}
    # These modes filter the lowest tones away, and may be late by a few samples more or less.
    assert max(snr_db(audio, late[shift:]) for shift in range(9)) > 6


@pytest.mark.parametrize("sent", FORMATS[::3], ids=str)
def test_any_stream_is_decoded_at_any_rate_and_number_of_channels(sent: AudioFormat) -> None:
    """Decoding straight to the rate that is wanted saves a resampler."""
    encoder = OpusEncoder(sent, application="audio", bitrate=64_000 * sent.num_channels)
    packets = encoded(speech(800, sent), encoder)
    for given_format in FORMATS:
        rate, channels = given_format.sample_rate, given_format.num_channels
        heard = decoded(packets, OpusDecoder(given_format))[given_format.samples(6.5) :]
        wanted = speech(800, AudioFormat(rate, sent.num_channels))
        if channels < sent.num_channels:
            wanted = (wanted.astype(np.int32).sum(axis=1, keepdims=True) // 2).astype(np.int16)
        assert snr_db(np.broadcast_to(wanted, (len(wanted), channels)), heard) > 12


@pytest.mark.parametrize("count", [2, 3, 6])
def test_a_packet_of_several_frames_gives_all_of_them(count: int) -> None:
    """Up to 120 ms, of which no encoder here makes a packet but others may."""
    packets = encoded(speech(20 * count), OpusEncoder(application="audio"))
    whole = OpusDecoder().decode(joined(packets))
    np.testing.assert_array_equal(whole, decoded(packets, OpusDecoder()))


def test_frames_of_a_stream_may_change_their_length() -> None:
    audio, encoder, decoder = speech(600), OpusEncoder(application="audio"), OpusDecoder()
    heard, start = [], 0
    for frame_ms in (20, 2.5, 60, 5, 40, 10, 60, 10, 20) * 2:
        size = WEBRTC.samples(frame_ms)
        heard.append(decoder.decode(encoder.encode(audio[start : start + size])))
        assert len(heard[-1]) == size
        start += size
    assert snr_db(audio, np.concatenate(heard)[encoder.lookahead_samples :]) > 10


def test_float_samples_are_taken_as_they_are() -> None:
    audio = speech(600)
    encoder = OpusEncoder(application="audio", bitrate=64_000)
    packets = [encoder.encode(frame) for frame in cut((audio / 32_768).astype(np.float32), 960)]
    assert snr_db(audio, decoded(packets, OpusDecoder())[encoder.lookahead_samples :]) > 18


def test_the_default_is_48_khz_mono() -> None:
    encoder: Encoder = OpusEncoder()
    decoder: Decoder = OpusDecoder()
    assert encoder.format == decoder.format == WEBRTC


def test_results_are_new_and_the_callers() -> None:
    """They must not change with the next packet, nor the next with them."""
    packets = encoded(speech(60), OpusEncoder())
    decoder, undisturbed = OpusDecoder(), OpusDecoder()
    first = decoder.decode(packets[0])
    copy = first.copy()
    decoder.decode(packets[1])
    np.testing.assert_array_equal(first, copy)
    first[:] = 0
    undisturbed.decode(packets[0])
    undisturbed.decode(packets[1])
    np.testing.assert_array_equal(decoder.decode(packets[2]), undisturbed.decode(packets[2]))


@pytest.mark.parametrize("format", [AudioFormat(44_100), AudioFormat(48_000, 3)], ids=str)
def test_a_format_that_opus_lacks_is_refused(format: AudioFormat) -> None:
    with pytest.raises(UnsupportedFormatError, match="24000, 48000 Hz, mono or stereo"):
        OpusEncoder(format)
    with pytest.raises(UnsupportedFormatError, match="24000, 48000 Hz, mono or stereo"):
        OpusDecoder(format)


# What an encoder takes


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda frame: frame[:, 0], id="flat"),
        pytest.param(lambda frame: np.repeat(frame, 2, axis=1)[:, :1], id="a column"),
        pytest.param(lambda frame: frame[::-1].copy()[::-1], id="backwards"),
        pytest.param(
            lambda frame: np.frombuffer(b"\0" + frame.tobytes(), "i2", offset=1).reshape(-1, 1),
            id="at an odd address, read-only",
        ),
    ],
)
def test_memory_of_any_layout_is_the_same_audio(view: Any) -> None:
    """Slices of other arrays and pieces of messages arrive here."""
    frames = cut(speech(300), 960)
    plain, other = OpusEncoder(), OpusEncoder()
    encode, addresses = other._encode_int16, []

    def noting(state: Any, pcm: Any, *rest: Any) -> Any:
        addresses.append(int(other._ffi.cast("uintptr_t", pcm)))
        return encode(state, pcm, *rest)

    other._encode_int16 = noting
    assert [other.encode(view(frame)) for frame in frames] == [plain.encode(f) for f in frames]
    assert not any(address % 2 for address in addresses), "C may read whole words alone"


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(959, np.int16),
        np.zeros((961, 1), np.int16),
        np.zeros((0, 1), np.int16),
        np.zeros((480, 2), np.int16),
        np.zeros((1, 960), np.int16),
        np.zeros((960, 1, 1), np.int16),
        np.zeros(5_760, np.int16),
        np.zeros(960, np.int32),
        np.zeros(960, np.uint16),
        np.zeros(960, np.float64),
        np.zeros(960, ">i2"),
        np.full(960, np.nan, np.float32),
        np.full(960, np.inf, np.float32),
        np.full(960, 1e30, np.float32),
        [0] * 960,
        bytes(1_920),
        None,
    ],
    ids=lambda samples: f"{type(samples).__name__} {getattr(samples, 'shape', '')}",
)
def test_what_is_no_frame_is_refused_and_changes_nothing(samples: Any) -> None:
    frames = cut(speech(400), 960)[10:]
    encoder, undisturbed = OpusEncoder(), OpusEncoder()
    encoder.encode(frames[0])
    undisturbed.encode(frames[0])
    with pytest.raises(PayloadError, match=r"array|finite"):
        encoder.encode(samples)
    assert encoder.encode(frames[1]) == undisturbed.encode(frames[1])


def test_a_stereo_encoder_takes_no_flat_array() -> None:
    """Nobody knows whether it would be interleaved."""
    with pytest.raises(PayloadError, match=r"\(samples_per_channel, 2\)"):
        OpusEncoder(STEREO).encode(np.zeros(1_920, np.int16))


def test_a_failure_inside_libopus_is_a_payload_error() -> None:
    """Not known to happen; if it does, its words must come through."""
    encoder = OpusEncoder()
    encoder._encode_int16 = lambda *_: -3
    with pytest.raises(PayloadError, match="internal error"):
        encoder.encode(np.zeros(960, np.int16))


# Settings

SETTINGS: dict[str, tuple[Any, list[Any], list[Any]]] = {
    # Each with its default, values it may have, and such as are refused.
    "application": ("voip", ["audio", "low_delay", "voip"], ["music", 2048, None, ["voip"]]),
    "bitrate": (None, [6_000, 24_000, 510_000, None], [5_999, 510_001, 24e3, "24000", True]),
    "complexity": (7, [0, 5, 10], [-1, 11, None, 5.0, True]),
    "fec": (False, [True, False], [1, None, "yes"]),
    "expected_loss_percent": (0, [0, 15, 100], [-1, 101, None, 0.15]),
    "dtx": (False, [True, False], [1, None]),
    "vbr": (True, [False, True], [0, None]),
    "constrained_vbr": (True, [False, True], [0, None]),
    "signal": ("auto", ["voice", "music", "auto"], ["speech", 3001, None]),
    "max_bandwidth": ("fullband", ["narrowband", "wideband", "fullband"], ["full", 1105, None]),
}
every_setting = pytest.mark.parametrize("name", SETTINGS)


@every_setting
def test_a_setting_is_what_was_set_from_the_start_or_later(name: str) -> None:
    default, good, _ = SETTINGS[name]
    encoder = OpusEncoder()
    assert getattr(encoder, name) == default
    for value in good:
        setattr(encoder, name, value)
        arguments: Any = {name: value}
        assert getattr(encoder, name) == getattr(OpusEncoder(**arguments), name) == value


@every_setting
def test_a_setting_out_of_range_is_refused_by_name_and_changes_nothing(name: str) -> None:
    default, _, bad = SETTINGS[name]
    encoder = OpusEncoder()
    for value in bad:
        arguments: Any = {name: value}
        with pytest.raises(ConfigurationError, match=f"^{name}: "):
            OpusEncoder(**arguments)
        with pytest.raises(ConfigurationError, match=f"^{name}: "):
            setattr(encoder, name, value)
        assert getattr(encoder, name) == default


def test_settings_are_documented_on_the_class() -> None:
    """`help` and editors look at the class, where there is no value."""
    assert all(getattr(OpusEncoder, name) is OpusEncoder.__dict__[name] for name in SETTINGS)


def mean_size(packets: list[bytes]) -> float:
    return float(np.mean([len(packet) for packet in packets]))


def test_the_bitrate_may_follow_the_link_during_a_call() -> None:
    audio, encoder, decoder = speech(1_000), OpusEncoder(application="audio"), OpusDecoder()
    heard = []
    for bitrate in (64_000, 12_000, 96_000, 24_000):
        encoder.bitrate = bitrate
        packets = encoded(audio, encoder)
        assert mean_size(packets[5:]) * 8 * 50 == pytest.approx(bitrate, rel=0.25)
        heard.append(decoded(packets, decoder))
    assert snr_db(audio, heard[2][encoder.lookahead_samples :]) > 15


def test_less_complexity_is_another_packet_of_the_same_sound() -> None:
    audio = speech(1_000)
    packets = {}
    for complexity in (0, 10):
        encoder = OpusEncoder(application="audio", bitrate=64_000, complexity=complexity)
        packets[complexity] = encoded(audio, encoder)
        assert snr_db(audio, decoded(packets[complexity], OpusDecoder())[312:]) > 18
    assert packets[0] != packets[10]


def test_without_vbr_all_packets_are_of_one_size() -> None:
    encoder = OpusEncoder(bitrate=24_000)
    audio = speech(1_000)
    assert len(set(map(len, encoded(audio, encoder)))) > 10
    encoder.vbr = False
    assert set(map(len, encoded(audio, encoder))) == {60}


def test_a_constrained_bitrate_has_smaller_peaks() -> None:
    greatest = {}
    for constrained in (True, False):
        encoder = OpusEncoder(application="audio", bitrate=32_000, constrained_vbr=constrained)
        greatest[constrained] = max(map(len, encoded(speech(3_000), encoder)))
    assert greatest[True] < greatest[False]


@pytest.mark.parametrize("bandwidth", ["narrowband", "wideband", "superwideband", "fullband"])
def test_the_bandwidth_may_be_limited_to_what_the_far_end_plays(bandwidth: Any) -> None:
    encoder = OpusEncoder(application="audio", bitrate=64_000)
    encoder.max_bandwidth = bandwidth
    packets = encoded(speech(400), encoder)[5:]
    assert {parse_packet(packet).bandwidth for packet in packets} == {bandwidth}


def test_what_the_audio_is_decides_on_the_mode() -> None:
    modes = {}
    signals: list[Signal] = ["voice", "music"]
    for signal in signals:
        encoder = OpusEncoder(application="audio", bitrate=24_000, signal=signal)
        modes[signal] = {parse_packet(packet).mode for packet in encoded(speech(600), encoder)[10:]}
    assert "celt" not in modes["voice"]
    assert modes["music"] == {"celt"}


def test_low_delay_is_4_ms_sooner() -> None:
    for each in FORMATS:
        usual, low = OpusEncoder(each), OpusEncoder(each, application="low_delay")
        assert usual.lookahead_samples == each.samples(6.5)
        assert low.lookahead_samples == each.samples(2.5)


def test_the_application_changes_before_the_first_frame_and_after_a_reset_alone() -> None:
    """libopus cannot change its lookahead within a stream."""
    encoder, frame = OpusEncoder(), speech(20)
    encoder.application = "audio"
    encoder.encode(frame)
    with pytest.raises(ConfigurationError, match="before the first frame or after reset"):
        encoder.application = "low_delay"
    assert encoder.application == "audio"
    encoder.reset()
    encoder.application = "low_delay"
    assert encoder.lookahead_samples == 120


@every_format
def test_a_bitrate_too_low_for_frames_so_short_refuses_them(format: AudioFormat) -> None:
    """libopus would send packets that say that there was no audio."""
    audio, short = speech(100, format), format.samples(2.5)
    encoder = OpusEncoder(format)
    for bitrate, allowed in ((9_599, False), (9_600, True), (6_000, False), (None, True)):
        encoder.bitrate = bitrate
        for frame in cut(audio, short)[20:]:
            if allowed:
                assert len(encoder.encode(frame)) > 2
            else:
                with pytest.raises(PayloadError, match=f"with {short * 2}, "):
                    encoder.encode(frame)
    encoder.bitrate = 6_000
    for frame_ms in FRAME_DURATIONS_MS[1:]:
        assert min(map(len, encoded(audio, encoder, frame_ms))) > 2


@pytest.mark.parametrize("vbr", [True, False])
@pytest.mark.parametrize("application", ["voip", "audio", "low_delay"])
def test_without_dtx_silence_is_sent_too(application: Any, vbr: bool) -> None:
    """A container or a link that counts packets relies on one for each frame."""
    encoder = OpusEncoder(application=application, bitrate=12_000, vbr=vbr)
    for frame_ms in FRAME_DURATIONS_MS:
        silence = np.zeros((WEBRTC.samples(frame_ms), 1), np.int16)
        assert all(len(encoder.encode(silence)) > 2 for _ in range(40))


def test_tiny_packets_go_out_all_the_same_where_silence_is_not_to_be_left_out() -> None:
    encoder = OpusEncoder()
    encoder._encode_int16 = lambda *_: 2
    assert len(encoder.encode(np.zeros(960, np.int16))) == 2
    encoder.dtx = True
    assert encoder.encode(np.zeros(960, np.int16)) == b""


def test_dtx_leaves_silence_out_and_concealment_sounds_like_it() -> None:
    """What the receiver fills is as soft as what was there, and speech after it is whole."""
    encoder, decoder = OpusEncoder(bitrate=24_000, dtx=True), OpusDecoder()
    audio = speech(400)
    room = np.random.default_rng(1).normal(0, 3, (3 * 48_000, 1)).astype(np.int16)
    decoded(encoded(audio, encoder), decoder)

    packets = encoded(room, encoder)
    heard = [decoder.decode(p) if p else decoder.conceal(960) for p in packets]

    left_out = sum(not packet for packet in packets)
    assert left_out > 0.7 * len(packets)
    assert all(len(packet) > 2 for packet in packets if packet)
    assert level_db(np.concatenate(heard[50:])) < -70
    again = encoded(audio[4_800:], encoder)  # it begins with silence of its own
    assert all(again)
    assert abs(level_db(decoded(again, decoder)) - level_db(audio[4_800:])) < 2


def test_a_reset_begins_a_stream_with_the_same_settings() -> None:
    audio = speech(300)
    encoder, decoder = OpusEncoder(bitrate=20_000, vbr=False), OpusDecoder()
    first = encoded(audio, encoder)
    heard = decoded(first, decoder)
    encoder.reset()
    decoder.reset()
    assert encoder.bitrate == 20_000
    assert encoded(audio, encoder) == first
    np.testing.assert_array_equal(decoded(first, decoder), heard)


def test_a_reset_decoder_has_nothing_to_conceal_with() -> None:
    decoder = OpusDecoder()
    decoded(encoded(speech(400), OpusEncoder()), decoder)
    assert decoder.conceal(100).any()
    decoder.reset()
    assert not decoder.conceal(2_000).any()


# What a decoder takes


@pytest.mark.parametrize("payload", [b"", bytearray(), memoryview(b"")])
def test_no_bytes_are_no_packet(payload: Any) -> None:
    """In libopus they mean a loss; here `conceal` says so, with the length of the hole."""
    with pytest.raises(PayloadError, match="0 bytes"):
        OpusDecoder().decode(payload)


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_a_payload_longer_than_any_network_carries_is_refused(make: Any) -> None:
    longest = bytes([3, 0x41]) + b"\xff" * 256 + bytes([252]) + bytes(65_276)
    assert len(longest) == 65_535
    assert len(OpusDecoder().decode(make(longest))) == 480
    for take in (OpusDecoder().decode, lambda payload: OpusDecoder().recover(payload, 480)):
        with pytest.raises(PayloadError, match="65536 bytes"):
            take(make(longest + b"\0"))


@pytest.mark.parametrize("make", [bytearray, memoryview])
def test_any_buffer_is_decoded(make: Any) -> None:
    packets = encoded(speech(100), OpusEncoder(fec=True, expected_loss_percent=20))
    wanted = decoded(packets, OpusDecoder())
    np.testing.assert_array_equal(decoded(map(make, packets), OpusDecoder()), wanted)
    assert len(OpusDecoder().recover(make(packets[1]), 960)) == 960


@pytest.mark.parametrize("payload", ["speech", None, 3, memoryview(bytes(8))[::2]])
def test_what_holds_no_bytes_is_refused(payload: Any) -> None:
    with pytest.raises(PayloadError):
        OpusDecoder().decode(payload)
    with pytest.raises(PayloadError):
        OpusDecoder().recover(payload, 960)


@pytest.mark.parametrize("format", [SPEECH, STEREO], ids=str)
def test_every_first_byte_is_decoded_or_refused(format: AudioFormat) -> None:
    """In one stream, so that every mode follows every other; then speech is decoded again."""
    decoder, rng = OpusDecoder(format), np.random.default_rng(7)
    for toc in rng.permutation(np.repeat(np.arange(256), 3)):
        payload = bytes([toc, 2]) + rng.bytes(int(rng.integers(0, 60)))
        try:
            expected = packet_samples(payload, format.sample_rate)
            parse_packet(payload)
        except PayloadError:
            with pytest.raises(PayloadError, match="an Opus packet"):
                decoder.decode(payload)
        else:
            assert decoder.decode(payload).shape == (expected, format.num_channels)
    still_decodes(decoder)


@cache
def good_packets() -> list[bytes]:
    return encoded(speech(400), OpusEncoder(application="audio", bitrate=64_000))


def still_decodes(decoder: OpusDecoder) -> None:
    """Speech sounds as it does from a new decoder, once the first packets have passed."""
    heard, fresh = (
        decoded(good_packets(), decoder),
        decoded(good_packets(), OpusDecoder(decoder.format)),
    )
    rate = decoder.format.sample_rate
    assert snr_db(fresh[rate // 5 :], heard[rate // 5 :]) > 20


SHARED = OpusDecoder(SPEECH)
"""One for all examples, so that each meets what the ones before have left."""


@given(st.lists(st.binary(max_size=100), max_size=5), st.integers(0, 19), st.integers(0, 400))
@example([b"", b"\xff\xff\xff"], 0, 0)
@example([b"\x03\x00", b"\x08"], 5, 1)
def test_any_bytes_are_samples_or_a_payload_error_and_the_next_packet_decodes(
    payloads: list[bytes], good: int, hole: int
) -> None:
    for payload in payloads:
        assert len(SHARED.conceal(hole)) == hole
        before = None
        try:
            before = SHARED.recover(payload, hole)
            heard = SHARED.decode(payload)
        except PayloadError:
            assert before is None, "what decode refuses, recover refuses"
        else:
            assert len(before) == hole
            assert heard.shape == (packet_samples(payload, 16_000), 1)
    assert SHARED.decode(good_packets()[good]).shape == (320, 1)


@given(st.binary(min_size=1, max_size=60), st.integers(1, 19), st.integers(0, 479))
def test_damage_within_a_packet_of_speech_is_survived(noise: bytes, at: int, where: int) -> None:
    """Bits flip where no checksum looks."""
    packets = list(good_packets())
    start = where % len(packets[at])
    packets[at] = (packets[at][:start] + noise + packets[at])[: len(packets[at])]
    for packet in packets:
        try:
            SHARED.decode(packet)
        except PayloadError:
            assert packet is packets[at]


def test_a_refused_packet_leaves_the_stream_as_it_was() -> None:
    packets = encoded(speech(400), OpusEncoder())
    decoder, undisturbed = OpusDecoder(), OpusDecoder()
    for index, packet in enumerate(packets):
        if index % 3 == 1:
            for broken in (b"", b"\xff", b"\x01\x01\x01\x01", bytes(1_277)):
                with pytest.raises(PayloadError):
                    decoder.decode(broken)
                with pytest.raises(PayloadError):
                    decoder.recover(broken, 960)
        np.testing.assert_array_equal(decoder.decode(packet), undisturbed.decode(packet))


# Holes

LOSSES = np.random.default_rng(5).random(300) < 0.12


@cache
def lossy(channels: int, frame_ms: float) -> tuple[OpusDecoder, list[bytes]]:
    voice = AudioFormat(16_000, channels)
    encoder = OpusEncoder(
        voice, bitrate=24_000 * channels, fec=True, expected_loss_percent=15, signal="voice"
    )
    return OpusDecoder(voice), encoded(speech(4_000, voice), encoder, frame_ms)


def received(packets: list[bytes], decoder: OpusDecoder, fill: str, frame: int) -> Int16Samples:
    """What is heard when packets of the seeded pattern are lost, and holes filled this way."""
    decoder.reset()
    heard: list[Int16Samples] = []
    hole = 0
    for packet, lost in zip(packets, LOSSES, strict=False):
        hole += frame * bool(lost)
        if lost:
            continue
        if hole and fill == "silence":
            heard.append(np.zeros((hole, decoder.format.num_channels), np.int16))
        elif hole:
            heard.append(
                decoder.recover(packet, hole) if fill == "recover" else decoder.conceal(hole)
            )
        hole = 0
        heard.append(decoder.decode(packet))
    return np.concatenate(heard)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frame_ms", [20, 40])
def test_recovering_is_better_than_concealing_and_that_than_silence(
    channels: int, frame_ms: int
) -> None:
    """At 12 % loss, holes of several packets among them; against the decoder that lost nothing."""
    decoder, packets = lossy(channels, frame_ms)
    decoder.reset()
    wanted = decoded(packets, decoder)
    frame = decoder.format.samples(frame_ms)
    silence, concealed, recovered = (
        snr_db(wanted, received(packets, decoder, fill, frame))
        for fill in ("silence", "conceal", "recover")
    )
    assert recovered > concealed + 3
    assert concealed > silence


def at_a_hole(samples: int, at: int = 0) -> tuple[OpusDecoder, bytes, Int16Samples]:
    """A decoder right before so long a hole, the packet after it, and what belongs into it.

    Of the places where all packets around it hold a copy, the one of this number.
    """
    decoder, packets = lossy(1, 20)
    decoder.reset()
    frames = -(-samples // 320)
    first = [
        index
        for index in range(10, len(packets) - frames)
        if all(parse_packet(packet).has_fec for packet in packets[index : index + frames + 1])
    ][at]
    whole = OpusDecoder(decoder.format)
    for each in (decoder, whole):
        decoded(packets[:first], each)
    missing = decoded(packets[first : first + frames], whole)[-samples:]
    return decoder, packets[first + frames], missing


@pytest.mark.parametrize("samples", [1, 39, 160, 319, 320, 321, 479, 480, 800, 1_000, 1_120])
def test_the_end_of_a_hole_is_recovered_and_what_lies_before_it_concealed(samples: int) -> None:
    """The copy is as long as a frame, here 320 samples, and a step of concealment 160."""
    decoder, after, _ = at_a_hole(1_120)
    filled = decoder.recover(after, samples)
    assert filled.shape == (samples, 1)
    decoder, _, _ = at_a_hole(1_120)
    np.testing.assert_array_equal(filled[:-320], decoder.conceal(max(0, samples - 320)))
    # It is always the end of what a hole of whole steps gets.
    decoder, _, _ = at_a_hole(1_120)
    whole = decoder.recover(after, max(320, -(-samples // 160) * 160))
    np.testing.assert_array_equal(filled[-320:], whole[-320:][-samples:])
    # And what comes then goes on from it.
    goes_on = decoder.conceal(320)
    decoder, _, _ = at_a_hole(1_120)
    decoder.recover(after, samples)
    np.testing.assert_array_equal(decoder.conceal(320), goes_on)


def test_a_hole_of_nothing_changes_nothing() -> None:
    decoder, after, _ = at_a_hole(320)
    assert decoder.recover(after, 0).shape == decoder.conceal(0).shape == (0, 1)
    concealed = decoder.conceal(320)
    decoder, _, _ = at_a_hole(320)
    np.testing.assert_array_equal(decoder.conceal(320), concealed)


@pytest.mark.parametrize("samples", [320, 480, 640, 1_280])
def test_a_hole_is_filled_as_libopus_itself_would_fill_it(samples: int) -> None:
    decoder, after, _ = at_a_hole(1_280)
    filled = decoder.recover(after, samples)
    decoder, _, _ = at_a_hole(1_280)
    room = np.empty((samples, 1), np.int16)
    pcm = libopus.load().ffi.from_buffer("int16_t[]", room, require_writable=True)
    assert decoder._decode(decoder._state, after, len(after), pcm, samples, 1) == samples
    np.testing.assert_array_equal(filled, room)


@pytest.mark.parametrize("samples", [160, 320, 640])
def test_the_recovered_end_is_nearer_to_what_was_said(samples: int) -> None:
    """Over many places; a single one may be unlucky."""
    ends = {"recover": [], "conceal": [], "missing": []}  # type: dict[str, list[Int16Samples]]
    for at in range(0, 60, 3):
        for how in ("recover", "conceal"):
            decoder, after, missing = at_a_hole(samples, at)
            filled = (
                decoder.recover(after, samples) if how == "recover" else decoder.conceal(samples)
            )
            ends[how].append(filled[-320:])
        ends["missing"].append(missing[-320:])
    wanted = np.concatenate(ends["missing"])
    recovered, concealed = (snr_db(wanted, np.concatenate(ends[h])) for h in ("recover", "conceal"))
    assert recovered > concealed + 2


@pytest.mark.parametrize("samples", [0, 100, 320, 960])
def test_without_a_copy_recovering_is_concealing(samples: int) -> None:
    packets = encoded(speech(600, SPEECH), OpusEncoder(SPEECH, bitrate=24_000))
    one, other = OpusDecoder(SPEECH), OpusDecoder(SPEECH)
    decoded(packets[:20], one)
    decoded(packets[:20], other)
    np.testing.assert_array_equal(one.recover(packets[22], samples), other.conceal(samples))
    np.testing.assert_array_equal(one.decode(packets[22]), other.decode(packets[22]))


def test_a_copy_at_the_start_of_a_stream_is_played() -> None:
    """The first packet got lost; the second knows of it."""
    _, packets = lossy(1, 20)
    index = next(i for i in range(30, 200) if parse_packet(packets[i]).has_fec)
    decoder = OpusDecoder(SPEECH)
    assert decoder.recoverable(packets[index]) == 320
    assert level_db(decoder.recover(packets[index], 320)) > -50


@pytest.mark.parametrize(
    ("frame_ms", "rate"), [(10, 8_000), (20, 48_000), (40, 16_000), (60, 24_000)]
)
def test_it_can_be_asked_how_much_a_packet_restores(frame_ms: float, rate: int) -> None:
    """Whoever waits for one more packet wants to know whether that is worth it."""
    decoder = OpusDecoder(AudioFormat(rate))
    said = {decoder.recoverable(packet) for packet in lossy(1, frame_ms)[1]}
    assert said == {0, rate * frame_ms // 1000}
    for nothing in (b"", b"\xff", bytes(1_277), bytes(70_000), "speech"):
        assert decoder.recoverable(nothing) == 0  # type: ignore[arg-type]


def test_after_music_a_copy_is_of_no_use() -> None:
    """libopus has no state of the other mode to decode it with, and conceals."""
    _, after, _ = at_a_hole(320)
    one, other = prepared(SPEECH, "low_delay"), prepared(SPEECH, "low_delay")
    assert parse_packet(after).has_fec
    assert one.recoverable(after) == 0
    np.testing.assert_array_equal(one.recover(after, 320), other.conceal(320))
    one.decode(after)
    assert one.recoverable(after) == 320
    other.reset()
    assert other.recoverable(after) == 320


def test_a_copy_that_cannot_be_decoded_is_concealed() -> None:
    """Not known to happen to a packet whose structure is sound."""
    decoder, after, _ = at_a_hole(640)
    decode = decoder._decode

    def broken(state: Any, data: Any, size: int, pcm: Any, room: int, fec: int) -> int:
        return -3 if fec else int(decode(state, data, size, pcm, room, fec))

    decoder._decode = broken
    try:
        filled = decoder.recover(after, 640)
    finally:
        decoder._decode = decode
    assert len(filled) == 640
    assert filled[320:].any()


@pytest.mark.parametrize("samples", [-1, -960])
def test_a_hole_of_less_than_nothing_is_refused(samples: int) -> None:
    packet = good_packets()[0]
    with pytest.raises(PayloadError, match="0 samples or more"):
        OpusDecoder().conceal(samples)
    with pytest.raises(PayloadError, match="0 samples or more"):
        OpusDecoder().recover(packet, samples)


def prepared(format: AudioFormat, application: Any = "voip", bitrate: int = 24_000) -> OpusDecoder:
    """A decoder in the middle of a vowel."""
    decoder = OpusDecoder(format)
    encoder = OpusEncoder(format, application=application, bitrate=bitrate, signal="voice")
    decoded(encoded(speech(500, format), encoder), decoder)
    return decoder


@given(
    st.sampled_from(FORMATS),
    st.sampled_from(["voip", "low_delay"]),
    st.lists(st.integers(0, 3_000), max_size=4),
)
@example(WEBRTC, "voip", [1, 119, 121, 5_760, 5_761, 20_000])
@example(AudioFormat(8_000), "low_delay", [1, 19, 20, 21])
def test_concealment_of_any_length_is_exactly_so_long(
    format: AudioFormat, application: str, holes: list[int]
) -> None:
    """libopus works in steps of 2.5 ms; a late clock does not."""
    decoder = warm(format, application)
    for samples in holes:
        filled = decoder.conceal(samples)
        assert filled.shape == (samples, format.num_channels)
        assert filled.dtype == np.int16


@cache
def warm(format: AudioFormat, application: str) -> OpusDecoder:
    return prepared(format, application)


@pytest.mark.parametrize(("application", "step"), [("voip", 160), ("low_delay", 40)])
def test_a_step_that_is_concealed_bit_by_bit_is_the_same_audio(application: str, step: int) -> None:
    """So that no part of it is thrown away, and no seam is heard."""
    whole = prepared(SPEECH, application).conceal(step)
    decoder = prepared(SPEECH, application)
    pieces = [decoder.conceal(size) for size in (1, 0, step // 2, step // 2 - 2, 1)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert whole.any()


@pytest.mark.parametrize(("application", "step"), [("voip", 160), ("low_delay", 40)])
def test_a_hole_of_whole_steps_is_concealed_as_libopus_does(application: str, step: int) -> None:
    """With nothing made beyond its end, so that the packet after it finds the state as it should."""
    ours, theirs = prepared(SPEECH, application), prepared(SPEECH, application)
    for samples in (step, 320 + step, 1_920):
        filled = ours.conceal(samples)
        null = libopus.load().ffi.NULL
        assert theirs._decode(theirs._state, null, 0, theirs._pcm, samples, 0) == samples
        np.testing.assert_array_equal(filled, theirs._scratch[:samples])
        packet = good_packets()[10]
        np.testing.assert_array_equal(ours.decode(packet), theirs.decode(packet))


def test_what_was_concealed_beyond_a_hole_does_not_begin_another() -> None:
    packets = encoded(speech(600, SPEECH), OpusEncoder(SPEECH, bitrate=24_000))
    decoder, other = OpusDecoder(SPEECH), OpusDecoder(SPEECH)
    for each, samples in ((decoder, 1), (other, 160)):
        decoded(packets[:20], each)
        each.conceal(samples)
        each.decode(packets[20])
    np.testing.assert_array_equal(decoder.conceal(320), other.conceal(320))


@pytest.mark.parametrize("application", ["voip", "low_delay"])
def test_concealment_goes_on_from_the_sound_and_fades(application: str) -> None:
    before = level_db(speech(500)[-960:])
    filled = prepared(WEBRTC, application, 32_000).conceal(48_000)
    assert abs(level_db(filled[:480]) - before) < 6
    assert level_db(filled[24_000:]) < before - 30


def test_before_the_first_packet_concealment_is_silence() -> None:
    assert not OpusDecoder().conceal(4_000).any()


# Threads


def test_codecs_in_many_threads_give_what_they_give_in_one() -> None:
    """libopus runs without the interpreter's lock, and nothing may be shared."""

    def round_trip(seed: int) -> tuple[list[bytes], bytes]:
        packets = encoded(speech(400, SPEECH, seed), OpusEncoder(SPEECH, bitrate=24_000))
        return packets, decoded(packets, OpusDecoder(SPEECH)).tobytes()

    serial = [round_trip(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(round_trip, range(8))) == serial


def one_at_a_time(call: Callable[..., int]) -> Callable[..., int]:
    """The function, which must not be entered while another thread is within it."""
    inside = threading.Lock()

    def guarded(*arguments: Any) -> int:
        assert inside.acquire(blocking=False), "two threads in the same state"
        try:
            return call(*arguments)
        finally:
            inside.release()

    return guarded


def test_a_codec_used_by_two_threads_at_once_breaks_nothing() -> None:
    """One call goes after the other, so each packet and each result is whole."""
    encoder = OpusEncoder(fec=True, expected_loss_percent=20, bitrate=24_000, vbr=False)
    decoder = OpusDecoder()
    encoder._encode_int16 = one_at_a_time(encoder._encode_int16)
    decoder._decode = one_at_a_time(decoder._decode)
    frames = cut(speech(1_000), 960)

    def use(start: int) -> int:
        for index in range(60):
            encoder.bitrate = 24_000
            packet = encoder.encode(frames[(start + index) % len(frames)])
            assert len(packet) == 60
            assert parse_packet(packet).samples() == 960
            assert len(decoder.recover(packet, 1_000)) == 1_000
            assert len(decoder.decode(packet)) == 960
            assert len(decoder.conceal(100)) == 100
        return 60

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(use, range(4))) == 240


# Memory


def test_the_memory_of_a_codec_goes_with_it() -> None:
    """An encoder takes some 30 KB outside of what Python counts."""
    destroyed: list[object] = []
    opus = libopus.load()

    def count(state: object) -> None:
        destroyed.append(state)
        opus.lib.opus_encoder_destroy(state)

    state = opus._owned(opus.lib.opus_encoder_create(48_000, 1, 2048, opus.ffi.NULL), count)
    encoder = OpusEncoder()
    encoder._state = state
    del state
    encoder.encode(np.zeros(960, np.int16))
    del encoder
    gc.collect()
    assert len(destroyed) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads its memory from /proc")
def test_a_thousand_calls_leave_no_memory_behind() -> None:
    def resident_kb() -> int:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * 4

    def call() -> None:
        OpusDecoder(SPEECH).decode(OpusEncoder(SPEECH, complexity=0).encode(frame))

    frame = speech(20, SPEECH)
    for _ in range(50):
        call()
    before = resident_kb()
    for _ in range(1_000):
        call()
    # They would be 50 MB.
    assert resident_kb() - before < 10_000


def test_codecs_that_live_until_the_end_do_not_break_it() -> None:
    """At exit Python clears modules in any order; the library must be there for their states."""
    code = (
        "from rawmedia.codecs import opus; import builtins\n"
        "one, builtins.other = opus.OpusEncoder(), opus.OpusDecoder()\n"
        "loop = [opus.OpusDecoder()]; loop.append(loop)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# Other people's Opus


def test_pyav_decodes_what_is_encoded_here() -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed")
    encoder = OpusEncoder(STEREO, application="audio", bitrate=96_000)
    audio = speech(600, STEREO)
    context = av.CodecContext.create("libopus", "r")
    context.format, context.layout, context.sample_rate = "s16", "stereo", 48_000
    frames = [
        frame.to_ndarray().reshape(-1, 2)
        for packet in encoded(audio, encoder)
        for frame in context.decode(av.Packet(packet))
    ]
    assert snr_db(audio, np.concatenate(frames)[encoder.lookahead_samples :]) > 18


@pytest.mark.parametrize("frame_ms", [2.5, 20, 60, 120])
def test_what_pyav_encodes_is_decoded_here(frame_ms: float) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed")
    context: Any = av.CodecContext.create("libopus", "w")
    context.bit_rate, context.format, context.layout = 96_000, "s16", "stereo"
    context.sample_rate = 48_000
    context.options = {"application": "audio", "frame_duration": f"{frame_ms:g}"}
    audio, size = speech(600, STEREO), STEREO.samples(frame_ms)
    packets = []
    for index, piece in enumerate(cut(audio, size)):
        frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, index * size
        packets += [bytes(packet) for packet in context.encode(frame)]
    assert packet_samples(packets[0]) == size
    heard = decoded(packets, OpusDecoder(STEREO))
    # For frames below 10 ms it chooses the application of low delay.
    assert snr_db(audio, heard[STEREO.samples(2.5 if frame_ms < 10 else 6.5) :]) > 18


@pytest.mark.parametrize(
    "settings",
    [{"fec": True, "expected_loss_percent": 20}, {"application": "audio"}, {"bitrate": 12_000}],
    ids=str,
)
def test_a_reset_encoder_is_like_a_new_one(settings: dict[str, Any]) -> None:
    """libopus's own reset leaves some of its decisions as they were."""
    stream = AudioFormat(16_000)
    voice = speech_like(2_000, seed=5, format=stream).samples
    frames = [voice[at : at + 320] for at in range(0, len(voice), 320)]
    encoder = OpusEncoder(stream, **settings)
    first = [encoder.encode(frame) for frame in frames]
    encoder.reset()
    assert [encoder.encode(frame) for frame in frames] == first
