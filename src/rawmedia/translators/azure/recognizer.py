"""Microsoft's TranslationRecognizer, kept where it can block nothing but itself.

The native object is made, started, stopped and released on one thread of its own: making
loads the SDK (up to half a second), and stopping and releasing block for seconds when the
service doesn't answer. Its callbacks come on native threads; they only put plain values
into an inbox.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
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
    Phrase,
    SessionStopped,
    Speech,
)
from rawmedia.translators.azure.native_sdk import ENGINE, load_sdk, plain_error
from rawmedia.translators.azure.phrase_words import TICKS_PER_MS, phrase_words
from rawmedia.translators.azure.translation_config import (
    add_phrases,
    detection_config,
    translation_config,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rawmedia.translators.azure.inbox import Inbox
    from rawmedia.translators.azure.messages import Message
    from rawmedia.translators.azure.options import AzureOptions
    from rawmedia.translators.azure.settings import RecognizerSettings

_G711_RATE = 8_000


class NativeRecognizer:
    """One recogniser, from its start to its release. For use from one event loop.

    Args:
        settings: What it is asked for.
        inbox: Where all that it says goes; closed when it is stopped.
    """

    def __init__(self, settings: RecognizerSettings, inbox: Inbox) -> None:
        self._settings = settings
        self._inbox = inbox
        self._orders: SimpleQueue[Callable[[_SdkObjects], None] | None] = SimpleQueue()
        self._input: Any = None
        self._input_open = self._input_ended = False
        self._thread = threading.Thread(target=self._live, name="azure-recognizer", daemon=True)

    def start(self) -> None:
        """Begin on a thread of its own; what comes of it is told to the inbox.

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
        """Give it audio in its format; never waits. Needs a `Connected` message before."""
        if self._input_open and data:  # the SDK takes an empty write for the end of the stream
            self._input.write(data)

    def end_input(self) -> None:
        """There is no more audio; `InputDone` follows when all is answered."""
        if self._input_open:
            self._input_open, self._input_ended = False, True
            self._input.close()

    def set_targets(self, codes: Collection[str]) -> None:
        """Translate into these languages from now on, over the same connection."""
        wanted = tuple(codes)
        self._orders.put(lambda native: native.set_targets(wanted))

    def commit(self) -> None:
        """Ask the service to end the phrase that is being said; it takes so many such hints a second."""
        self._orders.put(lambda native: native.input.commit())

    def stop(self) -> None:
        """Give up, now: no message comes any more. Returns at once; twice is harmless."""
        self._input_open = False
        self._orders.put(None)

    def join(self, timeout: float) -> None:
        """Block until everything is released, at most ``timeout`` seconds."""
        self._thread.join(timeout)

    def _live(self) -> None:
        """The whole life of the native object."""
        try:
            native = _SdkObjects(self._settings, self._inbox)
            self._input, self._input_open = native.input, True
            native.start()
            while (order := self._orders.get()) is not None:
                order(native)
            native.stop(input_ended=self._input_ended)
            if not self._input_ended:
                self._inbox.close()  # the release takes the SDK some 60 ms more, which concern nobody
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader must hear of it
            self._inbox.put(Broken(plain_error(error)))
        self._input_open = False
        self._input = native = None  # type: ignore[assignment]  # released here and nowhere else
        self._inbox.close()
        native_exit.stopped(self)


