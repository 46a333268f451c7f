"""WAV files whose header is right while they are being written."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rawmedia.files.writer import AudioFileWriter

if TYPE_CHECKING:
    import os

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame

HEADER_BYTES = 80
_MAX_RIFF_BYTES = 0xFFFF_FFFF


def wav_header(format: AudioFormat, data_bytes: int) -> bytes:
    """The 80 bytes before the samples.

    Room for 64-bit sizes is kept in a chunk that readers skip. Past 4 GiB the header
    becomes RF64 in place, which libsndfile and ffmpeg read like WAV.

    Source: RIFF/WAVE PCM; EBU Tech 3306 v1.1 (2009), section 3, for RF64.
    """
    riff_bytes = HEADER_BYTES - 8 + data_bytes
    rate, instant = format.sample_rate, format.bytes_per_instant
    if riff_bytes <= _MAX_RIFF_BYTES:
        start = struct.pack("<4sI4s4sI28x", b"RIFF", riff_bytes, b"WAVE", b"JUNK", 28)
        data_size = data_bytes
    else:
        sizes = struct.pack("<QQQI", riff_bytes, data_bytes, data_bytes // instant, 0)
        start = struct.pack("<4sI4s4sI", b"RF64", _MAX_RIFF_BYTES, b"WAVE", b"ds64", 28) + sizes
        data_size = _MAX_RIFF_BYTES
    pcm = struct.pack("<HHIIHH", 1, format.num_channels, rate, rate * instant, instant, 16)
    return start + struct.pack("<4sI", b"fmt ", 16) + pcm + struct.pack("<4sI", b"data", data_size)


class WavWriter(AudioFileWriter):
    """16-bit PCM. A killed process loses no frame that ``write`` took.

    The sizes in the header are patched after every frame: it costs a few microseconds,
    and a header that claims less or more than there is makes players stop early or warn.
    """

    def __init__(self, path: str | os.PathLike[str], format: AudioFormat) -> None:
        super().__init__(path, format)
        self._sink.write(wav_header(format, 0))
        if self._sink.error is not None:
            self.close()
            self._check()

    def _append(self, frame: AudioFrame) -> None:
        self._sink.write(frame.data)
        self._patch()

    def _append_silence(self, samples: int) -> None:
        # A hole in the file reads as zeros, and an hour of it takes no room on the disk.
        self._sink.grow(samples * self._format.bytes_per_instant)
        self._patch()

    def _finish(self) -> None:
        self._patch()

    def _patch(self) -> None:
        self._sink.patch(0, wav_header(self._format, max(0, self._sink.size - HEADER_BYTES)))


__all__ = ["HEADER_BYTES", "WavWriter", "wav_header"]
