"""Gains: what a number of decibels does, and that a change of it neither clicks nor depends on cuts."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.gain import Gain, amplified, amplitude_ratio, decibels
from rawmedia.errors import ConfigurationError, PayloadError, UnsupportedFormatError

Ints = npt.NDArray[np.int16]


def noise(samples: int, channels: int = 1, seed: int = 0) -> Ints:
    return np.random.default_rng(seed).integers(-32_768, 32_768, (samples, channels), np.int16)


@given(st.floats(-200, 60))
def test_decibels_and_ratios_are_each_others_inverse(gain_db: float) -> None:
    assert decibels(amplitude_ratio(gain_db)) == pytest.approx(gain_db, abs=1e-9)


def test_twice_the_amplitude_is_six_decibels_and_silence_is_minus_infinity() -> None:
    assert amplitude_ratio(6.0206) == pytest.approx(2, rel=1e-6)
    assert decibels(10) == 20
    assert amplitude_ratio(-math.inf) == 0
    assert decibels(0) == -math.inf


@given(st.floats(-100, 60), st.integers(0, 50))
def test_a_gain_multiplies_rounds_and_saturates(gain_db: float, size: int) -> None:
    samples = noise(size, 2)
    louder = amplified(samples, gain_db)
    exact = np.clip(samples * np.float64(amplitude_ratio(gain_db)), -32_768, 32_767)
    assert louder.dtype == np.int16
    assert louder.shape == samples.shape
    # float32 has 24 bits, so a tie of 16 may fall to either side.
    assert np.abs(louder - exact).max(initial=0) <= 0.51


def test_a_gain_of_zero_decibels_costs_nothing() -> None:
    samples = noise(100)
    floats = samples.astype(np.float32)
    assert amplified(samples, 0) is samples
    assert Gain(8_000).push_int16(samples) is samples
    assert Gain(8_000).push(floats) is floats


def test_a_gain_leaves_what_it_was_given_as_it_was() -> None:
    samples = noise(100)
    samples.flags.writeable = False
    gain = Gain(8_000, -6)
    assert gain.push_int16(samples) is not samples
    floats = np.ones((10, 1), np.float32)
    gain.gain_db = 3
    gain.push(floats)
    assert (floats == 1).all()


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from([-math.inf, -20.0, -6.0, 0.0, 6.0])),
        max_size=6,
    ),
    st.sampled_from([0.0, 1.0, 10.0, 33.3]),
    st.data(),
)
def test_where_the_audio_is_cut_does_not_change_one_bit(
    changes: list[tuple[int, float]], ramp_ms: float, data: st.DataObject
) -> None:
    """The gain is set at the same instants; what is cut is the audio between them."""
    whole, parts = (Gain(8_000, -3, ramp_ms=ramp_ms) for _ in range(2))
    for seed, (size, gain_db) in enumerate(changes):
        ints = noise(size, 2, seed)
        cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=4)))
        out = whole.push_int16(ints)
        pieces = [parts.push_int16(ints[a:b]) for a, b in itertools.pairwise([0, *cuts, size])]
        assert np.concatenate(pieces).tobytes() == out.tobytes()
        assert whole.settled == parts.settled
        whole.gain_db = parts.gain_db = gain_db


def test_a_change_is_a_straight_ramp_of_its_length() -> None:
    gain = Gain(8_000, ramp_ms=10)
    ones = np.ones((100, 2), np.float32)
    gain.gain_db = -math.inf
    ramp = gain.push(ones)
    np.testing.assert_allclose(ramp[:80, 0], 1 - np.arange(1, 81) / 80, atol=1e-6)
    assert not ramp[80:].any()
    assert gain.settled
    np.testing.assert_array_equal(ramp[:, 0], ramp[:, 1])


@given(st.lists(st.tuples(st.floats(-60, 6), st.integers(1, 200)), min_size=1, max_size=8))
def test_no_two_neighbours_differ_by_more_than_a_step_of_a_ramp(
    changes: list[tuple[float, int]],
) -> None:
    """A jump is a click. From silence to +6 dB in 10 ms are steps of 1/40, however often one changes it."""
    gain = Gain(8_000, -60, ramp_ms=10)
    pieces = [gain.push(np.ones(10, np.float32))]
    for gain_db, size in changes:
        gain.gain_db = gain_db
        pieces.append(gain.push(np.ones(size, np.float32)))
    assert np.abs(np.diff(np.concatenate(pieces))).max() <= 2 / 80 + 1e-6


def test_a_change_within_a_ramp_goes_on_from_where_it_is() -> None:
    gain = Gain(8_000, ramp_ms=10)
    gain.gain_db = -math.inf
    half = gain.push(np.ones(40, np.float32))
    assert half[-1] == pytest.approx(0.5)
    assert not gain.settled
    gain.gain_db = 0
    back = gain.push(np.ones(80, np.float32))
    np.testing.assert_allclose(back, 0.5 + np.arange(1, 81) / 160, atol=1e-6)
    assert gain.gain_db == 0


def test_a_ramp_of_no_length_is_a_step() -> None:
    gain = Gain(8_000, ramp_ms=0)
    gain.gain_db = -math.inf
    assert gain.settled
    assert not gain.push(np.ones(5, np.float32)).any()


def test_another_ramp_holds_for_the_next_change() -> None:
    gain = Gain(8_000, ramp_ms=10)
    gain.gain_db = -6
    gain.ramp_ms = 1
    gain.push(np.ones(79, np.float32))
    assert not gain.settled
    gain.gain_db = 0
    gain.push(np.ones(8, np.float32))
    assert gain.settled
    assert gain.ramp_ms == 1


def test_the_same_gain_again_begins_no_ramp() -> None:
    gain = Gain(8_000, -6)
    gain.gain_db = -6
    assert gain.settled


def test_a_ramp_above_full_scale_saturates_instead_of_wrapping() -> None:
    loud = np.full((200, 1), 30_000, np.int16)
    gain = Gain(8_000, ramp_ms=20)
    gain.gain_db = 20
    out = gain.push_int16(loud)
    assert (np.diff(out[:, 0].astype(int)) >= 0).all()
    assert out[-1] == 32_767
    gain.gain_db = -20
    assert (np.diff(gain.push_int16(loud)[:, 0].astype(int)) <= 0).all(), "down from there as well"


@pytest.mark.parametrize("bad", [60.1, math.nan, math.inf])
def test_a_gain_out_of_range_is_refused_and_changes_nothing(bad: float) -> None:
    gain = Gain(8_000, -6)
    with pytest.raises(ConfigurationError, match="gain_db"):
        gain.gain_db = bad
    assert gain.gain_db == -6
    assert gain.settled
    with pytest.raises(ConfigurationError):
        Gain(8_000, bad)
    with pytest.raises(ConfigurationError):
        amplified(noise(4), bad)


@pytest.mark.parametrize("bad", [-1, 10_001, math.nan])
def test_a_ramp_out_of_range_is_refused(bad: float) -> None:
    with pytest.raises(ConfigurationError, match="ramp_ms"):
        Gain(8_000, ramp_ms=bad)


def test_a_rate_out_of_range_is_refused() -> None:
    with pytest.raises(UnsupportedFormatError):
        Gain(100)


@pytest.mark.parametrize("bad", [np.zeros(4), np.zeros(4, np.int32), np.int16(3)])
def test_other_types_are_refused(bad: Any) -> None:
    gain = Gain(8_000, -6)
    for call in (gain.push, gain.push_int16, lambda samples: amplified(samples, -6)):
        with pytest.raises(PayloadError):
            call(bad)
    with pytest.raises(PayloadError):
        gain.push(np.zeros(4, np.int16))
    with pytest.raises(PayloadError):
        gain.push_int16(np.zeros(4, np.float32))
