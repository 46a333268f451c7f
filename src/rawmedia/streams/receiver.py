"""The packets of one sender become an inbound stream: jitter buffer, decoder and clock drift joined."""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields, replace
from math import inf
from typing import TYPE_CHECKING, Literal

from rawmedia.audio.clock_drift import ClockDrift
from rawmedia.audio.format import MAX_SAMPLE_RATE, AudioFormat
from rawmedia.codecs.catalog import CODECS
from rawmedia.errors import (
    ConfigurationError,
    PacketError,
    PayloadError,
    StreamError,
    StreamTimeoutError,
    UnsupportedFormatError,
)
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.rendering import VoiceRenderer
from rawmedia.streams.waiting import PENDING, Pending, WaitList, wait_in_task, wait_in_thread
from rawmedia.wire.jitter import Hole, JitterBuffer, JitterConfig, JitterStats, Received
from rawmedia.wire.payload_types import PayloadTypes
from rawmedia.wire.rtp import RtpPacket, is_rtcp
from rawmedia.wire.sequence import distance, is_newer
from rawmedia.wire.telephone_event import TelephoneEventReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rawmedia.streams.clock import Clock
    from rawmedia.streams.inbound import InboundAudioStream
    from rawmedia.wire.jitter import Pause
    from rawmedia.wire.payload_types import PayloadFormat
    from rawmedia.wire.rtp import PacketBytes
    from rawmedia.wire.telephone_event import KeyEvent

_FOLLOWS_WITHIN = 100
"""Two packets of another clock vouch for each other if no more numbers lie between them."""
_ROUNDING_MS = 0.001
"""What is due so soon is due: seconds turned into milliseconds and back may be a little less."""


@dataclass(frozen=True, slots=True)
class ReceiverStats:
    """What became of what one sender sent; durations in milliseconds of media time."""

    jitter: JitterStats
    """What the jitter buffer saw, over all codecs of the call."""
    malformed: int
    """Datagrams that were no RTP packet."""
    rtcp: int
    """Datagrams that were RTCP, passed by."""
    strays: int
    """Packets of a clock of another rate that nothing followed; dropped, besides the jitter buffer's."""
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

    Callbacks of the stream (`on_frame`) and ``on_event`` run under the receiver's lock: while
    one runs, `receive` waits.

    Args:
        stream: Where the audio goes.
        payload_types: What the numbers of payload types mean in this session.
        jitter: How much lateness is absorbed, and how.
        max_concealed_ms: How much audio is made up between two packets; beyond, the
            stream has a gap.
        follow_drift: Whether to resample what a sender sends whose clock runs off; where
            nobody plays the audio in real time (a transcript, a recording) there is no need to.
        on_event: Called with each key pressed and each key released (`KeyStarted`, `KeyEnded`),
            in the thread that brings the packet or runs the receiver; must not wait. What it
            raises comes out of `receive`, `advance`, `run` or `end`, after the packet was taken.
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
            if each.name.casefold() in codecs and _is_playable(each)
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
        self._measured: tuple[int, ...] = ()
        self._candidate: tuple[RtpPacket, int, float] | None = None
        self._earlier: JitterStats | None = None
        self._strays = 0
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
        now_ms = self._clock.now() * 1000
        with self._lock:
            if self._over:
                return
            events: tuple[KeyEvent, ...] = ()
            spoken = self._voices.get(packet.payload_type)
            if spoken is not None:
                if not self._is_of_this_clock(packet, spoken.clock_rate, now_ms):
                    return
            elif packet.payload_type in self._events:
                events = self._heard(packet, now_ms)
            elif packet.payload_type not in self._silent:
                self._unknown += 1
                return
            self._buffer.push(packet, now_ms)
            if self._follow_drift and spoken is not None:
                self._measure(now_ms)
            if self._waiters._waiters:  # where the transport has a tick of its own, nobody sleeps
                due = self._next_due()
                if due is not None and (self._sleeping_until is None or due < self._sleeping_until):
                    self._waiters.wake_one()
            if events:
                self._tell(events)

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
            items = self._buffer.pull(now_ms)
            if items:
                self._render(items)
            for events in self._events.values():
                if events.deadline_ms is not None:
                    self._tell(events.expire(now_ms))
            return self._next_due()

    def end(self) -> None:
        """The sender has hung up: give the stream all that is held, and end it. Twice is harmless."""
        with self._lock:
            if self._over:
                return
            try:
                for events in self._events.values():
                    self._tell(events.expire(inf))
                self._render(self._buffer.flush())
                if not self._over:
                    self._renderer.finish()
                    self._stream.end()
            except StreamError:  # somebody closed the stream before
                pass
            finally:
                self._stop()

    def close(self) -> None:
        """Stop, and drop what is held; the stream is left as it is. Twice is harmless."""
        with self._lock:
            self._stop()

    # Time.

    def run(self) -> None:
        """Give the stream what becomes due, in this thread, until the receiver or the stream is over.

        That somebody closed the stream is noticed with the next audio; `close` ends it at once.

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
                jitter=_together(self._earlier, self._buffer.stats),
                strays=self._strays,
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

    def _heard(self, packet: RtpPacket, now_ms: float) -> tuple[KeyEvent, ...]:
        """What a telephone event's packet tells; one that is none still takes its sequence number."""
        try:
            return self._events[packet.payload_type].push(packet, now_ms)
        except PayloadError:
            self._malformed += 1
            return ()

    def _is_of_this_clock(self, packet: RtpPacket, clock_rate: int, now_ms: float) -> bool:
        """Whether a voice's packet belongs into the buffer that there is, or one that begins with it.

        A clock of another rate is believed when a second packet follows the first, as the jitter
        buffer believes a new sender: one that is forged, flipped or late changes nothing.
        """
        if clock_rate == self._clock_rate:
            self._candidate = None
            return True
        first, self._candidate = self._candidate, (packet, clock_rate, now_ms)
        if self._clock_rate:
            newest = self._buffer.newest
            late = (
                newest is not None
                and newest.ssrc == packet.ssrc
                and not is_newer(packet.sequence_number, newest.sequence_number & 0xFFFF)
            )
            if late or first is None or not _follows(packet, clock_rate, first):
                self._strays += 1
                return False
            self._strays -= 1
        self._candidate = None
        self._begin(clock_rate, now_ms if first is None else first[2])
        if first is not None:
            self._buffer.push(first[0], first[2])
        return True

    def _begin(self, clock_rate: int, now_ms: float) -> None:
        """The sender's clock has another rate than before: its timestamps are another timeline."""
        old, buffer = self._buffer, self._new_buffer(clock_rate)
        pause_ms = 0.0
        if self._clock_rate:
            self._render(old.flush())
            pause_ms = old.elapsed_ms(now_ms) - self._renderer.position_ms
            self._earlier = _together(self._earlier, old.stats)
        self._clock_rate, self._buffer = clock_rate, buffer
        # What is less than a packet is the jitter of its arrival.
        self._renderer.begin_timeline(clock_rate, pause_ms=pause_ms if pause_ms > 20 else 0.0)

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

    def _measure(self, now_ms: float) -> None:
        """Learn how fast the sender's clock runs, from packets that the buffer believes."""
        newest = self._buffer.newest
        if newest is None or newest[:3] == self._measured:
            return
        if newest[:2] != self._measured[:2]:
            self._drift = ClockDrift()
        self._measured = newest[:3]
        self._drift.push(now_ms, now_ms - newest.transit_ms)

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
        if self._drift.ppm is not None:
            self._renderer.drift_ppm = self._drift.ppm
        self._renderer.play(item.packet, item.position, spoken, restart=item.restart)

    def _stop(self) -> None:
        self._over = True
        self._waiters.wake_all()


