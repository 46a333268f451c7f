"""What ``rawmedia serve`` does: a server of calls with one of the handlers that come along."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from rawmedia.adapters.asgi import create_app, serve
from rawmedia.adapters.call_log import log_event, log_to_stderr
from rawmedia.adapters.handlers import (
    BridgeHandler,
    BridgeHandlerConfig,
    CallFolders,
    CaptionsHandler,
    CaptionsHandlerConfig,
    EchoHandler,
    RecordHandler,
)
from rawmedia.adapters.websocket import (
    AcsDialect,
    AcsToken,
    AnyCaller,
    TwilioDialect,
    TwilioSignature,
    WebSocketCallsConfig,
    WebSocketLegConfig,
)
from rawmedia.adapters.websocket.json_dialect import MAX_MESSAGE_BYTES
from rawmedia.cli.exits import ExitCode
from rawmedia.errors import ConfigurationError, UnsupportedLanguageError
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rawmedia.adapters.call_log import LogFormat
    from rawmedia.adapters.handlers.bridge_config import WhenOneLeaves
    from rawmedia.adapters.websocket import Authenticator, Dialect
    from rawmedia.adapters.websocket.calls import Handler
    from rawmedia.cli.services import Services
    from rawmedia.sessions.mixing.config import MixMode

DialectName = Literal["acs", "twilio"]
HandlerName = Literal["bridge", "captions", "record", "echo"]

ACS_AUDIENCE = "ACS_AUDIENCE"
TWILIO_AUTH_TOKEN = "TWILIO_AUTH_TOKEN"  # noqa: S105 - the name of a variable

# An engine may take seconds to start; what is said meanwhile waits for it.
_CAPACITY_MS = 10_000.0

_T = TypeVar("_T")
_log = logging.getLogger("rawmedia.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What was asked for."""

    dialect: DialectName
    handler: HandlerName = "bridge"
    engine: str = "auto"
    source_language: str | None = None
    target_languages: tuple[str, ...] = ()
    mix: MixMode = "replace"
    folder: Path | None = None
    record: bool = False
    transcript: bool = False
    one_way: bool = False
    host: str = "127.0.0.1"
    port: int = 8000
    path: str = "/calls"
    public_url: str | None = None
    anybody: bool = False
    max_calls: int = 200
    max_minutes: float | None = None
    max_messages_per_s: float = 500.0
    max_message_bytes: int = MAX_MESSAGE_BYTES
    wait_s: float = 120.0
    when_one_leaves: WhenOneLeaves = "end"
    drain_s: float | None = 300.0
    log_format: LogFormat = "text"
    debug: bool = False


def run_service(service: Service, services: Services) -> ExitCode:
    """Serve calls until SIGTERM or Ctrl-C, and then those that go on.

    Raises:
        RawMediaError: It could not be started; says what to set.
    """
    log_to_stderr(service.log_format, level=logging.DEBUG if service.debug else logging.INFO)
    # What a library says of each message is too much, and may hold what was said.
    for noisy in ("websockets", "asyncio", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    authenticator = authenticator_of(service, os.environ)
    app = create_app(
        handler_of(service, services),
        dialect_of(service),
        authenticator=authenticator,
        config=WebSocketCallsConfig(
            max_calls=service.max_calls,
            max_duration_s=None if service.max_minutes is None else service.max_minutes * 60,
            leg=WebSocketLegConfig(
                max_messages_per_s=service.max_messages_per_s, capacity_ms=_CAPACITY_MS
            ),
        ),
        path=service.path,
    )
    if service.anybody:
        log_event(_log, logging.WARNING, "anybody_may_dial", host=service.host)
    log_event(
        _log,
        logging.INFO,
        "serving",
        dialect=service.dialect,
        handler=service.handler,
        url=f"ws://{service.host}:{service.port}{service.path}",
    )
    try:
        asyncio.run(
            serve(
                app,
                host=service.host,
                port=service.port,
                drain_timeout_s=service.drain_s,
                max_message_bytes=service.max_message_bytes,
            )
        )
    except SystemExit as stopped:  # uvicorn's way of saying that the port is taken
        if stopped.code:
            where = f"{service.host}:{service.port}"
            raise ConfigurationError("--port", f"{where} can't be listened at") from None
    except KeyboardInterrupt:
        pass  # uvicorn tells it again, when all is done
    log_event(_log, logging.INFO, "stopped")
    return ExitCode.OK


def dialect_of(service: Service) -> Callable[[], Dialect]:
    """The dialect of each socket."""
    kind = {"acs": AcsDialect, "twilio": TwilioDialect}[service.dialect]
    return lambda: kind(max_message_bytes=service.max_message_bytes)


def authenticator_of(service: Service, environ: Mapping[str, str]) -> Authenticator:
    """Who may dial: by default the platform alone.

    Raises:
        ConfigurationError: The environment does not say how to know it.
        MissingDependencyError: PyJWT is not installed.
    """
    if service.anybody:
        return AnyCaller()
    if service.dialect == "acs":
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
    return TwilioSignature(token, public_url=service.public_url)


def handler_of(service: Service, services: Services) -> Handler:
    """What is done with each call.

    Raises:
        ConfigurationError: An option is missing, or the engine can't serve the languages.
        MissingDependencyError: The engine is not installed.
    """
    if service.handler == "echo":
        return EchoHandler()
    folders = None if service.folder is None else CallFolders(service.folder)
    if service.handler == "record":
        return RecordHandler(_needed(folders, "--folder"))
    source = _needed(service.source_language, "--from")
    targets = _needed(service.target_languages, "--to")
    translator = services.choose_translator(service.engine)
    if service.handler == "captions":
        request = TranslationRequest(source_language=source, target_languages=targets)
        kept = CaptionsHandlerConfig(transcript=service.transcript)
        return CaptionsHandler(translator, request, _needed(folders, "--folder"), config=kept)
    if len(targets) != 1:
        raise ConfigurationError("--to", "one language: a bridge is between two")
    config = BridgeHandlerConfig(
        wait_s=service.wait_s,
        when_one_leaves=service.when_one_leaves,
        mixing=Mixing(mode=service.mix),
        one_way=service.one_way,
        transcript=service.transcript,
        record="wav" if service.record else None,
    )
    try:
        return BridgeHandler(translator, (source, targets[0]), folders=folders, config=config)
    except UnsupportedLanguageError as error:
        raise ConfigurationError(
            "--from and --to",
            f"a bridge translates both ways, and {error}. With --one-way what can't be translated "
            "is passed on as it is",
        ) from error


def _needed(value: _T | None, option: str) -> _T:
    if not value:
        raise ConfigurationError(option, "is needed by this handler")
    return value


__all__ = ["DialectName", "HandlerName", "Service", "run_service"]
