"""Whether who dials our WebSocket is the platform: what an authenticator sees, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

from rawmedia.errors import RawMediaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rawmedia.errors import Fault

POLICY_VIOLATION = 1008
"""The WebSocket close code of a refusal (RFC 6455, 7.4.1); before the socket is accepted it is HTTP 403."""

RefusalReason = Literal[
    "nothing to check",
    "malformed",
    "unknown key",
    "wrong signature",
    "expired",
    "not valid yet",
    "wrong audience",
    "wrong issuer",
    "keys out of reach",
]
"""Why a caller was refused, for our log; the caller is told nothing."""


class CallRefusedError(RawMediaError):
    """The socket was not taken and is to be closed without a word; calls in progress go on."""

    fault: ClassVar[Fault] = "far end"

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = reason == "keys out of reach"

    def __str__(self) -> str:
        return f"the caller could not be authenticated: {self.reason}"


@dataclass(frozen=True, slots=True)
class Handshake:
    """What was asked for as the socket was opened; its repr shows no header."""

    url: str = field(repr=False)
    """The URL that was dialled, such as ``wss://calls.example.org/acs?seat=12``."""
    headers: Mapping[str, str] = field(repr=False)
    """Its HTTP headers, names in lower case."""
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the server's route found in the path, by name, such as of ``/calls/{key}``."""

    @classmethod
    def of(
        cls,
        url: str,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
        parameters: Mapping[str, str] | None = None,
    ) -> Self:
        """One of headers in any case; of those that come twice, the first.

        A second one could be a proxy's, or an attempt to have two readers see two tokens.
        """
        pairs = headers.items() if hasattr(headers, "items") else headers
        lowered: dict[str, str] = {}
        for name, value in pairs:
            lowered.setdefault(name.lower(), value)
        return cls(url, lowered, dict(parameters or {}))

    @classmethod
    def of_asgi(cls, scope: Mapping[str, Any]) -> Self:
        """One of an ASGI ``websocket`` scope.

        The URL is the one that the server saw; behind a proxy that ends TLS its scheme and
        host are the proxy's to know, so give the public one to whoever checks it.
        """
        pairs = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        host = next((value for name, value in pairs if name.lower() == "host"), "")
        path = scope.get("raw_path") or scope["path"].encode()
        query = scope.get("query_string") or b""
        where = (path + b"?" + query if query else path).decode("latin-1")
        found = {name: str(value) for name, value in scope.get("path_params", {}).items()}
        return cls.of(f"{scope.get('scheme', 'ws')}://{host}{where}", pairs, found)


class Authenticator(Protocol):
    """Decides whether a socket comes from the platform."""

    async def check(self, handshake: Handshake) -> None:
        """Return if it does; cancelling changes nothing.

        Raises:
            CallRefusedError: It does not, or that can't be known now.
        """
        ...


class AnyCaller:
    """Lets everybody in: for tests, and for sockets that only the machine itself can reach."""

    async def check(self, handshake: Handshake) -> None:
        """Return."""


__all__ = [
    "POLICY_VIOLATION",
    "AnyCaller",
    "Authenticator",
    "CallRefusedError",
    "Handshake",
    "RefusalReason",
]
