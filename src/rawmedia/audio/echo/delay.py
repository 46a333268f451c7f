"""By how much an echo is late: phase correlation of what is heard with what was played, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from rawmedia.audio.echo.fourier import Spectra

_LOWEST_HZ, _HIGHEST_HZ = 250.0, 3_800.0
"""The band that telephones carry and loudspeakers play."""
_MEMORY: Final = np.float32(0.94)
"""How much a block counts by the next: about 16 blocks, 330 ms, are looked at."""
_LEAST: Final = 0.005
"""Likeness by chance, so that the first few blocks make no evidence."""
_HALF: Final = np.float32(0.5)
_FLOOR: Final = np.float32(3e-3)
"""A bin of a windowed block of noise at -80 dBFS, about: what is weaker has no phase to speak of."""


@dataclass(frozen=True, slots=True)
class EchoLag:
    """The lag, in whole blocks, at which what is heard is most like what was played."""

    blocks: int
    evidence: float
    """How like it is there, 0 to 1, times how much more than at other lags."""


class EchoDelay:
    """Correlates the phases of what comes in with those of what was played up to ``lags`` blocks ago.

    Only phases count, so that neither a loud vowel nor a room's resonance decides, and they are
    averaged over about 330 ms in which there was something to compare. Two speakers who have
    nothing to do with each other are alike to about the same small degree at every lag; an
    echo stands out at one.

    Source: C. Knapp and G. Carter, "The generalized correlation method for estimation of time
    delay", IEEE Trans. ASSP 24 (1976); the phase transform, here left in the frequency domain
    because a lag to the block is all that the adaptive filter needs.

    Args:
        sample_rate: Samples per second.
        block: Samples per block; spectra are of two blocks.
        lags: How many lags are looked at: 0 to ``lags - 1`` blocks.
    """

    __slots__ = (
        "_cross",
        "_lags",
        "_near",
        "_phasors",
        "_played",
        "_row",
        "_size",
        "_turned",
        "band",
    )

    def __init__(self, sample_rate: int, block: int, lags: int) -> None:
        width = sample_rate / (2 * block)
        top = min(_HIGHEST_HZ, 0.45 * sample_rate)
        # Under a Hann window neighbours say nearly the same, so every other one will do.
        self.band = range(max(1, round(_LOWEST_HZ / width)), round(top / width), 2)
        """Which bins of a spectrum of two blocks are looked at."""
        bins = len(self.band)
        self._lags = lags
        # Written twice, so that any run of lags is one slice, newest first.
        self._played: Spectra = np.zeros((2 * lags, bins), np.complex64)
        self._row = 0
        self._cross: Spectra = np.zeros((lags, bins), np.complex64)
        self._turned = np.empty_like(self._cross)
        self._phasors: Spectra = np.empty((2, bins), np.complex64)
        self._near = np.empty_like(self._phasors)
        self._size = np.empty((2, bins), np.float32)

    def reset(self) -> None:
        """Forget what was played and heard."""
        self._played[:] = 0
        self._cross[:] = 0
        self._row = 0

    def push(self, spectra: Spectra, *, heard: bool) -> None:
        """Take a block.

        Args:
            spectra: Of two blocks, the second of them the newest, not windowed: of what was played, and
                of what came in meanwhile; ``(2, block + 1)``.
            heard: Whether anything came in; what was played is taken in any case.
        """
        phasors = self._phases(spectra)
        played = self._played
        self._row = row = (self._row - 1) % self._lags
        np.conjugate(phasors[0], out=played[row])
        played[row + self._lags] = played[row]
        if heard:
            np.multiply(played[row : row + self._lags], phasors[1], out=self._turned)
            self._cross *= _MEMORY
            self._cross += self._turned

    def cross(self, lag: int, count: int) -> Spectra:
        """The averaged phases at ``count`` lags from one on, ``(count, bins)``; overwritten by the next."""
        return self._cross[lag : lag + count]

    def lag(self) -> EchoLag:
        """What the blocks so far say."""
        parts = self._cross.view(np.float32)
        # Phasors of length 1 in every block would make the square of the sum of all memory.
        scores = np.einsum("ij,ij->i", parts, parts) * ((1 - _MEMORY) ** 2 / self._cross.shape[1])
        best = int(scores.argmax())
        score, middle = float(scores[best]), float(np.sort(scores)[self._lags // 2])
        return EchoLag(best, score * score / (middle + _LEAST))

    def _phases(self, spectra: Spectra) -> Spectra:
        """The phases in the band, of spectra under a Hann window; overwritten by the next."""
        first, last, step = self.band.start, self.band.stop, self.band.step
        windowed, near, size = self._phasors, self._near, self._size
        # A Hann window is this sum of neighbours.
        np.add(
            spectra[:, first - 1 : last - 1 : step],
            spectra[:, first + 1 : last + 1 : step],
            out=near,
        )
        near *= _HALF
        np.subtract(spectra[:, first:last:step], near, out=windowed)
        np.abs(windowed, out=size)
        size += _FLOOR
        windowed /= size
        return windowed


__all__ = ["EchoDelay", "EchoLag"]
