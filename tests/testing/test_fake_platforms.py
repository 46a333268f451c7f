"""The fake platforms dial over real sockets, play as a platform does, and say what was wrong."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from rawmedia.adapters.websocket.acs import AcsDialect
from rawmedia.adapters.websocket.authentication import AnyCaller, Handshake
from rawmedia.adapters.websocket.calls import WebSocketCalls
from rawmedia.adapters.websocket.socket import SocketClosedError
from rawmedia.adapters.websocket.twilio import TwilioDialect
from rawmedia.adapters.websocket.twilio_signature import TwilioSignature
from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.errors import ConfigurationError
from rawmedia.testing import VirtualClock, speech_like, tone
from rawmedia.testing.fake_acs import AcsMessages, FakeAcs
from rawmedia.testing.fake_platform import FakePlatform
from rawmedia.testing.fake_sockets import socket_pair
from rawmedia.testing.fake_twilio import FakeTwilio, TwilioMessages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rawmedia.adapters.websocket.leg import WebSocketLeg
    from rawmedia.testing.platform_messages import PlatformMessages


class ServedSocket:
    """A connection of another WebSocket server than an ASGI one."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    async def accept(self) -> None:
        """It is."""

    async def receive(self) -> str | bytes:
        try:
            return await self._connection.recv()
        except ConnectionClosed:
            raise SocketClosedError(self._connection.close_code or 1006) from None

    async def send(self, message: str | bytes) -> None:
        try:
            await self._connection.send(message)
        except ConnectionClosed:
            raise SocketClosedError(self._connection.close_code or 1006) from None

    async def close(self, code: int = 1000) -> None:
        await self._connection.close(code)


async def echo(leg: WebSocketLeg) -> None:
    async for frame in leg.inbound:
        await leg.outbound.asend(frame)


@asynccontextmanager
async def echoing(calls: WebSocketCalls) -> AsyncIterator[str]:
    """The URL of a server that gives each caller what he says."""

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        url = f"ws://{connection.request.headers['Host']}{connection.request.path}"
        headers = list(connection.request.headers.raw_items())
        await calls.serve(ServedSocket(connection), Handshake.of(url, headers))

    async with calls, serve(handler, "127.0.0.1", 0, compression=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/call"


def test_acs_dials_speaks_and_hears_itself_over_loopback() -> None:
    """The whole way, with real sockets and real time."""

    async def main() -> None:
        fake = FakeAcs(speech_like(400, seed=1))
        async with echoing(WebSocketCalls(echo, AcsDialect, authenticator=AnyCaller())) as url:
            asyncio.get_running_loop().call_later(0.9, fake.hang_up)
            await fake.dial(url, fake.headers)
        assert not fake.complaints
        said = speech_like(400, seed=1).samples[:, 0].astype(float)
        heard = fake.heard().samples[:, 0].astype(float)
        energy = float(said @ said)
        likeness = max(
            float(heard[at : at + len(said)] @ said) for at in range(0, len(heard) - len(said), 320)
        )
        assert likeness > energy * 0.9

    asyncio.run(main())


def test_twilio_dials_with_its_signature() -> None:
    """And is let in by nothing else."""

    async def main() -> None:
        checked = TwilioSignature(SecretStr("token"))
        calls = WebSocketCalls(echo, TwilioDialect, authenticator=checked)
        async with echoing(calls) as url:
            good, bad = FakeTwilio(tone(200, format=TELEPHONY)), FakeTwilio()
            await bad.dial(url, FakeTwilio.headers(url, "another"))
            asyncio.get_running_loop().call_later(0.5, good.hang_up)
            await good.dial(url, FakeTwilio.headers(url, "token"))
            assert calls.stats.refused == 1
            assert calls.stats.taken == 1
        assert not good.complaints
        assert abs(good.heard().samples).max() > 1_000

    asyncio.run(main())


def test_a_refusal_over_http_is_an_error() -> None:
    """A test must not take it for a quiet call."""

    def refuse(connection: ServerConnection, request: Request) -> Response:
        return Response(403, "Forbidden", Headers())

    async def nothing(connection: Any) -> None:
        """Never called."""

    async def main() -> None:
        async with serve(nothing, "127.0.0.1", 0, process_request=refuse) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(SocketClosedError, match="403"):
                await FakeAcs().dial(f"ws://127.0.0.1:{port}/")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("messages", "wrong"),
    [
        (AcsMessages(), b"{}"),
        (AcsMessages(), "{"),
        (AcsMessages(), "[]"),
        (AcsMessages(), '{"kind":"AudioData","audioData":{"data":"AQA="}}'),
        (AcsMessages(), '{"Kind":"AudioData","AudioData":{"Data":"AQ=="},"StopAudio":null}'),
        (AcsMessages(), '{"Kind":"AudioData","AudioData":{"Data":5},"StopAudio":null}'),
        (AcsMessages(), '{"Kind":"AudioData","AudioData":{"Data":"*"},"StopAudio":null}'),
        (AcsMessages(), '{"Kind":"Mark","AudioData":null,"StopAudio":null}'),
        (AcsMessages(), '{"Kind":"StopAudio","AudioData":null,"StopAudio":null}'),
        (TwilioMessages(), b""),
        (TwilioMessages(), '{"event":"media","media":{"payload":"//8A"}}'),
        (TwilioMessages(), f'{{"event":"media","streamSid":"MZ{1:032}","media":{{"payload":""}}}}'),
        (TwilioMessages(), f'{{"event":"mark","streamSid":"MZ{1:032}"}}'),
        (TwilioMessages(), f'{{"event":"stop","streamSid":"MZ{1:032}"}}'),
    ],
)
def test_what_a_platform_does_not_document_it_does_not_take(
    messages: PlatformMessages, wrong: str | bytes
) -> None:
    """A fake that takes everything proves nothing."""
    messages.opening()
    with pytest.raises(ValueError, match=r".+"):
        messages.read(wrong)


