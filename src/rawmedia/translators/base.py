"""What every translation needs and an engine need not write: queues, endings, and the verbs it lacks."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from rawmedia.errors import (
    EngineFailedError,
    TranslatorClosedError,
    TranslatorError,
    UnsupportedChangeError,
)
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.calls import time_limit
from rawmedia.translators.event_queue import EventQueue
from rawmedia.translators.frame_queue import FrameQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from types import TracebackType
    from typing import Self

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import TranslatorCapabilities

_LOGGER = logging.getLogger(__name__)
_CLOSE_TIMEOUT_MS = 10_000.0


class TranslationBase:
    """A `Translation` whose engine has only to take frames and report events.

    An engine derives from it, takes its input from ``self._frames`` and reports with
    ``await self._report(event)``. What it does all along it starts with
    ``self._start(self._run)``: when that returns, all is said; when it raises, the
    translation has failed; at ``aclose`` it is cancelled. An engine that is called back
    instead (by a native SDK, through the event loop) uses ``self._events.put``, ``_finish``
    and ``_fail``, and awaits ``self._events.room()`` before it feeds the SDK more.

    Args:
        capabilities: Of the translator that opens this.
        request: What was asked for, already checked.
        clock: What every wait is measured by.
        max_queued_events: How many events wait for a reader before the engine has to.
        max_queued_audio_ms: How much speech waits for a reader before the engine has to.
    """

    def __init__(
        self,
        capabilities: TranslatorCapabilities,
        request: TranslationRequest,
        *,
        clock: Clock = SYSTEM_CLOCK,
        max_queued_events: int = 1_000,
        max_queued_audio_ms: float = 30_000.0,
    ) -> None:
        self._name = capabilities.name
        self._request = request
        self._clock = clock
        self._frames = FrameQueue(
            self._name, capabilities.input_formats, request.max_pending_ms, clock
        )
        self._events = EventQueue(max_queued_events, max_queued_audio_ms)
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def request(self) -> TranslationRequest:
        """What is being translated, and how."""
        return self._request

    @property
    def pending_ms(self) -> float:
        """How much of the audio that was sent is not yet processed."""
        return self._frames.pending_ms

    @property
    def interrupted_ms(self) -> float:
        """How much speech was dropped because of ``interrupt``."""
        return self._events.interrupted_ms

    async def send(self, frame: AudioFrame) -> None:
        """Give the engine the next frame; waits for room at most ``max_pending_ms``.

        Cancelling takes nothing of the frame.

        Raises:
            TranslatorOverloadedError: No room came; the frame was not taken.
            FormatMismatchError: The format is none of ``capabilities.input_formats``, or not
                that of the frames before.
            PayloadError: The frame starts before the end of the one before.
            TranslatorClosedError: After ``end_input`` or ``aclose``, or when the engine has ended.
            TranslatorError: The engine failed.
        """
        await self._frames.put(frame)

    async def commit(self) -> None:
        """Advice that this engine does not follow."""

    async def interrupt(self) -> None:
        """Drop the speech that waits to be read and what comes later of the utterances begun by now.

        Texts, ends of utterances and progress still come. An engine that has only one
        endless utterance must answer this verb itself.
        """
        self._events.interrupt()

    async def update(self, request: TranslationRequest) -> None:  # noqa: ARG002 - the protocol's
        """Refuse: this engine can't change while it runs.

        Raises:
            UnsupportedChangeError: Always.
        """
        raise UnsupportedChangeError("request", f"{self._name} can't change it while it runs")

    async def end_input(self) -> None:
        """There is no more audio; events go on until all is said. Twice is harmless."""
        self._frames.end()

    def __aiter__(self) -> AsyncIterator[TranslationEvent]:
        """Events in order; a cancelled wait loses none. See `Translation`."""
        return self._events

    async def aclose(self) -> None:
        """Stop the engine and wait until it has stopped; what is unsaid stays unsaid. Twice is harmless.

        An engine that is cancelled and goes on all the same is left alone after ten seconds,
        with a warning in the log.
        """
        if not self._closing:  # a second cancel would disturb an engine that is tidying up
            self._closing = True
            self._frames.close(TranslatorClosedError(self._name))
            self._events.close()
            if self._task is not None:
                self._task.cancel()
        if self._task is None:
            return
        try:
            async with time_limit(self._name, self._clock, _CLOSE_TIMEOUT_MS):
                await asyncio.wait({self._task})
        except TimeoutError:
            _LOGGER.warning(
                "%s was cancelled and did not stop within %g ms", self._name, _CLOSE_TIMEOUT_MS
            )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _report(self, event: TranslationEvent) -> None:
        """Give the reader an event; waits while he is too far behind. Cancelling reports nothing."""
        await self._events.room()
        self._events.put(event)

    def _start(self, run: Callable[[], Awaitable[None]]) -> None:
        """Run the engine in a task of its own; to be called once, on the event loop."""
        self._task = asyncio.create_task(self._supervise(run), name=f"translation by {self._name}")

    async def _supervise(self, run: Callable[[], Awaitable[None]]) -> None:
        try:
            await run()
        except asyncio.CancelledError:
            # Whoever cancelled, the reader must not wait for ever.
            self._fail(EngineFailedError(self._name, "its task was cancelled"))
            raise
        except Exception as error:
            if self._closing:
                _LOGGER.warning("%s failed while it was closed", self._name, exc_info=error)
            self._fail(self._typed(error))
        else:
            self._finish()

    def _typed(self, error: Exception) -> TranslatorError:
        """The engine's own typed error, or one that wraps whatever it raised."""
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if isinstance(error, TranslatorError):
            return error
        failure = EngineFailedError(self._name, f"{type(error).__name__}: {error}")
        failure.__cause__ = error
        return failure

    def _finish(self) -> None:
        """All is said: iteration ends after what was reported, and no more frames are taken."""
        if not self._closing:
            self._frames.close(
                TranslatorClosedError(self._name, "the engine has ended this translation")
            )
            self._events.end()

    def _fail(self, error: TranslatorError) -> None:
        """The engine broke: iteration raises after what was reported, and ``send`` at once."""
        if not self._closing:
            self._frames.close(error)
            self._events.end(error)


__all__ = ["TranslationBase"]
