"""One listener's translated speech: in order, one at a time, told, bounded, silent when asked."""

from __future__ import annotations

import numpy as np
import pytest
from speech_kit import TRACED, Ear, balance_ms, places, talk, traced

from rawmedia.audio.format import SPEECH
from rawmedia.errors import ConfigurationError, PayloadError
from rawmedia.sessions.lag import LagLimits
from rawmedia.sessions.speech.facts import (
    SpeechEnded,
    SpeechSkipped,
    SpeechSpedUp,
    SpeechStarted,
)
from rawmedia.sessions.speech.line import MAX_UTTERANCES
from rawmedia.sessions.speech.playout import MAX_GAP_S, SpeechPlayout
from rawmedia.testing.signals import tone

SECOND = 16_000
UNTRIMMED = LagLimits(min_pause_ms=60_000)
"""Traced audio has no voice, so all of it would be a pause."""


def said(playout: SpeechPlayout, utterance_id: str, samples: np.ndarray, now: float = 0.0) -> None:
    """A whole utterance at once."""
    assert playout.put(utterance_id, samples, now)
    playout.end_utterance(utterance_id)


def test_an_utterance_is_heard_as_it_was_put() -> None:
    playout = SpeechPlayout(SPEECH)
    ear, audio = Ear(playout), talk(1_010)
    said(playout, "a", audio)
    assert playout.ready
    assert not playout.speaking

    heard = ear.hear(1_100)

    np.testing.assert_array_equal(heard[: len(audio)], audio)
    assert not heard[len(audio) :].any()
    started, ended = ear.facts
    assert started == SpeechStarted("a", 0.0)
    assert isinstance(ended, SpeechEnded)
    assert ended == SpeechEnded("a", ended.when, False, 1_010, 0.0, 1.0)
    assert ended.when == pytest.approx(1.01)
    assert not playout.ready
    assert not playout.speaking


def test_a_frame_within_a_piece_is_no_copy() -> None:
    """What is rendered fifty times a second for each listener must cost next to nothing."""
    playout, audio = SpeechPlayout(SPEECH), talk(100)
    playout.put("a", audio, 0.0)

    frame = playout.render(320, 0.0)

    assert frame is not None
    assert np.shares_memory(frame, audio)


def test_an_utterance_whose_audio_is_still_coming_is_waited_for() -> None:
    """The next one is complete, but it comes after; the break is silence, and counted."""
    playout = SpeechPlayout(TRACED)
    ear = Ear(playout)
    playout.put("a", traced(0, 0, 400), 0.0)
    said(playout, "b", traced(1, 0, 800))
    first = places(ear.hear(200))
    playout.put("a", traced(0, 400, 400), ear.now)
    playout.end_utterance("a")
    second = places(ear.hear(400))

    assert first == [(0, at) for at in range(400)]
    assert second == [(0, at) for at in range(400, 800)] + [(1, at) for at in range(800)]
    assert playout.stats.underruns == 1
    assert playout.stats.underrun_ms == pytest.approx(150)


def test_the_end_that_is_told_late_is_no_underrun() -> None:
    playout = SpeechPlayout(SPEECH)
    ear = Ear(playout)
    playout.put("a", talk(100), 0.0)
    ear.hear(500)
    assert playout.speaking

    playout.end_utterance("a")

    assert not playout.speaking
    assert playout.stats.underruns == 0
    assert ear.told(SpeechEnded)[0].when == pytest.approx(0.1)


def test_an_utterance_that_nobody_ends_gives_way_after_a_while() -> None:
    """An engine that breaks the rules must not silence all that follows; and it is told."""
    playout = SpeechPlayout(TRACED, max_lag_ms=None)
    ear = Ear(playout)
    playout.put("a", traced(0, 0, 400), 0.0)
    said(playout, "b", traced(1, 0, 400))
    heard = ear.hear(1_000 * MAX_GAP_S + 300)

    assert [number for number, _ in places(heard)] == [0] * 400 + [1] * 400
    assert ear.told(SpeechEnded)[0].cut
    (skipped,) = ear.told(SpeechSkipped)
    assert skipped == SpeechSkipped("a", 0.0, skipped.when, "lag", partial=True)
    assert skipped.when == pytest.approx(MAX_GAP_S, abs=0.1)
    assert not playout.put("a", traced(0, 400, 80), ear.now)
    assert playout.stats.stale_ms == 10


