"""The frames of the speech protocol: headers and JSON as text, headers and audio as binary.

Text is lines ``Name:value``, an empty line, the body. Binary is the length of the headers in
two bytes, big-endian, the same lines without the empty one, the body. Names are compared
without regard to case. Both ways were seen with Microsoft's Speech SDK 1.53.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawmedia.errors import PacketError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_HEADERS = 32
_JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """One message of a client."""

    path: str
    """What it is, such as "speech.context"."""
    headers: Mapping[str, str]
    """All of them, by their names in small letters."""
    body: str | bytes
    """As it was sent: ``str`` of a text message, ``bytes`` of a binary one."""

    @property
    def request_id(self) -> str:
        """Which turn it belongs to; empty where the client named none."""
        return self.headers.get("x-requestid", "")

    def content(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty one.

        Raises:
            PacketError: It is none.
        """
        if not self.body:
            return {}
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise PacketError(f"JSON in {self.path}", str(error) or type(error).__name__) from None
        if not isinstance(value, dict):
            raise PacketError(f"a JSON object in {self.path}", type(value).__name__)
        return value


def parse_text(message: str) -> ClientMessage:
    """Read a text message.

    Raises:
        PacketError: It has no end of headers, no path, or a line that is no header.
    """
    head, end, body = message.partition("\r\n\r\n")
    if not end:
        raise PacketError("headers that end with an empty line", "a message without one")
    return _message(head, body)


def parse_binary(message: bytes) -> ClientMessage:
    """Read a binary message.

    Raises:
        PacketError: The length of its headers is not there or beyond its end, they are not
            ASCII, have no path, or a line that is no header.
    """
    size = int.from_bytes(message[:2], "big")
    if len(message) < 2 + size:
        raise PacketError(f"{size} bytes of headers", f"a message of {len(message)} bytes")
    try:
        head = message[2 : 2 + size].decode("ascii")
    except UnicodeDecodeError:
        raise PacketError("headers in ASCII", "other bytes") from None
    return _message(head, bytes(message[2 + size :]))


def text_message(
    path: str, request_id: str, content: Mapping[str, object] | str, **headers: str
) -> str:
    """Write a text message.

    Args:
        path: What it is.
        request_id: Of the client's message that began the turn.
        content: A JSON object, or the body verbatim.
        headers: More of them, underscores for dashes.
    """
    body = content if isinstance(content, str) else json.dumps(content)
    return f"X-RequestId:{request_id}\r\n{_lines(headers)}Content-Type:{_JSON}\r\nPath:{path}\r\n\r\n{body}"


def binary_message(path: str, request_id: str, body: bytes, **headers: str) -> bytes:
    """Write a binary message; arguments as of `text_message`."""
    head = f"X-RequestId:{request_id}\r\n{_lines(headers)}Path:{path}\r\n".encode("ascii")
    return len(head).to_bytes(2, "big") + head + body


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name.replace('_', '-')}:{value}\r\n" for name, value in headers.items())


def _message(head: str, body: str | bytes) -> ClientMessage:
    lines = [line for line in head.split("\r\n") if line]
    if len(lines) > _MAX_HEADERS:
        raise PacketError(f"at most {_MAX_HEADERS} headers", str(len(lines)))
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise PacketError(
                "headers such as Path:audio", f"a line without a colon, {line[:40]!r}"
            )
        headers[name.strip().lower()] = value.strip()
    path = headers.get("path", "").lower()
    if not path:
        raise PacketError("a Path header", "none")
    return ClientMessage(path, headers, body)


__all__ = ["ClientMessage", "binary_message", "parse_binary", "parse_text", "text_message"]
