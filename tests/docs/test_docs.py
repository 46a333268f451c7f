"""Every snippet of the documentation runs, and README shows the examples as they are."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SPEECH = ROOT / "examples" / "speech" / "call-centre.flac"
TWO_SENTENCES_MS = 7_000
"""How much of it a program is given to translate, unless what it says of the rest is looked at."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language on a page."""
    return [text for name, text in _BLOCK.findall(page.read_text("utf-8")) if name == language]


def snippets() -> Iterator[object]:
    """Every Python block with where it stands, but those that README copies from an example."""
    shown = {path.read_text("utf-8").strip() for path in EXAMPLES}
    for page in PAGES:
        for number, text in enumerate(blocks(page, "python"), 1):
            if text.strip() not in shown:
                yield pytest.param(text, id=f"{page.relative_to(ROOT)}:{number}")


def run_program(arguments: list[str], folder: Path, *, whole: bool = False) -> str:
    """Run to its end in a folder that holds call.flac, or its beginning; returns what it printed."""
    call = folder / "call.flac"
    if whole:
        shutil.copy(SPEECH, call)
    else:
        rate_hz = soundfile.info(SPEECH).samplerate
        samples, _ = soundfile.read(SPEECH, rate_hz * TWO_SENTENCES_MS // 1000, dtype="int16")
        soundfile.write(call, samples, rate_hz)
    done = subprocess.run(
        arguments, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.untraced
@pytest.mark.parametrize("text", list(snippets()))
def test_a_snippet_runs(text: str, tmp_path: Path) -> None:
    """A reader copies it and expects it to work."""
    program = tmp_path / "snippet.py"
    program.write_text(text, "utf-8")
    run_program([sys.executable, "-W", "error", str(program)], tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A dead link is how readers find out that documentation is not kept."""
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_readme_shows_the_example_as_it_is(path: Path) -> None:
    """What README shows must be what the tests run."""
    assert path.read_text("utf-8") in blocks(ROOT / "README.md", "python")


@pytest.mark.untraced
@pytest.mark.engines
@pytest.mark.parametrize("name", ["translate_a_file.py", "own_translator.py"])
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    """These need no key; the Azure one is run beside the tests of its engine."""
    program = [sys.executable, "-W", "error", str(ROOT / "examples" / name)]
    printed = run_program(program, tmp_path, whole=True)
    if name == "translate_a_file.py":
        assert "Quiero anular mi suscripción." in printed
    assert len(list(tmp_path.glob("*.wav"))) == 1


def commands() -> Iterator[object]:
    """Every `rawmedia` command line that a page shows in a shell block."""
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.splitlines():
                if line.startswith("rawmedia "):
                    yield pytest.param(line, id=f"{page.name}: {line[:40]}")


@pytest.mark.engines
@pytest.mark.parametrize("line", list(commands()))
def test_a_command_line_runs(line: str, tmp_path: Path) -> None:
    """A reader pastes it."""
    run_program([sys.executable, "-m", *shlex.split(line)], tmp_path)


def test_the_scripts_that_readme_names_exist() -> None:
    """The two commands of README are all that a newcomer reads."""
    lines = "\n".join(blocks(ROOT / "README.md", "sh")).split("\n")
    for line in lines:
        if line.startswith("sh "):
            assert (ROOT / line.split()[1]).is_file()
