"""One open translation of a session: it is fed in its own format, and its events get ids of their own."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from rawmedia.errors import (
    EngineFailedError,
    RawMediaError,
    TranslatorError,
    TranslatorOverloadedError,
    TranslatorStalledError,
    UnsupportedChangeError,
)
from rawmedia.sessions.engine.calls import engine_call
from rawmedia.sessions.engine.event_check import problem_of
from rawmedia.sessions.engine.failures import engine_failure
from rawmedia.sessions.engine.listening import EngineInput
from rawmedia.translators.events import Progress, TranslatorWarning, Usage, UtteranceEnded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.timeline import TimeSpan
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translation, TranslatorCapabilities

# Utterances that an engine began and did not end; of more, the oldest are taken to be over. And
# those that it did end.
_MAX_OPEN = 1_000
CLOSING_S = 5.0
"""How long an engine may take to close; Azure's SDK takes 2.5 s at the worst."""


class EngineRun:
    """A translation between its opening and its end. For one event loop.

    Args:
        number: Which of the session's runs this is, from 0.
        translation: What was opened.
        capabilities: Of the engine.
        request: What it was opened with.
        heard: What frames are.
        frame_ms: How long they are.
        max_stall_ms: How long the engine may take no audio before it has stalled.
        on_overload: Told when the engine can't keep up, once for each frame that it does not take.
        on_failure: Told when its feeder finds something wrong with it; its events should end then.
        was_held_up: Whether the engine could not get rid of its speech since this was asked last,
            for which it is not to blame.
    """

    def __init__(
        self,
        number: int,
        translation: Translation,
        capabilities: TranslatorCapabilities,
        request: TranslationRequest,
        heard: AudioFormat,
        frame_ms: float,
        *,
        max_stall_ms: float,
        on_overload: Callable[[TranslatorOverloadedError], object],
        on_failure: Callable[[EngineRun], object],
        was_held_up: Callable[[], bool],
    ) -> None:
        self.translation = translation
        self.request = request
        self.name = capabilities.name
        self.input_ended = False
        """Whether it was told that no more comes: so it may end."""
        self.failure: EngineFailedError | None = None
        """What is wrong with it, where that is not for its events to say."""
        self.refusal: TranslatorError | None = None
        """What it refused audio with, which its events should end with, too."""
        self.closed = False
        """Whether it was closed, so that nothing more of it is wanted."""
        self.over = False
        """Whether its events have ended."""
        self.reported = 0
        """How many events came."""
        self.following: asyncio.Task[None] | None = None
        """Who reads its events."""
        self.ending: asyncio.Task[None] | None = None
        """Who sees to it that they end."""
        self._prefix = f"{number}/" if number else ""
        self._open: OrderedDict[str, TimeSpan] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._source = EngineInput(heard, capabilities.input_formats, frame_ms)
        self._frame_s = frame_ms / 1000
        self._time = asyncio.get_running_loop().time
        self._max_stall_ms = max_stall_ms
        self._on_overload = on_overload
        self._on_failure = on_failure
        self._was_held_up = was_held_up

    async def feed(self, frame: AudioFrame) -> None:
        """Send a frame, however long the engine is behind. Cancelling sends nothing more.

        What a translation's `send` raises, its events end with, or with its end, and where they
        don't, that is seen to; so nothing of that is raised here. One that raises anything else
        is closed, so that its events end, too, and is given nothing more.
        """
        if self.closed:
            return
        for piece in self._source.convert(frame):
            begun = self._time()
            try:
                await self.translation.send(piece)  # the frame path
            except TranslatorOverloadedError as error:
                await self._guarded(partial(self._insist, piece, error, begun))
            except BaseException as error:  # noqa: BLE001 - whatever it is, the engine broke
                await self._broke(error)

    async def end_input(self) -> None:
        """There is no more audio."""
        for piece in self._source.flush():
            await self._guarded(partial(self._insist, piece))
        self.input_ended = True
        await self._guarded(self._end_input)

    async def interrupt(self) -> None:
        """Have it say nothing more of what it says.

        Raises:
            RawMediaError: It failed at that, or did not answer.
        """
        await self._asked(lambda: self.translation.interrupt(), "stop talking", CLOSING_S)

    async def update(self, request: TranslationRequest) -> bool:
        """Change what it does; whether it could.

        Raises:
            RawMediaError: It failed at that, or did not answer.
        """
        patience_s = self._max_stall_ms / 1000
        try:
            await self._asked(
                lambda: self.translation.update(request), "change its request", patience_s
            )
        except UnsupportedChangeError:
            return False
        self.request = request
        return True

    def named(self, event: TranslationEvent) -> TranslationEvent:
        """The event with an id of this run; engines count their utterances from the same number.

        Raises:
            EngineFailedError: It is no event.
        """
        self.reported += 1
        problem = problem_of(event)
        if problem is not None:
            raise EngineFailedError(self.name, problem)
        if isinstance(event, (Progress, Usage)):
            return event
        if isinstance(event, TranslatorWarning):
            if event.utterance_id is None or not self._prefix:
                return event
            return replace(event, utterance_id=f"{self._prefix}{event.utterance_id}")
        if self._prefix:
            event = replace(event, utterance_id=f"{self._prefix}{event.utterance_id}")
        self._note(event.utterance_id, event.span, over=isinstance(event, UtteranceEnded))
        return event

    async def aclose(self) -> RawMediaError | None:
        """Close the translation; what it raises, or that it takes too long, is returned. Twice is harmless."""
        self.closed = True
        try:
            await self._asked(lambda: self.translation.aclose(), "close", CLOSING_S)
        except RawMediaError as error:
            return error
        return None

    async def give_up(self, failure: EngineFailedError) -> None:
        """It has failed, whatever its events say: close it, so that they end."""
        self.failure = failure
        self._on_failure(self)
        await self.aclose()

    def unended(self) -> list[UtteranceEnded]:
        """The ends that the engine owes."""
        return [UtteranceEnded(utterance_id, span) for utterance_id, span in self._open.items()]

    def _note(self, utterance_id: str, span: TimeSpan, *, over: bool) -> None:
        """Know which utterances have no end yet; one that goes on after its end is owed no other."""
        if over:
            self._open.pop(utterance_id, None)
            self._ended[utterance_id] = None
            if len(self._ended) > _MAX_OPEN:
                self._ended.popitem(last=False)
        elif utterance_id not in self._open and utterance_id not in self._ended:
            self._open[utterance_id] = span
            if len(self._open) > _MAX_OPEN:
                self._open.popitem(last=False)

    async def _guarded(self, call: Callable[[], Awaitable[None]]) -> None:
        try:
            await call()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the engine broke
            await self._broke(error)

    async def _broke(self, error: BaseException) -> None:
        if isinstance(error, TranslatorError):
            self.refusal = error
            self._on_failure(self)
        else:
            await self.give_up(engine_failure(self.name, error))

    async def _asked(
        self, call: Callable[[], Awaitable[None]], what: str, patience_s: float
    ) -> None:
        await engine_call(self.name, call, what, patience_s)

    async def _end_input(self) -> None:
        await self.translation.end_input()

    async def _insist(
        self,
        frame: AudioFrame,
        refused: TranslatorOverloadedError | None = None,
        begun: float = 0.0,
    ) -> None:
        """Send a frame however long the engine is behind; it may have refused it already."""
        waited_ms, warned = 0.0, False
        while True:
            if refused is None:
                begun = self._time()
                try:
                    await self.translation.send(frame)
                except TranslatorOverloadedError as error:
                    refused = error
                else:
                    return
            if not warned:
                warned = True
                self._on_overload(refused)
            # A send gives up after as long as it lets audio wait.
            waited_ms = 0.0 if self._was_held_up() else waited_ms + self.request.max_pending_ms
            if waited_ms >= self._max_stall_ms:
                problem = f"it took no audio for {waited_ms:g} ms"
                failure = TranslatorStalledError(self.name, problem)
                failure.__cause__ = refused
                await self.give_up(failure)
                return
            if self._time() - begun < self._frame_s:
                # One that refuses without waiting for room must not be asked without end.
                await asyncio.sleep(self._frame_s)
            refused = None


__all__ = ["CLOSING_S", "EngineRun"]
