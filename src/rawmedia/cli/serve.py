"""What ``rawmedia serve`` does: a server of calls with one of the handlers that come along."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from rawmedia.adapters.asgi import serve
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
from rawmedia.adapters.websocket import WebSocketCallsConfig, WebSocketLegConfig
from rawmedia.cli.dial_in import CAPACITY_MS, hush_libraries
from rawmedia.cli.exits import ExitCode
from rawmedia.errors import ConfigurationError, UnsupportedLanguageError
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from pathlib import Path

    from rawmedia.adapters.call_log import LogFormat
    from rawmedia.adapters.handlers.bridge_config import WhenOneLeaves
    from rawmedia.adapters.websocket.calls import Handler
    from rawmedia.cli.dial_in import DialIn
    from rawmedia.cli.services import Services
    from rawmedia.sessions.mixing.config import MixMode

HandlerName = Literal["bridge", "captions", "record", "echo"]

_T = TypeVar("_T")
_log = logging.getLogger("rawmedia.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What was asked for."""

    dial_in: DialIn
    handler: HandlerName = "bridge"
    engine: str = "auto"
    source_language: str | None = None
    target_languages: tuple[str, ...] = ()
    mix: MixMode = "replace"
    folder: Path | None = None
    record: bool = False
    transcript: bool = False
    one_way: bool = False
    max_calls: int = 200
    max_minutes: float | None = None
    max_messages_per_s: float = 500.0
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
    hush_libraries()
    dial_in = service.dial_in
    authenticator = dial_in.authenticator(os.environ)
    app = dial_in.application(
        handler_of(service, services),
        authenticator,
        WebSocketCallsConfig(
            max_calls=service.max_calls,
            max_duration_s=None if service.max_minutes is None else service.max_minutes * 60,
            leg=WebSocketLegConfig(
                max_messages_per_s=service.max_messages_per_s, capacity_ms=CAPACITY_MS
            ),
        ),
    )
    if dial_in.anybody:
        log_event(_log, logging.WARNING, "anybody_may_dial", host=dial_in.host)
    log_event(
        _log,
        logging.INFO,
        "serving",
        dialect=dial_in.dialect,
        handler=service.handler,
        url=dial_in.url,
    )
    # uvicorn tells Ctrl-C again, when all is done.
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(
            serve(
                app,
                host=dial_in.host,
                port=dial_in.port,
                drain_timeout_s=service.drain_s,
                max_message_bytes=dial_in.max_message_bytes,
            )
        )
    log_event(_log, logging.INFO, "stopped")
    return ExitCode.OK


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


__all__ = ["HandlerName", "Service", "run_service"]
