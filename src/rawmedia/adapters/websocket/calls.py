"""Every call that a platform dials: who may come in, which leg a socket belongs to, and when to stop."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from rawmedia.adapters.call_log import log_event
from rawmedia.adapters.websocket.acs import CALL_ID_HEADER
from rawmedia.adapters.websocket.authentication import POLICY_VIOLATION, CallRefusedError
from rawmedia.adapters.websocket.leg import WebSocketLeg, WebSocketLegConfig
from rawmedia.adapters.websocket.socket import SocketClosedError
from rawmedia.errors import FormatMismatchError, RawMediaError, StreamUseError
from rawmedia.streams.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType
    from typing import Self

    from rawmedia.adapters.websocket.authentication import Authenticator, Handshake
    from rawmedia.adapters.websocket.dialect import Dialect, StreamStarted
    from rawmedia.adapters.websocket.socket import Socket
    from rawmedia.errors import Fault
    from rawmedia.streams.clock import Clock

    Handler = Callable[[WebSocketLeg], Awaitable[object]]

_TRY_LATER = 1013
_UNSUPPORTED = 1003
_MAX_MESSAGES_BEFORE_START = 100

_log = logging.getLogger("rawmedia.websocket")


class WebSocketCallsConfig(BaseModel):
    """How many calls are taken, and how long each may last."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_calls: int = Field(default=200, ge=1, le=100_000)
    """How many calls at once; another is told to try later."""
    max_handshakes: int = Field(default=100, ge=1, le=100_000)
    """How many sockets at once may be on their way to being a call."""
    start_timeout_s: float = Field(default=10.0, gt=0, le=120)
    """How long a socket may take from the handshake to the start of its stream."""
    max_duration_s: float | None = Field(default=None, gt=0)
    """After how long a call is hung up; None for never."""
    leg: WebSocketLegConfig = WebSocketLegConfig()
    """What holds for each call."""


@dataclass(frozen=True, slots=True)
class CallsStats:
    """What has come so far."""

    calls: int
    """Going on now, suspended ones included."""
    taken: int
    reattached: int
    """Sockets that brought a call back, or took it over."""
    refused: int
    """Not authenticated."""
    turned_away: int
    """Too many calls or handshakes, or draining."""
    unstarted: int
    """Sockets that were gone, or silent, or made no sense, before a stream began."""
    failed: int
    """Calls whose handler raised."""


class CallTooLongError(RawMediaError):
    """The call was hung up because it lasted for as long as a call may; others go on."""

    fault: ClassVar[Fault] = "far end"

    def __init__(self, max_duration_s: float) -> None:
        super().__init__(max_duration_s)
        self.max_duration_s = max_duration_s

    def __str__(self) -> str:
        return f"the call lasted for {self.max_duration_s:g} s, which is as long as one may"


def call_key(handshake: Handshake, started: StreamStarted) -> str | None:
    """What is the same each time that a call is dialled: ACS's header, else the call's id; None if nothing is."""
    return handshake.headers.get(CALL_ID_HEADER) or started.call_id


@dataclass(eq=False)
class _Call:
    leg: WebSocketLeg
    task: asyncio.Task[None] | None = None


