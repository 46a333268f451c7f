"""A WebSocket over a TCP connection that may be treated as badly as a test needs.

The protocol itself is that of the package ``websockets``, without its input and output: so
the connection can be aborted, left half open, or given bytes that are no frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, Any

from rawmedia.errors import MissingDependencyError, PacketError

if TYPE_CHECKING:
    from websockets.server import ServerProtocol

_READ_BYTES = 65_536
_MAX_MESSAGE_BYTES = 4_194_304
# What waits for a client that doesn't read; beyond it nothing more of its own is read.
_MAX_UNSENT_BYTES = 1_048_576
_BROKEN = 1006
# What a client gets to agree that the connection closes.
_CLOSE_PATIENCE_S = 1.0


def new_protocol() -> ServerProtocol:
    """The protocol of one connection.

    Raises:
        MissingDependencyError: The package is not installed.
    """
    try:
        from websockets.server import ServerProtocol
    except ImportError as error:
        raise MissingDependencyError(
            "websockets", "the Azure Speech emulator", "pip install 'rawmedia[emulator]'"
        ) from error
    return ServerProtocol(max_size=_MAX_MESSAGE_BYTES)


class WebSocketLink:
    """The server's end of one WebSocket.

    Args:
        reader: Of the connection, the request's head already read.
        writer: Of the connection.
        protocol: From `new_protocol`.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, protocol: Any
    ) -> None:
        self._reader, self._writer = reader, writer
        self._protocol = protocol
        self._messages: deque[str | bytes] = deque()
        self._parts: list[bytes] = []
        self._text = False
        self._dead = False
        self._shut = False  # by this end
        self._timer: asyncio.TimerHandle | None = None
        writer.transport.set_write_buffer_limits(high=_MAX_UNSENT_BYTES)

    def accept(self, head: bytes) -> int:
        """Answer the handshake; returns the HTTP status, 101 if it is one.

        Raises:
            PacketError: It can't be one; nothing was answered.
        """
        self._protocol.receive_data(head)
        events = self._protocol.events_received()
        if not events:
            raise PacketError("a WebSocket handshake", "a request that can't be one")
        response = self._protocol.accept(events[0])
        self._protocol.send_response(response)
        self._flush()
        return int(response.status_code)

    @property
    def dead(self) -> bool:
        """Whether nothing can be sent any more."""
        from websockets.protocol import State

        return self._dead or self._protocol.state is not State.OPEN

    @property
    def close_code(self) -> int:
        """With what code the client closed the connection, or agreed to; 1006 where it broke."""
        closed = self._protocol.close_rcvd
        return _BROKEN if closed is None else int(closed.code)

    async def receive(self) -> str | bytes | None:
        """Wait for the next whole message; None when the connection is over.

        What came before this end closed the connection, and was not taken, is dropped.
        """
        while not self._messages or self._shut:
            self._messages.clear()
            if self._dead or self._protocol.close_rcvd is not None:
                return None
            try:
                await self._writer.drain()
                data = await self._reader.read(_READ_BYTES)
            except OSError:
                self._dead = True
                return None
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            self._collect()
            self._flush()
            self._expect_close()
            if not data:
                self._dead = True
        return self._messages.popleft()

    def send(self, message: str | bytes) -> None:
        """Send a message, unless the connection is over."""
        if self.dead:
            return
        if isinstance(message, str):
            self._protocol.send_text(message.encode())
        else:
            self._protocol.send_binary(message)
        self._flush()

    async def drain(self) -> None:
        """Wait until the client has read most of what was sent."""
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def send_garbage(self, data: bytes) -> None:
        """Send bytes that the protocol knows nothing of."""
        if not self.dead:
            self._writer.write(data)

    def close(self, code: int, reason: str = "") -> None:
        """Begin to close; `receive` gives None when the client has agreed, or gone."""
        if not self.dead:
            self._shut = True
            self._protocol.send_close(code, reason)
            self._flush()
            self._expect_close()

    def abort(self) -> None:
        """Break the TCP connection: the client gets a reset."""
        self._dead = self._shut = True
        self.release()
        connection = self._writer.get_extra_info("socket")
        if connection is not None:
            # Without lingering, closing sends a reset instead of an orderly end (socket(7)).
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def release(self) -> None:
        """The connection is over, and its end was seen."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expect_close(self) -> None:
        """Once either end has begun to close, the client gets a moment to finish."""
        if self._timer is None and self._protocol.close_expected():
            self._timer = asyncio.get_running_loop().call_later(_CLOSE_PATIENCE_S, self.abort)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self._writer.transport.is_closing():
                return
            if data:
                self._writer.write(data)
            else:  # the protocol's sign that this end has nothing more to say
                self._writer.write_eof()

    def _collect(self) -> None:
        """Put frames together to messages; their sizes are bounded by the protocol."""
        from websockets.frames import Frame, Opcode

        for event in self._protocol.events_received():
            if not isinstance(event, Frame) or event.opcode not in {
                Opcode.TEXT,
                Opcode.BINARY,
                Opcode.CONT,
            }:
                continue
            if event.opcode is not Opcode.CONT:
                self._text = event.opcode is Opcode.TEXT
            self._parts.append(bytes(event.data))
            if event.fin:
                message = b"".join(self._parts)
                self._parts.clear()
                self._messages.append(message.decode(errors="replace") if self._text else message)


__all__ = ["WebSocketLink", "new_protocol"]
