"""A server that platforms dial: calls, health, readiness, refusals, and a drain on SIGTERM."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from rawmedia.adapters.asgi import create_app, serving
from rawmedia.adapters.handlers import call_parameters
from rawmedia.adapters.websocket import (
    AcsDialect,
    AcsToken,
    AnyCaller,
    KeySet,
    SocketClosedError,
    TwilioDialect,
    TwilioSignature,
    WebSocketCallsConfig,
    WebSocketLeg,
)
from rawmedia.errors import ConfigurationError
from rawmedia.testing import AcsMessages, FakeAcs, FakeTwilio, TwilioMessages, speech_like, tone
from rawmedia.testing.platform_messages import SaidAudio
from server_process import ServerProcess, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.adapters.websocket.authentication import Authenticator

SERVER = """
import asyncio, sys
from rawmedia.adapters.asgi import create_app, serve
from rawmedia.adapters.websocket import AcsDialect, AnyCaller

async def echo(leg):
    async for frame in leg.inbound:
        await leg.outbound.asend(frame)

app = create_app(echo, AcsDialect, authenticator=AnyCaller())
asyncio.run(serve(app, port=int(sys.argv[1]), drain_timeout_s=float(sys.argv[2])))
"""


async def echo(leg: WebSocketLeg) -> None:
    async for frame in leg.inbound:
        await leg.outbound.asend(frame)


def app(authenticator: Authenticator, config: WebSocketCallsConfig | None = None) -> Starlette:
    return create_app(echo, AcsDialect, authenticator=authenticator, config=config)


def scope(kind: str, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """What an ASGI server says of a request."""
    path, _, query = path.partition("?")
    pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "scheme": "ws" if kind == "websocket" else "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"testserver"), *pairs],
    }


async def get(server: Starlette, path: str) -> tuple[int, object]:
    """The status and the JSON of a page."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(event: Any) -> None:
        sent.append(event)

    await server(scope("http", path), receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


class Dialled:
    """A WebSocket of the application, while the block lasts."""

    def __init__(self, server: Starlette, path: str, headers: dict[str, str] | None = None) -> None:
        self._server, self._scope = server, scope("websocket", path, headers)
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[Any] = asyncio.Queue()

    async def __aenter__(self) -> Dialled:
        self._to_app.put_nowait({"type": "websocket.connect"})
        run = self._server(self._scope, self._to_app.get, self._from_app.put)
        self._running = asyncio.ensure_future(run)
        self.answer = await self._from_app.get()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._to_app.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self._running

    def say(self, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        self._to_app.put_nowait({"type": "websocket.receive", kind: message})

    async def hear(self) -> str:
        text: str = (await self._from_app.get())["text"]
        return text


def test_a_call_is_carried_by_any_asgi_server() -> None:
    """Whatever it is: all that is used is what ASGI says."""

    async def main() -> None:
        server, messages, pcm = app(AnyCaller()), AcsMessages(), bytes(tone(20))
        async with server.state.calls, Dialled(server, "/calls") as dialled:
            assert dialled.answer["type"] == "websocket.accept"
            for message in messages.opening():
                dialled.say(message)
            for number in range(5):
                audio = messages.audio(pcm, None, 20.0 * number)
                dialled.say(audio.encode() if isinstance(audio, str) else audio)
            said = [messages.read(await dialled.hear()) for _ in range(12)]
        assert SaidAudio(pcm) in said

    asyncio.run(main())


def test_names_in_the_path_are_parameters_of_the_call() -> None:
    """A platform that keeps no query keeps the path."""

    async def main() -> WebSocketLeg:
        dialled: asyncio.Queue[WebSocketLeg] = asyncio.Queue()
        server = create_app(
            dialled.put, AcsDialect, authenticator=AnyCaller(), path="/calls/{key}/{language}"
        )
        path = "/calls/desk-1/fr-FR?key=other&x=1"
        async with server.state.calls, Dialled(server, path) as platform:
            platform.say(AcsMessages().opening()[0])
            return await asyncio.wait_for(dialled.get(), 10)

    leg = asyncio.run(main())
    assert leg.handshake is not None
    assert leg.handshake.parameters == {"key": "desk-1", "language": "fr-FR"}
    assert call_parameters(leg) == {"key": "desk-1", "language": "fr-FR", "x": "1"}
    assert "desk-1" not in repr(leg.handshake)


@pytest.mark.parametrize(
    "path", ["", "//", "calls", "/{key}/{key}", "/{key:int}", "/{key", "/a b", "/a?b"]
)
def test_a_path_that_is_none_is_told(path: str) -> None:
    """Before anything is served."""
    with pytest.raises(ConfigurationError, match="/calls"):
        create_app(echo, AcsDialect, authenticator=AnyCaller(), path=path)


def test_health_and_readiness_say_whether_and_no_more() -> None:
    """An orchestrator asks them every second; anybody else may, too."""

    async def main() -> None:
        server = app(AnyCaller(), WebSocketCallsConfig(max_calls=1))
        async with server.state.calls:
            assert await get(server, "/health") == (200, {"status": "alive"})
            assert await get(server, "/ready") == (200, {"status": "ready"})
            async with Dialled(server, "/calls") as dialled:
                dialled.say(AcsMessages().opening()[0])
                await dialled.hear()
                assert await get(server, "/ready") == (503, {"status": "full"})
                assert await get(server, "/health") == (200, {"status": "alive"})
        assert await get(server, "/ready") == (503, {"status": "draining"})

    asyncio.run(main())


def authenticators() -> Iterator[object]:
    async def no_keys(url: str) -> bytes:
        raise OSError

    keys = KeySet("https://keys.example.org", fetch=no_keys)
    yield pytest.param(AcsToken("us", keys=keys), id="acs")
    yield pytest.param(TwilioSignature("token"), id="twilio")


@pytest.mark.parametrize("authenticator", list(authenticators()))
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer x"}, {"X-Twilio-Signature": "x"}]
)
def test_who_is_not_the_platform_is_closed_without_a_word(
    authenticator: Authenticator, headers: dict[str, str]
) -> None:
    """1008, no reason, and the socket is never accepted."""

    async def main() -> None:
        server = app(authenticator)
        async with Dialled(server, "/calls", headers) as dialled:
            assert dialled.answer == {"type": "websocket.close", "code": 1008}
        assert server.state.calls.stats.refused == 1

    asyncio.run(main())


def test_twilio_is_let_in_by_the_url_it_dialled() -> None:
    """As the server saw it: scheme, host, path and query."""

    async def main() -> None:
        checked = TwilioSignature("token")
        server = create_app(echo, TwilioDialect, authenticator=checked, path="/twilio")
        headers = FakeTwilio.headers("ws://testserver/twilio?seat=12", "token")
        messages = TwilioMessages()
        async with server.state.calls, Dialled(server, "/twilio?seat=12", headers) as dialled:
            for message in messages.opening():
                dialled.say(message)
            messages.read(await dialled.hear())

    asyncio.run(main())


def test_several_platforms_share_a_program() -> None:
    """Each application is mounted where its platform dials."""

    async def main() -> None:
        acs = create_app(echo, AcsDialect, authenticator=AnyCaller(), path="/")
        twilio = create_app(echo, TwilioDialect, authenticator=AnyCaller(), path="/")
        both = Starlette(routes=[Mount("/acs", acs), Mount("/twilio", twilio)])
        async with acs.state.calls, twilio.state.calls:
            for path, messages in (("/acs/", AcsMessages()), ("/twilio/", TwilioMessages())):
                async with Dialled(both, path) as dialled:
                    for message in messages.opening():
                        dialled.say(message)
                    messages.read(await dialled.hear())

    asyncio.run(main())


def process(drain_timeout_s: float) -> ServerProcess:
    port = free_port()
    return ServerProcess(port, [sys.executable, "-c", SERVER, str(port), str(drain_timeout_s)])


def test_on_sigterm_calls_go_on_and_new_ones_are_refused() -> None:
    """A deployment must not cut anybody off."""

    async def main(server: ServerProcess) -> None:
        await server.answers("/ready", 200)
        fake = FakeAcs(speech_like(60_000, seed=1))
        dialling = asyncio.create_task(fake.dial(server.url, fake.headers))
        await asyncio.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        await server.answers("/ready", 503)
        new = FakeAcs(call_id="another")
        try:
            await new.dial(server.url, new.headers)
        except SocketClosedError:
            refused = True
        else:
            refused = new.elapsed_ms < 5_000
        assert refused
        assert not dialling.done()
        before = fake.heard().samples_per_channel
        await asyncio.sleep(0.5)
        assert abs(fake.heard().samples[before:]).max() > 100
        fake.hang_up()
        await dialling
        await server.ended()
        assert not fake.complaints

    with process(drain_timeout_s=60) as server:
        asyncio.run(main(server))


def test_a_drain_ends_when_its_time_is_over() -> None:
    """An orchestrator would kill it a little later."""

    async def main(server: ServerProcess) -> None:
        await server.answers("/ready", 200)
        fake = FakeAcs(speech_like(60_000, seed=1))
        dialling = asyncio.create_task(fake.dial(server.url, fake.headers))
        await asyncio.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(dialling, 30)
        await server.ended()

    with process(drain_timeout_s=0.2) as server:
        asyncio.run(main(server))


def test_a_server_lives_as_long_as_its_block_and_leaves_signals_alone() -> None:
    """For a program that does something else as well; the block begins when it can be dialled."""

    async def main() -> None:
        port = free_port()
        before = signal.getsignal(signal.SIGINT)
        fake = FakeAcs(speech_like(60_000, seed=1))
        server = app(AnyCaller())
        async with serving(server, port=port):
            assert signal.getsignal(signal.SIGINT) is before
            url = f"ws://127.0.0.1:{port}/calls"
            dialling = asyncio.create_task(fake.dial(url, fake.headers))
            await asyncio.sleep(0.5)
            assert server.state.calls.stats.calls == 1
            with pytest.raises(ConfigurationError, match="can't be listened at"):
                async with serving(app(AnyCaller()), port=port):
                    pytest.fail("the port is taken")
            assert not dialling.done()
        await asyncio.wait_for(dialling, 10)
        with pytest.raises(OSError, match="onnect"):
            await FakeAcs().dial(url)

    asyncio.run(main())
