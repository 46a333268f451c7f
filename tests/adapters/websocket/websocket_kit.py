"""Calls of fake platforms over sockets without a network, in virtual time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from rawmedia.adapters.websocket.acs import AcsDialect
from rawmedia.adapters.websocket.leg import WebSocketLeg, WebSocketLegConfig
from rawmedia.adapters.websocket.twilio import TwilioDialect
from rawmedia.errors import StreamError, StreamTimeoutError
from rawmedia.testing.fake_acs import FakeAcs
from rawmedia.testing.fake_sockets import socket_pair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rawmedia.adapters.websocket.dialect import Dialect
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.inbound import InboundAudioStream
    from rawmedia.streams.leg import CallLeg, LegEvent
    from rawmedia.testing.fake_platform import FakePlatform
    from rawmedia.testing.fake_sockets import FakeSocket


class Call:
    """A platform's call, and the leg made of it."""

    def __init__(self, platform: FakePlatform, leg: WebSocketLeg) -> None:
        self.platform, self.leg = platform, leg
        self.platform_end: FakeSocket
        self.server_end: FakeSocket
        self.tasks: list[asyncio.Task[None]] = []

    async def dial(self, max_unread: int = 256) -> asyncio.Task[None]:
        """Dial once more; the task is that which carries."""
        dialect, dialling, ends = await dialled(self.platform, max_unread)
        self.platform_end, self.server_end = ends
        return self.carry(dialect, dialling)

    def carry(self, dialect: Dialect, dialling: asyncio.Task[None]) -> asyncio.Task[None]:
        carrying = asyncio.create_task(self.leg.carry(self.server_end, dialect))
        self.tasks += [dialling, carrying]
        return carrying


def dialect_of(platform: FakePlatform) -> Dialect:
    return AcsDialect() if isinstance(platform, FakeAcs) else TwilioDialect()


async def dialled(
    platform: FakePlatform, max_unread: int = 256
) -> tuple[Dialect, asyncio.Task[None], tuple[FakeSocket, FakeSocket]]:
    """A socket on which the stream has started."""
    platform_end, server_end = socket_pair(max_unread=max_unread)
    dialling = asyncio.create_task(platform.run(platform_end))
    dialect = dialect_of(platform)
    while dialect.started is None:
        dialect.parse(await server_end.receive())
    return dialect, dialling, (platform_end, server_end)


@asynccontextmanager
async def called(
    platform: FakePlatform, config: WebSocketLegConfig | None = None, *, max_unread: int = 256
) -> AsyncIterator[Call]:
    """A call that goes on while the block runs."""
    dialect, dialling, ends = await dialled(platform, max_unread)
    assert dialect.started is not None
    call = Call(platform, WebSocketLeg(dialect.started, config, clock=platform.clock))
    call.platform_end, call.server_end = ends
    call.carry(dialect, dialling)
    try:
        yield call
    finally:
        await call.leg.aclose()
        await call.platform_end.close()
        await asyncio.wait(call.tasks)
    for task in call.tasks:
        if not task.cancelled() and not isinstance(task.exception(), StreamError):
            task.result()


@asynccontextmanager
async def called_leg(
    platform: FakePlatform, config: WebSocketLegConfig | None = None
) -> AsyncIterator[CallLeg]:
    """The leg alone, for the checks."""
    async with called(platform, config) as call:
        yield call.leg


async def passes(clock: Clock, ms: float) -> None:
    """Let time pass."""
    await clock.sleep_until(clock.now() + ms / 1000)


async def unread(stream: InboundAudioStream) -> list[AudioFrame]:
    """All that waits to be read."""
    frames = []
    while True:
        try:
            frames.append(await stream.arecv(timeout=0))
        except StreamTimeoutError:
            return frames


def state_of(leg: CallLeg) -> str:
    """Its state now, of which a type checker must not believe that it stays."""
    return leg.state


async def happened(leg: CallLeg) -> list[LegEvent]:
    """All events that wait to be read."""
    events = []
    while True:
        try:
            events.append(await leg.events.get(timeout=0))
        except StreamError:
            return events
