"""The page of the command line names every option that there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command

from rawmedia.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"


def options() -> list[str]:
    """Every long option of every command."""
    group = get_command(app)
    commands = [group, *getattr(group, "commands", {}).values()]
    found = {
        name
        for command in commands
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    }
    return sorted(found - {"--help", "--install-completion", "--show-completion"})


@pytest.mark.parametrize("option", options())
def test_the_page_names_the_option(option: str) -> None:
    """An option that is documented nowhere is found by nobody."""
    assert option in PAGE.read_text("utf-8")
