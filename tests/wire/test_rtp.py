"""RTP packets as values and as bytes, against aiortc's reading of the same RFCs."""

from __future__ import annotations

import copy
import pickle
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.errors import PacketError
from rawmedia.wire.rtp import (
    ONE_BYTE_PROFILE,
    TWO_BYTE_PROFILE,
    RtpExtension,
    RtpPacket,
    is_rtcp,
)

UINT16 = st.integers(0, 0xFFFF)
UINT32 = st.integers(0, 0xFFFF_FFFF)

extensions = st.builds(
    RtpExtension,
    profile=UINT16,
    data=st.binary(max_size=10).map(lambda words: words * 4),
)
packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence_number=UINT16,
    timestamp=UINT32,
    ssrc=UINT32,
    payload=st.binary(max_size=40),
    marker=st.booleans(),
    csrcs=st.lists(UINT32, max_size=15).map(tuple),
    extension=st.none() | extensions,
    padding=st.integers(0, 255),
)
elements = st.dictionaries(st.integers(1, 255), st.binary(max_size=255), max_size=6)
short_elements = st.dictionaries(
    st.integers(1, 14), st.binary(min_size=1, max_size=16), max_size=14
)

PLAIN = RtpPacket(0, 0x1234, 0x89ABCDEF, 0xDEADBEEF, b"audio", marker=True)
PLAIN_BYTES = bytes.fromhex("80 80 1234 89abcdef deadbeef") + b"audio"


def test_the_header_is_laid_out_as_in_rfc_3550() -> None:
    """Written out by hand from the figure in section 5.1, so that parse and build can't err alike."""
    assert PLAIN.build() == PLAIN_BYTES
    full = RtpPacket(
        111,
        1,
        2,
        3,
        b"xy",
        csrcs=(4, 5),
        extension=RtpExtension(0xBEDE, b"\x10\xff\0\0"),
        padding=3,
    )
    assert full.build() == (
        bytes([0b10_1_1_0010, 111])
        + pack("!HIIII", 1, 2, 3, 4, 5)
        + bytes.fromhex("bede 0001 10ff0000")
        + b"xy"
        + b"\0\0\3"
    )


@given(packets)
def test_a_packet_comes_back_from_its_bytes(packet: RtpPacket) -> None:
    again = RtpPacket.parse(packet.build())
    assert again == packet
    assert type(again.marker) is bool
    assert type(again) is RtpPacket


@given(packets, st.sampled_from([bytes, bytearray, memoryview]))
def test_a_packet_does_not_change_with_the_buffer_it_came_from(
    packet: RtpPacket, kind: Any
) -> None:
    """Transports reuse their buffers for the next datagram."""
    memory = bytearray(packet.build())
    read = RtpPacket.parse(kind(memory))
    memory[:] = bytes(len(memory))
    assert read == packet
    assert type(read.payload) is bytes


@given(st.binary(max_size=200))
def test_any_bytes_are_a_packet_or_a_packet_error(data: bytes) -> None:
    """And a packet that was read can be sent on: what it was made of fits."""
    try:
        packet = RtpPacket.parse(data)
    except PacketError:
        return
    assert len(packet.build()) == len(data)
    assert RtpPacket.parse(packet.build()) == packet


@given(packets, st.data())
def test_a_packet_cut_short_is_read_as_less_payload_or_refused(
    packet: RtpPacket, data: st.DataObject
) -> None:
    """A length is never believed beyond the end of the datagram."""
    whole = packet.build()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        short = RtpPacket.parse(cut)
    except PacketError:
        return
    header = len(whole) - len(packet.payload) - packet.padding
    assert len(cut) >= header
    assert (short.csrcs, short.extension) == (packet.csrcs, packet.extension)
    assert len(short.payload) + short.padding == len(cut) - header


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "12 bytes or more, got 0"),
        (PLAIN_BYTES[:11], "12 bytes or more, got 11"),
        (b"\x40" + PLAIN_BYTES[1:], "version 1"),
        (b"\xc0" + PLAIN_BYTES[1:], "version 3"),
        (b"\x81" + PLAIN_BYTES[1:12] + b"\0\0\0", "1 contributors"),
        (b"\x90" + PLAIN_BYTES[1:12] + b"\0\0\0", "before the extension, got 3"),
        (b"\x90" + PLAIN_BYTES[1:12] + b"\xbe\xde\xff\xff", "262140 bytes, got 0"),
        (b"\xa0" + PLAIN_BYTES[1:12], "1 to 0 bytes of padding"),
        (b"\xa0" + PLAIN_BYTES[1:12] + b"x\0", "says 0"),
        (b"\xa0" + PLAIN_BYTES[1:12] + b"x\3", "1 to 2 bytes of padding, got a count that says 3"),
    ],
)
def test_what_is_no_packet_is_refused_with_the_reason(data: bytes, problem: str) -> None:
    with pytest.raises(PacketError, match=problem):
        RtpPacket.parse(data)


