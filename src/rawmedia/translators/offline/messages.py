"""How the recogniser and its worker process talk: a kind, a length, a payload.

The worker starts with a line of its own (``BANNER``) and then a first reply, once it is
ready. From then on each message to it is answered by exactly one reply, so what is on its
way is bounded by one piece of audio.

Messages to the worker: ``AUDIO`` (position in samples, then mono int16 at 16 kHz) and ``END``.
Replies: ``REPORTS`` (a JSON list) and ``PROBLEM`` (a text, after which the worker ends).

Both processes import this module, and the worker starts faster without the rest of the
library: nothing here needs numpy or the values that do.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, BinaryIO, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

BANNER = b"rawmedia worker, protocol 1\n"
"""Where the replies begin; what a start-up hook may have printed before is not one."""
AUDIO, END, REPORTS, PROBLEM = b"A", b"E", b"R", b"P"

MAX_PAYLOAD = 1 << 20
"""More than the longest utterance's words take; a length beyond it is no length."""
MAX_NOISE_LINES = 1000
MAX_NOISE_LINE = 4096

_HEADER = struct.Struct(">cI")
_POSITION = struct.Struct(">q")


class UtteranceReport(TypedDict):
    """What is understood of one utterance; all places are samples of media time."""

    text: str
    start: int
    end: int
    is_final: bool
    words: list[tuple[str, int, int]]
    """Each with its start and its end."""
    heard: int


class HeardReport(TypedDict):
    """How far the audio is processed, and from where on it may be needed again."""

    heard: int
    settled: int


Report = UtteranceReport | HeardReport


class MessageError(ValueError):
    """The bytes are no message of this protocol."""


def message(kind: bytes, payload: bytes = b"") -> bytes:
    """One message, ready to be written."""
    return _HEADER.pack(kind, len(payload)) + payload


def audio_message(position: int, pcm: bytes) -> bytes:
    """Audio for the worker, ``position`` in samples of media time."""
    return message(AUDIO, _POSITION.pack(position) + pcm)


def read_message(stream: BinaryIO) -> tuple[bytes, bytes]:
    """The next message's kind and payload.

    Raises:
        EOFError: The stream ended, between two messages or inside one.
        MessageError: The length is out of range.
    """
    kind, length = _HEADER.unpack(_exactly(stream, _HEADER.size))
    if length > MAX_PAYLOAD:
        raise MessageError(f"a message of {length} bytes, where {MAX_PAYLOAD} is the most")
    return kind, _exactly(stream, length)


def parse_audio(payload: bytes) -> tuple[int, bytes]:
    """The position and the samples of an ``AUDIO`` message.

    Raises:
        MessageError: It is too short or holds half a sample.
    """
    if len(payload) < _POSITION.size or len(payload) % 2:
        raise MessageError(f"audio of {len(payload)} bytes")
    return _POSITION.unpack_from(payload)[0], payload[_POSITION.size :]


def skip_to_banner(stream: BinaryIO) -> None:
    """Pass over what else was printed, until the worker's own line.

    Raises:
        EOFError: The stream ended first.
        MessageError: It never came, within the bounds.
    """
    for _ in range(MAX_NOISE_LINES):
        line = stream.readline(MAX_NOISE_LINE)
        if line.endswith(BANNER):
            return
        if not line:
            raise EOFError
    raise MessageError("something that is not the worker")


def reports_message(reports: Sequence[Report]) -> bytes:
    """The reply that carries ``reports``."""
    return message(REPORTS, json.dumps(reports).encode())


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


__all__ = [
    "AUDIO",
    "BANNER",
    "END",
    "PROBLEM",
    "REPORTS",
    "HeardReport",
    "MessageError",
    "Report",
    "UtteranceReport",
    "audio_message",
    "message",
    "parse_audio",
    "read_message",
    "reports_message",
    "skip_to_banner",
]
