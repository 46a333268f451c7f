"""When the SDK can send more, so that audio waits where it is counted and not inside the SDK."""

from __future__ import annotations

# Measured with SDK 1.53, and the same in the source of Microsoft's JavaScript SDK: the first
# five seconds leave at once, everything after at twice the speed of speech, unless it is told
# otherwise. The SDK takes any amount at any time and queues it without bound, and does not say
# how much it has sent.
_AT_ONCE_MS = 5_000.0
# What the SDK may hold beyond that, so that it never has to wait for the event loop.
_AHEAD_MS = 1_000.0


class UploadPace:
    """Estimates what the SDK has sent. Times are seconds of one clock, audio is milliseconds.

    Args:
        speed: How much faster than speech the SDK sends what waits.
    """

    def __init__(self, speed: float = 2.0) -> None:
        self._speed = speed
        self._written_ms = 0.0
        self._sent_ms = 0.0
        self._at = 0.0

    def write(self, duration_ms: float, now: float) -> float:
        """Count audio that is written now.

        Returns:
            When the SDK will have sent enough of it to be given more; never before ``now``.
        """
        self._advance(now)
        self._written_ms += duration_ms
        self._sent_ms = max(self._sent_ms, min(self._written_ms, _AT_ONCE_MS))
        return now + max(0.0, self._unsent_ms - _AHEAD_MS) / 1000 / self._speed

    def all_sent(self, now: float) -> float:
        """When everything written so far will have been sent; never before ``now``."""
        self._advance(now)
        return now + self._unsent_ms / 1000 / self._speed

    @property
    def _unsent_ms(self) -> float:
        return self._written_ms - self._sent_ms

    def _advance(self, now: float) -> None:
        sent_ms = self._sent_ms + (now - self._at) * 1000 * self._speed
        self._sent_ms, self._at = min(self._written_ms, sent_ms), now


__all__ = ["UploadPace"]
