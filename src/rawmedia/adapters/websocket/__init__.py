"""Calls over WebSockets that a platform dials: what is said on them, who may dial, and legs made of them.

Each name is loaded when it is first used. `AcsToken` needs the extra ``server``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.adapters.websocket.acs import AcsDialect
    from rawmedia.adapters.websocket.acs_token import AcsToken
    from rawmedia.adapters.websocket.authentication import (
        AnyCaller,
        Authenticator,
        CallRefusedError,
        Handshake,
    )
    from rawmedia.adapters.websocket.calls import (
        CallsStats,
        CallTooLongError,
        WebSocketCalls,
        WebSocketCallsConfig,
    )
    from rawmedia.adapters.websocket.dialect import (
        AudioReceived,
        ClearAudio,
        Dialect,
        DialectCommand,
        DialectEvent,
        FaultReason,
        KeyPressed,
        MarkPassed,
        Message,
        MessageFault,
        SetMark,
        StreamStarted,
        StreamStopped,
    )
    from rawmedia.adapters.websocket.json_dialect import JsonDialect
    from rawmedia.adapters.websocket.key_set import KeySet
    from rawmedia.adapters.websocket.leg import CallLostError, WebSocketLeg, WebSocketLegConfig
    from rawmedia.adapters.websocket.socket import AsgiSocket, Socket, SocketClosedError
    from rawmedia.adapters.websocket.twilio import TwilioDialect
    from rawmedia.adapters.websocket.twilio_signature import TwilioSignature

_HOMES = {
    "rawmedia.adapters.websocket.acs": ("AcsDialect",),
    "rawmedia.adapters.websocket.acs_token": ("AcsToken",),
    "rawmedia.adapters.websocket.authentication": (
        "AnyCaller",
        "Authenticator",
        "CallRefusedError",
        "Handshake",
    ),
    "rawmedia.adapters.websocket.calls": (
        "CallTooLongError",
        "CallsStats",
        "WebSocketCalls",
        "WebSocketCallsConfig",
    ),
    "rawmedia.adapters.websocket.dialect": (
        "AudioReceived",
        "ClearAudio",
        "Dialect",
        "DialectCommand",
        "DialectEvent",
        "FaultReason",
        "KeyPressed",
        "MarkPassed",
        "Message",
        "MessageFault",
        "SetMark",
        "StreamStarted",
        "StreamStopped",
    ),
    "rawmedia.adapters.websocket.json_dialect": ("JsonDialect",),
    "rawmedia.adapters.websocket.key_set": ("KeySet",),
    "rawmedia.adapters.websocket.leg": (
        "CallLostError",
        "WebSocketLeg",
        "WebSocketLegConfig",
    ),
    "rawmedia.adapters.websocket.socket": ("AsgiSocket", "Socket", "SocketClosedError"),
    "rawmedia.adapters.websocket.twilio": ("TwilioDialect",),
    "rawmedia.adapters.websocket.twilio_signature": ("TwilioSignature",),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "AcsDialect",
    "AcsToken",
    "AnyCaller",
    "AsgiSocket",
    "AudioReceived",
    "Authenticator",
    "CallLostError",
    "CallRefusedError",
    "CallTooLongError",
    "CallsStats",
    "ClearAudio",
    "Dialect",
    "DialectCommand",
    "DialectEvent",
    "FaultReason",
    "Handshake",
    "JsonDialect",
    "KeyPressed",
    "KeySet",
    "MarkPassed",
    "Message",
    "MessageFault",
    "SetMark",
    "Socket",
    "SocketClosedError",
    "StreamStarted",
    "StreamStopped",
    "TwilioDialect",
    "TwilioSignature",
    "WebSocketCalls",
    "WebSocketCallsConfig",
    "WebSocketLeg",
    "WebSocketLegConfig",
]
