"""Keeps one direction's engine: opens it, follows it, replaces it, and opens it again when it has failed."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Protocol

from rawmedia.errors import (
    EngineFailedError,
    RawMediaError,
    TranslatorClosedError,
    TranslatorError,
    TranslatorStalledError,
)
from rawmedia.sessions.cancelling import go_on
from rawmedia.sessions.engine.calls import engine_call
from rawmedia.sessions.engine.failures import engine_failure
from rawmedia.sessions.engine.listening import require_hearable
from rawmedia.sessions.engine.run import CLOSING_S, EngineRun

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rawmedia.audio.format import AudioFormat
    from rawmedia.errors import TranslatorOverloadedError
    from rawmedia.sessions.events import DirectionState
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translation, Translator


# How long an engine may go on talking after the last of the audio, whatever it says: longer than
# any speech that is owed, and shorter than a night of silence that somebody pays for.
_MAX_OWED_S = 600.0
# An engine that has always something to say would otherwise never let anybody else have a turn.
_EVENTS_A_TURN = 10


class EngineUser(Protocol):
    """Who the engine works for."""

    async def take(self, event: TranslationEvent, run: EngineRun) -> None:
        """The engine reports; waits while there is no room for what it says.

        Raises:
            TranslatorError: Nothing can be done with what it reports.
        """
        ...

    def changed(
        self, state: DirectionState, error: RawMediaError | None, retry_in_ms: float | None
    ) -> None:
        """There is an engine now, or none."""
        ...

    def moved(self) -> None:
        """A run has ended, or the state is another."""
        ...

    def failed_at_the_end(self, error: RawMediaError) -> None:
        """An engine failed while it said its last."""
        ...

    def warn(self, message: str, error: BaseException) -> None:
        """Something happened that the session survives."""
        ...

    def overloaded(self, error: TranslatorOverloadedError) -> None:
        """The engine can't keep up, and the session waits for it; once for each frame that does."""
        ...

    def was_held_up(self) -> bool:
        """Whether, since this was asked last, an engine had to wait until somebody heard what it said."""
        ...


