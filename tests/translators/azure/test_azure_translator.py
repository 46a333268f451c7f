"""The engine with Microsoft's real SDK, on a fake of the service."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from service import FakeSpeechService, Faults, Spoken, riff_header

from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import (
    AuthenticationError,
    ConfigurationError,
    EngineFailedError,
    FormatMismatchError,
    MissingDependencyError,
    NetworkError,
    RawMediaError,
    ServiceError,
    TranslatorClosedError,
    TranslatorError,
    TranslatorOverloadedError,
    UnsupportedLanguageError,
)
from rawmedia.translators.azure import (
    AzureSpeechConfig,
    AzureTranslation,
    AzureTranslator,
    recognizer,
)
from rawmedia.translators.azure import translator as translator_module
from rawmedia.translators.azure.messages import SessionStopped
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslationEvent,
    TranslatorWarning,
    UtteranceEnded,
)
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "0123456789abcdef0123456789abcdef"
SPEECH_BYTES = (1_000 * np.sin(np.arange(1_600) * 0.3)).astype("<i2").tobytes()
HELLO = Spoken(
    start_ms=100, end_ms=1_000, text="hello", partials=["he", "hell"], translations={"es": "hola"}
)


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Every recogniser is released in the end, also those that were given up in the background."""
    yield
    deadline = time.monotonic() + 5
    for thread in threading.enumerate():
        if thread.name == "azure-recognizer":
            thread.join(max(0.0, deadline - time.monotonic()))
            assert not thread.is_alive()


