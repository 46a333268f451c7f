"""What `AudioFileReader` makes of files that are not what they claim to be."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from file_samples import make_file, noise, read_frames, read_samples, wav_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rawmedia.errors import UnreadableFileError, UnsupportedFormatError
from rawmedia.files import AudioFileReader, probe

PCM = noise(500).tobytes()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def read_to_end(path: Path) -> tuple[int, str | None]:
    """Samples read, and the warning after the last."""
    with AudioFileReader(path) as reader:
        count = sum(frame.samples_per_channel for frame in reader)
        assert reader.truncated == (reader.warning is not None)
        return count, reader.warning


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty; expected WAV, FLAC, MP3"),
        (b"Dear sir or madam,\n" * 40, "is not audio: expected WAV.*Dear sir"),
        (b"RIFF", "starts like WAV, but is cut short"),
        (wav_bytes(PCM)[:20], "starts like WAV, but is cut short"),
        (wav_bytes(PCM)[:36], "starts like WAV, but is cut short"),
        (wav_bytes(b""), "has a header and no audio after it$"),
        (wav_bytes(b"", claim=1_000), "no audio after it .the header claims 1000 bytes"),
        (wav_bytes(PCM, rate=0), "starts like WAV, but is cut short or damaged"),
        (wav_bytes(PCM, channels=0), "starts like WAV, but is cut short or damaged"),
        (b"fLaC" + bytes(60), "starts like FLAC"),
        (b"OggS" + bytes(60), "starts like Ogg"),
        (b"ID3\x04" + bytes(60), "starts like MP3"),
    ],
)
def test_what_holds_no_audio_is_refused_by_name(data: bytes, problem: str, tmp_path: Path) -> None:
    """Whoever reads the message must know whether to look for the file or to repair it."""
    path = write(tmp_path / "input.wav", data)

    with pytest.raises(UnreadableFileError, match=problem) as caught:
        AudioFileReader(path)

    assert caught.value.path == str(path)


def test_a_name_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """Opening a pipe would wait for a writer that may never come."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, problem in (
        (tmp_path / "none.wav", "no such file"),
        (tmp_path / "none" / "none.wav", "no such file"),
        (tmp_path, "is a folder"),
        (pipe, "is a pipe or a device"),
        (Path("/dev/zero"), "is a pipe or a device"),
        (Path("nul\0.wav"), "cannot be opened"),
        (Path("x" * 5_000), "cannot be opened: File name too long"),
    ):
        with pytest.raises(UnreadableFileError, match=problem):
            AudioFileReader(path)


def test_a_header_that_claims_hours_gives_what_is_there(tmp_path: Path) -> None:
    """Eighteen hours claimed, 31 ms present: neither the time nor the memory may be spent."""
    path = write(tmp_path / "hours.wav", wav_bytes(PCM, claim=0x7FFF_FF00, riff_claim=0x7FFF_FFFF))

    probe(path)  # what is allocated once per process is not the question here
    tracemalloc.start()
    count, warning = read_to_end(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (count, warning) == (
        500,
        "the header claims 2147483392 bytes of audio, the file holds 1000",
    )
    assert peak < 1_000_000
    assert probe(path).duration_ms == 500 / 16


def test_a_cut_wav_is_read_to_the_cut_and_said_to_be_cut(tmp_path: Path) -> None:
    """An upload that broke off is still worth translating, but not in silence."""
    path = write(tmp_path / "cut.wav", wav_bytes(PCM)[: 44 + 600])

    assert read_to_end(path) == (300, "the header claims 1000 bytes of audio, the file holds 600")
    np.testing.assert_array_equal(read_samples(path), noise(500)[:300])


@pytest.mark.parametrize(
    ("data", "samples"),
    [
        (wav_bytes(PCM + b"x"), 500),
        (wav_bytes(PCM + b"xyz", channels=2), 250),
        (wav_bytes(PCM + b"x", claim=0xFFFF_FFFF, riff_claim=0xFFFF_FFFF), 500),
    ],
)
def test_half_a_sample_at_the_end_is_left_out_and_said(
    data: bytes, samples: int, tmp_path: Path
) -> None:
    """An odd byte count means that something was lost; the rest is whole."""
    count, warning = read_to_end(write(tmp_path / "odd.wav", data))

    assert count == samples
    assert warning is not None
    assert "ends in the middle of a sample" in warning


def test_a_pad_byte_is_not_half_a_sample(tmp_path: Path) -> None:
    """RIFF pads chunks of odd size; 8-bit audio has them all the time."""
    path = write(tmp_path / "padded.wav", wav_bytes(bytes(501), tag=7, bits=8) + b"\0")
    assert read_to_end(path) == (501, None)


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_F000])
def test_sizes_that_stand_for_unknown_are_no_fault(size: int, tmp_path: Path) -> None:
    """ffmpeg, sox and espeak-ng cannot fill the size in when they write to a pipe."""
    path = write(tmp_path / "piped.wav", wav_bytes(PCM, claim=size, riff_claim=size))
    assert read_to_end(path) == (500, None)


