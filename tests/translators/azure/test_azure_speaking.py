"""Several languages at once, each spoken by a synthesizer beside the translation."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from azure_kit import (
    BYE,
    HELLO,
    first,
    of,
    request,
    rest,
    rest_until_it_fails,
    send,
    talk_on,
    translator,
    wait_for_recognizers,
)
from numbered_speech import listener, spoken_frame, words

from rawmedia.audio.format import SPEECH, WIDEBAND_VOICE
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import AuthenticationError, EngineFailedError
from rawmedia.testing.azure_emulator import (
    Abort,
    AzureSpeechEmulator,
    FailedSynthesis,
    Fault,
    RefusedHandshake,
    TranslationFailure,
)
from rawmedia.translators.azure import AzureOptions, translation
from rawmedia.translators.events import (
    FinalTranslation,
    Progress,
    TranslatedAudio,
    TranslatorWarning,
    UtteranceEnded,
)
from rawmedia.translators.resilience import ResilienceWarning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from rawmedia.translators.translator import Translation


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left_running() -> Iterator[None]:
    yield
    wait_for_recognizers()


class Voices:
    """A synthesizer whose speech is as long as the text, 100 ms a letter, and that does what it is told."""

    languages = None

    def __init__(self, *, fail: str = "", stall: str = "", per_frame_s: float = 0.0) -> None:
        self.fail, self.stall, self.per_frame_s = fail, stall, per_frame_s
        self.said: list[tuple[str, str, str | None]] = []
        self.both = asyncio.Event()
        """Set when two texts are being said."""
        self.closed: list[str] = []
        self.prepared: list[tuple[str, str | None]] = []

    async def prepare(self, language: str, voice: str | None = None) -> None:
        self.prepared.append((language, voice))
        if language == self.fail:
            raise EngineFailedError("voices", "no line")

    async def synthesize(
        self, text: str, language: str, voice: str | None
    ) -> AsyncIterator[AudioFrame]:
        self.said.append((text, language, voice))
        if len(self.said) == 2:
            self.both.set()
        try:
            if language == self.fail or text == self.fail:
                raise EngineFailedError("voices", "out of breath")
            for number, _ in enumerate(text):
                if text == self.stall:
                    await asyncio.sleep(3_600)
                await asyncio.sleep(self.per_frame_s)
                yield AudioFrame(bytes(3_200), SPEECH, number * 1_600)
        finally:
            self.closed.append(text)


async def talk(speaker: Any, *faults: Fault, **settings: Any) -> list[object]:
    async with (
        AzureSpeechEmulator([HELLO, BYE], faults=faults) as emulator,
        await translator(emulator, synthesizer=speaker).open(
            request("es", "de", **settings)
        ) as translating,
    ):
        await send(translating, 2_500)
        await translating.end_input()
        return list(await rest(translating))


def spoken(events: list[object]) -> list[tuple[str, str, int]]:
    """Who said what for how many frames."""
    audio = [each for each in events if isinstance(each, TranslatedAudio)]
    keys = dict.fromkeys((each.utterance_id, each.language) for each in audio)
    return [
        (*key, sum((each.utterance_id, each.language) == key for each in audio)) for key in keys
    ]


def test_every_target_is_spoken_and_tied_to_its_utterance_and_language() -> None:
    """And an utterance has ended, and is progress, when the last of its languages is through."""
    voices = Voices()
    events = asyncio.run(talk(voices, voices={"es": "es-MX-DaliaNeural"}))
    assert sorted(spoken(events)) == [
        ("u1", "de", len("hallo")),
        ("u1", "es", len("hola")),
        ("u2", "de", len("ade")),
        ("u2", "es", len("adios")),
    ]
    assert set(voices.said) == {
        ("hola", "es", "es-MX-DaliaNeural"),
        ("hallo", "de", "de-DE-KatjaNeural"),
        ("adios", "es", "es-MX-DaliaNeural"),
        ("ade", "de", "de-DE-KatjaNeural"),
    }
    assert set(voices.prepared) == {("es", "es-MX-DaliaNeural"), ("de", "de-DE-KatjaNeural")}
    for name in ("u1", "u2"):
        ended = next(
            number
            for number, each in enumerate(events)
            if isinstance(each, UtteranceEnded) and each.utterance_id == name
        )
        assert not [
            each
            for each in events[ended:]
            if isinstance(each, TranslatedAudio) and each.utterance_id == name
        ]
    progress = [each.position_ms for each in events if isinstance(each, Progress)]
    assert progress == sorted(set(progress))
    assert progress[-1] == 2_500
    unsaid: dict[str, float] = {}
    for each in events:
        match each:
            case FinalTranslation():
                unsaid[each.utterance_id] = each.span.start_ms
            case UtteranceEnded():
                del unsaid[each.utterance_id]
            case Progress():
                assert each.position_ms <= min(unsaid.values(), default=2_500)


class Plain:
    """A synthesizer that can do no more than it must."""

    languages = None

    async def synthesize(self, text: str, language: str, voice: str) -> AsyncIterator[AudioFrame]:
        yield AudioFrame(bytes(3_200), SPEECH)


def test_a_phrase_without_translations_is_not_spoken_and_holds_nothing_back() -> None:
    """And a synthesizer need not know how to prepare."""
    events = asyncio.run(talk(Plain(), TranslationFailure()))
    assert sorted(spoken(events)) == [("u2", "de", 1), ("u2", "es", 1)]
    assert events[-1] == Progress(2_500)


def test_azures_own_voices_speak_all_of_it() -> None:
    """Two languages through the service's synthesizer, at its own rate."""

    async def main() -> None:
        async with AzureSpeechEmulator([HELLO]) as emulator:
            engine = translator(emulator)
            async with await engine.open(request("es", "de")) as translating:
                await send(translating, 1_200)
                await translating.end_input()
                events = await rest(translating)
            assert engine.synthesizer is engine.synthesizer
            await engine.aclose()
        audio = of(events, TranslatedAudio)
        assert {each.language for each in audio} == {"es", "de"}
        assert {each.frame.format for each in audio} == {WIDEBAND_VOICE}
        assert "synthesis" not in emulator.sessions[0].contexts[0]

    asyncio.run(main())


