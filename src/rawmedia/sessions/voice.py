"""One target language's speech on its way from a translation to the ear."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import StreamError
from rawmedia.translators.events import TranslatedAudio, UtteranceEnded

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.streams.clock import Clock
    from rawmedia.streams.outbound import OutboundAudioStream
    from rawmedia.streams.playout import MarkReached

    Item = TranslatedAudio | UtteranceEnded

# A stream takes a thousand marks, and others may want some.
_MAX_MARKS = 250


@dataclass(slots=True, eq=False)
class _Passage:
    """An utterance that is being said: what was sent of it, and what of that was heard."""

    utterance_id: str
    generation: int
    begun: bool = False
    marks: int = 0
    """How many of its marks have not called back."""
    tail_unmarked: bool = False
    heard_until: float | None = None
    cut: bool = False
    complete: bool = False


class Voice:
    """Sends utterances one after another, each as a segment, and tells when they are heard.

    Speech waits here while earlier speech plays; at most ``capacity_ms`` of it, and then
    ``put`` waits, so that nothing is lost and nothing grows. Every piece that was sent is
    marked, so that what is heard and what a ``clear`` cut off is known from the stream
    itself. For one event loop; the stream may be pulled from any thread.

    Args:
        outbound: Where the speech goes.
        clock: What hearing is timed on.
        capacity_ms: How much may wait.
        on_start: Called on the loop with an utterance's id and when it began to be heard,
            in seconds on the clock.
        on_end: Called on the loop with an utterance's id, when all that will be heard of it
            was heard, and whether some of it was cleared unheard. Once for each utterance,
            whatever happens to it.
    """

    def __init__(
        self,
        outbound: OutboundAudioStream,
        *,
        clock: Clock,
        capacity_ms: float,
        on_start: Callable[[str, float], object],
        on_end: Callable[[str, float, bool], object],
    ) -> None:
        self._outbound = outbound
        self._clock = clock
        self._capacity_ms = capacity_ms
        self._on_start, self._on_end = on_start, on_end
        self._loop = asyncio.get_running_loop()
        self._items: deque[Item] = deque()
        self._queued_ms = 0.0
        self._ended = False
        self._passage: _Passage | None = None
        self._untold: deque[_Passage] = deque()
        self._changed = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether so much speech waits that ``put`` does, too."""
        return self._queued_ms >= self._capacity_ms

    async def put(self, item: Item) -> None:
        """Add a piece of speech, or the end of an utterance; waits while too much is queued."""
        while self.full:
            await self._changed.wait()
        self._items.append(item)
        if isinstance(item, TranslatedAudio):
            self._queued_ms += item.frame.duration_ms
        self._wake()

    def end(self) -> None:
        """Nothing more will be put; an utterance without an end ends here."""
        self._ended = True
        self._wake()

    async def run(self) -> None:
        """Send until the end, and until all of it has been heard and told.

        Cancelling clears what is unheard.

        Raises:
            StreamError: The outbound stream takes no more.
        """
        try:
            while (item := await self._next()) is not None:
                if isinstance(item, TranslatedAudio):
                    await self._say(item)
                elif self._passage is not None and item.utterance_id == self._passage.utterance_id:
                    self._finish()
            self._finish()
            await self._outbound.adrain()
            while self._untold:
                await self._changed.wait()
        except BaseException:
            # Nobody will say the rest of it, so its beginning is not to be heard either.
            self._outbound.clear()
            self._finish()
            raise

    async def _next(self) -> Item | None:
        while not self._items:
            if self._ended:
                return None
            await self._changed.wait()
        item = self._items.popleft()
        if isinstance(item, TranslatedAudio):
            # Sums of floats leave a rest that an hour would add up.
            self._queued_ms = self._queued_ms - item.frame.duration_ms if self._items else 0.0
        self._wake()
        return item

    async def _say(self, item: TranslatedAudio) -> None:
        if not item.frame.samples_per_channel:
            return
        passage = self._passage
        if passage is None or passage.utterance_id != item.utterance_id:
            # The next one begins, though nobody said that the one before is over.
            self._finish()
            passage = self._passage = _Passage(item.utterance_id, self._outbound.generation)
            self._untold.append(passage)
        for piece in self._pieces(item.frame, passage):
            if not await self._send(piece, passage):
                passage.cut = True
            elif passage.marks < _MAX_MARKS:
                self._mark(passage)
            else:
                passage.tail_unmarked = True

    async def _send(self, piece: AudioFrame, passage: _Passage) -> bool:
        """Whether the stream took all of it; not what it was cleared of meanwhile or before."""
        stale = passage.generation != self._outbound.generation
        accepted = 0
        try:
            accepted = await self._outbound.asend(piece, generation=passage.generation)
        except BaseException:
            passage.cut = True
            raise
        finally:
            if accepted < piece.samples_per_channel and not stale:
                passage.heard_until = self._clock.now()
        return accepted == piece.samples_per_channel

    def _pieces(self, frame: AudioFrame, passage: _Passage) -> list[AudioFrame]:
        """Of an utterance's first audio a frame apart, so that its mark is reached when that starts."""
        first = frame.format.samples(self._outbound.frame_ms)
        if passage.begun or frame.samples_per_channel <= first:
            return [frame]
        return [
            AudioFrame(frame.samples[:first], frame.format, frame.position),
            AudioFrame(frame.samples[first:], frame.format, frame.position + first),
        ]

    def _finish(self) -> None:
        """No more comes of the utterance that is being said."""
        passage, self._passage = self._passage, None
        if passage is None:
            return
        self._outbound.end_segment()
        if passage.tail_unmarked and not passage.cut:
            # A stream that takes no mark tells so at the next send, too.
            with contextlib.suppress(StreamError):
                self._mark(passage)
        passage.complete = True
        self._tell_ends()

    def _mark(self, passage: _Passage) -> None:
        begins, passage.begun = not passage.begun, True
        passage.tail_unmarked = False
        passage.marks += 1
        try:
            self._outbound.mark(
                passage.utterance_id, partial(self._reached, passage, begins=begins)
            )
        except BaseException:
            # Whether it will be heard, nobody will tell.
            passage.marks -= 1
            passage.cut = True
            raise

    def _reached(self, passage: _Passage, reached: MarkReached, *, begins: bool) -> None:
        """Called in the thread that pulls, reports playout or clears."""
        now, frame_s = self._clock.now(), self._outbound.frame_ms / 1000
        # An estimate comes when the marked frame starts to be heard, a report when it was.
        start = now if reached.estimated else now - frame_s
        end = now if reached.cleared else start + frame_s
        began = start if begins and not reached.cleared else None
        self._on_loop(partial(self._book, passage, began, end, cleared=reached.cleared))

    def _on_loop(self, call: Callable[[], object]) -> None:
        if asyncio._get_running_loop() is self._loop:
            call()
        else:
            # A RuntimeError says that the loop is closed, and so the session over.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call)

    def _book(
        self, passage: _Passage, began: float | None, heard_until: float, *, cleared: bool
    ) -> None:
        passage.marks -= 1
        passage.cut = passage.cut or cleared
        passage.heard_until = heard_until
        if began is not None:
            self._on_start(passage.utterance_id, began)
        self._tell_ends()

    def _tell_ends(self) -> None:
        """Tell of all that was heard to its end, in the order in which it was said.

        A mark that is reached on the loop itself may overtake one that another thread reached.
        """
        while self._untold and self._untold[0].complete and not self._untold[0].marks:
            passage = self._untold.popleft()
            heard_until = passage.heard_until
            # None: it was cleared before the stream had taken any of it.
            until = self._clock.now() if heard_until is None else heard_until
            self._on_end(passage.utterance_id, until, passage.cut)
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed.clear()


__all__ = ["Voice"]
