"""Opus packets into Ogg pages, for whoever reads them as they come (RFC 3533, RFC 7845)."""

from __future__ import annotations

import os

from rawmedia.codecs.ogg_link import MAX_PACKET_BYTES, packet_duration
from rawmedia.codecs.ogg_page import (
    FIRST_PAGE,
    LAST_PAGE,
    MAX_SEGMENTS,
    OpusHead,
    OpusTags,
    build_page,
)
from rawmedia.errors import ConfigurationError, PacketError

_WORD = 1 << 32


class OggOpusMuxer:
    """Puts packets into pages, for whoever reads them as they come.

    The two header pages come before the first packet's, or at once from `begin`. After `end`
    the next packet begins a chained stream with the same headers.

    Args:
        head: How to decode; ``pre_skip`` is the encoder's lookahead.
        tags: Up to 65024 bytes in all.
        serial: Of the stream, 32 bits; by default a random one. Chained ones count up from it.
        packets_per_page: 1 to 255. One is right for live audio: no packet waits for another,
            at a cost of 28 bytes each.
        max_page_ms: A page never holds more than so much, unless one packet does. RFC 7845
            asks for a second at most.

    Raises:
        ConfigurationError: A setting is out of range.
    """

    __slots__ = (
        "_granule",
        "_header",
        "_headers",
        "_max_page",
        "_packets",
        "_packets_per_page",
        "_paged",
        "_segments",
        "_sequence",
        "_serial",
    )

    def __init__(
        self,
        head: OpusHead | None = None,
        tags: OpusTags | None = None,
        *,
        serial: int | None = None,
        packets_per_page: int = 1,
        max_page_ms: float = 1_000,
    ) -> None:
        if not 1 <= packets_per_page <= MAX_SEGMENTS:
            raise ConfigurationError("packets_per_page", f"1 to 255, not {packets_per_page}")
        if not max_page_ms > 0:
            raise ConfigurationError("max_page_ms", f"more than 0, not {max_page_ms}")
        if serial is not None and not 0 <= serial < _WORD:
            raise ConfigurationError("serial", f"32 bits, not {serial}")
        self._headers = ((head or OpusHead()).to_bytes(), (tags or OpusTags()).to_bytes())
        if len(self._headers[1]) >= MAX_SEGMENTS * 255:
            raise ConfigurationError("tags", f"{len(self._headers[1])} bytes fill more than a page")
        self._packets_per_page = packets_per_page
        self._max_page = max_page_ms * 48
        self._restart(int.from_bytes(os.urandom(4), "little") if serial is None else serial)

    def _restart(self, serial: int) -> None:
        self._serial = serial
        self._sequence = 2
        self._packets: list[bytes] = []
        self._segments = 0  # lacing values that they take
        self._granule = 0  # where the packets end
        self._paged = 0  # where those on pages do
        self._header = b"".join(
            build_page([packet], serial=serial, sequence=index, granule=0, flags=flags)
            for index, (packet, flags) in enumerate(
                zip(self._headers, (FIRST_PAGE, 0), strict=True)
            )
        )

    @property
    def granule(self) -> int:
        """Samples at 48 kHz in all packets so far, those of the pre-skip included."""
        return self._granule

    def begin(self) -> bytes:
        """The header pages, for sending them ahead; empty once they are out."""
        header = self._header
        self._header = b""
        return header

    def push(self, packet: bytes) -> bytes:
        """Add a packet.

        Returns:
            The pages that are complete now; empty while packets gather.

        Raises:
            PacketError: It is no Opus packet, or has more than 61440 bytes; it was not taken.
        """
        duration = _checked(packet)
        pages = self.begin() + self._add(packet, duration)
        if len(self._packets) >= self._packets_per_page:
            pages += self._page()
        return pages

    def flush(self) -> bytes:
        """The page of the packets that have gathered, for sending it early; empty if none have."""
        return self.begin() + (self._page() if self._packets else b"")

    def end(self, packet: bytes = b"", *, trim_samples: int = 0) -> bytes:
        """End the stream.

        Args:
            packet: The last one, unless it is pushed already. What is on a page that is out
                cannot be trimmed any more.
            trim_samples: How much at the end of the last page is padding, at 48 kHz.

        Returns:
            The last page, after what comes before it; without packets if none were left.

        Raises:
            PacketError: As for `push`; the stream goes on.
            ConfigurationError: The last page does not hold that much; the stream goes on, and
                ``packet`` was not taken.
        """
        duration = _checked(packet) if packet else 0
        last = duration + (self._gathered if self._fits(packet, duration) else 0)
        if not 0 <= trim_samples <= last:
            raise ConfigurationError("trim_samples", f"0 to {last} here, not {trim_samples}")
        pages = self.begin()
        if packet:
            pages += self._add(packet, duration)
        self._granule -= trim_samples
        pages += self._page(LAST_PAGE)
        self._restart((self._serial + 1) % _WORD)
        return pages

    @property
    def _gathered(self) -> int:
        """Samples on the page to come."""
        return self._granule - self._paged

    def _fits(self, packet: bytes, duration: int) -> bool:
        segments = self._segments + len(packet) // 255 + 1
        return segments <= MAX_SEGMENTS and self._gathered + duration <= self._max_page

    def _add(self, packet: bytes, duration: int) -> bytes:
        """Put a packet on the page to come, or on one after that."""
        pages = self._page() if self._packets and not self._fits(packet, duration) else b""
        self._packets.append(packet)
        self._segments += len(packet) // 255 + 1
        self._granule += duration
        return pages

    def _page(self, flags: int = 0) -> bytes:
        page = build_page(
            self._packets,
            serial=self._serial,
            sequence=self._sequence,
            granule=self._granule,
            flags=flags,
        )
        self._sequence = (self._sequence + 1) % _WORD
        self._packets.clear()
        self._segments, self._paged = 0, self._granule
        return page


def _checked(packet: bytes) -> int:
    """How long a packet is, at 48 kHz."""
    duration = packet_duration(packet)
    if not duration or len(packet) > MAX_PACKET_BYTES:
        raise PacketError(
            f"an Opus packet of at most {MAX_PACKET_BYTES} bytes",
            f"{len(packet)} bytes: {packet[:2]!r}...",
        )
    return duration


__all__ = ["OggOpusMuxer"]
