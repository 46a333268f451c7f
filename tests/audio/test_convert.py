"""Bytes of one format in, bytes of another out."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.resample import Resampler
from rawmedia.errors import FormatMismatchError, PayloadError, UnsupportedFormatError

STEREO = AudioFormat(48_000, 2)
FORMATS = [TELEPHONY, SPEECH, STEREO, WEBRTC, AudioFormat(44_100, 2), AudioFormat(24_000, 6)]

formats = st.sampled_from(FORMATS)


def noise(samples: int, channels: int = 1, seed: int = 0) -> npt.NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    return rng.integers(-8_000, 8_000, (samples, channels), np.int16)


def array(data: bytes, channels: int = 1) -> npt.NDArray[np.int16]:
    return np.frombuffer(data, np.int16).reshape(-1, channels)


@settings(deadline=None)
@given(formats, formats, st.lists(st.integers(0, 700), max_size=5), st.booleans())
def test_where_the_audio_is_cut_does_not_change_the_output(
    source: AudioFormat, target: AudioFormat, sizes: list[int], prompt: bool
) -> None:
    """For bytes and frames, and in every combination of rates and channels."""
    samples = noise(sum(sizes), source.num_channels)
    whole, parts = (FormatConverter(source, target, prompt=prompt) for _ in range(2))
    out = whole.push(samples.tobytes()) + whole.flush()

    pieces = []
    for start, end in itertools.pairwise([0, *itertools.accumulate(sizes)]):
        cut = samples[start:end]
        pieces.append(parts.push(AudioFrame(cut, source) if start % 2 else cut.tobytes()))
    pieces.append(parts.flush())

    assert b"".join(pieces) == out
    assert len(out) % target.bytes_per_instant == 0


@settings(deadline=None)
@given(formats, formats, st.integers(0, 2_000))
def test_time_is_conserved(source: AudioFormat, target: AudioFormat, size: int) -> None:
    converter = FormatConverter(source, target)
    out = converter.push(bytes(size * source.bytes_per_instant)) + converter.flush()
    samples = -(-size * target.sample_rate // source.sample_rate)
    assert len(out) == samples * target.bytes_per_instant


@settings(deadline=None)
@given(formats, formats)
def test_promptly_a_frame_is_a_frame_and_the_delay_comes_with_the_flush(
    source: AudioFormat, target: AudioFormat
) -> None:
    converter = FormatConverter(source, target, prompt=True)
    for _ in range(3):
        frame = AudioFrame.silence(source, source.samples(20))
        assert len(converter.push(frame)) == target.samples(20) * target.bytes_per_instant
    tail = len(converter.flush()) // target.bytes_per_instant
    assert target.duration_ms(tail) == pytest.approx(converter.delay_ms)


def test_equal_formats_give_the_same_bytes_back() -> None:
    """The usual case must cost nothing."""
    converter = FormatConverter(SPEECH, AudioFormat(16_000))
    data = noise(320).tobytes()
    assert converter.push(data) is data
    assert converter.push(AudioFrame(data, SPEECH)) is data
    assert converter.flush() == b""
    assert converter.delay_ms == 0


def test_equal_formats_give_bytes_of_any_buffer_that_may_change_later() -> None:
    memory = bytearray(noise(320).tobytes())
    kept = bytes(memory)
    outs = [
        FormatConverter(SPEECH, SPEECH).push(data)
        for data in (memory, memoryview(memory), AudioFrame(memory, SPEECH))
    ]
    memory[:] = bytes(640)
    assert outs == [kept] * 3
    assert all(type(out) is bytes for out in outs)


def test_stereo_to_mono_is_the_mean_of_both() -> None:
    samples = np.array([[1_000, 3_000], [32_767, 32_767], [-32_768, 32_767]], np.int16)
    converter = FormatConverter(STEREO, WEBRTC)
    assert array(converter.push(samples.tobytes()))[:, 0].tolist() == [2_000, 32_767, 0]
    assert converter.flush() == b""


def test_mono_to_stereo_is_the_same_on_both_sides() -> None:
    samples = noise(480)
    out = array(FormatConverter(WEBRTC, STEREO).push(samples.tobytes()), 2)
    np.testing.assert_array_equal(out, samples.repeat(2, axis=1))


def test_mono_resampled_to_stereo_is_the_same_on_both_sides() -> None:
    converter = FormatConverter(SPEECH, STEREO)
    out = array(converter.push(noise(1_600).tobytes()) + converter.flush(), 2)
    np.testing.assert_array_equal(out[:, 0], out[:, 1])
    alone = FormatConverter(SPEECH, WEBRTC)
    mono = alone.push(noise(1_600).tobytes()) + alone.flush()
    np.testing.assert_array_equal(out[:, 0], array(mono)[:, 0])


def test_channels_are_averaged_before_rounding_and_rounded_once() -> None:
    """Rounding between the two steps would add noise, and the figure shows it to the bit."""
    samples = noise(4_800, 2)
    converter = FormatConverter(STEREO, SPEECH)
    out = array(converter.push(samples.tobytes()) + converter.flush())
    resampler = Resampler(48_000, 16_000)
    mean = samples.mean(axis=1, keepdims=True, dtype=np.float32)
    exact = np.concatenate([resampler.push(mean / 32_768), resampler.flush()]) * 32_768
    np.testing.assert_array_equal(out, np.rint(exact))


def test_voices_keep_their_loudness_and_place_in_time() -> None:
    instants = np.arange(24_000)[:, None]
    sine = 16_000 * np.sin(2 * np.pi * 440 * instants / 48_000)
    converter = FormatConverter(STEREO, TELEPHONY)
    stereo = np.rint(sine).astype(np.int16).repeat(2, axis=1)
    out = array(converter.push(stereo.tobytes()) + converter.flush())
    wanted = 16_000 * np.sin(2 * np.pi * 440 * np.arange(4_000)[:, None] / 8_000)
    assert np.abs(out - wanted)[100:-100].max() <= 2


def test_a_reset_forgets_what_came_before() -> None:
    data = noise(2_000, seed=3).tobytes()
    fresh = FormatConverter(WEBRTC, SPEECH).push(data)
    converter = FormatConverter(WEBRTC, SPEECH)
    converter.push(noise(1_234).tobytes())
    converter.reset()
    assert converter.push(data) == fresh
    FormatConverter(SPEECH, SPEECH).reset()


def test_two_converters_share_nothing() -> None:
    data = noise(2_000).tobytes()
    one, other = FormatConverter(WEBRTC, SPEECH), FormatConverter(WEBRTC, SPEECH)
    alone = one.push(data) + one.push(data)
    mixed = other.push(data)
    one.push(noise(999, seed=9).tobytes())
    assert mixed + other.push(data) == alone


def test_a_frame_of_another_format_is_refused_and_not_taken() -> None:
    converter = FormatConverter(WEBRTC, SPEECH)
    fresh = FormatConverter(WEBRTC, SPEECH)
    with pytest.raises(FormatMismatchError) as caught:
        converter.push(AudioFrame.silence(STEREO, 960))
    assert (caught.value.expected, caught.value.got) == (WEBRTC, STEREO)
    data = noise(960).tobytes()
    assert converter.push(data) == fresh.push(data)


@pytest.mark.parametrize("target", [STEREO, SPEECH, WEBRTC])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 4_001])
def test_half_a_sample_is_refused_in_every_format(target: AudioFormat, size: int) -> None:
    with pytest.raises(PayloadError, match="whole samples"):
        FormatConverter(STEREO, target).push(bytes(size))


def test_rates_that_cannot_be_converted_are_refused_up_front() -> None:
    with pytest.raises(UnsupportedFormatError, match="ratio"):
        FormatConverter(AudioFormat(44_101), SPEECH)


def test_a_converter_says_what_it_converts() -> None:
    converter = FormatConverter(STEREO, SPEECH)
    assert (converter.source, converter.target) == (STEREO, SPEECH)
    assert converter.delay_ms == 1.5
