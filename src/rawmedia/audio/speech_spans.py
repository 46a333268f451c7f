"""The stretches of media time in which somebody speaks, of what a detector tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.activity import ActivityDetector, EnergyActivity
from rawmedia.audio.decisions import DECISION_MS, check_setting
from rawmedia.audio.timeline import TimeSpan

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples


class SpeechSpans:
    """Turns what a detector tells into the stretches of media time in which somebody speaks.

    Args:
        format: What the audio is.
        detector: Who tells, fresh; `EnergyActivity` unless said.
        lead_ms: How much earlier than told a stretch begins, because a detector needs some of a
            word to hear it; 0 or more. Stretches never overlap.
    """

    __slots__ = ("_begun", "_decisions", "_detector", "_end", "_format", "_lead", "_size")

    def __init__(
        self,
        format: AudioFormat,
        detector: ActivityDetector | None = None,
        *,
        lead_ms: float = 30.0,
    ) -> None:
        check_setting("lead_ms", lead_ms, 0, 10_000)
        self._format = format
        self._detector: ActivityDetector = detector or EnergyActivity(format)
        self._lead = format.samples(lead_ms)
        self._size = format.samples(DECISION_MS)
        self._decisions = 0
        self._begun: int | None = None  # the sample where the stretch that goes on began
        self._end = 0  # where the last one ended

    @property
    def speaking_since_ms(self) -> float | None:
        """Where the stretch began that goes on, or None in a pause."""
        return None if self._begun is None else self._format.duration_ms(self._begun)

    def push(self, samples: Int16Samples) -> list[TimeSpan]:
        """Take audio, give the stretches of speech that ended in it, oldest first.

        Raises:
            PayloadError: Another type or shape; nothing was taken.
        """
        ended = []
        for active in self._detector.push(samples):
            at = self._decisions * self._size
            self._decisions += 1
            if active and self._begun is None:
                self._begun = max(self._end, at - self._lead)
            elif not active and self._begun is not None:
                ended.append(self._span(self._begun, at))
        return ended

    def flush(self) -> TimeSpan | None:
        """End the stretch that goes on, where the last decision was; None in a pause."""
        if self._begun is None:
            return None
        return self._span(self._begun, self._decisions * self._size)

    def _span(self, begun: int, end: int) -> TimeSpan:
        self._begun, self._end = None, end
        ms = self._format.duration_ms
        return TimeSpan(ms(begun), ms(end))


__all__ = ["SpeechSpans"]
