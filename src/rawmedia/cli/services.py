"""What the commands get from outside, so that a test can give them something else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawmedia.streams.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rawmedia.cli.translate import Outcome
    from rawmedia.translators.translator import Translator


def _choose(engine: str) -> Translator:
    from rawmedia.translators.select import choose_translator

    return choose_translator(engine)


def _run(main: Coroutine[Any, Any, Outcome]) -> Outcome:
    return asyncio.run(main)


@dataclass(frozen=True, slots=True)
class Services:
    """An engine, a clock and an event loop; the real ones unless others are given."""

    choose_translator: Callable[[str], Translator] = _choose
    clock: Clock = SYSTEM_CLOCK
    run: Callable[[Coroutine[Any, Any, Outcome]], Outcome] = _run


__all__ = ["Services"]
