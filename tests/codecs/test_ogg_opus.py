"""Sound in and out of Ogg Opus: at once, exactly as long as it was, holes filled."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ogg_kit import (
    FRAME,
    Page,
    audio_pages,
    header_pages,
    in_cuts,
    items_of,
    joined,
    only_packets,
    speech,
    stream,
)

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, WIDEBAND_VOICE, AudioFormat
from rawmedia.codecs.ogg import OggOpusDemuxer
from rawmedia.codecs.ogg_opus import OggOpusDecoder, OggOpusEncoder
from rawmedia.codecs.ogg_page import OpusHead, OpusTags
from rawmedia.codecs.opus import OPUS_RATES, OpusDecoder, OpusEncoder
from rawmedia.errors import (
    ConfigurationError,
    ContainerError,
    FormatMismatchError,
    PayloadError,
    UnsupportedFormatError,
)
from rawmedia.testing.compare import snr_db

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.audio.pcm import Int16Samples

STEREO = AudioFormat(48_000, 2)


def encoded(
    samples: Int16Samples, format: AudioFormat = WEBRTC, *, per_page: int = 1, bitrate: int = 32_000
) -> bytes:
    """A whole stream, made fast."""
    encoder = OpusEncoder(format, complexity=0, bitrate=bitrate)
    maker = OggOpusEncoder(format, encoder=encoder, serial=1, packets_per_page=per_page)
    return maker.begin() + maker.push(samples) + maker.end()


def decoded(parts: Iterable[bytes], decoder: OggOpusDecoder) -> Int16Samples:
    """All that comes out, in one array."""
    pieces = [decoder.push(part) for part in parts]
    return np.concatenate([*pieces, decoder.end()])


@lru_cache
def opus_packets(count: int, *, fec: bool = False) -> list[bytes]:
    """Speech as packets of 20 ms."""
    encoder = OpusEncoder(SPEECH, bitrate=24_000, fec=fec, expected_loss_percent=20)
    samples = speech(count * 20, SPEECH)
    return [encoder.encode(samples[at : at + 320]) for at in range(0, count * 320, 320)]


def opus_pages(
    count: int, per_page: int = 1, *, fec: bool = False, pre_skip: int = 0
) -> list[Page]:
    """Them in pages of kit's own making."""
    lacing = sum(len(one) // 255 + 1 for one in opus_packets(count, fec=fec)[:per_page])
    assert lacing == per_page, "packets this short take one lacing value each"
    audio = audio_pages(opus_packets(count, fec=fec), [FRAME] * count, per_page)
    return header_pages(OpusHead(1, pre_skip)) + audio


# Decoding.


def test_the_first_sound_comes_with_the_first_20_ms_whatever_the_page() -> None:
    """The page lasts a second; the first samples need its head and one packet."""
    data = encoded(speech(1_500), per_page=50)
    demuxer, decoder = OggOpusDemuxer(), OggOpusDecoder()
    for at in range(len(data)):
        packets = only_packets(demuxer.push(data[at : at + 1]))
        samples = decoder.push(data[at : at + 1])
        assert (len(samples) > 0) == (len(packets) > 0)
        if len(samples):
            assert len(samples) == 960 - 312, "one packet of 20 ms, less the pre-skip"
            break
    else:
        pytest.fail("no sound came")


@settings(max_examples=12)
@given(st.lists(st.integers(0, 6_000), max_size=10), st.booleans(), st.booleans())
def test_where_the_bytes_are_cut_does_not_change_the_sound(
    cuts: list[int], lossy: bool, check_crc: bool
) -> None:
    """Not even around holes, which the packet behind them helps to fill."""
    pages = opus_pages(30, 2, fec=True, pre_skip=312)
    if lossy:
        del pages[8:10]
        pages[11].granule += 700  # told at the end of its page: a hole behind it
        pages[11].lacing, pages[11].body = b"\x01\x01", b"\xff\xff"
    data = joined(pages)
    whole = decoded([data], OggOpusDecoder(SPEECH, check_crc=check_crc))
    pieces = decoded(in_cuts(data, cuts), OggOpusDecoder(SPEECH, check_crc=check_crc))
    np.testing.assert_array_equal(pieces, whole)


@pytest.mark.parametrize("rate", OPUS_RATES)
@pytest.mark.parametrize("channels", [1, 2])
def test_as_much_sound_comes_out_as_went_in(rate: int, channels: int) -> None:
    """To the sample, at every rate: n at 48 kHz are ceil(n * rate / 48000)."""
    shape = AudioFormat(rate, channels)
    for count in (0, 1, 7, rate // 50 - rate // 8_000, rate // 50, 12_345 * rate // 48_000):
        data = encoded(speech(300, shape)[:count], shape)
        assert decoded([data], OggOpusDecoder(shape)).shape == (count, channels)
        at_48k = count * (48_000 // rate)
        for other in OPUS_RATES:
            got = decoded([data], OggOpusDecoder(AudioFormat(other)))
            assert got.shape == (-(-at_48k * other // 48_000), 1)


@pytest.mark.parametrize("format", [TELEPHONY, SPEECH, WIDEBAND_VOICE, WEBRTC, STEREO], ids=str)
def test_the_sound_comes_out_when_it_went_in(format: AudioFormat) -> None:
    """The codec's delay is the pre-skip, and both ends of the sound are there."""
    samples = speech(800, format)
    got = decoded([encoded(samples, format, bitrate=96_000)], OggOpusDecoder(format))
    in_place = snr_db(samples, got, format=format)
    assert in_place > 8
    assert in_place > snr_db(samples[:-1], got[1:], format=format)
    assert in_place > snr_db(samples[1:], got[:-1], format=format)
    tail = slice(-format.samples(5), None)
    assert snr_db(samples[tail], got[tail], format=format) > 3


@pytest.mark.parametrize(("pre_skip", "dropped"), [(0, 0), (312, 104), (313, 104), (3_840, 1_280)])
def test_the_pre_skip_is_dropped_at_the_rate_that_comes_out(pre_skip: int, dropped: int) -> None:
    """Rounded down, so that nothing to be heard is lost, and the end stays where it was."""
    head = header_pages(OpusHead(1, pre_skip))
    data = joined(head + opus_pages(10)[2:])
    plain = OpusDecoder(SPEECH)
    expected = np.concatenate([plain.decode(one) for one in opus_packets(10)])
    got = decoded([data], OggOpusDecoder(SPEECH))
    np.testing.assert_array_equal(got, expected[dropped:])


@pytest.mark.parametrize("gain_db", [-6.0, 3.5, 60.0, 127.99, -127.99])
def test_the_output_gain_is_applied(gain_db: float) -> None:
    gain = round(gain_db * 256)
    loud = decoded(
        [joined(header_pages(OpusHead(1, 0, output_gain=gain)) + opus_pages(10)[2:])],
        OggOpusDecoder(SPEECH),
    )
    plain = decoded([joined(opus_pages(10))], OggOpusDecoder(SPEECH))
    expected = np.clip(np.rint(plain * 10 ** (gain / 256 / 20)), -32_768, 32_767)
    assert np.abs(loud - expected).max() <= 1
    assert loud.dtype == np.int16


def test_a_hole_is_as_long_as_what_was_lost_and_the_next_packet_helps() -> None:
    pages = opus_pages(40, fec=True)
    whole = decoded([joined(pages)], OggOpusDecoder(SPEECH))
    decoder = OggOpusDecoder(SPEECH)
    del pages[20:23]
    holed = decoded([joined(pages)], decoder)
    assert holed.shape == whole.shape
    assert decoder.concealed_samples == 3 * 320
    assert decoder.unfilled_samples == 0
    lost = slice(18 * 320, 21 * 320)
    np.testing.assert_array_equal(holed[: lost.start], whole[: lost.start])

    plain = OpusDecoder(SPEECH)
    for one in opus_packets(40, fec=True)[:18]:
        plain.decode(one)
    helped = plain.recover(opus_packets(40, fec=True)[21], 3 * 320)
    np.testing.assert_array_equal(holed[lost], helped)


def test_a_hole_in_a_stream_with_a_gain_is_as_loud_as_the_rest() -> None:
    quiet = header_pages(OpusHead(1, 0, output_gain=-20 * 256)) + opus_pages(40)[2:]
    del quiet[20:22]
    loud = opus_pages(40)
    del loud[20:22]
    got = decoded([joined(quiet)], OggOpusDecoder(SPEECH))
    expected = decoded([joined(loud)], OggOpusDecoder(SPEECH)) / 10
    assert np.abs(got - expected).max() <= 1


def test_a_packet_that_is_broken_inside_is_concealed() -> None:
    """Two frames said to be equal in an odd number of bytes: only a decoder looks there."""
    pages = opus_pages(20)
    broken = b"\xfd" + bytes(3)
    pages[10].lacing, pages[10].body = bytes((len(broken),)), broken
    for page in pages[10:]:
        page.granule += FRAME
    decoder = OggOpusDecoder(SPEECH)
    got = decoded([joined(pages)], decoder)
    assert len(got) == 21 * 320
    assert decoder.concealed_samples == 640


def test_a_hole_before_a_broken_packet_is_concealed_too() -> None:
    pages = opus_pages(20)
    broken = b"\xfc" + bytes(1_276)
    lacing = b"\xff" * 5 + bytes((len(broken) - 5 * 255,))
    pages[10].lacing, pages[10].body = lacing, broken
    del pages[8:10]
    decoder = OggOpusDecoder(SPEECH)
    assert len(decoded([joined(pages)], decoder)) == 20 * 320
    assert decoder.concealed_samples == 3 * 320


@pytest.mark.parametrize(("max_gap_ms", "filled"), [(0, 0), (100, 1_600), (60_000, 960_000)])
def test_who_claims_hours_gets_no_more_than_was_allowed(max_gap_ms: float, filled: int) -> None:
    pages = opus_pages(10)
    for page in pages[7:]:
        page.granule += 3_600 * 48_000
    decoder = OggOpusDecoder(SPEECH, max_gap_ms=max_gap_ms)
    assert len(decoded([joined(pages)], decoder)) == 10 * 320 + filled
    assert decoder.concealed_samples == filled
    assert decoder.unfilled_samples == 3_600 * 16_000 - filled
    assert decoder.counts.missing_samples == 3_600 * 48_000


def test_holes_in_a_row_share_what_one_may_have() -> None:
    """A few bytes each, they could otherwise claim as much as they liked in all."""
    pages = opus_pages(30)
    for index, page in enumerate(pages[3:]):
        page.granule += (index + 1) * 48_000
    decoder = OggOpusDecoder(SPEECH, max_gap_ms=500)
    got = decoded([joined(pages)], decoder)
    assert len(got) == 30 * 320 + decoder.concealed_samples
    assert decoder.concealed_samples == 500 * 16 + 28 * 320


def test_a_hole_at_the_end_of_the_data_comes_with_the_end() -> None:
    """It waits for the packet that could help to fill it, and there is none."""
    pages = opus_pages(10)
    pages[-1].lacing, pages[-1].body = b"\x01", b"\xff"
    decoder = OggOpusDecoder(SPEECH)
    assert len(decoder.push(joined(pages))) == 9 * 320
    assert len(decoder.end()) == 320
    assert len(decoder.push(joined(opus_pages(2)))) == 640, "and a new stream is read"


def test_chained_streams_sound_as_if_each_were_alone() -> None:
    """One after the other, without a seam; stereo and other pre-skips among them."""
    parts = [
        encoded(speech(200), WEBRTC),
        encoded(speech(130, STEREO), STEREO),
        joined(opus_pages(7, pre_skip=1_000)),
    ]
    alone = [decoded([part], OggOpusDecoder(STEREO)) for part in parts]
    decoder = OggOpusDecoder(STEREO)
    got = decoded([b"".join(parts)], decoder)
    np.testing.assert_array_equal(got, np.concatenate(alone))


def test_a_hole_before_a_chained_stream_belongs_to_the_one_before_it() -> None:
    pages = opus_pages(10)
    pages[-1].lacing, pages[-1].body = b"\x01", b"\xff"
    after = [dataclasses.replace(page, serial=99) for page in opus_pages(5)]
    decoder = OggOpusDecoder(SPEECH)
    assert len(decoder.push(joined(pages + after))) == 15 * 320
    assert decoder.concealed_samples == 320


def test_the_head_and_the_comments_are_there_to_read() -> None:
    tags = OpusTags("me", ("TITLE=it",))
    maker = OggOpusEncoder(STEREO, tags=tags)
    decoder = OggOpusDecoder()
    assert decoder.head is None
    assert decoder.tags is None
    decoder.push(maker.begin())
    assert decoder.head == OpusHead(2, 312, 48_000)
    assert decoder.tags == tags
    decoder.reset()
    assert [decoder.head, decoder.tags] == [None, None]


def test_a_reset_forgets_the_stream_amid_a_packet() -> None:
    data = encoded(speech(100))
    fresh = decoded([data], OggOpusDecoder())
    decoder = OggOpusDecoder()
    decoder.push(data[:-20])
    decoder.reset()
    np.testing.assert_array_equal(decoded([data], decoder), fresh)


def test_what_is_no_ogg_opus_is_refused() -> None:
    decoder = OggOpusDecoder()
    with pytest.raises(ContainerError):
        decoder.push(bytes(70_000))
    with pytest.raises(ContainerError):
        decoder.end()
    with pytest.raises(PayloadError):
        decoder.push(7)  # type: ignore[arg-type]
    assert len(decoder.push(encoded(speech(40)))) == 1_920


def test_settings_of_the_decoder_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_gap_ms"):
        OggOpusDecoder(max_gap_ms=-1)
    with pytest.raises(UnsupportedFormatError):
        OggOpusDecoder(AudioFormat(44_100))
    assert OggOpusDecoder(SPEECH).format == SPEECH


@settings(max_examples=60)
@given(st.data())
def test_any_bytes_give_samples_or_the_one_error(data: st.DataObject) -> None:
    broken = bytearray(joined(opus_pages(6, 2)) + joined(stream(2)))
    for _ in range(data.draw(st.integers(0, 8))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    decoder = OggOpusDecoder(SPEECH, max_gap_ms=200)
    for part in in_cuts(bytes(broken), data.draw(st.lists(st.integers(0, 1_000), max_size=5))):
        try:
            samples = decoder.push(part)
        except ContainerError:
            continue
        assert samples.dtype == np.int16
        assert samples.shape[1] == 1
    decoder.reset()
    assert len(decoder.push(joined(opus_pages(3)))) == 960


# Encoding.


@settings(max_examples=15)
@given(st.lists(st.integers(0, 2_500), max_size=8), st.sampled_from([2.5, 20, 60]))
def test_where_the_sound_is_cut_does_not_change_the_bytes(cuts: list[int], frame_ms: float) -> None:
    samples = speech(150, SPEECH)

    def made(places: list[int]) -> bytes:
        encoder = OpusEncoder(SPEECH, complexity=0)
        maker = OggOpusEncoder(SPEECH, encoder=encoder, serial=1, frame_ms=frame_ms)
        pieces = np.split(samples, sorted(min(place, len(samples)) for place in places))
        return b"".join([*map(maker.push, pieces), maker.end()])

    assert made(cuts) == made([])
    assert len(decoded([made(cuts)], OggOpusDecoder(SPEECH))) == len(samples)


def test_each_frame_leaves_when_it_is_full() -> None:
    """Headers ahead if somebody wants them, then 20 ms in, 20 ms out."""
    maker = OggOpusEncoder(SPEECH)
    decoder = OggOpusDecoder(SPEECH)
    assert len(decoder.push(maker.begin())) == 0
    samples = speech(100, SPEECH)
    got = [len(decoder.push(maker.push(samples[at : at + 160, 0]))) for at in range(0, 1_600, 160)]
    assert got == [0, 216, 0, 320, 0, 320, 0, 320, 0, 320]


def test_a_flush_sends_what_has_gathered_and_pads_nothing() -> None:
    maker = OggOpusEncoder(SPEECH, packets_per_page=50)
    decoder = OggOpusDecoder(SPEECH)
    decoder.push(maker.begin())
    assert maker.push(speech(50, SPEECH)) == b""
    assert len(decoder.push(maker.flush())) == 640 - 104
    decoder.push(maker.end())
    assert maker.flush() != b"", "the headers of the next stream"


def test_after_the_end_a_new_stream_begins_as_if_the_encoder_were_new() -> None:
    samples = speech(110, SPEECH)
    maker = OggOpusEncoder(SPEECH, serial=1)
    first = maker.push(samples) + maker.end()
    second = maker.push(samples) + maker.end()
    alone = OggOpusEncoder(SPEECH, serial=2)
    assert second == alone.push(samples) + alone.end()
    got = decoded([first + second], OggOpusDecoder(SPEECH))
    np.testing.assert_array_equal(got[: len(samples)], got[len(samples) :])


@pytest.mark.parametrize(
    ("format", "frame_ms"), [(SPEECH, 20), (SPEECH, 60), (WEBRTC, 2.5), (WEBRTC, 40)]
)
def test_silence_that_the_codec_leaves_out_keeps_its_place(
    format: AudioFormat, frame_ms: float
) -> None:
    """A file has no clock but its packets, so one without bytes stands for each."""
    encoder = OpusEncoder(format, dtx=True, bitrate=16_000)
    maker = OggOpusEncoder(format, encoder=encoder, frame_ms=frame_ms)
    samples = np.concatenate([speech(300, format), np.zeros_like(speech(1_500, format))])
    data = maker.push(samples) + maker.end()
    packets = only_packets(items_of(OggOpusDemuxer(), [data]))
    assert {one.duration for one in packets} == {round(frame_ms * 48)}
    assert len(decoded([data], OggOpusDecoder(format))) == len(samples)
    assert sum(len(one.data) <= 2 for one in packets) * frame_ms > 700


@pytest.mark.parametrize("count", [0, 536, 537, 640, 800])
def test_the_end_is_padded_with_silence_and_no_more_than_is_needed(count: int) -> None:
    """The lookahead of 104 samples has to come out, and fits the last frame or needs one more."""
    samples = speech(400, SPEECH)[-800:][:count]
    maker = OggOpusEncoder(SPEECH, encoder=OpusEncoder(SPEECH, bitrate=24_000))
    data = maker.push(samples) + maker.end()
    encoder = OpusEncoder(SPEECH, bitrate=24_000)
    frames = -(-(count + 104) // 320)
    padded = np.zeros((frames * 320, 1), np.int16)
    padded[:count] = samples
    by_hand = [encoder.encode(frame) for frame in np.split(padded, frames)]
    assert [one.data for one in only_packets(OggOpusDemuxer().push(data))] == by_hand


def test_the_lookahead_of_the_encoder_is_the_pre_skip() -> None:
    samples = speech(95, WEBRTC)
    encoder = OpusEncoder(WEBRTC, application="low_delay")
    maker = OggOpusEncoder(WEBRTC, encoder=encoder, frame_ms=2.5)
    assert maker.encoder is encoder
    assert maker.format == WEBRTC
    decoder = OggOpusDecoder()
    begun = decoder.push(maker.begin())
    assert decoder.head == OpusHead(1, 120, 48_000)
    got = np.concatenate([begun, decoder.push(maker.push(samples) + maker.end())])
    assert len(got) == len(samples)
    assert snr_db(samples, got, format=WEBRTC) > 5


def test_sound_that_does_not_fit_is_refused_and_none_of_it_taken() -> None:
    maker = OggOpusEncoder(SPEECH)
    maker.push(np.zeros(100, np.int16))
    for bad in (np.zeros(10, np.float32), np.zeros((10, 2), np.int16)):
        with pytest.raises(PayloadError):
            maker.push(bad)  # type: ignore[arg-type]
    assert len(decoded([maker.end()], OggOpusDecoder(SPEECH))) == 100


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"frame_ms": 30}, "frame_ms"),
        ({"packets_per_page": 0}, "packets_per_page"),
        ({"max_page_ms": -1}, "max_page_ms"),
        ({"serial": -1}, "serial"),
        ({"tags": OpusTags("x" * 70_000)}, "tags"),
    ],
)
def test_settings_of_the_encoder_out_of_range_are_refused(
    settings: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        OggOpusEncoder(SPEECH, **settings)  # type: ignore[arg-type]


def test_an_encoder_of_another_format_is_refused() -> None:
    with pytest.raises(FormatMismatchError):
        OggOpusEncoder(WEBRTC, encoder=OpusEncoder(SPEECH))
    with pytest.raises(UnsupportedFormatError):
        OggOpusEncoder(AudioFormat(44_100))


def test_a_page_may_hold_a_packet_as_large_as_opus_makes_them() -> None:
    encoder = OpusEncoder(STEREO, bitrate=510_000, vbr=False, complexity=0)
    maker = OggOpusEncoder(STEREO, encoder=encoder, frame_ms=60, packets_per_page=255)
    samples = speech(500, STEREO)
    data = maker.push(samples) + maker.end()
    assert max(len(one.data) for one in only_packets(OggOpusDemuxer().push(data))) > 3_000
    assert len(decoded([data], OggOpusDecoder(STEREO))) == len(samples)
