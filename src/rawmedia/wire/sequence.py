"""Numbers that wrap: which of two is newer, and counting on where they start again at 0."""

from __future__ import annotations

from rawmedia.errors import ConfigurationError

SEQUENCE_BITS = 16
"""RTP sequence numbers wrap every 65536 packets: 22 minutes of 20 ms."""
TIMESTAMP_BITS = 32
"""RTP timestamps wrap after a day at 48000 Hz, but begin anywhere, so any call may see it."""


def distance(a: int, b: int, bits: int = SEQUENCE_BITS) -> int:
    """How far ``a`` is ahead of ``b`` the shorter way round; negative where it is behind.

    Two numbers half a circle apart are as near one way as the other; ``a`` is then behind.

    Args:
        a: Counts modulo 2 to the power of ``bits``.
        b: Likewise.
        bits: 16 for sequence numbers, 32 for timestamps.

    Source: RFC 1982, section 3.2, which leaves half a circle undefined.
    """
    ahead = (a - b) & ((1 << bits) - 1)
    return ahead if ahead < 1 << bits - 1 else ahead - (1 << bits)


def is_newer(a: int, b: int, bits: int = SEQUENCE_BITS) -> bool:
    """Whether ``a`` was sent after ``b``, given that less than half a circle lies between."""
    return distance(a, b, bits) > 0


class Unwrapper:
    """Turns numbers that wrap into numbers that do not, across loss and reordering.

    The first number stands for itself. Each later one becomes the whole number that is equal to
    it modulo 2 to the power of ``bits`` and nearest to the highest so far: one packet that is
    late changes nothing for those after it, and a loss of up to half a circle is bridged. What
    was sent before the first, and arrives after it across the wrap, becomes negative: the
    distances stay right, and ``& 0xFFFF`` of a negative number is still what was on the wire.

    It believes every number. What to do about one that is implausibly far away, as from a
    sender that started anew, is its user's policy: `peek`, then `reset`.

    Args:
        bits: 16 for sequence numbers, 32 for timestamps; 2 to 64.

    Raises:
        ConfigurationError: ``bits`` is out of range.

    Source: RFC 3550, appendix A.1, whose count of cycles this is, without its probation.
    """

    __slots__ = ("_circle", "_half", "_highest", "_mask")

    def __init__(self, bits: int) -> None:
        if not 2 <= bits <= 64:
            raise ConfigurationError("bits", f"numbers of 2 to 64 bits wrap, not of {bits}")
        self._circle = 1 << bits
        self._half = 1 << bits - 1
        self._mask = self._circle - 1
        self._highest: int | None = None

    @property
    def highest(self) -> int | None:
        """The highest number that `unwrap` gave; None before the first."""
        return self._highest

    def unwrap(self, value: int) -> int:
        """The number without its wraps, remembered where it is the highest so far.

        Args:
            value: As on the wire; of more bits, the lower ones count.
        """
        highest = self._highest
        if highest is None:
            self._highest = value = value & self._mask
            return value
        ahead = (value - highest) & self._mask
        if ahead < self._half:
            self._highest = highest = highest + ahead
            return highest
        return highest + ahead - self._circle

    def peek(self, value: int) -> int:
        """What `unwrap` would give, with nothing remembered."""
        highest = self._highest
        if highest is None:
            return value & self._mask
        ahead = (value - highest) & self._mask
        return highest + ahead if ahead < self._half else highest + ahead - self._circle

    def reset(self) -> None:
        """Forget all numbers; the next is a first one."""
        self._highest = None


__all__ = ["SEQUENCE_BITS", "TIMESTAMP_BITS", "Unwrapper", "distance", "is_newer"]
