"""What to do about translated speech that waits too long: trim pauses, play faster, skip.

*Queueing lag* of a sample is when it is heard minus when it became available. When that is,
`rawmedia.sessions.speech.queue` tells. Nothing here holds audio or reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rawmedia.audio.stretch import MAX_RATE
from rawmedia.errors import ConfigurationError

MIN_MAX_LAG_MS: Final = 100.0
_PAUSE_SHARE: Final = 0.25
"""So much of the bound before it must, speech is skipped where there is a pause: a cut word is worse."""
_HYSTERESIS_SHARE: Final = 0.1
"""What was begun because of a lag goes on until the lag is this share of the bound below that."""
_MARGIN_FRAMES: Final = 1
"""The lag may grow by as much within the frame that is being decided on."""
_NOTICE_FRAMES: Final = 4
"""How long before it would be late something is skipped for what follows: that frame, another in
which what is said fades out, and the margin that the next one then has to have."""


@dataclass(frozen=True, slots=True)
class LagLimits:
    """How far translated speech may fall behind, and what may be done to it before it is skipped.

    The shares are of ``max_lag_ms`` and are compared with the greatest lag that is to be expected
    of what waits, were it played as it is.

    Raises:
        ConfigurationError: A number is out of range.
    """

    max_lag_ms: float | None = 4_000.0
    """No sample is heard later than this after it became available, 100 or more; None: nothing is done."""
    max_rate: float = 1.25
    """The fastest that speech is played, 1.0 to 1.5; above 1.25 listeners tire."""
    trim_share: float = 0.25
    """From where on pauses are trimmed, 0 to 1."""
    speed_share: float = 0.4
    """From where on speech is played faster, 0 to below ``full_share``."""
    full_share: float = 0.75
    """Where ``max_rate`` is reached; up to 1."""
    rate_step: float = 0.05
    """By how much the rate changes at once, 0.01 to 0.5: a step every 100 ms."""
    min_pause_ms: float = 300.0
    """Shorter pauses are part of speech."""
    keep_pause_ms: float = 160.0
    """What is left of the others."""

    def __post_init__(self) -> None:
        if self.max_lag_ms is not None:
            _require("max_lag_ms", self.max_lag_ms, MIN_MAX_LAG_MS, 3_600_000)
        _require("max_rate", self.max_rate, 1, MAX_RATE)
        _require("trim_share", self.trim_share, 0, 1)
        _require("full_share", self.full_share, 0, 1)
        _require("speed_share", self.speed_share, 0, self.full_share)
        _require("rate_step", self.rate_step, 0.01, 0.5)
        _require("keep_pause_ms", self.keep_pause_ms, 20, 10_000)
        _require("min_pause_ms", self.min_pause_ms, self.keep_pause_ms + 20, 60_000)
        if self.speed_share >= self.full_share:
            raise ConfigurationError("speed_share", f"below full_share, not {self.speed_share:g}")


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be heard, at one moment."""

    lag_ms: float
    """The queueing lag of the sample that is heard next."""
    expected_ms: float
    """The greatest lag that any of what waits will have, if all of it is played as it is."""
    rest_ms: float = 0.0
    """What is left of the utterance that is being said."""
    next_lag_ms: float | None = None
    """The lag that the utterance after it would have if it began now; None: there is none."""
    pause_ms: float = 0.0
    """How long the pause is that is being heard; 0 in speech."""
    frame_ms: float = 20.0


@dataclass(frozen=True, slots=True)
class LagDecision:
    """What to do from here on."""

    rate: float
    trim: bool
    skip: bool
    """Go on with the newest utterance; where it is the one that is being said, with its newest part."""


class LagController:
    """Decides, in this order, to trim pauses, to play faster, to skip. Keeps the rate, no audio.

    The bound holds by construction: what would be heard later than ``max_lag_ms`` is not. The
    decision to skip comes some frames early, or in a pause within the last quarter of the bound
    where nothing else can help any more. Of frames longer than a quarter of the bound it may
    be exceeded by one.

    The rate rises with the lag that is to be expected, and both it and trimming go on a little
    below where they began, so that they don't flutter.

    For one thread at a time. What follows depends on what went before, on nothing else.

    Args:
        limits: How far, and how fast.
    """

    __slots__ = ("_limits", "_rate", "_trim")

    def __init__(self, limits: LagLimits | None = None) -> None:
        self._limits = limits or LagLimits()
        self._rate = 1.0
        self._trim = False

    @property
    def limits(self) -> LagLimits:
        """The settings."""
        return self._limits

    @property
    def rate(self) -> float:
        """How fast to play, 1.0 to ``max_rate``."""
        return self._rate

    @property
    def trim(self) -> bool:
        """Whether to trim pauses."""
        return self._trim

    def decide(self, backlog: Backlog) -> LagDecision:
        """Look at what waits, at least every 100 ms of what is heard."""
        limit_ms = self._limits.max_lag_ms
        if limit_ms is None:
            return LagDecision(1.0, trim=False, skip=False)
        share = backlog.expected_ms / limit_ms
        least = self._limits.trim_share - (_HYSTERESIS_SHARE if self._trim else 0)
        self._trim = share > max(0.0, least)
        self._rate = self._next_rate(share)
        return LagDecision(self._rate, trim=self._trim, skip=self._must_skip(backlog, limit_ms))

    def margin_ms(self, frame_ms: float) -> float:
        """How far below the bound the lag of a frame's first sample has to be."""
        return self._at_most(_MARGIN_FRAMES * frame_ms, 0.25)

    def notice_ms(self, frame_ms: float) -> float:
        """How long before it would be late something is skipped for what follows."""
        return self._at_most(_NOTICE_FRAMES * frame_ms, 0.5)

    def _at_most(self, duration_ms: float, share: float) -> float:
        limit_ms = self._limits.max_lag_ms
        return duration_ms if limit_ms is None else min(duration_ms, share * limit_ms)

    def _next_rate(self, share: float) -> float:
        """A step, or none, towards the rate that fits."""
        step = self._limits.rate_step
        up, down = self._fitting_rate(share), self._fitting_rate(share + _HYSTERESIS_SHARE)
        if up >= self._rate + step or up == self._limits.max_rate:
            return min(self._rate + step, up)
        if down <= self._rate - step or down == 1:
            return max(self._rate - step, down)
        return self._rate

    def _fitting_rate(self, share: float) -> float:
        begin, full = self._limits.speed_share, self._limits.full_share
        part = min(1.0, max(0.0, (share - begin) / (full - begin)))
        return 1 + (self._limits.max_rate - 1) * part

    def _must_skip(self, backlog: Backlog, limit_ms: float) -> bool:
        if backlog.lag_ms > limit_ms - self.margin_ms(backlog.frame_ms):
            return True
        if backlog.next_lag_ms is None:
            return False
        left_ms = limit_ms - self.notice_ms(backlog.frame_ms) - backlog.next_lag_ms
        if not backlog.pause_ms:
            return left_ms < 0
        too_long = backlog.rest_ms / self._limits.max_rate > left_ms
        return left_ms < 0 or (too_long and left_ms < _PAUSE_SHARE * limit_ms)


def _require(setting: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ConfigurationError(setting, f"takes {least:g} to {most:g}, not {value:g}")


__all__ = ["MIN_MAX_LAG_MS", "Backlog", "LagController", "LagDecision", "LagLimits"]
