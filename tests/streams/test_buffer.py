"""What a stream is allowed to hold, and whether it is open, ended, failed or closed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    ConfigurationError,
    EndOfStreamError,
    StreamClosedError,
    StreamEndedError,
    StreamFailedError,
)
from rawmedia.streams.buffer import FrameBuffer, Lifecycle, checked_capacity, checked_frame
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream


def test_an_open_stream_refuses_nobody() -> None:
    life = Lifecycle()
    assert (life.over, life.writer_error(), life.reader_error()) == (False, None, None)


def test_the_two_ends_are_told_of_an_end_in_two_ways() -> None:
    """Who sends after its own end made a mistake; who reads past it has all there is."""
    life = Lifecycle()
    life.end()
    assert life.over
    assert type(life.writer_error()) is StreamEndedError
    assert type(life.reader_error()) is EndOfStreamError


@pytest.mark.parametrize("order", ["end fail close", "close fail end", "fail end close"])
def test_what_is_closed_says_so_whatever_else_happened(order: str) -> None:
    life = Lifecycle()
    for verb in order.split():
        life.fail(OSError()) if verb == "fail" else getattr(life, verb)()
    assert type(life.writer_error()) is StreamClosedError
    assert type(life.reader_error()) is StreamClosedError


def test_a_failure_outweighs_an_end_and_keeps_its_cause() -> None:
    life = Lifecycle()
    cause = OSError("the line is cut")
    life.end()
    life.fail(cause)
    for error in (life.writer_error(), life.reader_error()):
        assert isinstance(error, StreamFailedError)
        assert error.cause is cause


def test_a_buffer_counts_samples() -> None:
    buffer = FrameBuffer(100)
    frames = [AudioFrame(bytes(2 * size), SPEECH) for size in (40, 30)]
    for frame in frames:
        buffer.put(frame)
    assert buffer.samples == 70
    assert buffer.take() is frames[0]
    assert buffer.samples == 30
    assert (buffer.clear(), buffer.samples, len(buffer.frames)) == (30, 0, 0)


@pytest.mark.parametrize("stream", [InboundAudioStream, OutboundAudioStream])
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("frame_ms", 2.4),
        ("frame_ms", 1_001),
        ("frame_ms", float("nan")),
        ("capacity_ms", 19.9),
        ("capacity_ms", 3_600_001),
        ("capacity_ms", float("nan")),
        ("capacity_ms", float("inf")),
    ],
)
def test_sizes_that_make_no_sense_are_refused_by_name(
    stream: type[InboundAudioStream | OutboundAudioStream], setting: str, value: float
) -> None:
    with pytest.raises(ConfigurationError, match=setting) as refused:
        stream(**{setting: value})  # type: ignore[arg-type]
    assert refused.value.setting == setting
    assert str(value) in str(refused.value)


@given(
    st.integers(4_000, 192_000),
    st.floats(2.5, 1_000),
    st.floats(1.0, 10.0),
)
def test_a_capacity_of_a_frame_or_more_holds_a_frame(
    rate: int, frame_ms: float, frames: float
) -> None:
    """Rounding to samples must not make a legal stream that can't hold anything."""
    layout = AudioFormat(rate)
    frame = checked_frame(layout, frame_ms)
    assert frame >= 1
    assert checked_capacity(layout, frame, frame_ms * frames) >= frame


def test_a_tap_of_the_smallest_frame_can_be_made_at_any_rate() -> None:
    """2.5 ms at 22050 Hz are 55 samples, which is 2.494 ms; that frame is legal."""
    stream = InboundAudioStream(AudioFormat(22_050), frame_ms=2.5)
    assert stream.tap(100).frame_ms == stream.frame_ms
    with pytest.raises(ConfigurationError, match="capacity_ms"):
        stream.tap(2.4)
