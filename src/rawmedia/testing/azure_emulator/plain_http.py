"""Requests and answers of plain HTTP, as much as the service's own clients need.

Bodies have a length; nothing is chunked (RFC 9112). What a client may send is bounded before
any of it is stored.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, unquote

from rawmedia.errors import PacketError
from rawmedia.testing.azure_emulator.records import RequestHeaders

MAX_HEAD_BYTES = 32_768
_MAX_BODY_BYTES = 1_048_576
_MAX_HEADERS = 100
_TOO_MANY_STATUS = 429


@dataclass(frozen=True, slots=True)
class HTTPRequest:
    """The head of a request."""

    method: str
    target: str
    headers: RequestHeaders
    head: bytes
    """As it came."""

    @property
    def path(self) -> str:
        """The target without its query."""
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> dict[str, list[str]]:
        """The query by name; a name may come several times."""
        return parse_qs(self.target.partition("?")[2], max_num_fields=1_000)

    @property
    def upgrades(self) -> bool:
        """Whether it asks for a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"


async def read_request(reader: asyncio.StreamReader) -> HTTPRequest | None:
    """Wait for the head of a request.

    Returns:
        It; None if the client goes without one.

    Raises:
        PacketError: It is no HTTP/1.1, or too long.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise PacketError("a whole HTTP request", f"{len(error.partial)} bytes") from None
        return None
    except asyncio.LimitOverrunError:
        raise PacketError(f"at most {MAX_HEAD_BYTES} bytes of headers", "more") from None
    return parse_head(head)


def parse_head(head: bytes) -> HTTPRequest:
    """Read the head of a request.

    Raises:
        PacketError: It is none.
    """
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or parts[2] not in {"HTTP/1.1", "HTTP/1.0"} or not parts[1].startswith("/"):
        raise PacketError("a request line of HTTP/1.1", repr(lines[0][:40]))
    if len(lines) > _MAX_HEADERS:
        raise PacketError(f"at most {_MAX_HEADERS} headers", str(len(lines)))
    pairs = []
    for line in filter(None, lines[1:]):
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise PacketError("headers such as Host: HOST", "a line that is none")
        pairs.append((name, value.strip()))
    try:
        request = HTTPRequest(parts[0], parts[1], RequestHeaders(pairs), head)
        request.query  # noqa: B018 - raises where there are too many fields
    except ValueError as error:
        raise PacketError("a URL", str(error)) from None
    return request


async def read_body(request: HTTPRequest, reader: asyncio.StreamReader) -> bytes:
    """Wait for the body of a request.

    Raises:
        PacketError: Its length is unknown, too large, or not what came.
    """
    if "transfer-encoding" in request.headers:
        raise PacketError("a body with a Content-Length", "one in chunks")
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and int(length[:12]) <= _MAX_BODY_BYTES):
        raise PacketError(
            f"a body of at most {_MAX_BODY_BYTES} bytes", f"a length of {length[:12]}"
        )
    try:
        return await reader.readexactly(int(length))
    except asyncio.IncompleteReadError as error:
        raise PacketError(f"a body of {length} bytes", f"{len(error.partial)} bytes") from None


def answer(status: int, body: object = "", content_type: str | None = None) -> bytes:
    """Write a whole answer.

    Args:
        status: HTTP status.
        body: Text, or what becomes JSON.
        content_type: Of text; plain if None.
    """
    if isinstance(body, str):
        data, kind = body.encode(), content_type or "text/plain; charset=utf-8"
    else:
        data, kind = json.dumps(body).encode(), "application/json; charset=utf-8"
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    retry = "Retry-After: 1\r\n" if status == _TOO_MANY_STATUS else ""
    return (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {kind}\r\n{retry}"
        f"Content-Length: {len(data)}\r\n\r\n"
    ).encode("ascii") + data


__all__ = [
    "MAX_HEAD_BYTES",
    "HTTPRequest",
    "answer",
    "parse_head",
    "read_body",
    "read_request",
]
