"""The audio that the program gives to a call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING

from rawmedia.audio.format import DEFAULT_FRAME_MS, SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, EndOfStreamError, StreamUseError
from rawmedia.streams.buffer import checked_capacity
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.pacing import Pacer
from rawmedia.streams.playout import MAX_MARKS
from rawmedia.streams.sending import Ready
from rawmedia.streams.source import OutboundSource, given_frame
from rawmedia.streams.waiting import wait_in_task
from rawmedia.streams.wire_tap import WireTap
from rawmedia.streams.writer import MAX_PLAYOUT_DELAY_MS, AudioWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.errors import StreamError
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.moving_timer import MovingTimer
    from rawmedia.streams.playout import Mark
    from rawmedia.streams.reader import AudioReader


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
    source_ms: float
    """Pulled that a source gave, which nobody had sent."""
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


class OutboundAudioStream(AudioWriter):
    """The program's audio into a call: the program sends, a transport pulls.

    Both ends may be used from any thread and any event loop at once. Pulling never waits
    and always gives a whole frame; sending waits for room.

    Args:
        format: What ``pull`` gives; sent audio of another format is converted.
        frame_ms: Length of a pulled frame, 2.5 to 1000.
        capacity_ms: How much unpulled audio is kept before a send waits, at least a frame.
        playout_delay_ms: How long after the pull audio is heard, where the transport does
            not report it; 0 to 60000.
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
        super().__init__(format, frame_ms, capacity_ms, playout_delay_ms, clock)
        self._silence = bytes(self._frame_samples * format.bytes_per_instant)
        self._on_clear: list[Callable[[], float | None]] = []
        self._on_mark: list[Callable[[str, int], object]] = []
        self._on_over: list[Callable[[StreamError], object]] = []
        self._in_underrun = False
        self._taps: list[WireTap] = []
        self._source: OutboundSource | None = None
        self._asking = 0  # the thread that the source is asked in
        self._underruns = self._underrun = self._idle = self._from_source = 0
        self._stalled_s = 0.0

    # The transport's end; the program's end, which comes beside it, is the writer's.

    def pull(self, heard_at: float | None = None) -> AudioFrame:
        """Take exactly one frame; never waits.

        With nothing queued it is what the source gives, or silence marked as filler.
        ``position`` counts on the wire: every pulled sample, silence included.

        Args:
            heard_at: When it begins to be heard, in seconds on the stream's clock, where the
                transport knows and the platform does not report it: one that sends some frames
                further ahead than others. None for ``playout_delay_ms`` from now. From then
                on the frame counts as played, but not before what was pulled before it.

        Raises:
            ConfigurationError: ``heard_at`` is no time, or more than a minute ahead; nothing was
                pulled.
            EndOfStreamError: After ``end``, when all that was sent was pulled.
            StreamFailedError: The stream failed.
            StreamClosedError: The stream was closed.
        """
        if (
            heard_at is not None
            and not (heard_at - self._clock.now()) * 1000 <= MAX_PLAYOUT_DELAY_MS
        ):
            raise ConfigurationError("heard_at", f"a minute ahead at most, not {heard_at}")
        try:
            with self._lock:
                source = None
                if self._buffer.frames and not self._clearing:
                    frame = self._next_frame(heard_at)
                elif self._source is None or self._clearing or self._lifecycle.over:
                    frame = self._silent_frame(heard_at)
                else:
                    source, generation = self._source, self._generation
            if source is not None:
                frame = self._frame_of(source, generation, heard_at)
        except EndOfStreamError:
            # What was pulled before may only now have been heard.
            self._settle()
            with self._lock:
                for tap in self._taps:
                    tap.end()
            raise
        if self._playout.on_wire:
            self._settle()
        if self._taps:
            with self._lock:
                for tap in self._taps:
                    tap.offer(frame)
        return frame

    def paced(self, *, lead_ms: float = 0.0, catch_up_ms: float = 200.0) -> Pacer:
        """Frames as the clock makes them due, for ``async for``; ends when the stream has ended.

        Frame n is due n frames after the first, however long the others took: the pace
        does not drift.

        Args:
            lead_ms: How much earlier than due frames are given, after the first.
            catch_up_ms: How far behind the clock it may fall and still give every missed
                frame at once; beyond that the time is skipped and counted as stalled.

        Raises:
            ConfigurationError: One of them is negative.
        """
        return Pacer(self, lead_ms, catch_up_ms)

    def on_clear(self, callback: Callable[[], float | None]) -> None:
        """Tell the transport of every ``clear``, so that the platform drops what it holds.

        The callback may return how many milliseconds that was. It is called in the thread
        that clears, and until it returns ``pull`` gives silence.
        """
        self._on_clear.append(callback)

    def on_mark(self, callback: Callable[[str, int], object]) -> None:
        """Tell the transport the name and wire position of every mark whose audio was pulled.

        It is called in the thread that pulls, before ``pull`` returns the frame; or in the
        thread that marks, when that was pulled before.
        """
        self._on_mark.append(callback)

    def on_over(self, callback: Callable[[StreamError], object]) -> None:
        """Call back once when the stream takes nothing any more, with what a send would raise.

        It comes in the thread that ends, fails or closes the stream, or in this one where that
        has happened; without the stream's lock. It must not raise.
        """
        with self._lock:
            error = self._lifecycle.writer_error()
            if error is None:
                self._on_over.append(callback)
        if error is not None:
            callback(error)

    def set_source(self, source: OutboundSource | None) -> None:
        """Have somebody asked for a frame whenever nothing that was sent is queued; None for nobody.

        What is sent goes first, and after `end` the source is not asked any more. `clear` drops
        what was sent and tells the transport; what the source gives after that is its own
        business, and a frame that it was making meanwhile is silent. `drain` does not wait
        for it. A source that raises, or gives anything but a whole frame, fails the stream.

        Raises:
            StreamUseError: There is another source; take that away first.
            StreamEndedError: After ``end``.
            StreamFailedError: The transport failed.
            StreamClosedError: The stream was closed.
        """
        with self._lock:
            if source is not None:
                error = self._lifecycle.writer_error()
                if error is not None:
                    raise error
                if self._source is not None and self._source is not source:
                    raise StreamUseError("this stream has a source; set None first")
            self._source = source

    @property
    def queued(self) -> bool:
        """Whether a whole frame that was sent waits to be pulled; what a source has does not count."""
        return bool(self._buffer.frames)

    @property
    def pending(self) -> bool:
        """Whether there is audio that nobody has pulled yet: a whole frame, or what a source has."""
        with self._lock:
            if self._buffer.frames:
                return True
            source = None if self._lifecycle.over else self._source
        if source is None:
            return False
        try:
            return source.pending
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream fails with it
            self.fail(error)
            return False

    async def aready(
        self, timeout: float | None = None, *, timer: MovingTimer | None = None
    ) -> None:
        """Wait until a frame that was sent can be pulled, or the stream is cleared meanwhile.

        For a transport that has no pace, or waits for what is late. Cancelling loses nothing. What a source has wakes nobody, so look at `pending` first,
        and now and then.

        Args:
            timeout: Seconds on the stream's clock, 0 to only look, None for no limit.
            timer: Of this caller alone, who waits for every frame; None for one that is made for the wait.

        Raises:
            StreamTimeoutError: There was none in time.
            EndOfStreamError: After ``end``, when all that was sent was pulled.
            StreamFailedError: The stream failed.
            StreamClosedError: The stream was closed.
        """
        await wait_in_task(self._lock, self._clock, Ready(self), timeout, timers=timer)

    def tap(self, capacity_ms: float | None = None) -> AudioReader:
        """A reader of all that is pulled from here on, silence included, such as a recorder.

        Its frames are those that `pull` gives, at their wire positions. Read too slowly, it
        loses its own oldest audio, counted, and disturbs nobody. It ends when ``pull`` says
        that the stream has ended; what it holds when the stream fails or is closed can still be
        read.

        Args:
            capacity_ms: How much unread audio it keeps; None for as much as the stream.

        Raises:
            ConfigurationError: ``capacity_ms`` is less than a frame.
        """
        capacity = self._buffer.capacity
        if capacity_ms is not None:
            capacity = checked_capacity(self._format, self._frame_samples, capacity_ms)
        with self._lock:
            return WireTap(
                self._taps,
                self._format,
                self._frame_samples,
                capacity,
                self._lifecycle,
                self._lock,
                self._clock,
                self._playout.pulled,
            )

    def report_played(self, position: int) -> None:
        """The platform has played everything before ``position`` on the wire.

        From the first report on, nothing is estimated. A position behind an earlier
        report, or ahead of what was pulled, counts as that.
        """
        with self._lock:
            self._playout.report(position)
        self._settle()

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
                source_ms=ms(self._from_source),
                padded_ms=ms(self._padded),
                cleared_ms=ms(self._cleared),
                stale_ms=ms(self._stale),
                stalled_ms=self._stalled_s * 1000,
                generation=self._generation,
            )

    # Under the lock.

    def _wake_all(self) -> None:
        super()._wake_all()
        for tap in self._taps:
            tap.wake()

    def _next_frame(self, heard_at: float | None) -> AudioFrame:
        """The oldest frame, which must be there, moved to its place on the wire."""
        playout = self._playout
        frame = self._buffer.take()
        # The intake made this object and nobody else has it, so it may still change.
        frame._position = playout.pulled
        playout.note_pull(self._frame_samples, self._clock, heard_at)
        playout.pull(self._frame_samples)
        self._in_underrun = False
        return frame

    def _silent_frame(self, heard_at: float | None) -> AudioFrame:
        error = self._lifecycle.reader_error()
        if error is not None and not self._buffer.frames:
            raise error
        samples, playout = self._frame_samples, self._playout
        if self._segment_open:
            self._underrun += samples
            self._underruns += not self._in_underrun
        else:
            self._idle += samples
        self._in_underrun = self._segment_open
        frame = AudioFrame(self._silence, self._format, playout.pulled, filler=True)
        playout.note_pull(samples, self._clock, heard_at)
        playout.pulled += samples
        return frame

    def _source_frame(self, given: AudioFrame, heard_at: float | None) -> AudioFrame:
        samples, playout = self._frame_samples, self._playout
        given._position = playout.pulled
        playout.note_pull(samples, self._clock, heard_at)
        playout.pulled += samples
        self._from_source += samples
        self._in_underrun = False
        return given

    def _mark_place(self, mark: Mark) -> None:
        if self._asking and self._asking == get_ident():
            self._playout.given.append(mark)
        else:
            super()._mark_place(mark)

    def _clears_downstream(self) -> bool:
        return bool(self._on_clear)

    # With the lock free.

    def _frame_of(
        self, source: OutboundSource, generation: int, heard_at: float | None
    ) -> AudioFrame:
        """Ask the source; silence where it has nothing, and what was sent meanwhile goes first then."""
        given: AudioFrame | None = None
        self._asking = get_ident()
        try:
            made = source.render(self._frame_samples, self._clock.now())
            if made is not None:
                given = given_frame(made, self._format, self._frame_samples, 0)
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream fails with it
            self.fail(error)
        finally:
            self._asking = 0
        try:
            with self._lock:
                # What it made before a clear is not to be heard after that.
                current = generation == self._generation and not (
                    self._lifecycle.over and self._is_dead()
                )
                if given is not None and current:
                    frame = self._source_frame(given, heard_at)
                elif self._buffer.frames and not self._clearing:
                    frame = self._next_frame(heard_at)
                else:
                    frame = self._silent_frame(heard_at)
                if self._playout.given and current:
                    self._playout.give()
        finally:
            if self._playout.given:
                with self._lock:
                    calls = self._arrivals(self._playout.drop_given(), cleared=True)
                self._call(*calls)
        return frame

    def _clear_downstream(self) -> float:
        dropped = self._call(*tuple(self._on_clear))
        return sum(ms for ms in dropped if isinstance(ms, (int, float)))

    def _announce(self, mark: Mark) -> None:
        self._call(*(partial(listener, mark.name, mark.wire) for listener in self._on_mark))

    def _hand_over(self) -> None:
        """A transport pulls when it wants; only the end is told."""
        if self._on_over and self._lifecycle.over:
            with self._lock:
                callbacks, self._on_over = self._on_over, []
                error = self._lifecycle.writer_error()
            assert error is not None
            for callback in callbacks:
                callback(error)


__all__ = ["MAX_MARKS", "OutboundAudioStream", "OutboundStats"]