def test_what_is_held_does_not_begin_but_what_was_begun_goes_on() -> None:
    playout = SpeechPlayout(TRACED)
    ear = Ear(playout)
    said(playout, "a", traced(0, 0, 800))
    ear.hear(40)
    said(playout, "b", traced(1, 0, 160), ear.now)
    playout.held = True

    assert {number for number, _ in places(ear.hear(200))} == {0}
    assert playout.ready
    assert not playout.speaking
    playout.held = False
    assert {number for number, _ in places(ear.hear(100))} == {1}


def test_a_long_utterance_at_once_is_neither_late_nor_touched() -> None:
    """Its last word can't be heard before those ahead of it, so it does not wait for them."""
    playout = SpeechPlayout(SPEECH)
    ear, audio = Ear(playout), talk(12_000)
    said(playout, "a", audio)

    np.testing.assert_array_equal(ear.hear(12_000), audio)
    assert playout.stats.max_lag_ms < 1e-6


def test_a_voice_that_falls_behind_is_trimmed_and_sped_up_before_anything_is_skipped() -> None:
    playout = SpeechPlayout(SPEECH)
    ear = Ear(playout)
    for number in range(3):
        said(playout, f"u{number}", talk(2_000, seed=number), now=0.3 * number)
    ear.hear(6_500)
    stats = playout.stats

    assert not ear.told(SpeechSkipped)
    assert [fact.utterance_id for fact in ear.told(SpeechSpedUp)] == ["u0", "u1", "u2"]
    assert stats.trimmed_ms > 200
    assert stats.sped_up_ms > 600
    assert stats.max_lag_ms <= 4_000
    assert [fact.cut for fact in ear.told(SpeechEnded)] == [False] * 3
    assert sum(fact.trimmed_ms for fact in ear.told(SpeechEnded)) == stats.trimmed_ms
    assert sum(fact.heard_ms for fact in ear.told(SpeechEnded)) == stats.played_ms
    assert balance_ms(playout) == pytest.approx(0)


def test_what_would_be_too_late_gives_way_to_the_newest() -> None:
    """Those between are told of with all their speech, so that their text is in the captions."""
    playout = SpeechPlayout(TRACED, max_lag_ms=1_000, limits=UNTRIMMED)
    ear = Ear(playout)
    for number in range(4):
        said(playout, f"u{number}", traced(number, 0, 24_000), now=0.1 * number)
    heard = places(ear.hear(5_000))

    assert {number for number, _ in heard} == {0, 3}
    skipped = {fact.utterance_id: fact for fact in ear.told(SpeechSkipped)}
    assert list(skipped) == ["u0", "u1", "u2"]
    assert skipped["u0"].partial
    assert 1_700 < skipped["u0"].ms < 1_900
    assert [(skipped[name].ms, skipped[name].partial) for name in ("u1", "u2")] == [
        (3e3, False)
    ] * 2
    assert {fact.reason for fact in skipped.values()} == {"lag"}
    assert [(fact.utterance_id, fact.cut) for fact in ear.told(SpeechEnded)] == [
        ("u0", True),
        ("u3", False),
    ]
    assert [fact.utterance_id for fact in ear.told(SpeechStarted)] == ["u0", "u3"]
    assert playout.stats.skips == 1


def test_speech_that_waits_behind_a_stalled_engine_is_not_late_but_what_it_holds_up_is() -> None:
    """An utterance that ran dry gives way when the next one can't wait any longer."""
    playout = SpeechPlayout(TRACED, max_lag_ms=1_000)
    ear = Ear(playout)
    playout.put("a", traced(0, 0, 400), 0.0)
    said(playout, "b", traced(1, 0, 400))
    ear.hear(1_200)

    assert ear.told(SpeechStarted)[1].when == pytest.approx(0.92, abs=0.021)
    assert playout.stats.max_lag_ms <= 1_000


def test_after_a_stall_within_an_utterance_its_newest_part_is_heard_and_that_is_told() -> None:
    """Six seconds that are due at once can't all be heard in time."""
    playout = SpeechPlayout(SPEECH)
    ear, audio = Ear(playout), talk(8_000)
    playout.put("a", audio[:SECOND], 0.0)
    ear.hear(8_000)
    playout.put("a", audio[SECOND:], ear.now)
    playout.end_utterance("a")
    ear.hear(8_000)
    stats = playout.stats

    assert stats.max_lag_ms <= 4_000
    assert stats.skips >= 1
    skipped = ear.told(SpeechSkipped)
    assert all(fact.partial and fact.utterance_id == "a" for fact in skipped)
    assert sum(fact.ms for fact in skipped) == pytest.approx(stats.skipped_ms)
    assert len(ear.told(SpeechStarted)) == len(ear.told(SpeechEnded)) == 1
    assert ear.told(SpeechEnded)[0].cut


