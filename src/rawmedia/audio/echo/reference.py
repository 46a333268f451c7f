"""What was played lately, by position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from rawmedia.audio.pcm import FloatSamples, Int16Samples

_QUIET: Final = 16
"""Peaks of up to so many steps of int16 (-66 dBFS) are no sound that would come back."""
_NEVER: Final = -(1 << 62)


class EchoReference:
    """A ring of the last samples that were played.

    Args:
        capacity: How many samples are kept.
    """

    __slots__ = ("_ring", "_started", "end", "loud_end")

    def __init__(self, capacity: int) -> None:
        self._ring = np.zeros(capacity, np.int16)
        self._started = False
        self.end = 0
        """The position after the newest sample."""
        self.loud_end = _NEVER
        """The position after the last sample that can be heard."""

    def reset(self) -> None:
        """Nothing was played yet."""
        self._ring[:] = 0
        self._started, self.end, self.loud_end = False, 0, _NEVER

    def write(self, samples: Int16Samples, position: int) -> None:
        """Take mono samples, ``(n,)``. What was left out is silence; what is told again is replaced."""
        ring = self._ring
        size = len(ring)
        if not self._started:
            self._started, self.end = True, position
        if position > self.end:
            self._silence(min(position - self.end, size), position)
        end = position + len(samples)
        if len(samples) > size:
            samples, position = samples[-size:], end - size
        if not len(samples) or end <= self.end - size:
            return
        at = position % size
        first = min(len(samples), size - at)
        ring[at : at + first] = samples[:first]
        ring[: len(samples) - first] = samples[first:]
        self.end = max(self.end, end)
        if int(samples.max()) > _QUIET or int(samples.min()) < -_QUIET:
            self.loud_end = max(self.loud_end, end)

    def read(self, start: int, out: FloatSamples) -> None:
        """Fill ``out`` with what was played from ``start`` on; silence where nothing is known."""
        size, count = len(self._ring), len(out)
        first, last = max(start, self.end - size), min(start + count, self.end)
        if last <= first:
            out[:] = 0
            return
        out[: first - start] = 0
        out[last - start :] = 0
        at = first % size
        until = min(last - first, size - at)
        out[first - start : first - start + until] = self._ring[at : at + until]
        out[first - start + until : last - start] = self._ring[: last - first - until]

    def _silence(self, samples: int, end: int) -> None:
        size = len(self._ring)
        at = (end - samples) % size
        first = min(samples, size - at)
        self._ring[at : at + first] = 0
        self._ring[: samples - first] = 0
        self.end = end


__all__ = ["EchoReference"]
