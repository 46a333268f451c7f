"""Samples as numbers: int16, float32, interleaved bytes, and how many channels they have."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rawmedia.errors import PayloadError

if TYPE_CHECKING:
    import numpy.typing as npt

    Int16Samples = npt.NDArray[np.int16]
    FloatSamples = npt.NDArray[np.float32]
    PCMBytes = bytes | bytearray | memoryview
    """Interleaved little-endian int16 samples."""

INT16_SCALE = 32_768.0
"""What 1.0 is in int16: -1.0 is its least value, and 1.0 itself saturates at 32767."""
_INT16, _LITTLE = np.dtype(np.int16), np.dtype("<i2")
# Arrays without dimensions are passed on faster than scalars.
_STEP = np.array(1 / INT16_SCALE, np.float32)
_LOWEST, _HIGHEST = np.array(-32_768, np.float32), np.array(32_767, np.float32)


def to_int16(samples: npt.NDArray[Any]) -> Int16Samples:
    """Turn an array from outside into int16 samples of the same shape.

    Args:
        samples: Of any shape. int16, which comes back as it is, not copied; or float32 or float64 in
            [-1, 1], rounded to the nearest step, ties to even, and saturated beyond.

    Raises:
        PayloadError: The array has another type, or holds NaN or infinity.
    """
    if samples.dtype == np.int16:
        return samples
    if samples.dtype not in (np.float32, np.float64):
        raise PayloadError("an array of int16, float32 or float64", f"one of {samples.dtype}")
    if not all_finite(samples):
        raise PayloadError("finite samples", "NaN or infinity among them")
    # Clipped before it is scaled: what is finite here might not be after.
    scaled: npt.NDArray[np.floating[Any]] = samples.clip(-1.0, 32_767 / INT16_SCALE)
    np.multiply(scaled, INT16_SCALE, out=scaled)
    np.rint(scaled, out=scaled)
    return scaled.astype(np.int16)


def all_finite(samples: npt.NDArray[np.floating[Any]]) -> bool:
    """Whether no sample is NaN or infinite; for any shape and floating type."""
    # A sum of squares takes one pass and no memory. Where it overflows, the samples may be finite
    # all the same and are looked at one by one; `vdot`, unlike `dot`, does not warn of that.
    if np.vdot(samples, samples) < np.inf:
        return True
    # A search through the bytes costs half of what `.all()` does.
    return b"\0" not in np.isfinite(samples).tobytes()


def to_float32(samples: Int16Samples) -> FloatSamples:
    """int16 samples as float32 in [-1, 1), of the same shape; exact, and `to_int16` inverts it."""
    floats = samples.astype(np.float32)
    floats *= _STEP
    return floats


def saturate(scaled: FloatSamples) -> Int16Samples:
    """Round samples that are in int16 units already; ``scaled`` is overwritten.

    Args:
        scaled: Finite float32 where 32767.0 is full scale; ties are rounded to even.
    """
    # The method costs less than `np.clip`, and than a maximum and a minimum.
    scaled.clip(_LOWEST, _HIGHEST, out=scaled)
    np.rint(scaled, out=scaled)
    return scaled.astype(_INT16)


def saturate_whole(sums: FloatSamples) -> Int16Samples:
    """The same for whole numbers, of which none has to be rounded; ``sums`` is overwritten."""
    sums.clip(_LOWEST, _HIGHEST, out=sums)
    return sums.astype(_INT16)


def int16_samples(samples: npt.NDArray[Any], num_channels: int) -> Int16Samples:
    """An array as the int16 samples that it should hold: ``(samples_per_channel, num_channels)``.

    Args:
        samples: int16 of that shape, or ``(samples_per_channel,)`` for mono; not copied.
        num_channels: How many channels they should have.

    Raises:
        PayloadError: The array is not int16, or has another shape.
    """
    try:
        dtype = samples.dtype
    except AttributeError:
        raise PayloadError("an array of int16 samples", type(samples).__name__) from None
    if dtype != _INT16:
        raise PayloadError("int16 samples", f"an array of {dtype}")
    if samples.ndim == 2 and samples.shape[1] == num_channels:
        return samples
    if samples.ndim == 1 and num_channels == 1:
        return samples.reshape(-1, 1)
    raise PayloadError(f"an array of shape (n, {num_channels})", f"one of {samples.shape}")


def byte_view(data: PCMBytes) -> memoryview:
    """Any contiguous buffer as a flat read-only view of its bytes.

    Raises:
        PayloadError: It is no buffer, or one with holes.
    """
    try:
        view = memoryview(data)
    except TypeError:
        raise PayloadError("bytes, a buffer or a numpy array", type(data).__name__) from None
    if not view.c_contiguous:
        raise PayloadError("a contiguous buffer", "one with holes")
    # A shape with a zero in it, such as an empty array's, cannot be cast.
    return view.cast("B").toreadonly() if view.nbytes else memoryview(b"")


def from_bytes(data: PCMBytes, num_channels: int) -> Int16Samples:
    """Interleaved int16 as a read-only array ``(samples_per_channel, num_channels)``, not a copy.

    Raises:
        PayloadError: The bytes end in the middle of a sample, or are no contiguous buffer.
    """
    held = data if type(data) is bytes else byte_view(data)
    if len(held) % (2 * num_channels):
        raise PayloadError(f"whole samples of {2 * num_channels} bytes", f"{len(held)} bytes")
    return np.frombuffer(held, _LITTLE).reshape(-1, num_channels)


def to_bytes(samples: Int16Samples) -> bytes:
    """An array ``(samples_per_channel, num_channels)`` as interleaved little-endian bytes."""
    # Nearly always little-endian already, which costs more to find out otherwise.
    if samples.dtype is not _LITTLE:
        samples = samples.astype(_LITTLE, copy=False)
    return samples.tobytes()


def mix_down(samples: Int16Samples, num_channels: int) -> FloatSamples:
    """Average channels, so that fewer are left and a voice in all of them stays as loud.

    Target channel ``c`` of ``m`` is the mean of the source channels ``c``, ``c + m``,
    ``c + 2 m``, and so on; mono is the mean of all.

    Args:
        samples: Shape ``(samples_per_channel, source channels)``.
        num_channels: Target channels, no more than the source has.

    Returns:
        Shape ``(samples_per_channel, num_channels)``, not rounded, in the units of int16;
        `saturate` rounds them.
    """
    members, shares = _mix(samples.shape[1], num_channels)
    # Sums of a few int16 are exact in float32, so BLAS may add in any order.
    mixed: FloatSamples = np.dot(samples.astype(np.float32), members)
    mixed *= shares
    return mixed


@lru_cache(maxsize=64)
def _mix(sources: int, targets: int) -> tuple[FloatSamples, FloatSamples]:
    """Ones where a source channel (row) is part of a target (column), and 1 / how many are."""
    members = np.equal.outer(np.arange(sources) % targets, np.arange(targets)).astype(np.float32)
    return members, (1 / members.sum(axis=0)).astype(np.float32)


def mix_up(samples: Int16Samples, num_channels: int) -> Int16Samples:
    """Repeat channels in their order until there are as many: mono becomes the same in all.

    Args:
        samples: Shape ``(samples_per_channel, source channels)``.
        num_channels: Target channels, no fewer than the source has.

    Returns:
        Shape ``(samples_per_channel, num_channels)``.
    """
    return samples[:, np.arange(num_channels) % samples.shape[1]]


__all__ = [
    "INT16_SCALE",
    "all_finite",
    "byte_view",
    "from_bytes",
    "int16_samples",
    "mix_down",
    "mix_up",
    "saturate",
    "saturate_whole",
    "to_bytes",
    "to_float32",
    "to_int16",
]
