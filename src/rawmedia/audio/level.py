"""How loud audio is: peak and root mean square in dBFS, of a stretch or as a meter shows it.

0 dBFS is the level of a sine that just reaches full scale, for peak and root mean square alike, as
AES17 and IEC 61606 define it; a square wave at full scale therefore has +3.01 dBFS. So one test
tone reads the same on both scales, and on the meters that sound engineers and telephone people
(ITU-T G.100.1) own. Software often takes the square wave for 0 instead, and so does RTP (dBov,
RFC 6464): `rms_dbov` gives that. Digital silence has a level of ``-inf``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.gain import decibels
from rawmedia.audio.pcm import INT16_SCALE, int16_samples
from rawmedia.errors import ConfigurationError, PayloadError

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples

SINE_TO_SQUARE_DB = 10 * math.log10(2)
"""3.01: a square wave has twice the power of a sine with the same peak."""
BLOCK_MS = 5
"""A meter's grid, so that its readings do not depend on where the input is cut."""
MAX_METER_MS = 60_000.0


def peak(samples: Int16Samples) -> float:
    """The greatest magnitude by full scale, 0 to 1; 0 where there are no samples.

    Args:
        samples: int16 of any shape; all channels count alike.

    Raises:
        PayloadError: The array is not int16.
    """
    _require_int16(samples)
    if not samples.size:
        return 0.0
    # Not the maximum of magnitudes: that of -32768 is no int16.
    return max(int(samples.max()), -int(samples.min())) / INT16_SCALE


def rms(samples: Int16Samples) -> float:
    """The root mean square by full scale, 0 to 1; 0 where there are no samples.

    Args:
        samples: int16 of any shape; all channels count alike.

    Raises:
        PayloadError: The array is not int16.
    """
    _require_int16(samples)
    if not samples.size:
        return 0.0
    floats = samples.astype(np.float32)
    return math.sqrt(float(np.vdot(floats, floats)) / samples.size) / INT16_SCALE


def peak_dbfs(samples: Int16Samples) -> float:
    """The peak as the level of a sine that has it: 0 at full scale, ``-inf`` for silence.

    Raises:
        PayloadError: The array is not int16.
    """
    return decibels(peak(samples))


def rms_dbfs(samples: Int16Samples) -> float:
    """The root mean square by that of a sine at full scale: +3.01 at most, ``-inf`` for silence.

    Raises:
        PayloadError: The array is not int16.
    """
    return decibels(rms(samples)) + SINE_TO_SQUARE_DB


def rms_dbov(samples: Int16Samples) -> float:
    """The root mean square by the greatest there is: 0 at most, ``-inf`` for silence.

    What RTP's audio level extension carries, as a whole number of 0 to 127 below it (RFC 6464).

    Raises:
        PayloadError: The array is not int16.
    """
    return decibels(rms(samples))


@dataclass(frozen=True, slots=True)
class LevelReading:
    """What a meter shows."""

    rms_dbfs: float
    """The level with the meter's ballistics; ``-inf`` for silence."""
    peak_dbfs: float
    """The peak, held for a while and then falling as the level does."""


