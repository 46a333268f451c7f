"""Whatever is put, asked for and interrupted: order, one at a time, all accounted for, nothing late."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from speech_kit import TRACED, balance_ms, places, talk, traced

from rawmedia.audio.format import SPEECH
from rawmedia.sessions.lag import LagLimits
from rawmedia.sessions.speech.facts import SpeechEnded, SpeechSkipped, SpeechStarted
from rawmedia.sessions.speech.playout import SpeechPlayout
from rawmedia.sessions.speech.queue import MAX_LEAD_MS

RATE_HZ = TRACED.sample_rate
FADE = 40
FRAMES = st.sampled_from([80, 160, 240])


class Call(RuleBasedStateMachine):
    """A listener and an engine at odds, with audio that tells its place."""

    max_rate = 1.0
    min_pause_ms = 60_000.0

    @initialize(max_lag_ms=st.none() | st.sampled_from([500.0, 2_000.0, 4_000.0]))
    def begin(self, max_lag_ms: float | None) -> None:
        """Ask for a bound."""
        self.max_lag_ms = max_lag_ms
        self.playout = SpeechPlayout(
            TRACED,
            max_lag_ms=max_lag_ms,
            capacity_ms=20_000,
            limits=LagLimits(max_rate=self.max_rate, min_pause_ms=self.min_pause_ms),
        )
        self.now = 0.0
        self.order: list[int] = []
        self.lengths: dict[int, int] = defaultdict(int)
        self.puts: dict[int, list[tuple[int, float]]] = defaultdict(list)
        self.heard: list[tuple[int, int, float]] = []
        self.whole = 0
        self.facts: list[object] = []

    @rule(number=st.integers(0, 7), samples=st.integers(0, 40_000))
    def put(self, number: int, samples: int) -> None:
        """A piece comes, of any utterance and any length."""
        samples = samples // 10 if samples % 2 else samples
        audio = traced(number, self.lengths[number], samples)
        if self.playout.put(str(number), audio, self.now) and samples:
            if not self.lengths[number]:
                self.order.append(number)
            self.puts[number].append((self.lengths[number], self.now))
            self.lengths[number] += samples

    @rule(number=st.integers(0, 7))
    def end_utterance(self, number: int) -> None:
        """An utterance is over."""
        self.playout.end_utterance(str(number))

    @rule(frames=st.integers(1, 200), frame=FRAMES)
    def listen(self, frames: int, frame: int) -> None:
        """The listener pulls."""
        for _ in range(frames):
            self._hear(frame)

    @rule(seconds=st.floats(0, 6))
    def stall(self, seconds: float) -> None:
        """The listener pulls nothing."""
        self.now += seconds

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        """Something else is to be heard first."""
        self.playout.held = held

    @precondition(lambda self: len(self.order) > 1)
    @rule()
    def interrupt(self) -> None:
        """Silence, now."""
        waiting_ms = self.playout.queued_ms
        assert self.playout.interrupt(self.now) == pytest.approx(waiting_ms)
        assert self.playout.queued_ms == 0
        assert not self.playout.speaking
        silent = self.playout.render(160, self.now)
        assert silent is None or not silent[FADE:].any()
        self.now += 0.02

    @invariant()
    def everything_put_is_accounted_for(self) -> None:
        """In the books, and as its own samples tell."""
        stats = self.playout.stats
        assert balance_ms(self.playout) == pytest.approx(0, abs=1e-6)
        assert stats.put_ms == pytest.approx(sum(self.lengths.values()) / 8)
        assert self.playout.queued_ms == pytest.approx(stats.queued_ms)
        assert stats.played_ms - stats.sped_up_ms == pytest.approx(stats.lag.count / 8)

    @invariant()
    def no_two_are_said_at_once(self) -> None:
        """Each that is begun is over before the next begins, and each is told once."""
        self.facts += self.playout.take_facts()
        said, over = None, set()
        for fact in self.facts:
            if isinstance(fact, SpeechStarted):
                assert said is None
                assert fact.utterance_id not in over
                said = fact.utterance_id
            elif isinstance(fact, SpeechEnded):
                assert said == fact.utterance_id
                said = None
                over.add(fact.utterance_id)
            elif isinstance(fact, SpeechSkipped) and not fact.partial:
                assert fact.utterance_id not in over
                over.add(fact.utterance_id)
        assert self.playout.speaking == (said is not None)
        skips = [fact for fact in self.facts if isinstance(fact, SpeechSkipped)]
        for reason, counted in (
            ("lag", self.playout.stats.skipped_ms),
            ("interrupt", self.playout.stats.interrupted_ms),
        ):
            told = math.fsum(fact.ms for fact in skips if fact.reason == reason)
            assert told == pytest.approx(counted, abs=1e-6)

    @invariant()
    def what_is_heard_is_in_order(self) -> None:
        """No sample twice, none before one that was put before it."""
        if self.max_rate == 1:
            ranks = {number: rank for rank, number in enumerate(self.order)}
            heard = [(ranks[number], place) for number, place, _ in self.heard]
            assert heard == sorted(set(heard))
            # All that the books call played was heard; beginnings after a skip are faded in.
            played = round(self.playout.stats.played_ms * 8)
            assert 0 <= played - len(heard) <= FADE * self.playout.stats.skips

    @invariant()
    def nothing_is_heard_too_late(self) -> None:
        """By a model of its own."""
        if self.max_lag_ms is not None and self.max_rate == 1:
            for number, place, when in self.heard:
                assert (when - self._available(number, place)) * 1000 <= self.max_lag_ms + 1e-6
        if self.max_lag_ms is not None:
            assert self.playout.stats.max_lag_ms <= self.max_lag_ms
        self.heard = self.heard[-1:] if self.max_rate != 1 else self.heard

    def _hear(self, frame: int) -> None:
        rendered = self.playout.render(frame, self.now)
        if rendered is not None:
            assert rendered.shape == (frame, 3)
            assert rendered.dtype == np.int16
            at = {place: index for index, place in enumerate(places(rendered))}
            whole = (rendered[:, 0] > 0) & (rendered[:, 0] % 1_000 == 0)
            times = self.now + np.flatnonzero(whole) / RATE_HZ
            self.heard += [(*place, times[index]) for place, index in at.items()]
        self.now += frame / RATE_HZ

    def _available(self, number: int, place: int) -> float:
        first_put = self.puts[number][0][1]
        put = next(put for start, put in reversed(self.puts[number]) if start <= place)
        return max(put, min(first_put + place / RATE_HZ, put + MAX_LEAD_MS / 1000))


class FastCall(Call):
    """The same with everything on; where a sample lay can't be told any more."""

    max_rate = 1.25
    min_pause_ms = 300.0


