"""Filling holes: the pitch goes on, falls silent, and leads back without a click or a delay."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
import waveform_laws as laws
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import MAX_SAMPLE_RATE, TELEPHONY, AudioFormat
from rawmedia.codecs.concealment import Concealer, pitch_period
from rawmedia.codecs.pcm import LinearPcmDecoder, LinearPcmEncoder

Ints = npt.NDArray[np.int16]
RATES = [4_000, 8_000, 11_025, 16_000, 44_100, 48_000, MAX_SAMPLE_RATE]


def decoder_after(samples: Ints, format: AudioFormat = TELEPHONY) -> LinearPcmDecoder:
    decoder = LinearPcmDecoder(format)
    if len(samples):
        decoder.decode(LinearPcmEncoder(format).encode(samples))
    return decoder


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hz", [70, 100, 140, 195])
def test_the_pitch_of_a_voice_is_found_to_the_sample(rate: int, hz: float) -> None:
    """Or a multiple of it within 15 ms, which goes on just as well."""
    samples = laws.voice(round(0.035 * rate), rate, hz=hz)[:, 0].astype(np.float32)
    periods = pitch_period(samples, rate) * hz / rate
    assert abs(periods - round(periods)) <= 0.51 * hz / rate
    assert round(periods) >= 1


@given(st.sampled_from(RATES), st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 32_767]))
def test_whatever_is_heard_has_a_period_of_5_to_15_ms(rate: int, seed: int, loudest: int) -> None:
    rng = np.random.default_rng(seed)
    size = round(0.035 * rate)
    samples = rng.integers(-loudest, loudest + 1, size).astype(np.float32)
    assert 0.005 <= pitch_period(samples, rate) / rate <= 0.015


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_a_voice_goes_on_through_a_hole_of_ten_milliseconds(rate: int) -> None:
    """A steady vowel is continued so well that it is hard to tell from what was lost."""
    stream = AudioFormat(rate)
    whole = laws.voice(rate // 5, rate)
    lost = rate // 100
    hole = decoder_after(whole[:-lost], stream).conceal(lost)
    error = hole.astype(float) - whole[-lost:]
    assert np.mean(error**2) < 0.01 * np.mean(whole[-lost:].astype(float) ** 2), "20 dB"


def test_it_falls_silent_by_sixty_milliseconds() -> None:
    """A repeated period sounds like a machine, and an end without audio must not hum on."""
    hole = decoder_after(laws.voice(800)).conceal(800)[:, 0].astype(float)
    levels = np.sqrt(np.mean(hole.reshape(-1, 80) ** 2, axis=1))
    assert (np.diff(levels[1:]) <= 0).all()
    assert levels[0] > 0.9 * levels.max()
    assert levels[5] < 0.2 * levels[0]
    assert not hole[480:].any()


@given(st.lists(st.integers(0, 200), min_size=1, max_size=6))
def test_a_hole_in_pieces_sounds_as_one(sizes: list[int]) -> None:
    """A receiver learns of one lost packet after the other."""
    voice = laws.voice(600, channels=2)
    stream = AudioFormat(8_000, 2)
    whole = decoder_after(voice, stream).conceal(sum(sizes))
    parts = decoder_after(voice, stream)
    assert np.concatenate([parts.conceal(size) for size in sizes]).tobytes() == whole.tobytes()


@given(st.integers(1, 900), st.lists(st.integers(1, 100), min_size=1, max_size=8))
def test_where_the_audio_after_a_hole_is_cut_does_not_change_it(
    hole: int, sizes: list[int]
) -> None:
    voice = laws.voice(600 + sum(sizes), hz=110)
    encoded = LinearPcmEncoder(TELEPHONY).encode(voice[600:])
    whole, parts = decoder_after(voice[:600]), decoder_after(voice[:600])
    whole.conceal(hole)
    parts.conceal(hole)
    out = whole.decode(encoded)
    pieces = [
        parts.decode(encoded[2 * start : 2 * end])
        for start, end in itertools.pairwise([0, *itertools.accumulate(sizes)])
    ]
    assert np.concatenate(pieces).tobytes() == out.tobytes()
    again = whole.conceal(100)
    if sum(sizes) >= 40:
        assert parts.conceal(100).tobytes() == again.tobytes()


def test_after_five_milliseconds_the_audio_is_itself_again_and_nothing_was_delayed() -> None:
    voice = laws.voice(800)
    decoder = decoder_after(voice[:400])
    decoder.conceal(160)
    back = decoder.decode(LinearPcmEncoder(TELEPHONY).encode(voice[560:]))
    np.testing.assert_array_equal(back[40:], voice[600:])
    assert not np.array_equal(back[:40], voice[560:600])
    assert len(back) == 240


@pytest.mark.parametrize("rate", [8_000, 48_000])
@pytest.mark.parametrize("lost_ms", [10, 20, 60, 100])
def test_neither_seam_jumps_more_than_the_voice_itself_does(rate: int, lost_ms: int) -> None:
    """A jump is a click. The voice changes its pitch meanwhile, as voices do."""
    stream = AudioFormat(rate)
    before, after = laws.voice(rate // 10, rate, hz=120), laws.voice(rate // 10, rate, hz=143)
    decoder = decoder_after(before, stream)
    hole = decoder.conceal(rate * lost_ms // 1000)
    heard = np.concatenate([before, hole, decoder.decode(LinearPcmEncoder(stream).encode(after))])
    steps = np.abs(np.diff(heard[:, 0].astype(int)))
    own = max(np.abs(np.diff(part[:, 0].astype(int))).max() for part in (before, after))
    assert steps.max() <= 1.25 * own


def test_what_does_not_repeat_itself_is_led_over_each_seam() -> None:
    """Of a deep hum there is no whole period in 15 ms; the levels at both ends of a part of it differ."""
    hum = 10_000 * np.sin(2 * np.pi * 23 * np.arange(1_000) / 8_000)
    for end in range(600, 1_000, 7):
        samples = np.rint(hum[:end]).astype(np.int16)[:, None]
        heard = np.concatenate([samples[-1:], decoder_after(samples).conceal(200)])
        steps = np.abs(np.diff(heard[:, 0].astype(int)))
        # Its own steps are up to 66; a cut of 40 to 120 samples of it jumps by thousands.
        assert steps.max() < 1_000


def test_leading_over_a_seam_saturates_instead_of_wrapping() -> None:
    """One sample is missing in a loud square wave, just where the repetition takes up from."""
    square = np.resize(np.repeat(np.array([0, 32_767], np.int16), 40), 460)[:, None]
    square[-81] = 0
    hole = decoder_after(square).conceal(80)
    assert hole.max() == 32_767
    assert hole.min() >= 0


def test_a_hole_while_the_audio_fades_in_makes_it_fade_in_anew() -> None:
    loud = LinearPcmEncoder(TELEPHONY).encode(np.full(20, 10_000, np.int16))
    decoder = decoder_after(laws.voice(400))
    decoder.conceal(500)
    assert decoder.decode(loud)[-1] == round(10_000 * 20 / 41)
    assert not decoder.conceal(50).any()
    assert decoder.decode(loud)[0] == round(10_000 / 41)


def test_without_audio_before_it_a_hole_is_silence() -> None:
    assert not LinearPcmDecoder(TELEPHONY).conceal(500).any()
    assert not decoder_after(np.zeros((400, 1), np.int16)).conceal(500).any()


@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_of_a_short_beginning_the_hole_makes_what_it_can(size: int, seed: int) -> None:
    """The first packet may be the only one before a loss; nothing overflows at full scale."""
    rng = np.random.default_rng(seed)
    samples = rng.choice(np.array([-32_768, 32_767], np.int16), (size, 1))
    hole = decoder_after(samples).conceal(1_000)
    assert hole.shape == (1_000, 1)
    assert not hole[480:].any()


def test_a_hole_soon_after_a_hole_continues_what_was_heard() -> None:
    """What is remembered is what was played, not what was before both of them."""
    voice = laws.voice(1_000)
    decoder = decoder_after(voice[:400])
    first = decoder.conceal(80)
    decoder.decode(LinearPcmEncoder(TELEPHONY).encode(voice[480:560]))
    second = decoder.conceal(80)
    assert np.abs(first).max() > 2_000
    error = second.astype(float) - voice[560:640]
    assert np.mean(error**2) < 0.05 * np.mean(voice[560:640].astype(float) ** 2)


def test_all_channels_keep_their_own_voice_and_one_pitch() -> None:
    stream = AudioFormat(16_000, 2)
    stereo = laws.voice(1_000, 16_000, channels=2)
    stereo[:, 1] //= 4
    hole = decoder_after(stereo, stream).conceal(160)
    alone = decoder_after(stereo[:, :1], AudioFormat(16_000)).conceal(160)
    np.testing.assert_array_equal(hole[:, 0], alone[:, 0])
    np.testing.assert_allclose(hole[:, 1], hole[:, 0] / 4, atol=2)


def test_what_is_remembered_is_bounded_however_large_a_payload_is() -> None:
    """A file in one payload leaves 35 ms behind, and a day of small ones some times that."""
    voice = laws.voice(80_000)
    at_once = decoder_after(voice)
    assert sum(map(len, at_once._past)) == 2 * 280
    in_pieces = LinearPcmDecoder(TELEPHONY)
    encoded = LinearPcmEncoder(TELEPHONY).encode(voice)
    for start in range(0, len(encoded), 14):
        in_pieces.decode(encoded[start : start + 14])
    assert sum(map(len, in_pieces._past)) <= 8 * 2 * 280
    assert in_pieces.conceal(200).tobytes() == at_once.conceal(200).tobytes()
    for _ in range(5):
        at_once.conceal(8_000)
        assert len(at_once._before) == 280


def test_a_concealer_that_never_began_repeats_silence() -> None:
    assert not Concealer(TELEPHONY).conceal(10).any()
