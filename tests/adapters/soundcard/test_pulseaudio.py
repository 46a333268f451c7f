"""The real PortAudio on a private PulseAudio, whose sinks end nowhere: a sound card without hardware."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from test_soundcard_leg import pitch_hz

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = 48_000
pytestmark = pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("pulseaudio", "pacat", "parec")),
    reason="needs the Debian packages pulseaudio, pulseaudio-utils, libasound2-plugins, libportaudio2",
)


@contextmanager
def running(command: list[str], **settings: Any) -> Iterator[subprocess.Popen[bytes]]:
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


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of programs that use a server of this test's own, with a microphone and a loudspeaker."""
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
    with running(command, env=environ, stderr=subprocess.DEVNULL):
        until = time.monotonic() + 10
        while not address.exists():
            assert time.monotonic() < until, "PulseAudio does not start"
            time.sleep(0.05)
        yield environ


def at_the_desk(
    pulse: dict[str, str], tmp_path: Path, seconds: float
) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """Run the program while somebody whistles; what it says, and what came out of the loudspeaker."""
    whistle = tmp_path / "whistle.raw"
    times = np.arange(round(RATE * (seconds + 15))) / RATE
    whistle.write_bytes((8_000 * np.sin(2 * np.pi * 300 * times)).astype(np.int16).tobytes())
    recorded = tmp_path / "loudspeaker.raw"
    layout = ["--raw", "--format=s16le", f"--rate={RATE}", "--channels=1"]
    program = [sys.executable, str(Path(__file__).with_name("desk_program.py")), str(seconds)]
    with ExitStack() as stack:
        stack.enter_context(running(["pacat", "--device=desk", *layout, str(whistle)], env=pulse))
        out = stack.enter_context(recorded.open("wb"))
        stack.enter_context(
            running(
                ["parec", "--device=speaker.monitor", "--latency-msec=50", *layout],
                env=pulse,
                stdout=out,
            )
        )
        done = subprocess.run(
            program, env=pulse, capture_output=True, text=True, timeout=seconds + 60, check=False
        )
        assert done.returncode == 0, done.stderr
        time.sleep(0.5)  # what is on its way through PulseAudio
    figures = json.loads(done.stdout.splitlines()[-1])
    return figures, np.fromfile(recorded, np.int16).reshape(-1, 1)


def holes_ms(samples: np.ndarray[Any, Any]) -> float:
    """Silence in the midst of a tone."""
    quiet = np.abs(samples[:, 0].astype(int)) < 100
    blocks = quiet[: len(quiet) // 240 * 240].reshape(-1, 240).all(axis=1)
    loud = np.flatnonzero(~blocks)
    return 5.0 * float(blocks[loud[0] : loud[-1] + 1].sum())


def check(figures: dict[str, Any], played: np.ndarray[Any, Any], seconds: float) -> None:
    """What is said is heard and what is played is played, each at its pitch."""
    loud = np.flatnonzero(np.abs(played[:, 0].astype(int)) > 500)
    sound = played[loud[0] : loud[-1] + 1]
    steady = sound[RATE : -RATE // 4]
    # A clock of PulseAudio's null sinks is the machine's; what remains is its jitter.
    assert pitch_hz(steady, RATE) == pytest.approx(700, rel=2e-3)
    assert figures["pitch_hz"] == pytest.approx(300, rel=2e-3)
    # PulseAudio takes up to a second or two until it is under way.
    least_s = seconds - 3
    assert len(sound) / RATE > least_s
    assert figures["loud_s"] > least_s
    assert least_s < figures["heard_s"] <= seconds + 1
    assert figures["pulled_s"] >= figures["played_s"] > 0


def test_what_is_played_is_heard_and_what_is_heard_comes_in(
    pulse: dict[str, str], tmp_path: Path
) -> None:
    """Through PortAudio, ALSA and PulseAudio, as on a desktop."""
    figures, played = at_the_desk(pulse, tmp_path, 4)
    check(figures, played, 4)


@pytest.mark.soak
def test_a_minute_keeps_its_pitch(pulse: dict[str, str], tmp_path: Path) -> None:
    """Long enough for clocks to drift, and for buffers to run over or dry."""
    figures, played = at_the_desk(pulse, tmp_path, 60)
    loud = np.flatnonzero(np.abs(played[:, 0].astype(int)) > 500)
    sound = played[loud[0] + RATE : loud[-1] + 1 - RATE // 4]
    print(json.dumps({**figures, "played_hz": pitch_hz(sound, RATE), "holes_ms": holes_ms(sound)}))
    check(figures, played, 60)
    assert holes_ms(sound) < 600
    assert figures["gap_ms"] < 600
