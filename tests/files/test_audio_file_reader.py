"""What `AudioFileReader` gives of whole files."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from file_samples import KINDS, joined, make_file, noise, read_frames, read_samples, wav_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rawmedia.audio.format import AudioFormat
from rawmedia.errors import (
    ConfigurationError,
    MissingDependencyError,
    StreamClosedError,
    UnreadableFileError,
    UnsupportedFormatError,
)
from rawmedia.files import MAX_READ_SAMPLES, AudioFileReader, probe
from rawmedia.files.sound import libsndfile

if TYPE_CHECKING:
    from pathlib import Path

LOSSLESS = [kind for kind in KINDS if "PCM_16" in kind]


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of every kind, of the same noise, with an odd number of samples."""
    folder = tmp_path_factory.mktemp("kinds")
    return {
        kind: make_file(folder / f"{kind.replace('/', '-')}{suffix}", kind, noise(20_001))
        for kind, suffix in KINDS.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_as_libsndfile_decodes_it(kind: str, every_kind: dict[str, Path]) -> None:
    """The reader adds rounding to int16 and nothing else: no shift, no gain, no lost end."""
    path = every_kind[kind]
    expected, rate = soundfile.read(path, dtype="float32", always_2d=True)

    got = read_samples(path)

    assert rate == 16_000
    rounded = np.clip(np.rint(expected * 32_768), -32_768, 32_767)
    assert got.shape == rounded.shape
    # mpg123's last bit depends on how it came to a sample, so now and then a tie rounds elsewhere.
    steps = np.abs(got - rounded)
    assert steps.max() <= (1 if kind.startswith("MP3") else 0)
    assert steps.sum() < 10


@pytest.mark.parametrize("kind", LOSSLESS)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_lossless_kinds_give_back_every_sample(kind: str, channels: int, tmp_path: Path) -> None:
    """int16 in, int16 out: the way through floats must be exact, extremes included."""
    samples = noise(5_000, channels)
    samples[:3] = [[-32_768], [32_767], [0]]

    np.testing.assert_array_equal(
        read_samples(make_file(tmp_path / "audio", kind, samples)), samples
    )


@pytest.mark.parametrize(
    "kind",
    ["WAV/PCM_16", "WAV/ULAW", "FLAC/PCM_16", "MP3/MPEG_LAYER_III", "OGG/VORBIS", "OGG/OPUS"],
)
@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sizes=st.lists(st.integers(1, 9_000), max_size=12))
def test_where_reads_are_cut_does_not_change_the_audio(
    kind: str, sizes: list[int], every_kind: dict[str, Path]
) -> None:
    """Callers read any size; decoders that work in blocks must not let it show."""
    path = every_kind[kind]

    frames = read_frames(path, sizes)

    np.testing.assert_array_equal(joined(frames), read_samples(path))
    assert all(frame.samples_per_channel > 0 for frame in frames)
    assert all(
        frame.samples_per_channel <= size for frame, size in zip(frames, sizes, strict=False)
    )


def test_a_read_is_twenty_milliseconds_unless_asked_otherwise(every_kind: dict[str, Path]) -> None:
    """The library's frame; only the last may be shorter."""
    *frames, last = read_frames(every_kind["WAV/PCM_16"])

    assert {frame.samples_per_channel for frame in frames} == {320}
    assert last.samples_per_channel == 20_001 % 320


def test_the_end_is_none_and_stays_none(every_kind: dict[str, Path]) -> None:
    """A reader at its end must not start again or raise."""
    with AudioFileReader(every_kind["OGG/OPUS"]) as reader:
        read = list(reader)

        assert reader.position == sum(frame.samples_per_channel for frame in read) == 20_001
        assert [reader.read(), reader.read(1)] == [None, None]
        assert not reader.truncated
        assert reader.warning is None


def test_a_read_is_bounded_whatever_is_asked(tmp_path: Path) -> None:
    """A caller that asks for everything must not make the reader allocate it."""
    path = make_file(tmp_path / "long.wav", "WAV/PCM_16", noise(MAX_READ_SAMPLES + 10))

    with AudioFileReader(path) as reader:
        first = reader.read(10**15)

    assert first is not None
    assert first.samples_per_channel == MAX_READ_SAMPLES


