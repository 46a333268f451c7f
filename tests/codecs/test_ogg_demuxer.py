"""Packets out of pages: whole, at once, in their place in time."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ogg_kit import (
    FRAME,
    Page,
    audio_pages,
    header_pages,
    in_cuts,
    items_of,
    joined,
    lacing_of,
    only_gaps,
    only_packets,
    packet,
    packets,
    stream,
)

from rawmedia.codecs.ogg import OggOpusDemuxer
from rawmedia.codecs.ogg_items import OggDamage, OggGap, OggPacket, OggStreamStart
from rawmedia.codecs.ogg_page import OpusHead, OpusTags
from rawmedia.errors import ContainerError, PayloadError

TOCS = {0xE0: 120, 0xE8: 240, 0xF0: 480, 0xFC: 960, 0x18: 2_880}
"""First bytes of packets of one frame, and how long these are at 48 kHz."""


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], list[int], list[Page], OpusHead]:
    """A stream of packets of any size and duration, in pages that cut them anywhere."""
    tocs = draw(st.lists(st.sampled_from(sorted(TOCS)), min_size=1, max_size=12))
    sizes = st.one_of(st.integers(1, 200), st.sampled_from([254, 255, 256, 509, 510, 511, 1_275]))
    data = [packet(draw(sizes), seed, toc) for seed, toc in enumerate(tocs)]
    durations = [TOCS[toc] for toc in tocs]
    head = OpusHead(1, draw(st.integers(0, 2_000)))
    pages = header_pages(head) + audio_pages(data, durations, draw(st.integers(1, 30)))
    return data, durations, pages, head


@given(streams(), st.lists(st.integers(0, 4_000), max_size=20), st.booleans())
def test_where_the_bytes_are_cut_does_not_change_what_comes_out(
    made: tuple[list[bytes], list[int], list[Page], OpusHead], cuts: list[int], check_crc: bool
) -> None:
    """Networks cut anywhere; and every packet comes whole, in order, once, in its place."""
    data, durations, pages, head = made
    whole = joined(pages)

    items = OggOpusDemuxer(check_crc=check_crc).push(whole)

    start, *found = items
    assert start == OggStreamStart(head, OpusTags("kit", ("TITLE=a call",)))
    assert [one.data for one in only_packets(found)] == data
    assert [one.duration for one in only_packets(found)] == durations
    heard, skipped = 0, 0
    for one in only_packets(found):
        assert one.position == heard
        assert one.skip + one.samples == one.duration
        heard += one.samples
        skipped += one.skip
    assert skipped == min(head.pre_skip, sum(durations))
    assert heard == sum(durations) - skipped
    assert len(found) == len(data), "and nothing else comes"
    assert items_of(OggOpusDemuxer(check_crc=check_crc), in_cuts(whole, cuts)) == items
    single = [whole[at : at + 1] for at in range(len(whole))]
    assert items_of(OggOpusDemuxer(check_crc=check_crc), single) == items


def test_a_packet_leaves_with_its_last_byte_and_not_with_its_page() -> None:
    """Pages of a second must not make the sound a second late, neither the first nor the rest."""
    data = packets(120)
    pages = header_pages() + audio_pages(data, [FRAME] * 120, 50, last=True)
    whole = joined(pages)
    ends = {whole.index(one) + len(one): one for one in data}
    demuxer = OggOpusDemuxer()
    for at in range(len(whole)):
        given = [one.data for one in only_packets(demuxer.push(whole[at : at + 1]))]
        assert given == ([ends[at + 1]] if at + 1 in ends else [])


def test_with_checked_pages_packets_wait_for_the_page() -> None:
    whole = joined(stream(5, per_page=5))
    demuxer = OggOpusDemuxer(check_crc=True)
    assert only_packets(demuxer.push(whole[:-1])) == []
    assert len(only_packets(demuxer.push(whole[-1:]))) == 5


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_buffer_of_bytes_will_do_and_may_change_afterwards(kind: Any) -> None:
    whole = joined(stream(3))
    demuxer = OggOpusDemuxer()
    found = []
    for part in in_cuts(whole, [100, 170, 171]):
        memory = bytearray(part)
        found += demuxer.push(kind(memory))
        memory[:] = bytes(len(memory))
    assert [one.data for one in only_packets(found)] == packets(3)
    assert all(type(one.data) is bytes for one in only_packets(found))


def test_what_is_no_buffer_is_refused_and_nothing_taken() -> None:
    whole = joined(stream(2))
    demuxer = OggOpusDemuxer()
    demuxer.push(whole[:100])
    with pytest.raises(PayloadError):
        demuxer.push("text")  # type: ignore[arg-type]
    assert len(only_packets(demuxer.push(whole[100:]))) == 2


@given(st.integers(0, 5 * FRAME), st.integers(1, 5), st.integers(0, 3_000))
def test_the_last_page_says_where_the_sound_ends(kept: int, per_page: int, pre_skip: int) -> None:
    """All of its packets are given, for the decoder's sake; what lies behind the end is not heard."""
    head = OpusHead(1, pre_skip)
    pages = stream(5, per_page, head=head)
    before = pages[-2].granule
    pages[-1].granule = max(before, kept)
    found = only_packets(OggOpusDemuxer().push(joined(pages)))
    assert len(found) == 5
    assert sum(one.samples for one in found) == max(0, pages[-1].granule - pre_skip)
    assert all(one.skip + one.samples <= one.duration for one in found)


