"""What a translation reports: the promises that its events make about each other and about the audio."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, get_args

from rawmedia.testing.checks.broken import broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslationEvent,
    Usage,
    UtteranceEnded,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rawmedia.testing.checks.translator_trial import TranslatorTrial

_EVENTS = "rawmedia.translators.events"
_TOLERANCE_MS = 1.0
"""Frames at odd rates do not end on whole milliseconds."""

Kind = TypeVar("Kind")
Text = PartialTranslation | FinalTranslation
Uttered = PartialTranslation | FinalTranslation | TranslatedAudio | UtteranceEnded

EVENT_CHECKS: CheckList[TranslatorTrial] = CheckList()


@EVENT_CHECKS.promise(
    "What is iterated are the seven kinds of events.", f"{_EVENTS}.TranslationEvent"
)
async def every_event_is_one_of_the_seven(trial: TranslatorTrial) -> None:
    """Whoever matches on kinds must not meet a stranger."""
    for event in await trial.events():
        require(
            isinstance(event, get_args(TranslationEvent)),
            f"iteration gave {event!r}, which is no event.",
        )


@EVENT_CHECKS.promise(
    "Revisions count up from 0 within the utterance.", f"{_EVENTS}.PartialTranslation.revision"
)
async def revisions_count_up(trial: TranslatorTrial) -> None:
    """A reader that keeps the highest revision must end up with the newest."""
    highest: dict[str, int] = {}
    for event in _of_kind(await trial.events(), PartialTranslation):
        name, revision = event.utterance_id, event.revision
        if name not in highest:
            require(
                revision == 0, f"the first partial of utterance {name!r} had revision {revision}."
            )
        else:
            require(
                revision > highest[name],
                f"utterance {name!r} got revision {revision} after {highest[name]}.",
            )
        highest[name] = revision
    if not highest:
        skip("the engine reported no partials")


@EVENT_CHECKS.promise(
    "The revision of a final is higher than every partial's.",
    f"{_EVENTS}.FinalTranslation.revision",
)
async def a_final_has_the_highest_revision(trial: TranslatorTrial) -> None:
    """The final must win wherever revisions are compared."""
    highest: dict[str, int] = {}
    for event in await trial.events():
        if isinstance(event, PartialTranslation):
            highest[event.utterance_id] = event.revision
        elif isinstance(event, FinalTranslation):
            before = highest.get(event.utterance_id, -1)
            require(
                event.revision > before,
                f"the final of {event.utterance_id!r} had revision {event.revision} after a partial's {before}.",
            )
    await trial.finals()


@EVENT_CHECKS.promise("Nothing revises a final any more.", f"{_EVENTS}.FinalTranslation")
async def nothing_revises_a_final(trial: TranslatorTrial) -> None:
    """Captions that were printed as final stay."""
    final: set[str] = set()
    for event in _texts(await trial.events()):
        require(
            event.utterance_id not in final,
            f"utterance {event.utterance_id!r} got a {type(event).__name__} after its final.",
        )
        if isinstance(event, FinalTranslation):
            final.add(event.utterance_id)
    await trial.finals()


@EVENT_CHECKS.promise(
    "After UtteranceEnded nothing more is reported of the utterance.", f"{_EVENTS}.UtteranceEnded"
)
async def an_ended_utterance_is_over(trial: TranslatorTrial) -> None:
    """Whoever drops an utterance's books at its end must not have to open them again."""
    ended: set[str] = set()
    for event in _uttered(await trial.events()):
        require(
            event.utterance_id not in ended,
            f"utterance {event.utterance_id!r} had ended, and then a {type(event).__name__} of it came.",
        )
        if isinstance(event, UtteranceEnded):
            ended.add(event.utterance_id)
    if not ended:
        skip("no utterance ended in the audio; give audio= that the engine understands")


