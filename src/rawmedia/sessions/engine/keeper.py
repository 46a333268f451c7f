"""Keeps one direction's engine: opens it, follows it, replaces it, and opens it again when it has failed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

from rawmedia.errors import (
    EngineFailedError,
    RawMediaError,
    TranslatorError,
    TranslatorStalledError,
    UnsupportedChangeError,
)
from rawmedia.sessions.engine.run import EngineRun, engine_failure

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.errors import TranslatorOverloadedError
    from rawmedia.sessions.events import DirectionState
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translator


class EngineUser(Protocol):
    """Who the engine works for."""

    async def take(self, event: TranslationEvent, run: EngineRun) -> None:
        """The engine reports; waits while there is no room for what it says."""
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
            await self._close(run)

    async def update(self, request: TranslationRequest, translator: Translator) -> None:
        """Change what is asked, or who; what the running translation can't change a new one gets.

        Raises:
            ConfigurationError: The engine can't serve the request; nothing has changed.
            TranslatorError: Another engine could not be opened; nothing has changed.
        """
        async with self._changing:
            translator.capabilities.check(request)
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

    async def _changes(self, run: EngineRun, request: TranslationRequest) -> bool:
        """Whether a translation could change what it does."""
        if request.source_language != run.request.source_language:
            return False
        with contextlib.suppress(UnsupportedChangeError):
            await run.translation.update(request)
            run.request = request
            return True
        return False

    async def _open(self) -> None:
        self._stop_reopening()
        if self.state != "passing_through":
            self._change("opening")
        try:
            run = await self._start(self.request, self.translator)
        except RawMediaError as error:
            self._lose(error)
            raise
        if self._wanted and not self._ending:
            self._adopt(run)
        else:  # it was switched off meanwhile
            self._ended += 1
            await self._close(run)

    async def _start(self, request: TranslationRequest, translator: Translator) -> EngineRun:
        name = translator.capabilities.name
        try:
            async with asyncio.timeout(self._max_stall_ms / 1000):
                translation = await translator.open(request)
        except RawMediaError:
            raise
        except TimeoutError as error:
            problem = f"it did not open within {self._max_stall_ms:g} ms"
            raise TranslatorStalledError(name, problem) from error
        except Exception as error:
            raise engine_failure(name, error) from error
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
        while True:
            reported = run.reported
            self._user.was_held_up()
            await asyncio.sleep(self._max_stall_ms / 1000)
            if run.reported == reported and not self._user.was_held_up():
                break
        if run.failure is None:
            problem = (
                f"it reported nothing for {self._max_stall_ms:g} ms after the last of the audio"
            )
            run.failure = TranslatorStalledError(run.name, problem)
        if run.following is not None:
            run.following.cancel()

    async def _follow(self, run: EngineRun) -> None:
        """Hand on what an engine reports, until it ends, and see why it did."""
        failure: RawMediaError | None = None
        try:
            events = aiter(run.translation)
            while True:
                try:
                    event = run.named(await anext(events))
                except StopAsyncIteration:
                    break
                except TranslatorError as error:
                    failure = error
                    break
                except Exception as error:  # noqa: BLE001 - whatever it is, the engine broke
                    failure = engine_failure(run.name, error)
                    break
                await self._user.take(event, run)
        except asyncio.CancelledError:
            # Whoever else cancels does not wait for what is owed.
            if run.failure is None or run.ending is None or not run.ending.done():
                raise
        finally:
            run.over = True
            if run.ending is not None:
                run.ending.cancel()
            await self._close(run)
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
