"""Length-adaptive average lagging, by hand and by the letter of its formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.sessions.metrics.lagging import laal_ms, spoken_delays_ms


def test_of_one_who_is_always_a_second_behind_it_is_a_second() -> None:
    """Four words over four seconds: the ideal has them at 0, 1, 2 and 3 s."""
    assert laal_ms([1_000, 2_000, 3_000, 4_000], 4_000) == 1_000


def test_of_the_ideal_it_is_nothing_and_before_it_less() -> None:
    """The scale has its zero at the ideal translator."""
    assert laal_ms([0, 1_000, 2_000, 3_000], 4_000) == 0
    assert laal_ms([0, 500, 1_000, 1_500], 4_000) == pytest.approx(-750)


def test_who_says_too_much_is_not_rewarded_for_it() -> None:
    """With |Y*| = 4 alone, average lagging would be 1000; with six words the ideal is faster.

    (1000 - 0 + 2000 - 4000/6 + 3000 - 2*4000/6 + 4000 - 3*4000/6) / 4 = 1500; the fourth word
    is the first that comes at the end of the source, so the others do not count.
    """
    delays = [1_000, 2_000, 3_000, 4_000, 4_000, 4_000]
    assert laal_ms(delays, 4_000, reference_tokens=4) == pytest.approx(1_500)


def test_who_says_too_little_is_measured_by_the_reference() -> None:
    """(2000 - 0 + 4000 - 4000/4) / 2 = 2500."""
    assert laal_ms([2_000, 4_000], 4_000, reference_tokens=4) == 2_500


def test_of_one_who_begins_after_the_source_it_is_what_the_first_word_waited() -> None:
    """Tau is 1 then, as in SimulEval: d_1 - 0."""
    assert laal_ms([5_000, 5_200, 5_400], 4_000) == 5_000


def test_of_no_words_there_is_none() -> None:
    """An utterance that became nothing has not lagged by 0 ms."""
    assert laal_ms([], 4_000) is None


@given(
    delays=st.lists(st.floats(0, 60_000), min_size=1, max_size=30),
    source_ms=st.floats(1, 30_000),
    reference=st.integers(0, 40),
)
def test_it_is_what_the_formula_says(delays: list[float], source_ms: float, reference: int) -> None:
    """Papi et al. 2022, written down once more, as a sum."""
    late = [place for place, delay in enumerate(delays, 1) if delay >= source_ms]
    tau = late[0] if late else len(delays)
    longest = max(len(delays), reference)
    total = sum(delays[i - 1] - (i - 1) * source_ms / longest for i in range(1, tau + 1))
    got = laal_ms(delays, source_ms, reference_tokens=reference)
    assert got == pytest.approx(total / tau, rel=1e-9, abs=1e-6)


@given(words=st.integers(1, 50), start=st.floats(-1e4, 1e5), length=st.floats(0, 1e5))
def test_words_whose_times_are_not_known_are_spread_evenly(
    words: int, start: float, length: float
) -> None:
    """The first begins with the speech, and each lasts as long as the others."""
    delays = spoken_delays_ms(start, start + length, words)
    assert len(delays) == words
    assert delays[0] == start
    steps = [
        after - before for before, after in zip(delays, [*delays[1:], start + length], strict=True)
    ]
    assert steps == pytest.approx([length / words] * words, abs=1e-6)


def test_speech_without_words_has_no_delays() -> None:
    """Audio without text comes from engines that report no text."""
    assert spoken_delays_ms(100, 900, 0) == []
