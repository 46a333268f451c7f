"""What an Opus packet says of itself, against what libopus reads in it."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opus_kit import encoded, joined, size_field, speech

from rawmedia.audio.format import AudioFormat
from rawmedia.codecs import libopus
from rawmedia.codecs.opus import OPUS_RATES, OpusEncoder
from rawmedia.codecs.opus_packet import (
    MAX_FRAME_BYTES,
    MAX_PACKET_MS,
    Bandwidth,
    Mode,
    OpusPacket,
    packet_samples,
    parse_packet,
)
from rawmedia.errors import ConfigurationError, PayloadError

NARROWBAND = 1101  # OPUS_BANDWIDTH_NARROWBAND of opus_defines.h; the wider ones follow
INVALID_PACKET = -4


class Reference:
    """The functions of libopus that look into a packet."""

    def __init__(self) -> None:
        import cffi

        self.ffi: Any = cffi.FFI()
        self.ffi.cdef("""
            int opus_packet_get_bandwidth(const char *);
            int opus_packet_get_samples_per_frame(const char *, int32_t rate);
            int opus_packet_get_nb_channels(const char *);
            int opus_packet_get_nb_frames(const char *, int32_t size);
            int opus_packet_get_nb_samples(const char *, int32_t size, int32_t rate);
            int opus_packet_has_lbrr(const char *, int32_t size);
            int opus_packet_parse(const char *, int32_t size, unsigned char *toc,
                                  const char *frames[48], int16_t sizes[48], int *start);
        """)
        self.lib: Any = self.ffi.dlopen(libopus.load().path)

    def sizes(self, payload: bytes) -> tuple[int, ...] | None:
        """The sizes of its frames; None if libopus does not take it for a packet."""
        toc, start = self.ffi.new("unsigned char *"), self.ffi.new("int *")
        frames, sizes = self.ffi.new("const char *[48]"), self.ffi.new("int16_t[48]")
        count = self.lib.opus_packet_parse(payload, len(payload), toc, frames, sizes, start)
        if count < 0:
            assert count == INVALID_PACKET
            return None
        return tuple(sizes[0:count])

    def has_fec(self, payload: bytes) -> bool | None:
        """None where this libopus cannot say (before 1.5)."""
        if not hasattr(self.lib, "opus_packet_has_lbrr"):
            return None
        return bool(self.lib.opus_packet_has_lbrr(payload, len(payload)))


@cache
def reference() -> Reference:
    return Reference()


def parsed(payload: bytes) -> OpusPacket | None:
    try:
        return parse_packet(payload)
    except PayloadError:
        return None


def agrees_with_libopus(payload: bytes) -> bool:
    """Whether both read it alike; says by its value whether it is a packet."""
    packet, sizes = parsed(payload), reference().sizes(payload)
    assert (packet and packet.frame_sizes) == sizes, payload.hex()
    if packet is None:
        return False
    assert packet.has_fec == reference().has_fec(payload) or reference().has_fec(payload) is None
    assert 0 < packet.duration_ms <= MAX_PACKET_MS
    assert max(packet.frame_sizes) <= MAX_FRAME_BYTES
    assert sum(packet.frame_sizes) + packet.padding < len(payload)
    assert packet_samples(payload) == packet.samples() == round(packet.duration_ms * 48)
    return True


@pytest.mark.parametrize("toc", range(256))
def test_every_first_byte_says_what_libopus_reads_in_it(toc: int) -> None:
    lib = reference().lib
    # Two frames of one byte if any number is possible.
    payload = bytes([toc, 0]) if toc & 3 == 0 else bytes([toc, 2 if toc & 3 == 3 else 1, 0, 0])
    payload = payload[:3] if toc & 3 == 1 else payload

    packet = parse_packet(payload)

    assert get_args(Bandwidth).index(packet.bandwidth) == (
        lib.opus_packet_get_bandwidth(payload) - NARROWBAND
    )
    assert packet.num_channels == lib.opus_packet_get_nb_channels(payload)
    assert packet.num_frames == lib.opus_packet_get_nb_frames(payload, len(payload))
    for rate in OPUS_RATES:
        frame = lib.opus_packet_get_samples_per_frame(payload, rate)
        total = lib.opus_packet_get_nb_samples(payload, len(payload), rate)
        assert packet.frame_samples(rate) == frame == AudioFormat(rate).samples(packet.frame_ms)
        assert packet.samples(rate) == packet_samples(payload, rate) == total
    # RFC 6716, table 2: the modes have 12, 4 and 16 of the 32 numbers.
    assert packet.mode == ("silk" if toc >> 3 < 12 else "hybrid" if toc >> 3 < 16 else "celt")


@pytest.mark.untraced
def test_every_beginning_of_three_bytes_is_judged_as_libopus_does() -> None:
    """All framings, all numbers of frames, with and without padding, at lengths around the edges."""
    sound = 0
    for framing, second, third in product((0, 1, 2, 3), range(256), (0, 1, 252, 255)):
        for configuration, size in product((0, 3, 13, 16), (1, 2, 3, 9, 300)):
            payload = bytes([configuration << 3 | framing, second, third, 1, 0]) + bytes(300)
            sound += agrees_with_libopus(payload[:size])
    assert sound > 5_000


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """What is almost an Opus packet: its fields may contradict each other."""
    toc, body = draw(st.integers(0, 255)), draw(st.binary(max_size=60))
    if toc & 3 < 2:
        return bytes([toc]) + body
    if toc & 3 == 2:
        return bytes([toc]) + size_field(draw(st.integers(0, 1_275))) + body * 20
    count = draw(st.integers(0, 8) | st.integers(0, 63))
    vbr, padded = draw(st.booleans()), draw(st.booleans())
    head = bytes([toc, vbr << 7 | padded << 6 | count])
    if padded:
        head += b"\xff" * draw(st.integers(0, 2)) + bytes([draw(st.integers(0, 255))])
    if vbr:
        sizes = st.lists(st.integers(0, 30) | st.integers(0, 1_275), max_size=count)
        head += b"".join(map(size_field, draw(sizes)))
    return head + body * draw(st.integers(0, 10))


@given(packets() | st.binary(max_size=80))
@example(b"")
@example(b"\x03")
@example(bytes([3, 0x41, 255]))
@example(bytes([3, 0x41, 255, 255, 0]) + bytes(509))
@example(bytes([0]) + bytes(1_275))
@example(bytes([0]) + bytes(1_276))
@example(bytes([1]) + bytes(2_550))
@example(bytes([1]) + bytes(2_552))
def test_any_bytes_are_a_packet_or_a_payload_error_just_as_for_libopus(payload: bytes) -> None:
    agrees_with_libopus(payload)


@pytest.mark.parametrize(
    ("rule", "payload"),
    [
        (1, b""),
        (2, bytes(1_277)),
        (3, bytes([1, 0, 0, 0])),
        (4, bytes([2])),
        (4, bytes([2, 252])),
        (4, bytes([2, 3, 0, 0])),
        (5, bytes([3, 0])),
        (5, bytes([3, 13])),
        (5, bytes([3 << 3 | 3, 3])),
        (6, bytes([3])),
        (6, bytes([3, 0x41])),
        (6, bytes([3, 0x41, 255, 255])),
        (6, bytes([3, 0x41, 2, 0])),
        (6, bytes([3, 2, 0])),
        (7, bytes([3, 0x82])),
        (7, bytes([3, 0x83, 1, 252])),
        (7, bytes([3, 0x82, 3, 0, 0])),
        (7, bytes([3, 0xC1, 9, 0])),
    ],
)
def test_a_broken_packet_is_refused_by_the_rule_that_it_breaks(rule: int, payload: bytes) -> None:
    """The text names the rule of RFC 6716, section 3.4, so that a sender's author can look it up."""
    with pytest.raises(PayloadError, match=rf"section 3\.4, R{rule}\)"):
        parse_packet(payload)


