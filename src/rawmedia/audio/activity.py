"""Whether somebody speaks, told every 10 ms, by energy over a noise floor that adapts.

A detector has one method, so that others plug in: `ActivityDetector`.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from rawmedia.audio.decisions import DECISION_MS, DecisionBlocks, check_setting
from rawmedia.audio.pcm import INT16_SCALE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples


_BAND_RATE: Final = 16_000
"""Rates of twice this and more are averaged down towards it: speech is below 8 kHz."""
_COMB_MS: Final = 0.5
"""A difference over so long has no DC, 22 dB less of 50 Hz hum than of 1 kHz, and keeps speech."""
_SMOOTHING: Final = 0.3
"""How much a decision's 10 ms count in the level that the noise floor is sought in."""
_WINDOW_PARTS: Final = 8
_BIAS: Final = 1.35
"""How much more power steady noise has than the least of its smoothed levels in 2 s (1.3 dB)."""
_START_DBFS: Final = -50.0
"""What the noise is taken for until it has been heard; a louder one is told apart 2 s later."""
_LIFT: Final = 10 ** (3 / 10 / (1000 / DECISION_MS))
"""3 dB a second, per decision."""
_BACKGROUND: Final = 300 // DECISION_MS
"""So many decisions of noise on end are a room; what is heard between words may be a breath."""
_PAUSE: Final = 250 // DECISION_MS
"""So many decisions on end of nothing but noise end a sound; the longest consonants are shorter."""


class ActivityDetector(Protocol):
    """Tells speech from what is not."""

    def push(self, samples: Int16Samples) -> Sequence[bool]:
        """Take the next audio of a stream and tell of all of it that can be judged now.

        Args:
            samples: int16 of shape ``(n, num_channels)``, or ``(n,)`` for mono; any length.

        Returns:
            One answer for each whole `DECISION_MS` since the stream began that is complete
            with these samples and was not before, oldest first: does somebody speak? It must
            not matter how the stream is cut.

        Raises:
            PayloadError: Another type or shape; nothing was taken.
        """
        ...


