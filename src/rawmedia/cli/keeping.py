"""The report while a translation runs: a killed run leaves the last whole one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.errors import FileWriteError
from rawmedia.streams.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rawmedia.captions import SessionReport
    from rawmedia.streams.clock import Clock

# A report is written whole each time, so it takes longer the longer the session is.
_MAX_SHARE_OF_TIME = 0.05


class ReportKeeper:
    """Writes the report after each utterance, unless that would take more than 5 % of the time.

    Args:
        path: Where to; None keeps nothing.
        report: Gives the session so far.
        warn: Told, once, that the report could not be written; the translation goes on.
        clock: What the time that it takes is measured by.
    """

    def __init__(
        self,
        path: Path | None,
        report: Callable[[], SessionReport],
        warn: Callable[[str], object],
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._path, self._report, self._warn, self._clock = path, report, warn, clock
        self._due = clock.now()
        self._warned = False

    def utterance_over(self) -> None:
        """There is something new to report."""
        started = self._clock.now()
        if self._path is None or started < self._due:
            return
        try:
            self._report().write(self._path)
        except FileWriteError as error:
            if not self._warned:
                self._warn(f"{error}; the translation goes on")
            self._warned = True
        ended = self._clock.now()
        self._due = ended + (ended - started) / _MAX_SHARE_OF_TIME


__all__ = ["ReportKeeper"]
