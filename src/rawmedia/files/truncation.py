"""Whether a WAV or Ogg file was cut short: libsndfile plays what is there and keeps quiet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawmedia.files.source import GuardedSource

_MAX_CHUNKS = 1_000
"""Enough for any real file; a made-up one cannot keep us busy."""
_RF64_SIZE = 0xFFFF_FFFF
"""What stands in for a size that needs more than 32 bits."""
_UNKNOWN_SIZES = (0xFFFF_FFFF, 0x7FFF_F000)
"""What ffmpeg (the first), sox and espeak-ng (the second) put when they write to a pipe."""
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE

_MAX_OGG_PAGE = 27 + 255 + 255 * 255
_END_OF_STREAM = 0x04


@dataclass(frozen=True, slots=True)
class WavData:
    """Where the samples of a WAV file are, and how the header is wrong about them."""

    size_at: int
    """Offset of the 32 bits that hold the size of the samples."""
    present_bytes: int
    """What there is from the samples' start to the end of the file."""
    never_finished: bool
    """The sizes were never filled in: whoever wrote the file was killed."""
    problem: str | None
    """How the file was cut short, or None when it was not."""


def find_wav_data(file: GuardedSource) -> WavData | None:
    """Find the samples of a RIFF or RF64 file; None where there are none or it is neither."""
    file.seek(0)
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return None
    riff_end = 8 + int.from_bytes(head[4:8], "little")
    long_size = instant_bytes = 0
    for _ in range(_MAX_CHUNKS):
        start = file.tell()
        name, size = file.read(4), int.from_bytes(file.read(4), "little")
        if name == b"data":
            present = file.size - start - 8
            claimed = long_size if size == _RF64_SIZE and long_size else size
            never_finished = claimed == 0 < present and riff_end <= start + 8
            problem = _wav_problem(claimed, present, instant_bytes, never_finished=never_finished)
            return WavData(start + 4, present, never_finished, problem)
        body = file.read(min(size, 28))
        if name == b"ds64":
            long_size = int.from_bytes(body[8:16], "little")
        elif name == b"fmt " and int.from_bytes(body[:2], "little") in (_PCM, _FLOAT, _EXTENSIBLE):
            instant_bytes = int.from_bytes(body[12:14], "little")
        file.seek(start + 8 + size + size % 2)
        if file.tell() >= file.size:
            break
    return None


def _wav_problem(
    claimed: int, present: int, instant_bytes: int, *, never_finished: bool
) -> str | None:
    if never_finished:
        return f"the header was never finished; the {present} bytes after it are taken for audio"
    if claimed not in _UNKNOWN_SIZES and claimed > present:
        return f"the header claims {claimed} bytes of audio, the file holds {present}"
    if instant_bytes and min(claimed, present) % instant_bytes:
        return f"the audio ends in the middle of a sample of {instant_bytes} bytes"
    return None


def find_ogg_problem(file: GuardedSource) -> str | None:
    """Why the end of an Ogg file is not the end of its audio; None when it is.

    Source: RFC 3533, section 6: the page header, its flags and its lacing table.
    """
    file.seek(max(0, file.size - _MAX_OGG_PAGE))
    tail = file.read(_MAX_OGG_PAGE)
    page = tail[tail.rfind(b"OggS") :]
    lacing = page[27 : 27 + page[26]] if len(page) > 26 else b""
    if not lacing or len(page) < 27 + len(lacing) + sum(lacing):
        return "the file ends in the middle of an Ogg page"
    if not page[5] & _END_OF_STREAM:
        return "the last Ogg page does not end the stream; the recording was cut off"
    return None


__all__ = ["WavData", "find_ogg_problem", "find_wav_data"]
