"""A track as the call sees it: audio with a place on the recording's timeline, waiting for the disk."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from rawmedia.errors import FormatMismatchError, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.sessions.recording.manifest import TrackRole
    from rawmedia.streams.reader import AudioReader


class Track:
    """Where one voice is written; `Recorder.track` makes it.

    Audio waits in memory, ``queue_ms`` of it at most, until the recorder's thread takes it.
    What the disk is too slow for is lost, the oldest first, counted, and silence in the file.
    """

    def __init__(
        self,
        name: str,
        format: AudioFormat,
        elapsed_ms: Callable[[], float],
        queue_ms: float,
        *,
        role: TrackRole | None = None,
        participant: str | None = None,
        language: str | None = None,
        reader: AudioReader | None = None,
    ) -> None:
        self.name = name
        self.role = role
        self.participant = participant
        self.language = language
        self._format = format
        self._elapsed_ms = elapsed_ms
        self._capacity = format.samples(queue_ms)
        self._reader = reader
        self._lock = threading.Lock()
        self._queue: deque[tuple[int, AudioFrame]] = deque()
        self._queued = self._lost = 0
        self._shift: int | None = None  # from positions of the source to places
        self._over = False
        self.anchor: tuple[float, int] | None = None
        """Where in ms the first frame was put, and which position it had."""

    @property
    def format(self) -> AudioFormat:
        """What its frames are."""
        return self._format

    @property
    def over(self) -> bool:
        """Whether nothing more will be recorded: it ended, or the disk was full or broken."""
        return self._over

    @property
    def idle(self) -> bool:
        """Whether surely nothing waits to be written; what a reader has is not looked at."""
        return not self._queue and not self._over and self._reader is None

    @property
    def lost_ms(self) -> float:
        """Audio that never got to the disk."""
        lost_ms = self._format.duration_ms(self._lost)
        if self._reader is not None:
            stats = self._reader.reader_stats
            lost_ms += stats.overrun_ms + stats.discarded_ms
        return lost_ms

    def write(self, frame: AudioFrame, at_ms: float | None = None) -> None:
        """Record a frame; from any thread, and never waits for the disk.

        On a track that is over, the frame is counted as lost and nothing else happens, so
        that a full disk never disturbs the call.

        Args:
            frame: Audio in the track's format; it must not be changed afterwards.
            at_ms: Where it starts, in milliseconds since the recording began. None for where
                its ``position`` says, seen from the frame that had the last ``at_ms``; where
                none had, the first frame counts as said to its end just now.

        Raises:
            FormatMismatchError: The frame has another format; it was not taken.
        """
        if frame.format != self._format:
            raise FormatMismatchError(self._format, frame.format)
        samples = frame.samples_per_channel
        with self._lock:
            if self._over:
                self._lost += samples
                return
            if at_ms is None and self._shift is None:
                at_ms = self._elapsed_ms() - frame.duration_ms
            if at_ms is not None:
                self._shift = self._format.samples(at_ms) - frame.position
                if self.anchor is None:
                    self.anchor = at_ms, frame.position
            assert self._shift is not None
            self._queue.append((frame.position + self._shift, frame))
            self._queued += samples
            while self._queued > self._capacity:
                lost = self._queue.popleft()[1].samples_per_channel
                self._queued -= lost
                self._lost += lost

    def end(self) -> None:
        """Nothing more comes; the file is finished once all that came is in it. Twice is harmless."""
        with self._lock:
            self._over = True

    async def follow(self, *, starts_now: bool) -> None:
        """Wait for the reader's first frame, which says where on the timeline all of it belongs.

        Args:
            starts_now: Whether a frame that comes is heard from now on, as one that was
                pulled is; otherwise it has been said to its end, as one that was pushed.
        """
        assert self._reader is not None
        try:
            frame = await self._reader.arecv()
        except StreamError:
            self.end()
            return
        at_ms = self._elapsed_ms()
        self.write(frame, at_ms if starts_now else at_ms - frame.duration_ms)

    # For the recorder's thread.

    def take(self) -> tuple[int, AudioFrame] | None:
        """The next frame and its place; None when there is none now."""
        with self._lock:
            if self._queue:
                place, frame = self._queue.popleft()
                self._queued -= frame.samples_per_channel
                return place, frame
            shift = self._shift
        if self._reader is None or shift is None:
            return None
        try:
            read = self._reader.recv_nowait()
        except StreamError:
            # It ended, broke or was closed: the rest of the call is told by others.
            self.end()
            return None
        return None if read is None else (read.position + shift, read)

    def abandon(self, unwritten: int = 0) -> None:
        """Stop reading and take nothing more; what waits is lost, as are ``unwritten`` samples."""
        with self._lock:
            self._over = True
            self._lost += self._queued + unwritten
            self._queued = 0
            self._queue.clear()
        if self._reader is not None:
            self._reader.close()


__all__ = ["Track"]