TestCall = Call.TestCase
TestCall.settings = settings(max_examples=60, stateful_step_count=25)
TestFastCall = FastCall.TestCase
TestFastCall.settings = settings(max_examples=30, stateful_step_count=25)


@given(
    lengths=st.lists(st.integers(1, 3_000), min_size=1, max_size=5),
    cuts=st.lists(st.integers(1, 700), min_size=1, max_size=5),
    frame=st.integers(1, 500),
)
@settings(max_examples=50)
def test_without_a_bound_every_sample_is_heard_however_it_was_cut(
    lengths: list[int], cuts: list[int], frame: int
) -> None:
    playout = SpeechPlayout(TRACED, max_lag_ms=None)
    for number, length in enumerate(lengths):
        start = 0
        while start < length:
            size = min(cuts[start % len(cuts)], length - start)
            playout.put(str(number), traced(number, start, size), 0.0)
            start += size
    playout.end()
    heard, now = [], 0.0
    while not playout.finished:
        rendered = playout.render(frame, now)
        now += frame / RATE_HZ
        assert rendered is not None
        heard += places(rendered)

    assert heard == [(n, at) for n, length in enumerate(lengths) for at in range(length)]


@pytest.mark.parametrize("frame", [160, 320, 960])
def test_the_size_of_frames_does_not_matter_to_what_is_left_out(frame: int) -> None:
    """A transport that pulls 10 ms or 60 hears about the same."""
    playout = SpeechPlayout(SPEECH)
    for number in range(4):
        playout.put(str(number), talk(2_000, seed=number), 0.4 * number)
    playout.end()
    now = 0.0
    while not playout.finished:
        playout.render(frame, now)
        now += frame / 16_000

    assert playout.stats.skips == 0
    assert 5.5 < now < 7.2