def test_one_target_may_be_spoken_by_a_synthesizer_too() -> None:
    async def main() -> None:
        voices = Voices()
        options = AzureOptions(synthesis="separate", upload_speed=20)
        async with (
            AzureSpeechEmulator([HELLO]) as emulator,
            await translator(emulator, options, synthesizer=voices).open(request()) as translating,
        ):
            await send(translating, 1_200)
            await translating.end_input()
            events = await rest(translating)
        assert spoken(list(events)) == [("u1", "es", 4)]
        assert "synthesis" not in emulator.sessions[0].contexts[0]

    asyncio.run(main())


def test_the_service_alone_speaks_the_first_of_several_where_that_is_asked_for() -> None:
    async def main() -> None:
        options = AzureOptions(synthesis="service", upload_speed=20)
        async with (
            AzureSpeechEmulator([HELLO]) as emulator,
            await translator(emulator, options).open(request("es", "de")) as translating,
        ):
            await send(translating, 1_200)
            await translating.end_input()
            events = await rest(translating)
        assert {each.language for each in of(events, TranslatedAudio)} == {"es"}

    asyncio.run(main())


def test_speech_that_fails_costs_one_utterance_in_one_language() -> None:
    events = asyncio.run(talk(Voices(fail="hallo")))
    assert {(name, language) for name, language, _ in spoken(events)} == {
        ("u1", "es"),
        ("u2", "es"),
        ("u2", "de"),
    }
    (warning,) = [each for each in events if isinstance(each, TranslatorWarning)]
    assert warning.utterance_id == "u1"
    assert "de is missing or cut short: voices: out of breath" in warning.message
    assert isinstance(warning.cause, EngineFailedError)
    ended = [each.utterance_id for each in events if isinstance(each, UtteranceEnded)]
    assert ended == ["u1", "u2"]


def test_a_voice_that_can_not_be_prepared_is_a_warning() -> None:
    events = asyncio.run(talk(Voices(fail="de")))
    warnings = [each.message for each in events if isinstance(each, TranslatorWarning)]
    assert any("could not be prepared" in each for each in warnings)


def test_a_synthesizer_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "_SPEECH_TIMEOUT_MS", 100.0)
    voices = Voices(stall="hallo")
    events = asyncio.run(talk(voices))
    (warning,) = [each for each in events if isinstance(each, TranslatorWarning)]
    assert "took too long" in warning.message
    assert "hallo" in voices.closed


def test_an_interrupt_stops_all_voices_at_once_and_the_next_utterance_is_spoken() -> None:
    async def main() -> None:
        voices = Voices(per_frame_s=0.1)
        async with (
            AzureSpeechEmulator([HELLO, BYE]) as emulator,
            await translator(emulator, synthesizer=voices).open(request("es", "de")) as translating,
        ):
            await send(translating, 1_200)
            await first(translating, TranslatedAudio)
            before = time.monotonic()
            await translating.interrupt()
            await first(translating, UtteranceEnded)
            assert time.monotonic() - before < 0.3
            assert {"hola", "hallo"} <= set(voices.closed)
            await send(translating, 1_300, 1_200)
            await translating.end_input()
            events = await rest(translating)
        assert {each.utterance_id for each in of(events, TranslatedAudio)} == {"u2"}

    asyncio.run(main())


def test_what_was_begun_before_an_interrupt_is_not_spoken_when_it_is_understood_after() -> None:
    async def main() -> None:
        voices = Voices()
        async with (
            AzureSpeechEmulator([HELLO, BYE]) as emulator,
            await translator(emulator, synthesizer=voices).open(request("es", "de")) as translating,
        ):
            await send(translating, 500)
            await translating.interrupt()
            await send(translating, 2_000, 500)
            await translating.end_input()
            events = await rest(translating)
        assert [each.source_text for each in of(events, FinalTranslation)] == ["hello", "bye"]
        assert {text for text, _, _ in voices.said} == {"adios", "ade"}

    asyncio.run(main())


