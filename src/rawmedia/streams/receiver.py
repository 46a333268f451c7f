"""The packets of one sender become an inbound stream: jitter buffer, decoder and clock drift joined."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rawmedia.audio.clock_drift import ClockDrift
from rawmedia.codecs.catalog import CODECS
from rawmedia.errors import ConfigurationError, PacketError, StreamError, StreamTimeoutError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.rendering import VoiceRenderer
from rawmedia.streams.waiting import PENDING, Pending, WaitList, wait_in_task, wait_in_thread
from rawmedia.wire.jitter import Hole, JitterBuffer, JitterConfig, JitterStats, Received
from rawmedia.wire.payload_types import PayloadTypes
from rawmedia.wire.rtp import RtpPacket, is_rtcp
from rawmedia.wire.sequence import Unwrapper
from rawmedia.wire.telephone_event import TelephoneEventReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rawmedia.streams.clock import Clock
    from rawmedia.streams.inbound import InboundAudioStream
    from rawmedia.wire.jitter import Pause
    from rawmedia.wire.rtp import PacketBytes
    from rawmedia.wire.telephone_event import KeyEvent

_ROUNDING_MS = 0.001
"""What is due so soon is due: seconds turned into milliseconds and back may be a little less."""


@dataclass(frozen=True, slots=True)
class ReceiverStats:
    """What became of what one sender sent; durations in milliseconds of media time."""

    jitter: JitterStats
    """What the jitter buffer saw."""
    malformed: int
    """Datagrams that were no RTP packet."""
    rtcp: int
    """Datagrams that were RTCP, passed by."""
    unknown: int
    """Packets whose payload type the session has not announced, or that no codec here decodes."""
    undecodable: int
    """Payloads that their decoder refused; each was concealed."""
    decoded_ms: float
    """Audio that came whole."""
    recovered_ms: float
    """Audio of lost packets, restored from the packet after them."""
    concealed_ms: float
    """Audio that was made up."""
    refused_ms: float
    """Audio that the stream had no room for (its policy being "error")."""
    drift_ppm: float
    """By how much the sender's clock is taken to run faster than this machine's."""


class AudioReceiver:
    """Takes the RTP packets of one sender as they come, and gives their audio to an inbound stream.

    Packets may come from any thread, in any order, at any time. Their audio is given to the
    stream in order and at an even pace, as late as the network's jitter makes necessary
    and no later. `run` or `arun` does that, once, beside the transport; a transport with a
    tick of its own calls `advance` instead.

    Lost packets are restored from the next one, or concealed; a sender that changes its
    codec, its SSRC or its clock in mid-call goes on right after where it was; one whose clock
    runs off is followed by resampling. Whatever the bytes are, nothing raises but for
    missing libraries: what can't be used is counted.

    Args:
        stream: Where the audio goes.
        payload_types: What the numbers of payload types mean in this session.
        jitter: How much lateness is absorbed, and how.
        max_concealed_ms: How much audio is made up between two packets; beyond, the
            stream has a gap.
        follow_drift: Whether to resample what a sender sends whose clock runs off; where
            nobody plays the audio in real time (a transcript, a recording) there is no need to.
        on_event: Called with each key pressed and each key released (`KeyStarted`, `KeyEnded`),
            in the thread that brings the packet or runs the receiver; must not wait.
        clock: What arrival is measured by.

    Raises:
        ConfigurationError: ``max_concealed_ms`` is negative.
    """

    def __init__(
        self,
        stream: InboundAudioStream,
        payload_types: PayloadTypes | None = None,
        *,
        jitter: JitterConfig | None = None,
        max_concealed_ms: float = 120.0,
        follow_drift: bool = True,
        on_event: Callable[[KeyEvent], object] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if max_concealed_ms < 0:
            raise ConfigurationError("max_concealed_ms", f"0 or more, not {max_concealed_ms}")
        types = dict((payload_types or PayloadTypes()).items())
        codecs = {each.name.casefold(): each for each in CODECS}
        self._codecs = {
            pt: codecs[each.name.casefold()]
            for pt, each in types.items()
            if each.name.casefold() in codecs
        }
        self._voices = {pt: types[pt] for pt in self._codecs}
        self._events = {
            pt: TelephoneEventReceiver(each.clock_rate)
            for pt, each in types.items()
            if each.name.casefold() == "telephone-event"
        }
        # What carries no audio, but shares the sequence numbers of what does (RFC 4733, RFC 3389).
        self._silent = {
            *self._events,
            *(pt for pt, each in types.items() if each.name.casefold() == "cn"),
        }
        self._config = jitter or JitterConfig()
        self._renderer = VoiceRenderer(
            stream, max_concealed_ms=max_concealed_ms, follow_drift=follow_drift
        )
        self._stream = stream
        self._follow_drift = follow_drift
        self._on_event = on_event
        self._clock = clock
        self._lock = threading.RLock()
        self._waiters = WaitList()
        self._sleeping_until: float | None = None
        self._over = False
        self._clock_rate = 0
        self._buffer = self._new_buffer(8_000)
        self._drift = ClockDrift()
        self._timestamps = Unwrapper(32)
        self._malformed = self._rtcp = self._unknown = 0

    # The transport's end.

    def receive(self, packet: PacketBytes | RtpPacket) -> None:
        """Take a datagram as it comes; never waits and never raises because of what it holds.

        Args:
            packet: All of a datagram, or a packet parsed already.
        """
        if not isinstance(packet, RtpPacket):
            parsed = self._parse(packet)
            if parsed is None:
                return
            packet = parsed
        now = self._clock.now()
        with self._lock:
            if self._over:
                return
            spoken = self._voices.get(packet.payload_type)
            if spoken is not None:
                if spoken.clock_rate != self._clock_rate:
                    self._begin(spoken.clock_rate)
                if self._follow_drift:
                    self._measure(packet, now)
            elif packet.payload_type in self._events:
                self._tell(self._events[packet.payload_type].push(packet, now * 1000))
            elif packet.payload_type not in self._silent:
                self._unknown += 1
                return
            self._buffer.push(packet, now * 1000)
            due = self._next_due()
            if due is not None and (self._sleeping_until is None or due < self._sleeping_until):
                self._waiters.wake_one()

    def advance(self) -> float | None:
        """Give the stream what is due now.

        Returns:
            When the next audio is due, on the clock; None while nothing is expected.

        Raises:
            MissingDependencyError: A codec's library is not installed.
        """
        with self._lock:
            if self._over:
                return None
            now_ms = self._clock.now() * 1000 + _ROUNDING_MS
            self._render(self._buffer.pull(now_ms))
            for events in self._events.values():
                self._tell(events.expire(now_ms))
            return self._next_due()

    def end(self) -> None:
        """The sender has hung up: give the stream all that is held, and end it. Twice is harmless."""
        with self._lock:
            if not self._over:
                self._render(self._buffer.flush())
            if not self._over:
                self._renderer.finish()
                self._stream.end()
            self._stop()

    def close(self) -> None:
        """Stop, and drop what is held; the stream is left as it is. Twice is harmless."""
        with self._lock:
            self._stop()

    # Time.

    def run(self) -> None:
        """Give the stream what becomes due, in this thread, until the receiver or the stream is over.

        Raises:
            MissingDependencyError: A codec's library is not installed.
            ClockError: This clock can't block a thread.
        """
        wait_in_thread(self._lock, self._clock, _Rendering(self), None)

    async def arun(self) -> None:
        """`run`, in this task; cancelling stops it, and it may be started again."""
        await wait_in_task(self._lock, self._clock, _Rendering(self), None)

    @property
    def stats(self) -> ReceiverStats:
        """What became of what was sent so far."""
        with self._lock:
            renderer = self._renderer
            return ReceiverStats(
                jitter=self._buffer.stats,
                malformed=self._malformed,
                rtcp=self._rtcp,
                unknown=self._unknown,
                undecodable=renderer.undecodable,
                decoded_ms=renderer.decoded_ms,
                recovered_ms=renderer.recovered_ms,
                concealed_ms=renderer.concealed_ms,
                refused_ms=renderer.refused_ms,
                drift_ppm=renderer.drift_ppm,
            )

    def _next_due(self) -> float | None:
        """When `advance` has something to do, if nothing comes before."""
        due_ms = self._buffer.next_due_ms
        for events in self._events.values():
            deadline_ms = events.deadline_ms
            if deadline_ms is not None and (due_ms is None or deadline_ms < due_ms):
                due_ms = deadline_ms
        return None if due_ms is None else due_ms / 1000

    def _tell(self, events: Iterable[KeyEvent]) -> None:
        if self._on_event is not None:
            for event in events:
                self._on_event(event)

    def _parse(self, data: PacketBytes) -> RtpPacket | None:
        if is_rtcp(data):
            self._rtcp += 1
            return None
        try:
            return RtpPacket.parse(data)
        except PacketError:
            self._malformed += 1
            return None

    def _begin(self, clock_rate: int) -> None:
        """The sender's clock has another rate than before: its timestamps are another timeline."""
        if self._clock_rate:
            self._render(self._buffer.flush())
        self._clock_rate = clock_rate
        self._buffer = self._new_buffer(clock_rate)
        self._drift, self._timestamps = ClockDrift(), Unwrapper(32)
        self._renderer.begin_timeline(clock_rate)

    def _new_buffer(self, clock_rate: int) -> JitterBuffer:
        return JitterBuffer(
            clock_rate,
            self._config,
            event_payload_types=self._silent,
            duration_of=self._ticks_of,
        )

    def _ticks_of(self, packet: RtpPacket) -> int:
        codec = self._codecs.get(packet.payload_type)
        if codec is None:
            return 0
        return codec.ticks(packet.payload, self._voices[packet.payload_type].num_channels)

    def _measure(self, packet: RtpPacket, now: float) -> None:
        """Learn how fast the sender's clock runs."""
        media = self._timestamps.unwrap(packet.timestamp)
        self._drift.push(now * 1000, media * 1000 / self._clock_rate)

    def _render(self, items: Iterable[Received | Hole | Pause]) -> None:
        try:
            for item in items:
                if isinstance(item, Received):
                    self._play(item)
                elif isinstance(item, Hole):
                    self._renderer.fill(item.position, item.duration, item.next_packet)
        except StreamError:  # somebody closed the stream, and wants no more
            self._stop()

    def _play(self, item: Received) -> None:
        spoken = self._voices[item.packet.payload_type]
        if item.restart:
            self._drift, self._timestamps = ClockDrift(), Unwrapper(32)
        elif self._drift.ppm is not None:
            self._renderer.drift_ppm = self._drift.ppm
        self._renderer.play(item.packet, item.position, spoken, restart=item.restart)

    def _stop(self) -> None:
        self._over = True
        self._waiters.wake_all()


class _Rendering:
    """The operation of `run`: done when the receiver is over, and tried again whenever audio is due."""

    def __init__(self, receiver: AudioReceiver) -> None:
        self._receiver = receiver
        self._due: float | None = None

    def attempt(self) -> Literal[Pending.PENDING] | None:
        self._due = self._receiver.advance()
        self._receiver._sleeping_until = self._due
        return None if self._receiver._over else PENDING

    def waiters(self) -> WaitList:
        return self._receiver._waiters

    def pause(self) -> None:
        pass

    def abandon(self, error: BaseException) -> None:  # noqa: ARG002
        self._receiver._sleeping_until = None

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        return StreamTimeoutError("run", timeout)

    def retry_at(self) -> float | None:
        return self._due


__all__ = ["AudioReceiver", "ReceiverStats"]