class EngineKeeper:
    """The engine of a direction, whatever becomes of it. For one event loop.

    Args:
        user: Who it works for.
        translator: The engine.
        request: Languages and voices, already checked.
        heard: What frames are.
        frame_ms: How long they are.
        clock: What waits are counted on.
        max_stall_ms: How long the engine may take no audio, may take to open, or may report nothing when
            there is no more audio, before it counts as failed.
        reopen_ms: How long after a failure it is opened again; None for never.
        wanted: Whether it is switched on.

    Raises:
        ConfigurationError: The engine can't be given frames of that format.
    """

    def __init__(
        self,
        user: EngineUser,
        translator: Translator,
        request: TranslationRequest,
        heard: AudioFormat,
        frame_ms: float,
        *,
        clock: Clock,
        max_stall_ms: float,
        reopen_ms: float | None,
        wanted: bool,
    ) -> None:
        require_hearable(heard, translator.capabilities)
        self._user = user
        self.translator = translator
        self.request = request
        self.state: DirectionState = "opening" if wanted else "off"
        self.run: EngineRun | None = None
        """Who is fed; None while there is nobody."""
        self.failure: RawMediaError | None = None
        """What the last engine failed with, if it is the reason why there is none."""
        self._heard, self._frame_ms = heard, frame_ms
        self._clock = clock
        self._max_stall_ms = max_stall_ms
        self._reopen_ms = reopen_ms
        self._wanted = wanted
        self._ending = False
        self._opened = self._ended = 0
        # What was cancelled, which the end of the session explains or, when it goes on, nothing does.
        self._cut_off: list[EngineRun] = []
        self._not_opened = False
        self._changing = asyncio.Lock()
        self._tasks: asyncio.TaskGroup | None = None
        self._reopening: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether no run is left that may say something."""
        return self._ended >= self._opened

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Runs live in these tasks from now on."""
        self._tasks = tasks

    async def enable(self) -> None:
        """Switch it on: open the engine, unless there is one.

        Raises:
            RawMediaError: It could not be opened; it is tried again as after any failure.
        """
        async with self._changing:
            self._wanted = True
            if self.run is None and self._tasks is not None and not self._ending:
                await self._open()

    async def disable(self) -> None:
        """Switch it off, now: what the engine has still to say is not wanted."""
        self._wanted = False
        self._stop_reopening()
        run, self.run = self.run, None
        self._change("off")
        if run is not None:
            self._expect_end(run)
            await self._close(run)

    async def update(self, request: TranslationRequest, translator: Translator) -> None:
        """Change what is asked, or who; what the running translation can't change a new one gets.

        Raises:
            ConfigurationError: The engine can't serve the request; nothing has changed.
            TranslatorError: Another engine could not be opened; nothing has changed.
        """
        async with self._changing:
            translator.capabilities.check(request)
            require_hearable(self._heard, translator.capabilities)
            run = self.run
            if run is not None and not (
                translator is self.translator and await self._changes(run, request)
            ):
                await self._replace(run, request, translator)
            self.request, self.translator = request, translator

    async def end_input(self) -> None:
        """There is no more audio; what is owed is still said."""
        self._ending = True
        self._stop_reopening()
        if self.run is not None:
            await self._end(self.run)

    async def aclose(self) -> None:
        """Close the engine, now. Twice is harmless."""
        self._wanted, self._ending = False, True
        self._stop_reopening()
        run, self.run = self.run, None
        if run is not None:
            await self._close(run)

    # Whether it lives.

    async def notice(self) -> None:
        """See to what was cancelled though the session goes on.

        An engine may cancel the task that calls it, and a program whoever waits for `enable`.
        """
        while self._cut_off:
            run = self._cut_off.pop()
            problem = "it cancelled the task that reads its events"
            await self._bury(run, EngineFailedError(run.name, problem))
        if self._not_opened and not self._changing.locked():
            self._not_opened = False
            if self.run is None:
                name = self.translator.capabilities.name
                self._lose(EngineFailedError(name, "it was not opened: that was cancelled"))

    async def give_up(self, problem: str) -> None:
        """The engine that is fed has done something that nobody can go on from."""
        if self.run is not None:
            await self.run.give_up(EngineFailedError(self.run.name, problem))

    # How.

    @staticmethod
    async def _changes(run: EngineRun, request: TranslationRequest) -> bool:
        """Whether a translation could change what it does."""
        if request.source_language != run.request.source_language:
            return False
        return await run.update(request)

    async def _open(self) -> None:
        self._stop_reopening()
        if self.state != "passing_through":
            self._change("opening")
        try:
            run = await self._start(self.request, self.translator)
        except RawMediaError as error:
            self._lose(error)
            raise
        except asyncio.CancelledError:
            self._not_opened = True
            self._user.moved()
            raise
        if self._wanted and not self._ending:
            self._adopt(run)
        else:  # it was switched off meanwhile
            self._ended += 1
            await self._close(run)

    async def _start(self, request: TranslationRequest, translator: Translator) -> EngineRun:
        name = translator.capabilities.name
        translation = await engine_call(
            name,
            lambda: translator.open(request),
            "open",
            self._max_stall_ms / 1000,
            release=partial(self._release, name),
        )
        run = EngineRun(
            self._opened,
            translation,
            translator.capabilities,
            request,
            self._heard,
            self._frame_ms,
            max_stall_ms=self._max_stall_ms,
            on_overload=self._user.overloaded,
            on_failure=self._expect_end,
            was_held_up=self._user.was_held_up,
        )
        self._opened += 1
        return run

    async def _release(self, name: str, translation: Translation) -> None:
        """Close what was opened for nobody."""
        try:
            await engine_call(name, lambda: translation.aclose(), "close", CLOSING_S)
        except RawMediaError as error:
            self._user.warn(f"{name} could not be closed", error)

    def _adopt(self, run: EngineRun) -> None:
        assert self._tasks is not None
        self.run, self.failure = run, None
        run.following = self._tasks.create_task(self._follow(run), name=f"following {run.name}")
        self._change("translating")

    async def _replace(
        self, old: EngineRun, request: TranslationRequest, translator: Translator
    ) -> None:
        """Let another translation take over; the old one says what it owes."""
        run = await self._start(request, translator)
        if self.run is not old or self._tasks is None or self._ending:
            # It has ended meanwhile, and with it the need of another.
            self._ended += 1
            await self._close(run)
            return
        self._adopt(run)
        self._tasks.create_task(self._end(old), name=f"ending {old.name}")

    async def _end(self, run: EngineRun) -> None:
        self._expect_end(run)
        await run.end_input()

    async def _close(self, run: EngineRun) -> None:
        error = await run.aclose()
        if error is not None:
            self._user.warn(f"{run.name} could not be closed", error)

    def _expect_end(self, run: EngineRun) -> None:
        """From now on it may be held against an engine that its events don't come to their end."""
        if run.ending is None and not run.over and self._tasks is not None:
            run.ending = self._tasks.create_task(self._see_end(run), name=f"awaiting {run.name}")

    async def _see_end(self, run: EngineRun) -> None:
        patience_s, waited_s = self._max_stall_ms / 1000, 0.0
        while True:
            reported = run.reported
            self._user.was_held_up()
            await asyncio.sleep(patience_s)
            waited_s += patience_s
            if run.reported == reported and not self._user.was_held_up():
                problem = f"it reported nothing for {self._max_stall_ms:g} ms"
                break
            if waited_s >= _MAX_OWED_S:
                problem = f"it went on for {waited_s:g} s"
                break
        if run.failure is None:
            after = "the last of the audio" if run.refusal is None else "it had refused audio"
            run.failure = TranslatorStalledError(run.name, f"{problem} after {after}")
            run.failure.__cause__ = run.refusal
        if run.following is not None:
            run.following.cancel()

    async def _follow(self, run: EngineRun) -> None:
        """Hand on what an engine reports, until it ends, and see why it did."""
        failure: RawMediaError | None = None
        try:
            await self._hand_on(run)
        except TranslatorError as error:
            failure = error
        except asyncio.CancelledError:
            # Whoever else cancels does not wait for what is owed.
            if run.failure is None or run.ending is None or not run.ending.done():
                self._cut_off.append(run)
                self._user.moved()
                raise
            go_on()
        finally:
            run.over = True
            if run.ending is not None:
                run.ending.cancel()
            await self._close(run)
        await self._bury(run, failure)

    async def _bury(self, run: EngineRun, failure: RawMediaError | None) -> None:
        """An engine's events have ended: say what it owes, and what it failed with."""
        failure = run.failure or failure
        for owed in run.unended():
            await self._user.take(owed, run)
        self._ended += 1
        if self.run is run:
            self.run = None
            if failure is None and not run.input_ended:
                problem = "it stopped translating while the call went on"
                failure = EngineFailedError(run.name, problem)
            if failure is not None:
                self._lose(failure)
        elif failure is not None and self._wanted:
            self._user.failed_at_the_end(failure)
        self._user.moved()

    async def _hand_on(self, run: EngineRun) -> None:
        """Hand on what an engine reports, until it ends or nobody wants any more of it.

        Raises:
            TranslatorError: It failed.
        """
        events: AsyncIterator[TranslationEvent] | None = None
        while True:
            try:
                events = events or aiter(run.translation)
                event = run.named(await anext(events))
            except StopAsyncIteration:
                return
            except TranslatorError as error:
                if not isinstance(error, TranslatorClosedError):
                    raise
                if run.closed:
                    return
                # Nobody but the engine itself has closed it.
                raise engine_failure(run.name, error) from error
            except BaseException as error:
                raise engine_failure(run.name, error) from error
            if run.closed:
                return
            await self._user.take(event, run)
            if run.reported % _EVENTS_A_TURN == 0:
                await asyncio.sleep(0)

    def _lose(self, error: RawMediaError) -> None:
        """There is no engine; try again later, where that may help."""
        self.failure = error
        if not self._wanted:
            return
        if self._ending:
            self._user.failed_at_the_end(error)
            return
        retry_ms = self._reopen_ms if error.retryable else None
        self._change("passing_through", error, retry_ms)
        if retry_ms is not None and self._tasks is not None:
            self._reopening = self._tasks.create_task(
                self._reopen(retry_ms / 1000), name="opening an engine again"
            )

    async def _reopen(self, delay_s: float) -> None:
        await self._clock.sleep_until(self._clock.now() + delay_s)
        self._reopening = None
        if self._wanted:
            # What it failed with this time, `changed` has told.
            with contextlib.suppress(RawMediaError):
                await self.enable()

    def _stop_reopening(self) -> None:
        task, self._reopening = self._reopening, None
        if task is not None:
            task.cancel()

    def _change(
        self,
        state: DirectionState,
        error: RawMediaError | None = None,
        retry_in_ms: float | None = None,
    ) -> None:
        if state != self.state or error is not None:
            self.state = state
            self._user.changed(state, error, retry_in_ms)
            self._user.moved()


__all__ = ["EngineKeeper", "EngineUser"]
