"""Audio for a hole, made of the last pitch period before it: for codecs that have no concealment of their own.

The method is that of ITU-T G.711 Appendix I (09/99), made simpler and without its delay of
3.75 ms: what came before the hole cannot be changed any more, so the seam is smoothed after it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import FloatSamples, Int16Samples

SHORTEST_PITCH_MS, LONGEST_PITCH_MS = 5.0, 15.0
"""Voices of 200 to 66 Hz; a higher one is repeated by two or more of its periods."""
MATCH_MS = 20.0
"""How much audio has to repeat itself to count as a pitch."""
HISTORY_MS = LONGEST_PITCH_MS + MATCH_MS
FULL_MS, SILENT_MS = 10.0, 60.0
"""Until when the repetition is as loud as what it repeats, and from when on it is silent."""
REJOIN_MS = 5.0
"""How long the next audio fades in over the repetition."""
SEARCH_RATE = 8_000
"""What telephony hears of a voice is enough to find its pitch; at higher rates it is then refined."""


class Concealer:
    """Continues a stream through a hole and leads back into the audio after it.

    The pitch period before the hole is repeated, at its own level for 10 ms and falling to silence
    at 60 ms; after that, a voice would sound like a machine. When audio comes again, it fades in
    within 5 ms over the end of the repetition. Nothing is delayed, and a hole that is asked
    for in pieces sounds as if it had been asked for at once.

    Args:
        format: What the stream carries; all channels have the same pitch period.
    """

    __slots__ = ("_format", "_joined", "_made", "_period", "_rejoin", "_step")

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._rejoin = format.samples(REJOIN_MS)
        self.begin(np.zeros((0, format.num_channels), np.int16))

    @property
    def history_samples(self) -> int:
        """How many samples per channel before a hole `begin` makes use of."""
        return self._format.samples(HISTORY_MS)

    @property
    def rejoined(self) -> bool:
        """Whether the audio after the hole has faded in fully, so that `rejoin` has no more to do."""
        return self._joined >= self._rejoin

    def begin(self, history: Int16Samples) -> None:
        """A hole opens.

        Args:
            history: What came before it, shape ``(n, num_channels)``; of a short one, what is
                missing counts as silence.
        """
        recent = history[-self.history_samples :]
        audio = np.zeros((self.history_samples, self._format.num_channels), np.float32)
        audio[len(audio) - len(recent) :] = recent
        mono = audio[:, 0] if audio.shape[1] == 1 else audio.mean(axis=1)
        size = pitch_period(mono, self._format.sample_rate)
        period = audio[-size:].copy()
        # Its end is led to what precedes its beginning, so that each repetition joins the last.
        overlap = size // 4
        rising = np.arange(1, overlap + 1, dtype=np.float32)[:, None] / overlap
        before = audio[-size - overlap : -size]
        period[-overlap:] += rising * (before - period[-overlap:])
        self._period = period  # what is repeated
        self._step = audio[-1] - audio[-size - 1]  # by how much its beginning misses the seam
        self._made = 0  # samples of the repetition so far
        self._joined = 0  # samples of the audio after it so far

    def conceal(self, samples: int) -> Int16Samples:
        """The next so many samples per channel of the repetition; `begin` came before.

        Returns:
            int16 of shape ``(samples, num_channels)``.
        """
        self._joined = 0
        return np.rint(self._repetition(samples)).astype(np.int16)

    def rejoin(self, samples: Int16Samples) -> Int16Samples:
        """Fade audio in over the repetition; as it is once that is done.

        Args:
            samples: What comes after the hole, or after what `rejoin` took before.
        """
        first, self._joined = self._joined, self._joined + len(samples)
        size = max(0, min(self._joined, self._rejoin) - first)
        weights = np.arange(first + 1, first + size + 1, dtype=np.float32) / (self._rejoin + 1)
        joined = samples.copy()
        faded = self._repetition(size)
        faded += weights[:, None] * (samples[:size] - faded)
        joined[:size] = np.rint(faded)
        return joined

    def _repetition(self, samples: int) -> FloatSamples:
        """The next samples of the repetition, faded as far as the hole is long."""
        out = np.zeros((samples, self._format.num_channels), np.float32)
        rate = self._format.sample_rate
        silent, full = SILENT_MS * rate / 1000, FULL_MS * rate / 1000
        first = self._made
        self._made += samples
        places = np.arange(first, min(self._made, math.ceil(silent)))
        if len(places):
            audible = out[: len(places)]
            np.take(self._period, places, axis=0, out=audible, mode="wrap")
            # The first quarter takes up where the audio broke off.
            audible += self._step * np.maximum(0, 1 - places / (len(self._period) // 4))[:, None]
            audible *= np.clip((silent - places) / (silent - full), 0, 1)[:, None]
            np.clip(audible, -32_768, 32_767, out=audible)
        return out


def pitch_period(audio: FloatSamples, sample_rate: int) -> int:
    """After how many samples the end of some audio resembles itself most, 5 to 15 ms.

    The lag of the greatest normalised correlation of the last 20 ms; of silence, the longest.
    Above 8 kHz the search begins with averages of a few samples, so that its cost hardly grows
    with the rate.

    Args:
        audio: float32 of shape ``(n,)``, 35 ms.
        sample_rate: Of these, 4000 or more.
    """
    stride = max(1, sample_rate // SEARCH_RATE)
    least = math.ceil(SHORTEST_PITCH_MS * sample_rate / 1000)
    most = math.floor(LONGEST_PITCH_MS * sample_rate / 1000)
    if stride > 1:
        whole = audio[len(audio) % stride :].reshape(-1, stride).mean(axis=1)
        rough = stride * _best_lag(whole, -(-least // stride), most // stride)
        least, most = max(least, rough - stride), min(most, rough + stride)
    return _best_lag(audio, least, most)


def _best_lag(audio: FloatSamples, least: int, most: int) -> int:
    """The lag, least to most, at which what is left of the audio's end matches best."""
    size = len(audio) - most
    end = audio[most:]
    # Number k is about what was heard `most - k` samples before the end.
    likeness = np.correlate(audio[: size + most - least], end, "valid")
    energy_before = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])
    energy = (energy_before[size:] - energy_before[:-size])[: most - least + 1]
    # An energy below one step of int16 is silence, whose likeness is no pitch.
    return most - int(np.argmax(likeness / np.sqrt(np.maximum(energy, 1.0))))


__all__ = ["Concealer", "pitch_period"]
