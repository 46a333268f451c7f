"""Waits that a hanging implementation can't make endless, and calls that are cancelled on purpose."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from rawmedia.testing.checks.broken import broke

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rawmedia.streams.clock import Clock

T = TypeVar("T")

_TURNS_TO_TRY = 8
"""After how many turns of the event loop, at most, a call is cancelled."""


async def within(clock: Clock, patience_s: float, call: Awaitable[T], what: str) -> T:
    """Wait for a call, but only so long, and even if it will not be cancelled.

    Args:
        clock: What the patience is counted on.
        patience_s: Seconds.
        call: What is waited for.
        what: What it is called in a report.

    Raises:
        SeenError: It took longer, or ended as if somebody had cancelled it.
        Exception: What the call raised.
    """
    task = asyncio.ensure_future(call)
    if not await _done(clock, patience_s, task):
        broke(f"{what} had not come to an end after {patience_s:g} s, and was then cancelled.")
    if task.cancelled():
        broke(f"{what} ended with CancelledError, though nobody cancelled it.")
    return task.result()


async def cancelled_at_each_turn(
    clock: Clock, patience_s: float, call: Callable[[int], Awaitable[object]], what: str
) -> None:
    """Make a call again and again and cancel it one turn of the event loop later each time.

    Args:
        clock: What the patience is counted on.
        patience_s: How long a cancelled call may take to end, in seconds.
        call: Makes the call; is given how many came before. It ends the series by a call
            that is through before it could be cancelled.
        what: What the call is called in a report.

    Raises:
        SeenError: A cancelled call went on, or raised something else.
    """
    for turns in range(_TURNS_TO_TRY):
        if not await cancelled_after(clock, patience_s, turns, call(turns), what):
            return


async def cancelled_after(
    clock: Clock, patience_s: float, turns: int, call: Awaitable[object], what: str
) -> bool:
    """Cancel a call some turns of the event loop after it began; whether that ended it.

    Raises:
        SeenError: It went on for longer than ``patience_s``, or raised something else than
            CancelledError.
    """
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0)  # it begins
    for _ in range(turns):
        await asyncio.sleep(0)
    if task.done():
        task.result()
        return False
    task.cancel()
    if not await _done(clock, patience_s, task):
        broke(f"{what} was cancelled and still ran {patience_s:g} s later.")
    if not task.cancelled():
        error = task.exception()
        if error is not None:
            broke(f"{what} was cancelled and raised {type(error).__name__} instead: {error}.")
    return task.cancelled()


async def _done(clock: Clock, patience_s: float, task: asyncio.Future[T]) -> bool:
    """Wait for a task; cancel it and leave it where it is when it takes too long."""
    expired: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    timer = clock.call_at(clock.now() + patience_s, expired.cancel)
    try:
        await asyncio.wait({task, expired}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        raise
    finally:
        timer.cancel()
        expired.cancel()
    if task.done():
        return True
    task.cancel()
    await asyncio.sleep(0)
    return False


__all__ = ["cancelled_after", "cancelled_at_each_turn", "within"]
