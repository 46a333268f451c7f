from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from command_line import (
    GREETING,
    cues,
    rawmedia,
    scripted,
    seconds,
    speech,
    translate,
)

from rawmedia.audio.format import SPEECH
from rawmedia.captions import SessionReport
from rawmedia.errors import (
    AuthenticationError,
    EngineFailedError,
    MissingDependencyError,
    NetworkError,
)
from rawmedia.testing.script import ScriptedCrash
from rawmedia.testing.translators import ScriptedTranslator
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Ran


def refused(ran: Ran, exit_code: int, *words: str) -> None:
    """It was: with this code, and two lines that a person understands."""
    assert ran.exit_code == exit_code, ran.stderr
    assert "Traceback" not in ran.stderr
    problem, advice = ran.stderr.splitlines()
    assert problem.startswith("rawmedia: ")
    assert advice.endswith(".")
    for word in words:
        assert word in problem


def nothing(path: Path) -> None:
    path.unlink(missing_ok=True)


def a_folder(path: Path) -> None:
    path.mkdir()


def nothing_in_it(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("Dear Sir or Madam,\nthis is a letter.\n" * 50)


def only_a_header(path: Path) -> None:
    soundfile.write(path, np.zeros(0, np.int16), 16_000)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (nothing, "there is no such file"),
        (a_folder, "is a folder"),
        (nothing_in_it, "is empty"),
        (text, "is not audio"),
        (only_a_header, "no audio"),
        (a_pipe, "is a pipe"),
    ],
)
def test_an_input_that_is_no_recording_is_refused_before_anything_is_made(
    tmp_path: Path, make: Callable[[Path], None], problem: str
) -> None:
    """Exit code 3: it is the input's turn, and earlier results are still there."""
    source, audio = tmp_path / "talk.wav", speech(tmp_path / "o.wav", duration_s=1)
    make(source)
    engine = scripted()

    ran = translate(source, "-o", audio, "--report", tmp_path / "o.json", engine=engine)

    refused(ran, 3, str(source), problem)
    assert seconds(audio) == 1.0
    assert not (tmp_path / "o.json").exists()
    assert not engine.requests


def test_samples_that_are_no_numbers_end_the_input_there(tmp_path: Path) -> None:
    """What was said before the NaN is translated, heard and reported; then it is told."""
    source, captions = tmp_path / "talk.wav", tmp_path / "o.vtt"
    samples = np.random.default_rng(seed=1).normal(0, 0.1, 64_000).astype(np.float32)
    samples[32_000] = np.nan
    soundfile.write(source, samples, 16_000, subtype="FLOAT")

    ran = translate(
        source, *("-o", tmp_path / "o.wav", "--captions", captions, "--report", tmp_path / "o.json")
    )

    refused(ran, 3, "expected finite samples, got nan at 2000")
    assert [text for _, _, text in cues(captions)] == ["buenos días", "¿cómo está?"]
    assert seconds(tmp_path / "o.wav") > 1.0
    report = SessionReport.read(tmp_path / "o.json")
    assert not report.complete
    assert report.error is not None
    assert report.error.startswith("UnreadableFileError: ")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["-o", "o.mp3"], "o.mp3: audio is written as .wav, .flac, .ogg, .opus"),
        (["-o", "o"], "the name must end in one of them"),
        (["-o", "o.wav", "--captions", "o.txt"], "must end in .vtt or .srt"),
        (["-o", "o.wav", "--report", "o.xml"], "must end in .json"),
        (["-o", "o.wav", "--to", "es_MX"], "--to: 'es_MX' is not a BCP-47 language tag"),
        (["-o", "o.wav", "--from", "English"], "--from: 'English' is not a BCP-47 language tag"),
        (["-o", "o.wav", "--to", "de"], "--to: the engine has no 'de'; it has es"),
        (["-o", "o.wav", "--from", "fr-FR"], "--from: the engine has no 'fr-FR'"),
        (["--text-only", "--voice", "x"], "nothing is spoken with --text-only"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], problem: str
) -> None:
    """Exit code 2: correct the command; no engine was started and no file made."""
    source = speech(tmp_path / "talk.wav", duration_s=1)
    monkeypatch.chdir(tmp_path)
    capabilities = TranslatorCapabilities(
        name="choosy", input_formats=(SPEECH,), source_languages=("en",), target_languages=("es",)
    )
    engine = scripted(capabilities=capabilities)

    refused(translate(source, *options, engine=engine), 2, problem)

    assert {each.name for each in tmp_path.iterdir()} == {"talk.wav"}
    assert not engine.requests


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["talk.wav", "--from", "en", "--to", "es"], "say where the translated speech goes"),
        (
            ["talk.wav", "--from", "en", "--to", "es", "-o", "o.wav", "--text-only"],
            "leave --output",
        ),
        (["talk.wav", "--from", "en", "-o", "o.wav"], "--to"),
        (["--from", "en", "--to", "es", "-o", "o.wav"], "INPUT"),
        (["talk.wav", "--from", "en", "--to", "es", "-o", "o.wav", "--engine", "dragon"], "dragon"),
        (["talk.wav", "--from", "en", "--to", "es", "-o", "o.wav", "--speed", "2"], "--speed"),
    ],
)
def test_a_command_that_is_incomplete_or_misspelt_exits_with_2(
    args: list[str], problem: str
) -> None:
    """The usual code for that, and the usual text."""
    ran = rawmedia("translate", *args)

    assert ran.exit_code == 2
    assert problem in ran.stderr
    assert "Traceback" not in ran.stderr


