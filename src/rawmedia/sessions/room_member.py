"""Somebody in a room: as a speaker he has engines, as a listener a mix of all the others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rawmedia.errors import RawMediaError
from rawmedia.sessions.direction import DEFAULT_MAX_LAG_MS, DEFAULT_NOTICE, Direction
from rawmedia.sessions.events import SessionWarning, UtteranceHeard, UtteranceStarted
from rawmedia.sessions.listener import Listener
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.sessions.own_voice.guard import OwnVoice
from rawmedia.sessions.plain_request import plain_request

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from rawmedia.sessions.audience import CaptionSink
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.streams.leg import CallLeg
    from rawmedia.streams.reader import AudioReader
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translator


def primary(language: str) -> str:
    """A tag's first subtag (RFC 5646 section 2.2.1): who speaks one region's variety understands the others."""
    return language.lower().partition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSetup:
    """What a room does with everybody, unless somebody asks for something else."""

    translator: Translator
    mixing: Mixing = field(default_factory=Mixing)
    max_lag_ms: float | None = DEFAULT_MAX_LAG_MS
    request: Callable[[str, tuple[str, ...]], TranslationRequest] = plain_request
    captions: Callable[[str, str], CaptionSink | None] | None = None
    on_event: Callable[[Member, SessionEvent], object] | None = None
    max_stall_ms: float = 30_000.0
    reopen_ms: float | None = 30_000.0
    notice: str = DEFAULT_NOTICE
    echo_guard: bool = False


class Tasks(Protocol):
    """Where what runs in a room lives."""

    def spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Begin something that ends with the room."""
        ...

    def register(self, direction: Direction) -> None:
        """Keep a translation for the report."""
        ...


@dataclass(frozen=True, slots=True)
class _Running:
    """A direction at work."""

    direction: Direction
    task: asyncio.Task[None]
    own_voice: OwnVoice | None