class _SdkObjects:
    """The SDK's objects. All of its methods may block."""

    def __init__(self, settings: RecognizerSettings, inbox: Inbox) -> None:
        sdk = load_sdk()
        self.input = sdk.audio.PushAudioInputStream(_stream_format(sdk, settings.options))
        detection = detection_config(sdk, settings)
        self._recognizer = sdk.translation.TranslationRecognizer(
            translation_config=translation_config(sdk, settings),
            audio_config=sdk.audio.AudioConfig(stream=self.input),
            **({} if detection is None else {"auto_detect_source_language_config": detection}),
        )
        add_phrases(sdk, self._recognizer, settings.options)
        self._targets = settings.target_codes
        self._connection = sdk.Connection.from_recognizer(self._recognizer)
        detected = (
            sdk.PropertyId.SpeechServiceConnection_AutoDetectSourceLanguageResult
            if detection is not None
            else None
        )
        words = settings.options.word_timings
        self._signals: list[tuple[Any, Callable[[Any], Message | None]]] = [
            (self._connection.connected, lambda _: Connected()),
            (self._connection.disconnected, lambda _: Disconnected()),
            (self._recognizer.recognizing, lambda event: _hypothesis(event, detected)),
            (self._recognizer.recognized, lambda event: _phrase(event, detected, words=words)),
            (self._recognizer.synthesizing, lambda event: _speech(event)),
            (self._recognizer.canceled, lambda event: _cancelled(event)),
            (self._recognizer.session_stopped, lambda _: SessionStopped()),
        ]
        for signal, read in self._signals:
            signal.connect(_callback(read, inbox))

    def start(self) -> None:
        """Begin to connect and to listen."""
        self._recognizer.start_continuous_recognition_async().get()

    def set_targets(self, codes: tuple[str, ...]) -> None:
        """Add and remove target languages; each is told to the service at once."""
        # The first come first, so that at no time there is none.
        for code in codes:
            if code not in self._targets:
                self._recognizer.add_target_language(code)
        for code in self._targets:
            if code not in codes:
                self._recognizer.remove_target_language(code)
        self._targets = codes

    def stop(self, *, input_ended: bool) -> None:
        """Let no callback come any more, then end the session.

        Args:
            input_ended: Whether the input was closed. Then both stopping and releasing would
                wait for a service that does not answer, one after the other; so it is only
                released, which stops it too.
        """
        for signal, _ in self._signals:
            signal.disconnect_all()
        if not input_ended:
            self._recognizer.stop_continuous_recognition_async().get()


def _stream_format(sdk: Any, options: AzureOptions) -> Any:
    """What the recogniser is given."""
    if options.telephony is None:
        return sdk.audio.AudioStreamFormat(
            samples_per_second=16_000, bits_per_sample=16, channels=1
        )
    law = sdk.audio.AudioStreamWaveFormat
    return sdk.audio.AudioStreamFormat(
        samples_per_second=_G711_RATE,
        bits_per_sample=8,
        channels=1,
        wave_stream_format=law.MULAW if options.telephony == "mulaw" else law.ALAW,
    )


def _callback(read: Callable[[Any], Message | None], inbox: Inbox) -> Callable[[Any], None]:
    """What the SDK calls. It swallows what a callback raises, so nothing may be raised."""

    def callback(event: Any) -> None:
        try:
            message = read(event)
        except Exception as error:  # noqa: BLE001 - told to the reader instead
            message = Broken(plain_error(error))
        if message is not None:
            inbox.put(message)

    return callback


def _hypothesis(event: Any, detected: Any = None) -> Message:
    return Hypothesis(*_heard(event.result), _language(event.result, detected))


def _phrase(event: Any, detected: Any = None, *, words: bool = False) -> Message:
    result = event.result
    text, translations, start_ms, end_ms = _heard(result)
    if result.reason.name == "NoMatch":
        return Phrase("", {}, start_ms, end_ms)
    timed = phrase_words(str(result.json), int(result.offset)) if words else ()
    return Phrase(text, translations, start_ms, end_ms, _language(result, detected), timed)


def _heard(result: Any) -> tuple[str, dict[str, str], float, float]:
    start, duration = int(result.offset), int(result.duration)
    return (
        str(result.text),
        dict(result.translations),
        start / TICKS_PER_MS,
        (start + duration) / TICKS_PER_MS,
    )


def _language(result: Any, detected: Any) -> str:
    """What is spoken, if the service was to find out and the SDK has its answer under ``detected``."""
    language = "" if detected is None else str(result.properties.get(detected, "") or "")
    return "" if language in {"Unknown", "UND"} else language


def _speech(event: Any) -> Message | None:
    data, completed = event.result.audio, event.result.reason.name == "SynthesizingAudioCompleted"
    # Empty data would mean the end of the phrase's speech.
    return Speech(b"") if completed else Speech(data) if data else None


def _cancelled(event: Any) -> Message:
    details = event.cancellation_details
    if details.reason.name == "EndOfStream":
        return InputDone()
    return Cancelled(details.code.name, str(details.error_details))


__all__ = ["NativeRecognizer"]
