"""Chunks of one length from audio of any length."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.rechunk import Rechunker
from rawmedia.errors import ConfigurationError, PayloadError

STEREO = AudioFormat(48_000, 2)


@st.composite
def pieces(draw: st.DrawFn) -> tuple[AudioFormat, list[bytes]]:
    """Whole samples of some speech, cut anywhere between two."""
    speech = AudioFormat(16_000, draw(st.integers(1, 3)))
    lengths = draw(st.lists(st.integers(0, 40), max_size=12))
    data = draw(st.randoms(use_true_random=False)).randbytes(
        sum(lengths) * speech.bytes_per_instant
    )
    cut, start = [], 0
    for length in lengths:
        end = start + length * speech.bytes_per_instant
        cut.append(data[start:end])
        start = end
    return speech, cut


@given(pieces(), st.integers(1, 30))
def test_where_audio_is_cut_does_not_change_the_chunks(
    cut: tuple[AudioFormat, list[bytes]], frame_samples: int
) -> None:
    """All is kept, in order, in chunks of one length; what is short of one waits."""
    speech, parts = cut
    size = frame_samples * speech.bytes_per_instant
    whole = b"".join(parts)
    rechunker = Rechunker(speech, frame_samples)

    chunks: list[bytes] = []
    for part in parts:
        chunks += rechunker.push(part)
        assert rechunker.pending_samples < frame_samples, "memory is bounded by one chunk"

    assert all(type(chunk) is bytes and len(chunk) == size for chunk in chunks)
    assert len(chunks) == len(whole) // size
    assert rechunker.pending_samples * speech.bytes_per_instant == len(whole) % size
    assert b"".join(chunks) + (rechunker.flush(pad=False) or b"") == whole


def test_a_chunk_that_needs_no_cutting_comes_back_itself() -> None:
    """The usual case, a frame in and a frame out, copies nothing."""
    rechunker = Rechunker(SPEECH, 320)
    chunk = bytes(640)
    assert rechunker.push(chunk)[0] is chunk
    rechunker.push(bytes(2))
    (late,) = rechunker.push(chunk)
    assert late is not chunk
    assert rechunker.pending_samples == 1


@pytest.mark.parametrize("buffer", [bytearray, memoryview])
def test_buffers_become_bytes_that_their_owner_cannot_change(buffer: Any) -> None:
    memory = bytearray(b"ab" * 320)
    rechunker = Rechunker(SPEECH, 320)
    (chunk,) = rechunker.push(buffer(memory))
    rechunker.push(buffer(memory)[:10])
    memory[:] = bytes(640)
    assert chunk == b"ab" * 320
    assert rechunker.flush(pad=False) == b"ab" * 5


def test_a_view_of_words_counts_as_its_bytes() -> None:
    words = memoryview(bytes(range(8))).cast("h")
    assert Rechunker(SPEECH, 2).push(words) == [bytes(range(4)), bytes(range(4, 8))]


@pytest.mark.parametrize(("format", "size"), [(SPEECH, 1), (SPEECH, 641), (STEREO, 2), (STEREO, 7)])
def test_half_a_sample_is_refused_and_nothing_of_it_taken(format: AudioFormat, size: int) -> None:
    rechunker = Rechunker(format, 100)
    rechunker.push(bytes(format.bytes_per_instant * 3))
    with pytest.raises(PayloadError, match="whole samples"):
        rechunker.push(bytes(size))
    assert rechunker.pending_samples == 3


def test_one_chunk_of_an_odd_format_is_still_whole_samples() -> None:
    """The short way for whole chunks must not let half samples pass."""
    rechunker = Rechunker(STEREO, 3)
    assert rechunker.push(bytes(12)) == (bytes(12),)
    with pytest.raises(PayloadError):
        rechunker.push(bytes(11))


def test_a_flush_pads_the_tail_with_silence_or_gives_it_short() -> None:
    rechunker = Rechunker(SPEECH, 4)
    rechunker.push(b"\1\2")
    assert rechunker.flush(pad=True) == b"\1\2" + bytes(6)
    assert rechunker.pending_samples == 0
    rechunker.push(b"\1\2")
    assert rechunker.flush(pad=False) == b"\1\2"
    assert rechunker.push(bytes(8)) == (bytes(8),), "the tail left nothing behind"


@pytest.mark.parametrize("pad", [True, False])
def test_a_flush_of_nothing_is_none_and_no_chunk_of_silence(pad: bool) -> None:
    rechunker = Rechunker(SPEECH, 4)
    assert rechunker.flush(pad=pad) is None
    rechunker.push(bytes(8))
    assert rechunker.flush(pad=pad) is None


def test_clearing_says_how_much_was_dropped() -> None:
    rechunker = Rechunker(STEREO, 10)
    assert rechunker.clear() == 0
    rechunker.push(bytes(4 * 7))
    assert rechunker.clear() == 7
    assert rechunker.pending_samples == 0
    assert rechunker.flush(pad=True) is None


def test_two_rechunkers_share_nothing() -> None:
    one, other = Rechunker(SPEECH, 4), Rechunker(SPEECH, 4)
    one.push(b"\1\2")
    assert other.pending_samples == 0
    assert other.flush(pad=True) is None


@pytest.mark.parametrize("frame_samples", [0, -1])
def test_a_chunk_of_nothing_is_refused(frame_samples: int) -> None:
    with pytest.raises(ConfigurationError, match="frame_samples"):
        Rechunker(SPEECH, frame_samples)
