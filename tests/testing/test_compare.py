"""The comparison of audio: the figure is right, and what it says leads to the fault."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, FormatMismatchError
from rawmedia.testing.compare import assert_same_audio, snr_db
from rawmedia.testing.signals import in_frames, joined, noise, silence, speech_like, tone

SPEECH_SAMPLE = speech_like(1_500, seed=1)


def delayed(audio: AudioFrame, samples: int) -> AudioFrame:
    """The audio so many samples later, or earlier by cutting its start off."""
    wave = audio.samples
    if samples < 0:
        return AudioFrame(wave[-samples:], audio.format)
    return AudioFrame(np.pad(wave, ((samples, 0), (0, 0))), audio.format)


def changed(audio: AudioFrame, start_ms: float, end_ms: float, factor: float) -> AudioFrame:
    """The audio with a stretch of it louder or quieter."""
    wave = audio.samples.copy()
    start, end = audio.format.samples(start_ms), audio.format.samples(end_ms)
    wave[start:end] = (wave[start:end] * factor).astype(np.int16)
    return AudioFrame(wave, audio.format)


def complaint(expected: AudioFrame, got: AudioFrame, asked_db: float, align_ms: float = 0) -> str:
    with pytest.raises(AssertionError) as caught:
        assert_same_audio(expected, got, snr_db=asked_db, align_ms=align_ms)
    return str(caught.value)


@given(factor=st.floats(0.01, 1.99).filter(lambda factor: abs(factor - 1) > 0.01))
def test_the_ratio_is_the_power_of_the_signal_to_that_of_the_difference(factor: float) -> None:
    """Scaled by a factor, the difference is the signal times what the factor is off 1."""
    signal = tone(200, peak_dbfs=-6)
    scaled = AudioFrame(np.rint(signal.samples * factor).astype(np.int16), SPEECH)
    assert snr_db(signal, scaled) == pytest.approx(-20 * math.log10(abs(factor - 1)), abs=0.1)


def test_the_same_audio_has_no_difference_and_missing_audio_is_all_difference() -> None:
    """The two ends of the scale."""
    assert snr_db(SPEECH_SAMPLE, SPEECH_SAMPLE) == math.inf
    assert snr_db(SPEECH_SAMPLE, silence(1_500)) == pytest.approx(0)
    assert snr_db(silence(100), silence(100)) == math.inf
    assert snr_db(silence(100), tone(100)) == -math.inf
    assert snr_db(silence(0), silence(0)) == math.inf
    assert_same_audio(SPEECH_SAMPLE, SPEECH_SAMPLE, snr_db=math.inf)


@given(shift=st.integers(-320, 320), seed=st.integers(0, 50))
def test_a_shift_within_the_alignment_is_found_to_the_sample(shift: int, seed: int) -> None:
    """A codec or a buffer delays by what only it knows."""
    signal = joined([silence(40), speech_like(400, seed=seed).at(640)])
    assert snr_db(signal, delayed(signal, shift), align_ms=20) == math.inf


def test_a_shift_beyond_the_alignment_is_a_difference() -> None:
    """Otherwise a test of latency would pass at any."""
    late = delayed(SPEECH_SAMPLE, 320)
    assert snr_db(SPEECH_SAMPLE, late, align_ms=20) == math.inf
    assert snr_db(SPEECH_SAMPLE, late, align_ms=19.9) < 3
    assert snr_db(SPEECH_SAMPLE, late) < 3


def test_noise_hides_no_alignment() -> None:
    """The likeness counts, not the sameness."""
    late = delayed(SPEECH_SAMPLE, 77)
    noisy = late.samples + noise(2_000, seed=1, peak_dbfs=-46).samples[: late.samples_per_channel]
    assert 10 < snr_db(SPEECH_SAMPLE, AudioFrame(noisy, SPEECH), align_ms=10) < 40


def test_without_anything_to_go_by_nothing_is_shifted() -> None:
    """Silence is like silence at any place."""
    assert "comes" not in complaint(silence(100), tone(100), 10, align_ms=20)
    assert snr_db(SPEECH_SAMPLE, AudioFrame(b"", SPEECH), align_ms=20) == pytest.approx(0)


def test_a_tail_of_zeros_is_no_difference_and_anything_else_that_is_too_much_is() -> None:
    """Streams pad their last frame; nobody may add a sound."""
    padded = joined([SPEECH_SAMPLE, silence(20).at(SPEECH_SAMPLE.end)])
    assert snr_db(SPEECH_SAMPLE, padded) == math.inf
    added = joined([SPEECH_SAMPLE, tone(100).at(SPEECH_SAMPLE.end)])
    assert snr_db(SPEECH_SAMPLE, added) < 20
    assert snr_db(added, SPEECH_SAMPLE) < 20
    before = joined([tone(10), SPEECH_SAMPLE.at(160)])
    assert 0 < snr_db(SPEECH_SAMPLE, before, align_ms=20) < 20
    assert "-10.0 to 0.0 ms" in complaint(SPEECH_SAMPLE, before, 40, align_ms=20)


def test_frames_arrays_and_whole_audio_compare_alike() -> None:
    """Whatever a test holds in its hands; gaps count as silence."""
    frames = in_frames(SPEECH_SAMPLE)
    assert snr_db(SPEECH_SAMPLE, frames) == math.inf
    assert snr_db(frames, SPEECH_SAMPLE.samples, format=SPEECH) == math.inf
    assert snr_db(SPEECH_SAMPLE, SPEECH_SAMPLE.samples[:, 0]) == math.inf
    del frames[10]
    assert snr_db(SPEECH_SAMPLE, frames) < 40
    assert snr_db(SPEECH_SAMPLE, (frame for frame in in_frames(SPEECH_SAMPLE))) == math.inf


def test_audio_in_different_formats_is_not_compared() -> None:
    """A ratio of sounds at two speeds would mean nothing."""
    with pytest.raises(FormatMismatchError):
        snr_db(tone(100), tone(100, format=TELEPHONY))
    with pytest.raises(FormatMismatchError):
        snr_db(tone(100), tone(100, format=AudioFormat(16_000, 2)))
    with pytest.raises(ConfigurationError, match="arrays"):
        snr_db(tone(100).samples, tone(100).samples)


def test_every_channel_counts() -> None:
    """A fault in one ear is a fault."""
    stereo = AudioFormat(16_000, 2)
    good = noise(100, seed=1, format=stereo)
    wave = good.samples.copy()
    wave[:, 1] = 0
    assert snr_db(good, AudioFrame(wave, stereo)) == pytest.approx(3, abs=0.3)


def test_the_complaint_names_the_place_and_the_size_of_a_fault() -> None:
    """The first question of whoever sees the test fail."""
    text = complaint(tone(1_000), changed(tone(1_000), 500, 620, 0.5), 40)
    assert text.startswith("audio differs: SNR 15.2 dB, at least 40 dB asked")
    assert "500.0 to 620.0 ms: 6.0 dB, at most 4116 apart" in text
    assert text.count(" ms:") == 1


def test_the_complaint_lists_the_worst_faults_first_and_not_all_of_many() -> None:
    """Where everything is wrong a list of everything helps nobody."""
    broken = tone(1_000)
    for number in range(8):
        broken = changed(broken, 100 * number, 100 * number + 10 + number, 0.5)
    text = complaint(tone(1_000), broken, 60)
    assert text.splitlines()[1].startswith("  700.0 to 720.0 ms")
    assert "and 3 stretches more" in text


def test_the_complaint_tells_a_delay_from_a_fault() -> None:
    """Places are those of the expected audio, whenever the other came."""
    late = delayed(changed(SPEECH_SAMPLE, 600, 700, 0), 160)
    text = complaint(SPEECH_SAMPLE, late, 40, align_ms=20)
    assert "it comes 10.0 ms late; that is taken out" in text
    places = [line.split()[0] for line in text.splitlines() if " ms:" in line]
    assert all(590 <= float(place) <= 700 for place in places)
    early = delayed(joined([silence(10), tone(100).at(160)]), -80)
    assert "5.0 ms early" in complaint(
        joined([silence(10), tone(100).at(160)]), changed(early, 50, 60, 0), 40, 10
    )


def test_the_complaint_tells_missing_audio_by_the_lengths() -> None:
    """A stream that ended early looks like noise otherwise."""
    cut = AudioFrame(SPEECH_SAMPLE.samples[: SPEECH.samples(1_000)], SPEECH)
    assert "expected 1500.0 ms, got 1000.0 ms" in complaint(SPEECH_SAMPLE, cut, 40)
    assert "expected" not in complaint(tone(100), tone(100, hz=441), 60)


@pytest.mark.parametrize(("factor", "words"), [(0.5, "6.0 dB quieter"), (1.5, "3.5 dB louder")])
def test_the_complaint_tells_a_level_from_a_distortion(factor: float, words: str) -> None:
    """A wrong gain is wrong everywhere; the list of places says nothing about it."""
    assert words in complaint(tone(200), changed(tone(200), 0, 200, factor), 40)


def test_sample_by_sample_is_asked_for_with_infinity() -> None:
    """One step in one sample is enough."""
    wave = SPEECH_SAMPLE.samples.copy()
    wave[8_000] += 1
    text = complaint(SPEECH_SAMPLE, AudioFrame(wave, SPEECH), math.inf)
    assert "500.0 to 510.0 ms" in text
    assert "at most 1 apart, at 500.0 ms" in text
