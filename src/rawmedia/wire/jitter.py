"""An adaptive jitter buffer: packets in as they come, out in order when their time has come, with every hole named."""

from __future__ import annotations

from math import inf, isnan
from sys import float_info
from typing import TYPE_CHECKING, NamedTuple

from rawmedia.errors import ConfigurationError
from rawmedia.wire.delay import DelayEstimator
from rawmedia.wire.jitter_config import JitterConfig
from rawmedia.wire.jitter_items import Counts, Hole, Item, JitterStats, Pause, Received
from rawmedia.wire.sequence import TIMESTAMP_BITS, distance
from rawmedia.wire.timeline import MAX_DROPOUT, MAX_PACKET_MS, MIN_PACKET_MS, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rawmedia.wire.rtp import RtpPacket

# RFC 3550, A.1, has 100. Behind by 1000 is what a link that reorders by some seconds does.
MAX_MISORDER = 1_000
"""Sequence numbers behind by more than this are another timeline; fewer are late packets."""
_FOLLOWS_WITHIN = 100
"""Two packets of a new timeline vouch for each other if no more numbers lie between them."""
_STALE_PACKETS = 50
"""So many packets in a row that are late or known are a sender that started anew where it had been."""
_STRAGGLER_MS = 1_000.0
"""How long after a change of SSRC the old one is ignored."""
_CATCH_UP = 0.25
"""Milliseconds of delay given back per millisecond, so that audio leaves a quarter faster."""
_DEFAULTS = JitterConfig()


class Newest(NamedTuple):
    """The packet sent last of those that were believed."""

    timeline: int
    """How many timelines began before its own."""
    ssrc: int
    sequence_number: int
    """Does not wrap."""
    transit_ms: float
    """When it arrived, less its media time on its timeline: the slope of many is the drift of the clocks."""


