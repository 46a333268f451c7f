"""Many calls on one server: who is let in, which leg a socket belongs to, what one does to another."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from websocket_kit import passes, state_of

from rawmedia.adapters.websocket.acs import AcsDialect
from rawmedia.adapters.websocket.authentication import AnyCaller, CallRefusedError, Handshake
from rawmedia.adapters.websocket.calls import (
    CallTooLongError,
    WebSocketCalls,
    WebSocketCallsConfig,
)
from rawmedia.adapters.websocket.leg import CallLostError, WebSocketLeg, WebSocketLegConfig
from rawmedia.adapters.websocket.twilio import TwilioDialect
from rawmedia.audio.format import WIDEBAND_VOICE
from rawmedia.errors import StreamClosedError, StreamFailedError
from rawmedia.testing import VirtualClock, speech_like, tone
from rawmedia.testing.fake_acs import FakeAcs
from rawmedia.testing.fake_sockets import FakeSocket, socket_pair
from rawmedia.testing.fake_twilio import FakeTwilio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rawmedia.testing.fake_platform import FakePlatform


class Server:
    """Calls by script, and platforms that dial."""

    def __init__(self, calls: WebSocketCalls, clock: VirtualClock) -> None:
        self.calls, self.clock = calls, clock
        self.tasks: list[asyncio.Task[None]] = []

    def dial(
        self, platform: FakePlatform | None, headers: dict[str, str] | None = None
    ) -> FakeSocket:
        """Have a platform dial, or nobody who says anything; returns its end."""
        platform_end, server_end = socket_pair()
        if headers is None:
            headers = platform.headers if isinstance(platform, FakeAcs) else {}
        handshake = Handshake.of("wss://calls.example.org/", headers)
        self.tasks.append(asyncio.create_task(self.calls.serve(server_end, handshake)))
        if platform is not None:
            self.tasks.append(asyncio.create_task(platform.run(platform_end)))
        return platform_end


def served(
    handler: Callable[[WebSocketLeg], Awaitable[object]],
    script: Callable[[Server], Awaitable[None]],
    config: WebSocketCallsConfig | None = None,
    *,
    dialect: type[AcsDialect | TwilioDialect] = AcsDialect,
    authenticator: object = None,
) -> WebSocketCalls:
    """Run a script against a server in virtual time."""
    clock = VirtualClock()

    async def main() -> WebSocketCalls:
        calls = WebSocketCalls(
            handler,
            dialect,
            authenticator=authenticator or AnyCaller(),  # type: ignore[arg-type]
            config=config,
            clock=clock,
        )
        server = Server(calls, clock)
        async with calls:
            await script(server)
        await asyncio.wait(server.tasks)
        for task in server.tasks:
            task.result()
        assert calls.stats.calls == 0
        return calls

    return clock.run(main())


def call(number: int, clock: VirtualClock, says_ms: float = 2_000) -> FakeAcs:
    return FakeAcs(speech_like(says_ms, seed=number), call_id=f"call-{number}", clock=clock)


async def echo(leg: WebSocketLeg) -> None:
    async for frame in leg.inbound:
        await leg.outbound.asend(frame)


def test_calls_at_once_do_not_mix() -> None:
    """Each is heard by its own handler, and hears that alone."""

    async def script(server: Server) -> None:
        fakes = [call(number, server.clock) for number in range(5)]
        for fake in fakes:
            server.dial(fake)
        await passes(server.clock, 1_500)
        assert server.calls.stats.calls == 5
        for number, fake in enumerate(fakes):
            said = speech_like(2_000, seed=number).samples[:, 0].astype(float)
            heard = fake.heard().samples[:, 0].astype(float)
            # An echo some frames later is the same samples; another voice is not.
            likeness = [float(heard[at : at + 8_000] @ said[:8_000]) for at in range(0, 4_000, 320)]
            assert max(likeness) == pytest.approx(float(said[:8_000] @ said[:8_000]))
            assert not fake.complaints
            fake.hang_up()
        await passes(server.clock, 200)
        assert server.calls.stats.calls == 0

    served(echo, script)


def test_a_call_that_is_dialled_again_comes_back_to_its_handler() -> None:
    """Its translator, and what that has heard so far, are in that handler."""
    legs: list[WebSocketLeg] = []

    async def handler(leg: WebSocketLeg) -> None:
        legs.append(leg)
        await echo(leg)

    async def script(server: Server) -> None:
        fake = call(1, server.clock)
        end = server.dial(fake)
        await passes(server.clock, 300)
        await end.drop()
        await passes(server.clock, 300)
        assert state_of(legs[0]) == "suspended"
        server.dial(fake)
        await passes(server.clock, 300)
        assert state_of(legs[0]) == "attached"
        assert legs[0].name == "call-1"

    stats = served(handler, script).stats
    assert len(legs) == 1
    assert (stats.taken, stats.reattached) == (1, 1)


def test_a_call_that_does_not_come_back_ends_its_handler() -> None:
    """With the reason; and its place is free."""
    seen: list[BaseException] = []

    async def handler(leg: WebSocketLeg) -> None:
        try:
            await echo(leg)
        except StreamFailedError as error:
            seen.append(error.cause)

    async def script(server: Server) -> None:
        end = server.dial(call(1, server.clock))
        await passes(server.clock, 300)
        await end.drop()
        await passes(server.clock, 20_000)
        assert server.calls.stats.calls == 0
        server.dial(call(1, server.clock))
        await passes(server.clock, 300)
        assert server.calls.stats.taken == 2

    served(handler, script)
    assert isinstance(seen[0], CallLostError)


def test_a_new_call_of_a_name_does_not_wait_for_the_handler_of_the_old() -> None:
    """Who writes a long report about a call must not keep the next one out."""
    handled: list[str] = []

    async def handler(leg: WebSocketLeg) -> None:
        await echo(leg)
        await leg.clock.sleep_until(leg.clock.now() + 10)
        handled.append(leg.name)

    async def script(server: Server) -> None:
        for _ in range(3):
            fake = call(1, server.clock)
            server.dial(fake)
            await passes(server.clock, 200)
            fake.hang_up()
            await passes(server.clock, 200)
        assert server.calls.stats.calls == 3
        await passes(server.clock, 11_000)

    served(handler, script)
    assert handled == ["call-1"] * 3


class KnowsNobody:
    """Refuses everybody, or takes its time."""

    def __init__(self, wait_s: float = 0.0) -> None:
        self.wait_s = wait_s

    async def check(self, handshake: Handshake) -> None:
        await asyncio.sleep(self.wait_s)
        raise CallRefusedError("wrong signature")


def test_who_is_refused_learns_nothing_and_reaches_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The socket is not even accepted; the log says why, without a secret."""

    async def script(server: Server) -> None:
        end = server.dial(None, {"Authorization": "Bearer very-secret"})
        await passes(server.clock, 100)
        assert end.closed == 1008
        assert not end._peer.accepted

    with caplog.at_level(logging.DEBUG):
        stats = served(echo, script, authenticator=KnowsNobody()).stats
    assert (stats.refused, stats.taken) == (1, 0)
    assert "wrong signature" in caplog.text
    assert "very-secret" not in caplog.text


