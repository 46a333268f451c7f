"""What every translation has from its base: endings, missing verbs, and an engine that is stopped."""

from __future__ import annotations

import asyncio
import gc
import logging
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import (
    AuthenticationError,
    EngineFailedError,
    TranslatorClosedError,
    TranslatorOverloadedError,
    UnsupportedChangeError,
)
from rawmedia.testing.clock import VirtualClock
from rawmedia.translators.base import TranslationBase
from rawmedia.translators.events import FinalTranslation, Progress, TranslatedAudio
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rawmedia.translators.events import TranslationEvent

SPAN = TimeSpan(0, 100)
REQUEST = TranslationRequest(source_language="en", target_languages=("es",), max_pending_ms=100)


def audio(start_ms: float) -> AudioFrame:
    return AudioFrame(bytes(640), SPEECH, SPEECH.samples(start_ms))


def final(name: str) -> FinalTranslation:
    return FinalTranslation(name, 0, "hello", "en", SPAN, {"es": "hola"})


class Engine(TranslationBase):
    """Runs what a test gives it."""

    def __init__(
        self,
        clock: VirtualClock,
        run: Callable[[Engine], Awaitable[None]],
        *,
        max_queued_events: int = 1_000,
    ) -> None:
        super().__init__(
            TranslatorCapabilities(name="engine", input_formats=(SPEECH,)),
            REQUEST,
            clock=clock,
            max_queued_events=max_queued_events,
        )
        self._start(lambda: run(self))

    async def say_every_frame(self) -> None:
        """An engine that reports what it gets."""
        async for frame in self._frames:
            await self._report(Progress(frame.end_ms))
            await self._report(final(f"{frame.start_ms:g}"))

    async def wait(self) -> None:
        """An engine that never answers."""
        await asyncio.Event().wait()

    async def report(self, name: str) -> None:
        await self._report(final(name))


async def send_minute(translation: TranslationBase) -> None:
    for start in range(0, 60_000, 20):
        await translation.send(audio(start))


def nothing_left_behind() -> None:
    """No task but the test's own is alive."""
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_frames_in_events_out_until_all_is_said() -> None:
    """The whole life of a translation."""
    clock = VirtualClock()

    async def main() -> None:
        async with Engine(clock, Engine.say_every_frame) as translation:
            assert translation.request is REQUEST
            for start in (0, 20):
                await translation.send(audio(start))
            assert translation.pending_ms == 40
            await translation.end_input()
            await translation.end_input()
            with pytest.raises(TranslatorClosedError):
                await translation.send(audio(40))
            assert [event async for event in translation] == [
                Progress(20),
                final("0"),
                Progress(40),
                final("20"),
            ]
            assert translation.pending_ms == 0
        nothing_left_behind()

    clock.run(main())


def test_verbs_that_the_engine_lacks_are_answered() -> None:
    """A caller need not know what the engine can do to call what the protocol has."""
    clock = VirtualClock()

    async def main() -> None:
        async with Engine(clock, Engine.say_every_frame) as translation:
            await translation.commit()
            await translation.interrupt()
            with pytest.raises(UnsupportedChangeError, match="engine can't"):
                await translation.update(REQUEST)
            await translation.send(audio(0))
            assert await anext(aiter(translation)) == Progress(20)

    clock.run(main())


def test_an_interrupt_leaves_text_and_counts_the_speech_it_dropped() -> None:
    """Every buffer says what it lost."""
    clock = VirtualClock()

    async def engine(translation: Engine) -> None:
        await translation.report("u1")
        translation._events.put(TranslatedAudio("u1", "es", audio(0), SPAN))

    async def main() -> None:
        async with Engine(clock, engine) as translation:
            await asyncio.sleep(1)
            await translation.interrupt()
            assert translation.interrupted_ms == 20
            assert [event async for event in translation] == [final("u1")]

    clock.run(main())


def test_closing_stops_the_engine_and_waits_for_it() -> None:
    """After aclose nothing of the translation runs any more."""
    clock = VirtualClock()

    async def main() -> None:
        steps = []

        async def engine(translation: Engine) -> None:
            try:
                await translation.wait()
            finally:
                await asyncio.sleep(1)
                steps.append("tidied up")

        translation = Engine(clock, engine)
        await asyncio.sleep(0)
        reading = asyncio.ensure_future(anext(aiter(translation), None))
        await asyncio.sleep(0)
        closing = asyncio.create_task(translation.aclose())
        await asyncio.sleep(0.5)
        assert steps == []
        await translation.aclose()
        assert steps == ["tidied up"]  # the second call did not disturb it
        await closing
        nothing_left_behind()
        await translation.aclose()
        assert await reading is None
        with pytest.raises(TranslatorClosedError):
            await translation.send(audio(0))
        await translation.end_input()
        await translation.interrupt()
        await translation.commit()
        assert [event async for event in translation] == []

    clock.run(main())


