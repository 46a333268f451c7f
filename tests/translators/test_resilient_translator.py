"""A translation that survives its engines: what the reader gets, and when, whatever happens to them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from resilience_kit import (
    REQUEST,
    LoudActivity,
    MuteTranslator,
    Run,
    Timed,
    accounted,
    collect,
    converse,
    frames,
    nothing_left_behind,
    resilient,
    talk,
)

from rawmedia.audio.format import SPEECH, TELEPHONY, WIDEBAND_VOICE
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import (
    AuthenticationError,
    ClockError,
    ConfigurationError,
    EngineCrashedError,
    EngineFailedError,
    MissingDependencyError,
    NetworkError,
    PayloadError,
    ServiceError,
    TranslatorClosedError,
    TranslatorOverloadedError,
    UnsupportedLanguageError,
)
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.script import (
    ScriptedCrash,
    ScriptedEvent,
    ScriptedStall,
    ScriptedUtterance,
)
from rawmedia.testing.signals import in_frames, speech_like
from rawmedia.testing.translators import EchoTranslator, ScriptedTranslator
from rawmedia.translators.base import TranslationBase
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslatorWarning,
    UtteranceEnded,
)
from rawmedia.translators.function import translator
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.resilience import ResilienceConfig, ResilienceWarning
from rawmedia.translators.resilient import ResilientTranslator
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from rawmedia.testing.script import ScriptItem
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.resilient_translation import ResilientTranslation
    from rawmedia.translators.translator import Translation, Translator

DOWN = NetworkError("scripted", "no route")
REFUSED = AuthenticationError("scripted", "wrong key")
CAPABILITIES = TranslatorCapabilities(name="engine", input_formats=(SPEECH,), multi_target=True)


def run(main: Callable[[VirtualClock], Coroutine[Any, Any, None]]) -> None:
    clock = VirtualClock()
    clock.run(main(clock), limit=4_000)


def loud(start_ms: float = 0.0) -> AudioFrame:
    script = [ScriptedUtterance(source_text="x", start_ms=start_ms, end_ms=start_ms + 20)]
    return frames(script, start_ms + 20, start_ms=start_ms)[0]


async def speak(
    translation: ResilientTranslation, clock: VirtualClock, start_ms: float, end_ms: float
) -> None:
    """Loud audio at the speed of speech."""
    begun = clock.now()
    for number in range(round((end_ms - start_ms) / 20)):
        await clock.sleep_until(begun + (number + 1) * 0.02)
        await translation.send(loud(start_ms + number * 20))


def test_without_faults_a_reader_gets_what_the_engine_alone_would_give_and_when() -> None:
    """Resilience must cost nothing that a listener notices."""
    script = talk(20_000)
    audio = frames(script, 20_000)
    clock = VirtualClock()
    alone: Timed = []

    async def main() -> None:
        translation = await ScriptedTranslator(script, clock=clock).open(REQUEST)
        reading = asyncio.create_task(collect(translation, clock, alone))
        for frame in audio:
            await clock.sleep_until(frame.end_ms / 1000)
            await translation.send(frame)
        await translation.end_input()
        await reading
        await translation.aclose()

    clock.run(main())
    wrapped = converse(lambda clock: ScriptedTranslator(script, clock=clock), audio)
    assert wrapped.events == alone
    accounted(wrapped)


def test_a_crash_in_mid_sentence_costs_no_word_and_no_sample_of_speech() -> None:
    script = talk(12_000)
    crash = ScriptedCrash(at_ms=5_500)
    came = converse(
        lambda clock: ScriptedTranslator([*script, crash], clock=clock), frames(script, 12_000)
    )
    assert came.texts == [item.source_text for item in script]
    assert came.codes == ["reconnecting", "reconnected", "replayed"]
    assert came.times("reconnecting") == [5_500]
    assert came.times("reconnected")[0] <= 5_750, "one wait of back-off at most"
    second = [event for event in came.of(PartialTranslation) if event.span.start_ms == 4_500]
    (said,) = (event for event in came.of(FinalTranslation) if "word1" in event.source_text)
    assert said.span == TimeSpan(4_500, 7_000), "media time is that of the call, not of the session"
    assert [event.revision for event in second] == list(range(len(second)))
    assert said.revision == len(second)
    assert {event.utterance_id for event in second} <= {said.utterance_id}
    accounted(came)


def test_speech_that_broke_off_goes_on_where_it_did() -> None:
    """The text is out, half of its speech too, when the engine dies."""
    script = talk(8_000, audio=1_500.0)
    crash = ScriptedCrash(at_ms=3_900)
    came = converse(
        lambda clock: ScriptedTranslator([*script, crash], clock=clock), frames(script, 8_000)
    )
    pieces = [event.frame for event in came.of(TranslatedAudio) if event.utterance_id == "u1"]
    place = 0
    for piece in pieces:
        assert piece.position == place
        place = piece.end
    assert place == WIDEBAND_VOICE.samples(1_500)
    assert came.texts == [item.source_text for item in script]
    assert came.codes == [
        "reconnecting",
        "reconnected",
        "replayed",
        "duplicate_dropped",
        "speech_resumed",
    ]


def test_speech_that_broke_off_is_dropped_where_that_is_wanted() -> None:
    script = talk(8_000)
    crash = ScriptedCrash(at_ms=3_900)
    came = converse(
        lambda clock: ScriptedTranslator([*script, crash], clock=clock),
        frames(script, 8_000),
        half_spoken="drop",
    )
    pieces = [event.frame for event in came.of(TranslatedAudio) if event.utterance_id == "u1"]
    assert 0 < sum(piece.duration_ms for piece in pieces) < 1_500
    assert came.codes[-1] == "speech_dropped"
    ends = [event.utterance_id for event in came.of(UtteranceEnded)]
    assert ends == ["u1", "u2"]


def test_an_engine_that_falls_silent_under_speech_is_replaced_within_the_watchdogs_time() -> None:
    """The zombie: it takes everything, says nothing, and raises nothing."""
    script = talk(40_000, every_ms=5_000, length_ms=4_900)
    came = converse(
        lambda clock: MuteTranslator(ScriptedTranslator(script, clock=clock), [9_000]),
        frames(script, 40_000),
    )
    moments = [0.0, *(moment for moment, _ in came.events)]
    assert max(b - a for a, b in pairwise(moments)) <= 5_300
    assert came.texts == [item.source_text for item in script]
    accounted(came)


def test_an_engine_that_stops_taking_audio_is_replaced_and_nothing_is_lost() -> None:
    script = talk(40_000)
    came = converse(
        lambda clock: ScriptedTranslator([*script, ScriptedStall(at_ms=9_000)], clock=clock),
        frames(script, 40_000),
    )
    assert came.codes[:1] == ["reconnecting"]
    assert came.times("reconnecting")[0] <= 9_000 + 10_000
    assert came.texts == [item.source_text for item in script]
    accounted(came)


@pytest.mark.untraced
def test_ten_muted_minutes_with_an_engine_that_says_nothing_trip_nothing() -> None:
    came = converse(
        lambda clock: MuteTranslator(ScriptedTranslator(clock=clock), [0]),
        frames([], 600_000, frame_ms=100),
        rest_timeout_ms=1_000,
        max_attempts=1,
    )
    assert [moment for moment, _ in came.events if moment < 600_000] == []


def test_a_reader_who_stops_reading_is_no_fault_of_the_engine_and_costs_bounded_memory() -> None:
    """Nothing is retried, little is kept, and the sender is told."""

    async def main(clock: VirtualClock) -> None:
        engine = EchoTranslator(clock=clock)
        async with await resilient(engine, clock).open(REQUEST) as translation:
            refused = 0
            for frame in frames(talk(200_000), 200_000, frame_ms=100):
                await clock.sleep_until(frame.end_ms / 1000)
                while refused < 5:
                    try:
                        await translation.send(frame)
                        break
                    except TranslatorOverloadedError:
                        refused += 1
            assert refused == 5
            assert translation.stats.sessions == 1
            assert translation.stats.held_samples <= SPEECH.samples(30_000)
            assert translation.stats.losses == 0
            event = await anext(aiter(translation))
            assert not isinstance(event, ResilienceWarning)
        nothing_left_behind()

    run(main)


def test_an_outage_longer_than_the_buffer_loses_the_oldest_counts_it_and_says_so() -> None:
    script = talk(60_000)
    errors = [None, *[DOWN] * 6]
    came = converse(
        lambda clock: ScriptedTranslator(
            [*script, ScriptedCrash(at_ms=8_300)], clock=clock, open_errors=errors
        ),
        frames(script, 60_000),
        retry_base_ms=5_000,
        seed=4,
        replay_ms=4_000,
    )
    assert came.stats is not None
    lost_ms = SPEECH.duration_ms(came.stats.lost_samples)
    told = [event.audio_ms for event in came.of(ResilienceWarning) if event.code == "audio_lost"]
    assert lost_ms > 1_000
    assert told == [lost_ms]
    missing = len(script) - len(came.texts)
    assert 0 < missing <= lost_ms // 4_000 + 2
    assert len(set(came.texts)) == len(came.texts)
    accounted(came)


class Limited(ScriptedTranslator):
    """An engine that cuts every translation off at its limit, as services do."""

    def __init__(self, script: Any, clock: VirtualClock, limit_ms: float) -> None:
        super().__init__(
            script, clock=clock, capabilities=replace(CAPABILITIES, max_session_ms=limit_ms)
        )
        self.limit_ms = limit_ms

    async def open(self, request: TranslationRequest) -> Any:
        translation = await super().open(request)
        over = ServiceError("limited", "the session has reached its limit")
        self.clock.call_at(self.clock.now() + self.limit_ms / 1000, lambda: translation._fail(over))
        return translation


@pytest.mark.parametrize(
    ("every_ms", "length_ms", "audio"),
    [(4_000, 2_500, 1_500.0), (3_000, 3_000, None), (3_000, 3_000, 800.0), (30_000, 30_000, 500.0)],
    ids=["pauses", "no pauses", "no pauses and speech", "longer than the lead"],
)
def test_sessions_are_handed_over_before_their_limit_with_no_word_lost_or_doubled(
    every_ms: float, length_ms: float, audio: float | None
) -> None:
    """Nobody waits for a pause: with or without one the change is made in time."""
    partials = [f"so far {number}" for number in range(round(length_ms / 1_000))]
    script = talk(120_000, every_ms=every_ms, length_ms=length_ms, audio=audio, revisions=partials)
    came = converse(
        lambda clock: Limited(script, clock, 40_000), frames(script, 121_000), asked=REQUEST
    )
    assert came.texts == [item.source_text for item in script]
    assert "reconnecting" not in came.codes, "no session was cut off"
    assert came.codes.count("handed_over") >= 3
    spoken: dict[str, float] = {}
    for event in came.of(TranslatedAudio):
        spoken[event.utterance_id] = spoken.get(event.utterance_id, 0) + event.frame.duration_ms
    assert set(spoken.values()) <= {audio}
    assert len(spoken) == (0 if audio is None else len(script))
    accounted(came)


def test_a_hand_over_in_a_pause_delays_nothing() -> None:
    """The second session is warm, and nothing is heard twice."""
    script = talk(60_000)
    came = converse(lambda clock: Limited(script, clock, 30_000), frames(script, 61_000))
    delays = {
        round(moment - event.span.end_ms)
        for moment, event in came.events
        if isinstance(event, FinalTranslation)
    }
    assert delays == {300}
    assert "replayed" not in came.codes


def test_when_an_engine_keeps_failing_the_next_takes_over_and_the_first_comes_back() -> None:
    script = talk(120_000)
    engines: list[ScriptedTranslator] = []

    def make(clock: VirtualClock) -> list[Translator]:
        crash = ScriptedCrash(at_ms=20_100)
        other = replace(CAPABILITIES, name="second")
        engines.append(ScriptedTranslator([*script, crash], clock=clock, open_errors=[None, DOWN]))
        engines.append(ScriptedTranslator(script, clock=clock, capabilities=other))
        return [*engines]

    came = converse(make, frames(script, 121_000), failback_ms=30_000, tries_per_engine=2)
    assert came.texts == [item.source_text for item in script]
    assert [code for code in came.codes if code.startswith(("failed", "handing"))] == [
        "failed_over",
        "handing_over",
        "failed_back",
    ]
    assert [len(engine.translations) for engine in engines] == [2, 1]
    used = [step.engine for step in came.of(ResilienceWarning) if step.engine]
    assert used == ["second", engines[0].capabilities.name]
    accounted(came)


def test_an_engine_with_other_speech_does_not_finish_a_sentence_that_was_begun() -> None:
    script = talk(12_000)
    came = converse(
        lambda clock: [
            ScriptedTranslator([*script, ScriptedCrash(at_ms=3_900, error=REFUSED)], clock=clock),
            ScriptedTranslator(script, clock=clock),
        ],
        frames(script, 12_000),
    )
    assert came.texts == [item.source_text for item in script]
    assert came.codes == [
        "failed_over",
        "reconnected",
        "replayed",
        "duplicate_dropped",
        "speech_dropped",
    ]


def test_when_the_budget_is_spent_the_last_error_is_raised_and_the_loss_told() -> None:
    script = talk(20_000)

    def make(clock: VirtualClock) -> Translator:
        return ScriptedTranslator(
            [*script, ScriptedCrash(at_ms=6_000)], clock=clock, open_errors=[None, *[DOWN] * 9]
        )

    came = converse(make, frames(script, 20_000), max_attempts=3, retry_base_ms=100)
    assert came.error == DOWN
    assert came.texts == ["word0 again0"]
    assert came.codes[-1] == "audio_lost"
    ends = [event.utterance_id for event in came.of(UtteranceEnded)]
    assert ends == ["u1", "u2"], "what was begun is ended"
    assert came.stats is not None
    assert came.stats.lost_samples > 0


def test_wrong_settings_are_told_at_once_and_a_network_that_is_down_is_waited_for() -> None:
    async def main(clock: VirtualClock) -> None:
        for error in (REFUSED, MissingDependencyError("sdk", "it", "pip install it")):
            engine = ScriptedTranslator(clock=clock, open_errors=[error])
            with pytest.raises(type(error)):
                await resilient(engine, clock).open(REQUEST)
        only = replace(CAPABILITIES, target_languages=("fr",))
        other = ScriptedTranslator(clock=clock, capabilities=only)
        with pytest.raises(UnsupportedLanguageError):
            await resilient(other, clock).open(REQUEST)
        engine = ScriptedTranslator(talk(4_000), clock=clock, open_errors=[DOWN])
        translation = await resilient(engine, clock).open(REQUEST)
        await speak(translation, clock, 0, 3_100)
        await translation.end_input()
        events: Timed = []
        await collect(translation, clock, events)
        codes = [e.code for _, e in events if isinstance(e, ResilienceWarning)]
        assert codes == ["reconnecting", "reconnected", "replayed"]
        assert any(isinstance(event, FinalTranslation) for _, event in events)
        await translation.aclose()
        nothing_left_behind()

    run(main)


def test_an_engine_that_can_not_work_gives_way_before_the_first_word() -> None:
    script = talk(4_000)
    came = converse(
        lambda clock: [
            ScriptedTranslator(clock=clock, open_errors=[REFUSED]),
            ScriptedTranslator(script, clock=clock),
        ],
        frames(script, 4_000),
    )
    assert came.texts == ["word0 again0"]
    assert came.codes == ["failed_over", "reconnected"]


class Engine(TranslationBase):
    """A translation that does what a test says at each of its verbs."""

    def __init__(self, clock: VirtualClock, request: TranslationRequest, **acts: Any) -> None:
        super().__init__(CAPABILITIES, request, clock=clock)
        self.acts = acts
        self._start(self._obey)

    async def _act(self, verb: str) -> None:
        if verb in self.acts:
            await self.acts[verb]()

    async def _obey(self) -> None:
        await self._act("run")
        async for frame in self._frames:
            await self._report(Progress(frame.end_ms))

    async def send(self, frame: AudioFrame) -> None:
        await self._act("send")
        await super().send(frame)

    async def commit(self) -> None:
        await self._act("commit")

    async def interrupt(self) -> None:
        await self._act("interrupt")

    async def update(self, request: TranslationRequest) -> None:
        await self._act("update")

    async def end_input(self) -> None:
        await self._act("end_input")
        await super().end_input()

    async def aclose(self) -> None:
        await super().aclose()
        await self._act("aclose")


class Engines:
    """Opens the translations that a test makes, one after the other, then good ones."""

    def __init__(self, clock: VirtualClock, *acts: dict[str, Any]) -> None:
        self.clock = clock
        self.acts = list(acts)
        self.opened: list[Engine] = []

    @property
    def capabilities(self) -> TranslatorCapabilities:
        return CAPABILITIES

    async def open(self, request: TranslationRequest) -> Translation:
        acts = self.acts.pop(0) if self.acts else {}
        if "open" in acts:
            await acts["open"]()
        self.opened.append(Engine(self.clock, request, **acts))
        return self.opened[-1]


async def explode() -> None:
    raise ValueError("rule? what rule?")


async def cancel_itself() -> None:
    raise asyncio.CancelledError


async def hang() -> None:
    await asyncio.Event().wait()


async def overload() -> None:
    raise TranslatorOverloadedError("engine", 1.0)


def test_whoever_closes_in_mid_sentence_does_not_ask_for_the_rest() -> None:
    """An engine that was told of the end waits for its last answer, and takes seconds to stop."""
    asked: list[str] = []
    clock = VirtualClock()

    async def ended() -> None:
        asked.append("end_input")

    async def main() -> None:
        engines = Engines(clock, {"end_input": ended})
        translation = await ResilientTranslator(engines, clock=clock).open(REQUEST)
        await translation.send(loud(0))
        await clock.sleep_until(1.0)
        await translation.aclose()
        assert len(engines.opened) == 1

    clock.run(main())
    assert not asked


@pytest.mark.parametrize("verb", ["open", "run", "send", "end_input", "aclose"])
@pytest.mark.parametrize("act", [explode, cancel_itself, hang])
def test_an_engine_that_breaks_every_rule_at_any_verb_is_survived(
    verb: str, act: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Exceptions, hanging, and a cancellation that nobody asked for, at each await."""
    audio = [loud(start) for start in range(0, 12_000, 20)]
    with caplog.at_level(logging.CRITICAL):
        came = converse(lambda clock: Engines(clock, {verb: act}), audio)
    assert came.error is None
    assert came.of(Progress)[-1] == Progress(12_000)
    assert came.stats is not None
    assert came.stats.lost_samples == 0
    accounted(came)


