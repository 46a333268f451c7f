"""Levels: what a sine, a square and silence read, and a meter that does not see where audio is cut."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rawmedia.audio.format import SPEECH, WEBRTC, AudioFormat
from rawmedia.audio.level import LevelMeter, peak, peak_dbfs, rms, rms_dbfs, rms_dbov
from rawmedia.errors import ConfigurationError, PayloadError

Ints = npt.NDArray[np.int16]
STEREO = AudioFormat(16_000, 2)


def sine(level_dbfs: float, seconds: float = 1.0, rate: int = 16_000, hz: float = 997) -> Ints:
    instants = np.arange(round(rate * seconds)) / rate
    wave = 10 ** (level_dbfs / 20) * 32_767 * np.sin(2 * np.pi * hz * instants)
    return np.rint(wave).astype(np.int16)[:, None]


@pytest.mark.parametrize("level_dbfs", [0.0, -1.0, -20.0, -40.0])
def test_a_sine_reads_its_level_on_both_scales(level_dbfs: float) -> None:
    """AES17: so the two agree for the tone that people test with."""
    assert rms_dbfs(sine(level_dbfs)) == pytest.approx(level_dbfs, abs=0.01)
    assert peak_dbfs(sine(level_dbfs)) == pytest.approx(level_dbfs, abs=0.05)


def test_a_square_wave_is_three_decibels_above_the_sine_and_zero_in_dbov() -> None:
    square = np.resize(np.array([-32_768, -32_768], np.int16), (100, 1))
    assert rms_dbfs(square) == pytest.approx(3.0103, abs=1e-4)
    assert rms_dbov(square) == peak_dbfs(square) == 0
    assert rms(square) == peak(square) == 1


@pytest.mark.parametrize("samples", [np.zeros((10, 2), np.int16), np.zeros((0, 1), np.int16)])
def test_silence_and_nothing_have_no_level(samples: Ints) -> None:
    assert peak(samples) == rms(samples) == 0
    for level in (peak_dbfs, rms_dbfs, rms_dbov):
        assert level(samples) == -math.inf


@given(hnp.arrays(np.int16, st.tuples(st.integers(1, 50), st.integers(1, 3))))
def test_peak_and_rms_are_those_of_exact_arithmetic(samples: Ints) -> None:
    wide = samples.astype(np.int64)
    assert peak(samples) == np.abs(wide).max() / 32_768
    assert rms(samples) == pytest.approx(math.sqrt((wide**2).mean()) / 32_768, rel=1e-5)
    assert rms(samples) <= peak(samples) * (1 + 1e-5)


def test_the_loudest_negative_sample_is_louder_than_the_loudest_positive_one() -> None:
    """Its magnitude is no int16, and must not wrap to a negative one."""
    assert peak(np.array([-32_768, 5], np.int16)) == 1
    assert peak(np.array([32_767, 5], np.int16)) == 32_767 / 32_768


@given(
    st.sampled_from([(SPEECH, 1), (STEREO, 2), (AudioFormat(11_025, 3), 3)]),
    st.lists(st.integers(0, 700), max_size=8),
)
def test_where_the_audio_is_cut_does_not_change_the_reading(
    kind: tuple[AudioFormat, int], sizes: list[int]
) -> None:
    spoken, channels = kind
    rng = np.random.default_rng(len(sizes))
    samples = rng.integers(-32_768, 32_768, (sum(sizes), channels), np.int16)
    samples[len(samples) // 2 :] //= 64
    whole, parts = LevelMeter(spoken, hold_ms=5), LevelMeter(spoken, hold_ms=5)
    whole.push(samples)
    for start, end in itertools.pairwise([0, *itertools.accumulate(sizes)]):
        parts.push(samples[start:end])
    assert parts.reading == whole.reading


def test_one_sample_at_a_time_is_as_good_as_all_at_once() -> None:
    samples = sine(-6, 0.05)
    whole, parts = LevelMeter(SPEECH), LevelMeter(SPEECH)
    whole.push(samples)
    for sample in samples:
        parts.push(sample)
    assert parts.reading == whole.reading


def test_a_steady_tone_reads_its_level() -> None:
    meter = LevelMeter(WEBRTC)
    meter.push(sine(-12, rate=48_000))
    assert meter.reading.rms_dbfs == pytest.approx(-12, abs=0.1)
    assert meter.reading.peak_dbfs == pytest.approx(-12, abs=0.1)


def test_a_meter_without_audio_shows_silence() -> None:
    reading = LevelMeter(SPEECH).reading
    assert (reading.rms_dbfs, reading.peak_dbfs) == (-math.inf, -math.inf)


@pytest.mark.parametrize("attack_ms", [20.0, 125.0])
def test_after_the_attack_time_63_percent_of_the_power_is_shown(attack_ms: float) -> None:
    meter = LevelMeter(SPEECH, attack_ms=attack_ms)
    meter.push(sine(0, attack_ms / 1000, hz=1_000))
    assert meter.reading.rms_dbfs == pytest.approx(10 * math.log10(1 - math.exp(-1)), abs=0.05)


def test_after_the_decay_time_37_percent_of_the_power_is_left() -> None:
    meter = LevelMeter(SPEECH, attack_ms=0, decay_ms=200)
    meter.push(sine(0, 0.5, hz=1_000))
    assert meter.reading.rms_dbfs == pytest.approx(0, abs=0.01), "at once without attack"
    meter.push(np.zeros((3_200, 1), np.int16))
    assert meter.reading.rms_dbfs == pytest.approx(10 * math.log10(math.exp(-1)), abs=0.05)


def test_a_peak_is_held_and_then_falls() -> None:
    meter = LevelMeter(SPEECH, decay_ms=100, hold_ms=500)
    click = np.zeros((80, 1), np.int16)
    click[40] = -32_768
    meter.push(click)
    meter.push(np.zeros((8_000, 1), np.int16))
    assert meter.reading.peak_dbfs == 0, "500 ms later"
    meter.push(np.zeros((1_600, 1), np.int16))
    assert meter.reading.peak_dbfs == pytest.approx(10 * math.log10(math.exp(-1)), abs=0.05)
    meter.push(click)
    assert meter.reading.peak_dbfs == 0, "a new peak is shown at once"


def test_a_softer_peak_does_not_shorten_the_hold_of_a_louder_one() -> None:
    meter = LevelMeter(SPEECH, hold_ms=100, decay_ms=0)
    meter.push(sine(0, 0.005, hz=1_000))
    meter.push(sine(-20, 0.1, hz=1_000))
    assert meter.reading.peak_dbfs == pytest.approx(0, abs=0.01)
    meter.push(sine(-20, 0.005, hz=1_000))
    assert meter.reading.peak_dbfs == pytest.approx(-20, abs=0.01)


def test_a_reset_forgets_what_was_heard() -> None:
    meter = LevelMeter(SPEECH)
    meter.push(sine(0, 0.0231))
    meter.reset()
    fresh = LevelMeter(SPEECH)
    for each in (meter, fresh):
        each.push(sine(-30, 0.1))
    assert meter.reading == fresh.reading
    assert meter.format == SPEECH


@pytest.mark.parametrize("setting", ["attack_ms", "decay_ms", "hold_ms"])
@pytest.mark.parametrize("bad", [-1.0, 60_001.0, math.nan])
def test_settings_out_of_range_are_refused_and_named(setting: str, bad: float) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        LevelMeter(SPEECH, **{setting: bad})


@pytest.mark.parametrize("bad", [np.zeros((4, 2), np.int16), np.zeros(4), np.int16(2)])
def test_what_is_no_audio_of_its_format_is_refused_and_not_taken(bad: Any) -> None:
    meter, fresh = LevelMeter(SPEECH), LevelMeter(SPEECH)
    meter.push(sine(0, 0.003))
    fresh.push(sine(0, 0.003))
    with pytest.raises(PayloadError):
        meter.push(bad)
    for each in (meter, fresh):
        each.push(sine(-6, 0.01))
    assert meter.reading == fresh.reading


def test_levels_are_of_int16_only() -> None:
    """A float in [-1, 1] taken for int16 would read 90 dB too low."""
    floats: Any = np.zeros(4, np.float32)
    for level in (peak, rms, peak_dbfs, rms_dbfs, rms_dbov):
        with pytest.raises(PayloadError, match="int16"):
            level(floats)
