"""One speaker's way through the parts of a cascade, each of which works while the others do.

::

    frames -> recogniser -> finals -> text translator -> texts -> synthesizer -> events
                   +-> newest partial -> text translator -> events

Every arrow that carries utterances is a bounded queue, so what is slow makes what is before
it wait, and in the end ``send``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rawmedia.errors import TranslatorClosedError
from rawmedia.translators.base import TranslationBase
from rawmedia.translators.calls import closing, time_limit
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslatorWarning,
    UtteranceEnded,
)
from rawmedia.translators.parts import Heard

if TYPE_CHECKING:
    from rawmedia.errors import TranslatorError
    from rawmedia.translators.cascade import CascadeTranslator
    from rawmedia.translators.parts import Recognition, TextTranslation
    from rawmedia.translators.request import TranslationRequest

# Utterances that wait between two parts. An utterance is seconds of speech, so this is a
# minute or more of it.
_MAX_WAITING_UTTERANCES = 16


@dataclass(slots=True, eq=False)
class _Utterance:
    """One piece of speech on its way through the parts."""

    id: str
    recognition: Recognition
    revision: int = 0
    final_reported: bool = False
    translations: dict[str, str] = field(default_factory=dict)


class CascadeTranslation(TranslationBase):
    """One speaker, going through the parts."""

    def __init__(self, translator: CascadeTranslator, request: TranslationRequest) -> None:
        super().__init__(translator.capabilities, request, clock=translator.clock)
        self._parts = translator
        self._recognizer_error: TranslatorError | None = None
        # What the recogniser has begun and what was not reported to its end, oldest first.
        self._count = 0
        self._being_heard: _Utterance | None = None
        self._unfinished: deque[_Utterance] = deque()
        self._newest_partial: _Utterance | None = None
        self._partial_changed = asyncio.Event()
        self._to_translate: asyncio.Queue[_Utterance | None] = asyncio.Queue(
            _MAX_WAITING_UTTERANCES
        )
        self._to_speak: asyncio.Queue[_Utterance | None] = asyncio.Queue(_MAX_WAITING_UTTERANCES)
        self._speech: list[asyncio.Task[None]] = []
        self._settled_ms = 0.0
        self._progress_ms = 0.0
        self._start(self._run)

    async def interrupt(self) -> None:
        """Stop the synthesis in progress; drop the speech of all utterances begun by now."""
        await super().interrupt()
        speech, self._speech = self._speech, []  # a second cancel would disturb the tidying up
        for task in speech:
            task.cancel()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            partials = group.create_task(self._report_partials())
            group.create_task(self._translate())
            group.create_task(self._speak())
            await self._listen()
            partials.cancel()
        if self._recognizer_error is not None:
            raise self._recognizer_error
        if self._settled_ms > self._progress_ms:
            await self._report(Progress(self._settled_ms))

    async def _listen(self) -> None:
        """Run the recogniser; hand its finals on and keep its newest partial."""
        recognizer, language = self._parts.recognizer, self._request.source_language
        try:
            async with closing(recognizer.recognize(self._frames, language)) as reports:
                async for report in reports:
                    if isinstance(report, Heard):
                        self._note_heard(report)
                    else:
                        await self._note_recognition(report)
        except Exception as error:  # noqa: BLE001 - a part may raise anything
            self._recognizer_error = self._typed(error)
            self._frames.close(self._recognizer_error)
        else:
            if self._frames.exhausted:
                self._settled_ms = self._frames.end_ms
            self._frames.close(TranslatorClosedError(self._name, "the recogniser has ended"))
        await self._to_translate.put(None)

    def _note_heard(self, heard: Heard) -> None:
        self._frames.release_when_asked = False  # this recogniser tells by itself
        self._frames.release(heard.position_ms)
        if heard.settled_ms is not None:
            self._settled_ms = max(self._settled_ms, heard.settled_ms)
        self._report_progress()

    async def _note_recognition(self, recognition: Recognition) -> None:
        utterance = self._being_heard
        if utterance is None:
            self._count += 1
            utterance = self._being_heard = _Utterance(f"u{self._count}", recognition)
            self._unfinished.append(utterance)
            self._events.begin(utterance.id)
        utterance.recognition = recognition
        if recognition.is_final:
            self._being_heard = None
            self._settled_ms = max(self._settled_ms, recognition.span.end_ms)
            await self._to_translate.put(utterance)
        elif self._request.partials:
            self._newest_partial = utterance
            self._partial_changed.set()

    async def _report_partials(self) -> None:
        """Report what is newest; what was replaced while this was busy is never seen."""
        while True:
            await self._partial_changed.wait()
            self._partial_changed.clear()
            await self._events.room()
            utterance, self._newest_partial = self._newest_partial, None
            if utterance is None or utterance.recognition.is_final:
                continue
            recognition = utterance.recognition
            translations: dict[str, str] = {}
            if self._parts.translate_partials:
                # A partial that can't be translated goes without; its final will complain.
                answers = await self._translations(recognition.text)
                translations = {
                    language: answer.text
                    for language, answer in answers.items()
                    if not isinstance(answer, Exception)
                }
            if utterance.final_reported:
                continue
            self._events.put(
                PartialTranslation(
                    utterance.id,
                    utterance.revision,
                    recognition.text,
                    self._request.source_language,
                    recognition.span,
                    translations,
                    recognition.words,
                )
            )
            utterance.revision += 1

    async def _translate(self) -> None:
        """Turn utterances into text, in order."""
        while (utterance := await self._to_translate.get()) is not None:
            recognition = utterance.recognition
            answers = await self._translations(recognition.text)
            unknown: dict[str, None] = {}
            for language, answer in answers.items():
                if isinstance(answer, Exception):
                    await self._warn(f"no translation into {language}", utterance, answer)
                else:
                    utterance.translations[language] = answer.text
                    unknown.update(dict.fromkeys(answer.unknown_words))
            await self._events.room()
            utterance.final_reported = True
            self._events.put(
                FinalTranslation(
                    utterance.id,
                    utterance.revision,
                    recognition.text,
                    self._request.source_language,
                    recognition.span,
                    dict(utterance.translations),
                    recognition.words,
                    tuple(unknown),
                )
            )
            await self._to_speak.put(utterance)
        await self._to_speak.put(None)

    async def _translations(self, text: str) -> dict[str, TextTranslation | Exception]:
        """The text in every target language at once, or why there is none."""
        targets = self._request.target_languages
        answers = await asyncio.gather(*(self._translate_text(text, each) for each in targets))
        return dict(zip(targets, answers, strict=True))

    async def _translate_text(self, text: str, target: str) -> TextTranslation | Exception:
        try:
            async with time_limit(self._name, self._clock, self._parts.part_timeout_ms):
                return await self._parts.text_translator.translate(
                    text, self._request.source_language, target
                )
        except Exception as error:  # noqa: BLE001 - a part may raise anything
            return error

    async def _speak(self) -> None:
        """Turn utterances into speech, in order; the languages of one at the same time."""
        while (utterance := await self._to_speak.get()) is not None:
            if self._request.speech and not self._events.silenced(utterance.id):
                async with asyncio.TaskGroup() as group:
                    self._speech = [
                        group.create_task(self._say(utterance, language, text))
                        for language, text in utterance.translations.items()
                        if text.strip()
                    ]
                self._speech = []
            await self._report(UtteranceEnded(utterance.id, utterance.recognition.span))
            self._unfinished.remove(utterance)
            self._report_progress()

    async def _say(self, utterance: _Utterance, language: str, text: str) -> None:
        synthesizer, voice = self._parts.synthesizer, self._request.voices.get(language)
        assert synthesizer is not None  # open() has checked
        try:
            async with closing(synthesizer.synthesize(text, language, voice)) as frames:
                while True:
                    async with time_limit(self._name, self._clock, self._parts.part_timeout_ms):
                        frame = await anext(frames, None)
                    if frame is None:
                        return
                    await self._report(
                        TranslatedAudio(utterance.id, language, frame, utterance.recognition.span)
                    )
        except Exception as error:  # noqa: BLE001 - a part may raise anything
            await self._warn(f"speech in {language} is missing or cut short", utterance, error)

    async def _warn(self, what: str, utterance: _Utterance, error: Exception) -> None:
        if isinstance(error, TimeoutError) and not str(error):
            why = f"no answer within {self._parts.part_timeout_ms:g} ms"
        else:
            why = f"{type(error).__name__}: {error}"
        await self._report(TranslatorWarning(f"{what} ({why})", utterance.id, error))

    def _report_progress(self) -> None:
        """Say how far nothing is needed again; without waiting, because progress does not queue."""
        position_ms = self._settled_ms
        if self._unfinished:
            position_ms = min(position_ms, self._unfinished[0].recognition.span.start_ms)
        if position_ms > self._progress_ms:
            self._progress_ms = position_ms
            self._events.put(Progress(position_ms))


__all__ = ["CascadeTranslation"]
