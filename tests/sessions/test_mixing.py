"""What a listener hears: the translation, the original, or both, each at its time and level."""

from __future__ import annotations

import math
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rawmedia.audio.format import SPEECH, TELEPHONY, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, FormatMismatchError, StreamFailedError
from rawmedia.sessions.mixing.listener_mix import ListenerMix, Mixing
from rawmedia.sessions.speech.facts import SpeechEnded, SpeechStarted
from rawmedia.sessions.speech.playout import SpeechPlayout
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.signals import noise, silence, speech_like, tone

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from rawmedia.sessions.speech.facts import SpeechFact
    from rawmedia.streams.playout import MarkReached

    Samples = npt.NDArray[np.int16]

STEREO = AudioFormat(16_000, 2)
SPEECHES = {
    each: noise(1_000, seed=1, format=each).samples for each in (SPEECH, STEREO, WIDEBAND_VOICE)
}
FRAME = 320
FRAME_MS = 20


class Listener:
    """A mix that is fed and pulled frame by frame; what is said at each and heard is kept."""

    def __init__(
        self,
        mixing: Mixing | None = None,
        *,
        audio_format: AudioFormat = SPEECH,
        said: AudioFrame | None = None,
        **more: Any,
    ) -> None:
        self.format = audio_format
        self.mix = ListenerMix(audio_format, **more)
        self.playout = SpeechPlayout(audio_format, max_lag_ms=None)
        self.mix.add_speaker("ana", self.playout, mixing)
        self.said = said
        self.frames: list[Samples | None] = []

    @property
    def now(self) -> float:
        return len(self.frames) * FRAME_MS / 1000

    def say(self, utterance_id: str, samples: Samples, *, whole: bool = True) -> None:
        with self.mix.lock:
            assert self.playout.put(utterance_id, samples, self.now)
            if whole:
                self.playout.end_utterance(utterance_id)

    def hear(self, duration_ms: float) -> Samples:
        """Let time pass; the speaker says on what he has to say."""
        size = self.format.samples(FRAME_MS)
        begun = len(self.frames)
        for _ in range(round(duration_ms / FRAME_MS)):
            if self.said is not None:
                step = self.said.format.samples(FRAME_MS)
                start = len(self.frames) * step
                frame = AudioFrame(self.said.samples[start : start + step], self.said.format, start)
                self.mix.original("ana", frame)
            self.frames.append(self.mix.render(size, self.now))
        return self.heard[begun * size :]

    @property
    def heard(self) -> Samples:
        nothing = np.zeros((self.format.samples(FRAME_MS), self.format.num_channels), np.int16)
        return np.concatenate([nothing if frame is None else frame for frame in self.frames])


def level_db(samples: npt.NDArray[Any], reference: npt.NDArray[Any]) -> float:
    power = np.mean(samples.astype(float) ** 2) / np.mean(reference.astype(float) ** 2)
    return 10 * math.log10(max(power, 1e-30))


# One voice.


@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=12),
    st.lists(st.integers(1, 900), min_size=1, max_size=20),
    st.sampled_from([SPEECH, STEREO, WIDEBAND_VOICE]),
)
def test_in_replace_the_listener_hears_the_playout_and_nothing_else(
    puts: list[int], pulls: list[int], audio_format: AudioFormat
) -> None:
    """Bit for bit, wherever either is cut, however loud the original is."""
    mix = ListenerMix(audio_format)
    playout, alone = (SpeechPlayout(audio_format, max_lag_ms=None) for _ in range(2))
    mix.add_speaker("ana", playout)
    speech = SPEECHES[audio_format]
    for number, piece in enumerate(np.split(speech, np.cumsum(puts))):
        for each in (playout, alone):
            each.put(f"u{number // 2}", piece, 0.0)
    now = 0.0
    for pull in pulls:
        mix.original("ana", noise(20, seed=2, format=audio_format, peak_dbfs=0))
        expected, heard = alone.render(pull, now), mix.render(pull, now)
        assert (expected is None) == (heard is None)
        if expected is not None and heard is not None:
            np.testing.assert_array_equal(heard, expected)
        now += pull / audio_format.sample_rate


