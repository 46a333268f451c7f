"""Whatever an engine does to its direction of a call, the other direction does not notice."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import tracemalloc
from dataclasses import replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bridge_kit import carry, hears, voice
from hypothesis import given, settings
from hypothesis import strategies as st
from lawless_kit import (
    TO_ANA,
    Lawless,
    beside,
    blames_the_engine,
    every,
    is_unharmed,
    problems,
)
from session_kit import VOICE

from rawmedia.audio.format import AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import (
    EngineFailedError,
    NetworkError,
    TranslatorClosedError,
    TranslatorError,
    TranslatorOverloadedError,
    TranslatorStalledError,
    UnsupportedFormatError,
)
from rawmedia.sessions.engine.failures import engine_failure
from rawmedia.sessions.events import (
    CaptionsFailed,
    DirectionChanged,
    EngineMisbehaved,
    SessionWarning,
    UtteranceHeard,
    UtteranceStarted,
)
from rawmedia.testing.event_strategies import broken_event_sequences, event_sequences
from rawmedia.testing.signals import noise, silence
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslatorWarning,
    Usage,
    UtteranceEnded,
    WordTiming,
)
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bridge_kit import Call

    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.translators.events import TranslationEvent

SPAN = TimeSpan(100, 500)
INF = float("inf")
REQUEST = TranslationRequest(source_language="en", target_languages=("fr",))


def partial(text: str = "peut", revision: Any = 0, name: str = "u", **more: Any) -> Any:
    event = PartialTranslation(name, revision, "may", "en", SPAN, {"fr": text})
    return replace(event, **more)


def final(text: str = "oui", name: str = "u", **more: Any) -> Any:
    event = FinalTranslation(name, 9, "yes", "en", SPAN, {"fr": text})
    return replace(event, **more)


def speech(name: str = "u", frame: Any = None, **more: Any) -> Any:
    event = TranslatedAudio(name, "fr", voice(7) if frame is None else frame, SPAN)
    return replace(event, **more)


def ended(name: str = "u", span: Any = SPAN) -> UtteranceEnded:
    return UtteranceEnded(name, span)


def at_once(*events: Any, at_ms: float = 607) -> list[tuple[float, Any]]:
    return [(at_ms, event) for event in events]


def bent(event: Any, **fields: Any) -> Any:
    """An event with fields that its own code would refuse."""
    copy = replace(event)
    for name, value in fields.items():
        object.__setattr__(copy, name, value)
    return copy


def span(start_ms: Any, end_ms: Any) -> TimeSpan:
    """A span, also one that its own code would refuse."""
    made: TimeSpan = bent(SPAN, start_ms=start_ms, end_ms=end_ms)
    return made


class TestARuleThatIsBroken:
    @pytest.mark.parametrize(
        ("events", "rules"),
        [
            pytest.param([ended(), final(), speech(), ended()], [], id="ended before anything"),
            pytest.param([final(), ended(), speech()], ["after_end"], id="speech after the end"),
            pytest.param([speech(), ended(), final()], ["after_end", "no_text"], id="text after"),
            pytest.param([final(), ended(), ended()], ["second_end"], id="ended twice"),
            pytest.param(
                [final(), partial(), ended()], ["partial_after_final"], id="partial after final"
            ),
            pytest.param([final(), final("non"), ended()], ["second_final"], id="two finals"),
            pytest.param(
                [partial(revision=4), partial(revision=1), final(), ended()],
                ["revision_back"],
                id="revisions backwards",
            ),
            pytest.param(
                [final(), speech(), ended(), final(), speech(), ended()],
                ["after_end", "second_end", "second_final"],
                id="an id used again",
            ),
            pytest.param(
                [final(span=TimeSpan(300, 600)), ended(), final(name="v"), ended("v")],
                ["spans_overlap"],
                id="spans backwards",
            ),
            pytest.param(
                [final(span=TimeSpan(0, 1e12)), ended()], ["span_unheard"], id="a span of years"
            ),
            pytest.param(
                [final(span=TimeSpan(0, INF)), ended()], ["span_infinite"], id="an endless span"
            ),
            pytest.param(
                [final(span=TimeSpan(INF, INF)), speech(span=TimeSpan(INF, INF)), ended()],
                ["span_infinite"],
                id="a span beyond time",
            ),
            pytest.param([speech(), ended()], ["no_text"], id="speech without text"),
            pytest.param([final(), ended()], [], id="text without speech"),
            pytest.param([final()], [], id="never ended"),
            pytest.param([speech()], ["no_text"], id="speech that never ends"),
            pytest.param(
                [final(translations={"fr": "oui", "tlh": "HIja'"}), ended()],
                ["unknown_language"],
                id="text in a language of its own",
            ),
            pytest.param(
                [final(), speech(language="tlh"), ended()],
                ["unknown_language"],
                id="speech in a language of its own",
            ),
            pytest.param([final(), speech(frame=silence(0)), ended()], [], id="no samples"),
            pytest.param([Progress(500), Progress(100)], [], id="progress backwards"),
            pytest.param(
                [Progress(math.nan), Progress(INF), Progress(-INF), Progress(-1), Progress(1e300)],
                [],
                id="progress anywhere",
            ),
            pytest.param(
                [Usage(10**400, 10**400, -1, math.nan), Usage(1e308), Usage(1e308)],
                [],
                id="usage beyond numbers",
            ),
            pytest.param(
                [final(""), final(" \n", "v"), final("\ud800\0-->", "w")],
                ["spans_overlap"],
                id="no text",
            ),
            pytest.param([TranslatorWarning("\ud800", "nobody", None)], [], id="a warning"),
        ],
    )
    def test_is_told_by_name_and_is_nothing_to_the_other_direction(
        self, events: list[Any], rules: list[str]
    ) -> None:
        """An engine that is odd still translates; who runs it should hear of it, once."""
        call, written = beside(Lawless(at_once(*events)))
        carry(call)
        is_unharmed(call, written)
        told = call.told("a_to_b", EngineMisbehaved)
        assert sorted(event.rule for event in told) == rules
        assert {event.engine for event in told} <= {"lawless"}
        metrics = call.bridge.a_to_b.metrics()
        assert sorted(metrics.oddities) == rules
        assert not problems(call)
        assert call.states("a_to_b") == ["translating", "ended"]

    def test_is_told_once_and_counted_each_time(self) -> None:
        """An engine does the same a thousand times, and nobody wants to read that."""
        events = [
            event
            for number in range(50)
            for event in (final(name=f"{number}"), ended(f"{number}"), ended(f"{number}"))
        ]
        call, written = beside(Lawless(at_once(*events)))
        carry(call)
        is_unharmed(call, written)
        assert sorted(event.rule for event in call.told("a_to_b", EngineMisbehaved)) == [
            "second_end",
            "spans_overlap",
        ]
        assert call.bridge.a_to_b.metrics().oddities == {"second_end": 50, "spans_overlap": 49}

    def test_costs_no_more_than_the_utterance_that_breaks_it(self) -> None:
        """What the same engine says properly is heard, before and after."""
        good = [final("un", "a"), speech("a", voice(8)), ended("a")]
        bad = [ended("b"), final("x", "b", span=TimeSpan(0, INF)), ended("b"), ended("b")]
        late = TimeSpan(1_500, 1_900)
        better = [final("deux", "c", span=late), speech("c", voice(9), span=late), ended("c", late)]
        call, written = beside(Lawless([*at_once(*good, *bad), *at_once(*better, at_ms=2_007)]))
        carry(call)
        is_unharmed(call, written)
        hears(call, call.bob, [(620.0, voice(8)), (2_020.0, voice(9))])
        texts = [cue.text for cue in written.cues]
        assert texts == ["x", "un", "deux"]  # in the order in which they can be known

    @pytest.mark.parametrize(
        "event",
        [
            pytest.param(None, id="None"),
            pytest.param("hello", id="a str"),
            pytest.param({"utterance_id": "u"}, id="a dict"),
            pytest.param(final, id="a function"),
            pytest.param(FinalTranslation, id="a class"),
            pytest.param(final(utterance_id=None), id="no id"),
            pytest.param(final(utterance_id=[1]), id="an id that can't be a key"),
            pytest.param(partial(revision="last"), id="a revision in words"),
            pytest.param(final(source_text=None), id="no source text"),
            pytest.param(final(source_language=b"en"), id="a language in bytes"),
            pytest.param(final(translations=None), id="no translations"),
            pytest.param(final(translations=["oui"]), id="a list of translations"),
            pytest.param(final(translations={"fr": None}), id="a translation that is None"),
            pytest.param(final(translations={None: "oui"}), id="a language that is None"),
            pytest.param(final(words=None), id="no words"),
            pytest.param(final(words=("yes",)), id="words without a time"),
            pytest.param(final(words=(WordTiming("yes", None),)), id="a word at no time"),  # type: ignore[arg-type]
            pytest.param(final(untranslated="yes"), id="untranslated words in one"),
            pytest.param(final(span=None), id="no span"),
            pytest.param(final(span=(0, 1)), id="a tuple for a span"),
            pytest.param(ended(span=span(math.nan, math.nan)), id="a span that is no number"),
            pytest.param(speech(span=span(500, 100)), id="a span that goes backwards"),
            pytest.param(final(span=span(-5, 100)), id="a span before the call"),
            pytest.param(final(span=span("0", "1")), id="a span in words"),
            pytest.param(final(span=span(0, 10**400)), id="a span that is no float"),
            pytest.param(speech(frame=b"\0\0"), id="bytes for a frame"),
            pytest.param(bent(speech(), frame=None), id="no frame"),
            pytest.param(speech(language=None), id="speech in no language"),
            pytest.param(Progress("far"), id="progress in words"),  # type: ignore[arg-type]
            pytest.param(Progress(None), id="no progress"),  # type: ignore[arg-type]
            pytest.param(Usage("much"), id="usage in words"),  # type: ignore[arg-type]
            pytest.param(TranslatorWarning(None), id="no warning"),  # type: ignore[arg-type]
            pytest.param(TranslatorWarning("x", 5), id="a number for an id"),  # type: ignore[arg-type]
        ],
    )
    def test_by_what_is_no_event_fails_the_engine(self, event: object) -> None:
        """Nobody could say what it means; a new translation may do better."""
        call, written = beside(Lawless([(1_207, event)]))
        carry(call)
        is_unharmed(call, written)
        blames_the_engine(call)
        (failed,) = problems(call)
        assert type(failed) is EngineFailedError
        assert "reported a" in str(failed)
        assert call.states("a_to_b")[1] == "passing_through"
        assert call.engines["a_to_b"].opened == 2

    @pytest.mark.parametrize("event", [None, "hello", final(utterance_id=5), ended(span=None)])
    def test_by_what_is_no_event_fails_the_next_engine_likewise(self, event: object) -> None:
        """Its utterances are renamed, which what has no name can't be."""
        call, written = beside(Lawless([(200, OSError("first")), (1_207, event)]))
        carry(call)
        is_unharmed(call, written)
        blames_the_engine(call)
        assert [type(error) for error in problems(call)] == [EngineFailedError] * 2
        assert "reported a" in str(problems(call)[1])
        assert call.engines["a_to_b"].opened == 3


