"""Media time: which stretch of a stream something speaks for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class TimeSpan:
    """A stretch of media time, in milliseconds since the stream began.

    Media time counts audio, not arrival: a stream that stalls for a minute and then goes
    on where it was has lost no media time.

    Raises:
        ValueError: The stretch ends before it starts, or starts before the stream.
    """

    start_ms: float
    end_ms: float

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms <= self.end_ms:
            raise ValueError(
                f"a span needs 0 <= start <= end, got {self.start_ms} to {self.end_ms} ms"
            )

    @property
    def duration_ms(self) -> float:
        """How long the stretch lasts."""
        return self.end_ms - self.start_ms

    def overlap_ms(self, other: TimeSpan) -> float:
        """How much of media time the two spans share; 0 when they only touch."""
        return max(0.0, min(self.end_ms, other.end_ms) - max(self.start_ms, other.start_ms))


__all__ = ["TimeSpan"]
