"""Ogg made and taken apart by hand, sound, and the programs of others that make and read it."""

from __future__ import annotations

import itertools
import shutil
import struct
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from rawmedia.audio.format import WEBRTC, AudioFormat
from rawmedia.codecs.ogg_items import OggGap, OggPacket
from rawmedia.codecs.ogg_page import OpusHead, OpusTags
from rawmedia.testing.signals import speech_like

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.codecs.ogg import OggOpusDemuxer
    from rawmedia.codecs.ogg_items import OggItem

SERIAL = 0x1234_5678
TOC_20_MS = 0xFC
"""One frame of full-band CELT; any bytes may follow it."""
FRAME = 960
"""Samples of one such, at 48 kHz."""


def table_crc(data: bytes) -> int:
    """The checksum as RFC 3533 words it: polynomial 0x04C11DB7, bit by bit into a table."""
    crc = 0
    for byte in data:
        crc = ((crc << 8) & 0xFFFF_FFFF) ^ _TABLE[(crc >> 24) ^ byte]
    return crc


def _entry(index: int) -> int:
    value = index << 24
    for _ in range(8):
        value = ((value << 1) ^ (0x04C1_1DB7 if value & 0x8000_0000 else 0)) & 0xFFFF_FFFF
    return value


_TABLE = [_entry(index) for index in range(256)]


@dataclass
class Page:
    """A page whose every field can be set to anything."""

    lacing: bytes
    body: bytes
    sequence: int
    granule: int
    flags: int = 0
    serial: int = SERIAL

    def to_bytes(self) -> bytes:
        """Its bytes, with the checksum that belongs there."""
        fields = (b"OggS", 0, self.flags, self.granule, self.serial, self.sequence)
        segments = bytes((len(self.lacing),)) + self.lacing
        unsigned = struct.pack("<4sBBqIII", *fields, 0) + segments + self.body
        head = struct.pack("<4sBBqIII", *fields, table_crc(unsigned))
        return head + segments + self.body


def lacing_of(packet: bytes) -> bytes:
    """The lacing values of a packet."""
    return b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,))


def packet(size: int = 60, seed: int = 0, toc: int = TOC_20_MS) -> bytes:
    """So many bytes that look like an Opus packet from outside."""
    return bytes((toc,)) + np.random.default_rng(seed).bytes(size - 1)


def packets(count: int, size: int = 60) -> list[bytes]:
    """Different ones of 20 ms."""
    return [packet(size, seed) for seed in range(count)]


def header_pages(
    head: OpusHead | None = None, tags: bytes | None = None, serial: int = SERIAL
) -> list[Page]:
    """The two pages that a stream begins with, or more if the comments are long."""
    first = (head or OpusHead(pre_skip=0)).to_bytes()
    pages = [Page(lacing_of(first), first, 0, 0, 2, serial)]
    second = OpusTags("kit", ("TITLE=a call",)).to_bytes() if tags is None else tags
    pages += audio_pages([second], [0], 255, 1, serial=serial)
    return pages


def audio_pages(
    data: Sequence[bytes],
    durations: Sequence[int],
    segments: int,
    sequence: int = 2,
    *,
    serial: int = SERIAL,
    start: int = 0,
    last: bool = False,
) -> list[Page]:
    """Packets in pages of so many lacing values, wherever those cut the packets."""
    lacing = b"".join(map(lacing_of, data))
    ends = iter(start + np.cumsum(durations, dtype=np.int64))
    body, pages, continued = b"".join(data), [], 0
    for at in range(0, len(lacing), segments):
        values = lacing[at : at + segments]
        granule = -1
        for value in values:
            if value < 255:
                granule = int(next(ends))
        size = sum(values)
        pages.append(Page(values, body[:size], sequence, granule, continued, serial))
        body, sequence = body[size:], sequence + 1
        continued = int(values[-1] == 255)
    if last:
        pages[-1].flags |= 4
    return pages


def stream(
    count: int, per_page: int = 1, *, head: OpusHead | None = None, last: bool = True
) -> list[Page]:
    """The pages of a stream of so many packets of 20 ms."""
    data = packets(count)
    return header_pages(head) + audio_pages(data, [FRAME] * count, per_page, last=last)


def joined(pages: Iterable[Page]) -> bytes:
    """Their bytes."""
    return b"".join(page.to_bytes() for page in pages)


def in_cuts(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


def items_of(demuxer: OggOpusDemuxer, parts: Iterable[bytes]) -> list[OggItem]:
    """All that comes out."""
    return [item for part in parts for item in demuxer.push(part)]


def only_packets(items: Iterable[OggItem]) -> list[OggPacket]:
    """The packets among them."""
    return [item for item in items if isinstance(item, OggPacket)]


def only_gaps(items: Iterable[OggItem]) -> list[OggGap]:
    """The gaps among them."""
    return [item for item in items if isinstance(item, OggGap)]


def speech(duration_ms: float, format: AudioFormat = WEBRTC, seed: int = 1) -> Int16Samples:
    """Something like speech."""
    return speech_like(duration_ms, seed=seed, format=format).samples


def run_program(*command: str | Path) -> None:
    """Run a program of somebody else, or skip the test where it is not installed."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=60)


def read_wav(path: Path) -> Int16Samples:
    """All samples of a file, of shape (n, channels)."""
    samples: Int16Samples = soundfile.read(path, dtype="int16", always_2d=True)[0]
    return samples


def write_wav(path: Path, samples: Int16Samples, format: AudioFormat) -> Path:
    """The samples as a WAV file."""
    soundfile.write(path, samples, format.sample_rate, subtype="PCM_16", format="WAV")
    return path