class UnspeakableError(Exception):
    """It can't even be told."""

    def __str__(self) -> str:
        raise ValueError("no words")


# New ones for each test: an exception keeps what it went through.
RAISED: dict[str, Callable[[], BaseException]] = {
    "ZeroDivisionError": lambda: ZeroDivisionError("oops"),
    "TimeoutError": lambda: TimeoutError("its own"),
    "CancelledError": lambda: asyncio.CancelledError("its own"),
    "GeneratorExit": GeneratorExit,
    "StopAsyncIteration": lambda: StopAsyncIteration("?"),
    "StopIteration": lambda: StopIteration("?"),
    "ExceptionGroup": lambda: ExceptionGroup("two", [ValueError("a"), OSError("b")]),
    "BaseExceptionGroup": lambda: BaseExceptionGroup("two", [asyncio.CancelledError()]),
    "unspeakable": UnspeakableError,
    "NetworkError": lambda: NetworkError("lawless", "gone"),
    "TranslatorClosedError": lambda: TranslatorClosedError("lawless"),
    "UnsupportedFormatError": lambda: UnsupportedFormatError("another", "this"),
}


class TestWhatAnEngineRaises:
    @pytest.mark.parametrize("place", ["open", "send", "end_input", "aiter", "anext"])
    @pytest.mark.parametrize("raised", RAISED)
    def test_fails_its_own_direction_only(self, place: str, raised: str) -> None:
        """Wherever it is called, and whatever it takes for an error."""
        error = RAISED[raised]()
        acts: dict[str, Any] = {place: error}
        call, written = beside(Lawless(at_once(final(), speech(), ended()), **acts))
        carry(call)
        is_unharmed(call, written)
        assert problems(call)
        states = call.states("a_to_b")
        if place != "end_input":
            assert "passing_through" in states
            again = place != "open" or getattr(error, "retryable", True)
            assert call.engines["a_to_b"].opened >= 1 + again

    @pytest.mark.parametrize("raised", RAISED)
    def test_in_the_middle_is_where_it_failed(self, raised: str) -> None:
        """What it said before is heard, and then the original."""
        error = RAISED[raised]()
        good = [final("un", "a"), speech("a", voice(8)), ended("a")]
        call, written = beside(
            Lawless([*at_once(*good), (1_500, error)]), setup={"reopen_ms": None}
        )
        carry(call)
        is_unharmed(call, written)
        assert call.states("a_to_b") == ["translating", "passing_through", "ended"]
        hears(call, call.bob, [(620.0, voice(8))])
        assert [cue.text for cue in written.cues] == ["un", "[not translated at the moment]"]
        (problem,) = problems(call)
        if not isinstance(error, NetworkError):
            assert isinstance(problem, EngineFailedError)
            assert problem.__cause__ is error or raised.startswith("Stop")

    @pytest.mark.parametrize("raised", RAISED)
    def test_at_its_close_is_told(self, raised: str) -> None:
        """By then nothing of it is wanted any more."""
        error = RAISED[raised]()
        call, written = beside(Lawless(at_once(final(), speech(), ended()), aclose=error))
        carry(call)
        is_unharmed(call, written)
        warnings = call.told("a_to_b", SessionWarning)
        assert warnings
        assert all("lawless could not be closed" in each.message for each in warnings)

    @pytest.mark.parametrize("place", ["interrupt", "update"])
    @pytest.mark.parametrize("raised", [*RAISED, "hang"])
    def test_when_it_is_told_to_change_is_for_whoever_told_it(
        self, place: str, raised: str
    ) -> None:
        """A program's own task must not end because an engine cancels something."""
        acts: dict[str, Any] = {place: RAISED[raised]() if raised in RAISED else raised}
        found: list[Exception | None] = []

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(1.0)
            direction = call.bridge.a_to_b
            try:
                if place == "interrupt":
                    await direction.interrupt()
                else:
                    await direction.update(replace_voices(direction.request))
            except Exception as problem:  # noqa: BLE001 - it is what the test is about
                found.append(problem)
            else:
                found.append(None)

        call, written = beside(Lawless(at_once(final(), speech(), ended()), **acts), lasts_ms=8_000)
        carry(call, meanwhile=meanwhile)
        is_unharmed(call, written)
        (problem,) = found
        if place == "interrupt":
            assert problem is None
            (warning,) = call.told("a_to_b", SessionWarning)
            assert "interrupted" in warning.message
        else:
            assert isinstance(problem, TranslatorError | UnsupportedFormatError)
            assert call.states("a_to_b") == ["translating", "ended"]

    @pytest.mark.parametrize("place", ["open", "send", "end_input", "anext", "aclose"])
    def test_by_cancelling_the_very_task_that_calls_it_holds_nothing_up(self, place: str) -> None:
        """A scope that is left in the wrong order does so, and nobody would wake up again."""
        acts: dict[str, Any] = {place: "cancel"}
        call, written = beside(Lawless(at_once(final(), speech(), ended()), **acts))
        carry(call)
        is_unharmed(call, written)
        assert call.clock.now() < 3 + 2 * 5
        if place in ("open", "send", "anext"):
            assert "cancel" in " ".join(map(str, problems(call))).lower()
            assert "passing_through" in call.states("a_to_b")
            assert call.engines["a_to_b"].opened >= 2

    def test_or_a_program_that_cancels_its_opening_is_tried_again(self) -> None:
        """Whoever waits for it with a timeout would leave the direction without an end."""

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(0.5)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await call.bridge.a_to_b.enable()

        def heal(direction: Direction, event: SessionEvent) -> None:
            if isinstance(event, DirectionChanged) and event.state == "passing_through":
                engine._acts.clear()

        engine = Lawless(at_once(final(), speech(), ended()), open="hang")
        setup = {"enabled": False, "max_stall_ms": 60_000.0, "reopen_ms": 100.0}
        call, written = beside(engine, setup=setup, on_event=heal)
        carry(call, meanwhile=meanwhile)
        is_unharmed(call, written)
        assert call.states("a_to_b") == [
            "opening",
            "passing_through",
            "translating",
            "ended",
        ]

    @pytest.mark.parametrize(
        "error",
        [
            KeyboardInterrupt(),
            SystemExit(1),
            BaseExceptionGroup("both", [OSError(), KeyboardInterrupt()]),
        ],
        ids=["Ctrl-C", "exit", "Ctrl-C among others"],
    )
    def test_to_end_the_program_is_none_of_its_failures(self, error: BaseException) -> None:
        """Somebody who presses Ctrl-C while an engine computes is not to be overheard."""
        with pytest.raises(type(error)) as caught:
            engine_failure("lawless", error)
        assert caught.value is error

    def test_at_its_close_does_not_let_it_go_on_talking(self) -> None:
        """Who switches a translation off wants to hear no more of it, whether it obeys or not."""

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(1.0)
            await call.bridge.a_to_b.disable()

        says = every(200, lambda number: speech(f"{number}", voice(number, 100)))
        call, written = beside(Lawless(says, aclose=ValueError("no")))
        carry(call, meanwhile=meanwhile)
        is_unharmed(call, written)
        heard = call.heard(call.bob)
        assert heard[: VOICE.samples(1_000)].any()
        assert not heard[VOICE.samples(1_025) :].any()
        assert call.states("a_to_b") == ["translating", "off", "ended"]
        assert call.clock.now() < 4

    def test_on_refusing_audio_is_not_waited_out_for_ever(self) -> None:
        """Its events should end with it; where they don't, nobody would be translated for hours."""
        call, written = beside(Lawless(send=NetworkError("lawless", "gone")), lasts_ms=4_000)
        carry(call)
        is_unharmed(call, written)
        failed = call.told("a_to_b", DirectionChanged)[1]
        assert failed.state == "passing_through"
        assert isinstance(failed.error, TranslatorStalledError)
        assert isinstance(failed.error.__cause__, NetworkError)
        assert "after it had refused audio" in str(failed.error)

    def test_that_it_has_no_room_without_waiting_for_any_does_not_stop_the_loop(self) -> None:
        """While its speech waits for a listener it is not to blame, and must not spin either."""

        class Refusing(Lawless):
            async def send(self, frame: AudioFrame) -> None:
                if asyncio.get_running_loop().time() > 0.7:
                    raise TranslatorOverloadedError("lawless", 0)

        engine = Refusing(at_once(speech(frame=noise(70_000, seed=5, format=VOICE))))
        call, written = beside(engine, setup={"max_lag_ms": None, "max_stall_ms": 5_000.0})
        carry(call)
        is_unharmed(call, written)


