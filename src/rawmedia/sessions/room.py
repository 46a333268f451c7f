"""Any number of people who don't share a language: each hears all the others in his own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from rawmedia.captions.report import CallReport
from rawmedia.errors import ConfigurationError, StreamError, StreamUseError
from rawmedia.sessions.direction import DEFAULT_MAX_LAG_MS, DEFAULT_NOTICE
from rawmedia.sessions.events import MemberLeft
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.sessions.plain_request import plain_request
from rawmedia.sessions.room_member import Member, RoomSetup, primary
from rawmedia.streams.tasks import joined_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from rawmedia.captions.figures import DirectionMetrics
    from rawmedia.sessions.audience import CaptionSink
    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.streams.leg import CallLeg
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translator

# Of translations that have ended, so many reports are kept.
_MAX_FORMER = 100


class Room:
    """A conference in which everybody speaks his own language and hears it.

    Who understands a speaker hears him as he is; for the others there is one translation of
    each speaker where the engine takes several targets, and else one for each language, however
    many listen. Two languages are the same where their first subtag is, so that en-GB hears
    en-US as it is; who needs a translation gets it in the tag of whoever of his language came
    first. Nobody hears himself, and nobody waits for anybody: what each one hears is mixed when his
    transport pulls it.

    ::

        async with Room(engine) as room:
            ana = room.join(leg, "en-US")
            ...
            await room.emptied()

    Leaving the block stops everything at once. The legs stay open: they are whoever made them.
    For one event loop; entered once.

    Args:
        translator: The engine for everybody who brings none of his own.
        mixing: How the original and its translation are heard; the translation alone if None.
        max_lag_ms: How late speech is heard after it was there, 100 or more; None for no bound.
        request: Makes the request for a source language and targets, such as to name voices.
        captions: Gives where to write captions of what somebody says in a language, or None; called
            with his name and the language whenever a translation of him begins.
        on_event: Called on the event loop with a member and what happened in a translation of what
            he says; must not wait. What it raises ends the room.
        max_stall_ms: How long an engine may take no audio before it counts as failed.
        reopen_ms: How long after a failure that may pass an engine is opened again; None for never.
        notice: What captions say when the original is let through because an engine failed; empty
            for nothing.
        echo_guard: Whether an engine is kept from hearing what is played to its speaker, which a
            loudspeaker's room sends back; see `OwnVoice`. A guard for each translation.
    """

    def __init__(
        self,
        translator: Translator,
        *,
        mixing: Mixing | None = None,
        max_lag_ms: float | None = DEFAULT_MAX_LAG_MS,
        request: Callable[[str, tuple[str, ...]], TranslationRequest] = plain_request,
        captions: Callable[[str, str], CaptionSink | None] | None = None,
        on_event: Callable[[Member, SessionEvent], object] | None = None,
        max_stall_ms: float = 30_000.0,
        reopen_ms: float | None = 30_000.0,
        notice: str = DEFAULT_NOTICE,
        echo_guard: bool = False,
    ) -> None:
        self._setup = RoomSetup(
            translator=translator,
            mixing=mixing or Mixing(),
            max_lag_ms=max_lag_ms,
            request=request,
            captions=captions,
            on_event=on_event,
            max_stall_ms=max_stall_ms,
            reopen_ms=reopen_ms,
            notice=notice,
            echo_guard=echo_guard,
        )
        self._members: dict[str, Member] = {}
        self._attending: dict[Member, asyncio.Task[None]] = {}
        # By the first subtag: as whoever came first of a language calls it.
        self._languages: dict[str, str] = {}
        self._translations: dict[str, Direction] = {}
        self._stack = AsyncExitStack()
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Open the room."""
        self._group = await self._stack.enter_async_context(joined_tasks())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send everybody out and stop, at once.

        Raises:
            Exception: What ``on_event`` raised.
        """
        self._group = None
        for task in self._tasks:
            task.cancel()
        try:
            await self._stack.__aexit__(kind, error, trace)
        finally:
            for member in self.members:
                member.listener.close()
            self._members = {}

    @property
    def members(self) -> tuple[Member, ...]:
        """Who is here, in the order in which they came."""
        return tuple(self._members.values())

    def join(
        self,
        leg: CallLeg,
        language: str | None = None,
        *,
        name: str | None = None,
        mixing: Mixing | None = None,
        translator: Translator | None = None,
    ) -> Member:
        """Somebody comes in. He leaves by himself when his inbound stream ends.

        Args:
            leg: His leg; on the same clock as everybody's. The room reads its inbound stream, and
                mixes for its outbound one.
            language: What he speaks and understands, as a BCP-47 tag; the leg's if None.
            name: How reports and events call him; the leg's name if None.
            mixing: How he hears whom he does not understand; the room's if None.
            translator: The engine for what he says; the room's if None.

        Raises:
            ConfigurationError: He has no language, there is somebody of his name, he is on another
                clock, or an engine does not know a language; nobody has noticed anything.
            StreamError: His outbound stream takes nothing any more, or has a source already.
            StreamUseError: The room is not open.
        """
        if self._group is None:
            raise StreamUseError("the room is not open; use `async with`")
        language, name = language or leg.language, name or leg.name
        if language is None:
            raise ConfigurationError("language", f"{name} has none; say what he speaks")
        if name in self._members:
            raise ConfigurationError("name", f"there is a {name!r} in the room already")
        member = Member(
            leg,
            language,
            name,
            mixing or self._setup.mixing,
            translator or self._setup.translator,
            self._setup,
            self,
        )
        try:
            self._introduce(member)
        except ConfigurationError:
            member.leave()
            raise
        self._members[name] = member
        self._attending[member] = self.spawn(self._attend(member), f"attending {name}")
        return member

    def leave(self, member: Member) -> None:
        """Somebody goes; what he has said is still translated and heard. Harmless where he is not here."""
        self._leave(member, None)

    async def emptied(self) -> None:
        """Wait until everybody has left."""
        while self._members:
            self._changed.clear()
            await self._changed.wait()

    def report(self) -> CallReport:
        """All so far, of those who are here and of the last 100 translations that ended."""
        reports = {name: each.report() for name, each in self._translations.items()}
        complete = all(report.complete for report in reports.values())
        return CallReport(directions=reports, complete=complete)

    def metrics(self) -> dict[str, DirectionMetrics]:
        """The figures so far, by the translation's name, of those who are here."""
        return {
            direction.name: direction.metrics()
            for member in self._members.values()
            for direction in member.directions
        }

    # For members.

    def spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Begin something that ends with the room. For members."""
        assert self._group is not None
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def register(self, direction: Direction) -> None:
        """Keep a translation for the report, in place of the oldest that has ended. For members."""
        name, number = direction.name, 1
        while name in self._translations:
            number += 1
            name = f"{direction.name} ({number})"
        self._translations[name] = direction
        ended = [key for key, each in self._translations.items() if each.state == "ended"]
        for key in ended[:-_MAX_FORMER]:
            del self._translations[key]

    # How.

    def _introduce(self, member: Member) -> None:
        """Let somebody hear the others, and be heard by them, where an engine can do it."""
        tag = self._languages.get(primary(member.language), member.language)
        hears: dict[Member, str | None] = {}
        heard: dict[Member, str | None] = {}
        for other in self._members.values():
            if other.leg.clock is not member.leg.clock:
                raise ConfigurationError(
                    "clock", f"{member.name} is on another clock than {other.name}"
                )
            if primary(other.language) == primary(member.language):
                hears[other] = heard[other] = None
            else:
                hears[other], heard[other] = tag, self._languages[primary(other.language)]
                other.require([tag])
        member.require(language for language in heard.values() if language is not None)
        self._languages.setdefault(primary(member.language), member.language)
        for other, language in hears.items():
            other.address({member: language})
        member.address(heard)

    async def _attend(self, member: Member) -> None:
        """Read what he says, so that the stream does not overflow, until he has gone."""
        try:
            async for _ in member.leg.inbound:
                pass
        except StreamError as error:
            self._leave(member, error)
        else:
            self._leave(member, None)

    def _leave(self, member: Member, error: StreamError | None) -> None:
        if self._members.get(member.name) is not member:
            return
        del self._members[member.name]
        attending = self._attending.pop(member)
        if attending is not asyncio.current_task():
            attending.cancel()
        for other in self._members.values():
            other.forget(member)
        member.leave()
        if self._setup.on_event is not None:
            self._setup.on_event(member, MemberLeft(member.name, error))
        self._changed.set()


__all__ = ["Room"]