def test_a_packet_may_be_all_padding_or_without_payload() -> None:
    """Some senders keep a port open with empty packets, and ciphers pad them."""
    assert RtpPacket.parse(PLAIN_BYTES[:12]).payload == b""
    padded = RtpPacket.parse(b"\xa0" + PLAIN_BYTES[1:12] + b"\0\0\0\4")
    assert (padded.payload, padded.padding) == (b"", 4)


def test_the_content_of_padding_does_not_matter() -> None:
    """RFC 3550 gives only the last byte a meaning."""
    noisy = RtpPacket.parse(b"\xa0" + PLAIN_BYTES[1:12] + b"pay" + b"\xaa\xbb\3")
    assert (noisy.payload, noisy.padding) == (b"pay", 3)


@pytest.mark.parametrize(
    "change",
    [
        {"payload_type": 128},
        {"payload_type": -1},
        {"sequence_number": 65_536},
        {"sequence_number": -1},
        {"timestamp": 2**32},
        {"timestamp": -1},
        {"ssrc": 2**32},
        {"ssrc": -1},
        {"padding": 256},
        {"padding": -1},
        {"csrcs": (1,) * 16},
        {"csrcs": (2**32,)},
        {"csrcs": (-1,)},
    ],
)
def test_a_value_that_does_not_fit_the_header_is_refused(change: dict[str, Any]) -> None:
    """When it is made, not when it is sent: the error then names the place of the mistake."""
    with pytest.raises(PacketError):
        PLAIN._replace(**change)
    fields = PLAIN._asdict() | change
    with pytest.raises(PacketError):
        RtpPacket(**fields)


def test_numbers_up_to_the_wrap_fit() -> None:
    top = RtpPacket(127, 65_535, 2**32 - 1, 2**32 - 1, csrcs=(2**32 - 1,) * 15, padding=255)
    assert RtpPacket.parse(top.build()) == top


def test_a_packet_cannot_be_changed_and_can_be_kept() -> None:
    """Packets wait in buffers, sit in sets, cross processes."""
    with pytest.raises(AttributeError):
        PLAIN.marker = False  # type: ignore[misc]
    with pytest.raises(AttributeError):
        PLAIN.other = 1  # type: ignore[attr-defined]
    assert len({PLAIN, PLAIN._replace(), PLAIN._replace(marker=False)}) == 2
    for twin in (pickle.loads(pickle.dumps(PLAIN)), copy.copy(PLAIN), copy.deepcopy(PLAIN)):
        assert twin == PLAIN
        assert type(twin) is RtpPacket
    extension = RtpExtension(1, b"abcd")
    assert pickle.loads(pickle.dumps(extension)) == extension


def test_a_packet_prints_what_a_log_needs_and_no_audio() -> None:
    assert repr(PLAIN) == (
        "<RtpPacket: number 4660, time 2309737967, type 0, 5 bytes of 0xdeadbeef, marked>"
    )
    assert "marked" not in repr(PLAIN._replace(marker=False))


@pytest.mark.parametrize(
    ("profile", "data"), [(65_536, b""), (-1, b""), (0, b"abc"), (0, bytes(4 * 65_536))]
)
def test_an_extension_that_does_not_fit_is_refused(profile: int, data: bytes) -> None:
    with pytest.raises(PacketError):
        RtpExtension(profile, data)
    with pytest.raises(PacketError):
        RtpExtension(0)._replace(profile=profile, data=data)


def test_the_longest_extension_fits() -> None:
    packet = RtpPacket(0, 0, 0, 0, b"p", extension=RtpExtension(7, bytes(4 * 65_535)))
    assert RtpPacket.parse(packet.build()) == packet


@given(elements)
def test_extension_elements_come_back(wanted: dict[int, bytes]) -> None:
    extension = RtpExtension.of_elements(wanted)
    assert extension.elements() == wanted
    assert (
        RtpPacket.parse(RtpPacket(0, 0, 0, 0, extension=extension).build()).extension == extension
    )


@given(short_elements)
def test_small_elements_take_the_short_form(wanted: dict[int, bytes]) -> None:
    """Peers need only understand the one-byte form (RFC 8285, section 4.1.2)."""
    extension = RtpExtension.of_elements(wanted)
    assert extension.profile == ONE_BYTE_PROFILE
    assert extension.elements() == wanted


@pytest.mark.parametrize("wanted", [{15: b"x"}, {1: b""}, {1: bytes(17)}])
def test_what_the_short_form_cannot_say_takes_the_long_one(wanted: dict[int, bytes]) -> None:
    extension = RtpExtension.of_elements(wanted)
    assert extension.profile == TWO_BYTE_PROFILE
    assert extension.elements() == wanted


@pytest.mark.parametrize("wanted", [{0: b"x"}, {256: b"x"}, {1: bytes(256)}])
def test_elements_out_of_range_are_refused(wanted: dict[int, bytes]) -> None:
    with pytest.raises(PacketError):
        RtpExtension.of_elements(wanted)


