"""Spans of media time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.timeline import TimeSpan


@st.composite
def spans(draw: st.DrawFn) -> TimeSpan:
    start, end = sorted(draw(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7))))
    return TimeSpan(start, end)


@pytest.mark.parametrize(
    ("start_ms", "end_ms"), [(2, 1), (-1, 1), (-2, -1), (math.nan, 1), (0, math.nan)]
)
def test_a_span_that_is_no_stretch_of_a_stream_is_refused(start_ms: float, end_ms: float) -> None:
    with pytest.raises(ValueError, match="0 <= start <= end"):
        TimeSpan(start_ms, end_ms)


@given(spans(), spans())
def test_overlap_is_mutual_and_no_longer_than_either(one: TimeSpan, other: TimeSpan) -> None:
    shared = one.overlap_ms(other)
    assert shared == other.overlap_ms(one)
    assert 0 <= shared <= min(one.duration_ms, other.duration_ms)


@given(spans())
def test_a_span_shares_all_of_itself_with_itself(span: TimeSpan) -> None:
    assert span.overlap_ms(span) == span.duration_ms == span.end_ms - span.start_ms


def test_spans_that_touch_share_nothing() -> None:
    """Else the last word of one utterance would count for the next as well."""
    assert TimeSpan(0, 10).overlap_ms(TimeSpan(10, 20)) == 0
    assert TimeSpan(0, 10).overlap_ms(TimeSpan(30, 40)) == 0
    assert TimeSpan(0, 10).overlap_ms(TimeSpan(4, 20)) == 6


@given(st.lists(spans()))
def test_spans_sort_by_where_they_start(several: list[TimeSpan]) -> None:
    starts = [span.start_ms for span in sorted(several)]
    assert starts == sorted(starts)


def test_a_span_cannot_be_changed_and_hashes_by_value() -> None:
    span = TimeSpan(0, 1)
    with pytest.raises(AttributeError):
        span.end_ms = 2  # type: ignore[misc]
    assert {span, TimeSpan(0, 1)} == {span}
