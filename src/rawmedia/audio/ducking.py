"""Lowering one voice while another speaks, as a translation is spoken over its original."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.format import AudioFormat
from rawmedia.audio.gain import scaled_int16
from rawmedia.errors import ConfigurationError, PayloadError

if TYPE_CHECKING:
    from rawmedia.audio.pcm import FloatSamples, Int16Samples

MAX_FADE_MS = 5_000.0
MAX_HOLD_MS = 60_000.0


class Ducker:
    """The envelope that lowers a stream while something else is heard, and lets it rise after that.

    While the other speaks, the gain falls to ``-depth_db``; ``hold_ms`` after the other stopped,
    it rises again. Both ways it is a straight line in decibels, which the ear takes for an even
    movement, of ``attack_ms`` and ``release_ms`` for the whole way and a share of that from
    midway. Where the input is cut does not matter, as long as the flag changes at the same
    instants: the envelope is counted in samples.

    There is no look-ahead inside, for it would delay the original. A translation is known before
    it is played: who says so ``attack_ms`` early has the original down at its first word. Who
    only learns of the other voice as it is heard may delay the original by as much in a buffer.

    For one thread at a time.

    Args:
        sample_rate: Instants per second, 4000 to 192000.
        depth_db: How far the stream is lowered, 0 to 96.
        attack_ms: How long it falls, 0 (within a sample) to 5000.
        release_ms: How long it rises, likewise.
        hold_ms: How long it stays down in the pauses of the other, 0 to 60000.
        threshold_dbfs: From which level on the other counts as speaking (see `hears`).

    Raises:
        ConfigurationError: A setting is out of range.
        UnsupportedFormatError: The sample rate is out of range.
    """

    __slots__ = (
        "_attack",
        "_fade",
        "_hold",
        "_hold_left",
        "_position",
        "_release",
        "_threshold_dbfs",
    )

    def __init__(
        self,
        sample_rate: int,
        *,
        depth_db: float = 15.0,
        attack_ms: float = 60.0,
        release_ms: float = 400.0,
        hold_ms: float = 250.0,
        threshold_dbfs: float = -45.0,
    ) -> None:
        to_samples = AudioFormat(sample_rate).samples
        _require_range("depth_db", depth_db, 0, 96)
        _require_range("attack_ms", attack_ms, 0, MAX_FADE_MS)
        _require_range("release_ms", release_ms, 0, MAX_FADE_MS)
        _require_range("hold_ms", hold_ms, 0, MAX_HOLD_MS)
        _require_range("threshold_dbfs", threshold_dbfs, -120, 0)
        self._attack = _fade(0.0, -depth_db, to_samples(attack_ms))
        self._release = _fade(-depth_db, 0.0, to_samples(release_ms))
        self._hold = to_samples(hold_ms)
        self._threshold_dbfs = threshold_dbfs
        self.reset()

    def reset(self) -> None:
        """Begin again with nobody speaking and the stream at its own level."""
        self._fade = self._release  # which of the two is under way, or was the last
        self._position = len(self._release) - 1  # the index in it of the last instant's gain
        self._hold_left = 0

    @property
    def gain_db(self) -> float:
        """What the last instant was lowered by, 0 or less."""
        return float(20 * np.log10(self._fade[self._position]))

    def hears(self, level_dbfs: float) -> bool:
        """Whether a frame of that level (`rawmedia.audio.level.rms_dbfs`) counts as speaking."""
        return level_dbfs >= self._threshold_dbfs

    def gains(self, samples: int, *, speaking: bool) -> FloatSamples:
        """The next stretch of the envelope.

        Args:
            samples: How many instants.
            speaking: Whether the other speaks during all of them.

        Returns:
            float32 factors in (0, 1], shape ``(samples,)``; a new array.
        """
        out = np.empty(samples, np.float32)
        held = samples
        if not speaking:
            held = min(samples, self._hold_left)
            self._hold_left -= held
        elif samples:
            self._hold_left = self._hold
        self._go(self._attack, out[:held])
        self._go(self._release, out[held:])
        return out

    def push(self, samples: FloatSamples, *, speaking: bool) -> FloatSamples:
        """Lower float32 samples, shape ``(n, num_channels)`` or ``(n,)``, as the envelope says.

        Returns:
            A new array, or the samples themselves while nothing is lowered.

        Raises:
            PayloadError: The array is not float32; nothing was taken.
        """
        if samples.dtype != np.float32 or not samples.ndim:
            raise PayloadError("float32 samples", f"an array of {samples.dtype}")
        factors = self.factors(samples, speaking=speaking)
        return samples if factors is None else samples * factors

    def push_int16(self, samples: Int16Samples, *, speaking: bool) -> Int16Samples:
        """Lower int16 samples likewise; rounded to the nearest step, ties to even.

        Raises:
            PayloadError: The array is not int16; nothing was taken.
        """
        if samples.dtype != np.int16 or not samples.ndim:
            raise PayloadError("int16 samples", f"an array of {samples.dtype}")
        factors = self.factors(samples, speaking=speaking)
        return samples if factors is None else scaled_int16(samples, factors, loudest=1)

    def factors(
        self, samples: FloatSamples | Int16Samples, *, speaking: bool
    ) -> FloatSamples | np.float32 | None:
        """What `push` would multiply by, for whoever multiplies several streams at once.

        Args:
            samples: Of which only the shape matters.
            speaking: Whether the other speaks during all of them.

        Returns:
            A gain per instant, that numpy repeats to the shape of the samples; one for all of
            them; or None where nothing is lowered.
        """
        if self._position == len(self._fade) - 1:  # the fade has ended
            if not speaking and self._fade is self._release:
                return None
            if speaking and self._fade is self._attack and len(samples):
                self._hold_left = self._hold
                bottom: np.float32 = self._attack[-1]
                return bottom
        return self.gains(len(samples), speaking=speaking).reshape(-1, *(1,) * (samples.ndim - 1))

    def _go(self, fade: FloatSamples, out: FloatSamples) -> None:
        """Move on along one of the two fades for as many instants as ``out`` has."""
        if not len(out):
            return
        end = len(fade) - 1
        if fade is not self._fade:
            # The same gain in the other direction, to the nearest step, which is far too small
            # a jump to hear: half of the depth divided by the samples of the fade.
            share = 1 - self._position / (len(self._fade) - 1)
            self._fade, self._position = fade, round(share * end)
        first = self._position + 1
        last = min(first + len(out), end + 1)
        out[: last - first] = fade[first:last]
        out[last - first :] = fade[end]
        self._position = last - 1


@lru_cache(maxsize=16)
def _fade(from_db: float, to_db: float, samples: int) -> FloatSamples:
    """The gain before a fade and after each of its samples, of which it has one at least."""
    steps = np.linspace(from_db, to_db, max(1, samples) + 1)
    factors: FloatSamples = (10 ** (steps / 20)).astype(np.float32)
    factors.flags.writeable = False
    return factors


def _require_range(setting: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ConfigurationError(setting, f"takes {least:g} to {most:g}, not {value:g}")


__all__ = ["Ducker"]
