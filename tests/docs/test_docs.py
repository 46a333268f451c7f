"""Every snippet of the documentation runs, and README shows the examples as they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SPEECH = ROOT / "examples" / "speech" / "call-centre.flac"

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


def run_program(arguments: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """Run to its end in a folder that holds call.flac; returns what it printed."""
    shutil.copy(SPEECH, folder / "call.flac")
    done = subprocess.run(
        arguments,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("text", snippets())
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
