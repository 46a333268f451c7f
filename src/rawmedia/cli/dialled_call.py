"""The call of `rawmedia live` that a platform dials: the first one, and no other while it lasts."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from rawmedia.adapters.websocket import WebSocketCallsConfig, WebSocketLegConfig
from rawmedia.cli.dial_in import CAPACITY_MS
from rawmedia.cli.errors import NobodyDialledError
from rawmedia.streams.leg import ParticipantJoined

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.applications import Starlette

    from rawmedia.adapters.websocket import WebSocketLeg
    from rawmedia.cli.dial_in import DialIn
    from rawmedia.cli.services import Services


class DialledCall:
    """Serves while a block of ``meet`` lasts.

    Args:
        dial_in: Where it is dialled, and who may.
        language: What is spoken on it.
        wait_s: How long it is waited for.
        services: The network and the clock.
        tell: Called with what a person should know meanwhile.

    Raises:
        ConfigurationError: An option is wrong, or the environment does not say who may dial.
        MissingDependencyError: A package of the server is not installed.
    """

    def __init__(
        self,
        dial_in: DialIn,
        *,
        language: str,
        wait_s: float,
        services: Services,
        tell: Callable[[str], object],
    ) -> None:
        self._dial_in, self._language, self._wait_s = dial_in, language, wait_s
        self._services, self._tell = services, tell
        self._came: asyncio.Future[WebSocketLeg] = asyncio.get_running_loop().create_future()
        self._app: Starlette = dial_in.application(
            self._take,
            dial_in.authenticator(os.environ),
            WebSocketCallsConfig(max_calls=1, leg=WebSocketLegConfig(capacity_ms=CAPACITY_MS)),
            services.clock,
        )

    @contextlib.asynccontextmanager
    async def meet(self) -> AsyncIterator[WebSocketLeg]:
        """Wait for the call; it is hung up, and the server closed, as the block ends.

        Raises:
            ConfigurationError: The port is taken.
            NobodyDialledError: It did not come in time.
        """
        dial_in, clock = self._dial_in, self._services.clock
        async with self._services.serving(self._app, dial_in):
            if dial_in.anybody:
                self._tell("--insecure-no-auth: whoever reaches this address may dial")
            self._tell(f"waiting for the call at {dial_in.url}")
            limit = clock.call_at(clock.now() + self._wait_s, self._give_up)
            try:
                leg = await self._came
            finally:
                limit.cancel()
            self._tell("the call is here")
            watching = asyncio.create_task(self._watch(leg), name="watching the call's voices")
            try:
                yield leg
            finally:
                watching.cancel()
                await asyncio.wait({watching})

    async def _take(self, leg: WebSocketLeg) -> None:
        """Hand the call over; the server hangs up as it ends."""
        if self._came.done():
            return  # nobody waits for it any more
        leg.name, leg.language = "call", self._language
        self._came.set_result(leg)
        await asyncio.get_running_loop().create_future()

    async def _watch(self, leg: WebSocketLeg) -> None:
        """Say so where the call is silent because its voices come apart."""
        async for event in leg.events:
            if isinstance(event, ParticipantJoined):
                self._tell(
                    "the platform sends each voice by itself, and none of them is heard here; have it "
                    "send mixed audio"
                )
                return

    def _give_up(self) -> None:
        if not self._came.done():
            self._came.set_exception(NobodyDialledError(self._dial_in.url, self._wait_s))


__all__ = ["DialledCall"]
