"""Azure's voices as a cascade's synthesizer: streaming, in every language, one connection for each text at work."""

from __future__ import annotations

import asyncio
import weakref
from contextlib import aclosing
from typing import TYPE_CHECKING

from rawmedia.audio.format import WIDEBAND_VOICE
from rawmedia.codecs.ogg_opus import OggOpusDecoder
from rawmedia.errors import AudioError, ConfigurationError, EngineFailedError, ServiceError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.azure.catalogue import chosen_voice, similar_voice, spoken_languages
from rawmedia.translators.azure.config import AzureSpeechConfig
from rawmedia.translators.azure.mailbox import Mailbox
from rawmedia.translators.azure.native_sdk import ENGINE
from rawmedia.translators.azure.native_synthesizer import NativeSynthesizer
from rawmedia.translators.azure.ssml import (
    SpeakingStyle,
    pieces,
    silence_document,
    speak_document,
    speakable,
)
from rawmedia.translators.azure.synthesized import SpeechReader, output_name
from rawmedia.translators.azure.synthesizer_pool import SynthesizerPool
from rawmedia.translators.calls import time_limit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.azure.catalogue import Voice
    from rawmedia.translators.azure.synthesized import Encoding

_MAX_WAITING_BYTES = 16 * 2**20
"""Of one request, whose text is bounded: six minutes of 24 kHz mono, where thirty seconds are usual."""
_LIST_TIMEOUT_MS = 2_000.0