@pytest.fixture(autouse=True)
def the_sdk_waits_a_second_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not two, of a service that does not answer."""
    monkeypatch.setattr(recognizer, "STOP_TIMEOUT_S", 1)


def translator(service: FakeSpeechService, **settings: Any) -> AzureTranslator:
    return AzureTranslator(AzureSpeechConfig(key=KEY, host=service.host, **settings))


def request(*targets: str, source: str = "en-US", **settings: Any) -> TranslationRequest:
    return TranslationRequest(
        source_language=source, target_languages=targets or ("es",), **settings
    )


async def send(
    translation: AzureTranslation, duration_ms: int, start_ms: int = 0, *, loud: bool = True
) -> None:
    for at in range(start_ms, start_ms + duration_ms, 20):
        data = SPEECH_BYTES[:640] if loud else bytes(640)
        await translation.send(AudioFrame(data, SPEECH, SPEECH.samples(at)))


async def rest(translation: AzureTranslation) -> list[TranslationEvent]:
    async with asyncio.timeout(10):
        return [event async for event in translation]


async def rest_until_it_fails(
    translation: AzureTranslation,
) -> tuple[list[TranslationEvent], Exception | None]:
    events: list[TranslationEvent] = []
    try:
        async with asyncio.timeout(10):
            async for event in translation:
                events.append(event)
    except TranslatorError as error:
        return events, error
    return events, None


async def first(translation: AzureTranslation, kind: type[TranslationEvent]) -> TranslationEvent:
    async with asyncio.timeout(10):
        async for event in translation:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__} came")


def test_speech_is_heard_translated_and_spoken() -> None:
    """And the service received every sample, under the key and with the languages and voice."""
    spoken = Spoken(
        **{
            **vars(HELLO),
            "speech": [riff_header(24_000) + SPEECH_BYTES, SPEECH_BYTES[:-1], SPEECH_BYTES[-1:]],
        }
    )

    async def main() -> None:
        async with (
            FakeSpeechService([spoken]) as service,
            await translator(service).open(request("es-MX")) as translation,
        ):
            await send(translation, 2_000)
            await translation.end_input()
            await translation.end_input()
            events = await rest(translation)
            with pytest.raises(TranslatorClosedError):
                await send(translation, 20, 2_000)

        visit = service.visits[0]
        assert visit.headers["Ocp-Apim-Subscription-Key"] == KEY
        assert visit.audio == SPEECH_BYTES[:640] * 100
        context = visit.contexts[0]
        assert context["phraseDetection"]["language"] == "en-US"
        assert context["translation"]["targetLanguages"] == ["es"]
        assert context["synthesis"]["defaultVoices"] == {"es": "es-MX-DaliaNeural"}

        span = TimeSpan(100, 1_000)
        partials = [each for each in events if isinstance(each, PartialTranslation)]
        assert [(each.source_text, each.revision, each.translations) for each in partials] == [
            ("he", 0, {"es-MX": "he (es)"}),
            ("hell", 1, {"es-MX": "hell (es)"}),
        ]
        assert FinalTranslation("u1", 2, "hello", "en-US", span, {"es-MX": "hola"}) in events
        audio = [each for each in events if isinstance(each, TranslatedAudio)]
        assert b"".join(bytes(each.frame) for each in audio) == SPEECH_BYTES * 2
        assert {each.frame.format.sample_rate for each in audio} == {24_000}
        assert UtteranceEnded("u1", span) in events
        assert events[-1] == Progress(2_000)

    asyncio.run(main())


def test_several_languages_come_as_text() -> None:
    spoken = Spoken(start_ms=100, end_ms=500, translations={"fr": "bonjour", "zh-Hans": "你好"})

    async def main() -> None:
        async with (
            FakeSpeechService([spoken]) as service,
            await translator(service).open(
                request("zh-CN", "fr", speech=False, partials=False)
            ) as translation,
        ):
            await send(translation, 1_000)
            await translation.end_input()
            events = await rest(translation)
        final = next(each for each in events if isinstance(each, FinalTranslation))
        assert final.translations == {"zh-CN": "你好", "fr": "bonjour"}
        context = service.visits[0].contexts[0]
        assert context["translation"]["targetLanguages"] == ["zh-Hans", "fr"]
        assert "synthesis" not in context

    asyncio.run(main())


def test_a_token_opens_the_service_too() -> None:
    async def main() -> None:
        async with FakeSpeechService() as service:
            engine = AzureTranslator(AzureSpeechConfig(token="abc.def", host=service.host))
            async with await engine.open(request()):
                pass
        assert service.visits[0].headers["Authorization"] == "Bearer abc.def"

    asyncio.run(main())


def test_the_voice_of_the_request_speaks() -> None:
    async def main() -> None:
        async with (
            FakeSpeechService() as service,
            await translator(service).open(
                request(voices={"es": "es-ES-AlvaroNeural"})
            ) as translation,
        ):
            await send(translation, 100)
            await service.until(lambda: service.visits and service.visits[0].contexts)
        context = service.visits[0].contexts[0]
        assert context["synthesis"]["defaultVoices"] == {"es": "es-ES-AlvaroNeural"}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (request("es", "fr"), ConfigurationError),
        (request("es", "es-MX", speech=False), ConfigurationError),
        (request(source="en"), ConfigurationError),
        (request("tlh"), UnsupportedLanguageError),
    ],
)
def test_what_can_not_be_done_is_refused_before_any_connection(
    asked: TranslationRequest, kind: type[Exception]
) -> None:
    async def main() -> None:
        async with FakeSpeechService() as service:
            with pytest.raises(kind):
                await translator(service).open(asked)
            assert service.handshakes == 0

    asyncio.run(main())


def test_audio_of_another_format_is_refused() -> None:
    async def main() -> None:
        async with (
            FakeSpeechService() as service,
            await translator(service).open(request()) as translation,
        ):
            with pytest.raises(FormatMismatchError):
                await translation.send(AudioFrame(bytes(320), TELEPHONY))

    asyncio.run(main())


def test_a_gap_is_uploaded_as_a_second_of_silence_and_times_are_media_time() -> None:
    async def main() -> None:
        async with (
            FakeSpeechService([Spoken(start_ms=1_600, end_ms=1_900)]) as service,
            await translator(service).open(request(speech=False)) as translation,
        ):
            await send(translation, 500)
            # The SDK would take it for the end of everything.
            await translation.send(AudioFrame(b"", SPEECH, SPEECH.samples(500)))
            await send(translation, 500, start_ms=30_000)
            await translation.end_input()
            events = await rest(translation)
        half = SPEECH_BYTES[:640] * 25
        assert service.visits[0].audio == half + bytes(32_000) + half
        final = next(each for each in events if isinstance(each, FinalTranslation))
        assert final.span == TimeSpan(30_100, 30_400)
        assert events[-1] == Progress(30_500)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        (Spoken(start_ms=100, end_ms=400, status="NoMatch"), []),
        (
            Spoken(start_ms=100, end_ms=400, translation_status="Error"),
            ["FinalTranslation", "TranslatorWarning", "UtteranceEnded"],
        ),
    ],
)
def test_what_could_not_be_understood_does_not_end_the_translation(
    spoken: Spoken, expected: list[str]
) -> None:
    async def main() -> None:
        async with (
            FakeSpeechService([spoken]) as service,
            await translator(service).open(request()) as translation,
        ):
            await send(translation, 500)
            await translation.end_input()
            events = await rest(translation)
        assert [
            type(each).__name__ for each in events if not isinstance(each, Progress)
        ] == expected
        assert events[-1] == Progress(500)

    asyncio.run(main())


def test_a_connection_that_drops_once_loses_no_word_and_no_sample() -> None:
    """The SDK reconnects and replays; the speech that was half said is given up, and says so."""
    script = [
        Spoken(
            start_ms=100, end_ms=1_000, text="one", speech=[riff_header() + SPEECH_BYTES],
            speech_ends=False,
        ),
        Spoken(start_ms=2_000, end_ms=2_500, text="two", speech=[riff_header() + SPEECH_BYTES]),
    ]  # fmt: skip

    async def main() -> None:
        async with (
            FakeSpeechService(script, Faults(close=[(1_500, 1_001), None])) as service,
            await translator(service).open(request()) as translation,
        ):
            await send(translation, 3_000)
            await translation.end_input()
            events = await rest(translation)

        finals = [each for each in events if isinstance(each, FinalTranslation)]
        assert [(each.source_text, each.span) for each in finals] == [
            ("one", TimeSpan(100, 1_000)),
            ("two", TimeSpan(2_000, 2_500)),
        ]
        warnings = [each for each in events if isinstance(each, TranslatorWarning)]
        assert [each.utterance_id for each in warnings] == ["u1"]
        assert "cut short" in warnings[0].message
        audio = [each for each in events if isinstance(each, TranslatedAudio)]
        assert [(each.utterance_id, bytes(each.frame)) for each in audio] == [
            ("u1", SPEECH_BYTES),
            ("u2", SPEECH_BYTES),
        ]
        _, after = service.visits
        replayed_from = after.contexts[0]["continuation"]["audio"]["streams"]["1"]["offset"]
        assert int(replayed_from) == 10_000_000, "the end of the first phrase"
        assert len(after.audio) == 2_000 * 32

    asyncio.run(main())


REFUSALS: dict[int, tuple[type[TranslatorError], bool]] = {
    400: (ServiceError, False),
    401: (AuthenticationError, False),
    403: (AuthenticationError, False),
    404: (ServiceError, False),
    429: (ServiceError, True),
    503: (ServiceError, True),
}


def test_a_refused_connection_is_a_typed_error_of_open(caplog: pytest.LogCaptureFixture) -> None:
    """Of all kinds at once, because the SDK takes its time over most of them."""

    async def refused(status: int) -> None:
        async with FakeSpeechService(faults=Faults(handshake=[status])) as service:
            with pytest.raises(TranslatorError) as caught:
                await translator(service).open(request())
        error = caught.value
        assert (type(error), error.retryable) == REFUSALS[status]
        assert str(status) in str(error)
        assert service.host in str(error) or isinstance(error, ServiceError)
        assert KEY not in f"{error} {error!r} {error.args}"

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for status in REFUSALS:
                group.create_task(refused(status))

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
    # The server of the fake logs what it is sent.
    ours = [each.getMessage() for each in caplog.records if "websockets" not in each.name]
    assert KEY not in "".join(ours)


def test_a_refusal_that_passes_is_not_seen() -> None:
    """The SDK tries up to five times by itself."""

    async def main() -> None:
        async with (
            FakeSpeechService(faults=Faults(handshake=[503, None])) as service,
            await translator(service).open(request()),
        ):
            assert service.handshakes == 2

    asyncio.run(main())


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        (Faults(close=[(200, 1_007)]), ServiceError),
        (Faults(close=[(200, 1_002)]), NetworkError),
        (Faults(close=[(200, 4_429)]), ServiceError),
    ],
)
def test_a_connection_that_is_cut_for_good_is_a_typed_error_of_the_iteration(
    faults: Faults, kind: type[TranslatorError]
) -> None:
    """``send`` raises the same one."""

    async def main() -> None:
        async with (
            FakeSpeechService(faults=faults) as service,
            await translator(service).open(request()) as translation,
        ):
            await send(translation, 500)
            with pytest.raises(kind) as caught:
                await rest(translation)
            with pytest.raises(kind) as again:
                await send(translation, 20, 500)
            assert again.value is caught.value

    asyncio.run(main())


def test_a_failed_synthesis_is_an_error_of_the_service_after_what_came_before() -> None:
    """The SDK ends the session for it."""
    spoken = Spoken(
        start_ms=100, end_ms=400, speech=[riff_header() + SPEECH_BYTES], synthesis_status="Error"
    )

    async def main() -> None:
        async with (
            FakeSpeechService([spoken]) as service,
            await translator(service).open(request()) as translation,
        ):
            await send(translation, 500)
            events, error = await rest_until_it_fails(translation)
        assert isinstance(error, ServiceError)
        assert any(isinstance(each, FinalTranslation) for each in events)

    asyncio.run(main())


def test_a_service_that_closes_again_and_again_is_found_out() -> None:
    """After the fifth time with code 1000 the SDK waits for ever and says nothing."""

    async def main() -> None:
        async with (
            FakeSpeechService(faults=Faults(close=[(200, 1_000)])) as service,
            await translator(service, connect_timeout_ms=700).open(request()) as translation,
        ):
            speaking = asyncio.create_task(_speak_on(translation))
            with pytest.raises(NetworkError, match="did not come back"):
                await rest(translation)
            with pytest.raises(NetworkError):
                await speaking
        assert len(service.visits) == 5

    asyncio.run(main())


def test_a_service_that_never_answers_is_found_out_and_closing_it_blocks_nobody() -> None:
    """The SDK waits for its answer for two seconds; the event loop goes on meanwhile."""

    async def main() -> None:
        async with FakeSpeechService(faults=Faults(deaf=True)) as service:
            translation = await translator(service, answer_timeout_ms=300).open(request())
            await send(translation, 1_000)
            with pytest.raises(ServiceError, match="nothing came back"):
                await rest(translation)

            beats = [time.monotonic()]
            closing = asyncio.create_task(translation.aclose())
            while not closing.done():
                await asyncio.wait({closing}, timeout=0.01)
                beats.append(time.monotonic())
            await closing
            assert beats[-1] - beats[0] < 2.5
            assert max(np.diff(beats)) < 0.5, "the loop stood still"

    asyncio.run(main())


def test_a_service_that_does_not_end_the_turn_is_found_out() -> None:
    async def main() -> None:
        async with FakeSpeechService([HELLO], Faults(ends_turns=False)) as service:
            translation = await translator(service, answer_timeout_ms=300).open(request())
            await send(translation, 1_000)
            await translation.end_input()
            events, error = await rest_until_it_fails(translation)
            assert isinstance(error, ServiceError)
            assert "the last audio" in str(error)
            assert any(isinstance(each, FinalTranslation) for each in events)
        await translation.aclose()
        await translation.aclose()

    asyncio.run(main())


def test_a_reader_who_takes_his_time_is_not_a_dead_service() -> None:
    """The answers wait for him, and the watchdog with them."""
    speech = [riff_header() + bytes(2**20), bytes(1)]  # more than may wait to be read

    async def main() -> None:
        async with (
            FakeSpeechService([Spoken(**{**vars(HELLO), "speech": speech})]) as service,
            await translator(service, answer_timeout_ms=200).open(request()) as translation,
        ):
            await send(translation, 1_000)
            await translation.end_input()
            await service.until(lambda: service.visits[0].audio_ended)
            await asyncio.sleep(0.6)  # real time is the matter here: three times the patience
            events = await rest(translation)
        assert events[-1] == Progress(1_000)

    asyncio.run(main())


def test_events_that_nobody_reads_stop_the_upload_and_then_the_sender() -> None:
    """Nothing piles up inside the SDK; reading on brings all of it."""
    speech = [riff_header() + bytes(2**20)]

    async def main() -> None:
        async with (
            FakeSpeechService([Spoken(**{**vars(HELLO), "speech": speech})]) as service,
            await translator(service).open(request(max_pending_ms=200)) as translation,
        ):
            await send(translation, 1_000)
            await service.until(lambda: "translation.phrase" in service.visits[0].said)
            position_ms = 1_000
            overloaded = False
            while not overloaded and position_ms < 10_000:
                try:
                    await send(translation, 20, position_ms)
                    position_ms += 20
                except TranslatorOverloadedError:
                    overloaded = True
            assert overloaded
            assert translation.pending_ms <= 200
            assert len(service.visits[0].audio) < position_ms * 32

            await translation.end_input()
            events = await rest(translation)
        assert len(service.visits[0].audio) == position_ms * 32
        assert events[-1] == Progress(position_ms)

    asyncio.run(main())


def test_audio_that_is_sent_faster_than_the_sdk_uploads_waits_where_it_is_counted() -> None:
    async def main() -> None:
        async with (
            FakeSpeechService() as service,
            await translator(service).open(request(max_pending_ms=1_000)) as translation,
        ):
            async with asyncio.timeout(5):
                await send(translation, 8_000)
            assert 0 < translation.pending_ms <= 1_000

    asyncio.run(main())


def test_a_host_that_never_answers_is_given_up_in_time() -> None:
    async def main() -> None:
        clients: list[asyncio.StreamWriter] = []

        def ignore(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            clients.append(writer)

        server = await asyncio.start_server(ignore, "127.0.0.1", 0)
        host = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        config = AzureSpeechConfig(key=KEY, host=host, connect_timeout_ms=200)
        before = time.monotonic()
        with pytest.raises(NetworkError, match=host):
            await AzureTranslator(config).open(request())
        assert time.monotonic() - before < 2

        patient = AzureTranslator(AzureSpeechConfig(key=KEY, host=host))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await patient.open(request())
        server.close()
        for client in clients:
            client.close()
            await client.wait_closed()

    asyncio.run(main())


def test_a_port_where_nobody_listens_is_an_error_of_the_network() -> None:
    config = AzureSpeechConfig(key=KEY, host="ws://127.0.0.1:1")
    with pytest.raises(NetworkError, match="refused"):
        asyncio.run(AzureTranslator(config).open(request()))


def test_closing_in_mid_sentence_ends_the_iteration_at_once() -> None:
    async def main() -> None:
        async with FakeSpeechService([HELLO]) as service:
            translation = await translator(service).open(request())
            await send(translation, 500)
            reading = asyncio.create_task(rest(translation))
            await service.until(lambda: "translation.hypothesis" in service.visits[0].said)
            before = time.monotonic()
            await translation.aclose()
            assert time.monotonic() - before < 1.5
            assert all(isinstance(each, PartialTranslation) for each in await reading)

    asyncio.run(main())


def test_closing_waits_for_a_stuck_sdk_only_so_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is left ends on its own thread."""
    monkeypatch.setattr(translator_module, "_CLOSE_TIMEOUT_MS", 100.0)

    async def main() -> None:
        async with FakeSpeechService(faults=Faults(deaf=True)) as service:
            translation = await translator(service).open(request())
            await send(translation, 100)
            await service.until(lambda: service.visits[0].audio)
            before = time.monotonic()
            await translation.aclose()
            assert time.monotonic() - before < 0.9

    asyncio.run(main())
    assert "did not stop in time" in caplog.text


