"""The program's end of an outbound stream: to send, and to learn what became of it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Self

from rawmedia.errors import ConfigurationError, EndOfStreamError, StreamUseError
from rawmedia.streams.buffer import FrameBuffer, Lifecycle, checked_capacity, checked_frame
from rawmedia.streams.intake import Intake, as_payload
from rawmedia.streams.playout import MAX_MARKS, Mark, MarkReached, Playout
from rawmedia.streams.sending import Drain, Send
from rawmedia.streams.waiting import wait_in_task, wait_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.errors import StreamError
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.intake import Audio
    from rawmedia.streams.playout import Waypoint

MAX_PLAYOUT_DELAY_MS = 60_000


def checked_playout_delay(delay_ms: float) -> float:
    """The delay, if it can be one.

    Raises:
        ConfigurationError: It is out of range.
    """
    if not 0 <= delay_ms <= MAX_PLAYOUT_DELAY_MS:
        raise ConfigurationError("playout_delay_ms", f"0 to {MAX_PLAYOUT_DELAY_MS}, not {delay_ms}")
    return delay_ms


class AudioWriter(ABC):
    """What a program does with an outbound stream, whoever carries the audio away."""

    def __init__(
        self,
        format: AudioFormat,
        frame_ms: float,
        capacity_ms: float,
        playout_delay_ms: float,
        clock: Clock,
    ) -> None:
        self._format = format
        self._frame_samples = checked_frame(format, frame_ms)
        # Reentrant, so that what runs in the midst of anything (a signal handler that closes
        # the stream, the garbage collector ending a forgotten task) can't deadlock with the
        # thread that it interrupts.
        self._lock = threading.RLock()
        self._clock = clock
        self._lifecycle = Lifecycle()
        self._buffer = FrameBuffer(checked_capacity(format, self._frame_samples, capacity_ms))
        self._intake = Intake(format, self._frame_samples)
        self._playout = Playout(checked_playout_delay(playout_delay_ms) / 1000)
        self._senders: deque[Send] = deque()
        self._generation = 0
        self._clearing = 0
        self._segment_open = False
        self._sent = self._padded = self._cleared = self._stale = 0

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
        """How long a frame lasts."""
        return self._format.duration_ms(self._frame_samples)

    @property
    def generation(self) -> int:
        """How often the stream was cleared; give it to ``send`` to be dropped after the next clear."""
        return self._generation

    @property
    def sent_position(self) -> int:
        """Samples per channel accepted so far, in the stream's format."""
        return self._sent

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
            UnsupportedFormatError: No resampler goes from its rate to the stream's; likewise.
            StreamEndedError: After ``end``.
            StreamFailedError: The transport failed.
            StreamClosedError: The stream was closed.
            ClockError: It would wait, and the clock is virtual.
        """
        send = self._begin_send(audio, generation)
        if isinstance(send, int):
            return send
        try:
            return wait_in_thread(self._lock, self._clock, send, timeout, pause=self._hand_over)
        finally:
            self._hand_over()

    async def asend(
        self, audio: Audio, timeout: float | None = None, *, generation: int | None = None
    ) -> int:
        """Send audio of any length, suspending this task until all of it has room.

        As ``send``. Cancelling keeps what was accepted: ``accepted_samples`` on the
        ``CancelledError`` and the stream's ``sent_position`` say how much that was.
        """
        send = self._begin_send(audio, generation)
        if isinstance(send, int):
            return send
        try:
            return await wait_in_task(self._lock, self._clock, send, timeout, pause=self._hand_over)
        finally:
            self._hand_over()

    def end_segment(self) -> None:
        """What was sent so far is one piece of speech: its tail is padded and leaves.

        Silence that is pulled from here to the next send is idle time, not an underrun.
        Does nothing on a stream that is over.
        """
        with self._lock:
            if not self._lifecycle.over:
                self._close_segment()
        self._hand_over()

    def end(self) -> None:
        """No more audio will be sent; what is left plays out. Twice is harmless.

        A send that waits in another thread or task raises `StreamEndedError`.
        """
        with self._lock:
            if not self._lifecycle.over:
                self._close_segment()
                self._lifecycle.end()
                self._wake_all()
        self._hand_over()

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
        has not played, before any audio of the new generation can be pulled; where it
        can't drop anything, what was pulled before is still heard. Does nothing on a
        stream that is closed or has failed.

        Returns:
            Milliseconds dropped: here, and on the platform where that says how much.
        """
        with self._lock:
            if self._is_dead():
                return 0.0
            dropped_ms = self._format.duration_ms(self._drop_queued())
            self._generation += 1
            calls = self._arrivals(self._playout.heard(self._clock.now()), cleared=False)
            dropped = self._playout.clear(
                self._intake.position, downstream=self._clears_downstream()
            )
            calls += self._arrivals(dropped, cleared=True)
            self._clearing += 1
        try:
            dropped_ms += self._clear_downstream()
        finally:
            with self._lock:
                self._clearing -= 1
                self._buffer.readers.wake_all()  # who waits to pull has something to pass on
        self._call(*calls)
        return dropped_ms

    def mark(self, name: str, callback: Callable[[MarkReached], object]) -> None:
        """Call back when playout reaches what has been sent so far, or when that is cleared.

        The call comes in the thread that pulls, reports playout or clears, or in this one
        when all was played already; after the stream's lock was released. It must not
        wait. A callback that raises fails the stream.

        Args:
            name: How the transport and the callback know it.
            callback: Gets a `MarkReached`, once.

        Raises:
            StreamUseError: `MAX_MARKS` marks wait already.
            StreamClosedError: The stream was closed.
            StreamFailedError: The transport failed.
        """
        with self._lock:
            self._check_alive()
            if self._playout.waypoints >= MAX_MARKS:
                raise StreamUseError(
                    f"{MAX_MARKS} marks wait to be played; the transport may have stopped"
                )
            self._mark_place(Mark(name, self._intake.end, callback))
        self._settle()

    # Both ends.

    def fail(self, error: BaseException) -> None:
        """The transport broke; sends and drains raise `StreamFailedError` with this cause.

        What is queued is dropped and counted. Does nothing on a stream that is closed or
        has failed already.
        """
        with self._lock:
            if self._is_dead():
                return
            self._lifecycle.fail(error)
            calls = self._abort()
        self._call(*calls)
        self._hand_over()

    def close(self) -> None:
        """Drop what is unplayed and end both sides, now; everything then raises `StreamClosedError`. Twice is harmless."""
        with self._lock:
            if self._lifecycle.closed:
                return
            self._lifecycle.close()
            calls = self._abort()
        self._call(*calls)
        self._hand_over()

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

    # What whoever carries the audio has to do with it.

    @abstractmethod
    def _clears_downstream(self) -> bool:
        """Whether what was pulled and not heard is dropped by a clear, too. Under the lock."""

    @abstractmethod
    def _clear_downstream(self) -> float:
        """Have that dropped; returns how many milliseconds it was."""

    @abstractmethod
    def _announce(self, mark: Mark) -> None:
        """Tell the transport of a mark whose audio has left."""

    @abstractmethod
    def _hand_over(self) -> None:
        """Audio was added, or the stream is over, and the lock is free."""

    def _wake_all(self) -> None:
        self._buffer.wake_everybody()

    def _deliver(self, frame: AudioFrame) -> None:
        self._buffer.put(frame)

    # Sending; under the lock, but for `_begin_send`.

    def _begin_send(self, audio: Audio, generation: int | None) -> int | Send:
        """All of it if it has room now, else what is to wait."""
        with self._lock:
            if self._lifecycle.over:
                raise self._refusal(0)
            if (
                type(audio) is bytes
                and generation is None
                and not self._senders
                and self._buffer.samples + self._frame_samples <= self._buffer.capacity
            ):  # the frame path
                frame = self._intake.take_whole(audio)
                if frame is not None:
                    self._deliver(frame)
                    self._segment_open = True
                    self._sent += self._frame_samples
                    return self._frame_samples
            data, layout, source = as_payload(audio, self._format)
            samples = len(data) // layout.bytes_per_instant
            if generation is not None and generation != self._generation:
                self._stale += self._scaled(samples, layout)
                return 0
            if not samples:
                return 0
            if not self._senders and self._scaled(samples, layout) <= self._room():
                before = self._intake.end
                self._store(self._intake.take(audio), before)
                return samples
            send = Send(self, data, layout, source)
            self._senders.append(send)
            return send

    def _store(self, frames: Iterable[AudioFrame], before: int) -> None:
        """Queue frames that the intake gave; ``before`` is where it ended before it did."""
        for frame in frames:
            self._deliver(frame)
        self._sent += self._intake.end - before
        self._segment_open = True

    def _room(self) -> int:
        """Samples that fit; at least one when no frame waits, so that a frame comes about.

        What a converter holds does not count, because only more audio moves it on.
        """
        buffer = self._buffer
        return buffer.capacity - buffer.samples - self._intake.unfinished_samples

    def _scaled(self, samples: int, layout: AudioFormat) -> int:
        """How many samples of the stream so many of another format make, rounded up."""
        return -(-samples * self._format.sample_rate // layout.sample_rate)

    def _is_dead(self) -> bool:
        return self._lifecycle.closed or self._lifecycle.failure is not None

    def _check_alive(self) -> None:
        error = self._lifecycle.reader_error()
        if error is not None and not isinstance(error, EndOfStreamError):
            raise error

    def _refusal(self, accepted: int) -> StreamError:
        error = self._lifecycle.writer_error()
        assert error is not None
        error.accepted_samples = accepted
        return error

    def _close_segment(self) -> None:
        end = self._intake.end
        for frame in self._intake.flush(pad=True):
            self._deliver(frame)
        self._padded += self._intake.position - end
        self._segment_open = False

    # Following what was sent; under the lock, but for the last two.

    def _mark_place(self, mark: Mark) -> None:
        self._playout.follow(mark)

    def _begin_drain(self) -> Drain:
        with self._lock:
            self._check_alive()
            if not self._lifecycle.over:
                self._close_segment()
            drain = Drain(self)
            self._playout.follow(drain)
        self._hand_over()
        return drain

    def _drop_queued(self) -> int:
        dropped = self._buffer.clear() + self._intake.clear()
        self._cleared += dropped
        self._segment_open = False
        return dropped

    def _abort(self) -> list[Callable[[], object]]:
        """Drop everything; returns what to call when the lock is free."""
        now = self._clock.now()
        self._drop_queued()
        calls = self._arrivals(self._playout.heard(now), cleared=False)
        calls += self._arrivals(self._playout.abandon(now), cleared=True)
        self._wake_all()
        return calls

    def _arrivals(
        self, waypoints: Iterable[Waypoint], *, cleared: bool
    ) -> list[Callable[[], object]]:
        """Drains and marks that got where they wait for; returns what to call when the lock is free."""
        playout = self._playout
        calls: list[Callable[[], object]] = []
        for waypoint in waypoints:
            if isinstance(waypoint, Mark):
                position = playout.pulled if waypoint.wire < 0 else waypoint.wire
                reached = MarkReached(waypoint.name, cleared, position, playout.estimated)
                calls.append(partial(waypoint.callback, reached))
            elif isinstance(waypoint, Drain):
                waypoint.outcome = not cleared
                self._buffer.drainers.wake_all()
        return calls

    def _settle(self) -> None:
        """Tell the transport of marks whose audio has left, and the program of those that were heard."""
        with self._lock:
            leaving, self._playout.leaving = self._playout.leaving, []
            calls = self._arrivals(self._playout.heard(self._clock.now()), cleared=False)
        for mark in leaving:
            self._announce(mark)
        self._call(*calls)

    def _call(self, *callbacks: Callable[[], object]) -> list[object]:
        """Call back, and give what the calls returned; one that raises fails the stream."""
        results = []
        for callback in callbacks:
            try:
                results.append(callback())
            except Exception as error:  # noqa: BLE001 - whatever it is, the stream fails with it
                self.fail(error)
        return results


__all__ = ["MAX_PLAYOUT_DELAY_MS", "AudioWriter"]