@EVENT_CHECKS.promise(
    "Every utterance that was reported has ended when all is said.", f"{_EVENTS}.UtteranceEnded"
)
async def every_utterance_ends(trial: TranslatorTrial) -> None:
    """Or whoever waits for its end waits for ever."""
    events = list(_uttered(await trial.events()))
    begun = dict.fromkeys(event.utterance_id for event in events)
    for ended in _of_kind(events, UtteranceEnded):
        begun.pop(ended.utterance_id, None)
    require(not begun, f"after the last event these utterances had not ended: {', '.join(begun)}.")
    if not events:
        skip("nothing was understood of the audio; give audio= that the engine understands")


@EVENT_CHECKS.promise(
    "Every event's span lies in the media time of the frames that were sent.", _EVENTS
)
async def spans_lie_in_the_audio(trial: TranslatorTrial) -> None:
    """Every latency figure is computed from them."""
    start, end = trial.frames[0].start_ms, trial.frames[-1].end_ms
    require_inside(await trial.events(), start, end)
    await trial.finals()


@EVENT_CHECKS.promise(
    "The words of a text are in order and lie in its span.", f"{_EVENTS}.WordTiming"
)
async def words_lie_in_order_in_their_span(trial: TranslatorTrial) -> None:
    """Duplicates after a reconnection are found by their times."""
    timed = False
    for event in _texts(await trial.events()):
        at = event.span.start_ms
        for word in event.words:
            timed = True
            require(
                word.span.start_ms >= at - _TOLERANCE_MS
                and word.span.end_ms <= event.span.end_ms + _TOLERANCE_MS,
                f"the word {word.word!r} at {word.span} is out of order, or outside of {event.span}.",
            )
            at = word.span.start_ms
    if not timed:
        skip("the engine gives no word times")


@EVENT_CHECKS.promise(
    "Words that the engine did not know stand in a translation as they were.",
    f"{_EVENTS}.FinalTranslation.untranslated",
)
async def unknown_words_stand_in_a_translation(trial: TranslatorTrial) -> None:
    """A reader is shown which words to doubt."""
    told = False
    for final in await trial.finals():
        for word in final.untranslated:
            told = True
            require(
                any(word in text for text in final.translations.values()),
                f"{word!r} was said to be unknown, and is in none of {dict(final.translations)}.",
            )
    if not told:
        skip("the engine told of no unknown words")


@EVENT_CHECKS.promise(
    "Events name target languages as the request does, and none that it does not ask for.",
    f"{_EVENTS}.FinalTranslation.translations",
)
async def languages_are_named_as_requested(trial: TranslatorTrial) -> None:
    """The request's own spelling is the key under which a listener looks; here it is in capitals."""
    await trial.finals()
    targets = tuple(target.upper() for target in trial.request.target_languages)
    voices = {language.upper(): voice for language, voice in trial.request.voices.items()}
    async with trial.opened(target_languages=targets, voices=voices) as translation:
        events = await trial.finish(translation, trial.frames)
    for event in events:
        named: Iterable[str] = ()
        if isinstance(event, Text):
            named = event.translations
        elif isinstance(event, TranslatedAudio):
            named = (event.language,)
        for language in named:
            require(
                language in targets,
                f"{', '.join(targets)} was asked for, and a {type(event).__name__} named {language!r}.",
            )


@EVENT_CHECKS.promise(
    "The pieces of speech of an utterance in one language are of one format and contiguous from 0.",
    f"{_EVENTS}.TranslatedAudio",
)
async def speech_is_contiguous(trial: TranslatorTrial) -> None:
    """They are played one after the other."""
    reached: dict[tuple[str, str], int] = {}
    formats: dict[tuple[str, str], object] = {}
    for event in _of_kind(await trial.events(), TranslatedAudio):
        key, frame = (event.utterance_id, event.language), event.frame
        require(
            frame.position == reached.get(key, 0),
            f"speech of {key} went on at sample {frame.position}, {reached.get(key, 0)} came before.",
        )
        require(
            frame.format == formats.setdefault(key, frame.format),
            f"speech of {key} changed from {formats[key]} to {frame.format}.",
        )
        reached[key] = frame.end
    if not reached:
        skip("nothing was spoken")