def replace_voices(request: TranslationRequest) -> TranslationRequest:
    return request.model_copy(update={"voices": {"fr": "somebody"}})


class TestWhatAnEngineReturns:
    @pytest.mark.parametrize("place", ["open", "aiter"])
    @pytest.mark.parametrize("garbage", [0, "x", object(), {}], ids=["0", "text", "object", "dict"])
    def test_may_be_anything(self, place: str, garbage: Any) -> None:
        """A translation without a single method is an engine that failed."""
        acts: dict[str, Any] = {place: garbage or "nothing"}
        call, written = beside(Lawless(**acts))
        carry(call)
        is_unharmed(call, written)
        blames_the_engine(call)

    @pytest.mark.parametrize("missing", ["send", "end_input", "aclose", "__aiter__"])
    def test_may_lack_a_verb(self, missing: str) -> None:
        """Written against another version, or by hand."""
        engine = Lawless(at_once(final(), speech(), ended()))

        class Without:
            def __getattr__(self, name: str) -> Any:
                if name == missing:
                    raise AttributeError(name)
                return getattr(engine, name)

        if missing != "__aiter__":
            Without.__aiter__ = lambda _self: engine.__aiter__()  # type: ignore[attr-defined]
        engine._acts["open"] = Without()
        call, written = beside(engine)
        carry(call)
        is_unharmed(call, written)
        found = [*problems_of_any_kind(call)]
        assert missing.strip("_").removeprefix("a") in " ".join(map(str, found))


