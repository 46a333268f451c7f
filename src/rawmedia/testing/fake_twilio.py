"""Twilio as it dials a server for one party's audio, by its documented messages."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING

from rawmedia.audio.format import TELEPHONY
from rawmedia.audio.frame import AudioFrame
from rawmedia.codecs import ULawDecoder, ULawEncoder
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.fake_platform import FakePlatform
from rawmedia.testing.platform_messages import (
    SaidAudio,
    SaidClear,
    SaidMark,
    object_of,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawmedia.adapters.websocket.dialect import Message
    from rawmedia.streams.clock import Clock
    from rawmedia.testing.platform_messages import ServerSaid

_CALL_ID = f"CA{1:032}"


class TwilioMessages:
    """The messages of Twilio's media streams, numbered as they are.

    Args:
        parameters: What the application gave the call to carry.
        call_id: The call's id.
    """

    format = TELEPHONY
    separates_voices = False

    def __init__(
        self, parameters: Mapping[str, str] | None = None, *, call_id: str = _CALL_ID
    ) -> None:
        self._parameters = dict(parameters or {})
        self._account, self._call = f"AC{1:032}", call_id
        self._streams = self._sequence = self._chunk = 0
        self._began_ms = 0.0
        self._encoder, self._decoder = ULawEncoder(), ULawDecoder()

    @property
    def stream(self) -> str:
        """The id of the stream, which is another with each opening."""
        return f"MZ{self._streams:032}"

    def opening(self) -> Sequence[Message]:
        """That it is connected, and what the stream is."""
        self._streams += 1
        self._sequence = self._chunk = 0
        start = {
            "accountSid": self._account,
            "streamSid": self.stream,
            "callSid": self._call,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1},
            "customParameters": self._parameters,
        }
        connected = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        return (json.dumps(connected), self._written("start", start))

    def audio(self, pcm: bytes, participant: str | None, at_ms: float) -> Message:  # noqa: ARG002
        """A frame of μ-law."""
        if not self._chunk:
            self._began_ms = at_ms
        self._chunk += 1
        payload = self._encoder.encode(AudioFrame(pcm, TELEPHONY).samples)
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(round(at_ms - self._began_ms)),
            "payload": base64.b64encode(payload).decode(),
        }
        return self._written("media", media)

    def key(self, key: str) -> Message:
        """A key."""
        return self._written("dtmf", {"track": "inbound_track", "digit": key})

    def mark(self, name: str) -> Message:
        """A mark that was reached or cleared."""
        return self._written("mark", {"name": name})

    def goodbye(self) -> Message:
        """The stream stops."""
        return self._written("stop", {"accountSid": self._account, "callSid": self._call})

    def read(self, message: Message) -> ServerSaid:
        """Understand media, mark and clear.

        Raises:
            ValueError: It is none of them.
        """
        if not isinstance(message, str):
            raise ValueError("a binary message")  # noqa: TRY004 - it is the message that is wrong
        fields = object_of(json.loads(message), "the message")
        if fields.get("streamSid") != self.stream:
            raise ValueError(f"the stream is {fields.get('streamSid')!r}")
        event = fields.get("event")
        if event == "clear":
            return SaidClear()
        if event == "mark":
            return SaidMark(text_of(object_of(fields.get("mark"), "mark").get("name"), "name"))
        if event != "media":
            raise ValueError(f"the event is {event!r}")
        payload = text_of(object_of(fields.get("media"), "media").get("payload"), "payload")
        codes = base64.b64decode(payload, validate=True)
        if not codes:
            raise ValueError("no audio")
        return SaidAudio(self._decoder.decode(codes).tobytes())

    def _written(self, event: str, fields: Mapping[str, object]) -> str:
        self._sequence += 1
        message = {"event": event, "sequenceNumber": str(self._sequence), event: fields}
        return json.dumps({**message, "streamSid": self.stream})


class FakeTwilio(FakePlatform):
    """One party of Twilio's, connected to a stream both ways.

    It answers marks when what was sent before them is played, or cleared.

    Args:
        says: What the party says, at 8000 Hz.
        parameters: What the application gave the call to carry.
        call_id: The call's id, the same on each socket of the call.
        clock: What it is paced by.
    """

    def __init__(
        self,
        says: AudioFrame | None = None,
        *,
        parameters: Mapping[str, str] | None = None,
        call_id: str = _CALL_ID,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(TwilioMessages(parameters, call_id=call_id), says, clock=clock)

    @staticmethod
    def headers(url: str, auth_token: str) -> dict[str, str]:
        """What it sends as it dials this URL: the URL's signature by the account's token."""
        signature = hmac.new(auth_token.encode(), url.encode(), hashlib.sha1).digest()
        return {"X-Twilio-Signature": base64.b64encode(signature).decode()}


__all__ = ["FakeTwilio", "TwilioMessages"]
