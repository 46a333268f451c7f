"""RTP packets: bytes to a value and back, with header extensions and the test that tells RTCP apart."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from rawmedia.errors import PacketError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    PacketBytes = bytes | bytearray | memoryview
    """A datagram as it came from a socket."""

RTP_VERSION = 2
RTP_HEADER_BYTES = 12
"""The part that every packet has, before contributors and extension."""
MAX_CSRCS = 15
"""Their count has four bits."""
MAX_PADDING = 255
"""The count of padding bytes is one byte, and counts itself."""
ONE_BYTE_PROFILE = 0xBEDE
"""Marks an extension of elements with one-byte headers (RFC 8285, section 4.2)."""
TWO_BYTE_PROFILE = 0x1000
"""Marks one with two-byte headers; the low four bits are the application's (section 4.3)."""

# RFC 3550, section 5.1: V P X CC, M PT, sequence number, timestamp, SSRC.
_HEADER = Struct("!BBHII")
_EXTENSION_HEADER = Struct("!HH")
_CSRCS = [Struct(f"!{count}I") for count in range(MAX_CSRCS + 1)]
# Looked up once, not for each packet.
_unpack_header, _pack_header = _HEADER.unpack_from, _HEADER.pack
_PLAIN = RTP_VERSION << 6
_PADDED, _EXTENDED = 0x20, 0x10
_MAX_EXTENSION_BYTES = 0xFFFF * 4


class _ExtensionFields(NamedTuple):
    profile: int
    data: bytes = b""


class RtpExtension(_ExtensionFields):
    """The header extension of a packet, immutable: a number that says whose it is, and bytes.

    Args:
        profile: "Defined by profile", 16 bits; `ONE_BYTE_PROFILE` and `TWO_BYTE_PROFILE` are the
            general ones.
        data: A multiple of 4 bytes, 262140 at most; may be empty.

    Raises:
        PacketError: A value is out of range.

    Source: RFC 3550, section 5.3.1.
    """

    __slots__ = ()

    def __new__(cls, profile: int, data: bytes = b"") -> Self:
        """Check the values and hold them."""
        if profile & ~0xFFFF:
            raise PacketError("an extension profile of 0 to 65535", str(profile))
        if len(data) % 4 or len(data) > _MAX_EXTENSION_BYTES:
            raise PacketError(
                f"extension data of 0 to {_MAX_EXTENSION_BYTES} bytes, a multiple of 4",
                f"{len(data)} bytes",
            )
        return tuple.__new__(cls, (profile, data))

    @classmethod
    def of_elements(cls, elements: Mapping[int, bytes]) -> Self:
        """An extension of elements by number, with the shortest headers that can hold them all.

        Args:
            elements: Numbers 1 to 255 (as agreed in ``a=extmap``) to 0 to 255 bytes each.

        Raises:
            PacketError: A number or a length is out of range.

        Source: RFC 8285, sections 4.2 (numbers to 14, 1 to 16 bytes) and 4.3 (the rest).
        """
        for number, value in elements.items():
            if not 1 <= number <= 255 or len(value) > 255:
                raise PacketError(
                    "an extension element numbered 1 to 255 of 0 to 255 bytes",
                    f"number {number} of {len(value)} bytes",
                )
        if all(number <= 14 and 1 <= len(value) <= 16 for number, value in elements.items()):
            profile = ONE_BYTE_PROFILE
            heads = (bytes((n << 4 | len(value) - 1,)) + value for n, value in elements.items())
        else:
            profile = TWO_BYTE_PROFILE
            heads = (bytes((n, len(value))) + value for n, value in elements.items())
        data = b"".join(heads)
        return cls(profile, data + bytes(-len(data) % 4))

    def elements(self) -> dict[int, bytes]:
        """The elements by number; of two with one number, the later.

        Returns:
            Empty where the profile says that there are none of RFC 8285.

        Raises:
            PacketError: An element goes on beyond the end of the extension.

        Source: RFC 8285, sections 4.1.2 (padding), 4.2 and 4.3.
        """
        if self.profile == ONE_BYTE_PROFILE:
            return dict(_one_byte_elements(self.data))
        if self.profile & 0xFFF0 == TWO_BYTE_PROFILE:
            return dict(_two_byte_elements(self.data))
        return {}

    @classmethod
    def _make(cls, iterable: Iterable[object]) -> Self:  # type: ignore[override]
        """What ``_replace`` makes is checked like all others."""
        return cls(*iterable)  # type: ignore[arg-type]