def test_an_engine_that_says_it_is_overloaded_is_asked_again_until_the_watchdog_bites() -> None:
    """And not in a loop that leaves the program no time."""
    audio = [loud(start) for start in range(0, 12_000, 20)]
    came = converse(lambda clock: Engines(clock, {"send": overload}), audio)
    assert came.times("reconnecting")[0] <= 5_100
    accounted(came)


def test_what_is_no_event_is_an_engine_that_failed() -> None:
    class Babbling(Engines):
        async def open(self, request: TranslationRequest) -> Any:
            return _Babble(self.clock, request)

    class _Babble(Engine):
        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> str:
            return "hello"

    async def main(clock: VirtualClock) -> None:
        engines = Babbling(clock)
        translation = await resilient(engines, clock).open(REQUEST)
        await speak(translation, clock, 0, 1_000)
        event = await anext(aiter(translation))
        assert isinstance(event, ResilienceWarning)
        assert isinstance(event.cause, EngineFailedError)
        assert "no event" in str(event.cause)
        await translation.aclose()
        nothing_left_behind()

    run(main)


def test_verbs_reach_the_engine_and_their_failures_stay_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main(clock: VirtualClock) -> None:
        calls: list[str] = []

        def note(verb: str) -> Callable[[], Coroutine[Any, Any, None]]:
            async def act() -> None:
                calls.append(verb)
                raise ValueError("no")

            return act

        verbs = ("commit", "interrupt", "update")
        engines = Engines(clock, {verb: note(verb) for verb in verbs})
        translation = await resilient(engines, clock).open(REQUEST)
        await speak(translation, clock, 0, 100)
        await translation.commit()
        await translation.interrupt()
        await translation.update(REQUEST.model_copy(update={"partials": False}))
        assert calls == list(verbs)
        await translation.send(loud(100))
        await translation.end_input()
        told = [event async for event in translation if isinstance(event, ResilienceWarning)]
        assert [event.code for event in told] == ["call_refused"] * 3
        assert all(isinstance(event.cause, ValueError) for event in told)
        await translation.aclose()
        await translation.commit()
        nothing_left_behind()

    with caplog.at_level(logging.WARNING):
        run(main)
    assert not caplog.records


