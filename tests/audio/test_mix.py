"""Mixing: exact sums, saturated once, the same for any order; and everyone without himself."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.mix import MAX_STREAMS, mix, mix_frames, mix_minus
from rawmedia.errors import FormatMismatchError, PayloadError

Ints = npt.NDArray[np.int16]
STEREO = AudioFormat(16_000, 2)


@st.composite
def voices(draw: st.DrawFn) -> list[Ints]:
    """A few voices of different lengths; full scale is as likely as anything."""
    channels = draw(st.integers(1, 3))
    sizes = draw(st.lists(st.integers(0, 20), min_size=1, max_size=9))
    steps = st.sampled_from([-32_768, -20_000, -1, 0, 1, 20_000, 32_767]) | st.integers(-99, 99)
    return [draw(hnp.arrays(np.int16, (size, channels), elements=steps)) for size in sizes]


def exact_sum(streams: list[Ints]) -> npt.NDArray[np.int64]:
    """The sum in integers that cannot overflow, of voices that end in silence."""
    total = np.zeros((max(map(len, streams)), streams[0].shape[1]), np.int64)
    for samples in streams:
        total[: len(samples)] += samples
    return total


@given(voices())
def test_the_mix_is_the_sum_saturated_once(streams: list[Ints]) -> None:
    mixed = mix(streams)
    assert mixed.dtype == np.int16
    np.testing.assert_array_equal(mixed, np.clip(exact_sum(streams), -32_768, 32_767))


@given(voices())
def test_everybody_hears_the_sum_of_the_others(streams: list[Ints]) -> None:
    """Even where the sum of all would saturate and that of the others does not."""
    total = exact_sum(streams)
    heard = mix_minus(streams)
    assert len(heard) == len(streams)
    for samples, others in zip(streams, heard, strict=True):
        own = np.zeros_like(total)
        own[: len(samples)] = samples
        np.testing.assert_array_equal(others, np.clip(total - own, -32_768, 32_767))


@given(voices(), st.randoms(use_true_random=False))
def test_the_order_of_the_voices_does_not_matter(streams: list[Ints], order: Any) -> None:
    shuffled = list(streams)
    order.shuffle(shuffled)
    assert mix(shuffled).tobytes() == mix(streams).tobytes()


def test_as_many_streams_as_float32_adds_exactly() -> None:
    """The loudest of one sign first: whatever is lost of their sum is missing in that of all."""
    half = MAX_STREAMS // 2
    loud = [np.full((8, 1), value, np.int16) for value in (32_767, -32_767)]
    streams = [loud[0]] * (half - 1) + [np.full((8, 1), 5, np.int16)]
    streams += [loud[1]] * (half - 1) + [np.full((8, 1), -2, np.int16)]
    assert (mix(streams) == 3).all()
    assert (mix_minus(streams)[-1] == 5).all()
    lowest = [np.full((8, 1), -32_768, np.int16)] * MAX_STREAMS
    assert (mix(lowest) == -32_768).all()
    assert (mix_minus(lowest)[0] == -32_768).all()


def test_a_mix_of_one_is_itself_and_nobody_else_is_silence() -> None:
    samples = np.arange(-50, 50, dtype=np.int16)[:, None]
    np.testing.assert_array_equal(mix([samples]), samples)
    (others,) = mix_minus([samples])
    assert others.shape == samples.shape
    assert not others.any()


def test_mono_may_be_flat() -> None:
    flat = np.arange(5, dtype=np.int16)
    assert mix([flat, flat]).tolist() == [0, 2, 4, 6, 8]
    assert mix_minus([flat, flat[:2]])[1].tolist() == [0, 1, 2, 3, 4]
    assert mix_minus([flat, flat[:2]])[0].tolist() == [0, 1, 0, 0, 0]


def test_the_order_of_memory_does_not_matter() -> None:
    samples = np.arange(12, dtype=np.int16).reshape(6, 2)
    planar = np.asfortranarray(samples)
    np.testing.assert_array_equal(mix([planar, planar]), 2 * samples)
    np.testing.assert_array_equal(mix([samples[::2], planar[::2]]), 2 * samples[::2])


def test_what_came_out_is_new_and_shares_nothing() -> None:
    samples = np.ones((4, 1), np.int16)
    samples.flags.writeable = False
    mixed, heard = mix([samples]), mix_minus([samples, samples])
    mixed[:] = 7
    heard[0][:] = 9
    assert samples.tolist() == [[1]] * 4
    assert heard[1].tolist() == [[1]] * 4


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [np.zeros((4, 1), np.int16)] * (MAX_STREAMS + 1),
        [np.zeros((4, 1), np.float32)],
        [np.zeros((4, 1), np.int16), np.zeros((4, 1), np.int32)],
        [np.zeros((4, 1), np.int16), np.zeros((4, 2), np.int16)],
        [np.zeros((4, 1), np.int16), np.zeros(4, np.int16)],
        [np.zeros((4, 1, 1), np.int16)],
        [np.int16(4)],
    ],
)
def test_what_does_not_go_together_is_refused(bad: Any) -> None:
    for call in (mix, mix_minus):
        with pytest.raises(PayloadError):
            call(bad)


def frame(values: list[int], position: int = 0, source: str | None = None) -> AudioFrame:
    return AudioFrame(np.array(values, np.int16), SPEECH, position, source)


def test_frames_are_added_where_they_lie_in_media_time() -> None:
    mixed = mix_frames([frame([1, 2, 3], 10), frame([10, 20], 12), frame([100], 11)])
    assert mixed.position == 10
    assert mixed.samples[:, 0].tolist() == [1, 102, 13, 20]


def test_frames_that_adjoin_become_one() -> None:
    mixed = mix_frames([frame([3], 7), frame([1, 2], 5)])
    assert (mixed.position, mixed.samples[:, 0].tolist()) == (5, [1, 2, 3])


def test_a_mix_has_a_source_only_if_all_agree_and_is_filler_only_if_all_are() -> None:
    assert mix_frames([frame([1], 0, "ann"), frame([1], 0, "ann")]).source == "ann"
    assert mix_frames([frame([1], 0, "ann"), frame([1], 0, "bob")]).source is None
    silence = AudioFrame.silence(SPEECH, 1)
    assert mix_frames([silence, silence]).filler
    assert not mix_frames([silence, frame([0])]).filler


def test_frames_of_two_formats_are_refused() -> None:
    with pytest.raises(FormatMismatchError):
        mix_frames([frame([1]), AudioFrame.silence(STEREO, 1)])


def test_a_wrong_position_costs_an_error_and_no_memory() -> None:
    with pytest.raises(PayloadError, match="overlap or adjoin"):
        mix_frames([frame([1]), frame([1], 10**15)])
    with pytest.raises(PayloadError):
        mix_frames([])