class _PacketFields(NamedTuple):
    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes = b""
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: RtpExtension | None = None
    padding: int = 0


class RtpPacket(_PacketFields):
    """One RTP packet, immutable; whatever one can be made of fits its header.

    A tuple underneath: one is made for every 20 ms of every call, in less than half the time
    that a frozen dataclass takes.

    Args:
        payload_type: What the payload is, 0 to 127; `rawmedia.wire.payload_types` gives it a name.
        sequence_number: 16 bits, one more for each packet, wraps.
        timestamp: 32 bits, media time in units of the format's clock, wraps.
        ssrc: Which stream of the session, 32 bits.
        payload: May be empty.
        marker: For audio, the first packet after a silence (RFC 3551, section 4.1).
        csrcs: Whose voices were mixed, up to 15 of 32 bits each.
        extension: None, or the header extension.
        padding: Bytes after the payload, 0 to 255, with the byte that counts them.

    Raises:
        PacketError: A value is out of range.

    Source: RFC 3550, section 5.1.
    """

    __slots__ = ()

    def __new__(
        cls,
        payload_type: int,
        sequence_number: int,
        timestamp: int,
        ssrc: int,
        payload: bytes = b"",
        marker: bool = False,  # noqa: FBT001, FBT002 - a field, in the order of the tuple
        csrcs: tuple[int, ...] = (),
        extension: RtpExtension | None = None,
        padding: int = 0,
    ) -> Self:
        """Check the values and hold them."""
        if (
            payload_type & ~0x7F
            or sequence_number & ~0xFFFF
            or (timestamp | ssrc) & ~0xFFFF_FFFF
            or padding & ~MAX_PADDING
        ):
            raise PacketError(
                "a payload type of 7 bits, a sequence number of 16, a timestamp and an SSRC of 32, "
                f"and 0 to {MAX_PADDING} bytes of padding",
                f"{payload_type}, {sequence_number}, {timestamp}, {ssrc} and {padding}",
            )
        if csrcs and (len(csrcs) > MAX_CSRCS or any(one & ~0xFFFF_FFFF for one in csrcs)):
            raise PacketError(f"up to {MAX_CSRCS} contributors of 32 bits", str(csrcs))
        return tuple.__new__(
            cls,
            (
                payload_type,
                sequence_number,
                timestamp,
                ssrc,
                payload,
                marker,
                csrcs,
                extension,
                padding,
            ),
        )

    @classmethod
    def parse(cls, data: PacketBytes) -> Self:
        """Read one datagram.

        Args:
            data: All of the datagram, and nothing else; it is copied, so its memory may be
                used again.

        Raises:
            PacketError: It is no RTP packet of version 2, or ends before its header does, or
                counts more padding than it has.

        Source: RFC 3550, section 5.1, and A.1 for what to check.
        """
        if type(data) is not bytes:
            data = bytes(memoryview(data))
        size = len(data)
        if size < RTP_HEADER_BYTES:
            raise PacketError(f"an RTP packet of {RTP_HEADER_BYTES} bytes or more", f"{size} bytes")
        flags, kind, sequence_number, timestamp, ssrc = _unpack_header(data)
        csrcs, extension, start, padding = _NO_OPTIONS if flags == _PLAIN else _options(data, flags)
        return tuple.__new__(
            cls,
            (
                kind & 0x7F,
                sequence_number,
                timestamp,
                ssrc,
                data[start : size - padding],
                kind > 0x7F,
                csrcs,
                extension,
                padding,
            ),
        )

    def build(self) -> bytes:
        """The packet as a datagram; padding is of zeros. `parse` gives an equal packet back."""
        kind, number, timestamp, ssrc, payload, marker, csrcs, extension, padding = self
        if marker:
            kind |= 0x80
        if not csrcs and extension is None and not padding:
            return _pack_header(_PLAIN, kind, number, timestamp, ssrc) + payload
        flags = _PLAIN | len(csrcs)
        parts = [_CSRCS[len(csrcs)].pack(*csrcs)]
        if extension is not None:
            flags |= _EXTENDED
            parts.append(_EXTENSION_HEADER.pack(extension.profile, len(extension.data) // 4))
            parts.append(extension.data)
        parts.append(payload)
        if padding:
            flags |= _PADDED
            parts.append(bytes(padding - 1) + bytes((padding,)))
        return _pack_header(flags, kind, number, timestamp, ssrc) + b"".join(parts)

    @classmethod
    def _make(cls, iterable: Iterable[object]) -> Self:  # type: ignore[override]
        """What ``_replace`` makes is checked like all others."""
        return cls(*iterable)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        mark = ", marked" if self.marker else ""
        return (
            f"<RtpPacket: number {self.sequence_number}, time {self.timestamp}, type "
            f"{self.payload_type}, {len(self.payload)} bytes of {self.ssrc:#010x}{mark}>"
        )


def is_rtcp(data: PacketBytes) -> bool:
    """Whether a datagram on a port that RTP and RTCP share is RTCP.

    It looks at two bytes: the version, and the second byte, which is 192 to 223 in RTCP. In RTP
    that would be a marked packet of type 64 to 95, numbers that such a session does not use.

    Source: RFC 5761, section 4.
    """
    if type(data) is not bytes:
        data = bytes(memoryview(data))
    return len(data) >= 2 and data[0] >> 6 == RTP_VERSION and 192 <= data[1] <= 223


_Options = tuple[tuple[int, ...], RtpExtension | None, int, int]
"""Contributors, extension, where the payload starts, and bytes of padding after it."""
_NO_OPTIONS: _Options = ((), None, RTP_HEADER_BYTES, 0)


def _options(data: bytes, flags: int) -> _Options:
    """What the first byte of a packet says that it has besides header and payload."""
    if flags >> 6 != RTP_VERSION:
        raise PacketError(f"RTP version {RTP_VERSION}", f"version {flags >> 6}")
    csrcs, start = _csrcs(data, flags & 0x0F)
    extension, padding = None, 0
    if flags & _EXTENDED:
        extension, start = _extension(data, start)
    if flags & _PADDED:
        padding, room = data[-1], len(data) - start
        if not 1 <= padding <= room:
            raise PacketError(f"1 to {room} bytes of padding", f"a count that says {padding}")
    return csrcs, extension, start, padding


def _csrcs(data: bytes, count: int) -> tuple[tuple[int, ...], int]:
    """The contributors, and where what follows them starts."""
    end = RTP_HEADER_BYTES + 4 * count
    if len(data) < end:
        raise PacketError(f"{count} contributors of 4 bytes", f"{len(data)} bytes in all")
    return _CSRCS[count].unpack_from(data, RTP_HEADER_BYTES), end


def _extension(data: bytes, start: int) -> tuple[RtpExtension, int]:
    """The extension at ``start``, and where what follows it starts."""
    body = start + _EXTENSION_HEADER.size
    if len(data) < body:
        raise PacketError("4 bytes before the extension", f"{len(data) - start} bytes")
    profile, words = _EXTENSION_HEADER.unpack_from(data, start)
    end = body + 4 * words
    if len(data) < end:
        raise PacketError(f"an extension of {4 * words} bytes", f"{len(data) - body} bytes")
    return RtpExtension(profile, data[body:end]), end


def _one_byte_elements(data: bytes) -> Iterable[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        number, length = data[at] >> 4, (data[at] & 0x0F) + 1
        at += 1
        if number == 0 and length == 1:  # a byte of padding
            continue
        if number in (0, 15):  # reserved: what comes before it counts, nothing after it
            return
        yield number, _element(data, at, length)
        at += length


def _two_byte_elements(data: bytes) -> Iterable[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        number = data[at]
        at += 1
        if number == 0:  # a byte of padding, without a length
            continue
        length = _element(data, at, 1)[0]
        at += 1
        yield number, _element(data, at, length)
        at += length


def _element(data: bytes, at: int, length: int) -> bytes:
    if len(data) < at + length:
        raise PacketError(f"an extension element of {length} bytes", f"{len(data) - at} bytes")
    return data[at : at + length]


__all__ = [
    "MAX_CSRCS",
    "MAX_PADDING",
    "ONE_BYTE_PROFILE",
    "RTP_HEADER_BYTES",
    "RTP_VERSION",
    "TWO_BYTE_PROFILE",
    "RtpExtension",
    "RtpPacket",
    "is_rtcp",
]
