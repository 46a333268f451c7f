"""An engine of this library that hears a client's audio for real, such as the embedded one.

So a program that is written for Azure runs with no key and no network, and translates what
it hears, within the bounds of the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, RawMediaError
from rawmedia.testing.azure_emulator.heard import Guessed, Understood, UtteranceDone, Voice
from rawmedia.testing.azure_emulator.script import ScriptedWord
from rawmedia.testing.azure_emulator.upload_format import wav_header
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    UtteranceEnded,
)
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawmedia.testing.azure_emulator.heard import Asked, Heard
    from rawmedia.testing.azure_emulator.upload_format import UploadFormat
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.translator import Translation, Translator

_FRAME_MS = 100.0
# The engine says how far it is about every second; so often is silence acknowledged.
_SETTLE_MS = 10_000.0


class EngineEars:
    """One turn, heard by a translation of its own.

    Args:
        translation: Of the engine; closed with this.
        converter: From what the client sends to what the engine takes.
        start_ms: Where in the stream the turn begins.
        asked: What the client wants to know.
        tell: Gets what was made out.
    """

    def __init__(
        self,
        translation: Translation,
        converter: FormatConverter,
        start_ms: float,
        asked: Asked,
        tell: Callable[[Heard], None],
    ) -> None:
        self._translation, self._converter = translation, converter
        self._start_ms, self._asked, self._tell = start_ms, asked, tell
        self._settled_ms = start_ms
        self._position = 0
        self._final_end_ms = start_ms
        # Of speech in progress: what brings it into the service's one format.
        self._spoken: dict[tuple[str, str], FormatConverter] = {}
        self._reading = asyncio.create_task(self._read(), name="emulator hears")

    @classmethod
    async def open(
        cls,
        engine: Translator,
        upload: UploadFormat,
        start_ms: float,
        asked: Asked,
        tell: Callable[[Heard], None],
    ) -> EngineEars:
        """Start to hear.

        Raises:
            RawMediaError: The engine can't do what the client asks for, or not start.
        """
        if upload.pcm is None:
            raise ConfigurationError("audio", f"the engine takes PCM, not WAV format {upload.tag}")
        converter = FormatConverter(upload.pcm, engine.capabilities.input_formats[0])
        source = asked.source or next(iter(asked.candidates), "en-US")
        # A recogniser alone wants no translation, but the engine is asked for one at least.
        targets = asked.targets or ("es" if source.lower().startswith("en") else "en",)
        try:
            request = TranslationRequest(
                source_language=source, target_languages=targets, speech=bool(asked.spoken)
            )
        except ValueError as error:
            raise ConfigurationError("languages", str(error)) from None
        translation = await engine.open(request)
        return cls(translation, converter, start_ms, asked, tell)

    async def hear(self, data: bytes, _end_ms: float, /) -> None:
        """Give the engine audio; waits while it has too much."""
        await self._send(self._converter.push(data))

    async def commit(self) -> None:
        """Ask the engine to finish the utterance."""
        await self._translation.commit()

    async def end(self) -> None:
        """Wait for all that the engine still says."""
        await self._send(self._converter.flush())
        await self._translation.end_input()
        await self._reading

    async def aclose(self) -> None:
        """Give the engine back."""
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError, RawMediaError):
            await self._reading
        await self._translation.aclose()

    async def _send(self, data: bytes) -> None:
        target = self._converter.target
        size = target.samples(_FRAME_MS) * target.bytes_per_instant
        for at in range(0, len(data), size):
            frame = AudioFrame(data[at : at + size], target, self._position)
            self._position = frame.end
            await self._translation.send(frame)

    async def _read(self) -> None:
        async for event in self._translation:
            self._take(event)

    def _take(self, event: TranslationEvent) -> None:
        match event:
            case PartialTranslation():
                self._tell(
                    Guessed(
                        text=event.source_text,
                        translations=self._wanted(event.translations),
                        start_ms=self._start_ms + event.span.start_ms,
                        end_ms=self._start_ms + event.span.end_ms,
                        language=self._language(event.source_language),
                    )
                )
            case FinalTranslation():
                self._final(event)
            case TranslatedAudio():
                self._audio(event)
            case UtteranceEnded():
                for language in self._asked.spoken:
                    speech = self._spoken.pop((event.utterance_id, language), None)
                    if speech is not None:
                        self._voice(language, speech.flush(), first=False, last=True)
                self._tell(UtteranceDone(end_ms=self._final_end_ms))
            case Progress():
                self._progress(self._start_ms + event.position_ms)

    def _final(self, event: FinalTranslation) -> None:
        self._settled_ms = self._final_end_ms = self._start_ms + event.span.end_ms
        words = [
            ScriptedWord(
                each.word, self._start_ms + each.span.start_ms, self._start_ms + each.span.end_ms
            )
            for each in event.words
        ]
        self._tell(
            Understood(
                text=event.source_text,
                translations=self._wanted(event.translations),
                start_ms=self._start_ms + event.span.start_ms,
                end_ms=self._final_end_ms,
                language=self._language(event.source_language),
                words=words if self._asked.words else (),
                status="Success" if event.source_text else "NoMatch",
            )
        )

    def _audio(self, event: TranslatedAudio) -> None:
        if event.language not in self._asked.spoken:
            return
        key = (event.utterance_id, event.language)
        first = key not in self._spoken
        if first:
            self._spoken[key] = FormatConverter(event.frame.format, SPEECH)
        data = self._spoken[key].push(event.frame)
        self._voice(
            event.language, wav_header(SPEECH) + data if first else data, first=first, last=False
        )

    def _voice(self, language: str, message: bytes, *, first: bool, last: bool) -> None:
        self._tell(
            Voice(
                language=language,
                messages=(message,) if message else (),
                end_ms=self._final_end_ms,
                first=first,
                last=last,
            )
        )

    def _progress(self, position_ms: float) -> None:
        """Silence that the engine is through with is acknowledged from time to time."""
        if position_ms - self._settled_ms < _SETTLE_MS:
            return
        start_ms, self._settled_ms = self._settled_ms, position_ms
        self._tell(
            Understood(
                text="",
                translations={},
                start_ms=start_ms,
                end_ms=position_ms,
                status="InitialSilenceTimeout",
            )
        )

    def _wanted(self, translations: Mapping[str, str]) -> dict[str, str]:
        return {
            language: text
            for language, text in translations.items()
            if language in self._asked.targets
        }

    def _language(self, language: str) -> str | None:
        return language if self._asked.candidates else None


__all__ = ["EngineEars"]
