"""Brings two calls of one key together, and has them interpreted."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rawmedia.adapters.call_log import log_event
from rawmedia.adapters.handlers.bridge_config import BridgeHandlerConfig
from rawmedia.adapters.handlers.bridged_pair import PairBridges
from rawmedia.adapters.handlers.parameters import (
    BadParameterError,
    call_parameters,
    one_of,
    required_key,
)
from rawmedia.adapters.handlers.record import listen_to_the_end
from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    from rawmedia.adapters.handlers.folders import CallFolders
    from rawmedia.adapters.websocket.leg import WebSocketLeg
    from rawmedia.translators.translator import Translator

    WaitOutcome = Literal["joined", "hung up", "nobody came"]

_log = logging.getLogger("rawmedia.server")


@dataclass(eq=False)
class _Seat:
    """A call that waits for its other."""

    leg: WebSocketLeg
    listening: asyncio.Task[None]
    taken: bool = False
    """Somebody came."""
    one_left: asyncio.Future[bool] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """Done when the bridge with him is over; whether because one of the two left."""


class BridgeHandler:
    """Bridges the two calls that name one key, such as an agent's and a customer's.

    Both dial with the same ``key`` in the URL (``wss://host/calls?key=case-17&language=fr-FR``), or in
    the platform's parameters. The first hears silence until the second comes, ``wait_s`` at most; when one
    hangs up both calls are over, or the other waits again. Two who speak the same language hear
    each other as they are. A third call with a key that two have is hung up.

    Args:
        translator: The engine of both directions.
        languages: The two that are spoken.
        folders: Where captions, reports and recordings go; None keeps nothing.
        config: All else.

    Raises:
        ConfigurationError: The languages are the same, the engine can't serve a direction, or a
            recording or a transcript is asked for and there are no folders.
    """

    def __init__(
        self,
        translator: Translator,
        languages: tuple[str, str],
        *,
        folders: CallFolders | None = None,
        config: BridgeHandlerConfig | None = None,
    ) -> None:
        self._config = config or BridgeHandlerConfig()
        if languages[0].casefold() == languages[1].casefold():
            raise ConfigurationError("languages", f"two different ones, not {languages[0]} twice")
        if folders is None and (self._config.record is not None or self._config.transcript):
            raise ConfigurationError("folders", "a recording or a transcript needs a folder")
        self._languages = languages
        self._bridges = PairBridges(translator, languages, folders, self._config)
        self._waiting: dict[str, _Seat] = {}
        self._bridged: set[str] = set()

    @property
    def waiting(self) -> int:
        """How many calls wait for their other."""
        return len(self._waiting)

    async def __call__(self, leg: WebSocketLeg) -> None:
        """See one call through; cancelling hangs up, which ends the other's bridge too.

        Raises:
            BadParameterError: The call names no key, one that two calls have, or another language.
            FileWriteError: The folder or a file can't be written.
        """
        parameters = call_parameters(leg)
        key = required_key(parameters, self._config.key_parameter)
        leg.language = one_of(parameters, self._config.language_parameter, self._languages)
        if key in self._bridged:
            raise BadParameterError(self._config.key_parameter, "two calls have this one already")
        while True:
            seat = self._waiting.pop(key, None)
            one_left = await (self._wait(key, leg) if seat is None else self._join(key, seat, leg))
            if leg.over or not one_left or self._config.when_one_leaves == "end":
                return

    async def _join(self, key: str, seat: _Seat, leg: WebSocketLeg) -> bool:
        """Be bridged with who waits; returns whether that is over because one of the two left."""
        self._bridged.add(key)
        seat.taken = True
        seat.listening.cancel()
        one_left = False
        try:
            await asyncio.wait({seat.listening})
            await self._bridges.run(key, seat.leg, leg)
            # A bridge that ended though both are there would end again.
            one_left = seat.leg.over != leg.over
        finally:
            self._bridged.discard(key)
            if not seat.one_left.done():
                seat.one_left.set_result(one_left)
        return one_left

    async def _wait(self, key: str, leg: WebSocketLeg) -> bool:
        """Wait for somebody, and until the bridge with him is over; returns whether because one of the two left."""
        listening = asyncio.create_task(listen_to_the_end(leg.inbound), name=f"{leg.name} waits")
        seat = self._waiting[key] = _Seat(leg, listening)
        log_event(_log, logging.INFO, "call_waits", call=leg.name, key=key)
        began = leg.clock.now()
        limit = asyncio.ensure_future(leg.clock.sleep_until(began + self._config.wait_s))
        try:
            await asyncio.wait({listening, limit}, return_when=asyncio.FIRST_COMPLETED)
            outcome: WaitOutcome = "hung up" if listening.done() else "nobody came"
            if seat.taken:
                outcome = "joined"
            log_event(
                _log,
                logging.INFO,
                "wait_ended",
                call=leg.name,
                key=key,
                outcome=outcome,
                duration_s=leg.clock.now() - began,
            )
            return seat.taken and await seat.one_left
        finally:
            limit.cancel()
            listening.cancel()
            if self._waiting.get(key) is seat:
                del self._waiting[key]


__all__ = ["BridgeHandler"]
