"""The audio that the program gives to a call."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from rawmedia.audio.format import DEFAULT_FRAME_MS, SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import StreamUseError
from rawmedia.streams.buffer import FrameBuffer, Lifecycle
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.inbound import checked_sizes
from rawmedia.streams.intake import Intake, as_payload
from rawmedia.streams.pacing import Pacer
from rawmedia.streams.playout import Mark, MarkReached, Playout
from rawmedia.streams.sending import Drain, Send
from rawmedia.streams.waiting import wait_in_task, wait_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from rawmedia.errors import StreamError
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.intake import Audio

MAX_MARKS = 1_000
"""How many marks may wait at once."""


@dataclass(frozen=True, slots=True)
class OutboundStats:
    """What became of the audio of an outbound stream.

    Positions are samples per channel. ``sent_position`` counts what was accepted; the other
    two count on the wire, where silence between pieces of speech has its place too.
    """

    buffered_ms: float
    """Accepted and not pulled."""
    sent_position: int
    pulled_position: int
    played_position: int
    played_is_estimate: bool
    """True where nobody reported playout: computed from what was pulled."""
    underruns: int
    """How often the audio of an open segment ran out."""
    underrun_ms: float
    """Silence pulled inside open segments."""
    idle_ms: float
    """Silence pulled outside of them."""
    padded_ms: float
    """Silence that fills the last frames of segments."""
    cleared_ms: float
    """Accepted and dropped by ``clear``, ``fail`` or ``close`` before it was pulled."""
    stale_ms: float
    """Refused or dropped because it belonged to a cleared generation."""
    stalled_ms: float
    """Time on the clock that ``paced`` skipped because it came too late to catch up."""
    generation: int
    """How often the stream was cleared."""


class OutboundAudioStream:
    """The program's audio into a call: the program sends, a transport pulls.

    Both ends may be used from any thread and any event loop at once. Pulling never waits
    and always gives a whole frame; sending waits for room.

    Args:
        format: What ``pull`` gives; sent audio of another format is converted.
        frame_ms: Length of a pulled frame, 2.5 to 1000.
        capacity_ms: How much unpulled audio is kept before a send waits, at least a frame.
        playout_delay_ms: How long after the pull audio is heard, where the transport does
            not report it.
        clock: What timeouts and pacing are counted on.

    Raises:
        ConfigurationError: A number is out of range.
    """

    def __init__(
        self,
        format: AudioFormat = SPEECH,
        *,
        frame_ms: float = DEFAULT_FRAME_MS,
        capacity_ms: float = 2_000,
        playout_delay_ms: float = 0.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        frame_samples, capacity = checked_sizes(format, frame_ms, capacity_ms)
        self._format = format
        self._frame_samples = frame_samples
        self._lock = threading.Lock()
        self._clock = clock
        self._lifecycle = Lifecycle()
        self._buffer = FrameBuffer(capacity)
        self._intake = Intake(format, frame_samples)
        self._playout = Playout(playout_delay_ms / 1000)
        self._senders: deque[Send] = deque()
        self._silence = bytes(frame_samples * format.bytes_per_instant)
        self._generation = 0
        self._segment_open = False
        self._in_underrun = False
        self._on_clear: list[Callable[[], float | None]] = []
        self._on_mark: list[Callable[[str, int], object]] = []
        self._sent = self._sent_remainder = 0
        self._underruns = self._underrun = self._idle = 0
        self._padded = self._cleared = self._stale = 0
        self._stalled_s = 0.0

    @property
    def format(self) -> AudioFormat:
        """What every pulled frame is in."""
        return self._format

    @property
    def frame_ms(self) -> float:
        """How long a pulled frame lasts."""
        return self._format.duration_ms(self._frame_samples)

    @property
    def generation(self) -> int:
        """How often the stream was cleared; give it to ``send`` to be dropped after the next clear."""
        return self._generation

    @property
    def sent_position(self) -> int:
        """Samples per channel accepted so far, in the stream's format."""
        return self._sent

    # The program's end.

    def send(
        self, audio: Audio, timeout: float | None = None, *, generation: int | None = None
    ) -> int:
        """Send audio of any length, blocking this thread until all of it has room.

        Args:
            audio: A frame of any format, or interleaved int16 samples in the stream's own.
            timeout: Seconds on the stream's clock, 0 to only try, None for no limit.
            generation: The generation the audio belongs to; when the stream was cleared
                since, the audio is dropped and counted as stale.

        Returns:
            Samples per channel accepted, in the audio's own rate: all of them, but for
            what a ``clear`` cut off.

        Raises:
            StreamTimeoutError: Not all had room in time; ``accepted_samples`` had.
            PayloadError: Not whole samples, or an array of the wrong kind; nothing was taken.
            StreamEndedError: After ``end``.
            StreamFailedError: The transport failed.
            StreamClosedError: The stream was closed.
            ClockError: It would wait, and the clock is virtual.
        """
        send = self._begin_send(audio, generation)
        return (
            send
            if isinstance(send, int)
            else wait_in_thread(self._lock, self._clock, send, timeout)
        )

    async def asend(
        self, audio: Audio, timeout: float | None = None, *, generation: int | None = None
    ) -> int:
        """Send audio of any length, suspending this task until all of it has room.

        As ``send``. Cancelling keeps what was accepted: ``accepted_samples`` on the
        ``CancelledError`` and the stream's ``sent_position`` say how much that was.
        """
        send = self._begin_send(audio, generation)
        return (
            send
            if isinstance(send, int)
            else await wait_in_task(self._lock, self._clock, send, timeout)
        )

    def end_segment(self) -> None:
        """What was sent so far is one piece of speech: its tail is padded and leaves.

        Silence that is pulled from here to the next send is idle time, not an underrun.
        Does nothing on a stream that is over.
        """
        with self._lock:
            if not self._lifecycle.over:
                self._close_segment()

    def end(self) -> None:
        """No more audio will be sent; what is left plays out. Twice is harmless.

        A send that waits in another thread or task raises `StreamEndedError`.
        """
        with self._lock:
            if not self._lifecycle.over:
                self._close_segment()
                self._lifecycle.end()
                self._buffer.wake_everybody()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all that was sent has been played, blocking this thread; ends the segment.

        Args:
            timeout: Seconds on the stream's clock, 0 to only look, None for no limit.

        Returns:
            Whether it was played; False when it was cleared instead.

        Raises:
            StreamTimeoutError: It took longer.
            StreamFailedError: The transport failed before.
            StreamClosedError: The stream was closed before.
            ClockError: It would wait, and the clock is virtual.
        """
        played = wait_in_thread(self._lock, self._clock, self._begin_drain(), timeout)
        self._settle()
        return played

    async def adrain(self, timeout: float | None = None) -> bool:
        """Wait until all that was sent has been played; as ``drain``. Cancelling changes nothing."""
        played = await wait_in_task(self._lock, self._clock, self._begin_drain(), timeout)
        self._settle()
        return played

    def clear(self) -> float:
        """Drop what is unplayed and begin a new ``generation``.

        A send that waits returns with its remainder dropped, a drain returns False, marks
        call back as cleared. The transport is told, so that the platform drops what it
        has not played; where it can't, what was pulled before is still heard.

        Returns:
            Milliseconds dropped: here, and on the platform where that says how much.
        """
        with self._lock:
            listeners = tuple(self._on_clear)
            dropped_ms = self._format.duration_ms(self._drop_queued())
            self._generation += 1
            marks = self._playout.clear(self._intake.position, downstream=bool(listeners))
            reached = self._reached(marks, cleared=True)
            self._buffer.queuers.wake_all()
            self._buffer.drainers.wake_all()
        for listener in listeners:
            dropped_ms += self._call(listener) or 0.0
        self._tell(reached)
        return dropped_ms

    def mark(self, name: str, callback: Callable[[MarkReached], object]) -> None:
        """Call back when playout reaches what has been sent so far, or when that is cleared.

        The call comes in the thread that pulls, reports playout or clears, after the
        stream's lock was released; it must not wait. A callback that raises fails the stream.

        Args:
            name: How the transport and the callback know it.
            callback: Gets a `MarkReached`, once.

        Raises:
            StreamUseError: `MAX_MARKS` marks wait already.
            StreamClosedError: The stream was closed.
            StreamFailedError: The transport failed.
        """
        with self._lock:
            error = self._lifecycle.writer_error()
            if error is not None and not self._lifecycle.ended:
                raise error
            if self._playout.marks >= MAX_MARKS:
                raise StreamUseError(
                    f"{MAX_MARKS} marks wait to be played; the transport may have stopped"
                )
            left = self._playout.add_mark(Mark(name, self._intake.end, callback))
        self._announce(left)
        self._settle()

    # The transport's end.

    def pull(self) -> AudioFrame:
        """Take exactly one frame; never waits.

        With nothing queued it is silence marked as filler. ``position`` counts on the
        wire: every pulled sample, silence included.

        Raises:
            EndOfStreamError: After ``end``, when all was pulled.
            StreamFailedError: The stream failed.
            StreamClosedError: The stream was closed.
        """
        with self._lock:
            playout = self._playout
            if self._buffer.frames:
                position = playout.pulled
                frame = self._buffer.take()
                if frame._position != position:
                    frame = frame.at(position)
                marks = self._count_pulled(frame)
            else:
                frame = self._pull_silence()
                marks = []
        if marks or playout._sent_marks:
            self._announce(marks)
            self._settle()
        return frame

    def paced(self, *, lead_ms: float = 0.0, catch_up_ms: float = 200.0) -> Pacer:
        """Frames as the clock makes them due, for ``async for``; ends when the stream has ended.

        Frame n is due n frames after the first, however long the others took: the pace
        does not drift.

        Args:
            lead_ms: How much earlier than due frames are given, after the first.
            catch_up_ms: How far behind the clock it may fall and still give every missed
                frame at once; beyond that the time is skipped and counted as stalled.
        """
        return Pacer(self, lead_ms / 1000, catch_up_ms / 1000)

    def on_clear(self, callback: Callable[[], float | None]) -> None:
        """Tell the transport of every ``clear``, so that the platform drops what it holds.

        The callback may return how many milliseconds that was. It is called in the thread
        that clears.
        """
        self._on_clear.append(callback)

    def on_mark(self, callback: Callable[[str, int], object]) -> None:
        """Tell the transport the name and wire position of every mark whose audio was pulled.

        It is called in the thread that pulls, before ``pull`` returns the frame.
        """
        self._on_mark.append(callback)

    def report_played(self, position: int) -> None:
        """The platform has played everything before ``position`` on the wire.

        From the first report on, nothing is estimated. A position behind an earlier
        report, or ahead of what was pulled, counts as that.
        """
        with self._lock:
            self._playout.report(position)
            self._buffer.drainers.wake_all()
        self._settle()

    def fail(self, error: BaseException) -> None:
        """The transport broke; sends and drains raise `StreamFailedError` with this cause.

        What is queued is dropped and counted. Does nothing on a stream that is closed or
        has failed already.
        """
        with self._lock:
            if self._lifecycle.closed or self._lifecycle.failure is not None:
                return
            self._lifecycle.fail(error)
            reached = self._abort()
        self._tell(reached)

    # Both ends.

    def close(self) -> None:
        """Drop what is unplayed and end both sides, now; everything then raises `StreamClosedError`. Twice is harmless."""
        with self._lock:
            if self._lifecycle.closed:
                return
            self._lifecycle.close()
            reached = self._abort()
        self._tell(reached)

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
    def stats(self) -> OutboundStats:
        """What became of the audio so far."""
        ms = self._format.duration_ms
        with self._lock:
            playout = self._playout
            return OutboundStats(
                buffered_ms=ms(self._buffer.samples + self._intake.pending_samples),
                sent_position=self._sent,
                pulled_position=playout.pulled,
                played_position=playout.played(self._clock.now()),
                played_is_estimate=playout.estimated,
                underruns=self._underruns,
                underrun_ms=ms(self._underrun),
                idle_ms=ms(self._idle),
                padded_ms=ms(self._padded),
                cleared_ms=ms(self._cleared),
                stale_ms=ms(self._stale),
                stalled_ms=self._stalled_s * 1000,
                generation=self._generation,
            )

    # Sending, under the lock from the second method on.

    def _begin_send(self, audio: Audio, generation: int | None) -> int | Send:
        """All of it if it has room now, else what is to wait."""
        with self._lock:
            if self._lifecycle.over:
                raise self._refusal(0)
            if (
                type(audio) is bytes
                and len(audio) == len(self._silence)
                and generation is None
                and not self._senders
                and self._room() >= self._frame_samples
            ):  # the frame path
                self._store(self._intake.take(audio))
                self._sent += self._frame_samples
                return self._frame_samples
            data, layout, source = as_payload(audio, self._format)
            samples = len(data) // layout.bytes_per_instant
            if generation is not None and generation != self._generation:
                self._stale += self._scaled(samples, layout)
                return 0
            if not self._senders and self._scaled(samples, layout) <= self._room():
                self._store(self._intake.take(audio))
                self._count_sent(samples, layout)
                return samples
            send = Send(self, data, layout, source)
            self._senders.append(send)
            return send

    def _store(self, frames: Iterable[AudioFrame]) -> None:
        for frame in frames:
            self._deliver(frame)
        self._segment_open = True

    def _deliver(self, frame: AudioFrame) -> None:
        self._buffer.put(frame)

    def _room(self) -> int:
        buffer = self._buffer
        return buffer.capacity - buffer.samples - self._intake.pending_samples

    def _scaled(self, samples: int, layout: AudioFormat) -> int:
        """How many samples of the stream so many of another format make, rounded up."""
        if layout is self._format:
            return samples
        return -(-samples * self._format.sample_rate // layout.sample_rate)

    def _count_sent(self, samples: int, layout: AudioFormat) -> None:
        if layout.sample_rate == self._format.sample_rate:
            self._sent += samples
            return
        whole, self._sent_remainder = divmod(
            samples * self._format.sample_rate + self._sent_remainder, layout.sample_rate
        )
        self._sent += whole

    def _refusal(self, accepted: int) -> StreamError:
        error = self._lifecycle.writer_error()
        assert error is not None
        error.accepted_samples = accepted
        return error

    def _close_segment(self) -> None:
        for frame in self._intake.flush(pad=False):
            missing = self._frame_samples - frame.samples_per_channel
            if missing:
                self._padded += missing
                padded = bytes(frame.data) + bytes(missing * self._format.bytes_per_instant)
                frame = AudioFrame(padded, self._format, frame.position, frame.source)
                self._intake.skip_to(frame.end)
            self._deliver(frame)
        self._segment_open = False

    # Pulling and playing, under the lock but for the last three.

    def _pull_silence(self) -> AudioFrame:
        error = self._lifecycle.reader_error()
        if error is not None:
            raise error
        samples = self._frame_samples
        if self._segment_open:
            self._underrun += samples
            self._underruns += not self._in_underrun
            self._in_underrun = True
        else:
            self._idle += samples
        frame = AudioFrame(self._silence, self._format, self._playout.pulled, filler=True)
        if self._playout.delayed:
            self._playout.note_pull(samples, self._clock.now())
        self._playout.pulled += samples
        return frame

    def _count_pulled(self, frame: AudioFrame) -> list[Mark]:
        self._in_underrun = False
        if self._playout.delayed:
            self._playout.note_pull(frame._samples_per_channel, self._clock.now())
        marks = self._playout.pull(frame._samples_per_channel)
        if not self._buffer.frames and self._buffer.drainers._waiters:
            self._buffer.drainers.wake_all()
        return marks

    def _begin_drain(self) -> Drain:
        with self._lock:
            if not self._lifecycle.over:
                self._close_segment()
            return Drain(self)

    def _drop_queued(self) -> int:
        dropped = self._buffer.clear() + self._intake.clear()
        self._cleared += dropped
        self._segment_open = self._in_underrun = False
        return dropped

    def _abort(self) -> list[tuple[Mark, MarkReached]]:
        self._drop_queued()
        self._buffer.wake_everybody()
        return self._reached(
            self._playout.clear(self._intake.position, downstream=True), cleared=True
        )

    def _reached(self, marks: Iterable[Mark], *, cleared: bool) -> list[tuple[Mark, MarkReached]]:
        playout = self._playout
        return [
            (
                mark,
                MarkReached(
                    mark.name,
                    cleared,
                    playout.pulled if mark.wire < 0 else mark.wire,
                    playout.estimated,
                ),
            )
            for mark in marks
        ]

    def _announce(self, marks: Iterable[Mark]) -> None:
        """Tell the transport of marks whose audio leaves."""
        for mark in marks:
            for listener in self._on_mark:
                self._call(partial(listener, mark.name, mark.wire))

    def _settle(self) -> None:
        """Tell the program of marks that have been heard."""
        with self._lock:
            reached = self._reached(self._playout.heard_marks(self._clock.now()), cleared=False)
        self._tell(reached)

    def _tell(self, reached: Iterable[tuple[Mark, MarkReached]]) -> None:
        for mark, what in reached:
            self._call(partial(mark.callback, what))

    def _call(self, callback: Callable[[], object]) -> float | None:
        """Call back; whatever it raises fails the stream."""
        try:
            result = callback()
        except Exception as error:  # noqa: BLE001
            self.fail(error)
            return None
        return result if isinstance(result, (int, float)) else None


__all__ = ["MAX_MARKS", "OutboundAudioStream", "OutboundStats"]
