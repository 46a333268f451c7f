"""``rawmedia translate --engine azure`` on the real SDK, against ``rawmedia azure-emulator``: two processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from command_line import cues, seconds, speech

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RAWMEDIA = [sys.executable, "-m", "rawmedia"]
KEY = "0123456789abcdef0123456789abcdef"
SCRIPT = [
    {
        "text": "good morning",
        "start_ms": 200,
        "end_ms": 1_000,
        "translations": {"es": "buenos días"},
    },
    {
        "text": "how are you",
        "start_ms": 1_500,
        "end_ms": 2_500,
        "translations": {"es": "¿cómo está?"},
    },
]


@contextmanager
def emulator(tmp_path: Path) -> Iterator[str]:
    """The service as a program of its own, and where it listens."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    command = [*RAWMEDIA, "azure-emulator", "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        try:
            assert process.stdout is not None
            found = re.search(r"ws://127\.0\.0\.1:\d+", process.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            timer.cancel()
            process.terminate()


def translate(
    source: Path, host: str, *args: object, key: str = KEY
) -> subprocess.CompletedProcess[str]:
    """Run the command with the key where a person would put it."""
    environ = {name: value for name, value in os.environ.items() if "SPEECH" not in name}
    command = [*RAWMEDIA, "translate", str(source), "--from", "en-US", "--to", "es"]
    return subprocess.run(
        [*command, "--engine", "azure", *map(str, args)],
        env=environ | {"AZURE_SPEECH_KEY": key, "AZURE_SPEECH_HOST": host},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("pace", ["--realtime", "--no-realtime"])
def test_a_recording_is_translated_by_the_service(tmp_path: Path, pace: str) -> None:
    """The command, the SDK and the protocol together, as a person with a key has them."""
    source = speech(tmp_path / "talk.wav", duration_s=3)
    audio, captions = tmp_path / "o.wav", tmp_path / "o.vtt"
    with emulator(tmp_path) as host:
        ran = translate(source, host, "-o", audio, "--captions", captions, pace)
    assert ran.returncode == 0, ran.stderr
    assert [text for _, _, text in cues(captions)] == ["buenos días", "¿cómo está?"]
    assert seconds(audio) > 2
    assert KEY not in ran.stdout + ran.stderr


def test_a_service_that_is_not_there_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    """Exit code 1, one line of what and one of what to do; the key is not shown."""
    source = speech(tmp_path / "talk.wav", duration_s=1)
    ran = translate(source, "ws://127.0.0.1:9", "-o", tmp_path / "o.wav")
    assert ran.returncode == 1
    assert "azure" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert KEY not in ran.stdout + ran.stderr
    assert not (tmp_path / "o.wav").exists()
