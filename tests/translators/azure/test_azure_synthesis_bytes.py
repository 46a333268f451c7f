"""Synthesized speech in every form, cut anywhere, read as what it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import AudioError, ConfigurationError
from rawmedia.testing import noise, tone
from rawmedia.testing.azure_emulator.output_format import output_format
from rawmedia.testing.azure_emulator.upload_format import wav_header
from rawmedia.translators.azure.synthesized import SpeechReader, output_name

SAMPLES = noise(200, seed=2).samples


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({each % (len(data) + 1) for each in at})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def read(reader: SpeechReader, chunks: list[bytes]) -> list[AudioFrame]:
    frames = [frame for chunk in chunks for frame in reader.read(chunk)]
    return [*frames, *reader.end()]


def joined(frames: list[AudioFrame]) -> Any:
    end = 0
    for frame in frames:
        assert frame.position == end
        assert frame.samples_per_channel
        end = frame.end
    return np.concatenate([frame.samples for frame in frames])


CUTS = st.lists(st.integers(0, 10_000), max_size=12)


@given(at=CUTS)
def test_where_samples_are_cut_does_not_change_them(at: list[int]) -> None:
    """The service cuts anywhere, also in the middle of a sample."""
    frames = read(SpeechReader("pcm", WIDEBAND_VOICE), cut(SAMPLES.tobytes(), at))

    np.testing.assert_array_equal(joined(frames), SAMPLES)
    assert {frame.format for frame in frames} == {WIDEBAND_VOICE}


@given(at=CUTS)
def test_a_wav_header_is_believed_and_not_what_was_asked_for(at: list[int]) -> None:
    """Azure has answered with other formats than it was asked for."""
    chunks = cut(wav_header(SPEECH) + SAMPLES.tobytes(), at)

    frames = read(SpeechReader("pcm", WIDEBAND_VOICE), chunks)

    np.testing.assert_array_equal(joined(frames), SAMPLES)
    assert {frame.format for frame in frames} == {SPEECH}


def test_a_header_before_every_message_is_no_sound() -> None:
    """So does the SDK where WAV is asked for (seen with 1.53)."""
    data = SAMPLES.tobytes()
    chunks = [wav_header(SPEECH) + data[at : at + 640] for at in range(0, len(data), 640)]

    np.testing.assert_array_equal(joined(read(SpeechReader("pcm", SPEECH), chunks)), SAMPLES)


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
def test_the_telephone_s_bytes_become_samples(encoding: Any) -> None:
    speech = AudioFrame(SAMPLES, TELEPHONY)
    data = output_format(output_name(encoding, TELEPHONY)).encoder().push(speech)

    frames = read(SpeechReader(encoding, TELEPHONY), cut(data, [3, 700]))

    error = joined(frames).astype(float) - SAMPLES
    assert len(joined(frames)) == len(SAMPLES)
    assert np.abs(error).max() <= 1_024, "half a step of the coarsest segment"


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_ogg_opus_is_decoded(rate: int) -> None:
    pytest.importorskip("av", reason="libopus comes with PyAV")
    mono = AudioFormat(rate)
    speech = tone(600, format=mono)
    encoder = output_format(output_name("opus", mono)).encoder()
    data = encoder.push(speech) + encoder.end()

    frames = read(SpeechReader("opus", mono), cut(data, [1, 2, 300, 1_000]))

    sound = joined(frames)
    assert abs(len(sound) - speech.samples_per_channel) <= rate // 50
    assert 0.7 < np.std(sound) / np.std(speech.samples) < 1.3


def test_answers_follow_one_another_as_one_speech() -> None:
    """A long text is several requests; its frames count on."""
    reader = SpeechReader("pcm", SPEECH)
    first = read(reader, [SAMPLES.tobytes()[:999]])
    second = read(reader, [SAMPLES.tobytes()])

    assert first[-1].end == 499, "half a sample at the end of an answer is none of the next"
    assert second[0].position == 499
    np.testing.assert_array_equal(joined([*first, *second])[499:], SAMPLES)


@pytest.mark.parametrize(
    ("encoding", "chunks"),
    [
        ("opus", [b"no Ogg at all, but long enough"]),
        ("opus", [b"x"]),
        ("pcm", [b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff" + bytes(5_000)]),
        ("pcm", [wav_header(SPEECH) + bytes(64), wav_header(TELEPHONY) + bytes(64)]),
    ],
)
def test_what_is_no_speech_is_an_error_of_audio(encoding: Any, chunks: list[bytes]) -> None:
    with pytest.raises(AudioError):
        read(SpeechReader(encoding, WIDEBAND_VOICE), chunks)


@given(data=st.lists(st.binary(max_size=200), max_size=5), encoding=st.sampled_from(["pcm", "opus", "mulaw", "alaw"]))  # fmt: skip
def test_any_bytes_are_frames_or_an_error(data: list[bytes], encoding: Any) -> None:
    try:
        frames = read(SpeechReader(encoding, TELEPHONY if "law" in encoding else SPEECH), data)
    except AudioError:
        return
    assert all(isinstance(frame, AudioFrame) for frame in frames)


def test_nothing_is_no_frame() -> None:
    assert read(SpeechReader("pcm", SPEECH), []) == []
    assert read(SpeechReader("pcm", SPEECH), [b""]) == []
    assert len(read(SpeechReader("pcm", SPEECH), [b"1234"])) == 1  # too short to be a header


@pytest.mark.parametrize(
    ("encoding", "format", "name"),
    [
        ("pcm", WIDEBAND_VOICE, "raw-24khz-16bit-mono-pcm"),
        ("pcm", AudioFormat(22_050), "raw-22050hz-16bit-mono-pcm"),
        ("opus", WEBRTC, "ogg-48khz-16bit-mono-opus"),
        ("mulaw", TELEPHONY, "raw-8khz-8bit-mono-mulaw"),
    ],
)
def test_formats_have_the_service_s_names(encoding: Any, format: AudioFormat, name: str) -> None:
    assert output_name(encoding, format) == name
    assert output_format(name).format == format


@pytest.mark.parametrize(
    ("encoding", "format", "problem"),
    [
        ("pcm", AudioFormat(24_000, 2), "mono"),
        ("pcm", AudioFormat(32_000), "8000, 16000, 22050, 24000, 44100, 48000"),
        ("mulaw", SPEECH, "at 8000 Hz"),
        ("mp3", SPEECH, "pcm, opus, mulaw or alaw"),
    ],
)
def test_a_format_that_the_service_lacks_is_refused(
    encoding: Any, format: AudioFormat, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        output_name(encoding, format)
