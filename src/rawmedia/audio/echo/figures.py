"""What the guard against translating one's own voice found and did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EchoFigures:
    """What the guard against translating one's own voice found and did."""

    delay_ms: float | None = None
    """From being played to being heard again, as found; None where it was not."""
    erle_db: float | None = None
    """How much quieter subtraction alone makes the echo, lately, while nobody else speaks (echo
    return loss enhancement); None where no echo was found."""
    gated_ms: float = 0.0
    """Audio that was held back as echo and nothing else."""
    subtracted_ms: float = 0.0
    """Audio that echo was subtracted from."""
    double_talk_ms: float = 0.0
    """Audio in which somebody spoke over what was played, and was let through."""
    drift_ppm: float = 0.0
    """How much faster the loudspeaker's clock is than the microphone's, in millionths."""
    delay_changes: int = 0
    """How often an echo was found, or found elsewhere."""
    lost_played_ms: float = 0.0
    """Played audio that was dropped, because nothing came in for seconds."""
    utterances: int = 0
    """How many were dropped because they were the session's own words."""


__all__ = ["EchoFigures"]
