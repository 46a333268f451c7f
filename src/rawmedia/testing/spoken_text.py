"""Texts that are spoken so that everybody knows when each word was said, though nobody understands them."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.testing.signals import speech_like
from rawmedia.translators.events import WordTiming

# A word of one letter and each more, so that people would take about as long.
_WORD_MS, _LETTER_MS, _LONGEST_MS = 80.0, 40.0, 340.0
_PAUSE_MS, _LONG_PAUSE_MS = 60.0, 300.0
_STOPS = ".,;:!?"
# `speech_like` is silent for its first 100 ms and then speaks three syllables or more, of 120 ms
# at least, without a pause: so a word can be cut out from there.
_SILENT_MS = 100.0
_FADE_MS = 5.0


@dataclass(frozen=True, slots=True)
class SpokenText:
    """A text as sound, and when in it each word is said."""

    text: str
    audio: AudioFrame
    words: tuple[WordTiming, ...]
    """Spans in milliseconds since the audio's start."""

    @property
    def duration_ms(self) -> float:
        """How long it lasts, to the end of the last word."""
        return self.audio.duration_ms


def spoken(text: str, *, seed: int = 0, format: AudioFormat = SPEECH) -> SpokenText:
    """Say a text: each word a sound of its own, with silence between.

    It sounds like speech to meters and voice detectors. The first word starts at 0, the last one
    ends where the audio does. A pause of 60 ms parts words, one of 300 ms follows punctuation.

    Args:
        text: Words, parted by spaces; without any the audio is empty.
        seed: Whose voice; one voice says a word the same way every time.
        format: What it is made in.
    """
    pieces: list[np.ndarray] = []
    words: list[WordTiming] = []
    at = 0
    for word in text.split():
        sound = _said(word, seed, format)
        if words:
            pause_ms = _LONG_PAUSE_MS if words[-1].word[-1] in _STOPS else _PAUSE_MS
            pieces.append(np.zeros((format.samples(pause_ms), format.num_channels), np.int16))
            at += len(pieces[-1])
        span = TimeSpan(format.duration_ms(at), format.duration_ms(at + len(sound)))
        words.append(WordTiming(word, span))
        pieces.append(sound)
        at += len(sound)
    wave = np.concatenate(pieces) if pieces else np.zeros((0, format.num_channels), np.int16)
    return SpokenText(text, AudioFrame(wave, format), tuple(words))


def _said(word: str, seed: int, format: AudioFormat) -> np.ndarray:
    letters = max(1, len(word.strip(_STOPS)))
    length_ms = min(_LONGEST_MS, _WORD_MS + _LETTER_MS * (letters - 1))
    voice = crc32(f"{seed} {word.casefold()}".encode())
    whole = speech_like(_SILENT_MS + length_ms, seed=voice, format=format)
    sound = whole.samples[format.samples(_SILENT_MS) :].astype(np.float64)
    fade = min(len(sound) // 2, format.samples(_FADE_MS))
    ramp = (np.arange(fade, dtype=np.float64) + 0.5)[:, np.newaxis] / max(1, fade)
    sound[:fade] *= ramp
    sound[len(sound) - fade :] *= ramp[::-1]
    return np.rint(sound).astype(np.int16)


__all__ = ["SpokenText", "spoken"]