def problems_of_any_kind(call: Call) -> list[Any]:
    return [
        *(event.error for event in call.told("a_to_b", DirectionChanged)),
        *(event.cause for event in call.told("a_to_b", SessionWarning)),
    ]


class TestSpeech:
    @pytest.mark.parametrize(
        ("rate_hz", "channels"), [(4_000, 1), (8_000, 2), (44_100, 1), (48_000, 8), (192_000, 2)]
    )
    def test_in_a_format_that_nobody_declared_is_converted(
        self, rate_hz: int, channels: int
    ) -> None:
        """A listener has one format, and engines change theirs with the voice."""
        frame = noise(400, seed=7, format=AudioFormat(rate_hz, channels))
        call, written = beside(Lawless(at_once(final(), speech(frame=frame), ended())))
        carry(call)
        is_unharmed(call, written)
        heard = call.heard(call.bob)
        loud = np.flatnonzero(heard) / VOICE.sample_rate
        assert loud[0] >= 0.62
        assert loud[-1] <= 1.04
        assert loud[-1] - loud[0] > 0.38
        assert not problems(call)

    def test_whose_format_changes_in_mid_utterance_goes_on(self) -> None:
        """Each change is a new stretch of audio."""
        frames = [
            noise(40, seed=rate_hz, format=AudioFormat(rate_hz, channels))
            for rate_hz in (8_000, 16_000, 24_000, 48_000)
            for channels in (1, 2)
        ]
        events = [speech(frame=frame) for frame in frames]
        call, written = beside(Lawless(at_once(final(), *events, ended())))
        carry(call)
        is_unharmed(call, written)
        assert call.bridge.a_to_b.metrics().speech.made_ms == 320

    def test_at_a_rate_that_can_not_be_converted_fails_the_engine(self) -> None:
        """The listener hears the original rather than nothing."""
        frame = AudioFrame.silence(AudioFormat(23_981), 2_000)
        call, written = beside(Lawless(at_once(final(), speech(frame=frame), ended())))
        carry(call)
        is_unharmed(call, written)
        blames_the_engine(call)
        failed = call.told("a_to_b", DirectionChanged)[1]
        assert failed.state == "passing_through"
        assert "23981 Hz mono" in str(failed.error)
        unheard_ms = call.bridge.a_to_b.metrics().speech.unheard_ms
        assert unheard_ms == pytest.approx(2_000 / 23.981)
        assert [cue.text for cue in written.cues][:1] == ["oui"]

    @pytest.mark.untraced
    @pytest.mark.parametrize("max_lag_ms", [4_000.0, None])
    def test_of_an_hour_at_once_is_taken_a_second_at_a_time(self, max_lag_ms: float | None) -> None:
        """Nobody else waits while it is converted, and what has no room is not even converted."""
        hour = AudioFrame.silence(AudioFormat(8_000), 8_000 * 3_600)
        turns = Turns()
        call, written = beside(
            Lawless(turns.while_saying([final(), speech(frame=hour), ended()])),
            setup={"max_lag_ms": max_lag_ms, "reopen_ms": None},
        )
        carry(call, meanwhile=turns.count)
        is_unharmed(call, written)
        made_ms = call.bridge.a_to_b.metrics().speech.made_ms
        if max_lag_ms is None:
            # Held up by who listens, it has ten minutes after the call, and what fits.
            assert 600_000 < made_ms < 700_000
            blames_the_engine(call)
        else:
            assert made_ms == 3_600_000
            assert not problems(call)
            assert turns.between[2] - turns.between[1] >= 3_600 - 1

    def test_of_silence_without_end_ends_with_the_call(self) -> None:
        """An engine that is never through would be open, and paid for, for the rest of the year."""
        pause = speech(frame=silence(500))
        call, written = beside(Lawless(every(500, lambda _: pause), ends=False))
        carry(call)
        is_unharmed(call, written)
        (problem,) = problems(call)
        assert "after the last of the audio" in str(problem)
        assert call.clock.now() <= 3 + 600 + 10
        assert call.engines["a_to_b"].closed

    def test_without_samples_is_nothing(self) -> None:
        """Some engines send an empty chunk as a sign of life."""
        nothing = speech(frame=silence(0))
        call, written = beside(Lawless(islice(every(100, lambda _: nothing), 20)))
        carry(call)
        is_unharmed(call, written)
        assert call.bridge.a_to_b.metrics().speech.made_ms == 0