@pytest.mark.parametrize("max_samples", [0, -1])
def test_a_read_of_nothing_is_refused(max_samples: int, every_kind: dict[str, Path]) -> None:
    """A read that cannot give a sample would look like the end of the file."""
    with AudioFileReader(every_kind["WAV/PCM_16"]) as reader:
        with pytest.raises(ConfigurationError, match="max_samples"):
            reader.read(max_samples)
        assert reader.read(1) is not None


def test_floats_beyond_full_scale_saturate(tmp_path: Path) -> None:
    """A recording that clips must sound clipped, not wrap into noise; 1e300 is beyond float32."""
    floats = np.array([0.5, 1.0, 2.0, -1.0, -7.5, 1e300])

    got = read_samples(make_file(tmp_path / "loud.wav", "WAV/DOUBLE", floats))

    assert got[:, 0].tolist() == [16_384, 32_767, 32_767, -32_768, -32_768, 32_767]


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    at=st.integers(0, 999),
    channel=st.integers(0, 1),
    bad=st.sampled_from([np.nan, np.inf, -np.inf]),
    size=st.integers(1, 1_200),
)
def test_a_sample_that_is_no_number_fails_after_the_audio_before_it(
    at: int, channel: int, bad: float, size: int, tmp_path: Path
) -> None:
    """Passing NaN on as some sample would be made-up audio; what came before is good."""
    floats = np.zeros((1_000, 2))
    floats[at, channel] = bad
    path = make_file(tmp_path / "bad.wav", "WAV/FLOAT", floats)

    with AudioFileReader(path) as reader:
        while reader.position < at:
            assert reader.read(size) is not None
        with pytest.raises(UnreadableFileError, match="expected finite samples") as caught:
            reader.read(size)
        with pytest.raises(UnreadableFileError, match="expected finite samples"):
            reader.read()

    assert reader.position == at
    assert f"got {bad:g} at {at / 16:.3f} ms" in caught.value.problem


@pytest.mark.parametrize(
    ("rate", "channels", "expected"),
    [(3_999, 1, "4000 to 192000"), (200_000, 1, "4000 to 192000"), (16_000, 9, "1 to 8 channels")],
)
def test_formats_out_of_range_are_refused(
    rate: int, channels: int, expected: str, tmp_path: Path
) -> None:
    """Every layer counts on `AudioFormat`'s range."""
    path = tmp_path / "odd.wav"
    path.write_bytes(wav_bytes(bytes(1_800), channels=channels, rate=rate))

    with pytest.raises(UnsupportedFormatError, match=expected):
        AudioFileReader(path)


def test_closing_twice_is_harmless_and_ends_reading(every_kind: dict[str, Path]) -> None:
    """A ``with`` block whose body closed the reader must not fail."""
    with AudioFileReader(every_kind["FLAC/PCM_16"]) as reader:
        reader.close()
        assert reader.closed
        with pytest.raises(StreamClosedError):
            reader.read()
    reader.close()


def test_a_file_is_told_without_reading_it(every_kind: dict[str, Path]) -> None:
    """The command line shows this before it starts."""
    path = every_kind["WAV/ULAW"]

    info = probe(path)

    assert (info.path, info.format) == (str(path), AudioFormat(16_000))
    assert (info.container, info.encoding) == ("WAV", "ULAW")
    assert info.duration_ms == 20_001 / 16
    assert info.warning is None


def test_the_suffix_does_not_decide_what_a_file_is(tmp_path: Path) -> None:
    """libsndfile would take ``.raw`` and ``.vox`` for headerless audio and play anything."""
    for suffix in (".raw", ".vox", ".mp3", ""):
        path = make_file(tmp_path / f"audio{suffix}", "FLAC/PCM_16", noise(100))
        np.testing.assert_array_equal(read_samples(path), noise(100))


def test_importing_the_package_does_not_import_soundfile() -> None:
    """``import rawmedia.files`` is paid by programs that never open a file."""
    code = "import sys, rawmedia.files; sys.exit('soundfile' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_a_missing_libsndfile_is_said_with_the_command_that_adds_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where soundfile has no wheel, its import fails; the way out must be in the text."""
    libsndfile.cache_clear()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "soundfile", None)
        with pytest.raises(MissingDependencyError, match="apt install libsndfile1"):
            AudioFileReader(tmp_path / "any.wav")
    libsndfile.cache_clear()
    assert libsndfile().version
