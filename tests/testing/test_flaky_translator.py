"""The engine that breaks by luck: the same luck every time, and nothing wrong before it."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Any

import pytest

from rawmedia.errors import (
    ConfigurationError,
    EngineCrashedError,
    EngineFailedError,
    RawMediaError,
    TranslatorOverloadedError,
)
from rawmedia.testing import (
    EchoTranslator,
    FlakyTranslator,
    ScriptedTranslator,
    ScriptedUtterance,
    VirtualClock,
    in_frames,
    speech_like,
)
from rawmedia.testing.checks import check_translator
from rawmedia.translators.events import FinalTranslation, TranslatedAudio, UtteranceEnded
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.resilient import ResilientTranslator

if TYPE_CHECKING:
    from rawmedia.testing.flaky import FlakyTranslation
    from rawmedia.translators.events import TranslationEvent

REQUEST = TranslationRequest(source_language="en", target_languages=("es",), max_pending_ms=200)
FRAMES = in_frames(speech_like(20_000, seed=3))


async def say_all(translation: FlakyTranslation) -> None:
    for frame in FRAMES:
        await translation.send(frame)
        await asyncio.sleep(0)


async def read_to_the_end(translation: FlakyTranslation, events: list[TranslationEvent]) -> None:
    async for event in translation:
        events.append(event)


async def fate(engine: FlakyTranslator) -> str:
    """What became of one translation: where it broke, or that it was said."""
    events: list[TranslationEvent] = []
    try:
        async with await engine.open(REQUEST) as translation:
            await say_all(translation)
            await translation.end_input()
            await read_to_the_end(translation, events)
            return f"said, {len(events)} events"
    except RawMediaError as error:
        return f"{type(error).__name__} {error}"


def fates(seed: int, count: int = 12, **settings: Any) -> list[str]:
    clock = VirtualClock()
    engine = FlakyTranslator(seed, clock=clock, **settings)

    async def main() -> list[str]:
        return [await fate(engine) for _ in range(count)]

    return clock.run(main())


def test_a_seed_breaks_the_same_translations_at_the_same_places() -> None:
    """A test that found something must find it again."""
    assert fates(5) == fates(5)
    assert fates(5) != fates(6)


def test_whether_opens_are_refused_does_not_change_where_others_break() -> None:
    """One setting is tried against another only if the rest stays the same."""
    some, none = fates(2, refusals=0.3), fates(2, refusals=0)
    refused = [one.startswith("EngineFailedError") for one in some]
    assert 0 < sum(refused) < len(some)
    assert [one for one, out in zip(some, refused, strict=True) if not out] == [
        one for one, out in zip(none, refused, strict=True) if not out
    ]


def test_the_shares_are_those_that_were_asked_for() -> None:
    """Over many translations; each kind of trouble is counted."""
    clock = VirtualClock()
    engine = FlakyTranslator(1, refusals=0.25, trouble_every_ms=200, stalls=0.5, clock=clock)

    async def main() -> None:
        for _ in range(200):
            await fate(engine)

    clock.run(main())
    assert engine.opened == 200
    assert engine.troubles.total() == 200, "none of them lasts for 20 s"
    assert 35 <= engine.troubles["refused"] <= 65
    assert 50 <= engine.troubles["stalled"] <= 100


def test_a_crash_raises_in_both_doors_and_what_was_reported_stays() -> None:
    async def main() -> None:
        engine = FlakyTranslator(1, refusals=0, trouble_every_ms=3_000, stalls=0)
        async with await engine.open(REQUEST) as translation:
            with pytest.raises(EngineCrashedError, match="crashed at"):
                await say_all(translation)
            events: list[TranslationEvent] = []
            with pytest.raises(EngineCrashedError):
                await read_to_the_end(translation, events)
        spoken = [event for event in events if isinstance(event, TranslatedAudio)]
        assert spoken
        assert [event.span.start_ms for event in spoken] == [
            frame.start_ms for frame in FRAMES[: len(spoken)]
        ]

    asyncio.run(main())


def test_a_stall_takes_no_more_and_closes_all_the_same() -> None:
    """What a watchdog is for."""
    clock = VirtualClock()

    async def main() -> None:
        engine = FlakyTranslator(1, refusals=0, trouble_every_ms=500, stalls=1, clock=clock)
        async with await engine.open(REQUEST) as translation:
            with pytest.raises(TranslatorOverloadedError):
                await say_all(translation)
        assert engine.troubles == {"stalled": 1}

    clock.run(main())


def test_without_trouble_it_keeps_every_promise() -> None:
    """So that a failed check of what is built on it is never its own."""

    def make() -> FlakyTranslator:
        return FlakyTranslator(1, refusals=0, trouble_every_ms=inf)

    asyncio.run(check_translator(make))


def test_the_other_engine_is_asked_what_it_can_and_told_what_to_do() -> None:
    script = [ScriptedUtterance(source_text="hi", start_ms=0, end_ms=900, translations={"es": "a"})]
    other = ScriptedTranslator(script, accepts_update=True)
    changed = REQUEST.model_copy(update={"target_languages": ("fr",)})

    async def main() -> None:
        engine = FlakyTranslator(1, other, refusals=0, trouble_every_ms=inf)
        assert engine.capabilities is other.capabilities
        async with await engine.open(REQUEST) as translation:
            await translation.send(FRAMES[0])
            await asyncio.sleep(0.01)
            await translation.update(changed)
            assert translation.request == changed
            await translation.commit()
            await translation.interrupt()
            await translation.end_input()
            said = [event async for event in translation]
        assert [type(each) for each in said][:2] == [FinalTranslation, UtteranceEnded]

    asyncio.run(main())
    (inner,) = other.translations
    assert (inner.commits, inner.interrupts, inner.closed) == (1, 1, True)
    assert other.requests[-1] == changed


def test_resilience_gets_through_it() -> None:
    """What it is for: every word is said in the end, though engines keep breaking."""
    clock = VirtualClock()
    flaky = FlakyTranslator(
        4, EchoTranslator(clock=clock), trouble_every_ms=4_000, stalls=0, clock=clock
    )
    engine = ResilientTranslator(flaky, clock=clock)

    async def main() -> float:
        async with await engine.open(REQUEST) as translation:

            async def say() -> None:
                for number, frame in enumerate(FRAMES):
                    await clock.sleep_until(number * 0.02)
                    await translation.send(frame)
                await translation.end_input()

            saying = asyncio.create_task(say())
            heard = [event async for event in translation]
            await saying
        return max(event.span.end_ms for event in heard if isinstance(event, UtteranceEnded))

    assert clock.run(main()) == FRAMES[-1].end_ms
    assert flaky.troubles["crashed"] >= 2


@pytest.mark.parametrize(
    ("name", "value"), [("refusals", 1.1), ("stalls", -0.1), ("trouble_every_ms", 0)]
)
def test_what_is_no_share_or_time_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        FlakyTranslator(1, **{name: value})


def test_a_refusal_can_be_tried_again() -> None:
    with pytest.raises(EngineFailedError) as caught:
        asyncio.run(FlakyTranslator(1, refusals=1).open(REQUEST))
    assert caught.value.retryable
