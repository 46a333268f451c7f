"""The parts of resilience one by one: watchdog, back-off, engines in turn, hand-over times, speech that broke off."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslationEvent,
    TranslatorWarning,
    UtteranceEnded,
    WordTiming,
)
from rawmedia.translators.resilience import ResilienceConfig, ResilienceWarning
from rawmedia.translators.resilience.backoff import Backoff, EngineList
from rawmedia.translators.resilience.duplicates import novelty, said_stretch, shifted
from rawmedia.translators.resilience.handover import HandOverPlan
from rawmedia.translators.resilience.replay import Kept
from rawmedia.translators.resilience.spoken import Spoken
from rawmedia.translators.resilience.watchdog import Watchdog

# Watchdog.


def offer(watchdog: Watchdog, frames: int, now: float, *, speech: bool) -> float:
    """Frames of 20 ms at the speed of speech, each taken at once; returns the time after."""
    for _ in range(frames):
        now += 0.02
        watchdog.offered(20.0, now, speech=speech)
        watchdog.taken()
    return now


def watching(answer_ms: float = 5_000.0, rest_ms: float = 15_000.0) -> Watchdog:
    watchdog = Watchdog(rest_ms)
    watchdog.start(0.0, answer_ms)
    return watchdog


def test_speech_without_an_answer_is_a_dead_engine_after_the_limit_and_not_before() -> None:
    """The silent zombie that native SDKs become."""
    watchdog = watching()
    now = offer(watchdog, 249, 0.0, speech=True)
    assert watchdog.complaint(now) is None
    now = offer(watchdog, 1, now, speech=True)
    assert watchdog.due == pytest.approx(5.0)
    assert watchdog.complaint(now + 0.001) == "speech"


def test_a_muted_caller_never_trips_it() -> None:
    """Ten minutes of silence, or of music that the detector calls no speech, prove nothing."""
    watchdog = watching()
    now = offer(watchdog, 30_000, 0.0, speech=False)
    assert watchdog.complaint(now) is None
    assert watchdog.due is None


def test_clicks_do_not_add_up_over_a_quiet_call() -> None:
    """A detector errs now and then; silence makes up for it."""
    watchdog, now = watching(), 0.0
    for _ in range(2_000):
        now = offer(watchdog, 1, now, speech=True)
        now = offer(watchdog, 20, now, speech=False)
    assert watchdog.complaint(now) is None


def test_any_event_is_a_sign_of_life() -> None:
    watchdog, now = watching(), 0.0
    for _ in range(20):
        now = offer(watchdog, 240, now, speech=True)
        watchdog.answered(now)
    assert watchdog.complaint(now) is None


def test_a_backlog_sent_at_once_is_no_evidence_before_its_time() -> None:
    """After an outage half a minute of speech goes out in a moment."""
    watchdog = watching()
    for _ in range(1_500):
        watchdog.offered(20.0, 0.0, speech=True)
        watchdog.taken()
    assert watchdog.complaint(4.999) is None
    assert watchdog.complaint(5.0) == "speech"


def test_an_engine_that_takes_no_audio_is_dead_though_it_was_given_little() -> None:
    """A full engine hides from a count of what it took."""
    watchdog = watching()
    watchdog.offered(20.0, 0.0, speech=False)
    assert watchdog.due == 5.0
    assert watchdog.complaint(4.9) is None
    assert watchdog.complaint(5.0) == "stalled"


def test_refused_audio_after_long_silence_needs_half_the_limit() -> None:
    """Who has heard nothing for long must not wait as long again."""
    watchdog = watching()
    watchdog.offered(20.0, 60.0, speech=True)
    assert watchdog.due == 62.5
    watchdog.taken()
    assert watchdog.due is None


def test_time_in_which_nobody_reads_does_not_count() -> None:
    """A reader that pauses stops the engine; that is not the engine's fault."""
    watchdog = watching()
    now = offer(watchdog, 300, 0.0, speech=True)
    watchdog.offered(20.0, now, speech=True)
    watchdog.all_sent(now)
    watchdog.offered(20.0, now, speech=True)
    watchdog.reading(1.0, reading=False)
    watchdog.reading(2.0, reading=False)
    assert watchdog.due is None
    assert watchdog.complaint(1_000.0) is None
    watchdog.reading(101.0, reading=True)
    watchdog.reading(102.0, reading=True)
    assert watchdog.complaint(104.9) is None
    assert watchdog.complaint(105.0) == "speech"