def test_an_end_before_the_page_itself_is_nonsense_and_trims_nothing() -> None:
    pages = stream(4)
    pages[-1].granule = 5
    found = only_packets(OggOpusDemuxer().push(joined(pages)))
    assert [one.samples for one in found] == [FRAME] * 4


@pytest.mark.parametrize("granule", [-1, -2, 4 * FRAME])
def test_a_stream_may_end_with_a_page_of_nothing(granule: int) -> None:
    pages = stream(4, last=False)
    pages.append(Page(b"", b"", 6, granule, 4))
    demuxer = OggOpusDemuxer()
    found = demuxer.push(joined(pages))
    assert [one.samples for one in only_packets(found)] == [FRAME] * 4
    assert len(found) == 5
    assert demuxer.head is None
    assert demuxer.end() == []


def test_a_live_stream_may_be_joined_at_any_granule() -> None:
    """RFC 7845, section 4.5: pre-skip counts from the first packet all the same."""
    pages = header_pages(OpusHead(1, 312)) + audio_pages(
        packets(6), [FRAME] * 6, 2, 9_000, start=10**12, last=True
    )
    pages[-1].granule -= 100
    found = OggOpusDemuxer().push(joined(pages))
    assert only_gaps(found) == []
    assert [one.position for one in only_packets(found)][:2] == [0, FRAME - 312]
    assert sum(one.samples for one in only_packets(found)) == 6 * FRAME - 312 - 100
    eager = OggOpusDemuxer()
    early = joined(pages[:-1])[: -len(pages[-2].body) + 60]
    assert len(only_packets(eager.push(early))) == 3, "and nothing is waited for"


def test_streams_follow_each_other_each_with_its_own_beginning() -> None:
    """Chained, with an end, without one, with another number or with the same one."""
    first, second, third = stream(2, head=OpusHead(1, 10)), stream(2, last=False), stream(2)
    for page in second:
        page.serial += 1
    for page in third:
        page.serial += 1
    found = OggOpusDemuxer().push(joined(first + second + third))
    assert [type(one) for one in found] == [OggStreamStart, OggPacket, OggPacket] * 3
    assert [one.position for one in only_packets(found)] == [0, FRAME - 10, 0, FRAME, 0, FRAME]


def test_pages_behind_the_end_of_their_stream_are_passed_over_and_counted() -> None:
    pages = stream(2)
    demuxer = OggOpusDemuxer()
    found = demuxer.push(joined([*pages, Page(lacing_of(packet()), packet(), 4, 3 * FRAME)]))
    assert len(only_packets(found)) == 2
    assert demuxer.counts.other_pages == 1


