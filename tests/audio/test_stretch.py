"""The laws of the stretcher: length, pitch and silence are kept, and cuts do not matter."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.stretch import (
    LENGTH_TOLERANCE_MS,
    MAX_HELD_MS,
    MAX_RATE,
    MIN_RATE,
    TimeStretcher,
)
from rawmedia.errors import ConfigurationError, PayloadError
from rawmedia.testing.signals import noise, speech_like, tone

Ints = npt.NDArray[np.int16]

FORMATS = [TELEPHONY, SPEECH, WIDEBAND_VOICE, AudioFormat(44_100), WEBRTC]
RATES = [0.8, 0.95, 1.05, 1.2, 1.5]


@cache
def speech(format: AudioFormat, duration_ms: float = 2_000, seed: int = 1) -> Ints:
    return speech_like(duration_ms, seed=seed, format=format).samples


def stretched(samples: Ints, format: AudioFormat, rate: float) -> Ints:
    stretcher = TimeStretcher(format, rate)
    return np.concatenate([stretcher.push(samples), stretcher.flush()])


def voice(hz: float, sample_rate: int, seconds: float = 2.0) -> Ints:
    """Partials that fall by 6 dB an octave, up to 3400 Hz."""
    instants = np.arange(round(sample_rate * seconds)) / sample_rate
    partials = np.arange(1, int(3_400 / hz))[:, np.newaxis]
    wave = (np.sin(2 * np.pi * hz * partials * instants + partials) / partials).sum(axis=0)
    samples: Ints = (wave * 5_000).astype(np.int16)[:, np.newaxis]
    return samples


def pitch_hz(samples: Ints, sample_rate: int, about_hz: float) -> float:
    """The median over 40 ms windows of where the autocorrelation has its peak."""
    size = round(0.04 * sample_rate)
    first, last = (round(sample_rate / about_hz / factor) for factor in (1.3, 0.77))
    found = []
    for start in range(0, len(samples) - size - last, size):
        window = samples[start : start + size + last, 0].astype(np.float64)
        lagged = sliding_window_view(window, size)[first : last + 1]
        likeness = (lagged @ window[:size]) / np.sqrt(np.square(lagged).sum(axis=1))
        peak = min(max(1, int(np.argmax(likeness))), len(likeness) - 2)
        before, at, after = likeness[peak - 1 : peak + 2].tolist()
        bend = (before - after) / (2 * (before - 2 * at + after))
        found.append(sample_rate / (first + peak + bend))
    return float(np.median(found))


@st.composite
def schedules(draw: st.DrawFn) -> list[tuple[float, int]]:
    """Rates, and how many samples are pushed at each; some of the pushes very short."""
    rates = st.one_of(st.sampled_from([0.8, 1.0, 1.5]), st.floats(MIN_RATE, MAX_RATE))
    sizes = st.one_of(st.integers(0, 300), st.integers(0, 3_000))
    return draw(st.lists(st.tuples(rates, sizes), min_size=1, max_size=25))


@settings(max_examples=40)
@given(
    schedules(), st.sampled_from([TELEPHONY, AudioFormat(16_000, 2)]), st.integers(0, 9), st.data()
)
def test_where_the_input_is_cut_does_not_change_one_bit_of_the_output(
    schedule: list[tuple[float, int]], format: AudioFormat, seed: int, data: st.DataObject
) -> None:
    """A queue is trimmed at any moment, and a recording must not tell how it was read."""
    samples = noise(8_000, seed=seed, format=format).samples // 8 + speech(format, 8_000, seed)
    whole, parts = TimeStretcher(format), TimeStretcher(format)
    one, other, at = [], [], 0
    for rate, size in schedule:
        whole.rate = parts.rate = rate
        piece = samples[at : at + size]
        at += size
        one.append(whole.push(piece))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(piece)), max_size=4)))
        for start, end in itertools.pairwise([0, *cuts, len(piece)]):
            other.append(parts.push(piece[start:end]))
    one.append(whole.flush())
    other.append(parts.flush())
    assert np.concatenate(other).tobytes() == np.concatenate(one).tobytes()


@settings(max_examples=80)
@given(schedules(), st.sampled_from([TELEPHONY, AudioFormat(11_025), SPEECH]), st.integers(0, 9))
def test_the_length_is_what_the_rates_say_and_little_is_held(
    schedule: list[tuple[float, int]], format: AudioFormat, seed: int
) -> None:
    """However often the rate changes: what is lost or doubled would add up over a call."""
    samples = speech(format, 8_000, seed)
    stretcher = TimeStretcher(format)
    due, given_out, at = 0.0, 0, 0
    for rate, size in schedule:
        stretcher.rate = rate
        piece = samples[at : at + size]
        at += size
        due += len(piece) / rate
        given_out += len(stretcher.push(piece))
        assert stretcher.held_ms <= MAX_HELD_MS < 30
        off = given_out + stretcher.held_samples - due
        assert abs(off) <= format.samples(LENGTH_TOLERANCE_MS) + 1
    held = stretcher.held_samples
    assert len(stretcher.flush()) == held
    assert stretcher.held_samples == 0


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_minutes_are_as_long_as_one_rate_says_to_17_ms(format: AudioFormat, rate: float) -> None:
    samples = np.tile(speech(format, 3_000), (5, 1))
    off = len(stretched(samples, format, rate)) - len(samples) / rate
    assert abs(format.duration_ms(round(off))) <= 17


@pytest.mark.parametrize("hz", [85.0, 120.0, 190.0, 290.0])
@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 24_000, 48_000])
def test_the_pitch_of_a_voice_is_kept(sample_rate: int, hz: float) -> None:
    """1 % is a sixth of a semitone; without that a listener hears the machine."""
    for rate in (0.8, 1.2, 1.5):
        out = stretched(voice(hz, sample_rate, 0.8), AudioFormat(sample_rate), rate)
        assert pitch_hz(out, sample_rate, hz) == pytest.approx(hz, rel=0.01)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("format", [TELEPHONY, SPEECH, WEBRTC], ids=str)
def test_joins_in_a_voice_do_not_click(format: AudioFormat, rate: float) -> None:
    """A click is a step that the voice itself does not make."""
    samples = voice(120, format.sample_rate)
    out = stretched(samples, format, rate)
    steps, own = (np.abs(np.diff(each[:, 0].astype(int))) for each in (out, samples))
    assert steps.max() <= 1.15 * own.max()


def test_what_is_said_comes_when_it_should() -> None:
    """A sound at 3 s comes at 3 s / rate, to what the length may be off."""
    samples = np.zeros((16_000 * 5, 1), np.int16)
    samples[48_000:48_320] = tone(20, hz=1_000).samples
    for rate in RATES:
        loud = np.flatnonzero(np.abs(stretched(samples, SPEECH, rate)[:, 0]) > 4_000)
        assert loud[0] / 16 == pytest.approx(3_000 / rate, abs=LENGTH_TOLERANCE_MS)


def test_at_a_rate_of_one_the_samples_come_back_themselves() -> None:
    """A bypass that costs next to nothing copies nothing."""
    stretcher = TimeStretcher(SPEECH)
    samples = speech(SPEECH)[:320]
    assert stretcher.push(samples) is samples
    assert np.shares_memory(stretcher.push(samples[:, 0]), samples)
    assert stretcher.held_samples == 0
    assert len(stretcher.flush()) == 0


@pytest.mark.parametrize("rate", [0.8, 1.2, 1.5])
def test_going_back_to_one_gives_all_that_is_held_and_then_copies(rate: float) -> None:
    """What follows the switch is the input to the bit, so nothing is lost or doubled there."""
    samples = speech(SPEECH, 3_000)
    stretcher = TimeStretcher(SPEECH, rate)
    before = [stretcher.push(samples[at : at + 320]) for at in range(0, 16_000, 320)]
    stretcher.rate = 1.0
    after = [stretcher.push(samples[at : at + 320]) for at in range(16_000, 48_000, 320)]
    out = np.concatenate([*before, *after])
    assert stretcher.held_samples == 0
    # One join may still be due for what was pushed before.
    tail = samples[16_000 + SPEECH.samples(2 * MAX_HELD_MS) :]
    np.testing.assert_array_equal(out[-len(tail) :], tail)
    assert len(out) == pytest.approx(16_000 / rate + 32_000, abs=SPEECH.samples(17))


def test_switching_in_and_out_makes_no_click() -> None:
    samples = voice(110, 16_000, 3.0)
    stretcher = TimeStretcher(SPEECH)
    out = []
    for index, at in enumerate(range(0, len(samples), 320)):
        stretcher.rate = (1.0, 1.3, 1.0, 0.85)[index // 3 % 4]
        out.append(stretcher.push(samples[at : at + 320]))
    steps = np.abs(np.diff(np.concatenate(out)[:, 0].astype(int)))
    assert steps.max() <= 1.15 * np.abs(np.diff(samples[:, 0].astype(int))).max()


@pytest.mark.parametrize("rate", RATES)
def test_silence_stays_silence_and_a_constant_the_constant(rate: float) -> None:
    for level in (0, 1_234):
        samples = np.full((16_000, 2), level, np.int16)
        out = stretched(samples, AudioFormat(16_000, 2), rate)
        assert (out == level).all()
        assert len(out) == pytest.approx(16_000 / rate, abs=SPEECH.samples(17))


@pytest.mark.parametrize("rate", [0.8, 1.5])
def test_noise_stays_as_loud_across_joins(rate: float) -> None:
    """Where waveforms are unlike, a plain cross-fade dips by 3 dB, and hiss would flutter."""
    samples = noise(10_000, seed=3).samples
    power_in, power_out = (
        float(np.mean(np.square(each.astype(np.float64))))
        for each in (samples, stretched(samples, SPEECH, rate))
    )
    assert abs(10 * np.log10(power_out / power_in)) < 0.15


def test_all_channels_jump_together() -> None:
    """Channels that are each other's mirror, or the same, stay so; the stereo image stays."""
    left = speech(SPEECH)[:, 0]
    samples = np.stack([left, -left, left, left // 2], axis=1)
    for rate in (0.8, 1.3):
        out = stretched(samples, AudioFormat(16_000, 4), rate).astype(int)
        np.testing.assert_array_equal(out[:, 0], -out[:, 1])
        np.testing.assert_array_equal(out[:, 0], out[:, 2])
        assert np.abs(out[:, 0] / 2 - out[:, 3]).max() <= 1.5


def test_eight_channels_at_48_khz_work_like_one() -> None:
    mono = speech(WEBRTC, 500)
    out = stretched(np.repeat(mono, 8, axis=1), AudioFormat(48_000, 8), 1.2)
    np.testing.assert_array_equal(out, np.repeat(stretched(mono, WEBRTC, 1.2), 8, axis=1))


def test_the_best_jump_is_sought_in_all_channels() -> None:
    """A voice on the right is kept as well as one on the left, where there may be silence."""
    mono = voice(120, 16_000)
    samples = np.hstack([np.zeros_like(mono), mono])
    for rate in (0.8, 1.5):
        out = stretched(samples, AudioFormat(16_000, 2), rate)
        np.testing.assert_array_equal(out[:, 1:], stretched(mono, SPEECH, rate))


@pytest.mark.parametrize("rate", [0.8, 0.9, 0.99])
def test_slowing_down_holds_no_more_than_a_fade(rate: float) -> None:
    """What is played again has come already; and a jump too far is not taken back."""
    samples = speech(SPEECH, 6_000)
    stretcher = TimeStretcher(SPEECH, rate)
    for at in range(0, len(samples), 160):
        stretcher.push(samples[at : at + 160])
        assert stretcher.held_ms < 8


@pytest.mark.parametrize("hz", [62.5, 100, 125, 200])
def test_a_voice_that_is_slowed_down_again_and_again_is_never_left_behind(hz: float) -> None:
    """So much is made to be missing that two jumps back follow each other where each is short."""
    samples = voice(hz, 8_000)
    stretcher = TimeStretcher(TELEPHONY)
    out, due, at = 0, 0.0, 0
    while at < 15_000:
        # A fade is 64 samples, and 63 of them are made to wait for one that never comes.
        for rate, size in (
            (0.8, 63),
            (1.0, 1),
            (0.8, 63),
            (1.0, 1),
            (0.8, 63),
            (0.9, 90),
            (1.0, 700),
        ):
            stretcher.rate = rate
            out += len(stretcher.push(samples[at : at + size]))
            due += size / rate
            at += size
            assert stretcher.held_ms < 8
            assert abs(out + stretcher.held_samples - due) <= TELEPHONY.samples(16)


def test_memory_that_the_caller_reuses_does_not_change_what_comes() -> None:
    """Of a frame that was passed through, the end is needed again when the speech slows down."""
    samples = voice(120, 16_000)
    memory = np.zeros((400, 1), np.int16)  # longer than all that is remembered
    kept, reused = TimeStretcher(SPEECH, 0.8), TimeStretcher(SPEECH, 0.8)
    for stretcher in (kept, reused):
        stretcher.push(samples[:510])  # almost enough for a jump back
        stretcher.rate = 1.0
    for at in range(510, 8_510, 400):
        memory[:] = samples[at : at + 400]
        kept.push(samples[at : at + 400])
        assert reused.push(memory) is memory
        memory[:] = 0
    kept.rate = reused.rate = 0.8
    np.testing.assert_array_equal(kept.push(samples[8_510:]), reused.push(samples[8_510:]))


def test_a_flush_or_a_reset_begins_anew_at_the_same_rate() -> None:
    samples = speech(SPEECH)
    stretcher = TimeStretcher(SPEECH, 1.2)
    assert stretcher.format == SPEECH
    first = np.concatenate([stretcher.push(samples), stretcher.flush()])
    second = np.concatenate([stretcher.push(samples), stretcher.flush()])
    stretcher.push(samples[:5_000])
    stretcher.reset()
    assert stretcher.held_samples == 0
    third = np.concatenate([stretcher.push(samples), stretcher.flush()])
    assert first.tobytes() == second.tobytes() == third.tobytes()
    assert stretcher.rate == 1.2


def test_two_stretchers_share_nothing() -> None:
    one, other = TimeStretcher(SPEECH, 1.2), TimeStretcher(SPEECH, 1.2)
    samples = speech(SPEECH)
    alone = stretched(samples, SPEECH, 1.2)
    pieces = []
    for at in range(0, len(samples), 800):
        pieces.append(one.push(samples[at : at + 800]))
        other.push(samples[-at - 800 :][:800])
    assert np.concatenate([*pieces, one.flush()]).tobytes() == alone.tobytes()


@pytest.mark.parametrize("rate", [0.79, 1.51, 0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_out_of_range_is_refused_and_changes_nothing(rate: float) -> None:
    with pytest.raises(ConfigurationError, match="rate"):
        TimeStretcher(SPEECH, rate)
    stretcher = TimeStretcher(SPEECH, 1.1)
    with pytest.raises(ConfigurationError, match="rate"):
        stretcher.rate = rate
    assert stretcher.rate == 1.1


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((10, 2), np.float32),
        np.zeros((10, 1), np.int16),
        np.zeros(10, np.int16),
        np.zeros((2, 10, 1), np.int16),
    ],
)
def test_other_arrays_are_refused_and_nothing_of_them_taken(samples: Ints) -> None:
    stretcher = TimeStretcher(AudioFormat(16_000, 2), 1.2)
    with pytest.raises(PayloadError):
        stretcher.push(samples)
    assert stretcher.held_samples == 0


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([4_000, 12_000, 22_050, 192_000]))
def test_any_samples_at_any_rate_are_taken(seed: int, sample_rate: int) -> None:
    """Full scale, steps and noise: the output stays int16 and never wraps round."""
    rng = np.random.default_rng(seed)
    ms = sample_rate // 1_000
    samples = rng.choice(np.array([-32_768, 0, 32_767], np.int16), (300 * ms, 1))
    samples[100 * ms : 200 * ms] = 32_767
    for rate in (0.8, 1.5):
        out = stretched(samples, AudioFormat(sample_rate), rate)
        assert out.dtype == np.int16
        assert out.shape[1] == 1
        assert (out[round(130 * ms / rate) : round(170 * ms / rate)] == 32_767).all()
