"""Any packets of telephone events give starts and ends in turn, or a PayloadError each."""

from __future__ import annotations

import math
from struct import Struct

from rawmedia.errors import PayloadError
from rawmedia.wire.telephone_event import (
    KeyEnded,
    KeyEvent,
    KeyStarted,
    TelephoneEvent,
    TelephoneEventReceiver,
    TelephoneEventSender,
)

# How an input is cut into packets: timestamp, milliseconds since the last, flags, payload length.
_PACKET = Struct("!IBBB")


def one_input(data: bytes) -> None:
    """Read it as a row of packets to one receiver."""
    receiver = TelephoneEventReceiver()
    told: list[KeyEvent] = []
    reports, now_ms, at = 0, 0, 0
    while at + _PACKET.size <= len(data):
        timestamp, step_ms, flags, size = _PACKET.unpack_from(data, at)
        at += _PACKET.size
        payload = data[at : at + size]
        at += size
        now_ms += step_ms
        if flags & 2:
            told += receiver.expire(now_ms)
        try:
            told += receiver.push_payload(
                timestamp, payload, now_ms, marker=bool(flags & 1), ssrc=flags >> 6
            )
        except PayloadError:
            continue
        parsed = TelephoneEvent.parse(payload)
        reports += len(parsed)
        # The reserved bits, those of the volume's byte but E, are not kept.
        assert len(b"".join(report.build() for report in parsed)) == len(payload)
    told += receiver.expire(math.inf)
    check(told, reports)


def check(told: list[KeyEvent], reports: int) -> None:
    """Each start is followed by its end, and there are no more keys than reports."""
    assert len(told) % 2 == 0
    assert len(told) <= 2 * reports
    for start, end in zip(told[0::2], told[1::2], strict=True):
        assert isinstance(start, KeyStarted)
        assert isinstance(end, KeyEnded)
        assert (start.event, start.timestamp) == (end.event, end.timestamp)
        assert end.duration_ms >= 0


def seeds() -> list[bytes]:
    """Keys as a sender tells them: one, two, one held for long, and several in a packet."""
    sender = TelephoneEventSender(update_ms=50)
    one = [*sender.press("1", 100, 0)]
    two = [*one, *sender.press("#", 60, 2000)]
    long = [*sender.press("5", 8300, 2**32 - 4000)][-8:]
    rows = [
        b"".join(
            _PACKET.pack(part.timestamp, 50, int(part.marker), len(part.payload)) + part.payload
            for part in parts
        )
        for parts in (one, two, long)
    ]
    row = TelephoneEvent(1, True, 10, 400).build() + TelephoneEvent(2, False, 10, 80).build()
    return [*rows, _PACKET.pack(7, 20, 1, len(row)) + row]