def test_a_handshake_that_takes_too_long_is_given_up() -> None:
    """Whether it is the keys that don't come, or the stream that does not start."""

    async def script(server: Server) -> None:
        silent = server.dial(None)
        chatty = server.dial(None)
        for _ in range(200):
            await chatty.send('{"kind":"Nonsense"}')
        await passes(server.clock, 4_000)
        assert chatty.closed == 1008
        assert silent.closed is None
        await passes(server.clock, 2_000)
        assert silent.closed == 1008

    assert served(echo, script, WebSocketCallsConfig(start_timeout_s=5)).stats.unstarted == 2

    async def slow(server: Server) -> None:
        end = server.dial(None)
        await passes(server.clock, 6_000)
        assert end.closed == 1008

    config = WebSocketCallsConfig(start_timeout_s=5)
    assert served(echo, slow, config, authenticator=KnowsNobody(60.0)).stats.unstarted == 1


def test_who_hangs_up_before_the_start_leaves_nothing() -> None:
    """Port scanners do."""

    async def script(server: Server) -> None:
        end = server.dial(None)
        await end.close()
        await passes(server.clock, 100)

    assert served(echo, script).stats.unstarted == 1


def test_more_calls_than_are_taken_are_told_to_try_later() -> None:
    """Those that go on are not disturbed; one that comes back is not new."""

    async def script(server: Server) -> None:
        first, second, third = (call(number, server.clock) for number in range(3))
        end = server.dial(first)
        server.dial(second)
        await passes(server.clock, 100)
        assert server.dial(third).closed is None
        await passes(server.clock, 100)
        await end.drop()
        await passes(server.clock, 100)
        server.dial(first)
        await passes(server.clock, 100)

    stats = served(echo, script, WebSocketCallsConfig(max_calls=2)).stats
    assert (stats.taken, stats.turned_away, stats.reattached) == (2, 1, 1)


def test_more_handshakes_than_are_taken_are_turned_away() -> None:
    """Sockets that say nothing must not fill the memory."""

    async def script(server: Server) -> None:
        ends = [server.dial(None) for _ in range(5)]
        await passes(server.clock, 100)
        assert [end.closed for end in ends] == [None, None, 1013, 1013, 1013]

    assert served(echo, script, WebSocketCallsConfig(max_handshakes=2)).stats.turned_away == 3


def test_a_handler_that_fails_ends_its_own_call_alone() -> None:
    """The others must not even notice."""

    async def handler(leg: WebSocketLeg) -> None:
        if leg.name == "call-1":
            raise ZeroDivisionError
        await echo(leg)

    async def script(server: Server) -> None:
        bad, good = server.dial(call(1, server.clock)), server.dial(call(2, server.clock))
        await passes(server.clock, 300)
        assert bad.closed == 1000
        assert good.closed is None

    assert served(handler, script).stats.failed == 1


