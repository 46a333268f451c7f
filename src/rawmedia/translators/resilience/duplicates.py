"""Whether something that an engine recognises was said before: by word time where given, else by span."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from rawmedia.audio.timeline import TimeSpan
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    UtteranceEnded,
    WordTiming,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rawmedia.translators.events import TranslationEvent

# Two recognitions of one utterance put its edges some 100 to 200 ms apart, so what is new
# shares at most that with what was said before, and what is repeated shares nearly all. Half
# lies between the two for all utterances of half a second or more; a word takes about that.
_SAME_SPAN = 0.5

Novelty: TypeAlias = Literal["new", "partly", "repeated"]


def novelty(span: TimeSpan, words: Sequence[WordTiming], said: Iterable[TimeSpan]) -> Novelty:
    """How much of a recognised stretch is new.

    With word times a single word that is new makes it worth reporting: a word heard twice
    is a lesser harm than one lost. A word was said before if its middle lies in a stretch
    that was. Without word times a stretch is repeated if half of it was said before.

    Args:
        span: The stretch.
        words: Its words, where the engine times them.
        said: The stretches whose final text was reported.
    """
    before = [each for each in said if _touches(each, span)]
    if not before:
        return "new"
    if words:
        middles = [(word.span.start_ms + word.span.end_ms) / 2 for word in words]
        known = sum(any(_holds(each, middle) for each in before) for middle in middles)
        return "new" if not known else "repeated" if known == len(words) else "partly"
    if span.duration_ms == 0:
        return "repeated" if any(_holds(each, span.start_ms) for each in before) else "new"
    shared_ms = sum(each.overlap_ms(span) for each in before)
    return "repeated" if shared_ms >= span.duration_ms * _SAME_SPAN else "new"


def said_stretch(final: FinalTranslation) -> TimeSpan:
    """The stretch that a final text speaks for: from its first word to its last, or its span."""
    if not final.words:
        return final.span
    return TimeSpan(
        min(word.span.start_ms for word in final.words),
        max(word.span.end_ms for word in final.words),
    )


def shifted(event: TranslationEvent, by_ms: float) -> TranslationEvent:
    """The event of an engine whose time began ``by_ms`` of media time after the source's."""
    match event:
        case PartialTranslation() | FinalTranslation():
            words = tuple(WordTiming(each.word, _later(each.span, by_ms)) for each in event.words)
            return replace(event, span=_later(event.span, by_ms), words=words)
        case TranslatedAudio() | UtteranceEnded():
            return replace(event, span=_later(event.span, by_ms))
        case Progress():
            return Progress(event.position_ms + by_ms)
        case _:
            return event


def _later(span: TimeSpan, by_ms: float) -> TimeSpan:
    return TimeSpan(span.start_ms + by_ms, span.end_ms + by_ms)


def _holds(span: TimeSpan, at_ms: float) -> bool:
    return span.start_ms <= at_ms < span.end_ms


def _touches(one: TimeSpan, other: TimeSpan) -> bool:
    return one.start_ms <= other.end_ms and other.start_ms <= one.end_ms


__all__ = ["Novelty", "novelty", "said_stretch", "shifted"]
