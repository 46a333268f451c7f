"""What the writers put into a file that is closed in the ordinary way."""

from __future__ import annotations

import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from file_samples import frames_of, noise, read_samples, tone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    ConfigurationError,
    FormatMismatchError,
    StreamClosedError,
    UnsupportedFormatError,
)
from rawmedia.files import AudioFileReader, check_writable_suffix, open_writer
from rawmedia.files.encoded import EncodedWriter
from rawmedia.files.opus import opus_format
from rawmedia.files.wav import HEADER_BYTES, wav_header

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from file_samples import Int16

SUFFIXES = [".wav", ".flac", ".ogg", ".opus"]
LOSSLESS = [".wav", ".flac"]
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
needs_sox = pytest.mark.skipif(not shutil.which("sox"), reason="sox is not installed")


def write_file(path: Path, samples: Int16, format: AudioFormat, cuts: Sequence[int] = ()) -> Path:
    with open_writer(path, format) as writer:
        for frame in frames_of(samples, format, cuts):
            writer.write(frame)
        assert writer.position == len(samples)
    return path


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 16_000, 22_050, 48_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_lossless_files_give_back_every_sample(
    suffix: str, rate: int, channels: int, tmp_path: Path
) -> None:
    """A recording is sample-exact in every format that the library has."""
    samples = noise(9_001, channels)
    samples[:2] = [[-32_768], [32_767]]

    path = write_file(tmp_path / f"out{suffix}", samples, AudioFormat(rate, channels), [5_000])

    np.testing.assert_array_equal(read_samples(path), samples)
    assert soundfile.info(path).samplerate == rate
    assert soundfile.info(path).frames == 9_001


@pytest.mark.parametrize("suffix", LOSSLESS)
@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(0, 10_000), max_size=30))
def test_where_frames_are_cut_does_not_change_the_file(
    suffix: str, cuts: list[int], tmp_path: Path
) -> None:
    """Frames of any size, empty ones too, are the same recording."""
    samples = noise(10_000, 2)
    stereo = AudioFormat(16_000, 2)

    whole = write_file(tmp_path / f"whole{suffix}", samples, stereo)
    pieces = write_file(tmp_path / f"pieces{suffix}", samples, stereo, cuts)

    assert pieces.read_bytes() == whole.read_bytes()


@settings(
    deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(0, 8_000), max_size=10), rate=st.sampled_from([16_000, 22_050]))
def test_where_frames_are_cut_does_not_change_what_opus_sounds_like(
    cuts: list[int], rate: int, tmp_path: Path
) -> None:
    """Ogg streams are numbered by chance, so here the sound is compared, not the bytes."""
    samples = noise(8_000)

    whole = write_file(tmp_path / "whole.opus", samples, AudioFormat(rate))
    pieces = write_file(tmp_path / "pieces.opus", samples, AudioFormat(rate), cuts)

    np.testing.assert_array_equal(read_samples(pieces), read_samples(whole))


