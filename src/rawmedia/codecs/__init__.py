"""Payload bytes to samples and back. Nothing here waits, and nothing knows of packets or calls.

Each name is loaded when it is first used; libopus is, when the first Opus codec is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.codecs.catalog import CODECS, Codec, codec_of_name, codec_of_payload_type
    from rawmedia.codecs.codec import Decoder, Encoder
    from rawmedia.codecs.g711 import ALawDecoder, ALawEncoder, ULawDecoder, ULawEncoder
    from rawmedia.codecs.ogg import OggOpusDemuxer
    from rawmedia.codecs.ogg_muxer import OggOpusMuxer
    from rawmedia.codecs.ogg_opus import OggOpusDecoder, OggOpusEncoder
    from rawmedia.codecs.opus import OpusDecoder, OpusEncoder
    from rawmedia.codecs.opus_packet import OpusPacket, parse_packet
    from rawmedia.codecs.pcm import LinearPcmDecoder, LinearPcmEncoder

_HOMES = {
    "rawmedia.codecs.catalog": ("CODECS", "Codec", "codec_of_name", "codec_of_payload_type"),
    "rawmedia.codecs.codec": ("Decoder", "Encoder"),
    "rawmedia.codecs.g711": ("ALawDecoder", "ALawEncoder", "ULawDecoder", "ULawEncoder"),
    "rawmedia.codecs.ogg": ("OggOpusDemuxer",),
    "rawmedia.codecs.ogg_muxer": ("OggOpusMuxer",),
    "rawmedia.codecs.ogg_opus": ("OggOpusDecoder", "OggOpusEncoder"),
    "rawmedia.codecs.opus": ("OpusDecoder", "OpusEncoder"),
    "rawmedia.codecs.opus_packet": ("OpusPacket", "parse_packet"),
    "rawmedia.codecs.pcm": ("LinearPcmDecoder", "LinearPcmEncoder"),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "CODECS",
    "ALawDecoder",
    "ALawEncoder",
    "Codec",
    "Decoder",
    "Encoder",
    "LinearPcmDecoder",
    "LinearPcmEncoder",
    "OggOpusDecoder",
    "OggOpusDemuxer",
    "OggOpusEncoder",
    "OggOpusMuxer",
    "OpusDecoder",
    "OpusEncoder",
    "OpusPacket",
    "ULawDecoder",
    "ULawEncoder",
    "codec_of_name",
    "codec_of_payload_type",
    "parse_packet",
]