def test_a_service_that_can_not_speak_at_all_is_relieved_of_it() -> None:
    """Each failure costs it the connection; the words would be lost to it in the end."""

    async def main() -> None:
        voices = Voices()
        faults = [FailedSynthesis(times=None)]
        async with (
            AzureSpeechEmulator(faults=faults, recognise=listener()) as emulator,
            await translator(emulator, synthesizer=voices).open(request()) as translating,
        ):

            async def speak() -> None:
                for at in range(0, 6_000, 100):
                    await translating.send(spoken_frame(at))
                    await asyncio.sleep(0.02)
                await translating.end_input()

            speaking = asyncio.create_task(speak())
            events = await rest(translating)
            await speaking
        assert [each.source_text for each in of(events, FinalTranslation)] == words(6)
        assert [text for text, _, _ in voices.said] == [f"{each}-es" for each in words(6)[3:]]
        assert any("synthesizer" in each.message for each in of(events, TranslatorWarning))
        # On a busy machine one more is under way when it is relieved.
        assert emulator.injected_count in (3, 4)

    asyncio.run(main())


def test_targets_and_voices_change_without_a_new_connection() -> None:
    async def main() -> None:
        voices = Voices()
        async with (
            AzureSpeechEmulator([HELLO, BYE]) as emulator,
            await translator(emulator, synthesizer=voices).open(request("es", "de")) as translating,
        ):
            await send(translating, 1_200)
            await first(translating, UtteranceEnded)
            await translating.update(request("es", "fr", voices={"es": "es-MX-DaliaNeural"}))
            await emulator.wait_for(lambda: len(emulator.sessions[0].events) >= 2)
            await send(translating, 1_300, 1_200)
            await translating.end_input()
            await rest(translating)
            assert emulator.handshakes == 1
        assert set(voices.said[2:]) == {
            ("adios", "es", "es-MX-DaliaNeural"),
            ("[fr] bye", "fr", "fr-FR-DeniseNeural"),
        }

    asyncio.run(main())


def test_a_second_language_changes_who_speaks_over_another_connection() -> None:
    """The service can speak one only; a synthesizer takes its place for what comes after."""

    async def main() -> None:
        voices = Voices()
        async with (
            AzureSpeechEmulator([HELLO]) as emulator,
            await translator(emulator, synthesizer=voices).open(request("es")) as translating,
        ):
            await send(translating, 1_200)
            assert (await first(translating, TranslatedAudio)).utterance_id == "u1"
            await translating.update(request("es", "de"))
            pausing = asyncio.create_task(_pause(translating, 1_200))
            while (await first(translating, ResilienceWarning)).code != "handed_over":
                pass
            pausing.cancel()
            await asyncio.wait({pausing})
            await send(translating, 2_000, 60_000)
            await translating.end_input()
            events = await rest(translating)
        assert {(each.utterance_id, each.language) for each in of(events, TranslatedAudio)} >= {
            ("u2", "es"),
            ("u2", "de"),
        }
        assert {text for text, _, _ in voices.said} == {"hola", "hallo"}

    asyncio.run(main())


async def _pause(translating: Translation, at: int) -> None:
    """Nobody speaks."""
    while True:
        await send(translating, 20, at, loud=False)
        at += 20
        await asyncio.sleep(0.002)


def test_what_was_understood_is_still_spoken_when_the_service_is_lost_for_good() -> None:
    async def main() -> None:
        voices = Voices(per_frame_s=0.02)
        faults = [Abort(at_ms=1_100), RefusedHandshake(status=401, skip=1)]
        async with (
            AzureSpeechEmulator([HELLO], faults=faults) as emulator,
            await translator(emulator, synthesizer=voices).open(request("es", "de")) as translating,
        ):
            speaking = asyncio.create_task(talk_on(translating))
            events, error = await rest_until_it_fails(translating)
            assert isinstance(error, AuthenticationError)
            with pytest.raises(AuthenticationError):
                await speaking
        assert sorted(spoken(list(events))) == [("u1", "de", 5), ("u1", "es", 4)]
        assert [each.utterance_id for each in of(events, UtteranceEnded)] == ["u1"]

    asyncio.run(main())


def test_closing_in_mid_speech_closes_the_voices() -> None:
    async def main() -> None:
        voices = Voices(per_frame_s=5)
        async with AzureSpeechEmulator([HELLO]) as emulator:
            translating = await translator(emulator, synthesizer=voices).open(request("es", "de"))
            await send(translating, 1_200)
            await first(translating, FinalTranslation)
            await asyncio.wait_for(voices.both.wait(), 5)
            before = time.monotonic()
            await translating.aclose()
            assert time.monotonic() - before < 3, "it was waited for"
            assert set(voices.closed) == {"hola", "hallo"}
            assert len(asyncio.all_tasks()) < 10

    asyncio.run(main())
