"""Who knocks: lets clients in or not, and leads each to the service that it asks for."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawmedia.errors import PacketError, RawMediaError
from rawmedia.testing.azure_emulator.fault_plan import Place
from rawmedia.testing.azure_emulator.faults import RefusedHandshake, Service, SlowHandshake
from rawmedia.testing.azure_emulator.plain_http import answer, read_body, read_request
from rawmedia.testing.azure_emulator.text_translation import (
    RefusedTextError,
    error_content,
    translate_texts,
)
from rawmedia.testing.azure_emulator.voices import described
from rawmedia.testing.azure_emulator.websocket_link import WebSocketLink, new_protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from rawmedia.streams.clock import Clock
    from rawmedia.testing.azure_emulator.credentials import Credentials
    from rawmedia.testing.azure_emulator.fault_plan import FaultPlan
    from rawmedia.testing.azure_emulator.plain_http import HTTPRequest

_PATIENCE_S = 30.0
_SWITCHING = 101

UNIVERSAL_PATHS = ("/stt/speech/universal/v2", "/speech/universal/v2")
"""Where translations and recognitions go that say in ``speech.context`` what they want."""
_SOCKETS = {
    "/speech/translation/cognitiveservices/v1": Service.TRANSLATION,
    "/speech/recognition/conversation/cognitiveservices/v1": Service.RECOGNITION,
    "/speech/recognition/interactive/cognitiveservices/v1": Service.RECOGNITION,
    "/speech/recognition/dictation/cognitiveservices/v1": Service.RECOGNITION,
    "/cognitiveservices/websocket/v1": Service.SYNTHESIS,
    **dict.fromkeys(UNIVERSAL_PATHS, Service.TRANSLATION),
}
# A resource's own host puts the service's name before the path.
_PREFIXES = ("/stt", "/tts", "/translator/text/v3.0", "/translator")


def service_of(path: str) -> Service | None:
    """The service behind a WebSocket's path; None where there is none."""
    for prefix in ("", *_PREFIXES):
        if path.startswith(prefix) and path.removeprefix(prefix) in _SOCKETS:
            return _SOCKETS[path.removeprefix(prefix)]
    return None


@dataclass(slots=True, kw_only=True)
class Reception:
    """Takes connections.

    Args:
        credentials: Who may come in.
        plan: Of the faults.
        clock: What delays are measured by.
        voices: Of the list.
        translate: Of texts.
        serve: Serves an accepted WebSocket until it is over.
        session_number: The number of a client's session, or what it will be.
        max_connections: How many WebSockets may be open; more are answered with 429.
    """

    credentials: Credentials
    plan: FaultPlan
    clock: Clock
    voices: Collection[str]
    translate: Callable[[str, str | None, str], Awaitable[str]]
    serve: Callable[[HTTPRequest, Service, WebSocketLink], Awaitable[None]]
    session_number: Callable[[HTTPRequest], int]
    max_connections: int | None
    open_connections: int = 0
    handshakes: int = 0
    """How often a WebSocket was asked for, refused ones included."""

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one TCP connection until it is over."""
        try:
            while True:
                async with asyncio.timeout(_PATIENCE_S):
                    request = await read_request(reader)
                if request is None:
                    return
                if request.upgrades:
                    await self._upgrade(request, reader, writer)
                    return
                async with asyncio.timeout(_PATIENCE_S):
                    body = await read_body(request, reader)
                writer.write(await self._plain(request, body))
                await writer.drain()
                if request.headers.get("connection", "").lower() == "close":
                    return
        except PacketError as error:
            with contextlib.suppress(OSError):
                writer.write(answer(400, f"{error}\n"))
                await writer.drain()
        except (OSError, TimeoutError):
            pass
        finally:
            writer.close()

    async def _upgrade(
        self, request: HTTPRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer a handshake, and serve what comes of it."""
        self.handshakes += 1
        service = service_of(request.path)
        status = await self._refusal(request, service)
        if status is not None:
            writer.write(answer(status, "refused\n"))
            await writer.drain()
            return
        assert service is not None
        link = WebSocketLink(reader, writer, new_protocol())
        if link.accept(request.head) != _SWITCHING:
            return
        self.open_connections += 1
        try:
            await self.serve(request, service, link)
        finally:
            self.open_connections -= 1
            link.release()

    async def _refusal(self, request: HTTPRequest, service: Service | None) -> int | None:
        """The HTTP status that refuses a request, or None."""
        place = Place(service or Service.TEXT, self.session_number(request), -1)
        slow = self.plan.take(SlowHandshake, place)
        if slow is not None:
            await self.clock.sleep_until(self.clock.now() + slow.delay_ms / 1000)
        refused = self.plan.take(RefusedHandshake, place)
        if refused is not None:
            return refused.status
        if not self.credentials.admit(request.headers):
            return 401
        if service is None and request.upgrades:
            return 404
        if (
            request.upgrades
            and self.max_connections is not None
            and self.open_connections >= self.max_connections
        ):
            return 429
        return None

    async def _plain(self, request: HTTPRequest, body: bytes) -> bytes:
        """Answer a request that asks for no WebSocket."""
        path = request.path
        for prefix in _PREFIXES:
            path = path.removeprefix(prefix)
        status = await self._refusal(request, None)
        if status is not None:
            message = "The request is not authorized." if status in {401, 403} else "Refused."
            return answer(status, error_content(status * 1000, message))
        match request.method, path:
            case "POST", "/sts/v1.0/issueToken":
                return answer(200, self.credentials.issue(), "application/jwt")
            case "GET", "/cognitiveservices/voices/list":
                return answer(200, described(self.voices))
            case "POST", "/translate":
                return await self._translate(request, body)
            case _:
                return answer(404, error_content(404000, "There is no such resource."))

    async def _translate(self, request: HTTPRequest, body: bytes) -> bytes:
        try:
            return answer(200, await translate_texts(request.query, body, self.translate))
        except RefusedTextError as error:
            return answer(error.status, error.content())
        except RawMediaError as error:
            return answer(500, error_content(500000, str(error)))


__all__ = ["UNIVERSAL_PATHS", "Reception", "service_of"]
