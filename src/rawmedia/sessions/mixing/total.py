"""The sum of what a listener hears in one frame: voices, some of them lowered, saturated once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.gain import scaled_int16
from rawmedia.audio.pcm import saturate, saturate_whole

if TYPE_CHECKING:
    from rawmedia.audio.pcm import FloatSamples, Int16Samples

_INT16, _FLOAT32 = np.dtype(np.int16), np.dtype(np.float32)


class MixSum:
    """Voices of one shape, collected and then added. For one thread at a time.

    A lowered one is rounded to int16 by itself, so up to the saturation the sum of these and of
    untouched ones is one of whole numbers: exact, in whatever order and on whatever processor.
    """

    __slots__ = ("_blends", "_lowered", "_voices")

    def __init__(self) -> None:
        self._voices: list[Int16Samples] = []
        self._lowered: list[tuple[Int16Samples, np.float32]] = []
        self._blends: list[FloatSamples] = []

    def add(self, part: Int16Samples | FloatSamples) -> None:
        """Add a voice; a float32 one is in the units of int16."""
        if part.dtype is _INT16 or part.dtype == _INT16:
            self._voices.append(part)  # type: ignore[arg-type]  # which is what was asked
        else:
            self._blends.append(part)  # type: ignore[arg-type]

    def add_lowered(self, samples: Int16Samples, factor: np.float32) -> None:
        """Add a voice that is multiplied by one factor of at most 1."""
        self._lowered.append((samples, factor))

    def total(self) -> Int16Samples | None:
        """All voices as one; one that is alone and untouched as it is; None where there is none."""
        voices, lowered, blends = self._voices, self._lowered, self._blends
        if not blends and len(voices) + len(lowered) < 2:
            if lowered:
                return scaled_int16(*lowered[0], loudest=1)
            return voices[0] if voices else None
        if not blends:
            return saturate_whole(self._whole())
        # A copy, because what is saturated is overwritten, and a blend may be somebody's.
        total = self._whole() if voices or lowered else blends.pop().copy()
        for blend in blends:
            total += blend
        return saturate(total)

    def _whole(self) -> FloatSamples:
        """The voices that are int16, in float32."""
        if len(self._voices) == len(self._lowered) == 1:
            # An original beneath its translation, which nearly every frame with two voices is.
            original, factor = self._lowered[0]
            total = original.astype(_FLOAT32)
            total *= factor
            np.rint(total, out=total)
            # To add int16 to float32 takes numpy longer than both steps.
            total += self._voices[0].astype(_FLOAT32)
            return total
        voices = [*self._voices, *(samples for samples, _ in self._lowered)]
        factors = [factor for _, factor in self._lowered]
        rows = np.concatenate(voices, dtype=_FLOAT32).reshape(len(voices), -1)
        if factors:
            lowered = rows[len(self._voices) :]
            if factors.count(factors[0]) == len(factors):
                lowered *= factors[0]
            else:
                lowered *= np.array(factors).reshape(-1, 1)
            np.rint(lowered, out=lowered)
        # A product with ones is the fastest sum, and exact: BLAS may add in any order.
        mixed: FloatSamples = np.dot(_ones(len(voices)), rows)
        return mixed.reshape(voices[0].shape)


@lru_cache(maxsize=64)
def _ones(size: int) -> FloatSamples:
    return np.ones(size, np.float32)


__all__ = ["MixSum"]
