"""What a playout counts and tells."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from rawmedia.sessions.metrics.latency import LatencyHistogram
from rawmedia.sessions.speech.facts import SpeechFact, SpeechStats

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat

MAX_FACTS: Final = 1_000
"""So many are kept until somebody takes them; the newest."""


class SpeechBooks:
    """Counters in samples per channel, and facts in the order in which they happened."""

    __slots__ = (
        "_format",
        "facts",
        "interrupted",
        "interrupts",
        "lag",
        "lost_facts",
        "overflow",
        "played",
        "put",
        "saved",
        "skipped",
        "skips",
        "speed_ups",
        "stale",
        "trimmed",
        "underrun_s",
        "underruns",
    )

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self.facts: deque[SpeechFact] = deque(maxlen=MAX_FACTS)
        self.lag = LatencyHistogram()
        self.put = self.played = self.trimmed = self.skipped = self.interrupted = 0
        self.saved = self.stale = self.overflow = 0
        self.speed_ups = self.skips = self.interrupts = self.underruns = self.lost_facts = 0
        self.underrun_s = 0.0

    @property
    def unheard(self) -> int:
        """What was put and is neither heard nor lost."""
        return self.put - self.played - self.trimmed - self.skipped - self.interrupted

    def tell(self, fact: SpeechFact) -> None:
        """Keep a fact until it is taken."""
        if len(self.facts) == MAX_FACTS:
            self.lost_facts += 1
        self.facts.append(fact)

    def take_facts(self) -> list[SpeechFact]:
        """All that was told since the last call."""
        if not self.facts:
            return []
        facts = list(self.facts)
        self.facts.clear()
        return facts

    def stats(self, queued: int) -> SpeechStats:
        """A snapshot, with ``queued`` samples that wait."""
        ms = self._format.duration_ms
        return SpeechStats(
            put_ms=ms(self.put),
            queued_ms=ms(queued),
            played_ms=ms(self.played),
            trimmed_ms=ms(self.trimmed),
            skipped_ms=ms(self.skipped),
            interrupted_ms=ms(self.interrupted),
            sped_up_ms=ms(self.saved),
            speed_ups=self.speed_ups,
            skips=self.skips,
            interrupts=self.interrupts,
            underruns=self.underruns,
            underrun_ms=self.underrun_s * 1000,
            stale_ms=ms(self.stale),
            overflow_ms=ms(self.overflow),
            lost_facts=self.lost_facts,
            max_lag_ms=self.lag.max_ms or 0.0,
            lag=self.lag.figures(),
        )


__all__ = ["MAX_FACTS", "SpeechBooks"]
