"""Codecs by name and by number: what each is, what it makes, how long its payloads are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, AudioFormat
from rawmedia.codecs.catalog import CODECS, Codec, codec_of_name, codec_of_payload_type
from rawmedia.errors import ConfigurationError, UnsupportedFormatError


def mono(codec: Codec) -> AudioFormat:
    return AudioFormat(codec.clock_rate)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_both_ends_of_every_codec_fit_each_other(codec: Codec) -> None:
    """What one end makes, the other takes, at the length that `ticks` says."""
    plain = mono(codec)
    samples = np.zeros((plain.samples(20), 1), np.int16)
    payload = codec.encoder(plain).encode(samples)
    decoder = codec.decoder(plain, sent=plain)
    assert decoder.format == plain
    assert len(decoder.decode(payload)) == len(samples) == codec.ticks(payload, 1)
    assert decoder.recoverable(payload) == 0
    assert len(decoder.recover(payload, 7)) == 7


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_the_defaults_are_what_a_session_announces(codec: Codec) -> None:
    """Unless a session says otherwise."""
    announced = AudioFormat(codec.clock_rate, codec.num_channels)
    assert codec.encoder().format == codec.decoder().format == announced


@given(payload=st.binary(max_size=300))
def test_the_length_of_any_bytes_is_a_number(payload: bytes) -> None:
    """Whoever orders packets asks before anybody decodes them."""
    for codec in CODECS:
        assert 0 <= codec.ticks(payload) <= 5_760


def test_opus_is_decoded_straight_to_what_is_wanted() -> None:
    """A rate that it has not becomes the next higher one, so that nothing is lost."""
    opus = codec_of_name("OPUS")
    assert opus.decoder(SPEECH).format == SPEECH
    assert opus.decoder(AudioFormat(22_050, 8)).format == AudioFormat(24_000, 2)
    assert opus.decoder(AudioFormat(96_000)).format == WEBRTC
    assert opus.decoder(AudioFormat(4_000)).format == TELEPHONY


def test_names_and_numbers_lead_to_the_same_codec() -> None:
    """A session names it one way or the other."""
    assert codec_of_payload_type(0) is codec_of_name("pcmu")
    assert codec_of_payload_type(8) is codec_of_name("Pcma")
    assert codec_of_payload_type(10) is codec_of_payload_type(11) is codec_of_name("L16")


def test_what_there_is_not_is_said_with_what_there_is() -> None:
    """A typing error, a type that the session must explain, a rate."""
    with pytest.raises(ConfigurationError, match="opus, PCMU"):
        codec_of_name("speex")
    with pytest.raises(ConfigurationError, match="111"):
        codec_of_payload_type(111)
    with pytest.raises(UnsupportedFormatError):
        codec_of_name("opus").encoder(AudioFormat(44_100))
