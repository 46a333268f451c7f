"""What the SDK's events are read as. (That the SDK sends such events the translator's tests show.)"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rawmedia.errors import EngineFailedError
from rawmedia.translators.azure import AzureOptions, AzureSpeechConfig, recognizer
from rawmedia.translators.azure.inbox import Inbox
from rawmedia.translators.azure.messages import (
    Broken,
    Cancelled,
    Hypothesis,
    InputDone,
    Message,
    Phrase,
    Speech,
)
from rawmedia.translators.azure.settings import RecognizerSettings

if TYPE_CHECKING:
    from collections.abc import Callable


def reason(name: str) -> SimpleNamespace:
    return SimpleNamespace(name=name)


def heard(name: str) -> SimpleNamespace:
    return SimpleNamespace(
        reason=reason(name),
        text="hello",
        translations={"es": "hola"},
        offset=1_000_000,
        duration=2_500_000,
    )


def audio(name: str, data: bytes) -> SimpleNamespace:
    return SimpleNamespace(reason=reason(name), audio=data)


def cancellation(name: str, code: str = "NoError", details: str = "") -> SimpleNamespace:
    return SimpleNamespace(reason=reason(name), code=reason(code), error_details=details)


@pytest.mark.parametrize(
    ("read", "event", "message"),
    [
        (
            recognizer._hypothesis,
            SimpleNamespace(result=heard("TranslatingSpeech")),
            Hypothesis("hello", {"es": "hola"}, 100.0, 350.0),
        ),
        (
            recognizer._phrase,
            SimpleNamespace(result=heard("TranslatedSpeech")),
            Phrase("hello", {"es": "hola"}, 100.0, 350.0),
        ),
        (
            recognizer._phrase,
            SimpleNamespace(result=heard("NoMatch")),
            Phrase("", {}, 100.0, 350.0),
        ),
        (
            recognizer._speech,
            SimpleNamespace(result=audio("SynthesizingAudio", b"abc")),
            Speech(b"abc"),
        ),
        (recognizer._speech, SimpleNamespace(result=audio("SynthesizingAudio", b"")), None),
        (
            recognizer._speech,
            SimpleNamespace(result=audio("SynthesizingAudioCompleted", b"")),
            Speech(b""),
        ),
        (
            recognizer._cancelled,
            SimpleNamespace(cancellation_details=cancellation("EndOfStream")),
            InputDone(),
        ),
        (
            recognizer._cancelled,
            SimpleNamespace(cancellation_details=cancellation("Error", "BadRequest", "why")),
            Cancelled("BadRequest", "why"),
        ),
    ],
)
def test_an_event_becomes_a_plain_message(
    read: Callable[[Any], Message | None], event: SimpleNamespace, message: Message | None
) -> None:
    async def main() -> None:
        inbox = Inbox("azure")
        recognizer._callback(read, inbox)(event)
        inbox.close()
        if message is None:
            with pytest.raises(EngineFailedError):
                await inbox.get()
        else:
            assert await inbox.get() == message

    asyncio.run(main())


def test_an_event_that_can_not_be_read_is_told_and_not_raised() -> None:
    async def main() -> None:
        inbox = Inbox("azure")
        recognizer._callback(recognizer._hypothesis, inbox)(SimpleNamespace())
        message = await inbox.get()
        assert isinstance(message, Broken)
        assert isinstance(message.error, EngineFailedError)
        assert message.error.__traceback__ is None, "its frames would keep the event alive"

    asyncio.run(main())


def test_a_recogniser_that_is_not_running_takes_nothing_and_stops_at_once() -> None:
    async def main() -> None:
        settings = RecognizerSettings(
            config=AzureSpeechConfig(host="ws://127.0.0.1:1"),
            options=AzureOptions(),
            source_language="en-US",
            target_codes=("es",),
            voice=None,
        )
        idle = recognizer.NativeRecognizer(settings, Inbox("azure"))
        idle.write(bytes(640))
        idle.end_input()
        idle.commit()
        idle.set_targets(["de"])
        idle.stop()
        idle.stop()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("told", "language"), [("de-DE", "de-DE"), ("Unknown", ""), ("UND", ""), (None, ""), ("", "")]
)
def test_a_language_that_was_not_found_out_is_not_told(told: str | None, language: str) -> None:
    """The service has more than one word for that."""
    found = SimpleNamespace(properties={"detected": told})
    assert recognizer._language(found, "detected") == language
    assert recognizer._language(found, None) == ""
