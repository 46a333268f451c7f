"""An engine for a direction that no engine serves: it is never asked, and says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.format import SPEECH
from rawmedia.translators.function import FunctionTranslator
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest


async def _nothing(
    frames: AsyncIterator[AudioFrame],
    request: TranslationRequest,  # noqa: ARG001 - a translator's signature
) -> AsyncIterator[TranslationEvent]:
    async for _ in frames:
        pass
    nothing: tuple[TranslationEvent, ...] = ()
    for event in nothing:
        yield event


NOBODY = FunctionTranslator(
    _nothing, TranslatorCapabilities(name="nobody", input_formats=(SPEECH,))
)
"""For a `DirectionSetup` that is off, so that the original is passed on."""

__all__ = ["NOBODY"]
