"""One open translation of a session: it is fed in its own format, and its events get ids of their own."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from rawmedia.errors import (
    EngineFailedError,
    TranslatorError,
    TranslatorOverloadedError,
    TranslatorStalledError,
)
from rawmedia.sessions.engine.listening import EngineInput
from rawmedia.translators.events import Progress, TranslatorWarning, Usage, UtteranceEnded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.timeline import TimeSpan
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translation, TranslatorCapabilities

# Utterances that an engine began and did not end; of more, the oldest are taken to be over.
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
        self._source = EngineInput(heard, capabilities.input_formats, frame_ms)
        self._max_stall_ms = max_stall_ms
        self._on_overload = on_overload
        self._on_failure = on_failure
        self._was_held_up = was_held_up

    async def feed(self, frame: AudioFrame) -> None:
        """Send a frame, however long the engine is behind. Cancelling sends nothing more.

        What a translation's `send` raises, its events end with, or with its end; so nothing of
        that is raised here. One that raises anything else is closed, so that its events end, too.
        """
        pieces = self._source.convert(frame)
        await self._guarded(self._give(piece) for piece in pieces)

    async def end_input(self) -> None:
        """There is no more audio."""
        pieces = self._source.flush()
        await self._guarded(self._give(piece) for piece in pieces)
        self.input_ended = True
        await self._guarded(end() for end in (self.translation.end_input,))

    def named(self, event: TranslationEvent) -> TranslationEvent:
        """The event with an id of this run; engines count their utterances from the same number.

        Raises:
            EngineFailedError: It is no event.
        """
        self.reported += 1
        if isinstance(event, (Progress, Usage)):
            return event
        if isinstance(event, TranslatorWarning):
            if event.utterance_id is None or not self._prefix:
                return event
            return replace(event, utterance_id=f"{self._prefix}{event.utterance_id}")
        if self._prefix:
            event = replace(event, utterance_id=f"{self._prefix}{event.utterance_id}")
        if isinstance(event, UtteranceEnded):
            self._open.pop(event.utterance_id, None)
        elif event.utterance_id not in self._open:
            self._open[event.utterance_id] = event.span
            if len(self._open) > _MAX_OPEN:
                self._open.popitem(last=False)
        return event

    async def aclose(self) -> Exception | None:
        """Close the translation; what it raises, or that it takes too long, is returned. Twice is harmless."""
        try:
            async with asyncio.timeout(CLOSING_S):
                await self.translation.aclose()
        except TimeoutError:
            return TranslatorStalledError(self.name, f"it did not close within {CLOSING_S:g} s")
        except Exception as error:  # noqa: BLE001 - an engine that can't even close
            return error
        return None

    def unended(self) -> list[UtteranceEnded]:
        """The ends that the engine owes."""
        return [UtteranceEnded(utterance_id, span) for utterance_id, span in self._open.items()]

    async def _guarded(self, calls: Iterable[Awaitable[None]]) -> None:
        try:
            for call in calls:
                await call
        except TranslatorError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the engine broke
            await self._fail(engine_failure(self.name, error))

    async def _give(self, frame: AudioFrame) -> None:
        waited_ms, warned = 0.0, False
        while True:
            try:
                return await self.translation.send(frame)
            except TranslatorOverloadedError as error:
                if not warned:
                    warned = True
                    self._on_overload(error)
                # A send gives up after as long as it lets audio wait.
                waited_ms = 0.0 if self._was_held_up() else waited_ms + self.request.max_pending_ms
                if waited_ms >= self._max_stall_ms:
                    problem = f"it took no audio for {waited_ms:g} ms"
                    failure = TranslatorStalledError(self.name, problem)
                    failure.__cause__ = error
                    await self._fail(failure)
                    raise

    async def _fail(self, failure: EngineFailedError) -> None:
        self.failure = failure
        self._on_failure(self)
        await self.aclose()


def engine_failure(name: str, error: Exception) -> EngineFailedError:
    """What an engine raised that is none of this library's errors, as one that says whose it is."""
    failure = EngineFailedError(name, f"{type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


__all__ = ["EngineRun", "engine_failure"]
