"""Two connected streams: what is sent into one is received from the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.format import DEFAULT_FRAME_MS, SPEECH, AudioFormat
from rawmedia.errors import StreamUseError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.intake import Intake
from rawmedia.streams.outbound import OutboundAudioStream

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Never

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.intake import Audio
    from rawmedia.streams.moving_timer import MovingTimer
    from rawmedia.streams.sending import Send
    from rawmedia.streams.source import OutboundSource


def audio_pair(
    format: AudioFormat = SPEECH,
    *,
    frame_ms: float = DEFAULT_FRAME_MS,
    capacity_ms: float = 2_000,
    fill_gaps: bool = False,
    source: str | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> tuple[OutboundAudioStream, InboundAudioStream]:
    """A connected outbound and inbound stream, as `socket.socketpair` makes sockets.

    They share one buffer, which nothing empties but the reader: audio passes as fast as it
    is read, a send waits while ``capacity_ms`` is unread, and audio counts as played when
    it was received. Ending, failing or closing one end does so to the other.

    Args:
        format: What is received; sent audio of another format is converted.
        frame_ms: Length of a received frame, 2.5 to 1000.
        capacity_ms: How much unread audio is kept before a send waits.
        fill_gaps: As for `InboundAudioStream`; only cleared audio leaves gaps here.
        source: Whom the frames name as speaker.
        clock: What timeouts are counted on.

    Raises:
        ConfigurationError: A number is out of range.
    """
    inbound = _ReceivingEnd(
        format,
        frame_ms=frame_ms,
        capacity_ms=capacity_ms,
        fill_gaps=fill_gaps,
        source=source,
        clock=clock,
    )
    outbound = _SendingEnd(format, frame_ms=frame_ms, capacity_ms=capacity_ms, clock=clock)
    outbound._connect(inbound, source)
    return outbound, inbound


class _ReceivingEnd(InboundAudioStream):
    """An inbound stream whose audio comes from the program itself.

    What it does to the stream as a whole it has the other end do, which follows the audio.
    """

    _peer: _SendingEnd

    def push(self, audio: Audio, position: int | None = None) -> Never:  # noqa: ARG002
        """Refuse: the other end sends."""
        raise StreamUseError("this stream is one end of a pair: send into the other end")

    def recv(self, timeout: float | None = None) -> AudioFrame:
        """Wait for the next frame, blocking this thread."""
        frame = super().recv(timeout)
        if self._peer._playout.on_wire:
            self._peer._settle()
        return frame

    async def arecv(self, timeout: float | None = None) -> AudioFrame:
        """Wait for the next frame, suspending this task; cancelling loses none."""
        frame = await super().arecv(timeout)
        if self._peer._playout.on_wire:
            self._peer._settle()
        return frame

    def clear(self) -> float:
        """Drop what is unread; the other end's marks in it call back as cleared."""
        with self._lock:
            dropped = self._drop_unread()
            calls = self._peer._skip(dropped)
        self._peer._call(*calls)
        return self._format.duration_ms(dropped)

    def end(self) -> None:
        """There is no more audio, as the other end's ``end`` says it."""
        self._peer.end()

    def fail(self, error: BaseException) -> None:
        """The audio breaks off; what was sent is read, then `StreamFailedError` with this cause."""
        with self._lock:
            if not self._lifecycle.over:
                self._peer._close_segment()
                self._lifecycle.fail(error)
                self._wake_all()
        self._call_back()

    def close(self) -> None:
        """Drop what is unread and end both sides, now; everything then raises `StreamClosedError`. Twice is harmless."""
        self._peer.close()

    def _take(self) -> AudioFrame:
        frame = super()._take()
        self._peer._playout.pull(frame._samples_per_channel)
        return frame

    def _call_back(self) -> None:
        super()._call_back()
        self._peer._settle()

    def _fail_by_callback(self, error: Exception) -> None:
        self._peer.fail(error)


class _SendingEnd(OutboundAudioStream):
    """An outbound stream whose frames the other end takes."""

    def _connect(self, inbound: _ReceivingEnd, source: str | None) -> None:
        """Share lock, lifecycle, buffer and intake with the other end."""
        self._lock, self._lifecycle = inbound._lock, inbound._lifecycle
        self._buffer, self._intake = inbound._buffer, inbound._intake
        # Unlike a call's, audio here has no pace, so it may wait to be aligned.
        inbound._intake = self._intake = Intake(self._format, self._frame_samples, source)
        self._inbound = inbound
        inbound._peer = self

    def pull(self, heard_at: float | None = None) -> Never:  # noqa: ARG002
        """Refuse: the other end receives."""
        raise StreamUseError("this stream is one end of a pair: receive from the other end")

    def paced(self, *, lead_ms: float = 0.0, catch_up_ms: float = 200.0) -> Never:  # noqa: ARG002
        """Refuse: the other end receives, at its own pace."""
        self.pull()

    def set_source(self, source: OutboundSource | None) -> None:
        """Refuse: no pace would say when to ask it; taking none away is harmless."""
        if source is not None:
            raise StreamUseError("this stream is one end of a pair: nobody pulls from it")

    async def aready(
        self,
        timeout: float | None = None,  # noqa: ARG002
        *,
        timer: MovingTimer | None = None,  # noqa: ARG002
    ) -> Never:
        """Refuse: the other end receives."""
        self.pull()

    def report_played(self, position: int) -> Never:  # noqa: ARG002
        """Refuse: what was received counts as played."""
        raise StreamUseError("this stream is one end of a pair: what is received counts as played")

    def _skip(self, samples: int) -> list[Callable[[], object]]:
        """The other end dropped so much of the audio; returns what to call when the lock is free."""
        self._cleared += samples
        return self._arrivals(self._playout.skip(samples), cleared=True)

    def _drop_queued(self) -> int:
        # The reader counts what it will not get, too.
        self._inbound._discarded += self._buffer.samples + self._intake.pending_samples
        dropped = super()._drop_queued()
        if self._lifecycle.closed:
            self._inbound._drop_everything()
        return dropped

    def _begin_send(self, audio: Audio, generation: int | None) -> int | Send:
        send = super()._begin_send(audio, generation)
        if self._inbound._callback is not None:
            self._hand_over()
        return send

    def _hand_over(self) -> None:
        self._inbound._call_back()

    def _wake_all(self) -> None:
        self._inbound._wake_all()

    def _deliver(self, frame: AudioFrame) -> None:
        self._buffer.put(frame)
        for tap in self._inbound._taps:
            tap._offer(frame)


__all__ = ["audio_pair"]
