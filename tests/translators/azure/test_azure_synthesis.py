"""Azure's voices with Microsoft's real SDK on the emulator: what is heard, and what goes wrong how."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("azure.cognitiveservices.speech", reason="needs Microsoft's Speech SDK")

from rawmedia.audio.format import TELEPHONY, WIDEBAND_VOICE, AudioFormat
from rawmedia.errors import (
    AuthenticationError,
    ConfigurationError,
    EngineFailedError,
    MissingDependencyError,
    NetworkError,
    ServiceError,
    TranslatorClosedError,
    UnsupportedLanguageError,
)
from rawmedia.testing.azure_emulator import (
    Abort,
    AzureSpeechEmulator,
    Close,
    FailedSynthesis,
    Fault,
    MissingTurnEnd,
    MissingTurnStart,
    RefusedHandshake,
    Silence,
    SlowSynthesis,
    Throttle,
    speech_for_text,
)
from rawmedia.testing.azure_emulator.ssml import read_ssml
from rawmedia.translators.azure import native_exit, native_synthesizer, synthesis
from rawmedia.translators.azure.config import AzureSpeechConfig
from rawmedia.translators.azure.synthesis import AzureSynthesizer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from rawmedia.audio.frame import AudioFrame

LONG = "Das ist ein langer Satz. " * 16


@asynccontextmanager
async def speaking(
    *faults: Fault,
    place: dict[str, Any] | None = None,
    emulator: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[tuple[AzureSynthesizer, AzureSpeechEmulator]]:
    """A synthesizer on an emulator of its own."""
    async with AzureSpeechEmulator(faults=faults, **(emulator or {})) as service:
        config = AzureSpeechConfig(**(place or service.config_arguments))
        synthesizer = AzureSynthesizer(config, **settings)
        try:
            yield synthesizer, service
        finally:
            await synthesizer.aclose()


async def say(
    synthesizer: AzureSynthesizer, text: str, language: str = "de", voice: str | None = None
) -> list[AudioFrame]:
    frames = [frame async for frame in synthesizer.synthesize(text, language, voice)]
    end = 0
    for frame in frames:
        assert frame.position == end
        end = frame.end
    return frames


def sound(frames: Sequence[AudioFrame]) -> Any:
    return np.concatenate([frame.samples for frame in frames])


def texts(service: AzureSpeechEmulator) -> list[str]:
    """What the service was asked to say, in order of its connections."""
    return [
        segment.text
        for connection in service.connections
        for document in connection.texts
        for segment in read_ssml(document)
    ]


def run(main: Coroutine[Any, Any, None], timeout: float = 15) -> None:
    asyncio.run(asyncio.wait_for(main, timeout))


def threads() -> set[str]:
    return {each.name for each in threading.enumerate() if each.name.startswith("azure")}


def test_every_sample_is_heard_and_one_connection_says_text_after_text() -> None:
    async def main() -> None:
        async with speaking() as (synthesizer, service):
            for text in ("Hallo & <du>", "noch einmal"):
                frames = await say(synthesizer, text)
                expected = speech_for_text(text, WIDEBAND_VOICE)
                np.testing.assert_array_equal(sound(frames), expected.samples)
            assert service.handshakes == 1
            (connection,) = service.connections
            audio = connection.contexts[0]["synthesis"]["audio"]
            assert audio["outputFormat"] == "raw-24khz-16bit-mono-pcm"

    run(main())


@pytest.mark.parametrize(
    ("encoding", "format"),
    [
        ("pcm", AudioFormat(48_000)),
        ("mulaw", TELEPHONY),
        ("alaw", TELEPHONY),
        ("opus", WIDEBAND_VOICE),
    ],
)
def test_the_format_is_the_caller_s_choice(encoding: Any, format: AudioFormat) -> None:
    """Unlike in a translation, where the service decides."""
    if encoding == "opus":
        pytest.importorskip("av", reason="libopus comes with PyAV")

    async def main() -> None:
        async with speaking(encoding=encoding, format=format) as (synthesizer, _):
            frames = await say(synthesizer, "Hallo du da")
            expected = speech_for_text("Hallo du da", format).samples.astype(float)
            assert {frame.format for frame in frames} == {format}
            assert abs(len(sound(frames)) - len(expected)) <= format.sample_rate // 50
            assert 0.7 < np.std(sound(frames)) / np.std(expected) < 1.3

    run(main())


def test_the_first_audio_is_heard_before_the_last_is_made() -> None:
    async def main() -> None:
        async with speaking(Throttle(speed=1.0)) as (synthesizer, service):
            speech = synthesizer.synthesize(LONG, "de")
            await anext(speech)
            assert service.connections[0].counts["audio"] < 30
            await speech.aclose()

    run(main())


@pytest.mark.parametrize(
    "text",
    [
        "Eins\x00zwei\x07 drei\ud83d",
        "\u202b\u05e9\u05dc\u05d5\u05dd\u202c \u0645\u0631\u062d\u0628\u0627",
        "\U0001d538 \U0001f469\u200d\U0001f467 \U0002070e </voice><break/>",
    ],
)
def test_any_text_is_said_as_it_stands(text: str) -> None:
    async def main() -> None:
        async with speaking() as (synthesizer, service):
            frames = await say(synthesizer, text)
            clean = " ".join(
                text.replace("\x00", " ").replace("\x07", " ").replace("\ud83d", " ").split()
            )
            assert texts(service) == [clean]
            assert frames

    run(main())


@pytest.mark.untraced
def test_ten_thousand_characters_are_said_to_the_last() -> None:
    """In pieces, because the service ends a request after ten minutes of speech."""
    text = ("Das ist ein langer Satz. " * 400).strip()

    async def main() -> None:
        async with speaking(format=TELEPHONY) as (synthesizer, service):
            frames = await say(synthesizer, text)
            assert " ".join(texts(service)) == text
            assert max(map(len, texts(service))) <= 500
            assert len(service.connections) == 1
            expected_ms = sum(
                speech_for_text(each, TELEPHONY).duration_ms for each in texts(service)
            )
            assert frames[-1].end_ms == pytest.approx(expected_ms)

    run(main())


def test_a_long_text_is_said_no_further_ahead_than_it_is_read() -> None:
    async def main() -> None:
        async with speaking() as (synthesizer, service):
            speech = synthesizer.synthesize(LONG * 5, "de")
            await anext(speech)
            await service.wait_for(lambda: service.connections[0].counts["turn.end"] == 1)
            await asyncio.sleep(0.1)
            assert len(texts(service)) == 1
            await speech.aclose()

    run(main())


def test_nothing_to_say_is_no_frame_and_no_connection() -> None:
    async def main() -> None:
        async with speaking() as (synthesizer, service):
            assert await say(synthesizer, " \n\x00 ") == []
            assert service.handshakes == 0

    run(main())


def test_style_and_rate_reach_the_service() -> None:
    async def main() -> None:
        async with speaking(style="cheerful", rate=1.1) as (synthesizer, service):
            await say(synthesizer, "hallo")
            (document,) = service.connections[0].texts
            assert 'style="cheerful"' in document
            assert 'rate="+10%"' in document

    run(main())


def test_prepared_it_speaks_over_the_connection_that_is_up() -> None:
    async def main() -> None:
        async with speaking() as (synthesizer, service):
            await synthesizer.prepare("fr-FR")
            assert service.handshakes == 1
            await say(synthesizer, "bonjour", "fr")
            assert service.handshakes == 1
            assert texts(service) == ["", "bonjour"]

    run(main())


def test_a_voice_s_texts_are_said_at_once_as_far_as_allowed() -> None:
    async def main() -> None:
        async with speaking(SlowSynthesis(delay_ms=200, times=None), per_voice=2) as (
            synthesizer,
            service,
        ):
            await asyncio.gather(*(say(synthesizer, f"Text {number}") for number in range(4)))
            assert sorted(texts(service)) == [f"Text {number}" for number in range(4)]
            assert len(service.connections) == 2

    run(main())


def test_closing_the_iterator_ends_the_speech_and_the_next_text_is_said() -> None:
    """``interrupt()`` of a call; the pool must not be the poorer for it."""

    async def main() -> None:
        async with speaking(Throttle(speed=1.0, times=1), per_voice=1) as (synthesizer, service):
            speech = synthesizer.synthesize(LONG, "de")
            await anext(speech)
            await speech.aclose()
            await service.wait_for(lambda: service.connections[0].close_code is not None)
            said_ms = service.connections[0].counts["audio"] * 100
            assert said_ms < 3_000
            frames = await say(synthesizer, "danach")
            np.testing.assert_array_equal(
                sound(frames), speech_for_text("danach", WIDEBAND_VOICE).samples
            )

    run(main())


def test_after_a_text_that_was_cut_short_a_connection_is_up_for_the_next() -> None:
    """The SDK closes its connection when it is stopped; the next text must not wait for one."""

    async def main() -> None:
        async with speaking(Throttle(speed=1.0, times=1)) as (synthesizer, service):
            speech = synthesizer.synthesize(LONG, "de")
            await anext(speech)
            await speech.aclose()
            await service.wait_for(lambda: len(service.connections) == 2)
            await asyncio.sleep(0.05)
            assert await say(synthesizer, "danach")
            assert service.handshakes == 2

    run(main())


def test_speech_that_can_not_be_read_is_a_failure_of_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("av", reason="libopus comes with PyAV")
    monkeypatch.setattr(synthesis, "output_name", lambda *_: "raw-16khz-16bit-mono-pcm")

    async def main() -> None:
        async with speaking(encoding="opus") as (synthesizer, _):
            with pytest.raises(EngineFailedError, match="can't be read"):
                await say(synthesizer, "hallo")

    run(main())


def test_a_list_of_voices_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is for a suggestion only."""
    monkeypatch.setattr(synthesis, "_LIST_TIMEOUT_MS", 50.0)
    monkeypatch.setattr(native_synthesizer.NativeSynthesizer, "voices", lambda *_: Future())

    async def main() -> None:
        async with speaking() as (synthesizer, _):
            with pytest.raises(ConfigurationError, match="did you mean de-DE-KatjaNeural"):
                await say(synthesizer, "hallo", "de", "de-DE-KatjNeural")

    run(main())


