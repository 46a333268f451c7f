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


def test_the_azure_example_runs_to_its_end(tmp_path: Path) -> None:
    """It is the first thing that a user with a key tries; one second of call is enough."""
    soundfile.write(tmp_path / "call.flac", tone(1_000).samples, 16_000)
    script = [
        EmulatedUtterance(
            source_text="hello",
            start_ms=100,
            end_ms=700,
            translations={"fr": "bonjour"},
            speech=200.0,
        )
    ]

    async def main() -> str:
        async with AzureSpeechEmulator(script) as emulator:
            program = await asyncio.create_subprocess_exec(
                sys.executable,
                str(ROOT / "examples" / "azure_speech.py"),
                cwd=tmp_path,
                env={**os.environ, "AZURE_SPEECH_KEY": "x", "AZURE_SPEECH_HOST": emulator.host},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            printed, errors = await asyncio.wait_for(program.communicate(), 60)
            assert program.returncode == 0, errors.decode()
            return printed.decode()

    assert "bonjour" in asyncio.run(main())
    samples, rate = soundfile.read(tmp_path / "french.wav", dtype="int16")
    assert rate == 24_000
    assert abs(samples).max() > 1_000
