"""The real service, asked what loopback can't tell; needs a key, and costs some cents.

Run it with ``AZURE_SPEECH_KEY=... AZURE_SPEECH_REGION=... pytest -m azure_live -s``. Besides what it
checks it prints what the service answered, line by line, so that the emulator can be corrected
from it. It says nothing of the key.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from azure_kit import codes, of

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import AuthenticationError, RawMediaError
from rawmedia.testing import in_frames
from rawmedia.translators.azure import (
    AzureOptions,
    AzureSpeechConfig,
    AzureTranslator,
    recognizer,
)
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    TranslatedAudio,
    TranslationEvent,
)
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.azure_live,
    pytest.mark.skipif(
        not AzureSpeechConfig.is_configured(),
        reason="set AZURE_SPEECH_KEY and AZURE_SPEECH_REGION to ask the real service",
    ),
]

CALL = Path(__file__).parents[3] / "examples" / "speech" / "call-centre.flac"
_TRAIL_MS = 2_500
"""Silence after the speech, so that its last sentence ends."""


@pytest.fixture(scope="module")
def call() -> list[AudioFrame]:
    """Twenty seconds of English at most, as 20 ms frames."""
    samples, rate = soundfile.read(CALL, dtype="int16", always_2d=True)
    converter = FormatConverter(AudioFormat(rate, samples.shape[1]), SPEECH)
    data = converter.push(samples[: 20 * rate].tobytes()) + converter.flush()
    data += bytes(2 * SPEECH.samples(_TRAIL_MS))
    return in_frames(AudioFrame(data, SPEECH))


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What the SDK hands on, before it is read: JSON of phrases, first bytes of speech."""
    kept: dict[str, list[str]] = {"json": [], "speech": []}

    def keeping(read: Callable[..., Any], name: str, look: Callable[[Any], str]) -> None:
        def reading(event: Any, *arguments: Any, **named: Any) -> Any:
            kept[name].append(look(event))
            return read(event, *arguments, **named)

        monkeypatch.setattr(recognizer, read.__name__, reading)

    keeping(recognizer._phrase, "json", lambda event: str(event.result.json))
    keeping(recognizer._speech, "speech", lambda event: event.result.audio[:48].hex(" "))
    return kept


def config() -> AzureSpeechConfig:
    return AzureSpeechConfig.from_environment()


def told(what: str, value: object) -> None:
    print(f"azure_live: {what}: {value}")


async def translate(
    frames: list[AudioFrame],
    *targets: str,
    options: AzureOptions | None = None,
    commit_at_ms: float | None = None,
    **settings: Any,
) -> tuple[list[TranslationEvent], list[float]]:
    """Speak in real time; the events, and when each came, in seconds since the first frame."""
    request = TranslationRequest(
        source_language="en-US", target_languages=targets or ("es",), **settings
    )
    engine = AzureTranslator(config(), options=options)
    opening = time.monotonic()
    translation = await engine.open(request)
    told("open took s", round(time.monotonic() - opening, 3))
    events, at = [], []
    async with translation:
        start = time.monotonic()

        async def speak() -> None:
            for frame in frames:
                await asyncio.sleep(max(0.0, start + frame.end_ms / 1_000 - time.monotonic()))
                await translation.send(frame)
                if commit_at_ms is not None and frame.start_ms <= commit_at_ms < frame.end_ms:
                    await translation.commit()
            await translation.end_input()

        speaking = asyncio.create_task(speak())
        async with asyncio.timeout(frames[-1].end_ms / 1_000 + 60):
            async for event in translation:
                events.append(event)
                at.append(time.monotonic() - start)
        await speaking
        closing = time.monotonic()
    told("close took s", round(time.monotonic() - closing, 3))
    await engine.aclose()
    assert codes(events) == [], "the connection was replaced"
    return events, at


def test_one_language_is_heard_and_spoken_by_the_service_itself(
    call: list[AudioFrame], raw: dict[str, list[str]]
) -> None:
    """Which family of messages; WAV or Ogg, at which rate; how long after the words."""
    events, at = asyncio.run(translate(call, "es"))
    finals, audio = of(events, FinalTranslation), of(events, TranslatedAudio)
    for each in finals:
        told("final", (each.span, each.source_text, dict(each.translations)))
    told("phrase JSON", raw["json"][:2])
    told("first bytes of speech", raw["speech"][:2])
    told("format of the speech", {str(each.frame.format) for each in audio})
    spans = [
        seconds - each.span.end_ms / 1_000
        for each, seconds in zip(events, at, strict=True)
        if isinstance(each, FinalTranslation)
    ]
    told("final after its last word, s", [round(each, 2) for each in spans])
    assert finals
    assert all(each.translations.get("es") for each in finals)
    assert {each.utterance_id for each in audio} == {each.utterance_id for each in finals}
    assert of(events, PartialTranslation)


