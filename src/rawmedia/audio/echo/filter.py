"""The part of an echo that a linear echo path makes of what was played, learnt as the call goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rawmedia.audio.echo.fourier import powers as power_of
from rawmedia.audio.echo.fourier import transform, transform_back

if TYPE_CHECKING:
    from rawmedia.audio.echo.fourier import Spectra
    from rawmedia.audio.pcm import FloatSamples

_KEPT: Final = np.float32(0.99)
"""How much of the path is the same a block later (the square of the model's transition factor)."""
_PRIOR: Final = 0.6
"""Power gain that the first partition of an unknown path is taken to have."""
_PRIOR_FALL: Final = 10**-0.2
"""What each further partition has of the one before: a room of 600 ms, for 20 ms."""
_SMOOTHING: Final = np.float32(0.2)
"""How much a block counts in the smoothed spectrum of the error."""
_HALF: Final = np.float32(0.5)
_TINY: Final = np.float32(1e-9)


class EchoFilter:
    """A partitioned-block frequency-domain Kalman filter: learns fast, and stands still in double talk.

    The echo path is cut into ``partitions`` of one block. Each bin of each is a state that drifts at
    random; the error that is left, a near speaker included, is the noise of its measurement. So the
    step is large while the path is unknown and nobody else speaks, and goes to nothing
    while somebody does: no double-talk detector is needed.

    Source: G. Enzner and P. Vary, "Frequency-domain adaptive Kalman filter for acoustic echo
    control in hands-free telephones", Signal Processing 86 (2006); partitioned by F. Kuech,
    E. Mabande and G. Enzner, ICASSP 2014. The gradient constraint goes round the partitions.

    Args:
        block: Samples per block.
        partitions: Blocks that the path is long.
    """

    __slots__ = (
        "_block",
        "_drift",
        "_echo",
        "_left",
        "_next",
        "_noise",
        "_partitions",
        "_path",
        "_prior",
        "_rows",
        "_shares",
        "_spread",
        "_waves",
        "_work",
        "powers",
    )

    def __init__(self, block: int, partitions: int) -> None:
        self._block, self._partitions = block, partitions
        bins = block + 1
        self._path: Spectra = np.zeros((partitions, bins), np.complex64)
        self._spread = np.empty((partitions, bins), np.float32)
        # What the path's own drift adds to the spread, renewed in turn with the constraint.
        self._drift = np.empty((partitions, bins), np.float32)
        prior = _PRIOR * _PRIOR_FALL ** np.arange(partitions)
        self._prior = prior.astype(np.float32)[:, np.newaxis]
        self._noise = np.zeros(bins, np.float32)
        self._next = 0
        self.powers = np.zeros((3, bins), np.float32)
        """By bin, of the last block: of what is left of it, of its echo, and of the echo in it that is
        not known; ``(3, block + 1)``, overwritten by the next. Spectra of two blocks have the first two."""
        self._work: Spectra = np.empty((partitions, bins), np.complex64)
        self._shares = np.empty((partitions, bins), np.float32)
        self._rows: Spectra = np.empty((2, bins), np.complex64)
        self._waves = np.empty((2, 2 * block), np.float32)
        self._echo = np.empty(block, np.float32)
        self._left = np.empty(block, np.float32)
        self.reset()

    def reset(self) -> None:
        """Know nothing of the path."""
        self._path[:] = 0
        self._spread[:] = self._prior
        self._drift[:] = 0
        self._noise[:] = 0
        self._next = 0

    def step(
        self, played: Spectra, powers: FloatSamples, heard: FloatSamples
    ) -> tuple[FloatSamples, FloatSamples]:
        """Say what of a block is echo, and learn from what is left.

        Args:
            played: The spectra of what was played, ``(partitions, block + 1)``, the newest first:
                each of two blocks, the second of which is the one it stands for.
            powers: Their squared magnitudes.
            heard: The block that came in, ``(block,)``.

        Returns:
            The echo and what is left without it, ``(block,)`` each; overwritten by the next.
        """
        block, rows, waves = self._block, self._rows, self._waves
        # One transform there and one back serve both the echo and the constraint: each partition has
        # only a block of taps, and what has wrapped round in one of them is taken out.
        np.multiply(self._path, played, out=self._work)
        np.add.reduce(self._work, axis=0, out=rows[0])
        rows[1] = self._path[self._next]
        np.add(rows[0].real ** 2, rows[0].imag ** 2, out=self.powers[1])
        transform_back(rows, waves)
        self._echo[:] = waves[0, block:]
        np.subtract(heard, self._echo, out=self._left)
        waves[0, :block] = 0
        waves[0, block:] = self._left
        waves[1, block:] = 0
        transform(waves, rows)
        self._path[self._next] = rows[1]
        np.multiply(power_of(rows[1]), 1 - _KEPT, out=self._drift[self._next])
        self._next = (self._next + 1) % self._partitions
        self._learn(played, powers, rows[0])
        return self._echo, self._left

    def _learn(self, played: Spectra, powers: FloatSamples, left: Spectra) -> None:
        power, unsure, noise = self.powers[0], self.powers[2], self._noise
        np.add(left.real**2, left.imag**2, out=power)
        noise += (power - noise) * _SMOOTHING
        spread, work, shares = self._spread, self._work, self._shares
        np.multiply(spread, powers, out=shares)
        np.add.reduce(shares, axis=0, out=unsure)
        whole = np.maximum(noise, power)
        whole *= 2
        whole += unsure
        whole += _TINY
        inverse = np.reciprocal(whole, out=whole)
        # The step of each bin is what is unsure of the path by all that is unsure of the block.
        np.conjugate(played, out=work)
        work *= left * inverse
        work *= spread
        self._path += work
        # What the block tells makes the path surer, and its own drift less so.
        inverse *= -_HALF * _KEPT
        shares *= inverse
        shares += _KEPT
        spread *= shares
        spread += self._drift

    def strongest_tap(self) -> int:
        """Where the path is strongest, in samples from its start."""
        taps = np.fft.irfft(self._path, axis=1)[:, : self._block]
        return int(np.abs(taps).argmax())


__all__ = ["EchoFilter"]
