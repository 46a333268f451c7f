"""The checks of a cascade's parts pass good ones, and each catches what it is there for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from broken_parts import HEARING_BREACHES, SPEECH_BREACHES, TEXT_BREACHES
from conformance_kit import Breach, require_caught
from good_parts import GoodRecognizer, GoodSynthesizer, GoodTextTranslator

from rawmedia.errors import ConfigurationError
from rawmedia.testing import VirtualClock, silence, speech_like
from rawmedia.testing.checks import (
    RECOGNIZER_CHECKS,
    SYNTHESIZER_CHECKS,
    TEXT_TRANSLATOR_CHECKS,
    BrokenPromiseError,
    check_recognizer,
    check_synthesizer,
    check_text_translator,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[], Any]


def test_a_good_text_translator_passes_every_check() -> None:
    clock = VirtualClock()
    report = clock.run(check_text_translator(GoodTextTranslator, clock=clock))
    assert report.passed == TEXT_TRANSLATOR_CHECKS.names


def test_a_good_synthesizer_passes_every_check() -> None:
    report = asyncio.run(check_synthesizer(GoodSynthesizer))
    assert report.passed == SYNTHESIZER_CHECKS.names


def test_a_good_recognizer_passes_every_check() -> None:
    clock = VirtualClock()
    report = clock.run(check_recognizer(GoodRecognizer, clock=clock))
    assert report.passed == RECOGNIZER_CHECKS.names


@pytest.mark.parametrize("breach", TEXT_BREACHES.params())
def test_a_broken_text_translator_is_caught(breach: Breach[Make]) -> None:
    clock = VirtualClock()
    with pytest.raises(BrokenPromiseError) as caught:
        clock.run(check_text_translator(breach.make, clock=clock, only=breach.check))
    require_caught(caught, breach.check)


@pytest.mark.parametrize("breach", SPEECH_BREACHES.params())
def test_a_broken_synthesizer_is_caught(breach: Breach[Make]) -> None:
    clock = VirtualClock()
    with pytest.raises(BrokenPromiseError) as caught:
        clock.run(check_synthesizer(breach.make, clock=clock, only=breach.check))
    require_caught(caught, breach.check)


@pytest.mark.parametrize("breach", HEARING_BREACHES.params())
def test_a_broken_recognizer_is_caught(breach: Breach[Make]) -> None:
    clock = VirtualClock()
    with pytest.raises(BrokenPromiseError) as caught:
        clock.run(check_recognizer(breach.make, clock=clock, only=breach.check))
    require_caught(caught, breach.check)


def test_every_check_has_somebody_to_catch() -> None:
    assert TEXT_BREACHES.checks == set(TEXT_TRANSLATOR_CHECKS.names)
    assert SPEECH_BREACHES.checks == set(SYNTHESIZER_CHECKS.names)
    assert HEARING_BREACHES.checks == set(RECOGNIZER_CHECKS.names)


class VagueTextTranslator(GoodTextTranslator):
    """Says nothing of its pairs, and knows every word."""

    pairs = None

    async def translate(self, text: str, *pair: str) -> Any:
        return await super().translate(text.replace("zx", ""), *pair)


class VagueSynthesizer(GoodSynthesizer):
    languages = None


class VagueRecognizer(GoodRecognizer):
    """Says nothing of its languages, nor understands anything."""

    languages = None

    async def recognize(self, frames: Any, language: str) -> Any:
        async for _ in frames:
            pass
        return
        yield


def test_what_a_part_does_not_say_is_not_checked_and_the_report_says_so() -> None:
    text = asyncio.run(check_text_translator(VagueTextTranslator))
    assert set(text.skipped) == {
        "unknown_words_stand_in_the_text",
        "a_language_that_it_lacks_is_refused",
    }
    speech = asyncio.run(
        check_synthesizer(VagueSynthesizer, only="a_language_that_it_lacks_is_refused")
    )
    assert speech.passed == ()
    skipped = {
        check: asyncio.run(check_recognizer(VagueRecognizer, only=check)).skipped
        for check in (
            "the_last_utterance_is_finished",
            "utterances_do_not_overlap",
            "words_lie_in_order_in_their_span",
            "what_is_heard_only_goes_forward",
            "what_is_settled_is_not_reported_later",
            "frames_are_not_hoarded",
            "a_language_that_it_lacks_is_refused",
        )
    }
    assert all(skipped.values())


def test_parts_that_never_say_the_same_twice_are_held_to_the_rest() -> None:
    speech = asyncio.run(check_synthesizer(GoodSynthesizer, repeatable=False))
    assert speech.passed == SYNTHESIZER_CHECKS.names
    hearing = asyncio.run(check_recognizer(GoodRecognizer, repeatable=False))
    assert hearing.passed == RECOGNIZER_CHECKS.names


def test_the_audio_of_a_recognizer_is_the_callers() -> None:
    frames = [speech_like(500, seed=4)]
    report = asyncio.run(check_recognizer(GoodRecognizer, audio=frames))
    assert "the_last_utterance_is_finished" in report.passed
    with pytest.raises(ConfigurationError, match="audio"):
        asyncio.run(check_recognizer(GoodRecognizer, audio=silence(0)))
