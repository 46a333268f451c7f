"""Five minutes of a translation that is longer than what it translates, in virtual time."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from speech_kit import Ear, balance_ms, talk

from rawmedia.audio.format import TELEPHONY
from rawmedia.sessions.speech.facts import SpeechEnded, SpeechSkipped, SpeechStarted
from rawmedia.sessions.speech.playout import SpeechPlayout
from rawmedia.sessions.speech.queue import MAX_LEAD_MS

if TYPE_CHECKING:
    from rawmedia.audio.pcm import Int16Samples

MINUTES = 5
LONGER = 1.6


@lru_cache(maxsize=1)
def script() -> list[tuple[str, float, Int16Samples]]:
    """Somebody who speaks without a break: each sentence when it is translated, and its speech."""
    rng = np.random.default_rng(6)
    voice = talk(60_000, seed=6, format=TELEPHONY)
    sentences: list[tuple[str, float, Int16Samples]] = []
    now = 0.0
    while now < 60 * MINUTES:
        length = float(rng.uniform(1.5, 6))
        now += length
        samples = TELEPHONY.samples(1_000 * LONGER * length)
        start = int(rng.integers(0, len(voice) - samples))
        sentences.append((f"u{len(sentences)}", now, voice[start : start + samples]))
    return sentences


def played(max_lag_ms: float | None, *, in_one: bool = False) -> tuple[Ear, float]:
    """What a listener hears of it, and the lag after the first half."""
    playout = SpeechPlayout(TELEPHONY, max_lag_ms=max_lag_ms, capacity_ms=3_600_000)
    ear, halfway_ms = Ear(playout), 0.0
    for name, when, samples in script():
        ear.hear((when - ear.now) * 1000)
        utterance_id = "all" if in_one else name
        assert playout.put(utterance_id, samples, ear.now)
        if not in_one:
            playout.end_utterance(utterance_id)
        if when < 30 * MINUTES:
            halfway_ms = playout.stats.max_lag_ms
    playout.end()
    return ear, halfway_ms


@pytest.mark.untraced
def test_the_lag_of_a_translation_that_is_too_long_stays_bounded_and_all_is_told() -> None:
    """The bound holds for every sample; what is skipped is told, so the captions have its text."""
    ear, _ = played(4_000)
    stats = ear.playout.stats

    assert stats.lag.p99_ms is not None
    assert stats.lag.p99_ms <= 4_000
    assert stats.max_lag_ms <= 4_000
    assert balance_ms(ear.playout) == pytest.approx(0, abs=1e-6)
    skipped = ear.told(SpeechSkipped)
    assert sum(fact.ms for fact in skipped) == pytest.approx(stats.skipped_ms)
    ends = {fact.utterance_id for fact in ear.told(SpeechEnded)}
    unheard = {fact.utterance_id for fact in skipped if not fact.partial}
    ear.hear(20_000)
    ends |= {fact.utterance_id for fact in ear.told(SpeechEnded)}
    assert ends | unheard == {name for name, _, _ in script()}
    assert not ends & unheard
    assert ends == {fact.utterance_id for fact in ear.told(SpeechStarted)}
    # Speeding up and trimming carry 1.25 of the 1.6 and the pauses; skipping is the rest.
    assert stats.skipped_ms < 0.2 * stats.put_ms
    assert stats.sped_up_ms > 0.1 * stats.put_ms
    assert stats.trimmed_ms > 0.05 * stats.put_ms


def test_without_a_bound_the_lag_of_the_same_translation_grows_and_grows() -> None:
    """Beside the run above: it is the controller that keeps the bound."""
    ear, halfway_ms = played(None)
    stats = ear.playout.stats

    assert halfway_ms > 30_000
    assert stats.max_lag_ms > 1.8 * halfway_ms
    assert stats.skipped_ms == stats.trimmed_ms == stats.sped_up_ms == 0


@pytest.mark.untraced
def test_one_utterance_without_an_end_is_bounded_as_well() -> None:
    """Engines that never end an utterance: its newest part is heard, and what goes is told."""
    ear, _ = played(4_000, in_one=True)
    stats = ear.playout.stats

    assert stats.max_lag_ms <= 4_000
    # What was put in the time that the lead and the bound are together, and a sentence.
    assert stats.queued_ms < LONGER * (MAX_LEAD_MS + 4_000 + 6_000)
    assert {fact.utterance_id for fact in ear.told(SpeechSkipped)} == {"all"}
    assert all(fact.partial for fact in ear.told(SpeechSkipped))
    assert len(ear.told(SpeechStarted)) == 1
