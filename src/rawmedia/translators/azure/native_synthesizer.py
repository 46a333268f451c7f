"""Microsoft's SpeechSynthesizer, kept where it can block nothing but itself.

The native object is made, used, stopped and released on one thread of its own. Its callbacks
come on native threads; they only put bytes into the mailbox of whoever listens.
"""

from __future__ import annotations

import contextlib
import queue
import re
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from rawmedia.errors import ConfigurationError, EngineFailedError
from rawmedia.translators.azure import native_exit
from rawmedia.translators.azure.errors import cancelled
from rawmedia.translators.azure.native_sdk import (
    ENGINE,
    load_sdk,
    plain_error,
    speech_config,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.errors import RawMediaError
    from rawmedia.translators.azure.config import AzureSpeechConfig
    from rawmedia.translators.azure.mailbox import Mailbox

_UNKNOWN_VOICE = re.compile("unsupported voice", re.IGNORECASE)


class NativeSynthesizer:
    """One synthesizer, from its start to its release. Orders are carried out one after the other.

    Args:
        config: Where the service is and what opens it.
        output: The service's name of the format that it answers in.
    """

    def __init__(self, config: AzureSpeechConfig, output: str) -> None:
        self._config = config
        self._output = output
        self._objects: _SdkObjects | None = None
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._live, name="azure-synthesizer", daemon=True)

    def start(self) -> None:
        """Be ready for orders, on a thread of its own.

        Raises:
            EngineFailedError: The system gives no more threads.
        """
        native_exit.running(self)
        try:
            self._thread.start()
        except RuntimeError as error:
            native_exit.stopped(self)
            raise EngineFailedError(ENGINE, str(error)) from error

    def speak(self, document: str, box: Mailbox[bytes]) -> None:
        """Have an SSML document spoken into a mailbox, which ends when all is said or with the error.

        Returns at once. What was spoken before must have ended, or ``hush`` must follow it.
        """
        self._orders.put(lambda: self._speak(document, box))

    def hush(self) -> None:
        """Say no more of what is being said, and be ready for the next; returns at once.

        The SDK closes its connection for that, and what it had on the way may still come; so
        another native object takes over, on a new connection.
        """
        self._orders.put(self._release)
        self._orders.put(self._connect)

    def forget(self) -> None:
        """Something failed: begin anew, but not before there is something to say. Returns at once."""
        self._orders.put(self._release)

    def voices(self, locale: str) -> Future[tuple[str, ...]]:
        """Ask the service which voices a locale has; nothing where it doesn't say."""
        answer: Future[tuple[str, ...]] = Future()
        self._orders.put(lambda: self._list_voices(locale, answer))
        return answer

    def stop(self) -> None:
        """Give everything back, whatever is being said. Returns at once; twice is harmless."""
        self._orders.put(None)

    def join(self, timeout: float) -> None:
        """Block until everything is released, at most ``timeout`` seconds."""
        self._thread.join(timeout)

    def _live(self) -> None:
        """Carry out orders until the last."""
        while (order := self._orders.get()) is not None:
            order()
        self._release()
        native_exit.stopped(self)

    def _connect(self) -> None:
        # Whoever speaks before the connection is up gets another, and this one is for nothing.
        if not self._orders.empty():
            return
        try:
            self._native().connect()
        except Exception:  # noqa: BLE001 - whoever wants to speak will meet it again, and hear of it
            self._release()

    def _speak(self, document: str, box: Mailbox[bytes]) -> None:
        try:
            self._native().speak(document, box)
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader must hear of it
            box.end(plain_error(error))
            self._release()

    def _list_voices(self, locale: str, answer: Future[tuple[str, ...]]) -> None:
        try:
            answer.set_result(self._native().voices(locale))
        except Exception:  # noqa: BLE001 - it was for a suggestion only
            answer.set_result(())

    def _native(self) -> _SdkObjects:
        if self._objects is None:
            self._objects = _SdkObjects(self._config, self._output)
        return self._objects

    def _release(self) -> None:
        """Stop and let go of the native objects, here and nowhere else."""
        objects, self._objects = self._objects, None
        if objects is None:
            return
        with contextlib.suppress(Exception):  # it is let go of in any case
            objects.stop()


class _Sink:
    """Where the events of a native object go; it does not know that object, so no cycle keeps it."""

    def __init__(self, config: AzureSpeechConfig) -> None:
        self.box: Mailbox[bytes] | None = None
        self._place, self._secrets = config.place, config.secrets

    def synthesizing(self, event: Any) -> None:
        """A piece of speech has come."""
        box, data = self.box, event.result.audio_data
        if box is not None and data:
            box.put(data, len(data))

    def completed(self, _: Any) -> None:
        """All is said."""
        self._end(None)

    def canceled(self, event: Any) -> None:
        """The SDK gave up, or was told to stop."""
        details = event.result.cancellation_details
        if details.reason.name == "CancelledByUser":
            self._end(None)
            return
        code, text = details.error_code.name, str(details.error_details)
        if code == "BadRequest" and _UNKNOWN_VOICE.search(text):
            self._end(ConfigurationError("voice", "the service has no such voice"))
        else:
            self._end(cancelled(ENGINE, code, text, place=self._place, secrets=self._secrets))

    def _end(self, error: RawMediaError | None) -> None:
        box, self.box = self.box, None
        if box is not None:
            box.end(error)

    def guarded(self, hear: Callable[[Any], None]) -> Callable[[Any], None]:
        """What the SDK calls. It swallows what a callback raises, so nothing may be raised."""

        def callback(event: Any) -> None:
            try:
                hear(event)
            except Exception as error:  # noqa: BLE001 - told to the reader instead
                self._end(plain_error(error))

        return callback


class _SdkObjects:
    """The SDK's objects. All of its methods may block."""

    def __init__(self, config: AzureSpeechConfig, output: str) -> None:
        sdk = load_sdk()
        native = speech_config(sdk, config)
        native.set_property(sdk.PropertyId.SpeechServiceConnection_SynthOutputFormat, output)
        self._synthesizer = sdk.SpeechSynthesizer(native, audio_config=None)
        self._sink = sink = _Sink(config)
        self._signals = (
            (self._synthesizer.synthesizing, sink.synthesizing),
            (self._synthesizer.synthesis_completed, sink.completed),
            (self._synthesizer.synthesis_canceled, sink.canceled),
        )
        for signal, hear in self._signals:
            signal.connect(sink.guarded(hear))
        self._connection = sdk.Connection.from_speech_synthesizer(self._synthesizer)

    def connect(self) -> None:
        """Begin to connect, before there is something to say."""
        self._connection.open(for_continuous_recognition=True)  # which only recognisers look at

    def speak(self, document: str, box: Mailbox[bytes]) -> None:
        """Begin to speak; returns before anything was sent."""
        self._sink.box = box
        self._synthesizer.start_speaking_ssml_async(document).get()

    def voices(self, locale: str) -> tuple[str, ...]:
        """The voices of a locale, as the service lists them."""
        result = self._synthesizer.get_voices_async(locale).get()
        return tuple(str(voice.short_name) for voice in result.voices)

    def stop(self) -> None:
        """Let no callback come any more, then end what is being said."""
        speaking = self._sink.box is not None
        self._sink.box = None
        for signal, _ in self._signals:
            signal.disconnect_all()
        if speaking:
            self._synthesizer.stop_speaking_async().get()


__all__ = ["NativeSynthesizer"]