def test_after_the_end_nothing_is_taken() -> None:
    async def main(clock: VirtualClock) -> None:
        translation = await resilient(ScriptedTranslator(clock=clock), clock).open(REQUEST)
        await translation.send(loud(20))
        with pytest.raises(PayloadError):
            await translation.send(loud(0))
        await translation.end_input()
        await translation.end_input()
        with pytest.raises(TranslatorClosedError):
            await translation.send(loud(40))
        assert [event async for event in translation] == [Progress(40)]
        await translation.aclose()
        await translation.aclose()
        with pytest.raises(TranslatorClosedError):
            await translation.send(loud(60))
        nothing_left_behind()

    run(main)


@pytest.mark.parametrize("after_ms", [0, 20, 500, 3_200, 5_050, 5_600])
def test_closing_at_any_moment_leaves_no_task_and_no_session_behind(after_ms: float) -> None:
    """Before the first step, while connecting, in mid-sentence, in an outage."""

    async def main(clock: VirtualClock) -> None:
        script: list[ScriptItem] = [*talk(20_000), ScriptedCrash(at_ms=5_000)]
        engine = ScriptedTranslator(script, clock=clock, open_errors=[None, *[DOWN] * 5])
        translation = await resilient(engine, clock, retry_base_ms=2_000).open(REQUEST)
        if after_ms:
            await speak(translation, clock, 0, after_ms)
        await translation.aclose()
        assert all(each.closed for each in engine.translations)
        nothing_left_behind()

    run(main)


