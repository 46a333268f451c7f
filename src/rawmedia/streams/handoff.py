"""Waking a task within the call that has something for it, instead of in the event loop's next turn."""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from contextlib import suppress
from typing import TYPE_CHECKING

from rawmedia.streams.moving_timer import MovingTimer

if TYPE_CHECKING:
    from rawmedia.streams.clock import Clock


def finish_now(future: asyncio.Future[None]) -> None:
    """Finish a future of the running loop, and take the next step of the task that awaits it, now.

    A turn of the loop costs about as much as all else that is done for a frame. The step runs as the
    loop would run it, in its task's own context and with the calling task set aside; this
    returns when that task waits again. A future that is finished, or that nobody or more than one awaits,
    goes the loop's way.
    """
    awaiting = future._callbacks
    if future.done() or not awaiting or len(awaiting) > 1:
        finish(future)
        return
    ((step, context),) = awaiting
    future.remove_done_callback(step)
    future.set_result(None)
    loop = future.get_loop()
    calling = asyncio.current_task(loop)
    if calling is None:
        context.run(step, future)
        return
    # As asyncio's documentation has it for tasks of one's own ("Extending").
    _leave_task(loop, calling)
    try:
        context.run(step, future)
    finally:
        _enter_task(loop, calling)


def finish(future: asyncio.Future[None]) -> None:
    """Finish a future of the running loop, if it is not finished; who awaits it goes on in a turn of the loop."""
    if not future.done():
        future.set_result(None)


class Handoff:
    """Where the one task that empties a stream waits until there is something for it, or a time comes.

    A wait may end without a reason, so look again.

    Args:
        clock: What times are counted on.
    """

    __slots__ = ("_future", "_loop", "_timer")

    def __init__(self, clock: Clock) -> None:
        self._timer = MovingTimer(clock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._future: asyncio.Future[None] | None = None

    def until(self, when: float) -> asyncio.Future[None]:
        """What to await; cancelling ends the wait.

        Args:
            when: Seconds on the clock, after which it is over in any case.
        """
        self._loop = loop = asyncio.get_running_loop()
        self._timer.call_at(when, self.soon)
        self._future = future = loop.create_future()
        return future

    def go_on(self) -> None:
        """Let the task go on within this call, if it waits on this loop; on another, soon."""
        future = self._future
        if future is None or asyncio._get_running_loop() is not self._loop:
            self.soon()
            return
        self._future = None
        finish_now(future)

    def soon(self) -> None:
        """Let the task go on, from any thread; not within this call."""
        loop = self._loop
        if loop is None:
            return
        if asyncio._get_running_loop() is loop:
            self._finish()
        else:
            with suppress(RuntimeError):  # the loop is closed, and the task will never go on
                loop.call_soon_threadsafe(self._finish)

    def close(self) -> None:
        """Leave no timer set; it may be used again."""
        self._timer.close()

    def _finish(self) -> None:
        future, self._future = self._future, None
        if future is not None:
            finish(future)


__all__ = ["Handoff", "finish", "finish_now"]
