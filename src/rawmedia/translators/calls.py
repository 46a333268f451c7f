"""Calling a part of an engine: with a time limit, and giving back the iterator it returned."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from rawmedia.errors import EngineFailedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rawmedia.streams.clock import Clock

T = TypeVar("T")


@asynccontextmanager
async def time_limit(engine: str, clock: Clock, limit_ms: float) -> AsyncIterator[None]:
    """Cancel what the block waits for after ``limit_ms`` of the clock's time.

    Raises:
        TimeoutError: The limit came; the wait was cancelled and has ended.
        EngineFailedError: What the block called says that it was cancelled, and nobody did that.
    """
    task = asyncio.current_task()
    async with asyncio.timeout(None) as scope:
        # The scope counts in the loop's own time, which need not be this clock's; what is past
        # in any time makes it expire at once.
        timer = clock.call_at(clock.now() + limit_ms / 1000, lambda: scope.reschedule(-math.inf))
        try:
            yield
        except asyncio.CancelledError as error:
            # Taken for a real one it would end a task group's task without a word.
            if task is not None and not task.cancelling():
                raise EngineFailedError(engine, "cancelled itself") from error
            raise
        finally:
            timer.cancel()


@asynccontextmanager
async def closing(iterator: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close an iterator at the end of the block, if it can be closed (an async generator can)."""
    try:
        yield iterator
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


__all__ = ["closing", "time_limit"]
