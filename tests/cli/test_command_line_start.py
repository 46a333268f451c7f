from __future__ import annotations

import importlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command_line import rawmedia as run_rawmedia

import rawmedia.cli
from rawmedia.cli import app
from rawmedia.cli.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

HIDE = "import sys; sys.modules.update(dict.fromkeys({packages!r})); import rawmedia.cli; {run}"


def python(code: str, *args: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_without_its_extra_it_says_how_to_install_it(package: str) -> None:
    """`pip install rawmedia` brings the program's name, but not what it needs."""
    ran = python(HIDE.format(packages=[package], run="rawmedia.cli.main()"))

    assert ran.returncode == ExitCode.NOT_INSTALLED
    assert ran.stdout == b""
    assert ran.stderr.decode() == (
        "rawmedia: the command line needs typer and rich; add them with: "
        "pip install 'rawmedia[cli]'\n"
    )


def test_a_package_that_is_missing_otherwise_is_named() -> None:
    """An installation that somebody took apart."""
    code = HIDE.format(packages=["numpy"], run="sys.argv[1:] = ['doctor']; rawmedia.cli.main()")

    ran = python(code)

    assert ran.returncode == ExitCode.NOT_INSTALLED
    assert ran.stderr == b"rawmedia: the package numpy is missing; add it with: pip install numpy\n"


def test_it_runs_as_a_module_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the environment's programs are not on the PATH; importing that module runs nothing."""
    monkeypatch.setattr(sys, "argv", ["rawmedia", "--version"])
    importlib.import_module("rawmedia.__main__")
    assert capsys.readouterr().out == ""

    ran = subprocess.run(
        [sys.executable, "-m", "rawmedia", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == ExitCode.OK, ran.stderr
    assert ran.stdout.startswith("rawmedia ")


def test_starting_it_loads_neither_numpy_nor_an_engine() -> None:
    """`--help` and `--version` answer at once."""
    code = (
        "import sys, rawmedia.cli.app; "
        "print([name for name in ('numpy', 'pydantic', 'azure', 'soundfile') if name in sys.modules])"
    )

    assert python(code).stdout.strip() == b"[]"


def test_without_a_command_it_shows_its_help() -> None:
    """And with 2, because that was not enough."""
    ran = run_rawmedia()

    assert ran.exit_code == 2
    assert ran.stdout == ""
    assert "rawmedia demo" in ran.stderr


def test_letters_that_the_encoding_lacks_are_replaced() -> None:
    """An ASCII terminal is no reason to stop in the middle of a translation."""
    code = "import sys; from rawmedia.cli.app import run; sys.argv[1:] = ['translate', 'ñ', '--from', 'en', '--to', 'es', '-o', '/tmp/ñ.wav']; run()"

    ran = python(code, PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert ran.returncode == ExitCode.INPUT
    assert ran.stderr.startswith(b"rawmedia: ?: there is no such file")


def exits(call: Callable[[], object]) -> int:
    with pytest.raises(SystemExit) as caught:
        call()
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "rawmedia: stopped\n"),
        (ModuleNotFoundError(name="numpy.core"), ExitCode.NOT_INSTALLED, "pip install numpy\n"),
        (None, ExitCode.OK, ""),
    ],
)
def test_what_ends_a_command_from_outside_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException | None,
    code: ExitCode,
    words: str,
) -> None:
    """Ctrl-C while modules load, say, or a module that is not there."""

    def command(**_: object) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(app, "app", command)

    assert exits(app.run) == code
    assert capsys.readouterr().err.endswith(words)


def test_the_program_s_entry_point_looks_before_it_imports(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With all there it runs; without, it says what to install."""
    monkeypatch.setattr(sys, "argv", ["rawmedia", "--version"])
    assert exits(rawmedia.cli.main) == ExitCode.OK
    assert capsys.readouterr().out.startswith("rawmedia ")

    monkeypatch.setattr("rawmedia.cli.find_spec", lambda _name: None)
    assert exits(rawmedia.cli.main) == ExitCode.NOT_INSTALLED
    assert "pip install 'rawmedia[cli]'" in capsys.readouterr().err
