"""An ASGI server's WebSocket, as any server gives it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from rawmedia.adapters.websocket.socket import AsgiSocket, SocketClosedError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

CONNECT = {"type": "websocket.connect"}


class AsgiServer:
    """Gives the application these events, and takes what it gives."""

    def __init__(self, *events: dict[str, Any], gone: type[Exception] | None = None) -> None:
        self.events, self.taken, self.gone = list(events), list[dict[str, Any]](), gone

    async def receive(self) -> MutableMapping[str, Any]:
        return self.events.pop(0)

    async def send(self, event: MutableMapping[str, Any]) -> None:
        if self.gone is not None:
            raise self.gone
        self.taken.append(dict(event))

    def socket(self, subprotocol: str | None = None) -> AsgiSocket:
        return AsgiSocket(self.receive, self.send, subprotocol=subprotocol)


def test_messages_of_both_kinds_go_both_ways() -> None:
    """Servers leave the other kind out, or give it as None."""
    server = AsgiServer(
        CONNECT,
        {"type": "websocket.receive", "text": "hello"},
        {"type": "websocket.receive", "text": None, "bytes": b"\x01"},
        {"type": "websocket.receive", "bytes": None, "text": ""},
        {"type": "websocket.disconnect", "code": 1001},
    )

    async def main() -> None:
        socket = server.socket("audio")
        await socket.accept()
        await socket.accept()
        assert [await socket.receive() for _ in range(3)] == ["hello", b"\x01", ""]
        await socket.send("text")
        await socket.send(b"bytes")
        for _ in range(2):
            with pytest.raises(SocketClosedError) as caught:
                await socket.receive()
            assert caught.value.code == 1001
        with pytest.raises(SocketClosedError):
            await socket.send("late")
        await socket.close()

    asyncio.run(main())
    assert server.taken == [
        {"type": "websocket.accept", "subprotocol": "audio"},
        {"type": "websocket.send", "text": "text"},
        {"type": "websocket.send", "bytes": b"bytes"},
    ]


def test_closing_twice_says_it_once() -> None:
    """Servers take a second close for a mistake."""
    server = AsgiServer(CONNECT)

    async def main() -> None:
        socket = server.socket()
        await socket.accept()
        await socket.close(1000)
        await socket.close(1011)

    asyncio.run(main())
    assert server.taken[1:] == [{"type": "websocket.close", "code": 1000}]


def test_a_socket_that_is_not_accepted_is_refused() -> None:
    """Which servers turn into HTTP 403."""
    server = AsgiServer(CONNECT)
    asyncio.run(server.socket().close(1008))
    assert server.taken == [{"type": "websocket.close", "code": 1008}]


def test_who_is_gone_before_the_accept_is_gone() -> None:
    """As for any closed socket."""
    server = AsgiServer({"type": "websocket.disconnect"})
    with pytest.raises(SocketClosedError) as caught:
        asyncio.run(server.socket().accept())
    assert caught.value.code == 1005


@pytest.mark.parametrize("gone", [OSError, RuntimeError, ConnectionResetError])
def test_a_far_end_that_is_gone_is_a_closed_socket(gone: type[Exception]) -> None:
    """Servers differ in what they raise then."""
    server = AsgiServer(CONNECT)

    async def main() -> None:
        socket = server.socket()
        await socket.accept()
        server.gone = gone
        with pytest.raises(SocketClosedError):
            await socket.send("hello")
        with pytest.raises(SocketClosedError):
            await socket.receive()
        await socket.close()
        other = server.socket()
        server.events.append(CONNECT)
        await other.close()

    asyncio.run(main())
