"""Any datagrams into a receiver: keys, two clocks, two senders, noise; nothing raises."""

from __future__ import annotations

from rawmedia.audio.format import SPEECH
from rawmedia.streams.clock import SystemClock
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.receiver import AudioReceiver
from rawmedia.wire.payload_types import OPUS, TELEPHONE_EVENT, PayloadTypes
from rawmedia.wire.rtp import RtpPacket

MAX_INPUT_BYTES = 1_024
_TYPES = PayloadTypes({111: OPUS, 101: TELEPHONE_EVENT})


class _Clock(SystemClock):
    """Time as the input tells it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds


def one_input(data: bytes) -> None:
    """Datagrams, each after two bytes: how many ms later it comes, and how long it is."""
    clock = _Clock()
    stream = InboundAudioStream(SPEECH, clock=clock, capacity_ms=500)
    receiver = AudioReceiver(stream, _TYPES, clock=clock)
    at = 0
    while at + 2 <= len(data):
        wait_ms, size = data[at], data[at + 1]
        clock.seconds += wait_ms / 1000
        receiver.receive(data[at + 2 : at + 2 + size])
        receiver.advance()
        at += 2 + size
    receiver.end()
    assert stream.stats.buffered_ms <= 520


def seeds() -> list[bytes]:
    """A few packets of each kind."""
    found = []
    for kind, payload in (
        (0, bytes(20)),
        (111, b"\xf8\xff\xfe"),
        (101, b"\1\12\0\240"),
        (13, b"\0"),
    ):
        packets = [RtpPacket(kind, number, number * 160, 7, payload).build() for number in range(4)]
        found.append(b"".join(bytes((20, len(each))) + each for each in packets))
    return [*found, b"".join(found)]
