"""The real PortAudio on a private PulseAudio, whose sinks end nowhere: a sound card without hardware."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sound_measures import holes_ms, pitch_hz, sounding

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = 48_000
DESK_PROGRAM = [sys.executable, str(Path(__file__).with_name("desk_program.py"))]
pytestmark = pytest.mark.skipif(
    find_library("portaudio") is None
    or any(shutil.which(name) is None for name in ("pulseaudio", "pacat", "parec")),
    reason="needs the Debian packages pulseaudio, pulseaudio-utils, libasound2-plugins, libportaudio2",
)


@contextmanager
def running(command: list[str], **settings: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process that is ended with the block."""
    with subprocess.Popen(command, **settings) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass
class Pulse:
    """A sound server of this test's own."""

    environ: dict[str, str]
    """With it, programs use that server: its microphone "desk" and its loudspeaker "speaker"."""
    process: subprocess.Popen[Any]


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[Pulse]:
    """It is ended with the test, and no other server is touched."""
    folder = tmp_path / "pulse"
    folder.mkdir()
    (folder / ".asoundrc").write_text(
        "pcm.!default { type pulse }\nctl.!default { type pulse }\npcm.pulse { type pulse }\n"
    )
    address = folder / "sock"
    environ = {
        **os.environ,
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "PULSE_RUNTIME_PATH": str(folder),
        "PULSE_SERVER": f"unix:{address}",
        "PULSE_SINK": "speaker",
        "PULSE_SOURCE": "desk.monitor",
    }
    command = [
        *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
        *("--realtime=no", "--disable-shm=yes", "--log-level=error"),
        *("-L", f"module-native-protocol-unix socket={address} auth-anonymous=1"),
        *("-L", f"module-null-sink sink_name=desk rate={RATE} channels=1"),
        *("-L", f"module-null-sink sink_name=speaker rate={RATE} channels=1"),
    ]
    with running(command, env=environ, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 10
        while not address.exists():
            assert process.poll() is None, "PulseAudio does not start"
            assert time.monotonic() < until, "PulseAudio does not start"
            time.sleep(0.05)
        yield Pulse(environ, process)
        process.send_signal(signal.SIGCONT)


def at_the_desk(
    pulse: Pulse, tmp_path: Path, seconds: float
) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """Run the program while somebody whistles; what it says, and what came out of the loudspeaker."""
    whistle = tmp_path / "whistle.raw"
    times = np.arange(round(RATE * (seconds + 15))) / RATE
    whistle.write_bytes((8_000 * np.sin(2 * np.pi * 300 * times)).astype(np.int16).tobytes())
    recorded = tmp_path / "loudspeaker.raw"
    layout = ["--raw", "--format=s16le", f"--rate={RATE}", "--channels=1"]
    environ = pulse.environ
    with ExitStack() as stack:
        stack.enter_context(running(["pacat", "--device=desk", *layout, str(whistle)], env=environ))
        out = stack.enter_context(recorded.open("wb"))
        stack.enter_context(
            running(
                ["parec", "--device=speaker.monitor", "--latency-msec=50", *layout],
                env=environ,
                stdout=out,
            )
        )
        done = subprocess.run(
            [*DESK_PROGRAM, str(seconds)],
            env=environ,
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        time.sleep(0.5)  # what is on its way through PulseAudio
    figures = json.loads(done.stdout.splitlines()[-1])
    return figures, np.fromfile(recorded, np.int16).reshape(-1, 1)


def measured(figures: dict[str, Any], played: np.ndarray[Any, Any]) -> dict[str, Any]:
    """What the program said of the microphone, and what was recorded of its loudspeaker."""
    sound = sounding(played)
    return {
        **figures,
        "loudspeaker_s": len(sound) / RATE,
        "loudspeaker_hz": pitch_hz(sound[RATE : -RATE // 4], RATE),
        "loudspeaker_holes_ms": holes_ms(sound, RATE),
    }


def check(figures: dict[str, Any], seconds: float) -> None:
    """What is said is heard and what is played is played, each at its pitch."""
    # The clock of PulseAudio's null sinks is the machine's; what remains is its jitter.
    assert figures["loudspeaker_hz"] == pytest.approx(700, rel=1e-3)
    assert figures["pitch_hz"] == pytest.approx(300, rel=1e-3)
    # A null sink takes 1.7 s until it is under way.
    least_s = seconds - 3
    assert figures["loudspeaker_s"] > least_s
    assert figures["sounding_s"] > least_s
    assert figures["heard_s"] <= seconds + 1
    assert figures["pulled_s"] >= figures["played_s"] > 0
    assert (figures["input_device"], figures["output_device"]) == ("pulse", "default")
    assert figures["lost"] == []


def test_what_is_played_is_heard_and_what_is_heard_comes_in(pulse: Pulse, tmp_path: Path) -> None:
    """Through PortAudio, ALSA and PulseAudio, as on a desktop."""
    check(measured(*at_the_desk(pulse, tmp_path, 4)), 4)


@pytest.mark.soak
def test_a_minute_keeps_its_pitch(pulse: Pulse, tmp_path: Path) -> None:
    """Long enough for clocks to drift, and for buffers to run over or dry."""
    figures = measured(*at_the_desk(pulse, tmp_path, 60))
    print(json.dumps(figures, indent=2))
    check(figures, 60)
    # A busy machine may be late now and then.
    assert figures["loudspeaker_holes_ms"] < 600
    assert figures["holes_ms"] < 600
    assert figures["gap_ms"] < 600


def test_the_command_lists_the_devices_of_the_server(pulse: Pulse) -> None:
    """With the names that other commands take, and what is taken without one."""
    listed = subprocess.run(
        [sys.executable, "-c", "from rawmedia.cli import main; main()", "devices", "--json"],
        env=pulse.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    devices = {each["name"]: each for each in json.loads(listed.stdout)}
    assert {"pulse", "default"} <= set(devices)
    assert devices["default"]["default_input"]
    assert devices["default"]["default_output"]
    assert devices["pulse"]["input_channels"] > 0
    assert devices["pulse"]["host_api"] == "ALSA"


def told(program: subprocess.Popen[Any]) -> dict[str, Any]:
    """What the program says when it is over, which it must be without help."""
    stdout, _ = program.communicate(timeout=60)
    assert program.returncode == 0
    figures: dict[str, Any] = json.loads(stdout.splitlines()[-1])
    return figures


@contextmanager
def desk_program(pulse: Pulse) -> Iterator[subprocess.Popen[Any]]:
    with running(
        [*DESK_PROGRAM, "30"],
        env=pulse.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        yield program


def test_a_server_that_ends_is_told_and_the_program_ends(pulse: Pulse) -> None:
    """PortAudio says at once that it stopped; nothing hangs at closing or at exit."""
    with desk_program(pulse) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        time.sleep(3)
        pulse.process.kill()
        figures = told(program)
    assert figures["lost"] == [
        "DeviceLostError input device 'pulse': it stopped",
        "DeviceLostError output device 'default': it stopped",
    ]


@pytest.mark.soak
def test_a_server_that_hangs_is_told_and_the_program_ends(pulse: Pulse) -> None:
    """Neither is said by PortAudio, whose closing would wait for ever, also at exit."""
    with desk_program(pulse) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        time.sleep(6)
        pulse.process.send_signal(signal.SIGSTOP)
        figures = told(program)
    assert len(figures["lost"]) == 2
    assert all("gave no sign for 1." in each for each in figures["lost"])
    assert figures["closing_s"] < 6


@pytest.mark.soak
def test_a_server_that_hangs_from_the_start_is_told_and_the_program_ends(pulse: Pulse) -> None:
    """PortAudio waits for it as soon as it is loaded, and so does whoever lists devices."""
    pulse.process.send_signal(signal.SIGSTOP)
    with desk_program(pulse) as program:
        figures = told(program)
    assert figures["refused"] == "SoundSystemError"
    assert "starting PortAudio took more than 10 s" in figures["because"]
    listed = subprocess.run(
        [sys.executable, "-c", "from rawmedia.cli import main; main()", "devices"],
        env=pulse.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert listed.returncode == 1
    assert "starting PortAudio took more than 10 s" in listed.stderr
    assert "fault of rawmedia" not in listed.stderr
