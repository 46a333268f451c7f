"""A server of calls by Azure Communication Services: two at a time are interpreted, English and French.

    python server.py --engine azure --folder calls

Who may dial is checked with ``ACS_AUDIENCE``, the immutable id of your resource. With ``ACS_CONNECTION_STRING``
it answers incoming calls by itself, see ``answer.py``; without it somebody else does, and has the platform
dial ``wss://this.host/calls/KEY/LANGUAGE``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rawmedia import choose_translator
from rawmedia.adapters.asgi import create_app, serve
from rawmedia.adapters.call_log import log_to_stderr
from rawmedia.adapters.handlers import BridgeHandler, BridgeHandlerConfig, CallFolders
from rawmedia.adapters.websocket import (
    AcsDialect,
    AcsToken,
    AnyCaller,
    WebSocketCallsConfig,
    WebSocketLegConfig,
)

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from rawmedia.adapters.websocket import Authenticator

LANGUAGES = ("en-US", "fr-FR")


def make_app(options: argparse.Namespace) -> Starlette:
    handler = BridgeHandler(
        choose_translator(options.engine),
        LANGUAGES,
        folders=CallFolders(options.folder),
        config=BridgeHandlerConfig(
            wait_s=60,
            transcript=True,
            record="wav",
            # The embedded engine hears English alone; French is passed on as it is.
            one_way=options.engine == "offline",
        ),
    )
    platform: Authenticator = AnyCaller()
    if not options.insecure_no_auth:
        platform = AcsToken(os.environ["ACS_AUDIENCE"])
    app = create_app(
        handler,
        AcsDialect,
        authenticator=platform,
        # An engine may take seconds to start; what is said meanwhile waits for it.
        config=WebSocketCallsConfig(leg=WebSocketLegConfig(capacity_ms=10_000)),
        path="/calls/{key}/{language}",
    )
    if "ACS_CONNECTION_STRING" in os.environ:
        from answer import Answering

        app.router.routes.extend(Answering.from_environment(platform).routes)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="Interprets between two calls of ACS.")
    parser.add_argument("--engine", choices=["azure", "offline"], default="azure")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--folder", type=Path, default=Path("calls"))
    parser.add_argument("--insecure-no-auth", action="store_true", help="let everybody dial")
    options = parser.parse_args()
    log_to_stderr("text")
    asyncio.run(serve(make_app(options), port=options.port, drain_timeout_s=60))


if __name__ == "__main__":
    main()
