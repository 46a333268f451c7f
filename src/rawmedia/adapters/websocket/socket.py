"""The least that a leg needs of a WebSocket, and that little of any ASGI server's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from rawmedia.errors import RawMediaError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from rawmedia.adapters.websocket.dialect import Message
    from rawmedia.errors import Fault

    AsgiReceive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    AsgiSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]

NORMAL = 1000
"""The close code of a call that is over (RFC 6455, 7.4.1)."""
_NO_CODE = 1005


class SocketClosedError(RawMediaError):
    """Nothing goes over this socket any more; the call may come back on another."""

    fault: ClassVar[Fault] = "network"

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"the WebSocket was closed with code {self.code}"


class Socket(Protocol):
    """A WebSocket, whoever accepted it. One task receives while another sends."""

    async def accept(self) -> None:
        """Take the socket; before that only `close` may be called. Nothing where it is taken already."""
        ...

    async def receive(self) -> Message:
        """Wait for the next message; cancelling loses none.

        Raises:
            SocketClosedError: It is closed, by whichever end, or the connection broke.
        """
        ...

    async def send(self, message: Message) -> None:
        """Send a message; waits while the far end does not read.

        Raises:
            SocketClosedError: As for ``receive``.
        """
        ...

    async def close(self, code: int = NORMAL) -> None:
        """Close it, without a reason in words; on one that is not accepted, refuse it. Twice is harmless."""
        ...


class AsgiSocket:
    """The WebSocket of an ASGI application's call ``app(scope, receive, send)``.

    Args:
        receive: As the server gave it.
        send: As the server gave it.
        subprotocol: What to agree on as it is accepted; None for none.
    """

    def __init__(
        self, receive: AsgiReceive, send: AsgiSend, *, subprotocol: str | None = None
    ) -> None:
        self._receive, self._send = receive, send
        self._subprotocol = subprotocol
        self._accepted = False
        self._closed: int | None = None

    async def accept(self) -> None:
        """Take the socket.

        Raises:
            SocketClosedError: Who dialled is gone.
        """
        if self._accepted:
            return
        self._accepted = True
        event = await self._receive()  # the server first says that somebody dialled
        if event["type"] != "websocket.connect":
            raise self._gone(event)
        await self._give({"type": "websocket.accept", "subprotocol": self._subprotocol})

    async def receive(self) -> Message:
        """Wait for the next message.

        Raises:
            SocketClosedError: It is closed.
        """
        if self._closed is not None:
            raise SocketClosedError(self._closed)
        event = await self._receive()
        if event["type"] != "websocket.receive":
            raise self._gone(event)
        text: str | None = event.get("text")
        if text is not None:
            return text
        data: bytes = event.get("bytes") or b""
        return data

    async def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            SocketClosedError: It is closed.
        """
        if self._closed is not None:
            raise SocketClosedError(self._closed)
        kind = "text" if isinstance(message, str) else "bytes"
        await self._give({"type": "websocket.send", kind: message})

    async def close(self, code: int = NORMAL) -> None:
        """Close it, or refuse it before it is accepted."""
        if self._closed is not None:
            return
        if not self._accepted:
            self._accepted = True
            await self._receive()
        self._closed = code
        try:
            await self._send({"type": "websocket.close", "code": code})
        except (OSError, RuntimeError):
            return  # it is gone, which is what was wanted

    async def _give(self, event: MutableMapping[str, Any]) -> None:
        try:
            await self._send(event)
        except (OSError, RuntimeError) as error:
            # What servers raise when the far end is gone; which of both differs between them.
            self._closed = 1006
            raise SocketClosedError(1006) from error

    def _gone(self, event: Mapping[str, Any]) -> SocketClosedError:
        code = event.get("code")
        if self._closed is None:
            self._closed = code if isinstance(code, int) else _NO_CODE
        return SocketClosedError(self._closed)


__all__ = ["NORMAL", "AsgiSocket", "Socket", "SocketClosedError"]
