"""How a translation is opened, steered, shared, ended and closed, and what must be left of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rawmedia.errors import ConfigurationError, UnsupportedChangeError
from rawmedia.testing.checks.broken import broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.leftovers import Leftovers
from rawmedia.testing.checks.translator_trial import said
from rawmedia.testing.checks.waiting import cancelled_after, cancelled_at_each_turn
from rawmedia.translators.events import TranslatedAudio
from rawmedia.translators.request import language_matches

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from rawmedia.testing.checks.translator_trial import TranslatorTrial
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.translator import Translation

_TRANSLATION = "rawmedia.translators.translator.Translation"
_TRANSLATOR = "rawmedia.translators.translator.Translator"
_UNHEARD_OF = ("qqq", "qqx", "qxq")  # reserved for private use by ISO 639-2, or unassigned
_TURNS = 6

ENDING_CHECKS: CheckList[TranslatorTrial] = CheckList()


@ENDING_CHECKS.promise("Capabilities never change.", f"{_TRANSLATOR}.capabilities")
async def capabilities_never_change(trial: TranslatorTrial) -> None:
    """Requests are checked against them long before they are served."""
    translator = trial.factory()
    before = translator.capabilities
    async with trial.opened(translator=translator) as translation:
        await trial.finish(translation, trial.beginning())
    after = translator.capabilities
    require(after == before, f"they were {before}, and {after} after a translation.")


@ENDING_CHECKS.promise(
    "open refuses what the capabilities lack with ConfigurationError.", f"{_TRANSLATOR}.open"
)
async def what_it_cannot_do_is_refused_by_open(trial: TranslatorTrial) -> None:
    """A request that can't be served fails before the call starts."""
    tried = False
    for change in _impossible(trial):
        tried = True
        try:
            async with trial.opened(**change):
                pass
        except ConfigurationError:
            continue
        broke(f"open() took {change}, and the capabilities are {trial.capabilities}.")
    if not tried:
        skip("the engine can do all that can be asked")


@ENDING_CHECKS.promise("A cancelled open leaves nothing behind.", f"{_TRANSLATOR}.open")
async def a_cancelled_open_leaves_nothing(trial: TranslatorTrial) -> None:
    """A caller who hangs up while the engine connects has nothing that he could close."""
    leftovers = Leftovers()
    translator = trial.factory()

    async def open_and_close(_: int) -> None:
        translation = await translator.open(trial.request)
        await asyncio.shield(asyncio.ensure_future(translation.aclose()))

    await cancelled_at_each_turn(trial.clock, trial.patience_s, open_and_close, "open()")
    await leftovers.require_no_tasks("open() was cancelled")


@ENDING_CHECKS.promise(
    "Iteration ends after end_input when all is said, also when nothing was sent.",
    f"{_TRANSLATION}.__aiter__",
)
async def without_audio_iteration_ends_too(trial: TranslatorTrial) -> None:
    """A call may be hung up before anybody says a word."""
    async with trial.opened() as translation:
        await trial.finish(translation, ())


@ENDING_CHECKS.promise("end_input twice is harmless.", f"{_TRANSLATION}.end_input")
async def ending_the_input_twice_is_harmless(trial: TranslatorTrial) -> None:
    """Tidying up ends what was ended before."""

    async def ending_again(translation: Translation) -> list[TranslationEvent]:
        events = await trial.read(translation)
        await translation.end_input()
        await translation.end_input()
        return events

    async with trial.opened() as translation:
        events = await trial.finish(translation, trial.frames, ending_again)
    await trial.require_same(events, "when the input was ended twice")


@ENDING_CHECKS.promise("Iteration that has ended stays ended.", f"{_TRANSLATION}.__aiter__")
async def what_has_ended_stays_ended(trial: TranslatorTrial) -> None:
    """Nobody must wait for what can't come."""
    async with trial.opened() as translation:
        await trial.finish(translation, trial.beginning())
        again = await trial.within(trial.read(translation), "iteration after its end")
        require(not again, f"iteration had ended, and gave {len(again)} more events.")


@ENDING_CHECKS.promise("A cancelled wait for an event loses none.", f"{_TRANSLATION}.__aiter__")
async def a_cancelled_wait_loses_no_event(trial: TranslatorTrial) -> None:
    """Whoever waits with a timeout cancels all the time."""

    async def read_hastily(translation: Translation) -> list[TranslationEvent]:
        events: list[TranslationEvent] = []
        iterator = aiter(translation)
        while True:
            hasty = asyncio.ensure_future(anext(iterator, None))
            for _ in range(len(events) % 3 + 1):
                await asyncio.sleep(0)
            hasty.cancel()
            await asyncio.wait({hasty})
            event = await anext(iterator, None) if hasty.cancelled() else hasty.result()
            if event is None:
                return events
            events.append(event)

    async with trial.opened() as translation:
        events = await trial.finish(translation, trial.frames, read_hastily)
    await trial.require_same(events, "when waits for events were cancelled")
    expected = len(await trial.events())
    require(
        bool(events) or not expected,
        f"{expected} events came undisturbed, and none when waits were cancelled.",
    )


