"""The machine of resilience: which decisions follow from which facts, with no engine, task or clock near."""

from __future__ import annotations

import ast
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import rawmedia.translators.resilience as package
from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import AuthenticationError, EngineCrashedError, NetworkError
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslationEvent,
    TranslatorWarning,
    Usage,
    UtteranceEnded,
)
from rawmedia.translators.resilience import Engine, Resilience, ResilienceConfig
from rawmedia.translators.resilience.decisions import (
    Close,
    Connect,
    Decision,
    Deliver,
    Done,
    GiveUp,
    Listen,
    Replay,
    Suppress,
    Warn,
)
from rawmedia.translators.resilience.machine import END

CRASH = EngineCrashedError("one", "gone")
DOWN = NetworkError("one", "no route")
REFUSED = AuthenticationError("one", "wrong key")


class Runner:
    """Carries decisions out as a program would, in time that the test moves."""

    def __init__(
        self,
        *,
        engines: int = 1,
        limit_ms: float | None = None,
        relative: bool = False,
        partials: bool = True,
        **config: Any,
    ) -> None:
        config.setdefault("retry_base_ms", 0)
        self.machine = Resilience(
            ResilienceConfig(**config),
            [Engine(f"engine{number}", limit_ms, partials) for number in range(engines)],
            random=Random(1),
            relative_spans=relative,
        )
        self.now = 0.0
        self.place_ms = 0.0
        self.log: list[Decision] = []
        self.wanted: list[Connect] = []
        self.fed: list[int] = []
        self.read: int | None = None
        self.closed: list[int] = []
        self.got: dict[int, list[AudioFrame]] = {}
        self.ended_inputs: list[int] = []
        self.stuck: set[int] = set()
        self.do(self.machine.start(self.now))

    def do(self, decisions: list[Decision]) -> list[Decision]:
        self.log += decisions
        for decision in decisions:
            match decision:
                case Connect():
                    self.wanted.append(decision)
                case Replay():
                    self.fed.append(decision.session)
                case Listen():
                    self.read = decision.session
                case Close():
                    self.closed.append(decision.session)
                    self.wanted = [each for each in self.wanted if each.session != decision.session]
                case _:
                    pass
        return decisions

    def open(self) -> int:
        """The connection that is wanted comes up, at its time."""
        plan = self.wanted.pop(0)
        self.now = max(self.now, plan.at)
        self.do(self.machine.opened(plan.session, self.now))
        self.feed()
        return plan.session

    def refuse(self, error: Exception = DOWN) -> list[Decision]:
        plan = self.wanted.pop(0)
        self.now = max(self.now, plan.at)
        return self.do(self.machine.open_failed(plan.session, error, self.now))

    def say(self, duration_ms: float, *, speech: bool, feed: bool = True) -> None:
        """Audio at the speed of speech."""
        for _ in range(round(duration_ms / 20)):
            frame = AudioFrame(bytes(640), SPEECH, SPEECH.samples(self.place_ms))
            self.place_ms += 20
            self.wait(20)
            self.machine.received(frame, speech=speech)
            if feed:
                self.feed()

    def feed(self) -> None:
        """Whoever is fed takes what there is."""
        for session in list(self.fed):
            while session not in self.closed and session not in self.stuck:
                frame = self.machine.next_frame(session, self.now)
                if frame is None:
                    break
                if frame is END:
                    self.ended_inputs.append(session)
                    break
                assert isinstance(frame, AudioFrame)
                self.got.setdefault(session, []).append(frame)
                self.do(self.machine.sent(session, self.now))

    def wait(self, duration_ms: float) -> None:
        """Time passes; what falls due is done on time."""
        until = self.now + duration_ms / 1000
        at_once = 0
        while (due := self.machine.next_due) is not None and due <= until:
            at_once = at_once + 1 if due <= self.now else 0
            assert at_once < 10, "due at once, again and again: a program would hang"
            self.now = max(self.now, due)
            self.do(self.machine.due(self.now))
        self.now = until

    def hear(self, *events: TranslationEvent, session: int | None = None) -> list[Decision]:
        told = []
        for event in events:
            reader = session or self.read
            assert reader is not None
            told += self.do(self.machine.heard(reader, event, self.now))
        self.feed()
        return told

    def lose(self, error: Exception = CRASH, *, session: int | None = None) -> list[Decision]:
        lost = session or self.read
        assert lost is not None
        return self.do(self.machine.lost(lost, error, self.now))

    def span_of(self, session: int) -> tuple[float, float]:
        frames = self.got[session]
        return frames[0].start_ms, frames[-1].end_ms

    @property
    def events(self) -> list[TranslationEvent]:
        return [each.event for each in self.log if isinstance(each, Deliver)]

    @property
    def codes(self) -> list[str]:
        return [each.event.code for each in self.log if isinstance(each, Warn)]

    def last(self, kind: type[Any]) -> Any:
        return [each for each in self.log if isinstance(each, kind)][-1]


