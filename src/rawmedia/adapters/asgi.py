"""A server of calls: an ASGI application that platforms dial, with health, readiness and a drain."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any

from rawmedia.adapters.websocket.authentication import Handshake
from rawmedia.adapters.websocket.calls import WebSocketCalls
from rawmedia.adapters.websocket.json_dialect import MAX_MESSAGE_BYTES
from rawmedia.adapters.websocket.socket import AsgiSocket
from rawmedia.errors import ConfigurationError, MissingDependencyError
from rawmedia.streams.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse

    from rawmedia.adapters.websocket.authentication import Authenticator
    from rawmedia.adapters.websocket.calls import Handler, WebSocketCallsConfig
    from rawmedia.adapters.websocket.dialect import Dialect
    from rawmedia.streams.clock import Clock

_PATH = re.compile(r"(/([A-Za-z0-9._~-]+|\{[a-z_]+\}))*/?")
"""Of the WebSocket: names of folders, and of parameters in braces."""


def create_app(
    handler: Handler,
    dialect: Callable[[], Dialect],
    *,
    authenticator: Authenticator,
    config: WebSocketCallsConfig | None = None,
    path: str = "/calls",
    clock: Clock = SYSTEM_CLOCK,
) -> Starlette:
    """An application that has the handler run for each call that is dialled.

    ``GET /health`` says that the process lives, ``GET /ready`` (503 where not) whether it takes
    another call. ``app.state.calls`` are the `WebSocketCalls`. In another Starlette or FastAPI
    program mount it, and close its calls as that program ends; alone it does so by itself.

    Args:
        handler: Gets the leg of each new call; the call is over when it returns.
        dialect: Makes the dialect of each socket.
        authenticator: Who may dial.
        config: Limits.
        path: Where the WebSocket is. Its names, as in ``/calls/{key}``, are parameters of the call.
        clock: What all times of the calls are counted on.

    Raises:
        ConfigurationError: The path is none.
        MissingDependencyError: Starlette is not installed.
    """
    names = re.findall(r"\{\w+\}", path)
    if not path or _PATH.fullmatch(path) is None or len(set(names)) < len(names):
        raise ConfigurationError("path", f"such as /calls or /calls/{{key}}, not {path!r}")
    try:
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse
        from starlette.routing import Route, WebSocketRoute
    except ImportError as error:
        raise _missing("starlette") from error

    calls = WebSocketCalls(
        handler, dialect, authenticator=authenticator, config=config, clock=clock
    )

    class Dialled:
        """The WebSocket as plain ASGI: a leg needs no more."""

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await calls.serve(AsgiSocket(receive, send), Handshake.of_asgi(scope))

    async def health(request: Request) -> JSONResponse:  # noqa: ARG001
        return JSONResponse({"status": "alive"})

    async def ready(request: Request) -> JSONResponse:  # noqa: ARG001
        # Whether, and nothing else: how busy a server is is nobody's business.
        if calls.has_room:
            return JSONResponse({"status": "ready"})
        status = "draining" if calls.draining else "full"
        return JSONResponse({"status": status}, status_code=503)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001
        async with calls:
            yield

    app = Starlette(
        routes=[
            WebSocketRoute(path, Dialled()),
            Route("/health", health),
            Route("/ready", ready),
        ],
        lifespan=lifespan,
    )
    app.state.calls = calls
    return app


async def serve(
    app: Starlette,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    drain_timeout_s: float | None = None,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
) -> None:
    """Serve an application of `create_app` under uvicorn until SIGTERM or SIGINT.

    The first signal drains: new calls are refused, those that go on are let finish, for
    ``drain_timeout_s``; then, or at the second signal, what is left is hung up.

    Args:
        app: What to serve.
        host: Where to listen; TLS is a proxy's.
        port: Likewise.
        drain_timeout_s: Seconds; None to wait for the last call.
        max_message_bytes: Larger messages close their socket.

    Raises:
        ConfigurationError: The port is taken, or not this machine's to listen at.
        MissingDependencyError: uvicorn is not installed.
    """
    try:
        from rawmedia.adapters.uvicorn_server import DrainingServer
    except ImportError as error:
        raise _missing("uvicorn") from error
    server = DrainingServer(
        app,
        host=host,
        port=port,
        max_message_bytes=max_message_bytes,
        drain_timeout_s=drain_timeout_s,
    )
    await server.serve()


@contextlib.asynccontextmanager
async def serving(
    app: Starlette,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
) -> AsyncIterator[None]:
    """Serve an application of `create_app` under uvicorn while the block lasts.

    For a program that does something else as well: signals are its own to answer. The block begins
    when the server can be dialled; its end hangs up.

    Args:
        app: What to serve.
        host: Where to listen; TLS is a proxy's.
        port: Likewise.
        max_message_bytes: Larger messages close their socket.

    Raises:
        ConfigurationError: The port is taken, or not this machine's to listen at.
        MissingDependencyError: uvicorn is not installed.
    """
    try:
        from rawmedia.adapters.uvicorn_server import CallServer
    except ImportError as error:
        raise _missing("uvicorn") from error
    server = CallServer(app, host=host, port=port, max_message_bytes=max_message_bytes)
    listening = asyncio.create_task(server.listening.wait(), name="server begins")
    running = asyncio.create_task(server.serve(), name="server")
    try:
        await asyncio.wait({listening, running}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            yield
    finally:
        listening.cancel()
        await server.calls.aclose()
        server.should_exit = True
        await running


def _missing(package: str) -> MissingDependencyError:
    return MissingDependencyError(package, "a server of calls", "pip install 'rawmedia[server]'")


__all__ = ["create_app", "serve", "serving"]
