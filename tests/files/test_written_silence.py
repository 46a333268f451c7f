"""Silence that a writer is told of, rather than given: the same file, for much less."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from file_samples import noise, read_samples
from test_killed_writers import disk_of

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import FileWriteError, StreamClosedError
from rawmedia.files import open_writer

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3_600 * SPEECH.sample_rate


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("samples", [0, 1, 319, 16_000, 40_001])
def test_silence_that_is_told_of_is_the_silence_of_frames(
    suffix: str, samples: int, tmp_path: Path
) -> None:
    """Who fills a gap must not get another file than who writes zeros."""
    kind = AudioFormat(16_000, 2)
    sound = AudioFrame(noise(1_001, 2), kind)
    told, given = tmp_path / f"told{suffix}", tmp_path / f"given{suffix}"

    with open_writer(told, kind) as writer:
        writer.write(sound)
        writer.write_silence(samples)
        writer.write(sound)
        assert writer.position == 2_002 + samples
    with open_writer(given, kind) as writer:
        for frame in (sound, AudioFrame.silence(kind, samples), sound):
            writer.write(frame)

    assert told.read_bytes() == given.read_bytes()
    assert writer.size_bytes == given.stat().st_size


def test_silence_is_in_the_header_at_once(tmp_path: Path) -> None:
    """A process that is killed in the middle of it leaves what there was."""
    with open_writer(tmp_path / "out.wav", SPEECH) as writer:
        writer.write_silence(40_001)
        assert soundfile.info(tmp_path / "out.wav").frames == 40_001


def test_hours_of_silence_in_a_wav_take_no_room_and_no_time(tmp_path: Path) -> None:
    """A leg that is away for hours must not fill the disk or hold the others up."""
    path = tmp_path / "out.wav"
    sound = noise(16_000)

    began = time.perf_counter()
    with open_writer(path, SPEECH) as writer:
        writer.write_silence(10 * HOUR)
        writer.write(AudioFrame(sound, SPEECH))
    took = time.perf_counter() - began

    assert took < 10
    assert path.stat().st_blocks * 512 < 1_000_000
    assert soundfile.info(path).frames == 10 * HOUR + 16_000
    np.testing.assert_array_equal(
        soundfile.read(path, start=10 * HOUR, dtype="int16")[0], sound[:, 0]
    )


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".opus"])
def test_a_disk_that_fills_with_silence_is_an_error_and_the_file_plays(
    suffix: str, tmp_path: Path
) -> None:
    """However the zeros get onto the disk, they need room there."""
    path = tmp_path / f"out{suffix}"
    writer = open_writer(path, SPEECH)
    writer.write(AudioFrame(noise(48_000), SPEECH))

    with disk_of(path.stat().st_size + 1_000), pytest.raises(FileWriteError, match="too large"):
        writer.write_silence(10 * HOUR)
    with pytest.raises(FileWriteError):
        writer.write_silence(1)
    writer.close()

    assert len(read_samples(path)) >= 16_000
    with pytest.raises(StreamClosedError):
        writer.write_silence(1)