@pytest.mark.parametrize("opus_first", [True, False])
def test_streams_side_by_side_are_left_alone(opus_first: bool) -> None:
    """The first of Opus is read, wherever it stands among the first pages."""
    other = [Page(lacing_of(b"\x80theora"), b"\x80theora", 0, 0, 2, 99)]
    other += [Page(lacing_of(bytes(3_000)), bytes(3_000), at, at, 0, 99) for at in range(1, 5)]
    second = [dataclasses.replace(page, serial=98) for page in stream(4)]
    opus = stream(4)
    firsts = [opus[0], other[0], second[0]] if opus_first else [other[0], opus[0], second[0]]
    rest = [page for group in zip(opus[1:], other[1:], second[1:], strict=False) for page in group]
    demuxer = OggOpusDemuxer()
    found = items_of(demuxer, in_cuts(joined(firsts + rest + opus[5:]), range(0, 20_000, 50)))
    assert [one.data for one in only_packets(found)] == packets(4)
    assert len(found) == 5
    assert demuxer.counts.other_pages == 10


def test_a_stream_of_something_else_that_comes_later_ends_nothing() -> None:
    pages = stream(4)
    pages.insert(4, Page(lacing_of(b"\x80theora"), b"\x80theora", 0, 0, 2, 99))
    found = OggOpusDemuxer().push(joined(pages))
    assert len(only_packets(found)) == 4
    assert len(found) == 5


# What is missing.


@given(st.integers(1, 4), st.data())
def test_a_lost_page_leaves_a_gap_as_long_as_it_was(per_page: int, data: st.DataObject) -> None:
    """Media time goes on as it was: the granule positions say where."""
    pages = stream(12, per_page, head=OpusHead(1, 312))
    lost = data.draw(st.integers(3, len(pages) - 2))
    count = data.draw(st.integers(1, len(pages) - 1 - lost))
    missing = (pages[lost + count - 1].granule - pages[lost - 1].granule) // FRAME
    demuxer = OggOpusDemuxer()
    left = joined(pages[:lost] + pages[lost + count :])

    found = items_of(demuxer, in_cuts(left, data.draw(st.lists(st.integers(0, 2_000)))))

    (gap,) = only_gaps(found)
    assert gap.samples == missing * FRAME == demuxer.counts.missing_samples
    assert demuxer.counts.sequence_breaks == 1
    assert len(only_packets(found)) == 12 - missing
    assert sum(one.samples for one in only_packets(found)) + gap.samples == 12 * FRAME - 312
    position = 0
    for one in found:
        if isinstance(one, OggPacket | OggGap):
            assert one.position == position
            position += one.samples
    assert found.index(gap) == 1 + 1 + (pages[lost - 1].granule // FRAME), (
        "the damage, then the gap"
    )


@given(streams(), st.data())
def test_whatever_page_of_audio_is_lost_time_is_kept(
    made: tuple[list[bytes], list[int], list[Page], OpusHead], data: st.DataObject
) -> None:
    """Packets that were cut by the lost page are in the gap too, and no half of one comes out."""
    packets_made, durations, pages, head = made
    lost = data.draw(st.integers(2, len(pages) - 1))
    before = [page.granule for page in pages[2:lost] if page.granule >= 0]
    after = [page.granule for page in pages[lost + 1 :] if page.granule >= 0]
    demuxer = OggOpusDemuxer()

    found = demuxer.push(joined(pages[:lost] + pages[lost + 1 :]))

    assert all(one.data in packets_made for one in only_packets(found))
    heard = sum(one.samples for one in found if isinstance(one, OggPacket | OggGap))
    if before and after:
        assert heard == max(0, sum(durations) - head.pre_skip)
    else:
        assert only_gaps(found) == [], "where the stream begins, nothing says what came before"


def test_a_gap_is_told_before_the_packets_behind_it_even_when_its_page_has_no_granule() -> None:
    """A packet that spans a page leaves that without one; the next page settles both."""
    data = [packet(60, 0), packet(60, 1), packet(900, 2), packet(60, 3)]
    pages = audio_pages(data, [FRAME] * 4, 1)
    assert [page.granule for page in pages[2:6]] == [-1, -1, -1, 3 * FRAME]
    whole = joined(header_pages() + pages[:1] + pages[2:])
    found = OggOpusDemuxer().push(whole)
    assert [one.data for one in only_packets(found)] == [data[0], data[2], data[3]]
    assert [type(one) for one in found[2:5]] == [OggDamage, OggGap, OggPacket]
    assert only_gaps(found) == [OggGap(FRAME, FRAME)]


