"""An engine that hears in the place of the script: one of the kit's, and the embedded one."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from emulator_client import (
    RECOGNITION,
    SYNTHESIS,
    UNIVERSAL,
    Answer,
    PlainClient,
    http,
    plain_client,
    wav,
    with_voice,
)

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import EngineFailedError, PayloadError
from rawmedia.testing import ScriptedEvent, ScriptedTranslator, ScriptedUtterance, tone
from rawmedia.testing.azure_emulator import AzureSpeechEmulator
from rawmedia.testing.azure_emulator.offline import OfflineEngine
from rawmedia.testing.azure_emulator.ssml import Segment
from rawmedia.translators.events import FinalTranslation, WordTiming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rawmedia.audio.frame import AudioFrame

HELLO = ScriptedUtterance(
    source_text="hello",
    start_ms=100,
    end_ms=500,
    translations={"es": "hola", "fr": "salut"},
    revisions=["he"],
    audio=tone(300, format=AudioFormat(24_000)),
)


async def conversation(
    client: PlainClient, context: dict[str, Any], *, ms: int = 1_000, rate: int = 16_000
) -> list[Answer]:
    await client.begin(context)
    await client.binary("audio", wav(rate), Content_Type="audio/x-wav")
    await client.audio(0, data=bytes(ms * rate // 1_000 * 2))
    await client.end()
    return await client.until("turn.end")


def phrases(answers: list[Answer]) -> list[dict[str, Any]]:
    return [
        answer.content["SpeechPhrase"]
        for answer in answers
        if answer.path == "translation.response" and "SpeechPhrase" in answer.content
    ]


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_what_an_engine_hears_is_told_as_the_service_would(rate: int) -> None:
    """Its audio comes in the engine's format, its speech in the service's."""

    async def main() -> None:
        engine = ScriptedTranslator([HELLO])
        async with (
            AzureSpeechEmulator(recognise=engine) as emulator,
            plain_client(emulator) as client,
        ):
            answers = await conversation(client, with_voice("es"), rate=rate)
            assert phrases(answers)[0] == {
                "RecognitionStatus": "Success",
                "DisplayText": "hello",
                "Offset": 1_000_000,
                "Duration": 4_000_000,
            }
            hypothesis = next(a.content for a in answers if "SpeechHypothesis" in str(a.content))
            assert hypothesis["SpeechHypothesis"]["Text"] == "he"
            speech = b"".join(a.content for a in answers if a.path == "audio")
            assert speech[:4] == b"RIFF"
            assert int.from_bytes(speech[24:28], "little") == 16_000
            assert len(speech) == 44 + 300 * 32
            assert [a.path for a in answers].count("audio.end") == 1
            heard = sum(f.samples_per_channel for f in engine.translations[0].frames)
            assert heard == 16_000

    asyncio.run(main())


def test_only_the_languages_that_are_to_be_spoken_are() -> None:
    async def main() -> None:
        context = with_voice("es") | {"translation": {"targetLanguages": ["fr", "es"]}}
        engine = ScriptedTranslator([HELLO])
        async with (
            AzureSpeechEmulator(recognise=engine) as emulator,
            plain_client(emulator) as client,
        ):
            answers = await conversation(client, context)
            final = next(a.content for a in answers if "SpeechPhrase" in str(a.content))
            assert [t["Language"] for t in final["Translations"]] == ["fr", "es"]
            assert {a.headers["x-streamid"] for a in answers if a.path == "audio"} == {"es"}

    asyncio.run(main())


def test_a_turn_that_goes_on_later_counts_from_there() -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator(recognise=ScriptedTranslator([HELLO])) as emulator,
            plain_client(emulator) as client,
        ):
            await client.begin(offset_ms=5_000)
            await client.audio(1_000)
            await client.end()
            answers = await client.until("turn.end")
            assert phrases(answers)[0]["Offset"] == 1_000_000
            assert emulator.sessions[0].acknowledged_ticks == 60_000_000

    asyncio.run(main())


def test_a_plain_recognition_uses_what_was_heard_and_no_translation() -> None:
    final = FinalTranslation(
        "x", 0, "hi", "en-US", TimeSpan(0, 20), {}, (WordTiming("hi", TimeSpan(5, 15)),)
    )
    empty = FinalTranslation("y", 0, "", "en-US", TimeSpan(20, 30), {})
    context = {
        "languageId": {"languages": ["en-US"]},
        "phraseOutput": {"format": "Detailed", "detailed": {"options": ["WordTimings"]}},
    }

    async def main() -> None:
        engine = ScriptedTranslator(
            [
                ScriptedEvent(at_ms=20, event=final),
                ScriptedEvent(at_ms=30, event=empty),
            ]
        )
        async with (
            AzureSpeechEmulator(recognise=engine) as emulator,
            plain_client(emulator, RECOGNITION) as client,
        ):
            answers = await conversation(client, context, ms=12_000)
            said = [a.content for a in answers if a.path == "speech.phrase"]
            assert [each["RecognitionStatus"] for each in said] == [
                "Success",
                "NoMatch",
                "InitialSilenceTimeout",
                "EndOfDictation",
            ]
            assert said[0]["PrimaryLanguage"]["Language"] == "en-US"
            assert said[0]["NBest"][0]["Words"] == [
                {"Word": "hi", "Offset": 50_000, "Duration": 100_000}
            ]
            assert engine.requests[0].target_languages == ("es",)

    asyncio.run(main())


def test_an_engine_is_asked_to_commit() -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator(recognise=ScriptedTranslator([HELLO])) as emulator,
            plain_client(emulator) as client,
        ):
            await client.begin()
            await client.audio(300)
            answers = await client.until("translation.response")
            assert not phrases(answers), "a revision; so the engine is in the middle of it"
            await client.binary("audio.commit", b"")
            while not phrases(answers):
                answers.append(await client.answer())
            assert phrases(answers)[0]["DisplayText"] == "hello"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("context", "header", "problem"),
    [
        (with_voice("not a language"), wav(), "languages"),
        (with_voice("es"), wav(8_000, 1, 8, 7), "PCM"),
    ],
)
def test_what_an_engine_cannot_do_closes_the_connection(
    context: dict[str, Any], header: bytes, problem: str
) -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator(recognise=ScriptedTranslator([])) as emulator,
            plain_client(emulator) as client,
        ):
            await client.begin(context)
            await client.binary("audio", header + bytes(100), Content_Type="audio/x-wav")
            assert await client.refused() == 1011
            assert problem in (emulator.connections[0].problem or "")

    asyncio.run(main())


class FailingEngine(OfflineEngine):
    """The embedded engine without its programs."""

    async def translate(self, text: str, source: str | None, target: str) -> str:
        if text == "fail":
            raise EngineFailedError("engine", "no")
        return f"{text} from {source} to {target}"

    async def speak(self, segment: Segment, format: AudioFormat) -> AsyncIterator[AudioFrame]:
        if segment.text == "fail":
            raise EngineFailedError("engine", "no voice")
        yield tone(100, format=format)


def test_the_embedded_engine_translates_texts_and_speaks_too() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            emulator._offline = FailingEngine(emulator._clock)
            target = "/translate?api-version=3.0&from=en&to=es"
            _, (answer,) = await http(emulator, "POST", target, b'[{"Text": "x"}]')
            assert answer["translations"] == [{"text": "x from en to es", "to": "es"}]
            async with plain_client(emulator, SYNTHESIS) as client:
                await client.say("hallo", outputFormat="raw-8khz-16bit-mono-pcm")
                answers = await client.until("turn.end")
                speech = [a.content for a in answers if a.path == "audio"]
                assert speech == [bytes(tone(100, format=TELEPHONY))]
                await client.say("fail")
                assert await client.refused() == 1011
            assert emulator.connections[0].problem == "engine: no voice"

    asyncio.run(main())


class FakeParts:
    """A synthesizer and a translator of texts."""

    def __init__(self) -> None:
        self.closed = False

    async def translate(self, text: str, source: str, target: str) -> Any:
        return type("T", (), {"text": f"{text}/{source}/{target}"})

    async def synthesize(self, text: str, language: str) -> AsyncIterator[AudioFrame]:
        if text:
            yield tone(50, format=AudioFormat(22_050))
            yield tone(50, format=AudioFormat(22_050)).at(1_102)

    async def aclose(self) -> None:
        self.closed = True


def test_the_parts_of_the_embedded_engine_are_made_when_needed_and_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from rawmedia.streams.clock import SYSTEM_CLOCK
    from rawmedia.translators import offline

    parts = FakeParts()
    monkeypatch.setattr(offline, "ApertiumTranslator", lambda: parts, raising=False)
    monkeypatch.setattr(offline, "EspeakSynthesizer", lambda: parts, raising=False)

    async def main() -> None:
        engine = OfflineEngine(SYSTEM_CLOCK)
        assert await engine.translate("x", None, "es") == "x/en/es"
        assert await engine.translate("x", "fr", "es") == "x/fr/es"
        segment = Segment("v", "es-ES", "hola")
        frames = [frame async for frame in engine.speak(segment, SPEECH)]
        assert next(frame.position for frame in frames) == 0
        assert frames[-1].end == pytest.approx(1_600, abs=2)
        assert all(b.position == a.end for a, b in itertools.pairwise(frames))
        silent = Segment("v", "es-ES", "")
        assert [frame async for frame in engine.speak(silent, SPEECH)] == []
        await engine.aclose()

    asyncio.run(main())
    assert parts.closed


@pytest.mark.engines
def test_the_embedded_engine_hears_english_for_real() -> None:
    """A program that was written for Azure runs with no key and no network."""
    from pathlib import Path

    from rawmedia.translators.offline import missing

    if missing():
        pytest.skip(f"needs {missing()[0][0]}")
    soundfile = pytest.importorskip("soundfile")
    example = Path(__file__).parents[3] / "examples" / "speech" / "call-centre.flac"
    samples, rate = soundfile.read(example, dtype="int16", frames=16_000 * 4)

    async def main() -> None:
        async with (
            AzureSpeechEmulator(recognise="offline") as emulator,
            plain_client(emulator, UNIVERSAL) as client,
        ):
            await client.begin(with_voice("es"))
            await client.binary("audio", wav(rate), Content_Type="audio/x-wav")
            await client.audio(0, data=samples.astype(np.int16).tobytes())
            await client.end()
            answers: list[Answer] = []
            while not answers or answers[-1].path != "turn.end":
                answers.append(await client.answer(20))
            assert "address" in phrases(answers)[0]["DisplayText"]
            final = next(a.content for a in answers if "SpeechPhrase" in str(a.content))
            assert "dirección" in final["Translations"][0]["DisplayText"]
            assert sum(len(a.content) for a in answers if a.path == "audio") > 16_000

    asyncio.run(main())


def test_an_error_of_an_engine_in_mid_sentence_closes_the_connection() -> None:
    class Breaking(ScriptedTranslator):
        async def open(self, request: Any) -> Any:
            raise PayloadError("a", "b")

    async def main() -> None:
        async with (
            AzureSpeechEmulator(recognise=Breaking([])) as emulator,
            plain_client(emulator) as client,
        ):
            await client.begin()
            await client.audio(100)
            assert await client.refused() == 1011

    asyncio.run(main())
