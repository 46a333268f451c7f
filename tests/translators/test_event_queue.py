"""Events on their way to the reader: in order, bounded, and without speech after an interrupt."""

from __future__ import annotations

import asyncio
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import EngineFailedError
from rawmedia.translators.event_queue import EventQueue
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslationEvent,
    TranslatorWarning,
    Usage,
    UtteranceEnded,
)

SPAN = TimeSpan(0, 100)


def spoken(utterance: str, duration_ms: float = 20) -> TranslatedAudio:
    frame = AudioFrame(bytes(SPEECH.samples(duration_ms) * 2), SPEECH)
    return TranslatedAudio(utterance, "es", frame, SPAN)


def partial(utterance: str) -> PartialTranslation:
    return PartialTranslation(utterance, 0, "hello", "en", SPAN)


def final(utterance: str) -> FinalTranslation:
    return FinalTranslation(utterance, 1, "hello", "en", SPAN, {"es": "hola"})


def ended(utterance: str) -> UtteranceEnded:
    return UtteranceEnded(utterance, SPAN)


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


def drain(queue: EventQueue) -> list[TranslationEvent]:
    """What the reader gets after the engine has ended."""

    async def read() -> list[TranslationEvent]:
        return [event async for event in queue]

    queue.end()
    return asyncio.run(read())


def test_events_come_in_order_and_then_end() -> None:
    """A reader needs no sorting."""
    queue = EventQueue(10, 1_000)
    events: list[TranslationEvent] = [
        partial("u1"),
        final("u1"),
        spoken("u1"),
        ended("u1"),
        Progress(100),
        Usage(1.0),
    ]
    for event in events:
        queue.put(event)
    assert drain(queue) == events


def test_reading_on_after_the_end_ends_again() -> None:
    """An iterator that has ended stays ended."""

    async def main() -> None:
        queue = EventQueue(10, 1_000)
        queue.end()
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(queue)
        queue.put(final("u1"))
        with pytest.raises(StopAsyncIteration):
            await anext(queue)

    asyncio.run(main())


def test_a_cancelled_wait_loses_no_event() -> None:
    """A reader with a timeout sees every event, whenever the timeout comes."""

    async def main() -> None:
        queue = EventQueue(10, 1_000)
        reading = asyncio.ensure_future(anext(queue))
        await settle()
        queue.put(final("u1"))
        reading.cancel()  # the event is there, but the reader has not run since
        await settle()
        assert reading.cancelled()
        assert await anext(queue) == final("u1")

    asyncio.run(main())


def test_a_failure_comes_after_what_was_reported_and_then_again() -> None:
    """What the engine delivered before it broke stays valid."""

    async def main() -> None:
        queue = EventQueue(10, 1_000)
        queue.put(final("u1"))
        error = EngineFailedError("engine", "broke")
        queue.end(error)
        queue.end()
        queue.end(EngineFailedError("engine", "broke again"))  # the first word counts
        assert await anext(queue) == final("u1")
        lengths = set()
        for _ in range(3):
            with pytest.raises(EngineFailedError) as caught:
                await anext(queue)
            assert caught.value is error
            lengths.add(len(traceback.extract_tb(error.__traceback__)))
        assert len(lengths) == 1  # its traceback does not grow

    asyncio.run(main())


def test_an_engine_waits_while_too_many_events_are_unread() -> None:
    """A reader who does not read costs constant memory."""

    async def main() -> None:
        queue = EventQueue(3, 1_000)

        async def engine() -> None:
            for number in range(5):
                await queue.room()
                queue.put(final(f"u{number}"))

        task = asyncio.create_task(engine())
        await settle()
        assert not task.done()
        assert not queue.has_room
        await anext(queue)
        await settle()
        assert not task.done()
        await anext(queue)
        await task

    asyncio.run(main())


