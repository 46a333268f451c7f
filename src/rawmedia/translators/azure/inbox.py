"""Messages on their way from the SDK's threads to the event loop, bounded."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING

from rawmedia.errors import EngineFailedError
from rawmedia.translators.azure.messages import Hypothesis, Speech

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.translators.azure.messages import Message

    Taker = Callable[[Message], bool]


class Inbox:
    """Filled by any thread, emptied on the event loop that it was made on.

    What the service can say is bounded by what it is sent, and nothing is sent while nobody
    reads the events; so the bounds are only met by a service out of order. Beyond them
    hypotheses are dropped, which the next one replaces anyhow; anything else ends
    the translation, because a lost phrase or a hole in speech must not go unseen.

    Args:
        engine: How errors call the engine.
        max_messages: How many may wait.
        max_speech_bytes: How much synthesized audio may wait; eight minutes of 16 kHz mono.
    """

    def __init__(
        self,
        engine: str,
        *,
        max_messages: int = 4_096,
        max_speech_bytes: int = 16 * 2**20,
    ) -> None:
        self._engine = engine
        self._max_messages = max_messages
        self._max_speech_bytes = max_speech_bytes
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._messages: deque[Message] = deque()
        self._speech_bytes = 0
        self._waking = False
        self._overrun = False
        self._closed = False
        self._changed = asyncio.Event()
        self._take: Taker | None = None
        self._failure: Exception | None = None
        self.dropped_hypotheses = 0
        """How many found no room."""

    def put(self, message: Message) -> None:
        """Add a message; from any thread, never waits, never raises. After ``close`` it is dropped."""
        with self._lock:
            if not self._admit(message):
                return
            self._messages.append(message)
            if isinstance(message, Speech):
                self._speech_bytes += len(message.data)
        self._wake()

    def close(self) -> None:
        """Nothing more will come; from any thread. What waits can still be read."""
        with self._lock:
            self._closed = True
        self._wake()

    async def get(self, take: Taker | None = None) -> Message:
        """Wait for the next message that ``take`` leaves. Cancelling loses none.

        Args:
            take: Is told each message as it comes, without waking whoever waits here, and says
                whether it took it.

        Raises:
            EngineFailedError: Messages were lost for want of room, or ``close`` came first.
            Exception: What ``take`` raised; the message stays.
        """
        self._take = take
        try:
            while True:
                self._changed.clear()
                self._offer()
                with self._lock:
                    if self._failure is not None:
                        failure, self._failure = self._failure, None
                        raise failure
                    if self._messages:
                        return self._pop()
                    overrun, closed = self._overrun, self._closed
                if overrun:
                    raise EngineFailedError(
                        self._engine, "more came from the service than there is room for"
                    )
                if closed:
                    raise EngineFailedError(self._engine, "the recogniser was stopped")
                await self._changed.wait()
        finally:
            self._take = None

    async def wait_closed(self) -> None:
        """Wait until ``close``."""
        while True:
            self._changed.clear()
            with self._lock:
                if self._closed:
                    return
            await self._changed.wait()

    def _admit(self, message: Message) -> bool:
        if self._closed or self._overrun:
            return False
        if len(self._messages) < self._max_messages and self._speech_bytes < self._max_speech_bytes:
            return True
        if isinstance(message, Hypothesis):
            self.dropped_hypotheses += 1
        else:
            self._overrun = True
        return False

    def _wake(self) -> None:
        """Wake the reader once, however many messages come before it runs."""
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
        self._offer()
        if self._messages or self._closed or self._overrun or self._failure is not None:
            self._changed.set()

    def _offer(self) -> None:
        """Have taken what can be, in order."""
        while self._take is not None and self._failure is None and self._messages:
            try:
                taken = self._take(self._messages[0])
            except Exception as error:  # noqa: BLE001 - `get` raises it: none may vanish here
                self._failure = error
                return
            if not taken:
                return
            with self._lock:
                self._pop()

    def _pop(self) -> Message:
        message = self._messages.popleft()
        if isinstance(message, Speech):
            self._speech_bytes -= len(message.data)
        return message


__all__ = ["Inbox"]
