"""``rawmedia live``: somebody at a fake sound card and a call, in virtual time, and what is typed meanwhile."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from live_kit import MINE_HZ, THEIRS_HZ, VOICE_HZ, live

from rawmedia.audio.format import SPEECH
from rawmedia.captions.report import CallReport
from rawmedia.cli.live_call import HELP
from rawmedia.testing import speech_like
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from pathlib import Path

CABLE = ("--call-input", "fake microphone", "--call-output", "fake loudspeaker")


def test_both_parties_are_heard_in_the_others_language_and_captioned(tmp_path: Path) -> None:
    """The seed's two flows at once: listening in, and broadcasting into the call."""
    desk = live(*CABLE, "--folder", str(tmp_path), keys=[(8, "q")])
    assert desk.ran.exit_code == 0, desk.ran.stderr
    for card in ("me", "call"):
        assert desk.strength(card, VOICE_HZ) > 200
    # The original is muted beneath its translation.
    assert desk.strength("me", THEIRS_HZ) < 20
    assert desk.strength("call", MINE_HZ) < 20
    lines = [line.split("\t") for line in desk.ran.stdout.splitlines()]
    assert {line[1] for line in lines} == {"me", "call"}
    assert ["call", "fr-FR", "en français"] in [line[1:] for line in lines]
    assert "en français" in (tmp_path / "listen.vtt").read_text()
    assert "in English" in (tmp_path / "broadcast.vtt").read_text()
    report = CallReport.read(tmp_path / "report.json")
    assert report.directions["a_to_b"].source_language == "fr-FR"
    assert "utterances of mine" in desk.ran.stderr


def test_listening_and_broadcasting_are_switched_while_the_call_goes_on() -> None:
    """Off, the original is heard; on again, the translation."""
    desk = live(*CABLE, "--no-broadcast", keys=[(6, "l"), (10, "b"), (14, "q")])
    assert desk.ran.exit_code == 0
    assert desk.strength("me", VOICE_HZ, 2, 6) > 200
    assert desk.strength("me", THEIRS_HZ, 2, 6) < 20
    assert desk.strength("me", THEIRS_HZ, 7.5, 14) > 1_000
    assert desk.strength("call", MINE_HZ, 2, 10) > 1_000
    assert desk.strength("call", VOICE_HZ, 11, 14) > 100
    assert desk.strength("call", MINE_HZ, 11, 14) < 300
    assert "listen: off" in desk.ran.stderr
    assert "broadcast: on" in desk.ran.stderr


def test_who_mutes_himself_is_not_heard_and_who_asks_for_silence_gets_it() -> None:
    """As he is; what the engine hears of him is silence, too."""
    keys = [(3, "m"), (4, "i"), (4.5, "?"), (9, "m"), (12, "q")]
    desk = live(*CABLE, "--no-broadcast", keys=keys)
    assert desk.strength("call", MINE_HZ, 1, 3) > 1_000
    assert desk.strength("call", MINE_HZ, 4, 9) < 5
    assert desk.strength("call", MINE_HZ, 10, 12) > 1_000
    assert desk.strength("me", VOICE_HZ, 4.2, 5) < 5 < desk.strength("me", VOICE_HZ, 5, 9)
    for said in ("you are muted", "you are heard", "silent;", HELP):
        assert said in desk.ran.stderr


def test_a_recording_stands_for_the_call_to_try_it_out(tmp_path: Path) -> None:
    """And what the call would hear is a file, too; the call's end ends the command."""
    source, into = tmp_path / "call.wav", tmp_path / "into.wav"
    soundfile.write(source, speech_like(6_000, seed=1).samples, 16_000)
    desk = live("--call-file", str(source), "--into-call", str(into))
    assert desk.ran.exit_code == 0, desk.ran.stderr
    assert desk.strength("me", VOICE_HZ) > 100
    samples, rate = soundfile.read(into)
    turns = np.exp(-2j * np.pi * VOICE_HZ * np.arange(len(samples)) / rate)
    assert abs(samples @ turns) / len(samples) > 0.003
    assert len(samples) / rate < 15


def test_a_direction_that_the_engine_lacks_is_passed_on_and_told() -> None:
    """The embedded engine goes one way only."""
    only = TranslatorCapabilities(
        name="one way",
        input_formats=(SPEECH,),
        source_languages=("en-US",),
        target_languages=("fr-FR",),
    )
    desk = live(*CABLE, capabilities=only, keys=[(3, "b"), (6, "q")])
    assert desk.strength("me", VOICE_HZ) > 100
    assert desk.strength("call", MINE_HZ, 2, 6) > 1_000
    assert desk.ran.stderr.count("the engine can't broadcast") == 2


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "--call-file"),
        (["--call-input", "a", "--call-output", "b", "--call-file", "c.wav"], "--call-file"),
        (["--call-input", "a"], "--call-output"),
        (["--call-file", "nothing.wav"], "nothing.wav"),
        ([*CABLE, "--input", "no such microphone"], "no such microphone"),
        ([*CABLE, "--me", "en-us"], "two different languages"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anybody_is_heard(
    options: list[str], problem: str
) -> None:
    """With the option, or the devices that there are."""
    desk = live(*options)
    assert desk.ran.exit_code in (2, 3)
    assert problem in desk.ran.stderr


def test_what_is_typed_comes_line_by_line_and_nobody_need_type() -> None:
    """From a terminal, a pipe, or nothing at all."""
    code = (
        "import asyncio\n"
        "from rawmedia.cli.typed_lines import typed_lines\n"
        "async def main():\n"
        "    async for line in typed_lines():\n"
        "        print('got', line.strip(), flush=True)\n"
        "asyncio.run(main())\n"
    )
    for typed, said in (("l\nq\n", "got l\ngot q\n"), ("", "")):
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=typed,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert done.stdout == said
