"""The way from the SDK's threads to the event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from rawmedia.errors import EngineFailedError
from rawmedia.translators.azure.inbox import Inbox
from rawmedia.translators.azure.messages import Hypothesis, Message, Noticed, Phrase, Speech

if TYPE_CHECKING:
    from collections.abc import Callable


def hypothesis(number: int) -> Hypothesis:
    return Hypothesis(str(number), {}, 0.0, float(number))


def test_messages_of_another_thread_come_in_order() -> None:
    async def main() -> None:
        inbox = Inbox("azure")
        sent = [hypothesis(number) for number in range(500)]

        def put_all() -> None:
            for each in sent:
                inbox.put(each)

        thread = threading.Thread(target=put_all)
        thread.start()
        async with asyncio.timeout(5):
            assert [await inbox.get() for _ in sent] == sent
        thread.join(5)

    asyncio.run(main())


def test_a_cancelled_wait_loses_nothing() -> None:
    async def main() -> None:
        inbox = Inbox("azure")
        for number in range(100):
            waiting = asyncio.create_task(inbox.get())
            await asyncio.sleep(0)
            inbox.put(hypothesis(number))
            for _ in range(number % 4):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait({waiting})
            read = inbox.get() if waiting.cancelled() else _value(waiting.result())
            async with asyncio.timeout(5):
                assert await read == hypothesis(number)

    asyncio.run(main())


def test_hypotheses_without_room_are_dropped_and_counted() -> None:
    """The next one replaces them anyhow; what is due after them still comes."""

    async def main() -> None:
        inbox = Inbox("azure", max_messages=3)
        for number in range(5):
            inbox.put(hypothesis(number))
        assert inbox.dropped_hypotheses == 2
        assert [await inbox.get() for _ in range(3)] == [hypothesis(each) for each in range(3)]
        inbox.put(Noticed())
        assert await inbox.get() == Noticed()

    asyncio.run(main())


@pytest.mark.parametrize(
    "lost", [Phrase("a", {}, 0.0, 1.0), Speech(b"\0\0"), Noticed()], ids=lambda each: repr(each)
)
def test_anything_else_without_room_ends_the_translation(lost: Message) -> None:
    """After what came before: a phrase or a piece of speech must not vanish unseen."""

    async def main() -> None:
        inbox = Inbox("azure", max_messages=2)
        for message in (hypothesis(0), hypothesis(1), lost):
            inbox.put(message)
        assert [await inbox.get(), await inbox.get()] == [hypothesis(0), hypothesis(1)]
        inbox.put(hypothesis(2))
        with pytest.raises(EngineFailedError, match="room"):
            await inbox.get()

    asyncio.run(main())


def test_speech_is_bounded_by_its_bytes() -> None:
    async def main() -> None:
        inbox = Inbox("azure", max_speech_bytes=1_000)
        for _ in range(50):
            inbox.put(Speech(bytes(600)))
            inbox.put(Speech(bytes(600)))
            assert [len((await _speech(inbox)).data) for _ in range(2)] == [600, 600]
        for _ in range(3):
            inbox.put(Speech(bytes(600)))
        await inbox.get()
        await inbox.get()
        with pytest.raises(EngineFailedError):
            await inbox.get()

    asyncio.run(main())


def test_after_the_close_what_waits_is_read_and_nothing_more_is_taken() -> None:
    async def main() -> None:
        inbox = Inbox("azure")
        inbox.put(hypothesis(0))
        closing = asyncio.create_task(inbox.wait_closed())
        await asyncio.sleep(0)
        assert not closing.done()
        inbox.close()
        async with asyncio.timeout(5):
            await closing
            await inbox.wait_closed()
        inbox.put(hypothesis(1))
        assert await inbox.get() == hypothesis(0)
        with pytest.raises(EngineFailedError, match="stopped"):
            await inbox.get()

    asyncio.run(main())


def test_a_message_for_a_loop_that_is_closed_harms_nobody() -> None:
    """The SDK calls back when it likes."""

    async def make() -> Inbox:
        return Inbox("azure")

    inbox = asyncio.run(make())
    inbox.put(Noticed())
    inbox.close()


@pytest.mark.parametrize("left", [0, 3, 9])
def test_what_is_taken_on_the_way_and_what_is_left_come_in_order(left: int) -> None:
    """The first that is left stops all after it, until whoever waits has read it."""

    async def main() -> None:
        inbox = Inbox("azure", max_speech_bytes=100)
        taken: list[Message] = []

        def take(message: Message) -> bool:
            if message == hypothesis(left):
                return False
            taken.append(message)
            return True

        async with asyncio.timeout(5):
            reading = asyncio.create_task(inbox.get(take))
            await asyncio.sleep(0)
            for number in range(10):
                inbox.put(hypothesis(number))
            assert await reading == hypothesis(left)
            assert taken == [hypothesis(each) for each in range(left)]
            reading = asyncio.create_task(inbox.get(take))
            inbox.put(Speech(bytes(80)))
            await _until(lambda: len(taken) == 10)
            inbox.put(Speech(bytes(80)))
            await _until(lambda: len(taken) == 11)
            inbox.close()
            with pytest.raises(EngineFailedError, match="stopped"):
                await reading
        assert taken[9:] == [Speech(bytes(80))] * 2

    asyncio.run(main())


def test_what_a_taker_raises_reaches_whoever_waits_and_loses_nothing() -> None:
    """It runs in a callback of the event loop, where an exception would vanish."""

    async def main() -> None:
        inbox = Inbox("azure")

        def take(_: Message) -> bool:
            raise ZeroDivisionError

        async with asyncio.timeout(5):
            reading = asyncio.create_task(inbox.get(take))
            await asyncio.sleep(0)
            inbox.put(hypothesis(0))
            with pytest.raises(ZeroDivisionError):
                await reading
            assert await inbox.get() == hypothesis(0)

    asyncio.run(main())


async def _until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0)


async def _value(message: Message) -> Message:
    return message


async def _speech(inbox: Inbox) -> Speech:
    message = await inbox.get()
    assert isinstance(message, Speech)
    return message
