"""The laws of the resampler: cuts do not matter, nothing is lost, and what it does to a signal."""

from __future__ import annotations

import gc
import itertools
import threading
import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.audio.pcm import to_float32, to_int16
from rawmedia.audio.resample import Resampler
from rawmedia.errors import PayloadError, UnsupportedFormatError

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int16]

CALL_RATES = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)
PAIRS = [*itertools.permutations(CALL_RATES, 2), (11_025, 32_000), (96_000, 16_000)]
PAIRS += [(32_000, 44_100), (192_000, 11_025), (11_025, 192_000), (16_000, 16_000)]


def noise(samples: int, channels: int = 1, seed: int = 0, level: float = 0.2) -> Floats:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((samples, channels)) * level).astype(np.float32)


def tone(hz: float, rate: int, seconds: float = 0.5) -> Floats:
    instants = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * hz * instants)).astype(np.float32)[:, None]


def resampled(samples: Floats, in_rate: int, out_rate: int, **options: bool) -> Floats:
    resampler = Resampler(in_rate, out_rate, samples.shape[1], **options)
    return np.concatenate([resampler.push(samples), resampler.flush()])


def level_db(samples: Floats, reference: float = 0.5 / np.sqrt(2)) -> float:
    """Root mean square, by that of the test tone unless said, without the ends."""
    middle = samples[len(samples) // 5 : -(len(samples) // 5)].astype(np.float64)
    return float(20 * np.log10(np.sqrt(np.mean(middle**2)) / reference + 1e-12))


def expected(in_samples: int, in_rate: int, out_rate: int) -> int:
    return -(-in_samples * out_rate // in_rate)


MAIN_PAIRS = [
    (48_000, 16_000),
    (16_000, 48_000),
    (48_000, 8_000),
    (8_000, 48_000),
    (24_000, 16_000),
    (16_000, 24_000),
    (48_000, 24_000),
    (24_000, 48_000),
    (24_000, 8_000),
    (8_000, 24_000),
    (16_000, 8_000),
    (8_000, 16_000),
]
"""What calls, speech services and telephones need of each other."""


def aes17_tone(rate: int) -> npt.NDArray[np.float64]:
    """A second of 997 Hz at -1 dBFS, as AES17 tests converters: it meets all steps of int16."""
    return 10 ** (-1 / 20) * np.sin(2 * np.pi * 997 * np.arange(rate) / rate + 0.3)


def thd_n_db(samples: npt.NDArray[np.float64], rate: int) -> float:
    """All that is not the 997 Hz tone, by that tone: the best fitting sine is taken away."""
    angles = 2 * np.pi * 997 * np.arange(len(samples)) / rate
    parts = np.stack([np.sin(angles), np.cos(angles), np.ones(len(samples))], axis=1)
    weights = np.linalg.lstsq(parts, samples, rcond=None)[0]
    rest = samples - parts @ weights
    return float(10 * np.log10(np.mean(rest**2) / np.mean((parts[:, :2] @ weights[:2]) ** 2)))


@st.composite
def cut_points(draw: st.DrawFn, size: int) -> list[int]:
    """Where to cut: a few places anywhere, some of them close together."""
    far = draw(st.lists(st.integers(0, size), max_size=6))
    near = draw(st.lists(st.integers(0, 5), max_size=4))
    return sorted([0, *far, *(min(size, point + gap) for point in far[:1] for gap in near), size])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(PAIRS),
    st.integers(0, 2_500),
    st.integers(1, 2),
    st.booleans(),
    st.data(),
)
def test_where_the_input_is_cut_does_not_change_one_bit_of_the_output(
    rates: tuple[int, int], size: int, channels: int, prompt: bool, data: st.DataObject
) -> None:
    """Carriers, files and sound cards cut differently; a recording must not tell which it was."""
    floats = noise(size, channels, seed=size)
    ints = to_int16(floats)
    cuts = data.draw(cut_points(size))
    whole, parts = (Resampler(*rates, channels, prompt=prompt) for _ in range(2))

    out = np.concatenate([whole.push(floats), whole.flush()])
    pieces = [parts.push(floats[a:b]) for a, b in itertools.pairwise(cuts)]
    assert np.concatenate([*pieces, parts.flush()]).tobytes() == out.tobytes()

    out16 = np.concatenate([whole.push_int16(ints), whole.flush_int16()])
    pieces16 = [parts.push_int16(ints[a:b]) for a, b in itertools.pairwise(cuts)]
    assert np.concatenate([*pieces16, parts.flush_int16()]).tobytes() == out16.tobytes()


@pytest.mark.parametrize("rates", [(48_000, 16_000), (16_000, 48_000), (44_100, 16_000)])
def test_one_sample_at_a_time_is_as_good_as_all_at_once(rates: tuple[int, int]) -> None:
    samples = noise(rates[0] // 20)
    one_by_one = Resampler(*rates)
    pieces = [one_by_one.push(samples[n : n + 1]) for n in range(len(samples))]
    again = np.concatenate([*pieces, one_by_one.flush()])
    assert again.tobytes() == resampled(samples, *rates).tobytes()


@settings(deadline=None)
@given(
    st.sampled_from(PAIRS),
    st.lists(st.integers(0, 1_500), max_size=5),
    st.integers(1, 3),
    st.booleans(),
)
def test_samples_are_conserved(
    rates: tuple[int, int], sizes: list[int], channels: int, prompt: bool
) -> None:
    """`n` in are `ceil(n * out / in)` out, promptly or after the flush; only the delay waits."""
    resampler = Resampler(*rates, channels, prompt=prompt)
    delay = resampler.delay_samples
    pushed = given_out = 0
    for size in sizes:
        pushed += size
        out = resampler.push(np.zeros((size, channels), np.float32))
        assert out.shape[1] == channels
        given_out += len(out)
        instants = expected(pushed, *rates)
        assert given_out == (instants if prompt else max(0, instants - delay))
    tail = len(resampler.flush())
    if pushed == 0:
        assert tail == 0
    else:
        total = expected(pushed, *rates)
        assert given_out + tail == (total + delay if prompt else total)


@pytest.mark.parametrize("rates", [(48_000, 16_000), (16_000, 48_000), (16_000, 16_000)])
def test_whole_frames_have_a_tail_too(rates: tuple[int, int]) -> None:
    """They take a shorter way through the code than pieces, and the first of them is a stretch."""
    samples = noise(rates[0] // 50)
    prompt = Resampler(*rates, prompt=True)
    prompt.push(samples)
    assert len(prompt.flush()) == prompt.delay_samples
    assert len(resampled(samples, *rates)) == rates[1] // 50


@pytest.mark.parametrize("rates", PAIRS)
def test_prompt_output_is_the_aligned_output_later_by_the_delay(rates: tuple[int, int]) -> None:
    samples = noise(rates[0] // 10)
    prompt = Resampler(*rates, prompt=True)
    late = np.concatenate([prompt.push(samples), prompt.flush()])
    assert late[prompt.delay_samples :].tobytes() == resampled(samples, *rates).tobytes()


@pytest.mark.parametrize("rates", list(itertools.permutations((8_000, 16_000, 24_000, 48_000), 2)))
def test_promptly_a_frame_in_is_a_frame_out(rates: tuple[int, int]) -> None:
    """A reader of 20 ms frames must not wait for the next push to get this one."""
    resampler = Resampler(*rates, prompt=True)
    for _ in range(5):
        assert len(resampler.push(noise(rates[0] // 50))) == rates[1] // 50


def test_the_delay_from_48_to_16_khz_is_at_most_two_milliseconds() -> None:
    """Measured as a listener would: where an impulse comes out of what has come out."""
    resampler = Resampler(48_000, 16_000, prompt=True)
    assert resampler.delay_ms == 1.5
    frames = np.zeros((10, 960, 1), np.float32)
    frames[5, 0] = 1
    heard = np.concatenate([resampler.push(frame) for frame in frames])
    assert len(heard) == 3_200, "nothing is held back"
    assert np.argmax(np.abs(heard)) / 16 - 100 == resampler.delay_ms <= 2


@pytest.mark.parametrize("rates", PAIRS)
def test_the_delay_is_24_samples_of_the_lower_rate(rates: tuple[int, int]) -> None:
    """Rounded up to a whole sample that goes out; and nothing where nothing changes."""
    resampler = Resampler(*rates)
    if rates[0] == rates[1]:
        assert resampler.delay_samples == 0
    else:
        assert 0 <= resampler.delay_ms - 24_000 / min(rates) < 1_000 / rates[1]


@pytest.mark.parametrize("rates", PAIRS)
def test_a_tone_survives_in_place_and_shape(rates: tuple[int, int]) -> None:
    """Aligned output is the tone itself at the other rate: level, phase and time."""
    for share in (0.1, 0.5, 0.8):
        hz = share * min(rates) / 2
        out = resampled(tone(hz, rates[0]), *rates)
        wanted = tone(hz, rates[1])[: len(out)]
        assert len(out) == expected(rates[0] // 2, *rates)
        # 0.001 dB of level is -79 dB of error; the rest is images and rounding.
        assert level_db(out[: len(wanted)] - wanted) < -78


@pytest.mark.parametrize("rates", [(48_000, 16_000), (44_100, 16_000), (48_000, 8_000)])
@pytest.mark.parametrize("share", [1.04, 1.1, 1.3, 1.7])
def test_what_the_lower_rate_cannot_hold_does_not_come_back_as_an_alias(
    rates: tuple[int, int], share: float
) -> None:
    hz = share * rates[1] / 2
    assert level_db(resampled(tone(hz, rates[0]), *rates)) < -90


@pytest.mark.parametrize("rates", [pair for pair in MAIN_PAIRS if pair[0] > pair[1]])
def test_no_alias_is_louder_than_90_db_below_what_it_comes_from(rates: tuple[int, int]) -> None:
    """From 1.04 of the lower rate's half up to the top, on a dense grid of tones."""
    in_rate, out_rate = rates
    instants = np.arange(in_rate // 5)[:, None] / in_rate
    for start in np.linspace(1.04 * out_rate / 2, 0.995 * in_rate / 2, 60):
        tone_at = (0.5 * np.sin(2 * np.pi * start * instants)).astype(np.float32)
        assert level_db(resampled(tone_at, *rates)) < -90, start


@pytest.mark.parametrize("rates", MAIN_PAIRS)
def test_distortion_and_noise_are_105_db_below_a_tone_in_float32(rates: tuple[int, int]) -> None:
    out = resampled(aes17_tone(rates[0]).astype(np.float32)[:, None], *rates)[:, 0]
    middle = out[rates[1] // 5 : -rates[1] // 5].astype(np.float64)
    assert thd_n_db(middle, rates[1]) < -105


@pytest.mark.parametrize("rates", MAIN_PAIRS)
def test_distortion_and_noise_are_94_db_below_a_tone_through_int16(rates: tuple[int, int]) -> None:
    """Each rounding to int16 alone is 97.1 dB below this tone, and there are two of them."""
    tone16 = np.rint(aes17_tone(rates[0]) * 32_768).astype(np.int16)[:, None]
    resampler = Resampler(*rates, prompt=True)
    frame = rates[0] // 50
    pieces = [resampler.push_int16(tone16[at : at + frame]) for at in range(0, rates[0], frame)]
    out = np.concatenate(pieces)[rates[1] // 5 :, 0].astype(np.float64)
    assert thd_n_db(out, rates[1]) < -94


@pytest.mark.parametrize("rates", [(48_000, 16_000), (16_000, 48_000), (44_100, 16_000)])
def test_float32_and_int16_in_turns_are_one_stream(rates: tuple[int, int]) -> None:
    """A change of units costs no precision, in whole frames and in pieces of them."""
    ints = to_int16(noise(rates[0] // 5, 2))
    floats = to_float32(ints)
    whole = resampled(floats, *rates)
    resampler = Resampler(*rates, 2)
    cuts = [0, *range(rates[0] // 50, rates[0] // 10, rates[0] // 50), rates[0] // 7, len(ints)]
    pieces = []
    for index, (start, end) in enumerate(itertools.pairwise(cuts)):
        if index % 2:
            pieces.append(resampler.push(floats[start:end]))
        else:
            first = sum(map(len, pieces))
            given = resampler.push_int16(ints[start:end])
            exact = whole[first : first + len(given)]
            np.testing.assert_array_equal(given, to_int16(exact))
            pieces.append(exact)
    assert np.concatenate([*pieces, resampler.flush()]).tobytes() == whole.tobytes()


@pytest.mark.parametrize("rates", [(16_000, 48_000), (8_000, 24_000), (16_000, 44_100)])
def test_a_higher_rate_has_no_image_of_the_tone(rates: tuple[int, int]) -> None:
    out = resampled(tone(1_000, rates[0]), *rates)
    assert level_db(out[: rates[1] // 2] - tone(1_000, rates[1])[: len(out)]) < -78
    spectrum = np.abs(np.fft.rfft(out[:, 0] * np.hanning(len(out))))
    hz = np.fft.rfftfreq(len(out), 1 / rates[1])
    assert spectrum[hz > 0.52 * rates[0]].max() < 1e-4 * spectrum.max(), "80 dB"


@pytest.mark.parametrize("rates", PAIRS)
def test_silence_stays_silence_to_the_bit(rates: tuple[int, int]) -> None:
    silence = np.zeros((rates[0] // 10, 2), np.float32)
    assert not resampled(silence, *rates).any()


@pytest.mark.parametrize("rates", PAIRS)
def test_a_constant_stays_the_constant(rates: tuple[int, int]) -> None:
    """All phases weigh alike, so a recording's offset does not become a hum."""
    out = resampled(np.full((rates[0] // 10, 1), 0.25, np.float32), *rates)
    middle = out[len(out) // 4 : -len(out) // 4]
    np.testing.assert_allclose(middle, 0.25, atol=1e-6)


def test_equal_rates_change_nothing() -> None:
    samples = noise(1_234, 2)
    resampler = Resampler(16_000, 16_000, 2)
    assert resampler.push(samples).tobytes() == samples.tobytes()
    assert len(resampler.flush()) == 0


@settings(deadline=None)
@given(st.sampled_from(PAIRS), st.integers(0, 2_000))
def test_int16_gives_the_floats_rounded_once(rates: tuple[int, int], size: int) -> None:
    ints = to_int16(noise(size, seed=size))
    resampler = Resampler(*rates)
    out = np.concatenate([resampler.push_int16(ints), resampler.flush_int16()])
    assert out.dtype == np.int16
    np.testing.assert_array_equal(out, to_int16(resampled(to_float32(ints), *rates)))


def test_an_overshoot_saturates_instead_of_wrapping() -> None:
    """A square wave at full scale rings above it in any filter with steep edges."""
    square = np.where(np.arange(4_800) // 24 % 2, 32_767, -32_768).astype(np.int16)[:, None]
    assert resampled(to_float32(square), 48_000, 16_000).max() > 1.02
    resampler = Resampler(48_000, 16_000)
    out = resampler.push_int16(square)[:, 0]
    assert out.max() == 32_767
    assert out.min() == -32_768
    inside = out[48:]
    assert np.abs(np.diff(inside.astype(int))).max() < 50_000, "no jump from one end to the other"


def test_each_channel_is_what_it_would_be_alone() -> None:
    samples = noise(5_000, 3)
    together = resampled(samples, 48_000, 16_000)
    for channel in range(3):
        alone = resampled(np.ascontiguousarray(samples[:, channel : channel + 1]), 48_000, 16_000)
        assert together[:, channel].tobytes() == alone[:, 0].tobytes()


def test_the_order_of_memory_does_not_matter() -> None:
    """Arrays come transposed, strided and read-only."""
    samples = noise(3_000, 2)
    planar = np.asfortranarray(samples)
    planar.flags.writeable = False
    assert (
        resampled(planar, 48_000, 16_000).tobytes() == resampled(samples, 48_000, 16_000).tobytes()
    )
    wide = np.zeros((6_000, 2), np.float32)
    wide[::2] = samples
    assert np.array_equal(resampled(wide[::2], 24_000, 8_000), resampled(samples, 24_000, 8_000))


def test_mono_may_be_flat_and_float64() -> None:
    samples = noise(2_000)
    flat = Resampler(24_000, 16_000).push(samples[:, 0].astype(np.float64))
    assert flat.dtype == np.float32
    assert flat.tobytes() == Resampler(24_000, 16_000).push(samples).tobytes()


def test_two_resamplers_share_nothing_that_changes() -> None:
    """Turn by turn, each gives what it would give without the other."""
    mine, theirs = noise(9_600, seed=1), noise(9_600, seed=2)
    one, other = Resampler(48_000, 16_000), Resampler(48_000, 16_000)
    outs: tuple[list[Floats], list[Floats]] = ([], [])
    for start in range(0, 9_600, 700):
        outs[0].append(one.push(mine[start : start + 700]))
        outs[1].append(other.push(theirs[start : start + 700]))
    assert (
        np.concatenate([*outs[0], one.flush()]).tobytes()
        == resampled(mine, 48_000, 16_000).tobytes()
    )
    assert (
        np.concatenate([*outs[1], other.flush()]).tobytes()
        == resampled(theirs, 48_000, 16_000).tobytes()
    )


def test_resamplers_in_threads_of_their_own_do_not_disturb_each_other() -> None:
    signals = [noise(48_000, seed=seed) for seed in range(4)]
    results: dict[int, Floats] = {}

    def work(index: int) -> None:
        resampler = Resampler(48_000, 16_000)
        pieces = [resampler.push(signals[index][at : at + 960]) for at in range(0, 48_000, 960)]
        results[index] = np.concatenate([*pieces, resampler.flush()])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    for index, signal in enumerate(signals):
        assert results[index].tobytes() == resampled(signal, 48_000, 16_000).tobytes()


def test_what_came_out_is_the_callers_and_stays_as_it_was() -> None:
    resampler = Resampler(48_000, 16_000, prompt=True)
    first = resampler.push(noise(960))
    kept = first.copy()
    resampler.push(noise(960, seed=1))
    np.testing.assert_array_equal(first, kept)
    first[:] = 0


@pytest.mark.parametrize("prompt", [True, False])
def test_after_a_reset_or_a_flush_nothing_of_before_is_heard(prompt: bool) -> None:
    samples = noise(3_000, seed=5)
    fresh = Resampler(48_000, 16_000, prompt=prompt).push(samples)
    used = Resampler(48_000, 16_000, prompt=prompt)
    used.push(noise(1_001))
    used.reset()
    assert used.push(samples).tobytes() == fresh.tobytes()
    used.flush()
    assert len(used.flush()) == 0, "twice is harmless"
    assert used.push(samples).tobytes() == fresh.tobytes()


@pytest.mark.untraced
def test_an_hour_of_audio_leaves_no_more_memory_than_a_second() -> None:
    """Neither a buffer nor a cache grows; the seconds come in pieces that fit no block."""
    resampler = Resampler(8_000, 16_000)
    second = to_int16(noise(8_001))

    def push(seconds: int) -> None:
        for _ in range(seconds):
            resampler.push_int16(second)

    push(5)
    tracemalloc.start()
    try:
        push(5)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        push(3_600)
        gc.collect()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 4_096
    assert peak - before < 40 * len(second), "what a push needs, it gives back"


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 1), np.int16),
        np.zeros((4, 1), np.int32),
        np.zeros((4, 2), np.float32),
        np.zeros((4, 1, 1), np.float32),
        np.zeros((), np.float32),
        np.array([[0.0], [np.nan]], np.float32),
        np.array([[np.inf], [-np.inf]], np.float32),
        np.array([[3e38]], np.float32),
        np.array([[1e300]]),
    ],
)
def test_what_is_no_audio_is_refused_and_leaves_the_resampler_as_it_was(bad: Any) -> None:
    """One NaN in the history would silence a call until the filter has forgotten it."""
    resampler = Resampler(48_000, 16_000)
    samples = noise(3_000)
    pieces = [resampler.push(samples[:1_000])]
    with pytest.raises(PayloadError):
        resampler.push(bad)
    pieces += [resampler.push(samples[1_000:]), resampler.flush()]
    assert np.concatenate(pieces).tobytes() == resampled(samples, 48_000, 16_000).tobytes()


@pytest.mark.parametrize("bad", [np.zeros((4, 1), np.float32), np.zeros((4, 2), np.int16)])
def test_the_int16_verb_takes_int16_of_its_channels_only(bad: Any) -> None:
    with pytest.raises(PayloadError):
        Resampler(48_000, 16_000).push_int16(bad)


@pytest.mark.parametrize(
    "arguments", [(3_999, 16_000), (16_000, 192_001), (16_000, 8_000, 0), (44_101, 16_000)]
)
def test_rates_that_it_cannot_do_are_refused_when_it_is_made(arguments: Any) -> None:
    with pytest.raises(UnsupportedFormatError):
        Resampler(*arguments)
