"""What a file holds when its writer did not come to its end: killed, disk full, no permission."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import resource
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from file_samples import frames_of, noise, read_samples

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import FileWriteError, UnreadableFileError
from rawmedia.files import AudioFileReader, open_writer
from rawmedia.files.sink import GuardedSink
from rawmedia.files.sound import Libsndfile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from file_samples import Int16

SUFFIXES = [".wav", ".flac", ".opus"]


def bound_ms(suffix: str, kind: AudioFormat) -> float:
    """What the writers' docstrings promise that a killed process loses at most."""
    return {".wav": 0.0, ".flac": kind.duration_ms(4_096), ".opus": 1_100.0}[suffix]


def survived(path: Path) -> Int16:
    """What is in a file that may have no audio yet."""
    with contextlib.suppress(UnreadableFileError):
        return read_samples(path)
    return np.zeros((0, 1), np.int16)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 1), (48_000, 2)])
def test_the_file_is_playable_after_every_frame(
    suffix: str, rate: int, channels: int, tmp_path: Path
) -> None:
    """A copy made between two frames is what a process killed there leaves behind."""
    kind = AudioFormat(rate, channels)
    samples = noise(rate * 3, channels)
    cuts = range(rate // 50, rate * 3, rate // 50)
    path, copy = tmp_path / f"out{suffix}", tmp_path / f"copy{suffix}"

    with open_writer(path, kind) as writer:
        for number, frame in enumerate(frames_of(samples, kind, cuts)):
            writer.write(frame)
            if number % 7:
                continue
            shutil.copyfile(path, copy)
            got = survived(copy)
            assert writer.duration_ms - kind.duration_ms(len(got)) <= bound_ms(suffix, kind)
            if suffix != ".opus" and len(got):
                np.testing.assert_array_equal(got, samples[: len(got)])
                assert soundfile.info(copy).frames == len(got)

    assert len(survived(path)) == len(samples)


WRITE_FOR_EVER = """
import itertools, sys
import numpy as np
from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.files import open_writer

writer = open_writer(sys.argv[1], SPEECH)
samples = np.load(sys.argv[2])
for start in itertools.cycle(range(0, len(samples), 320)):
    writer.write(AudioFrame(samples[start : start + 320], SPEECH))
    print(writer.position, flush=True)
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_kill_minus_nine_leaves_what_was_promised(suffix: str, tmp_path: Path) -> None:
    """The real thing, in the middle of writing: nothing runs after SIGKILL."""
    samples = noise(16_000 * 10)
    np.save(tmp_path / "samples.npy", samples)
    path = tmp_path / f"out{suffix}"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOR_EVER, str(path), str(tmp_path / "samples.npy")],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 16_000 * 5:
                process.kill()
                break
        told = int([line, *process.stdout.read().split()][-1])
    assert process.returncode == -9

    got = survived(path)

    assert told >= 80_000
    assert SPEECH.duration_ms(told - len(got)) <= bound_ms(suffix, SPEECH)
    if suffix != ".opus":
        np.testing.assert_array_equal(got, np.resize(samples, got.shape))
    if shutil.which("ffmpeg"):
        done = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", path, "-f", "s16le", "-ar", "16000", "-"],
            capture_output=True,
            timeout=60,
            check=True,
        )
        assert abs(len(done.stdout) // 2 - len(got)) <= 320


@contextlib.contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [30_000, 30_001, 41_234])
def test_a_full_disk_is_an_error_and_what_was_written_plays(
    suffix: str, size: int, tmp_path: Path
) -> None:
    """Every later write fails alike, the close does not fail again, and the file is whole."""
    samples = noise(16_000 * 40)
    path = tmp_path / f"out{suffix}"
    writer = open_writer(path, SPEECH)
    frames = iter(frames_of(samples, SPEECH, range(0, len(samples), 320)))

    def write_all() -> None:
        for frame in frames:
            writer.write(frame)

    with disk_of(size):
        with pytest.raises(FileWriteError, match=r"File too large, after \d+ ms") as caught:
            write_all()
        with pytest.raises(FileWriteError, match="File too large"):
            writer.write(next(frames))
        at_failure = writer.duration_ms
        writer.close()

    assert caught.value.path == str(path)
    assert isinstance(caught.value.__cause__, OSError)
    got = survived(path)
    assert at_failure - SPEECH.duration_ms(len(got)) <= bound_ms(suffix, SPEECH)
    assert path.stat().st_size <= size
    if suffix != ".opus":
        np.testing.assert_array_equal(got, samples[: len(got)])
        assert soundfile.info(path).frames == len(got)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_that_fills_at_the_very_end_is_told_by_close(suffix: str, tmp_path: Path) -> None:
    """FLAC and Opus hold audio back until then; a WAV is complete before."""
    path = tmp_path / f"out{suffix}"
    writer = open_writer(path, SPEECH)
    writer.write(AudioFrame(noise(3_200), SPEECH))

    with disk_of(path.stat().st_size):
        if suffix == ".wav":
            writer.close()
        else:
            with pytest.raises(FileWriteError, match="File too large"):
                writer.close()
        writer.close()


def test_what_breaks_a_block_is_not_hidden_by_a_file_that_cannot_be_finished(
    tmp_path: Path,
) -> None:
    """The engine's crash is the news; the disk's comes second."""

    def fail_to_finish(error: BaseException | None) -> None:
        writer = open_writer(tmp_path / "out.flac", SPEECH)
        with disk_of(100), writer:
            writer.write(AudioFrame(noise(3_200), SPEECH))
            if error is not None:
                raise error

    with pytest.raises(FileWriteError, match="File too large"):
        fail_to_finish(None)
    with pytest.raises(KeyError, match="the engine"):
        fail_to_finish(KeyError("the engine"))


def test_a_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    """Not even the header fits; nothing stays open."""
    with disk_of(10), pytest.raises(FileWriteError, match="File too large, after 0 ms"):
        open_writer(tmp_path / "out.wav", SPEECH)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_cannot_be_made_is_told(suffix: str, tmp_path: Path) -> None:
    """Opening a pipe would wait for a reader that may never come."""
    pipe = tmp_path / f"pipe{suffix}"
    os.mkfifo(pipe)
    folder = tmp_path / f"folder{suffix}"
    folder.mkdir()
    for path, problem in (
        (tmp_path / "none" / f"out{suffix}", "cannot be opened for writing: No such file"),
        (folder, "cannot be opened for writing: Is a directory"),
        (pipe, "is a pipe or a device"),
        (tmp_path / f"nul\0{suffix}", "cannot be opened for writing: embedded null"),
        (tmp_path / f"{'x' * 300}{suffix}", "cannot be opened for writing: File name too long"),
    ):
        with pytest.raises(FileWriteError, match=problem):
            open_writer(path, SPEECH)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    """The commonest of them all."""
    tmp_path.chmod(0o500)
    with pytest.raises(FileWriteError, match="Permission denied"):
        open_writer(tmp_path / "out.wav", SPEECH)


class BrokenEncoder:
    """Stands for libsndfile where it fails and the disk does not."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def write(self, samples: Int16) -> None:
        raise RuntimeError("Internal psf_log_printf error")

    def close(self) -> None:
        raise RuntimeError("a later one")


def test_an_encoder_that_fails_is_a_typed_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever C code does, a caller handles one kind of error."""
    broken = Libsndfile(BrokenEncoder, RuntimeError, "0")
    monkeypatch.setattr("rawmedia.files.encoded.libsndfile", lambda: broken)
    writing = open_writer(tmp_path / "out.opus", SPEECH)
    unused = open_writer(tmp_path / "unused.opus", SPEECH)

    with pytest.raises(FileWriteError, match="psf_log_printf error, after 0 ms"):
        writing.write(AudioFrame(noise(320), SPEECH))
    writing.close()
    with pytest.raises(FileWriteError, match="a later one"):
        unused.close()


class FailingFile(io.FileIO):
    """A file on a disk that has broken: it takes half of a piece, then nothing at all."""

    broken = False

    def write(self, data: object) -> int:
        if not self.broken:
            return super().write(data)  # type: ignore[arg-type]
        view = memoryview(data)  # type: ignore[arg-type]
        if len(view) > 1:
            return super().write(view[: len(view) // 2])
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def truncate(self, size: int | None = None) -> int:
        if self.broken:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return super().truncate(size)

    def close(self) -> None:
        was_open = not self.closed
        super().close()
        if self.broken and was_open:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_disk_that_breaks_for_good_keeps_the_first_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails at cutting the torn piece off, at the header and at closing too."""
    disk = FailingFile(tmp_path / "out.wav", "wb")
    monkeypatch.setattr("rawmedia.files.sink._open_new", lambda path: disk)
    writer = open_writer(tmp_path / "out.wav", SPEECH)
    writer.write(AudioFrame(noise(320), SPEECH))
    disk.broken = True

    with pytest.raises(FileWriteError, match="Input/output error, after 20 ms"):
        writer.write(AudioFrame(noise(320), SPEECH))
    writer.close()

    with AudioFileReader(tmp_path / "out.wav") as reader:
        assert sum(frame.samples_per_channel for frame in reader) == 320


def test_a_file_that_fails_only_at_closing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Network file systems report there what went wrong before."""
    disk = FailingFile(tmp_path / "out.wav", "wb")
    monkeypatch.setattr("rawmedia.files.sink._open_new", lambda path: disk)
    sink = GuardedSink(tmp_path / "out.wav")
    assert sink.write(b"whole") == 5
    disk.broken = True

    sink.close()

    assert sink.problem == os.strerror(errno.EIO)
    assert sink.write(b"more") == 0


def test_an_error_without_words_still_says_something(tmp_path: Path) -> None:
    """soundfile only asserts that all was written."""
    sink = GuardedSink(tmp_path / "out")
    assert sink.problem is None
    sink.fail(AssertionError())
    sink.fail(OSError("a later one"))
    sink.close()

    assert sink.problem == "AssertionError()"