@pytest.mark.parametrize("size", [60, 900])
def test_a_gap_is_told_before_the_packets_behind_it_even_when_it_is_short(size: int) -> None:
    """No longer than the packet before it, so that the granule position alone gives no hint."""
    data = [packet(60, 0, 0x18), packet(60, 1), packet(size, 2), packet(60, 3)]
    pages = audio_pages(data, [2_880, FRAME, FRAME, FRAME], 1)
    found = OggOpusDemuxer().push(joined(header_pages() + pages[:1] + pages[2:]))
    assert [type(one) for one in found[1:5]] == [OggPacket, OggDamage, OggGap, OggPacket]
    assert only_gaps(found) == [OggGap(FRAME, 2_880)]


def test_a_page_that_should_have_a_granule_and_has_none_is_read_without_it() -> None:
    pages = stream(6, last=False)
    for page in pages[2:]:
        page.granule = -1
    lost = OggOpusDemuxer().push(joined(pages[:4] + pages[5:]))
    assert [one.data for one in only_packets(lost)] == [*packets(6)[:2], *packets(6)[3:]]
    assert only_gaps(lost) == []
    pages[2].granule, pages[-1].granule = FRAME, 6 * FRAME
    found = OggOpusDemuxer().push(joined(pages[:4] + pages[5:]))
    assert only_gaps(found)[0].samples == FRAME, "the next that has one tells"


def test_a_granule_that_leaps_is_a_gap_though_no_page_is_missing() -> None:
    """Recorders of RTP write the timestamp: what was lost or left out before is only in there."""
    pages = stream(6)
    for page in pages[4:]:
        page.granule += 3 * FRAME
    whole = joined(pages)
    found = items_of(OggOpusDemuxer(), in_cuts(whole, range(0, len(whole), 7)))
    assert [type(one) for one in found[1:5]] == [OggPacket, OggPacket, OggGap, OggPacket]
    assert only_gaps(found) == [OggGap(3 * FRAME, 2 * FRAME)]
    assert [one.position for one in only_packets(found)] == [
        index * FRAME for index in (0, 1, 5, 6, 7, 8)
    ]


def test_granules_that_tremble_are_no_gaps() -> None:
    pages = stream(50)
    for index, page in enumerate(pages[2:]):
        page.granule += index * 37 % 110
    found = OggOpusDemuxer().push(joined(pages))
    assert only_gaps(found) == []
    assert len(only_packets(found)) == 50


def test_longer_packets_than_before_are_no_gap() -> None:
    """That audio is missing was a guess, which the packets of the page put right."""
    data = [packet(60, 0), packet(60, 1), packet(60, 2, toc=0x18), packet(60, 3, toc=0x18)]
    pages = header_pages() + audio_pages(data, [960, 960, 2_880, 2_880], 1, last=True)
    found = OggOpusDemuxer().push(joined(pages))
    assert [one.data for one in only_packets(found)] == data
    assert len(found) == 5


@given(st.integers(1, 4_000))
def test_a_gap_in_the_pre_skip_is_not_heard(pre_skip: int) -> None:
    pages = stream(8, head=OpusHead(1, pre_skip))
    found = OggOpusDemuxer().push(joined(pages[:3] + pages[5:]))
    heard = [one.samples for one in found if isinstance(one, OggPacket | OggGap)]
    assert sum(heard) == 8 * FRAME - pre_skip
    assert all(samples > 0 for samples in (one.samples for one in only_gaps(found)))


def test_a_page_number_that_wraps_is_no_loss() -> None:
    pages = stream(6)
    for page in pages:
        page.sequence = (page.sequence + 2**32 - 3) % 2**32
    demuxer = OggOpusDemuxer()
    assert len(demuxer.push(joined(pages))) == 7
    assert demuxer.counts.sequence_breaks == 0


