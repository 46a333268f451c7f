"""G.711, the codec of the telephone network: one byte a sample, by μ-law or by A-law.

Decoding is ITU-T G.711 (11/88), tables 1a to 2b, bit for bit. Encoding is that of the ITU-T's
software tool library, G.191 (STL, module G711), from 16-bit samples: a negative sample is taken as
its one's complement, so that -1 is the mirror of 0. Other encoders round negative samples to other
sides: 508 of 65536 μ-law codes differ from Sun's (which CPython's audioop had), by one step.

All of it is done by tables, which are made when the first codec is.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rawmedia.audio.format import TELEPHONY
from rawmedia.audio.pcm import byte_view, int16_samples
from rawmedia.codecs.waveform import WaveformDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples, PCMBytes

    Codes = npt.NDArray[np.uint8]

ULAW_SILENCE = 0xFF
"""The code of 0, with which a packet without audio is filled."""
ALAW_SILENCE = 0xD5
"""The code of 8, the least positive value; A-law has no 0."""

_UINT8 = np.dtype(np.uint8)
_ULAW_BIAS = 33
"""What is added to a 14-bit magnitude, so that each segment begins at a power of two."""
_SIGN = 0x80
_ALAW_INVERSION = 0x55
"""Every second bit of A-law is inverted on the line, so that silence has edges to synchronise to."""


class _Encoder:
    """An `Encoder` by a table of 65536 codes; it has no state."""

    __slots__ = ("_format", "_num_channels", "_take")

    def __init__(self, codes: Codes, format: AudioFormat) -> None:
        self._take = codes.take
        self._format, self._num_channels = format, format.num_channels

    @property
    def format(self) -> AudioFormat:
        """What it takes."""
        return self._format

    def encode(self, samples: Int16Samples) -> bytes:
        """Turn samples into one payload, a byte for each, channels interleaved.

        Args:
            samples: int16 of shape ``(samples_per_channel, num_channels)``, or
                ``(samples_per_channel,)`` for mono; any number.

        Raises:
            PayloadError: Another type or shape.
        """
        # A negative sample counts from the end of the table, which is where its code stands.
        return self._take(int16_samples(samples, self._num_channels)).tobytes()

    def reset(self) -> None:
        """Nothing to forget: each sample is encoded for itself."""


class _Decoder(WaveformDecoder):
    """A decoder by a table of 256 values."""

    __slots__ = ("_take",)

    def __init__(self, values: Int16Samples, format: AudioFormat) -> None:
        super().__init__(format, 1)
        self._take = values.take

    def _expanded(self, payload: bytes) -> Int16Samples:
        # Cheaper than `frombuffer` and a new shape after it.
        shape = len(payload) // self._instant_bytes, self._instant_bytes
        return self._take(np.ndarray(shape, _UINT8, payload))


class ULawEncoder(_Encoder):
    """Samples to μ-law, as North America and Japan use it (RTP payload type 0, ``PCMU``).

    Args:
        format: What it takes; the telephone's is 8000 Hz mono, and others are encoded likewise.
    """

    __slots__ = ()

    def __init__(self, format: AudioFormat = TELEPHONY) -> None:
        super().__init__(_codes(ulaw_codes), format)


class ULawDecoder(_Decoder):
    """μ-law to samples of at most ±32124; holes are filled by repeating the pitch period.

    Args:
        format: What it gives; one byte of payload is one sample of one channel of it.
    """

    __slots__ = ()

    def __init__(self, format: AudioFormat = TELEPHONY) -> None:
        super().__init__(_values(ulaw_values), format)


class ALawEncoder(_Encoder):
    """Samples to A-law, as the rest of the world uses it (RTP payload type 8, ``PCMA``).

    Args:
        format: What it takes; the telephone's is 8000 Hz mono, and others are encoded likewise.
    """

    __slots__ = ()

    def __init__(self, format: AudioFormat = TELEPHONY) -> None:
        super().__init__(_codes(alaw_codes), format)


class ALawDecoder(_Decoder):
    """A-law to samples of at most ±32256; holes are filled by repeating the pitch period.

    Args:
        format: What it gives; one byte of payload is one sample of one channel of it.
    """

    __slots__ = ()

    def __init__(self, format: AudioFormat = TELEPHONY) -> None:
        super().__init__(_values(alaw_values), format)


def ulaw_to_alaw(payload: PCMBytes) -> bytes:
    """A μ-law payload as A-law, without samples in between; any length.

    Each code becomes that of the value it stands for, and the sign is kept: both zeros of μ-law
    become the value next to zero on their side.

    Raises:
        PayloadError: ``payload`` is no contiguous buffer.
    """
    return _translated(payload, _transcoding(ulaw_values, alaw_codes))


def alaw_to_ulaw(payload: PCMBytes) -> bytes:
    """An A-law payload as μ-law, likewise.

    Raises:
        PayloadError: ``payload`` is no contiguous buffer.
    """
    return _translated(payload, _transcoding(alaw_values, ulaw_codes))


def ulaw_values() -> Int16Samples:
    """What each of the 256 μ-law codes stands for, in 16-bit steps (G.711, tables 2a and 2b)."""
    codes = ~np.arange(256, dtype=np.uint8)  # the line carries them inverted
    segment, step = codes >> 4 & 7, codes & 15
    # 14 bits: in segment s, 16 steps of 2**(s + 1) from the power of two 32 << s on, each
    # standing for its middle.
    magnitude = ((2 * step.astype(np.int32) + 33) << segment) - _ULAW_BIAS
    return _signed(magnitude << 2, negative=codes & _SIGN)


def alaw_values() -> Int16Samples:
    """What each of the 256 A-law codes stands for, in 16-bit steps (G.711, tables 1a and 1b)."""
    codes = np.arange(256, dtype=np.uint8) ^ _ALAW_INVERSION
    segment, step = (codes >> 4 & 7).astype(np.int32), codes & 15
    # 13 bits: segment 0 has the steps of segment 1, and begins at 0 instead of a power of two.
    middle = 2 * step.astype(np.int32) + np.where(segment, 33, 1)
    return _signed(middle << np.maximum(segment, 1) - 1 << 3, negative=~codes & _SIGN)


def ulaw_codes() -> Codes:
    """The μ-law code of every int16, at the place that its bits have as uint16 (G.191)."""
    samples = _every_int16()
    magnitude = (np.where(samples < 0, ~samples, samples) >> 2) + _ULAW_BIAS
    magnitude = np.minimum(magnitude, 0x1FFF)
    segment = _bits(magnitude) - 6
    code = segment << 4 | (magnitude >> segment + 1 & 15) | np.where(samples < 0, _SIGN, 0)
    codes: Codes = np.invert(code.astype(np.uint8))  # the line carries them inverted
    return codes


def alaw_codes() -> Codes:
    """The A-law code of every int16, at the place that its bits have as uint16 (G.191)."""
    samples = _every_int16()
    magnitude = np.where(samples < 0, ~samples, samples) >> 4
    segment = np.maximum(_bits(magnitude) - 4, 0)
    code = segment << 4 | (magnitude >> np.maximum(segment - 1, 0) & 15)
    code |= np.where(samples < 0, 0, _SIGN)
    codes: Codes = np.bitwise_xor(code, _ALAW_INVERSION).astype(np.uint8)
    return codes


def _every_int16() -> npt.NDArray[np.int32]:
    return np.arange(65_536).astype(np.uint16).view(np.int16).astype(np.int32)


def _bits(magnitude: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """How many binary digits each number has."""
    return np.frexp(magnitude.astype(np.float64))[1].astype(np.int32)


def _signed(magnitude: npt.NDArray[np.int32], negative: npt.NDArray[Any]) -> Int16Samples:
    return np.where(negative, -magnitude, magnitude).astype(np.int16)


@cache
def _values(of_law: Callable[[], Int16Samples]) -> Int16Samples:
    values = of_law()
    values.flags.writeable = False
    return values


@cache
def _codes(of_law: Callable[[], Codes]) -> Codes:
    codes = of_law()
    codes.flags.writeable = False
    return codes


@cache
def _transcoding(values: Callable[[], Int16Samples], codes: Callable[[], Codes]) -> bytes:
    """The code in one law for each in another; the negative half mirrors the positive one."""
    positive = _codes(codes)[np.abs(_values(values))]
    sign = np.arange(256, dtype=np.uint8) & _SIGN  # in both laws the sign bit is set for positive
    return (positive & 0x7F | sign).tobytes()


def _translated(payload: PCMBytes, table: bytes) -> bytes:
    held = payload if type(payload) is bytes else bytes(byte_view(payload))
    return held.translate(table)


__all__ = [
    "ALAW_SILENCE",
    "ULAW_SILENCE",
    "ALawDecoder",
    "ALawEncoder",
    "ULawDecoder",
    "ULawEncoder",
    "alaw_codes",
    "alaw_to_ulaw",
    "alaw_values",
    "ulaw_codes",
    "ulaw_to_alaw",
    "ulaw_values",
]