class AzureSynthesizer:
    """Speaks more than eighty languages through Microsoft's Speech service.

    Every text is spoken by a ``SpeechSynthesizer`` of Microsoft's native SDK over a
    connection of its own, which is kept for the next text of the same voice. Audio is
    yielded as it comes. Long texts are spoken in pieces of some thirty seconds, each when
    what came before it was read.

    Args:
        config: Where the service is and what opens it; from the environment if not given.
        format: What the service makes: mono, at 8, 16, 22.05, 24, 44.1 or 48 kHz as "pcm", at
            16, 24 or 48 kHz as "opus", at 8 kHz as "mulaw" or "alaw".
        encoding: How it comes over the network. "opus" takes a tenth of what "pcm" does, and
            needs libopus here.
        style: A style that the voices have, such as "cheerful".
        rate: How fast they speak, 0.5 to 2.
        per_voice: How many texts a voice says at once; more wait for their turn.
        max_idle: How many connections are kept for the next text, over all voices.
        answer_timeout_ms: How long the service may take for the next piece of speech, or to
            say that there is none. The SDK itself gives up after 3 s when speech that has
            begun comes slower than it is said, and never when it does not begin.
        clock: What that is measured by. The SDK itself knows only real time.

    Raises:
        ConfigurationError: There is no ``config``, and the environment has none; or a setting
            is out of range.
        MissingDependencyError: Opus is asked for, and there is no libopus.
    """

    def __init__(
        self,
        config: AzureSpeechConfig | None = None,
        *,
        format: AudioFormat = WIDEBAND_VOICE,
        encoding: Encoding = "pcm",
        style: str | None = None,
        rate: float = 1.0,
        per_voice: int = 2,
        max_idle: int = 8,
        answer_timeout_ms: float = 5_000.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        settings = AzureSpeechConfig.from_environment() if config is None else config
        output = output_name(encoding, format)
        if encoding == "opus":
            OggOpusDecoder(format)  # tells now what is not installed
        if per_voice < 1 or max_idle < 0:
            raise ConfigurationError("per_voice and max_idle", "at least 1, and not negative")
        if not answer_timeout_ms > 0:
            raise ConfigurationError("answer_timeout_ms", f"above 0, got {answer_timeout_ms}")
        self.config = settings
        self.format = format
        """What frames are."""
        self._encoding: Encoding = encoding
        self._how = SpeakingStyle(style, rate)
        self._answer_timeout_ms = answer_timeout_ms
        self._clock = clock
        # Must not know this object, which is garbage when nobody else does.
        self._pool = SynthesizerPool(
            lambda: NativeSynthesizer(settings, output), per_voice=per_voice, max_idle=max_idle
        )
        weakref.finalize(self, self._pool.close).atexit = False

    @property
    def languages(self) -> tuple[str, ...] | None:
        """The languages that a voice is known for, by the text translator's codes."""
        return spoken_languages()

    async def prepare(self, language: str, voice: str | None = None) -> None:
        """Connect now, ahead of the first text, and see that the service takes the voice.

        It is asked for ten milliseconds of silence, because the SDK does not say why it could
        not connect, only why it could not speak.

        Raises:
            RawMediaError: As ``synthesize``.
        """
        chosen = chosen_voice(language, voice)
        document = silence_document(voice=chosen.name, locale=chosen.locale)
        async with aclosing(self._answer(chosen, document)) as answer:
            async for _ in answer:
                pass

    async def synthesize(
        self, text: str, language: str, voice: str | None = None
    ) -> AsyncGenerator[AudioFrame, None]:
        """Speak plain text; see ``Synthesizer.synthesize``.

        An error is this text's alone: the next one may succeed.

        Args:
            text: Markup in it is said; control characters are not.
            language: A BCP-47 tag or the text translator's code.
            voice: The service's short name of a voice, such as "de-DE-ConradNeural". It must
                speak the language, which a custom voice and those that are called
                multilingual are believed to.

        Raises:
            UnsupportedLanguageError: No voice was named, and none is known for the language.
            ConfigurationError: The voice speaks another language, or there is no such voice.
            MissingDependencyError: Microsoft's SDK is not installed.
            AuthenticationError: The service refused the key or token.
            ServiceError: The service failed, or did not answer in time.
            NetworkError: The service could not be reached, or the connection broke.
            EngineFailedError: The SDK failed, or what came was no audio.
            TranslatorClosedError: ``aclose`` came first.
        """
        chosen = chosen_voice(language, voice)
        reader = SpeechReader(self._encoding, self.format)
        for piece in pieces(speakable(text)):
            document = speak_document(
                piece,
                voice=chosen.name,
                locale=chosen.locale,
                foreign=chosen.foreign,
                how=self._how,
            )
            async with aclosing(self._answer(chosen, document)) as answer:
                async for data in answer:
                    for frame in _read(reader.read(data)):
                        yield frame
            for frame in _read(reader.end()):
                yield frame

    async def aclose(self) -> None:
        """Give everything back, also what is being said. Twice is harmless."""
        await self._pool.aclose()

    async def _answer(self, voice: Voice, document: str) -> AsyncGenerator[bytes, None]:
        """What the service answers to one document, as it comes."""
        native = await self._pool.borrow(voice)
        box: Mailbox[bytes] = Mailbox(ENGINE, _MAX_WAITING_BYTES)
        put_right = native.hush
        try:
            native.speak(document, box)
            while (data := await self._next(box)) is not None:
                yield data
            put_right = _as_it_is
        except ConfigurationError as error:
            put_right = native.forget
            raise await self._unknown(voice, native) from error
        except Exception:
            put_right = native.forget
            raise
        finally:
            box.end()
            put_right()
            self._pool.give_back(native)

    async def _next(self, box: Mailbox[bytes]) -> bytes | None:
        try:
            async with time_limit(ENGINE, self._clock, self._answer_timeout_ms):
                return await box.get()
        except TimeoutError:
            raise ServiceError(
                ENGINE,
                f"no speech came for {self._answer_timeout_ms:g} ms from {self.config.place}; "
                "check the network, or try again in a moment",
            ) from None

    async def _unknown(self, voice: Voice, native: NativeSynthesizer) -> ConfigurationError:
        """What the service says of a voice that it does not have, with one that it has."""
        known: tuple[str, ...] = ()
        try:
            async with time_limit(ENGINE, self._clock, _LIST_TIMEOUT_MS):
                known = await asyncio.wrap_future(native.voices(voice.locale))
        except TimeoutError:
            pass
        similar = similar_voice(voice.name, known)
        advice = f"; did you mean {similar}?" if similar else ""
        return ConfigurationError("voice", f"Azure has no {voice.name!r}{advice}")


def _as_it_is() -> None:
    """There is nothing to put right."""


def _read(frames: Iterable[AudioFrame]) -> list[AudioFrame]:
    """The frames, or what is wrong with what came."""
    try:
        return list(frames)
    except AudioError as error:
        raise EngineFailedError(ENGINE, f"the speech that came can't be read: {error}") from error


__all__ = ["AzureSynthesizer"]
