"""A clock that is a little off is followed without losing a sample, and its drift is found in jitter."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.audio.clock_drift import ClockDrift
from rawmedia.audio.drift import MAX_PPM, DriftResampler
from rawmedia.errors import ConfigurationError, PayloadError, UnsupportedFormatError
from rawmedia.testing.signals import noise

Ints = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]

PPMS = [-1_000.0, -500.0, -37.0, 0.0, 3.0, 120.0, 500.0, 1_000.0]


def tone(hz: float, samples: int, rate: int = 16_000, peak: float = 16_000) -> Ints:
    wave: Ints = np.rint(peak * np.sin(2 * np.pi * hz / rate * np.arange(samples))).astype(np.int16)
    return wave[:, np.newaxis]


def resampled(samples: Ints, ppm: float) -> Ints:
    resampler = DriftResampler(samples.shape[1], ppm)
    return np.concatenate([resampler.push(samples), resampler.flush()])


def expected_length(samples: int, ppm: float) -> float:
    """The instants from 15 samples before the first to the last one."""
    return (samples + 15) / (1 + ppm / 1e6)


def distortion_db(out: Ints, hz: float, ppm: float, rate: int = 16_000) -> float:
    """What is in the output besides the tone at its new pitch, by that tone (THD+N)."""
    instants = np.arange(len(out)) * (1 + ppm / 1e6)
    angles = 2 * np.pi * hz / rate * instants
    basis = np.stack([np.sin(angles), np.cos(angles)], axis=1)[500:-500]
    wave = out[500:-500, 0].astype(np.float64)
    fitted = basis @ np.linalg.lstsq(basis, wave, rcond=None)[0]
    return float(10 * np.log10(np.square(wave - fitted).sum() / np.square(fitted).sum()))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(-1_000, 1_000), st.integers(0, 3_000)), min_size=1, max_size=6),
    st.integers(1, 2),
    st.data(),
)
def test_where_the_input_is_cut_does_not_change_one_bit_of_the_output(
    schedule: list[tuple[float, int]], channels: int, data: st.DataObject
) -> None:
    """Nor does it matter how often `ppm` is set to what it is."""
    samples = np.random.default_rng(channels).integers(-30_000, 30_000, (18_000, channels))
    whole, parts = DriftResampler(channels), DriftResampler(channels)
    one, other, at = [], [], 0
    for ppm, size in schedule:
        piece = samples[at : at + size].astype(np.int16)
        at += size
        whole.ppm = ppm
        one.append(whole.push(piece))
        cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=5)))
        for start, end in itertools.pairwise([0, *cuts, size]):
            parts.ppm = ppm
            other.append(parts.push(piece[start:end]))
    one.append(whole.flush())
    other.append(parts.flush())
    assert np.concatenate(other).tobytes() == np.concatenate(one).tobytes()


def test_one_sample_at_a_time_is_as_good_as_all_at_once() -> None:
    samples = noise(60, seed=1).samples
    resampler = DriftResampler(ppm=400)
    pieces = [resampler.push(samples[at : at + 1]) for at in range(len(samples))]
    assert (
        np.concatenate([*pieces, resampler.flush()]).tobytes() == resampled(samples, 400).tobytes()
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_at_zero_the_same_samples_come_15_later_to_the_bit(channels: int) -> None:
    """Until the drift is known, nothing is touched; full scale included."""
    rng = np.random.default_rng(1)
    samples = rng.integers(-32_768, 32_768, (5_000, channels)).astype(np.int16)
    resampler = DriftResampler(channels)
    out = np.concatenate([resampler.push(samples), resampler.flush()])
    np.testing.assert_array_equal(out[15:], samples)
    assert not out[:15].any()
    assert resampler.delay_samples == 15


@given(st.floats(-1_000, 1_000), st.lists(st.integers(0, 2_000), max_size=12))
def test_a_frame_in_is_a_frame_out_give_or_take_a_sample(ppm: float, sizes: list[int]) -> None:
    """At once, and in the long run by exactly as much more or less as the clock is off."""
    resampler = DriftResampler(ppm=ppm)
    pushed = given_out = 0
    for size in sizes:
        pushed += size
        given_out += len(resampler.push(np.zeros(size, np.int16)))
        assert abs(given_out - pushed / (1 + ppm / 1e6)) <= 1.2 if pushed else given_out == 0
    total = given_out + len(resampler.flush())
    assert abs(total - expected_length(pushed, ppm)) <= 1.2 if pushed else total == 0


@pytest.mark.parametrize("ppm", [-500.0, 123.4, 500.0])
def test_no_sample_is_lost_or_doubled_in_ten_minutes(ppm: float) -> None:
    """The phase is counted, not added up: 2400 samples of drift, and not one sample off."""
    resampler = DriftResampler(ppm=ppm)
    samples = tone(400, 8_000, 8_000)  # one second, a whole number of periods
    out = np.zeros((0, 1), np.int16)
    total = 0
    for _ in range(600):
        out = resampler.push(samples)
        total += len(out)
    assert abs(total - 600 * 8_000 / (1 + ppm / 1e6)) <= 1.2
    # Where the tone is now says where the phase is, to a hundredth of a sample.
    index = np.arange(total - len(out), total)
    angles = 2 * np.pi * 400 / 8_000 * (index * (1 + ppm / 1e6) - 15)
    wanted = 16_000 * np.sin(angles)
    assert np.abs(out[:, 0] - wanted).max() < 0.01 * 2 * np.pi * 400 / 8_000 * 16_000


@pytest.mark.parametrize("ppm", [ppm for ppm in PPMS if ppm])
def test_a_tone_stays_pure(ppm: float) -> None:
    """1 kHz at 16 kHz: 90 dB, which is the rounding to int16; and 80 dB up to 6 kHz."""
    for hz, least in ((1_000.0, -90.0), (3_000.0, -88.0), (6_000.0, -80.0)):
        out = resampled(tone(hz, 48_000), ppm)
        assert distortion_db(out, hz, ppm) < least


@pytest.mark.parametrize("ppm", PPMS)
def test_a_tone_stays_as_loud_and_moves_by_the_ppm(ppm: float) -> None:
    out = resampled(tone(1_000, 48_000), ppm)[100:-100, 0].astype(float)
    instants = (np.arange(len(out)) + 100) * (1 + ppm / 1e6) - 15
    assert np.abs(out - 16_000 * np.sin(2 * np.pi / 16 * instants)).max() < 2


def test_changing_the_drift_does_not_click() -> None:
    """A controller sets it with every frame; the tone must not show when."""
    resampler = DriftResampler()
    samples = tone(500, 32_000)
    out = []
    for index, at in enumerate(range(0, len(samples), 317)):
        resampler.ppm = MAX_PPM * np.sin(index)
        out.append(resampler.push(samples[at : at + 317]))
    bends = np.abs(np.diff(np.concatenate(out)[50:, 0].astype(float), n=2))
    own = np.abs(np.diff(samples[:, 0].astype(float), n=2))
    assert bends.max() <= own.max() + 4


def test_after_a_drift_that_was_set_back_the_audio_is_later_by_what_it_took() -> None:
    resampler = DriftResampler(ppm=1_000)
    samples = tone(300, 40_000)
    out = [resampler.push(samples[:16_000])]
    resampler.ppm = 0
    assert resampler.ppm == 0
    out.append(resampler.push(samples[16_000:]))
    rest = np.concatenate(out)[-10_000:, 0]
    index = np.arange(10_000) + sum(map(len, out)) - 10_000
    # 16000 / 1.001 outputs took 16000 samples, so what follows is 16 samples early.
    taken = len(out[0]) * 0.001
    wanted = 16_000 * np.sin(2 * np.pi * 300 / 16_000 * (index + taken - 15))
    assert taken == pytest.approx(16, abs=0.1)
    assert np.abs(rest - wanted).max() < 2


@pytest.mark.parametrize("ppm", PPMS)
def test_silence_stays_silence_and_a_constant_the_constant(ppm: float) -> None:
    for level in (0, 12_345, -32_768, 32_767):
        out = resampled(np.full((4_000, 2), level, np.int16), ppm)
        assert (out[40:-40] == level).all()


def test_each_channel_is_filtered_for_itself() -> None:
    samples = np.random.default_rng(5).integers(-9_000, 9_000, (3_000, 8)).astype(np.int16)
    out = resampled(samples, 250)
    for channel in range(8):
        alone = resampled(samples[:, channel : channel + 1], 250)
        np.testing.assert_array_equal(out[:, channel : channel + 1], alone)


def test_a_flush_or_a_reset_begins_anew() -> None:
    samples = noise(200, seed=1).samples
    resampler = DriftResampler(ppm=700)
    first = np.concatenate([resampler.push(samples), resampler.flush()])
    resampler.push(samples[:1_234])
    resampler.reset()
    assert len(resampler.flush()) == 0
    again = np.concatenate([resampler.push(samples[:, 0]), resampler.flush()])
    assert again.tobytes() == first.tobytes()
    assert resampler.ppm == 700


@pytest.mark.parametrize("ppm", [1_000.1, -1_001.0, float("nan"), float("inf")])
def test_a_drift_out_of_range_is_refused_and_changes_nothing(ppm: float) -> None:
    with pytest.raises(ConfigurationError, match="ppm"):
        DriftResampler(ppm=ppm)
    resampler = DriftResampler(ppm=5)
    with pytest.raises(ConfigurationError, match="ppm"):
        resampler.ppm = ppm
    assert resampler.ppm == 5


@pytest.mark.parametrize("channels", [0, 9, 1.5, True])
def test_other_numbers_of_channels_are_refused(channels: int) -> None:
    with pytest.raises(UnsupportedFormatError, match="channels"):
        DriftResampler(channels)


@pytest.mark.parametrize(
    "samples",
    [np.zeros((10, 2), np.float32), np.zeros((10, 3), np.int16), np.zeros(10, np.int16)],
)
def test_other_arrays_are_refused_and_nothing_of_them_taken(samples: Ints) -> None:
    resampler = DriftResampler(2)
    with pytest.raises(PayloadError):
        resampler.push(samples)
    assert len(resampler.flush()) == 0


def packets(
    ppm: float, seconds: float, *, seed: int, jitter_ms: float = 20.0
) -> tuple[Floats, Floats]:
    """When packets of 20 ms by the sender's clock arrive, and what they say."""
    media: Floats = 20.0 * np.arange(round(seconds * 50), dtype=np.float64)
    jitter = np.random.default_rng(seed).uniform(0, jitter_ms, len(media))
    return media / (1 + ppm / 1e6) + 40 + jitter, media


