"""A program that ends in mid-speech ends cleanly; the SDK left alone may abort it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

pytest.importorskip("azure.cognitiveservices.speech", reason="needs Microsoft's Speech SDK")

from rawmedia.testing.azure_emulator import AzureSpeechEmulator, Fault, Silence, Throttle

PROGRAM = """
import asyncio, sys
from rawmedia.translators.azure.config import AzureSpeechConfig
from rawmedia.translators.azure.synthesis import AzureSynthesizer

host, ending = sys.argv[1:]

async def main():
    synthesizer = AzureSynthesizer(AzureSpeechConfig(host=host))
    speech = synthesizer.synthesize("Das ist ein langer Satz. " * 16, "de")
    for _ in range(3):
        await anext(speech)
    print("heard", flush=True)
    if ending == "by exit":
        sys.exit(7)
    if ending == "with its loop open":
        globals()["kept"] = speech, synthesizer

if ending == "with its loop open":
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("ending", "status", "fault"),
    [
        ("by return", 0, Throttle(speed=1.0)),
        ("by exit", 7, Throttle(speed=1.0)),
        ("with its loop open", 0, Throttle(speed=1.0)),
        ("by return", 0, Silence(at_ms=500)),
    ],
)
def test_a_program_that_ends_in_mid_speech_ends_cleanly(
    ending: str, status: int, fault: Fault
) -> None:
    """Nobody closes anything, audio rains, and the service may never answer the stop."""

    async def main() -> None:
        async with AzureSpeechEmulator(faults=[fault]) as service:
            program = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, service.host, ending,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            try:
                async with asyncio.timeout(20):
                    assert program.stdout is not None
                    assert await program.stdout.readline() == b"heard\n"
                    heard_at = time.monotonic()
                    _, errors = await program.communicate()
            finally:
                if program.returncode is None:
                    program.kill()
                    await program.wait()
        assert program.returncode == status, errors
        assert time.monotonic() - heard_at < 4, "it waits three seconds at most"
        assert errors == b""

    asyncio.run(main())
