"""What the checks of a cascade's three parts have in common: patience, iterators and other loops."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from rawmedia.errors import RawMediaError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.checks.broken import SeenError, broke
from rawmedia.testing.checks.waiting import within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from rawmedia.streams.clock import Clock

T = TypeVar("T")
PARTS = "rawmedia.translators.parts"
UNHEARD_OF = "qqq"
"""A tag that ISO 639-2 gives to no language."""


class PartTrial:
    """What a part is timed on, and how long a call of it may take."""

    def __init__(self, clock: Clock, patience_s: float) -> None:
        self.clock, self.patience_s = clock, patience_s

    async def within(self, call: Awaitable[T], what: str) -> T:
        """Wait for a call as long as the patience lasts."""
        return await within(SYSTEM_CLOCK, self.patience_s, call, what)

    async def guard(self, trying: Awaitable[None]) -> None:
        """Let a whole check take as long as some calls."""
        await within(SYSTEM_CLOCK, 10 * self.patience_s, trying, "this check")

    async def in_another_loop(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        """Do it on an event loop of its own, in another thread."""
        factory = getattr(self.clock, "new_event_loop", asyncio.new_event_loop)

        def run() -> T:
            with asyncio.Runner(loop_factory=factory) as runner:
                return runner.run(work())

        return await asyncio.to_thread(run)


@asynccontextmanager
async def closed(iterator: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close an iterator after the block, if it can be closed."""
    try:
        yield iterator
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


async def value_or_typed_error(call: Awaitable[T], what: str) -> T | None:
    """What a call gives, or None where it raises a `RawMediaError`.

    Raises:
        SeenError: It raised something else.
    """
    try:
        return await call
    except SeenError:
        raise
    except RawMediaError:
        return None
    except Exception as error:  # noqa: BLE001 - this is what it is for
        broke(f"{what} raised {type(error).__name__}, which is no RawMediaError: {error}.")


__all__ = ["PARTS", "UNHEARD_OF", "PartTrial", "closed", "value_or_typed_error"]
