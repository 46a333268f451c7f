"""When source audio was said, on the clock, and what a listener experienced of an utterance."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawmedia.audio.timeline import TimeSpan
    from rawmedia.translators.events import FinalTranslation

# One anchor a second of media for ten minutes: nobody's ear-voice span is longer.
_ANCHOR_EVERY_MS = 1_000.0
_MAX_ANCHORS = 600


class ArrivalLog:
    """Maps media time of a stream to the time on the clock at which it arrived.

    It keeps one anchor for each second of media of the last ten minutes, so gaps and
    suspended time are followed and memory is constant.
    """

    def __init__(self) -> None:
        self._media_ms: list[float] = []
        self._arrived: list[float] = []
        self._latest = (0.0, 0.0)

    def note(self, end_ms: float, now: float) -> None:
        """A frame that ends at ``end_ms`` of media time arrived ``now``."""
        self._latest = (end_ms, now)
        if not self._media_ms or end_ms >= self._media_ms[-1] + _ANCHOR_EVERY_MS:
            self._media_ms.append(end_ms)
            self._arrived.append(now)
            if len(self._media_ms) > _MAX_ANCHORS:
                del self._media_ms[0], self._arrived[0]

    def arrived(self, media_ms: float) -> float | None:
        """When the audio at ``media_ms`` was said, in seconds on the clock; None when nothing arrived.

        It is reckoned from the first anchor at or after it, because a stream that stalled
        between two anchors delivered what lies before the second one no earlier.
        """
        if not self._media_ms:
            return None
        at = bisect_left(self._media_ms, media_ms)
        anchor_ms, anchor = (
            (self._media_ms[at], self._arrived[at]) if at < len(self._media_ms) else self._latest
        )
        return anchor - (anchor_ms - media_ms) / 1000


@dataclass(slots=True)
class Hearing:
    """How one utterance was heard in one language; times in milliseconds since the session began."""

    start_ms: float | None = None
    """When its first sample was heard."""
    end_ms: float | None = None
    """When its last was."""
    spoken_ms: float = 0.0
    """How much speech it is."""
    cut: bool = False
    """Whether some of it was cleared unheard."""
    ear_voice_span_ms: float | None = None
    """From the source's first sample to the translation's first."""
    end_offset_ms: float | None = None
    """From the source's last sample to the translation's last."""


@dataclass(slots=True)
class Utterance:
    """What a session knows of one utterance."""

    utterance_id: str
    span: TimeSpan
    final: FinalTranslation | None = None
    hearings: dict[str, Hearing] = field(default_factory=dict)


__all__ = ["ArrivalLog", "Hearing", "Utterance"]
