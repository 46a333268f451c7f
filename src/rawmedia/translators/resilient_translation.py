"""One translation over any number of sessions: carries out what the machine of resilience decides."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rawmedia.errors import (
    EngineFailedError,
    NetworkError,
    RawMediaError,
    TranslatorOverloadedError,
    UnsupportedChangeError,
)
from rawmedia.translators.base import TranslationBase
from rawmedia.translators.calls import time_limit
from rawmedia.translators.events import TranslationEvent
from rawmedia.translators.resilience.decisions import (
    Close,
    Connect,
    Deliver,
    Done,
    GiveUp,
    Listen,
    Replay,
    Suppress,
    Warn,
)
from rawmedia.translators.resilience.machine import END, Resilience
from rawmedia.translators.resilience.session import Engine
from rawmedia.translators.resilience.steps import ResilienceWarning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from rawmedia.audio.activity import ActivityDetector
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Timer
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.resilience.decisions import Decision
    from rawmedia.translators.resilience.machine import ResilienceStats
    from rawmedia.translators.resilient import ResilientTranslator
    from rawmedia.translators.translator import Translation, TranslatorCapabilities

T = TypeVar("T")

_LOGGER = logging.getLogger(__name__)
# Less than `TranslationBase.aclose` waits for all of it.
_CLOSE_TIMEOUT_MS = 8_000.0
# Sessions alive at once, most of them closing: an engine that takes its time to close must not
# be opened ever more often.
_MAX_SESSIONS = 6
_OVERLOADED_PAUSE_S = 0.05
_ENGINE_SHARE = 0.25
_MIN_PENDING_MS = 20.0


@dataclass(slots=True, eq=False)
class _Running:
    """A session on its way from the wish to open it to having been closed."""

    plan: Connect
    translation: Translation | None = None
    request: TranslationRequest | None = None
    task: asyncio.Task[None] | None = None
    feeding: asyncio.Event = field(default_factory=asyncio.Event)
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    unwanted: bool = False

    @property
    def number(self) -> int:
        return self.plan.session


class ResilientTranslation(TranslationBase):
    """One speaker's translation, over any number of sessions; made by `ResilientTranslator.open`.

    A quarter of ``max_pending_ms`` may wait in the running engine and the rest here, where it
    outlives the engine.
    """

    def __init__(self, translator: ResilientTranslator, request: TranslationRequest) -> None:
        here = _with_pending(request, 1 - _ENGINE_SHARE)
        super().__init__(translator.capabilities, here, clock=translator.clock)
        self._request = request
        self._translators = translator.engines
        self._config = translator.config
        self._activity = translator.activity
        self._detector: ActivityDetector | None = None
        self._speech = False
        self._machine = Resilience(
            translator.config,
            [_traits(engine.capabilities) for engine in self._translators],
            random=translator.random,
            speech=request.speech,
            partials=request.partials,
        )
        self._sessions: dict[int, _Running] = {}
        self._places = asyncio.Semaphore(_MAX_SESSIONS)
        self._postponed: list[Decision] = []
        self._more, self._room = asyncio.Event(), asyncio.Event()
        self._over: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._group: asyncio.TaskGroup
        self._timer: Timer | None = None
        self._timer_at = 0.0

    @property
    def stats(self) -> ResilienceStats:
        """What became of the audio so far, and what it took."""
        return self._machine.stats

    async def interrupt(self) -> None:
        """Say nothing more of what was begun, whichever session would say it; listening goes on."""
        self._machine.interrupted()
        await super().interrupt()
        for translation in self._translations():
            await self._tell("an interrupt", translation.interrupt)

    async def commit(self) -> None:
        """Finish the current utterance now, if a session runs and its engine follows the advice."""
        for translation in self._translations():
            await self._tell("a commit", translation.commit)

    async def update(self, request: TranslationRequest) -> None:
        """Change targets or voices; an engine that can't hands over to a session that has them.

        Raises:
            ConfigurationError: An engine can't serve the request; nothing has changed.
        """
        for engine in self._translators:
            engine.capabilities.check(request)
        self._request = request
        self._machine.expect(partials=request.partials)
        for running in self._running():
            await self._update(running)

    async def aclose(self) -> None:
        """Close every session and wait until they are closed; what is unsaid stays unsaid. Twice is harmless."""
        try:
            await super().aclose()
        finally:
            self._stop_timer()
            # What a cancelled task could not finish, or one that never began.
            for running in list(self._sessions.values()):
                await self._close(running)

    async def _open_first(self) -> None:
        decisions = self._machine.start(self._clock.now())
        while True:
            plan = next((each for each in decisions if isinstance(each, Connect)), None)
            if plan is None or plan.at > self._clock.now():
                break
            self._postponed += [each for each in decisions if not isinstance(each, Connect)]
            running = _Running(plan)
            self._sessions[running.number] = running
            try:
                decisions = await self._connect(running)
            except BaseException:
                await self._close(running)
                raise
            if running.translation is None:
                del self._sessions[running.number]
        self._postponed += decisions
        for decision in decisions:
            if isinstance(decision, GiveUp):
                raise decision.error
        self._start(self._run)

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as self._group:
                intake = self._group.create_task(self._take_in(), name="taking frames in")
                for running in self._sessions.values():
                    running.task = self._group.create_task(self._serve(running))
                postponed, self._postponed = self._postponed, []
                self._apply(postponed)
                error = await self._over
                intake.cancel()  # the machine has dismissed the sessions, which close by themselves
        finally:
            self._stop_timer()
        if error is not None:
            raise error

    async def _take_in(self) -> None:
        """Take what was sent, see whether somebody speaks in it, and keep it for whoever is fed."""
        while (frame := await self._frames.get()) is not None:
            self._machine.received(frame, speech=self._hears(frame))
            _pulse(self._more)
            while self._machine.must_wait:
                await self._room.wait()
            self._frames.release()
        if self._closing:
            return  # whoever closes wants no answer to the rest, which a session would wait for
        self._apply(self._machine.input_ended())
        _pulse(self._more)

    def _hears(self, frame: AudioFrame) -> bool:
        """Whether somebody speaks in a frame; one too short for a decision is as that before."""
        if self._detector is None:
            self._detector = self._activity(frame.format)
        told = self._detector.push(frame.samples)
        if told:
            self._speech = any(told)
        return self._speech

    async def _serve(self, running: _Running) -> None:
        """Open a session, feed and read it, and close it whatever happens."""
        try:
            async with self._places:
                try:
                    if running.translation is None:
                        await self._clock.sleep_until(running.plan.at)
                        self._apply(await self._connect(running))
                    if running.translation is not None and not running.unwanted:
                        await self._update(running)
                        await self._use(running, running.translation)
                finally:
                    await self._close(running)
        finally:
            if running.translation is None:
                self._sessions.pop(running.number, None)

    async def _connect(self, running: _Running) -> list[Decision]:
        """Open the engine; what follows from having done so, or not."""
        engine = self._translators[running.plan.engine]
        name = engine.capabilities.name
        running.request = _with_pending(self._request, _ENGINE_SHARE)
        try:
            async with time_limit(name, self._clock, self._config.connect_timeout_ms):
                translation = await engine.open(running.request)
        except TimeoutError:
            timeout_ms = self._config.connect_timeout_ms
            error: Exception = NetworkError(
                name, f"it could not be opened within {timeout_ms:g} ms"
            )
        except RawMediaError as refusal:
            error = refusal
        except Exception as failure:  # noqa: BLE001 - whatever it is, the engine is not there
            error = self._typed(failure)
        else:
            running.translation = translation
            return self._machine.opened(running.number, self._clock.now())
        return self._machine.open_failed(running.number, error, self._clock.now())

    async def _use(self, running: _Running, translation: Translation) -> None:
        feeding = asyncio.create_task(self._feed(running, translation), name="feeding a session")
        try:
            await self._listen(running, translation)
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])
        if not feeding.cancelled():
            feeding.result()  # an error of this library's own must not vanish

    async def _feed(self, running: _Running, translation: Translation) -> None:
        """Send a session what the machine has for it."""
        await running.feeding.wait()
        while (frame := self._machine.next_frame(running.number, self._clock.now())) is not END:
            if frame is None:
                await self._more.wait()
                continue
            self._set_timer()  # the session may refuse it for ever
            if await self._attempt(running, partial(self._send, translation, frame)):
                self._apply(self._machine.sent(running.number, self._clock.now()))
            else:
                return
        self._set_timer()
        await self._attempt(running, translation.end_input)

    async def _send(self, translation: Translation, frame: AudioFrame) -> None:
        while True:
            try:
                return await translation.send(frame)
            except TranslatorOverloadedError:
                # Whether it has taken too long the watchdog knows.
                await self._clock.sleep_until(self._clock.now() + _OVERLOADED_PAUSE_S)

    async def _attempt(self, running: _Running, verb: Callable[[], Awaitable[None]]) -> bool:
        """Do something to a session; when it fails, tell the machine and return False."""
        try:
            await _guarded(self._name, verb())
        except Exception as failure:  # noqa: BLE001 - whatever it is, the session takes no more
            error = self._typed(failure)
            self._machine.send_failed(running.number, error, self._clock.now())
            self._set_timer()
            return False
        return True

    async def _listen(self, running: _Running, translation: Translation) -> None:
        """Tell the machine what a session says, until it ends or is not wanted any more."""
        await running.listening.wait()
        events: AsyncIterator[TranslationEvent] | None = None
        while not running.unwanted:
            if not self._events.has_room:
                self._machine.reading(self._clock.now(), reading=False)
                try:
                    await self._events.room()
                finally:
                    self._machine.reading(self._clock.now(), reading=True)
                    self._set_timer()
            try:
                events = aiter(translation) if events is None else events
                event = await _guarded(self._name, anext(events))
                if not isinstance(event, TranslationEvent):
                    raise EngineFailedError(self._name, f"reported {event!r}, which is no event")
            except StopAsyncIteration:
                decisions = self._machine.ended(running.number, self._clock.now())
            except Exception as failure:  # noqa: BLE001 - whatever it is, the session is lost
                error = self._typed(failure)
                decisions = self._machine.lost(running.number, error, self._clock.now())
            else:
                decisions = self._machine.heard(running.number, event, self._clock.now())
            self._apply(decisions)

    async def _close(self, running: _Running) -> None:
        """Close a session, for as long as that may take; again if it was cut short the last time."""
        translation = running.translation
        if translation is None:
            return
        try:
            async with time_limit(self._name, self._clock, _CLOSE_TIMEOUT_MS):
                await translation.aclose()
        except TimeoutError:
            _LOGGER.warning("a session of %s did not close and is left alone", self._name)
        except Exception as error:
            _LOGGER.warning(
                "a session of %s failed while it was closed", self._name, exc_info=error
            )
        running.translation = None

    async def _update(self, running: _Running) -> None:
        """Give a session the newest request, or let another with that request take over."""
        wanted = _with_pending(self._request, _ENGINE_SHARE)
        if running.translation is None or running.unwanted or running.request == wanted:
            return
        running.request = wanted
        try:
            await running.translation.update(wanted)
        except UnsupportedChangeError:
            self._apply(self._machine.hand_over(self._clock.now()))
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader hears of it
            self._warn_of("a change of the request", error)

    async def _tell(self, what: str, verb: Callable[[], Awaitable[None]]) -> None:
        try:
            await _guarded(self._name, verb())
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader hears of it
            self._warn_of(what, error)

    def _warn_of(self, what: str, error: Exception) -> None:
        """Tell the reader that an engine did not do what it was asked for."""
        message = f"the engine failed at {what} and goes on without it: {error!r}"
        self._events.put(ResilienceWarning(message, cause=error, code="call_refused"))

    def _running(self) -> list[_Running]:
        """The sessions that are fed or read, or are about to be."""
        return [
            each
            for each in self._sessions.values()
            if each.translation is not None and not each.unwanted
        ]

    def _translations(self) -> list[Translation]:
        return [each.translation for each in self._running() if each.translation is not None]

    def _apply(self, decisions: list[Decision]) -> None:
        """Carry decisions out; none of them waits."""
        _pulse(self._room)
        changed = False
        for decision in decisions:
            match decision:
                case Deliver() | Warn():
                    self._events.put(decision.event)
                    continue
                case Suppress():
                    continue
                case Connect():
                    running = _Running(decision)
                    self._sessions[running.number] = running
                    running.task = self._group.create_task(self._serve(running))
                case Replay():
                    self._sessions[decision.session].feeding.set()
                case Listen():
                    self._sessions[decision.session].listening.set()
                case Close():
                    self._dismiss(decision.session)
                case Done():
                    self._finish()
                    self._end(None)
                case GiveUp():
                    self._fail(self._typed(decision.error))
                    self._end(decision.error)
            changed = True
        if changed:  # what is heard makes nothing due earlier
            _pulse(self._more)
            self._set_timer()

    def _dismiss(self, session: int) -> None:
        running = self._sessions.get(session)
        if running is not None and not running.unwanted:
            running.unwanted = True
            # Its own task sees for itself; a cancel would hit it while it closes the session.
            if running.task is not None and running.task is not asyncio.current_task():
                running.task.cancel()

    def _end(self, error: Exception | None) -> None:
        if not self._over.done():
            self._over.set_result(error)

    def _set_timer(self) -> None:
        due = None if self._closing else self._machine.next_due
        if due is not None and (self._timer is None or due < self._timer_at):
            self._stop_timer()
            # A timer that comes too early finds nothing due, and costs less than moving it
            # with every frame.
            self._timer_at = due
            self._timer = self._clock.call_at(due, self._time_passed)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_passed(self) -> None:
        self._timer = None
        # An event loop may call within its clock's resolution too early; then nothing would be
        # due, and the timer set again for the same moment, for ever.
        self._apply(self._machine.due(max(self._clock.now(), self._timer_at)))
        self._set_timer()


async def _guarded(engine: str, call: Awaitable[T]) -> T:
    """Await an engine's call; one that says it was cancelled, though nobody did that, has failed."""
    task = asyncio.current_task()
    try:
        return await call
    except asyncio.CancelledError as error:
        if task is not None and not task.cancelling():
            raise EngineFailedError(engine, "cancelled itself") from error
        raise


def _pulse(event: asyncio.Event) -> None:
    """Wake whoever waits for the event now."""
    event.set()
    event.clear()


def _traits(of: TranslatorCapabilities) -> Engine:
    return Engine(of.name, of.max_session_ms, of.partials)


def _with_pending(request: TranslationRequest, share: float) -> TranslationRequest:
    """The request for whoever may let only a share of the audio wait."""
    pending_ms = max(_MIN_PENDING_MS, request.max_pending_ms * share)
    return request.model_copy(update={"max_pending_ms": pending_ms})


__all__ = ["ResilientTranslation"]
