"""Telephone events: keys pressed, as named packets instead of tones in the audio (RFC 4733)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from rawmedia.errors import ConfigurationError, PayloadError
from rawmedia.wire.sequence import TIMESTAMP_BITS, distance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

    from rawmedia.wire.rtp import PacketBytes, RtpPacket

DTMF_KEYS = "0123456789*#ABCD"
"""Event codes 0 to 15, in their order (RFC 4733, table 3)."""
MAX_DURATION = 0xFFFF
"""Timestamp units that one report can say; longer events are told in segments (2.5.1.3)."""
MAX_VOLUME = 63
"""The faintest: volumes are dBm0 without their minus sign (2.3.4)."""
END_REPORTS = 3
"""How often the end of an event is sent, so that one of them arrives (2.5.1.4)."""

MAX_KEY_MS = 3_600_000
"""The longest that a sender keeps a key down."""

_REPORT = Struct("!BBH")
_END = 0x80
_TIMESTAMP_MASK = 0xFFFF_FFFF
# Networks delay packets by seconds, at most. What seems older than this is no late packet but
# a sender that counts anew, as after a transfer to another gateway.
_RESTART_MS = 30_000


def key_name(event: int) -> str:
    """What stands on the key: one of `DTMF_KEYS`, or for other events their number, such as "16"."""
    return DTMF_KEYS[event] if 0 <= event < len(DTMF_KEYS) else str(event)


def key_event(name: str) -> int:
    """The event code of a key: 0 to 15 for one of `DTMF_KEYS`, letters in either case.

    Numbers of other events are no names of keys: "42" is an event as well as two keys.

    Raises:
        ConfigurationError: There is no such key.
    """
    event = DTMF_KEYS.find(name.upper()) if len(name) == 1 else -1
    if event < 0:
        raise ConfigurationError("key", f"one of {DTMF_KEYS}, not {name[:20]!r}")
    return event


class _EventFields(NamedTuple):
    event: int
    end: bool = False
    volume: int = 10
    duration: int = 0


class TelephoneEvent(_EventFields):
    """One report of an event: what it is, and how long it has lasted so far; immutable.

    Args:
        event: The code, 0 to 255; `key_name` names it.
        end: Whether the event is over and ``duration`` final.
        volume: 0 to 63, for 0 to -63 dBm0; of no meaning but for tones.
        duration: In timestamp units since the packet's timestamp, 0 to 65535.

    Raises:
        PayloadError: A value is out of range.

    Source: RFC 4733, section 2.3.
    """

    __slots__ = ()

    def __new__(
        cls,
        event: int,
        end: bool = False,  # noqa: FBT001, FBT002 - a field, in the order of the tuple
        volume: int = 10,
        duration: int = 0,
    ) -> Self:
        """Check the values and hold them."""
        if event & ~0xFF or volume & ~MAX_VOLUME or duration & ~MAX_DURATION:
            raise PayloadError(
                f"an event of 0 to 255, a volume of 0 to {MAX_VOLUME} and a duration of 0 to "
                f"{MAX_DURATION}",
                f"{event}, {volume} and {duration}",
            )
        return tuple.__new__(cls, (event, end, volume, duration))

    @classmethod
    def parse(cls, payload: PacketBytes) -> tuple[Self, ...]:
        """Read the payload of a packet: one report, or several of events that follow one another.

        The first starts at the packet's timestamp, each other one where that before it ends.

        Args:
            payload: 4 bytes for each report.

        Raises:
            PayloadError: It is empty, holds part of a report, or an event follows one that has
                not ended.

        Source: RFC 4733, sections 2.3 and 2.5.1.5. The reserved bit is ignored.
        """
        if type(payload) is not bytes:
            payload = bytes(memoryview(payload))
        if not payload or len(payload) % _REPORT.size:
            raise PayloadError("reports of 4 bytes each", f"{len(payload)} bytes")
        reports = tuple(
            tuple.__new__(cls, (event, flags >= _END, flags & MAX_VOLUME, duration))
            for event, flags, duration in _REPORT.iter_unpack(payload)
        )
        if not all(report.end for report in reports[:-1]):
            raise PayloadError("events that ended before the last", "one that goes on")
        return reports

    def build(self) -> bytes:
        """The report as 4 bytes; the payloads of several are joined."""
        return _REPORT.pack(self.event, self.volume | (_END if self.end else 0), self.duration)

    @classmethod
    def _make(cls, iterable: Iterable[object]) -> Self:  # type: ignore[override]
        """What ``_replace`` makes is checked like all others."""
        return cls(*iterable)  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        """What stands on the key, or the number of another event."""
        return key_name(self.event)


@dataclass(frozen=True, slots=True)
class KeyStarted:
    """A key went down."""

    name: str
    """One of `DTMF_KEYS`, or another event's number."""
    event: int
    """Its code, 0 to 255."""
    timestamp: int
    """When, in RTP timestamp units."""