def test_in_replace_the_muted_original_is_exactly_silent() -> None:
    listener = Listener(said=noise(2_000, seed=1, peak_dbfs=0))
    assert not listener.hear(2_000).any()
    assert listener.frames == [None] * 100


@pytest.mark.parametrize(
    "mixing",
    [Mixing(mode="captions_only"), Mixing(mode="duck"), Mixing(mode="side_by_side")],
    ids=lambda mixing: mixing.mode,
)
def test_an_original_alone_is_untouched(mixing: Mixing) -> None:
    said = noise(2_000, seed=1)
    listener = Listener(mixing, said=said)
    heard = listener.hear(2_000)
    np.testing.assert_array_equal(heard[FRAME:], said.samples[:-FRAME])


def test_captions_only_lets_speech_go_by_unheard() -> None:
    """Speech that nobody takes would fill up, and whoever feeds it would wait for ever."""
    said = noise(2_000, seed=1)
    listener = Listener(Mixing(mode="captions_only"), said=said)
    listener.say("u", noise(500, seed=2).samples)
    heard = listener.hear(2_000)
    np.testing.assert_array_equal(heard[FRAME:], said.samples[:-FRAME])
    assert listener.playout.queued_ms == 0


@pytest.mark.parametrize("source", [TELEPHONY, AudioFormat(48_000, 2)], ids=str)
def test_an_original_of_another_format_is_heard_in_the_listeners(source: AudioFormat) -> None:
    listener = Listener(Mixing(mode="captions_only"), said=tone(1_000, format=source, hz=440))
    heard = listener.hear(1_000)[FRAME * 2 :, 0].astype(float)
    seconds = np.arange(len(heard)) / 16_000
    pair = np.stack([np.sin(2 * np.pi * 440 * seconds), np.cos(2 * np.pi * 440 * seconds)], axis=1)
    fitted = pair @ np.linalg.lstsq(pair, heard, rcond=None)[0]
    assert 10 * math.log10(np.mean(fitted**2) / np.mean((heard - fitted) ** 2)) > 50


# Ducking.


def ducked(listener: Listener, said: AudioFrame, speech: Samples, start: int) -> npt.NDArray[Any]:
    """What is heard of the original, per 5 ms in decibels, given where the speech lies."""
    heard = listener.heard.astype(float)[:, 0]
    placed = np.zeros(len(heard))
    placed[start : start + len(speech)] = speech[: len(heard) - start, 0]
    rest = (heard - placed)[FRAME:]
    original = said.samples[: len(rest), 0].astype(float)
    cut = len(rest) // 80 * 80
    power = (rest[:cut] ** 2).reshape(-1, 80).sum(axis=1)
    own = (original[:cut] ** 2).reshape(-1, 80).sum(axis=1)
    levels: npt.NDArray[Any] = 10 * np.log10(power / own)
    return levels


@pytest.mark.parametrize(("depth_db", "attack_ms", "release_ms"), [(15, 60, 400), (24, 200, 100)])
def test_the_original_is_down_at_the_first_word_and_comes_back_after_the_last(
    depth_db: float, attack_ms: float, release_ms: float
) -> None:
    """Depth, attack, hold and release as they were set, measured at the listener's ear."""
    said = noise(4_000, seed=1, peak_dbfs=-20)
    mixing = Mixing(
        mode="duck", depth_db=depth_db, attack_ms=attack_ms, release_ms=release_ms, hold_ms=100
    )
    listener = Listener(mixing, said=said)
    listener.hear(1_000)
    # A voice that can be told from the original: constant, so that it can be taken away again.
    speech = np.full((FRAME * 50, 1), 3_000, np.int16)
    listener.say("u", speech)
    listener.hear(3_000)
    asked = 1_000
    start_ms = asked + attack_ms
    levels = ducked(listener, said, speech, SPEECH.samples(start_ms))

    def at(ms: float) -> float:
        """Of the 5 ms that begin there, as heard."""
        return float(levels[round((ms - FRAME_MS) / 5)])

    end_ms = start_ms + 1_000
    assert at(asked - 5) == pytest.approx(0, abs=0.05)
    assert at(asked + attack_ms / 2) == pytest.approx(-depth_db / 2, abs=depth_db * 0.08)
    for ms in range(int(start_ms), int(end_ms + 100), 5):
        assert at(ms) == pytest.approx(-depth_db, abs=0.2)
    assert at(end_ms + 100 + release_ms / 2) == pytest.approx(-depth_db / 2, abs=depth_db * 0.08)
    assert at(end_ms + 100 + release_ms) == pytest.approx(0, abs=0.05)


