"""Where and when audio goes up: gaps, media time, and how fast the SDK sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.translators.azure.pace import UploadPace
from rawmedia.translators.azure.timeline import UploadTimeline


def frame(start_ms: float, duration_ms: float) -> AudioFrame:
    return AudioFrame.silence(SPEECH, SPEECH.samples(duration_ms), SPEECH.samples(start_ms))


def test_without_gaps_the_upload_is_media_time() -> None:
    timeline = UploadTimeline(SPEECH)
    assert [timeline.place(frame(at, 20)) for at in range(0, 200, 20)] == [0] * 10
    assert timeline.span(30, 170) == TimeSpan(30, 170)
    assert timeline.end_ms == 200


def test_a_stream_that_begins_late_is_uploaded_from_its_first_sample() -> None:
    timeline = UploadTimeline(SPEECH)
    assert timeline.place(frame(60_000, 100)) == 0
    assert timeline.span(20, 80) == TimeSpan(60_020, 60_080)


def test_a_short_gap_becomes_silence() -> None:
    timeline = UploadTimeline(SPEECH)
    timeline.place(frame(0, 100))
    assert timeline.place(frame(900, 100)) == SPEECH.samples(800)
    assert timeline.span(50, 950) == TimeSpan(50, 950)


def test_a_long_gap_becomes_a_second_of_silence_and_a_jump() -> None:
    """Ten minutes of silence would delay what comes after them by five."""
    timeline = UploadTimeline(SPEECH)
    timeline.place(frame(0, 100))
    assert timeline.place(frame(600_000, 500)) == SPEECH.samples(1_000)
    assert timeline.span(20, 90) == TimeSpan(20, 90)
    assert timeline.span(1_100, 1_600) == TimeSpan(600_000, 600_500)
    assert timeline.span(50, 1_100) == TimeSpan(50, 1_100), "ends with the silence, not after it"
    assert timeline.span(50, 1_300) == TimeSpan(50, 600_200)


def test_what_is_settled_is_forgotten_and_the_rest_is_not() -> None:
    timeline = UploadTimeline(SPEECH)
    timeline.place(frame(0, 1_000))
    for number in range(1, 4):
        timeline.place(frame(number * 100_000, 1_000))
    timeline.forget(201_000)
    assert timeline.span(4_000, 4_500) == TimeSpan(200_000, 200_500)
    assert timeline.span(6_000, 6_500) == TimeSpan(300_000, 300_500)


def test_endless_gaps_that_nothing_settles_take_bounded_memory() -> None:
    timeline = UploadTimeline(SPEECH)
    for number in range(5_000):
        timeline.place(frame(number * 2_000, 20))
    assert len(timeline._medias) == len(timeline._uploads) <= 1_024
    assert timeline.span(1e9, 1e9).end_ms == timeline.end_ms


@given(
    st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 500)), min_size=1, max_size=20),
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
)
def test_whatever_the_service_says_the_span_is_within_what_was_sent(
    pieces: list[tuple[int, int]], start_ms: float, end_ms: float
) -> None:
    timeline = UploadTimeline(SPEECH)
    at = first = pieces[0][0]
    for gap, duration in pieces:
        timeline.place(frame(at, duration))
        at += duration + gap
    span = timeline.span(start_ms, end_ms)
    assert first <= span.start_ms <= span.end_ms <= timeline.end_ms


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 500)), min_size=1, max_size=20))
def test_every_frame_is_found_where_it_was_put(pieces: list[tuple[int, int]]) -> None:
    """Silence and frames add up to the upload; a frame's place in it maps back to the frame."""
    timeline = UploadTimeline(SPEECH)
    at, uploaded = 0, 0.0
    for gap, duration in pieces:
        at += gap
        piece = frame(at, duration)
        uploaded += SPEECH.duration_ms(timeline.place(piece))
        assert timeline.span(uploaded, uploaded + duration) == TimeSpan(at, at + duration)
        at, uploaded = at + duration, uploaded + duration


def test_a_call_in_real_time_never_waits() -> None:
    pace = UploadPace()
    assert all(pace.write(20, at * 0.02) == at * 0.02 for at in range(3_000))


def test_a_file_is_taken_five_seconds_at_once_and_then_at_twice_its_speed() -> None:
    pace = UploadPace()
    now = 0.0
    taken_at = []
    for _ in range(3_000):  # a minute
        now = pace.write(20, now)
        taken_at.append(now)
    assert taken_at[299] == 0.0, "five seconds, and one ahead"
    assert taken_at[-1] == pytest.approx((60 - 6) / 2, abs=0.02)
    assert pace.all_sent(now) == pytest.approx((60 - 5) / 2, abs=0.02)


def test_a_pause_is_not_saved_up_for_later() -> None:
    """The SDK counts from what it sent last: after a minute of nothing it still sends at twice the speed."""
    pace = UploadPace()
    pace.write(6_000, 0.0)
    assert pace.write(4_000, 60.0) == pytest.approx(61.5)
    assert pace.all_sent(60.0) == pytest.approx(62.0)
    assert pace.all_sent(70.0) == 70.0
