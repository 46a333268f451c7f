"""Every codec by its name and by its static RTP payload type, and the making of its two ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawmedia.audio.format import AudioFormat
from rawmedia.errors import ConfigurationError, PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.codecs.codec import Decoder, Encoder
    from rawmedia.codecs.pcm import PcmEncoding


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec: what it is called on the wire, and how its encoder and decoder are made.

    The codec's module, and the library behind it, are loaded when an end is made.
    """

    name: str
    """The encoding name of IANA's registry, as in an SDP ``rtpmap``; compared without regard to case."""
    clock_rate: int
    """Ticks of an RTP timestamp per second, unless a session says otherwise."""
    num_channels: int
    """Channels that a session has unless it says otherwise."""
    payload_types: tuple[int, ...]
    """Its static RTP payload types (RFC 3551, table 4); empty where each session chooses one."""
    _count_ticks: Callable[[bytes, int], int]
    _sent_format: Callable[[AudioFormat, AudioFormat], AudioFormat]
    _make_encoder: Callable[[AudioFormat], Encoder]
    _make_decoder: Callable[[AudioFormat], Decoder]

    def ticks(self, payload: bytes, num_channels: int | None = None) -> int:
        """How long a payload lasts, in ticks of the clock; 0 where that can't be told.

        Args:
            payload: Any bytes.
            num_channels: What the session announced; None for what the codec has by default.
        """
        return self._count_ticks(payload, num_channels or self.num_channels)

    def encoder(self, format: AudioFormat | None = None) -> Encoder:
        """A new encoder for one stream.

        Args:
            format: What it takes; None for what the codec has by default.

        Raises:
            UnsupportedFormatError: The codec has no such rate or channels.
            MissingDependencyError: The codec's library is not installed.
        """
        return self._make_encoder(format or AudioFormat(self.clock_rate, self.num_channels))

    def decoder(
        self, wanted: AudioFormat | None = None, *, sent: AudioFormat | None = None
    ) -> Decoder:
        """A new decoder for one stream.

        Args:
            wanted: What the caller would like to get. A codec that can decode straight to it
                does, and saves a resampling; others give what was sent.
            sent: What the session announced; None for what the codec has by default.

        Raises:
            UnsupportedFormatError: The codec has no such rate or channels.
            MissingDependencyError: The codec's library is not installed.
        """
        sent = sent or AudioFormat(self.clock_rate, self.num_channels)
        return self._make_decoder(self._sent_format(sent, wanted or sent))


def codec_of_name(name: str) -> Codec:
    """The codec of this encoding name, such as ``"opus"`` or ``"PCMU"``; case does not matter.

    Raises:
        ConfigurationError: There is none; the text names those that there are.
    """
    found = _BY_NAME.get(name.casefold())
    if found is None:
        names = ", ".join(each.name for each in CODECS)
        raise ConfigurationError("name", f"one of {names}, not {name!r}")
    return found


def codec_of_payload_type(payload_type: int) -> Codec:
    """The codec whose static RTP payload type this is.

    Raises:
        ConfigurationError: It is no static type of a codec that is here; dynamic types (96 to
            127) mean what the session says, and `codec_of_name` finds that.
    """
    for each in CODECS:
        if payload_type in each.payload_types:
            return each
    raise ConfigurationError("payload_type", f"{payload_type} is no static type of a codec here")


def _bytes_per_sample(size: int) -> Callable[[bytes, int], int]:
    return lambda payload, num_channels: len(payload) // (size * num_channels)


def _opus_ticks(payload: bytes, _num_channels: int) -> int:
    from rawmedia.codecs.opus_packet import packet_samples

    try:
        return packet_samples(payload)
    except PayloadError:
        return 0


def _as_sent(sent: AudioFormat, _wanted: AudioFormat) -> AudioFormat:
    return sent


def _opus_format(_sent: AudioFormat, wanted: AudioFormat) -> AudioFormat:
    """Opus decodes to any of its rates, whatever was encoded: the least that loses nothing wanted."""
    rates = (8_000, 12_000, 16_000, 24_000, 48_000)
    rate = next((rate for rate in rates if rate >= wanted.sample_rate), rates[-1])
    return AudioFormat(rate, min(2, wanted.num_channels))


def _opus_encoder(format: AudioFormat) -> Encoder:
    from rawmedia.codecs.opus import OpusEncoder

    return OpusEncoder(format)


def _opus_decoder(format: AudioFormat) -> Decoder:
    from rawmedia.codecs.opus import OpusDecoder

    return OpusDecoder(format)


def _ulaw_encoder(format: AudioFormat) -> Encoder:
    from rawmedia.codecs.g711 import ULawEncoder

    return ULawEncoder(format)


def _ulaw_decoder(format: AudioFormat) -> Decoder:
    from rawmedia.codecs.g711 import ULawDecoder

    return ULawDecoder(format)


def _alaw_encoder(format: AudioFormat) -> Encoder:
    from rawmedia.codecs.g711 import ALawEncoder

    return ALawEncoder(format)


def _alaw_decoder(format: AudioFormat) -> Decoder:
    from rawmedia.codecs.g711 import ALawDecoder

    return ALawDecoder(format)


def _linear(
    encoding: PcmEncoding,
) -> tuple[Callable[[AudioFormat], Encoder], Callable[[AudioFormat], Decoder]]:
    def encoder(format: AudioFormat) -> Encoder:
        from rawmedia.codecs.pcm import LinearPcmEncoder

        return LinearPcmEncoder(format, encoding)

    def decoder(format: AudioFormat) -> Decoder:
        from rawmedia.codecs.pcm import LinearPcmDecoder

        return LinearPcmDecoder(format, encoding)

    return encoder, decoder


CODECS: tuple[Codec, ...] = (
    Codec("opus", 48_000, 2, (), _opus_ticks, _opus_format, _opus_encoder, _opus_decoder),
    Codec("PCMU", 8_000, 1, (0,), _bytes_per_sample(1), _as_sent, _ulaw_encoder, _ulaw_decoder),
    Codec("PCMA", 8_000, 1, (8,), _bytes_per_sample(1), _as_sent, _alaw_encoder, _alaw_decoder),
    # 10 is stereo, 11 mono (RFC 3551, table 4).
    Codec("L16", 44_100, 1, (10, 11), _bytes_per_sample(2), _as_sent, *_linear("s16be")),
    Codec("L24", 48_000, 1, (), _bytes_per_sample(3), _as_sent, *_linear("s24be")),
    Codec("L8", 8_000, 1, (), _bytes_per_sample(1), _as_sent, *_linear("u8")),
)
"""What there is; the names of linear PCM are RTP's, big endian (`rawmedia.codecs.pcm` has more)."""

_BY_NAME = {each.name.casefold(): each for each in CODECS}

__all__ = ["CODECS", "Codec", "codec_of_name", "codec_of_payload_type"]
