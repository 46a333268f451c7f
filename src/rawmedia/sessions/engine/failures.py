"""What an engine raises, whatever it is, as an error that says whose it is."""

from __future__ import annotations

import asyncio

from rawmedia.errors import EngineFailedError

_MAX_CHARACTERS = 500


def engine_failure(name: str, error: BaseException) -> EngineFailedError:
    """What an engine raised that is none of this library's errors.

    A cancellation is the engine's where nobody has cancelled the task that calls it: so does one
    that comes out of a task of the engine's own. One that cancels the very task that calls it
    can't be told from whoever stops the session.

    Args:
        name: What the engine is called.
        error: What it raised.

    Raises:
        BaseException: ``error``, as it is: the session's own cancellation, or what asks for the
            end of the program, such as `KeyboardInterrupt`.
    """
    if not _is_the_engines(error):
        raise error
    failure = EngineFailedError(name, _told(error))
    failure.__cause__ = error
    return failure


def _is_the_engines(error: BaseException) -> bool:
    if isinstance(error, Exception):
        return True
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_the_engines, error.exceptions))
    task = _running_task()
    if task is None:
        return False
    if isinstance(error, asyncio.CancelledError):
        return not task.cancelling()
    return isinstance(error, GeneratorExit)


def _running_task() -> asyncio.Task[object] | None:
    """None where the coroutine is being thrown away, outside of any loop."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _told(error: BaseException) -> str:
    name = type(error).__name__
    try:
        return f"{name}: {error}"[:_MAX_CHARACTERS].removesuffix(": ")
    except Exception:  # noqa: BLE001 - an exception that can't even say what it is
        return name


__all__ = ["engine_failure"]
