"""Where in media time the audio of a message belongs, by what the platform says of its time."""

from __future__ import annotations

_TOLERANCE_MS = 100.0
"""How far stamps and samples may differ before that is a gap; platforms stamp as they send."""
_AHEAD_MS = 1_000.0
"""How far ahead of the clock a stamp may be and still be believed."""
_LATE_MS = 1_000.0
"""How far back a stamp may go and still mean audio out of order, not another clock."""


class CallTimeline:
    """The one media time of all voices of a call: milliseconds since its first audio.

    The platform's stamps count from anywhere, and from elsewhere on each socket. The clock
    says where they belong as a socket's first audio comes; from there on they are
    followed, so what was held up on the way lies where it was said.
    """

    def __init__(self) -> None:
        self._began: float | None = None
        self._base_ms: float | None = None

    def reattach(self) -> None:
        """Another socket follows; its stamps are its own."""
        self._base_ms = None

    def elapsed_ms(self, now: float) -> float:
        """How long ago the first audio came, which is now if none did."""
        if self._began is None:
            self._began = now
        return (now - self._began) * 1000

    def media_ms(self, timestamp_ms: float | None, now: float) -> float | None:
        """Where audio of this stamp belongs; None where the stamp is missing or not to be believed."""
        elapsed_ms = self.elapsed_ms(now)
        if timestamp_ms is None:
            return None
        if self._base_ms is None:
            self._base_ms = elapsed_ms - timestamp_ms
        media_ms = self._base_ms + timestamp_ms
        return media_ms if media_ms <= elapsed_ms + _AHEAD_MS else None


class VoicePlace:
    """Follows one voice along the timeline.

    Args:
        timeline: The call's.
        sample_rate: Of the voice's stream, in Hz.
    """

    def __init__(self, timeline: CallTimeline, sample_rate: int) -> None:
        self._timeline = timeline
        self._per_ms = sample_rate / 1000
        self._tolerance = _TOLERANCE_MS * self._per_ms
        self._late = _LATE_MS * self._per_ms
        self._next: int | None = None
        self._last_ms = float("-inf")

    def place(self, timestamp_ms: float | None, samples: int, now: float) -> int | None:
        """The position of audio of so many samples; None for right after the audio before.

        A position that lies back means audio out of order, whose place has passed.
        """
        media_ms = self._timeline.media_ms(timestamp_ms, now)
        following = self._next
        if following is None:
            start_ms = self._timeline.elapsed_ms(now) if media_ms is None else max(0.0, media_ms)
            position: int | None = round(start_ms * self._per_ms)
            following = position or 0
        elif media_ms is None:
            position = None
        else:
            at = round(media_ms * self._per_ms)
            position = max(0, at) if self._jumps(at - following, timestamp_ms) else None
        end = (following if position is None else position) + samples
        self._next = max(following, end)
        if timestamp_ms is not None:
            self._last_ms = timestamp_ms
        return position

    def _jumps(self, ahead: int, timestamp_ms: float | None) -> bool:
        """Whether audio does not follow what came before; where samples only outran stamps it does."""
        if ahead > self._tolerance:
            return True
        return (
            -self._late < ahead < -self._tolerance
            and timestamp_ms is not None
            and timestamp_ms < self._last_ms
        )


__all__ = ["CallTimeline", "VoicePlace"]
