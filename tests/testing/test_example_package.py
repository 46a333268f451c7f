"""The example of a user's own translator is a package that can be installed, and its tests pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "custom_translator"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package built and installed, and its tests beside it."""
    folder = tmp_path_factory.mktemp("example")
    copy = folder / "custom_translator"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Nothing is fetched: what it is built with and what it needs are here.
    alone = ["--no-index", "--no-deps", "--no-build-isolation"]
    run([*pip, *alone, "--target", str(folder / "site"), str(copy)], folder)
    shutil.rmtree(copy / "src")  # what is tested is what was installed
    return folder


def run(command: list[str], cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.untraced
def test_its_own_tests_pass_once_it_is_installed(installed: Path) -> None:
    """A reader copies it, tests included."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider"]
    printed = run(command, installed / "custom_translator", PYTHONPATH=str(installed / "site"))
    assert " passed" in printed, printed


def test_it_is_typed_as_strictly_as_the_library(installed: Path) -> None:
    """What a user writes against the protocols must not need an ignore."""
    for path in sorted(EXAMPLE.rglob("*.py")):
        assert "type: ignore" not in path.read_text("utf-8"), path
    assert (installed / "site" / "morse_translator" / "py.typed").is_file()


def test_a_page_leads_to_it() -> None:
    """An example that nothing leads to helps nobody."""
    page = ROOT / "docs" / "howto" / "test-your-translator.md"
    assert "](../../examples/custom_translator/README.md)" in page.read_text("utf-8")
