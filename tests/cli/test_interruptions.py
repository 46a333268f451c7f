from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from command_line import EXAMPLE, SCRIPTED_RAWMEDIA, cues, seconds, speech

from rawmedia.captions import SessionReport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def started(
    command: list[str], *args: object, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed if the test forgets it, or waits for it in vain."""
    inherited = dict(os.environ)
    if "FILE_LIMIT" in environment:
        # Half a file of coverage's would spoil the figures of all.
        inherited = {name: inherited[name] for name in inherited if not name.startswith("COV")}
    with subprocess.Popen(
        [*command, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**inherited, "RAWMEDIA_DEBUG": "", **environment},
        start_new_session=True,
    ) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return speech(tmp_path / "talk.wav", duration_s=60)


def results(folder: Path) -> list[object]:
    return [
        *("--from", "en-US", "--to", "es"),
        *("-o", folder / "o.wav", "--captions", folder / "o.vtt", "--report", folder / "o.json"),
    ]


def check_results(folder: Path, *, error: str) -> SessionReport:
    """Playable audio, valid captions for what is in it, and a report that tells how it ended."""
    shown = cues(folder / "o.vtt")
    assert shown
    assert seconds(folder / "o.wav") >= shown[-1][0]
    report = SessionReport.read(folder / "o.json")
    assert not report.complete
    assert error in str(report.error)
    assert report.utterances
    return report


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (signal.SIGINT, 130, "stopped with Ctrl-C"),
        (signal.SIGTERM, 143, "stopped with SIGTERM"),
    ],
)
def test_a_signal_in_the_middle_leaves_whole_results(
    source: Path, tmp_path: Path, number: signal.Signals, code: int, words: str
) -> None:
    """Ctrl-C of a person, SIGTERM of a service manager: both are orders, not accidents."""
    with started(
        SCRIPTED_RAWMEDIA, "translate", source, *results(tmp_path), "--realtime"
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(number)
        stdout, stderr = process.communicate()

    assert "0:01.1\tes\tfrase 1\n" in lines
    assert process.returncode == code
    assert stderr == f"rawmedia: {words}; what was translated is kept\n"
    assert "(not to the end)" in stdout
    assert "Ear-voice span" in stdout
    check_results(tmp_path, error=words)


def test_ctrl_c_before_there_is_anything_leaves_nothing(source: Path, tmp_path: Path) -> None:
    """Also while the engine is still starting, which may take seconds."""
    with started(
        SCRIPTED_RAWMEDIA,
        *("translate", source, *results(tmp_path), "--realtime"),
        OPEN_TAKES="60",
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "opening\n"
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()

    assert (process.returncode, stdout) == (130, "")
    assert stderr == "rawmedia: stopped with Ctrl-C; nothing was made\n"
    assert {each.name for each in tmp_path.iterdir()} == {"talk.wav"}


def test_a_second_ctrl_c_does_not_wait(source: Path, tmp_path: Path) -> None:
    """When tidying up hangs, whoever presses again wants out."""
    with started(
        SCRIPTED_RAWMEDIA,
        *("translate", source, *results(tmp_path), "--realtime"),
        CLOSE_TAKES="60",
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "closing\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()

    assert (process.returncode, stderr) == (130, "")
    assert seconds(tmp_path / "o.wav") > 0


def test_a_killed_run_leaves_the_last_whole_report(source: Path, tmp_path: Path) -> None:
    """`kill -9`, or the power of the container: nothing of this program runs any more."""
    with started(
        SCRIPTED_RAWMEDIA, "translate", source, *results(tmp_path), "--realtime"
    ) as process:
        assert process.stdout is not None
        for _ in range(4):
            process.stdout.readline()
        process.kill()
        process.communicate()

    report = SessionReport.read(tmp_path / "o.json")
    assert (report.complete, report.error) == (False, None)
    assert len(report.utterances) >= 1
    assert cues(tmp_path / "o.vtt")
    assert seconds(tmp_path / "o.wav") > 0.9


def test_a_full_disk_ends_the_run_with_what_fitted(source: Path, tmp_path: Path) -> None:
    """Exit code 5, and the first 200 kB of the recording play; a report is small enough."""
    with started(
        SCRIPTED_RAWMEDIA, "translate", source, *results(tmp_path), FILE_LIMIT="200000"
    ) as process:
        _, stderr = process.communicate()

    assert process.returncode == 5, stderr
    problem, advice = stderr.splitlines()
    assert f"{tmp_path / 'o.wav'}: File too large, after " in problem
    assert advice.startswith("The input is in order. Make room")
    assert seconds(tmp_path / "o.wav") == pytest.approx(200_000 / 48_000, abs=0.05)
    check_results(tmp_path, error="FileWriteError: ")


def test_a_disk_too_full_for_the_report_is_told_and_survived(source: Path, tmp_path: Path) -> None:
    """The report of before stays; speech and captions go on, and the exit code tells."""
    with started(
        SCRIPTED_RAWMEDIA,
        *("translate", source, "--from", "en", "--to", "es", "--text-only"),
        *("--captions", tmp_path / "o.vtt", "--report", tmp_path / "o.json"),
        FILE_LIMIT="6000",
    ) as process:
        stdout, stderr = process.communicate()

    assert process.returncode == 5
    assert "the report was not written: File too large; the translation goes on" in stderr
    assert stderr.count("warning") == 1
    assert "frase 59" in stdout
    assert len(cues(tmp_path / "o.vtt")) == 60
    assert not SessionReport.read(tmp_path / "o.json").complete


def test_nobody_reading_the_texts_is_no_reason_to_stop(source: Path, tmp_path: Path) -> None:
    """`| head` closes the pipe; the results are the files."""
    with started(SCRIPTED_RAWMEDIA, "translate", source, *results(tmp_path)) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        stderr = process.stderr.read()

    assert (process.wait(), stderr) == (0, "")
    assert SessionReport.read(tmp_path / "o.json").complete


@pytest.mark.engines
def test_ctrl_c_stops_the_embedded_engine_and_its_processes(tmp_path: Path) -> None:
    """A terminal sends Ctrl-C to all of them at once; the engine must not die before it is stopped."""
    command = [sys.executable, "-m", "rawmedia"]
    with started(
        command, "translate", EXAMPLE, *results(tmp_path), "--engine", "offline"
    ) as process:
        assert process.stdout is not None
        heard = [process.stdout.readline() for _ in range(4)][-1]
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate()

    assert "\tes\t" in heard
    assert process.returncode == 130, stderr
    assert stderr == "rawmedia: stopped with Ctrl-C; what was translated is kept\n"
    check_results(tmp_path, error="stopped with Ctrl-C")
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