class JitterBuffer:
    """Puts the packets of one RTP stream in order and gives each when its time has come.

    Nothing here waits or reads a clock: `push` each packet with the time of its arrival, `pull`
    whenever `next_due_ms` has come. What `pull` gives lies on one timeline without gaps or
    overlaps. A `Hole` or a `Pause` starts where what came before it ends, and a `Received` starts
    where a hole or pause ends, or where a packet ends (the next item tells where that was).
    Positions never go back, and go on across changes of SSRC and other restarts.

    *When.* A packet is due at its media time plus the least transit of the last 20 s plus a delay.
    The delay is what all but ``late_share`` of the packets stay within, and one packet more for
    FEC, in the bounds of the configuration. When it grows, packets leave later; when it shrinks,
    up to a quarter faster than real time. Neither loses anything.

    *Holes.* A missing packet is a hole when its time has come. While nothing at all comes, holes
    are given for ``max_hole_ms``, each no sooner than a packet after it should have arrived;
    then there is nothing to pull until a packet comes, which tells by its sequence number
    whether the time since was lost (`Hole`) or silent (`Pause`). Of a hole beside a pause, the
    pause comes first unless the packet after it is marked as the beginning of a talkspurt. Holes
    that are overdue come as one, but for the last, which FEC may fill.

    *Late.* A packet whose place has been given out is dropped and counted; its delay counts for the
    delay to come like that of any other.

    *No audio.* Telephone events and packets with no payload take up sequence numbers, so they
    leave no holes; they are counted and not given, and their time is a pause.

    *Restarts.* A packet is believed if its sequence number and timestamp fit what came before and
    its arrival. If not, or its SSRC is new, it waits for the next: two that fit each other begin a
    timeline, which goes on where playout is; what was left of the old one comes out at once.
    One alone is dropped, so a corrupted or forged packet disturbs nothing. A packet that is merely
    later than ever is believed at once.

    *Memory.* At most ``capacity_packets`` or ``capacity_ms`` are kept. Beyond, the oldest packets
    are dropped and counted, and are holes.

    One object is for one thread at a time.

    Args:
        clock_rate: Ticks of the RTP timestamp per second, 1000 to 192000; 48000 for Opus (RFC 7587).
        config: Delays and limits.
        event_payload_types: Payload types of telephone events (RFC 4733).
        duration_of: How many ticks of audio a packet holds, 0 where it can't be told; must not
            raise. Without it, the durations are learned from timestamps, which takes two packets
            when they change; a pause may meanwhile stand where there is audio.

    Raises:
        ConfigurationError: ``clock_rate`` is out of range.
    """

    __slots__ = (
        "_clock_ms",
        "_config",
        "_counts",
        "_duration_of",
        "_estimator",
        "_events",
        "_first_target_ms",
        "_max_packet",
        "_min_packet",
        "_offset_ms",
        "_ready",
        "_retired",
        "_stale",
        "_suspect",
        "_target_ms",
        "_tick_ms",
        "_timeline",
    )

    def __init__(
        self,
        clock_rate: int,
        config: JitterConfig = _DEFAULTS,
        *,
        event_payload_types: Collection[int] = (),
        duration_of: Callable[[RtpPacket], int] | None = None,
    ) -> None:
        if not 1_000 <= clock_rate <= 192_000:
            raise ConfigurationError("clock_rate", f"1000 to 192000 Hz, not {clock_rate}")
        self._config = config
        self._events = frozenset(event_payload_types)
        self._duration_of = duration_of
        self._tick_ms = 1_000 / clock_rate
        self._max_packet = round(MAX_PACKET_MS / self._tick_ms)
        self._min_packet = round(MIN_PACKET_MS / self._tick_ms)
        self._counts = Counts()
        self._timeline: Timeline | None = None
        self._estimator = self._new_estimator()
        self._first_target_ms = self._target_ms = float(config.initial_delay_ms)
        self._offset_ms = 0.0
        """What is added to a media time to make it a time to play at: baseline plus delay."""
        self._clock_ms = -float_info.max
        self._ready: list[Item] = []
        """What was left of timelines that are over."""
        self._suspect: tuple[RtpPacket, float] | None = None
        """A packet that doesn't fit, with its arrival, until the next one tells."""
        self._retired: tuple[int, float] | None = None
        """The SSRC before this one, and until when it is ignored."""
        self._stale = 0

    @property
    def delay_ms(self) -> float:
        """How long the least late packet is held back now."""
        if self._timeline is None:
            return self._target_ms
        return self._offset_ms - self._estimator.baseline_ms

    @property
    def newest(self) -> Newest | None:
        """What was sent last and fits what came before; None before the first packet."""
        timeline = self._timeline
        if timeline is None:
            return None
        return Newest(
            self._counts.restarts, timeline.ssrc, timeline.newest, timeline.newest_transit_ms
        )

    def elapsed_ms(self, now_ms: float) -> float:
        """What position, in ms, the least late packet would have that arrives now; 0 before the first."""
        timeline = self._timeline
        if timeline is None:
            return 0.0
        return now_ms - self._estimator.baseline_ms + timeline.shift * self._tick_ms

    @property
    def target_ms(self) -> float:
        """What `delay_ms` will be when all has been caught up."""
        return self._target_ms

    @property
    def next_due_ms(self) -> float | None:
        """When `pull` has something next if nothing more arrives; None if it will have nothing."""
        if self._ready:
            return self._clock_ms
        return None if self._timeline is None else self._timeline.due_ms(self._offset_ms)

    @property
    def stats(self) -> JitterStats:
        """What became of the packets so far."""
        counts, timeline = self._counts, self._timeline
        return JitterStats(
            received=counts.received,
            given=counts.given,
            lost=counts.lost,
            late=counts.late,
            duplicates=counts.duplicates,
            reordered=counts.reordered,
            events=counts.events,
            empty=counts.empty,
            strays=counts.strays,
            overflowed=counts.overflowed,
            restarts=counts.restarts,
            buffered=(timeline.buffered if timeline else 0) + (self._suspect is not None),
            hole_ms=counts.hole_ticks * self._tick_ms,
            pause_ms=counts.pause_ticks * self._tick_ms,
            jitter_ms=self._estimator.jitter_ms,
            delay_ms=self.delay_ms,
            target_ms=self._target_ms,
        )

    def push(self, packet: RtpPacket, now_ms: float) -> None:
        """Take a packet.

        Args:
            packet: Of any kind, content and order.
            now_ms: When it arrived. Time does not go back: an earlier one counts as that of the
                packet before.

        Raises:
            ConfigurationError: ``now_ms`` is not finite; the packet was not taken.
        """
        if not self._clock_ms <= now_ms < inf:
            now_ms = self._corrected(now_ms)
        counts, timeline = self._counts, self._timeline
        self._clock_ms = now_ms
        counts.received += 1
        if packet.payload_type in self._events or not packet.payload:
            self._take_silent(packet)
        elif timeline is not None and packet.ssrc == timeline.ssrc:
            self._sort(packet, now_ms, timeline)
        elif timeline is None:
            self._begin(packet, now_ms, position=0)
        elif self._retired is not None and self._is_straggler(packet.ssrc, now_ms):
            counts.strays += 1
        else:
            self._doubt(packet, now_ms)

    def pull(self, now_ms: float) -> list[Item]:
        """Everything whose time has come, in order; often nothing.

        Raises:
            ConfigurationError: ``now_ms`` is not a number; nothing was taken out.
        """
        if isnan(now_ms):
            raise ConfigurationError("now_ms", f"must be a number, not {now_ms}")
        items: list[Item] = []
        if self._ready:
            items, self._ready = self._ready, items
        timeline = self._timeline
        if timeline is not None:
            timeline.give(now_ms, self._offset_ms, items)
            if not timeline.held:
                timeline.starve(now_ms, self._offset_ms, items)
        return items

    def flush(self) -> list[Item]:
        """Everything that is left, at once, as at the end of a call; later packets go on after it."""
        items, self._ready = self._ready, []
        if self._timeline is not None:
            self._timeline.give(inf, self._offset_ms, items)
        self._dismiss_suspect()
        return items

    def _corrected(self, now_ms: float) -> float:
        if not abs(now_ms) < inf:
            raise ConfigurationError("now_ms", f"must be finite, not {now_ms}")
        return max(now_ms, self._clock_ms)

    def _sort(self, packet: RtpPacket, now_ms: float, timeline: Timeline) -> None:
        """Find a packet's place on the timeline, or its fault."""
        # `distance` of 16 and 32 bits, written out where every packet passes.
        newest = timeline.newest
        step = ((packet.sequence_number - newest + 0x8000) & 0xFFFF) - 0x8000
        ticks = (
            (packet.timestamp - timeline.newest_timestamp + 0x8000_0000) & 0xFFFF_FFFF
        ) - 0x8000_0000
        number = newest + step
        place = timeline.newest_place + ticks
        transit_ms = now_ms - place * self._tick_ms
        unexpected_ms = transit_ms - self._estimator.median_ms
        if step > 0:
            # Nothing arrives long before it is sent; a long time after is merely late.
            if ticks <= 0 or step > MAX_DROPOUT or unexpected_ms < -self._config.max_jump_ms:
                self._doubt(packet, now_ms)
                return
            self._dismiss_suspect()
            if timeline.has_seen(number):  # an event, it was said to be
                self._counts.duplicates += 1
                return
            timeline.learn(step, ticks, self._max_packet)
            timeline.newest, timeline.newest_place = number, place
            timeline.newest_timestamp, timeline.newest_transit_ms = packet.timestamp, transit_ms
        elif step >= -MAX_MISORDER and timeline.has_seen(number):
            if not self._begins_anew(packet, now_ms):
                self._counts.duplicates += 1
            return
        elif step < -MAX_MISORDER or ticks >= 0 or abs(unexpected_ms) > self._config.max_jump_ms:
            self._doubt(packet, now_ms)
            return
        else:
            self._counts.reordered += 1
        self._place(packet, now_ms, number, place, transit_ms, timeline)

    def _place(
        self,
        packet: RtpPacket,
        now_ms: float,
        number: int,
        place: int,
        transit_ms: float,
        timeline: Timeline,
    ) -> None:
        """Keep a packet until its time, unless that has passed."""
        duration_of = self._duration_of
        if duration_of is None:
            duration = 0
        else:
            # Comparisons, as `min` and `max` take three times as long, here and below.
            duration = duration_of(packet)
            if duration > self._max_packet:
                duration = self._max_packet
            if duration <= 0:
                duration = 0
            elif duration < self._min_packet:
                timeline.packet_ticks = self._min_packet
            else:
                timeline.packet_ticks = duration
        timeline.mark(number)
        packet_ms = timeline.packet_ticks * self._tick_ms
        self._estimator.add(transit_ms, now_ms, packet_ms)
        self._schedule(packet_ms, now_ms)
        if timeline.is_past(number, place):
            if not self._begins_anew(packet, now_ms):
                timeline.count_late(number)
            return
        self._stale = 0
        timeline.held[number] = (packet, place, duration)
        timeline.bound()

    def _schedule(self, packet_ms: float, now_ms: float) -> None:
        """Set the delay by what is known of transits now."""
        config, estimator = self._config, self._estimator
        target_ms = estimator.excess_ms
        if config.fec:
            target_ms += packet_ms
        if target_ms < self._first_target_ms and not estimator.settled:
            target_ms = self._first_target_ms
        if target_ms < config.min_delay_ms:
            target_ms = config.min_delay_ms
        elif target_ms > config.max_delay_ms:
            target_ms = config.max_delay_ms
        self._target_ms = target_ms
        wanted_ms = estimator.baseline_ms + target_ms
        timeline = self._timeline
        assert timeline is not None
        if wanted_ms < self._offset_ms:
            caught_up_ms = (now_ms - timeline.scheduled_ms) * _CATCH_UP
            wanted_ms = max(wanted_ms, self._offset_ms - caught_up_ms)
        self._offset_ms = wanted_ms
        timeline.scheduled_ms = now_ms

    def _take_silent(self, packet: RtpPacket) -> None:
        """Note that a sequence number is taken by a packet without audio."""
        if packet.payload_type in self._events:
            self._counts.events += 1
        else:
            self._counts.empty += 1
        timeline = self._timeline
        if timeline is None or packet.ssrc != timeline.ssrc:
            return
        step = distance(packet.sequence_number, timeline.newest & 0xFFFF)
        if -MAX_MISORDER <= step <= MAX_DROPOUT:
            timeline.insert_silent(timeline.newest + step)

    def _doubt(self, packet: RtpPacket, now_ms: float) -> None:
        """Keep a packet that doesn't fit until another vouches for it; two make a timeline."""
        if self._suspect is not None:
            other, arrived_ms = self._suspect
            step = distance(packet.sequence_number, other.sequence_number)
            ticks = distance(packet.timestamp, other.timestamp, TIMESTAMP_BITS)
            if packet.ssrc == other.ssrc and step == ticks == 0:
                self._counts.duplicates += 1
                return
            unexplained_ms = now_ms - arrived_ms - ticks * self._tick_ms
            if (
                packet.ssrc == other.ssrc
                and abs(step) <= _FOLLOWS_WITHIN
                and step * ticks > 0
                and abs(unexplained_ms) <= self._config.max_jump_ms
            ):
                self._suspect = None
                self._renew(other, arrived_ms)
                timeline = self._timeline
                assert timeline is not None
                self._sort(packet, now_ms, timeline)
                return
        self._dismiss_suspect()
        self._suspect = (packet, now_ms)

    def _dismiss_suspect(self) -> None:
        if self._suspect is not None:
            self._suspect = None
            self._counts.strays += 1

    def _begins_anew(self, packet: RtpPacket, now_ms: float) -> bool:
        """Whether only old packets have come for so long that this one begins a timeline."""
        self._stale += 1
        if self._stale <= _STALE_PACKETS:
            return False
        self._renew(packet, now_ms)
        return True

    def _is_straggler(self, ssrc: int, now_ms: float) -> bool:
        assert self._retired is not None
        retired, until_ms = self._retired
        return ssrc == retired and now_ms < until_ms

    def _renew(self, packet: RtpPacket, now_ms: float) -> None:
        """End the timeline, and begin another where playout is."""
        old = self._timeline
        assert old is not None
        old.give(inf, self._offset_ms, self._ready)
        position = old.end_position
        # What the old timeline's clock says, if that is later: while it was silent, time passed.
        elapsed = int(self.elapsed_ms(now_ms) / self._tick_ms)
        if elapsed > position:
            self._ready.append(self._counts.pause(position, elapsed - position))
            position = elapsed
        self._bound_ready(position)
        self._counts.restarts += 1
        if packet.ssrc != old.ssrc:
            self._retired = (old.ssrc, now_ms + _STRAGGLER_MS)
        self._first_target_ms = self._target_ms
        self._estimator = self._new_estimator()
        self._begin(packet, now_ms, position)

    def _begin(self, packet: RtpPacket, now_ms: float, position: int) -> None:
        """Make a timeline on which a packet is the newest."""
        self._timeline = timeline = Timeline(
            packet, position, self._config, self._tick_ms, self._counts
        )
        timeline.newest_transit_ms = timeline.scheduled_ms = now_ms
        self._offset_ms = -inf
        self._place(packet, now_ms, timeline.newest, 0, now_ms, timeline)

    def _bound_ready(self, end: int) -> None:
        """Drop what was left of timelines if nobody takes it; a restart follows, so one hole serves."""
        if len(self._ready) > self._config.capacity_packets:
            start = self._ready[0].position
            self._counts.take_back(self._ready)
            self._ready = [self._counts.hole(start, end - start, None)]

    def _new_estimator(self) -> DelayEstimator:
        return DelayEstimator(self._config.late_share, self._config.max_delay_ms)


__all__ = [
    "MAX_DROPOUT",
    "MAX_MISORDER",
    "Hole",
    "Item",
    "JitterBuffer",
    "JitterConfig",
    "JitterStats",
    "Newest",
    "Pause",
    "Received",
]
