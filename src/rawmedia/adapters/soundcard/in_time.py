"""Calls into a sound system that may never come back, as when its server hangs."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar

from rawmedia.adapters.soundcard.errors import SoundSystemError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def in_time(
    call: Callable[[], T],
    seconds: float,
    doing: str,
    *,
    too_late: Callable[[T], object] | None = None,
) -> T:
    """Wait for a call, but not for ever.

    One that hangs is left to its thread, a daemon, so that it keeps no program from ending.

    Args:
        call: What to do.
        seconds: How long to wait for it.
        doing: What it is, for the error: "opening input device 'USB'".
        too_late: Gets what the call returned after nobody waited for it any more.

    Returns:
        What the call returned; what it raised is raised.

    Raises:
        SoundSystemError: It did not come back.
    """
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
            answer.set_exception(error)

    def clean_up(late: Future[T]) -> None:
        if too_late is not None and late.exception() is None:
            too_late(late.result())

    threading.Thread(target=run, name=doing, daemon=True).start()
    if not wait([answer], seconds).done:
        answer.add_done_callback(clean_up)
        raise SoundSystemError(f"{doing} took more than {seconds:g} s")
    return answer.result()


__all__ = ["in_time"]