def test_a_watch_that_begins_while_nobody_reads_counts_from_when_somebody_does() -> None:
    watchdog = Watchdog(15_000.0)
    watchdog.reading(0.0, reading=False)
    watchdog.start(10.0, 5_000.0)
    watchdog.offered(5_000.0, 10.0, speech=True)
    watchdog.reading(20.0, reading=True)
    assert watchdog.due == 20.0 + 5.0


def test_the_rest_after_the_last_audio_has_its_own_limit() -> None:
    """The end of a call must come, also from an engine that forgot to say it."""
    watchdog = watching()
    watchdog.all_sent(2.0)
    assert watchdog.complaint(16.9) is None
    watchdog.answered(16.9)
    assert watchdog.complaint(31.8) is None
    assert watchdog.complaint(31.9) == "rest"


def test_nothing_is_watched_while_there_is_no_engine() -> None:
    watchdog = watching()
    watchdog.offered(9_000.0, 0.0, speech=True)
    watchdog.stop()
    assert watchdog.complaint(1_000.0) is None


# Back-off and the list of engines.


@given(seed=st.integers(0, 1_000), base=st.floats(0, 1_000), cap=st.floats(0, 10_000))
def test_waits_are_within_a_ceiling_that_doubles_up_to_the_cap(
    seed: int, base: float, cap: float
) -> None:
    """Full jitter: anything from nothing to the ceiling."""
    backoff = Backoff(base, cap, 8, 1e9, Random(seed))
    for failure in range(8):
        at = backoff.failed(100.0)
        assert at is not None
        assert 0 <= (at - 100.0) * 1000 <= min(cap, base * 2**failure) + 1e-6
    assert backoff.failed(100.0) is None


def test_waits_follow_from_the_seed_and_differ_between_seeds() -> None:
    """Two clients that lose one service must not come back together."""

    def waits(seed: int) -> list[float | None]:
        backoff = Backoff(250, 8_000, 10, 1e9, Random(seed))
        return [backoff.failed(0.0) for _ in range(10)]

    assert waits(1) == waits(1)
    assert waits(1) != waits(2)


def test_the_budget_of_time_counts_from_the_first_failure_in_a_row() -> None:
    backoff = Backoff(0, 0, 100, 10_000, Random(0))
    assert backoff.failed(50.0) == 50.0
    assert backoff.failed(60.0) == 60.0
    assert backoff.failed(60.1) is None
    backoff.reset()
    assert backoff.failures == 0
    assert backoff.failed(60.2) == 60.2


def test_another_engine_need_not_be_waited_for() -> None:
    backoff = Backoff(1_000, 1_000, 2, 1e9, Random(0))
    assert backoff.failed(3.0, at_once=True) == 3.0


def test_engines_take_turns_after_as_many_failures_as_allowed() -> None:
    engines = EngineList(3, tries=2)
    turns = []
    for _ in range(7):
        turns.append(engines.current)
        assert engines.failed(engines.current, retryable=True)
    assert turns == [0, 0, 1, 1, 2, 2, 0]
    assert engines.wants_back is False
    engines.turn_to(2)
    assert engines.wants_back


def test_an_engine_that_can_not_work_is_left_out_for_good() -> None:
    engines = EngineList(2, tries=2)
    assert engines.failed(0, retryable=False)
    assert engines.current == 1
    assert engines.fresh
    assert engines.failed(1, retryable=True)
    assert not engines.fresh
    assert engines.failed(1, retryable=True)
    assert engines.current == 1, "the other is out"
    assert not engines.wants_back
    engines.healthy()
    assert engines.fresh
    assert not engines.failed(1, retryable=False)


def test_the_failure_of_an_engine_whose_turn_it_is_not_leaves_the_turn() -> None:
    engines = EngineList(2, tries=1)
    engines.turn_to(1)
    assert engines.failed(0, retryable=False)
    assert engines.current == 1


# When to hand over.


def kept(start_ms: float, *, speech: bool, length_ms: float = 20.0) -> Kept:
    samples = SPEECH.samples(length_ms)
    return Kept(AudioFrame(bytes(2 * samples), SPEECH, SPEECH.samples(start_ms)), speech)


def plan(**settings: Any) -> HandOverPlan:
    return HandOverPlan(ResilienceConfig(**settings))


def test_the_second_session_is_opened_ahead_of_the_limit_and_used_before_it() -> None:
    handover = plan()
    handover.begin(100.0, 600_000.0)
    assert handover.open_at == 100 + 540
    assert handover.force_at == 100 + 595
    assert not handover.any_boundary(667.0)
    assert handover.any_boundary(668.0)