@EVENT_CHECKS.promise(
    "Progress only goes forward, and not beyond what was sent.", f"{_EVENTS}.Progress"
)
async def progress_only_goes_forward(trial: TranslatorTrial) -> None:
    """Whoever keeps audio to send it again throws away what is before."""
    before, end = 0.0, trial.frames[-1].end_ms
    positions = [each.position_ms for each in _of_kind(await trial.events(), Progress)]
    for position_ms in positions:
        require(position_ms >= before, f"progress went back from {before:g} to {position_ms:g} ms.")
        require(
            position_ms <= end + _TOLERANCE_MS,
            f"progress came to {position_ms:g} ms, and only {end:g} were sent.",
        )
        before = position_ms
    if not positions:
        skip("the engine reported no progress")


@EVENT_CHECKS.promise(
    "Nothing that was sent before a Progress is needed again.", f"{_EVENTS}.Progress"
)
async def progress_leaves_nothing_behind(trial: TranslatorTrial) -> None:
    """What is still to be reported of it would be lost with the engine."""
    settled = 0.0
    for event in await trial.events():
        if isinstance(event, Progress):
            settled = max(settled, event.position_ms)
        elif isinstance(event, Text | TranslatedAudio):
            require(
                event.span.start_ms >= settled - _TOLERANCE_MS,
                f"progress was {settled:g} ms, and then a {type(event).__name__} of {event.span} came.",
            )
    if not settled:
        skip("the engine reported no progress")


@EVENT_CHECKS.promise("Usage counts what came since the event before.", f"{_EVENTS}.Usage")
async def usage_is_never_negative(trial: TranslatorTrial) -> None:
    """Sums of it are what is paid for."""
    usages = list(_of_kind(await trial.events(), Usage))
    for usage in usages:
        counts = (
            usage.audio_ms,
            usage.source_characters,
            usage.target_characters,
            usage.speech_ms,
        )
        require(min(counts) >= 0, f"{usage} was reported.")
    if not usages:
        skip("the engine reports no usage")


@EVENT_CHECKS.promise(
    "With speech=False only text comes.", "rawmedia.translators.request.TranslationRequest.speech"
)
async def without_speech_only_text_comes(trial: TranslatorTrial) -> None:
    """Speech that nobody wants costs money."""
    await trial.finals()
    async with trial.opened(speech=False) as translation:
        events = await trial.finish(translation, trial.frames)
    for event in _of_kind(events, TranslatedAudio):
        broke(f"speech=False, and {event.frame.duration_ms:g} ms of speech came.")


@EVENT_CHECKS.promise(
    "With partials=False nothing is reported before the utterance is over.",
    "rawmedia.translators.request.TranslationRequest.partials",
)
async def without_partials_only_finals_come(trial: TranslatorTrial) -> None:
    """A caption that must not flicker asks for this."""
    await trial.finals()
    async with trial.opened(partials=False) as translation:
        events = await trial.finish(translation, trial.frames)
    for event in _of_kind(events, PartialTranslation):
        broke(f"partials=False, and {event.source_text!r} came as a partial.")


def require_inside(events: Sequence[TranslationEvent], start_ms: float, end_ms: float) -> int:
    """Every span must lie in this stretch of media time; returns how many there were.

    Raises:
        SeenError: One does not.
    """
    spans = 0
    for event in _uttered(events):
        spans += 1
        require(
            event.span.start_ms >= start_ms - _TOLERANCE_MS
            and event.span.end_ms <= end_ms + _TOLERANCE_MS,
            f"audio from {start_ms:g} to {end_ms:g} ms was sent, and a {type(event).__name__} "
            f"spoke for {event.span}.",
        )
    return spans


def _of_kind(events: Iterable[TranslationEvent], kind: type[Kind]) -> Iterator[Kind]:
    return (event for event in events if isinstance(event, kind))


def _texts(events: Iterable[TranslationEvent]) -> Iterator[Text]:
    return (event for event in events if isinstance(event, Text))


def _uttered(events: Iterable[TranslationEvent]) -> Iterator[Uttered]:
    return (event for event in events if isinstance(event, Uttered))


__all__ = ["EVENT_CHECKS", "require_inside"]
