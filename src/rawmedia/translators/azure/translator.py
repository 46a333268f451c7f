"""The Azure engine behind the library's protocol: connections that follow one another, and who speaks."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from rawmedia.audio.activity import EnergyActivity
from rawmedia.errors import ConfigurationError, RawMediaError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.azure.config import AzureSpeechConfig
from rawmedia.translators.azure.options import AzureOptions
from rawmedia.translators.azure.passing import PassingTranslator
from rawmedia.translators.azure.session import AzureSession, AzureSessions
from rawmedia.translators.azure.settings import recognizer_settings, voice_of
from rawmedia.translators.azure.translation import AzureTranslation
from rawmedia.translators.resilience import ResilienceConfig
from rawmedia.translators.resilience.backoff import Backoff
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.audio.activity import ActivityDetector
    from rawmedia.audio.format import AudioFormat
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.parts import Synthesizer
    from rawmedia.translators.request import TranslationRequest

_FIRST_RETRIES = 4
_RETRY_BASE_MS = 250.0
_ENGINE_SHARE = 0.25


class AzureTranslator:
    """A `Translator` that Microsoft's Speech service does the work of.

    Every translation is one connection to the service at a time. When one breaks, falls
    silent while somebody speaks, or is nearly ten minutes old, the next one takes over and
    gets again what was not answered; `ResilienceWarning` events tell each step. Any number
    of target languages as text and as speech. Which languages there are only the service
    knows.

    Args:
        config: Where the service is and what opens it; from the environment if not given.
        options: How it listens and speaks.
        resilience: How patient and persistent it is; by default as ``config`` sets the times
            to connect and to answer.
        synthesizer: Who speaks several languages, or one where the options ask for it; the
            service's own `AzureSynthesizer` if not given. Not closed by ``aclose``.
        activity: Makes what tells whether somebody speaks, for a format.
        random: What the jitter of waits is drawn from.
        clock: What every wait is measured by. The SDK itself knows only real time.

    Raises:
        ConfigurationError: There is no ``config``, and the environment has none.
    """

    def __init__(
        self,
        config: AzureSpeechConfig | None = None,
        *,
        options: AzureOptions | None = None,
        resilience: ResilienceConfig | None = None,
        synthesizer: Synthesizer | None = None,
        activity: Callable[[AudioFormat], ActivityDetector] = EnergyActivity,
        random: Random | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.config = AzureSpeechConfig.from_environment() if config is None else config
        self.options = AzureOptions() if options is None else options
        self.resilience = _resilience(self.config) if resilience is None else resilience
        self.activity = activity
        self.random = Random() if random is None else random  # noqa: S311 - jitter is no secret
        self.clock = clock
        self._given = synthesizer
        self._own: Synthesizer | None = None
        engine = AzureSessions(self.config, self.options, clock=clock).capabilities
        self._capabilities = TranslatorCapabilities(
            name=engine.name, input_formats=engine.input_formats, multi_target=True
        )

    @property
    def capabilities(self) -> TranslatorCapabilities:
        """Text and speech in several languages at once, with no limit in time."""
        return self._capabilities

    async def open(self, request: TranslationRequest) -> AzureTranslation:
        """Start a translation for one speaker; returns when the service has taken the connection.

        A failure that may pass is tried again up to four times, about a second in all.

        Cancelling gives the connection up in the background.

        Raises:
            ConfigurationError: Two targets are one language to the service, a source language
                is no locale, or a voice is none, or of another language.
            UnsupportedLanguageError: No voice is known for a language to be spoken.
            MissingDependencyError: Microsoft's SDK is not installed.
            AuthenticationError: The service refused the key or token.
            ServiceError: The service refused the connection for another reason.
            NetworkError: There was no connection within ``connect_timeout_ms``.
        """
        self.check(request)
        sessions = _Sessions(self.config, self.options, clock=self.clock)
        first = await self._first(sessions, self.for_service(request))
        sessions.ready = first
        resilient = PassingTranslator(
            sessions,
            config=self.resilience,
            clock=self.clock,
            random=self.random,
            activity=self.activity,
        )
        try:
            inner = await resilient.open(self.for_service(request))
            return AzureTranslation(self, request, inner)
        except BaseException:
            await first.aclose()
            raise

    async def aclose(self) -> None:
        """Give back what the translations share; close them first. Twice is harmless."""
        own, self._own = self._own, None
        close = getattr(own, "aclose", None)
        if close is not None:
            await close()

    def check(self, request: TranslationRequest) -> None:
        """Refuse what can be known to be wrong without asking the service.

        Raises:
            ConfigurationError: As `open` says.
            UnsupportedLanguageError: As `open` says.
        """
        self._capabilities.check(request)
        recognizer_settings(self.config, self.options, self.for_service(request))
        if request.speech:
            if self.options.personal_voice and len(request.target_languages) > 1:
                raise ConfigurationError(
                    "target_languages", "one at a time with the option personal_voice"
                )
            for tag in request.target_languages:
                voice_of(tag, request.voices, self.options)

    def speaks_apart(self, request: TranslationRequest) -> bool:
        """Whether a synthesizer speaks, and not the translation service itself."""
        if not request.speech or self.options.synthesis == "service":
            return False
        return self.options.synthesis == "separate" or len(request.target_languages) > 1

    def for_service(
        self, request: TranslationRequest, *, apart: bool = False
    ) -> TranslationRequest:
        """What the translation service is asked for.

        Partials always: they are the signs of life that the watchdog waits for.

        Args:
            request: What the caller asks for.
            apart: Whether a synthesizer speaks in any case.
        """
        speech = request.speech and not (apart or self.speaks_apart(request))
        return request.model_copy(update={"speech": speech, "partials": True})

    @property
    def synthesizer(self) -> Synthesizer:
        """Who speaks several languages; made when it is first needed, and shared."""
        if self._given is not None:
            return self._given
        if self._own is None:
            from rawmedia.translators.azure.synthesis import AzureSynthesizer

            self._own = AzureSynthesizer(self.config)
        return self._own

    async def _first(self, sessions: AzureSessions, request: TranslationRequest) -> AzureSession:
        """Connect for the first time, so that what is wrong from the start is an error of ``open``."""
        timeout_ms = self.config.connect_timeout_ms
        backoff = Backoff(_RETRY_BASE_MS, _RETRY_BASE_MS, _FIRST_RETRIES, timeout_ms, self.random)
        pending_ms = max(20.0, request.max_pending_ms * _ENGINE_SHARE)
        request = request.model_copy(update={"max_pending_ms": pending_ms})
        while True:
            try:
                return await sessions.open(request)
            except RawMediaError as error:
                at = backoff.failed(self.clock.now()) if error.retryable else None
                if at is None:
                    raise
            await self.clock.sleep_until(at)


class _Sessions(AzureSessions):
    """Sessions of one translation, the first of which is there already."""

    ready: AzureSession | None = None

    async def open(self, request: TranslationRequest) -> AzureSession:
        """The one that is there, or another."""
        ready, self.ready = self.ready, None
        return await super().open(request) if ready is None else ready


def _resilience(config: AzureSpeechConfig) -> ResilienceConfig:
    return ResilienceConfig(
        answer_timeout_ms=config.answer_timeout_ms,
        # What was said last may be waiting in the SDK, and is then translated and spoken.
        rest_timeout_ms=min(600_000.0, config.answer_timeout_ms * 2),
        final_timeout_ms=max(30_000.0, config.answer_timeout_ms),
        connect_timeout_ms=config.connect_timeout_ms,
    )


__all__ = ["AzureTranslator"]
