"""The spectra of what was played and heard, block by block, that an echo is sought and modelled with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rawmedia.audio.echo.fourier import powers, transform
from rawmedia.audio.pcm import INT16_SCALE

if TYPE_CHECKING:
    from rawmedia.audio.echo.fourier import Spectra
    from rawmedia.audio.echo.reference import EchoReference
    from rawmedia.audio.pcm import FloatSamples, Int16Samples

_STEP: Final = np.float32(1 / INT16_SCALE)


class EchoSpectra:
    """The last ``depth`` spectra of a reference that is read along with what is heard.

    Each is of two blocks, not windowed. Where a loudspeaker's clock and a microphone's differ, the
    place to read at slides by parts of a sample: whole samples by reading elsewhere, the rest by
    turning the phases.

    Args:
        reference: What was played.
        block: Samples per block.
        depth: How many of what was played are kept.
    """

    __slots__ = (
        "_block",
        "_powers",
        "_radians",
        "_ramp",
        "_reference",
        "_row",
        "_spectra",
        "_waves",
        "depth",
        "newest",
    )

    def __init__(self, reference: EchoReference, block: int, depth: int) -> None:
        self._reference, self._block, self.depth = reference, block, depth
        bins = block + 1
        self._waves = np.zeros((2, 2 * block), np.float32)
        self.newest: Spectra = np.zeros((2, bins), np.complex64)
        """Of what was played and of what was heard, ``(2, block + 1)``; overwritten by the next."""
        self._radians = (np.pi * np.arange(bins) / block).astype(np.float32)
        self._ramp = np.empty(bins, np.complex64)
        # Each is written twice, so that any run of them is one slice, newest first.
        self._spectra: Spectra = np.zeros((2 * depth, bins), np.complex64)
        self._powers = np.zeros((2 * depth, bins), np.float32)
        self._row = 0

    @property
    def heard(self) -> FloatSamples:
        """The last block that was heard, in [-1, 1)."""
        return self._waves[1, self._block :]

    def advance(self, samples: Int16Samples, start: float) -> None:
        """Go on by a block.

        Args:
            samples: What was heard, int16, ``(block,)``.
            start: Where the reference is read for it, in samples and parts of one.
        """
        block, waves, newest = self._block, self._waves, self.newest
        whole = round(start)
        self._reference.read(whole - block, waves[0])
        waves[0] *= _STEP
        waves[1, :block] = waves[1, block:]
        np.multiply(samples, _STEP, out=waves[1, block:])
        transform(waves, newest)
        spectrum = newest[0]
        if start != whole:
            spectrum *= self._turn(start - whole)
        self._row = row = (self._row - 1) % self.depth
        self._spectra[row] = self._spectra[row + self.depth] = spectrum
        self._powers[row] = self._powers[row + self.depth] = powers(spectrum)

    def latest(self, lag: int, count: int) -> tuple[Spectra, FloatSamples]:
        """``count`` spectra of what was played, from ``lag`` blocks ago backwards, and their powers."""
        first = self._row + lag
        return self._spectra[first : first + count], self._powers[first : first + count]

    def _turn(self, part: float) -> Spectra:
        """What reading ``part`` of a sample later does to a spectrum."""
        angles = self._radians * np.float32(part)
        np.cos(angles, out=self._ramp.real)
        np.sin(angles, out=self._ramp.imag)
        return self._ramp


__all__ = ["EchoSpectra"]
