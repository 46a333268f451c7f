"""Numbering payloads: what makes a stream of RTP packets of them."""

from __future__ import annotations

import secrets

from rawmedia.errors import ConfigurationError
from rawmedia.wire.rtp import RtpPacket

_SEQUENCE = 1 << 16
_TIMESTAMP = 1 << 32


class RtpPacketizer:
    """Turns the payloads of one sender into RTP packets with consecutive numbers.

    Numbers begin at random, as RFC 3550 section 5.1 asks for (it makes attacks on encryption
    harder), unless they are given. After `skip` the next packet has the marker set, which
    begins a talkspurt (RFC 3551 section 4.1); the first of all has it, too.

    Args:
        payload_type: 0 to 127.
        ssrc: Who sends; 32 bits.
        sequence_number: Of the first packet; 16 bits.
        timestamp: Of the first packet; 32 bits.

    Raises:
        ConfigurationError: A number is out of range.
    """

    __slots__ = ("_marker", "_payload_type", "_sequence_number", "_ssrc", "_timestamp")

    def __init__(
        self,
        payload_type: int,
        *,
        ssrc: int | None = None,
        sequence_number: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        self._payload_type = _checked("payload_type", payload_type, 128)
        self._ssrc = _checked("ssrc", secrets.randbits(32) if ssrc is None else ssrc, _TIMESTAMP)
        if sequence_number is None:
            sequence_number = secrets.randbits(16)
        if timestamp is None:
            timestamp = secrets.randbits(32)
        self._sequence_number = _checked("sequence_number", sequence_number, _SEQUENCE)
        self._timestamp = _checked("timestamp", timestamp, _TIMESTAMP)
        self._marker = True

    @property
    def ssrc(self) -> int:
        """Who sends."""
        return self._ssrc

    @property
    def timestamp(self) -> int:
        """Of the next packet."""
        return self._timestamp

    def packet(self, payload: bytes, duration: int) -> RtpPacket:
        """The next packet.

        Args:
            payload: What it carries.
            duration: How long that lasts, in ticks of the codec's clock: 160 for 20 ms of
                G.711, 960 for 20 ms of Opus at whatever rate it was encoded (RFC 7587, 4.2).
        """
        packet = RtpPacket(
            payload_type=self._payload_type,
            sequence_number=self._sequence_number,
            timestamp=self._timestamp,
            ssrc=self._ssrc,
            payload=payload,
            marker=self._marker,
        )
        self._marker = False
        self._sequence_number = (self._sequence_number + 1) % _SEQUENCE
        self._timestamp = (self._timestamp + duration) % _TIMESTAMP
        return packet

    def skip(self, duration: int) -> None:
        """Send nothing for a while (silence, mute): time goes on, the numbers do not.

        Args:
            duration: In ticks of the codec's clock.
        """
        self._timestamp = (self._timestamp + duration) % _TIMESTAMP
        self._marker = True


def _checked(name: str, value: int, limit: int) -> int:
    if not 0 <= value < limit:
        raise ConfigurationError(name, f"0 to {limit - 1}, not {value}")
    return value


__all__ = ["RtpPacketizer"]
