"""The audio that the program gives to a call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rawmedia.audio.format import DEFAULT_FRAME_MS, SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import EndOfStreamError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.pacing import Pacer
from rawmedia.streams.playout import MAX_MARKS
from rawmedia.streams.writer import AudioWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.streams.clock import Clock
    from rawmedia.streams.playout import Mark


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
        self._in_underrun = False
        self._underruns = self._underrun = self._idle = 0
        self._stalled_s = 0.0

    # The transport's end; the program's end, which comes beside it, is the writer's.

    def pull(self) -> AudioFrame:
        """Take exactly one frame; never waits.

        With nothing queued it is silence marked as filler. ``position`` counts on the
        wire: every pulled sample, silence included.

        Raises:
            EndOfStreamError: After ``end``, when all was pulled.
            StreamFailedError: The stream failed.
            StreamClosedError: The stream was closed.
        """
        try:
            with self._lock:
                if self._buffer.frames and not self._clearing:
                    frame = self._next_frame()
                else:
                    frame = self._silent_frame()
        except EndOfStreamError:
            # What was pulled before may only now have been heard.
            self._settle()
            raise
        if self._playout.on_wire:
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
                padded_ms=ms(self._padded),
                cleared_ms=ms(self._cleared),
                stale_ms=ms(self._stale),
                stalled_ms=self._stalled_s * 1000,
                generation=self._generation,
            )

    # Under the lock.

    def _next_frame(self) -> AudioFrame:
        """The oldest frame, which must be there, moved to its place on the wire."""
        playout = self._playout
        frame = self._buffer.take()
        # The intake made this object and nobody else has it, so it may still change.
        frame._position = playout.pulled
        if playout.delayed:
            playout.note_pull(self._frame_samples, self._clock.now())
        playout.pull(self._frame_samples)
        self._in_underrun = False
        return frame

    def _silent_frame(self) -> AudioFrame:
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
        if playout.delayed:
            playout.note_pull(samples, self._clock.now())
        playout.pulled += samples
        return frame

    def _clears_downstream(self) -> bool:
        return bool(self._on_clear)

    # With the lock free.

    def _clear_downstream(self) -> float:
        dropped = self._call(*tuple(self._on_clear))
        return sum(ms for ms in dropped if isinstance(ms, (int, float)))

    def _announce(self, mark: Mark) -> None:
        self._call(*(partial(listener, mark.name, mark.wire) for listener in self._on_mark))

    def _hand_over(self) -> None:
        """Nothing to do: a transport pulls when it wants."""


__all__ = ["MAX_MARKS", "OutboundAudioStream", "OutboundStats"]
