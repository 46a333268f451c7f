"""What dialects made of JSON messages share: reading with care, refusing with a reason, counting."""

from __future__ import annotations

import binascii
import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeGuard, get_args

from rawmedia.adapters.websocket.dialect import FaultReason, MessageFault
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, FormatMismatchError, StreamUseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawmedia.adapters.websocket.dialect import (
        DialectCommand,
        DialectEvent,
        Message,
        StreamStarted,
    )

MAX_MESSAGE_BYTES = 256 * 1024
"""How large a message may be by default; a 20 ms frame takes 1 to 2 KiB."""
MAX_ID_CHARS = 256
"""How long a name that a platform gives may be."""

KEYS = frozenset("0123456789ABCD*#")
"""What a telephone's keys are called."""

# Not `json.loads`, which looks for a byte order mark and for white space around each message.
_read_json = json.JSONDecoder().raw_decode

Fields = dict[str, Any]


class JsonDialect(ABC):
    """A dialect whose every message is a JSON object.

    Args:
        max_message_bytes: What is longer is not looked at; text counts by characters.

    Raises:
        ConfigurationError: ``max_message_bytes`` is less than 1.
    """

    clears: ClassVar[bool] = False
    marks: ClassVar[bool] = False

    def __init__(self, *, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        if max_message_bytes < 1:
            raise ConfigurationError("max_message_bytes", f"1 or more, not {max_message_bytes}")
        self._max_message = max_message_bytes
        self._started: StreamStarted | None = None
        self._faults: dict[FaultReason, int] = dict.fromkeys(get_args(FaultReason), 0)

    @property
    def started(self) -> StreamStarted | None:
        """What the platform said of its stream; None before."""
        return self._started

    @property
    def faults(self) -> Mapping[FaultReason, int]:
        """How often each kind of `MessageFault` came."""
        return dict(self._faults)

    def parse(self, message: Message) -> Sequence[DialectEvent]:
        """Read a message of the platform; never raises because of what is in it."""
        if len(message) > self._max_message:
            return self._fault("too_large")
        try:
            text = message if isinstance(message, str) else message.decode()
            fields, end = _read_json(text.lstrip())
        except UnicodeDecodeError:
            return self._fault("not_utf8")
        except (ValueError, RecursionError):
            return self._fault("not_json")
        if type(fields) is not dict:
            return self._fault("not_an_object")
        if end != len(text) and text.lstrip()[end:].strip():
            return self._fault("not_json", "after the object")
        return self._read(fields)

    def encode(self, command: DialectCommand) -> Sequence[Message]:
        """Write what a command says to the platform; nothing where it has no word for it."""
        started = self._started
        if started is None:
            raise StreamUseError("the platform has not started the stream; wait for StreamStarted")
        if type(command) is AudioFrame:
            if command._format is not started.format and command._format != started.format:
                raise FormatMismatchError(started.format, command._format)
            return self._audio_messages(command)
        return self._control_messages(command)

    # What each dialect adds.

    @abstractmethod
    def _read(self, fields: Fields) -> Sequence[DialectEvent]:
        """Make events of the fields of a message, whatever they are."""

    @abstractmethod
    def _audio_messages(self, frame: AudioFrame) -> Sequence[Message]:
        """Write a frame in the stream's format."""

    @abstractmethod
    def _control_messages(self, command: DialectCommand) -> Sequence[Message]:
        """Write any other command."""

    # What each needs.

    def _fault(self, reason: FaultReason, what: str = "") -> tuple[MessageFault]:
        self._faults[reason] += 1
        return (MessageFault(reason, what),)


def payload_bytes(payload: object) -> bytes:
    """What base64 stands for.

    Raises:
        ValueError: It is no base64, or no text at all.
    """
    if type(payload) is not str:
        raise ValueError("no text")
    # Strict: the lenient reading skips what it does not know, and gives noise.
    return binascii.a2b_base64(payload, strict_mode=True)


def payload_text(data: bytes | memoryview) -> str:
    """Bytes as base64; such text needs no escapes in JSON."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def is_name(value: object) -> TypeGuard[str]:
    """Whether a platform's id can be kept, shown and logged: short and printable."""
    return type(value) is str and 0 < len(value) <= MAX_ID_CHARS and value.isprintable()


def name_or_none(value: object) -> str | None:
    """An id, or None where it is none."""
    return value if is_name(value) else None


def fields_of(value: object) -> Fields:
    """The fields of an object within a message; none where it is no object."""
    return value if type(value) is dict else {}


__all__ = [
    "KEYS",
    "MAX_ID_CHARS",
    "MAX_MESSAGE_BYTES",
    "Fields",
    "JsonDialect",
    "fields_of",
    "is_name",
    "name_or_none",
    "payload_bytes",
    "payload_text",
]