def test_both_casings_of_acs_say_the_same() -> None:
    """Names differ in their first letter alone."""
    written = [
        json.loads(AcsMessages(casing=casing).audio(b"\1\0", "8:acs:x", 20)).popitem()[1]
        for casing in ("camel", "pascal")
    ]
    assert written[0] == {name[0].lower() + name[1:]: value for name, value in written[1].items()}
    assert written[0]["timestamp"] == "2025-03-04T10:20:30.020Z"


def run(fake: FakePlatform, *sent: str, for_ms: float = 500) -> list[str | bytes]:
    """What the platform sends to a server that sends these at once."""
    received: list[str | bytes] = []

    async def main() -> None:
        platform_end, server_end = socket_pair()
        running = asyncio.create_task(fake.run(platform_end))
        for message in sent:
            await server_end.send(message)

        async def listen() -> None:
            while True:
                received.append(await server_end.receive())

        listening = asyncio.create_task(listen())
        await fake.clock.sleep_until(for_ms / 1000)
        await server_end.close()
        await running
        await asyncio.wait({listening})
        listening.exception()

    assert isinstance(fake.clock, VirtualClock)
    fake.clock.run(main())
    return received


def test_a_mark_is_answered_when_what_was_before_it_is_played() -> None:
    """Not when it arrives."""
    fake = FakeTwilio(clock=VirtualClock())
    stream = f"MZ{1:032}"
    payload = "A" * 4 * 800  # 300 ms
    media = json.dumps({"event": "media", "streamSid": stream, "media": {"payload": payload}})
    mark = json.dumps({"event": "mark", "streamSid": stream, "mark": {"name": "here"}})
    received = [json.loads(each) for each in run(fake, media, mark)]
    answered = next(n for n, each in enumerate(received) if each["event"] == "mark")
    assert 14 <= answered - 2 <= 17
    assert not fake.complaints
    assert fake.most_ahead_ms == 300
    assert np.flatnonzero(fake.heard().samples)[-1] == 2_400 - 1


