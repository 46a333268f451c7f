"""The Azure engine behind the library's protocol: feeds the recogniser, and watches over it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from rawmedia.audio.format import SPEECH
from rawmedia.errors import ConfigurationError, EngineFailedError, NetworkError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.azure.config import AzureSpeechConfig
from rawmedia.translators.azure.conversation import Conversation
from rawmedia.translators.azure.errors import cancelled
from rawmedia.translators.azure.inbox import Inbox
from rawmedia.translators.azure.languages import check_source, default_voice, target_code
from rawmedia.translators.azure.liveness import Liveness
from rawmedia.translators.azure.messages import (
    Broken,
    Cancelled,
    Connected,
    Disconnected,
    InputDone,
    SessionStopped,
)
from rawmedia.translators.azure.pace import UploadPace
from rawmedia.translators.azure.recognizer import (
    STOP_TIMEOUT_S,
    AzureRecognizer,
    RecognizerSettings,
)
from rawmedia.translators.azure.timeline import UploadTimeline
from rawmedia.translators.base import TranslationBase
from rawmedia.translators.calls import time_limit
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.azure.messages import Message
    from rawmedia.translators.request import TranslationRequest

_LOGGER = logging.getLogger(__name__)
_CHECK_EVERY_MS = 250.0
_CLOSE_TIMEOUT_MS = STOP_TIMEOUT_S * 1_000.0 + 500.0

_CAPABILITIES = TranslatorCapabilities(
    name="azure", input_formats=(SPEECH,), speech=True, partials=True, multi_target=True
)


class AzureTranslator:
    """A `Translator` that Microsoft's Speech service does the work of.

    Every translation is one ``TranslationRecognizer`` of Microsoft's native SDK with a
    connection of its own. One source language; any number of target languages as text,
    one of them as speech. Which languages there are only the service knows.

    Args:
        config: Where the service is and what opens it; from the environment if not given.
        clock: What every wait is measured by. The SDK itself knows only real time.

    Raises:
        ConfigurationError: There is no ``config``, and the environment has none.
    """

    def __init__(
        self, config: AzureSpeechConfig | None = None, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.config = AzureSpeechConfig.from_environment() if config is None else config
        self.clock = clock

    @property
    def capabilities(self) -> TranslatorCapabilities:
        """Text in several languages at once, speech in one."""
        return _CAPABILITIES

    async def open(self, request: TranslationRequest) -> AzureTranslation:
        """Start a translation for one speaker; returns when the service has taken the connection.

        Cancelling gives the connection up in the background.

        Raises:
            ConfigurationError: Several targets are to be spoken, two targets are one
                language to the service, or the source language is no locale.
            UnsupportedLanguageError: No voice is known for the language to be spoken.
            MissingDependencyError: Microsoft's SDK is not installed.
            AuthenticationError: The service refused the key or token.
            ServiceError: The service refused the connection for another reason.
            NetworkError: There was no connection within ``connect_timeout_ms``.
        """
        _CAPABILITIES.check(request)
        translation = AzureTranslation(self, request)
        await translation._connect()
        return translation


class AzureTranslation(TranslationBase):
    """One speaker's live translation; made by `AzureTranslator.open`.

    How much is pending is what waits here. The SDK would take any amount at once and hide
    it; it is given audio at the speed at which it uploads, five seconds at once and then
    twice as fast as speech, and nothing while nobody reads the events.
    """

    def __init__(self, translator: AzureTranslator, request: TranslationRequest) -> None:
        super().__init__(translator.capabilities, request, clock=translator.clock)
        self._config = translator.config
        settings, targets = _settings(self._config, request)
        self._inbox = Inbox(self._name)
        self._recognizer = AzureRecognizer(settings, self._inbox)
        self._timeline = UploadTimeline(SPEECH)
        self._pace = UploadPace()
        self._conversation = Conversation(
            self._timeline,
            source_language=request.source_language,
            targets=targets,
            spoken=request.target_languages[0] if request.speech else None,
            partials=request.partials,
        )
        self._liveness = Liveness(
            self._name, self._config.connect_timeout_ms, self._config.answer_timeout_ms
        )

    async def aclose(self) -> None:
        """Stop the recogniser and wait until it has stopped; what is unsaid stays unsaid. Twice is harmless.

        Takes some 50 ms, and two and a half seconds at most, when the service doesn't answer;
        what is left then ends on a thread of its own.
        """
        try:
            await super().aclose()
        finally:
            self._recognizer.stop()  # a task that was cancelled before its first step did not
        try:
            async with time_limit(self._name, self._clock, _CLOSE_TIMEOUT_MS):
                await self._inbox.wait_closed()
        except TimeoutError:
            _LOGGER.warning("the Speech SDK did not stop in time and is left to end by itself")

    async def _connect(self) -> None:
        try:
            self._recognizer.start()
            async with time_limit(self._name, self._clock, self._config.connect_timeout_ms):
                while not isinstance(message := await self._inbox.get(), Connected):
                    self._check(message)
        except TimeoutError:
            self._recognizer.stop()
            raise NetworkError(
                self._name,
                f"no connection to {self._config.place} within "
                f"{self._config.connect_timeout_ms:g} ms; check the network",
            ) from None
        except BaseException:
            self._recognizer.stop()
            raise
        self._start(self._run)

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                feeding = group.create_task(self._feed())
                await self._listen()
                feeding.cancel()
        finally:
            # Not waited for: with a dead service it takes seconds, and whoever reads the
            # events need not wait for that. `aclose` does.
            self._recognizer.stop()

    async def _feed(self) -> None:
        """Give the recogniser what was sent, gaps filled, at the speed at which it uploads."""
        async for frame in self._frames:
            await self._events.room()
            silence = self._timeline.place(frame)
            self._recognizer.write(bytes(SPEECH.bytes_per_instant * silence))
            self._recognizer.write(bytes(frame))
            now = self._clock.now()
            self._liveness.sent(frame, now)
            due = self._pace.write(SPEECH.duration_ms(silence) + frame.duration_ms, now)
            if due > now:
                await self._clock.sleep_until(due)
        self._recognizer.end_input()
        now = self._clock.now()
        self._liveness.input_ended(now, self._pace.all_sent(now))

    async def _listen(self) -> None:
        """Report what the recogniser says until all audio is answered."""
        while not isinstance(message := await self._next_message(), InputDone):
            self._check(message)
            for event in self._conversation.hear(message):
                await self._report(event)
        for event in self._conversation.finish():
            await self._report(event)

    async def _next_message(self) -> Message:
        """Wait for the recogniser; fail when it will say nothing any more, as it can without a word."""
        # Time in which the reader kept this waiting is not the service's.
        self._liveness.listening(self._clock.now())
        while True:
            try:
                async with time_limit(self._name, self._clock, _CHECK_EVERY_MS):
                    message = await self._inbox.get()
            except TimeoutError:
                if problem := self._liveness.problem(self._clock.now()):
                    raise problem from None
                continue
            match message:
                case Connected():
                    self._liveness.connected()
                case Disconnected():
                    self._liveness.disconnected(self._clock.now())
                case _:
                    self._liveness.message()
            return message

    def _check(self, message: Message) -> None:
        """Raise what a message says is wrong."""
        match message:
            case Broken():
                raise message.error
            case Cancelled():
                secrets = [
                    secret.get_secret_value()
                    for secret in (self._config.key, self._config.token)
                    if secret is not None
                ]
                raise cancelled(
                    self._name,
                    message.code,
                    message.details,
                    place=self._config.place,
                    secrets=secrets,
                )
            case SessionStopped():
                raise EngineFailedError(
                    self._name, "the recogniser stopped by itself; open another translation"
                )
            case _:
                pass


def _settings(
    config: AzureSpeechConfig, request: TranslationRequest
) -> tuple[RecognizerSettings, dict[str, str]]:
    """What to ask the service for, and its codes with the request's names of the targets."""
    check_source(request.source_language)
    targets = {target_code(tag): tag for tag in request.target_languages}
    if len(targets) < len(request.target_languages):
        raise ConfigurationError(
            "target_languages",
            f"{', '.join(request.target_languages)} are only {', '.join(targets)} to Azure Speech",
        )
    voice = None
    if request.speech:
        if len(targets) > 1:
            raise ConfigurationError(
                "speech",
                "in this version azure speaks one target language per translation; ask with "
                "speech=False, or open a translation for each spoken language",
            )
        tag = request.target_languages[0]
        voice = request.voices.get(tag) or default_voice(tag)
    settings = RecognizerSettings(
        config=config,
        source_language=request.source_language,
        target_codes=tuple(targets),
        voice=voice,
    )
    return settings, targets


__all__ = ["AzureTranslation", "AzureTranslator"]
