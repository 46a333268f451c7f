"""Frames on their way into an engine, bounded by how much of them is unprocessed."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from rawmedia.errors import (
    FormatMismatchError,
    PayloadError,
    TranslatorClosedError,
    TranslatorError,
    TranslatorOverloadedError,
)

if TYPE_CHECKING:
    from types import TracebackType

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock


class FrameQueue:
    """Takes frames while there is room, hands them out in order and counts what is unprocessed.

    A frame counts as pending from ``put`` until the engine says that it is processed: by
    asking the iterator for the next one, or with ``release`` after ``get``. For one event loop.

    Args:
        engine: How errors call the engine.
        formats: What frames may be; the first frame decides for all after it.
        max_pending_ms: How much may be pending. A single frame longer than that is taken
            while nothing else is pending, so that memory is bounded by the larger of the two.
        clock: What the wait for room is measured by.
    """

    def __init__(
        self, engine: str, formats: tuple[AudioFormat, ...], max_pending_ms: float, clock: Clock
    ) -> None:
        self._engine = engine
        self._formats = formats
        self._max_pending_ms = max_pending_ms
        self._clock = clock
        self._format: AudioFormat | None = None
        self._end = 0
        self._frames: deque[AudioFrame] = deque()
        # (end, samples) of what the engine has been given and not yet processed
        self._given: deque[tuple[int, int]] = deque()
        self._pending = 0
        self._senders: deque[object] = deque()
        self._input_ended = False
        self._refusal: TranslatorError | None = None
        self._traceback: TracebackType | None = None
        self._changed = asyncio.Event()
        self.release_when_asked = True
        """Whether asking the iterator for the next frame means that those before are processed."""

    @property
    def pending_ms(self) -> float:
        """How much audio was taken and is not yet processed."""
        return 0.0 if self._format is None else self._format.duration_ms(self._pending)

    @property
    def end_ms(self) -> float:
        """The media time after the last frame that was taken; 0 before the first."""
        return 0.0 if self._format is None else self._format.duration_ms(self._end)

    @property
    def exhausted(self) -> bool:
        """Whether all frames were handed out and no more will come."""
        return self._input_ended and not self._frames

    async def put(self, frame: AudioFrame) -> None:
        """Take a frame; wait for room at most ``max_pending_ms``. Concurrent calls are served in order.

        Cancelling takes nothing of the frame.

        Raises:
            FormatMismatchError: The format is none of ``formats``, or not that of the frames before.
            PayloadError: The frame starts before the end of the one before.
            TranslatorOverloadedError: No room came; the frame was not taken.
            TranslatorClosedError: After ``end``.
            TranslatorError: What ``close`` was told.
        """
        self._check(frame)
        if not self._senders and self._fits(frame):
            self._take(frame)
            return
        ticket = object()
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            self._wake()

        self._senders.append(ticket)
        timer = self._clock.call_at(self._clock.now() + self._max_pending_ms / 1000, expire)
        try:
            while not (self._senders[0] is ticket and self._fits(frame)):
                if expired:
                    raise TranslatorOverloadedError(self._engine, self.pending_ms)
                await self._changed.wait()
                self._check(frame)
            self._take(frame)
        finally:
            timer.cancel()
            self._senders.remove(ticket)
            self._wake()

    def end(self) -> None:
        """Take no more frames; those taken are still handed out. Twice is harmless."""
        self._input_ended = True
        if self._refusal is None:
            self._refusal = TranslatorClosedError(self._engine)
        self._wake()

    def close(self, error: TranslatorError) -> None:
        """Take no more frames because of ``error``, and drop those that were not handed out."""
        self._refusal, self._traceback = error, error.__traceback__
        self._input_ended = True
        self._frames.clear()
        self._given.clear()
        self._pending = 0
        self._wake()

    async def get(self) -> AudioFrame | None:
        """Wait for the next frame, or None when no more will come. Cancelling loses none."""
        while not self._frames:
            if self._input_ended:
                return None
            await self._changed.wait()
        frame = self._frames.popleft()
        self._given.append((frame.end, frame.samples_per_channel))
        return frame

    def release(self, position_ms: float | None = None) -> None:
        """What was handed out is processed: all of it, or the frames that end by ``position_ms``."""
        if self._format is None:
            return
        until = self._end if position_ms is None else self._format.samples(position_ms)
        while self._given and self._given[0][0] <= until:
            self._pending -= self._given.popleft()[1]
        self._wake()

    def __aiter__(self) -> FrameQueue:
        return self

    async def __anext__(self) -> AudioFrame:
        if self.release_when_asked:
            self.release()
        frame = await self.get()
        if frame is None:
            raise StopAsyncIteration
        return frame

    def _check(self, frame: AudioFrame) -> None:
        if self._refusal is not None:
            # Without its traceback set anew an error that is raised again and again grows.
            raise self._refusal.with_traceback(self._traceback)
        expected = self._format or self._formats[0]
        if frame.format != expected and (
            self._format is not None or frame.format not in self._formats
        ):
            raise FormatMismatchError(expected, frame.format)

    def _fits(self, frame: AudioFrame) -> bool:
        pending = self._pending + frame.samples_per_channel
        return self._pending == 0 or frame.format.duration_ms(pending) <= self._max_pending_ms

    def _take(self, frame: AudioFrame) -> None:
        if frame.position < self._end:
            raise PayloadError(
                f"a frame at sample {self._end} or later, where the one before ended",
                f"one at {frame.position}",
            )
        self._format = frame.format
        self._end = frame.end
        self._pending += frame.samples_per_channel
        self._frames.append(frame)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed.clear()


__all__ = ["FrameQueue"]
