"""The engines that come with the library keep the promises that everybody's are asked for."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.testing import signals
from rawmedia.testing.azure_emulator import AzureSpeechEmulator, EmulatedUtterance
from rawmedia.testing.checks import (
    RECOGNIZER_CHECKS,
    SYNTHESIZER_CHECKS,
    TEXT_TRANSLATOR_CHECKS,
    TRANSLATOR_CHECKS,
    check_recognizer,
    check_synthesizer,
    check_text_translator,
    check_translator,
)
from rawmedia.testing.legs import converted
from rawmedia.translators.azure import AzureOptions, AzureSpeechConfig, AzureTranslator
from rawmedia.translators.offline import (
    ApertiumTranslator,
    EspeakSynthesizer,
    OfflineTranslator,
    PocketSphinxRecognizer,
)
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

SPOKEN = Path(__file__).parents[3] / "examples" / "speech" / "call-centre.flac"
KEY, WRONG_KEY = "0123456789abcdef" * 2, "fedcba9876543210" * 2
SCRIPT = [
    EmulatedUtterance(
        source_text=text,
        start_ms=start_ms,
        end_ms=start_ms + 900,
        revisions=[text[:2]],
        translations={"es": translation},
        speech=600.0,
    )
    for text, start_ms, translation in (("hello", 200.0, "hola"), ("bye", 2_000.0, "adiós"))
]


def spoken(duration_ms: float) -> AudioFrame:
    """What the embedded engine understands, and a second of silence after it."""
    whole = AudioFrame(converted(SPOKEN, SPEECH), SPEECH)
    said = AudioFrame(whole.samples[: SPEECH.samples(duration_ms)], SPEECH)
    return signals.joined([said, signals.silence(1_000).at(said.end)])


@contextmanager
def served() -> Iterator[AzureSpeechEmulator]:
    """The emulator on an event loop of its own: its tasks are none that the engine left."""
    emulator = AzureSpeechEmulator(SCRIPT, keys=[KEY], record_audio=False)
    loop, ready = asyncio.new_event_loop(), threading.Event()
    over = asyncio.Event()

    async def serve() -> None:
        async with emulator:
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield emulator
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def azure(emulator: AzureSpeechEmulator, key: str = KEY) -> AzureTranslator:
    return AzureTranslator(
        AzureSpeechConfig(key=key, host=emulator.host), options=AzureOptions(upload_speed=20)
    )


def test_azure_speech_keeps_every_promise() -> None:
    """Microsoft's own SDK, on the emulator; what this one never does can't be checked by it."""
    with served() as emulator:
        report = asyncio.run(
            check_translator(
                lambda: azure(emulator),
                request=TranslationRequest(source_language="en-US", target_languages=("es",)),
                failing=lambda: azure(emulator, WRONG_KEY),
                patience_s=30,
            )
        )
    assert len(report.passed) + len(report.skipped) == len(TRANSLATOR_CHECKS)
    assert set(report.skipped) == {
        "a_change_of_format_is_refused",  # it takes one
        "a_failed_translation_leaves_nothing",  # a wrong key never gets so far
        "a_failure_ends_iteration_with_its_error",
        "a_failure_refuses_frames",
        "an_overload_passes",  # three minutes of audio are not enough for one
        "closing_lets_a_waiting_send_go",
        "unknown_words_stand_in_a_translation",  # the service does not tell
        "usage_is_never_negative",
        "what_it_cannot_do_is_refused_by_open",  # only the service knows its languages
        "words_lie_in_order_in_their_span",
    }


@pytest.mark.untraced
@pytest.mark.engines
def test_the_embedded_recogniser_keeps_every_promise() -> None:
    report = asyncio.run(check_recognizer(PocketSphinxRecognizer, audio=spoken(3_000)))
    assert report.passed == RECOGNIZER_CHECKS.names


@pytest.mark.untraced
@pytest.mark.engines
def test_the_embedded_translator_of_texts_keeps_every_promise() -> None:
    report = asyncio.run(check_text_translator(ApertiumTranslator))
    assert report.passed == TEXT_TRANSLATOR_CHECKS.names


@pytest.mark.engines
def test_the_embedded_voice_keeps_every_promise() -> None:
    """It breathes by chance, so no two of its sentences are the same to the sample."""
    report = asyncio.run(check_synthesizer(EspeakSynthesizer, repeatable=False))
    assert report.passed == SYNTHESIZER_CHECKS.names


@pytest.mark.engines
@pytest.mark.soak
def test_the_embedded_engine_keeps_every_promise() -> None:
    """Above a minute, as each check hears all of the audio."""
    report = asyncio.run(check_translator(OfflineTranslator, audio=spoken(7_000), repeatable=False))
    assert len(report.passed) + len(report.skipped) == len(TRANSLATOR_CHECKS)
    assert set(report.skipped) == {
        "a_change_of_format_is_refused",  # it takes one
        "a_failed_translation_leaves_nothing",  # nobody kills its process here
        "a_failure_ends_iteration_with_its_error",
        "a_failure_refuses_frames",
        "an_engine_that_can_not_be_opened_says_so",
        "unknown_words_stand_in_a_translation",  # it knows all of these
        "usage_is_never_negative",
    }
