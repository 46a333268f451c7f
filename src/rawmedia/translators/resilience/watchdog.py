"""Whether an engine is still there, judged by the speech that it was given and did not answer."""

from __future__ import annotations

from typing import Literal, TypeAlias

# Silence makes up for a tenth of its length of speech, so that clicks that a detector takes
# for speech never add up over a muted call.
_LEAK = 0.1

Complaint: TypeAlias = Literal["speech", "stalled", "rest"]
"""Speech got no answer, audio is not taken, or the rest after the last audio does not come."""


class Watchdog:
    """Counts speech and time since an engine's last sign of life. Times are seconds of one clock.

    A silent caller is no evidence, and neither is time in which nobody reads the events,
    because that stops an engine too. A backlog that is sent at once is no evidence
    before its time: both as much speech and as much time must have passed.

    Args:
        rest_timeout_ms: How long after the last audio without an event.
    """

    def __init__(self, rest_timeout_ms: float) -> None:
        self.answer_timeout_ms = float("inf")
        """How much speech, and how long, without an event; of audio that waits to be taken,
        half as long is enough once there was no event for so long."""
        self._rest_ms = rest_timeout_ms
        self._running = False
        self._speech_ms = 0.0
        self._since = 0.0
        self._offered_at: float | None = None
        self._all_sent_at: float | None = None
        self._unread_since: float | None = None

    def start(self, now: float, answer_timeout_ms: float) -> None:
        """Watch an engine that has just begun."""
        self.answer_timeout_ms = answer_timeout_ms
        self._running = True
        self._speech_ms = 0.0
        self._since = now
        self._offered_at = self._all_sent_at = None
        if self._unread_since is not None:
            self._unread_since = now

    def stop(self) -> None:
        """There is no engine to watch."""
        self._running = False

    def answered(self, now: float) -> None:
        """The engine gave a sign of life."""
        self._speech_ms = 0.0
        self._since = now

    def offered(self, duration_ms: float, now: float, *, speech: bool) -> None:
        """Audio was offered to the engine, with or without speech in it."""
        self._offered_at = now
        if speech:
            self._speech_ms += duration_ms
        else:
            self._speech_ms = max(0.0, self._speech_ms - duration_ms * _LEAK)

    def taken(self) -> None:
        """The engine took what was offered."""
        self._offered_at = None

    def all_sent(self, now: float) -> None:
        """The engine was told that there is no more audio."""
        self._offered_at, self._all_sent_at = None, now

    def reading(self, now: float, *, reading: bool) -> None:
        """Somebody reads the events again, or nobody does any more."""
        if not reading:
            self._unread_since = now if self._unread_since is None else self._unread_since
        elif self._unread_since is not None:
            unread, self._unread_since = now - self._unread_since, None
            self._since += unread
            if self._offered_at is not None:
                self._offered_at += unread
            if self._all_sent_at is not None:
                self._all_sent_at += unread

    @property
    def due(self) -> float | None:
        """When the engine will count as dead if nothing happens until then; None for never."""
        earliest = self._earliest()
        return None if earliest is None else earliest[0]

    def complaint(self, now: float) -> Complaint | None:
        """Why the engine counts as dead now, or None while it does not."""
        earliest = self._earliest()
        return None if earliest is None or now < earliest[0] else earliest[1]

    def _earliest(self) -> tuple[float, Complaint] | None:
        if not self._running or self._unread_since is not None:
            return None
        ends: list[tuple[float, Complaint]] = []
        if self._speech_ms >= self.answer_timeout_ms:
            ends.append((self._since + self.answer_timeout_ms / 1000, "speech"))
        if self._offered_at is not None:
            # An engine that refuses audio is full of it: half the patience, after all of it.
            half_s = self.answer_timeout_ms / 2_000
            ends.append((max(self._since + half_s, self._offered_at) + half_s, "stalled"))
        if self._all_sent_at is not None:
            since = max(self._since, self._all_sent_at)
            ends.append((since + self._rest_ms / 1000, "rest"))
        return min(ends, default=None)


__all__ = ["Complaint", "Watchdog"]
