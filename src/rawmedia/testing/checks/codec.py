"""Whether an encoder and a decoder keep every promise of the codec protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.codecs.catalog import Codec
from rawmedia.errors import ConfigurationError
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.codec_trial import CodecTrial
from rawmedia.testing.checks.decoding import DECODER_CHECKS
from rawmedia.testing.checks.encoding import ENCODER_CHECKS
from rawmedia.testing.checks.holes import HOLE_CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.codecs.codec import Decoder, Encoder
    from rawmedia.testing.checks.check import Report

CODEC_CHECKS: CheckList[CodecTrial] = CheckList(ENCODER_CHECKS, DECODER_CHECKS, HOLE_CHECKS)
"""All promises of a codec, in the order in which they are checked."""


async def check_codec(
    codec: Codec | Callable[[], Encoder],
    decoder_factory: Callable[[], Decoder] | None = None,
    *,
    audio: AudioFrame | None = None,
    frame_ms: float = 20.0,
    only: str | None = None,
) -> Report:
    """Put every promise of a codec's encoder and decoder to the test.

    ::

        asyncio.run(check_codec(MyEncoder, MyDecoder))
        asyncio.run(check_codec(codec_of_name("opus")))

    Args:
        codec: One of the catalogue's, or what makes an encoder.
        decoder_factory: Makes a decoder of what that encoder makes; not where a codec is given.
        audio: What is encoded, in the encoder's format: half a second or more, loud all along and
            without background noise. By default the loud parts of what sounds like speech.
        frame_ms: How much of it goes into a payload.
        only: The name of the one check to run, as in ``CODEC_CHECKS.names``.

    Raises:
        BrokenPromiseError: The first promise that was not kept; it says how to see it.
        ConfigurationError: There is nothing that makes a decoder, the audio is in another
            format than the encoder's or shorter than ten frames, or there is no such check.
    """
    if isinstance(codec, Codec):
        trial = CodecTrial(lambda: codec.encoder(), lambda: codec.decoder(), audio, frame_ms)
    elif decoder_factory is None:
        raise ConfigurationError(
            "decoder_factory", "needed where no codec of the catalogue is given"
        )
    else:
        trial = CodecTrial(codec, decoder_factory, audio, frame_ms)
    return await CODEC_CHECKS.run(trial, only)


__all__ = ["CODEC_CHECKS", "check_codec"]
