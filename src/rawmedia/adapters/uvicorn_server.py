"""uvicorn, taught what a server of calls needs: to drain, to be part of a program, to say that a port is taken."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import uvicorn

from rawmedia.adapters.call_log import log_event
from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator
    from types import FrameType

    from starlette.applications import Starlette

    from rawmedia.adapters.websocket.calls import WebSocketCalls

_log = logging.getLogger("rawmedia.server")


class CallServer(uvicorn.Server):
    """Serves an application of `create_app`, and leaves signals to the program.

    Args:
        app: What to serve.
        host: Where to listen.
        port: Likewise.
        max_message_bytes: Larger messages close their socket.
    """

    def __init__(self, app: Starlette, *, host: str, port: int, max_message_bytes: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                # Below this it writes the URL of each WebSocket, whose query may hold what nobody should read.
                log_level="warning",
                access_log=False,
                lifespan="on",
                ws_max_size=max_message_bytes,
                # Base64 of speech does not get smaller, but costs more than all the rest.
                ws_per_message_deflate=False,
            )
        )
        self.calls: WebSocketCalls = app.state.calls
        self.listening = asyncio.Event()
        """Set once it can be dialled."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen.

        Raises:
            ConfigurationError: The port is taken, or not this machine's to listen at.
        """
        try:
            await super().startup(sockets)
        except SystemExit:  # which would end the program's loop, whatever else runs on it
            where = f"{self.config.host}:{self.config.port}"
            raise ConfigurationError("port", f"{where} can't be listened at") from None
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


class DrainingServer(CallServer):
    """Ends at a signal, and drains first: uvicorn by itself closes every WebSocket at once.

    Args:
        app: What to serve.
        host: Where to listen.
        port: Likewise.
        max_message_bytes: Larger messages close their socket.
        drain_timeout_s: Seconds that calls may go on; None to wait for the last.
    """

    def __init__(
        self,
        app: Starlette,
        *,
        host: str,
        port: int,
        max_message_bytes: int,
        drain_timeout_s: float | None,
    ) -> None:
        super().__init__(app, host=host, port=port, max_message_bytes=max_message_bytes)
        self._drain_timeout_s = drain_timeout_s
        self._draining: asyncio.Task[None] | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until all is done."""
        await super().serve(sockets)
        if self._draining is not None:
            await self._draining

    capture_signals = uvicorn.Server.capture_signals

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal; hang up at the second."""
        if self._draining is None and not self.force_exit:
            loop = asyncio.get_running_loop()
            self._draining = loop.create_task(self._drain(sig, frame), name="server drains")
        else:
            super().handle_exit(sig, frame)

    async def _drain(self, sig: int, frame: FrameType | None) -> None:
        log_event(_log, logging.INFO, "draining", calls=self.calls.stats.calls)
        done = await self.calls.drain(self._drain_timeout_s)
        log_event(_log, logging.INFO, "drained", calls=self.calls.stats.calls, in_time=done)
        super().handle_exit(sig, frame)


__all__ = ["CallServer", "DrainingServer"]
