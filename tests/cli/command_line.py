"""Runs `rawmedia` for these tests, in this process with an engine of the test's own choice."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from typer.testing import CliRunner

from rawmedia.cli.app import app
from rawmedia.cli.services import Services
from rawmedia.testing.script import ScriptedUtterance
from rawmedia.testing.translators import ScriptedTranslator

if TYPE_CHECKING:
    from rawmedia.testing.clock import VirtualClock
    from rawmedia.testing.script import ScriptItem
    from rawmedia.translators.translator import Translator

EXAMPLE = Path(__file__).parents[2] / "examples" / "speech" / "call-centre.flac"
SCRIPTED_RAWMEDIA = [sys.executable, str(Path(__file__).with_name("scripted_rawmedia.py"))]
"""The program with an engine that follows a script, for tests that need a process."""

GREETING = ScriptedUtterance(
    source_text="good morning",
    start_ms=200,
    end_ms=1_000,
    revisions=["good"],
    translations={"es": "buenos días"},
    audio=600.0,
)
QUESTION = ScriptedUtterance(
    source_text="how are you",
    start_ms=1_500,
    end_ms=2_500,
    revisions=["how are"],
    translations={"es": "¿cómo está?"},
    audio=900.0,
)


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    exit_code: int
    stdout: str
    stderr: str


def rawmedia(
    *args: object, engine: Translator | None = None, clock: VirtualClock | None = None
) -> Ran:
    """Run a command with ``engine`` in place of every engine, or with the real ones."""
    services = Services()
    if engine is not None:
        kept = engine
        services = Services(choose_translator=lambda _name: kept)
        if clock is not None:
            services = Services(lambda _name: kept, clock=clock, run=clock.run)
    result = CliRunner().invoke(app, [str(each) for each in args], obj=services)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def translate(
    source: Path,
    *args: object,
    engine: Translator | None = None,
    clock: VirtualClock | None = None,
) -> Ran:
    """``rawmedia translate`` from English to Spanish; by default with two scripted utterances."""
    engine = engine or scripted()
    return rawmedia(
        "translate", source, "--from", "en-US", "--to", "es", *args, engine=engine, clock=clock
    )


def scripted(*more: ScriptItem, **settings: Any) -> ScriptedTranslator:
    """An engine that hears a greeting and a question, and what else it is given."""
    return ScriptedTranslator([GREETING, QUESTION, *more], **settings)


def speech(path: Path, duration_s: float = 4.0, sample_rate: int = 16_000) -> Path:
    """A file of noise that stands for speech: scripted engines do not listen."""
    noise = np.random.default_rng(seed=1).normal(0, 0.1, round(duration_s * sample_rate))
    soundfile.write(path, noise, sample_rate)
    return path


def cues(path: Path) -> list[tuple[float, float, str]]:
    """The cues of a WebVTT file: start and end in seconds, text; fails where it is not valid."""
    header, *blocks = path.read_text("utf-8").removesuffix("\n\n").split("\n\n")
    assert header.strip() == "WEBVTT"
    found = []
    for block in filter(None, blocks):
        _number, times, *lines = block.split("\n")
        match = re.fullmatch(r"(\d+):(\d\d):(\d\d\.\d{3}) --> (\d+):(\d\d):(\d\d\.\d{3})", times)
        assert match is not None, block
        numbers = [float(each) for each in match.groups()]
        start = numbers[0] * 3600 + numbers[1] * 60 + numbers[2]
        end = numbers[3] * 3600 + numbers[4] * 60 + numbers[5]
        found.append((start, end, "\n".join(lines)))
    starts = [start for start, _, _ in found]
    assert starts == sorted(starts)
    assert all(lines for _, _, lines in found)
    return found


def seconds(path: Path) -> float:
    """How long an audio file plays; fails where it does not."""
    samples, sample_rate = soundfile.read(path)
    return len(samples) / float(sample_rate)
