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
# They are dropped by so many at once, as dropping one moves all that are left.
_DROPPED = 1_000


class SpeechLog:
    """Maps media time of a stream to the time on the clock at which it was said.

    A frame was being said until it arrived. Frames that arrive in step make one stretch
    of media time; a stall, a burst or a gap begins another. The last 9000 stretches are
    kept: for ever where audio is paced, three minutes where every frame jitters.
    """

    def __init__(self) -> None:
        self._starts_ms: list[float] = []
        self._offsets_s: list[float] = []
        # Of the latest stretch; not even itself while there is none.
        self._offset_s = float("nan")
        self.source_ms = 0.0
        """How far the source has been heard, in its media time."""

    def arrived(self, frame: AudioFrame, now: float) -> None:
        """The frame is there ``now``, in seconds on the clock."""
        self.arrived_span(frame.start_ms, frame.end_ms, now)

    def arrived_span(self, start_ms: float, end_ms: float, now: float) -> None:
        """The same for who has looked at the frame already."""
        self.source_ms = end_ms
        offset_s = now - end_ms / 1000
        if -_JITTER_S <= offset_s - self._offset_s <= _JITTER_S:
            return
        self._offset_s = offset_s
        self._starts_ms.append(start_ms)
        self._offsets_s.append(offset_s)
        if len(self._starts_ms) > _MAX_STRETCHES:
            del self._starts_ms[:_DROPPED], self._offsets_s[:_DROPPED]

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
    """From the first of the source's words, where the engine tells it, to the translation's first sample."""
    start_offset_ms: float | None = None
    """From the first sample of the source's span to the translation's first."""
    end_offset_ms: float | None = None
    """From the source's last sample to the translation's last."""
    laal_ms: float | None = None
    """Length-adaptive average lagging of what was heard; None where not all of it was."""
    skipped_ms: float = 0.0
    """How much of it was left out to catch up."""
    started_s: float | None = None
    """When its first sample was heard, in seconds on the session's clock."""
    counted: bool = False
    """Whether the running figures have it."""


@dataclass(frozen=True, slots=True)
class WrittenText:
    """How the text of one utterance came to be in one language."""

    erasure: float | None = None
    """Normalised erasure of its revisions; None where there is no text."""
    laal_ms: float | None = None
    """Length-adaptive average lagging of its words, each as of when it came to stay."""


@dataclass(slots=True)
class Utterance:
    """What a session knows of one utterance."""

    utterance_id: str
    span: TimeSpan
    final: FinalTranslation | None = None
    """Without its words' times, which nobody asks for again."""
    words: TimeSpan | None = None
    """From the first of the words to the last; None where the engine doesn't tell."""
    hearings: dict[str, Hearing] = field(default_factory=dict)
    texts: dict[str, WrittenText] = field(default_factory=dict)
    ended: bool = False
    """Whether the engine has reported all of it."""
    characters: int = 0
    """How much text is kept of it."""


__all__ = ["Hearing", "SpeechLog", "Utterance", "WrittenText"]
