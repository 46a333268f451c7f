"""Calls of an engine's parts end when they should, and say why."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from rawmedia.errors import EngineFailedError
from rawmedia.testing.clock import VirtualClock
from rawmedia.translators.calls import closing, time_limit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator


def test_what_takes_too_long_is_cancelled_by_the_given_clock() -> None:
    """A part that hangs must not hang the call."""
    clock = VirtualClock()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with time_limit("engine", clock, 250):
                await asyncio.Event().wait()
        assert clock.now() == 0.25

    clock.run(main())


def test_what_ends_in_time_leaves_no_timer_behind() -> None:
    """A timer that fires later would cancel whatever the task does then."""
    clock = VirtualClock()

    async def main() -> None:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: complaints.append(context)
        )
        async with time_limit("engine", clock, 250):
            await asyncio.sleep(0.2)
        await asyncio.sleep(1)
        assert clock.now() == 1.2
        assert complaints == []

    clock.run(main())


def test_a_cancellation_from_outside_stays_one() -> None:
    """Closing a translation is not a timeout."""
    clock = VirtualClock()

    async def call() -> None:
        async with time_limit("engine", clock, 250):
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(call())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    clock.run(main())


def test_a_part_that_cancels_itself_has_failed() -> None:
    """Taken for a real cancellation it would end the caller's task without a word."""
    clock = VirtualClock()

    async def main() -> None:
        with pytest.raises(EngineFailedError, match="cancelled itself"):
            async with time_limit("engine", clock, 250):
                raise asyncio.CancelledError

    clock.run(main())


def test_a_generator_is_closed_at_the_end_of_the_block() -> None:
    """What it holds is given back now, not when the garbage is collected."""

    async def main() -> None:
        closed = []

        async def generator() -> AsyncGenerator[int, None]:
            try:
                yield 1
                yield 2
            finally:
                closed.append(True)

        async with closing(generator()) as numbers:
            assert await anext(numbers) == 1
        assert closed == [True]

    asyncio.run(main())


def test_an_iterator_that_cannot_be_closed_is_left_alone() -> None:
    """The protocols ask for an iterator, not for a generator."""

    class Numbers:
        def __aiter__(self) -> AsyncIterator[int]:
            return self

        async def __anext__(self) -> int:
            return 1

    async def main() -> None:
        async with closing(Numbers()) as numbers:
            assert await anext(numbers) == 1

    asyncio.run(main())
