"""What the tests measure of a tone that went through a sound card."""

from __future__ import annotations

from typing import Any

import numpy as np

_LOUD = 500
"""The tones have an amplitude of thousands."""
_BLOCK_MS = 5.0
"""One and a half periods of the lowest tone: within a tone each block has a loud sample."""


def pitch_hz(samples: np.ndarray[Any, Any], rate: float) -> float:
    """The frequency of a tone, by its zero crossings, to far less than a thousandth over seconds; 0 of silence."""
    mono = samples[:, 0].astype(float)
    up = np.flatnonzero((mono[:-1] < 0) & (mono[1:] >= 0))
    if len(up) < 2:
        return 0.0
    exact = up - mono[up] / (mono[up + 1] - mono[up])
    return float((len(exact) - 1) / (exact[-1] - exact[0]) * rate)


def sounding(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The part from the first loud sample to the last."""
    loud = np.flatnonzero(np.abs(samples[:, 0].astype(int)) > _LOUD)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def holes_ms(samples: np.ndarray[Any, Any], rate: float) -> float:
    """Silence in the midst of a tone."""
    size = round(rate * _BLOCK_MS / 1000)
    mono = np.abs(sounding(samples)[:, 0].astype(int))
    blocks = mono[: len(mono) // size * size].reshape(-1, size)
    return _BLOCK_MS * float((blocks.max(axis=1) <= _LOUD).sum())
