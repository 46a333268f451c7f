"""Percentiles in constant memory, against exact ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.captions.figures import LatencyFigures
from rawmedia.captions.percentile import percentile
from rawmedia.sessions.metrics.latency import FINE_TO_MS, LatencyHistogram

DAY_MS = 86_400_000.0
# Close together, far apart, early, and where the scale changes.
DELAYS = st.one_of(
    st.floats(-100, 2_000),
    st.floats(-DAY_MS, DAY_MS),
    st.floats(FINE_TO_MS - 1, FINE_TO_MS + 12),
    st.integers(0, 60_000).map(float),
)


def filled(delays: list[float]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for delay in delays:
        histogram.add(delay)
    return histogram


def stated_error(exact: float) -> float:
    """Half a millisecond, or half a percent beyond a second; and what floats round."""
    return max(0.5, 0.005 * abs(exact) if abs(exact) > FINE_TO_MS - 1 else 0.0) + 1e-6


@given(delays=st.lists(DELAYS, min_size=1, max_size=200), percent=st.integers(1, 100))
def test_a_percentile_is_within_the_stated_error_of_the_exact_one(
    delays: list[float], percent: int
) -> None:
    """A bound on lag is checked by it."""
    exact = percentile(delays, percent)
    assert exact is not None
    assert filled(delays).percentile(percent) == pytest.approx(exact, abs=stated_error(exact))


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_of_many_delays_agree_with_numpy(seed: int) -> None:
    """An independent implementation, on the kind of delays that calls have.

    Shares that floats hold exactly, or the two would round to neighbouring ranks.
    """
    delays = np.random.default_rng(seed).lognormal(6.5, 1.2, 16_384)
    histogram = filled(delays.tolist())
    for share in (1 / 1_024, 1 / 64, 0.25, 0.5, 7 / 8, 127 / 128, 1_023 / 1_024, 1):
        exact = float(np.quantile(delays, share, method="inverted_cdf"))
        assert histogram.percentile(100 * share) == pytest.approx(exact, abs=stated_error(exact))
    assert histogram.mean_ms == pytest.approx(delays.mean())
    assert (histogram.min_ms, histogram.max_ms) == (delays.min(), delays.max())


@given(delays=st.lists(DELAYS, min_size=1, max_size=100))
def test_no_percentile_is_outside_of_what_was_added_and_they_ascend(delays: list[float]) -> None:
    """A P99 above the greatest delay would be one that nobody had."""
    histogram = filled(delays)
    figures = [histogram.percentile(percent) for percent in (0.5, 10, 50, 90, 99, 100)]
    assert figures == sorted(figures, key=lambda ms: ms or 0.0)
    assert all(min(delays) <= (ms or 0.0) <= max(delays) for ms in figures)


@given(first=st.lists(DELAYS, max_size=50), second=st.lists(DELAYS, max_size=50))
def test_merged_ones_are_as_one_that_had_all(first: list[float], second: list[float]) -> None:
    """Listeners count apart and are reported together."""
    merged = filled(first)
    merged.merge(filled(second))
    whole = filled(first + second)
    for percent in (1, 50, 90, 99, 100):
        assert merged.percentile(percent) == whole.percentile(percent)
    assert (merged.count, merged.min_ms, merged.max_ms) == (whole.count, whole.min_ms, whole.max_ms)
    assert (merged.mean_ms or 0) == pytest.approx(whole.mean_ms or 0)


def test_one_that_counts_many_times_weighs_as_much() -> None:
    """A frame's lag is that of each of its samples."""
    histogram = LatencyHistogram()
    histogram.add(10, 320)
    histogram.add(5_000, 3)
    assert histogram.count == 323
    assert histogram.percentile(99) == 10
    assert histogram.percentile(99.5) == 5_000
    assert histogram.mean_ms == pytest.approx((10 * 320 + 5_000 * 3) / 323)


def test_ranks_are_right_where_floats_are_not() -> None:
    """64.4 * 250 / 100 is 161.00000000000003 in floats, and 161 of 250 are that share."""
    histogram = filled([1.0] * 161 + [900.0] * 89)
    assert histogram.percentile(64.4) == 1
    assert histogram.percentile(64.5) == 900


def test_of_nothing_there_are_no_figures() -> None:
    """A delay of 0 ms would be a good one."""
    assert LatencyHistogram().figures() == LatencyFigures()
    assert LatencyHistogram().percentile(50) is None
    assert LatencyHistogram().min_ms is None


def test_whole_milliseconds_up_to_a_second_are_told_exactly() -> None:
    """Frames make them, and 20.5 ms for 20 would look like a fault."""
    for ms in range(-1_000, 1_001):
        histogram = filled([-5e6, float(ms), float(ms), float(ms), 5e6])
        assert histogram.percentile(50) == ms


def test_memory_is_bounded_whatever_is_added() -> None:
    """An hour has 180 000 frames, and an engine may say anything."""
    histogram = filled(np.random.default_rng(1).uniform(-1e12, 1e12, 20_000).tolist())
    for exponent in np.linspace(0, 300, 50_000):
        histogram.add(10**exponent)
        histogram.add(-(10**exponent))
    assert len(histogram._counts) < 4_300
    assert histogram.max_ms == 1e300
    # Beyond a day it is only known to be beyond a day.
    assert (histogram.percentile(90) or 0) == pytest.approx(DAY_MS, rel=0.005)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_delay_is_refused_and_leaves_the_figures_as_they_were(odd: float) -> None:
    """One NaN would make the mean of an hour NaN."""
    histogram = filled([1.0])
    with pytest.raises(ValueError, match="a delay is a number"):
        histogram.add(odd)
    assert histogram.figures() == LatencyFigures(1, 1.0, 1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize("percent", [0, -1, 100.1])
def test_a_percentile_that_is_none_is_refused(percent: float) -> None:
    """0.99 is taken for 99 easily; 0 is a mistake for sure."""
    with pytest.raises(ValueError, match="more than 0 and at most 100"):
        filled([1.0]).percentile(percent)