def test_a_cancelled_wait_gives_its_synthesizer_back() -> None:
    async def main() -> None:
        async with speaking(SlowSynthesis(delay_ms=5_000), per_voice=1) as (synthesizer, _):
            task = asyncio.create_task(say(synthesizer, "zu spät"))
            await asyncio.sleep(0.2)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await say(synthesizer, "danach")

    run(main())


@pytest.mark.parametrize(
    ("fault", "kind", "retryable", "words"),
    [
        (RefusedHandshake(status=401, times=1), AuthenticationError, False, "the key or token"),
        (RefusedHandshake(status=429, times=2), ServiceError, True, "too many"),
        (RefusedHandshake(status=503, times=2), ServiceError, True, "not available"),
        (FailedSynthesis(times=2), ServiceError, True, "the service failed"),
        (Abort(at_ms=1_000), NetworkError, True, "cut the connection"),
        (Close(code=1011, at_ms=1_000), ServiceError, True, "the service failed"),
        (Silence(at_ms=0), ServiceError, True, "no speech came for 400 ms"),
        (MissingTurnStart(), ServiceError, True, "no speech came"),
        (MissingTurnEnd(), ServiceError, True, "no speech came"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)  # fmt: skip
def test_a_failed_synthesis_fails_its_own_text_and_no_other(
    fault: Fault, kind: type[Exception], retryable: bool, words: str
) -> None:
    """One utterance of a call goes without its speech, and the next has its own."""

    async def main() -> None:
        async with speaking(fault, per_voice=1, answer_timeout_ms=400.0) as (synthesizer, _):
            with pytest.raises(kind, match=words) as caught:
                await say(synthesizer, LONG)
            assert caught.value.retryable is retryable  # type: ignore[attr-defined]
            assert "emulated" not in str(caught.value), "the key"
            assert await say(synthesizer, "danach")

    run(main())


def test_a_service_that_refuses_is_not_asked_again_before_there_is_something_to_say() -> None:
    async def main() -> None:
        async with speaking(RefusedHandshake(status=401, times=None)) as (synthesizer, service):
            with pytest.raises(AuthenticationError):
                await say(synthesizer, "hallo")
            await asyncio.sleep(0.15)
            assert service.handshakes == 1

    run(main())


def test_speech_that_stops_in_the_middle_is_heard_up_to_there() -> None:
    async def main() -> None:
        async with speaking(Abort(at_ms=1_000)) as (synthesizer, _):
            heard: list[AudioFrame] = []

            async def listen() -> None:
                async for frame in synthesizer.synthesize(LONG, "de"):
                    heard.append(frame)

            with pytest.raises(NetworkError):
                await listen()
            assert heard[-1].end_ms == pytest.approx(1_000, abs=100)

    run(main())


def test_an_unknown_voice_is_refused_with_one_that_there_is() -> None:
    async def main() -> None:
        async with speaking() as (synthesizer, service):
            for _ in range(2):
                with pytest.raises(ConfigurationError, match="did you mean de-DE-KillianNeural"):
                    await say(synthesizer, "hallo", "de", "de-DE-KilianNeural")
            with pytest.raises(ConfigurationError, match="no 'my-voice'"):
                await synthesizer.prepare("de", "my-voice")
            assert await say(synthesizer, "hallo")
            assert service.failures == []

    run(main())


@pytest.mark.parametrize(
    ("language", "voice", "kind", "words"),
    [
        ("es", "de-DE-KatjaNeural", ConfigurationError, "such as es-ES-ElviraNeural"),
        ("tlh-Latn", None, UnsupportedLanguageError, "tlh-Latn"),
        ("de", "", ConfigurationError, "name"),
    ],
)
def test_what_can_be_known_is_refused_before_any_connection(
    language: str, voice: str | None, kind: type[Exception], words: str
) -> None:
    async def main() -> None:
        async with speaking() as (synthesizer, service):
            with pytest.raises(kind, match=words):
                await say(synthesizer, "hallo", language, voice)
            assert service.handshakes == 0

    run(main())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"format": AudioFormat(24_000, 2)}, "mono"),
        ({"rate": 3.0}, "rate"),
        ({"per_voice": 0}, "per_voice"),
        ({"max_idle": -1}, "max_idle"),
        ({"answer_timeout_ms": 0}, "answer_timeout_ms"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        AzureSynthesizer(AzureSpeechConfig(host="ws://127.0.0.1:1"), **settings)


def test_the_configuration_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_SPEECH_KEY", "k" * 32)
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    synthesizer = AzureSynthesizer()
    assert synthesizer.config.region == "westeurope"
    assert {"de", "zh-Hans", "pt-pt"} <= set(synthesizer.languages or ())


def test_without_the_sdk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingDependencyError("the SDK", "Azure", "pip install it")

    monkeypatch.setattr(native_synthesizer, "load_sdk", missing)

    async def main() -> None:
        async with speaking() as (synthesizer, _):
            with pytest.raises(MissingDependencyError, match="pip install it"):
                await say(synthesizer, "hallo")

    run(main())


def test_a_callback_that_fails_is_told_to_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK swallows what a callback raises; nothing may vanish in one."""
    monkeypatch.setattr(native_synthesizer._Sink, "synthesizing", lambda *_: 1 / 0)

    async def main() -> None:
        async with speaking() as (synthesizer, _):
            with pytest.raises(EngineFailedError, match="division by zero"):
                await say(synthesizer, "hallo")

    run(main())


def test_a_token_opens_the_service_and_a_provider_is_asked_for_one() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(tokens={"T1": None}) as service:
            asked: list[int] = []

            def provide() -> str:
                asked.append(threading.get_ident())
                return "T1"

            for opener in ({"token": "T1"}, {"token_provider": provide}):
                synthesizer = AzureSynthesizer(AzureSpeechConfig(host=service.host, **opener))
                assert await say(synthesizer, "hallo")
                await synthesizer.aclose()
            assert asked
            assert threading.get_ident() not in asked, "it may block"

    run(main())


@pytest.mark.parametrize("provide", [lambda: 1 / 0, lambda: "not a\ntoken"])
def test_a_token_provider_that_fails_is_an_error_without_secrets(provide: Any) -> None:
    async def main() -> None:
        config = AzureSpeechConfig(host="ws://127.0.0.1:1", token_provider=provide)
        synthesizer = AzureSynthesizer(config)
        with pytest.raises(AuthenticationError, match="token_provider") as caught:
            await say(synthesizer, "hallo")
        assert "not a" not in str(caught.value)
        await synthesizer.aclose()

    run(main())


@pytest.mark.parametrize("path", ["", "/", "/stt/speech/universal/v2"])
def test_an_endpoint_of_a_resource_speaks_too(path: str) -> None:
    """Its path, if it has one, is the translation's."""

    async def main() -> None:
        async with AzureSpeechEmulator() as service:
            config = AzureSpeechConfig(endpoint=service.host + path, key="x" * 32)
            synthesizer = AzureSynthesizer(config)
            assert await say(synthesizer, "hallo")
            await synthesizer.aclose()

    run(main())


def test_a_proxy_and_a_deployment_are_told_to_the_sdk() -> None:
    """There is no proxy at that port, so nothing is said, and the error names no password."""

    async def main() -> None:
        async with AzureSpeechEmulator() as service:
            config = AzureSpeechConfig(
                host=service.host,
                endpoint_id="a-deployment",
                proxy="http://me:s3cret@127.0.0.1:9",
            )
            synthesizer = AzureSynthesizer(config, answer_timeout_ms=3_000)
            with pytest.raises((NetworkError, ServiceError)) as caught:
                await say(synthesizer, "hallo")
            assert "s3cret" not in str(caught.value)
            assert service.handshakes == 0
            await synthesizer.aclose()

    run(main())


def test_closed_it_says_nothing_more_and_leaves_no_thread() -> None:
    async def main() -> None:
        async with speaking(Throttle(speed=1.0)) as (synthesizer, _):
            speech = synthesizer.synthesize(LONG, "de")
            await anext(speech)
            await synthesizer.aclose()
            await synthesizer.aclose()
            assert not threads()
            with pytest.raises(TranslatorClosedError):
                await say(synthesizer, "hallo")
            await speech.aclose()

    run(main())


def test_garbage_gives_its_connections_back() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as service:
            synthesizer = AzureSynthesizer(AzureSpeechConfig(**service.config_arguments))
            await say(synthesizer, "hallo")
            assert threads()
            del synthesizer
            gc.collect()
            await service.wait_for(lambda: service.connections[0].close_code is not None)
            for _ in range(300):
                if not threads():
                    return
                await asyncio.sleep(0.01)
            raise AssertionError(threads())

    run(main())


def test_the_end_of_the_program_stops_what_runs() -> None:
    async def main() -> None:
        async with speaking() as (synthesizer, service):
            await say(synthesizer, "hallo")
            await asyncio.to_thread(native_exit.stop_all)
            assert not threads()
            assert service.failures == []

    run(main())
