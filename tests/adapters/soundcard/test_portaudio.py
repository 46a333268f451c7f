"""PortAudio's faults, made by a module in its package's place; its good days are in test_pulseaudio."""

from __future__ import annotations

import atexit
import os
import pickle
import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from rawmedia.adapters.soundcard import (
    DeviceOpenError,
    PortAudioBackend,
    SoundDevice,
    SoundSystemError,
    portaudio,
)
from rawmedia.adapters.soundcard.in_time import in_time
from rawmedia.audio.format import SPEECH
from rawmedia.errors import MissingDependencyError

USB = SoundDevice(4, "USB", "ALSA", 1, 2, 48_000)
PATIENCE_S = 0.2
DEVICE_UNAVAILABLE = -9985


class FakePortAudioError(Exception):
    """As sounddevice raises it: a text and PortAudio's number."""


class Sounddevice(ModuleType):
    """What of sounddevice is used; the tests put faults in the place of its parts."""

    PortAudioError = FakePortAudioError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.default = SimpleNamespace(device=(-1, -1), hostapi=0)
        self.opened: list[dict[str, Any]] = []
        self.calls: list[str] = []

    def query_hostapis(self) -> tuple[dict[str, Any], ...]:
        return ({"name": "ALSA", "default_input_device": 0, "default_output_device": 1},)

    def query_devices(self) -> list[dict[str, Any]]:
        names = [("headset", 1, 2), ("monitor", 0, 8), ("line", 2, 0)]
        return [
            {
                "index": number,
                "name": name,
                "hostapi": 0,
                "max_input_channels": inputs,
                "max_output_channels": outputs,
                "default_samplerate": 44_100.0,
            }
            for number, (name, inputs, outputs) in enumerate(names)
        ]

    def check_input_settings(self, **settings: Any) -> None:
        self.opened.append(settings)

    check_output_settings = check_input_settings

    def RawInputStream(self, **settings: Any) -> Sounddevice:  # noqa: N802 - sounddevice's name
        self.opened.append(settings)
        return self

    RawOutputStream = RawInputStream

    def start(self) -> None:
        self.calls.append("start")

    def abort(self) -> None:
        self.calls.append("abort")

    def close(self) -> None:
        self.calls.append("close")

    def _exit_handler(self) -> None:
        """What sounddevice does at exit."""


@pytest.fixture
def sd(monkeypatch: pytest.MonkeyPatch) -> Sounddevice:
    module = Sounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    monkeypatch.setattr(portaudio, "_PATIENCE_S", PATIENCE_S)
    monkeypatch.setattr(portaudio, "_CLOSE_S", PATIENCE_S)
    return module


def raising(*args: Any) -> Any:
    def fail(**_: Any) -> None:
        raise FakePortAudioError(*args)

    return fail


def opened(backend: PortAudioBackend, direction: Any = "input", **callbacks: Any) -> Any:
    return backend.open(
        USB,
        direction,
        SPEECH,
        block_samples=320,
        latency_s=0.06,
        on_block=callbacks.get("on_block", lambda *_: None),
        on_finished=callbacks.get("on_finished", lambda: None),
    )


def test_the_defaults_are_the_machine_s_where_the_program_said_nothing(sd: Sounddevice) -> None:
    """One way may be set and the other not."""

    def defaults() -> tuple[list[str], list[str]]:
        devices = PortAudioBackend().devices()
        return (
            [each.name for each in devices if each.default_input],
            [each.name for each in devices if each.default_output],
        )

    assert defaults() == (["headset"], ["monitor"])
    sd.default.device = (2, -1)
    assert defaults() == (["line"], ["monitor"])


