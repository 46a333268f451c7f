"""How far a sender's clock is off, from when its packets arrive."""

from __future__ import annotations

import math
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from rawmedia.audio.drift import MAX_PPM
from rawmedia.errors import ConfigurationError, PayloadError

if TYPE_CHECKING:
    import numpy.typing as npt


_MIN_WINDOWS: Final = 10
"""Before so many, the slope says more about the jitter than about the clock."""
_MOVED_WINDOWS: Final = 5
_MOVED_MS: Final = 5.0
_LATEST_MS: Final = 1e15
"""Up to here a float tells an eighth of a millisecond."""


class ClockDrift:
    """Estimates how far a sender's clock is off, from when its packets arrive.

    How long a packet travels is its arrival less its media time, apart from a constant. The
    network only adds to that, so the least of each second is close to the line whose slope is
    the drift; the median of the slopes between all of these (H. Theil, 1950; P. K. Sen,
    "Estimates of the regression coefficient based on Kendall's tau", J. Am. Stat. Assoc. 63,
    1968) is not moved by the seconds in which even the fastest packet was late.

    With 20 ms of jitter at 50 packets a second it is within 40 ppm after 20 s, 12 after 30 s,
    6 after a minute.

    When five seconds on end are off the line to one side, the path has changed: what was
    before is forgotten, and the last estimate stays until there is a new one. Where the sender
    starts its clock anew, call `reset`.

    No clock is read: both times are arguments. At most ``history_ms`` are remembered.

    Args:
        window_ms: How long each of the "seconds" is; 100 to 10000.
        history_ms: How far back the line goes: 20 to 300 windows. A clock drifts otherwise as
            it gets warm.

    Raises:
        ConfigurationError: A number is out of range.
    """

    __slots__ = ("_begin", "_error", "_least", "_least_at", "_points", "_ppm", "_window")

    def __init__(self, *, window_ms: float = 1_000.0, history_ms: float = 60_000.0) -> None:
        if not 100 <= window_ms <= 10_000:
            raise ConfigurationError("window_ms", f"from 100 to 10000, not {window_ms}")
        if not 20 * window_ms <= history_ms <= 300 * window_ms:
            raise ConfigurationError(
                "history_ms", f"from 20 to 300 windows of {window_ms:g}, not {history_ms}"
            )
        self._window = window_ms
        self._points: deque[tuple[float, float]] = deque(maxlen=round(history_ms / window_ms))
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next packet is the first."""
        self._points.clear()
        self._ppm: float | None = None
        self._error: float | None = None
        self._begin: float | None = None  # where the window starts that is being filled
        self._least = math.inf  # the least travel in it, and when that packet arrived
        self._least_at = 0.0

    @property
    def ppm(self) -> float | None:
        """How fast the sender's clock is, in millionths; None before 10 windows have passed.

        -1000 to 1000, as `DriftResampler` takes it: what would be more is no clock's drift.
        """
        return self._ppm

    @property
    def error_ppm(self) -> float | None:
        """About how far `ppm` may be off: a standard error; None where that is None."""
        return self._error

    def push(self, arrival_ms: float, media_ms: float) -> None:
        """Take a packet's times.

        Args:
            arrival_ms: When it arrived, by the receiver's monotonic clock.
            media_ms: What time it stands for by the sender's clock: its RTP timestamp, unwrapped,
                in milliseconds. Order does not matter within a window; a packet that arrived
                before the window does not count.

        Raises:
            PayloadError: A time is no number or beyond 30000 years; nothing was taken.
        """
        if not (abs(arrival_ms) <= _LATEST_MS and abs(media_ms) <= _LATEST_MS):
            raise PayloadError("times within 30000 years", f"{arrival_ms} and {media_ms}")
        travel = arrival_ms - media_ms
        if self._begin is None:
            self._begin = arrival_ms
        elif arrival_ms >= self._begin + self._window:
            self._points.append((self._least_at, self._least))
            self._least = math.inf
            self._begin = arrival_ms
            self._estimate()
        if travel < self._least and arrival_ms >= self._begin:
            self._least, self._least_at = travel, arrival_ms

    def _estimate(self) -> None:
        if len(self._points) < _MIN_WINDOWS:
            return
        at, travel = np.array(self._points).T
        at -= at[0]
        travel -= travel[0]
        earlier, later = _pairs(len(at))
        slope = float(np.median((travel[later] - travel[earlier]) / (at[later] - at[earlier])))
        off = travel - slope * at
        off -= np.median(off)
        # The standard deviation of normal errors whose median distance this is.
        deviation = 1.4826 * float(np.median(np.abs(off)))
        recent = off[-_MOVED_WINDOWS:]
        if np.abs(recent).min() > max(_MOVED_MS, 8 * deviation) and np.ptp(np.sign(recent)) == 0:
            for _ in range(len(self._points) - _MOVED_WINDOWS):
                self._points.popleft()
            return
        self._ppm = min(MAX_PPM, max(-MAX_PPM, -slope * 1e6))
        self._error = deviation / math.sqrt(float(np.square(at - at.mean()).sum())) * 1e6


@lru_cache(maxsize=4)
def _pairs(count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The first and the second of each pair of so many; shared and read-only."""
    earlier, later = np.triu_indices(count, 1)
    earlier.flags.writeable = later.flags.writeable = False
    return earlier, later


__all__ = ["ClockDrift"]
