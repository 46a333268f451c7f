"""Azure's Translator over REST: texts on the emulator, and answers that no good service gives."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("httpx", reason="the extra azure-text brings it")

from rawmedia.errors import (
    AuthenticationError,
    ConfigurationError,
    EngineFailedError,
    MissingDependencyError,
    NetworkError,
    RawMediaError,
    ServiceError,
    UnsupportedLanguageError,
)
from rawmedia.streams.clock import SystemClock
from rawmedia.testing.azure_emulator import (
    AzureSpeechEmulator,
    EmulatedUtterance,
    RefusedHandshake,
)
from rawmedia.translators.azure.config import AzureSpeechConfig
from rawmedia.translators.azure.text_translator import (
    GLOBAL_ENDPOINT,
    AzureTextTranslator,
)
from rawmedia.translators.parts import TextTranslation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

KEY = "0123456789abcdef0123456789abcdef"
HELLO = EmulatedUtterance(source_text="hello", start_ms=0, end_ms=9, translations={"es": "hola"})
HOLA = json.dumps([{"translations": [{"text": "hola", "to": "es"}]}]).encode()


class NoWaiting(SystemClock):
    """Real time, in which nobody really sleeps; what was waited for is written down."""

    def __init__(self) -> None:
        self.waited_ms: list[float] = []

    async def sleep_until(self, when: float) -> None:
        self.waited_ms.append((when - self.now()) * 1_000)
        await asyncio.sleep(0)


@dataclass
class Server:
    """Answers each request with the next of its answers, the last for ever."""

    answers: list[bytes | None]
    """Whole HTTP answers; None breaks the connection, and b"" never answers."""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def config(self) -> AzureSpeechConfig:
        return AzureSpeechConfig(host=f"ws://127.0.0.1:{self.port}", key=KEY)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                self.asked.set()
                given = self.answers[min(len(self.requests), len(self.answers)) - 1]
                if given is None:
                    return
                writer.write(given)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def answer(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Some", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def refusal(status: int, code: int, message: str = "why", *headers: str) -> bytes:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return answer(status, body, *headers)


@asynccontextmanager
async def serving(*answers: bytes | None) -> AsyncIterator[Server]:
    server = Server(list(answers))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


async def translated(
    server: Server, text: str = "hello", clock: NoWaiting | None = None, **settings: Any
) -> TextTranslation:
    translator = AzureTextTranslator(server.config, clock=clock or NoWaiting(), **settings)
    try:
        return await translator.translate(text, "en-US", "es-MX")
    finally:
        await translator.aclose()


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 10))


def test_texts_are_translated_over_one_connection() -> None:
    async def main() -> None:
        async with serving(answer(200, HOLA)) as server:
            translator = AzureTextTranslator(server.config)
            for _ in range(3):
                assert await translator.translate("hello", "en-US", "es") == TextTranslation("hola")
            await translator.aclose()
            await translator.aclose()
            assert (len(server.requests), server.connections) == (3, 1)

    run(main())


def test_the_emulator_s_translator_answers_in_the_service_s_own_codes() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator([HELLO]) as service:
            translator = AzureTextTranslator(AzureSpeechConfig(**service.config_arguments))
            results = await asyncio.gather(
                translator.translate("hello", "en-GB", "es-419"),
                translator.translate("good \ud800 <b>morning</b> \U0001f600", "en-US", "zh-CN"),
                translator.translate("olá", "pt-PT", "sr"),
            )
            assert [each.text for each in results] == [
                "hola",
                "[zh-Hans] good ? <b>morning</b> \U0001f600",
                "[sr-Latn] olá",
            ]
            await translator.aclose()

    run(main())


def test_nothing_is_asked_where_there_is_nothing_to_translate() -> None:
    async def main() -> None:
        async with serving(None) as server:
            translator = AzureTextTranslator(server.config)
            assert await translator.translate("", "en", "es") == TextTranslation("")
            assert await translator.translate(" \n", "en", "es") == TextTranslation("")
            assert await translator.translate(" same ", "en-US", "en-GB") == TextTranslation(
                " same "
            )
            with pytest.raises(ConfigurationError, match="50000"):
                await translator.translate("x" * 50_001, "en", "es")
            assert server.requests == []

    run(main())


def test_a_region_is_asked_globally_with_its_name() -> None:
    """The key of a region's resource is worth nothing without the header."""
    translator = AzureTextTranslator(AzureSpeechConfig(key=KEY, region="westeurope"))
    assert translator._url == f"{GLOBAL_ENDPOINT}/translate"
    headers = asyncio.run(translator._headers())
    assert headers["Ocp-Apim-Subscription-Key"] == KEY
    assert headers["Ocp-Apim-Subscription-Region"] == "westeurope"
    assert KEY not in repr(vars(translator))


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ({"endpoint": "https://me.cognitiveservices.azure.com/"},
         "https://me.cognitiveservices.azure.com/translator/text/v3.0/translate"),
        ({"host": "wss://container:5000"}, "https://container:5000/translate"),
    ],
)  # fmt: skip
def test_a_resource_s_own_place_is_asked_there(place: dict[str, str], url: str) -> None:
    assert AzureTextTranslator(AzureSpeechConfig(key=KEY, **place))._url == url