class WebSocketCalls:
    """Makes legs of the sockets that a platform dials, and has a handler run for each call.

    ::

        async with WebSocketCalls(handler, AcsDialect, authenticator=AcsToken(audience)) as calls:
            ...                                        # and for each WebSocket that is dialled:
            await calls.serve(AsgiSocket(receive, send), Handshake.of_asgi(scope))

    A call is over when its handler returns, which hangs up; a handler that raises ends its own
    call alone. A socket whose call is known brings that back; it replaces one that is still there.

    Args:
        handler: Gets the leg of each new call.
        dialect: Makes the dialect of each socket.
        authenticator: Who may come in; `AnyCaller` for everybody.
        config: Limits.
        key: What a call is known by; None from it for a call that can't come back.
        clock: What all times are counted on.
    """

    def __init__(
        self,
        handler: Handler,
        dialect: Callable[[], Dialect],
        *,
        authenticator: Authenticator,
        config: WebSocketCallsConfig | None = None,
        key: Callable[[Handshake, StreamStarted], str | None] = call_key,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._handler, self._dialect = handler, dialect
        self._authenticator, self._key = authenticator, key
        self._config = config or WebSocketCallsConfig()
        self._clock = clock
        self._calls: dict[object, _Call] = {}
        self._handshakes = 0
        self._draining = False
        self._none_left = asyncio.Event()
        self._none_left.set()
        self._taken = self._reattached = self._refused = 0
        self._turned_away = self._unstarted = self._failed = 0

    @property
    def draining(self) -> bool:
        """Whether new calls are turned away."""
        return self._draining

    @property
    def has_room(self) -> bool:
        """Whether a new call would be taken now."""
        return not self._draining and len(self._calls) < self._config.max_calls

    @property
    def stats(self) -> CallsStats:
        """What has come so far."""
        return CallsStats(
            calls=len(self._calls),
            taken=self._taken,
            reattached=self._reattached,
            refused=self._refused,
            turned_away=self._turned_away,
            unstarted=self._unstarted,
            failed=self._failed,
        )

    async def serve(self, socket: Socket, handshake: Handshake) -> None:
        """See a socket through: let it in, give it its call, carry that until the socket is gone.

        Raises nothing because of what the far end does. Cancelling drops the socket.
        """
        if self._handshakes >= self._config.max_handshakes:
            await self._turn_away(socket)
            return
        self._handshakes += 1
        try:
            started = await self._introduce(socket, handshake)
        finally:
            self._handshakes -= 1
        if started is None:
            return
        dialect, start = started
        leg = self._leg_for(self._key(handshake, start), start, handshake)
        if leg is None:
            await self._turn_away(socket)
            return
        try:
            await leg.carry(socket, dialect)
        except (FormatMismatchError, StreamUseError):
            # It is the same call in another format, or it was over a moment ago.
            with suppress(SocketClosedError):
                await socket.close(_UNSUPPORTED)
        except RawMediaError as error:
            log_event(
                _log, logging.INFO, "socket_failed", call=leg.name, problem=type(error).__name__
            )

    async def drain(self, timeout: float | None = None) -> bool:
        """Take no new call, and wait until none is left; known calls still may come back.

        Args:
            timeout: Seconds on the clock; None for no limit.

        Returns:
            Whether none is left.
        """
        self._draining = True
        waiting = asyncio.ensure_future(self._none_left.wait())
        timer = None
        if timeout is not None:
            timer = self._clock.call_at(self._clock.now() + timeout, waiting.cancel)
        await asyncio.wait({waiting})
        if timer is not None:
            timer.cancel()
        return not waiting.cancelled()

    async def aclose(self) -> None:
        """Take no new call, and hang up all of them; handlers are cancelled. Twice is harmless."""
        self._draining = True
        tasks = {call.task for call in self._calls.values() if call.task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    # A socket on its way to a call.

    async def _introduce(
        self, socket: Socket, handshake: Handshake
    ) -> tuple[Dialect, StreamStarted] | None:
        """Authenticate, accept, and wait for the start of the stream; None when there is none."""
        dialect = self._dialect()
        starting = asyncio.ensure_future(self._start(socket, handshake, dialect))
        deadline = self._clock.now() + self._config.start_timeout_s
        timer = self._clock.call_at(deadline, starting.cancel)
        try:
            await asyncio.wait({starting})
        finally:
            timer.cancel()
            starting.cancel()
        refused = False
        if not starting.cancelled():
            try:
                start = starting.result()
            except CallRefusedError as error:
                self._refused += 1
                refused = True
                log_event(_log, logging.WARNING, "caller_refused", reason=error.reason)
            except SocketClosedError:
                start = None
            else:
                if start is not None:
                    return dialect, start
        if not refused:
            self._unstarted += 1
        with suppress(SocketClosedError):
            await socket.close(POLICY_VIOLATION)
        return None

    async def _start(
        self, socket: Socket, handshake: Handshake, dialect: Dialect
    ) -> StreamStarted | None:
        await self._authenticator.check(handshake)
        await socket.accept()
        for _ in range(_MAX_MESSAGES_BEFORE_START):
            dialect.parse(await socket.receive())
            if dialect.started is not None:
                return dialect.started
        return None

    async def _turn_away(self, socket: Socket) -> None:
        self._turned_away += 1
        log_event(_log, logging.WARNING, "turned_away", calls=len(self._calls))
        with suppress(SocketClosedError):
            await socket.close(_TRY_LATER)

    # Calls.

    def _leg_for(
        self, key: str | None, started: StreamStarted, handshake: Handshake
    ) -> WebSocketLeg | None:
        """The leg that this key has, or a new one; None when no more are taken."""
        known = self._calls.get(key) if key is not None else None
        if known is not None and not known.leg.over:
            self._reattached += 1
            log_event(_log, logging.INFO, "call_reattached", call=known.leg.name)
            return known.leg
        if not self.has_room:
            return None
        self._taken += 1
        leg = WebSocketLeg(
            started, self._config.leg, handshake=handshake, name=key, clock=self._clock
        )
        call = _Call(leg)
        # A call that is over may still be in its handler; then its key is the new one's.
        place: object = call if key is None else key
        if known is not None:
            self._calls[known] = self._calls.pop(place)
        self._calls[place] = call
        self._none_left.clear()
        call.task = asyncio.create_task(self._handle(call), name=f"call {leg.name}")
        return leg

    async def _handle(self, call: _Call) -> None:
        leg, limit = call.leg, self._config.max_duration_s
        timer, outcome, began = None, "over", self._clock.now()
        log_event(_log, logging.INFO, "call_started", call=leg.name, format=str(leg.started.format))
        if limit is not None:
            too_long = CallTooLongError(limit)
            timer = self._clock.call_at(self._clock.now() + limit, lambda: leg.lose(too_long))
        try:
            await self._handler(leg)
        except Exception as error:  # noqa: BLE001 - one call's handler must not end the others
            self._failed += 1
            outcome = "failed"
            problem = f"{type(error).__name__}: {error}" if isinstance(error, RawMediaError) else ""
            log_event(
                _log,
                logging.ERROR,
                "handler_failed",
                # What a program's own error says may be what nobody should read in a log.
                error=None if problem else error,
                call=leg.name,
                problem=problem or type(error).__name__,
            )
        except asyncio.CancelledError:
            outcome = "hung up"
            raise
        finally:
            if timer is not None:
                timer.cancel()
            await leg.aclose()
            self._calls = {key: each for key, each in self._calls.items() if each is not call}
            heard, said = leg.inbound.stats, leg.outbound.stats
            log_event(
                _log,
                logging.INFO,
                "call_ended",
                call=leg.name,
                outcome=outcome,
                duration_s=self._clock.now() - began,
                heard_ms=leg.inbound.format.duration_ms(heard.position),
                overrun_ms=heard.overrun_ms,
                sent_ms=leg.outbound.format.duration_ms(said.pulled_position),
                stalled_ms=leg.stalled_ms,
                calls=len(self._calls),
            )
            if not self._calls:
                self._none_left.set()


__all__ = [
    "CallTooLongError",
    "CallsStats",
    "WebSocketCalls",
    "WebSocketCallsConfig",
    "call_key",
]