def test_what_follows_while_the_original_is_down_does_not_wait() -> None:
    listener = Listener(Mixing(mode="duck", hold_ms=250), said=noise(2_000, seed=1))
    listener.hear(200)
    loud = np.full((FRAME * 5, 1), 20_000, np.int16)
    listener.say("u", loud)
    listener.hear(160)
    assert not listener.playout.ready
    listener.say("v", loud)
    listener.hear(20)
    assert listener.playout.speaking


def test_speech_waits_for_no_original_that_is_not_there() -> None:
    """Nobody's words are to be kept from being covered, so the attack would be only delay."""
    listener = Listener(Mixing(mode="duck"))
    listener.hear(100)
    listener.say("u", noise(100, seed=1).samples)
    heard = listener.hear(100)
    np.testing.assert_array_equal(heard, noise(100, seed=1).samples)


def test_a_stalled_original_never_delays_speech() -> None:
    listener = Listener(Mixing(mode="duck", attack_ms=40), said=noise(200, seed=1))
    listener.hear(200)
    listener.said = None
    listener.say("u", noise(400, seed=2).samples)
    listener.hear(600)
    heard = listener.heard[FRAME * 10 :]
    silent = np.flatnonzero(heard[FRAME * 3 :, 0])
    assert len(silent)
    assert listener.playout.queued_ms == 0


def test_speech_that_is_taken_back_while_it_waits_lets_the_original_rise() -> None:
    said = noise(2_000, seed=1)
    listener = Listener(Mixing(mode="duck", attack_ms=200, hold_ms=0, release_ms=100), said=said)
    listener.hear(200)
    listener.say("u", noise(400, seed=2).samples)
    listener.hear(60)
    with listener.mix.lock:
        assert listener.playout.interrupt(listener.now) == 400
    listener.hear(500)
    np.testing.assert_array_equal(
        listener.heard[-FRAME * 5 :], said.samples[len(listener.heard) - 6 * FRAME :][: FRAME * 5]
    )


def test_an_utterance_without_an_end_does_not_keep_the_original_down() -> None:
    """Engines break off in mid-word, and nobody says so."""
    said = noise(4_000, seed=1)
    listener = Listener(Mixing(mode="duck"), said=said)
    listener.hear(200)
    listener.say("u", noise(200, seed=2).samples, whole=False)
    listener.hear(1_000)
    assert level_db(listener.heard[-FRAME:], said.samples) == pytest.approx(-15, abs=1)
    listener.hear(2_000)
    assert listener.playout.speaking
    np.testing.assert_array_equal(
        listener.heard[-FRAME:], said.samples[len(listener.heard) - 2 * FRAME :][:FRAME]
    )


# Both at once.


def test_side_by_side_puts_each_on_its_side() -> None:
    said = noise(1_000, seed=1, format=STEREO)
    listener = Listener(Mixing(mode="side_by_side"), audio_format=STEREO, said=said)
    speech = noise(500, seed=2, format=STEREO).samples
    listener.say("u", speech)
    heard = listener.hear(1_000)
    np.testing.assert_allclose(heard[FRAME:, 0], said.samples[:-FRAME].mean(axis=1), atol=0.51)
    np.testing.assert_allclose(heard[: len(speech), 1], speech.mean(axis=1), atol=0.51)
    assert not heard[len(speech) :, 1].any()