@dataclass(frozen=True, slots=True)
class KeyEnded:
    """A key went up; each `KeyStarted` is followed by one, unless the receiver is reset."""

    name: str
    """One of `DTMF_KEYS`, or another event's number."""
    event: int
    """Its code, 0 to 255."""
    timestamp: int
    """When it went down; what its `KeyStarted` says."""
    duration_ms: float
    """How long it was down, as far as was heard."""
    complete: bool
    """False where no packet told its end, so that it may have been down for longer."""


KeyEvent = KeyStarted | KeyEnded


class _Key:
    """The newest key: where it and its present segment started, how far it got, if it is down."""

    __slots__ = ("down", "event", "reached", "seen_ms", "segment", "segment_units", "timestamp")

    def __init__(self, event: int, timestamp: int, seen_ms: float) -> None:
        self.event, self.timestamp, self.seen_ms = event, timestamp, seen_ms
        self.segment, self.segment_units = timestamp, 0
        self.reached = 0
        self.down = True

    def goes_on(self, event: int, ahead: int, *, marked: bool) -> bool:
        """Whether a report is of this key, in its present segment or opening the next one.

        A segment starts exactly where the longest one before it ends; the packet that said so
        may be lost (RFC 4733, section 2.5.1.3).
        """
        if not self.down or event != self.event:
            return False
        return ahead == 0 or (ahead == MAX_DURATION and not marked)

    def hear(self, report: TelephoneEvent, timestamp: int, now_ms: float) -> None:
        """Take a report of this key; one that says no more than another before it is no news."""
        if timestamp != self.segment:
            self.segment = timestamp
            self.segment_units += MAX_DURATION
        reached = self.segment_units + report.duration
        if reached > self.reached:
            self.reached, self.seen_ms = reached, now_ms


