"""A server of fake platforms' calls, in virtual time, with one of the handlers that come along."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from rawmedia.adapters.call_log import JsonLines
from rawmedia.adapters.websocket import (
    AcsDialect,
    AnyCaller,
    Handshake,
    TwilioDialect,
    WebSocketCalls,
)
from rawmedia.testing import FakeAcs, VirtualClock, socket_pair

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rawmedia.adapters.websocket import WebSocketLeg
    from rawmedia.testing.fake_platform import FakePlatform
    from rawmedia.testing.fake_sockets import FakeSocket


class LogLines(logging.Handler):
    """What the server logged, as a program reads it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonLines())
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))

    def of(self, event: str) -> list[dict[str, Any]]:
        """The lines of an event, without what each line has."""
        usual = ("time", "level", "logger", "event")
        return [
            {name: value for name, value in line.items() if name not in usual}
            for line in self.lines
            if line.get("event") == event
        ]

    @property
    def events(self) -> list[str]:
        return [line.get("event", "") for line in self.lines]


class Server:
    """Platforms dial it, each with a URL of its own."""

    def __init__(self, calls: WebSocketCalls, clock: VirtualClock) -> None:
        self.calls, self.clock = calls, clock
        self.tasks: list[asyncio.Task[None]] = []
        self.log = LogLines()

    def dial(self, platform: FakePlatform, query: str = "") -> FakeSocket:
        """Have a platform dial; returns its end."""
        platform_end, server_end = socket_pair()
        headers = platform.headers if isinstance(platform, FakeAcs) else {}
        handshake = Handshake.of(f"wss://calls.example.org/calls?{query}", headers)
        self.tasks.append(asyncio.create_task(self.calls.serve(server_end, handshake)))
        self.tasks.append(asyncio.create_task(platform.run(platform_end)))
        return platform_end

    async def passes(self, ms: float) -> None:
        """Let time pass."""
        await self.clock.sleep_until(self.clock.now() + ms / 1000)


def served(
    make_handler: Callable[[VirtualClock], Callable[[WebSocketLeg], Awaitable[object]]],
    script: Callable[[Server], Awaitable[None]],
    *,
    dialect: type[AcsDialect | TwilioDialect] = AcsDialect,
) -> LogLines:
    """Run a script against a server; returns what it logged."""
    clock = VirtualClock()

    async def main() -> LogLines:
        calls = WebSocketCalls(make_handler(clock), dialect, authenticator=AnyCaller(), clock=clock)
        server = Server(calls, clock)
        logger = logging.getLogger("rawmedia")
        before = logger.level
        logger.addHandler(server.log)
        logger.setLevel(logging.DEBUG)
        try:
            async with calls:
                await script(server)
            await asyncio.wait(server.tasks)
            for task in server.tasks:
                task.result()
        finally:
            logger.removeHandler(server.log)
            logger.setLevel(before)
        assert calls.stats.calls == 0
        return server.log

    return clock.run(main())


def acs(name: str, audio: Any, clock: VirtualClock, **settings: Any) -> FakeAcs:
    """A call by ACS."""
    return FakeAcs(audio, call_id=name, clock=clock, **settings)
