"""A call on WebSockets that a platform dials: one leg, over one socket or several in turn."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from rawmedia.adapters.websocket.attachment import Attachment, EndedError
from rawmedia.adapters.websocket.dialect import (
    AudioReceived,
    KeyPressed,
    MarkPassed,
    StreamStopped,
)
from rawmedia.adapters.websocket.hearing import Hearing
from rawmedia.adapters.websocket.socket import NORMAL, SocketClosedError
from rawmedia.adapters.websocket.speaking import Speaking
from rawmedia.errors import (
    FormatMismatchError,
    RawMediaError,
    StreamFailedError,
    StreamUseError,
)
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.leg import CallLeg
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.streams.tasks import joined_tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawmedia.adapters.websocket.attachment import Ending
    from rawmedia.adapters.websocket.authentication import Handshake
    from rawmedia.adapters.websocket.dialect import (
        Dialect,
        DialectEvent,
        FaultReason,
        StreamStarted,
    )
    from rawmedia.adapters.websocket.socket import Socket
    from rawmedia.errors import Fault
    from rawmedia.streams.clock import Clock, Timer

_BROKEN = 1011
_BURST_S = 2.0
"""How much of the permitted rate may come at once, after the network held it up."""


class WebSocketLegConfig(BaseModel):
    """How a leg paces, what it keeps, and when it gives a socket or a call up."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    lead_ms: float = Field(default=80.0, ge=0, le=1_000)
    """How far ahead of being heard audio is sent; the network may be late by as much."""
    max_ahead_ms: float = Field(default=250.0, ge=0, le=2_000)
    """How far ahead at most audio is sent that waits already, as after this program was held up. Less
    than ``lead_ms`` counts as that."""
    capacity_ms: float = Field(default=2_000.0, ge=20, le=60_000)
    """How much unsent audio, and how much unread audio of each voice, is kept."""
    grace_s: float = Field(default=15.0, ge=0, le=600)
    """How long a call whose socket dropped is expected back."""
    silence_timeout_s: float | None = Field(default=None, gt=0, le=3_600)
    """After how long without any message a socket is dead; None to leave that to the server's pings."""
    send_timeout_s: float = Field(default=10.0, gt=0, le=600)
    """After how long that the platform does not read a socket is dead."""
    max_participants: int = Field(default=64, ge=0, le=10_000)
    """How many voices of their own a call may have; the audio of others is counted."""
    max_messages_per_s: float = Field(default=500.0, ge=50, le=100_000)
    """How fast messages are read; a flood waits in the network. Each voice is 50 a second."""


class CallLostError(RawMediaError):
    """What was heard before can be read; the call did not come back in its time of grace."""

    fault: ClassVar[Fault] = "network"

    def __init__(self, grace_s: float) -> None:
        super().__init__(grace_s)
        self.grace_s = grace_s

    def __str__(self) -> str:
        return f"the socket dropped, and no other came within {self.grace_s:g} s"


