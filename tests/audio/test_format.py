"""Formats are values: checked when they are made, equal when their numbers are."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, WIDEBAND_VOICE, AudioFormat
from rawmedia.errors import AudioError, UnsupportedFormatError

rates = st.integers(4_000, 192_000)
channels = st.integers(1, 8)


@pytest.mark.parametrize("rate", [3_999, 192_001, 0, -8_000, 16_000.0, "16000", None, True])
def test_a_rate_that_cannot_be_is_refused_with_what_was_expected(rate: object) -> None:
    with pytest.raises(UnsupportedFormatError) as caught:
        AudioFormat(rate)  # type: ignore[arg-type]
    assert caught.value.got == repr(rate)
    assert "4000 to 192000" in str(caught.value)


@pytest.mark.parametrize("count", [0, 9, -1, 1.0, True])
def test_a_number_of_channels_that_cannot_be_is_refused(count: object) -> None:
    with pytest.raises(UnsupportedFormatError, match="1 to 8 channels"):
        AudioFormat(16_000, count)  # type: ignore[arg-type]


def test_a_refused_format_is_an_audio_error_and_a_value_error() -> None:
    """So that a program may catch it without knowing this library."""
    with pytest.raises(AudioError):
        AudioFormat(1)
    with pytest.raises(ValueError, match="sample rate"):
        AudioFormat(1)


@given(rates, channels, rates, channels)
def test_formats_are_equal_and_hash_alike_exactly_when_their_numbers_are(
    rate: int, count: int, other_rate: int, other_count: int
) -> None:
    one, other = AudioFormat(rate, count), AudioFormat(other_rate, other_count)
    assert (one == other) == ((rate, count) == (other_rate, other_count))
    assert AudioFormat(rate, count) == one
    assert hash(AudioFormat(rate, count)) == hash(one)
    assert one != (rate, count)


@given(rates, channels)
def test_a_format_survives_pickling_and_its_repr_makes_it_again(rate: int, count: int) -> None:
    made = AudioFormat(rate, count)
    assert pickle.loads(pickle.dumps(made)) == made
    assert eval(repr(made)) == made


def test_a_format_cannot_be_changed() -> None:
    """It is shared by every frame of a stream."""
    with pytest.raises(AttributeError):
        SPEECH.sample_rate = 8_000  # type: ignore[misc]


@given(rates, channels, st.integers(0, 10_000_000))
def test_samples_and_milliseconds_are_each_others_inverse(
    rate: int, count: int, samples: int
) -> None:
    made = AudioFormat(rate, count)
    assert made.samples(made.duration_ms(samples)) == samples


def test_twenty_milliseconds_are_as_many_samples_as_carriers_say() -> None:
    formats = (TELEPHONY, SPEECH, WIDEBAND_VOICE, WEBRTC, AudioFormat(44_100))
    assert [one.samples(20) for one in formats] == [160, 320, 480, 960, 882]


def test_an_instant_takes_two_bytes_per_channel() -> None:
    assert AudioFormat(48_000, 6).bytes_per_instant == 12


def test_a_format_reads_like_what_people_call_it() -> None:
    named = [str(AudioFormat(48_000, count)) for count in (1, 2, 6)]
    assert named == ["48000 Hz mono", "48000 Hz stereo", "48000 Hz 6 channels"]
