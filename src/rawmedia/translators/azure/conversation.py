"""Turns what the recogniser says into events, and ties speech to the phrase that it speaks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rawmedia.errors import AudioError
from rawmedia.translators.azure.messages import Hypothesis, Phrase, Speech
from rawmedia.translators.azure.wav import WavReader, is_wav
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslatorWarning,
    UtteranceEnded,
    WordTiming,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rawmedia.audio.timeline import TimeSpan
    from rawmedia.translators.azure.messages import Message
    from rawmedia.translators.azure.timeline import UploadTimeline
    from rawmedia.translators.events import TranslationEvent

# Phrases that may wait for their speech. A service that stops speaking and says nothing of
# it would make them more and more.
_MAX_UNSPOKEN = 64


@dataclass(frozen=True, slots=True)
class SpokenFinal(FinalTranslation):
    """A final text that the service speaks itself; all others somebody else has to."""


@dataclass(frozen=True, slots=True)
class SpeechFailed(TranslatorWarning):
    """The service could not speak an utterance, which costs it the connection as well."""


@dataclass(slots=True, eq=False)
class _Utterance:
    id: str
    span: TimeSpan
    revision: int = 0
    wav: WavReader = field(default_factory=WavReader)
    speech_begun: bool = False
    unreadable: bool = False


class Conversation:
    """What was heard and what is still to be spoken. Messages in, events out.

    The SDK gives no phrase, no language and no id with synthesized audio. The service
    speaks the phrases one after the other in the order in which it reports them, so the
    oldest phrase that is not spoken yet is the one that is spoken.

    Args:
        timeline: Relates the service's times to media time.
        source_language: As the request names it; for what the service does not name itself.
        targets: The service's codes and the request's names of the target languages.
        spoken: Which of the request's targets the service speaks, or None.
    """

    def __init__(
        self,
        timeline: UploadTimeline,
        *,
        source_language: str,
        targets: Mapping[str, str],
        spoken: str | None,
    ) -> None:
        self._timeline = timeline
        self._source_language = source_language
        self._targets = dict(targets)
        self._expected = set(self._targets.values())
        self._spoken = spoken
        self._count = 0
        self._being_heard: _Utterance | None = None
        self._unspoken: deque[_Utterance] = deque()
        self._stray_speech = False
        self._settled_ms = 0.0
        self._progress_ms = 0.0

    def hear(self, message: Message) -> Iterator[TranslationEvent]:
        """The events that follow from a message; to be exhausted before the next call."""
        match message:
            case Hypothesis():
                yield from self._hypothesis(message)
            case Phrase():
                yield from self._phrase(message)
            case Speech(data=b""):
                yield from self._spoken_to_the_end()
            case Speech():
                yield from self._speech(message.data)
            case _:
                pass

    def set_targets(self, targets: Mapping[str, str]) -> None:
        """Other target languages from now on; what the service has begun may still lack the new ones."""
        self._targets = dict(targets)
        self._expected &= set(targets.values())

    @property
    def owes_speech(self) -> bool:
        """Whether the service has still to speak something."""
        return bool(self._unspoken)

    def fail_speech(self) -> Iterator[TranslationEvent]:
        """The phrase whose turn it is can't be spoken; those after it may be."""
        why = "the service could not make it"
        yield from self._give_up_speech(why, SpeechFailed)

    def finish(self) -> Iterator[TranslationEvent]:
        """The events that follow from the end of all audio."""
        yield from self._end_unheard()
        while self._unspoken:
            yield from self._give_up_speech("the service did not speak it", TranslatorWarning)
        self._settled_ms = max(self._settled_ms, self._timeline.end_ms)
        yield from self._progress()

    def _hypothesis(self, heard: Hypothesis) -> Iterator[TranslationEvent]:
        if not heard.text.strip():
            return
        utterance = self._hearing(self._timeline.span(heard.start_ms, heard.end_ms))
        yield PartialTranslation(
            utterance.id,
            utterance.revision,
            heard.text,
            heard.language or self._source_language,
            utterance.span,
            self._named(heard.translations),
        )
        utterance.revision += 1

    def _phrase(self, heard: Phrase) -> Iterator[TranslationEvent]:
        span = self._timeline.span(heard.start_ms, heard.end_ms)
        if heard.text.strip():
            yield from self._final(heard, span)
        else:
            yield from self._end_unheard()
        self._settled_ms = max(self._settled_ms, span.end_ms)
        self._timeline.forget(self._settled_ms)
        yield from self._progress()

    def _final(self, heard: Phrase, span: TimeSpan) -> Iterator[TranslationEvent]:
        utterance = self._hearing(span)
        self._being_heard = None
        translations = self._named(heard.translations)
        voiced = self._spoken is not None and bool(translations.get(self._spoken, "").strip())
        yield (SpokenFinal if self._spoken is not None else FinalTranslation)(
            utterance.id,
            utterance.revision,
            heard.text,
            heard.language or self._source_language,
            span,
            translations,
            tuple(
                WordTiming(word.text, self._timeline.span(word.start_ms, word.end_ms))
                for word in heard.words
            ),
        )
        yield from self._untranslated(utterance, translations)
        if not voiced:
            yield UtteranceEnded(utterance.id, span)
            return
        self._unspoken.append(utterance)
        if len(self._unspoken) > _MAX_UNSPOKEN:
            yield from self._unspeakable(self._unspoken.popleft(), "the service did not speak it")

    def _untranslated(
        self, utterance: _Utterance, translations: Mapping[str, str]
    ) -> Iterator[TranslationEvent]:
        """Warn of languages that are missing; new ones are missed once they have come."""
        missing = [
            tag
            for tag in self._targets.values()
            if tag in self._expected and tag not in translations
        ]
        self._expected.update(translations)
        if missing:
            yield TranslatorWarning(
                f"the service gave no translation into {', '.join(missing)}", utterance.id
            )

    def _speech(self, data: bytes) -> Iterator[TranslationEvent]:
        if self._unspoken and self._unspoken[0].speech_begun and is_wav(data):
            lost = self._unspoken.popleft()
            yield from self._unspeakable(lost, "the end of its speech did not come")
        if not self._unspoken:
            if not self._stray_speech:
                self._stray_speech = True
                yield TranslatorWarning("speech that belongs to no utterance came, and was dropped")
            return
        utterance = self._unspoken[0]
        utterance.speech_begun = True
        if utterance.unreadable:
            return
        try:
            frame = utterance.wav.feed(data)
        except AudioError as error:
            utterance.unreadable = True
            yield TranslatorWarning(f"its speech can't be read: {error}", utterance.id, error)
            return
        if frame is not None:
            assert self._spoken is not None  # or nothing would wait for speech
            yield TranslatedAudio(utterance.id, self._spoken, frame, utterance.span)

    def _spoken_to_the_end(self) -> Iterator[TranslationEvent]:
        self._stray_speech = False
        if self._unspoken:
            utterance = self._unspoken.popleft()
            yield UtteranceEnded(utterance.id, utterance.span)
            yield from self._progress()

    def _give_up_speech(
        self, why: str, kind: type[TranslatorWarning]
    ) -> Iterator[TranslationEvent]:
        if self._unspoken:
            yield from self._unspeakable(self._unspoken.popleft(), why, kind)
            yield from self._progress()

    def _unspeakable(
        self, utterance: _Utterance, why: str, kind: type[TranslatorWarning] = TranslatorWarning
    ) -> Iterator[TranslationEvent]:
        extent = "cut short" if utterance.speech_begun else "missing"
        yield kind(f"its speech is {extent}: {why}", utterance.id)
        yield UtteranceEnded(utterance.id, utterance.span)

    def _end_unheard(self) -> Iterator[TranslationEvent]:
        """End the utterance that was begun with hypotheses and turned out to be nothing."""
        utterance, self._being_heard = self._being_heard, None
        if utterance is not None:
            yield UtteranceEnded(utterance.id, utterance.span)

    def _progress(self) -> Iterator[TranslationEvent]:
        """Say how far nothing is needed again: what is not spoken yet still is."""
        position_ms = self._settled_ms
        if self._unspoken:
            position_ms = min(position_ms, self._unspoken[0].span.start_ms)
        if position_ms > self._progress_ms:
            self._progress_ms = position_ms
            yield Progress(position_ms)

    def _hearing(self, span: TimeSpan) -> _Utterance:
        if self._being_heard is None:
            self._count += 1
            self._being_heard = _Utterance(f"u{self._count}", span)
        self._being_heard.span = span
        return self._being_heard

    def _named(self, translations: Mapping[str, str]) -> dict[str, str]:
        """Translations by the request's names, in the request's order."""
        by_code = {code.lower(): text for code, text in translations.items()}
        return {
            tag: by_code[code.lower()]
            for code, tag in self._targets.items()
            if code.lower() in by_code
        }


__all__ = ["Conversation", "SpeechFailed", "SpokenFinal"]
