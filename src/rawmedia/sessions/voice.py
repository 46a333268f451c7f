"""One target language's speech on its way from a translation to an outbound stream."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from rawmedia.audio.frame import AudioFrame
from rawmedia.translators.events import TranslatedAudio, UtteranceEnded

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.streams.outbound import OutboundAudioStream
    from rawmedia.streams.playout import MarkReached

    Item = TranslatedAudio | UtteranceEnded


class Voice:
    """Sends utterances one after another, each as a segment, and tells when they are heard.

    Speech waits here while earlier speech plays; at most ``capacity_ms`` of it, and then
    ``put`` waits, so that nothing is lost and nothing grows.

    Args:
        outbound: Where the speech goes.
        capacity_ms: How much may wait.
        on_start: Called, in whatever thread pulls, when the utterance begins to be heard.
        on_end: Called likewise, a frame before the last of it has been heard.
    """

    def __init__(
        self,
        outbound: OutboundAudioStream,
        *,
        capacity_ms: float,
        on_start: Callable[[TranslatedAudio, MarkReached], object],
        on_end: Callable[[UtteranceEnded, MarkReached], object],
    ) -> None:
        self._outbound = outbound
        self._capacity_ms = capacity_ms
        self._on_start, self._on_end = on_start, on_end
        self._items: deque[Item] = deque()
        self._queued_ms = 0.0
        self._changed = asyncio.Condition()
        self._ended = False

    @property
    def queued_ms(self) -> float:
        """How much speech waits here, before the outbound stream."""
        return self._queued_ms

    async def put(self, item: Item) -> None:
        """Add a piece of speech, or the end of an utterance; waits while too much is queued."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._queued_ms < self._capacity_ms)
            self._items.append(item)
            if isinstance(item, TranslatedAudio):
                self._queued_ms += item.frame.duration_ms
            self._changed.notify_all()

    async def end(self) -> None:
        """Nothing more will be put."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def run(self) -> None:
        """Send until the end, and until all of it has been heard.

        Raises:
            StreamError: The outbound stream takes no more.
        """
        speaking: str | None = None
        generation = self._outbound.generation
        while (item := await self._next()) is not None:
            if isinstance(item, UtteranceEnded):
                self._outbound.end_segment()
                self._outbound.mark(item.utterance_id, partial(self._on_end, item))
                speaking = None
                continue
            frame = item.frame
            if item.utterance_id != speaking:
                # What is cleared from here on takes the rest of this utterance with it.
                speaking, generation = item.utterance_id, self._outbound.generation
                frame = await self._send_first(item, generation)
            await self._outbound.asend(frame, generation=generation)
        await self._outbound.adrain()

    async def _send_first(self, item: TranslatedAudio, generation: int) -> AudioFrame:
        """Send the length of a frame, marked, so that the mark is reached when it starts; gives the rest."""
        frame = item.frame
        first = frame.format.samples(self._outbound.frame_ms)
        head = AudioFrame(frame.samples[:first], frame.format, frame.position)
        await self._outbound.asend(head, generation=generation)
        self._outbound.mark(item.utterance_id, partial(self._on_start, item))
        return AudioFrame(
            frame.samples[first:], frame.format, frame.position + head.samples_per_channel
        )

    async def _next(self) -> Item | None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._items or self._ended)
            if not self._items:
                return None
            item = self._items.popleft()
            if isinstance(item, TranslatedAudio):
                self._queued_ms -= item.frame.duration_ms
            self._changed.notify_all()
            return item


__all__ = ["Voice"]