def test_another_translator_may_be_named() -> None:
    config = AzureSpeechConfig(key=KEY, region="chinaeast2")
    translator = AzureTextTranslator(config, endpoint="https://api.translator.azure.cn/")
    assert translator._url == "https://api.translator.azure.cn/translate"
    for bad in ("ftp://x", "https://", "http://example.com", "x"):
        with pytest.raises(ConfigurationError, match="endpoint"):
            AzureTextTranslator(config, endpoint=bad)
    wrong: list[dict[str, Any]] = [{"timeout_ms": 0}, {"attempts": 0}]
    for settings in wrong:
        with pytest.raises(ConfigurationError, match="attempts"):
            AzureTextTranslator(config, **settings)


def test_a_token_is_sent_as_one_and_a_provider_is_asked_on_a_thread() -> None:
    asked: list[int] = []

    def provide() -> str:
        asked.append(threading.get_ident())
        return "T-1"

    class Credential:
        def get_token(self, scope: str) -> Any:
            asked.append(threading.get_ident())
            assert scope == "https://cognitiveservices.azure.com/.default"
            return type("Token", (), {"token": "T-1"})

    async def main() -> None:
        async with serving(answer(200, HOLA)) as server:
            for opener in (
                {"token": "T-1"},
                {"token_provider": provide},
                {"credential": Credential()},
            ):
                place = f"http://127.0.0.1:{server.port}"
                config = AzureSpeechConfig(endpoint=place, **opener)
                translator = AzureTextTranslator(config)
                await translator.translate("hello", "en", "es")
                await translator.aclose()
        assert all(b"authorization: bearer t-1\r\n" in each.lower() for each in server.requests)
        assert threading.get_ident() not in asked
        assert len(asked) == 2

    run(main())


def test_a_credential_that_fails_tells_no_secret() -> None:
    class Credential:
        def get_token(self, scope: str) -> Any:
            raise ValueError("s3cret")

    async def main() -> None:
        config = AzureSpeechConfig(endpoint="https://localhost:1", credential=Credential())
        translator = AzureTextTranslator(config)
        with pytest.raises(AuthenticationError, match="ValueError") as caught:
            await translator.translate("hello", "en", "es")
        assert "s3cret" not in str(caught.value)
        await translator.aclose()

    run(main())


@pytest.mark.parametrize(
    ("given", "kind", "retryable", "requests", "words"),
    [
        (refusal(401, 401000), AuthenticationError, False, 1, "multi-service resource of host"),
        (refusal(403, 403000), AuthenticationError, False, 1, "refused the key"),
        (refusal(403, 403001), ServiceError, False, 1, "quota"),
        (refusal(429, 429001), ServiceError, False, 1, "quota"),
        (refusal(429, 429000), ServiceError, True, 3, "too many texts"),
        (refusal(503, 503000), ServiceError, True, 3, "failed; try again"),
        (refusal(500, 500000), ServiceError, True, 3, "failed; try again"),
        (refusal(400, 400035), UnsupportedLanguageError, False, 1, "source.*'en-US'"),
        (refusal(400, 400036), UnsupportedLanguageError, False, 1, "target.*'es-MX'"),
        (refusal(400, 400000, "bad"), ServiceError, False, 1, "refused the text .400: bad"),
        (refusal(404, 404000), ServiceError, False, 1, "no Translator at 127.0.0.1"),
        (answer(418, b"tea"), ServiceError, False, 1, "refused the text .418"),
        (answer(200, b"{"), EngineFailedError, True, 1, "no translation"),
        (answer(200, b'[{"translations": [{"text": 7}]}]'), EngineFailedError, True, 1, "no translation"),
        (answer(200, b"[" * 100_000), EngineFailedError, True, 1, "no translation"),
        (answer(200, b"x" * 2_000_000), EngineFailedError, True, 1, "no end"),
        (b"nonsense\r\n\r\n", NetworkError, True, 3, "RemoteProtocolError"),
        (None, NetworkError, True, 3, "could not be reached"),
        (b"", NetworkError, True, 3, "within 50 ms"),
    ],
)  # fmt: skip
def test_each_refusal_is_told_for_what_it_is(
    given: bytes | None, kind: type[RawMediaError], retryable: bool, requests: int, words: str
) -> None:
    """And only what may be different the next time is tried again."""

    async def main() -> None:
        async with serving(given) as server:
            timeout_ms = 50.0 if given == b"" else 5_000.0
            with pytest.raises(kind, match=words) as caught:
                await translated(server, timeout_ms=timeout_ms)
            assert caught.value.retryable is retryable
            assert len(server.requests) == requests

    run(main())


