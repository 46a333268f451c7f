"""Events on their way to whoever iterates a translation, bounded, and silenced by an interrupt."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from rawmedia.translators.events import (
    Progress,
    TranslatedAudio,
    TranslatorWarning,
    Usage,
    UtteranceEnded,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rawmedia.errors import TranslatorError
    from rawmedia.translators.events import TranslationEvent

# An engine that never ends its utterances must not make the list of open ones grow.
_MAX_OPEN_UTTERANCES = 256


class EventQueue:
    """An async iterator that an engine fills. For one event loop.

    An engine awaits ``room`` before it goes on, so a consumer that does not iterate stops
    the engine and costs constant memory. A `Progress` replaces one that waits right before it.

    Args:
        max_events: How many events wait before there is no room.
        max_audio_ms: How much speech waits before there is no room.
    """

    def __init__(self, max_events: int, max_audio_ms: float) -> None:
        self._max_events = max_events
        self._max_audio_ms = max_audio_ms
        self._events: deque[TranslationEvent] = deque()
        self._audio_ms = 0.0
        # Open utterances by id, in the order in which they began, and whether each is silenced.
        self._open: dict[str, bool] = {}
        self._ended = False
        self._failure: TranslatorError | None = None
        self._traceback: TracebackType | None = None
        self._changed = asyncio.Event()
        self._awaited = False  # whether the reader is here and has nothing else to do
        self.taker: Callable[[TranslationEvent], bool] | None = None
        """Takes events in place of the reader while he waits, without a task in between; False leaves one to him."""
        self.interrupted_ms = 0.0
        """Speech that interrupts dropped."""

    @property
    def has_room(self) -> bool:
        """Whether the engine may go on."""
        return self._ended or (
            len(self._events) < self._max_events and self._audio_ms < self._max_audio_ms
        )

    async def room(self) -> None:
        """Wait until there is room, or nobody reads any more."""
        while not self.has_room:
            await self._changed.wait()

    def put(self, event: TranslationEvent) -> None:
        """Add an event, room or not; drop the speech of a silenced utterance, and all after the end."""
        if self._ended:
            return
        match event:
            case TranslatedAudio():
                self.begin(event.utterance_id)
                if self._open[event.utterance_id]:
                    self.interrupted_ms += event.frame.duration_ms
                    return
            case UtteranceEnded():
                self._open.pop(event.utterance_id, None)
            case Progress() | TranslatorWarning() | Usage():
                pass
            case _:
                self.begin(event.utterance_id)
        if not self._events and self._awaited and self.taker is not None and self.taker(event):
            return
        self._queue(event)

    def _queue(self, event: TranslationEvent) -> None:
        """Keep an event for the reader."""
        match event:
            case Progress():
                if self._events and isinstance(self._events[-1], Progress):
                    self._events.pop()
            case TranslatedAudio():
                self._audio_ms += event.frame.duration_ms
            case _:
                pass
        self._events.append(event)
        self._wake()

    def begin(self, utterance_id: str) -> None:
        """Know of an utterance before its first event, so that an interrupt silences it."""
        if utterance_id not in self._open:
            self._open[utterance_id] = False
            if len(self._open) > _MAX_OPEN_UTTERANCES:
                del self._open[next(iter(self._open))]

    def silenced(self, utterance_id: str) -> bool:
        """Whether the speech of an open utterance is dropped."""
        return self._open.get(utterance_id, False)

    def interrupt(self) -> None:
        """Drop the speech that waits, and all to come of the utterances that have begun."""
        self._open = dict.fromkeys(self._open, True)
        self._events = deque(
            event for event in self._events if not isinstance(event, TranslatedAudio)
        )
        self.interrupted_ms += self._audio_ms
        self._audio_ms = 0.0
        self._wake()

    def end(self, failure: TranslatorError | None = None) -> None:
        """Nothing more will come; after what waits, iteration ends or raises ``failure``."""
        if not self._ended:
            self._ended = True
            if failure is not None:
                self._failure, self._traceback = failure, failure.__traceback__
            self._wake()

    def close(self) -> None:
        """End iteration now; what waits is dropped."""
        self._ended, self._failure = True, None
        self._events.clear()
        self._open.clear()
        self._audio_ms = 0.0
        self._wake()

    def __aiter__(self) -> EventQueue:
        return self

    async def __anext__(self) -> TranslationEvent:
        """Wait for the next event. Cancelling loses none."""
        while not self._events:
            if self._failure is not None:
                # Without its traceback set anew an error that is raised again and again grows.
                raise self._failure.with_traceback(self._traceback)
            if self._ended:
                raise StopAsyncIteration
            self._awaited = True
            try:
                await self._changed.wait()
            finally:
                self._awaited = False
        event = self._events.popleft()
        if isinstance(event, TranslatedAudio):
            # Sums of floats leave a rest that an hour would add up.
            self._audio_ms = self._audio_ms - event.frame.duration_ms if self._events else 0.0
        self._wake()
        return event

    def _wake(self) -> None:
        self._changed.set()
        self._changed.clear()


__all__ = ["EventQueue"]