def running(**settings: Any) -> Runner:
    runner = Runner(**settings)
    runner.open()
    return runner


def final(name: str, start_ms: float, end_ms: float) -> FinalTranslation:
    return FinalTranslation(name, 0, "words", "en", TimeSpan(start_ms, end_ms), {"es": "palabras"})


def ended(name: str, start_ms: float, end_ms: float) -> UtteranceEnded:
    return UtteranceEnded(name, TimeSpan(start_ms, end_ms))


def test_the_package_imports_neither_tasks_nor_clocks() -> None:
    """What decides must be able to run under any event loop, thread or SDK."""
    for path in Path(package.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {name.split(".")[0] for name in names} & {"asyncio", "time", "threading"}
            assert not any(name.startswith("rawmedia.streams") for name in names), path


def test_a_call_without_faults_is_one_session() -> None:
    runner = Runner()
    assert runner.log == [Connect(1, 0, 0.0, 1, "start")]
    runner.open()
    assert runner.log[1:] == [Replay(1, 0.0, 0.0), Listen(1)]
    runner.say(1_000, speech=True)
    runner.hear(final("a", 0, 900), Usage(audio_ms=5), ended("a", 0, 900), Progress(1_000))
    runner.do(runner.machine.input_ended())
    runner.feed()
    assert runner.ended_inputs == [1]
    runner.do(runner.machine.ended(1, runner.now))
    assert runner.log[-2:] == [Close(1), Done()]
    assert runner.codes == []
    assert runner.machine.next_due is None
    stats = runner.machine.stats
    assert stats.received_samples == stats.settled_samples == SPEECH.samples(1_000)
    assert (stats.sessions, stats.losses, stats.handovers, stats.duplicates) == (1, 0, 0, 0)


def test_audio_before_the_first_connection_is_kept_for_it() -> None:
    runner = Runner()
    runner.say(500, speech=True)
    runner.open()
    assert runner.span_of(1) == (0, 500)
    assert runner.last(Replay) == Replay(1, 0.0, 500.0)


def test_after_a_loss_the_next_session_gets_what_was_not_settled() -> None:
    runner = running()
    runner.say(2_000, speech=True)
    runner.hear(Progress(1_210))
    decisions = runner.lose()
    assert decisions[0] == Close(1)
    assert runner.last(Connect).reason == "reconnect"
    runner.say(200, speech=True)
    runner.open()
    # The frame in which the position lies is needed whole.
    assert runner.span_of(2) == (1_200, 2_200)
    assert runner.codes == ["reconnecting", "reconnected", "replayed"]
    assert runner.last(Listen) == Listen(2)


def test_an_engine_that_never_tells_its_progress_has_settled_what_it_ended() -> None:
    runner = running()
    runner.say(4_000, speech=True)
    runner.hear(
        PartialTranslation("b", 0, "x", "en", TimeSpan(1_500, 1_600)),
        final("a", 0, 1_000),
        ended("a", 0, 1_000),
    )
    assert runner.events[-1] == Progress(1_000)
    runner.hear(final("c", 2_000, 3_000), ended("c", 2_000, 3_000))
    assert runner.events[-1] == Progress(1_500), "the second is still open"
    runner.lose()
    runner.open()
    assert runner.span_of(2) == (1_500, 4_000)


def test_progress_never_goes_back_nor_beyond_what_was_sent() -> None:
    """Engines are not to be trusted with the only copy of the audio."""
    runner = running()
    assert [type(each) for each in runner.hear(Progress(50))] == [Suppress]
    runner.say(1_000, speech=True)
    for position in (400.0, 300.0, float("nan"), -1.0, 400.0):
        runner.hear(Progress(position))
    assert runner.events == [Progress(400)]
    runner.hear(Progress(float("inf")))
    assert runner.events == [Progress(400), Progress(1_000)]


def test_an_engine_that_counts_from_its_own_first_audio_is_put_right() -> None:
    runner = running(relative=True)
    runner.say(2_000, speech=True)
    runner.hear(Progress(1_000))
    runner.lose()
    runner.open()
    runner.hear(final("a", 100, 500), Progress(600))
    assert runner.events[-2] == FinalTranslation(
        "u1", 0, "words", "en", TimeSpan(1_100, 1_500), {"es": "palabras"}
    )
    assert runner.events[-1] == Progress(1_600)


def test_a_silent_engine_is_replaced_after_the_watchdogs_time_of_speech() -> None:
    runner = running()
    runner.say(60_000, speech=False)
    assert runner.codes == [], "a muted caller"
    before = runner.now
    runner.say(5_020, speech=True)
    assert runner.codes == ["reconnecting"]
    assert runner.now - before < 5.1
    assert "speech was sent" in runner.last(Warn).event.message


def test_an_engine_that_reports_only_whole_utterances_has_the_time_of_a_long_one() -> None:
    """Silence during a sentence is no sign of death where nothing is said before its end."""
    runner = running(partials=False)
    runner.say(29_000, speech=True)
    assert runner.codes == []
    runner.say(1_100, speech=True)
    assert runner.codes == ["reconnecting"]
    runner.machine.expect(partials=True)


def test_who_asks_for_no_partials_any_more_gives_the_engine_more_time() -> None:
    runner = running()
    runner.say(4_000, speech=True)
    runner.machine.expect(partials=False)
    runner.say(20_000, speech=True)
    assert runner.codes == []
    runner.machine.expect(partials=True)
    runner.say(20, speech=True)
    assert runner.codes == ["reconnecting"]


def test_a_reader_who_pauses_trips_nothing() -> None:
    runner = running()
    runner.machine.reading(runner.now, reading=False)
    runner.say(60_000, speech=True)
    assert runner.codes == []
    runner.machine.reading(runner.now, reading=True)
    runner.wait(4_000)
    assert runner.codes == []
    runner.wait(2_000)
    assert runner.codes == ["reconnecting"]


def test_an_engine_that_takes_no_audio_is_replaced() -> None:
    runner = running()
    runner.say(20, speech=True)
    runner.stuck.add(1)
    runner.machine.received(AudioFrame(bytes(640), SPEECH, 320), speech=False)
    assert isinstance(runner.machine.next_frame(1, runner.now), AudioFrame)
    assert runner.machine.must_wait
    runner.wait(5_100)
    assert runner.codes == ["reconnecting"]
    assert not runner.machine.must_wait


def test_an_engine_that_refuses_audio_may_say_why_and_is_replaced_if_it_does_not() -> None:
    """Its events end with the reason; what it reported before them is still good."""
    runner = running()
    runner.say(1_000, speech=True)
    runner.machine.send_failed(1, DOWN, runner.now)
    runner.machine.send_failed(1, CRASH, runner.now)
    runner.hear(final("a", 0, 500))
    runner.wait(900)
    assert runner.codes == []
    runner.machine.reading(runner.now, reading=False)
    runner.wait(5_000)
    runner.machine.reading(runner.now, reading=True)
    assert runner.codes == [], "nobody could have read why"
    runner.wait(1_001)
    assert runner.codes == ["reconnecting"]
    assert runner.last(Warn).event.cause is DOWN
    runner.machine.send_failed(1, DOWN, runner.now)
    assert runner.machine.next_due is None


def test_a_refusal_that_passes_by_itself_is_tried_again_and_one_that_does_not_is_not() -> None:
    runner = Runner()
    runner.refuse(DOWN)
    assert runner.codes == ["reconnecting"]
    assert runner.last(Connect).attempt == 2
    runner.say(100, speech=True)
    runner.refuse(REFUSED)
    assert runner.log[-1] == GiveUp(REFUSED)
    assert runner.codes[-1] == "audio_lost"
    assert runner.machine.stats.lost_samples == SPEECH.samples(100)


def test_an_unknown_exception_is_tried_again() -> None:
    runner = Runner()
    runner.refuse(ValueError("what?"))
    assert isinstance(runner.log[-1], Connect)


def test_the_budget_of_attempts_ends_in_the_last_error() -> None:
    runner = Runner(max_attempts=3)
    for _ in range(3):
        runner.refuse()
    assert runner.wanted
    runner.refuse(CRASH)
    assert runner.log[-1] == GiveUp(CRASH)
    assert not runner.machine.must_wait
    assert runner.machine.due(1e9) == runner.machine.input_ended() == []
    assert runner.machine.opened(9, 0.0) == [Close(9)]
    assert runner.machine.open_failed(4, DOWN, 0.0) == []


def test_waits_grow_with_failures_and_start_over_after_good_times() -> None:
    runner = Runner(retry_base_ms=1_000, retry_cap_ms=60_000, healthy_ms=10_000, max_attempts=5)
    for _ in range(4):
        runner.refuse()
    waits = [each.at for each in runner.log if isinstance(each, Connect)]
    assert waits == sorted(waits)
    runner.open()
    runner.say(11_000, speech=False)
    runner.lose()
    assert runner.last(Connect).attempt == 6 - 4 + 4, "it never answered, so it was not well"
    runner.open()
    runner.say(11_000, speech=False)
    runner.hear(Progress(1))
    runner.lose()
    assert runner.last(Connect).attempt == 2


def test_an_engine_that_ends_by_itself_is_lost() -> None:
    runner = running()
    runner.say(100, speech=True)
    runner.do(runner.machine.ended(1, runner.now))
    assert runner.codes == ["reconnecting"]
    assert "early" in runner.last(Warn).event.message


def test_during_an_outage_old_audio_gives_way_and_the_loss_is_counted_and_told() -> None:
    runner = running(replay_ms=1_000)
    runner.say(500, speech=True)
    runner.lose()
    runner.say(2_000, speech=True)
    assert not runner.machine.must_wait
    runner.open()
    assert runner.span_of(2) == (1_500, 2_500)
    lost = [each.event for each in runner.log if isinstance(each, Warn)][-2]
    assert (lost.code, lost.audio_ms) == ("audio_lost", 1_500)
    assert runner.machine.stats.lost_samples == SPEECH.samples(1_500)


def test_during_an_outage_the_source_waits_where_that_is_wanted() -> None:
    """A file can wait; a call can't."""
    runner = Runner(replay_ms=1_000, when_full="wait")
    runner.say(980, speech=True)
    assert not runner.machine.must_wait
    runner.say(20, speech=True)
    assert runner.machine.must_wait


def test_while_it_catches_up_the_source_goes_on_and_then_keeps_step() -> None:
    runner = Runner(replay_ms=1_000)
    runner.say(500, speech=True)
    plan = runner.wanted.pop()
    runner.do(runner.machine.opened(plan.session, runner.now))
    runner.say(480, speech=True, feed=False)
    assert not runner.machine.must_wait
    runner.say(20, speech=True, feed=False)
    assert runner.machine.must_wait
    runner.feed()
    assert not runner.machine.must_wait
    runner.say(20, speech=True, feed=False)
    assert runner.machine.must_wait


def test_an_outage_after_the_end_of_the_input_still_gets_its_answer() -> None:
    runner = running()
    runner.say(1_000, speech=True)
    runner.do(runner.machine.input_ended())
    runner.feed()
    runner.lose()
    runner.open()
    assert runner.span_of(2) == (0, 1_000)
    assert runner.ended_inputs == [1, 2]
    runner.do(runner.machine.ended(2, runner.now))
    assert runner.log[-1] == Done()


def test_nothing_owed_at_the_end_needs_no_other_engine() -> None:
    runner = running()
    runner.say(1_000, speech=True)
    runner.hear(Progress(1_000))
    runner.lose()
    runner.do(runner.machine.input_ended())
    assert runner.log[-1] == Done()
    assert not runner.wanted
    other = running()
    other.say(1_000, speech=True)
    other.do(other.machine.input_ended())
    other.feed()
    other.hear(Progress(1_000))
    other.lose()
    assert other.log[-1] == Done()


def test_an_end_that_never_comes_is_asked_of_another_session() -> None:
    runner = running()
    runner.say(1_000, speech=True)
    runner.do(runner.machine.input_ended())
    assert runner.machine.input_ended() == []
    runner.feed()
    runner.wait(15_001)
    assert "rest of its answer" in runner.last(Warn).event.message
    runner.open()
    assert runner.ended_inputs == [1, 2]


def test_warnings_of_the_engine_are_the_readers_too() -> None:
    runner = running()
    runner.hear(TranslatorWarning("slow"))
    assert runner.events == [TranslatorWarning("slow")]


def test_what_a_session_says_after_it_was_given_up_is_not_heard() -> None:
    runner = running()
    runner.say(100, speech=True)
    runner.lose()
    assert [type(each) for each in runner.hear(Progress(100), session=1)] == [Suppress]
    assert runner.machine.lost(1, CRASH, runner.now) == []
    assert runner.machine.ended(1, runner.now) == []
    assert runner.machine.sent(1, runner.now) == []
    assert runner.machine.next_frame(1, runner.now) is None
    assert runner.machine.opened(1, runner.now) == [Close(1)]
    assert runner.machine.open_failed(1, DOWN, runner.now) == []


def test_what_was_interrupted_is_not_spoken_by_the_next_session() -> None:
    runner = Runner()
    runner.machine.interrupted()
    runner.open()
    runner.say(1_000, speech=True)
    runner.machine.interrupted()
    runner.lose()
    runner.open()
    frame = AudioFrame(bytes(2), SPEECH)
    runner.hear(
        final("a", 0, 900),
        TranslatedAudio("a", "es", frame, TimeSpan(0, 900)),
        TranslatedAudio("b", "es", frame, TimeSpan(1_000, 1_500)),
    )
    assert [type(event).__name__ for event in runner.events] == [
        "FinalTranslation",
        "TranslatedAudio",
    ]


# Fail-over.


def test_an_engine_that_keeps_failing_is_replaced_by_the_next_and_has_its_turn_again() -> None:
    runner = Runner(engines=2, tries_per_engine=2, failback_ms=60_000)
    runner.refuse()
    runner.refuse()
    assert runner.codes == ["reconnecting", "failed_over"]
    assert runner.last(Connect).engine == 1
    assert runner.last(Connect).at == runner.now, "the next need not be waited for"
    runner.open()
    runner.say(59_000, speech=False)
    assert runner.codes[-1] == "reconnected"
    runner.say(1_020, speech=False)
    assert runner.last(Connect).engine == 0
    runner.open()
    runner.say(500, speech=False)
    runner.hear(Progress(runner.place_ms))
    read = runner.read
    assert read is not None
    runner.do(runner.machine.ended(read, runner.now))
    assert runner.codes[-2:] == ["handing_over", "failed_back"]


def test_going_back_is_tried_ever_more_rarely() -> None:
    runner = Runner(engines=2, tries_per_engine=1, failback_ms=10_000)
    runner.refuse()
    runner.open()
    tried = []
    for _ in range(3):
        while not runner.wanted:
            runner.say(100, speech=False)
            runner.hear(Progress(runner.place_ms))
        tried.append(runner.now)
        runner.refuse()
    assert runner.codes.count("handover_failed") == 3
    assert [round(b - a) for a, b in zip([0.0, *tried], tried, strict=False)] == [10, 20, 40]


def test_an_engine_that_ran_well_is_gone_back_to_as_soon_as_the_first_time() -> None:
    runner = Runner(engines=2, tries_per_engine=1, failback_ms=20_000, healthy_ms=5_000)
    for _ in range(3):
        runner.refuse() if runner.wanted else runner.lose()
        runner.open()
        failed_over = runner.now
        while not runner.wanted:
            runner.say(100, speech=False)
        assert runner.now - failed_over < 20.2
        runner.open()
        runner.say(500, speech=False)
        assert runner.read is not None
        runner.do(runner.machine.ended(runner.read, runner.now))
        runner.say(6_000, speech=False)
        runner.hear(Progress(runner.place_ms))
    assert runner.codes.count("failed_back") == 3


def test_going_back_to_an_engine_that_can_not_work_is_tried_once() -> None:
    runner = Runner(engines=2, tries_per_engine=1, failback_ms=10_000)
    runner.refuse()
    runner.open()
    runner.say(10_100, speech=False)
    runner.refuse(REFUSED)
    runner.say(60_000, speech=False)
    assert not runner.wanted


def test_where_going_back_is_not_wanted_the_second_engine_stays() -> None:
    runner = Runner(engines=2, tries_per_engine=1, failback_ms=None)
    runner.refuse()
    runner.open()
    runner.say(120_000, speech=False)
    assert runner.codes == ["failed_over", "reconnected"]


def test_when_no_engine_can_work_the_translation_fails() -> None:
    runner = Runner(engines=2)
    runner.refuse(REFUSED)
    assert runner.last(Connect).engine == 1
    runner.refuse(REFUSED)
    assert runner.log[-1] == GiveUp(REFUSED)


# Handing over. Sessions of a minute: the second is opened at 45 s and used by 56.25 s.


def at_45_s(*, speech: bool = True, **settings: Any) -> Runner:
    """A session of a minute whose successor is being opened; all but the last second is settled."""
    runner = running(limit_ms=60_000, **settings)
    while runner.now < 45:
        runner.say(1_000, speech=speech)
        runner.hear(Progress(runner.place_ms - 1_000))
    assert runner.codes == ["handing_over"]
    assert runner.last(Connect).reason == "hand over"
    return runner


def test_in_a_pause_the_first_ends_what_it_owes_and_the_second_hears_all_after_it() -> None:
    """No word is lost and none is doubled: the cut lies in silence that both hear."""
    runner = at_45_s()
    second = runner.open()
    runner.say(1_000, speech=True)
    assert second not in runner.got
    runner.say(400, speech=False)
    assert runner.ended_inputs == [1]
    assert runner.span_of(1) == (0, 46_400)
    runner.say(1_000, speech=True)
    assert runner.span_of(second) == (46_200, 47_400)
    assert runner.read == 1
    runner.hear(final("a", 44_000, 46_000), ended("a", 44_000, 46_000))
    runner.do(runner.machine.ended(1, runner.now))
    assert runner.read == second
    assert runner.codes == ["handing_over", "handed_over"]
    assert runner.events[-1] == Progress(46_200)
    runner.hear(final("a", 46_400, 47_000))
    assert isinstance(runner.events[-1], FinalTranslation)
    assert runner.events[-1].utterance_id == "u2"
    assert runner.machine.stats.handovers == 1


def test_without_a_pause_a_boundary_will_do_in_the_second_half_of_the_time() -> None:
    runner = at_45_s()
    second = runner.open()
    while runner.read == 1:
        runner.say(1_000, speech=True)
        runner.hear(
            final(f"a{runner.now}", runner.place_ms - 1_500, runner.place_ms - 500),
            ended(f"a{runner.now}", runner.place_ms - 1_500, runner.place_ms - 500),
            Progress(runner.place_ms - 500),
        )
    assert 50.6 < runner.now < 52
    assert runner.read == second
    assert runner.closed == [1]
    assert runner.span_of(second)[0] == runner.place_ms - 500
    assert "handed_over" in runner.codes


def test_a_boundary_at_which_speech_is_owed_is_none() -> None:
    """What was said in part would have to be made again."""
    runner = at_45_s()
    runner.open()
    for _ in range(2):
        runner.say(4_000, speech=True)
        runner.hear(Usage())
    runner.hear(final("a", 50_000, 51_000), Progress(50_000))
    assert runner.read == 1
    runner.hear(ended("a", 50_000, 51_000), Progress(51_000))
    assert runner.read == 2


def test_at_the_deadline_the_second_takes_over_wherever_the_first_is() -> None:
    runner = at_45_s()
    second = runner.open()
    for _ in range(2):
        runner.say(4_000, speech=True)
        runner.hear(Usage())
    runner.hear(final("a", 44_500, 52_000))
    runner.say(4_000, speech=True)
    assert runner.now > 56.25
    assert runner.read == second
    assert runner.span_of(second) == (44_000, runner.place_ms)
    told = runner.hear(final("b", 44_600, 52_100))
    assert [each.why for each in told if isinstance(each, Suppress)] == ["said before"]


def test_a_second_session_that_comes_up_after_the_deadline_is_used_at_once() -> None:
    runner = at_45_s()
    runner.say(13_000, speech=True)
    runner.hear(Progress(50_000))
    assert runner.read == 1
    runner.open()
    runner.wait(0)
    assert runner.read == 2


def test_a_second_session_that_can_not_be_opened_is_tried_again_while_there_is_time() -> None:
    runner = at_45_s(retry_cap_ms=4_000)
    runner.refuse()
    assert runner.codes[-1] == "handover_failed"
    runner.say(4_100, speech=True)
    runner.hear(Progress(runner.place_ms))
    assert runner.wanted
    runner.refuse()
    runner.say(4_100, speech=True)
    runner.hear(Progress(runner.place_ms))
    runner.refuse(REFUSED)
    runner.say(3_000, speech=True)
    assert not runner.wanted
    assert runner.read == 1
    assert GiveUp(REFUSED) not in runner.log


def test_a_loss_while_the_second_is_ready_costs_no_time() -> None:
    runner = at_45_s()
    second = runner.open()
    runner.lose()
    assert runner.read == second
    runner.feed()
    assert runner.span_of(second) == (44_000, 45_000)
    assert runner.codes[-3:] == ["reconnecting", "reconnected", "replayed"]


def test_a_loss_while_the_second_is_being_opened_waits_for_it() -> None:
    runner = at_45_s()
    runner.lose()
    assert len(runner.wanted) == 1
    second = runner.open()
    assert runner.read == second
    assert runner.span_of(second)[0] == 44_000


def drained() -> Runner:
    """In the middle of a hand-over: the first owes its last utterance, the second is fed."""
    runner = at_45_s()
    runner.open()
    runner.say(500, speech=False)
    runner.say(500, speech=True)
    assert (runner.read, runner.fed) == (1, [1, 2])
    return runner


def test_a_first_session_lost_while_it_owes_makes_a_third_hear_it_all() -> None:
    """The second has not heard the beginning."""
    runner = drained()
    decisions = runner.lose()
    assert decisions[:2] == [Close(1), Close(2)]
    third = runner.open()
    assert third == 3
    assert runner.span_of(3) == (44_000, 46_000)


def test_a_first_session_lost_when_it_owes_nothing_is_not_missed() -> None:
    runner = drained()
    runner.hear(Progress(99_000))
    runner.lose()
    assert runner.read == 2
    assert runner.codes[-1] == "handed_over"


def test_a_first_session_that_does_not_come_to_an_end_is_given_up() -> None:
    runner = drained()
    runner.wait(15_001)
    assert 1 in runner.closed
    endless = drained()
    for _ in range(70):
        if endless.read == 1 and 1 not in endless.closed:
            endless.wait(1_000)
            endless.hear(Usage(audio_ms=1), session=1)
    assert 1 in endless.closed
    assert endless.now < 45 + 1 + 62


def test_a_second_session_lost_while_the_first_still_talks_is_replaced() -> None:
    runner = drained()
    runner.machine.send_failed(2, DOWN, runner.now)
    runner.wait(1_001)
    assert runner.closed == [2]
    assert runner.read == 1
    third = runner.open()
    runner.say(500, speech=True)
    assert runner.span_of(third) == (45_200, 46_500)
    runner.do(runner.machine.ended(1, runner.now))
    assert runner.read == third


def test_a_first_session_that_ends_before_the_replacement_is_there_is_not_missed_either() -> None:
    runner = drained()
    runner.lose(session=2)
    runner.do(runner.machine.ended(1, runner.now))
    third = runner.open()
    assert runner.read == third
    assert runner.span_of(third) == (45_200, 46_000)


def test_both_lost_in_a_hand_over_leave_all_to_the_third() -> None:
    runner = drained()
    runner.lose(session=2)
    runner.lose(session=1)
    assert len(runner.wanted) == 1
    third = runner.open()
    assert runner.read == third
    assert runner.span_of(third) == (44_000, 46_000)


def test_a_second_session_that_was_stuck_before_it_is_read_is_watched_from_then_on() -> None:
    runner = drained()
    runner.stuck.add(2)
    runner.machine.received(AudioFrame(bytes(640), SPEECH, SPEECH.samples(46_000)), speech=True)
    assert isinstance(runner.machine.next_frame(2, runner.now), AudioFrame)
    runner.do(runner.machine.ended(1, runner.now))
    assert runner.read == 2
    runner.wait(5_100)
    assert 2 in runner.closed


def test_the_input_may_end_in_the_middle_of_a_hand_over() -> None:
    runner = drained()
    runner.do(runner.machine.input_ended())
    runner.feed()
    assert runner.ended_inputs == [1, 2]
    runner.do(runner.machine.ended(1, runner.now))
    assert runner.read == 2
    runner.do(runner.machine.ended(2, runner.now))
    assert runner.log[-1] == Done()
    assert runner.machine.stats.held_samples == 0


def test_a_return_that_falls_into_a_hand_over_is_left_to_the_next_session() -> None:
    runner = Runner(engines=2, tries_per_engine=1, failback_ms=46_000, limit_ms=60_000)
    runner.refuse()
    runner.open()
    runner.say(47_000, speech=False)
    assert runner.codes.count("handing_over") == 1
    runner.open()
    runner.say(20, speech=False)
    assert runner.read is not None
    runner.do(runner.machine.ended(runner.read, runner.now))
    assert runner.codes[-1] == "handed_over"
    runner.say(20, speech=False)
    assert runner.last(Connect).engine == 0, "or a short limit would keep it from going back"


def test_a_frame_that_was_pushed_out_while_it_was_sent_is_lost_and_no_more() -> None:
    runner = Runner(replay_ms=100)
    plan = runner.wanted.pop()
    runner.do(runner.machine.opened(plan.session, runner.now))
    runner.say(20, speech=True, feed=False)
    assert isinstance(runner.machine.next_frame(1, runner.now), AudioFrame)
    runner.say(100, speech=True, feed=False)
    assert runner.machine.sent(1, runner.now) == []
    assert runner.machine.stats.lost_samples == SPEECH.samples(20)


def test_the_input_ends_before_a_second_session_is_needed() -> None:
    runner = at_45_s()
    second = runner.open()
    runner.do(runner.machine.input_ended())
    assert second in runner.closed
    runner.feed()
    runner.wait(20_000)
    assert GiveUp not in [type(each) for each in runner.log]


def test_a_change_of_the_request_hands_over_soon() -> None:
    runner = running()
    runner.say(1_000, speech=True)
    runner.do(runner.machine.hand_over(runner.now))
    assert runner.codes == ["handing_over"]
    runner.do(runner.machine.hand_over(runner.now))
    assert runner.closed == [2], "the second has the old request too"
    third = runner.open()
    runner.say(400, speech=False)
    runner.do(runner.machine.hand_over(runner.now))
    runner.do(runner.machine.ended(1, runner.now))
    assert runner.read == third
    runner.wait(10)
    assert runner.last(Connect).session == 4, "the third was opened before the last change"


def test_a_change_without_a_session_to_change_does_nothing() -> None:
    runner = Runner()
    assert runner.machine.hand_over(0.0) == []


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000))
def test_no_order_of_facts_breaks_the_machine_or_loses_count(seed: int) -> None:
    """Runners and engines do things in any order; the books must balance after each."""
    dice = Random(seed)
    runner = Runner(
        engines=dice.choice([1, 2]),
        limit_ms=dice.choice([None, 4_000.0]),
        replay_ms=dice.choice([300, 30_000]),
        max_attempts=100,
        give_up_after_ms=1e7,
        failback_ms=1_000,
        when_full=dice.choice(["wait", "drop_oldest"]),
    )
    for number in range(50):
        if any(isinstance(each, (GiveUp, Done)) for each in runner.log):
            break
        session = dice.randrange(1, 2 + runner.machine.stats.sessions)
        match dice.randrange(12):
            case 0 if runner.wanted:
                runner.refuse(dice.choice([DOWN, CRASH, ValueError("x")]))
            case 0 | 1 | 2 if runner.wanted:
                runner.open()
            case 3:
                runner.lose(session=session)
            case 4:
                runner.do(runner.machine.ended(session, runner.now))
            case 5:
                runner.machine.send_failed(session, DOWN, runner.now)
            case 6:
                runner.machine.reading(runner.now, reading=dice.random() < 0.7)
            case 7:
                runner.do(runner.machine.hand_over(runner.now))
            case 8:
                runner.hear(
                    Progress(dice.uniform(0, runner.place_ms)),
                    final(f"a{number}", runner.place_ms, runner.place_ms + 100),
                    session=session,
                )
            case 9 if number > 50:
                runner.do(runner.machine.input_ended())
            case _:
                runner.say(dice.choice([20, 400, 1_000]), speech=dice.random() < 0.5)
        stats = runner.machine.stats
        assert stats.received_samples == (
            stats.settled_samples
            + stats.held_samples
            + stats.unguarded_samples
            + stats.lost_samples
        )
    positions = [event.position_ms for event in runner.events if isinstance(event, Progress)]
    assert positions == sorted(set(positions))


def test_a_session_is_never_sent_a_frame_twice_or_out_of_order() -> None:
    runner = drained()
    runner.do(runner.machine.ended(1, runner.now))
    runner.lose()
    runner.open()
    for frames in runner.got.values():
        positions = [frame.position for frame in frames]
        assert positions == sorted(set(positions))
    # The first has ended well, so what lies before the cut is not sent again.
    assert runner.span_of(3) == (45_200, 46_000)