def test_a_short_limit_shortens_lead_and_margin() -> None:
    """Sessions of seconds, as tests and trial accounts have them, still hand over."""
    handover = plan()
    handover.begin(0.0, 8_000.0)
    assert handover.open_at == 6.0
    assert handover.force_at == 7.5


def test_no_limit_no_plan() -> None:
    handover = plan()
    handover.begin(0.0, None)
    assert handover.open_at is None
    assert handover.force_at is None


def test_a_request_is_planned_for_now_but_never_later_than_the_limit() -> None:
    handover = plan()
    handover.begin(0.0, None)
    handover.request(10.0)
    assert (handover.open_at, handover.force_at) == (10.0, 70.0)
    handover.begin(0.0, 60_000.0)
    handover.request(50.0)
    assert handover.open_at == 50.0
    assert handover.force_at == pytest.approx(56.25)


def test_an_attempt_is_put_off_only_while_there_is_time() -> None:
    handover = plan()
    handover.request(0.0)
    handover.opening()
    assert handover.open_at is None
    handover.postpone(8.0)
    assert handover.open_at == 8.0
    handover.postpone(60.0)
    assert handover.open_at is None


def test_a_pause_is_cut_in_its_middle_and_a_long_one_near_its_end() -> None:
    """Both sides get silence around the cut; nothing that was said is near it."""
    handover = plan(pause_ms=400)
    handover.begin(0.0, None)
    handover.sent(kept(0, speech=True))
    silence = [kept(20 + 20 * number, speech=False) for number in range(30)]
    cuts = []
    for each in silence:
        handover.sent(each)
        cuts.append(handover.pause(each))
    assert cuts[:19] == [None] * 19, "shorter than a pause"
    assert cuts[19] == SPEECH.samples(20 + 200)
    assert cuts[29] == SPEECH.samples(620 - 200)


def test_audio_that_was_not_sent_is_a_pause_and_speech_is_none() -> None:
    handover = plan(pause_ms=400)
    handover.sent(kept(0, speech=True))
    assert handover.pause(kept(0, speech=True)) is None
    late = kept(1_000, speech=False)
    handover.sent(late)
    assert handover.pause(late) == SPEECH.samples(1_020 - 200)


def test_before_any_audio_there_is_no_pause() -> None:
    handover = plan()
    assert handover.pause(kept(0, speech=False)) is None
    handover.sent(kept(0, speech=False, length_ms=1_000))
    assert handover.pause(kept(0, speech=False, length_ms=1_000)) is not None


# What was said before.


def word(text: str, start_ms: float, end_ms: float) -> WordTiming:
    return WordTiming(text, TimeSpan(start_ms, end_ms))


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0, 1_000), "repeated"),
        ((100, 900), "repeated"),
        ((500, 1_500), "repeated"),
        ((501, 1_503), "new"),
        ((1_000, 2_000), "new"),
        ((3_000, 4_000), "new"),
        ((400, 400), "repeated"),
        ((1_000, 1_000), "new"),
    ],
)
def test_half_of_a_span_said_before_makes_it_repeated(
    span: tuple[float, float], expected: str
) -> None:
    """Edges move by a fifth of a second between two recognitions; what is new shares no more."""
    assert novelty(TimeSpan(*span), (), [TimeSpan(0, 1_000)]) == expected


def test_what_several_texts_said_together_counts_together() -> None:
    """The second recognition may join what the first had cut."""
    said = [TimeSpan(0, 400), TimeSpan(600, 1_000)]
    assert novelty(TimeSpan(0, 1_000), (), said) == "repeated"
    assert novelty(TimeSpan(0, 1_700), (), said) == "new"


def test_word_times_tell_a_repeated_text_from_one_with_a_new_word() -> None:
    """A lost word is a greater harm than one heard twice."""
    said = [TimeSpan(0, 1_000)]
    hello, world = word("hello", 100, 700), word("world", 900, 1_500)
    assert novelty(TimeSpan(0, 1_000), (hello,), said) == "repeated"
    assert novelty(TimeSpan(0, 1_500), (hello, world), said) == "partly"
    assert novelty(TimeSpan(900, 1_500), (world,), said) == "new"


def test_a_text_speaks_for_the_stretch_from_its_first_word_to_its_last() -> None:
    """Spans have silence at their ends; words have not."""
    span = TimeSpan(0, 2_000)
    bare = FinalTranslation("u", 0, "hello world", "en", span, {})
    timed = FinalTranslation(
        "u", 0, "a b", "en", span, {}, (word("a", 300, 500), word("b", 600, 1_200))
    )
    assert said_stretch(bare) == span
    assert said_stretch(timed) == TimeSpan(300, 1_200)


