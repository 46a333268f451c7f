"""Where audio belongs in media time, by stamps that may be missing, rough, late, or wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.adapters.websocket.placing import CallTimeline, VoicePlace

RATE = 16_000
FRAME = 320


def places(stamps: list[float | None], arrivals: list[float] | None = None) -> list[int]:
    """Positions of 20 ms frames with these stamps, arriving at these milliseconds."""
    arrivals = arrivals or [20.0 * number for number in range(len(stamps))]
    voice, following, positions = VoicePlace(CallTimeline(), RATE), 0, []
    for stamp, arrival in zip(stamps, arrivals, strict=True):
        position = voice.place(stamp, FRAME, arrival / 1000)
        positions.append(following if position is None else position)
        following = max(following, positions[-1] + FRAME)
    return positions


def test_frames_that_follow_each_other_lie_without_a_hole() -> None:
    """Wherever the platform's clock starts."""
    assert places([1e12 + 20 * n for n in range(4)]) == [0, 320, 640, 960]
    assert places([None] * 4) == [0, 320, 640, 960]


def test_rough_stamps_make_no_holes() -> None:
    """Platforms stamp when they send, not when it was said."""
    assert places([0, 31, 38, 75, 80]) == [0, 320, 640, 960, 1_280]


def test_a_pause_of_the_platform_is_a_gap() -> None:
    """Of a voice that was not among the loudest, for one."""
    assert places([0, 20, 520], [0, 20, 520]) == [0, 320, 8_320]


def test_what_was_held_up_on_the_way_lies_where_it_was_said() -> None:
    """A stall of the network is no gap in what was said."""
    stamps: list[float | None] = [20.0 * n for n in range(5)]
    assert places(stamps, [0, 20, 900, 900, 900]) == [0, 320, 640, 960, 1_280]


def test_audio_out_of_order_is_given_its_own_place() -> None:
    """The stream then drops it as late, and counts it."""
    stamps: list[float | None] = [20.0 * n for n in range(20)]
    stamps.insert(15, 40.0)
    positions = places(stamps)
    assert positions[15] == 640
    assert positions[16:] == [320 * n for n in range(15, 20)]


@pytest.mark.parametrize("wrong", [1e15, -1e15, 4_000.0])
def test_one_wrong_stamp_moves_nothing(wrong: float) -> None:
    """Or a single message could silence a voice for ever."""
    stamps: list[float | None] = [20.0 * n for n in range(10)]
    stamps[5] = wrong
    assert places(stamps) == [320 * n for n in range(10)]


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    """Servers' clocks are corrected while calls go on."""
    stamps: list[float | None] = [100_000 + 20.0 * n for n in range(10)]
    stamps += [50_000 + 20.0 * n for n in range(10)]
    assert places(stamps) == [320 * n for n in range(20)]


def test_another_socket_goes_on_where_time_is() -> None:
    """Its stamps begin anew; what is missing is as long as it took."""
    timeline = CallTimeline()
    voice = VoicePlace(timeline, RATE)
    voice.place(5.0, FRAME, 0.0)
    timeline.reattach()
    assert voice.place(0.0, FRAME, 2.0) == 32_000
    assert voice.place(20.0, FRAME, 2.02) is None


def test_a_voice_that_comes_late_lies_on_the_same_timeline() -> None:
    """With a stamp or without."""
    for stamp in (1_000.0, None):
        timeline = CallTimeline()
        VoicePlace(timeline, RATE).place(0.0, FRAME, 0.0)
        late = VoicePlace(timeline, RATE)
        assert late.place(stamp, FRAME, 1.0) == 16_000


@given(
    frames=st.lists(
        st.tuples(
            st.none() | st.floats(-1e15, 1e15) | st.floats(0, 2_000),
            st.floats(0, 100),
            st.integers(1, 1_000),
        ),
        max_size=30,
    )
)
def test_positions_are_never_negative_nor_far_ahead_of_the_clock(
    frames: list[tuple[float | None, float, int]],
) -> None:
    """Whatever the stamps say, a gap is never longer than the time that passed, by a second or so."""
    voice, now_ms, following = VoicePlace(CallTimeline(), RATE), 0.0, 0
    for stamp, pause_ms, samples in frames:
        now_ms += pause_ms
        position = voice.place(stamp, samples, now_ms / 1000)
        assert position is None or position >= 0
        if position is not None and position > following:
            assert position <= (now_ms + 1_001) * RATE / 1000
        following = max(following, (following if position is None else position) + samples)
