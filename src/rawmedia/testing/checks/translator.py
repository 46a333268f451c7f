"""Whether a translator keeps every promise of `Translator`, `Translation` and their events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.translator_ending import ENDING_CHECKS
from rawmedia.testing.checks.translator_events import EVENT_CHECKS
from rawmedia.testing.checks.translator_failing import FAILURE_CHECKS
from rawmedia.testing.checks.translator_sending import SENDING_CHECKS
from rawmedia.testing.checks.translator_trial import TranslatorTrial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.testing.checks.check import Report
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translator

TRANSLATOR_CHECKS: CheckList[TranslatorTrial] = CheckList(
    EVENT_CHECKS, SENDING_CHECKS, ENDING_CHECKS, FAILURE_CHECKS
)
"""All promises of a translator, in the order in which they are checked."""


async def check_translator(
    factory: Callable[[], Translator],
    *,
    request: TranslationRequest | None = None,
    audio: AudioFrame | Sequence[AudioFrame] | None = None,
    clock: Clock = SYSTEM_CLOCK,
    patience_s: float = 60.0,
    repeatable: bool = True,
    failing: Callable[[], Translator] | None = None,
    only: str | None = None,
) -> Report:
    """Put every promise of a translator to the test.

    ::

        clock = VirtualClock()
        print(clock.run(check_translator(lambda: MyTranslator(clock=clock), clock=clock)))

    Args:
        factory: Makes a translator; called for each check, so that none disturbs the next.
        request: What is asked of it; by default what its capabilities name first.
        audio: Speech that it understands, in one of its input formats: at least two utterances,
            a second or more of it. By default four seconds that only sound like speech; what an
            engine makes nothing of, it can't be checked by, and the report says so.
        clock: What the translator is timed on.
        patience_s: After how many seconds of that clock a call counts as hanging; a run over
            the whole audio is one.
        repeatable: Whether the same audio gives the same texts and speech each time. If not, only
            what events say about each other is compared.
        failing: Makes a translator whose engine fails in the course of the audio, such as one that
            was given a wrong key or whose process is killed; without it what a failure does
            is not checked.
        only: The name of the one check to run, as in ``TRANSLATOR_CHECKS.names``.

    Raises:
        BrokenPromiseError: The first promise that was not kept; it says how to see it.
        FormatMismatchError: The audio is in none of the translator's formats.
        ConfigurationError: There is no audio, or no such check.
    """
    trial = TranslatorTrial(
        factory, request, audio, clock, patience_s, repeatable=repeatable, failing=failing
    )
    return await TRANSLATOR_CHECKS.run(trial, only)


__all__ = ["TRANSLATOR_CHECKS", "check_translator"]
