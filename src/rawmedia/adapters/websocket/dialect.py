"""What a platform says over a call's WebSocket, as values: the protocol that each dialect keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from rawmedia.audio.frame import AudioFrame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawmedia.audio.format import AudioFormat

Message = str | bytes
"""A text or a binary WebSocket message."""

FaultReason = Literal[
    "too_large",
    "not_utf8",
    "not_json",
    "not_an_object",
    "unknown_kind",
    "bad_field",
    "bad_base64",
    "odd_bytes",
    "no_audio",
    "bad_timestamp",
    "before_start",
    "second_start",
    "other_stream",
    "unsupported_format",
    "after_stop",
]
"""Why a message, or a field of it, was of no use."""


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The platform said what it sends; audio follows."""

    format: AudioFormat
    """Of the audio both ways, once it is decoded."""
    stream_id: str | None
    """The platform's name for this one stream; a call that is dialled again gets another."""
    call_id: str | None = None
    """The platform's name for the call, where the stream tells it."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the application attached to the call on the platform."""


class AudioReceived(NamedTuple):
    """Somebody was heard.

    A named tuple, because it is made 50 times a second for each voice, in half the time.
    """

    audio: bytes
    """Interleaved little-endian int16 in the format of `StreamStarted`; whole samples, at least one."""
    participant: str | None = None
    """Who, where voices are separate; None for the mixed or only one."""
    timestamp_ms: float | None = None
    """When, on the platform's clock, which starts anywhere; None where it did not say."""
    silent: bool = False
    """Whether the platform calls it silence."""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """Somebody pressed a telephone key."""

    key: str
    """0 to 9, A to D, * or #."""
    participant: str | None = None


@dataclass(frozen=True, slots=True)
class MarkPassed:
    """The platform has played, or dropped, all that was sent before this mark."""

    name: str


@dataclass(frozen=True, slots=True)
class StreamStopped:
    """The platform has finished the stream; the call is over."""


@dataclass(frozen=True, slots=True)
class MessageFault:
    """Something that the platform sent was of no use, all of it or a field; the stream goes on."""

    reason: FaultReason
    what: str = ""
    """Which field or part; never what was in it."""


DialectEvent = (
    StreamStarted | AudioReceived | KeyPressed | MarkPassed | StreamStopped | MessageFault
)


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Have the platform drop what it has not played."""


@dataclass(frozen=True, slots=True)
class SetMark:
    """Have the platform say when it has played what was sent before."""

    name: str


DialectCommand = AudioFrame | ClearAudio | SetMark
"""What can be said to a platform; audio is a frame in the format of `StreamStarted`."""


class Dialect(Protocol):
    """One WebSocket's messages as values, and values as messages; without I/O, clock or thread.

    A dialect belongs to one socket and follows its stream: a call that is dialled again
    gets a new one.
    """

    @property
    def clears(self) -> bool:
        """Whether the platform drops on `ClearAudio` what it has not played."""
        ...

    @property
    def marks(self) -> bool:
        """Whether the platform answers a `SetMark`; if not, playout can only be estimated."""
        ...

    @property
    def started(self) -> StreamStarted | None:
        """What the platform said of its stream; None before."""
        ...

    @property
    def faults(self) -> Mapping[FaultReason, int]:
        """How often each kind of `MessageFault` came."""
        ...

    def parse(self, message: Message) -> Sequence[DialectEvent]:
        """Read a message of the platform; never raises because of what is in it.

        What is unknown, malformed or out of place gives a `MessageFault` and changes nothing;
        audio that is partly wrong (its time, for one) gives both.

        Args:
            message: As it came from the socket. Nothing of it is kept but ids.
        """
        ...

    def encode(self, command: DialectCommand) -> Sequence[Message]:
        """Write what a command says to the platform; nothing where it has no word for it.

        Raises:
            StreamUseError: The stream has not started.
            FormatMismatchError: A frame is in another format than the stream.
        """
        ...


__all__ = [
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
]
