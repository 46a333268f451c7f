"""Whether what is left of a block without its echo is a voice, or only what the filter could not take out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from rawmedia.audio.pcm import FloatSamples

    Bands = npt.NDArray[np.float64]

_EDGES_HZ = (100, 300, 500, 700, 900, 1_200, 1_500, 1_900, 2_400, 3_000, 3_700, 4_600, 5_800, 7_000)
"""Bands as wide as a formant; each is judged for itself, because voices lie beside each other in them."""
_CLEAREST: Final = 4
"""How many bands decide: those that stand out most."""
_OPEN_DB: Final = 12.0
"""How far these must stand out on average in two blocks on end. On the seeded set of the tests at
9 dB echo passes in one call of two, at 15 dB words are lost that are as loud as the echo."""
_OPEN_AT_ONCE_DB: Final = 16.0
"""And in one block."""
_HOLD: Final = 10
"""Blocks that the gate stays open after the last clear one: the soft ends of words."""
_MEMORY: Final = 0.1
"""How much a block counts in the mean that powers vary around."""
_LEARNING: Final = 0.05
"""How much a block counts in what the powers of echo and remainder have in common, at most."""
# Arrays without dimensions are passed on faster than numbers.
_LEAST_LEAK, _MOST_LEAK = np.array(0.003), np.array(1.0)
_NONE, _ALL = np.array(0.0), np.array(1.0)
_UNSURE: Final = 0.3
"""How much of what the filter is unsure of is taken for echo."""
_REVERB: Final = 10**-0.25
"""What is left of an echo a block later: a room of 480 ms."""
_NOISE_RISE: Final = 10 ** (0.3 * 0.02)
"""A steady noise is followed upwards by 3 dB a second, from the least that was heard: between syllables,
and within a band sooner, a voice falls to it."""
_NOISE_MARGIN: Final = 2.0
_FLOOR: Final = 1e-4 / 320
"""What is always taken for noise in a band, per sample of a block: about -78 dBFS."""


class EchoGate:
    """Opens for a voice, closes on echo alone: three reasons why a remainder may be echo are added up.

    In each band what is left is compared with the echo that can be in it: what leaks through the
    filter, learnt from how the powers of echo and remainder rise and fall together; what the filter
    itself is unsure of, which is nearly all while it begins to learn; and steady noise. Where four bands
    stand out, somebody speaks.

    Source: the leakage by regression of power fluctuations is that of J.-M. Valin, "On adjusting the
    learning rate in frequency domain echo cancellation with double-talk", IEEE Trans. ASLP 15 (2007).

    Args:
        sample_rate: Samples per second.
        block: Samples per block.
    """

    __slots__ = (
        "_changes",
        "_edges",
        "_expected",
        "_floor",
        "_held",
        "_last_db",
        "_means",
        "_moments",
        "_noise",
        "expects",
    )

    def __init__(self, sample_rate: int, block: int) -> None:
        edges = [hz for hz in _EDGES_HZ if hz < 0.45 * sample_rate]
        self._edges = np.rint(np.array(edges) * (2 * block / sample_rate)).astype(np.intp)
        bands = len(edges)
        self._floor = _FLOOR * block
        self._means: Bands = np.empty((2, bands))
        self._changes: Bands = np.empty((2, bands))
        # How the powers of remainder and echo vary together, and how the echo's varies.
        self._moments: Bands = np.empty((2, bands))
        self._expected: Bands = np.empty(bands)
        self._noise: Bands = np.empty(bands)
        self._held = 0
        self._last_db = 0.0
        self.expects = False
        """Whether there can be echo in what was left."""
        self.reset()

    def reset(self) -> None:
        """Know nothing: the first block is the least that was heard."""
        self._noise[:] = np.inf
        self.lose()

    def lose(self) -> None:
        """Know nothing of how much echo is left; the noise is what it was."""
        tiny = self._floor
        self._means[:] = tiny
        self._moments[:] = tiny * tiny
        self._expected[:] = 0
        self._held, self._last_db, self.expects = 0, 0.0, False

    def push(self, powers: FloatSamples) -> bool:
        """Judge a block.

        Args:
            powers: By bin, as `EchoFilter.powers` has them.

        Returns:
            Whether the gate is open.
        """
        bands: Bands = np.add.reduceat(powers, self._edges, axis=1, dtype=np.float64)
        # An echo's spectrum is of twice the samples, and so has twice the power.
        bands[1:] *= 0.5
        left, echo, unsure = bands
        expected = self._leak(bands[:2])
        expected *= echo
        expected += unsure * _UNSURE
        # A room rings on after the last word that was played.
        self._expected *= _REVERB
        np.maximum(expected, self._expected, out=self._expected)
        self._noise *= _NOISE_RISE
        np.minimum(self._noise, left, out=self._noise)
        known = self._noise * _NOISE_MARGIN
        known += self._expected
        known += self._floor
        left += self._floor
        left /= known
        left.sort()
        margin_db = 10 / _CLEAREST * math.log10(math.prod(left[-_CLEAREST:].tolist()))
        last_db, self._last_db = self._last_db, margin_db
        if margin_db > _OPEN_AT_ONCE_DB or min(margin_db, last_db) > _OPEN_DB:
            self._held = _HOLD
        elif self._held:
            self._held -= 1
        self.expects = bool(self._expected.max() > self._floor)
        return self._held > 0

    def _leak(self, bands: Bands) -> Bands:
        """How much of the echo's power is left in each band: of what is left and of the echo."""
        changes, moments = np.subtract(bands, self._means, out=self._changes), self._moments
        self._means += _MEMORY * changes
        # Where much more is left than there was echo, somebody speaks, and little can be learnt.
        share = bands[1] / (bands[0] + self._floor)
        np.minimum(share, _ALL, out=share)
        share *= _LEARNING
        changes *= changes[1].copy()
        np.maximum(changes, _NONE, out=changes)
        changes -= moments
        changes *= share
        moments += changes
        leak: Bands = moments[0] / (moments[1] + self._floor**2)
        np.maximum(leak, _LEAST_LEAK, out=leak)
        np.minimum(leak, _MOST_LEAK, out=leak)
        return leak


__all__ = ["EchoGate"]
