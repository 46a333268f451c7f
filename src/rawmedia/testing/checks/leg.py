"""Whether a call leg, and the adapter that carries it, keeps every promise of `CallLeg` and its streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.leg_audio import LEG_AUDIO_CHECKS
from rawmedia.testing.checks.leg_life import LEG_LIFE_CHECKS
from rawmedia.testing.checks.leg_trial import LegTrial, carried

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from rawmedia.streams.leg import CallLeg
    from rawmedia.testing.checks.check import Report

LEG_CHECKS: CheckList[LegTrial] = CheckList(LEG_AUDIO_CHECKS, LEG_LIFE_CHECKS)
"""All promises of a leg, in the order in which they are checked."""


async def check_leg(
    factory: Callable[[], AbstractAsyncContextManager[CallLeg]],
    *,
    suspends: bool = True,
    patience_s: float = 30.0,
    only: str | None = None,
) -> Report:
    """Put every promise of a kind of leg to the test.

    ::

        clock = VirtualClock()
        make = lambda: carried(FakeLeg(speech_like(3_000, seed=1), stays=True, clock=clock))
        clock.run(check_leg(make))

    Args:
        factory: Makes a leg whose call is carried while ``async with`` lasts, and closed after it;
            `carried` makes one of a leg that has ``run``. Its far end speaks for at least three
            seconds, and hears all along.
        suspends: Whether its adapter looks at its state; an adapter whose connection can't break
            need not.
        patience_s: After how many seconds of the event loop's time a call counts as hanging.
        only: The name of the one check to run, as in ``LEG_CHECKS.names``.

    Raises:
        BrokenPromiseError: The first promise that was not kept; it says how to see it.
        ConfigurationError: There is no such check.
    """
    trial = LegTrial(factory, patience_s, suspends=suspends)
    return await LEG_CHECKS.run(trial, only, trial.guard)


__all__ = ["LEG_CHECKS", "carried", "check_leg"]
