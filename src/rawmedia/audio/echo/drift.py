"""How fast an echo's delay slides, where the clocks of loudspeaker and microphone differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from rawmedia.audio.echo.fourier import Spectra

MAX_PPM: Final = 500.0
"""The furthest that a pair of clocks is followed; each crystal is within 100."""
_EVERY: Final = 25
"""Blocks between two looks: half a second."""
_REACH, _STEP = 4.0, 0.1
"""Samples that the delay may have moved by between two looks, and how fine it is sought."""
_DEAD: Final = 0.05
"""Samples that a look may be off by where nothing moves; at 16 kHz 6 ppm."""
_CLEAR: Final = 0.4
"""The share of the correlation that must agree on one move."""
_LARGE: Final = 0.4
"""A move of so many samples between two looks is followed at once."""
_FIRST_LOOKS: Final = 4
_FAST, _SLOW = 0.7, 0.2
"""The share of a move that is corrected: at first, and once it is known."""


class EchoDrift:
    """Compares the cross-spectra of half a second ago with those of now: all phases turn by the same time.

    Args:
        block: Samples per block.
        band: Which bins of a spectrum of two blocks the cross-spectra hold.
    """

    __slots__ = ("_block", "_blocks", "_looks", "_moves", "_past", "_turns", "rate")

    def __init__(self, block: int, band: range) -> None:
        self._block = block
        self._moves = np.arange(-_REACH, _REACH + _STEP / 2, _STEP)
        angles = np.pi * np.array(band) / block
        self._turns = np.exp(-1j * np.outer(self._moves, angles)).astype(np.complex64)
        self._past: Spectra | None = None
        self._blocks = self._looks = 0
        self.rate = 0.0
        """Samples that the place to read at gains per sample; 1e-6 is one ppm."""

    def reset(self) -> None:
        """Take the clocks for the same."""
        self.rate = 0.0
        self._looks = 0
        self.forget()

    def forget(self) -> None:
        """The delay has jumped: nothing to compare with, while the clocks are what they were."""
        self._past = None
        self._blocks = 0

    def push(self, cross: Spectra) -> None:
        """Take the averaged cross-spectra around the echo's lag, once a block."""
        self._blocks += 1
        if self._blocks % _EVERY:
            return
        past, self._past = self._past, cross.copy()
        if past is None:
            return
        turned = (np.conjugate(past) * cross).sum(axis=0)
        # The magnitudes, so that a share of 1 means: all agree.
        size = float((np.abs(past) * np.abs(cross)).sum())
        agreed = (self._turns @ turned).real
        best = int(agreed.argmax())
        if not 0 < best < len(agreed) - 1 or agreed[best] <= _CLEAR * size:
            return
        before, here, after = (float(each) for each in agreed[best - 1 : best + 2])
        move = float(self._moves[best]) + _STEP / 2 * (before - after) / (before - 2 * here + after)
        if abs(move) <= _DEAD:
            return
        share = _FAST if self._looks < _FIRST_LOOKS or abs(move) > _LARGE else _SLOW
        self._looks += 1
        limit = MAX_PPM * 1e-6
        self.rate = min(limit, max(-limit, self.rate + share * move / (_EVERY * self._block)))


__all__ = ["MAX_PPM", "EchoDrift"]
