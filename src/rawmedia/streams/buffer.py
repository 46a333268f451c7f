"""Frames between two ends: bounded in samples, with everybody who waits for them.

Nothing here locks; the stream that owns a buffer holds its lock around every call.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from rawmedia.errors import (
    ConfigurationError,
    EndOfStreamError,
    StreamClosedError,
    StreamEndedError,
    StreamError,
    StreamFailedError,
    StreamUseError,
)
from rawmedia.streams.waiting import WaitList

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame

MIN_FRAME_MS, MAX_FRAME_MS = 2.5, 1_000
MAX_CAPACITY_MS = 3_600_000
"""An hour."""


class Lifecycle:
    """Whether a stream is open, ended, failed or closed; both ends of it share one."""

    __slots__ = ("closed", "ended", "failure", "over")

    def __init__(self) -> None:
        self.ended = False
        self.failure: BaseException | None = None
        self.closed = False
        self.over = False
        """Whether any of the three happened."""

    def end(self) -> None:
        """No more audio will be added; what is there stays readable."""
        self.ended = self.over = True

    def fail(self, error: BaseException) -> None:
        """An end broke.

        Raises:
            StreamUseError: ``error`` is no exception, so that nobody could be told the cause.
        """
        if not isinstance(error, BaseException):
            raise StreamUseError(f"a stream fails with an exception, not with {error!r}")
        self.failure, self.over = error, True

    def close(self) -> None:
        """Nobody wants any more."""
        self.closed = self.over = True

    def writer_error(self) -> StreamError | None:
        """Why no audio may be added, or None."""
        if self.closed:
            return StreamClosedError()
        if self.failure is not None:
            return StreamFailedError(self.failure)
        return StreamEndedError() if self.ended else None

    def reader_error(self) -> StreamError | None:
        """Why no audio will come once what is buffered is read, or None."""
        if self.closed:
            return StreamClosedError()
        if self.failure is not None:
            return StreamFailedError(self.failure)
        return EndOfStreamError() if self.ended else None


class FrameBuffer:
    """Frames in order, how much audio they are, and who waits for frames or for room."""

    __slots__ = ("capacity", "drainers", "frames", "queuers", "readers", "samples", "writers")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.frames: deque[AudioFrame] = deque()
        self.samples = 0
        self.readers = WaitList()
        """Who waits for a frame."""
        self.writers = WaitList()
        """Who waits for room: one, as sends queue whole."""
        self.queuers = WaitList()
        """Who waits for that one to be done."""
        self.drainers = WaitList()
        """Who waits for audio to be played."""

    def put(self, frame: AudioFrame) -> None:
        """Add a frame and wake whoever waits for one."""
        self.frames.append(frame)
        self.samples += frame._samples_per_channel
        if self.readers._waiters:
            self.readers.wake_one()

    def take(self) -> AudioFrame:
        """Remove the oldest frame, which must be there, and wake whoever waits for room."""
        frame = self.frames.popleft()
        self.samples -= frame._samples_per_channel
        if self.writers._waiters:
            self.writers.wake_one()
        return frame

    def clear(self) -> int:
        """Drop everything; returns how many samples that was."""
        dropped = self.samples
        self.frames.clear()
        self.samples = 0
        self.writers.wake_all()
        return dropped

    def wake_everybody(self) -> None:
        """Let all who wait look at the lifecycle again."""
        self.readers.wake_all()
        self.writers.wake_all()
        self.queuers.wake_all()
        self.drainers.wake_all()


def checked_frame(format: AudioFormat, frame_ms: float) -> int:
    """Samples per channel in a frame.

    Raises:
        ConfigurationError: Less than 2.5 or more than 1000 ms.
    """
    if not MIN_FRAME_MS <= frame_ms <= MAX_FRAME_MS:
        raise ConfigurationError(
            "frame_ms", f"{MIN_FRAME_MS:g} to {MAX_FRAME_MS:g}, not {frame_ms}"
        )
    return format.samples(frame_ms)


def checked_capacity(format: AudioFormat, frame_samples: int, capacity_ms: float) -> int:
    """Samples per channel that a buffer may hold.

    Raises:
        ConfigurationError: Less than a frame, or more than an hour.
    """
    if not 0 < capacity_ms <= MAX_CAPACITY_MS or format.samples(capacity_ms) < frame_samples:
        raise ConfigurationError(
            "capacity_ms",
            f"{format.duration_ms(frame_samples):g} (a frame) to {MAX_CAPACITY_MS} (an hour), "
            f"not {capacity_ms}",
        )
    return format.samples(capacity_ms)


__all__ = ["FrameBuffer", "Lifecycle", "checked_capacity", "checked_frame"]
