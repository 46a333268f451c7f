"""Frames on their way into an engine: in order, bounded, and never half taken."""

from __future__ import annotations

import asyncio
import traceback
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    EngineFailedError,
    FormatMismatchError,
    PayloadError,
    TranslatorClosedError,
    TranslatorOverloadedError,
)
from rawmedia.testing.clock import VirtualClock
from rawmedia.translators.frame_queue import FrameQueue

if TYPE_CHECKING:
    from collections.abc import Callable


def audio(start_ms: float, duration_ms: float = 20, format: AudioFormat = SPEECH) -> AudioFrame:
    """A stretch of source."""
    return AudioFrame(bytes(format.samples(duration_ms) * 2), format, format.samples(start_ms))


def make(clock: VirtualClock, max_pending_ms: float = 100) -> FrameQueue:
    return FrameQueue("engine", (SPEECH, TELEPHONY), max_pending_ms, clock)


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_frames_come_out_as_they_went_in_and_then_end() -> None:
    """An engine hears what was said, in order."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock)
        sent = [audio(start) for start in range(0, 100, 20)]
        for frame in sent:
            await queue.put(frame)
        queue.end()
        queue.end()
        assert not queue.exhausted
        assert [frame async for frame in queue] == sent
        assert queue.exhausted
        assert await queue.get() is None
        assert queue.end_ms == 100

    clock.run(main())


def test_a_frame_is_pending_until_the_engine_asks_for_the_next() -> None:
    """What the engine holds in its hand is not processed yet."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock)
        assert (queue.pending_ms, queue.end_ms) == (0, 0)
        queue.release()
        await queue.put(audio(0))
        await queue.put(audio(20))
        assert queue.pending_ms == 40
        await anext(queue)
        assert queue.pending_ms == 40
        await anext(queue)
        assert queue.pending_ms == 20

    clock.run(main())


def test_an_engine_that_looks_ahead_says_itself_what_is_processed() -> None:
    """A service takes frames long before it has heard them."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock)
        queue.release_when_asked = False
        for start in range(0, 80, 20):
            await queue.put(audio(start))
            await anext(queue)
        assert queue.pending_ms == 80
        queue.release(39)
        assert queue.pending_ms == 60
        queue.release(60)
        assert queue.pending_ms == 20
        queue.release(0)
        assert queue.pending_ms == 20
        queue.release()
        assert queue.pending_ms == 0

    clock.run(main())


def test_a_send_waits_for_room_and_goes_on_when_there_is_some() -> None:
    """An engine that is slow for a moment must not cost a frame."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock, max_pending_ms=40)

        async def engine() -> None:
            await clock.sleep_until(0.03)
            async for _ in queue:
                await clock.sleep_until(clock.now() + 0.005)

        listening = asyncio.create_task(engine())
        await queue.put(audio(0))
        await queue.put(audio(20))
        assert clock.now() == 0
        await queue.put(audio(40))
        assert clock.now() == pytest.approx(0.035)
        queue.end()
        await listening

    clock.run(main())


def test_a_send_that_had_to_wait_leaves_no_timer_behind() -> None:
    """An engine that is always a little late would collect them."""
    timers: list[asyncio.TimerHandle] = []

    class CountingClock(VirtualClock):
        def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
            timers.append(super().call_at(when, callback))
            return timers[-1]

    clock = CountingClock()

    async def main() -> None:
        queue = make(clock, max_pending_ms=20)
        await queue.put(audio(0))
        waiting = asyncio.create_task(queue.put(audio(20)))
        await settle()
        await anext(queue)
        queue.release()
        await waiting
        assert [timer.cancelled() for timer in timers] == [True]

    clock.run(main())


def test_a_send_gives_up_in_the_end_and_takes_nothing() -> None:
    """An engine that stands still must not stop the call, nor may frames vanish in it."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock, max_pending_ms=40)
        await queue.put(audio(0))
        await queue.put(audio(20))
        for _ in range(2):  # each try waits anew
            begun = clock.now()
            with pytest.raises(TranslatorOverloadedError, match="40 ms") as caught:
                await queue.put(audio(40))
            assert caught.value.pending_ms == 40
            assert clock.now() - begun == pytest.approx(0.04)
        assert queue.end_ms == 40
        for _ in range(2):
            await anext(queue)
        await queue.put(audio(40))
        assert await anext(queue) == audio(40)

    clock.run(main())


def test_a_single_frame_longer_than_the_limit_is_taken_alone() -> None:
    """Otherwise it could never be sent at all."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock, max_pending_ms=40)
        await queue.put(audio(0, 200))
        with pytest.raises(TranslatorOverloadedError):
            await queue.put(audio(200, 200))
        await anext(queue)
        queue.release()
        await queue.put(audio(200, 200))
        assert queue.pending_ms == 200

    clock.run(main())