def test_a_handler_that_returns_hangs_up() -> None:
    """A recorded announcement, for one."""

    async def handler(leg: WebSocketLeg) -> None:
        await leg.outbound.asend(tone(300))
        leg.outbound.end()
        await leg.outbound.adrain()

    async def script(server: Server) -> None:
        fake = call(1, server.clock)
        end = server.dial(fake)
        await passes(server.clock, 1_000)
        assert end.closed == 1000
        assert abs(fake.heard().samples).max() > 1_000

    served(handler, script)


def test_a_call_that_lasts_too_long_is_hung_up() -> None:
    """A line that was left open costs money."""
    causes: list[BaseException] = []

    async def handler(leg: WebSocketLeg) -> None:
        try:
            await echo(leg)
        except StreamFailedError as error:
            causes.append(error.cause)

    async def script(server: Server) -> None:
        end = server.dial(call(1, server.clock))
        await passes(server.clock, 1_900)
        assert end.closed is None
        await passes(server.clock, 300)
        assert end.closed is not None

    served(handler, script, WebSocketCallsConfig(max_duration_s=2))
    assert isinstance(causes[0], CallTooLongError)


def test_a_server_that_drains_takes_no_call_and_lets_the_others_finish() -> None:
    """A deployment must not cut anybody off; a call may even come back meanwhile."""

    async def script(server: Server) -> None:
        fake = call(1, server.clock)
        end = server.dial(fake)
        await passes(server.clock, 100)
        draining = asyncio.create_task(server.calls.drain())
        await passes(server.clock, 100)
        assert server.calls.draining
        new = server.dial(call(2, server.clock))
        await end.drop()
        await passes(server.clock, 100)
        assert new.closed == 1013
        server.dial(fake)
        await passes(server.clock, 100)
        assert not draining.done()
        fake.hang_up()
        await passes(server.clock, 100)
        assert await draining

    served(echo, script)


def test_draining_may_have_a_limit() -> None:
    """An orchestrator kills at some point anyway."""

    async def script(server: Server) -> None:
        end = server.dial(call(1, server.clock))
        await passes(server.clock, 100)
        assert not await server.calls.drain(timeout=3)
        assert end.closed is None

    served(echo, script)


def test_what_a_call_is_known_by_is_the_platforms_name_for_it() -> None:
    """Twilio has no header for it, but says it in the stream."""
    names: list[str] = []

    async def handler(leg: WebSocketLeg) -> None:
        names.append(leg.name)
        assert leg.started.parameters == {"seat": "12"}
        await echo(leg)

    async def script(server: Server) -> None:
        fake = FakeTwilio(parameters={"seat": "12"}, clock=server.clock)
        server.dial(fake)
        await passes(server.clock, 300)
        assert not fake.complaints

    served(handler, script, dialect=TwilioDialect)
    assert names == [f"CA{1:032}"]


def test_a_call_without_a_name_can_not_come_back() -> None:
    """Two of them must not be taken for one."""

    async def script(server: Server) -> None:
        for _ in range(2):
            server.dial(call(1, server.clock), {})
        await passes(server.clock, 300)
        assert server.calls.stats.calls == 2

    served(echo, script, WebSocketCallsConfig())


def test_a_call_that_comes_back_in_another_format_is_told_so() -> None:
    """1003; and the call is still expected."""

    async def script(server: Server) -> None:
        end = server.dial(call(1, server.clock))
        await passes(server.clock, 100)
        await end.drop()
        other = FakeAcs(
            tone(500, format=WIDEBAND_VOICE),
            format=WIDEBAND_VOICE,
            call_id="call-1",
            clock=server.clock,
        )
        refused = server.dial(other)
        await passes(server.clock, 100)
        assert refused.closed == 1003
        assert server.calls.stats.calls == 1

    served(echo, script)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_platform_does_every_call_ends_and_nothing_is_left(seed: int) -> None:
    """Drops, hang-ups, second sockets and nonsense by seed; the books agree at the end."""
    chance = random.Random(seed)
    ended: list[str] = []
    nonsense: list[str | bytes] = ["{", b"\xff", "[]", "x" * 300_000]

    async def handler(leg: WebSocketLeg) -> None:
        with suppress(StreamFailedError, StreamClosedError):
            await echo(leg)
        ended.append(leg.name)

    async def script(server: Server) -> None:
        fakes = [call(number, server.clock, says_ms=10_000) for number in range(6)]
        ends = {fake: server.dial(fake) for fake in fakes}
        for _ in range(40):
            await passes(server.clock, chance.uniform(10, 400))
            fake = chance.choice(fakes)
            match chance.randrange(5):
                case 0:
                    await ends[fake].drop()
                case 1:
                    ends[fake] = server.dial(fake)
                case 2:
                    fake.inject(chance.choice(nonsense))
                case 3:
                    await ends[fake].close(chance.choice([1000, 1001, 1011]))
                case _:
                    fake.press("1")
        await passes(server.clock, 500)
        for fake, end in ends.items():
            if end.closed is None:
                fake.hang_up()
        await passes(server.clock, 5_000)
        assert server.calls.stats.calls == 0

    config = WebSocketCallsConfig(leg=WebSocketLegConfig(grace_s=2))
    stats = served(handler, script, config).stats
    assert len(ended) == stats.taken
    assert stats.failed == 0
