"""FLAC files whose header is right while they are being written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.files.encoded import EncodedWriter
from rawmedia.files.sink import GuardedSink

if TYPE_CHECKING:
    import os

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame

# RFC 9639: "fLaC", a block header of 4 bytes and STREAMINFO, whose bytes 0 and 1 are the size
# of a block and whose last 36 bits before the MD5 sum are the number of samples (8.2).
_STREAMINFO_AT = 4
_BLOCK_SIZE = slice(4, 6)
_TOTAL_SAMPLES_AT = 21
# The 4 bits before that number in its first byte are the low bits of (16 bits per sample) - 1.
_BITS_PER_SAMPLE = 0xF0
# 9.1: sync code, and the bit that says that every block but the last has the same size.
_BLOCK_SYNC = b"\xff\xf8"


class FlacSink(GuardedSink):
    """A sink that sees the encoder's blocks pass; libFLAC hands over each in one piece."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._block_samples = 0
        self.samples = 0
        """Samples per channel in the blocks that are in the file, the last one taken as full."""

    def write(self, data: bytes | memoryview) -> int:
        """Write all of ``data``, or on an error none of it."""
        start = self.tell()
        written = super().write(data)
        if written and start == _STREAMINFO_AT:
            self._block_samples = int.from_bytes(data[_BLOCK_SIZE], "big")
        elif written and data[:2] == _BLOCK_SYNC:
            self.samples += self._block_samples
        return written


class FlacWriter(EncodedWriter):
    """Lossless. A killed process loses the block in hand, at most 4096 samples.

    That is 512 ms at 8 kHz, 256 ms at 16 kHz and 85 ms at 48 kHz. The number of samples in
    the header follows the blocks: FLAC allows a 0 for "unknown" while writing, but
    libsndfile then misses the end of the file.
    """

    _sink: FlacSink

    def __init__(self, path: str | os.PathLike[str], format: AudioFormat) -> None:
        super().__init__(path, format, encoded=format, container="FLAC", encoding="PCM_16")
        self._claimed = 0

    def _open_sink(self) -> FlacSink:
        return FlacSink(self._path)

    def _append(self, frame: AudioFrame) -> None:
        super()._append(frame)
        if self._sink.samples > self._claimed:
            self._claim(self._sink.samples)

    def _finish(self) -> None:
        super()._finish()
        # libFLAC has written the true header itself, unless the disk kept it from that.
        if self._sink.error is not None:
            self._claim(min(self._sink.samples, self._position))

    def _claim(self, samples: int) -> None:
        number = samples.to_bytes(5, "big")
        self._sink.patch(_TOTAL_SAMPLES_AT, bytes([_BITS_PER_SAMPLE | number[0]]) + number[1:])
        self._claimed = samples


__all__ = ["FlacWriter"]
