"""Twilio Media Streams, as ``<Connect><Stream>`` opens them: both ways, one party a socket.

Source: Twilio's documentation, "Media Streams - WebSocket Messages".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from rawmedia.adapters.websocket.dialect import (
    AudioReceived,
    ClearAudio,
    KeyPressed,
    MarkPassed,
    SetMark,
    StreamStarted,
    StreamStopped,
)
from rawmedia.adapters.websocket.json_dialect import (
    KEYS,
    MAX_MESSAGE_BYTES,
    JsonDialect,
    fields_of,
    is_name,
    name_or_none,
    payload_bytes,
    payload_text,
)
from rawmedia.audio.format import TELEPHONY
from rawmedia.codecs.g711 import ULawDecoder, ULawEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rawmedia.adapters.websocket.dialect import DialectCommand, DialectEvent, Message
    from rawmedia.adapters.websocket.json_dialect import Fields
    from rawmedia.audio.frame import AudioFrame

MAX_PARAMETERS = 100
"""How many of an application's own parameters are read; Twilio takes fewer."""
_MAX_PARAMETER_CHARS = 2_000
_MAX_TIME_MS = 2**53
_MEDIA_FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1}


class TwilioDialect(JsonDialect):
    """μ-law of 8 kHz, mono. The platform answers marks, when their audio was played or dropped.

    Args:
        max_message_bytes: What is longer is not looked at.
    """

    clears: ClassVar[bool] = True
    marks: ClassVar[bool] = True

    def __init__(self, *, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        super().__init__(max_message_bytes=max_message_bytes)
        self._decoder, self._encoder = ULawDecoder(), ULawEncoder()
        self._stopped = False
        self._media_head = self._stream = ""
        self._readers: dict[str, Callable[[Fields], Sequence[DialectEvent]]] = {
            "media": self._media,
            "mark": self._mark,
            "dtmf": self._dtmf,
            "stop": self._stop,
            "start": self._start,
            "connected": self._connected,
        }

    def _read(self, fields: Fields) -> Sequence[DialectEvent]:
        event = fields.get("event")
        if type(event) is not str or event not in self._readers:
            return self._fault("unknown_kind")
        if self._stopped:
            return self._fault("after_stop", event)
        if self._started is None:
            if event not in ("start", "connected"):
                return self._fault("before_start", event)
        elif fields.get("streamSid", self._stream) != self._stream:
            return self._fault("other_stream", event)
        return self._readers[event](fields)

    def _connected(self, fields: Fields) -> Sequence[DialectEvent]:  # noqa: ARG002
        """Nothing to say yet: what the call is follows."""
        return () if self._started is None else self._fault("second_start", "connected")

    def _start(self, fields: Fields) -> Sequence[DialectEvent]:
        if self._started is not None:
            return self._fault("second_start", "start")
        start = fields_of(fields.get("start"))
        stream = start.get("streamSid", fields.get("streamSid"))
        if not is_name(stream):
            return self._fault("bad_field", "streamSid")
        media_format = fields_of(start.get("mediaFormat"))
        if any(media_format.get(name) != value for name, value in _MEDIA_FORMAT.items()):
            return self._fault("unsupported_format", "mediaFormat")
        self._stream = stream
        self._media_head = (
            f'{{"event":"media","streamSid":{json.dumps(self._stream)},"media":{{"payload":"'
        )
        self._started = StreamStarted(
            TELEPHONY,
            self._stream,
            name_or_none(start.get("callSid")),
            _parameters(start.get("customParameters")),
        )
        return (self._started,)

    def _media(self, fields: Fields) -> Sequence[DialectEvent]:
        media = fields.get("media")
        if type(media) is not dict:
            return self._fault("bad_field", "media")
        # A stream that only listens can also bring what we say.
        if media.get("track", "inbound") != "inbound":
            return self._fault("other_stream", "track")
        try:
            payload = payload_bytes(media.get("payload"))
        except ValueError:
            return self._fault("bad_base64", "payload")
        if not payload:
            return self._fault("no_audio")
        timestamp = media.get("timestamp")
        at = _time_ms(timestamp)
        received = AudioReceived(self._decoder.decode(payload).tobytes(), None, at)
        if at is None and timestamp is not None:
            return (*self._fault("bad_timestamp", "timestamp"), received)
        return (received,)

    def _mark(self, fields: Fields) -> Sequence[DialectEvent]:
        name = fields_of(fields.get("mark")).get("name")
        if not is_name(name):
            return self._fault("bad_field", "name")
        return (MarkPassed(name),)

    def _dtmf(self, fields: Fields) -> Sequence[DialectEvent]:
        key = fields_of(fields.get("dtmf")).get("digit")
        if type(key) is not str or key.upper() not in KEYS:
            return self._fault("bad_field", "digit")
        return (KeyPressed(key.upper()),)

    def _stop(self, fields: Fields) -> Sequence[DialectEvent]:  # noqa: ARG002
        self._stopped = True
        return (StreamStopped(),)

    def _audio_messages(self, frame: AudioFrame) -> Sequence[Message]:
        payload = self._encoder.encode(frame.samples)
        return (self._media_head + payload_text(payload) + '"}}',)

    def _control_messages(self, command: DialectCommand) -> Sequence[Message]:
        if isinstance(command, ClearAudio):
            message: Fields = {"event": "clear", "streamSid": self._stream}
        elif isinstance(command, SetMark):
            message = {"event": "mark", "streamSid": self._stream, "mark": {"name": command.name}}
        else:
            return ()
        return (json.dumps(message, separators=(",", ":")),)


def _parameters(value: object) -> dict[str, str]:
    """What the application gave the call to carry; what is no short text is left out."""
    texts = (
        (name, text)
        for name, text in list(fields_of(value).items())[:MAX_PARAMETERS]
        if is_name(name) and type(text) is str and len(text) <= _MAX_PARAMETER_CHARS
    )
    return dict(texts)


def _time_ms(timestamp: object) -> float | None:
    """Milliseconds since the stream's start, which come as digits."""
    if type(timestamp) is str and len(timestamp) < 20 and timestamp.isdecimal():
        return float(timestamp)
    if type(timestamp) is int and 0 <= timestamp <= _MAX_TIME_MS:
        return float(timestamp)
    return None


__all__ = ["MAX_PARAMETERS", "TwilioDialect"]
