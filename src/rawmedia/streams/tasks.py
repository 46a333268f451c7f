"""Tasks that live and fail together, and the one error that ended them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def joined_tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """An `asyncio.TaskGroup` that raises the first error of its tasks as it is, not a group of all.

    The errors of the others come from the same cause or from being stopped, and callers
    want to catch a typed error. Cancelling cancels every task and waits for them.
    """
    error: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        error = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
    if error is not None:
        # Outside of the handler, so that the error keeps the cause it was raised with.
        raise error


__all__ = ["joined_tasks"]
