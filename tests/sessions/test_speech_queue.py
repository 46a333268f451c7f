"""Since when each sample of an utterance waits, and that none is lost or doubled on its way out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from speech_kit import TRACED, places, traced

from rawmedia.sessions.speech.queue import MAX_LEAD_MS, Utterance

SECOND = TRACED.sample_rate


def whole(*pieces: tuple[int, float]) -> Utterance:
    """An utterance of pieces: so many samples, put when."""
    utterance, start = Utterance("a", TRACED, pieces[0][1]), 0
    for samples, when in pieces:
        utterance.add(traced(0, start, samples), when)
        start += samples
    return utterance


def test_what_comes_at_once_waits_from_its_place_on() -> None:
    """Six seconds at once are not late because it takes six seconds to say them."""
    utterance = whole((6 * SECOND, 10.0))

    assert utterance.available_at() == 10
    assert utterance.last_available_at() == 16
    utterance.read(2 * SECOND)
    assert utterance.available_at() == 12


def test_what_comes_after_its_place_waits_since_it_came() -> None:
    """After a stall of the engine, all that it makes up for is available at once."""
    utterance = whole((SECOND, 10.0), (3 * SECOND, 15.0))
    utterance.read(SECOND)

    assert utterance.available_at() == 15
    utterance.read(2 * SECOND)
    assert utterance.available_at() == 15


def test_no_audio_comes_too_early_to_wait() -> None:
    """Or an utterance without an end, faster than it can be said, would never be late."""
    utterance = whole((40 * SECOND, 0.0))
    utterance.drop(35 * SECOND)

    assert utterance.available_at() == MAX_LEAD_MS / 1000


@given(
    pieces=st.lists(st.tuples(st.integers(1, 20_000), st.floats(0, 5)), min_size=1, max_size=6),
    when=st.floats(-1, 45),
)
def test_the_first_that_is_new_enough_is_found(
    pieces: list[tuple[int, float]], when: float
) -> None:
    """Against reading on, sample by sample."""
    puts = np.cumsum([gap for _, gap in pieces]).tolist()
    utterance = whole(*zip((samples for samples, _ in pieces), puts, strict=True))
    found = utterance.first_available_from(when)
    before = utterance.queued if found is None else found

    utterance.read(max(0, before - 1))
    if before:
        assert utterance.available_at() < when + 1e-9
        utterance.read(1)
    if found is not None:
        assert utterance.available_at() >= when - 1e-9


@given(
    pieces=st.lists(st.integers(1, 900), min_size=1, max_size=8),
    steps=st.lists(
        st.tuples(st.sampled_from(["read", "drop", "again"]), st.integers(0, 1_000)), max_size=20
    ),
)
def test_reading_and_dropping_take_each_sample_once(
    pieces: list[int], steps: list[tuple[str, int]]
) -> None:
    utterance = whole(*((samples, 0.0) for samples in pieces))
    total, at = sum(pieces), 0
    for step, samples in steps:
        expected = [(0, place) for place in range(at, min(at + samples, total))]
        assert places(utterance.peek(at, samples)) == expected
        if step == "drop":
            assert utterance.drop(samples) == len(expected)
        else:
            taken = utterance.read(samples)
            assert places(taken) == expected
        if step == "again" and expected:
            utterance.unread(taken)
        else:
            at += len(expected)
        assert (utterance.position, utterance.queued) == (at, total - at)


def test_a_thousand_tiny_pieces_make_a_frame() -> None:
    """Engines cut as they like."""
    utterance = whole(*((1, 0.0) for _ in range(3_000)))

    assert places(utterance.read(3_000)) == [(0, at) for at in range(3_000)]
    assert len(utterance.read(10)) == 0


@pytest.mark.parametrize("start", [0, 5, 99])
def test_looking_takes_nothing(start: int) -> None:
    utterance = whole((50, 0.0), (50, 0.0))

    assert places(utterance.peek(start, 1_000)) == [(0, at) for at in range(start, 100)]
    assert utterance.queued == 100