@pytest.mark.parametrize(
    ("rate", "encoded"),
    [
        (8_000, 8_000),
        (11_025, 12_000),
        (16_000, 16_000),
        (22_050, 24_000),
        (32_000, 48_000),
        (44_100, 48_000),
        (48_000, 48_000),
        (96_000, 48_000),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_opus_keeps_the_sound_at_every_rate(
    rate: int, encoded: int, channels: int, tmp_path: Path
) -> None:
    """Opus has five rates; from others it is converted, up where it can be, without a shift."""
    source = AudioFormat(rate, channels)
    samples = tone(source, 1_500)

    got = read_samples(write_file(tmp_path / "out.opus", samples, source))

    assert opus_format(source) == AudioFormat(encoded, channels)
    expected = tone(AudioFormat(encoded, channels), 1_500)
    assert abs(len(got) - len(expected)) <= 1
    middle = slice(encoded // 4, encoded)
    error = got[middle].astype(float) - expected[middle]
    assert np.sqrt(np.mean(error**2)) < 0.1 * 16_384 / np.sqrt(2)


def test_opus_is_small(tmp_path: Path) -> None:
    """About 24 kbit/s for a voice; libsndfile's own default is more than twice that."""
    path = write_file(tmp_path / "out.ogg", noise(160_000), SPEECH)
    assert 15 < path.stat().st_size * 8 / 10_000 < 40


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        (".wav", "WAV/PCM_16"),
        (".WAV", "WAV/PCM_16"),
        (".flac", "FLAC/PCM_16"),
        (".ogg", "OGG/OPUS"),
        (".Opus", "OGG/OPUS"),
    ],
)
def test_the_suffix_chooses_the_format(suffix: str, kind: str, tmp_path: Path) -> None:
    """A name is all that the command line has."""
    path = write_file(tmp_path / f"out{suffix}", noise(2_000), SPEECH)

    with AudioFileReader(path) as reader:
        assert f"{reader.container}/{reader.encoding}" == kind
        assert not reader.truncated


@pytest.mark.parametrize("name", ["out.mp3", "out", "wav", "out.wav.txt"])
def test_other_suffixes_are_refused_with_the_choices(name: str, tmp_path: Path) -> None:
    """Before any file is made: the user may have meant another one."""
    with pytest.raises(ConfigurationError, match=r"\.wav, \.flac, \.ogg, \.opus"):
        open_writer(tmp_path / name, SPEECH)
    with pytest.raises(ConfigurationError):
        check_writable_suffix(name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_frame_of_another_format_is_refused_and_the_file_goes_on(
    suffix: str, tmp_path: Path
) -> None:
    """Written as it is, it would play at the wrong speed."""
    with open_writer(tmp_path / f"out{suffix}", SPEECH) as writer:
        writer.write(AudioFrame(noise(1_600), SPEECH))
        with pytest.raises(FormatMismatchError):
            writer.write(AudioFrame(noise(160), TELEPHONY))
        writer.write(AudioFrame(noise(1_600), SPEECH))
        assert writer.duration_ms == 200

    assert len(read_samples(tmp_path / f"out{suffix}")) == 3_200


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_closing_twice_is_harmless_and_ends_writing(suffix: str, tmp_path: Path) -> None:
    """A ``with`` block whose body closed the writer must not fail, nor the file change."""
    path = tmp_path / f"out{suffix}"
    with open_writer(path, SPEECH) as writer:
        writer.write(AudioFrame(noise(1_600), SPEECH))
        writer.close()
        whole = path.read_bytes()
        assert writer.closed
        with pytest.raises(StreamClosedError):
            writer.write(AudioFrame(noise(160), SPEECH))
    writer.close()

    assert path.read_bytes() == whole
    assert (writer.path, writer.format) == (str(path), SPEECH)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_longer_file_of_the_same_name_leaves_nothing(suffix: str, tmp_path: Path) -> None:
    """The tail of yesterday's recording must not sound at the end of today's."""
    path = tmp_path / f"out{suffix}"
    path.write_bytes(bytes(500_000))

    write_file(path, noise(3_200), SPEECH)

    assert path.stat().st_size < 10_000
    assert len(read_samples(path)) == 3_200


def test_a_rate_that_cannot_become_opus_touches_no_file(tmp_path: Path) -> None:
    """44 101 Hz has no usable ratio to any rate of Opus; what was there before stays."""
    path = tmp_path / "out.opus"
    path.write_bytes(b"precious")

    with pytest.raises(UnsupportedFormatError):
        open_writer(path, AudioFormat(44_101))

    assert path.read_bytes() == b"precious"


def test_what_libsndfile_cannot_encode_is_a_typed_error(tmp_path: Path) -> None:
    """An older libsndfile may lack Opus altogether."""
    with pytest.raises(UnsupportedFormatError, match="writes as OGG OPUS, got 11025 Hz mono"):
        EncodedWriter(
            tmp_path / "out.ogg",
            AudioFormat(11_025),
            encoded=AudioFormat(11_025),
            container="OGG",
            encoding="OPUS",
        )


@needs_ffmpeg
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_ffmpeg_plays_the_files(suffix: str, tmp_path: Path) -> None:
    """libsndfile reading what libsndfile wrote proves little."""
    samples = tone(SPEECH, 2_000)
    path = write_file(tmp_path / f"out{suffix}", samples, SPEECH)

    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", path, "-f", "s16le", "-ar", "16000", "-"],
        capture_output=True,
        timeout=60,
        check=True,
    )

    got = np.frombuffer(done.stdout, "<i2")
    assert done.stderr == b""
    assert abs(len(got) - 32_000) <= (0 if suffix in LOSSLESS else 320)
    if suffix in LOSSLESS:
        np.testing.assert_array_equal(got, samples[:, 0])


@needs_sox
@pytest.mark.parametrize("suffix", LOSSLESS)
def test_sox_plays_the_files(suffix: str, tmp_path: Path) -> None:
    """The other player that telephone people use."""
    samples = noise(16_001)
    path = write_file(tmp_path / f"out{suffix}", samples, SPEECH)

    done = subprocess.run(
        ["sox", path, "-t", "raw", "-"], capture_output=True, timeout=60, check=True
    )

    assert done.stderr == b""
    np.testing.assert_array_equal(np.frombuffer(done.stdout, "<i2"), samples[:, 0])


@settings(deadline=None)
@given(
    rate=st.integers(4_000, 192_000),
    channels=st.integers(1, 8),
    instants=st.integers(0, 2**33),
)
def test_a_wav_header_says_what_follows_it(rate: int, channels: int, instants: int) -> None:
    """Read by its specification, not by the code that made it."""
    data_bytes = instants * channels * 2
    header = wav_header(AudioFormat(rate, channels), data_bytes)

    assert len(header) == HEADER_BYTES
    name, riff_bytes, wave, pad, pad_bytes = struct.unpack_from("<4sI4s4sI", header)
    fmt, fmt_bytes, *pcm = struct.unpack_from("<4sIHHIIHH", header, 48)
    data, claimed = struct.unpack_from("<4sI", header, 72)
    assert (wave, pad_bytes, fmt, fmt_bytes, data) == (b"WAVE", 28, b"fmt ", 16, b"data")
    assert pcm == [1, channels, rate, rate * channels * 2, channels * 2, 16]
    if data_bytes + 72 < 2**32:
        assert (name, riff_bytes, pad, claimed) == (b"RIFF", data_bytes + 72, b"JUNK", data_bytes)
    else:
        long_sizes = struct.unpack_from("<QQQI", header, 20)
        assert (name, riff_bytes, pad, claimed) == (b"RF64", 2**32 - 1, b"ds64", 2**32 - 1)
        assert long_sizes == (data_bytes + 72, data_bytes, instants, 0)


def sparse_wav(path: Path, instants: int) -> Path:
    """Hours of silence in a file that takes no room."""
    with path.open("wb") as file:
        file.write(wav_header(AudioFormat(48_000, 2), instants * 4))
        file.truncate(HEADER_BYTES + instants * 4)
    return path


def test_a_recording_beyond_4_gib_goes_on(tmp_path: Path) -> None:
    """Stereo at 48 kHz comes there after six hours; a call centre's room lasts longer."""
    path = sparse_wav(tmp_path / "long.wav", 1_200_000_000)

    with AudioFileReader(path) as reader:
        assert reader.container == "RF64"
        assert reader.duration_ms == 25_000_000
        assert reader.warning is None
        assert reader.read() is not None


@needs_ffmpeg
def test_ffmpeg_knows_a_recording_beyond_4_gib(tmp_path: Path) -> None:
    """RF64 is what broadcasters use."""
    path = sparse_wav(tmp_path / "long.wav", 1_200_000_000)
    ask = ["ffprobe", "-v", "warning", "-show_entries", "format=duration", "-of", "csv=p=0"]

    told = subprocess.run([*ask, str(path)], capture_output=True, timeout=60, check=True)

    assert float(told.stdout) == 25_000
    assert told.stderr == b""
