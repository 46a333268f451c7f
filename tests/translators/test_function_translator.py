"""Ten lines make an engine: what the decorator adds to an async generator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import (
    ConfigurationError,
    EngineCrashedError,
    EngineFailedError,
    TranslatorClosedError,
    TranslatorOverloadedError,
    UnsupportedLanguageError,
)
from rawmedia.testing.clock import VirtualClock
from rawmedia.translators.events import (
    FinalTranslation,
    Progress,
    TranslationEvent,
    UtteranceEnded,
)
from rawmedia.translators.function import FunctionTranslator, translator
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from rawmedia.translators.translator import Translation, Translator

Frames = AsyncIterator[AudioFrame]
Events = AsyncIterator[TranslationEvent]
REQUEST = TranslationRequest(source_language="en", target_languages=("es",), max_pending_ms=100)


def audio(start_ms: float) -> AudioFrame:
    return AudioFrame(bytes(640), SPEECH, SPEECH.samples(start_ms))


def said(frame: AudioFrame) -> FinalTranslation:
    span = TimeSpan(frame.start_ms, frame.end_ms)
    return FinalTranslation(f"{frame.start_ms:g}", 0, "hello", "en", span, {"es": "hola"})


@translator
async def bare(frames: Frames, request: TranslationRequest) -> Events:
    """Says something for every frame."""
    async for frame in frames:
        yield said(frame)


async def collect(translation: Translation) -> list[TranslationEvent]:
    return [event async for event in translation]


async def send_minute(translation: Translation) -> None:
    for start in range(0, 60_000, 20):
        await translation.send(audio(start))


async def run_with(engine: Translator, *starts: float) -> list[TranslationEvent]:
    """Everything that an engine says of a few frames."""
    translation = await engine.open(REQUEST)
    for start in starts:
        await translation.send(audio(start))
    await translation.end_input()
    events = await collect(translation)
    await translation.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return events


def test_a_bare_decorator_makes_a_translator_of_any_languages() -> None:
    """The smallest engine there is."""
    engine: Translator = bare
    assert isinstance(bare, FunctionTranslator)
    assert bare.capabilities.name == "bare"
    assert bare.capabilities.input_formats == (SPEECH,)
    assert bare.capabilities.source_languages is None
    assert bare.__doc__ == "Says something for every frame."
    assert "bare" in repr(bare)
    events = asyncio.run(run_with(engine, 0, 20))
    assert events == [said(audio(0)), said(audio(20)), Progress(40)]


def test_the_decorator_declares_what_the_engine_can_do() -> None:
    """So that a request it can't serve fails before the call starts."""

    @translator(
        name="shout",
        source_languages=["en"],
        target_languages=["en-GB", "en-US"],
        input_format=TELEPHONY,
        speech=False,
        partials=False,
        multi_target=True,
        max_session_ms=60_000,
    )
    async def engine(frames: Frames, request: TranslationRequest) -> Events:
        async for frame in frames:
            yield said(frame)

    told = engine.capabilities
    assert (told.name, told.input_formats, told.max_session_ms) == ("shout", (TELEPHONY,), 60_000)
    assert (told.source_languages, told.target_languages) == (("en",), ("en-GB", "en-US"))
    assert (told.speech, told.partials, told.multi_target) == (False, False, True)
    with pytest.raises(UnsupportedLanguageError):
        asyncio.run(engine.open(REQUEST))


def test_a_function_with_settings_is_decorated_like_any_other() -> None:
    """A closure or a partial carries a model; it may have no name."""

    async def engine(word: str, frames: Frames, request: TranslationRequest) -> Events:
        async for frame in frames:
            yield FinalTranslation("u1", 0, word, "en", TimeSpan(0, frame.end_ms), {"es": word})

    made = translator()(partial(engine, "hola"))
    assert made.capabilities.name == "function"
    events = asyncio.run(run_with(made, 0))
    assert isinstance(events[0], FinalTranslation)
    assert events[0].source_text == "hola"


def test_a_coroutine_function_is_refused_when_it_is_decorated() -> None:
    """Who forgets the yield would get a translation that says nothing."""

    async def forgetful(frames: Frames, request: TranslationRequest) -> list[TranslationEvent]:
        return []

    with pytest.raises(ConfigurationError, match="forgetful must be an async generator"):
        translator(forgetful)  # type: ignore[arg-type]


def test_what_it_yields_must_be_an_event() -> None:
    """A string among the events would break whoever reads them, far from here."""

    @translator
    async def engine(frames: Frames, request: TranslationRequest) -> Events:
        yield "hola"  # type: ignore[misc]

    with pytest.raises(EngineFailedError, match="yielded 'hola'"):
        asyncio.run(run_with(engine))


def test_progress_follows_the_ends_of_utterances() -> None:
    """The author of ten lines does not think of replay; the wrapper does."""

    ends_ms = {0: 40, 20: 20, 40: 50}

    @translator
    async def engine(frames: Frames, request: TranslationRequest) -> Events:
        async for frame in frames:
            yield UtteranceEnded("u", TimeSpan(0, ends_ms[round(frame.start_ms)]))
        yield said(audio(40))

    events = asyncio.run(run_with(engine, 0, 20, 40))
    # The second utterance ended before the first; progress does not go back.
    assert [event.position_ms for event in events if isinstance(event, Progress)] == [
        40,
        40,
        50,
        60,
    ]


