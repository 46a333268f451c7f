"""The audio that a call brings to the program."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

from rawmedia.audio.format import DEFAULT_FRAME_MS, SPEECH, AudioFormat
from rawmedia.errors import (
    ConfigurationError,
    PayloadError,
    StreamOverflowError,
    StreamUseError,
)
from rawmedia.streams.buffer import FrameBuffer, Lifecycle, checked_capacity, checked_frame
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.intake import Intake, as_payload
from rawmedia.streams.reader import AudioReader, ReaderStats

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.errors import StreamError
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.intake import Audio

Overflow = Literal["drop_oldest", "drop_newest", "error"]
"""What a push does when nobody reads: lose the oldest audio, lose the new, or raise."""


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
        format: What ``recv`` gives; pushed audio of another format is converted, and of
            another rate sounds up to 3 ms late for it.
        frame_ms: Length of a received frame, 2.5 to 1000.
        capacity_ms: How much unread audio is kept, at least a frame.
        overflow: What to do with audio beyond that; every lost millisecond is counted.
        fill_gaps: Whether ``recv`` gives silence for holes in what was pushed, at most
            ``capacity_ms`` of it for each, marked as filler. Otherwise, and beyond, and
            for audio that went unread, the next frame's ``position`` is ahead.
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
        frame_samples = checked_frame(format, frame_ms)
        capacity = checked_capacity(format, frame_samples, capacity_ms)
        super().__init__(
            format,
            frame_samples,
            FrameBuffer(capacity),
            Lifecycle(),
            threading.RLock(),  # reentrant for the reason that `AudioWriter` gives
            clock,
            fill_gaps=fill_gaps,
        )
        self._overflow = overflow
        self._losing = False
        self._intake = Intake(format, frame_samples, source, prompt=True)
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
            UnsupportedFormatError: No resampler goes from its rate to the stream's; likewise.
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
            frame = None
            if type(audio) is bytes and position is None and self._overflow != "error":
                frame = self._intake.take_whole(audio)
            if frame is not None:
                self._deliver(frame)
            else:
                self._take_in(audio, position)
        if self._callback is not None:
            self._call_back()

    def end(self) -> None:
        """There is no more audio; readers get what is left, then `EndOfStreamError`. Twice is harmless."""
        with self._lock:
            if not self._lifecycle.over:
                self._deliver_rest()
                self._lifecycle.end()
                self._wake_all()
        self._call_back()

    def fail(self, error: BaseException) -> None:
        """The call broke; readers get what is left, then `StreamFailedError` with this cause.

        Does nothing on a stream that is over already.
        """
        with self._lock:
            if not self._lifecycle.over:
                self._deliver_rest()
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
            capacity = checked_capacity(self._format, self._frame_samples, capacity_ms)
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
        that are unread already come with the next push, or at once when there will be
        none. A callback that raises fails the stream with what it raised.

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
        if self._lifecycle.over:
            self._call_back()

    def close(self) -> None:
        """Drop what is unread and end both sides, now; everything then raises `StreamClosedError`. Twice is harmless."""
        with self._lock:
            if not self._lifecycle.closed:
                self._lifecycle.close()
                self._drop_everything()
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

    def _take_in(self, audio: Audio, position: int | None) -> None:
        """Take audio that is not simply the next frame."""
        intake, overflow_raises = self._intake, self._overflow == "error"
        if position is not None and type(position) is not int:
            raise PayloadError("a position in whole samples", repr(position))
        if position is None and not overflow_raises:
            frames = intake.take(audio)
        else:
            data, layout, source = as_payload(audio, self._format)
            ahead = position - intake.end if position is not None and len(data) else 0
            if abs(ahead) <= intake.slack:
                ahead = 0
            late = max(0, -ahead)
            unheard = data[
                late * layout.sample_rate // self._format.sample_rate * layout.bytes_per_instant :
            ]
            if overflow_raises:
                self._refuse_overflow(self._scaled(unheard, layout), after_gap=ahead > 0)
            self._late += min(late, self._scaled(data, layout))
            if ahead > 0:
                self._leave_gap(intake.end + ahead, source)
            frames = intake.add(unheard, layout, source)
        for frame in frames:
            self._deliver(frame)

    def _scaled(self, data: bytes | memoryview, layout: AudioFormat) -> int:
        """How many samples of the stream's format some audio makes, rounded up."""
        samples = len(data) // layout.bytes_per_instant
        return -(-samples * self._format.sample_rate // layout.sample_rate)

    def _refuse_overflow(self, arriving: int, *, after_gap: bool) -> None:
        """Raise when the frames that this audio completes have no room."""
        pending, frame = self._intake.pending_samples, self._frame_samples
        if after_gap:
            complete = pending + arriving // frame * frame
        else:
            complete = (pending + arriving) // frame * frame
        if self._buffer.samples + complete > self._buffer.capacity:
            ms = self._format.duration_ms
            raise StreamOverflowError(ms(self._buffer.capacity), ms(arriving))

    def _leave_gap(self, position: int, source: str | None) -> None:
        """Let the next audio start ahead; what waits for its frame to fill leaves as it is."""
        for frame in self._intake.flush(pad=False, source=source):
            self._deliver(frame)
        # A converter gives its tail up here, which reaches into the hole.
        gap = max(0, position - self._intake.position)
        self._intake.skip_to(self._intake.position + gap)
        self._gaps += 1
        self._gap += gap

    def _deliver(self, frame: AudioFrame) -> None:
        """Give a frame to every reader; what has no room goes by the policy."""
        if self._overflow == "drop_oldest":
            self._offer(frame)
        elif self._overflow == "drop_newest":
            self._offer_or_drop(frame)
        else:
            # What has no room was refused, but for the 3 ms that a converter gives up when a
            # stretch of audio ends.
            self._buffer.put(frame)
        for tap in self._taps:
            tap._offer(frame)

    def _offer_or_drop(self, frame: AudioFrame) -> None:
        buffer = self._buffer
        if buffer.samples + frame._samples_per_channel > buffer.capacity:
            self._overrun += frame._samples_per_channel
            self._losing = True
            return
        if self._losing and self._fill_gaps:
            self._after_loss.append(frame._position)
        self._losing = False
        buffer.put(frame)

    def _deliver_rest(self) -> None:
        """Give out what is unfinished; it was held beside the capacity, and it stays beside it."""
        for frame in self._intake.flush(pad=False):
            self._buffer.put(frame)
            for tap in self._taps:
                tap._buffer.put(frame)

    def _drop_everything(self) -> None:
        self._drop_unread()
        self._discarded += self._intake.clear()
        for tap in self._taps:
            tap._drop_unread()

    def _wake_all(self) -> None:
        self._buffer.wake_everybody()
        for tap in self._taps:
            tap._buffer.wake_everybody()

    def _call_back(self) -> None:
        """Give frames to the callback, one thread at a time, until none is left.

        A thread that finds another at it leaves its frames to that one, so pushing never
        waits and the order is kept.
        """
        while (call := self._next_call()) is not None:
            try:
                call()
            except Exception as error:  # noqa: BLE001 - whatever it is, the stream fails with it
                self._fail_by_callback(error)
            finally:
                self._calling_back = False

    def _next_call(self) -> Callable[[], object] | None:
        with self._lock:
            if self._callback is None or self._calling_back:
                return None
            if self._buffer.frames:
                self._calling_back = True
                return partial(self._callback, self._next_frame())
            over = self._lifecycle.reader_error()
            if over is None or self._on_over is None:
                return None
            on_over, self._on_over = self._on_over, None
            self._calling_back = True
            return partial(on_over, over)

    def _fail_by_callback(self, error: Exception) -> None:
        with self._lock:
            if self._lifecycle.failure is None and not self._lifecycle.closed:
                self._drop_unread()
                self._discarded += self._intake.clear()
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


__all__ = ["InboundAudioStream", "InboundStats", "Overflow"]
