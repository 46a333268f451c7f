"""Microsoft's TranslationRecognizer, kept where it can block nothing but itself.

The native object is made, started, stopped and released on one thread of its own: making
loads the SDK (up to half a second), and stopping and releasing block for seconds when the
service doesn't answer. Its callbacks come on native threads; they only put plain values
into an inbox.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawmedia.errors import EngineFailedError, RawMediaError
from rawmedia.translators.azure.errors import missing_sdk
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
    Speech,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.translators.azure.config import AzureSpeechConfig
    from rawmedia.translators.azure.inbox import Inbox
    from rawmedia.translators.azure.messages import Message

STOP_TIMEOUT_S = 2
"""How long the SDK waits for the service when it is stopped, and once more when it is released
after the input was closed; ten seconds if nothing is set, and 0 has crashed it."""
_EXIT_TIMEOUT_S = 3.0
"""How long the end of the program waits for all recognisers together."""
_TICKS_PER_MS = 10_000.0

_running: set[AzureRecognizer] = set()
"""What the end of the program must stop: a native thread that calls into an interpreter that is
gone aborts the process (12 times out of 12 with SDK 1.53)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizerSettings:
    """What one recogniser is asked for, in the service's own terms."""

    config: AzureSpeechConfig
    source_language: str
    target_codes: tuple[str, ...]
    voice: str | None
    """Who speaks the first target; None for text only."""


class AzureRecognizer:
    """One recogniser, from its start to its release. For use from one event loop.

    Args:
        settings: What it is asked for.
        inbox: Where all that it says goes; closed when it is stopped.
    """

    def __init__(self, settings: RecognizerSettings, inbox: Inbox) -> None:
        self._settings = settings
        self._inbox = inbox
        self._order = threading.Event()
        self._input: Any = None
        self._input_open = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._live, name="azure-recognizer", daemon=True)

    def start(self) -> None:
        """Begin on a thread of its own; what comes of it is told to the inbox.

        Raises:
            EngineFailedError: The system gives no more threads.
        """
        _running.add(self)
        try:
            self._thread.start()
        except RuntimeError as error:
            _running.discard(self)
            raise EngineFailedError("azure", str(error)) from error

    def write(self, data: bytes) -> None:
        """Give it 16 kHz mono int16 samples; never waits. Needs a `Connected` message before."""
        if self._input_open and data:  # the SDK takes an empty write for the end of the stream
            self._input.write(data)

    def end_input(self) -> None:
        """There is no more audio; `InputDone` follows when all is answered."""
        if self._input_open:
            self._input_open = False
            self._input.close()

    def stop(self) -> None:
        """Give up, now: no message comes any more. Returns at once; twice is harmless."""
        self._input_open = False
        self._order.set()

    def join(self, timeout: float) -> None:
        """Block until everything is released, at most ``timeout`` seconds."""
        self._thread.join(timeout)

    def _live(self) -> None:
        """The whole life of the native object."""
        try:
            native = _NativeRecognizer(self._settings, self._inbox)
            self._input, self._input_open = native.input, True
            native.start()
            self._order.wait()
            native.stop()
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader must hear of it
            self._inbox.put(Broken(_plain(error)))
        self._input_open = False
        self._inbox.close()
        self._input = native = None  # type: ignore[assignment]  # released here and nowhere else
        _running.discard(self)


class _NativeRecognizer:
    """The SDK's objects. All of its methods may block."""

    def __init__(self, settings: RecognizerSettings, inbox: Inbox) -> None:
        try:
            import azure.cognitiveservices.speech as sdk
        except (ImportError, OSError) as error:
            raise missing_sdk(error) from error
        self.input = sdk.audio.PushAudioInputStream(
            sdk.audio.AudioStreamFormat(samples_per_second=16_000, bits_per_sample=16, channels=1)
        )
        self._recognizer = sdk.translation.TranslationRecognizer(
            translation_config=_translation_config(sdk, settings),
            audio_config=sdk.audio.AudioConfig(stream=self.input),
        )
        self._connection = sdk.Connection.from_recognizer(self._recognizer)
        self._signals: list[tuple[Any, Callable[[Any], Message | None]]] = [
            (self._connection.connected, lambda _: Connected()),
            (self._connection.disconnected, lambda _: Disconnected()),
            (self._recognizer.speech_start_detected, lambda _: Noticed()),
            (self._recognizer.speech_end_detected, lambda _: Noticed()),
            (self._recognizer.recognizing, _hypothesis),
            (self._recognizer.recognized, _phrase),
            (self._recognizer.synthesizing, _speech),
            (self._recognizer.canceled, _cancelled),
            (self._recognizer.session_stopped, lambda _: SessionStopped()),
        ]
        for signal, read in self._signals:
            signal.connect(_callback(read, inbox))

    def start(self) -> None:
        """Begin to connect and to listen."""
        self._recognizer.start_continuous_recognition_async().get()

    def stop(self) -> None:
        """Let no callback come any more, then end the session."""
        for signal, _ in self._signals:
            signal.disconnect_all()
        self._recognizer.stop_continuous_recognition_async().get()


