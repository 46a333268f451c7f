"""What a platform writes on a call's WebSocket and how it reads: the other side of a dialect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.adapters.websocket.dialect import Message
    from rawmedia.audio.format import AudioFormat


@dataclass(frozen=True, slots=True)
class SaidAudio:
    """The server wants this heard: int16 in the platform's format."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class SaidClear:
    """The server wants nothing heard of what has not been played."""


@dataclass(frozen=True, slots=True)
class SaidMark:
    """The server wants to know when what it sent before was played."""

    name: str


ServerSaid = SaidAudio | SaidClear | SaidMark


class PlatformMessages(Protocol):
    """Writes as a platform does, and takes nothing but what it documents."""

    @property
    def format(self) -> AudioFormat:
        """Of the audio on both sides, decoded."""
        ...

    @property
    def separates_voices(self) -> bool:
        """Whether audio can say who speaks."""
        ...

    def opening(self) -> Sequence[Message]:
        """What comes first on a socket, up to the start of the stream."""
        ...

    def audio(self, pcm: bytes, participant: str | None, at_ms: float) -> Message:
        """One message of audio.

        Args:
            pcm: int16 in the platform's format.
            participant: Who, where voices are separate.
            at_ms: Since the call began.
        """
        ...

    def key(self, key: str) -> Message:
        """Somebody pressed a key."""
        ...

    def mark(self, name: str) -> Message | None:
        """What was sent before a mark was played or dropped; None where there are no marks."""
        ...

    def goodbye(self) -> Message | None:
        """The last message of a call; None where closing the socket says it."""
        ...

    def read(self, message: Message) -> ServerSaid:
        """Understand a message of the server.

        Raises:
            ValueError: It is none that the platform documents.
        """
        ...


def object_of(value: object, what: str) -> dict[str, object]:
    """The fields of a JSON object.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no object")  # noqa: TRY004 - it is the message that is wrong
    return value


def text_of(value: object, what: str) -> str:
    """A text.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, str):
        raise ValueError(f"{what} is no text")  # noqa: TRY004 - it is the message that is wrong
    return value


__all__ = [
    "PlatformMessages",
    "SaidAudio",
    "SaidClear",
    "SaidMark",
    "ServerSaid",
    "object_of",
    "text_of",
]
