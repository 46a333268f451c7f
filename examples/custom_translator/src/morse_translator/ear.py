"""Frames in, words out: how Morse code is heard. Waits for nothing, and knows nothing of translating."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rawmedia import SPEECH, AudioFrame, TimeSpan

from morse_translator.code import DOT_MS, LETTERS

_BLOCK_MS = 10.0
_LOUD = 2_000.0
"""Root mean square from which on the key is down: a quarter of full scale is 8000."""
_DASH_FROM_MS = 2 * DOT_MS
_LETTER_ENDS_MS, _WORD_ENDS_MS, _SENTENCE_ENDS_MS = 2 * DOT_MS, 5 * DOT_MS, 12 * DOT_MS


@dataclass(frozen=True)
class Word:
    """Something was understood."""

    text: str
    span: TimeSpan
    """Where in the audio it was said."""


@dataclass(frozen=True)
class SentenceEnded:
    """Nothing was keyed for a while."""


class MorseEar:
    """Listens to frames that follow each other; a position that is ahead is silence."""

    def __init__(self) -> None:
        self._block = SPEECH.samples(_BLOCK_MS)
        self._rest = np.zeros(0, np.int16)
        self._position = 0
        """Where the next sample belongs that follows without a gap."""
        self._now_ms = 0.0
        self._down = False
        self._lasted_ms = 0.0
        """How long the key has been as it is."""
        self._signs = self._letters = ""
        self._begin_ms = self._end_ms = 0.0
        """Of the word in progress."""
        self._in_sentence = False

    def hear(self, frame: AudioFrame) -> Iterator[Word | SentenceEnded]:
        """Listen to a frame."""
        missing = frame.position - self._position
        self._position = frame.end
        if missing:
            self._rest = np.zeros(0, np.int16)
            yield from self._note(down=False, ms=frame.start_ms - self._now_ms)
        samples = np.concatenate([self._rest, frame.samples[:, 0]])
        whole = len(samples) // self._block * self._block
        self._rest = samples[whole:]
        blocks = samples[:whole].astype(np.float64).reshape(-1, self._block)
        for loudness in np.sqrt((blocks**2).mean(axis=1)):
            yield from self._note(down=bool(loudness > _LOUD), ms=_BLOCK_MS)

    def finish(self) -> Iterator[Word | SentenceEnded]:
        """There is no more."""
        yield from self._note(down=False, ms=_SENTENCE_ENDS_MS)

    def _note(self, *, down: bool, ms: float) -> Iterator[Word | SentenceEnded]:
        """Take note that the key was down, or up, for some time."""
        if down != self._down:
            if down:
                self._key_goes_down(self._now_ms)
            else:
                self._key_comes_up(self._now_ms)
            self._down, self._lasted_ms = down, 0.0
        before_ms, self._lasted_ms = self._lasted_ms, self._lasted_ms + ms
        self._now_ms += ms
        if not down:
            yield from self._pause(before_ms, self._lasted_ms)

    def _key_goes_down(self, now_ms: float) -> None:
        if not (self._signs or self._letters):
            self._begin_ms = now_ms

    def _key_comes_up(self, now_ms: float) -> None:
        self._signs += "-" if self._lasted_ms >= _DASH_FROM_MS else "."
        self._end_ms = now_ms

    def _pause(self, before_ms: float, lasted_ms: float) -> Iterator[Word | SentenceEnded]:
        if before_ms < _LETTER_ENDS_MS <= lasted_ms and self._signs:
            self._letters += LETTERS.get(self._signs, "?")
            self._signs = ""
        if before_ms < _WORD_ENDS_MS <= lasted_ms and self._letters:
            yield Word(self._letters, TimeSpan(self._begin_ms, self._end_ms))
            self._letters, self._in_sentence = "", True
        if before_ms < _SENTENCE_ENDS_MS <= lasted_ms and self._in_sentence:
            yield SentenceEnded()
            self._in_sentence = False
