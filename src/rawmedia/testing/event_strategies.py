"""Hypothesis strategies for what a translation reports: sequences that keep every promise, and ones that break one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never, get_args

import numpy as np
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslationEvent,
    UtteranceEnded,
)
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

    from rawmedia.audio.format import AudioFormat

BrokenPromise = Literal[
    "a revision goes back",
    "the final is no higher than a partial",
    "a partial comes after the final",
    "there are two finals",
    "speech does not begin at 0",
    "speech has a hole",
    "an utterance ends twice",
    "something comes after the end",
    "an utterance never ends",
    "progress goes back",
    "progress passes an open utterance",
    "a language that nobody asked for",
]
"""What `broken_event_sequences` can break; each is promised in `rawmedia.translators.events`."""

_WORDS = ("so", "we", "meet", "again", "tomorrow", "at", "ten")
_REQUEST = TranslationRequest(source_language="en", target_languages=("es",))
_Events: TypeAlias = list[TranslationEvent]


@dataclass(frozen=True)
class BrokenEvents:
    """Events of which one breaks a promise."""

    events: tuple[TranslationEvent, ...]
    broken: BrokenPromise


@st.composite
def event_sequences(
    draw: DrawFn,
    request: TranslationRequest = _REQUEST,
    *,
    format: AudioFormat = SPEECH,
    min_utterances: int = 0,
    max_utterances: int = 4,
    max_revisions: int = 3,
    max_pieces: int = 3,
) -> tuple[TranslationEvent, ...]:
    """All that one translation reports, from its start to its end, every promise kept.

    An utterance may begin while those before it are still being spoken; texts have revisions that
    change anything; there is speech in some or all of the request's languages, if it asks for it;
    `Progress` comes now and then.

    Args:
        draw: Given by hypothesis.
        request: What was asked for.
        format: Of the speech.
        min_utterances: How many there are at least.
        max_utterances: How many there are at most.
        max_revisions: How many partials an utterance has at most, if the request wants them.
        max_pieces: How many pieces its speech has at most.
    """
    waiting, start_ms = [], 0
    for number in range(1, draw(st.integers(min_utterances, max_utterances)) + 1):
        start_ms += draw(st.integers(0, 2_000))
        end_ms = start_ms + draw(st.integers(20, 3_000))
        utterance = _Utterance(f"u{number}", request, format, TimeSpan(start_ms, end_ms))
        waiting.append(draw(_told(utterance, max_revisions, max_pieces)))
        start_ms = end_ms
    return tuple(draw(_with_progress(draw(_interleaved(waiting)))))


@st.composite
def broken_event_sequences(
    draw: DrawFn,
    request: TranslationRequest = _REQUEST,
    *,
    promises: Sequence[BrokenPromise] = get_args(BrokenPromise),
    format: AudioFormat = SPEECH,
) -> BrokenEvents:
    """What a translation reports that breaks one promise of `promises`, and else none.

    Args:
        draw: Given by hypothesis.
        request: What was asked for; its partials and speech are told, whether it wants them or not.
        promises: What may be broken.
        format: Of the speech.
    """
    broken = draw(st.sampled_from(promises))
    before = draw(event_sequences(request, format=format, max_utterances=2))
    start_ms = max(
        (event.span.end_ms for event in before if isinstance(event, UtteranceEnded)), default=0
    )
    span = TimeSpan(start_ms + 100, start_ms + 1_100)
    utterance = _Utterance("broken", request, format, span)
    whole = utterance.told(draw(_texts(2)), pieces=(2, 3), languages=request.target_languages)
    return BrokenEvents((*before, *_broken(utterance, whole, broken)), broken)


@dataclass(frozen=True)
class _Utterance:
    """Says how the events of one utterance look."""

    name: str
    request: TranslationRequest
    format: AudioFormat
    span: TimeSpan

    def told(
        self, texts: Sequence[str], pieces: Sequence[int], languages: Iterable[str]
    ) -> _Events:
        """Partials and a final, the last text being its, then speech, then the end.

        Args:
            texts: At least one.
            pieces: Tens of milliseconds of each piece of speech; all are told in each language.
            languages: What is spoken.
        """
        events: _Events = [self.partial(at, text) for at, text in enumerate(texts[:-1])]
        events.append(self.final(len(texts) - 1, texts[-1]))
        at = 0
        for tens in pieces:
            samples = self.format.samples(10 * tens)
            events += [self.speech(language, at, samples) for language in languages]
            at += samples
        return [*events, UtteranceEnded(self.name, self.span)]

    def partial(self, revision: int, text: str) -> PartialTranslation:
        return PartialTranslation(
            self.name, revision, text, self.request.source_language, self.span, self._texts(text)
        )

    def final(self, revision: int, text: str) -> FinalTranslation:
        return FinalTranslation(
            self.name, revision, text, self.request.source_language, self.span, self._texts(text)
        )

    def speech(self, language: str, position: int, samples: int) -> TranslatedAudio:
        wave = np.full((samples, self.format.num_channels), 100, np.int16)
        return TranslatedAudio(
            self.name, language, AudioFrame(wave, self.format, position), self.span
        )

    def _texts(self, text: str) -> dict[str, str]:
        return {language: f"{language}: {text}" for language in self.request.target_languages}


def _texts(count: int) -> SearchStrategy[list[str]]:
    """A text, and then others that it is revised to; one more than ``count``."""
    text = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=6).map(" ".join)
    return st.lists(text, min_size=count + 1, max_size=count + 1)


@st.composite
def _told(draw: DrawFn, utterance: _Utterance, max_revisions: int, max_pieces: int) -> _Events:
    request = utterance.request
    revisions = draw(st.integers(0, max_revisions)) if request.partials else 0
    pieces, languages = [], []
    if request.speech:
        pieces = draw(st.lists(st.integers(1, 10), max_size=max_pieces))
        languages = [each for each in request.target_languages if draw(st.booleans())]
    return utterance.told(draw(_texts(revisions)), pieces, languages)


@st.composite
def _interleaved(draw: DrawFn, waiting: list[_Events]) -> _Events:
    """The events of all utterances, each utterance's in order, and their first ones too."""
    told: _Events = []
    waiting = [[*events] for events in waiting]
    begun = 0
    while waiting:
        # Of those that have begun, or the next to begin.
        choice = draw(st.integers(0, min(begun, len(waiting) - 1)))
        told.append(waiting[choice].pop(0))
        begun = max(begun, choice + 1)
        if not waiting[choice]:
            del waiting[choice]
            begun -= 1
    return told


