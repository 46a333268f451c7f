"""Captions for user interfaces: each subscriber at its own pace, and never a wrong final."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.captions import CaptionFeed, CaptionUpdate, StabilityConfig
from rawmedia.errors import ConfigurationError, StreamClosedError
from rawmedia.testing import VirtualClock
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    TranslatedAudio,
    UtteranceEnded,
)

if TYPE_CHECKING:
    from rawmedia.captions import CaptionSubscription

SPAN = TimeSpan(0, 1_000)
EAGER = StabilityConfig(agreeing_revisions=1, held_back_words=0)


def partial(text: str, revision: int = 0, uid: str = "u") -> PartialTranslation:
    return PartialTranslation(uid, revision, "", "en", SPAN, {"es": text})


def final(text: str, uid: str = "u") -> FinalTranslation:
    return FinalTranslation(uid, 10**9, "", "en", SPAN, {"es": text})


async def all_of(subscription: CaptionSubscription) -> list[CaptionUpdate]:
    return [update async for update in subscription]


def test_every_subscriber_gets_what_is_told() -> None:
    """Those who come later get what comes later, and what is there if they ask for it."""
    clock = VirtualClock(100)
    feed = CaptionFeed(EAGER, clock=clock)

    async def main() -> list[list[str]]:
        first = feed.subscribe()
        feed.tell(partial("uno"), speaker="Ann")
        second, third = feed.subscribe(recent=1), feed.subscribe()
        feed.tell(UtteranceEnded("v", SPAN))
        empty = AudioFrame(bytes(640), SPEECH)
        feed.tell(TranslatedAudio("u", "es", empty, SPAN))
        assert (await anext(first)).when == 100
        feed.tell(final("uno dos"), speaker="Ann")
        feed.close()
        feed.close()
        return [[each.text for each in await all_of(one)] for one in (first, second, third)]

    assert clock.run(main()) == [["uno dos"], ["uno dos"], ["uno dos"]]
    assert [each.text for each in feed.latest(5)] == ["uno dos"]


def test_a_caption_is_updated_so_many_times_a_second_and_final_at_once() -> None:
    """A million partials a second would freeze the screen that shows them."""
    clock = VirtualClock()
    feed = CaptionFeed(EAGER, clock=clock)
    seen: list[tuple[float, str]] = []

    async def main() -> None:
        subscription = feed.subscribe(max_updates_per_second=4)

        async def show() -> None:
            async for update in subscription:
                seen.append((clock.now(), update.text))

        showing = asyncio.create_task(show())
        words = ["w"]
        for number in range(10_000):
            if number % 1_000 == 0:
                words.append(str(number))
            feed.tell(partial(" ".join(words), number))
            await clock.sleep_until(number * 1e-4)
        feed.tell(final("done"))
        await clock.sleep_until(2)
        feed.close()
        await showing
        assert subscription.stats.given == len(seen)
        assert subscription.stats.waiting == 0

    clock.run(main())
    assert [when for when, _ in seen] == pytest.approx([0, 0.25, 0.5, 0.75, 0.9999])
    assert [text for _, text in seen] == [
        "w 0",
        "w 0 1000 2000",
        "w 0 1000 2000 3000 4000 5000",
        "w 0 1000 2000 3000 4000 5000 6000 7000",
        "done",
    ]


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("partial"), st.sampled_from("uvw"), st.sampled_from("abc")),
            st.tuples(st.just("final"), st.sampled_from("uvw"), st.sampled_from("abc")),
            st.tuples(st.just("read"), st.just(""), st.just("")),
            st.tuples(st.just("wait"), st.just(""), st.just("")),
        ),
        max_size=30,
    )
)
def test_a_slow_subscriber_sees_fewer_updates_and_the_same_end(
    steps: list[tuple[str, str, str]],
) -> None:
    """However it reads: what it has in the end is what the feed has, and no text shrank on the way."""
    clock = VirtualClock()
    feed = CaptionFeed(EAGER, clock=clock)
    shown: dict[object, CaptionUpdate] = {}

    def show(update: CaptionUpdate) -> None:
        before = shown.get(update.key)
        if before is not None:
            assert not before.final
            assert update.revision > before.revision
            assert update.final or update.stable.startswith(before.stable)
        shown[update.key] = update

    async def main() -> None:
        subscription = feed.subscribe()
        texts: dict[str, str] = {}
        for number, (step, uid, text) in enumerate(steps):
            if step == "partial":
                texts[uid] = f"{texts.get(uid, '')} {text}"
                feed.tell(partial(texts[uid], number, uid))
            elif step == "final":
                feed.tell(final(text, uid))
            elif step == "wait":
                await clock.sleep_until(clock.now() + 0.07)
            elif subscription.stats.waiting:
                show(await anext(subscription))
        feed.close()
        for update in await all_of(subscription):
            show(update)
        stats = subscription.stats
        assert stats.given + stats.coalesced == sum(each.revision + 1 for each in feed.latest(99))

    clock.run(main())
    assert {each.key: each for each in feed.latest(99)} == shown


def test_a_subscriber_that_never_reads_costs_bounded_memory() -> None:
    """It loses unfinished captions first, then the oldest; each loss is counted."""
    feed = CaptionFeed(EAGER, clock=VirtualClock())
    subscription = feed.subscribe(capacity=3)
    feed.tell(final("1", "1"))
    feed.tell(partial("2", 0, "2"))
    for number in range(3, 6):
        feed.tell(final(str(number), str(number)))
    feed.tell(partial("6", 0, "6"))
    feed.tell(partial("6 6", 1, "6"))
    assert (subscription.stats.missed, subscription.stats.waiting) == (4, 3)
    feed.close()

    clock = feed._clock
    assert isinstance(clock, VirtualClock)
    assert [each.text for each in clock.run(all_of(subscription))] == ["3", "4", "5"]


def test_a_subscriber_can_choose_its_language() -> None:
    """What is said in it and what is translated into it."""
    clock = VirtualClock()
    feed = CaptionFeed(clock=clock)
    spanish, english = feed.subscribe(language="es"), feed.subscribe(language="en")
    feed.tell(FinalTranslation("u", 0, "hello", "en", SPAN, {"es": "hola"}), speaker="Ann")
    feed.tell(FinalTranslation("u", 0, "adiós", "es", SPAN, {"en": "bye"}), speaker="Bob")
    feed.close()
    for subscription, texts in ((spanish, ["hola", "adiós"]), (english, ["hello", "bye"])):
        assert [each.text for each in clock.run(all_of(subscription))] == texts
    assert [each.text for each in feed.latest(9, language="en")] == ["hello", "bye"]


def test_cancelling_loses_nothing() -> None:
    """A user interface waits with a timeout, again and again."""
    clock = VirtualClock()
    feed = CaptionFeed(EAGER, clock=clock)

    async def main() -> None:
        subscription = feed.subscribe()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await anext(subscription)
        waiting = asyncio.create_task(anext(subscription))
        await asyncio.sleep(0)
        feed.tell(final("uno"))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await anext(subscription)).text == "uno"
        assert len(subscription._waiters) == 0

    clock.run(main())


def test_a_subscriber_that_leaves_is_forgotten() -> None:
    """By closing, by the end of a block, or by letting go."""
    clock = VirtualClock()
    feed = CaptionFeed(EAGER, clock=clock)

    async def main() -> None:
        subscription = feed.subscribe()
        reading = asyncio.create_task(all_of(subscription))
        await asyncio.sleep(0)
        feed.tell(final("dropped", "0"))
        subscription.close()
        subscription.close()
        assert await reading == []
        async with feed.subscribe() as other:
            assert feed.subscribers == 1
            feed.tell(final("1", "1"))
        assert await all_of(other) == []
        await other.aclose()
        forgotten = feed.subscribe()
        assert feed.subscribers == 1
        del forgotten
        gc.collect()
        assert feed.subscribers == 0
        feed.tell(final("2", "2"))

    clock.run(main())


def test_two_tasks_may_share_a_subscription() -> None:
    """Each update goes to one of them, and the end to both."""
    clock = VirtualClock()
    feed = CaptionFeed(EAGER, clock=clock)

    async def main() -> None:
        subscription = feed.subscribe()
        tasks = [asyncio.create_task(all_of(subscription)) for _ in range(2)]
        await asyncio.sleep(0)
        for number in range(5):
            feed.tell(final(str(number), str(number)))
            await asyncio.sleep(0)
        feed.close()
        texts = [each.text for task in tasks for each in await task]
        assert sorted(texts) == list("01234")

    clock.run(main())


def test_a_thread_may_tell() -> None:
    """An engine's own thread, while a task waits on real time."""
    feed = CaptionFeed(EAGER)

    async def main() -> str:
        subscription = feed.subscribe()
        thread = threading.Thread(target=lambda: feed.tell(final("uno")))
        waiting = asyncio.create_task(anext(subscription))
        await asyncio.sleep(0)
        thread.start()
        async with asyncio.timeout(20):
            update = await waiting
        thread.join()
        return update.text

    assert asyncio.run(main()) == "uno"


def test_a_closed_feed_takes_nothing() -> None:
    """What a translation still reports after the session is nobody's business."""
    feed = CaptionFeed(EAGER)
    feed.close()
    feed.tell(final("late"))
    assert feed.latest(5) == ()
    assert feed.stats.finals == 0
    with pytest.raises(StreamClosedError):
        feed.subscribe()


@pytest.mark.parametrize(("capacity", "speed"), [(0, 1.0), (1, 0.0), (1, -1.0), (1, float("nan"))])
def test_a_subscription_that_cannot_be_is_refused(capacity: int, speed: float) -> None:
    """Nothing is started."""
    feed = CaptionFeed()
    with pytest.raises(ConfigurationError):
        feed.subscribe(capacity=capacity, max_updates_per_second=speed)
    assert feed.subscribers == 0
