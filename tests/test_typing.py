"""What a caller's type checker makes of the library."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

RIGHT = """
from collections.abc import AsyncIterator

from rawmedia import (
    SPEECH,
    AudioFrame,
    InboundAudioStream,
    Interpreter,
    OutboundAudioStream,
    TimeSpan,
    TranslatedAudio,
    TranslationEvent,
    TranslationRequest,
    Translator,
    audio_pair,
    translator,
)


@translator(partials=False)
async def parrot(
    frames: AsyncIterator[AudioFrame], request: TranslationRequest
) -> AsyncIterator[TranslationEvent]:
    async for frame in frames:
        yield TranslatedAudio("u1", request.target_languages[0], frame, TimeSpan(0, frame.end_ms))


def engine() -> Translator:
    return parrot


async def both(inbound: InboundAudioStream, outbound: OutboundAudioStream) -> int:
    frame: AudioFrame = await inbound.arecv(timeout=1.0)
    for frame in inbound.tap():
        reveal_type(frame)
    sent: int = await outbound.asend(frame)
    out, back = audio_pair(SPEECH)
    out.send(b"")
    async for frame in outbound.paced():
        reveal_type(frame.samples)
    request = TranslationRequest(source_language="en", target_languages=("es",))
    report = await Interpreter(back, engine(), {"es": outbound}, request).run()
    reveal_type(report.totals.ear_voice_span_p50_ms)
    return sent
"""

WRONG = """
from rawmedia import AudioFormat, AudioFrame, InboundAudioStream, Translator

InboundAudioStream(16000)
InboundAudioStream(overflow="drop")
AudioFrame(b"", AudioFormat(8000)).position = 3
InboundAudioStream().push("text")
translator: Translator = object()
"""


def check(program: str, folder: Path) -> list[str]:
    """The errors and notes that mypy --strict has about a program."""
    path = folder / "program.py"
    path.write_text(program, "utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--no-error-summary",
            "--cache-dir",
            str(folder),
            str(path),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=300,
    )
    assert not done.stderr, done.stderr
    return [line.removeprefix(f"{path.name}:") for line in done.stdout.splitlines()]


@pytest.mark.untraced
def test_a_callers_types_are_right_and_wrong_calls_are_caught(tmp_path: Path) -> None:
    """The package is typed for those who use it, not only for itself; one run, because a run is slow."""
    messages = check(RIGHT + WRONG, tmp_path)
    revealed = [line.partition("Revealed type is ")[2] for line in messages if "Revealed" in line]
    assert "AudioFrame" in revealed[0]
    assert "int16" in revealed[1] or "signedinteger" in revealed[1]
    assert "float | None" in revealed[2].replace("Union[", "").replace(", None]", " | None")
    errors = {int(line.split(":")[0]) for line in messages if " error: " in line}
    first = (RIGHT + WRONG).splitlines().index("InboundAudioStream(16000)") + 1
    assert errors == set(range(first, first + 5)), "\n".join(messages)
