"""Pages and header packets as bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ogg_kit import Page, lacing_of, table_crc

from rawmedia.codecs.ogg_page import (
    MAX_PAGE_BYTES,
    OggPage,
    OpusHead,
    OpusTags,
    build_page,
    checksum_holds,
    head_bytes,
    page_checksum,
    page_head,
)
from rawmedia.errors import ConfigurationError, ContainerError, PayloadError


@given(st.binary(min_size=26, max_size=400))
def test_the_mirrored_crc_of_zlib_is_the_crc_of_ogg(data: bytes) -> None:
    """Bits turned round on both sides make one out of the other, for any bytes."""
    assert page_checksum(data) == table_crc(data[:22] + bytes(4) + data[26:])


def test_the_checksum_does_not_depend_on_the_one_that_is_held() -> None:
    page = build_page([b"abc"], serial=1, sequence=2, granule=3)
    assert checksum_holds(page)
    assert page_checksum(page[:22] + b"\xff\xff\xff\xff" + page[26:]) == page_checksum(page)


@given(st.data())
def test_one_wrong_bit_anywhere_breaks_the_checksum(data: st.DataObject) -> None:
    page = bytearray(build_page([b"some packet"], serial=1, sequence=2, granule=3))
    bit = data.draw(st.integers(0, len(page) * 8 - 1))
    page[bit // 8] ^= 1 << bit % 8
    assert not checksum_holds(bytes(page))


@given(
    st.lists(st.binary(max_size=800), max_size=12),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(-1, 2**63 - 1),
    st.integers(0, 7),
)
def test_a_page_reads_as_it_was_built(
    packets: list[bytes], serial: int, sequence: int, granule: int, flags: int
) -> None:
    """And it is the page that the words of RFC 3533 make, byte for byte."""
    built = build_page(packets, serial=serial, sequence=sequence, granule=granule, flags=flags)
    lacing = b"".join(map(lacing_of, packets))
    by_hand = Page(lacing, b"".join(packets), sequence, granule, flags, serial)
    assert built == by_hand.to_bytes()

    shifted = b"xyz" + built
    page = page_head(shifted, 3)
    assert page == OggPage(flags, granule, serial, sequence, lacing)
    assert page.packets == len(packets)
    assert page.pieces() == [len(one) for one in packets]
    assert head_bytes(shifted, 3) + page.body_bytes == len(built)


def test_a_packet_that_goes_on_in_the_next_page_is_a_piece_but_none_that_ends() -> None:
    page = OggPage(0, -1, 1, 2, bytes((10, 255, 255)))
    assert page.pieces() == [10, 510]
    assert page.packets == 1
    ended = OggPage(0, 0, 1, 2, bytes((10, 255, 255, 0)))
    assert ended.pieces() == [10, 510]
    assert ended.packets == 2
    assert OggPage(0, 0, 1, 2, b"").pieces() == []


def test_the_largest_page_is_as_large_as_is_said_and_no_larger_one_is_built() -> None:
    largest = build_page([bytes(255 * 255 - 1)], serial=0, sequence=0, granule=0)
    assert len(largest) == MAX_PAGE_BYTES - 1, "its last lacing value says that the packet ends"
    with pytest.raises(PayloadError, match="255 lacing values"):
        build_page([bytes(255 * 255)], serial=0, sequence=0, granule=0)


@pytest.mark.parametrize(
    ("place", "byte"), [(0, b"o"), (3, b"T"), (4, b"\1"), (5, b"\x08"), (5, b"\xff")]
)
def test_what_is_no_page_of_today_has_no_head(place: int, byte: bytes) -> None:
    page = bytearray(build_page([b"abc"], serial=1, sequence=2, granule=3))
    page[place : place + 1] = byte
    assert page_head(bytes(page)) is None


def test_a_head_is_as_long_as_its_lacing_table_and_must_be_there_to_tell() -> None:
    page = build_page([b"a", b"b"], serial=1, sequence=2, granule=3)
    assert [head_bytes(page[:size]) for size in (0, 26, 28, 29, 31)] == [0, 0, 0, 29, 29]


@given(
    st.integers(1, 2),
    st.integers(0, 65_535),
    st.integers(0, 2**32 - 1),
    st.integers(-(2**15), 2**15 - 1),
)
def test_a_head_packet_reads_as_it_was_written(
    channels: int, pre_skip: int, rate: int, gain: int
) -> None:
    head = OpusHead(channels, pre_skip, rate, gain)
    packet = head.to_bytes()
    assert OpusHead.from_bytes(packet) == head
    assert OpusHead.from_bytes(packet + b"of a minor version to come") == head
    assert head.gain_db == gain / 256


def test_a_head_packet_has_its_fields_where_the_rfc_puts_them() -> None:
    packet = OpusHead(2, 0x0138, 16_000, -256).to_bytes()
    assert packet == b"OpusHead\x01\x02\x38\x01\x80\x3e\x00\x00\x00\xff\x00"


@pytest.mark.parametrize(
    ("packet", "problem"),
    [
        (b"", "19 bytes"),
        (b"OpusHead\x01\x01", "19 bytes"),
        (b"OpusTags" + bytes(20), "OpusTags"),
        (struct.pack("<8sBBHIhB", b"OpusHead", 16, 1, 0, 0, 0, 0), "version 16"),
        (struct.pack("<8sBBHIhB", b"OpusHead", 1, 0, 0, 0, 0, 0), "0 channels"),
        (struct.pack("<8sBBHIhB", b"OpusHead", 1, 3, 0, 0, 0, 0), "3 channels of family 0"),
        (struct.pack("<8sBBHIhB", b"OpusHead", 1, 6, 0, 0, 0, 1), "6 channels of family 1"),
        (struct.pack("<8sBBHIhB", b"OpusHead", 1, 2, 0, 0, 0, 255), "2 channels of family 255"),
    ],
)
def test_a_head_that_cannot_be_decoded_by_is_refused(packet: bytes, problem: str) -> None:
    with pytest.raises(ContainerError, match=problem):
        OpusHead.from_bytes(packet)


def test_any_minor_version_is_read() -> None:
    """RFC 7845: all below 16 are compatible, and there was a 0 before there was a 1."""
    for version in (0, 1, 15):
        packet = struct.pack("<8sBBHIhB", b"OpusHead", version, 1, 312, 8_000, 0, 0)
        assert OpusHead.from_bytes(packet) == OpusHead(1, 312, 8_000, 0)


@pytest.mark.parametrize(
    "head",
    [
        *(OpusHead(0), OpusHead(3), OpusHead(pre_skip=-1), OpusHead(pre_skip=65_536)),
        *(OpusHead(input_rate=2**32), OpusHead(output_gain=40_000)),
    ],
)
def test_a_head_with_a_number_out_of_range_is_not_written(head: OpusHead) -> None:
    with pytest.raises(ConfigurationError):
        head.to_bytes()


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=5).map(tuple))
def test_comments_read_as_they_were_written(vendor: str, comments: tuple[str, ...]) -> None:
    tags = OpusTags(vendor, comments)
    packet = tags.to_bytes()
    assert OpusTags.from_bytes(packet) == tags
    assert OpusTags.from_bytes(packet + b"padding") == tags


@given(st.integers(8, 45))
def test_comments_that_are_cut_short_give_what_is_there_and_say_so(size: int) -> None:
    tags = OpusTags("me", ("TITLE=one", "ARTIST=another"))
    packet = tags.to_bytes()
    cut = OpusTags.from_bytes(packet[: min(size, len(packet) - 1)])
    assert not cut.complete
    assert tags.vendor.startswith(cut.vendor)
    assert tags.comments[: len(cut.comments)] == cut.comments


@given(st.binary(max_size=60))
def test_any_bytes_behind_the_magic_are_comments_that_claim_no_memory(rest: bytes) -> None:
    """A length or a count of 4294967295 is a claim, and nothing is allocated for it."""
    for claim in (rest, b"\xff\xff\xff\xff" + rest, bytes(4) + b"\xff\xff\xff\xff" + rest):
        tags = OpusTags.from_bytes(b"OpusTags" + claim)
        assert len("".join(tags.comments)) + len(tags.vendor) <= len(rest) + 8


def test_comments_that_are_not_utf_8_are_read_with_replacements() -> None:
    packet = OpusTags("me", ("TITLE=x",)).to_bytes().replace(b"x", b"\xff")
    assert OpusTags.from_bytes(packet).comments == ("TITLE=\N{REPLACEMENT CHARACTER}",)


def test_what_does_not_begin_like_comments_is_none() -> None:
    with pytest.raises(ContainerError, match="OpusTags"):
        OpusTags.from_bytes(b"OpusTagz" + bytes(8))