def test_closing_before_the_engine_has_taken_a_step_leaves_nothing() -> None:
    """A call that is hung up at once."""
    clock = VirtualClock()

    async def main() -> None:
        translation = Engine(clock, Engine.wait)
        await translation.aclose()
        nothing_left_behind()
        gc.collect()  # a coroutine that was never awaited would warn here

    clock.run(main())


def test_a_cancelled_close_has_still_stopped_the_engine() -> None:
    """Whoever closes may himself be cancelled."""
    clock = VirtualClock()

    async def main() -> None:
        async def engine(translation: Engine) -> None:
            try:
                await translation.wait()
            finally:
                await asyncio.sleep(1)

        translation = Engine(clock, engine)
        await asyncio.sleep(0)
        closing = asyncio.create_task(translation.aclose())
        await asyncio.sleep(0.5)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await translation.aclose()
        nothing_left_behind()

    clock.run(main())


def test_an_engine_that_does_not_stop_is_given_up_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A broken engine must not keep its caller for ever."""
    clock = VirtualClock()

    async def main() -> None:
        async def engine(translation: Engine) -> None:
            try:
                await translation.wait()
            finally:
                await asyncio.sleep(60)

        translation = Engine(clock, engine)
        await asyncio.sleep(0)
        await translation.aclose()
        assert clock.now() == 10
        await asyncio.sleep(60)

    clock.run(main())
    assert "engine was cancelled and did not stop within 10000 ms" in caplog.text


def test_an_engine_that_fails_while_it_is_closed_is_heard_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its author wants to know; whoever closes does not."""
    clock = VirtualClock()

    async def main() -> None:
        async def engine(translation: Engine) -> None:
            try:
                await translation.wait()
            finally:
                raise ValueError("tidying up went wrong")

        translation = Engine(clock, engine)
        await asyncio.sleep(0)
        await translation.aclose()
        assert [event async for event in translation] == []
        with pytest.raises(TranslatorClosedError):
            await translation.send(audio(0))

    with caplog.at_level(logging.WARNING):
        clock.run(main())
    assert "tidying up went wrong" in caplog.text


@pytest.mark.parametrize("grouped", [False, True])
def test_an_engines_typed_error_comes_through_after_its_events(grouped: bool) -> None:
    """The caller acts on the type; a task group around it is the engine's own affair."""
    clock = VirtualClock()
    error = AuthenticationError("engine", "wrong key")

    async def engine(translation: Engine) -> None:
        await translation.report("u1")
        raise ExceptionGroup("group", [error]) if grouped else error

    async def main() -> None:
        async with Engine(clock, engine) as translation:
            await translation.send(audio(0))
            events = aiter(translation)
            assert await anext(events) == final("u1")
            with pytest.raises(AuthenticationError) as caught:
                await anext(events)
            assert caught.value is error
            with pytest.raises(AuthenticationError):
                await translation.send(audio(20))
            with pytest.raises(AuthenticationError):
                [event async for event in translation]
        with pytest.raises(TranslatorClosedError):
            await translation.send(audio(20))

    clock.run(main())


@pytest.mark.parametrize(
    "error",
    [ValueError("no such word"), ExceptionGroup("two", [ValueError("no such word"), OSError()])],
)
def test_anything_else_that_an_engine_raises_is_the_cause_of_a_typed_error(
    error: Exception,
) -> None:
    """Callers catch `TranslatorError`, whatever an engine's libraries raise."""
    clock = VirtualClock()

    async def engine(translation: Engine) -> None:
        raise error

    async def main() -> None:
        async with Engine(clock, engine) as translation:
            with pytest.raises(EngineFailedError, match=type(error).__name__) as caught:
                await anext(aiter(translation))
            assert caught.value.__cause__ is error
            assert caught.value.engine == "engine"

    clock.run(main())


def test_a_failure_tells_whoever_waits_to_send() -> None:
    """He would wait for room that can't come."""
    clock = VirtualClock()

    async def engine(translation: Engine) -> None:
        await asyncio.sleep(0.05)
        raise ValueError("broke")

    async def main() -> None:
        async with Engine(clock, engine) as translation:
            with pytest.raises(EngineFailedError):
                await send_minute(translation)
            assert clock.now() == 0.05

    clock.run(main())


