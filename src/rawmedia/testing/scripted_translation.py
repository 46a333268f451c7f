"""One speaker's run of a translator's script."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, NoReturn

from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import EngineCrashedError
from rawmedia.testing.agenda import Agenda
from rawmedia.testing.script import ScriptedCrash, ScriptedEvent, ScriptedStall, ScriptedUtterance
from rawmedia.translators.base import TranslationBase
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslationEvent,
    UtteranceEnded,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rawmedia.testing.translators import ScriptedTranslator
    from rawmedia.translators.request import TranslationRequest

_PROGRESS_EVERY_MS = 1_000.0
# Frames of 20 ms at odd rates do not end on whole milliseconds.
_TOLERANCE_MS = 0.001


class ScriptedTranslation(TranslationBase):
    """What `ScriptedTranslator` opens: follows the script and keeps a record of what was done with it."""

    def __init__(self, translator: ScriptedTranslator, request: TranslationRequest) -> None:
        super().__init__(translator.capabilities, request, clock=translator.clock)
        self.frames: deque[AudioFrame] = deque(maxlen=translator.max_recorded_frames)
        """The last frames that the engine took."""
        self.frames_taken = 0
        self.commits = 0
        self.interrupts = 0
        self.input_ended = False
        self.closed = False
        self._translator = translator
        self._heard_ms = 0.0
        self._next_progress_ms = 0.0
        self._progress_ms = 0.0
        self._stall: ScriptedStall | None = None
        self._in_progress: str | None = None
        self._unanswered: dict[str, ScriptedUtterance] = {}
        self._revisions: dict[str, int] = {}  # of utterances whose final is still to come
        self._agenda: Agenda[TranslationEvent | None] = Agenda(translator.clock)
        # The moments before which no other utterance is answered, or spoken.
        self._final_due = self._speech_due = translator.clock.now()
        self._start(self._run)

    async def commit(self) -> None:
        """Finish the utterance in progress as if it ended here."""
        self.commits += 1
        self._cut_utterance_short()

    async def interrupt(self) -> None:
        """See `TranslationBase.interrupt`; counted."""
        self.interrupts += 1
        await super().interrupt()

    async def update(self, request: TranslationRequest) -> None:
        """Take the new request, for utterances that end from now on, if the translator allows it.

        Raises:
            UnsupportedChangeError: It does not.
            ConfigurationError: The request asks for what ``capabilities`` lacks.
        """
        if not self._translator.accepts_update:
            await super().update(request)
        self._translator.capabilities.check(request)
        self._translator.requests.append(request)
        self._request = request

    async def end_input(self) -> None:
        """See `TranslationBase.end_input`; recorded."""
        self.input_ended = True
        await super().end_input()

    async def aclose(self) -> None:
        """See `TranslationBase.aclose`; recorded."""
        self.closed = True
        await super().aclose()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            while (act := await self._agenda.next()) is not None:
                event = act()
                if event is not None:
                    await self._report(event)

    async def _listen(self) -> None:
        """Follow the source and do what the script says at each place."""
        cues: deque[tuple[float, Callable[[], None]]] | None = None
        async for frame in self._frames:
            self.frames.append(frame)
            self.frames_taken += 1
            if cues is None:
                cues = deque(sorted(self._cues(frame.start_ms), key=itemgetter(0)))
                self._next_progress_ms = frame.start_ms + _PROGRESS_EVERY_MS
            self._heard_ms = frame.end_ms
            while cues and cues[0][0] <= self._heard_ms + _TOLERANCE_MS:
                cues.popleft()[1]()
            if self._heard_ms >= self._next_progress_ms:
                self._next_progress_ms += _PROGRESS_EVERY_MS
                self._agenda.add(self._clock.now(), self._progress)
            if self._stall is not None:
                stall, self._stall = self._stall, None
                await self._stand_still(stall)
        self._cut_utterance_short()
        self._agenda.add(max(self._clock.now(), self._speech_due), self._progress)
        self._agenda.end()

    async def _stand_still(self, stall: ScriptedStall) -> None:
        if stall.duration_ms is None:
            await asyncio.Event().wait()
        else:
            await self._clock.sleep_until(self._after(stall.duration_ms))

    def _cues(self, start_ms: float) -> Iterator[tuple[float, Callable[[], None]]]:
        """What to do where, for a source that begins at ``start_ms``; at one place, in this order."""
        utterances = sorted(self._translator.utterances.items(), key=lambda item: _place(item[1]))
        earliest_ms = start_ms - self._translator.start_tolerance_ms - _TOLERANCE_MS
        for name, utterance in utterances:
            if utterance.start_ms < earliest_ms:
                continue  # its start was not heard
            yield utterance.start_ms, partial(self._begin_utterance, name, utterance)
            step_ms = (utterance.end_ms - utterance.start_ms) / (len(utterance.revisions) + 1)
            for number, revision in enumerate(utterance.revisions, 1):
                text, translations = (revision, {}) if isinstance(revision, str) else revision
                revise = partial(self._revise, name, utterance, text, translations)
                yield utterance.start_ms + number * step_ms, revise
            yield utterance.end_ms, partial(self._end_utterance, name)
        for item in self._translator.script:
            if isinstance(item, ScriptedEvent):
                yield item.at_ms, partial(self._tell, item)
            elif isinstance(item, ScriptedCrash):
                yield item.at_ms, partial(self._crash, item)
            elif isinstance(item, ScriptedStall):
                yield item.at_ms, partial(self._stop_listening, item)

    def _begin_utterance(self, name: str, utterance: ScriptedUtterance) -> None:
        self._in_progress = name
        self._unanswered[name] = utterance
        self._revisions[name] = 0
        self._events.begin(name)

    def _revise(
        self, name: str, utterance: ScriptedUtterance, text: str, translations: Mapping[str, str]
    ) -> None:
        if self._in_progress != name or not self._request.partials:
            return
        report = PartialTranslation(
            name,
            self._revisions[name],
            text,
            self._request.source_language,
            self._heard_of(utterance),
            self._requested(translations),
        )
        self._revisions[name] += 1
        self._agenda.add(
            self._after(utterance.revision_delay_ms),
            lambda: report if name in self._revisions else None,
        )

    def _end_utterance(self, name: str) -> None:
        if self._in_progress != name:
            return  # it was committed before
        self._in_progress = None
        utterance = self._unanswered[name]
        if not utterance.answered:
            return
        span = self._heard_of(utterance)
        self._final_due = max(self._final_due, self._after(utterance.delay_ms))
        self._agenda.add(self._final_due, partial(self._final, name, span))
        due = max(self._final_due + utterance.audio_delay_ms / 1000, self._speech_due)
        for number, pieces in enumerate(self._speech(name, utterance, span)):
            self._speech_due = due + number * utterance.audio_interval_ms / 1000
            for piece in pieces:
                self._agenda.add(self._speech_due, partial(_the, piece))
        self._speech_due = max(self._speech_due, self._final_due)
        self._agenda.add(self._speech_due, partial(self._ended, name, span))
        self._agenda.add(self._speech_due, self._progress)

    def _cut_utterance_short(self) -> None:
        """End the utterance in progress here, if anything of it was heard."""
        name = self._in_progress
        if name is not None and self._heard_ms > self._unanswered[name].start_ms + _TOLERANCE_MS:
            self._end_utterance(name)

    def _speech(
        self, name: str, utterance: ScriptedUtterance, span: TimeSpan
    ) -> Iterator[list[TranslatedAudio]]:
        """The first piece in every language, then the second, and so on."""
        if not self._request.speech:
            return
        speech_format = self._translator.speech_format
        spoken = {
            language: frame
            for language in self._request.target_languages
            if (frame := utterance.speech(language, speech_format)) is not None
        }
        begin_ms, longest_ms = 0.0, max((frame.duration_ms for frame in spoken.values()), default=0)
        while begin_ms < longest_ms:
            end_ms = begin_ms + self._translator.piece_ms
            pieces = {language: _cut(frame, begin_ms, end_ms) for language, frame in spoken.items()}
            yield [
                TranslatedAudio(name, language, piece, span)
                for language, piece in pieces.items()
                if piece.samples_per_channel
            ]
            begin_ms = end_ms

    def _final(self, name: str, span: TimeSpan) -> FinalTranslation:
        utterance = self._unanswered[name]
        return FinalTranslation(
            name,
            self._revisions.pop(name),
            utterance.source_text,
            self._request.source_language,
            span,
            self._requested(utterance.translations),
        )

    def _ended(self, name: str, span: TimeSpan) -> UtteranceEnded:
        del self._unanswered[name]
        return UtteranceEnded(name, span)

    def _progress(self) -> Progress | None:
        starts = (utterance.start_ms for utterance in self._unanswered.values())
        settled_ms = min([self._heard_ms, *starts])
        if settled_ms <= self._progress_ms:
            return None
        self._progress_ms = settled_ms
        return Progress(settled_ms)

    def _tell(self, item: ScriptedEvent) -> None:
        self._agenda.add(self._after(item.delay_ms), partial(_the, item.event))

    def _crash(self, item: ScriptedCrash) -> None:
        def crash() -> NoReturn:
            raise item.error or EngineCrashedError(self._name, f"crashed at {item.at_ms:g} ms")

        if self._translator.happens(item):
            self._agenda.add(self._after(item.delay_ms), crash)

    def _stop_listening(self, item: ScriptedStall) -> None:
        if self._translator.happens(item):
            self._stall = item

    def _heard_of(self, utterance: ScriptedUtterance) -> TimeSpan:
        end_ms = min(utterance.end_ms, self._heard_ms)
        return TimeSpan(utterance.start_ms, max(utterance.start_ms, end_ms))

    def _requested(self, translations: Mapping[str, str]) -> dict[str, str]:
        targets = self._request.target_languages
        return {
            language: translations[language] for language in targets if language in translations
        }

    def _after(self, delay_ms: float) -> float:
        return self._clock.now() + delay_ms / 1000


def _place(utterance: ScriptedUtterance) -> tuple[float, float]:
    return utterance.start_ms, utterance.end_ms


def _the(event: TranslationEvent) -> TranslationEvent:
    return event


def _cut(frame: AudioFrame, begin_ms: float, end_ms: float) -> AudioFrame:
    begin, end = frame.format.samples(begin_ms), frame.format.samples(end_ms)
    return AudioFrame(frame.samples[begin:end], frame.format, begin, frame.source)


__all__ = ["ScriptedTranslation"]
