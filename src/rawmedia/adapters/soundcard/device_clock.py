"""How far a device's clock is off the leg's, and by how much to stretch its audio for that."""

from __future__ import annotations

import math
from typing import Final

from rawmedia.audio.clock_drift import ClockDrift
from rawmedia.audio.drift import MAX_PPM

_WINDOW_MS: Final = 1_000.0
_SETTLING_WINDOWS: Final = 3
"""While a device fills its buffers, when it is early or late means nothing."""
_PPM_PER_MS: Final = 20.0
"""What is off is made up for with a time constant of 50 s, which nobody hears."""
_MOST_MADE_UP_PPM: Final = 400.0
_JUMP_MS: Final = 30.0
"""More than a wandering clock can be off: audio was lost, or the device stood still."""


class DeviceClock:
    """Compares a device's audio with the leg's clock, so that a program sees that one alone.

    The drift is `ClockDrift`'s estimate. What that leaves, and what came before there was
    one, shows as media time that lags behind the clock: it is made up for little by little.

    No clock is read: times are arguments.
    """

    __slots__ = (
        "_anchor",
        "_begin",
        "_drift",
        "_jumped",
        "_least",
        "_media_ppm",
        "_settling",
    )

    def __init__(self) -> None:
        self._drift = ClockDrift(window_ms=_WINDOW_MS)
        self._settling = _SETTLING_WINDOWS
        self._anchor = self._media_ppm = self._jumped = 0.0
        self._begin: float | None = None
        self._least = math.inf

    @property
    def settled(self) -> bool:
        """Whether the device has got going, which takes it three seconds and more."""
        return not self._settling

    @property
    def drift_ppm(self) -> float | None:
        """How fast the device's clock is; None in the first ten seconds."""
        return self._drift.ppm

    @property
    def ppm(self) -> float:
        """What to tell a `DriftResampler` of captured audio; its negative for audio to be played."""
        return min(MAX_PPM, max(-MAX_PPM, (self._drift.ppm or 0.0) + self._media_ppm))

    def note(self, now_ms: float, device_ms: float, media_ms: float) -> float:
        """Take the times of a block.

        Args:
            now_ms: When it came, by the leg's clock.
            device_ms: How much audio the device has given or taken before, by its own clock.
            media_ms: The same as the program sees it, after stretching.

        Returns:
            How many milliseconds of time passed without audio, where that is so much that it
            can't be drift; negative for too much audio. It will not be made up for. Else 0.
        """
        if self._begin is None:
            self._begin = now_ms
        jump = 0.0
        if now_ms >= self._begin + _WINDOW_MS and self._least < math.inf:
            jump = self._end_window()
            self._begin, self._least = now_ms, math.inf
        if not self._settling:
            self._drift.push(now_ms, device_ms + self._jumped)
        self._least = min(self._least, now_ms - media_ms)
        return jump

    def _end_window(self) -> float:
        behind = self._least - self._anchor
        if self._settling:
            self._settling -= 1
            self._anchor = self._least
            return 0.0
        if abs(behind) > _JUMP_MS:
            self._anchor = self._least
            self._jumped += behind
            return behind
        made_up = -_PPM_PER_MS * behind
        self._media_ppm = min(_MOST_MADE_UP_PPM, max(-_MOST_MADE_UP_PPM, made_up))
        return 0.0


__all__ = ["DeviceClock"]
