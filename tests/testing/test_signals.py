"""Signals that tests are made of: what they promise to sound like, and the same every time."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rawmedia.testing
from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, AudioFormat
from rawmedia.errors import ConfigurationError, FormatMismatchError
from rawmedia.testing.signals import in_frames, joined, noise, silence, speech_like, tone

STEREO = AudioFormat(44_100, 2)
if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame

formats = st.sampled_from([SPEECH, TELEPHONY, WEBRTC, STEREO, AudioFormat(22_050, 3)])


def loudness(frame: AudioFrame, window_ms: float = 10) -> list[float]:
    """The RMS of each window, full scale being 1."""
    size = frame.format.samples(window_ms)
    wave = frame.samples[:, 0] / 32_768
    return [float(np.sqrt((wave[at : at + size] ** 2).mean())) for at in range(0, len(wave), size)]


def share_above(frame: AudioFrame, hz: float) -> float:
    """How much of the power lies above a pitch."""
    power = np.abs(np.fft.rfft(frame.samples[:, 0].astype(float))) ** 2
    pitches = np.fft.rfftfreq(frame.samples_per_channel, 1 / frame.format.sample_rate)
    return float(power[pitches > hz].sum() / power.sum())


@given(format=formats, duration_ms=st.floats(0, 300))
def test_every_signal_is_as_long_as_asked_and_in_the_format_asked(
    format: AudioFormat, duration_ms: float
) -> None:
    """What is built on it counts samples."""
    for signal in (
        tone(duration_ms, format=format),
        silence(duration_ms, format=format),
        noise(duration_ms, seed=1, format=format),
        speech_like(duration_ms, seed=1, format=format),
    ):
        assert signal.samples.shape == (format.samples(duration_ms), format.num_channels)
        assert signal.samples.dtype == np.int16
        assert (signal.format, signal.position, signal.filler) == (format, 0, False)


def test_a_tone_has_its_pitch_and_its_peak() -> None:
    """A level or a filter is measured against it."""
    signal = tone(1_000, hz=1_000, peak_dbfs=-6.0206, format=WEBRTC)
    spectrum = np.abs(np.fft.rfft(signal.samples[:, 0].astype(float)))
    assert spectrum.argmax() == 1_000
    assert abs(int(signal.samples.max()) - 16_384) <= 1
    assert signal.samples[0, 0] == 0


def test_silence_is_zeros_that_somebody_sends() -> None:
    """As filler it would count as audio that was not there."""
    assert not silence(20).samples.any()
    assert not silence(20).filler


def test_noise_is_the_same_from_the_same_seed_and_another_from_another() -> None:
    """A failing test must fail again."""
    assert noise(50, seed=3) == noise(50, seed=3)
    assert noise(50, seed=3) != noise(50, seed=4)
    assert bytes(noise(100, seed=3)).startswith(bytes(noise(50, seed=3)))


def test_noise_is_white_and_its_channels_are_independent() -> None:
    """A resampler or a codec is judged by every pitch alike."""
    signal = noise(2_000, seed=1, format=STEREO, peak_dbfs=0)
    for quarter in range(1, 4):
        share = share_above(signal, quarter * 44_100 / 8)
        assert share == pytest.approx(1 - quarter / 4, abs=0.02)
    left, right = signal.samples.astype(float).T
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.02
    assert 32_000 < signal.samples.max() <= 32_767


@settings(max_examples=30)
@given(seed=st.integers(0, 1_000))
def test_what_is_like_speech_has_syllables_pauses_and_a_telephones_band(seed: int) -> None:
    """Voice detectors, level meters and codecs look at these and not at the words."""
    signal = speech_like(3_000, seed=seed)
    levels = loudness(signal)
    pauses = sum(level < 0.001 for level in levels)
    assert 0.05 * len(levels) < pauses < 0.6 * len(levels)
    assert max(levels) > 0.05
    assert np.abs(signal.samples).max() <= 32_768 / 2
    assert share_above(signal, 3_450) < 0.001
    assert share_above(signal, 250) > 0.3
    # It swells and fades several times a second.
    loud = np.array(levels) > 0.02
    assert 4 <= np.count_nonzero(np.diff(loud.astype(int)) == 1) <= 24


@settings(max_examples=30)
@given(seed=st.integers(0, 1_000), duration_ms=st.floats(0, 1_500))
def test_a_longer_speech_begins_with_the_shorter_one(seed: int, duration_ms: float) -> None:
    """A test that is made longer keeps what it knew."""
    short, whole = speech_like(duration_ms, seed=seed), speech_like(1_500, seed=seed)
    assert bytes(whole).startswith(bytes(short))


@settings(max_examples=30)
@given(seed=st.integers(0, 1_000))
def test_at_another_sample_rate_it_is_the_same_speech(seed: int) -> None:
    """What came through a resampler is compared with what it should be."""
    telephone = speech_like(800, seed=seed, format=TELEPHONY).samples
    wide = speech_like(800, seed=seed, format=WEBRTC).samples
    np.testing.assert_array_equal(telephone, wide[::6])
    other = speech_like(800, seed=seed + 1, format=TELEPHONY).samples
    assert not np.array_equal(telephone, other)


def test_speech_and_tones_are_the_same_in_every_channel() -> None:
    """A mixdown of them changes nothing."""
    for signal in (tone(50, format=STEREO), speech_like(500, seed=1, format=STEREO)):
        np.testing.assert_array_equal(signal.samples[:, 0], signal.samples[:, 1])


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: tone(-1), "duration_ms"),
        (lambda: tone(float("nan")), "duration_ms"),
        (lambda: tone(10, hz=8_000), "hz"),
        (lambda: tone(10, hz=0), "hz"),
        (lambda: tone(10, peak_dbfs=1), "peak_dbfs"),
        (lambda: noise(-1, seed=1), "duration_ms"),
        (lambda: speech_like(-1, seed=1), "duration_ms"),
        (lambda: silence(-1), "duration_ms"),
    ],
)
def test_a_signal_that_cannot_be_is_refused_with_the_setting_named(make, setting) -> None:  # type: ignore[no-untyped-def]
    """numpy would make an empty array of some of these, and a test of nothing passes."""
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert caught.value.setting == setting


@given(
    format=formats,
    duration_ms=st.floats(0, 200),
    frame_ms=st.floats(2.5, 60),
    position=st.integers(0, 10_000),
)
def test_what_is_cut_into_frames_and_joined_is_what_it_was(
    format: AudioFormat, duration_ms: float, frame_ms: float, position: int
) -> None:
    """Neither a sample nor its place may change."""
    audio = noise(duration_ms, seed=1, format=format).at(position, "speaker")
    frames = in_frames(audio, frame_ms)
    size = format.samples(frame_ms)
    assert all(frame.samples_per_channel == size for frame in frames[:-1])
    if frames:
        assert joined(frames) == audio
    else:
        assert not audio.samples_per_channel


def test_gaps_between_frames_become_silence_when_they_are_joined() -> None:
    """A recording has its timeline, whatever was lost."""
    one, other = noise(20, seed=1).at(100), noise(20, seed=2).at(1_000)
    whole = joined([one, other])
    assert (whole.position, whole.end) == (100, other.end)
    np.testing.assert_array_equal(whole.samples[:320], one.samples)
    assert not whole.samples[320:900].any()
    np.testing.assert_array_equal(whole.samples[900:], other.samples)


def test_frames_that_do_not_go_together_are_not_joined() -> None:
    """Overlapping audio would be lost in silence."""
    with pytest.raises(ConfigurationError, match="ends at 320"):
        joined([noise(20, seed=1), noise(20, seed=2)])
    with pytest.raises(FormatMismatchError):
        joined([noise(20, seed=1), noise(20, seed=1, format=TELEPHONY).at(320)])
    with pytest.raises(ConfigurationError, match="at least one"):
        joined([])


@pytest.mark.parametrize(
    ("first_at", "second_at", "third_at"), [(0, 0, 10), (320, 0, 640), (0, 320, 330)]
)
def test_frames_that_overlap_are_not_joined_wherever_they_do(
    first_at: int, second_at: int, third_at: int
) -> None:
    """The last may end before the first does, or even begin before it."""
    frames = [noise(20, seed=1).at(place) for place in (first_at, second_at, third_at)]
    with pytest.raises(ConfigurationError, match="the one before ends at"):
        joined(frames)
    with pytest.raises(ConfigurationError, match="the one before ends at"):
        joined([noise(100, seed=1), noise(20, seed=2).at(20)])


def test_every_name_of_the_kit_is_there_and_an_unknown_one_is_not() -> None:
    """They are loaded lazily, so a wrong home would show only at its first use."""
    lazy = {name for names in rawmedia.testing._HOMES.values() for name in names}
    assert lazy == set(rawmedia.testing.__all__)
    for name in rawmedia.testing.__all__:
        assert getattr(rawmedia.testing, name).__name__ == name
    assert set(dir(rawmedia.testing)) >= lazy
    with pytest.raises(AttributeError, match="no attribute 'Mock'"):
        _ = rawmedia.testing.Mock


def test_what_only_makes_and_compares_audio_needs_numpy_and_nothing_else() -> None:
    """Whoever tests with it need not install what the library can do beside, nor load it."""
    code = (
        "import sys; from rawmedia.testing import *;"
        "clock = VirtualClock(); leg = FakeLeg([tone(100)], clock=clock);"
        "leg.outbound.end(); clock.run(leg.run()); assert_same_audio(silence(100), leg.record(), snr_db=9);"
        "packages = 'soundfile azure pocketsphinx espeakng_loader av typer rich pytest';"
        "print([each for each in packages.split() if each in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
