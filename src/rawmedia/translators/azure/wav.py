"""Synthesized speech as the service sends it: a WAV header, then samples, cut anywhere."""

from __future__ import annotations

from rawmedia.audio.format import AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import PayloadError, UnsupportedFormatError

# A header that is longer than this is none; the service's has 44 bytes.
_MAX_HEADER_BYTES = 4_096
_PCM = 1
_EXTENSIBLE = 0xFFFE
"""WAVE_FORMAT_EXTENSIBLE; its sub-format begins with the plain tag (RFC 2361, KSDATAFORMAT)."""


def is_wav(data: bytes) -> bool:
    """Whether the bytes begin a WAV file."""
    return data[:4] == b"RIFF" and data[8:12] == b"WAVE"


class WavReader:
    """Turns the bytes of one WAV file into frames as they come.

    The sizes in the header are not looked at: while it streams the service doesn't know
    them. All that follows the start of the data chunk is samples.
    """

    def __init__(self) -> None:
        self._format: AudioFormat | None = None
        self._rest = b""
        """Of the header while it is incomplete, then of a sample."""
        self._position = 0

    def feed(self, data: bytes) -> AudioFrame | None:
        """Take the next bytes; give the whole samples that are there, or None.

        ``position`` counts from the first sample of the file.

        Raises:
            PayloadError: The bytes are no WAV file.
            UnsupportedFormatError: It is one, of something else than int16 PCM.
        """
        data = self._rest + data
        if self._format is None:
            start = self._read_header(data)
            if start is None:
                self._rest = data
                return None
            data = data[start:]
        assert self._format is not None
        whole = len(data) - len(data) % self._format.bytes_per_instant
        self._rest = data[whole:]
        if not whole:
            return None
        frame = AudioFrame(data[:whole], self._format, self._position)
        self._position = frame.end
        return frame

    def _read_header(self, data: bytes) -> int | None:
        """Where the samples start, or None while that is not known."""
        if len(data) >= 12 and not is_wav(data):
            raise PayloadError("a WAV header", f"bytes that begin with {data[:4].hex(' ')}")
        at = 12
        fmt: bytes | None = None
        while len(data) >= at + 8:
            name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
            at += 8
            if name == b"data":
                self._format = _format(fmt)
                return at
            if name == b"fmt ":
                fmt = data[at : at + size]
            at += size + size % 2  # chunks start at even offsets
        if max(at, len(data)) > _MAX_HEADER_BYTES:
            raise PayloadError("a WAV header", "one without an end")
        return None


def _format(fmt: bytes | None) -> AudioFormat:
    if fmt is None or len(fmt) < 16:
        raise PayloadError("a WAV header that tells the format", "one that doesn't")
    tag, channels = int.from_bytes(fmt[:2], "little"), int.from_bytes(fmt[2:4], "little")
    sample_rate, bits = int.from_bytes(fmt[4:8], "little"), int.from_bytes(fmt[14:16], "little")
    if tag == _EXTENSIBLE:
        tag = int.from_bytes(fmt[24:26], "little")
    if (tag, bits) != (_PCM, 16):
        raise UnsupportedFormatError("16-bit PCM", f"{bits}-bit audio of WAV format {tag:#06x}")
    return AudioFormat(sample_rate, channels)


__all__ = ["WavReader", "is_wav"]