@ENDING_CHECKS.promise("aclose twice is harmless.", f"{_TRANSLATION}.aclose")
async def closing_twice_is_harmless(trial: TranslatorTrial) -> None:
    """A context manager closes what was closed by hand; here in turn and at once."""
    async with trial.opened() as translation:
        await trial.within(trial.send_all(translation, trial.beginning()), "sending")
        both = asyncio.gather(translation.aclose(), translation.aclose())
        await trial.within(both, "aclose() twice at once")
        await trial.within(translation.aclose(), "aclose() again")


@ENDING_CHECKS.promise("Iteration ends at aclose, now.", f"{_TRANSLATION}.__aiter__")
async def closing_ends_iteration(trial: TranslatorTrial) -> None:
    """Or the task that reads hangs for ever."""
    async with trial.opened() as translation:
        reading = asyncio.ensure_future(trial.read(translation))
        await trial.within(trial.send_all(translation, trial.beginning()), "sending")
        await trial.within(translation.aclose(), "aclose()")
        await trial.within(reading, "iteration that was under way at aclose()")
        unsaid = await trial.within(trial.read(translation), "iteration after aclose()")
        require(not unsaid, f"iteration gave {len(unsaid)} events after aclose().")


@ENDING_CHECKS.promise("A cancelled aclose can be called again.", f"{_TRANSLATION}.aclose")
async def a_cancelled_close_can_be_repeated(trial: TranslatorTrial) -> None:
    """A shutdown with a time limit cancels, and somebody else closes what is left."""
    leftovers = Leftovers()
    for turns in range(_TURNS):
        async with trial.opened() as translation:
            await trial.within(trial.send_all(translation, trial.beginning()), "sending")
            await cancelled_after(
                trial.clock, trial.patience_s, turns, translation.aclose(), "aclose()"
            )
            await trial.within(translation.aclose(), "aclose() after a cancelled one")
    await leftovers.require_no_tasks("aclose() was cancelled and called again")


@ENDING_CHECKS.promise("aclose gives everything back: no task is left.", f"{_TRANSLATION}.aclose")
async def no_task_is_left(trial: TranslatorTrial) -> None:
    """Once after all was said, once in the middle of it."""
    leftovers = Leftovers()
    async with trial.opened() as translation:
        await trial.finish(translation, trial.frames)
    await leftovers.require_no_tasks("all was said and aclose() had returned")
    async with trial.opened() as translation:
        await trial.within(trial.send_all(translation, trial.beginning()), "sending")
    await leftovers.require_no_tasks("aclose() in the middle of the audio had returned")


@ENDING_CHECKS.promise("aclose gives everything back: no thread is left.", f"{_TRANSLATION}.aclose")
async def no_thread_is_left(trial: TranslatorTrial) -> None:
    """What a translator keeps for all its translations may stay; what each adds may not."""
    translator = trial.factory()
    leftovers: Leftovers | None = None
    for _ in range(3):
        async with trial.opened(translator=translator) as translation:
            await trial.finish(translation, trial.beginning())
        leftovers = leftovers or Leftovers()
    assert leftovers is not None
    await leftovers.require_no_threads("two more translations were closed")


@ENDING_CHECKS.promise(
    "commit is advice: the translation takes more audio and goes on.", f"{_TRANSLATION}.commit"
)
async def a_commit_ends_nothing_else(trial: TranslatorTrial) -> None:
    """It finishes the utterance, not the call."""
    beginning = trial.beginning()
    async with trial.opened() as translation:
        await trial.within(trial.send_all(translation, beginning), "sending")
        await trial.within(translation.commit(), "commit()")
        await trial.finish(translation, trial.frames[len(beginning) :])