def test_a_recogniser_that_stops_by_itself_is_an_error() -> None:
    """It has been seen to (issue 2760 of the SDK), and can't be made to."""

    async def main() -> None:
        async with (
            FakeSpeechService() as service,
            await translator(service).open(request()) as translation,
        ):
            translation._inbox.put(SessionStopped())
            with pytest.raises(EngineFailedError, match="by itself"):
                await rest(translation)

    asyncio.run(main())


def test_at_the_end_of_the_program_everything_is_stopped() -> None:
    """Readers who are still there hear of it."""

    async def main() -> None:
        async with (
            FakeSpeechService([HELLO]) as service,
            await translator(service).open(request()) as translation,
        ):
            await asyncio.to_thread(recognizer.stop_all)
            with pytest.raises(EngineFailedError, match="stopped"):
                await rest(translation)
            assert not [t for t in threading.enumerate() if t.name == "azure-recognizer"]

    asyncio.run(main())


def test_two_translations_share_nothing() -> None:
    async def main() -> None:
        script = [Spoken(start_ms=100, end_ms=400, translations={"es": "hola", "fr": "salut"})]
        async with FakeSpeechService(script) as service:
            engine = translator(service)
            spanish = await engine.open(request("es", speech=False))
            french = await engine.open(request("fr", speech=False))
            await spanish.aclose()
            await send(french, 500)
            await french.end_input()
            final = await first(french, FinalTranslation)
            await french.aclose()
        assert isinstance(final, FinalTranslation)
        assert final.translations == {"fr": "salut"}

    asyncio.run(main())