def test_a_header_that_was_never_finished_hides_no_audio(tmp_path: Path) -> None:
    """A recorder fills the sizes in at the end; one that was killed left zeros."""
    path = write(tmp_path / "killed.wav", wav_bytes(PCM, claim=0, riff_claim=36))

    count, warning = read_to_end(path)

    assert (count, warning) == (
        500,
        "the header was never finished; the 1000 bytes after it are taken for audio",
    )
    np.testing.assert_array_equal(read_samples(path), noise(500))


def test_what_follows_empty_audio_is_not_taken_for_audio(tmp_path: Path) -> None:
    """A finished file without audio may end in a chunk of text."""
    path = write(tmp_path / "empty.wav", wav_bytes(b"LIST\x04\0\0\0INFO", claim=0))
    with pytest.raises(UnreadableFileError, match="no audio"):
        AudioFileReader(path)


def test_chunks_without_end_are_given_up(tmp_path: Path) -> None:
    """A file of nothing but tiny chunks must not keep the reader busy."""
    head = wav_bytes(b"")[:36]
    chunks = b"junk\0\0\0\0" * 3_000
    path = write(tmp_path / "chunks.wav", head + chunks + wav_bytes(PCM)[36:])

    assert read_to_end(path)[0] == 500


def test_a_cut_rf64_is_told_by_its_long_size(tmp_path: Path) -> None:
    """Past 4 GiB the size stands elsewhere; so does the lie."""
    whole = make_file(tmp_path / "whole.rf64", "RF64/PCM_16", noise(500)).read_bytes()
    assert read_to_end(tmp_path / "whole.rf64") == (500, None)

    count, warning = read_to_end(write(tmp_path / "cut.rf64", whole[:-400]))

    assert (count, warning) == (300, "the header claims 1000 bytes of audio, the file holds 600")


def flac_of(path: Path, samples: int) -> bytes:
    return make_file(path, "FLAC/PCM_16", noise(samples)).read_bytes()


def flac_blocks(data: bytes) -> list[int]:
    """Where the blocks of a 16-bit mono FLAC file start: sync code, and the block's number."""
    starts = [data.index(b"\xff\xf8")]
    for at in range(starts[0], len(data) - 5):
        block = data[at : at + 5]
        if block[:2] == b"\xff\xf8" and block[3:] == bytes([0x08, len(starts)]):
            starts.append(at)
    return starts


def test_flac_of_unknown_length_is_read_to_its_last_sample(tmp_path: Path) -> None:
    """A FLAC written to a pipe; soundfile on its own loses the end of such a file."""
    data = bytearray(flac_of(tmp_path / "whole.flac", 10_001))
    data[21:42] = bytes([data[21] & 0xF0]) + bytes(20)
    path = write(tmp_path / "piped.flac", bytes(data))

    assert read_to_end(path) == (10_001, None)
    assert probe(path).duration_ms is None


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(0, 9_000), size=st.integers(200, 5_000))
def test_a_cut_flac_gives_its_whole_blocks_and_says_so(cut: int, size: int, tmp_path: Path) -> None:
    """libFLAC gives up at the torn block; the audio before it must not go with it."""
    data = flac_of(tmp_path / "whole.flac", 20_000)
    starts = [*flac_blocks(data), len(data)]
    end = len(data) - 1 - cut
    path = write(tmp_path / "cut.flac", data[:end])
    whole = sum(1 for start in starts[1:] if start <= end)
    assert len(starts) == 6

    with AudioFileReader(path) as reader:
        count = 0
        while (frame := reader.read(size)) is not None:
            count += frame.samples_per_channel

        assert count == whole * 4_096
        assert reader.truncated


@pytest.mark.parametrize("kind", ["OGG/OPUS", "OGG/VORBIS"])
def test_a_cut_ogg_gives_its_whole_pages_and_says_so(kind: str, tmp_path: Path) -> None:
    """libsndfile plays what is there and says nothing."""
    whole = make_file(tmp_path / "whole.ogg", kind, noise(80_000)).read_bytes()
    last_page = whole.rindex(b"OggS")

    at_page = read_to_end(write(tmp_path / "at_page.ogg", whole[:last_page]))
    in_page = read_to_end(write(tmp_path / "in_page.ogg", whole[: last_page + 100]))
    in_lacing = read_to_end(write(tmp_path / "in_lacing.ogg", whole[: last_page + 20]))

    assert 40_000 < at_page[0] < 80_000
    assert at_page[1] == "the last Ogg page does not end the stream; the recording was cut off"
    assert in_page == in_lacing
    assert in_page == (at_page[0], "the file ends in the middle of an Ogg page")