def test_a_machine_without_a_sound_system_has_no_device(
    sd: Sounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container."""
    monkeypatch.setattr(sd, "query_hostapis", tuple)
    monkeypatch.setattr(sd, "query_devices", list)
    sd.default.hostapi = -1
    assert PortAudioBackend().devices() == ()


def test_a_list_that_can_not_be_had_is_told(
    sd: Sounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is nobody's device that is at fault."""
    monkeypatch.setattr(sd, "query_devices", raising("no list", -9999))
    with pytest.raises(SoundSystemError, match="no list") as told:
        PortAudioBackend().devices()
    assert str(pickle.loads(pickle.dumps(told.value))) == str(told.value)


@pytest.mark.parametrize("direction", ["input", "output"])
def test_a_format_that_is_refused_is_told_from_a_device_that_is_busy(
    sd: Sounddevice, monkeypatch: pytest.MonkeyPatch, direction: Any
) -> None:
    """Of the one another format is tried, the other is the person's to free."""
    backend = PortAudioBackend()
    assert backend.takes(USB, direction, SPEECH)
    assert sd.opened == [{"device": 4, "channels": 1, "dtype": "int16", "samplerate": 16_000}]
    name = f"check_{direction}_settings"
    monkeypatch.setattr(sd, name, raising("Invalid sample rate", -9997))
    assert not backend.takes(USB, direction, SPEECH)
    monkeypatch.setattr(sd, name, raising("Device unavailable", DEVICE_UNAVAILABLE))
    with pytest.raises(DeviceOpenError, match="Device unavailable"):
        backend.takes(USB, direction, SPEECH)


def test_a_device_that_refuses_to_open_or_to_start_is_told(
    sd: Sounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its name and PortAudio's reason."""
    stream = opened(PortAudioBackend())
    monkeypatch.setattr(sd, "start", raising("no start"))
    with pytest.raises(DeviceOpenError, match="input device 'USB': no start"):
        stream.start()
    monkeypatch.setattr(sd, "RawOutputStream", raising("no way"))
    with pytest.raises(DeviceOpenError, match="output device 'USB': no way"):
        opened(PortAudioBackend(), "output")


def test_times_that_can_not_be_are_none(sd: Sounddevice) -> None:
    """Some sound systems leave one out, and a drain would wait for hours."""
    got: list[tuple[float, bool]] = []
    backend = PortAudioBackend()

    def on_block(_block: memoryview, latency_s: float, lost: bool) -> None:
        got.append((latency_s, lost))

    for direction, key in (("input", "inputBufferAdcTime"), ("output", "outputBufferDacTime")):
        opened(backend, direction, on_block=on_block)
        callback = sd.opened[-1]["callback"]
        sign = 1 if direction == "output" else -1
        for moment in (5_000 + sign * 0.25, 0.0, 5_000 - sign * 0.25, 5_000 + sign * 3_600):
            times = SimpleNamespace(currentTime=5_000.0, **{key: moment})
            status = SimpleNamespace(input_overflow=moment == 0, output_underflow=moment == 0)
            callback(bytearray(4), 2, times, status)
    assert got == [(0.25, False), (0.0, True), (0.0, False), (0.0, False)] * 2


def test_closing_twice_closes_once(sd: Sounddevice) -> None:
    """PortAudio's memory is gone after the first."""
    stream = opened(PortAudioBackend())
    stream.close()
    stream.close()
    assert sd.calls == ["abort", "close"]


def test_a_device_that_fails_while_it_is_closed_is_closed_nevertheless(
    sd: Sounddevice, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It can't be stopped where it is unplugged."""
    monkeypatch.setattr(sd, "abort", raising("it is gone"))
    opened(PortAudioBackend()).close()
    assert sd.calls == ["close"]
    assert "input device 'USB': it is gone" in caplog.text


@pytest.mark.parametrize("what", ["check", "open", "start", "close"])
def test_a_sound_system_that_hangs_is_waited_for_no_longer(
    sd: Sounddevice, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """Nor at exit, where sounddevice would wait for it."""
    released = threading.Event()
    waiting: list[str] = []
    left_out: list[Any] = []
    monkeypatch.setattr(atexit, "unregister", left_out.append)

    def hang(**_: Any) -> Sounddevice:
        waiting.append(threading.current_thread().name)
        released.wait(60)
        return sd

    backend = PortAudioBackend()
    try:
        if what == "close":
            stream = opened(backend)
            monkeypatch.setattr(sd, "abort", hang)
            stream.close()
            assert "closing input device 'USB' took more than 0.2 s" in caplog.text
        elif what == "start":
            stream = opened(backend)
            monkeypatch.setattr(sd, "start", hang)
            with pytest.raises(SoundSystemError, match=r"starting input device 'USB' took"):
                stream.start()
        elif what == "open":
            monkeypatch.setattr(sd, "RawInputStream", hang)
            with pytest.raises(SoundSystemError, match=r"opening input device 'USB' took"):
                opened(backend)
        else:
            monkeypatch.setattr(sd, "check_input_settings", hang)
            with pytest.raises(SoundSystemError, match=r"asking input device 'USB' took"):
                backend.takes(USB, "input", SPEECH)
        assert len(waiting) == 1
        assert left_out == [sd._exit_handler]
    finally:
        released.set()


def test_a_device_that_opens_after_all_is_closed(
    sd: Sounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it any more, and nobody else would give it back."""
    released, closed = threading.Event(), threading.Event()

    def slow(**_: Any) -> Sounddevice:
        released.wait(60)
        return sd

    monkeypatch.setattr(sd, "RawInputStream", slow)
    monkeypatch.setattr(sd, "close", closed.set)
    with pytest.raises(SoundSystemError):
        opened(PortAudioBackend())
    assert not closed.is_set()
    released.set()
    assert closed.wait(60)


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        (ImportError("no module"), MissingDependencyError, "rawmedia[soundcard]"),
        (OSError("PortAudio library not found"), MissingDependencyError, "libportaudio2"),
        (
            FakePortAudioError("Error initializing PortAudio", -9999),
            SoundSystemError,
            "initializing",
        ),
    ],
)
def test_a_package_that_does_not_load_is_told(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, error: type[Exception], text: str
) -> None:
    """What is missing with the command that adds it, what is broken with its reason."""

    class Broken:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == "sounddevice":
                raise fault

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(error) as told:
        PortAudioBackend()
    assert text in str(told.value)


def test_errors_are_printed_again_when_portaudio_hangs_while_it_starts(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """sounddevice sends the process's errors to nowhere meanwhile."""
    released = threading.Event()

    class Hanging:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == "sounddevice":
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)
                released.wait(60)
                raise ImportError

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Hanging(), *sys.meta_path])
    monkeypatch.setattr(portaudio, "_PATIENCE_S", PATIENCE_S)
    try:
        with pytest.raises(SoundSystemError, match="starting PortAudio took"):
            PortAudioBackend()
        os.write(2, b"heard again")
        assert capfd.readouterr().err == "heard again"
    finally:
        released.set()


def test_a_call_that_comes_back_gives_what_it_gives() -> None:
    """Its own errors are not taken for a hanging system, a timeout among them."""
    assert in_time(lambda: 7, 60, "counting") == 7

    def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        in_time(fail, 60, "failing")


def test_a_call_that_fails_too_late_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing to give back."""
    released = threading.Event()
    late: list[int] = []

    def slow() -> int:
        released.wait(60)
        raise OSError

    with pytest.raises(SoundSystemError):
        in_time(slow, 0.01, "waiting", too_late=late.append)
    (thread,) = [each for each in threading.enumerate() if each.name == "waiting"]
    released.set()
    thread.join(60)
    assert late == []
    assert not caplog.records