def fed(arrivals: Floats, media: Floats, clock: ClockDrift | None = None) -> ClockDrift:
    clock = clock or ClockDrift()
    for index in np.argsort(arrivals, kind="stable"):
        clock.push(float(arrivals[index]), float(media[index]))
    return clock


def off_by(clock: ClockDrift, ppm: float) -> float:
    assert clock.ppm is not None
    return abs(clock.ppm - ppm)


@pytest.mark.parametrize("ppm", [-500.0, -50.0, 0.0, 200.0, 500.0])
def test_the_drift_is_found_within_half_a_minute_of_jitter(ppm: float) -> None:
    for seed in range(3):
        assert off_by(fed(*packets(ppm, 31, seed=seed)), ppm) < 25
        clock = fed(*packets(ppm, 70, seed=seed))
        assert off_by(clock, ppm) < 10
        assert clock.error_ppm is not None
        assert 0.3 < clock.error_ppm < 10


def test_before_ten_seconds_nothing_is_claimed() -> None:
    clock = fed(*packets(300, 9.9, seed=1))
    assert clock.ppm is None
    assert clock.error_ppm is None
    assert off_by(fed(*packets(300, 11.5, seed=1, jitter_ms=0.1)), 300) < 5


def test_without_jitter_it_is_exact() -> None:
    assert off_by(fed(*packets(-123, 60, seed=0, jitter_ms=0)), -123) < 0.01


