"""README's Azure program, run with the real SDK against the emulator."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import soundfile

from rawmedia.testing import tone
from rawmedia.testing.azure_emulator import AzureSpeechEmulator, EmulatedUtterance

ROOT = Path(__file__).parents[3]


def run_example(name: str, folder: Path) -> str:
    """Run it in a folder whose files hold a second of sound; every engine understands one utterance."""
    script = [
        EmulatedUtterance(
            source_text="hello",
            start_ms=100,
            end_ms=700,
            translations={"fr": "bonjour", "en": "good day"},
            speech=200.0,
        )
    ]
    for file in ("call.flac", "microphone.flac"):
        soundfile.write(folder / file, tone(1_000).samples, 16_000)

    async def main() -> str:
        async with AzureSpeechEmulator(script) as emulator:
            program = await asyncio.create_subprocess_exec(
                sys.executable,
                str(ROOT / "examples" / name),
                cwd=folder,
                env={**os.environ, "AZURE_SPEECH_KEY": "x", "AZURE_SPEECH_HOST": emulator.host},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            printed, errors = await asyncio.wait_for(program.communicate(), 60)
            assert program.returncode == 0, errors.decode()
            return printed.decode()

    return asyncio.run(main())


def is_spoken(recording: Path) -> bool:
    samples, rate = soundfile.read(recording, dtype="int16")
    assert rate == 24_000
    return bool(abs(samples).max() > 1_000)


def test_the_azure_example_runs_to_its_end(tmp_path: Path) -> None:
    """It is the first thing that a user with a key tries; one second of call is enough."""
    assert "bonjour" in run_example("azure_speech.py", tmp_path)
    assert is_spoken(tmp_path / "french.wav")


def test_the_example_of_a_call_interprets_both_ways(tmp_path: Path) -> None:
    """What is said at the desk goes into the call, and the other way round."""
    printed = run_example("interpret_a_call.py", tmp_path)
    assert "hello -> good day" in printed
    assert "hello -> bonjour" in printed
    assert is_spoken(tmp_path / "speaker.wav")
    assert is_spoken(tmp_path / "into-the-call.wav")