def test_a_packet_may_hold_nothing_but_its_first_byte() -> None:
    """So does an encoder say that a frame was left out."""
    packet = parse_packet(b"\x08")
    assert (packet.frame_sizes, packet.has_fec, packet.duration_ms) == ((0,), False, 20)


def test_padding_is_told_apart_from_frames() -> None:
    """A length byte of 255 is 254 bytes and one more length byte."""
    packet = parse_packet(bytes([3, 0x42, 255, 6]) + b"ab" + b"cd" + bytes(260))
    assert packet.frame_sizes == (2, 2)
    assert packet.padding == 260


def test_frames_of_several_packets_in_one_keep_their_sizes() -> None:
    """Both ways to write a size, below 252 and from there on."""
    encoder = OpusEncoder(AudioFormat(48_000, 2), application="audio", bitrate=200_000, vbr=True)
    packets = encoded(speech(120, encoder.format), encoder)
    sizes = tuple(len(packet) - 1 for packet in packets)
    assert min(sizes) < 252 < max(sizes)

    packet = parse_packet(joined(packets))

    assert packet.frame_sizes == sizes
    assert (packet.duration_ms, packet.mode, packet.num_channels) == (120, "celt", 2)
    assert packet_samples(joined(packets)) == 120 * 48


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frame_ms", [10, 20, 40, 60])
def test_only_packets_of_an_encoder_with_fec_hold_a_copy(channels: int, frame_ms: int) -> None:
    """The flags stand at another place for each duration and number of channels."""
    voice = AudioFormat(16_000, channels)
    has_fec = {}
    for fec in (True, False):
        encoder = OpusEncoder(
            voice, bitrate=24_000 * channels, fec=fec, expected_loss_percent=20, signal="voice"
        )
        payloads = encoded(speech(1_200, voice), encoder, frame_ms)
        has_fec[fec] = [parse_packet(payload).has_fec for payload in payloads]
        theirs = [reference().has_fec(payload) for payload in payloads]
        assert theirs in (has_fec[fec], [None] * len(theirs))
    assert sum(has_fec[True]) > len(has_fec[True]) / 2
    assert not any(has_fec[False])