def test_no_result_may_replace_the_input(tmp_path: Path) -> None:
    """Whatever name it goes by; the recording may be the only copy."""
    source = speech(tmp_path / "talk.wav", duration_s=1)
    link, twin = tmp_path / "link.wav", tmp_path / "twin.wav"
    link.symlink_to(source)
    twin.hardlink_to(source)

    for path in (source, link, twin, tmp_path / "." / "talk.wav"):
        refused(translate(source, "-o", path), 2, "--output: ", "the same file as INPUT")

    assert seconds(source) == 1.0


def test_no_two_results_may_be_one_file(tmp_path: Path) -> None:
    """The second would be written over the first; a dangling link counts as what it leads to."""
    source, audio = speech(tmp_path / "talk.wav", duration_s=1), tmp_path / "o.wav"
    link = tmp_path / "link.vtt"
    link.symlink_to(audio)

    ran = translate(source, "-o", audio, "--captions", link)

    refused(ran, 2, "--captions: ", "the same file as --output")
    assert not audio.exists()


@pytest.mark.parametrize("option", ["-o", "--captions", "--report"])
def test_a_result_that_has_no_place_is_refused_before_anything_starts(
    tmp_path: Path, option: str
) -> None:
    """Exit code 5: the folder is not there, or there is a folder of that name."""
    suffix = {"-o": ".wav", "--captions": ".vtt", "--report": ".json"}[option]
    source, engine = speech(tmp_path / "talk.wav", duration_s=1), scripted()
    (tmp_path / f"taken{suffix}").mkdir()
    rest = [] if option == "-o" else ["-o", tmp_path / "o.wav"]

    missing = translate(source, option, tmp_path / "no" / f"o{suffix}", *rest, engine=engine)
    taken = translate(source, option, tmp_path / f"taken{suffix}", *rest, engine=engine)

    refused(missing, 5, f"there is no folder {tmp_path / 'no'}")
    refused(taken, 5, "is a folder")
    assert not (tmp_path / "o.wav").exists()
    assert not engine.requests


def test_a_forbidden_place_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 5, like the full disk. Nothing is forbidden to root, so the system's answer is faked."""
    source, engine = speech(tmp_path / "talk.wav", duration_s=1), scripted()
    monkeypatch.setattr(os, "access", lambda path, _mode: path != tmp_path)

    refused(translate(source, "-o", tmp_path / "o.wav", engine=engine), 5, "permission denied")

    assert not engine.requests


def test_a_missing_engine_says_how_to_add_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 4, with the command; Apertium is looked for on the PATH."""
    source = speech(tmp_path / "talk.wav", duration_s=1)
    monkeypatch.setenv("PATH", str(tmp_path))

    ran = rawmedia(
        *("translate", source, "--from", "en-US", "--to", "es", "-o", tmp_path / "o.wav"),
        *("--engine", "offline"),
    )

    refused(ran, 4, "Apertium", "apt-get install apertium apertium-eng-spa")
    assert "rawmedia doctor" in ran.stderr
    assert not (tmp_path / "o.wav").exists()


def test_azure_without_a_key_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for by name, it must not fall back to another engine without a word."""
    source = speech(tmp_path / "talk.wav", duration_s=1)
    for name in ("AZURE_SPEECH_KEY", "SPEECH_KEY"):
        monkeypatch.delenv(name, raising=False)

    ran = rawmedia(
        *("translate", source, "--from", "en-US", "--to", "es", "-o", tmp_path / "o.wav"),
        *("--engine", "azure"),
    )

    refused(ran, 2, "AZURE_SPEECH_KEY: is not set")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (AuthenticationError("azure", "the service refused the key"), "AZURE_SPEECH_KEY"),
        (NetworkError("azure", "no connection within 10000 ms"), "network"),
        (EngineFailedError("azure", "it did not start"), "engine"),
    ],
)
def test_an_engine_that_does_not_start_leaves_earlier_results_alone(
    tmp_path: Path, error: Exception, advice: str
) -> None:
    """Exit code 1; a mistyped key must not cost yesterday's translation."""
    source, audio = speech(tmp_path / "talk.wav"), speech(tmp_path / "o.wav", duration_s=1)
    captions = tmp_path / "o.vtt"
    captions.write_text("WEBVTT\n\nold\n")

    ran = translate(
        source, "-o", audio, "--captions", captions, engine=scripted(open_errors=[error])
    )

    refused(ran, 1, str(error))
    assert advice in ran.stderr.splitlines()[1]
    assert ran.stdout == ""
    assert seconds(audio) == 1.0
    assert "old" in captions.read_text()


