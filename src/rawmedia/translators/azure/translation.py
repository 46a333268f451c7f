"""One speaker's live translation by Azure Speech: what is heard, over any number of connections, and what is spoken."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from rawmedia.errors import TranslatorError
from rawmedia.translators.azure.conversation import SpeechFailed, SpokenFinal
from rawmedia.translators.azure.settings import voice_of
from rawmedia.translators.azure.speaking import Speaking, Text
from rawmedia.translators.base import TranslationBase
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslatorWarning,
    UtteranceEnded,
)

if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.translators.azure.passing import PassingTranslation
    from rawmedia.translators.azure.translator import AzureTranslator
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.resilience import ResilienceStats

_LOGGER = logging.getLogger(__name__)
_SPEECH_TIMEOUT_MS = 10_000.0
# Each failure costs the service's own speech a connection; after so many in a row without any
# speech it is not asked for it again.
_MAX_SPEECH_FAILURES = 3
_FINAL_FIELDS = tuple(each.name for each in fields(FinalTranslation))


@dataclass(slots=True, eq=False)
class _Unsaid:
    """An utterance that a synthesizer has still to say, in these languages."""

    start_ms: float
    languages: set[str]
    ended: UtteranceEnded | None = None


class AzureTranslation(TranslationBase):
    """One speaker's live translation; made by `AzureTranslator.open`.

    Args:
        translator: Who made it.
        request: What was asked for, already checked.
        inner: What hears, and speaks where the service itself does.
    """

    def __init__(
        self, translator: AzureTranslator, request: TranslationRequest, inner: PassingTranslation
    ) -> None:
        super().__init__(translator.capabilities, request, clock=translator.clock)
        self._translator, self._inner = translator, inner
        inner.give_events(self._relay_now)
        self._speaking: Speaking | None = None
        self._group: asyncio.TaskGroup
        self._unsaid: dict[str, _Unsaid] = {}
        self._hidden: set[str] = set()
        self._settled_ms = self._progress_ms = 0.0
        self._silent_before_ms = 0.0
        self._last: AudioFrame | None = None
        self._speech_failures = 0
        self._apart = False
        self._start(self._run)

    @property
    def pending_ms(self) -> float:
        """How much of the audio that was sent is not yet processed."""
        return self._inner.pending_ms

    @property
    def interrupted_ms(self) -> float:
        """How much speech was dropped because of ``interrupt``."""
        return super().interrupted_ms + self._inner.interrupted_ms

    @property
    def stats(self) -> ResilienceStats:
        """What became of the audio so far, and how many connections it took."""
        return self._inner.stats

    async def send(self, frame: AudioFrame) -> None:
        """Give the service the next frame; waits for room at most ``max_pending_ms``. See `Translation`."""
        if not self._inner.takes(frame):
            await self._inner.send(frame)
        self._last = frame

    async def commit(self) -> None:
        """Ask the service to end the utterance that is being said; it takes so many such hints a second."""
        await self._inner.commit()

    async def interrupt(self) -> None:
        """Say nothing more of what was begun by now, whoever says it; listening goes on."""
        await super().interrupt()
        if self._last is not None:
            self._silent_before_ms = self._last.end_ms
        if self._speaking is not None:
            self._speaking.interrupt()
        await self._inner.interrupt()

    async def update(self, request: TranslationRequest) -> None:
        """Change targets and voices.

        Targets of texts, and all that synthesizers speak, change over the running connection.
        Where the service itself speaks, another connection with the new wishes takes over
        in the next pause.

        Raises:
            ConfigurationError: As `AzureTranslator.open` says; nothing has changed.
        """
        self._translator.check(request)
        self._request = request
        await self._inner.update(self._translator.for_service(request, apart=self._apart))
        await self._prepare()

    async def end_input(self) -> None:
        """There is no more audio; events go on until all is said. Twice is harmless."""
        await self._inner.end_input()

    async def aclose(self) -> None:
        """Stop everything and wait until it has stopped; what is unsaid stays unsaid. Twice is harmless.

        Takes some 20 ms, and two and a half seconds at most, when the service doesn't answer.
        """
        try:
            await super().aclose()
        finally:
            await self._inner.aclose()

    async def _run(self) -> None:
        error: TranslatorError | None = None
        async with asyncio.TaskGroup() as self._group:
            self._group.create_task(self._prepare(), name="preparing voices")
            try:
                async for event in self._inner:
                    await self._relay(event)
            except TranslatorError as failure:
                error = failure  # what was understood before is still spoken
            if self._speaking is not None:
                await self._speaking.end()
        if error is not None:
            raise error

    async def _relay(self, event: TranslationEvent) -> None:
        """Hand an event on, have spoken what is to be, and hold back what must come after that."""
        await self._events.room()
        match event:
            case SpeechFailed():
                self._events.put(TranslatorWarning(event.message, event.utterance_id))
                await self._speech_failed()
            case UtteranceEnded() if event.utterance_id in self._unsaid:
                self._unsaid[event.utterance_id].ended = event
                await self._release()
            case FinalTranslation():
                self._hand_on(event)
                await self._say(event)
            case _:
                self._hand_on(event)

    def _relay_now(self, event: TranslationEvent) -> bool:
        """As `_relay`, without a task in between; False where something has to be waited for."""
        match event:
            case SpeechFailed():
                return False
            case UtteranceEnded():
                waits = event.utterance_id in self._unsaid
            case FinalTranslation():
                waits = self._request.speech and not isinstance(event, SpokenFinal)
            case _:
                waits = False
        if waits or not self._events.has_room:
            return False
        self._hand_on(event)
        return True

    def _hand_on(self, event: TranslationEvent) -> None:
        """Give the reader what he is to have of an event."""
        match event:
            case PartialTranslation() if not self._request.partials:
                self._hidden.add(event.utterance_id)
                return
            case UtteranceEnded() if event.utterance_id in self._hidden:
                self._hidden.remove(event.utterance_id)
                return
            case Progress():
                self._settled_ms = event.position_ms
                self._progress()
                return
            case FinalTranslation():
                self._hidden.discard(event.utterance_id)
                if isinstance(event, SpokenFinal):
                    event = FinalTranslation(*(getattr(event, name) for name in _FINAL_FIELDS))
            case TranslatedAudio():
                self._speech_failures = 0
            case _:
                pass
        self._events.put(event)

    async def _say(self, event: FinalTranslation) -> None:
        """Have a synthesizer speak a text that nobody else does."""
        if isinstance(event, SpokenFinal) or not self._request.speech:
            return
        if event.span.start_ms < self._silent_before_ms:
            return
        texts = [
            Text(
                event.utterance_id,
                language,
                text,
                voice_of(language, self._request.voices, self._translator.options),
                event.span,
            )
            for language, text in event.translations.items()
            if text.strip() and language in self._request.target_languages
        ]
        if not texts:
            return
        self._unsaid[event.utterance_id] = _Unsaid(
            event.span.start_ms, {text.language for text in texts}
        )
        if self._speaking is None:
            self._speaking = Speaking(
                self._translator.synthesizer,
                engine=self._name,
                report=self._report,
                silenced=self._events.silenced,
                done=self._said,
                timeout_ms=_SPEECH_TIMEOUT_MS,
                clock=self._clock,
            )
        for text in texts:
            await self._speaking.say(text, self._group)

    async def _speech_failed(self) -> None:
        """Have a synthesizer speak what comes, where the service itself fails again and again."""
        self._speech_failures += 1
        if self._speech_failures == _MAX_SPEECH_FAILURES:
            self._apart = True
            await self._report(
                TranslatorWarning("the service can't speak this; a synthesizer does from now on")
            )
            await self._inner.update(self._translator.for_service(self._request, apart=True))
            await self._prepare()

    async def _said(self, text: Text) -> None:
        """A language of an utterance is through."""
        self._unsaid[text.utterance_id].languages.discard(text.language)
        await self._release()

    async def _release(self) -> None:
        """End the utterances that are through, in the order in which they were said."""
        while self._unsaid:
            first, unsaid = next(iter(self._unsaid.items()))
            if unsaid.languages or unsaid.ended is None:
                return
            del self._unsaid[first]
            await self._report(unsaid.ended)
            self._progress()

    def _progress(self) -> None:
        """Say how far nothing is needed again: what is not spoken yet still is."""
        starts = [unsaid.start_ms for unsaid in self._unsaid.values()]
        position_ms = min([self._settled_ms, *starts])
        if position_ms > self._progress_ms:
            self._progress_ms = position_ms
            self._events.put(Progress(position_ms))

    async def _prepare(self) -> None:
        """Have the synthesizer connect ahead of the first word, if it can."""
        request = self._request
        if not (self._apart or self._translator.speaks_apart(request)):
            return
        prepare = getattr(self._translator.synthesizer, "prepare", None)
        if prepare is None:
            return
        voices = {
            tag: voice_of(tag, request.voices, self._translator.options)
            for tag in request.target_languages
        }
        calls = (prepare(tag, voice) for tag, voice in voices.items())
        for error in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(error, Exception):
                await self._report(
                    TranslatorWarning(f"speech could not be prepared: {error}", cause=error)
                )


__all__ = ["AzureTranslation"]
