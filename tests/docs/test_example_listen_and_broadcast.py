"""The example of a live interpreter runs as it is, with everything fake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "examples" / "listen_and_broadcast" / "main.py"


@pytest.mark.untraced
def test_both_flows_are_captioned_and_switched() -> None:
    """Whoever tries it out has no call, no key and perhaps no sound card."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), "--demo"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    off, on = lines.index("      listening: off"), lines.index("      listening: translating")
    calls = [number for number, line in enumerate(lines) if line.startswith("call  ")]
    mine = [number for number, line in enumerate(lines) if line.startswith("me    ")]
    assert lines[calls[0]].endswith("->  Bonjour, ici l'assistance.")
    assert lines[mine[0]].endswith("->  Hello, I have a question.")
    assert not [number for number in calls if off < number < on]
    assert [number for number in calls if number > on]
    assert len(mine) == 4
