"""Bytes to packets, and packets to their order in time. No socket and no clock: time is an argument.

Each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.wire.jitter import Hole, JitterBuffer, JitterConfig, JitterStats, Pause, Received
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

_HOMES = {
    "rawmedia.wire.jitter": (
        "Hole",
        "JitterBuffer",
        "JitterConfig",
        "JitterStats",
        "Pause",
        "Received",
    ),
    "rawmedia.wire.packetizer": ("RtpPacketizer",),
    "rawmedia.wire.payload_types": (
        "OPUS",
        "TELEPHONE_EVENT",
        "OpusParameters",
        "PayloadFormat",
        "PayloadTypes",
    ),
    "rawmedia.wire.rtp": (
        "RtpExtension",
        "RtpPacket",
        "is_rtcp",
    ),
    "rawmedia.wire.sequence": (
        "Unwrapper",
        "is_newer",
    ),
    "rawmedia.wire.telephone_event": (
        "KeyEnded",
        "KeyStarted",
        "TelephoneEvent",
        "TelephoneEventReceiver",
        "TelephoneEventSender",
    ),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "OPUS",
    "TELEPHONE_EVENT",
    "Hole",
    "JitterBuffer",
    "JitterConfig",
    "JitterStats",
    "KeyEnded",
    "KeyStarted",
    "OpusParameters",
    "Pause",
    "PayloadFormat",
    "PayloadTypes",
    "Received",
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
