"""The audio that a call brings to the program."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from rawmedia.audio.format import DEFAULT_FRAME_MS, SPEECH, AudioFormat
from rawmedia.errors import (
    ConfigurationError,
    StreamOverflowError,
    StreamUseError,
)
from rawmedia.streams.buffer import FrameBuffer, Lifecycle
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.intake import Intake, as_payload
from rawmedia.streams.reader import AudioReader, ReaderStats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.errors import StreamError
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.intake import Audio

Overflow = Literal["drop_oldest", "drop_newest", "error"]
"""What a push does when nobody reads: lose the oldest audio, lose the new, or raise."""

# Positions of converted audio are rounded, by the sender and by us; a hole shorter than
# this is such a rounding and not a loss.
_ROUNDING_MS = 1.0


@dataclass(frozen=True, slots=True)
class InboundStats(ReaderStats):
    """What became of the audio of an inbound stream; durations in milliseconds."""

    position: int
    """Where the next sample pushed belongs, in samples of the stream's format."""
    gaps: int
    """Holes in what was pushed."""
    gap_ms: float
    """How long they were together."""
    late_ms: float
    """Audio pushed for a place in media time that had passed; dropped."""


class InboundAudioStream(AudioReader):
    """The audio of a call or of one participant: a transport pushes, the program receives.

    Both ends may be used from any thread and any event loop at once. Pushing never waits;
    audio that nobody reads costs ``capacity_ms`` of memory and no more.

    Args:
        format: What ``recv`` gives; pushed audio of another format is converted.
        frame_ms: Length of a received frame, 2.5 to 1000.
        capacity_ms: How much unread audio is kept, at least a frame.
        overflow: What to do with audio beyond that; every lost millisecond is counted.
        fill_gaps: Whether ``recv`` gives silence for holes in the audio, at most
            ``capacity_ms`` of it for each, marked as filler. Otherwise, and beyond, the
            next frame's ``position`` is ahead.
        source: Whom the frames name as speaker; None keeps what a pushed frame says.
        clock: What timeouts are counted on.

    Raises:
        ConfigurationError: A number is out of range, or the policy is none.
    """

    def __init__(
        self,
        format: AudioFormat = SPEECH,
        *,
        frame_ms: float = DEFAULT_FRAME_MS,
        capacity_ms: float = 2_000,
        overflow: Overflow = "drop_oldest",
        fill_gaps: bool = False,
        source: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if overflow not in get_args(Overflow):
            raise ConfigurationError(
                "overflow", f"one of {', '.join(get_args(Overflow))}, not {overflow!r}"
            )
        frame_samples, capacity = checked_sizes(format, frame_ms, capacity_ms)
        super().__init__(
            format,
            frame_samples,
            FrameBuffer(capacity),
            Lifecycle(),
            threading.Lock(),
            clock,
            fill_gaps=fill_gaps,
        )
        self._overflow = overflow
        self._intake = Intake(format, frame_samples, source)
        self._source = source
        self._taps: list[AudioReader] = []
        self._on_over: Callable[[StreamError], object] | None = None
        self._calling_back = False
        self._gaps = self._gap = self._late = 0

    # The transport's end.

    def push(self, audio: Audio, position: int | None = None) -> None:
        """Bring audio, of any length and from any thread; never waits.

        Args:
            audio: A frame of any format, or interleaved int16 samples in the stream's
                own. A frame's own ``position`` belongs to the stream that it came from
                and is not read.
            position: Where the audio starts in media time, in samples of the stream's
                format; None for right after the audio before. Ahead of that it leaves a
                gap; what lies behind it is dropped as late.

        Raises:
            PayloadError: Not whole samples, or an array of the wrong kind; nothing was taken.
            StreamOverflowError: Policy "error" and no room; nothing was taken.
            StreamEndedError: After ``end``.
            StreamFailedError: After ``fail``.
            StreamClosedError: After ``close``.
        """
        with self._lock:
            if self._lifecycle.over:
                error = self._lifecycle.writer_error()
                assert error is not None
                raise error
            if position is None and self._overflow != "error":
                frames = self._intake.take(audio)
            else:
                frames = self._take_in(audio, position)
            for frame in frames:
                self._deliver(frame)
        if self._callback is not None:
            self._call_back()

    def end(self) -> None:
        """There is no more audio; readers get what is left, then `EndOfStreamError`. Twice is harmless."""
        with self._lock:
            if not self._lifecycle.over:
                self._flush()
                self._lifecycle.end()
                self._wake_all()
        self._call_back()

    def fail(self, error: BaseException) -> None:
        """The call broke; readers get what is left, then `StreamFailedError` with this cause.

        Does nothing on a stream that is over already.
        """
        with self._lock:
            if not self._lifecycle.over:
                self._flush()
                self._lifecycle.fail(error)
                self._wake_all()
        self._call_back()

    # The program's end; the verbs of a reader come beside these.

    def tap(self, capacity_ms: float | None = None, *, fill_gaps: bool = False) -> AudioReader:
        """Another reader of the same audio from here on, such as a recorder or captions.

        A tap that is read too slowly loses its own oldest audio, counted, and disturbs
        nobody. Closing it leaves the stream as it was.

        Args:
            capacity_ms: How much unread audio it keeps; None for as much as the stream.
            fill_gaps: Whether it is given silence for holes.

        Raises:
            ConfigurationError: ``capacity_ms`` is less than a frame.
        """
        capacity = self._buffer.capacity
        if capacity_ms is not None:
            _, capacity = checked_sizes(self._format, self.frame_ms, capacity_ms)
        with self._lock:
            tap = _Tap(self, capacity, fill_gaps=fill_gaps)
            if not self._lifecycle.over:
                self._taps.append(tap)
        return tap

    def on_frame(
        self,
        callback: Callable[[AudioFrame], object],
        *,
        on_over: Callable[[StreamError], object] | None = None,
    ) -> None:
        """Give every frame to a callback instead of ``recv``.

        It is called in the thread that pushes, one frame at a time and in order; frames
        that are unread already come with the next push. A callback that raises fails the
        stream with what it raised.

        Args:
            callback: Gets each frame; must not wait.
            on_over: Called once, when no frame will come any more, with what ``recv``
                would raise.

        Raises:
            StreamUseError: There is a callback already, or somebody waits in ``recv``.
        """
        with self._lock:
            if self._callback is not None:
                raise StreamUseError(
                    "on_frame was called before; a stream has one callback (tap has more)"
                )
            if self._buffer.readers:
                raise StreamUseError(
                    "somebody waits in recv; a stream gives its frames to one or the other"
                )
            self._callback, self._on_over = callback, on_over

    def close(self) -> None:
        """Drop what is unread and end both sides, now; everything then raises `StreamClosedError`. Twice is harmless."""
        with self._lock:
            if not self._lifecycle.closed:
                self._drop_unread()
                self._discarded += self._intake.clear()
                self._lifecycle.close()
                for tap in self._taps:
                    tap._drop_unread()
                self._wake_all()
        self._call_back()

    @property
    def stats(self) -> InboundStats:
        """What became of the audio so far."""
        ms = self._format.duration_ms
        with self._lock:
            return InboundStats(
                buffered_ms=ms(self._buffer.samples + self._intake.pending_samples),
                frames=self._frames_read,
                overrun_ms=ms(self._overrun),
                filled_ms=ms(self._filled),
                discarded_ms=ms(self._discarded),
                position=self._intake.end,
                gaps=self._gaps,
                gap_ms=ms(self._gap),
                late_ms=ms(self._late),
            )

    # The rest runs under the lock, but for `_call_back`.

    def _take_in(self, audio: Audio, position: int | None) -> Sequence[AudioFrame]:
        """Frames out of audio that is not simply the next frame."""
        data, layout, source = as_payload(audio, self._format)
        if self._overflow == "error":
            self._refuse_overflow(len(data) // layout.bytes_per_instant, layout)
        frames: Sequence[AudioFrame] = ()
        if position is not None:
            ahead = position - self._intake.end
            if self._intake.converting and abs(self._format.duration_ms(ahead)) < _ROUNDING_MS:
                ahead = 0
            if ahead < 0:
                data = self._cut_late(data, layout, -ahead)
            elif ahead > 0 and data:
                frames = self._intake.flush(pad=False, source=source)
                # A converter gives its tail up here, which may reach into the hole.
                ahead = max(0, position - self._intake.position)
                self._intake.skip_to(self._intake.position + ahead)
                self._gaps += 1
                self._gap += ahead
        return [*frames, *self._intake.add(data, layout, source)]

    def _refuse_overflow(self, samples: int, format: AudioFormat) -> None:
        arriving_ms = format.duration_ms(samples)
        room = self._buffer.capacity - self._buffer.samples
        if self._format.samples(arriving_ms) > room:
            raise StreamOverflowError(self._format.duration_ms(self._buffer.capacity), arriving_ms)

    def _cut_late(
        self, data: bytes | memoryview, format: AudioFormat, late: int
    ) -> bytes | memoryview:
        """Without what belongs to media time that has passed."""
        available = self._format.samples(format.duration_ms(len(data) // format.bytes_per_instant))
        self._late += min(late, available)
        return data[format.samples(self._format.duration_ms(late)) * format.bytes_per_instant :]

    def _deliver(self, frame: AudioFrame) -> None:
        """Give a frame to every reader; what has no room goes by the policy."""
        buffer = self._buffer
        if (
            self._overflow == "drop_newest"
            and buffer.samples + frame._samples_per_channel > buffer.capacity
        ):
            self._overrun += frame._samples_per_channel
        else:
            self._offer(frame)
        for tap in self._taps:
            tap._offer(frame)

    def _flush(self) -> None:
        for frame in self._intake.flush(pad=False):
            self._deliver(frame)

    def _wake_all(self) -> None:
        self._buffer.wake_everybody()
        for tap in self._taps:
            tap._buffer.wake_everybody()

    def _call_back(self) -> None:
        """Give frames to the callback, one thread at a time, until none is left.

        A thread that finds another at it leaves its frames to that one, so pushing never
        waits and the order is kept.
        """
        while True:
            with self._lock:
                if self._callback is None or self._calling_back:
                    return
                over: StreamError | None = None
                if self._buffer.frames:
                    frame = self._next_frame()
                else:
                    over = self._lifecycle.reader_error()
                    if over is None or self._on_over is None:
                        return
                    on_over, self._on_over = self._on_over, None
                self._calling_back = True
            try:
                if over is None:
                    self._callback(frame)
                else:
                    on_over(over)
            except Exception as error:  # noqa: BLE001 - whatever it is, the stream fails with it
                self._fail_by_callback(error)
            finally:
                self._calling_back = False

    def _fail_by_callback(self, error: Exception) -> None:
        with self._lock:
            if self._lifecycle.failure is None and not self._lifecycle.closed:
                self._drop_unread()
                self._lifecycle.fail(error)
                self._wake_all()


class _Tap(AudioReader):
    """A reader beside the stream's own, on the same lock; closing it closes only itself."""

    def __init__(self, stream: InboundAudioStream, capacity: int, *, fill_gaps: bool) -> None:
        super().__init__(
            stream._format,
            stream._frame_samples,
            FrameBuffer(capacity),
            stream._lifecycle,
            stream._lock,
            stream._clock,
            fill_gaps=fill_gaps,
            position=stream._intake.position,
        )
        self._stream = stream

    def close(self) -> None:
        """Stop reading, now; the stream and its other readers go on. Twice is harmless."""
        with self._lock:
            self._drop_unread()
            if self in self._stream._taps:
                self._stream._taps.remove(self)
            self._lifecycle = Lifecycle()
            self._lifecycle.close()
            self._buffer.wake_everybody()


def checked_sizes(format: AudioFormat, frame_ms: float, capacity_ms: float) -> tuple[int, int]:
    """Samples per frame and samples of capacity.

    Raises:
        ConfigurationError: A frame of less than 2.5 or more than 1000 ms, or a capacity
            of less than a frame or more than an hour.
    """
    if not 2.5 <= frame_ms <= 1_000:
        raise ConfigurationError("frame_ms", f"2.5 to 1000, not {frame_ms}")
    if not frame_ms <= capacity_ms <= 3_600_000:
        raise ConfigurationError(
            "capacity_ms", f"{frame_ms:g} (a frame) to 3600000 (an hour), not {capacity_ms}"
        )
    return format.samples(frame_ms), format.samples(capacity_ms)


__all__ = ["InboundAudioStream", "InboundStats", "Overflow"]
