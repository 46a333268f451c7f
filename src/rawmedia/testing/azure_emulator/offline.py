"""The embedded engine in the place of the service: it hears, translates texts and speaks for real."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.frame import AudioFrame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rawmedia.audio.format import AudioFormat
    from rawmedia.streams.clock import Clock
    from rawmedia.testing.azure_emulator.ssml import Segment
    from rawmedia.translators.offline import (
        ApertiumTranslator,
        EspeakSynthesizer,
        OfflineTranslator,
    )


class OfflineEngine:
    """The three parts of the embedded engine; each is loaded when it is first used."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._translator: OfflineTranslator | None = None
        self._texts: ApertiumTranslator | None = None
        self._voice: EspeakSynthesizer | None = None

    @property
    def translator(self) -> OfflineTranslator:
        """What hears and translates speech: English, into what the engine has."""
        if self._translator is None:
            from rawmedia.translators.offline import offline_translator

            self._translator = offline_translator(clock=self._clock)
        return self._translator

    async def translate(self, text: str, source: str | None, target: str) -> str:
        """Translate a text.

        Raises:
            RawMediaError: The engine lacks the languages, or something is not installed.
        """
        if self._texts is None:
            from rawmedia.translators.offline import ApertiumTranslator

            self._texts = ApertiumTranslator()
        return (await self._texts.translate(text, source or "en", target)).text

    async def speak(self, segment: Segment, format: AudioFormat) -> AsyncIterator[AudioFrame]:
        """Speak a text in a format.

        Raises:
            RawMediaError: The engine lacks the language, or something is not installed.
        """
        if self._voice is None:
            from rawmedia.translators.offline import EspeakSynthesizer

            self._voice = EspeakSynthesizer()
        converter, position = None, 0
        async for frame in self._voice.synthesize(segment.text, segment.language):
            converter = converter or FormatConverter(frame.format, format)
            piece = AudioFrame(converter.push(frame), format, position)
            position = piece.end
            yield piece
        if converter is not None and (rest := converter.flush()):
            yield AudioFrame(rest, format, position)

    async def aclose(self) -> None:
        """Give back what was started."""
        for part in (self._translator, self._texts):
            if part is not None:
                await part.aclose()


__all__ = ["OfflineEngine"]