@st.composite
def _with_progress(draw: DrawFn, events: _Events) -> _Events:
    """The same with a sign of progress here and there, which stays before what is still open."""
    told: _Events = []
    progress_ms = 0.0
    spans = {
        event.utterance_id: event.span for event in events if isinstance(event, UtteranceEnded)
    }
    for event in events:
        told.append(event)
        if isinstance(event, UtteranceEnded):
            del spans[event.utterance_id]
            safe_ms = min((span.start_ms for span in spans.values()), default=event.span.end_ms)
            if draw(st.booleans()) and safe_ms >= progress_ms:
                progress_ms = safe_ms
                told.append(Progress(progress_ms))
    return told


def _broken(utterance: _Utterance, events: _Events, promise: BrokenPromise) -> _Events:
    """The events of an utterance (two partials, a final, speech, the end), one promise broken."""
    first, second, final, *spoken, end = events
    span = utterance.span
    match promise:
        case "a revision goes back":
            return [second, first, final, *spoken, end]
        case "the final is no higher than a partial":
            return [first, second, utterance.final(1, "so"), *spoken, end]
        case "a partial comes after the final":
            return [first, second, final, utterance.partial(3, "so"), *spoken, end]
        case "there are two finals":
            return [first, second, final, utterance.final(3, "so"), *spoken, end]
        case "speech does not begin at 0":
            return [first, second, final, *map(_moved, spoken), end]
        case "speech has a hole":
            begun = len(utterance.request.target_languages)
            return [first, second, final, *spoken[:begun], *map(_moved, spoken[begun:]), end]
        case "an utterance ends twice":
            return [*events, end]
        case "something comes after the end":
            return [first, second, final, *spoken[:-1], end, spoken[-1]]
        case "an utterance never ends":
            return events[:-1]
        case "progress goes back":
            return [*events, Progress(span.end_ms), Progress(span.end_ms - 10)]
        case "progress passes an open utterance":
            return [first, Progress(span.start_ms + 10), *events[1:]]
        case "a language that nobody asked for":
            return [*events[:-1], utterance.speech("tlh", 0, 100), end]
        case _:
            assert_never(promise)


def _moved(event: TranslationEvent) -> TranslationEvent:
    """Speech a sample later in its utterance."""
    assert isinstance(event, TranslatedAudio)
    return dataclasses.replace(event, frame=event.frame.at(event.frame.position + 1))


__all__ = ["BrokenEvents", "BrokenPromise", "broken_event_sequences", "event_sequences"]
