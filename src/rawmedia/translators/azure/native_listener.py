"""Microsoft's plain SpeechRecognizer, kept where it can block nothing but itself.

The native object is made, started, stopped and released on one thread of its own. Its
callbacks come on native threads; they only put plain values into a mailbox.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawmedia.errors import EngineFailedError
from rawmedia.translators.azure import native_exit
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
from rawmedia.translators.azure.native_sdk import ENGINE, load_sdk, plain_error, speech_config
from rawmedia.translators.azure.phrase_words import TICKS_PER_MS, phrase_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.translators.azure.config import AzureSpeechConfig
    from rawmedia.translators.azure.mailbox import Mailbox
    from rawmedia.translators.azure.messages import Message

# No document names these; they were found by trying SDK 1.53. If a later one does not know them
# it is slower to stop, and to say what is wrong.
_PROPERTIES = {
    # Ten seconds if nothing is set; 0 has crashed it.
    "SPEECH-StopRecognitionTimeoutInSeconds": "2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSettings:
    """What one recogniser is asked for, in the service's own terms."""

    config: AzureSpeechConfig
    locale: str
    word_timings: bool
    phrases: tuple[str, ...]
    segmentation_silence_ms: int | None


class NativeListener:
    """One recogniser, from its start to its release. For use from one event loop.

    Args:
        settings: What it is asked for.
        box: Where all that it says goes; ended when it is stopped.
    """

    def __init__(self, settings: ListenerSettings, box: Mailbox[Any]) -> None:
        self._settings = settings
        self._box = box
        self._order = threading.Event()
        self._input: Any = None
        self._input_open = self._input_ended = False
        self._thread = threading.Thread(target=self._live, name="azure-listener", daemon=True)

    def start(self) -> None:
        """Begin on a thread of its own; what comes of it is told to the mailbox.

        Raises:
            EngineFailedError: The system gives no more threads.
        """
        native_exit.running(self)
        try:
            self._thread.start()
        except RuntimeError as error:
            native_exit.stopped(self)
            raise EngineFailedError(ENGINE, str(error)) from error

    def write(self, data: bytes) -> None:
        """Give it 16 kHz mono int16 samples; never waits. Needs a `Connected` message before."""
        if self._input_open and data:  # the SDK takes an empty write for the end of the stream
            self._input.write(data)

    def end_input(self) -> None:
        """There is no more audio; `InputDone` follows when all is answered."""
        if self._input_open:
            self._input_open, self._input_ended = False, True
            self._input.close()

    def stop(self) -> None:
        """Give up, now: no message comes any more. Returns at once; twice is harmless."""
        self._input_open = False
        self._box.end()
        self._order.set()

    def join(self, timeout: float) -> None:
        """Block until everything is released, at most ``timeout`` seconds."""
        self._thread.join(timeout)

    def _live(self) -> None:
        """The whole life of the native object."""
        try:
            native = _SdkObjects(self._settings, self._box)
            self._input, self._input_open = native.input, True
            native.start()
            self._order.wait()
            native.stop(input_ended=self._input_ended)
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader must hear of it
            self._box.put(Broken(plain_error(error)))
        self._input_open = False
        self._box.end()
        self._input = native = None  # type: ignore[assignment]  # released here and nowhere else
        native_exit.stopped(self)


class _SdkObjects:
    """The SDK's objects. All of its methods may block."""

    def __init__(self, settings: ListenerSettings, box: Mailbox[Any]) -> None:
        sdk = load_sdk()
        native = speech_config(sdk, settings.config)
        native.speech_recognition_language = settings.locale
        for name, value in _PROPERTIES.items():
            native.set_property_by_name(name, value)
        if settings.segmentation_silence_ms is not None:
            native.set_property(
                sdk.PropertyId.Speech_SegmentationSilenceTimeoutMs,
                str(settings.segmentation_silence_ms),
            )
        if settings.word_timings:
            native.request_word_level_timestamps()
            native.output_format = sdk.OutputFormat.Detailed
        self.input = sdk.audio.PushAudioInputStream(
            sdk.audio.AudioStreamFormat(samples_per_second=16_000, bits_per_sample=16, channels=1)
        )
        self._recognizer = sdk.SpeechRecognizer(
            native, audio_config=sdk.audio.AudioConfig(stream=self.input)
        )
        if settings.phrases:
            grammar = sdk.PhraseListGrammar.from_recognizer(self._recognizer)
            for phrase in settings.phrases:
                grammar.addPhrase(phrase)
        self._connection = sdk.Connection.from_recognizer(self._recognizer)
        words = settings.word_timings
        self._signals: list[tuple[Any, Callable[[Any], Message]]] = [
            (self._connection.connected, lambda _: Connected()),
            (self._connection.disconnected, lambda _: Disconnected()),
            (self._recognizer.speech_start_detected, lambda _: Noticed()),
            (self._recognizer.speech_end_detected, lambda _: Noticed()),
            (self._recognizer.recognizing, _hypothesis),
            (self._recognizer.recognized, lambda event: _phrase(event, words=words)),
            (self._recognizer.canceled, _cancelled),
            (self._recognizer.session_stopped, lambda _: SessionStopped()),
        ]
        for signal, read in self._signals:
            signal.connect(_callback(read, box))

    def start(self) -> None:
        """Begin to connect and to listen."""
        self._recognizer.start_continuous_recognition_async().get()

    def stop(self, *, input_ended: bool) -> None:
        """Let no callback come any more, then end the session.

        Args:
            input_ended: Whether the input was closed. Then both stopping and releasing would
                wait for a service that does not answer; so it is only released, which stops
                it too.
        """
        for signal, _ in self._signals:
            signal.disconnect_all()
        if not input_ended:
            self._recognizer.stop_continuous_recognition_async().get()


def _callback(read: Callable[[Any], Message], box: Mailbox[Any]) -> Callable[[Any], None]:
    """What the SDK calls. It swallows what a callback raises, so nothing may be raised."""

    def callback(event: Any) -> None:
        try:
            message = read(event)
        except Exception as error:  # noqa: BLE001 - told to the reader instead
            message = Broken(plain_error(error))
        box.put(message)

    return callback


def _hypothesis(event: Any) -> Message:
    text, start_ms, end_ms = _heard(event.result)
    return Hypothesis(text, {}, start_ms, end_ms)


def _phrase(event: Any, *, words: bool) -> Message:
    result = event.result
    text, start_ms, end_ms = _heard(result)
    if result.reason.name == "NoMatch":
        return Phrase("", {}, start_ms, end_ms)
    timed = phrase_words(str(result.json), int(result.offset)) if words else ()
    return Phrase(text, {}, start_ms, end_ms, words=timed)


def _heard(result: Any) -> tuple[str, float, float]:
    start, duration = int(result.offset), int(result.duration)
    return str(result.text), start / TICKS_PER_MS, (start + duration) / TICKS_PER_MS


def _cancelled(event: Any) -> Message:
    details = event.cancellation_details
    if details.reason.name == "EndOfStream":
        return InputDone()
    return Cancelled(details.code.name, str(details.error_details))


__all__ = ["ListenerSettings", "NativeListener"]
