"""A program that ends in mid-sentence ends cleanly; the SDK left alone aborts it."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest

from rawmedia.testing.azure_emulator import AzureSpeechEmulator, EmulatedUtterance, MissingTurnEnd

PROGRAM = """
import asyncio, sys
from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.translators.azure import AzureSpeechConfig, AzureTranslator
from rawmedia.translators.request import TranslationRequest

host, ending = sys.argv[1:]

async def main():
    translation = await AzureTranslator(AzureSpeechConfig(host=host)).open(
        TranslationRequest(source_language="en-US", target_languages=("es",))
    )
    for at in range(200):
        await translation.send(AudioFrame(b"\\x10\\x10" * 320, SPEECH, at * 320))
    if ending == "after the input":
        await translation.end_input()
    seen = 0
    async for event in translation:
        seen += 1
        if seen == 10:
            break
    print("heard", seen, flush=True)
    if ending == "by exit":
        sys.exit(7)

if ending == "with its loop open":
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("ending", "status", "ends_turns"),
    [
        ("by return", 0, True),
        ("by exit", 7, True),
        ("with its loop open", 0, True),
        ("after the input", 0, False),
    ],
)
def test_a_program_that_ends_in_mid_sentence_ends_cleanly(
    ending: str, status: int, ends_turns: bool
) -> None:
    """Nobody closes the translation, hypotheses rain, and the service may never answer the stop."""
    end_programs(ending, status, ends_turns=ends_turns, count=1)


@pytest.mark.soak
@pytest.mark.parametrize("ending", ["by return", "with its loop open"])
def test_fifty_programs_that_end_in_mid_sentence_end_cleanly(ending: str) -> None:
    """An abort is a race. With the loop open nobody but the end of the program stops the SDK."""
    end_programs(ending, 0, ends_turns=True, count=50)


def end_programs(ending: str, status: int, *, ends_turns: bool, count: int) -> None:
    """Run programs, one after the other, that end while their translation runs."""
    talk = EmulatedUtterance(
        source_text="well", start_ms=100, end_ms=3_900, revisions=["well"] * 1_000
    )
    faults = [] if ends_turns else [MissingTurnEnd(times=None)]

    async def main() -> None:
        async with AzureSpeechEmulator([talk], faults=faults) as emulator:
            for _ in range(count):
                await end_program(emulator.host)

    async def end_program(host: str) -> None:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, host, ending,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(20):
                assert program.stdout is not None
                assert await program.stdout.readline() == b"heard 10\n"
                heard_at = time.monotonic()
                _, errors = await program.communicate()
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()
        assert program.returncode == status, errors
        assert b"FATAL" not in errors
        assert time.monotonic() - heard_at < 5

    asyncio.run(main())