def test_a_listener_who_comes_back_hears_what_is_new() -> None:
    """A leg that pulled nothing for a minute: all of it is too late, none of it is heard."""
    playout = SpeechPlayout(TRACED)
    ear = Ear(playout)
    said(playout, "old", traced(0, 0, 8_000))
    said(playout, "older", traced(1, 0, 8_000), now=1.0)
    ear.now = 60.0

    assert not ear.hear(100).any()
    assert not playout.speaking
    assert [fact.partial for fact in ear.told(SpeechSkipped)] == [False, False]
    said(playout, "new", traced(2, 0, 800), now=ear.now)
    assert places(ear.hear(120)) == [(2, at) for at in range(800)]


@pytest.mark.parametrize("fast", [False, True])
def test_an_interrupt_is_silence_within_a_frame_without_a_click(fast: bool) -> None:
    playout = SpeechPlayout(SPEECH)
    ear, audio = Ear(playout), tone(4_000, hz=200, peak_dbfs=-6).samples
    said(playout, "a", audio)
    if fast:
        said(playout, "b", audio)
    before = ear.hear(1_000)
    waiting_ms = playout.queued_ms

    dropped_ms = playout.interrupt(ear.now)
    after = ear.hear(200)

    assert dropped_ms == pytest.approx(waiting_ms)
    assert playout.queued_ms == 0
    assert playout.stats.interrupted_ms == pytest.approx(waiting_ms)
    assert not after[80:].any()  # 5 ms
    own = np.abs(np.diff(audio[:, 0].astype(int))).max()
    steps = np.abs(np.diff(np.concatenate((before, after))[:, 0].astype(int)))
    assert steps.max() <= 1.2 * own + 16_400 / 80
    assert not playout.ready
    assert not playout.speaking
    assert ear.told(SpeechEnded)[0].cut
    assert {fact.reason for fact in ear.told(SpeechSkipped)} == {"interrupt"}
    assert balance_ms(playout) == pytest.approx(0)


def test_what_was_interrupted_is_refused_when_it_comes() -> None:
    playout = SpeechPlayout(TRACED)
    before = playout.generation
    playout.put("a", traced(0, 0, 800), 0.0)
    playout.interrupt(0.1)

    assert playout.generation == before + 1
    assert not playout.put("a", traced(0, 800, 80), 0.2)
    assert not playout.put("later", traced(1, 0, 80), 0.2, generation=before)
    assert playout.stats.stale_ms == 20
    assert playout.put("new", traced(2, 0, 80), 0.2, generation=playout.generation)


def test_an_interrupt_of_silence_is_harmless() -> None:
    playout = SpeechPlayout(SPEECH)

    assert playout.interrupt(0.0) == 0
    assert playout.render(320, 0.0) is None
    assert playout.take_facts() == []


def test_whoever_feeds_waits_while_it_is_full() -> None:
    """One put may go beyond, the next is refused and counted: memory is bounded."""
    playout = SpeechPlayout(TRACED, capacity_ms=1_000)
    assert playout.put("a", traced(0, 0, 7_999), 0.0)
    assert not playout.full
    assert playout.put("a", traced(0, 7_999, 800), 0.0)
    assert playout.full
    assert not playout.put("a", traced(0, 8_799, 80), 0.0)
    assert playout.stats.overflow_ms == 10
    assert playout.stats.stale_ms == 0

    Ear(playout).hear(120)

    assert not playout.full


def test_a_million_tiny_utterances_do_not_fill_the_memory() -> None:
    """Neither those that wait, nor what is remembered of those that are over, nor the facts."""
    playout = SpeechPlayout(TRACED, max_lag_ms=None)
    for number in range(MAX_UTTERANCES + 1):
        playout.put(str(number), traced(0, 0, 1), 0.0)
    assert playout.full
    playout.interrupt(0.0)
    for number in range(3 * MAX_UTTERANCES):
        playout.end_utterance(f"more {number}")

    assert len(playout.take_facts()) == 1_000
    assert not playout.put(f"more {3 * MAX_UTTERANCES - 1}", traced(0, 0, 1), 0.0)


def test_facts_that_nobody_takes_are_counted() -> None:
    playout = SpeechPlayout(TRACED)
    for number in range(600):
        said(playout, str(number), traced(0, 0, 1), now=number)
        playout.render(160, number)

    assert playout.stats.lost_facts == 200
    assert len(playout.take_facts()) == 1_000


