"""A task that was cancelled to get it out of a wait, and not to end it."""

from __future__ import annotations

import asyncio


def go_on() -> None:
    """The cancellation that was just caught is dealt with; the next one is another.

    Otherwise one that an engine raises later on would be taken for it.
    """
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()


__all__ = ["go_on"]
