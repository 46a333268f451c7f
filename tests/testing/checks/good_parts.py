"""The three parts of a cascade, each keeping its promises; what breaks one derives from these."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import ConfigurationError, FormatMismatchError, UnsupportedLanguageError
from rawmedia.translators.events import WordTiming
from rawmedia.translators.parts import Heard, Recognition, TextTranslation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

UTTERANCE_MS = 1_000
_PIECE_MS = 50


class GoodRecognizer:
    """Understands a second of anything as an utterance of two words."""

    languages: tuple[str, ...] | None = ("en",)
    input_formats: tuple[AudioFormat, ...] = (SPEECH,)

    async def recognize(
        self, frames: AsyncIterator[AudioFrame], language: str
    ) -> AsyncIterator[Recognition | Heard]:
        if language.split("-")[0] != "en":
            raise UnsupportedLanguageError(language, "source", ("en",))
        start: float | None = None
        number, end, partial = 0, 0.0, False
        async for frame in frames:
            if frame.format not in self.input_formats:
                raise FormatMismatchError(self.input_formats[0], frame.format)
            start, end = frame.start_ms if start is None else start, frame.end_ms
            if not partial and end - start >= UTTERANCE_MS / 2:
                partial = True
                yield self.partial(TimeSpan(start, end))
            if end - start >= UTTERANCE_MS:
                yield self.final(number, TimeSpan(start, end))
                number, start, partial = number + 1, None, False
            yield Heard(end, end if start is None else start)
        if start is not None:
            yield self.final(number, TimeSpan(start, end))
            yield Heard(end, end)

    def partial(self, span: TimeSpan) -> Recognition:
        return Recognition("said", span, is_final=False, heard_ms=span.end_ms)

    def final(self, number: int, span: TimeSpan) -> Recognition:
        middle = (span.start_ms + span.end_ms) / 2
        words = (
            WordTiming("said", TimeSpan(span.start_ms, middle)),
            WordTiming(str(number), TimeSpan(middle, span.end_ms)),
        )
        return Recognition(f"said {number}", span, is_final=True, words=words, heard_ms=span.end_ms)


class GoodTextTranslator:
    """Writes in capitals, and does not know what has a "zx" in it."""

    pairs: tuple[tuple[str, str], ...] | None = (("en", "es"),)

    async def translate(
        self, text: str, source_language: str, target_language: str
    ) -> TextTranslation:
        for tag, role, known in (
            (source_language, "source", "en"),
            (target_language, "target", "es"),
        ):
            if tag.split("-")[0].lower() != known:
                raise UnsupportedLanguageError(tag, role, (known,))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        unknown = tuple(word for word in text.split() if "zx" in word)
        words = (word if word in unknown else word.upper() for word in text.split(" "))
        return TextTranslation(" ".join(words), unknown)


class GoodSynthesizer:
    """Hums each character for 5 ms, at its own pitch."""

    languages: tuple[str, ...] | None = ("es", "en")
    format = SPEECH

    async def synthesize(
        self, text: str, language: str, voice: str | None
    ) -> AsyncIterator[AudioFrame]:
        if voice is not None:
            raise ConfigurationError("voice", f"there is no {voice!r}")
        if language.split("-")[0].lower() not in (self.languages or ()):
            raise UnsupportedLanguageError(language, "speech", self.languages or ())
        position = 0
        for start in range(0, len(text.strip()), _PIECE_MS // 5):
            piece = text.strip()[start : start + _PIECE_MS // 5]
            await asyncio.sleep(0)
            levels = np.repeat(np.array([ord(each) % 9_999 for each in piece], np.int16), 80)
            frame = AudioFrame(levels[:, np.newaxis].copy(), self.format, position)
            position = frame.end
            yield frame