class EnergyActivity:
    """Speech is what is louder than the noise, which is what is quietest in the last 2 s.

    The level of each 10 ms is the power of the difference of the samples 0.5 ms apart, so
    DC counts nothing and hum little. The noise floor is the least level, smoothed over about
    30 ms, in the last ``window_ms``: speech has pauses between words, noise has not, so a
    noise that grows louder is taken for speech no longer than that. Speech begins with
    ``onset_ms`` that are ``threshold_db`` above the floor, and ends when ``hangover_ms`` are not
    even half that far above it.

    A sound that goes on for ``max_active_ms`` without 250 ms of noise alone, such as music on
    hold, is no speaker: from then on the threshold is lifted by 3 dB a second until it is not
    heard as speech, and stays up until there are 250 ms of noise alone.

    Digital silence is no noise that the floor should follow: a muted microphone says nothing
    about the room. After it the noise is taken for what it last was for 300 ms on end, and
    where it never was, as in synthetic speech, for -50 dBFS.

    Not a model of speech: keystrokes, barking and music with rests are heard as speech.

    Each object is for one thread at a time.

    Args:
        format: What the audio is; of several channels the power is averaged.
        threshold_db: How far above the floor speech begins, 3 to 40.
        min_level_dbfs: What is quieter is never speech, -90 to 0. As all levels here it is the
            power of the differences, which is 3 dB more than that of the samples in white
            noise, and up to 6 more in speech; 0 is that of samples of full scale.
        onset_ms: How long it must be that loud, 10 to 500. Only the last 10 ms of these are
            told as speech, because before nobody could know.
        hangover_ms: How long it goes on to be speech after the last that was loud enough,
            0 to 5000; bridges the gaps in words and between them.
        window_ms: How far back the noise is sought, 200 to 20000.
        max_active_ms: What lasts longer without a pause is not speech, 1000 or more;
            infinity for no such limit.

    Raises:
        ConfigurationError: A number is out of range.
    """

    __slots__ = (
        "_active",
        "_all",
        "_background",
        "_comb",
        "_cut",
        "_floor",
        "_full",
        "_half_ratio",
        "_hangover",
        "_least",
        "_lift",
        "_max_active",
        "_min_power",
        "_ones",
        "_onset",
        "_part",
        "_part_size",
        "_past",
        "_past_least",
        "_quiet",
        "_ratio",
        "_run",
        "_smooth",
        "_sounding",
        "_start_power",
        "_steady",
        "_step",
    )

    def __init__(
        self,
        format: AudioFormat,
        *,
        threshold_db: float = 4.5,
        min_level_dbfs: float = -55.0,
        onset_ms: float = 20.0,
        hangover_ms: float = 200.0,
        window_ms: float = 2_000.0,
        max_active_ms: float = 20_000.0,
    ) -> None:
        check_setting("threshold_db", threshold_db, 3, 40)
        check_setting("min_level_dbfs", min_level_dbfs, -90, 0)
        check_setting("onset_ms", onset_ms, 10, 500)
        check_setting("hangover_ms", hangover_ms, 0, 5_000)
        check_setting("window_ms", window_ms, 200, 20_000)
        check_setting("max_active_ms", max_active_ms, 1_000, math.inf)
        self._cut = DecisionBlocks(format)
        size = self._cut.size
        self._step = max(
            step
            for step in range(1, max(1, format.sample_rate // _BAND_RATE) + 1)
            if not size % step
        )
        self._comb = max(1, round(_COMB_MS * format.sample_rate / 1000 / self._step))
        counted = (size // self._step - self._comb) * format.num_channels
        self._ones, self._all = np.ones(self._step), np.ones(counted)
        # Powers are sums of squares here, as they are computed, and this is 0 dBFS.
        self._full = counted * (INT16_SCALE * self._step) ** 2
        self._ratio = 10 ** (threshold_db / 10)
        self._half_ratio = math.sqrt(self._ratio)
        self._min_power = self._full * 10 ** (min_level_dbfs / 10)
        self._start_power = self._full * 10 ** (_START_DBFS / 10)
        self._onset = max(1, round(onset_ms / DECISION_MS))
        self._hangover = round(hangover_ms / DECISION_MS)
        self._part_size = max(1, round(window_ms / DECISION_MS / _WINDOW_PARTS))
        self._max_active = max_active_ms / DECISION_MS
        self.reset()

    def reset(self) -> None:
        """Forget the audio so far and what its noise was; a new stream begins."""
        self._cut.reset()
        self._active = False
        self._run = 0  # decisions on end that are loud enough (before) or not (within speech)
        self._quiet = 0  # decisions on end that are noise, whatever the lift
        self._sounding = 0  # decisions since a pause ended
        self._lift = 1.0
        self._smooth = 0.0
        self._part = 0  # decisions in the part of the window that is being filled
        self._least = math.inf  # the least power of it
        past = _WINDOW_PARTS - 1
        self._past = deque([self._start_power] * past, maxlen=past)
        self._past_least = self._start_power
        self._steady = 0  # decisions on end that are noise and not digital silence
        self._floor = self._background = self._start_power

    @property
    def active(self) -> bool:
        """The last decision."""
        return self._active

    @property
    def floor_dbfs(self) -> float:
        """What the noise is taken for now, in the same unit as ``min_level_dbfs``."""
        return 10 * math.log10(self._floor / self._full)

    def push(self, samples: Int16Samples) -> list[bool]:
        """Take audio, decide on each whole 10 ms; see `ActivityDetector.push`.

        Raises:
            PayloadError: Another type or shape; nothing was taken.
        """
        blocks = self._cut.push(samples)
        return self._decide(self._powers(blocks)) if len(blocks) else []

    def _powers(self, blocks: Int16Samples) -> list[float]:
        """The power of each block of shape ``(size, num_channels)`` without DC and hum."""
        # Whole numbers in float64, so that the sums are exact in any order.
        comb = self._comb
        if self._step == 1:
            change = np.subtract(blocks[:, comb:], blocks[:, :-comb], dtype=np.float64)
        else:
            # Channel by channel.
            wave = np.ascontiguousarray(blocks.transpose(0, 2, 1), dtype=np.float64)
            wave = (wave.reshape(-1, self._step) @ self._ones).reshape(*wave.shape[:2], -1)
            change = wave[:, :, comb:] - wave[:, :, :-comb]
        np.square(change, out=change)
        powers: list[float] = (change.reshape(len(blocks), -1) @ self._all).tolist()
        return powers

    def _decide(self, powers: list[float]) -> list[bool]:
        """What each of some powers that follow one another decides."""
        # One loop over plain variables: as calls that keep all in attributes it takes twice as long.
        ratio, half_ratio, min_power = self._ratio, self._half_ratio, self._min_power
        onset, hangover, max_active = self._onset, self._hangover, self._max_active
        active, run, quiet, steady = self._active, self._run, self._quiet, self._steady
        sounding, lift, background = self._sounding, self._lift, self._background
        floor = self._floor
        told: list[bool] = []
        for power, least in zip(powers, self._least_of(powers), strict=True):
            # Where there was digital silence, it is the last background that was more than that.
            floor = least * _BIAS if least else background
            above = floor * ratio
            if above < min_power:
                above = min_power
            sounding += 1
            if power > above:
                quiet = 0
            else:
                quiet += 1
                if quiet >= _PAUSE:
                    sounding, lift = 0, 1.0
            above *= lift
            if active:
                run = 0 if power > above / half_ratio and power > min_power else run + 1
                if run > hangover:
                    active, run = False, 0
                elif sounding > max_active:
                    lift *= _LIFT
            else:
                run = run + 1 if power > above else 0
                if run >= onset:
                    active, run = True, 0
            steady = 0 if active or not power else steady + 1
            if steady > _BACKGROUND:
                background = floor
            told.append(active)
        self._active, self._run, self._quiet, self._steady = active, run, quiet, steady
        self._sounding, self._lift, self._background = sounding, lift, background
        self._floor = floor
        return told

    def _least_of(self, powers: list[float]) -> list[float]:
        """The least of the smoothed levels in the window, up to each power."""
        smooth, least, part = self._smooth, self._least, self._part
        past_least, part_size = self._past_least, self._part_size
        found: list[float] = []
        for power in powers:
            # The first is taken whole: there is nothing to smooth it with.
            smooth = smooth + _SMOOTHING * (power - smooth) if smooth and power else power
            if smooth < least:
                least = smooth
            part += 1
            if part == part_size:
                self._past.append(least)
                past_least = min(self._past)
                part, least = 0, smooth
            found.append(past_least if past_least <= least else least)
        self._smooth, self._least, self._part = smooth, least, part
        self._past_least = past_least
        return found


__all__ = ["DECISION_MS", "ActivityDetector", "EnergyActivity"]