@pytest.mark.parametrize("make", [bytearray, memoryview])
def test_any_buffer_will_do(make: Any) -> None:
    payload = bytes([3, 0x42, 0]) + b"abcd"
    assert parse_packet(make(payload)) == parse_packet(payload)
    assert packet_samples(make(payload)) == packet_samples(payload)


def test_a_view_of_words_is_read_as_bytes() -> None:
    words = memoryview(bytes([9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])).cast("I")
    with pytest.raises(PayloadError, match="R3"):
        parse_packet(words)
    assert packet_samples(words) == 2 * 960


@pytest.mark.parametrize("payload", [b"", b"\x03", b"\x03\x00", b"\x03\x3f"])
def test_what_says_no_duration_has_none(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        packet_samples(payload)


@pytest.mark.parametrize("rate", [0, -48_000, 44_100, 100])
def test_a_rate_at_which_a_frame_is_no_whole_number_is_refused(rate: int) -> None:
    with pytest.raises(ConfigurationError, match="sample_rate"):
        packet_samples(b"\x08", rate)
    with pytest.raises(ConfigurationError, match="sample_rate"):
        parse_packet(b"\x08").samples(rate)
    with pytest.raises(ConfigurationError, match="sample_rate"):
        parse_packet(b"\x08").frame_samples(rate)


def test_the_names_are_those_of_the_rfc() -> None:
    assert get_args(Mode) == ("silk", "hybrid", "celt")
    assert [parse_packet(bytes([number << 3])).bandwidth for number in range(0, 32, 4)] == [
        "narrowband",
        "mediumband",
        "wideband",
        "superwideband",
        "narrowband",
        "wideband",
        "superwideband",
        "fullband",
    ]
