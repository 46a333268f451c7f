"""What the SDK's objects are told and what their events are read as. (That they send such events others show.)"""

from __future__ import annotations

import asyncio
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rawmedia.errors import (
    AuthenticationError,
    ConfigurationError,
    EngineFailedError,
    MissingDependencyError,
    RawMediaError,
    ServiceError,
)
from rawmedia.translators.azure import native_exit
from rawmedia.translators.azure.config import AzureSpeechConfig
from rawmedia.translators.azure.mailbox import Mailbox
from rawmedia.translators.azure.native_sdk import load_sdk, plain_error, speech_config
from rawmedia.translators.azure.native_synthesizer import NativeSynthesizer, _Sink

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "0123456789abcdef"
CONFIG = AzureSpeechConfig(host="ws://127.0.0.1:1", key=KEY)


def piece(data: bytes) -> SimpleNamespace:
    return SimpleNamespace(result=SimpleNamespace(audio_data=data))


def end(reason: str, code: str = "NoError", details: str = "") -> SimpleNamespace:
    cancellation = SimpleNamespace(
        reason=SimpleNamespace(name=reason),
        error_code=SimpleNamespace(name=code),
        error_details=details,
    )
    return SimpleNamespace(result=SimpleNamespace(cancellation_details=cancellation))


def told(*events: Callable[[_Sink], Any]) -> tuple[list[bytes], RawMediaError | None]:
    """What a reader gets of some events."""

    async def main() -> tuple[list[bytes], RawMediaError | None]:
        sink, box = _Sink(CONFIG), Mailbox[bytes]("azure", 100)
        sink.box = box
        for event in events:
            event(sink)
        box.end()
        heard: list[bytes] = []
        try:
            while (data := await box.get()) is not None:
                heard.append(data)
        except RawMediaError as error:
            return heard, error
        return heard, None

    return asyncio.run(main())


def test_audio_and_its_end_are_put_into_the_mailbox() -> None:
    heard, error = told(
        lambda sink: sink.synthesizing(piece(b"one")),
        lambda sink: sink.synthesizing(piece(b"")),
        lambda sink: sink.synthesizing(piece(b"two")),
        lambda sink: sink.completed(None),
        lambda sink: sink.synthesizing(piece(b"of nobody's text")),
        lambda sink: sink.completed(None),
    )
    assert (heard, error) == ([b"one", b"two"], None)


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        (end("Error", "BadRequest", "Unsupported voice x."), ConfigurationError, "no such voice"),
        (end("Error", "BadRequest", "expected SSML"), ServiceError, "did not understand"),
        (end("Error", "AuthenticationFailure", f"key {KEY}"), AuthenticationError, "key ..."),
        (SimpleNamespace(), EngineFailedError, "no attribute"),
    ],
)
def test_a_failure_is_told_after_what_was_heard(
    event: SimpleNamespace, kind: type[RawMediaError], words: str
) -> None:
    heard, error = told(
        lambda sink: sink.synthesizing(piece(b"one")),
        lambda sink: sink.guarded(sink.canceled)(event),
    )
    assert heard == [b"one"]
    assert isinstance(error, kind)
    assert words in str(error)
    assert KEY not in str(error)


def test_a_stop_that_was_asked_for_is_no_failure() -> None:
    assert told(lambda sink: sink.canceled(end("CancelledByUser"))) == ([], None)