class Member:
    """Somebody in a room. Made by `Room.join`; for the room's event loop.

    Args:
        leg: His leg.
        language: What he speaks and understands.
        name: How reports and events call him.
        mixing: How he hears everybody whom he does not understand.
        translator: The engine for what he says.
        setup: The room's.
        tasks: Where his directions live.

    Raises:
        StreamError: His outbound stream takes nothing any more, or has a source already.
    """

    def __init__(
        self,
        leg: CallLeg,
        language: str,
        name: str,
        mixing: Mixing,
        translator: Translator,
        setup: RoomSetup,
        tasks: Tasks,
    ) -> None:
        self.leg = leg
        self.language = language
        self.name = name
        self.listener = Listener(leg.outbound, name=name)
        self._mixing = mixing
        self._translator = translator
        self._setup = setup
        self._tasks = tasks
        self._muted = False
        # Who hears him, and in which language; None for as he is.
        self._listeners: dict[Member, str | None] = {}
        # By the language, where the engine has one; else one for all of them.
        self._running: dict[str, _Running] = {}
        self._captioned: set[str] = set()
        self._news = asyncio.Event()
        self._updating = tasks.spawn(self._keep_targets(), f"updating {name}")

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The translations of what he says: one, or one for each language; none while nobody needs any."""
        return tuple(running.direction for running in self._running.values())

    @property
    def mixing(self) -> Mixing:
        """How he hears everybody whom he does not understand."""
        return self._mixing

    @property
    def muted(self) -> bool:
        """Whether he is neither heard nor translated."""
        return self._muted

    def set_mixing(self, mixing: Mixing) -> None:
        """Change how he hears everybody whom he does not understand, from the next frame on."""
        self._mixing = mixing
        self.listener.set_every_mixing(mixing)

    def mute(self, *, on: bool = True) -> None:
        """Let nothing that he says from now on be heard or translated; what he said before is."""
        self._muted = on
        for direction in self.directions:
            direction.mute(on=on)
        for member, language in self._listeners.items():
            if language is None:
                member.listener.silence_original(self, on=on)

    async def interrupt(self) -> float:
        """Silence the translations of what he said, with the next frame; see `Direction.interrupt`.

        Returns:
            How many milliseconds of speech were dropped, at the listener who had most.
        """
        dropped = await asyncio.gather(*(each.interrupt() for each in self.directions))
        return max(dropped, default=0.0)

    # For the room.

    def require(self, languages: Iterable[str]) -> None:
        """Refuse languages that his engine can't translate him into.

        Raises:
            ConfigurationError: There is one.
        """
        for group in self._grouped(languages):
            self._request(group)

    def address(self, listeners: Mapping[Member, str | None]) -> None:
        """They hear him from now on, each in a language, or as he is."""
        self._listeners.update(listeners)
        for group in self._grouped(each for each in listeners.values() if each is not None):
            key = self._key(group[0])
            if key not in self._running:
                self._running[key] = self._start(key, group)
        for member, language in listeners.items():
            if language is None:
                member.listener.overhear(self, self.leg.inbound)
                member.listener.silence_original(self, on=self._muted)
            else:
                self._running[self._key(language)].direction.listen(
                    member.listener, language, member.mixing, max_lag_ms=self._setup.max_lag_ms
                )
        self._news.set()

    def forget(self, member: Member) -> None:
        """Somebody hears him no more; harmless where he did not."""
        language = self._listeners.pop(member, None)
        if language is None:
            member.listener.leave(self)
            return
        key = self._key(language)
        running = self._running[key]
        running.direction.leave(member.listener)
        if not running.direction.listeners:
            del self._running[key]
            self._captioned = {each for each in self._captioned if key and each != key}
            running.direction.stop()
        self._news.set()

    def hears(self, event: SessionEvent, speaker: str) -> None:
        """Something happened in what is played to him, and is not to be taken for his own words."""
        now = self.leg.clock.now()
        for running in self._running.values():
            if running.own_voice is not None:
                running.own_voice.tell(event, now, speaker)

    def leave(self) -> None:
        """He is gone: what he said before is still heard by the others, and he hears nothing more."""
        self._updating.cancel()
        for direction in self.directions:
            direction.stop()
        for member, language in self._listeners.items():
            if language is None:
                member.listener.leave(self)
        self.listener.close()

    # How.

    def _key(self, language: str) -> str:
        return "" if self._translator.capabilities.multi_target else language

    def _grouped(self, languages: Iterable[str]) -> list[tuple[str, ...]]:
        """Languages that one engine translates into, each once."""
        each = tuple(dict.fromkeys(languages))
        if not each or self._translator.capabilities.multi_target:
            return [each] if each else []
        return [(language,) for language in each]

    def _request(self, languages: tuple[str, ...]) -> TranslationRequest:
        request = self._setup.request(self.language, languages)
        self._translator.capabilities.check(request)
        return request

    def _start(self, key: str, languages: tuple[str, ...]) -> _Running:
        setup, tap = self._setup, self.leg.inbound.tap()
        own_voice = None
        if setup.echo_guard:
            own_voice = OwnVoice(self.leg.inbound.format, self.leg.outbound)
        direction = Direction(
            tap,
            self._translator,
            self._request(languages),
            name=f"{self.name} to {key}" if key else self.name,
            clock=self.leg.clock,
            on_event=self._tell,
            source_name=self.name,
            max_stall_ms=setup.max_stall_ms,
            reopen_ms=setup.reopen_ms,
            speaker=self.name,
            notice=setup.notice,
            own_voice=own_voice,
            original=self.leg.inbound,
        )
        direction.mute(on=self._muted)
        self._tasks.register(direction)
        self._caption(direction, languages)
        task = self._tasks.spawn(_carry(direction, tap), f"interpreting {direction.name}")
        return _Running(direction, task, own_voice)

    def _tell(self, event: SessionEvent) -> None:
        if self._setup.echo_guard and isinstance(event, (UtteranceStarted, UtteranceHeard)):
            for member, language in self._listeners.items():
                if language == event.language:
                    member.hears(event, self.name)
        if self._setup.on_event is not None:
            self._setup.on_event(self, event)

    def _caption(self, direction: Direction, languages: Iterable[str]) -> None:
        if self._setup.captions is None:
            return
        for language in languages:
            if language not in self._captioned:
                self._captioned.add(language)
                sink = self._setup.captions(self.name, language)
                if sink is not None:
                    direction.caption(language, sink)

    async def _keep_targets(self) -> None:
        """Have an engine that takes several targets translate into those that somebody needs."""
        while True:
            await self._news.wait()
            self._news.clear()
            running = self._running.get("")
            if running is None:
                continue
            direction = running.direction
            needed = (each for each in self._listeners.values() if each is not None)
            wanted = tuple(dict.fromkeys(needed))
            if set(wanted) == set(direction.request.target_languages):
                continue
            try:
                await direction.update(self._request(wanted))
            except RawMediaError as error:
                message = f"{self.name} is not translated into {', '.join(wanted)} yet"
                self._tell(SessionWarning(message, error))
                await self._wait_to_retry()
            else:
                self._caption(direction, wanted)

    async def _wait_to_retry(self) -> None:
        retry_ms, clock = self._setup.reopen_ms, self.leg.clock
        if retry_ms is not None:
            await clock.sleep_until(clock.now() + retry_ms / 1000)
            self._news.set()


async def _carry(direction: Direction, tap: AudioReader) -> None:
    try:
        await direction.run()
    finally:
        tap.close()


__all__ = ["Member", "RoomSetup", "Tasks", "primary"]
