"""What can go wrong with the service: values that say what, where and how often.

A fault has occasions: a handshake, a moment of a connection, a phrase, a synthesis. Of its
occasions the first ``skip`` pass; each one after them is taken with chance ``rate``, by the
emulator's seed, until it has happened ``times``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from rawmedia.errors import ConfigurationError


class Service(StrEnum):
    """Which of the services a client asked for."""

    TRANSLATION = "translation"
    RECOGNITION = "recognition"
    SYNTHESIS = "synthesis"
    TEXT = "text"
    """Plain HTTP: the translator of texts, tokens, the list of voices."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """The base of all faults.

    Raises:
        ConfigurationError: A number is out of range.
    """

    times: int | None = 1
    """How often it happens at most, over all clients; None is for ever."""
    rate: float = 1.0
    """The chance that an occasion is taken."""
    skip: int = 0
    """How many occasions pass before the first is looked at."""
    service: Service | None = None
    """Whose occasions count; None counts all."""

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ConfigurationError("rate", f"0 to 1, not {self.rate}")
        if (self.times is not None and self.times < 1) or self.skip < 0:
            raise ConfigurationError("times and skip", "at least 1, and not negative")


@dataclass(frozen=True, kw_only=True)
class RefusedHandshake(Fault):
    """A connection, or a plain request, is answered with an HTTP status instead.

    The SDK gives up at once on 400, 401 and 403, and tries five times on 404, 408, 429, 500,
    502 and 503.
    """

    status: int = 503

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 300 <= self.status <= 599:
            raise ConfigurationError("status", f"300 to 599, not {self.status}")


@dataclass(frozen=True, kw_only=True)
class SlowHandshake(Fault):
    """A handshake takes longer."""

    delay_ms: float = 1_000.0


@dataclass(frozen=True, kw_only=True)
class TimedFault(Fault):
    """The base of what happens to a connection at a moment; its occasions are such moments."""

    at_ms: float = 0.0
    """When."""
    every_ms: float | None = None
    """And again each so much later. On the stream's time each moment comes once, however often
    its audio is sent again. Give ``times=None`` too to have it go on."""
    measured: Literal["stream", "connection", "clock"] = "stream"
    """By what: the client's audio since its beginning, the audio of this connection (synthesized
    audio, for a synthesizer), or the clock's time since the handshake."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.at_ms < 0 or (self.every_ms is not None and not self.every_ms > 0):
            raise ConfigurationError("at_ms and every_ms", "must not be negative")


@dataclass(frozen=True, kw_only=True)
class Abort(TimedFault):
    """The TCP connection breaks, with no goodbye."""


@dataclass(frozen=True, kw_only=True)
class Close(TimedFault):
    """The service closes the connection with a code (RFC 6455, section 7.4).

    On 1002, 1007 and 4429 the SDK gives up at once, on others after five connections; but on
    1000, if it comes every time, it says nothing for ever.
    """

    code: int = 1011
    reason: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (1000 <= self.code <= 4999 and self.code not in {1004, 1005, 1006, 1015}):
            raise ConfigurationError("code", f"a code that may be sent, not {self.code}")
        if len(self.reason.encode()) > 123:
            raise ConfigurationError("reason", "at most 123 bytes")


@dataclass(frozen=True, kw_only=True)
class Rotation(Close):
    """The service ends a connection that is ten minutes old; the client is to make another."""

    times: int | None = None
    at_ms: float = 600_000.0
    measured: Literal["stream", "connection", "clock"] = "connection"
    code: int = 1000
    reason: str = "Exceeded maximum connection duration"


@dataclass(frozen=True, kw_only=True)
class Silence(TimedFault):
    """The service answers nothing any more; it still takes all that comes."""


@dataclass(frozen=True, kw_only=True)
class HalfOpen(TimedFault):
    """The service is gone and nobody noticed: nothing is read or answered, nothing is closed."""


@dataclass(frozen=True, kw_only=True)
class Throttle(TimedFault):
    """From now on the service takes audio no faster than ``speed`` times real time."""

    speed: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.speed > 0:
            raise ConfigurationError("speed", f"above 0, not {self.speed}")


@dataclass(frozen=True, kw_only=True)
class BrokenFrame(TimedFault):
    """Bytes come that are no WebSocket frame: all reserved bits are set (RFC 6455, section 5.2)."""


@dataclass(frozen=True, kw_only=True)
class MessageFault(Fault):
    """The base of what happens to what the service says; its occasions are such messages."""

    from_ms: float = 0.0
    """Only once so much of the client's stream has come."""


@dataclass(frozen=True, kw_only=True)
class MissingTurnStart(MessageFault):
    """A turn begins without ``turn.start``; then the SDK drops all texts of it."""


@dataclass(frozen=True, kw_only=True)
class MissingTurnEnd(MessageFault):
    """All audio is answered, but ``turn.end`` never comes; then the SDK's stop takes ten seconds."""


@dataclass(frozen=True, kw_only=True)
class BadJSON(MessageFault):
    """A message's body is cut in the middle. Its occasions are messages of ``path``."""

    path: str | None = None
    """Which, such as "translation.hypothesis"; None is any but the beginning and the end of a turn."""


@dataclass(frozen=True, kw_only=True)
class WrongRequestId(MessageFault):
    """A message belongs to no turn of the client. Its occasions are messages of ``path``."""

    path: str | None = None


@dataclass(frozen=True, kw_only=True)
class Unacknowledged(MessageFault):
    """A phrase never comes, nor the end of dictation: hypotheses go on, no audio is acknowledged.

    After 60 to 70 s of it the SDK gives up.
    """


@dataclass(frozen=True, kw_only=True)
class RecognitionFailure(MessageFault):
    """A phrase comes with another ``RecognitionStatus``.

    Error, Forbidden, BadRequest, ServiceUnavailable and TooManyRequests have the SDK connect
    anew, five times, then it gives up. NoMatch, InitialSilenceTimeout and BabbleTimeout are no
    errors.
    """

    status: str = "Error"


@dataclass(frozen=True, kw_only=True)
class TranslationFailure(MessageFault):
    """A phrase is understood but not translated."""


@dataclass(frozen=True, kw_only=True)
class SlowSynthesis(MessageFault):
    """Speech comes later."""

    delay_ms: float = 2_000.0


@dataclass(frozen=True, kw_only=True)
class FailedSynthesis(MessageFault):
    """Speech is not made.

    In a translation the SDK takes that for the end of the session; a synthesizer's connection
    is closed with 1011.
    """

    reason: str = "the emulator's script says so"


__all__ = [
    "Abort",
    "BadJSON",
    "BrokenFrame",
    "Close",
    "FailedSynthesis",
    "Fault",
    "HalfOpen",
    "MessageFault",
    "MissingTurnEnd",
    "MissingTurnStart",
    "RecognitionFailure",
    "RefusedHandshake",
    "Rotation",
    "Service",
    "Silence",
    "SlowHandshake",
    "SlowSynthesis",
    "Throttle",
    "TimedFault",
    "TranslationFailure",
    "Unacknowledged",
    "WrongRequestId",
]
