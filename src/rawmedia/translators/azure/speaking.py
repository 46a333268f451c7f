"""Speaks final texts with a synthesizer: each language in order, all languages at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawmedia.translators.calls import closing, time_limit
from rawmedia.translators.events import TranslatedAudio, TranslatorWarning

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rawmedia.audio.timeline import TimeSpan
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.parts import Synthesizer

# Utterances of one language that may wait for those before; beyond that whoever reports texts
# waits. An utterance is seconds of speech, so this is a minute or more of it.
_MAX_WAITING = 16


@dataclass(frozen=True, slots=True)
class Text:
    """Something to say."""

    utterance_id: str
    language: str
    """Target language, as the request names it."""
    text: str
    voice: str
    span: TimeSpan
    """What it is the translation of."""


class Speaking:
    """One speaker's texts on their way to speech.

    What fails costs one utterance its speech in one language, and a warning says so.

    Args:
        synthesizer: Speaks; not closed here.
        engine: How errors call it.
        report: Takes the events; waits while the reader is behind.
        silenced: Whether an utterance is not to be spoken any more.
        done: Told each text that is said, or will not be.
        timeout_ms: How long the synthesizer may take for its next frame.
        clock: What that is measured by.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        *,
        engine: str,
        report: Callable[[TranslationEvent], Awaitable[None]],
        silenced: Callable[[str], bool],
        done: Callable[[Text], Awaitable[None]],
        timeout_ms: float,
        clock: Clock,
    ) -> None:
        self._synthesizer = synthesizer
        self._engine, self._report, self._silenced, self._done = engine, report, silenced, done
        self._timeout_ms, self._clock = timeout_ms, clock
        self._queues: dict[str, asyncio.Queue[Text | None]] = {}
        self._saying: set[asyncio.Task[None]] = set()

    async def say(self, text: Text, group: asyncio.TaskGroup) -> None:
        """Have something said after all that was to be said in its language before.

        Args:
            text: What.
            group: Where the languages' tasks run.
        """
        queue = self._queues.get(text.language)
        if queue is None:
            queue = self._queues[text.language] = asyncio.Queue(_MAX_WAITING)
            group.create_task(self._run(queue), name=f"speaking {text.language}")
        await queue.put(text)

    def interrupt(self) -> None:
        """Stop what is being said; `silenced` decides about the rest."""
        saying, self._saying = self._saying, set()  # a second cancel would disturb the tidying up
        for task in saying:
            task.cancel()

    async def end(self) -> None:
        """Nothing more is to be said; the tasks end when all is."""
        for queue in self._queues.values():
            await queue.put(None)

    async def _run(self, queue: asyncio.Queue[Text | None]) -> None:
        while (text := await queue.get()) is not None:
            if not self._silenced(text.utterance_id):
                task = asyncio.create_task(self._say(text))
                self._saying.add(task)
                try:
                    await asyncio.wait({task})
                except asyncio.CancelledError:
                    task.cancel()
                    await asyncio.wait({task})
                    raise
                finally:
                    self._saying.discard(task)
                if not task.cancelled():
                    task.result()  # an error of this library's own must not vanish
            await self._done(text)

    async def _say(self, text: Text) -> None:
        try:
            speech = self._synthesizer.synthesize(text.text, text.language, text.voice)
            async with closing(aiter(speech)) as frames:
                while True:
                    async with time_limit(self._engine, self._clock, self._timeout_ms):
                        frame = await anext(frames, None)
                    if frame is None:
                        return
                    await self._report(
                        TranslatedAudio(text.utterance_id, text.language, frame, text.span)
                    )
        except Exception as error:  # noqa: BLE001 - whatever it is, one utterance is silent
            why = "it took too long" if isinstance(error, TimeoutError) else str(error)
            await self._report(
                TranslatorWarning(
                    f"its speech in {text.language} is missing or cut short: {why}",
                    text.utterance_id,
                    error,
                )
            )


__all__ = ["Speaking", "Text"]
