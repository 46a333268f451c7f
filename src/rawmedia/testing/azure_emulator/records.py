"""What clients did, for a test to look at: sessions, their connections, what each asked and sent."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rawmedia.testing.azure_emulator.recording import ReceivedAudio
from rawmedia.testing.azure_emulator.upload_format import SPEECH_UPLOAD, TICKS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.testing.azure_emulator.faults import Service
    from rawmedia.testing.azure_emulator.upload_format import UploadFormat

_SECRET = {"ocp-apim-subscription-key", "authorization"}
_MAX_KEPT = 1_000
_MAX_STREAMS = 100


class RequestHeaders(Mapping[str, str]):
    """The headers of a request, whatever the case of their names; its ``repr`` shows no secret."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = {name.lower(): (name, value) for name, value in pairs}

    def __getitem__(self, name: str) -> str:
        return self._pairs[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._pairs.values())

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        shown = {
            name: "..." if name.lower() in _SECRET else value
            for name, value in self._pairs.values()
        }
        return f"RequestHeaders({shown})"


@dataclass(slots=True, eq=False)
class EmulatedConnection:
    """One connection of a client."""

    number: int
    """Counted from 0 over all clients."""
    service: Service
    path: str
    """Without the query."""
    query: Mapping[str, list[str]]
    headers: RequestHeaders
    session: EmulatedSession
    config: dict[str, Any] = field(default_factory=dict)
    """The ``speech.config``."""
    contexts: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_MAX_KEPT))
    """What was asked for in each turn, the last thousand: ``speech.context`` or ``synthesis.context``."""
    events: deque[tuple[str, dict[str, Any]]] = field(
        default_factory=lambda: deque(maxlen=_MAX_KEPT)
    )
    """Other messages of the client, the last thousand: their paths and contents."""
    texts: deque[str] = field(default_factory=lambda: deque(maxlen=_MAX_KEPT))
    """SSML that was to be spoken, the last thousand."""
    said: deque[str] = field(default_factory=lambda: deque(maxlen=_MAX_KEPT))
    """The paths of what was answered, the last thousand."""
    counts: Counter[str] = field(default_factory=Counter)
    """The paths of all that was answered, counted."""
    audio_blocks: int = 0
    """Of audio that came over this connection, repeated or not."""
    audio_ended: bool = False
    """Whether the client said that there is no more."""
    close_code: int | None = None
    """With what it was closed, by either side; 1006 where it broke; None while it is open."""
    problem: str | None = None
    """What the client did wrong, if the connection ended on that."""

    @property
    def open(self) -> bool:
        """Whether it is still up."""
        return self.close_code is None


class EmulatedSession:
    """One recogniser or synthesizer of a client, over all of its connections.

    The SDK sends the same ``X-ConnectionId`` whenever it reconnects; that makes a session.
    """

    def __init__(self, id: str, number: int, service: Service, max_recorded_ms: float) -> None:
        self.id = id
        self.number = number
        """Counted from 0 over all clients."""
        self.service = service
        self.connections: deque[EmulatedConnection] = deque(maxlen=_MAX_KEPT)
        """In order, the last thousand."""
        self.streams: deque[ReceivedAudio] = deque(
            [ReceivedAudio(SPEECH_UPLOAD, max_recorded_ms)], maxlen=_MAX_STREAMS
        )
        """The audio; one stream for each time that the recogniser was started."""
        self.acknowledged_ticks = 0
        """Up to where phrases acknowledged the newest stream."""
        self._max_recorded_ms = max_recorded_ms

    @property
    def audio(self) -> ReceivedAudio:
        """The newest stream."""
        return self.streams[-1]

    @property
    def contexts(self) -> list[dict[str, Any]]:
        """What was asked for in each turn, over all connections."""
        return [context for each in self.connections for context in each.contexts]

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """The client's other messages, over all connections."""
        return [event for each in self.connections for event in each.events]

    @property
    def open(self) -> bool:
        """Whether a connection is up."""
        return any(each.open for each in self.connections)

    def acknowledge(self, ticks: int) -> None:
        """A phrase has acknowledged the newest stream up to here, in 100 ns."""
        # The client may not have got this one before a drop, but it has those before it.
        self.audio.settle(self.acknowledged_ticks / TICKS_PER_MS)
        self.acknowledged_ticks = ticks

    def set_format(self, format: UploadFormat) -> None:
        """The client says what its audio is; that can't change within a stream."""
        if format != self.audio.format:
            if self.audio.received_blocks:
                self.new_stream(format)
            else:
                self.streams[-1] = ReceivedAudio(format, self._max_recorded_ms)

    def new_stream(self, format: UploadFormat) -> None:
        """The recogniser was started again."""
        self.streams.append(ReceivedAudio(format, self._max_recorded_ms))
        self.acknowledged_ticks = 0

    def __repr__(self) -> str:
        return f"<EmulatedSession {self.number}: {self.service.value}, {len(self.connections)} connections, {self.audio}>"


__all__ = ["EmulatedConnection", "EmulatedSession", "RequestHeaders"]