def test_an_engine_waits_while_too_much_speech_is_unread() -> None:
    """Speech is what is big; a minute of it at once is what a synthesizer likes to give."""

    async def main() -> None:
        queue = EventQueue(1_000, 50)
        queue.put(spoken("u1", 30))
        assert queue.has_room
        queue.put(spoken("u1", 30))
        assert not queue.has_room
        await anext(queue)
        assert queue.has_room

    asyncio.run(main())


def test_a_progress_replaces_one_that_waits_right_before_it() -> None:
    """Hours of silence that nobody reads about must not fill the queue; only the last word counts."""
    queue = EventQueue(3, 1_000)
    for position in range(1_000):
        queue.put(Progress(position))
    assert queue.has_room
    queue.put(final("u1"))
    queue.put(Progress(2_000))
    assert drain(queue) == [Progress(999), final("u1"), Progress(2_000)]


def test_an_interrupt_drops_waiting_speech_and_leaves_the_rest() -> None:
    """The listener wants silence; the captions still want the text."""
    queue = EventQueue(10, 50)
    kept: list[TranslationEvent] = [
        partial("u1"),
        final("u1"),
        TranslatorWarning("oh", "u1"),
        ended("u1"),
        Progress(1),
    ]
    for event in kept[:2]:
        queue.put(event)
    queue.put(spoken("u1", 60))
    assert not queue.has_room
    queue.interrupt()
    assert queue.has_room
    assert queue.interrupted_ms == 60
    for event in kept[2:]:
        queue.put(event)
    assert drain(queue) == kept


def test_an_interrupt_lets_an_engine_go_on_that_waited_for_room() -> None:
    """The room is there now; and what it wanted to say is dropped too."""

    async def main() -> None:
        queue = EventQueue(10, 50)
        queue.put(spoken("u1", 60))

        async def engine() -> None:
            await queue.room()
            queue.put(spoken("u1", 40))

        task = asyncio.create_task(engine())
        await settle()
        queue.interrupt()
        await task
        assert queue.interrupted_ms == 100

    asyncio.run(main())


@pytest.mark.parametrize("begun_by", ["partial", "final", "audio", "begin"])
def test_after_an_interrupt_only_utterances_that_begin_later_are_spoken(begun_by: str) -> None:
    """Late speech of what was cut off is how an interrupted voice comes back to life."""
    queue = EventQueue(100, 1_000)
    match begun_by:
        case "partial":
            queue.put(partial("u1"))
        case "final":
            queue.put(final("u1"))
        case "audio":
            queue.put(spoken("u1"))
        case _:
            queue.begin("u1")
    queue.interrupt()
    queue.begin("u1")  # that it is mentioned again does not make it a new one
    queue.put(partial("u2"))
    assert queue.silenced("u1")
    assert not queue.silenced("u2")
    for utterance in ("u1", "u2"):
        queue.put(spoken(utterance))
        queue.put(ended(utterance))
    speech = [event for event in drain(queue) if isinstance(event, TranslatedAudio)]
    assert [event.utterance_id for event in speech] == ["u2"]


def test_an_ended_utterance_is_forgotten() -> None:
    """An hour of call has thousands; and an engine may use an id again."""
    queue = EventQueue(100, 1_000)
    queue.put(final("u1"))
    queue.interrupt()
    assert queue.silenced("u1")
    queue.put(ended("u1"))
    assert not queue.silenced("u1")
    queue.put(ended("u1"))  # twice is harmless


def test_utterances_that_never_end_do_not_pile_up() -> None:
    """An engine that forgets to end its utterances costs constant memory; the oldest goes."""
    queue = EventQueue(100_000, 1_000)
    queue.begin("oldest")
    for number in range(1_000):
        queue.begin(f"u{number}")
    queue.interrupt()
    assert queue.silenced("u999")
    assert not queue.silenced("oldest")
    assert not queue.silenced("u0")


