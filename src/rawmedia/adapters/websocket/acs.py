"""Azure Communication Services: the media streaming of Call Automation.

Every message is a JSON object of a kind and the fields of that kind. The service writes names
in camelCase. Where its documentation writes out an answer (for Python) that is in PascalCase, which
is sent unless told otherwise; its JavaScript package answers in camelCase. Both are read.

Source: Microsoft Learn, "Audio streaming" of Azure Communication Services Call Automation, and
the parsers of its SDKs.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Literal

from rawmedia.adapters.websocket.dialect import (
    AudioReceived,
    ClearAudio,
    KeyPressed,
    StreamStarted,
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
from rawmedia.audio.format import SPEECH, WIDEBAND_VOICE
from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.adapters.websocket.dialect import DialectCommand, DialectEvent, Message
    from rawmedia.adapters.websocket.json_dialect import Fields
    from rawmedia.audio.frame import AudioFrame

Casing = Literal["pascal", "camel"]
"""How names are written: ``AudioData`` or ``audioData``."""

CALL_ID_HEADER = "x-ms-call-connection-id"
"""The header of the upgrade that names the call, the same each time that it is dialled."""

_FORMATS = {each.sample_rate: each for each in (SPEECH, WIDEBAND_VOICE)}
# What goes before and after the audio, and what stops it.
_WRITTEN: dict[Casing, tuple[str, str, str]] = {
    "pascal": (
        '{"Kind":"AudioData","AudioData":{"Data":"',
        '"},"StopAudio":null}',
        '{"Kind":"StopAudio","AudioData":null,"StopAudio":{}}',
    ),
    "camel": (
        '{"kind":"AudioData","audioData":{"data":"',
        '"},"stopAudio":null}',
        '{"kind":"StopAudio","audioData":null,"stopAudio":{}}',
    ),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AcsDialect(JsonDialect):
    """PCM of 16 or 24 kHz, mono, mixed or one voice at a time.

    The service drops on `ClearAudio` all that it has not played. It has no marks.

    Args:
        casing: How names are sent. "pascal" is what the documentation writes out.
        max_message_bytes: What is longer is not looked at.

    Raises:
        ConfigurationError: Another casing, or ``max_message_bytes`` is less than 1.
    """

    clears: ClassVar[bool] = True

    def __init__(
        self, *, casing: Casing = "pascal", max_message_bytes: int = MAX_MESSAGE_BYTES
    ) -> None:
        super().__init__(max_message_bytes=max_message_bytes)
        if casing not in _WRITTEN:
            raise ConfigurationError("casing", f"{' or '.join(_WRITTEN)}, not {casing!r}")
        self._audio_head, self._audio_tail, self._stop = _WRITTEN[casing]

    def _read(self, fields: Fields) -> Sequence[DialectEvent]:
        kind = fields.get("kind")
        if kind == "AudioData":  # the frame path, written as the service writes it
            audio = fields.get("audioData")
            if type(audio) is dict and "data" in audio:
                return self._audio(
                    audio["data"],
                    audio.get("timestamp"),
                    audio.get("participantRawID"),
                    audio.get("silent"),
                )
        fields = _folded(fields)
        kind = fields.get("kind")
        kind = kind.lower() if type(kind) is str else None
        if kind == "audiodata":
            audio = _folded(fields.get("audiodata"))
            return self._audio(
                audio.get("data"),
                audio.get("timestamp"),
                audio.get("participantrawid"),
                audio.get("silent", audio.get("issilent")),
            )
        if kind == "audiometadata":
            return self._metadata(_folded(fields.get("audiometadata")))
        if kind == "dtmfdata":
            return self._dtmf(_folded(fields.get("dtmfdata")))
        return self._fault("unknown_kind")

    def _metadata(self, fields: Fields) -> Sequence[DialectEvent]:
        if self._started is not None:
            return self._fault("second_start")
        encoding = fields.get("encoding")
        if type(encoding) is not str or encoding.upper() != "PCM":
            return self._fault("unsupported_format", "encoding")
        if fields.get("channels", 1) != 1:
            return self._fault("unsupported_format", "channels")
        rate = fields.get("samplerate")
        if type(rate) is not int or rate not in _FORMATS:
            return self._fault("unsupported_format", "sampleRate")
        # `length` says how many bytes a frame has; each message shows that by itself.
        self._started = StreamStarted(_FORMATS[rate], name_or_none(fields.get("subscriptionid")))
        return (self._started,)

    def _audio(
        self, data: object, timestamp: object, participant: object, silent: object
    ) -> Sequence[DialectEvent]:
        if self._started is None:
            return self._fault("before_start")
        try:
            audio = payload_bytes(data)
        except ValueError:
            return self._fault("bad_base64", "data")
        if not audio:
            return self._fault("no_audio")
        if len(audio) % 2:
            return self._fault("odd_bytes")
        if participant is not None and not is_name(participant):
            return self._fault("bad_field", "participantRawID")
        at = _time_ms(timestamp)
        received = AudioReceived(audio, participant, at, silent is True)
        if at is None and timestamp is not None:
            return (*self._fault("bad_timestamp", "timestamp"), received)
        return (received,)

    def _dtmf(self, fields: Fields) -> Sequence[DialectEvent]:
        if self._started is None:
            return self._fault("before_start")
        key = fields.get("data")
        if type(key) is not str or key.upper() not in KEYS:
            return self._fault("bad_field", "data")
        return (KeyPressed(key.upper(), name_or_none(fields.get("participantrawid"))),)

    def _audio_messages(self, frame: AudioFrame) -> Sequence[Message]:
        return (self._audio_head + payload_text(frame.data) + self._audio_tail,)

    def _control_messages(self, command: DialectCommand) -> Sequence[Message]:
        return (self._stop,) if isinstance(command, ClearAudio) else ()


def _folded(value: object) -> Fields:
    """Fields by names in lower case; of two that differ by that alone, the first."""
    folded: Fields = {}
    for name, each in fields_of(value).items():
        folded.setdefault(name.lower(), each)
    return folded


def _time_ms(timestamp: object) -> float | None:
    """Milliseconds since 1970 of an ISO 8601 time, of any precision; without a zone it is UTC."""
    if type(timestamp) is not str:
        return None
    try:
        at = datetime.fromisoformat(timestamp)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return (at - _EPOCH).total_seconds() * 1000
    except (ValueError, OverflowError):
        return None


__all__ = ["CALL_ID_HEADER", "AcsDialect", "Casing"]
