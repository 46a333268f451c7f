"""What was there before and what is left after: tasks, threads and memory."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from typing import TYPE_CHECKING

from rawmedia.testing.checks.broken import broke, require

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_TURNS = 10
"""How many turns of the event loop whatever was cancelled may take to be gone."""
_THREAD_CHECKS = 100
_THREAD_CHECK_S = 0.01
"""A thread that was told to end has a second of real time."""
_MEBIBYTE = 2**20


class Leftovers:
    """Notes which tasks and threads there are, to find those that came later and stayed.

    Threads of the event loop's own executor stay as long as the loop does and do not count.
    """

    def __init__(self) -> None:
        self._tasks = asyncio.all_tasks()
        self._threads = set(threading.enumerate())

    async def require_no_tasks(self, after: str) -> None:
        """Allow what was cancelled some turns of the loop, and then nothing may be left.

        Raises:
            SeenError: Tasks are left; the text names them.
        """
        for _ in range(_TURNS):
            if not asyncio.all_tasks() - self._tasks:
                return
            await asyncio.sleep(0)
        left = sorted(task.get_name() for task in asyncio.all_tasks() - self._tasks)
        require(not left, f"after {after} these tasks still ran: {', '.join(left)}.")

    async def require_no_threads(self, after: str) -> None:
        """Allow threads a second to end, and then nothing may be left.

        Raises:
            SeenError: Threads are left; the text names them.
        """
        for _ in range(_THREAD_CHECKS):
            left = self._new_threads()
            if not left:
                return
            await asyncio.sleep(0)
            left[0].join(_THREAD_CHECK_S)
        broke(f"after {after} these threads still ran: {', '.join(t.name for t in left)}.")

    def _new_threads(self) -> list[threading.Thread]:
        return [
            thread
            for thread in threading.enumerate()
            if thread not in self._threads and not thread.name.startswith("asyncio_")
        ]


class MemoryGrowth:
    """Measures how much more memory Python holds at the end of a block than at its start.

    It counts with tracemalloc, so it sees objects and numpy's arrays, and slows the block.
    """

    def __init__(self) -> None:
        self.grown = 0
        """Bytes, once the block is over."""
        self._before = 0
        self._was_tracing = False

    @property
    def mebibytes(self) -> float:
        """How much it grew."""
        return self.grown / _MEBIBYTE

    def now(self) -> float:
        """How much it has grown by now, in mebibytes."""
        return (tracemalloc.get_traced_memory()[0] - self._before) / _MEBIBYTE

    def __enter__(self) -> Self:
        self._was_tracing = tracemalloc.is_tracing()
        if not self._was_tracing:
            tracemalloc.start()
        gc.collect()
        self._before = tracemalloc.get_traced_memory()[0]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        gc.collect()
        self.grown = tracemalloc.get_traced_memory()[0] - self._before
        if not self._was_tracing:
            tracemalloc.stop()


__all__ = ["Leftovers", "MemoryGrowth"]
