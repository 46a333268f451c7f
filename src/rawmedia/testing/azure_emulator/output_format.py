"""The formats in which a client may have its speech, by the service's names of them.

Source: https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech#audio-outputs
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rawmedia.audio.format import AudioFormat
from rawmedia.errors import UnsupportedFormatError
from rawmedia.testing.azure_emulator.upload_format import wav_header

if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.codecs.ogg_opus import OggOpusEncoder

_NAME = re.compile(
    r"(?P<container>raw|riff|ogg)-(?P<rate>8|16|22050|24|44100|48)(?P<unit>khz|hz)-"
    r"(?P<bits>8|16)bit-mono-(?P<coding>pcm|mulaw|alaw|opus)"
)


class SpeechEncoder(Protocol):
    """Turns the frames of one speech into the bytes of a format."""

    def push(self, frame: AudioFrame) -> bytes:
        """The next bytes."""
        ...

    def end(self) -> bytes:
        """The last bytes."""
        ...


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """One of the formats."""

    container: str
    """raw, riff or ogg."""
    coding: str
    """pcm, mulaw, alaw or opus."""
    format: AudioFormat
    """In which speech is made for it."""

    def encoder(self) -> SpeechEncoder:
        """A new encoder for one speech.

        Raises:
            UnsupportedFormatError: This needs a codec that isn't there.
        """
        if self.coding == "opus":
            return _opus_encoder(self.format)
        if self.coding == "pcm":
            return _Linear(wav_header(self.format) if self.container == "riff" else b"")
        return _Companded(self.coding)


def output_format(name: str) -> OutputFormat:
    """The format with a name such as "raw-16khz-16bit-mono-pcm".

    Raises:
        UnsupportedFormatError: There is none, or the emulator doesn't have it.
    """
    match = _NAME.fullmatch(name.lower())
    expected = "raw or riff PCM, 8-bit mu-law or A-law at 8 kHz, or Ogg Opus"
    if match is None:
        raise UnsupportedFormatError(expected, repr(name[:60]))
    rate = int(match["rate"]) * (1000 if match["unit"] == "khz" else 1)
    container, coding, bits = match["container"], match["coding"], match["bits"]
    fits = (
        (coding == "pcm" and bits == "16" and container != "ogg")
        or (coding in {"mulaw", "alaw"} and (bits, rate, container) == ("8", 8_000, "raw"))
        or (coding == "opus" and (bits, container) == ("16", "ogg"))
    )
    if not fits or not 8_000 <= rate <= 48_000:
        raise UnsupportedFormatError(expected, repr(name))
    return OutputFormat(container, coding, AudioFormat(rate))


class _Linear:
    """PCM, after a header if there is one."""

    def __init__(self, header: bytes) -> None:
        self._header = header

    def push(self, frame: AudioFrame) -> bytes:
        header, self._header = self._header, b""
        return header + bytes(frame)

    def end(self) -> bytes:
        return b""


class _Companded:
    """Eight bits for sixteen."""

    def __init__(self, law: str) -> None:
        try:
            from rawmedia.codecs.g711 import ALawEncoder, ULawEncoder

            self._encoder = ULawEncoder() if law == "mulaw" else ALawEncoder()
        except ImportError as error:
            raise UnsupportedFormatError("PCM", f"{law}, which this installation lacks") from error

    def push(self, frame: AudioFrame) -> bytes:
        return self._encoder.encode(frame.samples)

    def end(self) -> bytes:
        return b""


def _opus_encoder(format: AudioFormat) -> SpeechEncoder:
    try:
        from rawmedia.codecs.ogg_opus import OggOpusEncoder

        return _OggOpus(OggOpusEncoder(format))
    except ImportError as error:
        raise UnsupportedFormatError("PCM", "Opus, which this installation lacks") from error


class _OggOpus:
    """Opus in pages of Ogg."""

    def __init__(self, encoder: OggOpusEncoder) -> None:
        self._encoder = encoder

    def push(self, frame: AudioFrame) -> bytes:
        return self._encoder.push(frame.samples)

    def end(self) -> bytes:
        return self._encoder.end()


__all__ = ["OutputFormat", "SpeechEncoder", "output_format"]
