"""Linear PCM as carriers and files write it: 8 to 32 bits or float, either byte order, to and from int16.

What has more than 16 bits is rounded to the nearest int16, ties to even, and saturated: plainly
cutting bits off, as many programs do, would add half a step of offset. int16 in a wider type
is exact, so it comes back as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from rawmedia.audio.pcm import int16_samples, to_float32, to_int16
from rawmedia.codecs.waveform import WaveformDecoder
from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy.typing as npt

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples

PcmEncoding = Literal["u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be"]
"""Sign, bits and byte order of a sample, in the names of FFmpeg and SoX.

``u8`` is RTP's L8, with silence at 128; ``s16be`` and ``s24be`` are its L16 and L24 (RFC 3551,
sections 4.5.10 and 4.5.11; RFC 3190, section 4); floats have full scale at 1.0.
"""

_DTYPES: dict[str, np.dtype[Any]] = {
    "u8": np.dtype("u1"),
    "s16le": np.dtype("<i2"),
    "s16be": np.dtype(">i2"),
    "s24le": np.dtype("u1"),
    "s24be": np.dtype("u1"),
    "s32le": np.dtype("<i4"),
    "s32be": np.dtype(">i4"),
    "f32le": np.dtype("<f4"),
    "f32be": np.dtype(">f4"),
}
"""What numpy calls a sample; it has no integer of 24 bits, which are taken byte for byte."""
_NATIVE16 = np.dtype(np.int16)
_STEPS_OF_32_BITS = 2.0**-16


class LinearPcmEncoder:
    """int16 samples to payloads of linear PCM; it has no state.

    ``u8`` is the only encoding that rounds, to the nearest of its 256 steps, ties to even.

    Args:
        format: What it takes, and the channels and rate of the payload.
        encoding: How a sample is written.

    Raises:
        ConfigurationError: There is no such encoding.
    """

    __slots__ = ("_encoding", "_format")

    def __init__(self, format: AudioFormat, encoding: PcmEncoding = "s16le") -> None:
        _require_known(encoding)
        self._format, self._encoding = format, encoding

    @property
    def format(self) -> AudioFormat:
        """What it takes."""
        return self._format

    @property
    def encoding(self) -> PcmEncoding:
        """How a sample is written."""
        return self._encoding

    def encode(self, samples: Int16Samples) -> bytes:
        """Turn samples into one payload, channels interleaved.

        Args:
            samples: int16 of shape ``(samples_per_channel, num_channels)``, or
                ``(samples_per_channel,)`` for mono; any number.

        Raises:
            PayloadError: Another type or shape.
        """
        checked = int16_samples(samples, self._format.num_channels)
        return self._written(checked).tobytes()

    def reset(self) -> None:
        """Nothing to forget: each sample is encoded for itself."""

    def _written(self, samples: Int16Samples) -> npt.NDArray[Any]:
        encoding, dtype = self._encoding, _DTYPES[self._encoding]
        if encoding in ("s16le", "s16be"):
            return samples.astype(dtype, copy=False)
        if encoding == "u8":
            return _to_u8(samples)
        if encoding in ("s24le", "s24be"):
            return _to_s24(samples, encoding)
        if encoding in ("s32le", "s32be"):
            return (samples.astype(np.int32) << 16).astype(dtype, copy=False)
        return to_float32(samples).astype(dtype, copy=False)


class LinearPcmDecoder(WaveformDecoder):
    """Payloads of linear PCM to int16 samples; holes are filled by repeating the pitch period.

    A payload may be cut between any two instants; one that ends in the midst of a sample is refused
    whole, and so is one of floats with NaN or infinity among them.

    Args:
        format: What it gives, and the channels and rate of the payload.
        encoding: How a sample is written.

    Raises:
        ConfigurationError: There is no such encoding.
    """

    __slots__ = ("_dtype", "_encoding")

    def __init__(self, format: AudioFormat, encoding: PcmEncoding = "s16le") -> None:
        _require_known(encoding)
        self._encoding = encoding
        self._dtype = _DTYPES[encoding]
        super().__init__(format, int(encoding[1:].rstrip("lbe")) // 8)

    @property
    def encoding(self) -> PcmEncoding:
        """How a sample is written."""
        return self._encoding

    def _expanded(self, payload: bytes) -> Int16Samples:
        return self._to_int16(payload).reshape(-1, self._format.num_channels)

    def _to_int16(self, payload: bytes) -> Int16Samples:
        encoding = self._encoding
        raw: npt.NDArray[Any] = np.frombuffer(payload, self._dtype)
        if encoding in ("s16le", "s16be"):
            return raw.astype(_NATIVE16)
        if encoding == "u8":
            return (raw.astype(_NATIVE16) - 128) << 8
        if encoding in ("s24le", "s24be"):
            return _rounded(_from_s24(raw, encoding))
        if encoding in ("s32le", "s32be"):
            return _rounded(raw)
        return to_int16(raw.astype(np.float32, copy=False))


def _to_u8(samples: Int16Samples) -> npt.NDArray[np.uint8]:
    """The nearest of 256 steps, of which 128 is silence."""
    steps = samples.astype(np.float32)
    steps *= 2**-8
    np.rint(steps, out=steps)
    np.minimum(steps, 127, out=steps)
    steps += 128
    return steps.astype(np.uint8)


def _to_s24(samples: Int16Samples, encoding: PcmEncoding) -> npt.NDArray[np.uint8]:
    """Three bytes a sample, of which the lowest is 0."""
    wide = np.zeros((samples.size, 3), np.uint8)
    if encoding == "s24le":
        wide[:, 1:] = samples.astype("<i2").reshape(-1, 1).view(np.uint8)
    else:
        wide[:, :2] = samples.astype(">i2").reshape(-1, 1).view(np.uint8)
    return wide


def _from_s24(raw: npt.NDArray[np.uint8], encoding: PcmEncoding) -> npt.NDArray[np.int32]:
    """The same with a fourth byte below, so that it is 32 bits."""
    wide = np.zeros((len(raw) // 3, 4), np.uint8)
    if encoding == "s24le":
        wide[:, 1:] = raw.reshape(-1, 3)
        return wide.view("<i4")
    wide[:, :3] = raw.reshape(-1, 3)
    return wide.view(">i4")


def _rounded(samples: npt.NDArray[np.int32]) -> Int16Samples:
    """32 bits to 16, to the nearest, ties to even; in float64, which holds both exactly."""
    steps = samples.astype(np.float64)
    steps *= _STEPS_OF_32_BITS
    np.rint(steps, out=steps)
    # Only the positive end can be rounded to what is no int16.
    np.minimum(steps, 32_767, out=steps)
    return steps.astype(_NATIVE16)


def _require_known(encoding: str) -> None:
    if encoding not in _DTYPES:
        known = ", ".join(get_args(PcmEncoding))
        raise ConfigurationError("encoding", f"takes one of {known}, not {encoding!r}")


__all__ = ["LinearPcmDecoder", "LinearPcmEncoder", "PcmEncoding"]
