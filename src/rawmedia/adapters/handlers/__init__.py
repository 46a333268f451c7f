"""What a server of calls can do with a call: bridge it, caption it, record it, or send it back.

Each is given to `rawmedia.adapters.asgi.create_app` or `WebSocketCalls` as their handler. Each name
is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.adapters.handlers.bridge import BridgeHandler
    from rawmedia.adapters.handlers.bridge_config import BridgeHandlerConfig
    from rawmedia.adapters.handlers.captions import CaptionsHandler, CaptionsHandlerConfig
    from rawmedia.adapters.handlers.echo import EchoHandler
    from rawmedia.adapters.handlers.folders import CallFolders
    from rawmedia.adapters.handlers.parameters import BadParameterError, call_parameters
    from rawmedia.adapters.handlers.record import RecordHandler, RecordHandlerConfig

_HOMES = {
    "rawmedia.adapters.handlers.bridge": ("BridgeHandler",),
    "rawmedia.adapters.handlers.bridge_config": ("BridgeHandlerConfig",),
    "rawmedia.adapters.handlers.captions": ("CaptionsHandler", "CaptionsHandlerConfig"),
    "rawmedia.adapters.handlers.echo": ("EchoHandler",),
    "rawmedia.adapters.handlers.folders": ("CallFolders",),
    "rawmedia.adapters.handlers.parameters": ("BadParameterError", "call_parameters"),
    "rawmedia.adapters.handlers.record": ("RecordHandler", "RecordHandlerConfig"),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "BadParameterError",
    "BridgeHandler",
    "BridgeHandlerConfig",
    "CallFolders",
    "CaptionsHandler",
    "CaptionsHandlerConfig",
    "EchoHandler",
    "RecordHandler",
    "RecordHandlerConfig",
    "call_parameters",
]