def _is_playable(format: PayloadFormat) -> bool:
    """Whether there can be a stream of it; a session may announce anything."""
    try:
        AudioFormat(format.sample_rate, format.num_channels)
    except UnsupportedFormatError:
        return False
    return 1_000 <= format.clock_rate <= MAX_SAMPLE_RATE


def _follows(packet: RtpPacket, clock_rate: int, first: tuple[RtpPacket, int, float]) -> bool:
    before, rate, _ = first
    step = distance(packet.sequence_number, before.sequence_number)
    return rate == clock_rate and before.ssrc == packet.ssrc and 0 < step <= _FOLLOWS_WITHIN


def _together(earlier: JitterStats | None, now: JitterStats) -> JitterStats:
    """The books of two buffers one after the other; what is not counted is the later one's."""
    if earlier is None:
        return now
    levels = {"buffered", "jitter_ms", "delay_ms", "target_ms"}
    counted = {
        each.name: getattr(earlier, each.name) + getattr(now, each.name)
        for each in fields(now)
        if each.name not in levels
    }
    return replace(now, **counted)


class _Rendering:
    """The operation of `run`: done when the receiver is over, and tried again whenever audio is due."""

    def __init__(self, receiver: AudioReceiver) -> None:
        self._receiver = receiver
        self._due: float | None = None

    def attempt(self) -> Literal[Pending.PENDING] | None:
        self._due = self._receiver.advance()
        self._receiver._sleeping_until = self._due
        return None if self._receiver._over else PENDING

    @property
    def waiters(self) -> WaitList:
        return self._receiver._waiters

    def abandon(self, error: BaseException) -> None:  # noqa: ARG002
        self._receiver._sleeping_until = None

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        return StreamTimeoutError("run", timeout)

    @property
    def retry_at(self) -> float | None:
        return self._due


__all__ = ["AudioReceiver", "ReceiverStats"]
