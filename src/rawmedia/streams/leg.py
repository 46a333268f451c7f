"""One party's end of a call, whatever carries it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from rawmedia.errors import EndOfStreamError, StreamTimeoutError, StreamUseError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.waiting import PENDING, Pending, WaitList, wait_in_task

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from types import TracebackType

    from rawmedia.streams.clock import Clock
    from rawmedia.streams.inbound import InboundAudioStream
    from rawmedia.streams.outbound import OutboundAudioStream

LegState = Literal["attached", "suspended", "closed"]
"""Connected; disconnected for a while, and expected back; over."""

MAX_EVENTS = 1_000
"""How many unread events a leg keeps; beyond, the oldest go and are counted."""


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    """Somebody can be heard apart from the others; ``leg.participants`` has their stream."""

    participant: str


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """Somebody is gone; their stream has ended."""

    participant: str


@dataclass(frozen=True, slots=True)
class DtmfPressed:
    """Somebody pressed a telephone key."""

    key: str
    """0 to 9, A to D, * or #."""
    participant: str | None = None


@dataclass(frozen=True, slots=True)
class LegStateChanged:
    """The leg is in another state."""

    state: LegState


LegEvent = ParticipantJoined | ParticipantLeft | DtmfPressed | LegStateChanged


class CallLeg:
    """One party's end of a call: what they say comes in, what they shall hear goes out.

    An adapter makes legs, feeds ``inbound`` and empties ``outbound``; it subclasses this to
    give back what it holds in ``aclose``.

    Args:
        inbound: The only or the mixed voice.
        outbound: What the party hears.
        name: How reports call the leg.
        language: What is spoken on it, as a BCP-47 tag, or None where nobody knows.
        clock: What everything about this leg is timed on.
    """

    def __init__(
        self,
        inbound: InboundAudioStream,
        outbound: OutboundAudioStream,
        *,
        name: str = "leg",
        language: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.inbound = inbound
        self.outbound = outbound
        self.name = name
        self.language = language
        self.clock = clock
        self._state: LegState = "attached"
        self._participants: dict[str, InboundAudioStream] = {}
        self._events = _EventQueue(inbound._lock, clock)

    @property
    def state(self) -> LegState:
        """Whether it is connected."""
        return self._state

    @property
    def participants(self) -> Mapping[str, InboundAudioStream]:
        """One stream for each voice that the platform separates, by the participant's id."""
        return dict(self._participants)

    @property
    def events(self) -> LegEvents:
        """What happens on the leg, for ``async for``; each event goes to one reader, unread ones are kept."""
        return LegEvents(self._events)

    @property
    def lost_events(self) -> int:
        """How many events went unread because more than `MAX_EVENTS` waited."""
        return self._events.lost

    # The adapter's side.

    def join(self, participant: str, stream: InboundAudioStream) -> None:
        """Somebody can be heard apart from the others.

        Raises:
            StreamUseError: A participant of this id is there, or the leg is closed.
        """
        if self._state == "closed":
            raise StreamUseError("nobody can join a leg that is closed")
        if participant in self._participants:
            raise StreamUseError(f"participant {participant!r} is on the leg already")
        self._participants[participant] = stream
        self._events.put(ParticipantJoined(participant))

    def leave(self, participant: str) -> None:
        """Somebody is gone; their stream ends. Harmless when they were never there."""
        stream = self._participants.pop(participant, None)
        if stream is not None:
            stream.end()
            self._events.put(ParticipantLeft(participant))

    def press(self, key: str, participant: str | None = None) -> None:
        """Somebody pressed a telephone key."""
        self._events.put(DtmfPressed(key, participant))

    def suspend(self) -> None:
        """The connection broke and is expected back; nothing is pulled meanwhile, so nothing underruns."""
        self._change("suspended", since="attached")

    def resume(self) -> None:
        """The connection is back; push at a ``position`` ahead for the time that is missing."""
        self._change("attached", since="suspended")

    async def aclose(self) -> None:
        """Close every stream and end the events. Twice is harmless."""
        if self._state != "closed":
            self._state = "closed"
            self.outbound.close()
            for stream in (self.inbound, *self._participants.values()):
                stream.close()
            self._events.put(LegStateChanged("closed"))
            self._events.end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _change(self, state: LegState, *, since: LegState) -> None:
        if self._state == since:
            self._state = state
            self._events.put(LegStateChanged(state))


class _EventQueue:
    """Events in order, at most `MAX_EVENTS` of them; also the operation of taking one."""

    retry_at: ClassVar[None] = None
    """Only a wake-up helps."""

    def __init__(self, lock: threading.RLock, clock: Clock) -> None:
        self.lock, self.clock = lock, clock
        self.lost = 0
        self._events: deque[LegEvent] = deque()
        self._readers = WaitList()
        self._ended = False

    def put(self, event: LegEvent) -> None:
        """Add an event; one that comes after the end is let go."""
        with self.lock:
            if self._ended:
                return
            if len(self._events) == MAX_EVENTS:
                self._events.popleft()
                self.lost += 1
            self._events.append(event)
            self._readers.wake_one()

    def end(self) -> None:
        with self.lock:
            self._ended = True
            self._readers.wake_all()

    def attempt(self) -> LegEvent | Literal[Pending.PENDING]:
        if self._events:
            return self._events.popleft()
        if self._ended:
            raise EndOfStreamError
        return PENDING

    @property
    def waiters(self) -> WaitList:
        return self._readers

    def abandon(self, error: BaseException) -> None:
        """Nothing to undo."""

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        return StreamTimeoutError("get", timeout)


class LegEvents:
    """The events of a leg, as an async iterator that ends when the leg is closed."""

    def __init__(self, queue: _EventQueue) -> None:
        self._queue = queue

    async def get(self, timeout: float | None = None) -> LegEvent:
        """Wait for the next event; cancelling loses none.

        Raises:
            StreamTimeoutError: None came within ``timeout`` seconds.
            EndOfStreamError: The leg is closed and every event was read.
        """
        return await wait_in_task(self._queue.lock, self._queue.clock, self._queue, timeout)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LegEvent:
        try:
            return await self.get()
        except EndOfStreamError:
            raise StopAsyncIteration from None


__all__ = [
    "MAX_EVENTS",
    "CallLeg",
    "DtmfPressed",
    "LegEvent",
    "LegEvents",
    "LegState",
    "LegStateChanged",
    "ParticipantJoined",
    "ParticipantLeft",
]
