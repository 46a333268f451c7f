"""Any bytes in any cuts are packets, gaps and samples in bounds, or a ContainerError."""

from __future__ import annotations

import numpy as np

from rawmedia.audio.format import TELEPHONY
from rawmedia.codecs.ogg import OggOpusDemuxer
from rawmedia.codecs.ogg_items import OggGap, OggItem, OggPacket
from rawmedia.codecs.ogg_muxer import OggOpusMuxer
from rawmedia.codecs.ogg_opus import OggOpusDecoder, OggOpusEncoder
from rawmedia.codecs.ogg_page import CAPTURE_PATTERN, OpusHead, head_bytes, page_checksum, page_head
from rawmedia.codecs.opus import OpusEncoder
from rawmedia.errors import ContainerError

MAX_INPUT_BYTES = 1_024
_CHECK, _MEND = 1, 2
_MAX_GAP_MS = 100
_LONGEST = 5_760
"""Samples of 120 ms at 48 kHz."""

_decoders = {
    check_crc: OggOpusDecoder(TELEPHONY, check_crc=check_crc, max_gap_ms=_MAX_GAP_MS)
    for check_crc in (False, True)
}


def one_input(data: bytes) -> None:
    """Read it whole and in cuts; its first two bytes say how, the rest is what is read."""
    if len(data) < 2:
        return
    check_crc, size = bool(data[0] & _CHECK), data[1] + 16
    stream = _mended(data[2:]) if data[0] & _MEND else data[2:]
    parts = [stream[at : at + size] for at in range(0, len(stream), size)]

    whole = _items(OggOpusDemuxer(check_crc=check_crc), [stream])
    cut = _items(OggOpusDemuxer(check_crc=check_crc), parts)
    assert _audio(whole) == _audio(cut)
    assert sum(len(item.data) for item in whole if isinstance(item, OggPacket)) <= len(stream)

    decoder = _decoders[check_crc]
    decoder.reset()
    sounds = [_sound(decoder, part) for part in parts]
    heard = sum(item.duration for item in whole if isinstance(item, OggPacket))
    # What holes may have in all: as much as is decoded, and once more for each stream begun.
    streams = 1 + stream.count(b"OpusHead")
    assert sum(sounds) <= (2 * heard + streams * _MAX_GAP_MS * 48) // 6 + len(sounds)


def seeds() -> list[bytes]:
    """Streams as they should be: small pages, large ones, chained, with what is missing."""
    encoder = OpusEncoder(TELEPHONY, complexity=0, bitrate=8_000)
    sound = np.zeros((800, 1), np.int16)
    maker = OggOpusEncoder(TELEPHONY, encoder=encoder, serial=1)
    live = maker.begin() + maker.push(sound) + maker.end()
    chained = live + maker.push(sound[:100]) + maker.end()
    muxer = OggOpusMuxer(OpusHead(2, 3_840, output_gain=-256), serial=2, packets_per_page=2)
    large = b"".join(muxer.push(bytes((toc,)) + bytes(260)) for toc in (0xFC, 0x18))
    pages = [CAPTURE_PATTERN + page for page in live.split(CAPTURE_PATTERN)[1:]]
    holed = b"".join((*pages[:3], b"garbage", *pages[4:]))
    streams = (live, chained, large + muxer.end(), holed)
    return [
        bytes((flags, size)) + stream
        for stream in streams
        for flags, size in ((_MEND, 0), (_CHECK | _MEND, 50))
    ]


def _mended(data: bytes) -> bytes:
    """The data with right checksums, which chance does not find, in all that looks like a page."""
    mended = bytearray(data)
    at = data.find(CAPTURE_PATTERN)
    while at >= 0:
        head = head_bytes(data, at)
        page = page_head(data, at) if head else None
        if page is not None:
            end = at + head + page.body_bytes
            mended[at + 22 : at + 26] = page_checksum(bytes(mended[at:end])).to_bytes(4, "little")
        at = data.find(CAPTURE_PATTERN, at + 1)
    return bytes(mended[: len(data)])


def _items(demuxer: OggOpusDemuxer, parts: list[bytes]) -> list[OggItem]:
    items: list[OggItem] = []
    for part in parts:
        try:
            items += demuxer.push(part)
        except ContainerError:
            continue
    try:
        items += demuxer.end()
    except ContainerError:
        assert not _audio(items)
    return items


def _audio(items: list[OggItem]) -> list[OggPacket | OggGap]:
    """What is heard, or missing, with its place checked."""
    audio = [item for item in items if isinstance(item, OggPacket | OggGap)]
    position = 0
    for item in audio:
        # A stream that follows begins at 0 again.
        position = item.position if item.position == 0 else position
        assert item.position == position
        position += item.samples
        if isinstance(item, OggPacket):
            assert 0 <= item.skip <= item.duration <= _LONGEST
            assert 0 <= item.samples <= item.duration - item.skip
        else:
            assert item.samples > 0
    return audio


def _sound(decoder: OggOpusDecoder, part: bytes) -> int:
    try:
        samples = decoder.push(part)
    except ContainerError:
        return 0
    assert samples.dtype == np.int16
    assert samples.ndim == 2
    assert samples.shape[1] == 1
    return len(samples)