def test_side_by_side_in_mono_adds_both_at_their_own_level() -> None:
    said = noise(1_000, seed=1)
    listener = Listener(Mixing(mode="side_by_side"), said=said)
    speech = noise(1_000, seed=2).samples
    listener.say("u", speech)
    heard = listener.hear(1_000)
    np.testing.assert_array_equal(
        heard[FRAME:], said.samples[:-FRAME].astype(int) + speech[FRAME:].astype(int)
    )


def test_a_sum_is_saturated_once() -> None:
    """Two that are too loud and one against them: what wraps or is cut in between would show."""
    mix = ListenerMix(SPEECH)
    for key, value in enumerate((30_000, 30_000, -20_000)):
        playout = SpeechPlayout(SPEECH, max_lag_ms=None)
        playout.put("u", np.full((FRAME, 1), value, np.int16), 0.0)
        mix.add_speaker(key, playout)
    heard = mix.render(FRAME, 0.0)
    assert heard is not None
    assert (heard == 32_767).all()
    mix.remove_speaker(0)


def test_a_gain_of_the_translation_is_heard() -> None:
    listener = Listener(Mixing(translation_gain_db=-6))
    speech = noise(400, seed=1).samples
    listener.say("u", speech)
    assert level_db(listener.hear(400), speech) == pytest.approx(-6, abs=0.01)


@given(
    st.lists(st.integers(1, 1_000), min_size=1, max_size=8),
    st.sampled_from(["replace", "captions_only"]),
)
def test_where_the_pulls_are_cut_does_not_change_a_mix(cuts: list[int], mode: Any) -> None:
    """A transport takes what suits it."""
    results = []
    for pulls in ([sum(cuts)], cuts):
        mix = ListenerMix(SPEECH)
        for key in range(3):
            playout = SpeechPlayout(SPEECH, max_lag_ms=None)
            playout.put("u", np.roll(SPEECHES[SPEECH], key * 100), 0.0)
            mix.add_speaker(key, playout, Mixing(mode=mode, translation_gain_db=key))
        now, heard = 0.0, []
        for pull in pulls:
            frame = mix.render(pull, now)
            heard.append(np.zeros((pull, 1), np.int16) if frame is None else frame)
            now += pull / 16_000
        results.append(np.concatenate(heard))
    np.testing.assert_array_equal(results[0], results[1])


# Consecutive timing.


def spoken_until(stop_ms: float, again_ms: float, end_ms: float) -> AudioFrame:
    """Somebody who speaks, pauses and speaks again."""
    said = np.concatenate(
        [
            silence(1_000).samples,
            speech_like(stop_ms - 1_000, seed=1).samples,
            silence(again_ms - stop_ms).samples,
            speech_like(end_ms - again_ms, seed=2).samples,
        ]
    )
    return AudioFrame(said, SPEECH)


def test_consecutive_speech_begins_in_the_speakers_pause_and_is_then_said_to_its_end() -> None:
    listener = Listener(
        Mixing(timing="consecutive", pause_ms=600), said=spoken_until(3_000, 5_000, 9_000)
    )
    listener.hear(1_500)
    for name in ("u", "v", "w"):
        listener.say(name, np.full((SPEECH.samples(1_000), 1), 5_000, np.int16))
    heard = listener.hear(7_500)[:, 0]
    sounding = np.flatnonzero(heard)
    begin_ms, end_ms = (1_500 + sounding[index] / 16 for index in (0, -1))
    # Its last sound is a little before 3 s, and a detector looks at 10 ms at a time.
    assert 3_520 <= begin_ms <= 3_700
    # Three seconds without a break, though the speaker goes on at 5 s.
    assert len(sounding) == 48_000
    assert end_ms - begin_ms == pytest.approx(3_000, abs=1)