def test_nothing_is_taken_after_the_end_and_what_waits_is_heard() -> None:
    playout = SpeechPlayout(TRACED)
    playout.put("a", traced(0, 0, 160), 0.0)
    playout.end()
    assert not playout.finished
    assert not playout.put("b", traced(1, 0, 80), 0.0)

    ear = Ear(playout)
    ear.hear(40)

    assert playout.finished
    assert [fact.cut for fact in ear.told(SpeechEnded)] == [False]


def test_an_empty_piece_is_nothing() -> None:
    playout = SpeechPlayout(SPEECH)

    assert playout.put("a", np.zeros((0, 1), np.int16), 0.0)
    assert not playout.ready
    assert playout.render(320, 0.0) is None


@pytest.mark.parametrize(
    "wrong", [np.zeros((10, 2), np.int16), np.zeros((10, 1), np.float32), np.zeros((2, 3, 1))]
)
def test_samples_of_another_type_or_shape_are_refused(wrong: np.ndarray) -> None:
    playout = SpeechPlayout(SPEECH)
    with pytest.raises(PayloadError):
        playout.put("a", wrong, 0.0)

    assert not playout.ready


@pytest.mark.parametrize("capacity_ms", [99, 3_600_001, float("nan")])
def test_a_capacity_out_of_range_is_refused(capacity_ms: float) -> None:
    with pytest.raises(ConfigurationError):
        SpeechPlayout(SPEECH, capacity_ms=capacity_ms)


def test_no_sample_of_a_frame_is_late() -> None:
    """The lag of audio that comes at once grows within a frame, too."""
    playout = SpeechPlayout(TRACED, max_lag_ms=500, limits=UNTRIMMED)
    ear = Ear(playout)
    playout.put("a", traced(0, 0, 160), 0.0)
    ear.hear(2_000)
    put = ear.now - 0.007
    playout.put("a", traced(0, 160, 12_000), put)
    first = len(ear.frames)
    ear.hear(1_500)

    last = max(at for at, frame in enumerate(ear.frames) if at >= first and places(frame))
    assert playout.stats.skips >= 1
    assert 0.4 < (last + 1) * 0.02 - put <= 0.5


def test_what_comes_at_once_after_a_stall_is_hurried_before_it_is_late() -> None:
    """Its end will wait the longest, and is looked at as well as its beginning."""
    playout = SpeechPlayout(SPEECH)
    ear, audio = Ear(playout), talk(4_000)
    playout.put("a", audio[:1_600], 0.0)
    ear.hear(10_000)
    playout.put("a", audio[1_600:], ear.now)
    playout.end_utterance("a")
    ear.hear(800)

    assert playout.lag_ms < 1_000
    assert ear.told(SpeechSpedUp)[0].when < 10.2


def test_a_clock_that_goes_back_makes_nothing_late() -> None:
    playout = SpeechPlayout(TRACED)
    ear = Ear(playout, now=10.0)
    playout.put("a", traced(0, 0, 160), 10.0)
    playout.put("a", traced(0, 160, 160), 5.0)

    assert len(places(ear.hear(40))) == 320
    assert playout.stats.max_lag_ms == pytest.approx(0, abs=1e-6)


def test_silence_that_is_interrupted_stays_silence() -> None:
    """An utterance ran dry: what came for it since is not to be heard, not even fading."""
    playout = SpeechPlayout(TRACED)
    ear = Ear(playout)
    playout.put("a", traced(0, 0, 160), 0.0)
    ear.hear(100)
    playout.put("a", traced(0, 160, 800), ear.now)

    assert playout.interrupt(ear.now) == 100
    assert not ear.hear(40).any()


def test_an_utterance_whose_beginning_was_too_late_begins_with_what_follows() -> None:
    """And has not run dry before it began."""
    playout = SpeechPlayout(TRACED)
    ear = Ear(playout, now=20.0)
    playout.put("a", traced(0, 0, 800), 0.0)
    ear.hear(40)
    playout.put("a", traced(0, 800, 800), ear.now)
    playout.end_utterance("a")

    assert len(places(ear.hear(200))) == 800
    assert playout.stats.underruns == 0
    kinds = [type(fact) for fact in ear.facts]
    assert [kind for kind in kinds if kind is not SpeechSpedUp] == [
        SpeechSkipped,
        SpeechStarted,
        SpeechEnded,
    ]
    assert ear.told(SpeechSkipped)[0].partial
    assert ear.told(SpeechEnded)[0].cut
