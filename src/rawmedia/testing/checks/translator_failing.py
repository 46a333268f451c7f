"""What is left of a translation when its engine fails: a typed error, and nothing that hangs."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from rawmedia.errors import TranslatorError, TranslatorOverloadedError
from rawmedia.testing.checks.broken import SeenError, broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.leftovers import Leftovers

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.testing.checks.translator_trial import TranslatorTrial
    from rawmedia.translators.translator import Translation, Translator

_TRANSLATION = "rawmedia.translators.translator.Translation"

FAILURE_CHECKS: CheckList[TranslatorTrial] = CheckList()


@FAILURE_CHECKS.promise(
    "When the engine fails iteration raises a TranslatorError, each time that it is tried.",
    f"{_TRANSLATION}.__aiter__",
)
async def a_failure_ends_iteration_with_its_error(trial: TranslatorTrial) -> None:
    """An end without an error would look as if all was said."""
    async with trial.opened(translator=_failing(trial)()) as translation:
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
    async with trial.opened(translator=_failing(trial)()) as translation:
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
    factory = _failing(trial)
    leftovers = Leftovers()
    async with trial.opened(translator=factory()) as translation:
        await _fail(trial, translation)
        await trial.within(translation.aclose(), "aclose() after a failure")
    await leftovers.require_no_tasks("the engine had failed and aclose() had returned")


def _failing(trial: TranslatorTrial) -> Callable[[], Translator]:
    if trial.failing is None:
        skip("no failing= was given, which makes an engine that fails")
    return trial.failing


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
