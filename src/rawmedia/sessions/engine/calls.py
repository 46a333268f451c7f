"""Calls that an engine has to answer in time, whatever it does instead."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from rawmedia.errors import RawMediaError, TranslatorStalledError
from rawmedia.sessions.engine.failures import engine_failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

# What is cancelled and does not end by then is left alone.
_CANCELLING_S = 1.0


async def engine_call(
    name: str,
    call: Callable[[], Awaitable[T]],
    what: str,
    patience_s: float,
    *,
    release: Callable[[T], Awaitable[object]] | None = None,
) -> T:
    """Have an engine do something, in a task of its own, for whatever it does to that.

    Too much for frames and events; for all else it costs nothing. Cancelling cancels it.

    Args:
        name: What the engine is called.
        call: What calls it.
        what: What it is to do, for errors.
        patience_s: How long that may take.
        release: What to do with what comes of it when nobody waits for that any more.

    Raises:
        TranslatorStalledError: It took longer.
        RawMediaError: What it raised, if that is one; otherwise an `EngineFailedError`.
    """
    task = asyncio.create_task(_called(call), name=f"{name} is to {what}")
    task.add_done_callback(_looked_at)
    try:
        await asyncio.wait({task}, timeout=patience_s)
    except asyncio.CancelledError:
        await _call_off(task, release)
        raise
    if not task.done():
        await _call_off(task, release)
        raise TranslatorStalledError(name, f"it did not {what} within {patience_s:g} s")
    try:
        return task.result()
    except RawMediaError:
        raise
    except BaseException as error:
        raise engine_failure(name, error) from error


async def _call_off(
    task: asyncio.Task[T], release: Callable[[T], Awaitable[object]] | None
) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=_CANCELLING_S)
    if release is None or not task.done() or task.cancelled() or task.exception() is not None:
        return
    await release(task.result())


async def _called(call: Callable[[], Awaitable[T]]) -> T:
    return await call()


def _looked_at(task: asyncio.Task[T]) -> None:
    """One that is left alone has nobody else who would look at what it raised."""
    if not task.cancelled():
        task.exception()


__all__ = ["engine_call"]
