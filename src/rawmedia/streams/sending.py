"""The two operations of an outbound stream that may wait: to send, and to have it played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rawmedia.errors import EndOfStreamError, StreamTimeoutError
from rawmedia.streams.waiting import PENDING, Pending

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.streams.outbound import OutboundAudioStream
    from rawmedia.streams.waiting import WaitList


class Send:
    """The operation of sending what had no room at once."""

    __slots__ = ("_data", "_generation", "_layout", "_source", "_stream", "accepted")

    def __init__(
        self,
        stream: OutboundAudioStream,
        data: bytes | memoryview,
        layout: AudioFormat,
        source: str | None,
    ) -> None:
        self._stream = stream
        self._data = memoryview(data)
        self._layout = layout
        self._source = source
        self._generation = stream._generation
        self.accepted = 0

    def attempt(self) -> int | Literal[Pending.PENDING]:
        """Accept what has room, if it is this send's turn."""
        stream = self._stream
        if stream._lifecycle.over:
            self._leave()
            raise stream._refusal(self.accepted)
        if stream._generation != self._generation:
            stream._stale += stream._scaled(self._remaining(), self._layout)
            self._leave()
            return self.accepted
        if stream._senders[0] is not self:
            return PENDING
        room = stream._room()
        if room > 0:
            # At least a sample, so that a converter that makes many of one gets on; what
            # that is over the capacity is less than a frame.
            samples = min(
                self._remaining(),
                max(1, room * self._layout.sample_rate // stream._format.sample_rate),
            )
            start = self.accepted * self._layout.bytes_per_instant
            piece = self._data[start : start + samples * self._layout.bytes_per_instant]
            stream._store(stream._intake.add(piece, self._layout, self._source))
            stream._count_sent(samples, self._layout)
            self.accepted += samples
        if self._remaining():
            return PENDING
        self._leave()
        return self.accepted

    def waiters(self) -> WaitList:
        """For room when it is this send's turn, else for the turn."""
        buffer = self._stream._buffer
        return buffer.writers if self._stream._senders[0] is self else buffer.queuers

    def abandon(self, error: BaseException) -> None:
        """Keep what was accepted, and say so on the error."""
        error.accepted_samples = self.accepted  # type: ignore[attr-defined]
        self._leave()

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        """Say how much was accepted."""
        return StreamTimeoutError("send", timeout, self.accepted)

    def retry_at(self) -> None:
        """Only a wake-up helps."""

    def _remaining(self) -> int:
        return len(self._data) // self._layout.bytes_per_instant - self.accepted

    def _leave(self) -> None:
        self._stream._senders.remove(self)
        self._stream._buffer.queuers.wake_all()


class Drain:
    """The operation of waiting until all that was sent has been played."""

    __slots__ = ("_generation", "_place", "_stream", "_wire")

    def __init__(self, stream: OutboundAudioStream) -> None:
        self._stream = stream
        self._generation = stream._generation
        self._place = stream._intake.position
        self._wire: int | None = None

    def attempt(self) -> bool | Literal[Pending.PENDING]:
        """Look whether it was."""
        stream, playout = self._stream, self._stream._playout
        if stream._generation != self._generation:
            return False
        if self._wire is None and playout.place >= self._place:
            self._wire = playout.content_end
        if self._wire is not None and playout.played(stream._clock.now()) >= self._wire:
            return True
        error = stream._lifecycle.reader_error()
        if error is not None and not isinstance(error, EndOfStreamError):
            raise error
        return PENDING

    def waiters(self) -> WaitList:
        """Among those who wait for playout."""
        return self._stream._buffer.drainers

    def abandon(self, error: BaseException) -> None:
        """Nothing to undo."""

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        """Say that it is still playing."""
        return StreamTimeoutError("drain", timeout)

    def retry_at(self) -> float | None:
        """When what was pulled will have been heard, where nobody reports it."""
        return None if self._wire is None else self._stream._playout.heard_at(self._wire)


__all__ = ["Drain", "Send"]
