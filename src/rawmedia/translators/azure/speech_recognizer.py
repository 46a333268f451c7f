"""Azure's plain speech recognition as a cascade's recogniser."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from rawmedia.audio.activity import EnergyActivity
from rawmedia.audio.format import SPEECH
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import (
    ConfigurationError,
    EngineFailedError,
    FormatMismatchError,
    NetworkError,
    ServiceError,
)
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.azure.catalogue import SOURCES, source_locale
from rawmedia.translators.azure.config import AzureSpeechConfig
from rawmedia.translators.azure.errors import cancelled
from rawmedia.translators.azure.mailbox import Mailbox
from rawmedia.translators.azure.messages import (
    Broken,
    Cancelled,
    Connected,
    Disconnected,
    Hypothesis,
    InputDone,
    Noticed,
    Phrase,
    SessionStopped,
)
from rawmedia.translators.azure.native_listener import ListenerSettings, NativeListener
from rawmedia.translators.azure.native_sdk import ENGINE
from rawmedia.translators.azure.pace import UploadPace
from rawmedia.translators.azure.timeline import UploadTimeline
from rawmedia.translators.calls import time_limit
from rawmedia.translators.events import WordTiming
from rawmedia.translators.parts import Heard, Recognition
from rawmedia.translators.resilience.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.azure.messages import Message

# What the service can say is bounded by what it is sent, and nothing is sent while more than a
# few messages wait for a reader.
_MAX_WAITING_MESSAGES = 4_096
_MANY_WAITING_MESSAGES = 64
_CHECK_EVERY_MS = 200.0
_MAX_PHRASES = 500


class AzureRecognizer:
    """Hears some hundred and fifty locales through Microsoft's Speech service.

    Every call is one ``SpeechRecognizer`` of Microsoft's native SDK with a connection of its
    own, which the SDK opens again, four times at most, when it breaks. A call that fails is
    over; `ResilientTranslator` around the cascade begins another.

    Args:
        config: Where the service is and what opens it; from the environment if not given.
        word_timings: Whether finals say where each of their words was said.
        phrases: Names and terms that are likely to be said, 500 at most.
        segmentation_silence_ms: The pause that ends an utterance, 100 to 5000; None leaves it
            to the service.
        clock: What every wait is measured by. The SDK itself knows only real time.

    Raises:
        ConfigurationError: There is no ``config``, and the environment has none; or a setting
            is out of range.
    """

    def __init__(
        self,
        config: AzureSpeechConfig | None = None,
        *,
        word_timings: bool = False,
        phrases: tuple[str, ...] = (),
        segmentation_silence_ms: int | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if len(phrases) > _MAX_PHRASES or not all(phrases):
            raise ConfigurationError("phrases", f"{_MAX_PHRASES} at most, none of them empty")
        if segmentation_silence_ms is not None and not 100 <= segmentation_silence_ms <= 5_000:
            raise ConfigurationError(
                "segmentation_silence_ms", f"100 to 5000, got {segmentation_silence_ms}"
            )
        self.config = AzureSpeechConfig.from_environment() if config is None else config
        self._word_timings = word_timings
        self._phrases = tuple(phrases)
        self._segmentation_silence_ms = segmentation_silence_ms
        self._clock = clock

    @property
    def languages(self) -> tuple[str, ...] | None:
        """The locales that the service recognises."""
        return SOURCES

    @property
    def input_formats(self) -> tuple[AudioFormat, ...]:
        """16 kHz mono."""
        return (SPEECH,)

    async def recognize(
        self, frames: AsyncIterator[AudioFrame], language: str
    ) -> AsyncGenerator[Recognition | Heard, None]:
        """Listen to one speaker; see ``Recognizer.recognize``.

        Args:
            frames: 16 kHz mono; read at the speed at which the SDK uploads, twice that of
                speech after the first five seconds.
            language: A locale, such as "en-US".

        Raises:
            ConfigurationError: The language has no region; says which may be meant.
            UnsupportedLanguageError: The service recognises no such language.
            FormatMismatchError: A frame is not 16 kHz mono.
            MissingDependencyError: Microsoft's SDK is not installed.
            AuthenticationError: The service refused the key or token.
            ServiceError: The service failed, or did not answer for ``answer_timeout_ms`` of
                speech.
            NetworkError: There was no connection, or it broke and did not come back.
            EngineFailedError: The SDK failed.
        """
        settings = ListenerSettings(
            config=self.config,
            locale=source_locale(language),
            word_timings=self._word_timings,
            phrases=self._phrases,
            segmentation_silence_ms=self._segmentation_silence_ms,
        )
        call = _Call(settings, frames, self._clock)
        try:
            await call.connect()
            while (message := await call.next_message()) is not None:
                for report in call.reports(message):
                    yield report
            for report in call.rest():
                yield report
        finally:
            await call.close()


class _Call:
    """One recogniser and what it hears."""

    def __init__(
        self, settings: ListenerSettings, frames: AsyncIterator[AudioFrame], clock: Clock
    ) -> None:
        self._config = settings.config
        self._frames = frames
        self._clock = clock
        self._box: Mailbox[Message] = Mailbox(ENGINE, _MAX_WAITING_MESSAGES)
        self._listener = NativeListener(settings, self._box)
        self._timeline = UploadTimeline(SPEECH)
        self._pace = UploadPace()
        self._activity = EnergyActivity(SPEECH)
        self._watchdog = Watchdog(self._config.answer_timeout_ms)
        self._feeding: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        """Set while somebody reads what is reported."""
        self._away_since: float | None = None
        self._position_ms = self._reported_ms = 0.0
        self._settled_ms = 0.0
        self._partial: TimeSpan | None = None

    async def connect(self) -> None:
        """Wait until the service has taken the connection, then begin to send."""
        self._listener.start()
        limit_ms = self._config.connect_timeout_ms
        try:
            async with time_limit(ENGINE, self._clock, limit_ms):
                while not isinstance(self._checked(await self._box.get()), Connected):
                    pass
        except TimeoutError:
            raise NetworkError(
                ENGINE,
                f"no connection to {self._config.place} within {limit_ms:g} ms; check the network",
            ) from None
        self._watchdog.start(self._clock.now(), self._config.answer_timeout_ms)
        self._feeding = asyncio.create_task(self._feed(), name="azure recogniser is fed")
        # When there are no more frames, or what gives them has failed, it is to be looked at.
        self._feeding.add_done_callback(lambda _: self._box.put(Noticed()))

    async def next_message(self) -> Message | None:
        """Wait for something to report; None when all audio is answered."""
        self._watchdog.reading(self._clock.now(), reading=True)
        try:
            message = await self._wait()
        finally:
            # Time in which nobody reads is not the service's.
            self._watchdog.reading(self._clock.now(), reading=False)
        if self._box.waiting > _MANY_WAITING_MESSAGES:
            self._room.clear()
        return None if isinstance(message, InputDone) else message

    def reports(self, message: Message) -> Iterator[Recognition | Heard]:
        """What follows from a message."""
        match message:
            case Hypothesis() if message.text.strip():
                self._partial = self._timeline.span(message.start_ms, message.end_ms)
                yield Recognition(
                    message.text, self._partial, is_final=False, heard_ms=self._position_ms
                )
            case Phrase():
                yield from self._phrase(message)
        if self._position_ms - self._reported_ms >= _CHECK_EVERY_MS:
            yield self._heard()

    def rest(self) -> Iterator[Recognition | Heard]:
        """What is left to say when all audio is answered."""
        yield from self._nothing_after_all()
        self._position_ms = self._settled_ms = max(self._settled_ms, self._timeline.end_ms)
        yield self._heard()

    async def close(self) -> None:
        """Give everything back; what blocks ends on a thread of its own."""
        self._listener.stop()
        if self._feeding is not None:
            self._feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._feeding

    async def _feed(self) -> None:
        """Give the recogniser the frames, gaps filled, at the speed at which it uploads."""
        async for frame in self._frames:
            if frame.format != SPEECH:
                raise FormatMismatchError(SPEECH, frame.format)
            await self._room.wait()
            silence = self._timeline.place(frame)
            self._listener.write(bytes(SPEECH.bytes_per_instant * silence))
            self._listener.write(bytes(frame))
            now = self._clock.now()
            speech = any(self._activity.push(frame.samples))
            self._watchdog.offered(frame.duration_ms, now, speech=speech)
            self._watchdog.taken()
            due = self._pace.write(SPEECH.duration_ms(silence) + frame.duration_ms, now)
            if due > now:
                await self._clock.sleep_until(due)
            self._position_ms = frame.end_ms
        self._listener.end_input()
        self._watchdog.all_sent(self._pace.all_sent(self._clock.now()))

    async def _wait(self) -> Message:
        while True:
            if self._box.waiting <= _MANY_WAITING_MESSAGES:
                self._room.set()
            try:
                async with time_limit(ENGINE, self._clock, _CHECK_EVERY_MS):
                    message = await self._box.get()
            except TimeoutError:
                self._complain()
                if self._position_ms > self._reported_ms:
                    return Noticed()
                continue
            self._raise_of_feeding()
            match message:
                case Connected():
                    self._away_since = None
                case Disconnected():
                    self._away_since = self._clock.now()
                case _:
                    self._watchdog.answered(self._clock.now())
            return self._checked(message)

    def _checked(self, message: Message | None) -> Message:
        """The message, unless it says that something is wrong, which is raised."""
        match message:
            case None | SessionStopped():
                raise EngineFailedError(ENGINE, "the recogniser stopped by itself; open another")
            case Broken():
                raise message.error
            case Cancelled():
                raise cancelled(
                    ENGINE,
                    message.code,
                    message.details,
                    place=self._config.place,
                    secrets=self._config.secrets,
                )
            case _:
                return message

    def _complain(self) -> None:
        """Raise if nothing will come any more, which the SDK may never say."""
        now = self._clock.now()
        if self._away_since is not None:
            away_ms = (now - self._away_since) * 1_000
            if away_ms >= self._config.connect_timeout_ms:
                raise NetworkError(
                    ENGINE,
                    "the connection was lost and did not come back within "
                    f"{away_ms / 1_000:.1f} s; check the network",
                )
        complaint = self._watchdog.complaint(now)
        if complaint is not None:
            what = "the last audio" if complaint == "rest" else "speech"
            raise ServiceError(
                ENGINE,
                f"{what} was sent and no answer came within "
                f"{self._config.answer_timeout_ms:g} ms; try again in a moment",
            )

    def _raise_of_feeding(self) -> None:
        """Let through what the frames raised."""
        if self._feeding is not None and self._feeding.done():
            self._feeding.result()

    def _phrase(self, phrase: Phrase) -> Iterator[Recognition | Heard]:
        span = self._timeline.span(phrase.start_ms, phrase.end_ms)
        if phrase.text.strip():
            self._partial = None
            yield Recognition(
                phrase.text,
                span,
                is_final=True,
                words=tuple(self._words(phrase, span)),
                heard_ms=self._position_ms,
            )
        else:
            yield from self._nothing_after_all()
        # Also where nothing was understood the service has done with the audio.
        self._settled_ms = max(self._settled_ms, span.end_ms)
        self._timeline.forget(self._settled_ms)
        yield self._heard()

    def _words(self, phrase: Phrase, span: TimeSpan) -> Iterator[WordTiming]:
        """The words, kept inside of their phrase and in order, whatever the service says."""
        earliest = span.start_ms
        for word in phrase.words:
            said = self._timeline.span(word.start_ms, word.end_ms)
            start_ms = min(max(said.start_ms, earliest), span.end_ms)
            end_ms = min(max(said.end_ms, start_ms), span.end_ms)
            yield WordTiming(word.text, TimeSpan(start_ms, end_ms))
            earliest = start_ms

    def _nothing_after_all(self) -> Iterator[Recognition]:
        """Take a partial back that no final follows."""
        span, self._partial = self._partial, None
        if span is not None:
            yield Recognition("", span, is_final=True, heard_ms=self._position_ms)

    def _heard(self) -> Heard:
        self._reported_ms = self._position_ms = max(self._position_ms, self._settled_ms)
        return Heard(self._position_ms, self._settled_ms)


__all__ = ["AzureRecognizer"]