def test_several_languages_are_spoken_by_a_synthesizer_each(call: list[AudioFrame]) -> None:
    events, _ = asyncio.run(translate(call, "es", "de", "fr"))
    audio = of(events, TranslatedAudio)
    told("formats", {(each.language, str(each.frame.format)) for each in audio})
    assert {each.language for each in audio} == {"es", "de", "fr"}


def test_a_commit_ends_the_utterance(call: list[AudioFrame], raw: dict[str, list[str]]) -> None:
    """Whether the service does so at all is unknown; what it answers is printed."""
    events, at = asyncio.run(translate(call, "es", commit_at_ms=2_000, speech=False))
    first = next(
        (round(seconds, 2), each.span)
        for each, seconds in zip(events, at, strict=True)
        if isinstance(each, FinalTranslation)
    )
    told("commit at 2 s; the first final came at s, for", first)
    told("its JSON", raw["json"][:1])


def test_words_have_times(call: list[AudioFrame], raw: dict[str, list[str]]) -> None:
    options = AzureOptions(word_timings=True)
    events, _ = asyncio.run(translate(call, "es", options=options, speech=False))
    finals = of(events, FinalTranslation)
    told("words", [[each.word for each in final.words] for final in finals][:2])
    told("phrase JSON with words", raw["json"][:1])
    assert any(final.words for final in finals)
    for final in finals:
        starts = [each.span.start_ms for each in final.words]
        assert starts == sorted(starts)


def test_the_language_is_found_out(call: list[AudioFrame]) -> None:
    options = AzureOptions(detection="continuous", candidates=("de-DE", "fr-FR"))
    events, _ = asyncio.run(translate(call, "es", options=options, speech=False))
    languages = {each.source_language for each in of(events, FinalTranslation)}
    told("languages", languages)
    assert languages == {"en-US"}


def test_a_short_connection_is_replaced_without_a_word_lost_or_doubled(
    call: list[AudioFrame],
) -> None:
    """What the service says of a hand-over after some seconds, with twice the call."""
    again = [AudioFrame(each.samples, SPEECH, each.position + call[-1].end) for each in call]

    async def main() -> list[TranslationEvent]:
        settings = config().model_copy(update={"max_session_ms": 16_000.0})
        engine = AzureTranslator(settings)
        request = TranslationRequest(
            source_language="en-US", target_languages=("es",), speech=False
        )
        async with await engine.open(request) as translation:

            async def speak() -> None:
                start = time.monotonic()
                for frame in [*call, *again]:
                    await asyncio.sleep(max(0.0, start + frame.end_ms / 1_000 - time.monotonic()))
                    await translation.send(frame)
                await translation.end_input()

            speaking = asyncio.create_task(speak())
            events = [event async for event in translation]
            await speaking
            told("stats", translation.stats)
        return events

    events = asyncio.run(main())
    told("steps", codes(events))
    finals = of(events, FinalTranslation)
    for each in finals:
        told("final", (each.span, each.source_text))
    assert "handed_over" in codes(events)
    for one, two in pairwise(finals):
        assert one.span.end_ms <= two.span.start_ms + 100, "something was said twice"


@pytest.mark.skipif("AZURE_LIVE_MINUTES" not in os.environ, reason="set AZURE_LIVE_MINUTES=11")
def test_what_the_service_says_after_ten_minutes(
    call: list[AudioFrame], caplog: pytest.LogCaptureFixture
) -> None:
    """The rotation: with the hand-over out of the way, how does a connection end?"""
    minutes = float(os.environ["AZURE_LIVE_MINUTES"])
    samples = np.concatenate([each.samples for each in call])
    repeats = int(minutes * 60_000 / (len(samples) / 16))
    frames = in_frames(AudioFrame(np.tile(samples, (repeats, 1)), SPEECH))

    async def main() -> None:
        from rawmedia.translators.azure.session import AzureSessions

        request = TranslationRequest(
            source_language="en-US", target_languages=("es",), speech=False
        )
        one = await AzureSessions(config()).open(request)
        start = time.monotonic()
        try:

            async def speak() -> None:
                for frame in frames:
                    await asyncio.sleep(max(0.0, start + frame.end_ms / 1_000 - time.monotonic()))
                    await one.send(frame)
                await one.end_input()

            speaking = asyncio.create_task(speak())
            async for _ in one:
                pass
            await speaking
            told("no rotation within minutes", minutes)
        except RawMediaError as error:
            told(f"the connection ended after {time.monotonic() - start:.0f} s", repr(error))
        finally:
            await one.aclose()

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())


def test_a_wrong_key_is_told_as_such() -> None:
    right = config()
    wrong = AzureSpeechConfig(
        key="0" * 32, region=right.region, endpoint=right.endpoint, host=right.host
    )

    async def main() -> None:
        with pytest.raises(AuthenticationError) as caught:
            await AzureTranslator(wrong).open(
                TranslationRequest(source_language="en-US", target_languages=("es",))
            )
        told("wrong key", json.dumps(str(caught.value)))

    asyncio.run(main())
