"""Conversions between the ways in which samples are written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rawmedia.audio.pcm import (
    byte_view,
    from_bytes,
    mix_down,
    mix_up,
    saturate,
    saturate_whole,
    to_bytes,
    to_float32,
    to_int16,
)
from rawmedia.errors import PayloadError

EVERY_INT16 = np.arange(-32_768, 32_768, dtype=np.int16)


def test_every_int16_value_survives_float32() -> None:
    """One step through float and back must be no step at all."""
    floats = to_float32(EVERY_INT16)
    assert floats.dtype == np.float32
    assert floats.min() == -1.0
    assert floats.max() < 1.0
    np.testing.assert_array_equal(to_int16(floats), EVERY_INT16)
    np.testing.assert_array_equal(to_int16(floats.astype(np.float64)), EVERY_INT16)


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.integers(0, 40),
        elements=st.floats(-1.5, 1.5, width=32),
    )
)
def test_floats_are_rounded_to_the_nearest_step_and_saturated(
    samples: npt.NDArray[np.floating[Any]],
) -> None:
    exact = np.clip(samples.astype(np.float64) * 32_768, -32_768, 32_767)
    converted = to_int16(samples)
    assert converted.dtype == np.int16
    assert converted.shape == samples.shape
    assert np.all(np.abs(converted - exact) <= 0.5)


def test_full_scale_and_beyond_saturate_instead_of_wrapping() -> None:
    """A wrapped peak is a click at full loudness."""
    beyond = np.array([1.0, -1.0, 2.0, -2.0, 1e30, -1e30, 3e38, -3e38], np.float32)
    assert to_int16(beyond).tolist() == [32_767, -32_768] * 4
    assert to_int16(np.array([1e300, -1e300])).tolist() == [32_767, -32_768]
    scaled = np.array([32_767.4, 40_000, -32_768.6, -1e9], np.float32)
    assert saturate(scaled).tolist() == [32_767, 32_767, -32_768, -32_768]


@given(st.lists(st.integers(-(2**24), 2**24), min_size=1, max_size=50))
def test_whole_numbers_are_saturated_as_any_others(sums: list[int]) -> None:
    """They only need no rounding, which every mix would pay for."""
    scaled = np.array(sums, np.float32)
    assert saturate_whole(scaled.copy()).tolist() == saturate(scaled).tolist()


def test_ties_go_to_the_even_step_so_that_rounding_adds_no_offset() -> None:
    steps = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5])
    assert to_int16(steps / 32_768).tolist() == [0, 2, 2, 0, -2, -2]
    assert saturate(steps.astype(np.float32)).tolist() == [0, 2, 2, 0, -2, -2]


def test_int16_comes_back_as_the_same_array() -> None:
    samples = np.zeros((4, 2), np.int16)
    assert to_int16(samples) is samples


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad: float, dtype: type) -> None:
    """NaN as int16 would be a click or silence, whichever the processor likes."""
    samples: npt.NDArray[Any] = np.zeros((100, 2), dtype)
    samples[57, 1] = bad
    with pytest.raises(PayloadError, match="finite"):
        to_int16(samples)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", ">i2", "i4", "i8", "f2", "c8", "?", "O", "U1"])
def test_types_whose_scale_nobody_said_are_refused(dtype: str) -> None:
    with pytest.raises(PayloadError, match="int16, float32 or float64"):
        to_int16(np.zeros(4, dtype))


def test_what_was_converted_keeps_its_own_memory() -> None:
    floats = np.full((10, 1), 0.5, np.float32)
    to_int16(floats)
    assert (floats == 0.5).all()


@given(hnp.arrays(np.int16, st.tuples(st.integers(0, 30), st.integers(1, 8))))
def test_bytes_and_arrays_are_each_others_inverse(samples: npt.NDArray[np.int16]) -> None:
    data = to_bytes(samples)
    again = from_bytes(data, samples.shape[1])
    np.testing.assert_array_equal(again, samples)
    assert again.shape == samples.shape
    assert not again.flags.writeable


def test_bytes_are_little_endian_and_interleaved() -> None:
    samples = np.array([[1, 2], [256, -1]], np.int16)
    assert to_bytes(samples) == b"\x01\x00\x02\x00\x00\x01\xff\xff"
    assert to_bytes(samples[:, ::-1]) == b"\x02\x00\x01\x00\xff\xff\x00\x01"


@given(st.binary(max_size=40), st.integers(1, 8))
def test_bytes_that_end_in_the_middle_of_a_sample_are_refused(data: bytes, channels: int) -> None:
    if len(data) % (2 * channels):
        with pytest.raises(PayloadError, match="whole samples"):
            from_bytes(data, channels)
    else:
        assert from_bytes(data, channels).shape == (len(data) // (2 * channels), channels)


def test_a_buffer_is_measured_in_bytes_whatever_its_items_are() -> None:
    words = np.arange(6, dtype=np.int16).data
    assert byte_view(words).nbytes == len(byte_view(words)) == 12
    assert from_bytes(words, 2).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert byte_view(bytearray(4)).readonly


def test_an_empty_buffer_of_any_shape_is_no_bytes() -> None:
    assert len(byte_view(np.empty((0, 2), np.int16).data)) == 0


@pytest.mark.parametrize("data", ["text", 5, None, memoryview(bytes(8))[::2]])
def test_what_is_no_contiguous_buffer_is_refused(data: Any) -> None:
    with pytest.raises(PayloadError):
        byte_view(data)


@given(hnp.arrays(np.int16, st.tuples(st.integers(0, 30), st.integers(1, 8))), st.integers(1, 8))
def test_what_was_repeated_into_more_channels_averages_back_to_itself(
    samples: npt.NDArray[np.int16], more: int
) -> None:
    channels = samples.shape[1]
    wide = mix_up(samples, channels * more)
    back = saturate(mix_down(wide, channels))
    np.testing.assert_array_equal(back, samples)


@given(hnp.arrays(np.int16, st.tuples(st.integers(0, 30), st.integers(1, 8))), st.data())
def test_every_channel_is_the_mean_of_those_that_fall_together(
    samples: npt.NDArray[np.int16], data: st.DataObject
) -> None:
    channels = samples.shape[1]
    target = data.draw(st.integers(1, channels))
    mixed = mix_down(samples, target)
    assert mixed.dtype == np.float32
    assert mixed.shape == (len(samples), target)
    for channel in range(target):
        mean = samples[:, channel::target].mean(axis=1)
        np.testing.assert_allclose(mixed[:, channel], mean, rtol=1e-6)


def test_stereo_to_mono_never_clips() -> None:
    """A sum would wrap or saturate where both channels are loud."""
    stereo = np.array([[32_767, 32_767], [-32_768, -32_768], [3, 4]], np.int16)
    assert mix_down(stereo, 1).tolist() == [[32_767.0], [-32_768.0], [3.5]]


def test_six_channels_to_two_average_every_second_one() -> None:
    six = np.array([[0, 1, 2, 3, 4, 5]], np.int16)
    assert mix_down(six, 2).tolist() == [[2.0, 3.0]]
    assert mix_down(six, 4).tolist() == [[2.0, 3.0, 2.0, 3.0]]


def test_missing_channels_repeat_those_that_are_there() -> None:
    stereo = np.array([[7, 8]], np.int16)
    assert mix_up(stereo, 5).tolist() == [[7, 8, 7, 8, 7]]
    assert mix_up(stereo[:, :1], 2).tolist() == [[7, 7]]
