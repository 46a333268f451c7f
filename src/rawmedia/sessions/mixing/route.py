"""Which way a voice takes into a listener's channels, how loud, and changing both without a click."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from rawmedia.audio.gain import amplitude_ratio

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import FloatSamples, Int16Samples

Way = Literal["off", "through", "left", "right"]
"""Unheard; each channel where it was; the mean of all channels on the first, or on the second."""
FADE_MS = 10.0
"""How long a change takes; short for the ear, and long enough not to be heard as a click."""


class Route:
    """A voice's way into the listener's channels: a matrix, and the straight line to the next one.

    For one thread at a time.

    Args:
        format: The listener's.
        way: Where to begin.
        gain_db: How much louder the voice is made.
    """

    __slots__ = ("_end", "_fade", "_identity", "_position", "_start", "silent")

    def __init__(self, format: AudioFormat, way: Way, gain_db: float = 0.0) -> None:
        self._fade = self._position = max(1, format.samples(FADE_MS))
        self._identity = _matrix("through", format.num_channels, 0.0)
        self._end = self._start = _matrix(way, format.num_channels, gain_db)
        self.silent = not self._end.any()
        """Whether nothing passes, so that nobody need bring any."""

    def turn(self, way: Way, gain_db: float = 0.0) -> None:
        """Take another way from the next sample on, within `FADE_MS`."""
        end = _matrix(way, len(self._end), gain_db)
        if end is self._end:
            return
        share = np.float32(self._position / self._fade)
        self._start = self._start + share * (self._end - self._start)
        self._end, self._position = end, 0
        self.silent = False

    def settle(self) -> None:
        """Be there at once: while there is nothing to hear no click is."""
        if self._position != self._fade:
            self._position = self._fade
            self.silent = not self._end.any()

    def push(self, samples: Int16Samples) -> Int16Samples | FloatSamples | None:
        """Send a voice on its way.

        Args:
            samples: int16 of shape ``(n, num_channels)``, in the listener's format.

        Returns:
            The samples themselves where nothing is to be done; a new float32 array in the units
            of int16, neither rounded nor limited; None where nothing passes.
        """
        if self._position == self._fade:
            if self._end is self._identity:
                return samples
            return None if self.silent else _sent(samples.astype(np.float32), self._end)
        voice = samples.astype(np.float32)
        before = _sent(voice, self._start)
        after = _sent(voice, self._end)
        size = len(samples)
        first, last = self._position + 1, min(self._position + size, self._fade)
        shares = np.ones((size, 1), np.float32)
        shares[: last + 1 - first, 0] = np.arange(first, last + 1) / np.float32(self._fade)
        if last == self._fade:
            self.settle()
        else:
            self._position = last
        after -= before
        after *= shares
        after += before
        return after


def _sent(voice: FloatSamples, matrix: FloatSamples) -> FloatSamples:
    sent: FloatSamples = voice * matrix[0, 0] if len(matrix) == 1 else np.dot(voice, matrix)
    return sent


@lru_cache(maxsize=256)
def _matrix(way: Way, channels: int, gain_db: float) -> FloatSamples:
    """What a row of samples is multiplied by; the same object for the same arguments."""
    matrix = np.zeros((channels, channels), np.float32)
    if way == "through":
        np.fill_diagonal(matrix, 1)
    elif way != "off":
        matrix[:, 0 if way == "left" else 1] = 1 / channels
    matrix *= np.float32(amplitude_ratio(gain_db))
    matrix.flags.writeable = False
    return matrix


__all__ = ["FADE_MS", "Route", "Way"]
