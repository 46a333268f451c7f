"""One timer for waits that follow each other, each of which is nearly always over before its time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.streams.clock import Clock, Timer


class MovingTimer:
    """Calls back as `Clock.call_at` does, one callback at a time.

    To make a timer for every frame, and to take it back when the frame comes, costs more than to wait for the
    frame. This one stays set when it is taken back; where it then goes off too early, it is set anew.
    For one event loop.

    Args:
        clock: What it is counted on.
    """

    __slots__ = ("_callback", "_clock", "_due", "_set_for", "_timer")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._callback: Callable[[], object] | None = None
        self._due = self._set_for = math.inf
        self._timer: Timer | None = None

    def call_at(self, when: float, callback: Callable[[], object]) -> Self:
        """Call back at ``when``, in seconds on the clock, in place of any callback before."""
        self._due, self._callback = when, callback
        if when < self._set_for:
            self._set()
        return self

    def cancel(self) -> None:
        """Don't call back."""
        self._callback = None

    def close(self) -> None:
        """Don't call back, and leave nothing set; it may be used again."""
        self._callback = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._set_for = None, math.inf

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._set_for = self._due
        self._timer = self._clock.call_at(self._due, self._go_off)

    def _go_off(self) -> None:
        early = self._due > self._set_for
        self._timer, self._set_for = None, math.inf
        callback = self._callback
        if callback is None:
            return
        if early:
            self._set()
        else:
            self._callback = None
            callback()


__all__ = ["MovingTimer"]