@pytest.mark.parametrize("module", ["azure.cognitiveservices", "azure.cognitiveservices.speech"])
def test_without_the_sdk_the_error_names_the_command_that_adds_it(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("azure.cognitiveservices.speech")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    engine = AzureTranslator(AzureSpeechConfig(key=KEY, region="westeurope"))
    with pytest.raises(MissingDependencyError, match="pip install"):
        asyncio.run(engine.open(request()))


def test_what_the_sdk_itself_refuses_is_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import azure.cognitiveservices.speech as sdk

    def refuse(**_: object) -> None:
        raise RuntimeError("Exception with error code: 0x5\n[CALL STACK BEGIN]\n0x1\n")

    monkeypatch.setattr(sdk.translation, "TranslationRecognizer", refuse)
    engine = AzureTranslator(AzureSpeechConfig(key=KEY, region="westeurope"))
    with pytest.raises(EngineFailedError, match=r"0x5$") as caught:
        asyncio.run(engine.open(request()))
    assert caught.value.__cause__ is None, "its frames would keep native objects alive"


@pytest.mark.parametrize("name", ["_hypothesis", "_speech"])
def test_an_exception_in_a_callback_does_not_vanish(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK swallows it without a word."""

    def fail(event: object) -> None:
        raise ValueError("not as expected")

    monkeypatch.setattr(recognizer, name, fail)

    async def main() -> None:
        spoken = Spoken(**{**vars(HELLO), "speech": [riff_header()]})
        async with (
            FakeSpeechService([spoken]) as service,
            await translator(service).open(request()) as translation,
        ):
            await send(translation, 1_000)
            with pytest.raises(RawMediaError, match="not as expected"):
                await rest(translation)

    asyncio.run(main())


def test_a_system_without_threads_to_give_is_a_typed_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    engine = AzureTranslator(AzureSpeechConfig(key=KEY, region="westeurope"))
    with pytest.raises(EngineFailedError, match="thread"):
        asyncio.run(engine.open(request()))


def test_the_configuration_comes_from_the_environment_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AZURE_SPEECH_KEY", "SPEECH_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="AZURE_SPEECH_KEY"):
        AzureTranslator()
    monkeypatch.setenv("AZURE_SPEECH_KEY", KEY)
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    assert AzureTranslator().config.region == "westeurope"
    assert AzureTranslator().capabilities.multi_target


async def _speak_on(translation: AzureTranslation) -> None:
    """Speak in real time, for ten seconds at most."""
    for at in range(0, 10_000, 20):
        await send(translation, 20, at)
        await asyncio.sleep(0.02)