class WebSocketLeg(CallLeg):
    """A party, or a whole call, at the far end of a platform's WebSocket.

    ``carry`` gives it a socket. When that drops, the leg is suspended and waits for another
    ``carry``, for ``grace_s``: nothing is pulled meanwhile, what is said is a gap. When the platform
    hangs up, its streams end: what was heard stays readable, what was not yet said never
    is. ``aclose`` hangs up.

    Where the platform separates voices, each is among ``participants`` and ``inbound`` is silent;
    else all that is said comes in ``inbound``.

    ``clear`` on ``outbound`` has the platform drop what it holds, with the next frame. Marks
    and played positions are the platform's where it answers marks; elsewhere they are estimated
    (``stats.played_is_estimate``): heard as far after the pull as it was sent ahead.

    Args:
        started: What the platform said of the stream.
        config: Limits and times.
        handshake: What was asked for as its first socket was opened, where that is known.
        name: How reports call the leg; the call's or the stream's id if None.
        language: What is spoken on it, as a BCP-47 tag.
        clock: What everything is timed on.
    """

    def __init__(
        self,
        started: StreamStarted,
        config: WebSocketLegConfig | None = None,
        *,
        handshake: Handshake | None = None,
        name: str | None = None,
        language: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        config = config or WebSocketLegConfig()
        capacity_ms = config.capacity_ms
        super().__init__(
            InboundAudioStream(started.format, capacity_ms=capacity_ms, clock=clock),
            OutboundAudioStream(
                started.format,
                capacity_ms=capacity_ms,
                playout_delay_ms=config.lead_ms,
                clock=clock,
            ),
            name=name or started.call_id or started.stream_id or "websocket leg",
            language=language,
            clock=clock,
        )
        self.started = started
        """What the platform said as the call began."""
        self.handshake = handshake
        """What was asked for as its first socket was opened; None where nobody said."""
        self.config = config
        self._hearing = Hearing(
            self, capacity_ms=capacity_ms, max_participants=config.max_participants
        )
        self._speaking = Speaking(self, lead_ms=config.lead_ms, max_ahead_ms=config.max_ahead_ms)
        self._attachment: Attachment | None = None
        self._attached = 0
        self._over = False
        self._grace: Timer | None = None
        self._past_faults: Counter[FaultReason] = Counter()

    @property
    def faults(self) -> Mapping[FaultReason, int]:
        """What was wrong with the platform's messages, by kind, over all sockets."""
        faults = Counter(self._past_faults)
        if self._attachment is not None:
            faults.update(self._attachment.dialect.faults)
        return dict(+faults)

    @property
    def attached(self) -> int:
        """How many sockets have carried the call."""
        return self._attached

    @property
    def unheard_ms(self) -> float:
        """Audio of voices beyond ``max_participants``, which went nowhere."""
        return self._hearing.unheard_ms

    @property
    def stalled_ms(self) -> float:
        """Time that outbound audio was skipped for, because the socket took nothing for too long."""
        return self._speaking.stalled_ms

    @property
    def over(self) -> bool:
        """Whether no socket can carry it any more."""
        return self._over or self._state == "closed"

    async def carry(self, socket: Socket, dialect: Dialect) -> None:
        """Carry the call over a socket until that is gone, or the call is over.

        A socket that carries it already is closed and gives way. Cancelling counts as a
        socket that dropped.

        Args:
            socket: Accepted.
            dialect: Of this socket, and started by it.

        Raises:
            StreamUseError: The dialect has not started, or the call is over.
            FormatMismatchError: It started in another format than the leg has; the leg waits on.
            StreamFailedError: Somebody failed one of the streams; the others fail with it.
        """
        attachment = await self._attach(socket, dialect)
        ending: Ending = "dropped"
        try:
            ending = await self._run(attachment)
        except StreamFailedError as error:
            ending = "failed"
            self._fail(error.cause)
            raise
        finally:
            self._detach(attachment, ending)
            await attachment.close(NORMAL if ending in ("over", "closed", "replaced") else _BROKEN)
            attachment.done.set()

    def lose(self, cause: BaseException) -> None:
        """Give the call up: every stream fails with this cause, and the socket is closed soon."""
        if not self.over:
            self._stop_grace()
            self._fail(cause)
            if self._attachment is not None:
                self._attachment.tell("failed")

    async def aclose(self) -> None:
        """Hang up: close every stream and the socket. Twice is harmless."""
        self._stop_grace()
        await super().aclose()
        attachment = self._attachment
        if attachment is not None:
            attachment.tell("closed")
            await attachment.done.wait()

    # A socket comes and goes.

    async def _attach(self, socket: Socket, dialect: Dialect) -> Attachment:
        if dialect.started is None:
            raise StreamUseError("the stream on this socket has not started")
        if dialect.started.format != self.inbound.format:
            raise FormatMismatchError(self.inbound.format, dialect.started.format)
        while (former := self._attachment) is not None:
            former.tell("replaced")
            await former.done.wait()
        if self.over:
            raise StreamUseError("a call that is over can't be carried")
        self._stop_grace()
        attachment = self._attachment = Attachment(
            socket,
            dialect,
            self.clock,
            silence_timeout_s=self.config.silence_timeout_s,
            send_timeout_s=self.config.send_timeout_s,
        )
        self._attached += 1
        self._hearing.reattach()
        self._speaking.attach(marks=dialect.marks)
        self.resume()
        return attachment

    async def _run(self, attachment: Attachment) -> Ending:
        try:
            async with joined_tasks() as tasks:
                tasks.create_task(self._listen(attachment), name=f"{self.name} listens")
                tasks.create_task(self._speaking.run(attachment), name=f"{self.name} speaks")
                tasks.create_task(attachment.until_told(), name=f"{self.name} is watched")
        except EndedError as ended:
            return ended.how
        except SocketClosedError as error:
            return "over" if error.code == NORMAL else "dropped"
        raise AssertionError("one of the tasks ends only by raising")

    def _detach(self, attachment: Attachment, ending: Ending) -> None:
        self._past_faults.update(attachment.dialect.faults)
        self._attachment = None
        if ending == "replaced":
            # The socket that follows does not wait until this one, which may be stuck, is closed.
            attachment.done.set()
        elif ending == "over":
            self._over = True
            self._hearing.end()
            self.outbound.close()
        elif ending in ("dropped", "stalled") and not self.over:
            self.suspend()
            again_by = self.clock.now() + self.config.grace_s
            self._grace = self.clock.call_at(again_by, self._give_up)

    def _give_up(self) -> None:
        self.lose(CallLostError(self.config.grace_s))

    def _fail(self, cause: BaseException) -> None:
        self._over = True
        self._hearing.fail(cause)
        self.outbound.fail(cause)

    def _stop_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    # What comes in.

    async def _listen(self, attachment: Attachment) -> None:
        socket, clock = attachment.socket, self.clock
        parse, take = attachment.dialect.parse, self._hearing.take
        each_s = 1 / self.config.max_messages_per_s
        due = clock.now() - _BURST_S
        while True:
            message = await socket.receive()
            now = attachment.received_at = clock.now()
            for event in parse(message):
                if type(event) is AudioReceived:
                    take(event, now)
                else:
                    self._happen(event)
            due = max(due, now - _BURST_S) + each_s
            if due > now:
                # Neither other calls nor memory pay for a flood: it is left in the network.
                await clock.sleep_until(due)

    def _happen(self, event: DialectEvent) -> None:
        if isinstance(event, KeyPressed):
            self.press(event.key, event.participant)
        elif isinstance(event, MarkPassed):
            self._speaking.passed(event.name)
        elif isinstance(event, StreamStopped):
            raise EndedError("over")


__all__ = ["CallLostError", "WebSocketLeg", "WebSocketLegConfig"]
