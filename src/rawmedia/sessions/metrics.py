"""When source audio was said, on the clock, and what a listener experienced of an utterance."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.timeline import TimeSpan
    from rawmedia.translators.events import FinalTranslation

# What arrives this little out of step is jitter.
_JITTER_S = 0.001
_MAX_STRETCHES = 10_000


class SpeechLog:
    """Maps media time of a stream to the time on the clock at which it was said.

    A frame was being said until it arrived. Frames that arrive in step make one stretch
    of media time; a stall, a burst or a gap begins another. The last 10 000 stretches are
    kept: for ever where audio is paced, more than three minutes where every frame jitters.
    """

    def __init__(self) -> None:
        self._starts_ms: list[float] = []
        self._offsets_s: list[float] = []

    def arrived(self, frame: AudioFrame, now: float) -> None:
        """The frame is there ``now``, in seconds on the clock."""
        offset_s = now - frame.end_ms / 1000
        if self._offsets_s and abs(offset_s - self._offsets_s[-1]) <= _JITTER_S:
            return
        self._starts_ms.append(frame.start_ms)
        self._offsets_s.append(offset_s)
        if len(self._starts_ms) > _MAX_STRETCHES:
            del self._starts_ms[0], self._offsets_s[0]

    def said(self, media_ms: float) -> float | None:
        """When the audio at ``media_ms`` was said, in seconds on the clock; None when none arrived."""
        if not self._starts_ms:
            return None
        stretch = max(0, bisect_right(self._starts_ms, media_ms) - 1)
        return media_ms / 1000 + self._offsets_s[stretch]


@dataclass(slots=True)
class Hearing:
    """How one utterance was heard in one language; times in milliseconds since the session began."""

    start_ms: float | None = None
    """When its first sample was heard."""
    end_ms: float | None = None
    """When its last was, or it was cleared."""
    spoken_ms: float = 0.0
    """How much speech was made of it."""
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
    ended: bool = False
    """Whether the engine has reported all of it."""


__all__ = ["Hearing", "SpeechLog", "Utterance"]