@pytest.mark.parametrize(
    ("profile", "data", "wanted"),
    [
        # Padding may be between elements (RFC 8285, figure in 4.2).
        (0xBEDE, "10aa 0000 21bbbb 00", {1: b"\xaa", 2: b"\xbb\xbb"}),
        # Number 15 ends the elements, and so does 0 with a length.
        (0xBEDE, "10aa f0 10bb 000000", {1: b"\xaa"}),
        (0xBEDE, "10aa 01 10bb 000000", {1: b"\xaa"}),
        (0xBEDE, "10aa 10bb", {1: b"\xbb"}),
        # The low four bits of the two-byte profile are the application's.
        (0x100F, "0100 00 0201cc 0000", {1: b"", 2: b"\xcc"}),
        (0x1010, "0101cc00", {}),
        (0x0000, "10aa0000", {}),
    ],
)
def test_elements_are_read_as_rfc_8285_says(
    profile: int, data: str, wanted: dict[int, bytes]
) -> None:
    assert RtpExtension(profile, bytes.fromhex(data)).elements() == wanted


@pytest.mark.parametrize(
    ("profile", "data"), [(0xBEDE, "0000001f"), (0x1000, "00000001"), (0x1000, "00000102")]
)
def test_an_element_beyond_the_end_is_refused(profile: int, data: str) -> None:
    """The packet was read all the same: only who wants the elements pays for their faults."""
    extension = RtpExtension(profile, bytes.fromhex(data))
    packet = RtpPacket.parse(RtpPacket(0, 0, 0, 0, b"audio", extension=extension).build())
    assert packet.payload == b"audio"
    assert packet.extension is not None
    with pytest.raises(PacketError, match="element"):
        packet.extension.elements()


@given(st.sampled_from([0xBEDE, 0x1000, 0x100A]), st.binary(max_size=20))
def test_any_extension_has_elements_or_a_packet_error(profile: int, words: bytes) -> None:
    extension = RtpExtension(profile, words * 4)
    try:
        found = extension.elements()
    except PacketError:
        return
    assert sum(map(len, found.values())) <= len(extension.data)


@pytest.mark.parametrize(
    ("data", "rtcp"),
    [
        (b"\x80\xc8", True),  # a sender report, 200
        (b"\x81\xc9\0\1", True),
        (b"\x80\xc0", True),
        (b"\x80\xdf", True),
        (b"\x80\xbf", False),
        (b"\x80\xe0", False),  # a marked packet of type 96
        (b"\x80\x48", False),
        (b"\x00\xc8", False),  # STUN and others are not of version 2
        (b"\xc0\xc8", False),
        (b"\x80", False),
        (b"", False),
    ],
)
def test_rtcp_is_told_by_its_second_byte(data: bytes, rtcp: bool) -> None:
    assert is_rtcp(data) is rtcp
    assert is_rtcp(bytearray(data)) is rtcp
    assert is_rtcp(memoryview(data)) is rtcp


@given(packets)
def test_no_packet_of_an_agreed_type_looks_like_rtcp(packet: RtpPacket) -> None:
    """Types 64 to 95 with a marker are what a session that shares a port must not agree on."""
    confusing = packet.marker and 64 <= packet.payload_type <= 95
    assert is_rtcp(packet.build()) is confusing


aiortc_rtp = pytest.importorskip("aiortc.rtp", reason="aiortc is not installed")


@given(packets)
def test_aiortc_reads_what_we_build(packet: RtpPacket) -> None:
    theirs = aiortc_rtp.RtpPacket.parse(packet.build())
    assert (
        theirs.payload_type,
        theirs.sequence_number,
        theirs.timestamp,
        theirs.ssrc,
        theirs.payload,
        bool(theirs.marker),
        tuple(theirs.csrc),
        theirs.padding_size,
    ) == (*packet[:7], packet.padding)


@given(packets)
def test_we_read_what_aiortc_builds(packet: RtpPacket) -> None:
    theirs = aiortc_rtp.RtpPacket(
        payload_type=packet.payload_type,
        marker=int(packet.marker),
        sequence_number=packet.sequence_number,
        timestamp=packet.timestamp,
        ssrc=packet.ssrc,
        payload=packet.payload,
    )
    theirs.csrc = list(packet.csrcs)
    theirs.padding_size = packet.padding
    assert RtpPacket.parse(theirs.serialize()) == packet._replace(extension=None)


@given(st.binary(max_size=80))
def test_aiortc_agrees_on_what_is_a_packet(data: bytes) -> None:
    data = b"\x80" + data if len(data) % 2 else data
    try:
        theirs = aiortc_rtp.RtpPacket.parse(data)
    except ValueError:
        with pytest.raises(PacketError):
            RtpPacket.parse(data)
        return
    ours = RtpPacket.parse(data)
    assert (ours.payload, ours.padding) == (theirs.payload, theirs.padding_size)


@given(elements)
def test_aiortc_agrees_on_extension_elements(wanted: dict[int, bytes]) -> None:
    ours = RtpExtension.of_elements(wanted)
    if wanted:  # for none at all it builds no extension
        assert aiortc_rtp.pack_header_extensions(list(wanted.items())) == ours
    assert dict(aiortc_rtp.unpack_header_extensions(ours.profile, ours.data)) == wanted
