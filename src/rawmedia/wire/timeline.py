"""The packets of one run of sequence numbers and timestamps, in order, and how far they have been given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.wire.jitter_items import Received

if TYPE_CHECKING:
    from rawmedia.wire.jitter_config import JitterConfig
    from rawmedia.wire.jitter_items import Counts, Item
    from rawmedia.wire.rtp import RtpPacket

# RFC 3550, A.1, has 3000.
MAX_DROPOUT = 3_000
"""Sequence numbers ahead by more than this are another timeline; fewer are lost packets."""
_HISTORY = 4_096
"""A power of 2 above what may be ahead and behind: numbers for which it is known whether they came."""
_GUESSED_STEPS = 5
"""Over how many lost packets the first duration is guessed."""
_DEFAULT_PACKET_MS, MIN_PACKET_MS, MAX_PACKET_MS = 20.0, 2.5, 120.0
"""RFC 3551 (20 ms), and the least and the most that an Opus packet holds (RFC 6716, section 3)."""


class Timeline:
    """The packets of one run of sequence numbers and timestamps, and how far they have been given.

    Numbers are sequence numbers that do not wrap. Places are ticks since the packet that the
    timeline began with, so they may be negative; a place plus ``shift`` is a position.
    """

    __slots__ = (
        "_budget",
        "_capacity",
        "_capacity_ticks",
        "_counts",
        "_end",
        "_first",
        "_floor",
        "_fresh",
        "_highest",
        "_known_ticks",
        "_next",
        "_overflowed",
        "_paused",
        "_seen",
        "_silent",
        "_start",
        "_starved",
        "_tick_ms",
        "held",
        "newest",
        "newest_place",
        "newest_timestamp",
        "newest_transit_ms",
        "packet_ticks",
        "scheduled_ms",
        "shift",
        "ssrc",
        "started",
    )

    def __init__(
        self,
        packet: RtpPacket,
        position: int,
        config: JitterConfig,
        tick_ms: float,
        counts: Counts,
    ) -> None:
        self.ssrc = packet.ssrc
        self.newest = packet.sequence_number
        """The packet sent last of those with audio; the others are compared to it."""
        self.newest_timestamp = packet.timestamp
        self.newest_place = 0
        self.newest_transit_ms = 0.0
        self.scheduled_ms = 0.0
        self.packet_ticks = round(_DEFAULT_PACKET_MS / tick_ms)
        """How much audio a packet holds, as far as known."""
        self._known_ticks = 0
        """The last distance of two neighbours; 0 before there is one."""
        self.held: dict[int, tuple[RtpPacket, int, int] | None] = {}
        """By number: packet, place and duration (0: unknown); None for one without audio."""
        self._silent = 0
        """How many are None."""
        self._seen = bytearray(_HISTORY)
        """Whether a number came, by its last bits; up to the highest."""
        self._highest = packet.sequence_number
        self._tick_ms = tick_ms
        self._counts = counts
        self._capacity = config.capacity_packets
        self._capacity_ticks = int(config.capacity_ms / tick_ms)
        self._budget = round(config.max_hole_ms / tick_ms)
        self._start = position
        self.shift = 0
        self.started = False
        """Whether anything was given, which settles what the first packet is."""
        self._fresh = True
        """Whether the decoder is still to be reset."""
        self._first = self._next = packet.sequence_number
        self._end = 0
        """Where what was given ends; that of a packet is presumed, and a neighbour knows better."""
        self._floor = 0
        """Where what can still be given begins."""
        self._overflowed = 0
        """Packets dropped since the last one given, whose place is to be filled."""
        self._starved = 0
        """Holes given since then while nothing was there, in packets."""
        self._paused = False
        """Whether the sender is known to be sending something else than audio."""

    @property
    def buffered(self) -> int:
        """Packets with audio that wait."""
        return len(self.held) - self._silent

    @property
    def end_position(self) -> int:
        """Where what was given ends."""
        return self._end + self.shift if self.started else self._start

    def has_seen(self, number: int) -> bool:
        """Whether a packet of that number came, for numbers not too far back."""
        return number <= self._highest and self._seen[number & _HISTORY - 1] == 1

    def mark(self, number: int) -> None:
        """Remember that a packet of that number came."""
        seen = self._seen
        if number == self._highest + 1:
            self._highest = number
        elif number > self._highest:
            for between in range(self._highest + 1, number):
                seen[between & _HISTORY - 1] = 0
            self._highest = number
        seen[number & _HISTORY - 1] = 1

    def learn(self, step: int, ticks: int, most: int) -> None:
        """Take note that a packet came ``step`` numbers and so many ticks after the newest.

        A neighbour's distance is what a packet holds, or more after a pause. So the less is
        believed at once, the more when it comes twice in a row.
        """
        if step > 1 and (self._known_ticks or step > _GUESSED_STEPS):
            return
        each = ticks // step
        if each > most or each * self._tick_ms < MIN_PACKET_MS:
            return
        if each < self.packet_ticks or each == self._known_ticks or not self._known_ticks:
            self.packet_ticks = each
        self._known_ticks = each

    def is_past(self, number: int, place: int) -> bool:
        """Whether a packet's place has been given out."""
        return self.started and (number < self._next or place < self._floor)

    def count_late(self, number: int) -> None:
        """Count a packet that came too late; it may have been counted as lost."""
        self._counts.late += 1
        if self._first <= number < self._next:
            self._counts.lost -= 1

    def insert_silent(self, number: int) -> None:
        """Take note of a packet without audio."""
        if self.has_seen(number):
            return
        self.mark(number)
        if not self.started or number >= self._next:
            self.held[number] = None
            self._silent += 1
            self._skip_silent()
            self.bound()
        elif number >= self._first:
            self._counts.lost -= 1

    def bound(self) -> None:
        """Drop the oldest packets while there is more than is allowed."""
        held = self.held
        while (
            len(held) > self._capacity
            or self.newest_place - self._floor > self._capacity_ticks
            or self.newest - self._next > MAX_DROPOUT
        ):
            oldest = min(held, default=self._highest)
            entry = held.get(oldest)
            if (
                len(held) <= self._capacity
                and self._highest - oldest <= MAX_DROPOUT
                and (entry is None or self.newest_place - entry[1] <= self._capacity_ticks)
            ):
                return  # there was a pause, or a loss, before the oldest
            self._drop(oldest)

    def due_ms(self, offset_ms: float) -> float | None:
        """When there is something to give, if nothing more comes."""
        if not self.buffered:
            return self._starving_ms(offset_ms)
        if not self.started:
            return self._place(self._oldest()) * self._tick_ms + offset_ms
        entry = self.held.get(self._next)
        if entry is not None and entry[1] <= self._end:
            return entry[1] * self._tick_ms + offset_ms
        return self._turn() * self._tick_ms + offset_ms

    def give(self, now_ms: float, offset_ms: float, items: list[Item]) -> None:
        """Append what is due; ``offset_ms`` makes media time a time to play at."""
        held, tick_ms = self.held, self._tick_ms
        while len(held) > self._silent:
            if not self.started:
                oldest = self._oldest()
                place = self._place(oldest)
                if place * tick_ms + offset_ms > now_ms:
                    return
                self._begin(oldest, place)
            entry = held.get(self._next)
            if entry is not None and entry[1] <= self._end and not self._overflowed:
                if entry[1] * tick_ms + offset_ms > now_ms:
                    return
                self._give_packet(entry, items)
            elif (
                self._end * tick_ms + offset_ms > now_ms
                or self._turn() * tick_ms + offset_ms > now_ms
            ):
                return
            else:
                self._fill(now_ms - offset_ms, items)

    def starve(self, now_ms: float, offset_ms: float, items: list[Item]) -> None:
        """Append a hole if nothing is there that should be, nor has been for too long."""
        due_ms = self._starving_ms(offset_ms)
        if due_ms is None or due_ms > now_ms:
            return
        overdue = 1 + (now_ms - due_ms) / (self.packet_ticks * self._tick_ms)
        count = int(min(overdue, self._budget // self.packet_ticks - self._starved))
        items.append(self._counts.hole(self._end + self.shift, count * self.packet_ticks, None))
        self._advance(count * self.packet_ticks)
        self._starved += count

    def _starving_ms(self, offset_ms: float) -> float | None:
        """When the packet that nothing is known of has to be given up; None for never."""
        if not self.started or self.held or self._paused:
            return None
        if (self._starved + 1) * self.packet_ticks > self._budget:
            return None
        packet_ms = self.packet_ticks * self._tick_ms
        # However late all packets come now, the next gets a packet's time to follow the newest.
        return self._end * self._tick_ms + max(offset_ms, self.newest_transit_ms + packet_ms)

    def _oldest(self) -> int:
        """The first packet with audio."""
        return min(number for number, entry in self.held.items() if entry is not None)

    def _place(self, number: int) -> int:
        entry = self.held[number]
        assert entry is not None
        return entry[1]

    def _begin(self, number: int, place: int) -> None:
        """Settle that a packet is the first."""
        for silent in [earlier for earlier in self.held if earlier < number]:
            del self.held[silent]
            self._silent -= 1
        self.started = True
        self._first = self._next = number
        self._end = self._floor = place
        self.shift = self._start - place

    def _give_packet(self, entry: tuple[RtpPacket, int, int], items: list[Item]) -> None:
        packet, place, duration = entry
        del self.held[self._next]
        self._next += 1
        if place < self._floor:  # its timestamp is lower than that of one sent before it
            self._counts.strays += 1
        else:
            items.append(Received(packet, place + self.shift, self._fresh))
            self._counts.given += 1
            self._floor = place + 1
            self._end = place + (duration or self.packet_ticks)
            self._fresh = self._paused = False
            self._starved = 0
        if self._silent:
            self._skip_silent()

    def _following(self) -> tuple[int, RtpPacket, int, int]:
        """The next packet in hand: its number, itself, its place, and how many are missing before."""
        number = self._next if self._next in self.held else self._oldest()
        entry = self.held[number]
        assert entry is not None
        missing = sum(between not in self.held for between in range(self._next, number))
        return number, entry[0], entry[1], missing + self._overflowed

    def _turn(self) -> int:
        """The place up to which nothing can be said, which is where to go on as a rule.

        Beside a pause, a missing packet may belong anywhere in it. Nothing is given up before the
        last place where it can belong, and as long as nothing is given, there is silence.
        """
        _, packet, place, missing = self._following()
        if not missing or packet.marker:
            return self._end
        return max(self._end, place - missing * self.packet_ticks)

    def _fill(self, until_ms: float, items: list[Item]) -> None:
        """Take one step from the end of what was given towards the next packet in hand.

        Args:
            until_ms: The media time whose turn it is.
            items: Where to append a hole or a pause.
        """
        number, packet, place, missing = self._following()
        gap, ticks = place - self._end, self.packet_ticks
        # Missing packets for which there is no time are not made up for: while nothing came, holes
        # were given for them, or they were no audio. With time to spare, that time was silent.
        excess = missing - max(0, -(-gap // ticks))
        if packet.marker:
            # The silence is right before it, so the holes were given for what was lost before that.
            excess = max(excess, min(self._starved, missing))
            self._starved = 0
        if excess > 0:
            self._consume(excess)
        elif not missing or (gap > ticks * missing and not packet.marker):
            pause = gap - ticks * missing
            items.append(self._counts.pause(self._end + self.shift, pause))
            self._advance(pause)
        else:
            self._give_holes(until_ms, items, number, missing, gap)

    def _give_holes(
        self, until_ms: float, items: list[Item], number: int, missing: int, gap: int
    ) -> None:
        """Give holes for those of the missing packets whose time has come, the last apart."""
        lost = min(gap, self.packet_ticks * missing)
        each = lost // missing
        overdue_ms = max(0.0, until_ms - self._end * self._tick_ms)
        count = int(min(missing, 1 + overdue_ms / max(each * self._tick_ms, 1e-9)))
        earlier = each * (count if count < missing else count - 1)
        if earlier:
            items.append(self._counts.hole(self._end + self.shift, earlier, None))
            self._advance(earlier)
        if count == missing:
            # A pause before the packet, or an event, would make it no neighbour.
            entry = self.held[number] if lost == gap and number - 1 not in self.held else None
            last = lost - earlier
            items.append(self._counts.hole(self._end + self.shift, last, entry and entry[0]))
            self._advance(last)
        self._consume(count)

    def _advance(self, ticks: int) -> None:
        """Move on over time for which something else than a packet was given."""
        self._end += ticks
        self._floor = self._end

    def _consume(self, count: int) -> None:
        """Move on over so many packets that are missing."""
        dropped = min(count, self._overflowed)
        self._overflowed -= dropped
        for _ in range(count - dropped):
            self._pass_missing()

    def _pass_missing(self) -> None:
        self._counts.lost += not self.has_seen(self._next)
        self._next += 1
        if self._silent:
            self._skip_silent()

    def _skip_silent(self) -> None:
        """Move on over packets without audio whose turn it is."""
        held = self.held
        while self.started and self._next in held and held[self._next] is None:
            del held[self._next]
            self._silent -= 1
            self._next += 1
            self._paused = True

    def _drop(self, number: int) -> None:
        """Give up the oldest packet, which nobody pulled; its audio becomes a hole."""
        entry = self.held.pop(number)
        if entry is None:
            self._silent -= 1
        else:
            self._counts.overflowed += 1
        if self.started:
            while self._next < number:
                self._pass_missing()
                self._overflowed += 1
            self._overflowed += entry is not None
        self._next = number + 1
        self._skip_silent()


__all__ = ["MAX_DROPOUT", "MAX_PACKET_MS", "Timeline"]