def test_closing_drops_what_waits_and_lets_everybody_go() -> None:
    """The reader ends, the engine does not wait for him, and nothing more is kept."""

    async def main() -> None:
        queue = EventQueue(1, 1_000)
        queue.put(spoken("u1"))
        producing = asyncio.create_task(queue.room())
        await settle()
        queue.close()
        await producing
        queue.put(final("u2"))
        with pytest.raises(StopAsyncIteration):
            await anext(queue)

        waiting = EventQueue(1, 1_000)
        reading = asyncio.ensure_future(anext(waiting, None))
        await settle()
        waiting.close()
        assert await reading is None

    asyncio.run(main())


def test_closing_after_a_failure_hides_it() -> None:
    """Whoever closes does not want to hear of it any more."""

    async def main() -> None:
        queue = EventQueue(1, 1_000)
        queue.end(EngineFailedError("engine", "broke"))
        queue.close()
        with pytest.raises(StopAsyncIteration):
            await anext(queue)

    asyncio.run(main())


@given(st.lists(st.sampled_from(["put", "read", "willing", "unwilling", "yield"]), max_size=60))
def test_events_come_once_and_in_order_whether_the_reader_or_the_taker_has_them(
    steps: list[str],
) -> None:
    """A taker is the short way; which way was open must not be heard."""

    async def main() -> None:
        queue = EventQueue(1_000, 1_000)
        willing = True
        got: list[TranslationEvent] = []

        def take(event: TranslationEvent) -> bool:
            if willing:
                got.append(event)
            return willing

        async def read() -> None:
            got.append(await anext(queue))

        queue.taker = take
        sent: list[TranslationEvent] = []
        readers: list[asyncio.Task[None]] = []
        for step in steps:
            match step:
                case "put":
                    sent.append(final(f"u{len(sent)}"))
                    queue.put(sent[-1])
                case "read":
                    if all(reader.done() for reader in readers):
                        readers.append(asyncio.create_task(read()))
                case "yield":
                    await settle()
                case _:
                    willing = step == "willing"
        await settle()
        for reader in readers:
            reader.cancel()
        await settle()
        queue.taker = None
        queue.end()
        got += [event async for event in queue]
        assert got == sent

    asyncio.run(main())


def test_a_taker_is_asked_only_while_the_reader_waits_and_nothing_else_does() -> None:
    """A reader who is busy with an event, or behind, must have those after it later."""

    async def main() -> None:
        queue = EventQueue(10, 1_000)
        asked: list[TranslationEvent] = []

        def take(event: TranslationEvent) -> bool:
            asked.append(event)
            return event != final("u2")

        queue.taker = take
        queue.put(final("u0"))
        assert not asked, "there is no reader"
        assert await anext(queue) == final("u0")
        reading = asyncio.ensure_future(anext(queue))
        await settle()
        queue.put(final("u1"))
        queue.put(final("u2"))
        queue.put(final("u3"))
        assert asked == [final("u1"), final("u2")], "the third comes after what was left"
        assert await reading == final("u2")
        assert await anext(queue) == final("u3")

    asyncio.run(main())


def test_speech_that_is_taken_is_not_waiting_and_silenced_speech_is_not_offered() -> None:
    """The way that speech goes changes neither the bound nor what an interrupt does."""

    async def main() -> None:
        queue = EventQueue(10, 100)
        taken: list[TranslationEvent] = []

        def take(event: TranslationEvent) -> bool:
            taken.append(event)
            return True

        queue.taker = take
        reading = asyncio.ensure_future(anext(queue, None))
        await settle()
        for _ in range(20):
            queue.put(spoken("u1"))
        assert queue.has_room
        queue.interrupt()
        queue.put(spoken("u1"))
        queue.put(ended("u1"))
        assert taken == [spoken("u1")] * 20 + [ended("u1")]
        assert queue.interrupted_ms == 20
        queue.close()
        assert await reading is None

    asyncio.run(main())
