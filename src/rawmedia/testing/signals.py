"""Signals for tests: a tone, silence, noise and what sounds like speech; the same from the same seed.

Every signal is an `AudioFrame`, whose ``samples`` are the array. All but noise are computed
from time, so a signal at one sample rate is the same sound as at another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.format import DEFAULT_FRAME_MS, SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, FormatMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    Wave = npt.NDArray[np.float64]

# Inside the telephone band, so that speech is whole at 8 kHz.
_HIGHEST_HZ = 3_400.0
_FULL_SCALE = 32_767


def tone(
    duration_ms: float, *, format: AudioFormat = SPEECH, hz: float = 440.0, peak_dbfs: float = -12.0
) -> AudioFrame:
    """A sine that starts at 0, the same in every channel.

    Args:
        duration_ms: How long it is.
        format: What it is made in.
        hz: Its pitch, below half the sample rate.
        peak_dbfs: Its peak in decibels, 0 being full scale.

    Raises:
        ConfigurationError: The duration is negative, or the pitch too high.
    """
    if not 0 < hz < format.sample_rate / 2:
        raise ConfigurationError("hz", f"above 0 and below {format.sample_rate / 2:g}, not {hz}")
    seconds = _seconds(duration_ms, format)
    return _frame(np.sin(2 * np.pi * hz * seconds), format, peak_dbfs)


def silence(duration_ms: float, *, format: AudioFormat = SPEECH) -> AudioFrame:
    """Zeros that somebody sends, so not marked as filler.

    Raises:
        ConfigurationError: The duration is negative.
    """
    return _frame(np.zeros(len(_seconds(duration_ms, format))), format, 0.0)


def noise(
    duration_ms: float, *, seed: int, format: AudioFormat = SPEECH, peak_dbfs: float = -12.0
) -> AudioFrame:
    """White noise, evenly distributed, and another one in each channel.

    Args:
        duration_ms: How long it is; a longer one begins with the shorter one.
        seed: Which one.
        format: What it is made in.
        peak_dbfs: Its peak in decibels, 0 being full scale.

    Raises:
        ConfigurationError: The duration is negative.
    """
    samples = len(_seconds(duration_ms, format))
    wave = np.random.default_rng(seed).uniform(-1, 1, (samples, format.num_channels))
    return _frame(wave, format, peak_dbfs)


def speech_like(
    duration_ms: float, *, seed: int, format: AudioFormat = SPEECH, peak_dbfs: float = -6.0
) -> AudioFrame:
    """Syllables with a pitch, formants and hissing onsets, in phrases with pauses between.

    Nobody understands it, but it has what meters, codecs and voice detectors look at: it is
    loud and quiet, voiced and unvoiced, speaks four syllables a second, and stays below
    3400 Hz. The same in every channel.

    Args:
        duration_ms: How long it is; a longer one begins with the shorter one.
        seed: What is said, and by whom.
        format: What it is made in.
        peak_dbfs: What its peaks stay below, in decibels, 0 being full scale.

    Raises:
        ConfigurationError: The duration is negative.
    """
    seconds = _seconds(duration_ms, format)
    wave = np.zeros(len(seconds))
    for sound in _sounds(np.random.default_rng(seed)):
        if sound.start_s * 1000 >= duration_ms:
            break
        first, last = np.searchsorted(seconds, [sound.start_s, sound.start_s + sound.length_s])
        wave[first:last] += sound.wave(seconds[first:last] - sound.start_s)
    return _frame(wave, format, peak_dbfs)


def in_frames(audio: AudioFrame, frame_ms: float = DEFAULT_FRAME_MS) -> list[AudioFrame]:
    """Cut audio into frames that follow each other from its position on; the last may be shorter."""
    samples = audio.format.samples(frame_ms)
    return [
        AudioFrame(
            audio.samples[start : start + samples],
            audio.format,
            audio.position + start,
            audio.source,
        )
        for start in range(0, audio.samples_per_channel, samples)
    ]


def joined(frames: Iterable[AudioFrame]) -> AudioFrame:
    """One frame out of many, each at its place in media time; gaps are silence.

    It starts where the first one does.

    Raises:
        FormatMismatchError: They are not all in one format.
        ConfigurationError: There are none, or one starts before the end of the one before.
    """
    parts = list(frames)
    if not parts:
        raise ConfigurationError("frames", "at least one is needed")
    first = parts[0]
    end = first.position
    for part in parts:
        if part.format != first.format:
            raise FormatMismatchError(first.format, part.format)
        if part.position < end:
            raise ConfigurationError(
                "frames", f"one starts at sample {part.position}, the one before ends at {end}"
            )
        end = part.end
    samples = np.zeros((end - first.position, first.format.num_channels), np.int16)
    for part in parts:
        samples[part.position - first.position : part.end - first.position] = part.samples
    return AudioFrame(samples, first.format, first.position, first.source)


@dataclass(frozen=True, slots=True)
class _Sound:
    """A sum of partials that swells and fades: a vowel, or a hiss."""

    start_s: float
    length_s: float
    hz: Wave
    """Where each partial starts."""
    rise: float
    """How much higher each is at the end, as a factor of its pitch."""
    amplitudes: Wave
    phases: Wave

    def wave(self, seconds: Wave) -> Wave:
        """The sound at instants since its start."""
        swell = np.sin(np.pi * seconds / self.length_s)
        # The integral of a pitch that rises evenly.
        turns = seconds + self.rise * seconds**2 / (2 * self.length_s)
        angles = 2 * np.pi * np.outer(self.hz, turns) + self.phases[:, np.newaxis]
        wave: Wave = swell * (self.amplitudes @ np.sin(angles))
        return wave


def _sounds(rng: np.random.Generator) -> Iterator[_Sound]:
    """What somebody says, one sound after the other, for ever."""
    speaker_hz = rng.uniform(100, 200)
    at_s = 0.1
    while True:
        for _ in range(rng.integers(3, 8)):
            if rng.random() < 0.5:
                hiss = _hiss(rng, at_s)
                at_s += hiss.length_s
                yield hiss
            vowel = _vowel(rng, at_s, speaker_hz)
            at_s += vowel.length_s
            yield vowel
        at_s += rng.uniform(0.2, 0.5)


def _vowel(rng: np.random.Generator, start_s: float, speaker_hz: float) -> _Sound:
    pitch_hz = speaker_hz * rng.uniform(0.8, 1.3)
    rise = rng.uniform(-0.2, 0.1)
    partials = int(_HIGHEST_HZ / (pitch_hz * (1 + max(0.0, rise))))
    hz = pitch_hz * np.arange(1, partials + 1, dtype=np.float64)
    formants_hz = np.array(
        [rng.uniform(300, 800), rng.uniform(900, 2_300), rng.uniform(2_400, 3_000)]
    )
    # Resonances 120 Hz wide, over a voice that falls by 6 dB an octave.
    resonances = 1 / (1 + ((hz - formants_hz[:, np.newaxis]) / 120) ** 2)
    amplitudes = (0.02 + resonances.sum(axis=0)) / np.sqrt(hz)
    phases = rng.uniform(0, 2 * np.pi, len(hz))
    length_s = rng.uniform(0.12, 0.28)
    return _Sound(start_s, length_s, hz, rise, amplitudes / amplitudes.sum(), phases)


def _hiss(rng: np.random.Generator, start_s: float) -> _Sound:
    hz = rng.uniform(1_500, _HIGHEST_HZ, 24)
    amplitudes = np.full(len(hz), 0.4 / len(hz))
    phases = rng.uniform(0, 2 * np.pi, len(hz))
    return _Sound(start_s, rng.uniform(0.04, 0.09), hz, 0.0, amplitudes, phases)


def _seconds(duration_ms: float, format: AudioFormat) -> Wave:
    """When each sample is."""
    if not duration_ms >= 0:
        raise ConfigurationError("duration_ms", f"must be 0 or more, not {duration_ms}")
    return np.arange(format.samples(duration_ms)) / format.sample_rate


def _frame(wave: Wave, format: AudioFormat, peak_dbfs: float) -> AudioFrame:
    if not peak_dbfs <= 0:
        raise ConfigurationError("peak_dbfs", f"must be 0 (full scale) or less, not {peak_dbfs}")
    samples = np.rint(wave * (_FULL_SCALE * 10 ** (peak_dbfs / 20))).astype(np.int16)
    if samples.ndim == 1:
        samples = np.repeat(samples[:, np.newaxis], format.num_channels, axis=1)
    return AudioFrame(samples, format)


__all__ = ["in_frames", "joined", "noise", "silence", "speech_like", "tone"]
