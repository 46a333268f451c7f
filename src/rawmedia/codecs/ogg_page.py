"""What Ogg Opus is in bytes: pages, their checksum, and the two header packets (RFC 3533, RFC 7845)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rawmedia.errors import ConfigurationError, ContainerError, PayloadError

if TYPE_CHECKING:
    from collections.abc import Sequence

CAPTURE_PATTERN = b"OggS"
HEAD_MAGIC = b"OpusHead"
TAGS_MAGIC = b"OpusTags"

MAX_SEGMENTS = 255
"""Lacing values of a page; each stands for up to 255 bytes of a packet."""
MAX_PAGE_BYTES = 27 + MAX_SEGMENTS + MAX_SEGMENTS * 255
"""65307: the head with a full lacing table, and the body."""
NO_GRANULE = -1
"""The granule position of a page on which no packet ends."""

CONTINUED, FIRST_PAGE, LAST_PAGE = 1, 2, 4
"""Flags of a page: its first packet began on an earlier one; it begins, it ends its stream."""

# Capture pattern, version, flags, granule position, serial number, page sequence number,
# checksum, number of lacing values (RFC 3533, section 6).
_PAGE = struct.Struct("<4sBBqIIIB")
_CHECKSUM_AT = 22
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ALL_ONES = 0xFFFF_FFFF

# Magic, version, channels, pre-skip, input rate, output gain, mapping family (RFC 7845, 5.1).
_HEAD = struct.Struct("<8sBBHIhB")
_LENGTH = struct.Struct("<I")


class OggPage(NamedTuple):
    """What the head of a page says; its body follows."""

    flags: int
    granule: int
    """Samples at 48 kHz up to the end of the last packet that ends here, or `NO_GRANULE`."""
    serial: int
    sequence: int
    lacing: bytes

    @property
    def body_bytes(self) -> int:
        """How long the body is, 0 to 65025 bytes."""
        return sum(self.lacing)

    @property
    def packets(self) -> int:
        """How many packets end here."""
        return len(self.lacing) - self.lacing.count(255)

    def pieces(self) -> list[int]:
        """Sizes of the packets of this page, or of what it has of them, in bytes.

        The last one goes on in the next page when the last lacing value is 255.
        """
        lacing = self.lacing
        if len(lacing) == 1:
            return [lacing[0]]  # as nearly all pages of live audio are
        sizes, size = [], 0
        for value in lacing:
            size += value
            if value < 255:
                sizes.append(size)
                size = 0
        if size:
            sizes.append(size)
        return sizes


def page_head(data: bytes, at: int = 0) -> OggPage | None:
    """Read the head of the page that begins at ``at``, of which 27 bytes and the lacing are there.

    Returns:
        None where no page begins: another capture pattern, version or flag than there is.
    """
    pattern, version, flags, granule, serial, sequence, _, segments = _PAGE.unpack_from(data, at)
    if pattern != CAPTURE_PATTERN or version or flags > 7:
        return None
    start = at + _PAGE.size
    return OggPage(flags, granule, serial, sequence, data[start : start + segments])


def head_bytes(data: bytes, at: int = 0) -> int:
    """How long the head of the page at ``at`` is; 0 when too little of it is there to say."""
    size = len(data) - at
    if size < _PAGE.size:
        return 0
    needed = _PAGE.size + data[at + _PAGE.size - 1]
    return needed if size >= needed else 0


def page_checksum(page: bytes) -> int:
    """The checksum that a page should hold; what it holds instead does not matter.

    Ogg's is the CRC of polynomial 0x04C11DB7, most significant bit first, beginning with and
    xored with zero (RFC 3533, section 6). zlib's is that polynomial with the least significant
    bit first, begun and xored with ones: the same register in a mirror, so that bytes mirrored
    on the way in and a word mirrored on the way out make it Ogg's.
    """
    zeroed = b"".join((page[:_CHECKSUM_AT], bytes(4), page[_CHECKSUM_AT + 4 :]))
    mirrored = zlib.crc32(zeroed.translate(_REVERSED_BITS), _ALL_ONES) ^ _ALL_ONES
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED_BITS), "big")


def checksum_holds(page: bytes) -> bool:
    """Whether a whole page holds the checksum that it should."""
    held = int.from_bytes(page[_CHECKSUM_AT : _CHECKSUM_AT + 4], "little")
    return held == page_checksum(page)


def build_page(
    packets: Sequence[bytes], *, serial: int, sequence: int, granule: int, flags: int = 0
) -> bytes:
    """A page of whole packets, with its checksum.

    Args:
        packets: Each takes a lacing value for every 255 bytes begun, and one more.
        serial: Of the stream, 32 bits.
        sequence: Of the page in its stream, 32 bits.
        granule: See `OggPage.granule`.
        flags: See `FIRST_PAGE` and its like.

    Raises:
        PayloadError: They need more than 255 lacing values.
    """
    lacing = b"".join(b"\xff" * (len(one) // 255) + bytes((len(one) % 255,)) for one in packets)
    if len(lacing) > MAX_SEGMENTS:
        raise PayloadError(f"{MAX_SEGMENTS} lacing values or fewer", f"{len(lacing)}")
    head = _PAGE.pack(CAPTURE_PATTERN, 0, flags, granule, serial, sequence, 0, len(lacing))
    page = b"".join((head, lacing, *packets))
    checksum = page_checksum(page).to_bytes(4, "little")
    return b"".join((page[:_CHECKSUM_AT], checksum, page[_CHECKSUM_AT + 4 :]))


@dataclass(frozen=True, slots=True)
class OpusHead:
    """The first packet of an Ogg Opus stream: how to decode what follows (RFC 7845, section 5.1)."""

    num_channels: int = 1
    """1 or 2."""
    pre_skip: int = 312
    """Samples at 48 kHz to drop from the beginning of the decoded audio, 0 to 65535."""
    input_rate: int = 48_000
    """Hz before encoding, for information; 0 where nobody said."""
    output_gain: int = 0
    """To apply after decoding, in 1/256 dB, -32768 to 32767."""

    @property
    def gain_db(self) -> float:
        """The output gain in dB."""
        return self.output_gain / 256

    @classmethod
    def from_bytes(cls, packet: bytes) -> OpusHead:
        """Read the packet.

        Raises:
            ContainerError: It is none, ends early, is of a version to come, or has channels
                that a single Opus stream cannot have (a mapping family other than 0).
        """
        if not packet.startswith(HEAD_MAGIC) or len(packet) < _HEAD.size:
            raise ContainerError(
                f"an OpusHead of {_HEAD.size} bytes or more", f"{packet[:8]!r}, {len(packet)} bytes"
            )
        _, version, channels, pre_skip, rate, gain, family = _HEAD.unpack_from(packet)
        # The upper four bits tell what is incompatible; readers take all versions below 16.
        if version > 15:
            raise ContainerError("Ogg Opus of a version below 16", f"version {version}")
        if family or channels not in (1, 2):
            raise ContainerError(
                "mono or stereo (mapping family 0)", f"{channels} channels of family {family}"
            )
        return cls(channels, pre_skip, rate, gain)

    def to_bytes(self) -> bytes:
        """The packet.

        Raises:
            ConfigurationError: A number is out of range.
        """
        if self.num_channels not in (1, 2):
            raise ConfigurationError("num_channels", f"1 or 2 go into a stream, not {self!r}")
        try:
            return _HEAD.pack(
                HEAD_MAGIC,
                1,
                self.num_channels,
                self.pre_skip,
                self.input_rate,
                self.output_gain,
                0,
            )
        except struct.error as error:
            raise ConfigurationError("OpusHead", f"{error}, in {self!r}") from None


@dataclass(frozen=True, slots=True)
class OpusTags:
    """The second packet: who made the stream, and what they say of it (RFC 7845, section 5.2)."""

    vendor: str = "rawmedia"
    comments: tuple[str, ...] = ()
    """Each ``NAME=value``; whatever is not UTF-8 in them is replaced."""
    complete: bool = True
    """False where the packet is damaged, or so long that its end was not kept."""

    @classmethod
    def from_bytes(cls, packet: bytes) -> OpusTags:
        """Read the packet, or as much as there is of it.

        Raises:
            ContainerError: It is none.
        """
        if not packet.startswith(TAGS_MAGIC):
            raise ContainerError("OpusTags", repr(packet[:8]))
        vendor, at = _text(packet, len(TAGS_MAGIC))
        if vendor is None or at + _LENGTH.size > len(packet):
            return cls(vendor or "", complete=False)
        (count,) = _LENGTH.unpack_from(packet, at)
        at += _LENGTH.size
        comments: list[str] = []
        while len(comments) < count:
            comment, at = _text(packet, at)
            if comment is None:
                return cls(vendor, tuple(comments), complete=False)
            comments.append(comment)
        return cls(vendor, tuple(comments))

    def to_bytes(self) -> bytes:
        """The packet."""
        texts = [text.encode() for text in (self.vendor, *self.comments)]
        parts = [_LENGTH.pack(len(text)) + text for text in texts]
        return b"".join((TAGS_MAGIC, parts[0], _LENGTH.pack(len(self.comments)), *parts[1:]))


def _text(packet: bytes, at: int) -> tuple[str | None, int]:
    """The text whose length stands at ``at``, and what follows it; None when it is not all there."""
    start = at + _LENGTH.size
    if start > len(packet):
        return None, at
    end = start + _LENGTH.unpack_from(packet, at)[0]
    if end > len(packet):
        return None, at
    return packet[start:end].decode("utf-8", "replace"), end


__all__ = [
    "CAPTURE_PATTERN",
    "CONTINUED",
    "FIRST_PAGE",
    "HEAD_MAGIC",
    "LAST_PAGE",
    "MAX_PAGE_BYTES",
    "MAX_SEGMENTS",
    "NO_GRANULE",
    "TAGS_MAGIC",
    "OggPage",
    "OpusHead",
    "OpusTags",
    "build_page",
    "checksum_holds",
    "head_bytes",
    "page_checksum",
    "page_head",
]
