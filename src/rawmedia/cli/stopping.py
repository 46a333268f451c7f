"""Ctrl-C and SIGTERM, as a wish to stop that leaves time to tidy up."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rawmedia.cli.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM)


class StopWish:
    """Which signal asked to stop, if one did."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __str__(self) -> str:
        if self.signal is None:
            return "not stopped"
        return "stopped with Ctrl-C" if self.signal is signal.SIGINT else "stopped with SIGTERM"

    @property
    def exit_code(self) -> ExitCode:
        """What a command exits with that was asked to stop."""
        by_hand = self.signal is signal.SIGINT
        return ExitCode.INTERRUPTED if by_hand else ExitCode.TERMINATED


class StoppedError(Exception):
    """A signal came; not an error of anybody."""

    def __init__(self, wish: StopWish) -> None:
        super().__init__(wish)
        self.wish = wish

    def __str__(self) -> str:
        return str(self.wish)


@contextmanager
def stop_on_signals(
    stop: Callable[[], object], give_up: Callable[[int], object]
) -> Iterator[StopWish]:
    """While inside, SIGINT and SIGTERM are for the running loop's program to answer.

    Does nothing outside the main thread, where Python gets no signals.

    Args:
        stop: Called on the loop for the first signal.
        give_up: Called for every later one, at once and wherever the program is, with 128
            and the signal's number: whoever presses Ctrl-C twice does not want to wait.
    """
    wish = StopWish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    loop = asyncio.get_running_loop()

    def take(number: int, _frame: FrameType | None) -> None:
        if wish.signal is not None:
            give_up(128 + number)
            return
        wish.signal = signal.Signals(number)
        loop.call_soon_threadsafe(stop)

    before = {number: signal.signal(number, take) for number in _STOPPING}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = ["StopWish", "StoppedError", "stop_on_signals"]
