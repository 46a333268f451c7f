"""What is left of a translation when its engine fails: a typed error, and nothing that hangs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from rawmedia.errors import (
    ConfigurationError,
    MissingDependencyError,
    TranslatorError,
    TranslatorOverloadedError,
)
from rawmedia.testing.checks.broken import SeenError, broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.leftovers import Leftovers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rawmedia.testing.checks.translator_trial import TranslatorTrial
    from rawmedia.translators.translator import Translation, Translator

_TRANSLATION = "rawmedia.translators.translator.Translation"

_PROMISED = (TranslatorError, ConfigurationError, MissingDependencyError)
"""What open raises where it can't serve, lacks something, or does not reach the engine."""

FAILURE_CHECKS: CheckList[TranslatorTrial] = CheckList()


@FAILURE_CHECKS.promise(
    "When the engine fails iteration raises a TranslatorError, each time that it is tried.",
    f"{_TRANSLATION}.__aiter__",
)
async def a_failure_ends_iteration_with_its_error(trial: TranslatorTrial) -> None:
    """An end without an error would look as if all was said."""
    async with _opened(trial) as translation:
        await _fail(trial, translation)
        try:
            await trial.within(trial.read(translation), "iteration after a failure")
        except TranslatorError:
            return
        broke("iteration raised when the engine failed, and simply ended when it was tried again.")


@FAILURE_CHECKS.promise(
    "When the engine has failed a send raises a TranslatorError.", f"{_TRANSLATION}.send"
)
async def a_failure_refuses_frames(trial: TranslatorTrial) -> None:
    """Whoever feeds must learn of it, though somebody else reads."""
    async with _opened(trial) as translation:
        await _fail(trial, translation)
        last = trial.frames[-1]
        later = last.at(last.end + last.format.samples(60_000))
        try:
            await trial.within(translation.send(later), "send() after a failure")
        except TranslatorError as error:
            overloaded = isinstance(error, TranslatorOverloadedError)
            require(not overloaded, "the engine had failed, and send() said that it has no room.")
            return
        broke("the engine had failed, and send() took another frame.")


@FAILURE_CHECKS.promise(
    "A translation that failed is closed like any other and leaves no task.",
    f"{_TRANSLATION}.aclose",
)
async def a_failed_translation_leaves_nothing(trial: TranslatorTrial) -> None:
    """Failures come in series."""
    leftovers = Leftovers()
    async with _opened(trial) as translation:
        await _fail(trial, translation)
        await trial.within(translation.aclose(), "aclose() after a failure")
    await leftovers.require_no_tasks("the engine had failed and aclose() had returned")


@FAILURE_CHECKS.promise(
    "open says with its own errors why the engine can't be started or reached, and leaves nothing.",
    "rawmedia.translators.translator.Translator.open",
)
async def an_engine_that_can_not_be_opened_says_so(trial: TranslatorTrial) -> None:
    """Whoever opens it has nothing yet that could be iterated or closed."""
    leftovers = Leftovers()
    translator = _failing(trial)
    try:
        translation = await trial.within(translator.open(trial.request), "open()")
    except _PROMISED:
        await leftovers.require_no_tasks("open() had failed")
        return
    except SeenError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody promised it
        broke(f"the engine could not be opened, and open() raised {type(error).__name__}: {error}.")
    await trial.within(translation.aclose(), "aclose()")
    skip("the engine that failing= makes can be opened")


def _failing(trial: TranslatorTrial) -> Translator:
    if trial.failing is None:
        skip("no failing= was given, which makes an engine that fails")
    return trial.failing()


@asynccontextmanager
async def _opened(trial: TranslatorTrial) -> AsyncIterator[Translation]:
    """A translation whose engine is to fail; the check is skipped where it can't even be opened."""
    translator = _failing(trial)
    try:
        translation = await trial.within(translator.open(trial.request), "open()")
    except _PROMISED as error:
        skip(f"the engine that failing= makes can't be opened: {error}")
    async with trial.closing(translation):
        yield translation


async def _fail(trial: TranslatorTrial, translation: Translation) -> None:
    """Send and read until the failure is there."""
    feeding = asyncio.create_task(_send(trial, translation), name="check feeds")
    try:
        await trial.within(trial.read(translation), "iteration while the engine fails")
    except TranslatorError:
        return
    except SeenError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no TranslatorError
        broke(f"the engine failed, and iteration raised {type(error).__name__}: {error}.")
    finally:
        feeding.cancel()
        await asyncio.wait({feeding})
    broke(
        "the engine that failing= made was given all of the audio, and iteration ended without an error."
    )


async def _send(trial: TranslatorTrial, translation: Translation) -> None:
    with suppress(TranslatorError):  # iteration will say the same
        await trial.send_all(translation, trial.frames)
        await translation.end_input()


__all__ = ["FAILURE_CHECKS"]