def test_a_cut_mp3_is_told_by_its_xing_header(tmp_path: Path) -> None:
    """Only the Xing header knows how long an MP3 should be."""
    whole = make_file(tmp_path / "whole.mp3", "MP3/MPEG_LAYER_III", noise(64_000)).read_bytes()
    assert read_to_end(tmp_path / "whole.mp3") == (64_000, None)

    count, warning = read_to_end(write(tmp_path / "cut.mp3", whole[: len(whole) // 2]))

    assert 16_000 < count < 40_000
    assert warning is not None
    assert "expected 4000 ms of audio, the file holds" in warning


def test_an_mp3_that_libsndfile_gives_up_early_is_told(tmp_path: Path) -> None:
    """Without a Xing header the length is a guess, and libsndfile stops where it guessed."""
    import soundfile

    samples = np.concatenate([noise(32_000), np.zeros((96_000, 1), np.int16)])
    soundfile.write(
        tmp_path / "vbr.mp3",
        samples,
        16_000,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="VARIABLE",
        compression_level=0.2,
    )
    data = (tmp_path / "vbr.mp3").read_bytes().replace(b"Xing", bytes(4))

    count, warning = read_to_end(write(tmp_path / "guess.mp3", data))

    assert count < 64_000
    assert warning is not None
    assert "convert it to WAV or FLAC" in warning


class FailingFile(io.FileIO):
    """A file on a disk that breaks after a number of bytes."""

    def __init__(self, path: Path, good_bytes: int) -> None:
        super().__init__(path, "rb")
        self._good_bytes = good_bytes

    def readinto(self, buffer: object) -> int:
        if self.tell() >= self._good_bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().readinto(buffer)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["WAV/PCM_16", "FLAC/PCM_16"])
def test_a_disk_that_breaks_is_told_and_not_taken_for_the_end(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in libsndfile's callbacks would be swallowed, and the audio would just end."""
    path = make_file(tmp_path / "audio", kind, noise(200_000))
    monkeypatch.setattr(
        "rawmedia.files.reader.open_regular", lambda path: FailingFile(Path(path), 100_000)
    )

    with AudioFileReader(path) as reader:
        with pytest.raises(UnreadableFileError, match=r"cannot be read after [1-9].*Input/output"):
            list(reader)
        with pytest.raises(UnreadableFileError, match="Input/output error"):
            reader.read()


def test_a_disk_that_is_broken_at_once_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not "is not audio": the file may well be."""
    path = make_file(tmp_path / "audio", "OGG/OPUS", noise(2_000))
    monkeypatch.setattr(
        "rawmedia.files.reader.open_regular", lambda path: FailingFile(Path(path), 0)
    )

    with pytest.raises(UnreadableFileError, match="cannot be read after 0 ms: Input/output error"):
        AudioFileReader(path)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=200),
    head=st.sampled_from([b"", b"RIFF\x40\0\0\0WAVE", b"OggS", b"fLaC", b"FORM", b"\xff\xfb"]),
)
def test_any_bytes_give_audio_or_a_typed_error(data: bytes, head: bytes, tmp_path: Path) -> None:
    """Files come from anywhere."""
    path = write(tmp_path / "any", head + data)
    with contextlib.suppress(UnreadableFileError, UnsupportedFormatError):
        read_frames(path)


FUZZ = """
import random, resource, sys
from pathlib import Path
from rawmedia.errors import RawMediaError
from rawmedia.files import AudioFileReader

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
chance = random.Random(20_260_101)
path = Path(sys.argv[1]) / "fuzzed"
for original in sys.argv[2:]:
    whole = Path(original).read_bytes()
    for _ in range(250):
        data = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.3 else whole)
        for _ in range(chance.choice([1, 1, 2, 4, 16])):
            if data:
                at = chance.randrange(min(len(data), chance.choice([48, 200, len(whole)])))
                data[at] = chance.choice([0, 127, 128, 255, chance.randrange(256)])
        path.write_bytes(data)
        try:
            with AudioFileReader(path) as reader:
                while reader.position < 100_000 and reader.read(4_096) is not None:
                    pass
        except RawMediaError:
            pass
print("survived")
"""


def test_garbled_headers_neither_crash_nor_allocate(tmp_path: Path) -> None:
    """libsndfile parses them in C: in a process of its own, which may have 1 GiB and no more."""
    files = [
        str(make_file(tmp_path / kind.replace("/", "-"), kind, noise(samples)))
        for kind, samples in {
            "WAV/PCM_16": 1_000,
            "WAV/ULAW": 1_000,
            "WAV/MS_ADPCM": 2_000,
            "RF64/PCM_16": 1_000,
            "AIFF/PCM_16": 1_000,
            "CAF/PCM_16": 1_000,
            "FLAC/PCM_16": 9_000,
            "MP3/MPEG_LAYER_III": 16_000,
            "OGG/VORBIS": 16_000,
            "OGG/OPUS": 32_000,
        }.items()
    ]

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FUZZ, str(tmp_path), *files],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stdout == "survived\n", done.stderr[-2_000:]
    assert "Traceback" not in done.stderr
