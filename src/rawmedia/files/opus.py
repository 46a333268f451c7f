"""Ogg Opus files, the small ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.format import AudioFormat
from rawmedia.audio.pcm import from_bytes
from rawmedia.files.encoded import EncodedWriter

if TYPE_CHECKING:
    import os

    from rawmedia.audio.frame import AudioFrame

_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
# libsndfile 1.2.2 makes 256 kbit/s a channel of 0 and 6 of 1, linearly: about 24 kbit/s, where
# speech at full band is near transparent (RFC 6716, section 2.1.1).
_VOICE_COMPRESSION = 0.93


def opus_format(format: AudioFormat) -> AudioFormat:
    """The format that Opus is given for ``format``: the next rate up that it takes, or 48 kHz."""
    rates = (rate for rate in _OPUS_RATES if rate >= format.sample_rate)
    return AudioFormat(next(rates, _OPUS_RATES[-1]), format.num_channels)


class OpusWriter(EncodedWriter):
    """Opus for voice, about 24 kbit/s a channel; other rates than Opus takes are converted.

    A killed process loses the Ogg page in hand, at most 1.1 s; one killed before the first
    page, within the first 1.1 s, leaves a file without audio.

    Raises:
        UnsupportedFormatError: The rate cannot be converted; no file was made.
    """

    def __init__(self, path: str | os.PathLike[str], format: AudioFormat) -> None:
        encoded = opus_format(format)
        self._converter = FormatConverter(format, encoded)
        super().__init__(
            path,
            format,
            encoded=encoded,
            container="OGG",
            encoding="OPUS",
            compression_level=_VOICE_COMPRESSION,
        )

    def _append(self, frame: AudioFrame) -> None:
        self._encode_bytes(self._converter.push(frame))

    def _finish(self) -> None:
        self._encode_bytes(self._converter.flush())
        super()._finish()

    def _encode_bytes(self, data: bytes) -> None:
        if data:
            self._encode(from_bytes(data, self._format.num_channels))


__all__ = ["OpusWriter", "opus_format"]