@pytest.mark.parametrize(
    "bad", [b"", b"\xff", b"\xff\x00", b"\xff\x3f", packet(61_441)], ids=lambda bad: str(len(bad))
)
def test_a_packet_that_is_none_is_passed_over_and_its_time_kept(bad: bytes) -> None:
    """Empty, cut off before its number of frames, with none, with 63 of them, or endless."""
    data = [packet(), bad, packet(60, 1)]
    pages = header_pages() + audio_pages(data, [FRAME] * 3, 255)
    first = audio_pages([packet(60, 9)], [FRAME], 255)[0]
    for page in pages[2:]:
        page.granule, page.sequence = page.granule + FRAME, page.sequence + 1
    demuxer = OggOpusDemuxer()
    found = demuxer.push(joined([*pages[:2], first, *pages[2:]]))
    assert [one.data for one in only_packets(found)] == [packet(60, 9), data[0], data[2]]
    assert [one.samples for one in only_gaps(found)] == [FRAME]
    assert demuxer.counts.packets_dropped == 1
    assert sum(isinstance(one, OggDamage) for one in found) == 1


@pytest.mark.parametrize("sequence", [7, 8])
def test_a_packet_whose_end_does_not_come_is_not_glued_to_another(sequence: int) -> None:
    """Neither to what follows in the right page, nor to the end of yet another one."""
    data = packets(2, 600)
    pages = audio_pages(data, [FRAME] * 2, 2)
    whole = pages[2]
    whole = dataclasses.replace(whole, sequence=sequence, flags=0, lacing=b"\x3c", body=packet())
    first = [dataclasses.replace(pages[0], sequence=6)]
    heads = header_pages()
    heads[1].sequence = 5
    demuxer = OggOpusDemuxer()
    found = demuxer.push(joined([*heads, *first, whole]))
    assert [one.data for one in only_packets(found)] == [packet()]
    assert demuxer.counts.packets_dropped == 1
    orphan = dataclasses.replace(pages[1], sequence=6)
    found = OggOpusDemuxer().push(joined([*heads, orphan, dataclasses.replace(whole, sequence=7)]))
    assert [one.data for one in only_packets(found)] == [packet()]


def test_a_stream_that_ends_amid_a_packet_loses_it_aloud() -> None:
    """Whether its last page says so or another stream begins."""
    cut = header_pages() + audio_pages([packet(), packet(600)], [FRAME] * 2, 2)[:-1]
    for flags in (0, 4):
        cut[-1].flags = flags
        demuxer = OggOpusDemuxer()
        found = demuxer.push(joined(cut + stream(2)))
        assert demuxer.counts.packets_dropped == 1
        kinds = [OggPacket, OggDamage, OggStreamStart, OggPacket, OggPacket]
        assert [type(one) for one in found[1:]] == kinds


# What is no Ogg.


def test_what_lies_behind_a_page_that_never_comes_whole_is_found_at_the_end() -> None:
    """Bytes that look like the head of a long page must not cost what really follows."""
    pages = [page.to_bytes() for page in stream(6)]
    fake = b"OggS\0\0" + bytes(3)
    demuxer = OggOpusDemuxer(check_crc=True)
    assert only_packets(demuxer.push(b"".join((*pages[:2], fake, *pages[2:])))) == []
    found = demuxer.end()
    assert [one.data for one in only_packets(found)] == packets(6)
    assert isinstance(found[-1], OggDamage)
    assert demuxer.counts.bytes_passed_over == len(fake)


@given(st.binary(max_size=300), st.integers(2, 6), st.booleans(), st.data())
def test_garbage_between_pages_is_passed_over(
    garbage: bytes, place: int, check_crc: bool, data: st.DataObject
) -> None:
    """All packets are there, whether or not the garbage looks like a page here and there."""
    disguise = data.draw(st.sampled_from([b"", b"OggS", b"OggS\0\0", joined(stream(1))[:100]]))
    pages = [page.to_bytes() for page in stream(6)]
    noise = disguise + garbage
    whole = b"".join((*pages[:place], noise, *pages[place:]))
    demuxer = OggOpusDemuxer(check_crc=check_crc)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=8))
    found = items_of(demuxer, in_cuts(whole, cuts)) + demuxer.end()
    got = [one.data for one in only_packets(found)]
    if disguise in (b"", b"OggS") and b"OggS" not in garbage and noise:
        assert got == packets(6)
        assert demuxer.counts.bytes_passed_over == len(noise)
    elif check_crc:
        assert got == packets(6), "with checksums no disguise works"