def test_a_clear_drops_what_is_not_played_and_answers_its_marks() -> None:
    """As the platform documents it."""
    fake = FakeTwilio(clock=VirtualClock())
    stream = f"MZ{1:032}"
    media = json.dumps({"event": "media", "streamSid": stream, "media": {"payload": "A" * 3_200}})
    mark = json.dumps({"event": "mark", "streamSid": stream, "mark": {"name": "here"}})
    clear = json.dumps({"event": "clear", "streamSid": stream})
    received = [json.loads(each) for each in run(fake, media, mark, clear)]
    answered = next(n for n, each in enumerate(received) if each["event"] == "mark")
    assert answered <= 4
    assert not fake.heard().samples[320:].any()


def test_a_fake_that_shall_not_answer_marks_does_not() -> None:
    """One of the ways to misbehave."""
    fake = FakeTwilio(clock=VirtualClock())
    fake.answers_marks = False
    mark = json.dumps({"event": "mark", "streamSid": f"MZ{1:032}", "mark": {"name": "here"}})
    assert not [each for each in run(fake, mark) if json.loads(each)["event"] == "mark"]


def test_complaints_say_when_and_are_bounded() -> None:
    """A server that is wrong is wrong all the time."""
    fake = FakeAcs(clock=VirtualClock())
    run(fake, *["[]"] * 150)
    assert len(fake.complaints) == 100
    assert fake.complaints[0] == "the message is no object at 0 ms"


def test_no_more_is_kept_of_what_is_played_than_was_asked_for() -> None:
    """A call of hours must not fill the memory of whoever tests with it."""
    fake = FakePlatform(AcsMessages(), clock=VirtualClock(), max_heard_ms=100)
    run(fake, for_ms=400)
    assert fake.heard().duration_ms == 100
    assert fake.elapsed_ms >= 400


def test_a_sender_waits_for_a_reader_who_does_not_read() -> None:
    """As on a TCP connection."""

    async def main() -> None:
        one, other = socket_pair(max_unread=2)
        await one.send("1")
        await one.send("2")
        third = asyncio.create_task(one.send("3"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not third.done()
        assert await other.receive() == "1"
        await third
        await one.close(1000)
        assert [await other.receive(), await other.receive()] == ["2", "3"]
        with pytest.raises(SocketClosedError):
            await other.receive()
        with pytest.raises(SocketClosedError):
            await other.send("4")

    asyncio.run(main())
    with pytest.raises(ConfigurationError):
        socket_pair(max_unread=0)


def test_a_connection_that_breaks_loses_what_is_on_its_way() -> None:
    """And neither end says goodbye."""

    async def main() -> None:
        one, other = socket_pair()
        await one.send("lost")
        await one.drop()
        with pytest.raises(SocketClosedError) as caught:
            await other.receive()
        assert caught.value.code == 1006

    asyncio.run(main())


def test_what_is_said_while_nobody_is_connected_is_lost() -> None:
    """People talk on, and the platform's clock runs."""
    clock = VirtualClock()
    fake = FakeAcs(speech_like(2_000, seed=1), clock=clock)
    said = bytes(speech_like(2_000, seed=1))

    async def connection() -> list[dict[str, Any]]:
        """What is sent in 410 ms of connection."""
        platform_end, server_end = socket_pair()
        running = asyncio.create_task(fake.run(platform_end))
        await clock.sleep_until(clock.now() + 0.41)
        messages = [json.loads(await server_end.receive()) for _ in range(20)]
        await server_end.close()
        await running
        return [each["audioData"] for each in messages if each["kind"] == "AudioData"]

    async def main() -> None:
        first = await connection()
        await clock.sleep_until(clock.now() + 0.39)
        second = await connection()
        for audio, at_ms in ((first[0], 0), (second[0], 800)):
            assert audio["timestamp"] == f"2025-03-04T10:20:30.{at_ms:03}Z"
            at = SPEECH.samples(at_ms) * 2
            assert base64.b64decode(audio["data"]) == said[at : at + 640]
        assert fake.heard().duration_ms == pytest.approx(1_220, abs=20)

    clock.run(main())