def test_delay_spikes_are_ignored() -> None:
    """A busy network: for seconds at a time, even the fastest packet is 300 ms late."""
    arrivals, media = packets(150, 60, seed=2)
    for start in (12_000, 25_000, 41_000, 52_000):
        late = (arrivals > start) & (arrivals < start + 2_500)
        arrivals[late] += 300
    assert off_by(fed(arrivals, media), 150) < 15


def test_a_new_path_is_learnt_afresh_and_meanwhile_the_estimate_stays() -> None:
    """Packets come 80 ms later from one moment on; no clock did that."""
    arrivals, media = packets(150, 120, seed=3)
    arrivals[arrivals > 50_000] += 80
    clock = ClockDrift()
    for arrival, stamp in zip(arrivals, media, strict=True):
        clock.push(float(arrival), float(stamp))
        if arrival > 20_000:
            assert off_by(clock, 150) < 50
    assert off_by(clock, 150) < 10


def test_media_time_that_pauses_does_not_matter() -> None:
    """With silence suppressed nothing is sent for seconds; the timestamps go on."""
    arrivals, media = packets(-200, 90, seed=4)
    speaking = (arrivals // 4_000) % 2 == 0
    assert off_by(fed(arrivals[speaking], media[speaking]), -200) < 15


def test_what_no_clock_does_is_kept_within_what_the_resampler_takes() -> None:
    for ppm in (5_000, -5_000):
        clock = fed(*packets(ppm, 30, seed=1))
        assert clock.ppm is not None
        assert DriftResampler(ppm=clock.ppm).ppm == np.sign(ppm) * MAX_PPM


def test_memory_is_bounded_and_the_past_forgotten() -> None:
    """A crystal that warmed up: what it did more than a minute ago does not count."""
    arrivals, media = packets(300, 100, seed=5)
    later, later_media = packets(-100, 100, seed=6)
    clock = fed(arrivals, media, ClockDrift(window_ms=500, history_ms=30_000))
    fed(later + arrivals[-1], later_media + media[-1], clock)
    assert off_by(clock, -100) < 25


def test_a_reset_forgets_the_clock() -> None:
    clock = fed(*packets(300, 30, seed=1))
    clock.reset()
    assert clock.ppm is None
    assert clock.error_ppm is None
    arrivals, media = packets(-300, 40, seed=1)
    assert off_by(fed(arrivals, media, clock), -300) < 25


@given(
    st.lists(
        st.tuples(
            st.floats(-1e15, 1e15) | st.integers(0, 5_000).map(float), st.floats(-1e15, 1e15)
        ),
        max_size=60,
    )
)
def test_any_times_are_taken(times: list[tuple[float, float]]) -> None:
    """Broken timestamps, clocks that jump back: a number or None, and no warning."""
    clock = ClockDrift(window_ms=100, history_ms=2_000)
    for arrival, media in times:
        clock.push(arrival, media)
        assert clock.ppm is None or -MAX_PPM <= clock.ppm <= MAX_PPM


def test_an_arrival_before_the_window_does_not_count() -> None:
    """The receiver's clock went back; two packets at one instant would have no slope."""
    clock = ClockDrift(window_ms=100, history_ms=2_000)
    for window in range(30):
        clock.push(window * 100.0, window * 100.0)
        clock.push(0.0, 1e6 + window)
    assert clock.ppm == 0


@pytest.mark.parametrize(
    "times", [(float("nan"), 0.0), (0.0, float("nan")), (float("inf"), 0.0), (0.0, -2e15)]
)
def test_times_that_are_none_are_refused_and_not_taken(times: tuple[float, float]) -> None:
    arrivals, media = packets(100, 30, seed=1, jitter_ms=0)
    clock = ClockDrift()
    for arrival, stamp in zip(arrivals, media, strict=True):
        clock.push(float(arrival), float(stamp))
        with pytest.raises(PayloadError):
            clock.push(*times)
    assert off_by(clock, 100) < 0.1


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("window_ms", {"window_ms": 99.0}),
        ("window_ms", {"window_ms": float("nan")}),
        ("history_ms", {"history_ms": 10_000.0}),
        ("history_ms", {"history_ms": 301_000.0}),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name: str, settings: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=name):
        ClockDrift(**settings)


def test_the_estimate_makes_two_clocks_one() -> None:
    """End to end: as many samples come out as the receiver's own clock counts."""
    ppm, rate = 400.0, 16_000
    arrivals, media = packets(ppm, 180, seed=7)
    clock, resampler = ClockDrift(), DriftResampler()
    out = 0
    frame = np.zeros(320, np.int16)
    from_s, made = 60.0, 0
    for arrival, stamp in zip(arrivals, media, strict=True):
        clock.push(float(arrival), float(stamp))
        if clock.ppm is not None:
            resampler.ppm = clock.ppm
        out += len(resampler.push(frame))
        if stamp < from_s * 1_000:
            made = out
    own_seconds = (180 - from_s) / (1 + ppm / 1e6)
    assert (out - made) / rate == pytest.approx(own_seconds, rel=10e-6)
