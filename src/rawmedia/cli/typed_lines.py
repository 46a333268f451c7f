"""What somebody types while a program runs on an event loop, line by line."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def typed_lines() -> AsyncIterator[str]:
    """The lines of the standard input as they are typed; ends with it.

    A thread of its own reads, which a program that ends does not wait for.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue(maxsize=16)

    def put(line: str | None) -> None:
        """Wait for room: a pipe may bring lines without end."""
        putting = lines.put(line)
        try:
            asyncio.run_coroutine_threadsafe(putting, loop).result()
        except (RuntimeError, CancelledError):  # the loop is closed, or is about to be
            putting.close()

    def read() -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in sys.stdin:
                put(line)
        put(None)

    threading.Thread(target=read, name="typed lines", daemon=True).start()
    while (line := await lines.get()) is not None:
        yield line


__all__ = ["typed_lines"]
