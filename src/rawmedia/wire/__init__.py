"""Bytes to packets, and packets to their order in time. No socket and no clock: time is an argument."""

from __future__ import annotations

from rawmedia.wire.packetizer import RtpPacketizer
from rawmedia.wire.payload_types import (
    OPUS,
    TELEPHONE_EVENT,
    OpusParameters,
    PayloadFormat,
    PayloadTypes,
)
from rawmedia.wire.rtp import RtpExtension, RtpPacket, is_rtcp
from rawmedia.wire.sequence import Unwrapper, is_newer
from rawmedia.wire.telephone_event import (
    KeyEnded,
    KeyStarted,
    TelephoneEvent,
    TelephoneEventReceiver,
    TelephoneEventSender,
)

__all__ = [
    "OPUS",
    "TELEPHONE_EVENT",
    "KeyEnded",
    "KeyStarted",
    "OpusParameters",
    "PayloadFormat",
    "PayloadTypes",
    "RtpExtension",
    "RtpPacket",
    "RtpPacketizer",
    "TelephoneEvent",
    "TelephoneEventReceiver",
    "TelephoneEventSender",
    "Unwrapper",
    "is_newer",
    "is_rtcp",
]
