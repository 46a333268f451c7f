"""Who has which synthesizer when, and the mailbox that their speech comes through."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.errors import EngineFailedError, ServiceError, TranslatorClosedError
from rawmedia.translators.azure.catalogue import Voice
from rawmedia.translators.azure.mailbox import Mailbox
from rawmedia.translators.azure.synthesizer_pool import SynthesizerPool

if TYPE_CHECKING:
    from collections.abc import Coroutine

KATJA, DENISE = Voice("de-DE-KatjaNeural", "de-DE"), Voice("fr-FR-DeniseNeural", "fr-FR")


class FakeNative:
    """A synthesizer that only knows whether it runs."""

    def __init__(self) -> None:
        self.started = self.stopped = False
        self.joined = threading.Event()

    def start(self) -> None:
        self.started = True

    def stop(self) -> None:
        self.stopped = True

    def join(self, timeout: float) -> None:
        assert self.stopped
        self.joined.set()


class Factory:
    """Makes fakes, and remembers them."""

    def __init__(self) -> None:
        self.made: list[FakeNative] = []

    def __call__(self) -> Any:
        self.made.append(FakeNative())
        return self.made[-1]


def pool(per_voice: int = 2, max_idle: int = 2) -> tuple[SynthesizerPool, list[FakeNative]]:
    factory = Factory()
    return SynthesizerPool(factory, per_voice=per_voice, max_idle=max_idle), factory.made


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 10))


def test_a_synthesizer_is_used_again_by_the_same_voice_alone() -> None:
    """Its connection is warm; and a burst of one language holds no other up."""

    async def main() -> None:
        synthesizers, made = pool()
        first = await synthesizers.borrow(KATJA)
        synthesizers.give_back(first)
        assert await synthesizers.borrow(KATJA) is first
        assert await synthesizers.borrow(DENISE) is not first
        assert [each.started for each in made] == [True, True]

    run(main())


def test_more_texts_than_synthesizers_wait_for_their_turn_in_order() -> None:
    async def main() -> None:
        synthesizers, made = pool(per_voice=1)
        native = await synthesizers.borrow(KATJA)
        turns: list[str] = []

        async def speak(name: str) -> None:
            mine = await synthesizers.borrow(KATJA)
            turns.append(name)
            await asyncio.sleep(0)
            synthesizers.give_back(mine)

        waiting = [asyncio.create_task(speak(name)) for name in "abc"]
        await asyncio.sleep(0.01)
        assert turns == []
        synthesizers.give_back(native)
        await asyncio.gather(*waiting)
        assert turns == ["a", "b", "c"]
        assert len(made) == 1

    run(main())


def test_cancelling_a_wait_loses_no_synthesizer() -> None:
    """Also in the moment in which its turn has come and it does not know yet."""

    async def main() -> None:
        synthesizers, made = pool(per_voice=1)
        native = await synthesizers.borrow(KATJA)
        early = asyncio.create_task(synthesizers.borrow(KATJA))
        late = asyncio.create_task(synthesizers.borrow(KATJA))
        await asyncio.sleep(0)
        early.cancel()
        await asyncio.sleep(0)
        synthesizers.give_back(native)
        late.cancel()
        results = await asyncio.gather(early, late, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in results)
        assert await synthesizers.borrow(KATJA) is native
        assert len(made) == 1

    run(main())


def test_idle_synthesizers_are_bounded_and_the_stalest_goes_first() -> None:
    """A caller with a hundred languages must not hold a hundred connections."""

    async def main() -> None:
        synthesizers, made = pool(per_voice=1, max_idle=2)
        voices = [Voice(f"v{number}", "de-DE") for number in range(4)]
        lent = [await synthesizers.borrow(voice) for voice in voices]
        for native in lent:
            synthesizers.give_back(native)
        assert [each.stopped for each in made] == [True, True, False, False]

    run(main())


def test_the_freshest_connection_is_taken_first() -> None:
    async def main() -> None:
        synthesizers, _ = pool()
        one, other = await synthesizers.borrow(KATJA), await synthesizers.borrow(KATJA)
        synthesizers.give_back(one)
        synthesizers.give_back(other)
        assert await synthesizers.borrow(KATJA) is other

    run(main())


def test_closing_stops_all_and_refuses_the_rest() -> None:
    async def main() -> None:
        synthesizers, made = pool(per_voice=1)
        lent = await synthesizers.borrow(KATJA)
        synthesizers.give_back(await synthesizers.borrow(DENISE))
        waiting = asyncio.create_task(synthesizers.borrow(KATJA))
        await asyncio.sleep(0)
        await synthesizers.aclose()
        await synthesizers.aclose()
        assert all(each.stopped and each.joined.is_set() for each in made)
        synthesizers.give_back(lent)  # its text ends later
        for attempt in (waiting, synthesizers.borrow(KATJA)):
            with pytest.raises(TranslatorClosedError):
                await attempt
        assert len(made) == 2

    run(main())


def test_two_event_loops_share_what_there_is() -> None:
    """A part may be used on any loop; a turn that comes from another must wake the right one."""
    synthesizers, made = pool(per_voice=1)
    lent, go_on = threading.Event(), threading.Event()

    async def hold() -> None:
        native = await synthesizers.borrow(KATJA)
        lent.set()
        await asyncio.to_thread(go_on.wait, 5)
        synthesizers.give_back(native)

    thread = threading.Thread(target=lambda: run(hold()))
    thread.start()

    async def wait() -> None:
        await asyncio.to_thread(lent.wait, 5)
        borrowing = asyncio.create_task(synthesizers.borrow(KATJA))
        await asyncio.sleep(0)
        go_on.set()
        synthesizers.give_back(await borrowing)

    run(wait())
    thread.join()
    assert len(made) == 1


@given(sizes=st.lists(st.integers(1, 9), max_size=20))
def test_a_mailbox_gives_what_was_put_in_order_and_then_ends(sizes: list[int]) -> None:
    async def main() -> None:
        box: Mailbox[int] = Mailbox("azure", 1_000)

        def fill() -> None:
            for size in sizes:
                box.put(size, size)
            box.end()
            box.put(99)  # comes too late

        filling = asyncio.create_task(asyncio.to_thread(fill))
        taken = []
        while (value := await box.get()) is not None:
            taken.append(value)
        await filling
        assert taken == sizes
        assert await box.get() is None

    run(main())


def test_a_mailbox_gives_what_came_before_its_error() -> None:
    async def main() -> None:
        box: Mailbox[str] = Mailbox("azure", 10)
        box.put("one")
        box.end(ServiceError("azure", "why"))
        box.end()
        assert box.waiting == 1
        assert await box.get() == "one"
        for _ in range(2):
            with pytest.raises(ServiceError, match="why"):
                await box.get()

    run(main())


def test_a_full_mailbox_ends_with_an_error() -> None:
    """A hole in speech must not go unseen, and memory must not grow."""

    async def main() -> None:
        box: Mailbox[bytes] = Mailbox("azure", 10)
        for _ in range(3):
            box.put(b"12345", 5)
        assert await box.get() == b"12345"
        assert await box.get() == b"12345"
        with pytest.raises(EngineFailedError, match="more came"):
            await box.get()

    run(main())


def test_a_cancelled_wait_loses_nothing() -> None:
    async def main() -> None:
        box: Mailbox[int] = Mailbox("azure", 10)
        waiting = asyncio.create_task(box.get())
        await asyncio.sleep(0)
        waiting.cancel()
        box.put(7)
        await asyncio.gather(waiting, return_exceptions=True)
        assert await box.get() == 7

    run(main())


def test_a_mailbox_outlives_its_loop() -> None:
    """The SDK's threads go on for a moment after a program's loop is closed."""

    async def main() -> Mailbox[int]:
        return Mailbox("azure", 10)

    box = asyncio.run(main())
    box.put(1)
    box.end()
    assert box.waiting == 1
