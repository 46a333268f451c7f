"""Microsoft's real SDK as a client of the emulator, kept on threads where it can block nobody.

A recogniser that still runs when the interpreter ends aborts it, and stopping one blocks: so
each lives inside ``with``, and everything that may block is awaited on a thread.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import azure.cognitiveservices.speech as sdk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from rawmedia.testing.azure_emulator import AzureSpeechEmulator

FAST = {
    # All at once, and then at twenty times real time: a test has better things to do than wait.
    "SPEECH-TransmitLengthBeforThrottleMs": "600000",
    "SPEECH-AudioThrottleAsPercentageOfRealTime": "2000",
    "SPEECH-StopRecognitionTimeoutInSeconds": "1",
    "SPEECH-Error-RetryDurationMS": "20",
}


@dataclass(frozen=True)
class Told:
    """One event of the SDK, as plain values."""

    kind: str
    text: str = ""
    translations: tuple[tuple[str, str], ...] = ()
    start_ms: float = 0.0
    end_ms: float = 0.0
    reason: str = ""
    audio: bytes = b""
    language: str = ""
    details: str = ""


@dataclass
class Client:
    """A running recogniser and all that it has told."""

    recognizer: Any
    stream: Any
    told: list[Told] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def of(self, kind: str) -> list[Told]:
        return [each for each in self.told if each.kind == kind]

    def finals(self) -> list[str]:
        return [each.text for each in self.of("recognized") if each.text]

    async def finish(self, timeout: float = 8.0) -> None:
        """End the audio and wait for the end of the session."""
        self.stream.close()
        await self.until_ended(timeout)

    async def feed_until(self, done: Callable[[], object], timeout: float = 8.0) -> None:
        """Keep audio coming: without it the SDK notices nothing, and stops slowly if it has ended."""
        async with asyncio.timeout(timeout):
            while not done():
                self.stream.write(bytes(3_200))
                await asyncio.sleep(0.01)

    async def until_ended(self, timeout: float = 8.0) -> None:
        assert await asyncio.to_thread(self.ended.wait, timeout), f"no end: {self.told}"

    @property
    def cancelled(self) -> Told:
        (one,) = self.of("canceled")
        return one


SIGNALS = (
    "speech_start_detected",
    "speech_end_detected",
    "recognizing",
    "recognized",
    "synthesizing",
    "canceled",
    "session_stopped",
)


def translation_config(emulator: AzureSpeechEmulator, *targets: str, **settings: Any) -> Any:
    place = {"subscription": "x", "host": emulator.host} | settings
    config = sdk.translation.SpeechTranslationConfig(**place)
    config.speech_recognition_language = "en-US"
    for target in targets:
        config.add_target_language(target)
    for name, value in FAST.items():
        config.set_property_by_name(name, value)
    return config


def speech_config(emulator: AzureSpeechEmulator) -> Any:
    config = sdk.SpeechConfig(subscription="x", host=emulator.host)
    for name, value in FAST.items():
        config.set_property_by_name(name, value)
    return config


@asynccontextmanager
async def running(config: Any, *, start: bool = True, **more: Any) -> AsyncIterator[Client]:
    """A recogniser for a configuration, listening; stopped and released at the end."""

    def make() -> Client:
        stream = sdk.audio.PushAudioInputStream(
            more.pop("format", None) or sdk.audio.AudioStreamFormat(16_000, 16, 1)
        )
        audio = sdk.audio.AudioConfig(stream=stream)
        if isinstance(config, sdk.translation.SpeechTranslationConfig):
            recognizer = sdk.translation.TranslationRecognizer(config, audio_config=audio, **more)
        else:
            recognizer = sdk.SpeechRecognizer(config, audio_config=audio, **more)
        client = Client(recognizer, stream)
        for name in SIGNALS:
            signal = getattr(recognizer, name, None)
            if signal is not None:
                signal.connect(_listener(client, name))
        if start:
            recognizer.start_continuous_recognition_async().get()
        return client

    client = await asyncio.to_thread(make)
    try:
        yield client
    finally:

        def stop() -> None:
            if start:
                client.recognizer.stop_continuous_recognition_async().get()
            client.stream.close()
            client.recognizer = None

        await asyncio.to_thread(stop)


def _listener(client: Client, kind: str) -> Any:
    def listen(event: Any) -> None:
        client.told.append(_told(kind, event))
        if kind == "session_stopped":
            client.ended.set()

    return listen


def _told(kind: str, event: Any) -> Told:
    if kind == "canceled":
        details = event.cancellation_details
        reason = details.reason.name
        return Told(kind, reason=reason, details=f"{details.code.name}: {details.error_details}")
    if kind == "synthesizing":
        return Told(kind, reason=event.result.reason.name, audio=event.result.audio)
    if kind not in {"recognizing", "recognized"}:
        return Told(kind)
    result = event.result
    found = result.properties.get(
        sdk.PropertyId.SpeechServiceConnection_AutoDetectSourceLanguageResult, ""
    )
    return Told(
        kind,
        result.text,
        tuple(getattr(result, "translations", {}).items()),
        result.offset / 10_000,
        (result.offset + result.duration) / 10_000,
        result.reason.name,
        language=found,
        details=result.json,
    )


@dataclass(frozen=True)
class Spoken:
    """What came of one text."""

    reason: str
    audio: bytes
    code: str
    details: str
    words: list[tuple[str, float, float]]
    """All words so far of this synthesizer; they come in their own time."""


async def speak(config: Any, texts: Iterable[str]) -> list[Spoken]:
    """What one synthesizer makes of some texts, one after the other."""

    def run() -> list[Spoken]:
        synthesizer = sdk.SpeechSynthesizer(config, audio_config=None)
        words: list[tuple[str, float, float]] = []
        synthesizer.synthesis_word_boundary.connect(
            lambda event: words.append(
                (event.text, event.audio_offset / 10_000, event.duration.total_seconds() * 1000)
            )
        )
        spoken = []
        for text in texts:
            result = synthesizer.speak_text_async(text).get()
            code = details = ""
            if result.reason is sdk.ResultReason.Canceled:
                code = result.cancellation_details.error_code.name
                details = result.cancellation_details.error_details
            spoken.append(Spoken(result.reason.name, result.audio_data, code, details, words))
        return spoken

    return await asyncio.to_thread(run)