def test_an_engine_that_does_not_close_holds_nobody_up_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main(clock: VirtualClock) -> None:
        translation = await resilient(Engines(clock, {"aclose": hang}), clock).open(REQUEST)
        await speak(translation, clock, 0, 100)
        before = clock.now()
        await translation.aclose()
        assert clock.now() - before <= 30
        nothing_left_behind()

    run(main)
    assert "did not close" in caplog.text


def test_cancelling_the_opening_closes_what_was_opened() -> None:
    async def main(clock: VirtualClock) -> None:
        opening = asyncio.create_task(
            resilient(Engines(clock, {"open": hang}), clock).open(REQUEST)
        )
        await clock.sleep_until(1.0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        nothing_left_behind()

    run(main)


def test_an_opening_that_takes_too_long_is_a_network_error_and_tried_again() -> None:
    async def main(clock: VirtualClock) -> None:
        engines = Engines(clock, {"open": hang})
        translation = await resilient(engines, clock, connect_timeout_ms=2_000).open(REQUEST)
        assert clock.now() == 2.0
        await translation.send(loud())
        event = await anext(aiter(translation))
        assert isinstance(event, ResilienceWarning)
        assert isinstance(event.cause, NetworkError)
        assert isinstance(await anext(aiter(translation)), ResilienceWarning)
        await translation.aclose()
        nothing_left_behind()

    run(main)


def test_a_cancelled_send_takes_nothing_and_concurrent_ones_keep_their_order() -> None:
    async def main(clock: VirtualClock) -> None:
        engines = Engines(clock, {"send": hang})
        asked = REQUEST.model_copy(update={"max_pending_ms": 80.0})
        translation = await resilient(engines, clock).open(asked)
        for start in (0, 20, 40):
            await translation.send(loud(start))
        waiting = [asyncio.create_task(translation.send(loud(start))) for start in (60, 60, 80)]
        await clock.sleep_until(clock.now() + 0.01)
        assert not any(task.done() for task in waiting)
        waiting[0].cancel()
        await clock.sleep_until(10.0)
        refused = [isinstance(task.exception(), TranslatorOverloadedError) for task in waiting[1:]]
        assert refused == [True, True]
        assert isinstance(await anext(aiter(translation)), ResilienceWarning)
        await translation.send(loud(60))
        await translation.aclose()
        nothing_left_behind()

    run(main)


def test_an_interrupt_silences_the_utterance_in_the_next_session_as_well() -> None:
    """The listener has heard enough of it, whoever would make the rest."""
    script = talk(8_000)

    async def interrupt(translation: ResilientTranslation, clock: VirtualClock) -> None:
        await clock.sleep_until(3.7)
        await translation.interrupt()

    came = converse(
        lambda clock: ScriptedTranslator([*script, ScriptedCrash(at_ms=3_800)], clock=clock),
        frames(script, 8_000),
        meanwhile=interrupt,
    )
    late = [moment for moment, event in came.events if isinstance(event, TranslatedAudio)]
    assert late
    assert all(moment <= 3_700 or moment >= 7_000 for moment in late)
    assert came.texts == [item.source_text for item in script]


def test_an_interrupt_silences_what_was_begun_though_nothing_of_it_was_reported_yet() -> None:
    """The engine that was told is gone; its successor hears the sentence for the first time."""
    script = talk(8_000, revisions=())

    async def interrupt(translation: ResilientTranslation, clock: VirtualClock) -> None:
        await clock.sleep_until(2.0)
        await translation.interrupt()

    came = converse(
        lambda clock: ScriptedTranslator([*script, ScriptedCrash(at_ms=2_500)], clock=clock),
        frames(script, 8_000),
        meanwhile=interrupt,
    )
    assert came.texts == [item.source_text for item in script]
    assert {event.utterance_id for event in came.of(TranslatedAudio)} == {"u2"}


class EarlyClock(VirtualClock):
    """Calls a little too early, as event loops may; and not for ever at one moment."""

    calls = 0

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        self.calls += 1
        if self.calls > 100_000:
            raise ClockError("the same timer again and again")
        return super().call_at(when - 1e-10, callback)


def test_a_timer_that_comes_a_little_early_is_not_set_again_for_ever() -> None:
    clock = EarlyClock()

    async def main() -> None:
        translation = await resilient(Engines(clock, {"run": hang}), clock).open(REQUEST)
        await speak(translation, clock, 0, 6_000)
        assert isinstance(await anext(aiter(translation)), ResilienceWarning)
        await translation.aclose()

    clock.run(main(), limit=60)


def test_a_commit_reaches_the_engine() -> None:
    script = talk(4_000)

    async def commit(translation: ResilientTranslation, clock: VirtualClock) -> None:
        await clock.sleep_until(1.51)
        await translation.commit()

    came = converse(
        lambda clock: ScriptedTranslator(script, clock=clock),
        frames(script, 4_000),
        meanwhile=commit,
    )
    assert came.of(FinalTranslation)[0].span.end_ms == 1_500


@pytest.mark.parametrize("accepts", [True, False])
def test_other_targets_come_by_update_or_by_a_hand_over(accepts: bool) -> None:
    both = REQUEST.model_copy(update={"target_languages": ("es", "fr")})
    script = [replace(item, translations={"es": "uno", "fr": "un"}) for item in talk(40_000)]
    engines: list[ScriptedTranslator] = []

    def make(clock: VirtualClock) -> Translator:
        engines.append(ScriptedTranslator(script, clock=clock, accepts_update=accepts))
        return engines[0]

    async def change(translation: ResilientTranslation, clock: VirtualClock) -> None:
        await clock.sleep_until(10.0)
        await translation.update(both)
        assert translation.request == both
        await clock.sleep_until(10.5)
        await translation.update(both)  # the same again changes nothing

    came = converse(make, frames(script, 40_000), meanwhile=change)
    assert came.texts == [item.source_text for item in script]
    assert set(came.of(FinalTranslation)[0].translations) == {"es"}
    assert set(came.of(FinalTranslation)[-1].translations) == {"es", "fr"}
    assert came.codes == ([] if accepts else ["handing_over", "handed_over"])
    accounted(came)


def test_a_change_during_an_outage_holds_for_the_next_session() -> None:
    both = REQUEST.model_copy(update={"target_languages": ("es", "fr")})
    engines: list[ScriptedTranslator] = []
    script = talk(20_000)

    def make(clock: VirtualClock) -> Translator:
        engines.append(
            ScriptedTranslator(
                [*script, ScriptedCrash(at_ms=5_000)], clock=clock, open_errors=[None, DOWN, DOWN]
            )
        )
        return engines[0]

    async def change(translation: ResilientTranslation, clock: VirtualClock) -> None:
        await clock.sleep_until(5.001)
        await translation.update(both)

    converse(make, frames(script, 20_000), meanwhile=change)
    assert engines[0].requests[-1].target_languages == ("es", "fr")


def test_a_change_while_a_connection_comes_up_is_made_up_for() -> None:
    """The engine was opened with what was asked for before."""
    both = REQUEST.model_copy(update={"target_languages": ("es", "fr")})

    async def main(clock: VirtualClock) -> None:
        updates: list[str] = []

        async def slow() -> None:
            await clock.sleep_until(clock.now() + 1.0)

        async def note() -> None:
            updates.append("update")

        engines = Engines(clock, {"run": explode}, {"open": slow, "update": note})
        translation = await resilient(engines, clock, retry_base_ms=0).open(REQUEST)
        await speak(translation, clock, 0, 500)
        await translation.update(both)
        await speak(translation, clock, 500, 1_500)
        assert updates == ["update"]
        await translation.aclose()
        nothing_left_behind()

    run(main)


def test_a_request_that_an_engine_can_not_serve_changes_nothing() -> None:
    async def main(clock: VirtualClock) -> None:
        only = replace(CAPABILITIES, target_languages=("es",))
        engine = ScriptedTranslator(clock=clock, capabilities=only)
        async with await resilient(engine, clock).open(REQUEST) as translation:
            with pytest.raises(UnsupportedLanguageError):
                await translation.update(
                    TranslationRequest(source_language="en", target_languages=("fr",))
                )
            assert translation.request is REQUEST

    run(main)


def test_the_audio_of_an_engine_that_knows_no_utterances_goes_on_too() -> None:
    """The echo says each frame back at once, before there is any text."""

    async def main(clock: VirtualClock) -> None:
        failed = False

        @translator(name="echo", clock=clock)
        async def shaky(
            sound: AsyncIterator[AudioFrame], request: TranslationRequest
        ) -> AsyncIterator[TranslationEvent]:
            nonlocal failed
            heard = 0
            async for frame in sound:
                yield TranslatedAudio("only", "es", frame.at(heard), TimeSpan(0, frame.end_ms))
                heard += frame.samples_per_channel
                if heard == 320 * 30 and not failed:
                    failed = True
                    raise EngineCrashedError("echo", "gone")

        translation = await resilient(shaky, clock).open(REQUEST)
        events: Timed = []
        reading = asyncio.create_task(collect(translation, clock, events))
        await speak(translation, clock, 0, 2_000)
        await translation.end_input()
        await reading
        audio = [event for _, event in events if isinstance(event, TranslatedAudio)]
        assert [event.frame.position for event in audio] == list(range(0, 32_000, 320))
        assert {event.utterance_id for event in audio} == {"u1"}
        assert any(
            isinstance(event, ResilienceWarning) and event.code == "speech_resumed"
            for _, event in events
        )
        await translation.aclose()
        nothing_left_behind()

    run(main)


def test_the_usual_detector_hears_who_speaks() -> None:
    """Nothing but the engine and the clock need be named."""
    speech = list(in_frames(speech_like(12_000, seed=3)))

    async def main(clock: VirtualClock) -> None:
        engine = MuteTranslator(ScriptedTranslator(clock=clock), [0, 0])
        translation = await ResilientTranslator(engine, clock=clock, random=Random(1)).open(REQUEST)
        events: Timed = []
        reading = asyncio.create_task(collect(translation, clock, events))
        for frame in speech:
            await clock.sleep_until(frame.end_ms / 1000)
            await translation.send(frame)
        assert any(isinstance(event, ResilienceWarning) for _, event in events)
        await translation.aclose()
        await reading
        nothing_left_behind()

    run(main)


def test_frames_too_short_for_a_decision_count_as_the_one_before() -> None:
    class Every10ms(LoudActivity):
        def push(self, samples: Any) -> Any:
            self.seen = getattr(self, "seen", 0) + len(samples)
            return [True] if self.seen % 160 == 0 else []

    async def main(clock: VirtualClock) -> None:
        engines = Engines(clock, {"run": hang})
        wrapper = ResilientTranslator(engines, clock=clock, activity=Every10ms)
        translation = await wrapper.open(REQUEST)
        for number in range(1_300):
            await clock.sleep_until(number * 0.005)
            samples = SPEECH.samples(5)
            await translation.send(AudioFrame(bytes(2 * samples), SPEECH, number * samples))
        event = await anext(aiter(translation))
        assert isinstance(event, ResilienceWarning)
        await translation.aclose()

    run(main)


def test_a_detector_that_breaks_ends_the_translation_with_its_error() -> None:
    """A defect of the program's own is not hidden behind another attempt."""

    class Broken(LoudActivity):
        def push(self, samples: Any) -> Any:
            raise ZeroDivisionError("oops")

    async def main(clock: VirtualClock) -> None:
        wrapper = ResilientTranslator(ScriptedTranslator(clock=clock), clock=clock, activity=Broken)
        translation = await wrapper.open(REQUEST)
        await translation.send(loud())
        with pytest.raises(EngineFailedError, match="oops"):
            await anext(aiter(translation))
        await translation.aclose()
        nothing_left_behind()

    run(main)


def test_the_engines_own_warnings_and_events_pass() -> None:
    warning = TranslatorWarning("the line is bad")
    script: list[ScriptItem] = [*talk(4_000), ScriptedEvent(at_ms=1_000, event=warning)]
    came = converse(lambda clock: ScriptedTranslator(script, clock=clock), frames(script, 4_000))
    assert warning in came.of(TranslatorWarning)


def test_it_can_do_what_all_of_its_engines_can() -> None:
    clock = VirtualClock()

    def engine(**differences: Any) -> ScriptedTranslator:
        return ScriptedTranslator(clock=clock, capabilities=replace(CAPABILITIES, **differences))

    both = ResilientTranslator(
        [
            engine(name="a", input_formats=(WIDEBAND_VOICE, SPEECH), max_session_ms=600_000.0),
            engine(name="b", input_formats=(SPEECH, TELEPHONY), speech=False, multi_target=False),
        ],
        clock=clock,
    )
    assert both.capabilities == TranslatorCapabilities(
        name="a", input_formats=(SPEECH,), speech=False, multi_target=False
    )
    with pytest.raises(ConfigurationError, match="no input format"):
        ResilientTranslator([engine(input_formats=(SPEECH,)), engine(input_formats=(TELEPHONY,))])
    with pytest.raises(ConfigurationError, match="at least one"):
        ResilientTranslator([])
    alone = ResilientTranslator(EchoTranslator(clock=clock))
    assert alone.capabilities.name == "echo"
    assert alone.config == ResilienceConfig()


def test_it_composes_with_itself() -> None:
    """A wrapper is a translator like any other."""
    script = talk(8_000)
    came: Run = converse(
        lambda clock: resilient(
            ScriptedTranslator([*script, ScriptedCrash(at_ms=5_000)], clock=clock), clock
        ),
        frames(script, 8_000),
    )
    assert came.texts == [item.source_text for item in script]
    assert came.stats is not None
    assert came.stats.losses == 0, "the inner one has survived it"
