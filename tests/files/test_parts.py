"""Files that join: every sample once, in one of them."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from file_samples import noise, read_samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_killed_writers import disk_of

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import FileWriteError
from rawmedia.files.flac import FlacWriter
from rawmedia.files.parts import PartWriter, stretch_of
from rawmedia.files.wav import HEADER_BYTES, WavWriter

if TYPE_CHECKING:
    from pathlib import Path


def part_writer(folder: Path, format: AudioFormat = SPEECH, **settings: Any) -> PartWriter:
    return PartWriter(lambda number: folder / f"{number:03d}.wav", format, WavWriter, **settings)


def test_parts_by_time_end_at_the_same_moments_in_every_track(tmp_path: Path) -> None:
    """Part 2 of one voice is to be heard beside part 2 of another that joined later."""
    early, late = tmp_path / "early", tmp_path / "late"
    for folder, kind, start_ms in ((early, SPEECH, 0), (late, TELEPHONY, 1_500)):
        folder.mkdir()
        start = kind.samples(start_ms)
        writer = part_writer(folder, kind, part_ms=1_000, start=start)
        writer.write(AudioFrame(noise(kind.samples(3_500) - start), kind))
        writer.close()
        writer.close()

    assert [len(read_samples(early / f"00{n}.wav")) for n in (1, 2, 3, 4)] == [16_000] * 3 + [8_000]
    assert [len(read_samples(late / f"00{n}.wav")) for n in (2, 3, 4)] == [4_000, 8_000, 4_000]
    assert not (late / "001.wav").exists()


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    pieces=st.lists(st.tuples(st.booleans(), st.integers(0, 20_000)), min_size=1, max_size=8),
    part_ms=st.sampled_from([None, 250.0, 333.3, 1_000.0]),
    part_bytes=st.sampled_from([None, 10_000, 20_001]),
    rate=st.sampled_from([8_000, 11_025, 16_000]),
)
def test_the_parts_together_are_the_recording(
    pieces: list[tuple[bool, int]],
    part_ms: float | None,
    part_bytes: int | None,
    rate: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Nothing is lost or doubled where one file ends and the next begins."""
    folder = tmp_path_factory.mktemp("parts")
    kind = AudioFormat(rate)
    sound = noise(20_000)
    writer = part_writer(folder, kind, part_ms=part_ms, part_bytes=part_bytes)
    whole = [np.zeros((0, 1), np.int16)]
    for is_sound, samples in pieces:
        if is_sound:
            writer.write(AudioFrame(sound[:samples], kind))
            whole.append(sound[:samples])
        else:
            writer.write_silence(samples)
            whole.append(np.zeros((samples, 1), np.int16))
    writer.close()

    parts = list(writer.finished)
    assert sum(part.samples for part in parts) == writer.position == sum(map(len, whole))
    assert writer.size_bytes == sum(path.stat().st_size for path in folder.iterdir())
    for before, after in itertools.pairwise(parts):
        assert before.end == after.start
    if parts:
        got = np.concatenate([read_samples(part.path) for part in parts])
        np.testing.assert_array_equal(got, np.concatenate(whole))
    if part_ms is not None:
        for part in parts:
            stretch = stretch_of(part.start, kind, part_ms)
            assert part.end <= kind.samples((stretch + 1) * part_ms)


@given(
    n=st.integers(0, 100_000),
    part_ms=st.floats(1_000, 1e7),
    rate=st.sampled_from([8_000, 11_025, 44_100]),
)
def test_a_border_belongs_to_the_stretch_that_it_begins(n: int, part_ms: float, rate: int) -> None:
    """Rounding must neither lose a sample there nor make an empty file."""
    kind = AudioFormat(rate)
    border = kind.samples(n * part_ms)

    assert stretch_of(border, kind, part_ms) == n
    assert n == 0 or stretch_of(border - 1, kind, part_ms) == n - 1


def test_a_part_by_size_ends_with_the_piece_that_fills_it(tmp_path: Path) -> None:
    """No file is larger than it may be by more than a piece."""
    writer = part_writer(tmp_path, part_bytes=10_000)
    for _ in range(100):
        writer.write(AudioFrame(noise(320), SPEECH))
    current = writer.current
    writer.close()

    assert current is not None
    assert not current.finished
    sizes = [part.size_bytes for part in writer.finished]
    assert sum(sizes) == 64_000 + HEADER_BYTES * len(sizes)
    assert all(10_000 <= size < 10_640 for size in sizes[:-1])


def test_the_oldest_part_goes_first_and_no_longer_counts(tmp_path: Path) -> None:
    """A recorder that keeps the last hour deletes the hour before."""
    writer = part_writer(tmp_path, part_ms=1_000)
    writer.write(AudioFrame(noise(40_000), SPEECH))
    before = writer.size_bytes

    gone = writer.delete_oldest()

    assert gone.path == tmp_path / "001.wav"
    assert not gone.path.exists()
    assert writer.size_bytes == before - gone.size_bytes
    assert [part.path.name for part in writer.finished] == ["002.wav"]
    writer.close()


def test_a_part_that_cannot_be_deleted_still_counts(tmp_path: Path) -> None:
    """Or the disk would hold more than the bound says."""
    writer = part_writer(tmp_path, part_ms=1_000)
    writer.write(AudioFrame(noise(20_000), SPEECH))
    (tmp_path / "001.wav").unlink()
    (tmp_path / "001.wav").mkdir()
    before = writer.size_bytes

    with pytest.raises(FileWriteError, match="cannot be deleted"):
        writer.delete_oldest()

    assert writer.size_bytes == before
    writer.close()


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """It may be all that is left of the call before."""
    (tmp_path / "001.wav").write_bytes(b"precious")
    with pytest.raises(FileWriteError, match="is there already"):
        part_writer(tmp_path).write(AudioFrame(noise(320), SPEECH))
    assert (tmp_path / "001.wav").read_bytes() == b"precious"


def test_a_part_whose_end_cannot_be_written_is_told_and_counted(tmp_path: Path) -> None:
    """The encoder still held audio back."""
    writer = PartWriter(partial(_flac, tmp_path), SPEECH, FlacWriter)
    writer.write(AudioFrame(noise(3_200), SPEECH))
    with disk_of(100), pytest.raises(FileWriteError):
        writer.close()
    assert len(writer.finished) == 1


def _flac(folder: Path, number: int) -> Path:
    return folder / f"{number}.flac"