@pytest.mark.parametrize("fails", ["start", "speak"])
def test_what_the_sdk_raises_is_told_to_the_reader(
    fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the thread goes on: the next text may succeed."""

    class Broken:
        def __init__(self, *_: object) -> None:
            if fails == "start":
                raise RuntimeError("0x1\nnative call stack")

        def speak(self, *_: object) -> None:
            raise RuntimeError

        def voices(self, _: str) -> tuple[str, ...]:
            raise RuntimeError

        def connect(self) -> None:
            raise RuntimeError

        def stop(self) -> None:
            raise RuntimeError

    monkeypatch.setattr("rawmedia.translators.azure.native_synthesizer._SdkObjects", Broken)

    async def main() -> None:
        native = NativeSynthesizer(CONFIG, "raw")
        native.start()
        for _ in range(2):
            box: Mailbox[bytes] = Mailbox("azure", 100)
            native.speak("x", box)
            with pytest.raises(EngineFailedError, match=r"0x1$|RuntimeError"):
                await box.get()
        assert await asyncio.wrap_future(native.voices("de-DE")) == ()
        native.hush()
        assert await asyncio.wrap_future(native.voices("de-DE")) == ()
        native.hush()
        await asyncio.sleep(0.05)  # nothing waits, so it connects
        assert await asyncio.wrap_future(native.voices("de-DE")) == ()
        native.stop()
        await asyncio.to_thread(native.join, 3)

    asyncio.run(main())


def test_without_threads_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    native = NativeSynthesizer(CONFIG, "raw")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(EngineFailedError, match="can't start"):
        native.start()
    assert native not in native_exit._running


def test_without_the_sdk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.cognitiveservices.speech", None)
    with pytest.raises(MissingDependencyError, match="Speech SDK"):
        load_sdk()


def test_an_error_is_plain() -> None:
    """Its traceback's frames would keep native objects for whoever reads it to release."""
    with pytest.raises(ServiceError) as caught:
        raise ServiceError("azure", "why")
    assert caught.value.__traceback__ is not None
    assert plain_error(caught.value) is caught.value
    assert caught.value.__traceback__ is None
    assert "one" in str(plain_error(RuntimeError("one\ntwo")))
    assert "two" not in str(plain_error(RuntimeError("one\ntwo")))


class FakeSdk:
    """Writes down what a configuration is made from."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []
        self.native = SimpleNamespace(set_proxy=lambda *proxy: self.made.append({"proxy": proxy}))

    def SpeechConfig(self, **settings: Any) -> SimpleNamespace:  # noqa: N802 - as the SDK calls it
        self.made.append(settings)
        return self.native


@pytest.mark.parametrize(
    ("config", "made"),
    [
        ({"key": KEY, "region": "westeurope"},
         {"subscription": KEY, "auth_token": None, "region": "westeurope"}),
        ({"token_provider": lambda: "T", "region": "westeurope"},
         {"subscription": None, "auth_token": "T", "region": "westeurope"}),
        ({"key": KEY, "endpoint": "https://me.example:1/speech/translation/v1?x=1"},
         {"subscription": KEY, "endpoint": "https://me.example:1/", "host": None}),
        ({"host": "wss://container"},
         {"subscription": None, "endpoint": None, "host": "wss://container"}),
    ],
)  # fmt: skip
def test_the_service_is_named_as_the_sdk_wants_it(
    config: dict[str, Any], made: dict[str, Any]
) -> None:
    sdk = FakeSdk()
    speech_config(sdk, AzureSpeechConfig(**config))
    assert sdk.made == [made]


def test_a_credential_and_a_proxy_are_handed_on() -> None:
    sdk, credential = FakeSdk(), SimpleNamespace(get_token=lambda *_: None)
    config = AzureSpeechConfig(
        endpoint="https://me.example",
        credential=credential,
        proxy="http://me:p%40ss@proxy:3128",
        endpoint_id="model",
    )
    assert speech_config(sdk, config).endpoint_id == "model"
    assert sdk.made == [
        {"token_credential": credential, "endpoint": "https://me.example/"},
        {"proxy": ("proxy", 3128, "me", "p@ss")},
    ]


def test_the_end_of_the_program_stops_each_and_waits_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """But not what a parent process has: a fork has none of its threads."""
    order: list[str] = []

    class Running:
        def __init__(self, name: str) -> None:
            self.name = name

        def stop(self) -> None:
            order.append(f"stop {self.name}")

        def join(self, timeout: float) -> None:
            assert 0 <= timeout <= 3
            order.append(f"join {self.name}")

    monkeypatch.setattr(native_exit, "_running", {})
    one, other, parents = Running("one"), Running("other"), Running("parent's")
    native_exit.running(one)
    native_exit.running(other)
    native_exit._running[parents] = -1
    native_exit.stop_all()
    assert order == ["stop one", "stop other", "join one", "join other"]
    native_exit.stopped(one)
    native_exit.stopped(one)
    assert one not in native_exit._running