def test_consecutive_speech_that_comes_while_the_speaker_speaks_again_waits() -> None:
    listener = Listener(
        Mixing(timing="consecutive", pause_ms=600), said=spoken_until(3_000, 5_000, 9_000)
    )
    listener.hear(6_000)
    listener.say("u", np.full((FRAME, 1), 5_000, np.int16))
    assert not listener.hear(2_900).any()
    assert listener.mix.pending
    listener.said = None  # he hangs up, and no frame says that he is silent
    assert listener.hear(1_000).any()
    assert not listener.mix.pending


def test_consecutive_speech_does_not_wait_for_who_has_said_nothing() -> None:
    listener = Listener(Mixing(timing="consecutive"))
    listener.say("u", noise(100, seed=1).samples)
    assert listener.hear(20).any()


def test_back_in_simultaneous_timing_what_was_held_is_said() -> None:
    listener = Listener(Mixing(timing="consecutive"), said=speech_like(6_000, seed=1))
    listener.hear(2_000)
    listener.say("u", noise(100, seed=1).samples)
    assert not listener.hear(100).any()
    listener.mix.set_mixing("ana", Mixing())
    assert listener.mix.mixing("ana") == Mixing()
    assert listener.hear(20).any()


# Changes.


MODES = [
    Mixing(mode="replace"),
    Mixing(mode="duck"),
    Mixing(mode="duck", depth_db=40, attack_ms=20),
    Mixing(mode="side_by_side"),
    Mixing(mode="captions_only"),
    Mixing(mode="side_by_side", translation_gain_db=-12),
]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(MODES).map(lambda mixing: ("mixing", mixing)),
            st.booleans().map(lambda on: ("pass", on)),
            st.booleans().map(lambda on: ("mute", on)),
        ),
        max_size=8,
    ),
    st.sampled_from([SPEECH, STEREO]),
)
def test_no_change_clicks(changes: list[tuple[str, Any]], audio_format: AudioFormat) -> None:
    """Original and translation are low tones, whose own steps are small; any other is a click."""
    said = tone(4_000, format=audio_format, hz=50, peak_dbfs=-9)
    listener = Listener(Mixing(mode="duck"), audio_format=audio_format, said=said)
    speech = tone(3_000, format=audio_format, hz=50, peak_dbfs=-9).samples
    listener.say("u", speech)
    listener.hear(200)
    for kind, value in changes:
        if kind == "mixing":
            listener.mix.set_mixing("ana", value)
        elif kind == "pass":
            listener.mix.pass_through("ana", on=value)
        else:
            listener.mix.mute("ana", on=value)
        listener.hear(60)
    own = int(np.abs(np.diff(speech.astype(int), axis=0)).max())
    # Each of the two may go from its peak to nothing within the shortest fade, 10 ms, or from a
    # level of -40 dB up in 20 ms.
    peak = int(speech.max())
    limit = 2 * (own + peak / audio_format.samples(10) * 1.5) + 4
    steps = np.abs(np.diff(listener.heard.astype(int), axis=0))
    assert steps.max() <= limit


def test_pass_through_is_the_original_at_full_level() -> None:
    """No dead air: the engine is gone, or the listener speaks the speaker's language."""
    said = noise(2_000, seed=1)
    listener = Listener(said=said)
    listener.hear(200)
    listener.mix.pass_through("ana")
    listener.hear(1_000)
    np.testing.assert_array_equal(
        listener.heard[-FRAME * 40 :], said.samples[FRAME * 59 - FRAME * 40 : FRAME * 59]
    )
    listener.mix.pass_through("ana", on=False)
    listener.hear(20)
    assert not listener.hear(500).any()


def test_pass_through_lies_beneath_what_is_left_to_be_said() -> None:
    """An engine that dies leaves speech behind, and nobody understands two at full level."""
    said = noise(2_000, seed=1, peak_dbfs=-20)
    listener = Listener(Mixing(depth_db=20), said=said)
    speech = np.full((FRAME * 40, 1), 3_000, np.int16)
    listener.say("u", speech)
    listener.hear(200)
    listener.mix.pass_through("ana")
    listener.hear(400)
    rest = listener.heard[-FRAME * 10 :].astype(float) - 3_000
    assert level_db(rest, said.samples) == pytest.approx(-20, abs=0.5)