class TelephoneEventReceiver:
    """Makes one start and one end of each key out of packets that repeat, get lost and overtake.

    A report belongs to an event by its timestamp. The end is the first report that says so; where
    none arrives, it is the start of a later event, or `expire`, once the duration has not grown
    for a while. Packets of an event that is over, or older than the newest, change nothing.

    One receiver serves one stream at a time, of constant memory. Times are milliseconds of any
    clock that does not go back.

    Args:
        clock_rate: Timestamp units per second, as in ``telephone-event/8000``.
        timeout_ms: How long an event may go without news before it counts as over. Senders give
            news every 20 to 50 ms, the network delays it.

    Raises:
        ConfigurationError: A value is not positive.

    Source: RFC 4733, section 2.5.2.
    """

    def __init__(self, clock_rate: int = 8000, timeout_ms: float = 200) -> None:
        if clock_rate < 1:
            raise ConfigurationError("clock_rate", f"1 Hz or more, not {clock_rate}")
        if not timeout_ms > 0:
            raise ConfigurationError("timeout_ms", f"more than 0, not {timeout_ms}")
        self._clock_rate = clock_rate
        self._timeout_ms = timeout_ms
        # At the least, longer than the segments of one event are apart.
        self._restart_units = max(clock_rate * _RESTART_MS // 1000, 2 * MAX_DURATION)
        self._newest: _Key | None = None
        self._ssrc: int | None = None
        self._ignored = 0

    @property
    def pressed(self) -> str | None:
        """The name of the key that is down now, or None."""
        key = self._newest
        return key_name(key.event) if key is not None and key.down else None

    @property
    def deadline_ms(self) -> float | None:
        """When `expire` will end the key that is down unless there is news; None with none down."""
        key = self._newest
        return key.seen_ms + self._timeout_ms if key is not None and key.down else None

    @property
    def ignored(self) -> int:
        """Reports that told nothing: repeated ends, and those of events that were over already."""
        return self._ignored

    def push(self, packet: RtpPacket, now_ms: float) -> tuple[KeyEvent, ...]:
        """Take a packet whose payload type is that of telephone events.

        Args:
            packet: Another SSRC than before is another stream, whose timestamps say nothing
                about the one before.
            now_ms: When it arrived.

        Returns:
            What it tells that was not known, oldest first; most packets tell nothing.

        Raises:
            PayloadError: The payload holds no reports; nothing of it was taken.
        """
        return self.push_payload(
            packet.timestamp, packet.payload, now_ms, marker=packet.marker, ssrc=packet.ssrc
        )

    def push_payload(
        self,
        timestamp: int,
        payload: PacketBytes,
        now_ms: float,
        *,
        marker: bool = False,
        ssrc: int | None = None,
    ) -> tuple[KeyEvent, ...]:
        """Take the parts of a packet that matter; all else is as for `push`.

        Args:
            timestamp: 32 bits; when the first event of the payload started.
            payload: What `TelephoneEvent.parse` takes.
            now_ms: When it arrived.
            marker: Whether the packet says that an event starts with it.
            ssrc: Whose it is; None for the same as ever.
        """
        reports = TelephoneEvent.parse(payload)
        told: list[KeyEvent] = []
        if ssrc != self._ssrc:
            self._end(told, complete=False)
            self._newest, self._ssrc = None, ssrc
        for report in reports:
            self._take(report, timestamp & _TIMESTAMP_MASK, now_ms, told, marked=marker)
            timestamp += report.duration
            marker = False
        return tuple(told)

    def expire(self, now_ms: float) -> tuple[KeyEvent, ...]:
        """End the key that is down if there was no news of it for ``timeout_ms``.

        Call it now and then, or at `deadline_ms`; with infinity at the end of the stream.
        """
        deadline_ms = self.deadline_ms
        if deadline_ms is None or now_ms < deadline_ms:
            return ()
        told: list[KeyEvent] = []
        self._end(told, complete=False)
        return tuple(told)

    def reset(self) -> None:
        """Forget all, a key that is down too; the next packet begins a stream."""
        self._newest, self._ssrc = None, None

    def _take(
        self,
        report: TelephoneEvent,
        timestamp: int,
        now_ms: float,
        told: list[KeyEvent],
        *,
        marked: bool,
    ) -> None:
        key = self._newest
        ahead = distance(timestamp, key.segment, TIMESTAMP_BITS) if key is not None else 1
        if key is None or not key.goes_on(report.event, ahead, marked=marked):
            if -self._restart_units <= ahead <= 0:
                self._ignored += 1
                return
            self._end(told, complete=False)
            key = self._newest = _Key(report.event, timestamp, now_ms)
            told.append(KeyStarted(report.name, report.event, timestamp))
        key.hear(report, timestamp, now_ms)
        if report.end:
            self._end(told, complete=True)

    def _end(self, told: list[KeyEvent], *, complete: bool) -> None:
        """Say that the key that is down, if any, went up."""
        key = self._newest
        if key is not None and key.down:
            key.down = False
            duration_ms = key.reached * 1000 / self._clock_rate
            told.append(
                KeyEnded(key_name(key.event), key.event, key.timestamp, duration_ms, complete)
            )


class EventReport(NamedTuple):
    """One packet to send: the parts of it that its event decides."""

    offset_ms: float
    """When it leaves, in milliseconds after the moment that the event's timestamp stands for."""
    timestamp: int
    """The event's, or its present segment's; the same in all packets of it."""
    marker: bool
    """Set in the first packet of the event only."""
    payload: bytes
    """4 bytes."""


@dataclass(frozen=True, slots=True)
class TelephoneEventSender:
    """Says which packets make a key heard at the far end: a start, news, and an end three times.

    It holds no state: the packets of an event follow from its key, duration and timestamp. Who
    sends them numbers them in one row with the audio of the stream, in whose place they go.

    Raises:
        ConfigurationError: A value is out of range.

    Source: RFC 4733, section 2.5.1.
    """

    clock_rate: int = 8000
    """Timestamp units per second, as in ``telephone-event/8000``; 1000 or more."""
    update_ms: int = 20
    """How often the far end gets news, 10 to 1000; 20 or 50 are usual."""
    volume: int = 10
    """0 to 63, for 0 to -63 dBm0."""

    def __post_init__(self) -> None:
        if self.clock_rate < 1000:
            raise ConfigurationError("clock_rate", f"1000 Hz or more, not {self.clock_rate}")
        if not 10 <= self.update_ms <= 1000:
            raise ConfigurationError("update_ms", f"10 to 1000, not {self.update_ms}")
        if not 0 <= self.volume <= MAX_VOLUME:
            raise ConfigurationError("volume", f"0 to {MAX_VOLUME}, not {self.volume}")

    def press(self, key: str | int, duration_ms: float, timestamp: int) -> Iterator[EventReport]:
        """The packets of one key, in the order and at the times to send them.

        The first leaves when the first ``update_ms`` are over, as the audio in its place would
        have; the last two after the key is up, so the next key starts no earlier than they leave.

        Args:
            key: One of `DTMF_KEYS`, or the code of any event, 0 to 255.
            duration_ms: How long it is down; 40 is the least that is sure to be heard.
            timestamp: When it goes down, in timestamp units, modulo 32 bits.

        Raises:
            ConfigurationError: There is no such key, or the duration is not that of a key.
        """
        event = key if isinstance(key, int) else key_event(key)
        if event & ~0xFF:
            raise ConfigurationError("key", f"an event's code is 0 to 255, not {event}")
        if not 1 <= duration_ms <= MAX_KEY_MS:
            raise ConfigurationError(
                "duration_ms", f"a key is down for 1 to {MAX_KEY_MS} ms, not {duration_ms}"
            )
        return self._reports(event, round(duration_ms * self.clock_rate / 1000), timestamp)

    def _reports(self, event: int, units: int, timestamp: int) -> Iterator[EventReport]:
        """``units`` is the whole duration; ``timestamp`` moves on with the segments."""
        marker, told, reached, offset_ms = True, 0, 0, 0
        while reached < units:
            offset_ms += self.update_ms
            reached = min(offset_ms * self.clock_rate // 1000, units)
            # The longest that a report can say closes a segment, without an end; the next
            # begins there, without a marker (2.5.1.3).
            while reached - told > MAX_DURATION:
                full = self._payload(event, MAX_DURATION)
                yield EventReport(offset_ms, timestamp & _TIMESTAMP_MASK, marker, full)
                timestamp, told, marker = timestamp + MAX_DURATION, told + MAX_DURATION, False
            payload = self._payload(event, reached - told, end=reached == units)
            yield EventReport(offset_ms, timestamp & _TIMESTAMP_MASK, marker, payload)
            marker = False
        for _ in range(END_REPORTS - 1):
            offset_ms += self.update_ms
            yield EventReport(offset_ms, timestamp & _TIMESTAMP_MASK, marker, payload)

    def _payload(self, event: int, duration: int, *, end: bool = False) -> bytes:
        return TelephoneEvent(event, end, self.volume, duration).build()


__all__ = [
    "DTMF_KEYS",
    "END_REPORTS",
    "MAX_DURATION",
    "MAX_KEY_MS",
    "MAX_VOLUME",
    "EventReport",
    "KeyEnded",
    "KeyEvent",
    "KeyStarted",
    "TelephoneEvent",
    "TelephoneEventReceiver",
    "TelephoneEventSender",
    "key_event",
    "key_name",
]
