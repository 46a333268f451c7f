"""One reader's bounded view of the audio that a stream brings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import EndOfStreamError, StreamTimeoutError, StreamUseError
from rawmedia.streams.waiting import PENDING, Pending, wait_in_task, wait_in_thread

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from types import TracebackType

    from rawmedia.audio.format import AudioFormat
    from rawmedia.streams.buffer import FrameBuffer, Lifecycle
    from rawmedia.streams.clock import Clock


@dataclass(frozen=True, slots=True)
class ReaderStats:
    """What became of the audio that a reader was given; durations in milliseconds."""

    buffered_ms: float
    """Waits to be read."""
    frames: int
    """Read so far, filler included."""
    overrun_ms: float
    """Lost because it was not read in time."""
    filled_ms: float
    """Silence given in place of gaps."""
    discarded_ms: float
    """Dropped unread by ``clear`` and ``close``."""


class Receive:
    """The operation of taking the next frame; one object serves a reader for life."""

    __slots__ = ("_reader", "waiters")

    retry_at: ClassVar[None] = None
    """Only a wake-up helps."""

    def __init__(self, reader: AudioReader) -> None:
        self._reader = reader
        self.waiters = reader._buffer.readers

    def attempt(self) -> AudioFrame | Literal[Pending.PENDING]:
        """Take a frame, or say why none will come."""
        reader = self._reader
        if reader._callback is not None:
            raise StreamUseError(
                "frames go to the callback given to on_frame; recv can't have them"
            )
        if reader._buffer.frames:
            return reader._next_frame()
        error = reader._lifecycle.reader_error()
        if error is not None:
            raise error
        return PENDING

    def abandon(self, error: BaseException) -> None:
        """Nothing to undo: a frame is only taken by an attempt that gives it."""

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        """Say that no frame came."""
        return StreamTimeoutError("recv", timeout)


class AudioReader(ABC):
    """A bounded reader of a stream's audio: the stream's own, or one of its taps.

    Iterating gives frames until the stream ends; the reader is its own iterator, so a
    timed-out ``anext`` loses nothing. Any number of threads and tasks may read at once;
    each frame goes to one of them.

    Readers are made by `InboundAudioStream`, and by its ``tap``.
    """

    def __init__(
        self,
        format: AudioFormat,
        frame_samples: int,
        buffer: FrameBuffer,
        lifecycle: Lifecycle,
        lock: threading.RLock,
        clock: Clock,
        *,
        fill_gaps: bool,
        position: int = 0,
    ) -> None:
        self._format = format
        self._frame_samples = frame_samples
        self._buffer = buffer
        self._lifecycle = lifecycle
        self._lock = lock
        self._clock = clock
        self._fill_gaps = fill_gaps
        self._next_position = position
        self._receive = Receive(self)
        self._callback: Callable[[AudioFrame], object] | None = None
        # Where frames start before which this reader lost some under "drop_newest".
        self._after_loss: deque[int] = deque()
        self._frames_read = 0
        self._overrun = 0
        self._filled = 0
        self._discarded = 0

    @property
    def format(self) -> AudioFormat:
        """What every frame is in."""
        return self._format

    @property
    def clock(self) -> Clock:
        """What its timeouts are counted on."""
        return self._clock

    @property
    def frame_ms(self) -> float:
        """How long a frame lasts; the last before a gap or the end may be shorter."""
        return self._format.duration_ms(self._frame_samples)

    def recv(self, timeout: float | None = None) -> AudioFrame:
        """Wait for the next frame, blocking this thread.

        Args:
            timeout: Seconds on the stream's clock, 0 to only look, None for no limit.

        Raises:
            EndOfStreamError: The other end finished and every frame was read.
            StreamTimeoutError: None came in time; the stream still works.
            StreamFailedError: The other end failed and every frame before was read.
            StreamClosedError: The stream was closed.
            StreamUseError: ``on_frame`` has the frames.
            ClockError: It would wait, and the clock is virtual.
        """
        with self._lock:  # the frame path
            if self._buffer.frames and self._callback is None:
                return self._next_frame()
        return wait_in_thread(self._lock, self._clock, self._receive, timeout)

    async def arecv(self, timeout: float | None = None) -> AudioFrame:
        """Wait for the next frame, suspending this task; cancelling loses none.

        Args:
            timeout: Seconds on the stream's clock, 0 to only look, None for no limit.

        Raises:
            EndOfStreamError: The other end finished and every frame was read.
            StreamTimeoutError: None came in time; the stream still works.
            StreamFailedError: The other end failed and every frame before was read.
            StreamClosedError: The stream was closed.
            StreamUseError: ``on_frame`` has the frames.
        """
        with self._lock:  # the frame path
            if self._buffer.frames and self._callback is None:
                return self._next_frame()
        return await wait_in_task(self._lock, self._clock, self._receive, timeout)

    def recv_nowait(self) -> AudioFrame | None:
        """Take the next frame if one is there, else None; never waits.

        Raises:
            EndOfStreamError: The other end finished and every frame was read.
            StreamFailedError: The other end failed and every frame before was read.
            StreamClosedError: The stream was closed.
            StreamUseError: ``on_frame`` has the frames.
        """
        with self._lock:
            frame = self._receive.attempt()
        return None if frame is PENDING else frame

    def recv_ready(self) -> list[AudioFrame]:
        """Take every frame that is there, in order; none where none is. Never waits.

        Raises:
            EndOfStreamError: The other end finished and every frame was read.
            StreamFailedError: The other end failed and every frame before was read.
            StreamClosedError: The stream was closed.
            StreamUseError: ``on_frame`` has the frames.
        """
        with self._lock:
            buffer = self._buffer
            if buffer.frames and self._callback is None:
                take = self._next_frame if self._fill_gaps else self._take
                ready = [take()]
                while buffer.frames:
                    ready.append(take())
                return ready
            if self._lifecycle.over or self._callback is not None:
                self._receive.attempt()  # which says why there is none
        return []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> AudioFrame:
        try:
            return self.recv()
        except EndOfStreamError:
            raise StopIteration from None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AudioFrame:
        try:
            return await self.arecv()
        except EndOfStreamError:
            raise StopAsyncIteration from None

    def clear(self) -> float:
        """Drop what is unread; returns how many milliseconds that was.

        Audio that does not fill a frame yet is not unread but unfinished, and stays.
        """
        with self._lock:
            dropped = self._drop_unread()
        return self._format.duration_ms(dropped)

    @abstractmethod
    def close(self) -> None:
        """Stop reading, now; reading then raises `StreamClosedError`. Twice is harmless."""

    async def aclose(self) -> None:
        """Do as ``close`` does."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def reader_stats(self) -> ReaderStats:
        """What became of this reader's audio so far."""
        ms = self._format.duration_ms
        with self._lock:
            return ReaderStats(
                ms(self._buffer.samples),
                self._frames_read,
                ms(self._overrun),
                ms(self._filled),
                ms(self._discarded),
            )

    # The rest runs under the lock.

    def _offer(self, frame: AudioFrame) -> None:
        """Add a frame, at the cost of the oldest ones."""
        buffer = self._buffer
        if buffer.samples + frame._samples_per_channel > buffer.capacity:
            self._overrun += self._make_room(frame._samples_per_channel)
        buffer.put(frame)

    def _make_room(self, samples: int) -> int:
        """Drop the oldest frames until ``samples`` fit; returns how many samples went."""
        buffer = self._buffer
        dropped = 0
        while buffer.frames and buffer.samples + samples > buffer.capacity:
            lost = buffer.take()
            dropped += lost._samples_per_channel
            self._next_position = lost.end
        return dropped

    def _next_frame(self) -> AudioFrame:
        """Take the oldest frame, or a piece of the silence that is asked for in front of it."""
        if self._fill_gaps:
            silence = self._gap_silence(self._buffer.frames[0])
            if silence is not None:
                return silence
        return self._take()

    def _take(self) -> AudioFrame:
        """Take the oldest frame, which must be there."""
        frame = self._buffer.take()
        self._frames_read += 1
        self._next_position = frame._position + frame._samples_per_channel
        return frame

    def _gap_silence(self, frame: AudioFrame) -> AudioFrame | None:
        """A piece of the silence in front of a frame, or None.

        Only holes in what was pushed are filled. To fill what a slow reader lost would make it
        slower still: it would get silence for as long as it keeps losing audio.
        """
        start = max(self._next_position, frame.position - self._buffer.capacity)
        if self._after_loss and self._after_loss[0] == frame.position:
            self._after_loss.popleft()
            start = frame.position
        length = min(self._frame_samples, frame.position - start)
        if length <= 0:
            return None
        self._frames_read += 1
        self._filled += length
        self._next_position = start + length
        # The frame is still there for whoever else waits.
        self._buffer.readers.wake_one()
        return AudioFrame.silence(self._format, length, start, frame.source)

    def _drop_unread(self) -> int:
        if self._buffer.frames:
            self._next_position = self._buffer.frames[-1].end
        self._after_loss.clear()
        dropped = self._buffer.clear()
        self._discarded += dropped
        return dropped


__all__ = ["AudioReader", "ReaderStats"]
