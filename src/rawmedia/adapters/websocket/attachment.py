"""One socket that carries a leg: what is said on it, and when it counts as dead."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from rawmedia.adapters.websocket.socket import SocketClosedError

if TYPE_CHECKING:
    from rawmedia.adapters.websocket.dialect import Dialect, DialectCommand
    from rawmedia.adapters.websocket.socket import Socket
    from rawmedia.streams.clock import Clock, Timer

Ending = Literal["over", "dropped", "stalled", "replaced", "closed", "failed"]
"""The platform hung up; the connection broke; nothing moves; another socket came; we hung up; a stream failed."""

_LOOK_S = 1.0
_CLOSE_S = 2.0


class EndedError(Exception):
    """Ends the tasks of an attachment; nobody outside sees it."""

    def __init__(self, how: Ending) -> None:
        super().__init__(how)
        self.how = how


class Attachment:
    """A socket and its dialect, while they carry a leg.

    Args:
        socket: Accepted.
        dialect: Its own; it has started.
        clock: What the silences are counted on.
        silence_timeout_s: After how long without a message the socket is dead; None for never.
        send_timeout_s: After how long that a message can't be sent it is.
    """

    def __init__(
        self,
        socket: Socket,
        dialect: Dialect,
        clock: Clock,
        *,
        silence_timeout_s: float | None,
        send_timeout_s: float,
    ) -> None:
        self.socket, self.dialect = socket, dialect
        self.done = asyncio.Event()
        self.received_at = clock.now()
        self._clock = clock
        self._silence_timeout, self._send_timeout = silence_timeout_s, send_timeout_s
        self._sending_since: float | None = None
        self._told: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._timer: Timer | None = None

    async def say(self, command: DialectCommand) -> None:
        """Tell the platform something.

        Raises:
            SocketClosedError: The socket is gone.
        """
        for message in self.dialect.encode(command):
            self._sending_since = self._clock.now()
            await self.socket.send(message)
            self._sending_since = None

    def tell(self, how: Ending) -> None:
        """End it, soon; whoever comes first decides how."""
        if not self._told.done():
            self._told.set_result(how)

    async def until_told(self) -> None:
        """Watch the socket and wait until somebody ends it.

        Raises:
            EndedError: Somebody did.
        """
        self._watch()
        try:
            raise EndedError(await self._told)
        finally:
            if self._timer is not None:
                self._timer.cancel()

    async def close(self, code: int) -> None:
        """Close the socket, but don't wait long for one that nobody reads."""
        with suppress(SocketClosedError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self.socket.close(code)

    def _watch(self) -> None:
        """Look now and then, so that a frame costs no timer."""
        now = self._clock.now()
        silent = self._silence_timeout is not None and (
            now - self.received_at > self._silence_timeout
        )
        stuck = self._sending_since is not None and (now - self._sending_since > self._send_timeout)
        if silent or stuck:
            self.tell("stalled")
        else:
            self._timer = self._clock.call_at(now + _LOOK_S, self._watch)


__all__ = ["Attachment", "EndedError", "Ending"]
