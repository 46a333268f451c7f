"""One Opus stream of a chain: its pages become packets, each with its place."""

from __future__ import annotations

from rawmedia.codecs.ogg_items import (
    OggCounts,
    OggDamage,
    OggGap,
    OggItem,
    OggPacket,
    OggStreamStart,
)
from rawmedia.codecs.ogg_page import (
    CONTINUED,
    LAST_PAGE,
    TAGS_MAGIC,
    OggPage,
    OpusHead,
    OpusTags,
)
from rawmedia.codecs.opus_packet import packet_samples
from rawmedia.errors import ContainerError, PayloadError

MAX_PACKET_BYTES = 61_440
"""What readers need to take of one Opus stream's packet, and no more (RFC 7845, section 6)."""
MAX_TAGS_BYTES = 65_536
"""How much of the comments is kept; what is longer, such as a picture, is passed over."""
_SHORTEST_FRAME = 120
"""Samples of 2.5 ms; granule positions that are off by less are inexact and no hole."""
_WORD = 1 << 32


class Link:
    """One logical stream: its packets, its place in time, and what is missing of both."""

    __slots__ = (
        "_anchored",
        "_broken",
        "_counts",
        "_duration",
        "_ended_here",
        "_granule",
        "_left",
        "_next_sequence",
        "_page",
        "_partial",
        "_position",
        "_pre_skip",
        "_started",
        "head",
        "serial",
    )

    def __init__(self, page: OggPage, head: OpusHead, counts: OggCounts) -> None:
        self.head, self.serial, self._counts = head, page.serial, counts
        self._page = page
        self._next_sequence = (page.sequence + 1) % _WORD
        self._started = False  # whether the comments are over
        self._partial = bytearray()  # of a packet that goes on in the next page
        self._pre_skip = head.pre_skip  # what of it is still to come
        self._position = 0
        self._granule = 0  # where the packets so far end
        self._anchored = False  # whether a page has said so; a stream may begin at any granule
        self._broken = False  # whether pages are missing, and how much with them is not known yet
        self._duration = 0  # of the latest packet
        self._ended_here = 0  # packets that ended on this page
        self._left: int | None = None  # samples up to the end of the stream, on its last page

    @property
    def unfinished(self) -> bool:
        """Whether the last packet goes on in a page to come."""
        return len(self._partial) > 0

    def leaps(self, page: OggPage) -> bool:
        """Whether audio seems to be missing before this page or on it.

        How much can only be told from all of its packets, so it has to be there whole. That the
        packets will be as long as the latest one is a guess; a wrong one costs this wait.
        """
        if not self._anchored:
            return False
        if self._broken or page.sequence != self._next_sequence:
            return True
        more = page.granule - self._granule
        # The first comparison settles all but a leap or a page of several packets.
        return more > self._duration and more > page.packets * self._duration

    def open_page(
        self, page: OggPage, data: bytes, body: int, items: list[OggItem], *, leaps: bool
    ) -> tuple[list[int], int]:
        """Begin a page of this stream whose body starts at ``body``, and is all there if it `leaps`.

        Returns:
            The sizes of the pieces of packets to take, and how many bytes to pass over first.
        """
        if page.sequence != self._next_sequence:
            self._counts.sequence_breaks += 1
            self._broken = self._anchored
            problem = ContainerError(f"page {self._next_sequence}", f"page {page.sequence}")
            items.append(OggDamage(problem))
            self.drop_partial(items)
        self._page, self._next_sequence = page, (page.sequence + 1) % _WORD
        self._ended_here = 0
        pieces, skip = page.pieces(), 0
        if not page.flags & CONTINUED:
            self.drop_partial(items)
        elif not self._partial and pieces:
            skip = self._pass_over_end(pieces.pop(0), items)
        if leaps:
            self._settle(pieces, data, body + skip, items)
        left = page.granule - self._granule
        self._left = left if page.flags & LAST_PAGE and left >= 0 else None
        return pieces, skip

    def take(self, piece: bytes, items: list[OggItem], *, last: bool) -> None:
        """Take the next piece of a packet; ``last`` says that it is the last one on the page."""
        if last and self._page.lacing[-1] == 255:
            self._keep(piece)
            return
        if self._partial:
            piece = self._joined(piece)
        if self._started:
            self._audio(piece, items)
        elif piece.startswith(TAGS_MAGIC):
            self._start(OpusTags.from_bytes(piece), items)
        else:
            self._start(None, items)
            self._audio(piece, items)

    def close_page(self, items: list[OggItem]) -> bool:
        """End the page; says whether the stream ends with it."""
        granule = self._page.granule
        if self._ended_here and granule >= 0:
            missing = granule - self._granule
            if self._anchored and missing >= _SHORTEST_FRAME:
                self._gap(missing, items)
            self._granule, self._anchored = granule, True
        if not self._page.flags & LAST_PAGE:
            return False
        self.drop_partial(items)
        return True

    def drop_partial(self, items: list[OggItem]) -> None:
        """Give up a packet whose end does not come."""
        if not self._partial:
            return
        self._partial.clear()
        if self._started:
            self._drop("the rest of a packet", "another packet or the end", items)
        else:
            self._start(None, items)

    def _pass_over_end(self, size: int, items: list[OggItem]) -> int:
        """The end of a packet whose beginning is lost comes: how many bytes to pass over."""
        if self._started:
            self._counts.packets_dropped += 1
        else:
            self._start(None, items)
        return size

    def _settle(self, pieces: list[int], data: bytes, at: int, items: list[OggItem]) -> None:
        """Tell how much is missing before the packets of this page, which are all there."""
        page, known = self._page, 0
        if page.granule < 0 or not page.packets:
            # No packet ends here, so that the next page tells; one that should tell never will.
            self._broken = self._broken and not page.packets
            return
        for index, size in enumerate(pieces[: len(pieces) - (page.lacing[-1] == 255)]):
            begun = self._partial if not index else b""
            known += packet_duration(bytes(begun[:2]) or data[at : at + min(size, 2)])
            at += size
        missing = page.granule - self._granule - known
        if missing >= (1 if self._broken else _SHORTEST_FRAME):
            self._gap(missing, items)
        self._broken = False

    def _gap(self, missing: int, items: list[OggItem]) -> None:
        self._granule += missing
        self._counts.missing_samples += missing
        skipped = min(self._pre_skip, missing)
        self._pre_skip -= skipped
        if missing > skipped:
            items.append(OggGap(missing - skipped, self._position))
            self._position += missing - skipped

    def _keep(self, piece: bytes) -> None:
        """Keep a piece for the page that has its end, as much as can be of any use."""
        room = self._limit - len(self._partial)
        self._partial += piece[: max(0, room)]

    def _joined(self, piece: bytes) -> bytes:
        room = self._limit - len(self._partial)
        whole = b"".join((self._partial, piece[: max(0, room)]))
        self._partial.clear()
        return whole

    @property
    def _limit(self) -> int:
        # One byte more than is allowed shows that it was too long.
        return MAX_PACKET_BYTES + 1 if self._started else MAX_TAGS_BYTES

    def _start(self, tags: OpusTags | None, items: list[OggItem]) -> None:
        self._started = True
        items.append(OggStreamStart(self.head, tags))

    def _audio(self, packet: bytes, items: list[OggItem]) -> None:
        """Give a packet with its place, and what of it is to be heard."""
        self._ended_here += 1
        duration = packet_duration(packet)
        if not duration or len(packet) > MAX_PACKET_BYTES:
            # Its page says how long it was; a decoder that is told of a hole conceals it.
            self._drop("an Opus packet", f"{len(packet)} bytes: {packet[:2]!r}...", items)
            return
        self._duration = duration
        self._granule += duration
        skip, end = 0, duration
        if self._pre_skip:
            skip = min(self._pre_skip, duration)
            self._pre_skip -= skip
        if self._left is not None:
            end = min(duration, self._left)
            self._left -= end
        samples = end - skip if end > skip else 0
        items.append(OggPacket(packet, duration, skip, samples, self._position))
        self._position += samples

    def _drop(self, expected: str, got: str, items: list[OggItem]) -> None:
        self._counts.packets_dropped += 1
        items.append(OggDamage(ContainerError(expected, got)))


def packet_duration(packet: bytes) -> int:
    """How long a packet is, at 48 kHz; 0 when it cannot be told (RFC 7845, section 3)."""
    try:
        return packet_samples(packet)
    except PayloadError:
        return 0


__all__ = ["MAX_PACKET_BYTES", "MAX_TAGS_BYTES", "Link", "packet_duration"]
