"""What every check of a call leg works with: legs whose far end speaks, and what was heard of it."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from rawmedia.errors import StreamError, StreamFailedError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.checks.broken import broke
from rawmedia.testing.checks.waiting import within
from rawmedia.testing.signals import tone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.leg import CallLeg

T = TypeVar("T")


class RunnableLeg(Protocol):
    """A leg whose ``run`` carries the call; so are `FakeLeg` and `FileLeg`."""

    async def run(self) -> None:
        """Carry the call until it is over."""
        ...

    async def aclose(self) -> None:
        """Close the leg."""
        ...


RunnableT = TypeVar("RunnableT", bound=RunnableLeg)


@asynccontextmanager
async def carried(leg: RunnableT) -> AsyncIterator[RunnableT]:
    """Run a leg's ``run`` beside the block, and close the leg after it.

    For legs whose own ``async with`` does not carry the call, such as `FakeLeg`.
    """
    carrying = asyncio.create_task(leg.run(), name="check carries a leg")
    try:
        yield leg
    finally:
        await leg.aclose()
        carrying.cancel()
        await asyncio.wait({carrying})
    if not carrying.cancelled():
        carrying.result()


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame that came in, and when."""

    at_ms: float
    """On the leg's clock."""
    frame: AudioFrame


class LegTrial:
    """A kind of leg under test.

    Args:
        factory: Makes a leg whose call is carried while its ``async with`` lasts.
        patience_s: How long a check may take, in the event loop's time.
        suspends: Whether its adapter looks at its state.
    """

    def __init__(
        self,
        factory: Callable[[], AbstractAsyncContextManager[CallLeg]],
        patience_s: float,
        *,
        suspends: bool,
    ) -> None:
        self.factory, self.patience_s, self.suspends = factory, patience_s, suspends

    async def within(self, call: Awaitable[T], what: str) -> T:
        """Wait for a call as long as the patience lasts.

        Not on the leg's clock: one that counts media stands still when nothing is heard.
        """
        return await within(SYSTEM_CLOCK, self.patience_s, call, what)

    async def guard(self, trying: Awaitable[None]) -> None:
        """Let a whole check take a little longer than the calls in it."""
        await within(
            SYSTEM_CLOCK, 2 * self.patience_s, trying, "this check, or leaving the leg after it,"
        )


@asynccontextmanager
async def heard(leg: CallLeg) -> AsyncIterator[list[Heard]]:
    """Read a leg's inbound stream beside the block; the list grows as frames come."""
    frames: list[Heard] = []

    def note(frame: AudioFrame) -> None:
        frames.append(Heard(leg.clock.now() * 1000, frame))

    async def listen() -> None:
        with suppress(StreamError):
            async for frame in leg.inbound:
                note(frame)

    listening = asyncio.create_task(listen(), name="check listens")
    try:
        yield frames
    finally:
        listening.cancel()
        await asyncio.wait({listening})


@asynccontextmanager
async def failing(leg: AbstractAsyncContextManager[CallLeg]) -> AsyncIterator[CallLeg]:
    """A leg that is to fail in the block: its end may say so, also in the group of a `TaskGroup`."""
    try:
        async with leg as entered:
            yield entered
    except* StreamFailedError:
        pass


async def until(condition: Callable[[], bool], leg: CallLeg, limit_ms: float, what: str) -> None:
    """Let the leg's time pass until something is so.

    Raises:
        SeenError: It was not after ``limit_ms``.
    """
    start = leg.clock.now()
    while not condition():
        if (leg.clock.now() - start) * 1000 > limit_ms:
            broke(f"{what} after {limit_ms:g} ms.")
        await leg.clock.sleep_until(leg.clock.now() + 0.02)


def speech(leg: CallLeg, duration_ms: float) -> AudioFrame:
    """Something to say to a leg, in the format that it takes."""
    return tone(duration_ms, format=leg.outbound.format)


__all__ = ["Heard", "LegTrial", "RunnableLeg", "carried", "failing", "heard", "speech", "until"]
