"""Minutes and hours in which engines fail every few seconds and the network loses packets."""

from __future__ import annotations

from collections import Counter

import pytest
from trouble_kit import EVERY_MS, SPEAKS_MS, Outcome, troubled_call

from rawmedia.sessions.events import DirectionChanged, SpeechLeftOut

WAYS = {"a_to_b": "fr", "b_to_a": "en"}


def check(outcome: Outcome) -> None:
    """What holds however long it lasts."""
    for way, language in WAYS.items():
        said = [each.translations[language] for each in outcome.scripts[way]]
        assert Counter(cue.text for cue in outcome.cues[way]) == Counter(said)
        left_out = Counter[str]()
        for event in outcome.of(way, SpeechLeftOut):
            left_out[event.utterance_id] += event.ms
        report = outcome.report.directions[way]
        assert report.complete
        assert report.totals.overrun_ms == 0
        for utterance in report.utterances:
            told = utterance.translations[language]
            assert told.heard_at_ms is not None
            assert told.heard_until_ms is not None
            assert told.spoken_ms == pytest.approx(SPEAKS_MS, abs=1)
            assert told.skipped_ms == pytest.approx(left_out[utterance.id], abs=1)
            assert told.cut == (left_out[utterance.id] > 0)
        # The engine that fails is none of the call's business: it begins once and ends once.
        states = [event.state for event in outcome.of(way, DirectionChanged)]
        assert states == ["translating", "ended"]


@pytest.mark.untraced
@pytest.mark.parametrize("seed", [1, 2])
def test_no_utterance_is_lost_or_said_twice_whatever_goes_wrong_with_engine_and_line(
    seed: int,
) -> None:
    """What users of such programs complain of first: words that vanish after the first error."""
    outcome = troubled_call(5, seed)
    check(outcome)
    assert sum(len(happened) for happened in outcome.happened.values()) >= 6


@pytest.mark.soak
def test_an_hour_of_trouble_loses_nothing_and_keeps_its_memory() -> None:
    """What a minute does not show: things that are kept for each failure."""
    outcome = troubled_call(60, seed=3, trace=True)
    check(outcome)
    for happened in outcome.happened.values():
        assert sum(happened.values()) > 120
        assert len(happened) == 7
    # The cues that the test keeps, some hundred bytes each, are all that may grow.
    per_minute = 2 * 60_000 // EVERY_MS
    first, last = outcome.memory[20], outcome.memory[-1]
    assert last - first < (len(outcome.memory) - 20) * per_minute * 4_000
