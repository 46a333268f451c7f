"""What the emulator answers over plain HTTP: who may come in, voices, tokens, the translator of texts."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Any

import pytest
from emulator_client import UNIVERSAL, http, plain_client
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from rawmedia.errors import (
    ConfigurationError,
    EngineFailedError,
    MissingDependencyError,
    PacketError,
)
from rawmedia.testing import ScaledClock
from rawmedia.testing.azure_emulator import (
    VOICES,
    AzureSpeechEmulator,
    EmulatedUtterance,
    RefusedHandshake,
    SlowHandshake,
)
from rawmedia.testing.azure_emulator.credentials import TOKEN_LIFE_MS, Credentials
from rawmedia.testing.azure_emulator.plain_http import parse_head
from rawmedia.testing.azure_emulator.reception import service_of
from rawmedia.testing.azure_emulator.text_translation import TARGETS
from rawmedia.translators.azure.config import AzureSpeechConfig

KEY = "0123456789abcdef"
HELLO = EmulatedUtterance(
    source_text="hello", start_ms=0, end_ms=10, translations={"es": "hola", "fr": "salut"}
)
TRANSLATE = "/translate?api-version=3.0"


class TurnedClock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds


async def status(emulator: AzureSpeechEmulator, **headers: str) -> int:
    """The HTTP status of a handshake."""
    try:
        async with plain_client(emulator, UNIVERSAL, **headers):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def test_a_key_or_a_token_that_was_configured_lets_in_and_nothing_else_does() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(keys=[KEY], tokens={"good": None, "old": 0.0}) as emulator:
            assert await status(emulator, Ocp_Apim_Subscription_Key=KEY) == 101
            assert await status(emulator, Authorization="Bearer good") == 101
            assert await status(emulator, Ocp_Apim_Subscription_Key="wrong") == 401
            assert await status(emulator, Ocp_Apim_Subscription_Key="ñ") == 401
            assert await status(emulator, Authorization="Bearer old") == 401
            assert await status(emulator, Authorization="Basic good") == 401
            assert await status(emulator) == 401
            assert emulator.config_arguments == {"host": emulator.host, "key": KEY}
            assert emulator.handshakes == 7
            assert len(emulator.sessions) == 1

    asyncio.run(main())


def test_the_librarys_own_configuration_takes_what_the_emulator_gives() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            config = AzureSpeechConfig(**emulator.config_arguments)
            assert config.host == emulator.host
            assert config.key is not None
            assert emulator.url.endswith(f":{emulator.port}")

    asyncio.run(main())


def test_an_issued_token_is_good_for_ten_minutes() -> None:
    clock: Any = TurnedClock()
    credentials = Credentials([KEY], {}, clock)
    token = credentials.issue()
    assert credentials.admit({"authorization": f"Bearer {token}"})
    clock.seconds = TOKEN_LIFE_MS / 1000
    assert not credentials.admit({"authorization": f"Bearer {token}"})
    first = credentials.issue()
    for _ in range(10_000):
        credentials.issue()
    assert not credentials.admit({"authorization": f"Bearer {first}"}), "memory is bounded"


def test_a_token_is_issued_for_a_key() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(keys=[KEY]) as emulator:
            issue = "/sts/v1.0/issueToken"
            assert (await http(emulator, "POST", issue))[0] == 401
            code, token = await http(emulator, "POST", issue, Ocp_Apim_Subscription_Key=KEY)
            assert code == 200
            assert await status(emulator, Authorization=f"Bearer {token}") == 101

    asyncio.run(main())


def test_no_secret_is_in_a_representation() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            async with plain_client(emulator, Ocp_Apim_Subscription_Key=KEY, Authorization="B t"):
                (connection,) = emulator.connections
            assert connection.headers["ocp-apim-subscription-key"] == KEY
            assert KEY not in repr(connection.headers) + repr(emulator.sessions)
            assert "X-ConnectionId" in repr(connection.headers)
            assert len(connection.headers) == len(list(connection.headers))

    asyncio.run(main())


@pytest.mark.parametrize("code", [400, 401, 403, 404, 408, 429, 500, 502, 503, 599])
def test_a_handshake_can_be_refused_with_any_status(code: int) -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(faults=[RefusedHandshake(status=code)]) as emulator:
            assert await status(emulator) == code
            assert await status(emulator) == 101

    asyncio.run(main())


def test_a_handshake_can_take_its_time() -> None:
    async def main() -> None:
        clock = ScaledClock(100)
        faults = [SlowHandshake(delay_ms=2_000)]
        async with AzureSpeechEmulator(faults=faults, clock=clock) as emulator:
            start = clock.now()
            assert await status(emulator) == 101
            assert clock.now() - start >= 2

    asyncio.run(main())


def test_more_connections_than_the_quota_allows_are_turned_away() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(max_connections=1) as emulator:
            async with plain_client(emulator):
                assert await status(emulator) == 429
            await emulator.wait_for(lambda: not emulator.sessions[0].open)
            assert await status(emulator) == 101

    asyncio.run(main())


def test_the_paths_of_every_service_are_known_and_no_others() -> None:
    assert service_of("/tts/cognitiveservices/websocket/v1") == "synthesis"
    assert service_of("/speech/recognition/dictation/cognitiveservices/v1") == "recognition"
    assert service_of("/stt/speech/universal/v2") == "translation"
    assert service_of("/custom/path") is None

    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            with pytest.raises(InvalidStatus, match="404"):
                async with plain_client(emulator, "/custom/path"):
                    pass

    asyncio.run(main())


def test_the_voices_are_listed() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(voices=(*VOICES, "custom")) as emulator:
            code, voices = await http(emulator, "GET", "/cognitiveservices/voices/list")
            assert code == 200
            by_name = {each["ShortName"]: each for each in voices}
            assert by_name["de-DE-KatjaNeural"]["Locale"] == "de-DE"
            assert by_name["de-DE-KatjaNeural"]["DisplayName"] == "Katja"
            assert "custom" in by_name
            assert (await http(emulator, "GET", "/nothing"))[0] == 404

    asyncio.run(main())


def test_texts_are_translated_as_the_script_says() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator({"en-US": [HELLO]}) as emulator:
            body = json.dumps([{"Text": "hello"}, {"text": "unheard of"}]).encode()
            code, answer = await http(emulator, "POST", f"{TRANSLATE}&from=en&to=es&to=fr", body)
            assert code == 200
            assert answer == [
                {"translations": [{"text": "hola", "to": "es"}, {"text": "salut", "to": "fr"}]},
                {
                    "translations": [
                        {"text": "[es] unheard of", "to": "es"},
                        {"text": "[fr] unheard of", "to": "fr"},
                    ]
                },
            ]
            target = f"/translator/text/v3.0{TRANSLATE}&to=es,zh-hans"
            _, (found,) = await http(emulator, "POST", target, b'[{"Text": "x"}]')
            assert found["detectedLanguage"] == {"language": "en", "score": 1.0}
            assert [each["to"] for each in found["translations"]] == ["es", "zh-hans"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("/translate?to=es", b"[]", 400021),
        (f"{TRANSLATE}&to=es-MX", b"[]", 400036),
        (TRANSLATE, b"[]", 400036),
        (f"{TRANSLATE}&to=es&from=xx", b"[]", 400035),
        (f"{TRANSLATE}&to=es", b"[", 400074),
        (f"{TRANSLATE}&to=es", b"[" * 100_000, 400074),
        (f"{TRANSLATE}&to=es", b"[]", 400072),
        (f"{TRANSLATE}&to=es", b"{}", 400072),
        (f"{TRANSLATE}&to=es", b"[1]", 400000),
        (f"{TRANSLATE}&to=es", b'[{"Text": 1}]', 400000),
        (f"{TRANSLATE}&to=es&to=fr", json.dumps([{"Text": "x" * 25_001}]).encode(), 400077),
    ],
)
def test_a_request_that_the_translator_would_refuse_is_refused(
    query: str, body: bytes, code: int
) -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            status, answer = await http(emulator, "POST", query, body)
            assert (status, answer["error"]["code"]) == (400, code)

    asyncio.run(main())


def test_an_engine_that_fails_is_a_fault_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:

            async def fail(*_: object) -> str:
                raise EngineFailedError("engine", "out of words")

            emulator._reception.translate = fail
            code, answer = await http(emulator, "POST", f"{TRANSLATE}&to=es", b'[{"Text": "x"}]')
            assert code == 500
            assert "out of words" in answer["error"]["message"]

    asyncio.run(main())


def test_several_requests_go_over_one_connection() -> None:
    """Pooled clients keep theirs open."""

    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
            for _ in range(2):
                writer.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
                assert b"404" in head
                await reader.readexactly(size)
            writer.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\n\r\n",
        b"GET /[ HTTP/1.1\r\nbroken\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc",
        b"GET /?" + b"a=1&" * 1_001 + b" HTTP/1.1\r\n\r\n",
        b"GET / HT",
    ],
)
def test_bytes_that_are_no_request_get_an_answer_and_do_no_harm(sent: bytes) -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
            writer.write(sent)
            writer.write_eof()
            async with asyncio.timeout(3):
                try:
                    answer = await reader.read()
                except ConnectionResetError:
                    answer = b" 400 "
            assert b" 400 " in answer
            writer.close()
            assert (await http(emulator, "GET", "/nothing"))[0] == 404, "it goes on"

    asyncio.run(main())


@given(st.binary(max_size=60), st.text(max_size=20))
def test_any_head_is_a_request_or_a_typed_error(data: bytes, target: str) -> None:
    for head in (
        data,
        b"GET /" + data + b" HTTP/1.1\r\n\r\n",
        f"GET /{target} HTTP/1.1\r\n\r\n".encode(),
    ):
        try:
            request = parse_head(head)
        except PacketError:
            continue
        assert request.path.startswith("/")


def test_a_handshake_that_is_none_is_refused_by_the_protocol() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            for body in (b"", b"body"):
                code, _ = await http(
                    emulator, "GET", UNIVERSAL, body, Connection="Upgrade", Upgrade="websocket"
                )
                assert code == 400
            assert emulator.sessions == []

    asyncio.run(main())


def test_a_client_that_leaves_at_once_is_no_event() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            _, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
            writer.close()
            await writer.wait_closed()
            assert (await http(emulator, "GET", "/nothing"))[0] == 404

    asyncio.run(main())


def test_a_client_that_breaks_off_in_mid_request_is_no_event() -> None:
    """A program that is killed says no goodbye: what is left of its connection is a reset."""

    unhandled: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: unhandled.append(told))
        async with AzureSpeechEmulator() as emulator:
            with socket.create_connection(("127.0.0.1", emulator.port)) as client:
                client.sendall(b"GET /nothing HTTP/1.1\r\nHost:")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            assert (await http(emulator, "GET", "/nothing"))[0] == 404, "it goes on"

    asyncio.run(main())
    assert not unhandled


def test_a_port_that_is_taken_is_a_wrong_setting() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            with pytest.raises(ConfigurationError, match="port"):
                async with AzureSpeechEmulator(port=emulator.port):
                    pass

    asyncio.run(main())


def test_without_the_package_the_emulator_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "websockets.server", None)

    async def main() -> None:
        with pytest.raises(MissingDependencyError, match=r"rawmedia\[emulator\]"):
            async with AzureSpeechEmulator():
                pass

    asyncio.run(main())


def test_an_emulator_may_be_closed_twice_and_waits_for_nobody() -> None:
    async def main() -> None:
        emulator = AzureSpeechEmulator()
        await emulator.aclose()
        async with emulator:
            await status(emulator)
        await emulator.aclose()

    asyncio.run(main())


def test_a_recogniser_must_be_one() -> None:
    wrong: Any = "online"
    with pytest.raises(ConfigurationError, match="recognise"):
        AzureSpeechEmulator(recognise=wrong)


def test_no_target_is_named_twice() -> None:
    assert len(set(TARGETS)) == len(TARGETS)
    assert len(set(VOICES)) == len(VOICES)
