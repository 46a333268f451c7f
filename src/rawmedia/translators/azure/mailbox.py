"""Values on their way from the SDK's threads to one reader on an event loop, bounded."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from rawmedia.errors import EngineFailedError

if TYPE_CHECKING:
    from rawmedia.errors import RawMediaError

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Filled by any thread, emptied by one reader on the event loop that it was made on.

    Args:
        engine: How errors call the engine.
        max_size: How much may wait, in the sizes that ``put`` is told. Only a service out of
            order comes to it; then what does not fit ends the box with an error, because a
            hole must not go unseen.
    """

    def __init__(self, engine: str, max_size: int) -> None:
        self._engine = engine
        self._max_size = max_size
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting: deque[tuple[T, int]] = deque()
        self._size = 0
        self._ended = False
        self._error: RawMediaError | None = None
        self._waking = False
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many values wait."""
        return len(self._waiting)

    def put(self, value: T, size: int = 1) -> None:
        """Add a value; from any thread, never waits, never raises. After the end it is dropped."""
        with self._lock:
            if self._ended:
                return
            if self._size + size > self._max_size:
                self._ended = True
                self._error = EngineFailedError(
                    self._engine, "more came from the service than there is room for"
                )
            else:
                self._waiting.append((value, size))
                self._size += size
        self._wake()

    def end(self, error: RawMediaError | None = None) -> None:
        """Nothing more will come, because of ``error`` if there is one; from any thread.

        What waits can still be read. The first end counts.
        """
        with self._lock:
            if self._ended:
                return
            self._ended, self._error = True, error
        self._wake()

    async def get(self) -> T | None:
        """Wait for the next value; None at the end. Cancelling loses none.

        Raises:
            RawMediaError: The error that it ended with, after all that came before.
        """
        while True:
            self._changed.clear()
            with self._lock:
                if self._waiting:
                    value, size = self._waiting.popleft()
                    self._size -= size
                    return value
                if self._ended:
                    if self._error is not None:
                        raise self._error.with_traceback(None)
                    return None
            await self._changed.wait()

    def _wake(self) -> None:
        """Wake the reader once, however much comes before it runs."""
        with self._lock:
            if self._waking:
                return
            self._waking = True
        # A closed loop refuses: then nobody will ever read.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        with self._lock:
            self._waking = False
        self._changed.set()


__all__ = ["Mailbox"]