def test_an_engine_that_reports_progress_itself_is_left_to_it() -> None:
    """It knows better what it still needs."""

    @translator
    async def engine(frames: Frames, request: TranslationRequest) -> Events:
        async for frame in frames:
            yield Progress(frame.start_ms)
            yield UtteranceEnded("u", TimeSpan(0, 1_000))

    events = asyncio.run(run_with(engine, 0, 20))
    assert [event.position_ms for event in events if isinstance(event, Progress)] == [0, 20]


def test_an_engine_that_returns_early_ends_the_translation() -> None:
    """No progress is claimed for what it did not hear."""

    @translator
    async def engine(frames: Frames, request: TranslationRequest) -> Events:
        yield said(await anext(frames))

    async def main() -> None:
        translation = await engine.open(REQUEST)
        await translation.send(audio(0))
        await translation.send(audio(20))
        assert await collect(translation) == [said(audio(0))]
        with pytest.raises(TranslatorClosedError):
            await translation.send(audio(40))
        await translation.aclose()

    asyncio.run(main())


def test_a_typed_error_passes_and_any_other_becomes_the_cause_of_one() -> None:
    """Callers catch `TranslatorError`."""
    broken = ValueError("a bug")
    crashed = EngineCrashedError("model", "its process is gone")

    @translator
    async def engine(frames: Frames, request: TranslationRequest) -> Events:
        yield said(await anext(frames))
        raise crashed if request.partials else broken

    async def main(request: TranslationRequest) -> EngineFailedError:
        translation = await engine.open(request)
        await translation.send(audio(0))
        events = aiter(translation)
        assert await anext(events) == said(audio(0))
        with pytest.raises(EngineFailedError) as caught:
            await anext(events)
        await translation.aclose()
        return caught.value

    assert asyncio.run(main(REQUEST)) is crashed
    wrapped = asyncio.run(main(REQUEST.model_copy(update={"partials": False})))
    assert wrapped.__cause__ is broken
    assert "ValueError: a bug" in str(wrapped)


@pytest.mark.parametrize("at", ["start", "frame", "sleep", "yield"])
def test_closing_closes_the_generator_wherever_it_is(at: str) -> None:
    """What it holds, a model or a connection, is given back."""
    clock = VirtualClock()
    steps: list[str] = []

    async def engine(frames: Frames, request: TranslationRequest) -> Events:
        steps.append("opened")
        try:
            if at == "sleep":
                await asyncio.sleep(3_600)
            elif at == "yield":
                while True:
                    yield said(audio(0))
            async for frame in frames:
                yield said(frame)
        finally:
            await asyncio.sleep(0.1)
            steps.append("closed")

    async def main() -> None:
        translation = await translator(clock=clock)(engine).open(REQUEST)
        if at != "start":
            await asyncio.sleep(1)
        await translation.aclose()
        await translation.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main())
    assert steps == ([] if at == "start" else ["opened", "closed"])


def test_a_reader_who_does_not_read_stops_the_generator() -> None:
    """It waits at its yield, and then the sender is told; nothing grows."""
    clock = VirtualClock()
    yielded = 0

    @translator(clock=clock)
    async def engine(frames: Frames, request: TranslationRequest) -> Events:
        nonlocal yielded
        async for frame in frames:
            for _ in range(100):
                yielded += 1
                yield said(frame)

    async def main() -> None:
        translation = await engine.open(REQUEST)
        with pytest.raises(TranslatorOverloadedError):
            await send_minute(translation)
        assert yielded <= 1_001
        await translation.aclose()

    clock.run(main())


def test_an_engine_that_never_asks_for_frames_is_overloaded_in_time() -> None:
    """The sender learns it after max_pending_ms, not never."""
    clock = VirtualClock()

    @translator(clock=clock)
    async def engine(frames: Frames, request: TranslationRequest) -> Events:
        await asyncio.sleep(3_600)
        yield Progress(0)

    async def main() -> None:
        translation = await engine.open(REQUEST)
        for start in range(0, 100, 20):
            await translation.send(audio(start))
        with pytest.raises(TranslatorOverloadedError):
            await translation.send(audio(100))
        assert clock.now() == pytest.approx(0.1)
        await translation.aclose()

    clock.run(main())


def test_many_translations_run_at_once_and_share_nothing() -> None:
    """Each is its own call of the function."""

    async def main() -> None:
        translations = [await bare.open(REQUEST) for _ in range(20)]
        for number, translation in enumerate(translations):
            for start in range(0, 20 * (number % 5), 20):
                await translation.send(audio(start))
            await translation.end_input()
        for number, translation in enumerate(translations):
            expected = [said(audio(start)) for start in range(0, 20 * (number % 5), 20)]
            assert await collect(translation) == [*expected, Progress(20 * (number % 5))]
            await translation.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_an_iterator_that_is_no_generator_will_do() -> None:
    """Whoever writes a class with ``__anext__`` need not wrap it."""

    class Once:
        def __init__(self, frames: Frames, request: TranslationRequest) -> None:
            self._frames = frames

        def __aiter__(self) -> Once:
            return self

        async def __anext__(self) -> TranslationEvent:
            return said(await anext(self._frames))

    events = asyncio.run(run_with(translator(Once), 0))
    assert events == [said(audio(0)), Progress(20)]