def test_garbage_is_reported_where_it_was() -> None:
    pages = [page.to_bytes() for page in stream(3)]
    found = OggOpusDemuxer().push(b"".join((*pages[:3], b"garbage", *pages[3:])))
    assert [type(one) for one in found] == [
        OggStreamStart,
        OggPacket,
        OggDamage,
        OggPacket,
        OggPacket,
    ]
    (damage,) = (one for one in found if isinstance(one, OggDamage))
    assert str(damage.error) == "expected a page, got 7 bytes that are none"


def test_after_garbage_a_page_must_hold_its_checksum() -> None:
    """Four letters among garbage would otherwise begin a page of anything."""
    pages = [page.to_bytes() for page in stream(4)]
    fake = bytearray(pages[3])
    fake[-1] ^= 1
    demuxer = OggOpusDemuxer()
    found = demuxer.push(b"".join((*pages[:3], b"garbage", bytes(fake), *pages[4:])))
    assert [one.data for one in only_packets(found)] == [packets(4)[0], *packets(4)[2:]]
    assert demuxer.counts.bad_checksums == 1
    assert only_gaps(found) == [OggGap(FRAME, FRAME)]


@given(st.data())
def test_with_checked_pages_a_flipped_bit_costs_its_page_and_no_more(data: st.DataObject) -> None:
    pages = [page.to_bytes() for page in stream(8, 2)]
    at = data.draw(st.integers(3, len(pages) - 2))
    flipped = bytearray(pages[at])
    bit = data.draw(st.integers(0, len(flipped) * 8 - 1))
    flipped[bit // 8] ^= 1 << bit % 8
    demuxer = OggOpusDemuxer(check_crc=True)
    found = demuxer.push(b"".join((*pages[:at], bytes(flipped), *pages[at + 1 :])))
    found += demuxer.end()  # a page that now claims to be longer was awaited
    lost = 2 * (at - 2)
    assert [one.data for one in only_packets(found)] == packets(8)[:lost] + packets(8)[lost + 2 :]
    assert only_gaps(found) == [OggGap(2 * FRAME, lost * FRAME)]


def test_without_checks_a_flipped_bit_in_a_body_is_the_decoders_business() -> None:
    pages = [page.to_bytes() for page in stream(4)]
    flipped = bytearray(pages[3])
    flipped[-1] ^= 1
    found = OggOpusDemuxer().push(b"".join((*pages[:3], bytes(flipped), *pages[4:])))
    assert len(only_packets(found)) == 4
    assert len(found) == 5


@pytest.mark.parametrize("size", [1, 1_000, 100_000])
def test_bytes_that_are_no_ogg_are_refused_in_64_kib_and_then_again(size: int) -> None:
    """And a stream that comes after all is read."""
    demuxer = OggOpusDemuxer()
    garbage = bytes(100_000) * 2
    refused = []
    for at in range(0, len(garbage), size):
        try:
            assert demuxer.push(garbage[at : at + size]) == []
        except ContainerError as error:
            refused.append((at + size, str(error)))
    assert refused
    assert all("without a page" in text for _, text in refused)
    assert refused[0][0] == max(size, -(-65_537 // size) * size)
    assert len(refused) == {1: 3, 1_000: 3, 100_000: 2}[size]
    assert len(only_packets(demuxer.push(joined(stream(2))))) == 2


def test_what_follows_garbage_in_the_same_bytes_is_not_lost() -> None:
    whole = bytes(100_000) + joined(stream(3))
    assert len(only_packets(OggOpusDemuxer().push(whole))) == 3


def test_a_page_among_garbage_shows_that_it_is_ogg_after_all() -> None:
    """What counts is how much there is without one."""
    demuxer = OggOpusDemuxer()
    page = Page(lacing_of(b"\x80theora"), b"\x80theora", 0, 0, 2, 99).to_bytes()
    assert demuxer.push(bytes(40_000) + page + bytes(40_000)) != []
    with pytest.raises(ContainerError, match="without a page"):
        demuxer.push(bytes(40_000))


@pytest.mark.parametrize(
    ("first", "problem"),
    [
        (b"\x01vorbis", "one of b'\\x01vorbis'"),
        (OpusHead().to_bytes()[:-1] + b"\1" + bytes(8), "of family 1"),
        (b"OpusHead\x10" + bytes(12), "version 16"),
        (b"OpusHead", "8 bytes"),
        (None, "a page from amid one"),
    ],
)
def test_a_stream_without_opus_in_mono_or_stereo_is_refused(
    first: bytes | None, problem: str
) -> None:
    """Every time anew, until one of Opus begins; of the bytes in between nothing is kept."""
    demuxer = OggOpusDemuxer()
    rest = [page.to_bytes() for page in stream(4)[1:]]
    begin = b"" if first is None else Page(lacing_of(first), first, 0, 0, 2).to_bytes()
    for bytes_in in (begin + rest[0], rest[1], rest[2]):
        with pytest.raises(ContainerError) as raised:
            demuxer.push(bytes_in)
        assert problem in str(raised.value)
    with pytest.raises(ContainerError, match="the end of the data"):
        demuxer.end()
    assert len(only_packets(demuxer.push(joined(stream(2))))) == 2


def test_a_later_stream_that_cannot_be_read_is_damage_and_the_next_is_read() -> None:
    good, other = stream(2), stream(2)
    six = OpusHead().to_bytes()[:-1] + b"\1" + bytes(8)
    other[0] = Page(lacing_of(six), six, 0, 0, 2)
    demuxer = OggOpusDemuxer()
    found = demuxer.push(joined(good + other + good))
    assert [type(one) for one in found] == [
        *(OggStreamStart, OggPacket, OggPacket),
        OggDamage,
        *(OggStreamStart, OggPacket, OggPacket),
    ]
    assert demuxer.counts.other_pages == 3
    cut = OggOpusDemuxer()
    found = cut.push(joined(good[:-1] + other + good))
    assert len(only_packets(found)) == 3, "nor does it lend its pages to the stream before it"


def test_a_head_on_a_page_of_nothing_is_no_stream() -> None:
    with pytest.raises(ContainerError, match="one of b''"):
        OggOpusDemuxer().push(joined([Page(b"", b"", 0, 0, 2), *stream(2)[1:]]))


# Comments.


def test_comments_may_be_longer_than_memory_allows() -> None:
    """A picture of megabytes is passed over, its first 64 KiB aside; the audio follows as ever."""
    tags = OpusTags("me", ("TITLE=a call", "METADATA_BLOCK_PICTURE=" + "x" * 3_000_000)).to_bytes()
    heads = header_pages(tags=tags)
    audio = audio_pages(packets(2), [FRAME] * 2, 1, len(heads))
    demuxer = OggOpusDemuxer()
    whole = joined(heads + audio)
    held = 0
    found = []
    for at in range(0, len(whole), 1_000):
        found += demuxer.push(whole[at : at + 1_000])
        link = demuxer._link
        held = max(held, len(demuxer._tail) + (len(link._partial) if link else 0))
    assert found[0] == OggStreamStart(
        OpusHead(pre_skip=0), OpusTags("me", ("TITLE=a call",), complete=False)
    )
    assert len(only_packets(found)) == 2
    assert held < 200 * 1024


def test_a_stream_without_comments_begins_with_its_audio() -> None:
    heads = header_pages()
    audio = audio_pages(packets(3), [FRAME] * 3, 1, 1)
    found = OggOpusDemuxer().push(joined([heads[0], *audio]))
    assert found[0] == OggStreamStart(OpusHead(pre_skip=0), None)
    assert [one.data for one in only_packets(found)] == packets(3)


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_stream_whose_comments_are_lost_in_part_begins_all_the_same(lost: int) -> None:
    tags = OpusTags("me", ("x" * 150_000,)).to_bytes()
    heads = header_pages(tags=tags)
    assert len(heads) == 4
    audio = audio_pages(packets(3), [FRAME] * 3, 1, 4)
    del heads[lost]
    found = OggOpusDemuxer().push(joined(heads + audio))
    starts = [one for one in found if isinstance(one, OggStreamStart)]
    assert starts == [OggStreamStart(OpusHead(pre_skip=0), None)]
    assert [one.data for one in only_packets(found)] == packets(3)
    assert only_gaps(found) == []


# The end, and any bytes at all.


@given(st.integers(1, 600), st.booleans())
def test_bytes_that_end_amid_a_page_are_damage(size: int, check_crc: bool) -> None:
    whole = joined(stream(4, 2, head=OpusHead(1, 312)))
    pages = [page.to_bytes() for page in stream(4, 2)]
    borders = {sum(map(len, pages[:count])) for count in range(1, 5)}
    size = min(size, len(whole))
    demuxer = OggOpusDemuxer(check_crc=check_crc)
    demuxer.push(whole[:size])
    if size < len(pages[0]):
        with pytest.raises(ContainerError):
            demuxer.end()
    else:
        assert [type(one) for one in demuxer.end()] == [OggDamage] * (size not in borders)
    assert len(only_packets(demuxer.push(whole))) == 4, "and what follows is a new stream"


def test_bytes_that_end_amid_a_packet_are_damage() -> None:
    pages = header_pages() + audio_pages([packet(), packet(600)], [FRAME] * 2, 2)
    demuxer = OggOpusDemuxer()
    demuxer.push(joined(pages[:-1]))
    assert [type(one) for one in demuxer.end()] == [OggDamage]


def test_a_reset_forgets_the_stream_and_keeps_the_counts() -> None:
    whole = joined(stream(2))
    demuxer = OggOpusDemuxer()
    demuxer.push(whole[:120] + b"garbage")
    passed = demuxer.counts.bytes_passed_over
    demuxer.reset()
    assert demuxer.head is None
    assert len(demuxer.push(whole)) == 3
    assert demuxer.counts.bytes_passed_over == passed


@given(st.data(), st.booleans())
def test_any_bytes_give_items_or_the_one_error(data: st.DataObject, check_crc: bool) -> None:
    """Broken in any way, in any cuts; and afterwards a good stream is read."""
    good = joined(stream(6, 3))
    broken = bytearray(good * 2)
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(broken) - 1))
        kind = data.draw(st.integers(0, 2))
        if kind == 0:
            broken[at] = data.draw(st.integers(0, 255))
        elif kind == 1:
            del broken[at : at + data.draw(st.integers(1, 300))]
        else:
            broken[at:at] = data.draw(st.binary(max_size=40))
        broken += b"\0"
    demuxer = OggOpusDemuxer(check_crc=check_crc)
    for part in in_cuts(bytes(broken), data.draw(st.lists(st.integers(0, 1_500), max_size=10))):
        try:
            for item in demuxer.push(part):
                if isinstance(item, OggPacket):
                    assert 0 <= item.samples <= item.duration - item.skip <= 5_760
                assert not isinstance(item, OggGap) or item.samples > 0
        except ContainerError:
            pass
    demuxer.reset()
    assert [one.data for one in only_packets(demuxer.push(good))] == packets(6)


@given(st.binary(max_size=300))
def test_any_bytes_behind_the_head_of_a_page_are_read_in_bounds(rest: bytes) -> None:
    demuxer = OggOpusDemuxer()
    begin = joined(header_pages())
    try:
        demuxer.push(begin + b"OggS\0" + rest)
        demuxer.push(rest)
        demuxer.end()
    except ContainerError:
        pytest.fail("a stream has begun")


def test_heads_that_claim_long_pages_cost_no_more_than_their_bytes() -> None:
    """27 bytes that look like a head must not each buy a checksum of 64 KiB."""
    pages = [page.to_bytes() for page in stream(6)]
    fakes = (b"OggS\0\4" + b"\xff" * 21) * 6_000
    demuxer = OggOpusDemuxer()
    demuxer.push(pages[0] + pages[1] + b"x" + fakes)
    assert demuxer.counts.bad_checksums < 100
    found = demuxer.push(bytes(70_000) + b"".join(pages[2:])) + demuxer.end()
    assert [one.data for one in only_packets(found)][-1] == packets(6)[-1]