def test_an_engine_that_counts_from_its_own_start_is_put_right() -> None:
    frame = AudioFrame(bytes(2), SPEECH)
    span, later = TimeSpan(0, 100), TimeSpan(5_000, 5_100)
    timed, moved = word("a", 10, 20), word("a", 5_010, 5_020)
    warning = TranslatorWarning("slow")
    cases: list[tuple[TranslationEvent, TranslationEvent]] = [
        (
            PartialTranslation("u", 0, "a", "en", span, {}, (timed,)),
            PartialTranslation("u", 0, "a", "en", later, {}, (moved,)),
        ),
        (
            FinalTranslation("u", 0, "a", "en", span, {}, (timed,)),
            FinalTranslation("u", 0, "a", "en", later, {}, (moved,)),
        ),
        (TranslatedAudio("u", "es", frame, span), TranslatedAudio("u", "es", frame, later)),
        (UtteranceEnded("u", span), UtteranceEnded("u", later)),
        (Progress(7), Progress(5_007)),
        (warning, warning),
    ]
    for event, expected in cases:
        assert shifted(event, 5_000) == expected


# Speech that broke off.


def piece(start: int, samples: int) -> AudioFrame:
    """Samples that say where in the speech they are."""
    return AudioFrame(np.arange(start, start + samples, dtype=np.int16), SPEECH, start)


def joined(frames: list[AudioFrame]) -> list[int]:
    return [int(sample) for frame in frames for sample in frame.samples[:, 0]]


@given(
    breaks=st.lists(st.integers(0, 9), max_size=4),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
)
def test_speech_made_again_goes_on_at_the_sample_where_it_broke_off(
    breaks: list[int], sizes: list[int]
) -> None:
    """Whatever the pieces of the second making, no sample comes twice and none is missing."""
    spoken = Spoken(resume=True)
    heard: list[AudioFrame] = []
    resumed = 0
    for session, pieces in enumerate([*breaks, 1_000]):
        start, made = 0, 0
        while start < 100 and made < pieces:
            size = min(sizes[made % len(sizes)], 100 - start)
            turn, frame = spoken.take(piece(start, size), session, engine=0)
            assert turn != "dropped"
            resumed += turn == "resumed"
            if frame is not None:
                assert frame.position == len(joined(heard))
                heard.append(frame)
            start, made = start + size, made + 1
    assert joined(heard) == list(range(100))
    assert resumed <= len(breaks)


def test_another_voice_does_not_go_on_in_the_middle_of_a_sentence() -> None:
    """Another engine, or another format, would say something else from there on."""
    for engine, frame in ((1, piece(0, 50)), (0, AudioFrame(bytes(100), TELEPHONY))):
        spoken = Spoken(resume=True)
        assert spoken.take(piece(0, 10), 1, engine=0)[0] == "usual"
        assert spoken.take(frame, 2, engine) == ("dropped", None)


def test_speech_that_had_not_begun_is_spoken_whole_by_whoever_makes_it() -> None:
    spoken = Spoken(resume=False)
    assert spoken.take(piece(0, 10), 2, engine=1)[0] == "usual"


def test_where_resuming_is_not_wanted_the_rest_is_dropped() -> None:
    spoken = Spoken(resume=False)
    spoken.take(piece(0, 10), 1, engine=0)
    assert spoken.take(piece(0, 50), 2, engine=0) == ("dropped", None)


def test_an_empty_piece_changes_nothing() -> None:
    spoken = Spoken(resume=True)
    spoken.take(piece(0, 10), 1, engine=0)
    assert spoken.take(piece(0, 0), 2, engine=0) == ("usual", None)
    turn, frame = spoken.take(piece(0, 20), 2, engine=0)
    assert turn == "resumed"
    assert frame is not None
    assert joined([frame]) == list(range(10, 20))


# Settings and steps.


def test_settings_are_bounded_and_unknown_ones_refused() -> None:
    with pytest.raises(ValidationError, match="answer_timeout_ms"):
        ResilienceConfig(answer_timeout_ms=1)
    with pytest.raises(ValidationError, match="patience"):
        ResilienceConfig(patience=3)  # type: ignore[call-arg]


def test_a_step_is_a_warning_with_a_code() -> None:
    """Whoever only knows warnings sees it; whoever knows codes need not read the text."""
    step = ResilienceWarning("gone", "u1", code="audio_lost", audio_ms=20.0)
    assert isinstance(step, TranslatorWarning)
    assert (step.message, step.utterance_id, step.code, step.audio_ms) == (
        "gone",
        "u1",
        "audio_lost",
        20.0,
    )
