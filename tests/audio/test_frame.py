"""Frames copy nothing that they need not, and can be changed by nobody."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rawmedia.audio.format import SPEECH, WEBRTC, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import PayloadError

STEREO = AudioFormat(48_000, 2)


@st.composite
def arrays(draw: st.DrawFn) -> npt.NDArray[np.int16]:
    shape = (draw(st.integers(0, 50)), draw(st.integers(1, 8)))
    return draw(hnp.arrays(np.int16, shape))


@given(arrays())
def test_bytes_and_samples_of_a_frame_say_the_same_whichever_it_was_made_from(
    samples: npt.NDArray[np.int16],
) -> None:
    speech = AudioFormat(16_000, samples.shape[1])
    from_array = AudioFrame(samples, speech)
    from_bytes = AudioFrame(samples.tobytes(), speech)
    from_buffer = AudioFrame(bytearray(samples.tobytes()), speech)
    assert bytes(from_array) == bytes(from_bytes) == bytes(from_buffer) == samples.tobytes()
    for frame in (from_array, from_bytes, from_buffer):
        assert frame.samples.shape == samples.shape
        np.testing.assert_array_equal(frame.samples, samples)
        assert frame.samples_per_channel == len(samples)
        assert frame == from_array
        assert hash(frame) == hash(from_array)


def test_a_frame_of_bytes_gives_those_very_bytes() -> None:
    """A hop through the library shall not copy the audio."""
    data = bytes(640)
    frame = AudioFrame(data, SPEECH)
    assert frame.data is data
    assert bytes(frame) is data


def test_samples_share_the_memory_that_the_frame_was_made_from() -> None:
    data, array = bytearray(640), np.zeros((320, 1), np.int16)
    assert np.shares_memory(AudioFrame(array, SPEECH).samples, array)
    assert np.shares_memory(np.frombuffer(AudioFrame(array, SPEECH).data, np.int16), array), (
        "the bytes of a contiguous array are a view of it"
    )
    frame = AudioFrame(memoryview(data), SPEECH)
    assert np.shares_memory(frame.samples, np.frombuffer(data, np.int16))


def test_what_a_frame_hands_out_cannot_be_written_to() -> None:
    """Several readers of a stream hold the same frame."""
    for data in (bytes(64), bytearray(64), np.zeros((32, 1), np.int16)):
        frame = AudioFrame(data, SPEECH)
        with pytest.raises(ValueError, match="read-only"):
            frame.samples[0] = 1
        assert memoryview(frame.data).readonly


def test_an_array_that_a_frame_was_made_from_stays_writable_for_its_owner() -> None:
    array = np.zeros((32, 1), np.int16)
    AudioFrame(array, SPEECH)
    array[0] = 1


def test_a_frame_has_nothing_to_assign_to() -> None:
    frame = AudioFrame(bytes(640), SPEECH)
    for name in ("position", "format", "source", "filler", "samples", "data", "other"):
        with pytest.raises(AttributeError):
            setattr(frame, name, 0)


def test_mono_may_come_as_a_flat_array_and_leaves_as_a_column() -> None:
    frame = AudioFrame(np.arange(5, dtype=np.int16), SPEECH)
    assert frame.samples.shape == (5, 1)
    assert frame.samples[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_an_array_with_holes_is_packed_when_its_bytes_are_asked_for() -> None:
    wide = np.arange(40, dtype=np.int16).reshape(10, 4)
    frame = AudioFrame(wide[:, ::2], STEREO)
    assert bytes(frame) == wide[:, ::2].tobytes()


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (bytes(3), SPEECH),
        (bytes(6), STEREO),
        (bytearray(1), SPEECH),
        (np.zeros((4, 1), np.float32), SPEECH),
        (np.zeros((4, 1), ">i2"), SPEECH),
        (np.zeros((4, 2), np.int16), SPEECH),
        (np.zeros(4, np.int16), STEREO),
        (np.zeros((4, 1, 1), np.int16), SPEECH),
        (np.zeros((), np.int16), SPEECH),
        ("audio", SPEECH),
        ([0, 0], SPEECH),
        (memoryview(bytes(64))[::2], SPEECH),
    ],
)
def test_what_is_no_whole_audio_of_the_format_is_refused(data: Any, format: AudioFormat) -> None:
    with pytest.raises(PayloadError) as caught:
        AudioFrame(data, format)
    assert caught.value.expected
    assert caught.value.got


@pytest.mark.parametrize("empty", [b"", bytearray(), np.empty((0, 1), np.int16)])
def test_a_frame_may_hold_nothing(empty: Any) -> None:
    frame = AudioFrame(empty, SPEECH, 7)
    assert bytes(frame) == b""
    assert frame.samples.shape == (0, 1)
    assert frame.duration_ms == 0
    assert frame.end == 7


def test_a_position_before_the_stream_began_is_refused() -> None:
    with pytest.raises(PayloadError, match="position of 0 or later"):
        AudioFrame(b"", SPEECH, -1)
    with pytest.raises(PayloadError, match="position of 0 or later"):
        AudioFrame(b"", SPEECH).at(-1)


@given(st.integers(0, 10**9), st.integers(0, 400))
def test_a_frame_ends_where_the_next_one_starts(position: int, samples: int) -> None:
    frame = AudioFrame.silence(WEBRTC, samples, position)
    following = AudioFrame.silence(WEBRTC, 1, frame.end)
    assert frame.end == position + samples
    assert following.start_ms == frame.end_ms
    assert frame.duration_ms == samples / 48


def test_silence_is_zeros_that_are_marked_as_filler() -> None:
    frame = AudioFrame.silence(STEREO, 10, 5, "ann")
    assert bytes(frame) == bytes(40)
    assert frame.filler
    assert (frame.position, frame.source, frame.samples_per_channel) == (5, "ann", 10)
    assert not AudioFrame(bytes(40), STEREO).filler


def test_a_frame_moved_is_the_same_audio_elsewhere() -> None:
    """`at` exists for streams that re-number frames without a copy."""
    frame = AudioFrame.silence(SPEECH, 320, 0, "ann")
    moved = frame.at(640)
    assert moved.data is frame.data
    assert (moved.position, moved.end, moved.source) == (640, 960, "ann")
    assert moved.format is frame.format
    assert moved.filler
    assert frame.position == 0
    assert frame.at(0, "bob").source == "bob"


def test_frames_are_equal_only_if_all_that_can_be_asked_of_them_is() -> None:
    data = bytes(640)
    frame = AudioFrame(data, SPEECH, 1, "ann")
    assert frame == AudioFrame(bytearray(data), SPEECH, 1, "ann")
    others = [
        AudioFrame(bytes(639) + b"\1", SPEECH, 1, "ann"),
        AudioFrame(data, AudioFormat(8_000), 1, "ann"),
        AudioFrame(data, SPEECH, 2, "ann"),
        AudioFrame(data, SPEECH, 1),
        AudioFrame(data, SPEECH, 1, "ann", filler=True),
    ]
    assert all(frame != other for other in others)
    assert frame != data


def test_the_repr_says_what_a_log_reader_asks() -> None:
    frame = AudioFrame(bytes(640), SPEECH, 16_000, "ann")
    assert repr(frame) == "<AudioFrame: 20 ms of audio of 'ann' at 1000 ms, 16000 Hz mono>"
    assert "filler at 0 ms" in repr(AudioFrame.silence(SPEECH, 320))
