"""Fourier transforms of float32 samples there and back, into arrays that are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from rawmedia.audio.pcm import FloatSamples

    Spectra = npt.NDArray[np.complex64]


def transform(waves: FloatSamples, out: Spectra) -> None:
    """Spectra of rows of an even number of samples: ``(..., 2 n)`` into ``(..., n + 1)``."""
    # numpy's stubs know of float64 alone.
    np.fft.rfft(waves, out=cast("Any", out))


def transform_back(spectra: Spectra, out: FloatSamples) -> None:
    """The rows that spectra are of: ``(..., n + 1)`` into ``(..., 2 n)``."""
    np.fft.irfft(spectra, out=cast("Any", out))


def powers(spectra: Spectra) -> FloatSamples:
    """Squared magnitudes; of the same shape."""
    squares = spectra.real**2
    squares += spectra.imag**2
    return squares


__all__ = ["powers", "transform", "transform_back"]