class Turns:
    """How often somebody else had a turn while an engine spoke, at one moment of virtual time."""

    def __init__(self) -> None:
        self._taken = 0
        self.between: list[int] = []
        """How many had been taken whenever the engine was asked for more."""

    def while_saying(
        self, events: Iterable[Any], at_ms: float = 607
    ) -> Iterator[tuple[float, Any]]:
        for event in events:
            self.between.append(self._taken)
            yield at_ms, event
        self.between.append(self._taken)

    async def count(self, call: Call) -> None:
        await call.clock.sleep_until(0.6)
        # As soon as time passes the engine has said all.
        until = call.clock.now() + 0.008
        while call.clock.now() < until and self._taken < 20_000:
            self._taken += 1
            if call.clock.now() < 0.607:
                await call.clock.sleep_until(0.607)
            await asyncio.sleep(0)


class TestAFlood:
    @pytest.mark.parametrize(
        "event",
        [
            pytest.param(lambda number: partial(str(number), number), id="partials"),
            pytest.param(lambda number: partial("x", 0, f"{number}"), id="utterances"),
            pytest.param(lambda number: final("oui", f"{number}"), id="finals"),
            pytest.param(lambda number: ended(f"{number}"), id="ends"),
            pytest.param(
                lambda number: speech(f"{number}", silence(1), span=SPAN), id="pieces of speech"
            ),
            pytest.param(Progress, id="progress"),
            pytest.param(lambda number: Usage(number), id="usage"),
            pytest.param(lambda number: TranslatorWarning(f"{number}", f"{number}"), id="warnings"),
        ],
    )
    def test_of_a_million_a_second_leaves_everybody_his_turn(self, event: Any) -> None:
        """An engine that has always something to say would otherwise be all that runs."""
        turns = Turns()
        flood = turns.while_saying(event(number) for number in range(3_000))
        call, written = beside(Lawless(flood))
        carry(call, meanwhile=turns.count)
        is_unharmed(call, written)
        assert turns.between[-1] - turns.between[0] >= 3_000 / 10 - 1

    @pytest.mark.untraced
    def test_costs_bounded_memory(self) -> None:
        """However long it goes on, and whatever it says."""

        def flood() -> Iterator[tuple[float, Any]]:
            for number in range(6_000):
                name, at_ms = f"{number}", 100 + number / 3
                yield at_ms, partial(name * 5, number, name)
                yield at_ms, speech(name, silence(1), language=name)
                yield at_ms, ended(name)
                # What the books keep 20 000 of, they have a test of their own for.
                yield at_ms, final(name * 5, f"{number % 99}f")
                yield at_ms, speech(f"{number % 99}s", silence(1))

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(1.5)
            gc.collect()
            tracemalloc.start()
            await call.clock.sleep_until(2.2)
            gc.collect()
            grown.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()

        def forget(direction: Direction, event: SessionEvent) -> None:
            if direction.name == "a_to_b":
                call.events.pop()

        grown: list[int] = []
        call, written = beside(Lawless(flood()), setup={"captions": {}}, on_event=forget)
        written.tell = lambda *_: None  # type: ignore[method-assign]
        carry(call, meanwhile=meanwhile)
        assert call.error is None
        hears(call, call.ana, TO_ANA)
        # 10 000 events came in between; the last thousand of each kind take the place of others.
        assert grown[0] < 600_000

    @pytest.mark.parametrize(
        "event",
        [
            pytest.param(lambda text: partial(text, source_text=text), id="partial"),
            pytest.param(lambda text: final(text, source_text=text), id="final"),
            pytest.param(lambda text: final(translations={text[:1_000_000]: "x"}), id="a language"),
            pytest.param(lambda text: final(name=text), id="a name"),
            pytest.param(lambda text: TranslatorWarning(text), id="warning"),
            pytest.param(lambda text: EngineFailedError("lawless", text), id="error"),
        ],
    )
    @pytest.mark.parametrize("letter", ["x", "\ud800"])
    def test_of_ten_megabytes_of_text_is_a_text_like_any_other(
        self, event: Any, letter: str
    ) -> None:
        """A model that repeats itself does not stop by itself."""
        text = letter * (2_000_000 // len(letter))
        call, written = beside(Lawless(at_once(event(text), ended())))
        carry(call)
        is_unharmed(call, written)
        assert all(len(cue.text) <= 20_000 for cue in written.cues)
        assert all(len(update.text) <= 20_000 for update in written.feed.latest(9))


QUIET = 100
"""How loud the speech of the strategies is."""


def spoken(name: str, language: str, samples: int) -> TranslatedAudio:
    frame = AudioFrame(np.full((samples, 1), QUIET, np.int16), VOICE)
    return TranslatedAudio(name, language, frame, SPAN)


NAMES = st.sampled_from(["u1", "u2", "broken", "x"])
LANGUAGES = st.sampled_from(["fr", "tlh"])
TEXTS = st.text(max_size=8)
TIMES = st.floats(0, 1e9) | st.floats(0, 4_000) | st.just(INF)
SPANS = st.tuples(TIMES, st.floats(0, 4_000) | st.just(INF)).map(
    lambda pair: TimeSpan(pair[0], pair[0] + pair[1])
)
TRANSLATIONS = st.dictionaries(LANGUAGES, TEXTS, max_size=2)
ANY_EVENT: st.SearchStrategy[TranslationEvent] = st.one_of(
    st.builds(PartialTranslation, NAMES, st.integers(-2, 5), TEXTS, TEXTS, SPANS, TRANSLATIONS),
    st.builds(FinalTranslation, NAMES, st.integers(-2, 5), TEXTS, TEXTS, SPANS, TRANSLATIONS),
    st.builds(spoken, NAMES, LANGUAGES, st.integers(0, 12_000)),
    st.builds(UtteranceEnded, NAMES, SPANS),
    st.builds(Progress, st.floats()),
    st.builds(Usage, st.floats(), st.integers(), st.integers(), st.floats()),
    st.builds(TranslatorWarning, TEXTS, st.none() | NAMES),
)
SEQUENCES = st.one_of(
    event_sequences(REQUEST, format=VOICE),
    broken_event_sequences(REQUEST, format=VOICE).map(lambda broken: broken.events),
    st.lists(ANY_EVENT, max_size=12).map(tuple),
)


@st.composite
def timed(draw: st.DrawFn) -> list[tuple[float, TranslationEvent]]:
    """What an engine might say, lawful or not, and when."""
    events = [event for sequence in draw(st.lists(SEQUENCES, max_size=3)) for event in sequence]
    pauses = draw(st.lists(st.integers(0, 400), min_size=len(events), max_size=len(events)))
    at_ms, said = 107.0, []
    for event, pause in zip(events, pauses, strict=True):
        at_ms += pause
        said.append((at_ms, event))
    return said


@settings(max_examples=40, deadline=None)
@given(said=timed(), max_lag_ms=st.sampled_from([300.0, 4_000.0, None]))
def test_whatever_an_engine_says_is_said_one_thing_after_the_other_or_told_as_lost(
    said: list[tuple[float, TranslationEvent]], max_lag_ms: float | None
) -> None:
    """In any order at any time: one utterance at a time, each once, and every millisecond counted."""
    call, written = beside(
        Lawless(said), setup={"max_lag_ms": max_lag_ms, "max_stall_ms": 30_000.0}
    )
    carry(call)
    is_unharmed(call, written)
    assert np.abs(call.heard(call.bob).astype(int)).max(initial=0) <= QUIET
    heard = call.told("a_to_b", UtteranceHeard)
    for spoken_too in (True, False):
        names = [each.utterance_id for each in heard if each.spoken == spoken_too]
        assert len(names) == len(set(names))
    started = {each.utterance_id for each in call.told("a_to_b", UtteranceStarted)}
    places = sorted(
        (each.start_ms, each.end_ms)
        for each in heard
        if each.spoken and each.utterance_id in started
    )
    for (_, end_ms), (start_ms, _) in pairwise(places):
        assert start_ms >= end_ms - 1e-6
    made_ms = sum(e.frame.duration_ms for _, e in said if isinstance(e, TranslatedAudio))
    assert call.bridge.a_to_b.metrics().speech.made_ms == pytest.approx(made_ms)
    assert not problems(call)
    assert not call.told("a_to_b", CaptionsFailed)
