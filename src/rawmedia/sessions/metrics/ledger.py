"""The books of a session: what was said, translated and heard, and when."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING

from rawmedia.audio.timeline import TimeSpan
from rawmedia.captions.figures import InputFigures
from rawmedia.sessions.metrics.delays import MAX_AHEAD_MS, Delays
from rawmedia.sessions.metrics.kept import MAX_UTTERANCES, KeptUtterances
from rawmedia.sessions.metrics.meter import DirectionMeter
from rawmedia.sessions.metrics.revisions import RevisionLog
from rawmedia.sessions.metrics.usage import UsageBook
from rawmedia.sessions.metrics.utterance import Hearing, SpeechLog, WrittenText
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    TranslatedAudio,
    TranslatorWarning,
    Usage,
    UtteranceEnded,
)
from rawmedia.translators.resilience.steps import ResilienceWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.captions.figures import DirectionMetrics, EchoFigures
    from rawmedia.sessions.metrics.oddities import Oddity
    from rawmedia.sessions.metrics.utterance import Utterance
    from rawmedia.sessions.speech.facts import SpeechStats
    from rawmedia.translators.events import TranslationEvent, WordTiming

_MAX_LANGUAGES = 64
_ROUNDING_MS = 1.0


class Ledger:
    """Follows every utterance from its source to the ear. For one event loop.

    Whatever an engine reports, in whatever order, is booked or counted as an oddity; nothing of
    it raises, and none of it grows without bound. Times that it is given are seconds on the
    session's clock; what it gives out is milliseconds since the session began.

    Args:
        origin: When the session began.
        max_utterances: How many utterances are kept.
        engine: What the engine is called; set `engine` when another takes over.
        source_language: What is spoken.
        target_languages: What it is translated into; empty where anything is welcome.
        on_oddity: Told of a rule that the engine breaks for the first time, and the utterance.
    """

    def __init__(
        self,
        origin: float,
        max_utterances: int = MAX_UTTERANCES,
        *,
        engine: str = "",
        source_language: str = "",
        target_languages: tuple[str, ...] = (),
        on_oddity: Callable[[Oddity, str], object] | None = None,
    ) -> None:
        self._origin = origin
        self._on_oddity = on_oddity
        self._target_languages = target_languages
        self._speech = SpeechLog()
        self._delays = Delays(self._speech)
        self._revisions = RevisionLog()
        self._meter = DirectionMeter(UsageBook(engine, source_language))
        self._utterances = KeptUtterances(max_utterances)
        self._latest_end_ms = 0.0
        self._heard_ms = self._booked_ms = 0.0

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self._utterances)

    @property
    def source_ms(self) -> float:
        """How far the source has been heard, in its media time."""
        return self._speech.source_ms

    @property
    def forgotten(self) -> int:
        """Utterances that were left out of the books because there were too many."""
        return self._utterances.forgotten

    @property
    def engine(self) -> str:
        """Who translates from here on; usage is counted for it."""
        return self._meter.usage.engine

    @engine.setter
    def engine(self, name: str) -> None:
        self._book_heard()
        self._meter.usage.engine = name

    def begin(self, origin: float) -> None:
        """The session begins now, in seconds; before anything was booked."""
        self._origin = origin

    def expect(self, target_languages: Iterable[str]) -> None:
        """Texts in these languages are welcome, too, from here on."""
        self._target_languages = tuple(dict.fromkeys((*self._target_languages, *target_languages)))

    def retarget(self, source_language: str, target_languages: tuple[str, ...]) -> None:
        """Another language is spoken, or asked for, from here on; what comes late in others is welcome."""
        self._book_heard()
        self._meter.usage.source_language = source_language
        self.expect(target_languages)

    def unended(self) -> list[Utterance]:
        """The utterances of which the engine has not reported all."""
        return [utterance for utterance in self if not utterance.ended]

    def arrived(self, frame: AudioFrame, now: float) -> None:
        """Source audio is there."""
        start_ms, end_ms = frame.start_ms, frame.end_ms
        self._heard_ms += end_ms - start_ms
        self._speech.arrived_span(start_ms, end_ms, now)

    def said(self, media_ms: float) -> float | None:
        """When a place of the source was said, in seconds; None where that is beyond all that was heard."""
        return self._delays.said(media_ms)

    def session_ms(self, now: float) -> float:
        """Milliseconds since the session began."""
        return max(0.0, (now - self._origin) * 1000)

    # What the engine reports.

    def take(self, event: TranslationEvent, now: float) -> None:
        """Book an event of the translation, whichever it is; speech that nobody hears is for `unheard`."""
        match event:
            case TranslatedAudio():
                self.spoken(event)
            case PartialTranslation():
                self.partial(event, now)
            case FinalTranslation():
                self.final(event, now)
            case UtteranceEnded():
                self.ended(event.utterance_id)
            case TranslatorWarning():
                self._meter.warned(event)
                if isinstance(event, ResilienceWarning) and event.engine:
                    self.engine = event.engine
            case Usage():
                self._meter.usage.reported(event)
            case _:
                pass

    def partial(self, event: PartialTranslation, now: float) -> None:
        """What an utterance says so far."""
        utterance = self._utterances.get(event.utterance_id)
        if utterance is not None and utterance.final is not None:
            self._odd("partial_after_final", event.utterance_id)
            return
        for language, text in self._welcome(event).items():
            if not self._revisions.revise(event.utterance_id, language, text, event.revision, now):
                self._odd("revision_back", event.utterance_id)

    def final(self, event: FinalTranslation, now: float | None = None) -> None:
        """What an utterance says is settled, and where in the source it was said.

        Another final of the same utterance only adds languages that the first did not have.

        Args:
            event: The final text.
            now: When it came; without it how its text lagged is not known.
        """
        utterance = self._open(event.utterance_id, event.span)
        texts = self._welcome(event)
        if utterance.ended:
            self._odd("after_end", event.utterance_id)
        if utterance.final is None:
            utterance.span = self._placed(event)
            utterance.words = _extent(event.words, utterance.span)
            utterance.final = replace(event, span=utterance.span, translations=texts, words=())
            self._meter.untranslated_words += len(event.untranslated)
            self._meter.usage.understood(event.source_text)
            self._utterances.grow(
                utterance, len(event.source_text) + sum(map(len, event.untranslated))
            )
        else:
            self._odd("second_final", event.utterance_id)
            had = utterance.final.translations
            texts = {language: text for language, text in texts.items() if language not in had}
            utterance.final = replace(utterance.final, translations={**had, **texts})
        for language, text in texts.items():
            self._settle(utterance, language, text, now)
        for hearing in utterance.hearings.values():
            self._delays.place_start(utterance, hearing)

    def spoken(self, event: TranslatedAudio) -> None:
        """A piece of speech was made, for somebody to hear."""
        if not self._is_asked_for(event.language):
            self.unheard(event)
            return
        utterance = self._open(event.utterance_id, event.span)
        hearing = utterance.hearings.get(event.language)
        if hearing is None:
            if len(utterance.hearings) >= _MAX_LANGUAGES:
                self.unheard(event)
                return
            hearing = utterance.hearings[event.language] = Hearing()
        if utterance.ended:
            self._odd("after_end", event.utterance_id)
        duration_ms = event.frame.duration_ms
        if not hearing.spoken_ms and duration_ms:
            self._meter.usage.voiced(event.language, self.text(event.utterance_id, event.language))
        hearing.spoken_ms += duration_ms
        self._made(event.language, duration_ms)

    def unheard(self, event: TranslatedAudio) -> None:
        """A piece of speech was made in a language that nobody hears."""
        if not self._is_asked_for(event.language):
            self._odd("unknown_language", event.utterance_id)
        self._made(event.language, event.frame.duration_ms)
        self._meter.unheard_ms += event.frame.duration_ms

    def ended(self, utterance_id: str) -> None:
        """The engine has reported all of the utterance."""
        utterance = self._utterances.get(utterance_id)
        if utterance is None or utterance.final is None:
            self._revisions.forget(utterance_id)
        if utterance is None:
            return
        if utterance.ended:
            self._odd("second_end", utterance_id)
        elif utterance.final is None:
            self._odd("no_text", utterance_id)
        utterance.ended = True

    # What becomes of it.

    def text(self, utterance_id: str, language: str) -> str:
        """The final text in a language; empty where there is none."""
        utterance = self._utterances.get(utterance_id)
        final = utterance.final if utterance is not None else None
        return final.translations.get(language, "") if final is not None else ""

    def source(self, utterance_id: str) -> tuple[str, str] | None:
        """What was understood and in which language; None where nothing final was."""
        utterance = self._utterances.get(utterance_id)
        final = utterance.final if utterance is not None else None
        return None if final is None else (final.source_text, final.source_language)

    def is_spoken(self, utterance_id: str, language: str) -> bool:
        """Whether there is speech of the utterance."""
        utterance = self._utterances.get(utterance_id)
        return utterance is not None and language in utterance.hearings

    def heard_from(self, utterance_id: str, language: str, now: float) -> Hearing:
        """A listener begins to hear the utterance."""
        utterance, hearing = self._hearing(utterance_id, language)
        if hearing.start_ms is None:
            hearing.start_ms, hearing.started_s = self.session_ms(now), now
            if utterance is not None:
                self._delays.place_start(utterance, hearing)
        return hearing

    def heard_until(self, utterance_id: str, language: str, now: float, *, cut: bool) -> Hearing:
        """A listener has heard all that he will hear of it."""
        utterance, hearing = self._hearing(utterance_id, language)
        hearing.end_ms = self.session_ms(now)
        hearing.cut = hearing.cut or cut
        if utterance is None:
            return hearing
        self._delays.place_end(utterance, hearing, now, self.text(utterance_id, language))
        if hearing.started_s is not None and not hearing.counted:
            hearing.counted = True
            self._meter.heard(hearing)
        return hearing

    def skipped(self, utterance_id: str, language: str, ms: float) -> None:
        """Some of an utterance's speech, or all, was left out to catch up."""
        _, hearing = self._hearing(utterance_id, language)
        hearing.skipped_ms += ms
        hearing.cut = True

    def metrics(
        self,
        *,
        speech: Sequence[SpeechStats] = (),
        overrun_ms: float = 0.0,
        gaps: int = 0,
        gap_ms: float = 0.0,
        underruns: int = 0,
        echo: EchoFigures | None = None,
    ) -> DirectionMetrics:
        """All figures at this moment; what others count is given by whoever asks.

        Costs some hundred microseconds, however long the session is.

        Args:
            speech: Of each listener's playout, what it did.
            overrun_ms: How much source audio was dropped unread.
            gaps: How many holes the source had.
            gap_ms: How long they were together.
            underruns: How often speech ran out on streams that have no playout.
            echo: What the echo guard did.
        """
        self._book_heard()
        return self._meter.snapshot(
            target_languages=self._target_languages,
            utterances=len(self._utterances) + self.forgotten,
            forgotten=self.forgotten,
            input=InputFigures(self._heard_ms, overrun_ms, gaps, gap_ms),
            speech=speech,
            underruns=underruns,
            echo=echo,
        )

    # How it is booked.

    def _settle(self, utterance: Utterance, language: str, text: str, now: float | None) -> None:
        """A text is final in one language."""
        self._utterances.grow(utterance, len(text))
        self._meter.usage.translated(language, text)
        hearing = utterance.hearings.get(language)
        if hearing is not None and hearing.spoken_ms:
            self._meter.usage.voiced(language, text)
        revised = self._revisions.finish(
            utterance.utterance_id, language, text, self._origin if now is None else now
        )
        lag_ms = None if now is None else self._delays.written_laal_ms(utterance, revised.since_s)
        utterance.texts[language] = WrittenText(revised.erasure.normalised, lag_ms)
        self._meter.revised(revised.erasure, lag_ms)

    def _placed(self, event: FinalTranslation) -> TimeSpan:
        """A span as good as it can be, and what is wrong with it counted."""
        span, utterance_id = event.span, event.utterance_id
        if not isfinite(span.end_ms):
            self._odd("span_infinite", utterance_id)
            span = self._finite(span)
        if self.source_ms and span.end_ms > self.source_ms + MAX_AHEAD_MS:
            self._odd("span_unheard", utterance_id)
        if span.start_ms < self._latest_end_ms - _ROUNDING_MS:
            self._odd("spans_overlap", utterance_id)
        self._latest_end_ms = span.end_ms
        return span

    def _finite(self, span: TimeSpan) -> TimeSpan:
        """One that ends never is taken to end with what was heard."""
        if isfinite(span.end_ms):
            return span
        start_ms = span.start_ms if isfinite(span.start_ms) else self.source_ms
        return TimeSpan(start_ms, max(start_ms, self.source_ms))

    def _welcome(self, event: PartialTranslation | FinalTranslation) -> dict[str, str]:
        """Its texts in languages that were asked for."""
        asked, texts = self._target_languages, event.translations
        if not asked:
            return dict(islice(texts.items(), _MAX_LANGUAGES))
        known = {language: texts[language] for language in asked if language in texts}
        if len(known) < len(texts):
            self._odd("unknown_language", event.utterance_id)
        return known

    def _is_asked_for(self, language: str) -> bool:
        return not self._target_languages or language in self._target_languages

    def _odd(self, rule: Oddity, utterance_id: str) -> None:
        if self._meter.odd(rule) and self._on_oddity is not None:
            self._on_oddity(rule, utterance_id)

    def _made(self, language: str, ms: float) -> None:
        self._meter.made_ms += ms
        self._meter.usage.synthesized(language, ms)

    def _book_heard(self) -> None:
        self._meter.usage.heard(self._heard_ms - self._booked_ms)
        self._booked_ms = self._heard_ms

    def _hearing(self, utterance_id: str, language: str) -> tuple[Utterance | None, Hearing]:
        """Of a forgotten utterance it is one that no book holds."""
        utterance = self._utterances.get(utterance_id)
        if utterance is None:
            return None, Hearing()
        return utterance, utterance.hearings.setdefault(language, Hearing())

    def _open(self, utterance_id: str, span: TimeSpan) -> Utterance:
        utterance = self._utterances.get(utterance_id)
        if utterance is None:
            utterance = self._utterances.add(utterance_id, self._finite(span))
        return utterance


def _extent(words: Sequence[WordTiming], span: TimeSpan) -> TimeSpan | None:
    """From the first word to the last, as far as it is within the utterance; None where it can't be had."""
    if not words:
        return None
    start_ms = max(min(word.span.start_ms for word in words), span.start_ms)
    end_ms = min(max(word.span.end_ms for word in words), span.end_ms)
    return TimeSpan(start_ms, end_ms) if start_ms < end_ms else None


__all__ = ["Ledger"]
