"""What a transport pulls, read by somebody else: all that goes out on the wire, silence included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.streams.buffer import FrameBuffer, Lifecycle
from rawmedia.streams.reader import AudioReader

if TYPE_CHECKING:
    import threading

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.errors import StreamError
    from rawmedia.streams.clock import Clock


class _WireLifecycle(Lifecycle):
    """The stream's end as it is on the wire: once all was pulled, not once all was sent."""

    __slots__ = ("_stream",)

    def __init__(self, stream: Lifecycle) -> None:
        super().__init__()
        self._stream = stream

    def reader_error(self) -> StreamError | None:
        if self.over:
            return super().reader_error()
        stream = self._stream
        return stream.reader_error() if stream.closed or stream.failure is not None else None


class WireTap(AudioReader):
    """A bounded reader of every frame that is pulled; `OutboundAudioStream.tap` makes it."""

    def __init__(
        self,
        taps: list[WireTap],
        format: AudioFormat,
        frame_samples: int,
        capacity: int,
        lifecycle: Lifecycle,
        lock: threading.RLock,
        clock: Clock,
        position: int,
    ) -> None:
        super().__init__(
            format,
            frame_samples,
            FrameBuffer(capacity),
            _WireLifecycle(lifecycle),
            lock,
            clock,
            fill_gaps=False,
            position=position,
        )
        self._taps = taps
        taps.append(self)

    def offer(self, frame: AudioFrame) -> None:
        """Take a frame that was pulled; under the stream's lock."""
        self._offer(frame)

    def end(self) -> None:
        """Nothing more will be pulled; under the stream's lock."""
        self._lifecycle.end()
        self._buffer.wake_everybody()

    def wake(self) -> None:
        """Let who waits look at the stream's end; under its lock."""
        self._buffer.wake_everybody()

    def close(self) -> None:
        """Stop reading, now; the stream goes on. Twice is harmless."""
        with self._lock:
            self._drop_unread()
            if self in self._taps:
                self._taps.remove(self)
            self._lifecycle.close()
            self._buffer.wake_everybody()


__all__ = ["WireTap"]