def test_a_muted_speaker_is_not_heard_at_all_and_time_goes_by() -> None:
    listener = Listener(Mixing(mode="duck"), said=noise(2_000, seed=1))
    listener.mix.mute("ana")
    listener.say("u", noise(200, seed=2).samples)
    listener.hear(20)
    assert not listener.hear(500).any()
    assert listener.playout.queued_ms == 0
    listener.mix.mute("ana", on=False)
    assert listener.hear(200).any()


def test_a_speaker_who_leaves_fades_out_and_is_forgotten() -> None:
    listener = Listener(Mixing(mode="side_by_side"), said=tone(1_000, hz=50))
    listener.say("u", tone(1_000, hz=50).samples)
    listener.hear(300)
    listener.mix.remove_speaker("ana")
    listener.mix.remove_speaker("ana")
    listener.hear(100)
    steps = np.abs(np.diff(listener.heard.astype(int), axis=0))
    assert steps.max() < 600
    assert not listener.heard[-FRAME * 4 :].any()
    assert not listener.mix._leaving


def test_who_comes_back_with_the_same_speech_says_on_where_he_was() -> None:
    listener = Listener()
    speech = noise(400, seed=1).samples
    listener.say("u", speech)
    listener.hear(200)
    listener.mix.remove_speaker("ana")
    listener.mix.add_speaker("ana", listener.playout)
    listener.hear(200)
    np.testing.assert_array_equal(listener.heard, speech)


# The rest of the world.


def test_a_listener_who_never_pulls_costs_a_fixed_amount() -> None:
    listener = Listener(Mixing(mode="duck"))
    frame = noise(20, seed=1)
    for number in range(2_000):
        listener.mix.original("ana", frame)
        listener.mix.add_speaker(number)
        listener.mix.remove_speaker(number)
    stats = listener.mix.original_stats("ana")
    assert stats.buffered_ms <= 200
    assert stats.dropped_ms == 40_000 - 200
    assert len(listener.mix._leaving) <= 16


def test_an_original_that_nobody_hears_is_let_go() -> None:
    listener = Listener(said=noise(1_000, seed=1))
    listener.hear(1_000)
    stats = listener.mix.original_stats("ana")
    assert (stats.buffered_ms, stats.dropped_ms) == (0, 0)
    listener.mix.original("nobody", noise(20, seed=1))


def test_an_interruption_is_silent_with_the_next_frame() -> None:
    """<= 20 ms from `interrupt` to silence at the leg; its first 2 ms are the fade."""
    stream = OutboundAudioStream(SPEECH)
    listener = Listener()
    listener.say("u", noise(1_000, seed=1).samples)
    stream.set_source(listener.mix)
    stream.pull()
    with listener.mix.lock:
        listener.playout.interrupt(0.02)
    stream.clear()
    assert not stream.pull().samples[SPEECH.samples(5) :].any()
    assert stream.pull().filler


def test_facts_come_with_a_pull_and_a_mark_tells_when_they_are_heard() -> None:
    clock = VirtualClock()
    stream = OutboundAudioStream(SPEECH, playout_delay_ms=200, clock=clock)
    heard: list[tuple[type, float]] = []

    def told(kind: type, mark: MarkReached) -> None:
        assert mark.estimated
        heard.append((kind, clock.now() * 1000))
        if kind is SpeechEnded:
            stream.end()

    def on_facts(key: Hashable, facts: Sequence[SpeechFact]) -> None:
        for fact in facts:
            stream.mark("fact", partial(told, type(fact)))

    mix = ListenerMix(SPEECH, on_facts=on_facts)
    playout = SpeechPlayout(SPEECH)
    mix.add_speaker("ana", playout)
    stream.set_source(mix)

    async def main() -> None:
        async for _ in stream.paced():
            if stream.stats.pulled_position == 10 * FRAME:
                with mix.lock:
                    playout.put("u", noise(100, seed=1).samples, clock.now())
                    playout.end_utterance("u")

    clock.run(main(), limit=5)
    assert [kind for kind, _ in heard] == [SpeechStarted, SpeechEnded]
    # Put when 200 ms were pulled, and pulled in the five frames that follow, 200 ms before it is heard.
    assert heard[0][1] == pytest.approx(400)
    assert heard[1][1] == pytest.approx(500, abs=FRAME_MS)


