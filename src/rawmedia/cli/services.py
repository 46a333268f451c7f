"""What the commands get from outside, so that a test can give them something else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawmedia.streams.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    from starlette.applications import Starlette

    from rawmedia.adapters.soundcard import SoundBackend
    from rawmedia.cli.dial_in import DialIn
    from rawmedia.translators.translator import Translator


def _choose(engine: str) -> Translator:
    from rawmedia.translators.select import choose_translator

    return choose_translator(engine)


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(main)


def _typed() -> AsyncIterator[str]:
    from rawmedia.cli.typed_lines import typed_lines

    return typed_lines()


def _serving(app: Starlette, dial_in: DialIn) -> AbstractAsyncContextManager[None]:
    from rawmedia.adapters.asgi import serving

    return serving(
        app,
        host=dial_in.host,
        port=dial_in.port,
        max_message_bytes=dial_in.max_message_bytes,
    )


@dataclass(frozen=True, slots=True)
class Services:
    """An engine, a clock, an event loop, a sound card, a network; the real ones unless others are given."""

    choose_translator: Callable[[str], Translator] = _choose
    clock: Clock = SYSTEM_CLOCK
    run: Callable[[Coroutine[Any, Any, Any]], Any] = _run
    sound: Callable[[str], SoundBackend] | None = None
    """The sound card of "me", or of the "call"; None for this machine's."""
    keys: Callable[[], AsyncIterator[str]] = _typed
    serving: Callable[[Starlette, DialIn], AbstractAsyncContextManager[None]] = _serving
    """Where the application of a call that is dialled can be reached while a block lasts."""


__all__ = ["Services"]