def test_a_cancelled_send_takes_nothing_and_lets_the_next_one_through() -> None:
    """The frame of a caller who gave up must not arrive behind his back."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock, max_pending_ms=40)
        await queue.put(audio(0, 30))
        given_up = asyncio.create_task(queue.put(audio(30, 40)))
        behind = asyncio.create_task(queue.put(audio(30, 10)))
        await settle()
        assert not behind.done()  # it would fit, but it is not its turn
        given_up.cancel()
        await settle()
        assert given_up.cancelled()
        assert behind.done()
        queue.end()
        assert [frame async for frame in queue] == [audio(0, 30), audio(30, 10)]

    clock.run(main())


def test_sends_that_wait_are_served_in_the_order_in_which_they_came() -> None:
    """A small frame that would fit must not overtake the one before it."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock, max_pending_ms=60)
        await queue.put(audio(0, 60))
        waiting = [
            asyncio.create_task(queue.put(audio(start, length)))
            for start, length in ((60, 60), (120, 20), (140, 40))
        ]
        await settle()
        lengths = []
        for _ in range(4):
            lengths.append((await anext(queue)).duration_ms)
            queue.release()
            await settle()
        assert lengths == [60, 60, 20, 40]
        await asyncio.gather(*waiting)

    clock.run(main())


def test_a_cancelled_wait_for_a_frame_loses_none() -> None:
    """An engine polls with timeouts."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await anext(queue)
        reading = asyncio.ensure_future(anext(queue))
        await settle()
        await queue.put(audio(0))
        reading.cancel()  # when the frame is there, but the reader has not run since
        await settle()
        assert reading.cancelled()
        assert await anext(queue) == audio(0)

    clock.run(main())


def test_the_first_frame_decides_the_format() -> None:
    """An engine that has begun in one format can't go on in another."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock)
        with pytest.raises(FormatMismatchError):
            await queue.put(audio(0, format=AudioFormat(48_000)))
        await queue.put(audio(0, format=TELEPHONY))
        with pytest.raises(FormatMismatchError) as caught:
            await queue.put(audio(20))
        assert (caught.value.expected, caught.value.got) == (TELEPHONY, SPEECH)
        await queue.put(audio(20, format=TELEPHONY))
        assert queue.end_ms == 40

    clock.run(main())


def test_media_time_may_jump_ahead_but_never_back() -> None:
    """A position ahead is silence that was not sent; one behind would say everything twice."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock)
        await queue.put(audio(1000))
        with pytest.raises(PayloadError, match=r"sample 16320 or later.*got one at 16000"):
            await queue.put(audio(1000))
        await queue.put(audio(3_600_000))
        assert queue.pending_ms == 40  # the hole takes no room
        assert queue.end_ms == 3_600_020

    clock.run(main())


@pytest.mark.parametrize("stop", ["end", "close"])
def test_whoever_waits_to_send_is_told_at_once_when_nothing_is_taken_any_more(stop: str) -> None:
    """He would wait out his time for a frame that can't go anywhere."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock, max_pending_ms=20)
        await queue.put(audio(0))
        waiting = asyncio.create_task(queue.put(audio(20)))
        await settle()
        if stop == "end":
            queue.end()
        else:
            queue.close(TranslatorClosedError("engine"))
        with pytest.raises(TranslatorClosedError):
            await waiting
        assert clock.now() == 0
        with pytest.raises(TranslatorClosedError):
            await queue.put(audio(20))
        assert queue.pending_ms == (20 if stop == "end" else 0)

    clock.run(main())


def test_closing_ends_the_engines_wait_and_drops_what_it_was_not_given() -> None:
    """Nobody will ever read it."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock)
        reading = asyncio.ensure_future(anext(queue, None))
        await settle()
        queue.close(TranslatorClosedError("engine"))
        assert await reading is None

        other = make(clock)
        await other.put(audio(0))
        other.close(EngineFailedError("engine", "broke"))
        assert await other.get() is None
        other.release()
        assert other.pending_ms == 0

    clock.run(main())


def test_an_error_that_is_raised_for_ever_does_not_grow() -> None:
    """A loop that goes on sending to a dead engine must not fill memory with tracebacks."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock)
        error = EngineFailedError("engine", "broke")
        queue.close(error)
        lengths = set()
        for _ in range(5):
            with pytest.raises(EngineFailedError) as caught:
                await queue.put(audio(0))
            assert caught.value is error
            lengths.add(len(traceback.extract_tb(error.__traceback__)))
        assert len(lengths) == 1

    clock.run(main())


@given(
    lengths=st.lists(st.integers(1, 90), max_size=30),
    delays=st.lists(st.integers(0, 100), min_size=1, max_size=10),
    max_pending_ms=st.integers(20, 120),
)
def test_whatever_the_engine_does_pending_audio_is_bounded_and_nothing_is_lost_unsaid(
    lengths: list[int], delays: list[int], max_pending_ms: int
) -> None:
    """Each frame either arrives, in order, or its sender was told that it was not taken."""
    clock = VirtualClock()

    async def main() -> None:
        queue = make(clock, max_pending_ms)
        taken: list[AudioFrame] = []
        heard: list[AudioFrame] = []
        bound = max(max_pending_ms, *lengths, 0) if lengths else max_pending_ms

        async def engine() -> None:
            async for frame in queue:
                assert queue.pending_ms <= bound
                heard.append(frame)
                delay_ms = delays[len(heard) % len(delays)]
                await clock.sleep_until(clock.now() + delay_ms / 1000)

        listening = asyncio.create_task(engine())
        start = 0
        for length in lengths:
            frame = audio(start, length)
            start += length
            try:
                await queue.put(frame)
            except TranslatorOverloadedError:
                continue
            taken.append(frame)
            assert queue.pending_ms <= bound
        queue.end()
        await listening
        assert heard == taken

    clock.run(main())
