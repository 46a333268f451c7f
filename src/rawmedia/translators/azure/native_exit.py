"""What of Microsoft's SDK still runs when the program ends, and is stopped before the interpreter goes.

A native thread that calls into an interpreter that is gone aborts the process: 12 times out
of 12 with SDK 1.53 and a recogniser that was running.
"""

from __future__ import annotations

import atexit
import os
import time
from typing import Protocol

_EXIT_TIMEOUT_S = 3.0
"""How long the end of the program waits for everything together."""


class Stoppable(Protocol):
    """Something that lives on a thread of its own until it is told to stop."""

    def stop(self) -> None:
        """Tell it; returns at once, and twice is harmless."""
        ...

    def join(self, timeout: float) -> None:
        """Block until it has stopped, at most ``timeout`` seconds."""
        ...


_running: dict[Stoppable, int] = {}
"""Each with the process that it was started in: a fork has none of its parent's threads."""


def running(each: Stoppable) -> None:
    """From now on the end of the program stops it. It is kept from being garbage as well."""
    _running[each] = os.getpid()


def stopped(each: Stoppable) -> None:
    """It has stopped, and all that it had is released. Twice is harmless."""
    _running.pop(each, None)


@atexit.register
def stop_all() -> None:
    """Stop what still runs; blocks for three seconds at most."""
    mine = [each for each, process in list(_running.items()) if process == os.getpid()]
    for each in mine:
        each.stop()
    deadline = time.monotonic() + _EXIT_TIMEOUT_S
    for each in mine:
        each.join(max(0.0, deadline - time.monotonic()))


__all__ = ["Stoppable", "running", "stop_all", "stopped"]
