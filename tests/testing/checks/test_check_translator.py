"""The checks of translators pass ours, and each catches what it is there for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from broken_translators import (
    FAILING_BREACHES,
    TRANSLATOR_BREACHES,
    crashing,
    echo,
    no_progress,
    unreachable,
)
from conformance_kit import Breach, require_caught, script, scripted
from good_parts import GoodRecognizer, GoodSynthesizer, GoodTextTranslator

from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import ConfigurationError, FormatMismatchError
from rawmedia.testing import ScriptedTranslator, VirtualClock, silence, tone
from rawmedia.testing.checks import TRANSLATOR_CHECKS, BrokenPromiseError, check_translator
from rawmedia.translators.cascade import CascadeTranslator
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Usage,
    UtteranceEnded,
    WordTiming,
)
from rawmedia.translators.function import translator
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.resilient import ResilientTranslator
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.testing.checks import Report
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.translator import Translator

    Make = Callable[[Clock], Translator]


def ten_lines(clock: Clock) -> Translator:
    """An engine as the tutorial has it, with word times, usage and narrow capabilities."""

    @translator(source_languages=["en"], target_languages=["es"], speech=False, clock=clock)
    async def counts(
        frames: AsyncIterator[AudioFrame], request: TranslationRequest
    ) -> AsyncIterator[TranslationEvent]:
        number = 0
        async for frame in frames:
            span = TimeSpan(frame.start_ms, frame.end_ms)
            name, words = f"n{number}", (WordTiming("frame", span),)
            texts = dict.fromkeys(request.target_languages, f"frame {number}")
            if request.partials:
                yield PartialTranslation(name, 0, "frame", "en", span, {}, words)
            yield FinalTranslation(
                name, 1, f"frame {number}", "en", span, texts, words, untranslated=("frame",)
            )
            yield UtteranceEnded(name, span)
            yield Usage(audio_ms=frame.duration_ms)
            number += 1

    return counts


def cascade(clock: Clock) -> Translator:
    return CascadeTranslator(GoodRecognizer(), GoodTextTranslator(), GoodSynthesizer(), clock=clock)


def resilient(clock: Clock) -> Translator:
    return ResilientTranslator(scripted(clock), clock=clock)


def several_formats(clock: Clock) -> Translator:
    return ScriptedTranslator(
        script(),
        clock=clock,
        capabilities=TranslatorCapabilities(name="several", input_formats=(SPEECH, TELEPHONY)),
        accepts_update=True,
        max_recorded_frames=50,
    )


@cache
def report_of(make: Make) -> Report:
    clock = VirtualClock()
    return clock.run(
        check_translator(lambda: make(clock), clock=clock, failing=lambda: crashing(clock))
    )


UNOPENED = "an_engine_that_can_not_be_opened_says_so"
FAILING_CHECKS = sorted(FAILING_BREACHES.checks)
OURS: tuple[Make, ...] = (scripted, echo, ten_lines, cascade, resilient, several_formats)


@pytest.mark.parametrize("make", OURS)
def test_our_translators_keep_every_promise(make: Make) -> None:
    report = report_of(make)
    assert set(report.passed) | set(report.skipped) == set(TRANSLATOR_CHECKS.names)
    assert len(report.passed) > 35


def test_no_promise_goes_unchecked_by_all_of_them() -> None:
    """A check that is skipped for every engine would never have been seen to pass."""
    passed = set.union(*(set(report_of(make).passed) for make in OURS))
    assert set(TRANSLATOR_CHECKS.names) - passed == {UNOPENED}


@pytest.mark.parametrize("check", FAILING_CHECKS)
def test_an_engine_may_fail_before_it_is_opened(check: str) -> None:
    """What becomes of a failing translation can't be seen where none was opened."""
    clock = VirtualClock()
    report = clock.run(
        check_translator(
            lambda: scripted(clock), clock=clock, failing=lambda: unreachable(clock), only=check
        )
    )
    if check == UNOPENED:
        assert report.passed == (check,)
    else:
        assert "nobody answers" in report.skipped[check]