@ENDING_CHECKS.promise(
    "After interrupt nothing more of what is being said is said.", f"{_TRANSLATION}.interrupt"
)
async def an_interrupt_stops_the_speech(trial: TranslatorTrial) -> None:
    """Whoever begins to speak must not be talked over."""
    events = await trial.events()
    pieces = [event for event in events if isinstance(event, TranslatedAudio)]
    first = [event for event in pieces if event.utterance_id == pieces[0].utterance_id]
    if len(first) < 2:
        skip("the first utterance was not spoken in several pieces")
    interrupted: list[str] = []

    async def interrupting(translation: Translation) -> list[TranslationEvent]:
        events: list[TranslationEvent] = []
        async for event in translation:
            events.append(event)
            if not isinstance(event, TranslatedAudio):
                continue
            if not interrupted:
                interrupted.append(event.utterance_id)
                await translation.interrupt()
            elif event.utterance_id == interrupted[0]:
                broke(
                    f"interrupt() came after the first piece of {event.utterance_id!r}, and another "
                    f"of {event.frame.duration_ms:g} ms followed."
                )
        return events

    async with trial.opened() as translation:
        got = await trial.finish(translation, trial.frames, interrupting)
    if trial.repeatable:
        texts, expected = said(got)["texts"], said(events)["texts"]
        require(
            texts == expected,
            f"after interrupt() the texts were {texts}, and {expected} without; listening goes on.",
        )


@ENDING_CHECKS.promise(
    "update takes the request or raises UnsupportedChangeError, and the translation goes on.",
    f"{_TRANSLATION}.update",
)
async def an_update_is_taken_or_refused(trial: TranslatorTrial) -> None:
    """Whoever is refused opens another and hands over; until then this one works."""
    beginning = trial.beginning()
    async with trial.opened() as translation:
        await trial.within(trial.send_all(translation, beginning), "sending")
        with suppress(UnsupportedChangeError):
            await trial.within(translation.update(trial.request), "update()")
        events = await trial.finish(translation, trial.frames[len(beginning) :])
    await trial.require_same(events, "after update() with the same request")


@ENDING_CHECKS.promise(
    "A translator makes any number of translations at once, which share nothing.", _TRANSLATOR
)
async def two_translations_share_nothing(trial: TranslatorTrial) -> None:
    """A room has one for every speaker."""
    translator = trial.factory()
    async with (
        trial.opened(translator=translator) as one,
        trial.opened(translator=translator) as other,
    ):
        both = await asyncio.gather(
            trial.finish(one, trial.frames), trial.finish(other, trial.frames)
        )
    for events in both:
        await trial.require_same(events, "beside another translation of the same translator")
    counts = [len(events) for events in both]
    require(min(counts) > 0 or max(counts) == 0, f"two translations reported {counts} events.")


@ENDING_CHECKS.promise("Closing one translation leaves the others as they are.", _TRANSLATOR)
async def closing_one_leaves_the_others(trial: TranslatorTrial) -> None:
    """One of many speakers hangs up."""
    translator = trial.factory()
    beginning = trial.beginning()
    async with trial.opened(translator=translator) as staying:
        async with trial.opened(translator=translator) as leaving:
            for translation in (staying, leaving):
                await trial.within(trial.send_all(translation, beginning), "sending")
        events = await trial.finish(staying, trial.frames[len(beginning) :])
    await trial.require_same(events, "when another translation was closed meanwhile")


@ENDING_CHECKS.promise(
    "A commit, interrupt, update or end_input that is cancelled leaves the translation working.",
    _TRANSLATION,
)
async def cancelled_verbs_leave_it_working(trial: TranslatorTrial) -> None:
    """Everything that can be awaited is cancelled some day."""

    async def cancel(name: str, verb: Callable[[], Awaitable[None]]) -> None:
        with suppress(UnsupportedChangeError):
            await cancelled_after(trial.clock, trial.patience_s, 0, verb(), name)

    beginning = trial.beginning()
    async with trial.opened() as translation:
        await trial.within(trial.send_all(translation, beginning), "sending")
        await cancel("commit()", translation.commit)
        await cancel("interrupt()", translation.interrupt)
        await cancel("update()", lambda: translation.update(trial.request))
        await trial.within(trial.send_all(translation, trial.frames[len(beginning) :]), "sending")
        await cancel("end_input()", translation.end_input)
        await trial.finish(translation, ())


def _impossible(trial: TranslatorTrial) -> Iterator[dict[str, Any]]:
    """Changes to the request that the capabilities do not allow."""
    capabilities = trial.capabilities
    for role, listed in (
        ("source_language", capabilities.source_languages),
        ("target_languages", capabilities.target_languages),
    ):
        if listed is not None:
            tag = next(
                tag
                for tag in _UNHEARD_OF
                if not any(language_matches(tag, each) for each in listed)
            )
            yield {role: tag if role == "source_language" else (tag,), "voices": {}}
    if not capabilities.multi_target:
        known = [*trial.request.target_languages, *(capabilities.target_languages or ("fr", "de"))]
        two = tuple({tag.lower(): tag for tag in known}.values())[:2]
        if len(two) == 2:
            yield {"target_languages": two}
    if not capabilities.speech:
        yield {"speech": True}


__all__ = ["ENDING_CHECKS"]