class LevelMeter:
    """A streaming level meter: it rises fast, falls slowly, and holds the peak.

    The mean square follows the audio as a capacitor charges: after ``attack_ms`` of something
    louder it has made 63 % of the way, after ``decay_ms`` of something softer likewise. It moves on
    a grid of 5 ms, so the same audio gives the same readings however it is cut, and what has not
    filled a grid step is shown with the next. All channels count alike. For one thread at a time.

    Args:
        format: What comes in.
        attack_ms: 0 (at once) to 60000. 10 shows syllables; 125 is "fast" in IEC 61672-1.
        decay_ms: Likewise, for the level and for the peak once it falls.
        hold_ms: How long a peak stays before it falls, 0 to 60000.

    Raises:
        ConfigurationError: A setting is out of range.
    """

    __slots__ = (
        "_attack",
        "_block",
        "_decay",
        "_format",
        "_held",
        "_hold",
        "_pending",
        "_pending_size",
        "_power",
        "_top",
    )

    def __init__(
        self,
        format: AudioFormat,
        *,
        attack_ms: float = 10.0,
        decay_ms: float = 300.0,
        hold_ms: float = 1_000.0,
    ) -> None:
        for setting, value in (
            ("attack_ms", attack_ms),
            ("decay_ms", decay_ms),
            ("hold_ms", hold_ms),
        ):
            if not 0 <= value <= MAX_METER_MS:
                raise ConfigurationError(setting, f"takes 0 to {MAX_METER_MS:g}, not {value:g}")
        self._format = format
        self._block = format.samples(BLOCK_MS)
        step_ms = format.duration_ms(self._block)
        self._attack = _share(step_ms, attack_ms)
        self._decay = _share(step_ms, decay_ms)
        self._hold = round(hold_ms / step_ms)
        self._pending = np.empty((self._block, format.num_channels), np.int16)
        self.reset()

    @property
    def format(self) -> AudioFormat:
        """What comes in."""
        return self._format

    @property
    def reading(self) -> LevelReading:
        """What the meter shows now."""
        return LevelReading(
            decibels(math.sqrt(self._power) / INT16_SCALE) + SINE_TO_SQUARE_DB,
            decibels(math.sqrt(self._top) / INT16_SCALE),
        )

    def reset(self) -> None:
        """Forget the audio so far: the meter shows silence."""
        self._pending_size = 0
        self._power = 0.0  # mean square, in steps of int16
        self._top = 0.0  # the held peak, squared
        self._held = 0  # grid steps for which it still stands

    def push(self, samples: Int16Samples) -> None:
        """Take samples; `reading` is what the meter shows after them.

        Args:
            samples: int16 of shape ``(samples_per_channel, num_channels)``, or
                ``(samples_per_channel,)`` for mono.

        Raises:
            PayloadError: Another type or shape; nothing was taken.
        """
        samples = int16_samples(samples, self._format.num_channels)
        block, waiting = self._block, self._pending_size
        if waiting:
            taken = min(block - waiting, len(samples))
            self._pending[waiting : waiting + taken] = samples[:taken]
            self._pending_size += taken
            samples = samples[taken:]
            if self._pending_size < block:
                return
            self._advance(self._pending)
        whole = len(samples) // block * block
        if whole:
            self._advance(samples[:whole])
        self._pending_size = len(samples) - whole
        self._pending[: self._pending_size] = samples[whole:]

    def _advance(self, samples: Int16Samples) -> None:
        """Move on by whole grid steps."""
        steps = samples.reshape(len(samples) // self._block, -1).astype(np.float32)
        np.multiply(steps, steps, out=steps)
        # Each row is added by itself, in the same order however many there are.
        energies = np.add.reduce(steps, axis=1).tolist()
        tops = np.maximum.reduce(steps, axis=1).tolist()
        for energy, top in zip(energies, tops, strict=True):
            power = energy / steps.shape[1]
            change = self._attack if power > self._power else self._decay
            self._power += change * (power - self._power)
            if top >= self._top:
                self._top, self._held = top, self._hold
            elif self._held:
                self._held -= 1
            else:
                self._top += self._decay * (top - self._top)


def _share(step_ms: float, time_constant_ms: float) -> float:
    """How much of the way an exponential approach makes in a step."""
    return 1 - math.exp(-step_ms / time_constant_ms) if time_constant_ms else 1.0


def _require_int16(samples: Int16Samples) -> None:
    if samples.dtype != np.int16:
        raise PayloadError("int16 samples", f"an array of {samples.dtype}")


__all__ = ["LevelMeter", "LevelReading", "peak", "peak_dbfs", "rms", "rms_dbfs", "rms_dbov"]