@pytest.mark.parametrize("breach", TRANSLATOR_BREACHES.params())
def test_a_broken_translator_is_caught(breach: Breach[Make]) -> None:
    clock = VirtualClock()
    with pytest.raises(BrokenPromiseError) as caught:
        clock.run(check_translator(lambda: breach.make(clock), clock=clock, only=breach.check))
    require_caught(caught, breach.check)


@pytest.mark.parametrize("breach", FAILING_BREACHES.params())
def test_a_translator_that_fails_badly_is_caught(breach: Breach[Make]) -> None:
    clock = VirtualClock()
    with pytest.raises(BrokenPromiseError) as caught:
        clock.run(
            check_translator(
                lambda: scripted(clock),
                clock=clock,
                failing=lambda: breach.make(clock),
                only=breach.check,
            )
        )
    require_caught(caught, breach.check)


def test_every_check_has_somebody_to_catch() -> None:
    assert TRANSLATOR_BREACHES.checks | FAILING_BREACHES.checks == set(TRANSLATOR_CHECKS.names)


def test_an_engine_that_does_not_fail_is_no_failing_one() -> None:
    clock = VirtualClock()
    with pytest.raises(BrokenPromiseError, match="ended without an error"):
        clock.run(
            check_translator(
                lambda: scripted(clock),
                clock=clock,
                failing=lambda: scripted(clock),
                only="a_failure_refuses_frames",
            )
        )


@pytest.mark.parametrize(
    "check",
    [
        "a_final_has_the_highest_revision",
        "an_ended_utterance_is_over",
        "every_utterance_ends",
        "spans_lie_in_the_audio",
        "speech_is_contiguous",
        "without_speech_only_text_comes",
        "positions_are_media_time",
        "an_interrupt_stops_the_speech",
    ],
)
def test_an_engine_that_understands_nothing_is_not_said_to_have_kept_its_word(check: str) -> None:
    """A report must not look better than what was seen."""
    clock = VirtualClock()
    report = clock.run(
        check_translator(lambda: ScriptedTranslator(clock=clock), clock=clock, only=check)
    )
    assert not report.passed
    assert report.skipped[check]


@pytest.mark.parametrize("check", ["progress_only_goes_forward", "progress_leaves_nothing_behind"])
def test_an_engine_that_reports_no_progress_is_not_said_to_do_it_well(check: str) -> None:
    clock = VirtualClock()
    report = clock.run(check_translator(lambda: no_progress(clock), clock=clock, only=check))
    assert report.skipped == {check: "the engine reported no progress"}


@pytest.mark.parametrize(
    "check",
    [
        "a_cancelled_wait_loses_no_event",
        "an_interrupt_stops_the_speech",
        "closing_twice_is_harmless",
    ],
)
def test_engines_that_never_say_the_same_twice_are_held_to_the_rest(check: str) -> None:
    clock = VirtualClock()
    report = clock.run(
        check_translator(lambda: scripted(clock), clock=clock, repeatable=False, only=check)
    )
    assert report.passed == (check,)


def test_the_audio_and_the_request_are_the_callers() -> None:
    clock = VirtualClock()
    request = TranslationRequest(source_language="en", target_languages=("fr",))
    translator = scripted(clock)
    report = clock.run(
        check_translator(
            lambda: translator,
            clock=clock,
            request=request,
            audio=[tone(4_000)],
            only="speech_is_contiguous",
        )
    )
    assert report.passed == ("speech_is_contiguous",)
    assert translator.requests == [request]
    assert [frame.duration_ms for frame in translator.translations[0].frames] == [4_000]


def test_audio_that_the_engine_does_not_take_is_refused() -> None:
    clock = VirtualClock()
    with pytest.raises(FormatMismatchError):
        clock.run(
            check_translator(
                lambda: scripted(clock), clock=clock, audio=tone(100, format=TELEPHONY)
            )
        )
    with pytest.raises(ConfigurationError, match="audio"):
        clock.run(check_translator(lambda: scripted(clock), clock=clock, audio=silence(0)))
