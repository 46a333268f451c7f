"""Taking what is there, without ever waiting for more."""

from __future__ import annotations

import pytest

from rawmedia.audio.format import SPEECH
from rawmedia.errors import (
    EndOfStreamError,
    StreamClosedError,
    StreamFailedError,
    StreamUseError,
)
from rawmedia.streams.inbound import InboundAudioStream

FRAME = bytes(2 * SPEECH.samples(20))


def pushed(frames: int) -> InboundAudioStream:
    stream = InboundAudioStream(SPEECH)
    for _ in range(frames):
        stream.push(FRAME)
    return stream


def test_one_frame_or_all_or_none() -> None:
    """A mixer takes what there is when it is pulled; nobody may hold it up."""
    stream = pushed(3)
    first = stream.recv_nowait()
    assert first is not None
    assert first.position == 0
    assert [frame.position for frame in stream.recv_ready()] == [320, 640]
    assert stream.recv_nowait() is None
    assert stream.recv_ready() == []
    assert stream.stats.frames == 3


def test_what_was_there_comes_before_the_reason_why_there_is_no_more() -> None:
    """As with every other verb of a reader."""
    for end, error in (
        (InboundAudioStream.end, EndOfStreamError),
        (lambda stream: stream.fail(OSError("cut")), StreamFailedError),
    ):
        stream = pushed(2)
        end(stream)
        assert len(stream.recv_ready()) == 2
        with pytest.raises(error):
            stream.recv_ready()
        with pytest.raises(error):
            stream.recv_nowait()
    stream = pushed(2)
    stream.close()
    with pytest.raises(StreamClosedError):
        stream.recv_ready()


def test_a_callback_has_the_frames() -> None:
    """Each frame goes to one or the other."""
    stream = InboundAudioStream(SPEECH)
    stream.on_frame(lambda _frame: None)
    with pytest.raises(StreamUseError):
        stream.recv_ready()
    with pytest.raises(StreamUseError):
        stream.recv_nowait()


def test_gaps_are_filled_where_that_is_asked_for() -> None:
    """A recorder that takes all that is there gets the same frames as one that waits for each."""
    stream = InboundAudioStream(SPEECH, fill_gaps=True)
    stream.push(FRAME)
    stream.push(FRAME, position=960)
    frames = stream.recv_ready()
    assert [(frame.position, frame.filler) for frame in frames] == [
        (0, False),
        (320, True),
        (640, True),
        (960, False),
    ]
