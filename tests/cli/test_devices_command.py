"""``rawmedia devices``: what there is, for a person and for a program, and what is missing."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from command_line import rawmedia

from rawmedia.cli import devices as command
from rawmedia.cli.devices import to_json, to_table
from rawmedia.testing.fake_soundcard import LOUDSPEAKER, MICROPHONE

if TYPE_CHECKING:
    import pytest


def test_the_list_says_what_to_choose_and_what_is_chosen_otherwise() -> None:
    """A person copies the name from it."""
    table = to_table([MICROPHONE, LOUDSPEAKER])
    (microphone,) = [line for line in table.splitlines() if MICROPHONE.name in line]
    assert "1 channel *" in microphone
    assert "48000 Hz" in microphone
    (loudspeaker,) = [line for line in table.splitlines() if LOUDSPEAKER.name in line]
    assert "2 channels *" in loudspeaker


def test_a_machine_without_any_says_so() -> None:
    """As servers are."""
    assert "no microphone" in to_table([])
    assert json.loads(to_json([])) == []


def test_json_has_every_fact() -> None:
    """For a program that chooses."""
    first, second = json.loads(to_json([MICROPHONE, LOUDSPEAKER]))
    assert (first["name"], first["input_channels"], first["default_input"]) == (
        MICROPHONE.name,
        1,
        True,
    )
    assert second["output_channels"] == 2


def test_the_command_lists_what_portaudio_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms; what it finds here is this machine's business."""
    monkeypatch.setattr(command, "devices", lambda: (MICROPHONE,))
    assert MICROPHONE.name in rawmedia("devices").stdout
    assert json.loads(rawmedia("devices", "--json").stdout)[0]["name"] == MICROPHONE.name


def test_a_missing_package_is_told_with_the_command_that_adds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 4, as for every command."""
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    ran = rawmedia("devices")
    assert ran.exit_code == 4
    assert "rawmedia[soundcard]" in ran.stderr