def test_something_missing_that_shows_only_at_the_start_is_told_alike(tmp_path: Path) -> None:
    """Engines find out when they open; exit code 4 all the same."""
    error = MissingDependencyError("a voice", "speaking", "pip install voices")

    ran = translate(
        speech(tmp_path / "talk.wav"),
        "-o",
        tmp_path / "o.wav",
        engine=scripted(open_errors=[error]),
    )

    refused(ran, 4, "Add it with: pip install voices")


@pytest.mark.parametrize("option", ["--no-realtime", "--realtime"])
def test_an_engine_that_crashes_in_the_middle_leaves_what_it_had_said(
    tmp_path: Path, option: str
) -> None:
    """Exit code 1; heard to its end, captioned, reported, and the table shows it."""
    source, captions = speech(tmp_path / "talk.wav"), tmp_path / "o.vtt"
    audio, report = tmp_path / "o.wav", tmp_path / "o.json"
    engine = ScriptedTranslator([GREETING, ScriptedCrash(at_ms=1_200)])

    ran = translate(
        *(source, "-o", audio, "--captions", captions, "--report", report, option), engine=engine
    )

    refused(ran, 1, "scripted: crashed at 1200 ms")
    assert [text for _, _, text in cues(captions)] == ["buenos días"]
    end_s = cues(captions)[0][1]
    assert seconds(audio) >= end_s - 0.02
    written = SessionReport.read(report)
    assert (written.complete, len(written.utterances)) == (False, 1)
    assert written.error == "EngineCrashedError: scripted: crashed at 1200 ms"
    assert "(not to the end)" in ran.stdout


def test_a_last_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Exit code 5 although all was translated: one of the results is missing."""
    folder = tmp_path / "reports"
    folder.mkdir()

    class Sweeping(ScriptedTranslator):
        async def aclose(self) -> None:
            shutil.rmtree(folder)

    ran = translate(
        *(speech(tmp_path / "talk.wav"), "-o", tmp_path / "o.wav", "--report", folder / "o.json"),
        engine=Sweeping([GREETING]),
    )

    refused(ran, 5, "the report was not written")
    assert seconds(tmp_path / "o.wav") >= 4.0


def test_a_fault_of_this_program_is_called_one(tmp_path: Path) -> None:
    """Nobody shall look for the fault in the input, and there is a way to report it."""
    engine = scripted(open_errors=[ZeroDivisionError("division by zero")])

    ran = translate(speech(tmp_path / "talk.wav"), "-o", tmp_path / "o.wav", engine=engine)

    refused(ran, 1, "ZeroDivisionError: division by zero")
    assert "This is a fault of rawmedia." in ran.stderr


@pytest.mark.parametrize("by", ["--debug", "RAWMEDIA_DEBUG"])
def test_debug_shows_where_it_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """For whoever mends it; the two lines for people come after it."""
    options = ["--debug"] if by == "--debug" else []
    if not options:
        monkeypatch.setenv(by, "1")

    ran = translate(tmp_path / "no.wav", "-o", tmp_path / "o.wav", *options)

    assert ran.exit_code == 3
    assert "Traceback" in ran.stderr
    assert ran.stderr.splitlines()[-2].startswith("rawmedia: ")


def test_a_name_that_would_steer_the_terminal_is_shown_harmless(tmp_path: Path) -> None:
    """File names come from strangers, too."""
    ran = translate(tmp_path / "\x1b[2Jno\n.wav", "-o", tmp_path / "o.wav")

    refused(ran, 3, "\N{REPLACEMENT CHARACTER}[2Jno .wav: there is no such file")
