"""One connection to the service behind the library's protocol: it lasts as long as it lasts.

`AzureTranslator` runs one after the other, and whatever ends one early is an error here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.frame import AudioFrame
from rawmedia.codecs.g711 import ALawEncoder, ULawEncoder
from rawmedia.errors import EngineFailedError, NetworkError, UnsupportedChangeError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.azure.blocks import BlockWriter
from rawmedia.translators.azure.conversation import Conversation
from rawmedia.translators.azure.errors import cancelled
from rawmedia.translators.azure.inbox import Inbox
from rawmedia.translators.azure.messages import (
    Broken,
    Cancelled,
    Connected,
    Disconnected,
    Hypothesis,
    InputDone,
    Phrase,
    SessionStopped,
    Speech,
)
from rawmedia.translators.azure.native_sdk import ENGINE
from rawmedia.translators.azure.options import AzureOptions
from rawmedia.translators.azure.pace import UploadPace
from rawmedia.translators.azure.passing import PassingQueue
from rawmedia.translators.azure.recognizer import NativeRecognizer
from rawmedia.translators.azure.settings import recognizer_settings
from rawmedia.translators.azure.timeline import UploadTimeline
from rawmedia.translators.azure.translation_config import STOP_TIMEOUT_S, block_bytes
from rawmedia.translators.base import TranslationBase
from rawmedia.translators.calls import time_limit
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.errors import TranslatorError
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.azure.config import AzureSpeechConfig
    from rawmedia.translators.azure.messages import Message
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest

_LOGGER = logging.getLogger(__name__)
_CLOSE_TIMEOUT_MS = STOP_TIMEOUT_S * 1_000.0 + 400.0
# The SDK tells that the connection is gone, and some milliseconds later why, if it does at all.
_REASON_MS = 150.0
_ENCODERS = {"mulaw": ULawEncoder, "alaw": ALawEncoder}


class AzureSessions:
    """A `Translator` whose every translation is one connection to the service, which never comes back.

    Args:
        config: Where the service is and what opens it.
        options: How it listens and speaks.
        clock: What every wait is measured by.
    """

    def __init__(
        self,
        config: AzureSpeechConfig,
        options: AzureOptions | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.config = config
        self.options = AzureOptions() if options is None else options
        self.clock = clock
        self._capabilities = TranslatorCapabilities(
            name=ENGINE,
            input_formats=(SPEECH if self.options.telephony is None else TELEPHONY,),
            # Where any language may come, no text is translated before it is final.
            partials=self.options.detection != "open",
            multi_target=True,
            max_session_ms=config.max_session_ms,
        )

    @property
    def capabilities(self) -> TranslatorCapabilities:
        """Text in several languages at once, speech in one; for ten minutes at most."""
        return self._capabilities

    async def open(self, request: TranslationRequest) -> AzureSession:
        """Connect; returns when the service has taken the connection.

        Cancelling gives the connection up in the background.

        Raises:
            ConfigurationError: As `recognizer_settings` says.
            MissingDependencyError: Microsoft's SDK is not installed.
            AuthenticationError: The service refused the key or token.
            ServiceError: The service refused the connection for another reason.
            NetworkError: There was no connection within ``connect_timeout_ms``.
        """
        self._capabilities.check(request)
        session = AzureSession(self, request)
        await session._connect()
        return session


class AzureSession(TranslationBase):
    """One connection; made by `AzureSessions.open`.

    How much is pending is what waits here. The SDK would take any amount at once and hide
    it; it is given audio at the speed at which it uploads, and nothing while nobody reads
    the events.
    """

    _frames: PassingQueue

    def __init__(self, engine: AzureSessions, request: TranslationRequest) -> None:
        super().__init__(engine.capabilities, request, clock=engine.clock)
        self._config, self._options = engine.config, engine.options
        self._settings, targets = recognizer_settings(self._config, self._options, request)
        self._format = engine.capabilities.input_formats[0]
        self._frames = PassingQueue(
            self._name, engine.capabilities.input_formats, request.max_pending_ms, self._clock
        )
        self._upload_due = 0.0
        law = self._options.telephony
        self._encode = None if law is None else _ENCODERS[law]().encode
        self._inbox = Inbox(self._name)
        self._recognizer = NativeRecognizer(self._settings, self._inbox)
        self._blocks = BlockWriter(self._recognizer.write, block_bytes(self._options))
        self._timeline = UploadTimeline(self._format)
        self._pace = UploadPace(self._options.upload_speed)
        self._conversation = Conversation(
            self._timeline,
            source_language=request.source_language,
            targets=targets,
            spoken=request.target_languages[0] if request.speech else None,
        )

    @property
    def takes_at_once(self) -> bool:
        """Whether `take` may be called now: nothing waits, and the SDK is not ahead of its upload."""
        return (
            self._frames.is_idle and self._events.has_room and self._upload_due <= self._clock.now()
        )

    @property
    def wanted_samples(self) -> int:
        """How much the SDK needs to be able to send the next of its blocks."""
        missing = self._blocks.missing_bytes
        return missing // self._format.bytes_per_instant if self._encode is None else missing

    def take(self, frame: AudioFrame, now: float) -> None:
        """Take a frame in place of ``send``, checked, at once and without a queue."""
        self._frames.note(frame)
        self._upload(frame, now)

    def give_events(self, taker: Callable[[TranslationEvent], bool] | None) -> None:
        """Have events taken while the reader waits for one; see `EventQueue.taker`."""
        self._events.taker = taker

    async def commit(self) -> None:
        """Ask the service to end the utterance that is being said."""
        self._blocks.flush()
        self._recognizer.commit()

    async def update(self, request: TranslationRequest) -> None:
        """Change the target languages of texts over the same connection.

        Raises:
            UnsupportedChangeError: The source language, what the service speaks, or in whose
                voice: open another session.
            ConfigurationError: As `recognizer_settings` says.
        """
        settings, targets = recognizer_settings(self._config, self._options, request)
        old = self._settings
        if (settings.source_language, settings.voice) != (old.source_language, old.voice):
            raise UnsupportedChangeError(
                "request", "only the target languages of texts change over one connection"
            )
        if settings.target_codes != old.target_codes:
            if settings.voice is not None:
                # The SDK would tell the service to speak all targets with that voice.
                raise UnsupportedChangeError("request", "a spoken language needs a new connection")
            self._recognizer.set_targets(settings.target_codes)
        self._conversation.set_targets(targets)
        self._settings, self._request = settings, request

    async def aclose(self) -> None:
        """Stop the recogniser and wait until it has stopped; what is unsaid stays unsaid. Twice is harmless.

        Takes some 20 ms, and two and a half seconds at most, when the service doesn't answer;
        what is left then ends on a thread of its own.
        """
        try:
            await super().aclose()
        finally:
            self._recognizer.stop()  # a task that was cancelled before its first step did not
        try:
            async with time_limit(self._name, SYSTEM_CLOCK, _CLOSE_TIMEOUT_MS):
                await self._inbox.wait_closed()
        except TimeoutError:
            _LOGGER.warning("the Speech SDK did not stop in time and is left to end by itself")

    async def _connect(self) -> None:
        try:
            self._recognizer.start()
            async with time_limit(self._name, self._clock, self._config.connect_timeout_ms):
                while not isinstance(message := await self._inbox.get(), Connected):
                    await self._check(message)
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
            self._upload(frame, self._clock.now())
            if self._upload_due > self._clock.now():
                await self._clock.sleep_until(self._upload_due)
        if not self._closing:
            self._blocks.flush()
            self._recognizer.end_input()

    async def _listen(self) -> None:
        """Report what the recogniser says until all audio is answered."""
        while not isinstance(message := await self._inbox.get(self._hear_now), InputDone):
            await self._check(message)
            for event in self._conversation.hear(message):
                await self._report(event)
        for event in self._conversation.finish():
            await self._report(event)

    def _hear_now(self, message: Message) -> bool:
        """Report what a message says without a task in between, unless it is bad or nobody reads."""
        if not (isinstance(message, Hypothesis | Phrase | Speech) and self._events.has_room):
            return False
        for event in self._conversation.hear(message):
            self._events.put(event)
        return True

    def _upload(self, frame: AudioFrame, now: float) -> None:
        silence = self._timeline.place(frame)
        if silence:
            self._write(AudioFrame.silence(self._format, silence))
        self._write(frame)
        duration_ms = self._format.duration_ms(silence) + frame.duration_ms
        self._upload_due = self._pace.write(duration_ms, now)

    def _write(self, frame: AudioFrame) -> None:
        self._blocks.write(bytes(frame) if self._encode is None else self._encode(frame.samples))

    async def _check(self, message: Message) -> None:
        """Raise what a message says is wrong."""
        match message:
            case Broken():
                raise message.error
            case Cancelled():
                await self._lose_what_failed(message)
                raise self._error(message)
            case Disconnected():
                raise await self._loss()
            case SessionStopped():
                raise EngineFailedError(
                    self._name, "the recogniser stopped by itself; open another translation"
                )
            case _:
                pass

    async def _lose_what_failed(self, message: Cancelled) -> None:
        """Where speech could not be made, it must not be tried again with the next session.

        The SDK ends the session for that and does not say so. But the connection is up, and
        something was to be spoken.
        """
        if message.code == "ServiceError" and self._conversation.owes_speech:
            for event in self._conversation.fail_speech():
                await self._report(event)

    async def _loss(self) -> TranslatorError:
        """Why the connection is gone."""
        try:
            async with time_limit(self._name, SYSTEM_CLOCK, _REASON_MS):
                while True:
                    message = await self._inbox.get()
                    if isinstance(message, Cancelled):
                        return self._error(message)
        except TimeoutError:
            return NetworkError(
                self._name,
                f"the service ended the connection without a reason; check the network and "
                f"{self._config.place}",
            )

    def _error(self, message: Cancelled) -> TranslatorError:
        return cancelled(
            self._name,
            message.code,
            message.details,
            place=self._config.place,
            secrets=self._config.secrets,
        )


__all__ = ["AzureSession", "AzureSessions"]
