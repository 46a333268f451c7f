"""What a client says that its audio is: the WAV header at the start of every turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.format import AudioFormat
from rawmedia.errors import PacketError

if TYPE_CHECKING:
    import numpy.typing as npt

TICKS_PER_SECOND = 10_000_000
"""The service counts time in units of 100 ns."""
TICKS_PER_MS = 10_000

_PCM = 1
_HEADER = 12
_MAX_BYTE_RATE = 192_000 * 8 * 4


@dataclass(frozen=True, slots=True)
class UploadFormat:
    """How the bytes of an upload follow each other in time.

    The SDK passes on whatever it is given: PCM, but also μ-law (tag 7), A-law (6) and G.722.
    """

    tag: int
    """The format of a WAV header; 1 is PCM."""
    sample_rate: int
    num_channels: int
    block_bytes: int
    """What one instant of all channels takes, or the smallest piece of a compressed format."""
    byte_rate: int
    """Bytes of a second."""
    bits: int

    @property
    def block_rate(self) -> float:
        """Blocks of a second; for PCM the sample rate."""
        return self.byte_rate / self.block_bytes

    @property
    def pcm(self) -> AudioFormat | None:
        """The format of int16 samples; None where it is something else."""
        if (self.tag, self.bits) != (_PCM, 16):
            return None
        return AudioFormat(self.sample_rate, self.num_channels)

    def duration_ms(self, blocks: int) -> float:
        """How long so many blocks last."""
        return blocks * 1000 / self.block_rate

    def blocks(self, ticks: int) -> int:
        """The block that is nearest to a time in 100 ns."""
        return round(ticks * self.block_rate / TICKS_PER_SECOND)

    def array(self, data: bytes | bytearray) -> npt.NDArray[np.int16] | npt.NDArray[np.uint8]:
        """Bytes as int16 samples of shape ``(samples, num_channels)``, or as bytes, one block a row."""
        whole = memoryview(data)[: len(data) - len(data) % self.block_bytes]
        if self.pcm is not None:
            return np.frombuffer(whole, "<i2").reshape(-1, self.num_channels)
        return np.frombuffer(whole, np.uint8).reshape(-1, self.block_bytes)


SPEECH_UPLOAD = UploadFormat(_PCM, 16_000, 1, 2, 32_000, 16)
"""What counts until a client says something else."""


def read_upload_header(data: bytes) -> tuple[UploadFormat, bytes]:
    """Read the WAV header of an upload; its sizes are 0, as nobody knows them yet.

    Returns:
        The format, and what follows the header.

    Raises:
        PacketError: It is no such header, or one that makes no sense.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise PacketError("a WAV header", f"bytes that begin with {data[:4].hex(' ') or 'nothing'}")
    at, fmt = _HEADER, b""
    while len(data) >= at + 8:
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8
        if name == b"data":
            return _format(fmt), data[at:]
        if name == b"fmt ":
            fmt = data[at : at + size]
        at += size + size % 2
    raise PacketError("a WAV header with a data chunk", "none")


def wav_header(format: AudioFormat) -> bytes:
    """The header of int16 speech whose length is not known yet, as the service sends it."""
    align = format.bytes_per_instant
    return b"".join(
        (
            b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00",
            format.num_channels.to_bytes(2, "little"),
            format.sample_rate.to_bytes(4, "little"),
            (format.sample_rate * align).to_bytes(4, "little"),
            align.to_bytes(2, "little"),
            b"\x10\x00data\xff\xff\xff\xff",
        )
    )


def _format(fmt: bytes) -> UploadFormat:
    if len(fmt) < 16:
        raise PacketError("a format of 16 bytes in the WAV header", f"{len(fmt)} bytes")

    def number(start: int, end: int) -> int:
        return int.from_bytes(fmt[start:end], "little")

    upload = UploadFormat(
        tag=number(0, 2),
        num_channels=number(2, 4),
        sample_rate=number(4, 8),
        byte_rate=number(8, 12),
        block_bytes=number(12, 14),
        bits=number(14, 16),
    )
    if not 1 <= upload.block_bytes <= upload.byte_rate <= _MAX_BYTE_RATE:
        raise PacketError(
            "a WAV header of audio",
            f"{upload.block_bytes} bytes a block and {upload.byte_rate} a second",
        )
    if (upload.tag, upload.bits) == (_PCM, 16):
        sense = (
            4_000 <= upload.sample_rate <= 192_000
            and 1 <= upload.num_channels <= 8
            and upload.block_bytes == 2 * upload.num_channels
            and upload.byte_rate == upload.sample_rate * upload.block_bytes
        )
        if not sense:
            raise PacketError("a WAV header of int16 audio", f"numbers that do not fit: {upload}")
    return upload


__all__ = [
    "SPEECH_UPLOAD",
    "TICKS_PER_MS",
    "TICKS_PER_SECOND",
    "UploadFormat",
    "read_upload_header",
    "wav_header",
]
