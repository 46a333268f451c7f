"""Synthesized speech in the forms that it can be asked for, turned into frames as the bytes come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from rawmedia.audio.frame import AudioFrame
from rawmedia.codecs.g711 import ALawDecoder, ULawDecoder
from rawmedia.codecs.ogg_opus import OggOpusDecoder
from rawmedia.errors import ConfigurationError, PayloadError
from rawmedia.translators.azure.wav import WavReader, is_wav

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.audio.format import AudioFormat

Encoding: TypeAlias = Literal["pcm", "opus", "mulaw", "alaw"]
"""How speech comes over the network: 16-bit samples, Ogg Opus at a tenth of their size, or the
telephone's eight bits."""

# https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech#audio-outputs
# The SDK has WAV too, but asks the service for the bare samples then and puts a header before
# every message of them (seen with 1.53), so there is nothing to win.
_NAMES: dict[tuple[str, int], str] = {
    **{("pcm", khz * 1_000): f"raw-{khz}khz-16bit-mono-pcm" for khz in (8, 16, 24, 48)},
    **{("pcm", rate): f"raw-{rate}hz-16bit-mono-pcm" for rate in (22_050, 44_100)},
    **{("opus", khz * 1_000): f"ogg-{khz}khz-16bit-mono-opus" for khz in (16, 24, 48)},
    ("mulaw", 8_000): "raw-8khz-8bit-mono-mulaw",
    ("alaw", 8_000): "raw-8khz-8bit-mono-alaw",
}
_SNIFFED_BYTES = 12
# Decoded in one go; a packet of two bytes can be 120 ms of sound.
_OPUS_SLICE_BYTES = 1_024


def output_name(encoding: Encoding, format: AudioFormat) -> str:
    """The service's name of an output format.

    Raises:
        ConfigurationError: It has none such.
    """
    name = _NAMES.get((encoding, format.sample_rate)) if format.num_channels == 1 else None
    if name is None:
        has = ", ".join(str(rate) for known, rate in sorted(_NAMES) if known == encoding)
        if not has:
            raise ConfigurationError("encoding", f"pcm, opus, mulaw or alaw, not {encoding!r}")
        raise ConfigurationError(
            "format", f"Azure speaks {encoding} in mono at {has} Hz, not {format}"
        )
    return name


class SpeechReader:
    """Reads what requests are answered with, one answer after the other, as one speech.

    What comes decides, not what was asked for: a WAV header is read wherever one comes, Ogg
    Opus is decoded, and anything else is what was asked for.

    Args:
        encoding: What was asked for.
        format: Likewise; also what Opus is decoded to.
    """

    def __init__(self, encoding: Encoding, format: AudioFormat) -> None:
        self._encoding: Encoding = encoding
        self._format = format
        self._position = 0
        self._law = ULawDecoder(format) if encoding == "mulaw" else ALawDecoder(format)
        self._head: bytes | None = b""
        """What came before it was clear what it is; None when it is."""
        self._rest = b""
        self._wav: WavReader | None = None
        self._ogg: OggOpusDecoder | None = None

    def read(self, data: bytes) -> Iterator[AudioFrame]:
        """Take the next bytes, cut anywhere; give the whole samples that are there.

        Raises:
            AudioError: They are no audio of a kind that is read here.
        """
        if self._head is not None:
            self._head += data
            if len(self._head) < _SNIFFED_BYTES:
                return
            data, self._head = self._head, None
            self._begin(data)
        yield from self._frames(data)

    def end(self) -> Iterator[AudioFrame]:
        """The answer is over; give the rest. What comes next is the next answer.

        Raises:
            AudioError: As ``read``.
        """
        if self._head:
            self._begin(self._head)
            yield from self._frames(self._head)
        if self._ogg is not None:
            yield from self._placed(AudioFrame(self._ogg.end(), self._format))
        self._head, self._rest = b"", b""
        self._wav = self._ogg = None

    def _begin(self, data: bytes) -> None:
        if is_wav(data):
            self._wav = WavReader()
        elif data[:4] == b"OggS" or self._encoding == "opus":
            self._ogg = OggOpusDecoder(self._format)

    def _frames(self, data: bytes) -> Iterator[AudioFrame]:
        if self._wav is not None:
            # The SDK may put a header before every message.
            if is_wav(data):
                self._wav = WavReader()
            frame = self._wav.feed(data)
            if frame is not None:
                yield from self._placed(frame)
        elif self._ogg is not None:
            for at in range(0, len(data), _OPUS_SLICE_BYTES):
                samples = self._ogg.push(data[at : at + _OPUS_SLICE_BYTES])
                yield from self._placed(AudioFrame(samples, self._format))
        elif self._encoding == "pcm":
            data = self._rest + data
            whole = len(data) - len(data) % self._format.bytes_per_instant
            self._rest = data[whole:]
            yield from self._placed(AudioFrame(data[:whole], self._format))
        elif data:
            yield from self._placed(AudioFrame(self._law.decode(data), self._format))

    def _placed(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """The frame where it belongs, if there is anything in it."""
        if not frame.samples_per_channel:
            return
        if self._position and frame.format != self._format:
            raise PayloadError(f"speech in {self._format}", f"{frame.format} in the middle of it")
        self._format = frame.format
        frame = frame.at(self._position)
        self._position = frame.end
        yield frame


__all__ = ["Encoding", "SpeechReader", "output_name"]
