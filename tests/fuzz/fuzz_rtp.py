"""Any datagram is a packet that can be built again, or a PacketError."""

from __future__ import annotations

from rawmedia.errors import PacketError
from rawmedia.wire.rtp import RtpExtension, RtpPacket, is_rtcp


def one_input(data: bytes) -> None:
    """Read it as a datagram, and what was read as header extension elements."""
    assert is_rtcp(data) in (True, False)
    try:
        packet = RtpPacket.parse(data)
    except PacketError:
        return
    built = packet.build()
    assert len(built) == len(data)
    assert RtpPacket.parse(built) == packet
    if not packet.padding:
        assert built == data
    if packet.extension is None:
        return
    try:
        elements = packet.extension.elements()
    except PacketError:
        return
    assert RtpExtension.of_elements(elements).elements() == elements


def seeds() -> list[bytes]:
    """One packet of each shape."""
    short = RtpExtension.of_elements({1: b"\x7f", 2: b"level", 14: bytes(16)})
    long = RtpExtension.of_elements({1: b"", 200: bytes(17)})
    plain = RtpPacket(0, 1, 160, 0x1234, bytes(20))
    packets = [
        plain,
        plain._replace(marker=True, payload=b""),
        plain._replace(csrcs=(1, 2, 3)),
        plain._replace(padding=4),
        plain._replace(extension=short),
        plain._replace(extension=long, csrcs=(5,), padding=7),
        plain._replace(extension=RtpExtension(0x1234, b"\0\1\2\3")),
    ]
    return [packet.build() for packet in packets]
