"""`rawmedia` as a process of its own, with a fake sound card and an engine that hears an utterance every second.

The environment says what else: ``FILE_LIMIT`` is how many bytes a file may have, as on a
disk that is full after so many; ``OPEN_TAKES`` and ``CLOSE_TAKES`` are how many seconds the
engine takes for that, after it has said so on the standard error.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from typing import TYPE_CHECKING

from rawmedia.cli.app import run
from rawmedia.cli.services import Services
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.fake_soundcard import FakeSoundCard
from rawmedia.testing.script import ScriptedUtterance
from rawmedia.testing.signals import speech_like
from rawmedia.testing.translators import ScriptedTranslator

if TYPE_CHECKING:
    from rawmedia.testing.scripted_translation import ScriptedTranslation
    from rawmedia.translators.request import TranslationRequest


class SlowTranslator(ScriptedTranslator):
    async def open(self, request: TranslationRequest) -> ScriptedTranslation:
        await _take("OPEN_TAKES", "opening")
        return await super().open(request)

    async def aclose(self) -> None:
        await _take("CLOSE_TAKES", "closing")


async def _take(variable: str, what: str) -> None:
    if variable in os.environ:
        print(what, file=sys.stderr, flush=True)
        await asyncio.sleep(float(os.environ[variable]))


def engine(_name: str) -> SlowTranslator:
    return SlowTranslator(
        ScriptedUtterance(
            source_text=f"sentence {number}",
            start_ms=1_000 * number + 100,
            end_ms=1_000 * number + 600,
            revisions=["sentence"],
            translations={"es": f"frase {number}", "en-US": f"sentence {number}"},
            audio=300.0,
        )
        for number in range(60)
    )


def sound(_name: str) -> FakeSoundCard:
    return FakeSoundCard(SYSTEM_CLOCK, hears=speech_like(60_000, seed=3))


if __name__ == "__main__":
    if "FILE_LIMIT" in os.environ:
        limit = int(os.environ["FILE_LIMIT"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    run(Services(choose_translator=engine, sound=sound))
