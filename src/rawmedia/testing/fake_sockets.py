"""WebSockets without a network: two ends in one program, on any event loop, virtual time included."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from rawmedia.adapters.websocket.socket import NORMAL, SocketClosedError
from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    from rawmedia.adapters.websocket.dialect import Message

ABNORMAL = 1006
"""The code of a connection that broke without a word (RFC 6455, 7.4.1)."""


class FakeSocket:
    """One end of a pair; made by `socket_pair`.

    As with TCP, a sender waits once ``max_unread`` messages are on their way, and what was sent
    before a close is still received.
    """

    def __init__(self, max_unread: int) -> None:
        self.accepted = False
        """Whether ``accept`` was called at this end."""
        self.closed: int | None = None
        """The close code, once it is closed from either end."""
        self.most_unread = 0
        """How many messages have waited here at most."""
        self._peer = self
        self._max_unread = max_unread
        self._unread: deque[Message] = deque()
        self._changed = asyncio.Condition()

    async def accept(self) -> None:
        """Note it."""
        self.accepted = True

    async def receive(self) -> Message:
        """Wait for the next message; cancelling loses none.

        Raises:
            SocketClosedError: It is closed and every message was received.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._unread or self.closed is not None)
            if not self._unread:
                raise SocketClosedError(self.closed or NORMAL)
            message = self._unread.popleft()
            self._changed.notify_all()
        return message

    async def send(self, message: Message) -> None:
        """Send a message; waits while the other end has ``max_unread``.

        Raises:
            SocketClosedError: It is closed.
        """
        peer = self._peer
        async with peer._changed:
            await peer._changed.wait_for(
                lambda: len(peer._unread) < peer._max_unread or self.closed is not None
            )
            if self.closed is not None:
                raise SocketClosedError(self.closed)
            peer._unread.append(message)
            peer.most_unread = max(peer.most_unread, len(peer._unread))
            peer._changed.notify_all()

    async def close(self, code: int = NORMAL) -> None:
        """Close both ends. Twice is harmless."""
        for end in (self, self._peer):
            async with end._changed:
                if end.closed is None:
                    end.closed = code
                end._changed.notify_all()

    async def drop(self) -> None:
        """Break the connection: no close frame, and what is on its way is lost."""
        self._unread.clear()
        self._peer._unread.clear()
        await self.close(ABNORMAL)


def socket_pair(*, max_unread: int = 256) -> tuple[FakeSocket, FakeSocket]:
    """Two connected ends: give one to a fake platform, the other to what is tested.

    Args:
        max_unread: How many messages each way may be on their way.

    Raises:
        ConfigurationError: ``max_unread`` is less than 1.
    """
    if max_unread < 1:
        raise ConfigurationError("max_unread", f"1 or more, not {max_unread}")
    one, other = FakeSocket(max_unread), FakeSocket(max_unread)
    one._peer, other._peer = other, one
    return one, other


__all__ = ["ABNORMAL", "FakeSocket", "socket_pair"]
