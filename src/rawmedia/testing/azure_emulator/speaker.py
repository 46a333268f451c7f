"""What the emulator says over one connection, and the faults of what is said and of its moments."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from rawmedia.testing.azure_emulator.faults import (
    Abort,
    BadJSON,
    BrokenFrame,
    Close,
    HalfOpen,
    Silence,
    Throttle,
    WrongRequestId,
)
from rawmedia.testing.azure_emulator.messages import text_message
from rawmedia.testing.azure_emulator.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawmedia.streams.clock import Clock, Timer
    from rawmedia.testing.azure_emulator.fault_plan import ConnectionMoments, FaultPlan, Place
    from rawmedia.testing.azure_emulator.records import EmulatedConnection
    from rawmedia.testing.azure_emulator.websocket_link import WebSocketLink

_STRANGE_ID = "0" * 32
# A text frame with all of its reserved bits set, which no extension was agreed on for.
_BROKEN_FRAME = b"\xf1\x05hello"


class Speaker:
    """Says things over a connection, unless a fault keeps it from it.

    Args:
        link: The connection.
        record: What is written down about it.
        plan: Of the faults.
        place: Where they may happen; its position is kept up to date here.
        moments: Of the connection.
        clock: What delays are measured by.
        changed: Called when something was said or happened.
    """

    def __init__(
        self,
        link: WebSocketLink,
        record: EmulatedConnection,
        plan: FaultPlan,
        place: Place,
        moments: ConnectionMoments,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self.link = link
        self.record = record
        self.plan = plan
        self.place = place
        self.clock = clock
        self.outbox = Outbox(clock)
        self.changed = changed
        self._moments = moments
        self._opened = clock.now()
        self._muted = False
        self._half_open = asyncio.Event()
        self._over = asyncio.Event()
        self._speed: float | None = None
        self._throttled: tuple[float, float] = (0.0, 0.0)
        self._timer: Timer | None = None
        self._arm()

    @property
    def half_open(self) -> bool:
        """Whether nobody is there any more."""
        return self._half_open.is_set()

    async def gone(self) -> None:
        """Wait until the connection is to be given up, having been half open."""
        await self._over.wait()

    def say(
        self, path: str, request_id: str, content: Mapping[str, Any], due: float | None = None
    ) -> None:
        """Send a text message at ``due``, in seconds of the clock; None is now."""

        def send() -> None:
            text = text_message(path, self._request_id(path, request_id), content)
            if self.plan.take(BadJSON, self.place, path) is not None:
                text = text[: -max(1, (len(text) - text.index("\r\n\r\n") - 4) // 2)]
            self._send(path, text)

        self.outbox.put(send, due)

    def say_bytes(
        self, path: str, request_id: str, build: Callable[[str], bytes], due: float | None = None
    ) -> None:
        """Send a binary message that ``build`` makes from the request's id."""
        self.outbox.put(lambda: self._send(path, build(self._request_id(path, request_id))), due)

    def close(self, code: int, reason: str, due: float | None = None) -> None:
        """Close the connection at ``due``; what is to leave later never does."""
        self.outbox.put(lambda: self._close(code, reason), due)

    def check_moments(self, stream_ms: float, connection_ms: float) -> None:
        """So much audio has gone over the connection: let happen what is to happen now."""
        self.place.position_ms = stream_ms
        due = self._moments.due(
            stream_ms=stream_ms,
            connection_ms=connection_ms,
            clock_ms=(self.clock.now() - self._opened) * 1000,
        )
        for fault in due:
            self._happen(fault, connection_ms)

    async def throttle(self, connection_ms: float) -> None:
        """Wait as long as a throttled service does before it takes more than this."""
        if self._speed is not None:
            since, from_ms = self._throttled
            await self.clock.sleep_until(since + (connection_ms - from_ms) / 1000 / self._speed)

    def stop(self) -> None:
        """Say nothing more."""
        self._over.set()
        self.outbox.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _happen(self, fault: object, connection_ms: float) -> None:
        match fault:
            case Abort():
                self.link.abort()
                self.stop()
            case Close():
                self._close(fault.code, fault.reason)
            case Silence():
                self._muted = True
            case HalfOpen():
                self._muted = True
                self._half_open.set()
            case Throttle():
                self._speed, self._throttled = fault.speed, (self.clock.now(), connection_ms)
            case BrokenFrame():
                self.link.send_garbage(_BROKEN_FRAME)
        self.changed()

    def _close(self, code: int, reason: str) -> None:
        self.outbox.cancel()
        self.link.close(code, reason)

    def _send(self, path: str, message: str | bytes) -> None:
        if self._muted or self.link.dead:
            return
        self.record.said.append(path)
        self.record.counts[path] += 1
        self.link.send(message)
        self.changed()

    def _request_id(self, path: str, request_id: str) -> str:
        strange = self.plan.take(WrongRequestId, self.place, path)
        return request_id if strange is None else _STRANGE_ID

    def _arm(self) -> None:
        """Be woken at the next moment of the clock at which something may happen."""
        next_ms = self._moments.next_clock_ms()
        if next_ms != float("inf"):
            self._timer = self.clock.call_at(self._opened + next_ms / 1000, self._wake)

    def _wake(self) -> None:
        self.check_moments(self.place.position_ms, -1.0)
        if not self._over.is_set():
            self._arm()


__all__ = ["Speaker"]
