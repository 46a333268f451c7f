"""The grid of 10 ms that voice activity is decided on, however the audio is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rawmedia.errors import (
    ConfigurationError,
    PayloadError,
)

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples

DECISION_MS: Final = 10
"""How much audio each decision is about; to the nearest sample, where the rate is no multiple of 100."""


class DecisionBlocks:
    """Cuts audio into the blocks that decisions are about, on a grid from the stream's start."""

    __slots__ = ("_channels", "_pending", "size")

    def __init__(self, format: AudioFormat) -> None:
        self.size = format.samples(DECISION_MS)
        self._channels = format.num_channels
        self.reset()

    def reset(self) -> None:
        """Begin the grid anew."""
        self._pending = np.zeros((0, self._channels), np.int16)

    def push(self, samples: Int16Samples) -> Int16Samples:
        """The blocks that are whole now, shape ``(blocks, size, num_channels)``."""
        if samples.dtype != np.int16:
            raise PayloadError("int16 samples", f"an array of {samples.dtype}")
        if samples.ndim == 1 and self._channels == 1:
            samples = samples.reshape(-1, 1)
        if samples.ndim != 2 or samples.shape[1] != self._channels:
            raise PayloadError(
                f"an array of shape (n, {self._channels})", f"one of {samples.shape}"
            )
        if len(self._pending):
            samples = np.concatenate((self._pending, samples))
        rest = len(samples) % self.size
        if rest or len(self._pending):
            self._pending = samples[len(samples) - rest :].copy()
        return samples[: len(samples) - rest].reshape(-1, self.size, self._channels)


def check_setting(setting: str, value: float, least: float, most: float) -> None:
    """Raise a `ConfigurationError` for a setting that is out of its range."""
    if not least <= value <= most:
        raise ConfigurationError(setting, f"from {least:g} to {most:g}, not {value}")


__all__ = ["DECISION_MS", "DecisionBlocks", "check_setting"]
