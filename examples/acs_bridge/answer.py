"""Answers incoming calls and has their audio brought here, with the platform's own package.

    pip install azure-communication-callautomation

The resource sends its ``IncomingCall`` events by Event Grid to ``https://PUBLIC_HOST/incoming?secret=EVENTS_SECRET``.
Which number is whose side of which conversation is said by ``ACS_LINES``, such as
``+15550100=desk-1/en-US,+15550101=desk-1/fr-FR``: who calls either is bridged with who calls the other.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.communication.callautomation import (
    AudioFormat,
    CallAutomationClient,
    MediaStreamingAudioChannelType,
    MediaStreamingContentType,
    MediaStreamingOptions,
    StreamingTransportType,
)
from azure.core.exceptions import AzureError
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rawmedia.adapters.call_log import log_event
from rawmedia.adapters.websocket import CallRefusedError, Handshake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from rawmedia.adapters.websocket import Authenticator

_log = logging.getLogger("acs_bridge")


@dataclass(frozen=True)
class Line:
    """What a number that is called stands for."""

    key: str
    """Of the conversation; two numbers have it in common."""
    language: str
    """What is spoken by who calls it."""


def read_lines(text: str) -> dict[str, Line]:
    """Lines by number, of a text such as ``+15550100=desk-1/en-US,+15550101=desk-1/fr-FR``."""
    lines = {}
    for each in text.split(","):
        number, _, line = each.strip().partition("=")
        key, _, language = line.partition("/")
        if not (number and key and language):
            raise ValueError(f"ACS_LINES has {each!r}; each is NUMBER=KEY/LANGUAGE")
        lines[number] = Line(key, language)
    return lines


class Answering:
    """The two pages that the platform posts to: incoming calls, and what becomes of them.

    Args:
        client: Of the platform's package; it blocks, so it gets a thread.
        lines: By the number that is called.
        host: Ours, as the platform reaches it.
        secret: What Event Grid says of itself in the URL.
        platform: Who may tell us of calls in progress.
    """

    def __init__(
        self,
        client: Any,
        lines: Mapping[str, Line],
        *,
        host: str,
        secret: str,
        platform: Authenticator,
    ) -> None:
        self._client, self._lines = client, lines
        self._host, self._secret, self._platform = host, secret, platform
        self.routes = [
            Route("/incoming", self.incoming, methods=["POST"]),
            Route("/progress", self.progress, methods=["POST"]),
        ]

    @classmethod
    def from_environment(cls, platform: Authenticator) -> Answering:
        """One by the variables that the page beside this file lists."""
        return cls(
            CallAutomationClient.from_connection_string(
                os.environ["ACS_CONNECTION_STRING"], connection_timeout=5, read_timeout=10
            ),
            read_lines(os.environ["ACS_LINES"]),
            host=os.environ["PUBLIC_HOST"],
            secret=os.environ["EVENTS_SECRET"],
            platform=platform,
        )

    async def incoming(self, request: Request) -> Response:
        """An event of Event Grid, which proves itself by the secret."""
        secret = request.query_params.get("secret", "")
        if not hmac.compare_digest(secret.encode(), self._secret.encode()):
            return Response(status_code=401)
        for event in await request.json():
            if event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent":
                return JSONResponse({"validationResponse": event["data"]["validationCode"]})
            if event["eventType"] == "Microsoft.Communication.IncomingCall" and not (
                await self._answer(event["data"])
            ):
                return Response(status_code=503)  # it comes again
        return Response()

    async def progress(self, request: Request) -> Response:
        """What becomes of a call, such as that its audio could not be brought here."""
        try:
            await self._platform.check(Handshake.of(str(request.url), request.headers.items()))
        except CallRefusedError:
            return Response(status_code=401)
        for event in await request.json():
            result = event["data"].get("resultInformation") or {}
            log_event(
                _log,
                logging.INFO,
                "call_progress",
                call=event["data"].get("callConnectionId"),
                what=event["type"].removeprefix("Microsoft.Communication."),
                code=result.get("code"),
                subcode=result.get("subCode"),
            )
        return Response()

    async def _answer(self, call: Mapping[str, Any]) -> bool:
        number = call["to"].get("phoneNumber", {}).get("value") or call["to"]["rawId"]
        line = self._lines.get(number)
        if line is None:
            log_event(_log, logging.WARNING, "no_such_line", number=number)
            return True
        streaming = MediaStreamingOptions(
            transport_url=f"wss://{self._host}/calls/{line.key}/{line.language}",
            transport_type=StreamingTransportType.WEBSOCKET,
            content_type=MediaStreamingContentType.AUDIO,
            audio_channel_type=MediaStreamingAudioChannelType.MIXED,
            audio_format=AudioFormat.PCM16_K_MONO,
            enable_bidirectional=True,
            start_media_streaming=True,
        )
        try:
            answered = await asyncio.to_thread(
                self._client.answer_call,
                incoming_call_context=call["incomingCallContext"],
                callback_url=f"https://{self._host}/progress",
                media_streaming=streaming,
            )
        except AzureError as error:
            log_event(_log, logging.ERROR, "not_answered", problem=type(error).__name__)
            return False
        log_event(_log, logging.INFO, "answered", call=answered.call_connection_id, key=line.key)
        return True
