"""What a jitter buffer gives, and its books: packets, holes, pauses, and what became of every packet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawmedia.wire.rtp import RtpPacket


@dataclass(frozen=True, slots=True)
class Received:
    """A packet whose time to be played has come."""

    packet: RtpPacket
    position: int
    """Where its audio starts, in ticks of the clock rate since the first packet given."""
    restart: bool
    """Whether a timeline begins with it (first packet, new SSRC, jump): the decoder must be reset."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Audio that was sent, or may have been, and is not here in time: conceal it."""

    position: int
    duration: int
    """One packet's ticks or several packets'; always one packet's where ``next_packet`` is known."""
    next_packet: RtpPacket | None
    """The packet sent right after the hole, if it is in hand, so that its FEC can serve; else None."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Time for which the sender sent no audio (silence suppressed, muted, digits): nothing was lost."""

    position: int
    duration: int


Item = Received | Hole | Pause
"""What `JitterBuffer.pull` gives."""


@dataclass(frozen=True, slots=True)
class JitterStats:
    """What became of the packets so far.

    ``received`` is the sum of ``given``, ``late``, ``duplicates``, ``events``, ``empty``, ``strays``,
    ``overflowed`` and ``buffered``. What was concealed is ``lost`` and ``late`` together.
    """

    received: int
    """Packets pushed, whatever they were."""
    given: int
    """Packets given to be played."""
    lost: int
    """Packets of known timelines whose turn has passed and that have not come."""
    late: int
    """Packets that came after their place had been given out; dropped."""
    duplicates: int
    """Packets that had come before; dropped."""
    reordered: int
    """Packets that came after one sent later, in time or not."""
    events: int
    """Telephone events; not given."""
    empty: int
    """Packets without payload; not given."""
    strays: int
    """Packets of a timeline that nothing vouched for, or of the SSRC before; dropped."""
    overflowed: int
    """Packets dropped because nobody pulled."""
    restarts: int
    """How often a timeline began after the first."""
    buffered: int
    """Packets that wait for their time."""
    hole_ms: float
    """Audio given as holes."""
    pause_ms: float
    """Time given as pauses."""
    jitter_ms: float
    """Interarrival jitter (RFC 3550, section 6.4.1)."""
    delay_ms: float
    """How long the least late packet is held back now."""
    target_ms: float
    """What that will be when all has been caught up."""


class Counts:
    """What became of packets, over all timelines; makes the items that are counted in ticks."""

    __slots__ = (
        "duplicates",
        "empty",
        "events",
        "given",
        "hole_ticks",
        "late",
        "lost",
        "overflowed",
        "pause_ticks",
        "received",
        "reordered",
        "restarts",
        "strays",
    )

    def __init__(self) -> None:
        self.received = self.given = self.lost = self.late = self.duplicates = self.reordered = 0
        self.events = self.empty = self.strays = self.overflowed = self.restarts = 0
        self.hole_ticks = self.pause_ticks = 0

    def hole(self, position: int, duration: int, next_packet: RtpPacket | None) -> Hole:
        """A hole, counted."""
        self.hole_ticks += duration
        return Hole(position, duration, next_packet)

    def pause(self, position: int, duration: int) -> Pause:
        """A pause, counted."""
        self.pause_ticks += duration
        return Pause(position, duration)

    def take_back(self, items: list[Item]) -> None:
        """Count as dropped what was counted as given."""
        for item in items:
            if isinstance(item, Received):
                self.given -= 1
                self.overflowed += 1
            elif isinstance(item, Hole):
                self.hole_ticks -= item.duration
            else:
                self.pause_ticks -= item.duration


__all__ = ["Counts", "Hole", "Item", "JitterStats", "Pause", "Received"]
