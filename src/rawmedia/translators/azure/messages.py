"""What a recogniser says, as plain values that no native memory stands behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawmedia.errors import RawMediaError


@dataclass(frozen=True, slots=True)
class Connected:
    """The connection to the service is up, for the first time or again."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone; the SDK may bring it up again by itself."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """The service is alive and has nothing to report yet (speech began or ended)."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One word and where it was said. Times are milliseconds of the uploaded audio."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What is being said, so far. Times are milliseconds of the uploaded audio."""

    text: str
    translations: Mapping[str, str]
    """By the service's language code."""
    start_ms: float
    end_ms: float
    language: str = ""
    """What is spoken, where the service was to find out; empty where it did not say."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What was said between two pauses; it acknowledges all audio up to ``end_ms``."""

    text: str
    """Empty where nothing was understood."""
    translations: Mapping[str, str]
    """By the service's language code; empty where nothing could be translated."""
    start_ms: float
    end_ms: float
    language: str = ""
    """What was spoken, where the service was to find out; empty where it did not say."""
    words: tuple[HeardWord, ...] = ()
    """Empty where they were not asked for."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Bytes of synthesized audio as the service sent them; none says that the phrase is spoken.

    The SDK tells neither the language nor the phrase: the order of the phrases does.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class InputDone:
    """The service has answered all audio of a closed input."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The recogniser gave up."""

    code: str
    """The name of the SDK's ``CancellationErrorCode``."""
    details: str
    """The SDK's own words."""


@dataclass(frozen=True, slots=True)
class SessionStopped:
    """The recogniser stopped listening, whatever the reason."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The SDK could not be used, or gave something that can't be understood."""

    error: RawMediaError


Message = (
    Connected
    | Disconnected
    | Noticed
    | Hypothesis
    | Phrase
    | Speech
    | InputDone
    | Cancelled
    | SessionStopped
    | Broken
)

__all__ = [
    "Broken",
    "Cancelled",
    "Connected",
    "Disconnected",
    "HeardWord",
    "Hypothesis",
    "InputDone",
    "Message",
    "Noticed",
    "Phrase",
    "SessionStopped",
    "Speech",
]
