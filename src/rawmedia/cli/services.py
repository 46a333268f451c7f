"""What the commands get from outside, so that a test can give them something else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawmedia.streams.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from rawmedia.adapters.soundcard import SoundBackend
    from rawmedia.translators.translator import Translator


def _choose(engine: str) -> Translator:
    from rawmedia.translators.select import choose_translator

    return choose_translator(engine)


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(main)


def _typed() -> AsyncIterator[str]:
    from rawmedia.cli.live_call import typed_lines

    return typed_lines()


@dataclass(frozen=True, slots=True)
class Services:
    """An engine, a clock and an event loop; the real ones unless others are given."""

    choose_translator: Callable[[str], Translator] = _choose
    clock: Clock = SYSTEM_CLOCK
    run: Callable[[Coroutine[Any, Any, Any]], Any] = _run
    sound: Callable[[str], SoundBackend] | None = None
    """The sound card of "me", or of the "call"; None for this machine's."""
    keys: Callable[[], AsyncIterator[str]] = _typed


__all__ = ["Services"]
