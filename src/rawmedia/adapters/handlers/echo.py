"""Sends callers back what they say: the first thing to try with a platform."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rawmedia.errors import StreamError

if TYPE_CHECKING:
    from rawmedia.adapters.websocket.leg import WebSocketLeg


class EchoHandler:
    """Each frame goes back as it comes; the call is over when the caller hangs up."""

    async def __call__(self, leg: WebSocketLeg) -> None:
        """See one call through; cancelling hangs up."""
        async for frame in leg.inbound:
            with suppress(StreamError):  # the platform has gone, or is about to
                await leg.outbound.asend(frame)


__all__ = ["EchoHandler"]
