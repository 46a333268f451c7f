"""The operations of an outbound stream that may wait: to send, to have it played, to have some to pull."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, ClassVar, Literal

from rawmedia.errors import EndOfStreamError, StreamTimeoutError
from rawmedia.streams.waiting import PENDING, Pending

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.streams.waiting import WaitList
    from rawmedia.streams.writer import AudioWriter


class Send:
    """The operation of sending what had no room at once; its turn comes in the order of calls."""

    __slots__ = ("_data", "_generation", "_layout", "_source", "_writer", "accepted")

    retry_at: ClassVar[None] = None
    """Only a wake-up helps."""

    def __init__(
        self,
        writer: AudioWriter,
        data: bytes | memoryview,
        layout: AudioFormat,
        source: str | None,
    ) -> None:
        self._writer = writer
        self._data = memoryview(data)
        self._layout = layout
        self._source = source
        self._generation = writer._generation
        self.accepted = 0

    def attempt(self) -> int | Literal[Pending.PENDING]:
        """Accept what has room, if it is this send's turn."""
        writer = self._writer
        if writer._lifecycle.over:
            self._leave()
            raise writer._refusal(self.accepted)
        if writer._generation != self._generation:
            self._leave()
            writer._stale += writer._scaled(self._remaining(), self._layout)
            return self.accepted
        if not self._has_turn():
            return PENDING
        # Again and again, because a converter may hold back what there was room for; then
        # no frame would be there to be pulled, and no pull to wake this send.
        while self._remaining() and (room := writer._room()) > 0:
            self._accept(room)
        if self._remaining():
            return PENDING
        self._leave()
        return self.accepted

    @property
    def waiters(self) -> WaitList:
        """For room when it is this send's turn, else for the turn."""
        buffer = self._writer._buffer
        return buffer.writers if self._has_turn() else buffer.queuers

    def abandon(self, error: BaseException) -> None:
        """Keep what was accepted, and say so on the error."""
        error.accepted_samples = self.accepted  # type: ignore[attr-defined]
        self._leave()

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        """Say how much was accepted."""
        return StreamTimeoutError("send", timeout, self.accepted)

    def _has_turn(self) -> bool:
        return self._writer._senders[0] is self

    def _accept(self, room: int) -> None:
        # At least a sample, so that a converter that makes many of one gets on; what that
        # is over the capacity is less than a frame.
        writer, layout = self._writer, self._layout
        fitting = room * layout.sample_rate // writer._format.sample_rate
        samples = min(self._remaining(), max(1, fitting))
        size = layout.bytes_per_instant
        piece = self._data[self.accepted * size : (self.accepted + samples) * size]
        before = writer._intake.end
        try:
            writer._store(writer._intake.add(piece, layout, self._source), before)
        except BaseException:
            self._leave()
            raise
        self.accepted += samples

    def _remaining(self) -> int:
        return len(self._data) // self._layout.bytes_per_instant - self.accepted

    def _leave(self) -> None:
        with contextlib.suppress(ValueError):  # it may have left before
            self._writer._senders.remove(self)
            self._writer._buffer.queuers.wake_all()


class Drain:
    """The operation of waiting until all that was sent has been played: a waypoint at its end."""

    __slots__ = ("_writer", "outcome", "place", "wire")

    def __init__(self, writer: AudioWriter) -> None:
        self._writer = writer
        self.place = writer._intake.end
        self.wire = -1
        self.outcome: bool | None = None
        """Whether it was played (or dropped) at last."""

    def attempt(self) -> bool | Literal[Pending.PENDING]:
        """Look whether it was."""
        writer, playout = self._writer, self._writer._playout
        if self.outcome is None and 0 <= self.wire <= playout.played(writer._clock.now()):
            playout.forget(self)
            self.outcome = True
        error = None if self.outcome else writer._lifecycle.reader_error()
        if error is not None and not isinstance(error, EndOfStreamError):
            playout.forget(self)
            raise error
        return PENDING if self.outcome is None else self.outcome

    @property
    def waiters(self) -> WaitList:
        """Among those who wait for playout."""
        return self._writer._buffer.drainers

    def abandon(self, error: BaseException) -> None:  # noqa: ARG002
        """Look no longer."""
        self._writer._playout.forget(self)

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        """Say that it is still playing."""
        return StreamTimeoutError("drain", timeout)

    @property
    def retry_at(self) -> float | None:
        """When what was pulled will have been heard, where nobody reports it."""
        return None if self.wire < 0 else self._writer._playout.heard_at(self.wire)


class Ready:
    """The operation of waiting until a frame that was sent can be pulled, or the stream was cleared."""

    __slots__ = ("_generation", "_writer", "waiters")

    retry_at: ClassVar[None] = None
    """Only a wake-up helps."""

    def __init__(self, writer: AudioWriter) -> None:
        self._writer = writer
        self._generation = writer._generation
        self.waiters = writer._buffer.readers

    def attempt(self) -> Literal[True, Pending.PENDING]:
        """Look whether one can, or it was and the transport knows."""
        writer = self._writer
        if writer._buffer.frames:
            return True
        if writer._generation != self._generation and not writer._clearing:
            return True
        error = writer._lifecycle.reader_error()
        if error is not None:
            raise error
        return PENDING

    def abandon(self, error: BaseException) -> None:
        """Nothing to undo."""

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        """Say that nothing came."""
        return StreamTimeoutError("aready", timeout)


__all__ = ["Drain", "Ready", "Send"]
