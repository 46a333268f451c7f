"""Where a platform dials in, and how it is known: what `rawmedia serve` and `rawmedia live` share."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rawmedia.adapters.asgi import create_app
from rawmedia.adapters.websocket import (
    AcsDialect,
    AcsToken,
    AnyCaller,
    TwilioDialect,
    TwilioSignature,
)
from rawmedia.adapters.websocket.json_dialect import MAX_MESSAGE_BYTES
from rawmedia.errors import ConfigurationError
from rawmedia.streams.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.applications import Starlette

    from rawmedia.adapters.websocket import Authenticator, Dialect, WebSocketCallsConfig
    from rawmedia.adapters.websocket.calls import Handler
    from rawmedia.streams.clock import Clock

DialectName = Literal["acs", "twilio"]

ACS_AUDIENCE = "ACS_AUDIENCE"
TWILIO_AUTH_TOKEN = "TWILIO_AUTH_TOKEN"  # noqa: S105 - the name of a variable

CAPACITY_MS = 10_000.0
"""How much of a call is kept: an engine may take seconds to start, and what is said meanwhile waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialIn:
    """What was asked for."""

    dialect: DialectName
    host: str = "127.0.0.1"
    port: int = 8000
    path: str = "/calls"
    public_url: str | None = None
    anybody: bool = False
    max_message_bytes: int = MAX_MESSAGE_BYTES

    @property
    def url(self) -> str:
        """What is dialled on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ws://{host}:{self.port}{self.path}"

    def application(
        self,
        handler: Handler,
        authenticator: Authenticator,
        config: WebSocketCallsConfig,
        clock: Clock = SYSTEM_CLOCK,
    ) -> Starlette:
        """What is served there.

        Raises:
            ConfigurationError: The path is none.
            MissingDependencyError: A package of the server is not installed.
        """
        return create_app(
            handler,
            self.new_dialect,
            authenticator=authenticator,
            config=config,
            path=self.path,
            clock=clock,
        )

    def new_dialect(self) -> Dialect:
        """The dialect of a socket."""
        kind = AcsDialect if self.dialect == "acs" else TwilioDialect
        return kind(max_message_bytes=self.max_message_bytes)

    def authenticator(self, environ: Mapping[str, str]) -> Authenticator:
        """Who may dial: by default the platform alone.

        Raises:
            ConfigurationError: The environment does not say how to know it.
            MissingDependencyError: PyJWT is not installed.
        """
        if self.anybody:
            return AnyCaller()
        if self.dialect == "acs":
            audience = environ.get(ACS_AUDIENCE)
            if not audience:
                raise ConfigurationError(
                    ACS_AUDIENCE,
                    "is not set; it is the immutable resource id of the Communication Services resource, "
                    "by which its tokens are known. Only for trying out: --insecure-no-auth",
                )
            return AcsToken(audience)
        token = environ.get(TWILIO_AUTH_TOKEN)
        if not token:
            raise ConfigurationError(
                TWILIO_AUTH_TOKEN,
                "is not set; the account's token signs what Twilio dials. Only for trying out: "
                "--insecure-no-auth",
            )
        return TwilioSignature(token, public_url=self.public_url)


def hush_libraries() -> None:
    """Have a library log no message of a call: it is too much, and may hold what was said."""
    for noisy in ("websockets", "asyncio", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


__all__ = ["CAPACITY_MS", "DialIn", "DialectName", "hush_libraries"]
