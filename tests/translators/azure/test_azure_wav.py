"""Synthesized speech, cut anywhere."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from azure_kit import riff_header
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import AudioError, UnsupportedFormatError
from rawmedia.translators.azure.wav import WavReader, is_wav

SAMPLES = np.arange(-40, 40, dtype=np.int16)


@given(st.lists(st.integers(0, 44 + SAMPLES.nbytes)), st.sampled_from([1, 2]))
def test_where_the_bytes_are_cut_does_not_change_the_audio(cuts: list[int], channels: int) -> None:
    data = riff_header(24_000, channels) + SAMPLES.tobytes()
    edges = [0, *sorted(cuts), len(data)]
    reader = WavReader()

    pieces = (reader.feed(data[start:end]) for start, end in pairwise(edges))
    frames = [piece for piece in pieces if piece is not None]

    assert {frame.format for frame in frames} == {AudioFormat(24_000, channels)}
    assert b"".join(bytes(frame) for frame in frames) == SAMPLES.tobytes()
    ends = [0, *(frame.end for frame in frames)]
    assert [frame.position for frame in frames] == ends[:-1]


def test_what_the_header_claims_of_sizes_is_not_believed() -> None:
    """A header made before the speech can't know them: 0, the largest, or a lie."""
    for size in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x02\0\0\0"):
        header = riff_header()[:-4] + size
        frame = WavReader().feed(header + SAMPLES.tobytes())
        assert frame is not None
        assert frame.samples_per_channel == len(SAMPLES)


def test_chunks_before_the_samples_are_skipped() -> None:
    plain = riff_header()
    extra = b"LIST\x03\0\0\0abc\0"
    frame = WavReader().feed(plain[:12] + extra + plain[12:] + SAMPLES.tobytes())
    assert frame == AudioFrame(SAMPLES.tobytes(), AudioFormat(16_000))


def test_an_extensible_format_is_read_by_its_sub_format() -> None:
    plain = riff_header()
    fmt = b"\xfe\xff" + plain[22:36] + b"\x16\0\x10\0\x04\0\0\0\x01\0" + bytes(14)
    data = plain[:12] + b"fmt \x28\0\0\0" + fmt + plain[36:]
    frame = WavReader().feed(data + SAMPLES.tobytes())
    assert frame == AudioFrame(SAMPLES.tobytes(), AudioFormat(16_000))


@pytest.mark.parametrize(
    "data",
    [
        b"OggS" + bytes(40),
        bytes(100),
        b"RIFF\0\0\0\0WAVEdata\0\0\0\0",
        b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0\1\0\1\0data\0\0\0\0",
        b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff",
        riff_header(sample_rate=100),
        riff_header(channels=9),
    ],
)
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(AudioError):
        WavReader().feed(data)


@pytest.mark.parametrize(("bits", "tag"), [(8, 1), (24, 1), (32, 3), (8, 7), (0, 85)])
def test_samples_of_another_kind_are_refused_by_name(bits: int, tag: int) -> None:
    with pytest.raises(UnsupportedFormatError, match=f"{bits}-bit"):
        WavReader().feed(riff_header(bits=bits, tag=tag))


@given(st.lists(st.binary(max_size=60)), st.booleans())
def test_any_bytes_give_audio_or_a_typed_error(pieces: list[bytes], begin_well: bool) -> None:
    """And hold no more than a header of what came."""
    reader = WavReader()
    if begin_well:
        reader.feed(b"RIFF\0\0\0\0WAVE")
    try:
        for piece in pieces:
            reader.feed(piece)
    except AudioError:
        pass


def test_a_header_is_recognised_by_its_two_names() -> None:
    assert is_wav(riff_header())
    assert not is_wav(b"RIFF\0\0\0\0AVI ")
    assert not is_wav(b"RIFF")
