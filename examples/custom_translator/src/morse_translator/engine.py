"""The engine: sentences that were heard become the events of a translation."""

from collections.abc import AsyncIterator, Iterator, Mapping

from rawmedia import (
    SPEECH,
    AudioFrame,
    Clock,
    FinalTranslation,
    PartialTranslation,
    TimeSpan,
    TranslatedAudio,
    TranslationEvent,
    TranslationRequest,
    Translator,
    UtteranceEnded,
    translator,
)
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.events import WordTiming

from morse_translator.code import keyed
from morse_translator.ear import MorseEar, SentenceEnded, Word

MAX_WORDS = 50
"""A sentence that does not end is cut here."""


def morse_translator(
    phrases: Mapping[str, Mapping[str, str]], *, clock: Clock = SYSTEM_CLOCK
) -> Translator:
    """Make an engine that understands Morse code and knows some phrases.

    Args:
        phrases: By what is keyed in English, in lower case, what that is in each language, by its
            ISO 639 code. What is not in it is passed on as it is.
        clock: What its waits are measured by; tests give a virtual one.
    """
    languages = sorted({language for known in phrases.values() for language in known})

    @translator(
        name="morse",
        source_languages=["en"],
        target_languages=languages,
        multi_target=True,
        clock=clock,
    )
    async def morse(
        frames: AsyncIterator[AudioFrame], request: TranslationRequest
    ) -> AsyncIterator[TranslationEvent]:
        ear, interpreter = MorseEar(), _Interpreter(phrases, request)
        async for frame in frames:
            for heard in ear.hear(frame):
                for event in interpreter.take(heard):
                    yield event
        for heard in ear.finish():
            for event in interpreter.take(heard):
                yield event

    return morse


class _Interpreter:
    """Gathers the words of a sentence, and says what is to be reported of it."""

    def __init__(
        self, phrases: Mapping[str, Mapping[str, str]], request: TranslationRequest
    ) -> None:
        self._phrases, self._request = phrases, request
        self._sentences = 0
        self._words: list[Word] = []

    def take(self, heard: Word | SentenceEnded) -> Iterator[TranslationEvent]:
        if isinstance(heard, Word):
            self._words.append(heard)
            if self._request.partials:
                yield self._partial()
            if len(self._words) < MAX_WORDS:
                return
        if self._words:
            yield from self._finished()

    def _partial(self) -> PartialTranslation:
        return PartialTranslation(
            utterance_id=self._id,
            revision=len(self._words) - 1,
            source_text=self._text,
            source_language=self._request.source_language,
            span=self._span,
            words=self._timings,
        )

    def _finished(self) -> Iterator[TranslationEvent]:
        name, span, known = self._id, self._span, self._phrases.get(self._text, {})
        texts = {
            target: known.get(target.lower().partition("-")[0], self._text)
            for target in self._request.target_languages
        }
        yield FinalTranslation(
            utterance_id=name,
            revision=len(self._words),
            source_text=self._text,
            source_language=self._request.source_language,
            span=span,
            translations=texts,
            words=self._timings,
            untranslated=() if known else tuple(word.text for word in self._words),
        )
        if self._request.speech:
            for target, text in texts.items():
                for frame in _spoken(text):
                    yield TranslatedAudio(name, target, frame, span)
        yield UtteranceEnded(name, span)
        self._sentences += 1
        self._words.clear()

    @property
    def _id(self) -> str:
        return f"sentence {self._sentences + 1}"

    @property
    def _text(self) -> str:
        return " ".join(word.text for word in self._words)

    @property
    def _span(self) -> TimeSpan:
        return TimeSpan(self._words[0].span.start_ms, self._words[-1].span.end_ms)

    @property
    def _timings(self) -> tuple[WordTiming, ...]:
        return tuple(WordTiming(word.text, word.span) for word in self._words)


def _spoken(text: str) -> Iterator[AudioFrame]:
    """Text in Morse code, in frames of 20 ms that count from 0."""
    whole, size = keyed(text), SPEECH.samples(20)
    for start in range(0, whole.samples_per_channel, size):
        yield AudioFrame(whole.samples[start : start + size], SPEECH, start)


__all__ = ["MAX_WORDS", "morse_translator"]
