"""Making audio louder or softer, and changing one's mind about it without a click."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.format import AudioFormat
from rawmedia.audio.pcm import saturate
from rawmedia.errors import ConfigurationError, PayloadError

if TYPE_CHECKING:
    from rawmedia.audio.pcm import FloatSamples, Int16Samples

_INT16, _FLOAT32 = np.dtype(np.int16), np.dtype(np.float32)

MAX_GAIN_DB = 60.0
"""A factor of 1000; what wants more is no audio, or a mistake for a factor."""
MAX_RAMP_MS = 10_000.0
DEFAULT_RAMP_MS = 10.0
"""Short for the ear, and long enough that what a step would add in all frequencies is not heard."""


def amplitude_ratio(gain_db: float) -> float:
    """The factor that a gain is: ``10 ** (gain_db / 20)``, so 2 for 6.02 dB and 0 for ``-inf``."""
    return math.pow(10.0, gain_db / 20.0)


def decibels(ratio: float) -> float:
    """The gain that a factor is: ``20 * log10(ratio)``, and ``-inf`` for 0.

    Args:
        ratio: A quotient of amplitudes, 0 or more.
    """
    return 20.0 * math.log10(ratio) if ratio > 0 else -math.inf


def amplified(samples: Int16Samples, gain_db: float) -> Int16Samples:
    """The samples with one gain for all of them, rounded to the nearest step and saturated.

    Args:
        samples: int16 of any shape; comes back itself where the gain is 0 dB.
        gain_db: ``-inf`` (silence) to 60.

    Raises:
        ConfigurationError: The gain is out of range.
        PayloadError: The array is not int16.
    """
    ratio = _checked_ratio(gain_db)
    _require_int16(samples)
    return samples if ratio == 1 else scaled_int16(samples, np.float32(ratio), loudest=ratio)


def scaled_int16(
    samples: Int16Samples, factors: FloatSamples | np.float32, *, loudest: float
) -> Int16Samples:
    """int16 samples by float32 factors, rounded to even; saturated where ``loudest`` is above 1.

    Args:
        samples: int16; not checked.
        factors: One for all samples, or an array that numpy repeats to the shape of the samples.
        loudest: No factor is greater.
    """
    products = samples.astype(_FLOAT32)
    products *= factors
    if loudest > 1:
        return saturate(products)
    np.rint(products, out=products)
    return products.astype(_INT16)


class Gain:
    """One stream's gain, which moves to each new setting on a straight ramp.

    A new ``gain_db`` holds from the next sample on: the factor goes there in equal steps, from
    where it is, within ``ramp_ms``; a setting in the midst of a ramp begins the next ramp there.
    Any cut of the same input gives the same output, bit for bit. For one thread at a time.

    Args:
        sample_rate: Instants per second, 4000 to 192000.
        gain_db: What to begin with, ``-inf`` (mute) to 60.
        ramp_ms: How long a change takes, 0 (a step) to 10000.

    Raises:
        ConfigurationError: The gain or the ramp is out of range.
        UnsupportedFormatError: The sample rate is out of range.
    """

    __slots__ = ("_end", "_gain_db", "_position", "_ramp_ms", "_rate", "_size", "_start", "_step")

    def __init__(
        self, sample_rate: int, gain_db: float = 0.0, *, ramp_ms: float = DEFAULT_RAMP_MS
    ) -> None:
        AudioFormat(sample_rate)
        self._rate = sample_rate
        self._gain_db = gain_db
        self.ramp_ms = ramp_ms
        self._end = _checked_ratio(gain_db)
        self._start, self._step = self._end, np.float32(0)
        self._position = self._size = 0  # instants of the ramp that are done, and that it has

    @property
    def gain_db(self) -> float:
        """The gain that is set; until a ramp has ended, not yet the one that is heard."""
        return self._gain_db

    @gain_db.setter
    def gain_db(self, gain_db: float) -> None:
        end = _checked_ratio(gain_db)
        self._start = self._factor()
        self._gain_db, self._end = gain_db, end
        self._size = round(self._ramp_ms * self._rate / 1000) if end != self._start else 0
        self._step = np.float32((end - self._start) / max(1, self._size))
        self._position = 0

    @property
    def ramp_ms(self) -> float:
        """How long the next change will take."""
        return self._ramp_ms

    @ramp_ms.setter
    def ramp_ms(self, ramp_ms: float) -> None:
        if not 0 <= ramp_ms <= MAX_RAMP_MS:
            raise ConfigurationError("ramp_ms", f"takes 0 to {MAX_RAMP_MS:g}, not {ramp_ms:g}")
        self._ramp_ms = ramp_ms

    @property
    def settled(self) -> bool:
        """Whether no ramp is under way, so that ``gain_db`` is what is heard."""
        return self._position == self._size

    def push(self, samples: FloatSamples) -> FloatSamples:
        """Scale float32 samples, shape ``(n, num_channels)`` or ``(n,)``; no limit, no rounding.

        Returns:
            A new array, or the samples themselves where the gain is 0 dB.

        Raises:
            PayloadError: The array is not float32; nothing was taken.
        """
        if samples.dtype != np.float32 or not samples.ndim:
            raise PayloadError("float32 samples", f"an array of {samples.dtype}")
        if self.settled:
            return samples if self._end == 1 else samples * np.float32(self._end)
        return samples * self._ramp(len(samples)).reshape(-1, *(1,) * (samples.ndim - 1))

    def push_int16(self, samples: Int16Samples) -> Int16Samples:
        """Scale int16 samples, shape ``(n, num_channels)`` or ``(n,)``; rounded and saturated.

        Returns:
            A new array, or the samples themselves where the gain is 0 dB.

        Raises:
            PayloadError: The array is not int16; nothing was taken.
        """
        _require_int16(samples)
        if self.settled:
            if self._end == 1:
                return samples
            return scaled_int16(samples, np.float32(self._end), loudest=self._end)
        loudest = max(self._start, self._end)
        factors = self._ramp(len(samples)).reshape(-1, *(1,) * (samples.ndim - 1))
        return scaled_int16(samples, factors, loudest=loudest)

    def _factor(self) -> float:
        """What the last instant was multiplied by."""
        return self._end if self.settled else self._start + float(self._step) * self._position

    def _ramp(self, size: int) -> FloatSamples:
        """The factors of the next ``size`` instants, each computed from its place in the ramp."""
        first = self._position
        last = min(first + size, self._size)
        factors = np.empty(size, np.float32)
        ramp = factors[: last - first]
        np.multiply(np.arange(first + 1, last + 1, dtype=np.float32), self._step, out=ramp)
        ramp += np.float32(self._start)
        factors[last - first :] = self._end
        self._position = last
        return factors


def _checked_ratio(gain_db: float) -> float:
    """The factor of a gain that may be set."""
    if not gain_db <= MAX_GAIN_DB:  # nor is NaN
        raise ConfigurationError("gain_db", f"takes -inf to {MAX_GAIN_DB:g}, not {gain_db:g}")
    return amplitude_ratio(gain_db)


def _require_int16(samples: Int16Samples) -> None:
    if samples.dtype != np.int16 or not samples.ndim:
        raise PayloadError("int16 samples", f"an array of {samples.dtype}")


__all__ = ["MAX_GAIN_DB", "Gain", "amplified", "amplitude_ratio", "decibels", "scaled_int16"]
