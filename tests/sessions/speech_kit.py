"""What the tests of a playout share: audio that tells whose it is, and an ear that checks it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.testing.signals import speech_like

if TYPE_CHECKING:
    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.sessions.speech.facts import SpeechFact
    from rawmedia.sessions.speech.playout import SpeechPlayout

Fact = TypeVar("Fact")

TRACED = AudioFormat(8_000, 3)
"""Its channels tell the utterance, and the place of the sample in it."""
_PAGE = 10_000


def traced(number: int, start: int, samples: int) -> Int16Samples:
    """Samples ``start`` and following of utterance ``number``, from 0 to 7.

    Fades of 5 ms, which are 40 samples, never make one number's level of another's.
    """
    place = np.arange(start, start + samples)
    level = np.full(samples, 1_000 * (number + 1))
    return np.stack([level, place // _PAGE, place % _PAGE], axis=1).astype(np.int16)


def places(frame: Int16Samples) -> list[tuple[int, int]]:
    """The utterance and place of each sample that is neither faded nor silent."""
    whole = frame[(frame[:, 0] > 0) & (frame[:, 0] % 1_000 == 0)].astype(int)
    return [(level // 1_000 - 1, page * _PAGE + rest) for level, page, rest in whole.tolist()]


def talk(duration_ms: float, seed: int = 1, format: AudioFormat = SPEECH) -> Int16Samples:
    """Something like speech."""
    return speech_like(duration_ms, seed=seed, format=format).samples


@dataclass
class Ear:
    """Pulls frames of 20 ms, and keeps what it hears and is told."""

    playout: SpeechPlayout
    now: float = 0.0
    frames: list[Int16Samples] = field(default_factory=list)
    facts: list[SpeechFact] = field(default_factory=list)

    @property
    def frame(self) -> int:
        """Samples of a frame."""
        return self.playout.format.samples(20)

    def hear(self, duration_ms: float) -> Int16Samples:
        """What is heard in so long, silence being zeros."""
        first = len(self.frames)
        for _ in range(round(duration_ms / 20)):
            frame = self.playout.render(self.frame, self.now)
            self.now += 0.02
            self.facts += self.playout.take_facts()
            self.frames.append(self._silence(self.frame) if frame is None else frame)
        return np.concatenate([self._silence(0), *self.frames[first:]])

    def _silence(self, samples: int) -> Int16Samples:
        return np.zeros((samples, self.playout.format.num_channels), np.int16)

    def told(self, kind: type[Fact]) -> list[Fact]:
        """The facts of one kind."""
        self.facts += self.playout.take_facts()
        return [fact for fact in self.facts if isinstance(fact, kind)]


def balance_ms(playout: SpeechPlayout) -> float:
    """What the books can't account for."""
    stats: Any = playout.stats
    return float(
        stats.put_ms
        - stats.played_ms
        - stats.trimmed_ms
        - stats.skipped_ms
        - stats.interrupted_ms
        - stats.queued_ms
    )