def test_an_engine_whose_task_somebody_cancels_has_failed() -> None:
    """Its reader must not wait for ever."""
    clock = VirtualClock()

    async def engine(translation: Engine) -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        async with Engine(clock, engine) as translation:
            with pytest.raises(EngineFailedError, match="cancelled"):
                await anext(aiter(translation))

    clock.run(main())


def test_an_engine_that_returns_early_ends_the_events_and_takes_no_more() -> None:
    """It may have had enough; the caller learns it at the next send."""
    clock = VirtualClock()

    async def main() -> None:
        async with Engine(clock, lambda translation: translation.report("u1")) as translation:
            assert [event async for event in translation] == [final("u1")]
            with pytest.raises(TranslatorClosedError, match="the engine has ended"):
                await translation.send(audio(0))

    clock.run(main())


def test_a_reader_who_does_not_read_stops_the_engine_and_then_the_sender() -> None:
    """Memory stays bounded from end to end, and somebody is told."""
    clock = VirtualClock()

    async def main() -> None:
        async with Engine(clock, Engine.say_every_frame, max_queued_events=4) as translation:
            with pytest.raises(TranslatorOverloadedError):
                await send_minute(translation)
            sent = round(translation._frames.end_ms / 20)
            # 2 events for each of 2 frames, one in the engine's hand, and 100 ms pending.
            assert sent <= 2 + 1 + 5
            # When he reads at last, nothing of what was taken is missing.
            await translation.end_input()
            finals = [event async for event in translation if isinstance(event, FinalTranslation)]
            assert len(finals) == sent

    clock.run(main())


@given(seed=st.integers(0, 2**32))
def test_cancelling_any_wait_at_any_moment_loses_nothing_in_silence(seed: int) -> None:
    """A frame whose send returned is heard, one whose send was cancelled is not; every event is read once."""
    clock = VirtualClock()
    random = Random(seed)

    def patience() -> asyncio.Timeout:
        return asyncio.timeout(random.choice([0, 0.01, 0.03, 0.1]))

    async def main() -> None:
        heard: list[float] = []

        async def engine(translation: Engine) -> None:
            async for frame in translation._frames:
                heard.append(frame.start_ms)
                await asyncio.sleep(random.choice([0, 0.01, 0.05]))
                await translation.report(f"{frame.start_ms:g}")

        translation = Engine(clock, engine, max_queued_events=2)
        taken: list[float] = []
        read: list[TranslationEvent] = []

        async def send() -> None:
            for start in range(0, 600, 20):
                try:
                    async with patience():
                        await translation.send(audio(start))
                        taken.append(start)
                except (TimeoutError, TranslatorOverloadedError):
                    continue
            await translation.end_input()

        async def follow() -> None:
            events = aiter(translation)
            while True:
                try:
                    async with patience():
                        read.append(await anext(events))
                    await asyncio.sleep(random.choice([0, 0.02]))
                except TimeoutError:
                    await asyncio.sleep(0.01)
                except StopAsyncIteration:
                    return

        await asyncio.gather(send(), follow())
        assert heard == taken
        assert read == [final(f"{start:g}") for start in taken]
        await translation.aclose()

    clock.run(main())


def test_two_translations_share_nothing() -> None:
    """One call's end, interrupt or failure is not another's."""
    clock = VirtualClock()

    async def main() -> None:
        one = Engine(clock, Engine.say_every_frame)
        other = Engine(clock, Engine.say_every_frame)
        await one.send(audio(0))
        await one.interrupt()
        await one.aclose()
        assert other.pending_ms == 0
        await other.send(audio(0))
        await other.end_input()
        assert [event async for event in other] == [Progress(20), final("0")]
        await other.aclose()
        nothing_left_behind()

    clock.run(main())


def test_a_translation_without_a_task_of_its_own_can_be_closed() -> None:
    """An engine that is called back by an SDK has none."""

    async def main() -> None:
        translation = TranslationBase(
            TranslatorCapabilities(name="callbacks", input_formats=(SPEECH,)), REQUEST
        )
        translation._events.put(final("u1"))
        translation._finish()
        assert [event async for event in translation] == [final("u1")]
        await translation.aclose()
        await translation.aclose()
        with pytest.raises(TranslatorClosedError):
            await translation.send(audio(0))
        translation._fail(EngineFailedError("callbacks", "too late to matter"))
        translation._finish()
        with pytest.raises(TranslatorClosedError, match="closed"):
            await translation.send(audio(0))

    asyncio.run(main())
