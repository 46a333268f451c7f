"""Two connected streams: what is sent into one is received from the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.format import DEFAULT_FRAME_MS, SPEECH, AudioFormat
from rawmedia.errors import StreamUseError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream

if TYPE_CHECKING:
    from typing import Never

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.intake import Audio


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
    outbound._connect(inbound)
    return outbound, inbound


class _ReceivingEnd(InboundAudioStream):
    """An inbound stream whose audio comes from the program itself."""

    _peer: OutboundAudioStream

    def push(self, audio: Audio, position: int | None = None) -> Never:  # noqa: ARG002
        """Refuse: the other end sends."""
        raise StreamUseError("this stream is one end of a pair: send into the other end")

    def recv(self, timeout: float | None = None) -> AudioFrame:
        """Wait for the next frame, blocking this thread."""
        frame = super().recv(timeout)
        self._settle()
        return frame

    async def arecv(self, timeout: float | None = None) -> AudioFrame:
        """Wait for the next frame, suspending this task; cancelling loses none."""
        frame = await super().arecv(timeout)
        self._settle()
        return frame

    def _settle(self) -> None:
        if self._peer._playout._sent_marks:
            self._peer._settle()


class _SendingEnd(OutboundAudioStream):
    """An outbound stream whose frames the other end takes."""

    def _connect(self, inbound: _ReceivingEnd) -> None:
        """Share the other end's lock, lifecycle and buffer."""
        self._lock, self._lifecycle, self._buffer = (
            inbound._lock,
            inbound._lifecycle,
            inbound._buffer,
        )
        self._intake._source = inbound._source
        self._inbound = inbound
        inbound._peer = self
        inbound._taken = self._count_pulled

    def pull(self) -> Never:
        """Refuse: the other end receives."""
        raise StreamUseError("this stream is one end of a pair: receive from the other end")

    def _deliver(self, frame: AudioFrame) -> None:
        self._buffer.put(frame)
        for tap in self._inbound._taps:
            tap._offer(frame)


__all__ = ["audio_pair"]