def _translation_config(sdk: Any, settings: RecognizerSettings) -> Any:
    config = settings.config
    key = None if config.key is None else config.key.get_secret_value()
    token = None if config.token is None else config.token.get_secret_value()
    if config.region is not None:
        native = sdk.translation.SpeechTranslationConfig(
            subscription=key, auth_token=token, region=config.region
        )
    else:
        native = sdk.translation.SpeechTranslationConfig(
            subscription=key, endpoint=config.endpoint, host=config.host
        )
        if token is not None:
            native.authorization_token = token  # refused by the constructor beside an endpoint
    native.speech_recognition_language = settings.source_language
    for code in settings.target_codes:
        native.add_target_language(code)
    if settings.voice is not None:
        native.voice_name = settings.voice
    native.set_property_by_name("SPEECH-StopRecognitionTimeoutInSeconds", str(STOP_TIMEOUT_S))
    return native


def _callback(read: Callable[[Any], Message | None], inbox: Inbox) -> Callable[[Any], None]:
    """What the SDK calls. It swallows what a callback raises, so nothing may be raised."""

    def callback(event: Any) -> None:
        try:
            message = read(event)
        except Exception as error:  # noqa: BLE001 - told to the reader instead
            message = Broken(_plain(error))
        if message is not None:
            inbox.put(message)

    return callback


def _plain(error: Exception) -> RawMediaError:
    """The error without its traceback, whose frames would keep native objects for the reader to release."""
    if isinstance(error, RawMediaError):
        return error.with_traceback(None)
    # What follows the first line is a native call stack.
    text = next(iter(str(error).splitlines()), "")
    return EngineFailedError(
        "azure", f"Microsoft's Speech SDK failed: {text or type(error).__name__}"
    )


def _hypothesis(event: Any) -> Message:
    return Hypothesis(*_heard(event.result))


def _phrase(event: Any) -> Message:
    text, translations, start_ms, end_ms = _heard(event.result)
    if event.result.reason.name == "NoMatch":
        text, translations = "", {}
    return Phrase(text, translations, start_ms, end_ms)


def _heard(result: Any) -> tuple[str, dict[str, str], float, float]:
    start, duration = int(result.offset), int(result.duration)
    return (
        str(result.text),
        dict(result.translations),
        start / _TICKS_PER_MS,
        (start + duration) / _TICKS_PER_MS,
    )


def _speech(event: Any) -> Message | None:
    data, completed = event.result.audio, event.result.reason.name == "SynthesizingAudioCompleted"
    # Empty data would mean the end of the phrase's speech.
    return Speech(b"") if completed else Speech(data) if data else None


def _cancelled(event: Any) -> Message:
    details = event.cancellation_details
    if details.reason.name == "EndOfStream":
        return InputDone()
    return Cancelled(details.code.name, str(details.error_details))


@atexit.register
def stop_all() -> None:
    """Stop what still runs when the program ends; blocks for three seconds at most."""
    # The threads of a parent process, of which this one may be a fork, are not here to stop.
    mine = [each for each in list(_running) if each._pid == os.getpid()]
    for recognizer in mine:
        recognizer.stop()
    deadline = time.monotonic() + _EXIT_TIMEOUT_S
    for recognizer in mine:
        recognizer.join(max(0.0, deadline - time.monotonic()))


__all__ = ["STOP_TIMEOUT_S", "AzureRecognizer", "RecognizerSettings", "stop_all"]
