"""Azure's plain recognition with Microsoft's real SDK on the emulator: what is heard, when, and what goes wrong how."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import aclosing
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("azure.cognitiveservices.speech", reason="needs Microsoft's Speech SDK")

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
    ServiceError,
    UnsupportedLanguageError,
)
from rawmedia.testing import noise
from rawmedia.testing.azure_emulator import (
    Abort,
    AzureSpeechEmulator,
    Close,
    EmulatedUtterance,
    Fault,
    HalfOpen,
    MissingTurnEnd,
    RecognitionFailure,
    RefusedHandshake,
    Revision,
    ScriptedWord,
    Silence,
    SlowHandshake,
    repeated,
)
from rawmedia.translators.azure import native_exit, native_listener
from rawmedia.translators.azure.config import AzureSpeechConfig
from rawmedia.translators.azure.mailbox import Mailbox
from rawmedia.translators.azure.messages import (
    Broken,
    Cancelled,
    HeardWord,
    Hypothesis,
    InputDone,
    Phrase,
)
from rawmedia.translators.azure.speech_recognizer import AzureRecognizer
from rawmedia.translators.azure.text_translator import AzureTextTranslator
from rawmedia.translators.cascade import CascadeTranslator
from rawmedia.translators.events import FinalTranslation, Progress, WordTiming
from rawmedia.translators.parts import Heard, Recognition
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from rawmedia.translators.azure.messages import Message

AUDIO = noise(3_000, seed=1)
HELLO = EmulatedUtterance(
    source_text="hello there", start_ms=200, end_ms=900, revisions=["hello"],
    translations={"es": "hola"},
)  # fmt: skip
BYE = EmulatedUtterance(
    source_text="bye", start_ms=1_500, end_ms=2_500, translations={"es": "adios"}
)
SCRIPT = [HELLO, BYE]


async def frames(audio: AudioFrame = AUDIO, frame_ms: int = 20) -> AsyncIterator[AudioFrame]:
    step = audio.format.samples(frame_ms)
    for at in range(0, audio.samples_per_channel, step):
        yield AudioFrame(audio.samples[at : at + step], audio.format, audio.position + at)


async def talking_for_ever() -> AsyncIterator[AudioFrame]:
    position = 0
    while True:
        frame = AudioFrame(AUDIO.samples[:1_600], SPEECH, position)
        position = frame.end
        yield frame
        await asyncio.sleep(0.02)


async def heard(
    *faults: Fault,
    audio: AsyncIterator[AudioFrame] | None = None,
    language: str = "en-US",
    script: Any = SCRIPT,
    place: dict[str, Any] | None = None,
    emulator: dict[str, Any] | None = None,
    **settings: Any,
) -> tuple[list[Recognition | Heard], AzureSpeechEmulator]:
    """All reports of three seconds of audio."""
    limits = {
        name: settings.pop(name)
        for name in ("answer_timeout_ms", "connect_timeout_ms")
        if name in settings
    }
    async with AzureSpeechEmulator(script, faults=faults, **(emulator or {})) as service:
        config = AzureSpeechConfig(**(place or service.config_arguments), **limits)
        recognizer = AzureRecognizer(config, **settings)
        reports = recognizer.recognize(audio or frames(), language)
        return [report async for report in reports], service


def run(main: Coroutine[Any, Any, None], timeout: float = 15) -> None:
    asyncio.run(asyncio.wait_for(main, timeout))


def recognitions(reports: list[Recognition | Heard]) -> list[Recognition]:
    return [report for report in reports if isinstance(report, Recognition)]


def finals(reports: list[Recognition | Heard]) -> list[str]:
    return [report.text for report in recognitions(reports) if report.is_final]


def test_partials_and_finals_come_with_their_place_and_every_sample_is_sent() -> None:
    async def main() -> None:
        reports, service = await heard()
        told = [(each.text, each.span, each.is_final) for each in recognitions(reports)]
        assert told == [
            ("hello", TimeSpan(200, 550), False),
            ("hello there", TimeSpan(200, 900), True),
            ("bye", TimeSpan(1_500, 2_500), True),
        ]
        np.testing.assert_array_equal(service.received(), AUDIO.samples)
        assert service.sessions[0].service == "recognition"
        assert service.connections[0].query["language"] == ["en-US"]

    run(main())


def test_it_says_how_far_it_has_got() -> None:
    """A cascade forgets audio by it; it must not go back, nor past what is still to be reported."""

    async def main() -> None:
        reports, _ = await heard()
        progress = [each for each in reports if isinstance(each, Heard)]
        positions = [each.position_ms for each in progress]
        settled = [each.settled_ms for each in progress]
        assert positions == sorted(positions)
        assert settled == sorted(settled)  # type: ignore[type-var]
        assert {900, 2_500} <= set(settled)
        assert progress[-1] == Heard(3_000, 3_000)

    run(main())


def test_words_come_with_their_times_where_they_are_asked_for() -> None:
    async def main() -> None:
        words = [ScriptedWord("hello", 250, 500), ScriptedWord("there", 600, 850)]
        script = [
            EmulatedUtterance(source_text="hello there", start_ms=200, end_ms=900, words=words)
        ]
        with_words, _ = await heard(script=script, word_timings=True)
        without, _ = await heard(script=script)
        assert recognitions(with_words)[-1].words == (
            WordTiming("hello", TimeSpan(250, 500)),
            WordTiming("there", TimeSpan(600, 850)),
        )
        assert recognitions(without)[-1].words == ()

    run(main())


def test_words_outside_of_their_phrase_are_kept_inside() -> None:
    async def main() -> None:
        words = [ScriptedWord("there", 600, 1_850), ScriptedWord("hello", 50, 100)]
        script = [
            EmulatedUtterance(source_text="hello there", start_ms=200, end_ms=900, words=words)
        ]
        reports, _ = await heard(script=script, word_timings=True)
        spans = [word.span for word in recognitions(reports)[-1].words]
        assert spans == [TimeSpan(600, 900), TimeSpan(600, 600)]

    run(main())


def test_a_gap_in_the_input_is_silence_and_media_time_goes_on() -> None:
    """More than a second of it is not worth uploading; places are media time all the same."""

    async def gappy() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(AUDIO.samples[:16_000], SPEECH, 16_000)
        yield AudioFrame(AUDIO.samples[16_000:], SPEECH, 160_000)

    async def main() -> None:
        reports, service = await heard(audio=gappy())
        told = [(each.text, each.span) for each in recognitions(reports) if each.is_final]
        # Uploaded are a second of sound, one of silence, and two of sound.
        assert told == [
            ("hello there", TimeSpan(1_200, 1_900)),
            ("bye", TimeSpan(2_500, 10_500)),
        ]
        assert service.sessions[0].audio.end_ms == 4_000

    run(main())


def test_what_is_asked_for_reaches_the_service() -> None:
    async def main() -> None:
        _, service = await heard(
            language="DE-de", phrases=("Contoso", "Zava"), segmentation_silence_ms=300
        )
        context = service.sessions[0].contexts[0]
        assert service.connections[0].query["language"] == ["de-DE"]
        items = [item["Text"] for item in context["dgi"]["Groups"][0]["Items"]]
        assert items == ["Contoso", "Zava"]
        assert "300" in str(context) + str(service.connections[0].query)

    run(main())


@pytest.mark.parametrize(
    "fault", [Abort(at_ms=2_000), Close(code=1011, at_ms=1_200), RefusedHandshake(status=503, times=2)]
)  # fmt: skip
def test_a_break_that_the_sdk_mends_loses_no_word(fault: Fault) -> None:
    async def main() -> None:
        reports, service = await heard(fault)
        assert finals(reports) == ["hello there", "bye"]
        assert service.sessions[0].audio.complete

    run(main())


def test_a_partial_that_comes_to_nothing_is_taken_back() -> None:
    async def main() -> None:
        reports, _ = await heard(RecognitionFailure(status="NoMatch"))
        assert finals(reports) == ["", "bye"]
        hopeless = [
            EmulatedUtterance(
                source_text="x", start_ms=2_000, end_ms=9_000, revisions=[Revision("x", 2_500)]
            )
        ]
        reports, _ = await heard(script=hopeless)
        assert recognitions(reports)[-1].is_final

    run(main())


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (RefusedHandshake(status=401), AuthenticationError, "key or token"),
        (RefusedHandshake(status=400), ServiceError, "check the languages"),
        (RecognitionFailure(status="Forbidden", times=None), ServiceError, "quota"),
        (Close(code=4429, at_ms=500), ServiceError, "too many"),
        (SlowHandshake(delay_ms=5_000), NetworkError, "no connection to host"),
        (Silence(at_ms=0), ServiceError, "no answer came within 500 ms"),
        (HalfOpen(at_ms=1_000), ServiceError, "no answer came"),
        (MissingTurnEnd(), ServiceError, "the last audio was sent"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
def test_each_failure_is_told_for_what_it_is(
    fault: Fault, kind: type[Exception], words: str
) -> None:
    async def main() -> None:
        with pytest.raises(kind, match=words) as caught:
            await heard(fault, answer_timeout_ms=500, connect_timeout_ms=400)
        assert "emulated" not in str(caught.value), "the key"

    run(main())


def test_a_service_that_is_lost_for_good_is_told_while_somebody_talks() -> None:
    """On a close with 1000 every time the SDK says nothing, for ever."""

    async def main() -> None:
        with pytest.raises(NetworkError, match="did not come back"):
            await heard(
                Close(code=1000, at_ms=300, measured="connection", times=None),
                audio=talking_for_ever(), connect_timeout_ms=500, script=(),
            )  # fmt: skip

    run(main())


def test_audio_is_taken_no_faster_than_the_sdk_uploads_it() -> None:
    """It would hide any amount, and whoever bounds what is pending would not see it."""

    taken_at: list[float] = []

    async def watched() -> AsyncIterator[AudioFrame]:
        async for frame in frames(noise(7_000, seed=1), 100):
            taken_at.append(time.monotonic())
            yield frame

    async def main() -> None:
        reports, service = await heard(audio=watched())
        assert finals(reports) == ["hello there", "bye"]
        assert service.sessions[0].audio.end_ms == 7_000
        # Five seconds at once, one that the SDK may hold, and the rest at twice real time.
        assert taken_at[-1] - taken_at[0] > 0.4

    run(main())


def test_a_recogniser_that_is_stopped_from_elsewhere_is_told() -> None:
    """So does the end of a program, and then nobody may wait for ever."""

    async def main() -> None:
        async with AzureSpeechEmulator() as service:
            recognizer = AzureRecognizer(AzureSpeechConfig(**service.config_arguments))
            async with aclosing(recognizer.recognize(talking_for_ever(), "en-US")) as reports:
                await anext(reports)
                stopping = asyncio.create_task(asyncio.to_thread(native_exit.stop_all))
                with pytest.raises(EngineFailedError, match="stopped by itself"):
                    async for _ in reports:
                        pass
                await stopping

    run(main())


def test_nobody_there_is_a_network_error() -> None:
    async def main() -> None:
        with pytest.raises(NetworkError, match="could not be reached"):
            await heard(place={"host": "ws://127.0.0.1:9"}, connect_timeout_ms=5_000)

    run(main())


def test_a_silent_caller_is_no_failure() -> None:
    """A muted line for longer than the service may take to answer speech."""

    async def muted() -> AsyncIterator[AudioFrame]:
        for number in range(40):
            yield AudioFrame.silence(SPEECH, 320, number * 320)
            await asyncio.sleep(0.02)

    async def main() -> None:
        reports, _ = await heard(audio=muted(), script=(), answer_timeout_ms=300)
        assert finals(reports) == []
        assert reports[-1] == Heard(800, 800)

    run(main())


def test_a_reader_that_stops_reading_stops_the_upload() -> None:
    """What the service can say is bounded by what it is sent."""
    script = repeated(
        [EmulatedUtterance(source_text="a", start_ms=0, end_ms=15, revisions=["b"] * 3)], 20
    )

    async def main() -> None:
        async with AzureSpeechEmulator(script) as service:
            recognizer = AzureRecognizer(AzureSpeechConfig(**service.config_arguments))
            async with aclosing(recognizer.recognize(talking_for_ever(), "en-US")) as reports:
                await anext(reports)
                await asyncio.sleep(0.5)
                await anext(reports)
                before = service.sessions[0].audio.end_ms
                await asyncio.sleep(0.5)
                assert service.sessions[0].audio.end_ms - before <= 300

    run(main())


def test_what_the_frames_raise_comes_through() -> None:
    class OwnError(Exception):
        pass

    async def broken() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(AUDIO.samples[:3_200], SPEECH, 0)
        raise OwnError

    async def main() -> None:
        with pytest.raises(OwnError):
            await heard(audio=broken())
        with pytest.raises(FormatMismatchError):
            await heard(audio=frames(AudioFrame(AUDIO.samples, TELEPHONY)))

    run(main())


def test_closing_the_iterator_ends_the_call_and_leaves_no_thread() -> None:
    async def main() -> None:
        before = set(threading.enumerate())  # of calls to services that never answered
        async with AzureSpeechEmulator(SCRIPT) as service:
            recognizer = AzureRecognizer(AzureSpeechConfig(**service.config_arguments))
            async with aclosing(recognizer.recognize(talking_for_ever(), "en-US")) as reports:
                async for report in reports:
                    if isinstance(report, Recognition):
                        break
            await service.wait_for(lambda: service.connections[0].close_code is not None)
            for _ in range(300):
                mine = set(threading.enumerate()) - before
                if not any(each.name == "azure-listener" for each in mine):
                    return
                await asyncio.sleep(0.01)
            raise AssertionError(mine)

    run(main())


def test_the_sdk_s_own_failures_are_told_without_its_objects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A traceback would keep native objects for the event loop to release."""

    def missing() -> None:
        raise MissingDependencyError("the SDK", "Azure", "pip install it")

    async def main() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(native_listener, "load_sdk", missing)
            with pytest.raises(MissingDependencyError):
                await heard()
        with monkeypatch.context() as patched:
            patched.setattr(native_listener, "_heard", lambda _: 1 / 0)
            with pytest.raises(EngineFailedError, match="division by zero"):
                await heard()

    run(main())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"phrases": ("",)}, "phrases"),
        ({"phrases": ("x",) * 501}, "phrases"),
        ({"segmentation_silence_ms": 50}, "segmentation_silence_ms"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        AzureRecognizer(AzureSpeechConfig(host="ws://127.0.0.1:1"), **settings)


@pytest.mark.parametrize(
    ("language", "kind", "words"),
    [
        ("en", ConfigurationError, "Did you mean en-US"),
        ("tlh-Latn", UnsupportedLanguageError, "tlh-Latn"),
    ],
)
def test_a_language_that_can_not_be_is_refused_before_any_connection(
    language: str, kind: type[Exception], words: str
) -> None:
    async def main() -> None:
        with pytest.raises(kind, match=words):
            await heard(language=language, place={"host": "ws://127.0.0.1:9"})

    run(main())


def test_a_cascade_of_azure_s_parts_translates_every_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the parts are for; all three talk to one service."""
    monkeypatch.setenv("AZURE_SPEECH_KEY", "k" * 32)

    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT) as service:
            monkeypatch.setenv("AZURE_SPEECH_HOST", service.host)
            translator = CascadeTranslator(AzureRecognizer(), AzureTextTranslator())
            translation = await translator.open(
                TranslationRequest(source_language="en-US", target_languages=("es",), speech=False)
            )
            async for frame in frames():
                await translation.send(frame)
            await translation.end_input()
            events = [event async for event in translation]
            await translation.aclose()
            await translator.aclose()
            said = [each.translations for each in events if isinstance(each, FinalTranslation)]
            assert said == [{"es": "hola"}, {"es": "adios"}]
            assert [each for each in events if isinstance(each, Progress)][-1] == Progress(3_000)

    run(main())


def result(reason: str = "RecognizedSpeech", **more: Any) -> SimpleNamespace:
    told = SimpleNamespace(
        reason=SimpleNamespace(name=reason), text="hello", offset=1_000_000, duration=2_500_000,
        json='{"Offset": 0, "NBest": [{"Words": [{"Word": "hello", "Offset": 0, "Duration": 10000}]}]}',
    )  # fmt: skip
    return SimpleNamespace(result=told, **more)


def cancellation(reason: str) -> SimpleNamespace:
    details = SimpleNamespace(
        reason=SimpleNamespace(name=reason), code=SimpleNamespace(name="BadRequest"),
        error_details="why",
    )  # fmt: skip
    return SimpleNamespace(cancellation_details=details)


@pytest.mark.parametrize(
    ("read", "event", "message"),
    [
        (native_listener._hypothesis, result(), Hypothesis("hello", {}, 100.0, 350.0)),
        (partial(native_listener._phrase, words=False), result(), Phrase("hello", {}, 100.0, 350.0)),
        (partial(native_listener._phrase, words=True), result(),
         Phrase("hello", {}, 100.0, 350.0, words=(HeardWord("hello", 100.0, 101.0),))),
        (partial(native_listener._phrase, words=True), result("NoMatch"), Phrase("", {}, 100.0, 350.0)),
        (native_listener._cancelled, cancellation("EndOfStream"), InputDone()),
        (native_listener._cancelled, cancellation("Error"), Cancelled("BadRequest", "why")),
    ],
)  # fmt: skip
def test_an_event_becomes_a_plain_message(read: Any, event: Any, message: Message) -> None:
    async def main() -> None:
        box: Mailbox[Message] = Mailbox("azure", 10)
        native_listener._callback(read, box)(event)
        native_listener._callback(read, box)(SimpleNamespace())
        assert await box.get() == message
        assert isinstance(await box.get(), Broken), "nothing is raised into the SDK"

    run(main())


def test_a_recogniser_that_does_not_run_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        settings = native_listener.ListenerSettings(
            config=AzureSpeechConfig(host="ws://127.0.0.1:1"), locale="en-US", word_timings=False,
            phrases=(), segmentation_silence_ms=None,
        )  # fmt: skip
        idle = native_listener.NativeListener(settings, Mailbox("azure", 10))
        idle.write(bytes(640))
        idle.end_input()
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            with pytest.raises(EngineFailedError, match="can't start"):
                idle.start()
        idle.start()
        idle.stop()
        idle.stop()
        await asyncio.to_thread(idle.join, 3)

    run(main())