@pytest.mark.parametrize("given", [refusal(429, 429000), refusal(503, 503000), None])
def test_what_passes_is_tried_again_until_it_has_passed(given: bytes | None) -> None:
    async def main() -> None:
        clock = NoWaiting()
        async with serving(given, given, answer(200, HOLA)) as server:
            assert (await translated(server, clock=clock)).text == "hola"
        first, second = clock.waited_ms
        assert 195 <= first <= 250
        assert 395 <= second <= 500

    run(main())


def test_the_service_s_own_wait_is_kept_and_a_long_one_is_not_waited_for() -> None:
    """A call can't wait for a minute; the caller is told at once instead."""

    async def main() -> None:
        clock = NoWaiting()
        busy = refusal(429, 429000, "why", "Retry-After: 1")
        async with serving(busy, answer(200, HOLA)) as server:
            await translated(server, clock=clock)
        (waited_ms,) = clock.waited_ms
        assert 995 <= waited_ms <= 1_250
        for header in ("Retry-After: 60", "Retry-After: 999999"):
            async with serving(refusal(429, 429000, "why", header)) as server:
                with pytest.raises(ServiceError, match="too many"):
                    await translated(server)
                assert len(server.requests) == 1
        odd = refusal(429, 429000, "why", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT")
        async with serving(odd, answer(200, HOLA)) as server:
            assert (await translated(server)).text == "hola"

    run(main())


def test_no_secret_is_shown_whatever_the_service_says() -> None:
    async def main() -> None:
        async with serving(
            refusal(401, 401000, f"the key {KEY} is\r\nwrong " + "x" * 999)
        ) as server:
            with pytest.raises(AuthenticationError) as caught:
                await translated(server)
            assert KEY not in f"{caught.value} {caught.value!r} {caught.value.__context__!r}"
            assert len(str(caught.value)) < 500

    run(main())


def test_a_cancelled_call_leaves_the_translator_ready() -> None:
    async def main() -> None:
        async with serving(b"", answer(200, HOLA)) as server:
            translator = AzureTextTranslator(server.config)
            call = asyncio.create_task(translator.translate("one", "en", "es"))
            await server.asked.wait()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            assert call.cancelled()
            assert (await translator.translate("two", "en", "es")).text == "hola"
            await translator.aclose()

    run(main())


def test_it_may_be_used_on_one_event_loop_after_another() -> None:
    """A connection belongs to the loop that it was made on."""
    translators: list[AzureTextTranslator] = []

    async def main() -> None:
        async with serving(answer(200, HOLA)) as server:
            if not translators:
                translators.append(AzureTextTranslator(server.config))
            translator = translators[0]
            translator._url = f"http://127.0.0.1:{server.port}/translate"
            for _ in range(2):
                assert (await translator.translate("hello", "en", "es")).text == "hola"
                await translator.aclose()

    run(main())
    run(main())


def test_the_emulator_s_faults_are_survived() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator([HELLO], faults=[RefusedHandshake(times=2)]) as service:
            config = AzureSpeechConfig(**service.config_arguments)
            translator = AzureTextTranslator(config, clock=NoWaiting())
            assert (await translator.translate("hello", "en", "es")).text == "hola"
            await translator.aclose()

    run(main())


def test_without_httpx_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)

    async def main() -> None:
        translator = AzureTextTranslator(AzureSpeechConfig(host="ws://127.0.0.1:1"))
        for _ in range(2):
            with pytest.raises(MissingDependencyError, match=r"rawmedia\[azure-text\]"):
                await translator.translate("hello", "en", "es")
        await translator.aclose()

    run(main())


def test_the_configuration_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_SPEECH_KEY", KEY)
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    translator = AzureTextTranslator()
    assert translator.config.region == "westeurope"
    assert translator.pairs is None
