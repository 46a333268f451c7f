"""English in, Spanish out, with no key and no network."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import TYPE_CHECKING

import pytest
import soundfile
from offline_support import EXAMPLES, children, frames, kill

from rawmedia.audio.format import SPEECH
from rawmedia.errors import (
    ConfigurationError,
    EngineCrashedError,
    MissingDependencyError,
    UnsupportedLanguageError,
)
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators import offline
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    TranslatedAudio,
    TranslationEvent,
    TranslatorWarning,
    UtteranceEnded,
)
from rawmedia.translators.offline.translator import OfflineTranslator, missing, offline_translator
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from rawmedia.translators.translator import Translation, Translator

SPANISH = TranslationRequest(source_language="en-US", target_languages=("es",))


def example() -> bytes:
    """The six call-centre sentences that ship with the project: 16 kHz mono."""
    samples, rate = soundfile.read(EXAMPLES / "call-centre.flac", dtype="int16")
    assert rate == SPEECH.sample_rate
    return bytes(samples.tobytes())


def sentences() -> list[str]:
    return (EXAMPLES / "sentences.txt").read_text().splitlines()


async def translate(translation: Translation, pcm: bytes) -> list[TranslationEvent]:
    async def send() -> None:
        async for frame in frames(pcm):
            await translation.send(frame)
        await translation.end_input()

    sending = asyncio.create_task(send())
    events = [event async for event in translation]
    await sending
    return events


@pytest.mark.engines
def test_call_centre_english_becomes_spanish_speech() -> None:
    """The main job on the speech that ships with the project, and nothing left running."""

    async def main() -> list[TranslationEvent]:
        translator = OfflineTranslator()
        translation = await translator.open(SPANISH)
        events = await translate(translation, example())
        await translation.aclose()
        await translator.aclose()
        return events

    before = children()
    events = asyncio.run(main())
    assert children() == before

    assert not [event for event in events if isinstance(event, TranslatorWarning)]
    finals = [event for event in events if isinstance(event, FinalTranslation)]
    for final in finals:
        print(f"{final.source_text!r} -> {final.translations['es']!r}")
    assert len(finals) == len(sentences())
    written = [sentence.lower().rstrip(".") for sentence in sentences()]
    exact = sum(final.source_text == text for final, text in zip(finals, written, strict=True))
    assert exact >= 4
    assert "Quiero anular mi suscripción." in [final.translations["es"] for final in finals]

    spans = [final.span for final in finals]
    assert spans == sorted(spans)
    for final in finals:
        frames_of = [
            event.frame
            for event in events
            if isinstance(event, TranslatedAudio) and event.utterance_id == final.utterance_id
        ]
        assert frames_of[-1].end_ms > 500
        assert any(
            isinstance(event, PartialTranslation) and event.utterance_id == final.utterance_id
            for event in events
        )
    assert sum(isinstance(event, UtteranceEnded) for event in events) == len(finals)


@pytest.mark.engines
def test_speech_in_real_time_is_answered_soon_after_its_end() -> None:
    """From the end of an utterance to its first translated audio; run with -s to see the figure."""

    async def main() -> float:
        translator = OfflineTranslator()
        translation = await translator.open(SPANISH)
        pcm = example()[: 2 * SPEECH.samples(4500)]
        start = SYSTEM_CLOCK.now()

        async def send() -> None:
            async for frame in frames(pcm):
                await SYSTEM_CLOCK.sleep_until(start + frame.end_ms / 1000)
                await translation.send(frame)
            await translation.end_input()

        sending = asyncio.create_task(send())
        delay = -1.0
        async for event in translation:
            if isinstance(event, TranslatedAudio) and delay < 0:
                delay = SYSTEM_CLOCK.now() - start - event.span.end_ms / 1000
        await sending
        await translation.aclose()
        await translator.aclose()
        return delay

    delay = asyncio.run(main())
    print(f"first translated audio {delay * 1000:.0f} ms after the end of speech")
    assert 0.2 < delay < 3


@pytest.mark.engines
def test_a_recogniser_that_is_killed_ends_the_translation_with_its_error() -> None:
    """What was reported before stays; the next translation works."""

    async def main() -> None:
        translator = OfflineTranslator()
        await translator._apertium.prepare("en", "es")
        before = children()
        translation = await translator.open(SPANISH)
        [worker] = children() - before
        events: list[TranslationEvent] = []

        async def send() -> None:
            async for frame in frames(example()):
                await translation.send(frame)

        sending = asyncio.create_task(send())

        async def read() -> None:
            async for event in translation:
                events.append(event)
                if isinstance(event, FinalTranslation) and worker in children():
                    kill(worker)

        with pytest.raises(EngineCrashedError, match="killed by signal 9"):
            await read()
        with pytest.raises(EngineCrashedError):
            await sending
        await translation.aclose()
        assert any(isinstance(event, FinalTranslation) for event in events)

        again = await translator.open(SPANISH)
        events = await translate(again, example()[: 2 * SPEECH.samples(3500)])
        assert any(isinstance(event, TranslatedAudio) for event in events)
        await again.aclose()
        await translator.aclose()

    asyncio.run(main())


@pytest.mark.engines
def test_what_it_cannot_serve_is_refused_before_the_call() -> None:
    """Languages and voices; nothing is left of the attempt."""

    async def refused(**changes: object) -> None:
        translator = OfflineTranslator()
        try:
            await translator.open(TranslationRequest.model_validate({**dict(SPANISH), **changes}))
        finally:
            await translator.aclose()

    before = children()
    with pytest.raises(UnsupportedLanguageError, match="'de'"):
        asyncio.run(refused(target_languages=("de",)))
    with pytest.raises(UnsupportedLanguageError, match="'fr-FR'"):
        asyncio.run(refused(source_language="fr-FR"))
    with pytest.raises(ConfigurationError, match="no voice 'nobody'"):
        asyncio.run(refused(voices={"es": "nobody"}))
    assert children() == before


def test_text_alone_needs_no_synthesizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is needed and missing is said when the call is opened, not when somebody speaks."""
    find_spec = importlib.util.find_spec
    absent = {"pocketsphinx"}

    def without(name: str) -> object:
        return None if name in absent else find_spec(name)

    async def opened(*, speech: bool) -> list[str]:
        translator = OfflineTranslator()
        prepared = []

        async def speaks(language: str, voice: str | None = None) -> None:
            prepared.append(f"{language} to be heard")

        async def translates(source: str, target: str) -> None:
            prepared.append(f"{source} to {target}")

        monkeypatch.setattr(translator.synthesizer, "prepare", speaks)
        monkeypatch.setattr(translator.text_translator, "prepare", translates)
        with pytest.raises(MissingDependencyError, match="PocketSphinx is not installed"):
            await translator.open(SPANISH.model_copy(update={"speech": speech}))
        return prepared

    monkeypatch.setattr(importlib.util, "find_spec", without)
    assert asyncio.run(opened(speech=False)) == ["en-US to es"]
    assert asyncio.run(opened(speech=True)) == ["es to be heard", "en-US to es"]


def test_the_doctor_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thing with the command that adds it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    assert missing() == [
        ("PocketSphinx", "pip install 'rawmedia[offline]'"),
        ("Apertium's eng-spa", "sudo apt-get install apertium apertium-eng-spa"),
        ("eSpeak NG", "pip install 'rawmedia[offline]'"),
    ]


@pytest.mark.engines
def test_nothing_is_missing_where_the_tests_run() -> None:
    """Or all that is called "engines" would be worth nothing."""
    assert missing() == []


def test_names_are_loaded_when_they_are_used() -> None:
    """The package offers its parts and is still light for the worker process."""
    assert offline.OfflineTranslator is OfflineTranslator
    assert all(getattr(offline, name) for name in offline.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Vosk'"):
        _ = offline.Vosk


def test_it_is_a_translator() -> None:
    """For the type checker; nothing is started before it is used."""
    before = children()
    translator: Translator = offline_translator()
    assert translator.capabilities.name == "offline"
    assert translator.capabilities.input_formats == (SPEECH,)
    assert translator.capabilities.source_languages == ("en",)
    assert translator.capabilities.target_languages == ("es", "fr")
    assert children() == before
