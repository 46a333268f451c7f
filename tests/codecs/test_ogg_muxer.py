"""Packets into pages: when they leave, and what the pages say of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ogg_kit import FRAME, joined, only_packets, packet, packets, stream

from rawmedia.codecs.ogg import OggOpusDemuxer
from rawmedia.codecs.ogg_items import OggStreamStart
from rawmedia.codecs.ogg_muxer import OggOpusMuxer
from rawmedia.codecs.ogg_page import (
    FIRST_PAGE,
    LAST_PAGE,
    OggPage,
    OpusHead,
    OpusTags,
    checksum_holds,
    head_bytes,
    page_head,
)
from rawmedia.errors import ConfigurationError, PacketError


def pages_of(data: bytes) -> list[OggPage]:
    """The heads of whole pages that follow each other, all with right checksums."""
    found, at = [], 0
    while at < len(data):
        page = page_head(data, at)
        assert page is not None
        end = at + head_bytes(data, at) + page.body_bytes
        assert checksum_holds(data[at:end])
        found.append(page)
        at = end
    return found


@given(
    st.lists(st.integers(1, 3_000), max_size=40),
    st.integers(1, 255),
    st.integers(20, 1_000),
    st.integers(0, FRAME),
)
def test_what_is_muxed_is_demuxed(
    sizes: list[int], per_page: int, max_page_ms: int, trim: int
) -> None:
    """Every packet, in order, as long as it was; and no page is larger than was asked for."""
    data = [packet(size, seed) for seed, size in enumerate(sizes)]
    head = OpusHead(2, 312, 44_100, -300)
    tags = OpusTags("me", ("TITLE=it",))
    muxer = OggOpusMuxer(head, tags, packets_per_page=per_page, max_page_ms=max_page_ms)
    whole = muxer.begin() + b"".join(map(muxer.push, data))
    whole += muxer.end(packet(), trim_samples=trim)

    found = OggOpusDemuxer(check_crc=True).push(whole)

    assert found[0] == OggStreamStart(head, tags)
    assert [one.data for one in only_packets(found)] == [*data, packet()]
    heard = (len(data) + 1) * FRAME - 312 - trim
    assert sum(one.samples for one in only_packets(found)) == max(0, heard)
    pages = pages_of(whole)
    assert [page.sequence for page in pages] == list(range(len(pages)))
    assert {page.serial for page in pages} == {pages[0].serial}
    assert [page.flags for page in pages] == [FIRST_PAGE, *[0] * (len(pages) - 2), LAST_PAGE]
    assert all(page.packets <= min(per_page, max_page_ms // 20) for page in pages[2:])
    granule = 0
    for page in pages[2:]:
        granule += page.packets * FRAME
        assert page.granule == granule - (trim if page.flags else 0)


def test_with_one_packet_a_page_each_leaves_at_once() -> None:
    """So that live audio waits for nothing; the headers come with the first, unless before."""
    muxer = OggOpusMuxer()
    first = muxer.push(packet())
    assert [page.packets for page in pages_of(first)] == [1, 1, 1]
    assert muxer.begin() == b""
    assert [page.granule for page in pages_of(muxer.push(packet()))] == [2 * FRAME]
    assert muxer.granule == 2 * FRAME


def test_packets_gather_until_the_page_is_full_or_somebody_asks() -> None:
    muxer = OggOpusMuxer(packets_per_page=3)
    assert len(pages_of(muxer.begin())) == 2
    assert [len(muxer.push(packet())) > 0 for _ in range(6)] == [False, False, True] * 2
    muxer.push(packet())
    assert [page.packets for page in pages_of(muxer.flush())] == [1]
    assert muxer.flush() == b""


def test_a_page_holds_no_more_lacing_values_than_it_can() -> None:
    muxer = OggOpusMuxer(packets_per_page=255, max_page_ms=60_000)
    large = packet(40_000)
    whole = b"".join(muxer.push(large) for _ in range(3)) + muxer.end()
    assert [page.packets for page in pages_of(whole)] == [1, 1, 1, 1, 1]
    assert [one.data for one in only_packets(OggOpusDemuxer().push(whole))] == [large] * 3


def test_a_packet_longer_than_a_page_may_be_gets_one_of_its_own() -> None:
    muxer = OggOpusMuxer(packets_per_page=9, max_page_ms=30)
    minute = packet(60, toc=0x18)
    whole = b"".join(map(muxer.push, [minute, packet(), minute])) + muxer.end()
    assert [page.granule for page in pages_of(whole)] == [0, 0, 2_880, 3_840, 6_720]


def test_an_end_without_a_packet_is_an_empty_page() -> None:
    """All have left by then; the granule position stands where they ended."""
    muxer = OggOpusMuxer()
    muxer.push(packet())
    (page,) = pages_of(muxer.end())
    assert (page.packets, page.granule, page.flags) == (0, FRAME, LAST_PAGE)


def test_an_end_right_away_is_a_stream_without_sound() -> None:
    whole = OggOpusMuxer().end()
    assert [page.flags for page in pages_of(whole)] == [FIRST_PAGE, 0, LAST_PAGE]
    demuxer = OggOpusDemuxer()
    assert [type(one) for one in demuxer.push(whole)] == [OggStreamStart]
    assert demuxer.end() == []


def test_after_the_end_a_chained_stream_begins() -> None:
    muxer = OggOpusMuxer(serial=2**32 - 1)
    whole = b"".join((muxer.push(packet()), muxer.end(), muxer.push(packet()), muxer.end()))
    pages = pages_of(whole)
    assert [page.serial for page in pages] == [2**32 - 1] * 4 + [0] * 4
    assert [page.sequence for page in pages] == [0, 1, 2, 3] * 2
    assert [page.granule for page in pages] == [0, 0, FRAME, FRAME] * 2


def test_streams_have_different_numbers_unless_told_otherwise() -> None:
    assert len({pages_of(OggOpusMuxer().begin())[0].serial for _ in range(4)}) == 4
    assert pages_of(OggOpusMuxer(serial=7).begin())[0].serial == 7


@pytest.mark.parametrize("bad", [b"\xff", b"\xff\x00", packet(61_441)], ids=len)
def test_what_is_no_packet_is_not_muxed(bad: bytes) -> None:
    muxer = OggOpusMuxer(serial=1, packets_per_page=2)
    muxer.push(packet())
    with pytest.raises(PacketError, match="an Opus packet"):
        muxer.push(bad)
    with pytest.raises(PacketError, match="an Opus packet"):
        muxer.end(bad)
    with pytest.raises(PacketError):
        muxer.push(b"")
    assert [page.granule for page in pages_of(muxer.push(packet()))] == [2 * FRAME]


@pytest.mark.parametrize("trim", [-1, 2 * FRAME + 1])
def test_no_more_can_be_trimmed_than_is_on_the_last_page(trim: int) -> None:
    """And the stream goes on as if nobody had asked."""
    muxer = OggOpusMuxer(packets_per_page=2)
    muxer.push(packet())
    with pytest.raises(ConfigurationError, match="0 to 1920 here"):
        muxer.end(packet(), trim_samples=trim)
    (page,) = pages_of(muxer.end(packet(), trim_samples=2 * FRAME))
    assert (page.packets, page.granule) == (2, 0)


def test_what_has_left_cannot_be_trimmed() -> None:
    muxer = OggOpusMuxer()
    muxer.push(packet())
    with pytest.raises(ConfigurationError, match="0 to 0 here"):
        muxer.end(trim_samples=1)
    large = OggOpusMuxer(packets_per_page=9, max_page_ms=30)
    large.push(packet())
    with pytest.raises(ConfigurationError, match="0 to 960 here"):
        large.end(packet(), trim_samples=FRAME + 1)


@pytest.mark.parametrize(
    "settings",
    [
        {"packets_per_page": 0},
        {"packets_per_page": 256},
        {"max_page_ms": 0},
        {"max_page_ms": float("nan")},
        {"serial": -1},
        {"serial": 2**32},
        {"head": OpusHead(3)},
        {"tags": OpusTags("x" * 65_009)},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        OggOpusMuxer(**settings)  # type: ignore[arg-type]


def test_the_longest_comments_fit_a_page() -> None:
    tags = OpusTags("x" * 65_008)
    found = OggOpusDemuxer(check_crc=True).push(OggOpusMuxer(tags=tags).begin())
    assert found == [OggStreamStart(OpusHead(), tags)]


def test_the_pages_are_those_that_were_made_by_hand() -> None:
    """Byte for byte: what other tests read was not made by what it tests."""
    muxer = OggOpusMuxer(
        OpusHead(pre_skip=0), OpusTags("kit", ("TITLE=a call",)), serial=0x1234_5678
    )
    *first, last = packets(5)
    whole = b"".join(map(muxer.push, first)) + muxer.end(last)
    assert whole == joined(stream(5))