def test_a_callback_for_facts_that_raises_fails_the_stream() -> None:
    def on_facts(key: Hashable, facts: Sequence[SpeechFact]) -> None:
        raise ZeroDivisionError

    stream = OutboundAudioStream(SPEECH)
    mix = ListenerMix(SPEECH, on_facts=on_facts)
    playout = SpeechPlayout(SPEECH, max_lag_ms=None)
    playout.put("u", noise(100, seed=1).samples, 0.0)
    mix.add_speaker("ana", playout)
    stream.set_source(mix)
    with pytest.raises(StreamFailedError) as failed:
        stream.pull()
    assert isinstance(failed.value.cause, ZeroDivisionError)
    assert mix.render(FRAME, 1.0) is not None  # the lock is free


def test_pulling_in_a_thread_while_the_loop_feeds_loses_nothing() -> None:
    """Sound cards pull in a thread of their own."""
    mix = ListenerMix(SPEECH)
    playout = SpeechPlayout(SPEECH, max_lag_ms=None)
    mix.add_speaker("ana", playout)
    speech = noise(4_000, seed=1).samples
    heard: list[Samples] = []
    size = 0

    def pull() -> None:
        nonlocal size
        while size < len(speech):
            frame = mix.render(64, 0.0)
            if frame is not None:
                heard.append(frame)
                size += len(frame)

    thread = threading.Thread(target=pull, daemon=True)
    thread.start()
    for start in range(0, len(speech), 64):
        with mix.lock:
            assert playout.put("u", speech[start : start + 64], 0.0)
        if start % 6_400 == 0:
            mix.set_mixing("ana", Mixing(mode="duck"))
    thread.join(20)
    assert not thread.is_alive()
    np.testing.assert_array_equal(np.concatenate(heard), speech)


@pytest.mark.parametrize(
    "call",
    [
        lambda mix: mix.set_mixing("bob", Mixing()),
        lambda mix: mix.mixing("bob"),
        lambda mix: mix.pass_through("bob"),
        lambda mix: mix.mute("bob"),
        lambda mix: mix.original_stats("bob"),
        lambda mix: mix.add_speaker("ana"),
    ],
)
def test_who_is_not_there_is_an_error_and_so_is_who_is_there_twice(
    call: Callable[[ListenerMix], object],
) -> None:
    mix = ListenerMix(SPEECH)
    mix.add_speaker("ana")
    with pytest.raises(ConfigurationError, match="speaker"):
        call(mix)


def test_a_playout_of_another_format_is_refused() -> None:
    with pytest.raises(FormatMismatchError):
        ListenerMix(SPEECH).add_speaker("ana", SpeechPlayout(TELEPHONY))
    assert ListenerMix(SPEECH).format == SPEECH


@pytest.mark.parametrize(
    "setting", [{"mode": "loud"}, {"depth_db": 97}, {"pause_ms": 0}, {"attack": 3}]
)
def test_a_setting_that_makes_no_sense_is_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Mixing(**setting)


def test_no_speech_is_mixed_with_less_than_it_has() -> None:
    """Eleven speakers of whom three talk, against the plain sum."""
    mix = ListenerMix(WIDEBAND_VOICE)
    expected = np.zeros((480, 1), int)
    for key in range(11):
        playout = SpeechPlayout(WIDEBAND_VOICE, max_lag_ms=None)
        if key < 3:
            speech = noise(20, seed=key, format=WIDEBAND_VOICE, peak_dbfs=-12).samples
            playout.put("u", speech, 0.0)
            expected += speech
        mix.add_speaker(key, playout)
    heard = mix.render(480, 0.0)
    assert heard is not None
    np.testing.assert_array_equal(heard, expected)
