from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import EXAMPLE, cues, rawmedia, scripted, seconds

from rawmedia.captions import SessionReport
from rawmedia.cli import demo
from rawmedia.errors import EngineCrashedError
from rawmedia.testing.script import ScriptedCrash

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.engines
def test_the_demonstration_runs_with_no_key_and_no_network(tmp_path: Path) -> None:
    """The first command of README, with the embedded engine for real."""
    folder = tmp_path / "made" / "for it"

    ran = rawmedia("demo", "--out", folder)

    assert ran.exit_code == 0, ran.stderr
    report = SessionReport.read(folder / "call-centre.es.json")
    assert report.complete
    assert report.engine == "offline"
    assert len(report.utterances) == 6
    spoken = [each.translations["es"].text for each in report.utterances]
    assert "Me gustaría cambiar mi dirección." in spoken
    assert [text.replace("\n", " ") for _, _, text in cues(folder / "call-centre.es.vtt")] == spoken
    assert seconds(folder / "call-centre.es.wav") > 20
    # Heard soon after it was said: the engine is kept in step with the recording.
    assert report.totals.ear_voice_span_p90_ms is not None
    assert report.totals.ear_voice_span_p90_ms < 8_000
    for name in ("call-centre.es.wav", "call-centre.es.vtt", "call-centre.es.json"):
        assert str(folder / name) in ran.stdout


def test_it_says_what_to_listen_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default the results lie in a folder of their own, right here."""
    monkeypatch.chdir(tmp_path)

    ran = rawmedia("demo", engine=scripted())

    assert ran.exit_code == 0
    assert {each.name for each in tmp_path.iterdir()} == {"rawmedia-results"}
    listen = ran.stdout.partition("Listen to the original, then to the translation:\n")[2]
    assert str(EXAMPLE) in listen
    assert "rawmedia-results/call-centre.es.wav" in listen


def test_a_demonstration_that_fails_invites_nobody_to_listen(tmp_path: Path) -> None:
    """It says what went wrong instead, with the exit code of `translate`."""
    engine = scripted(ScriptedCrash(at_ms=3_000, error=EngineCrashedError("scripted", "crashed")))

    ran = rawmedia("demo", "--out", tmp_path, engine=engine)

    assert ran.exit_code == 1
    assert "scripted: crashed" in ran.stderr
    assert "Listen" not in ran.stdout


def test_a_language_that_is_none_makes_no_path(tmp_path: Path) -> None:
    """The language becomes part of the results' names."""
    ran = rawmedia("demo", "--to", "../../x", "--out", tmp_path / "new", engine=scripted())

    assert ran.exit_code == 2
    assert "--to: '../../x' is not a BCP-47 language tag" in ran.stderr
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Exit code 5, as for every result without a place."""
    (tmp_path / "file").touch()

    ran = rawmedia("demo", "--out", tmp_path / "file", engine=scripted())

    assert ran.exit_code == 5
    assert "cannot be made: File exists" in ran.stderr


def test_in_a_wheel_the_example_lies_beside_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no `examples` folder there."""
    module = tmp_path / "lib" / "rawmedia" / "cli" / "demo.py"
    module.parent.mkdir(parents=True)
    beside = module.with_name("call-centre.flac")
    monkeypatch.setattr(demo, "__file__", str(module))

    without = rawmedia("demo", "--out", tmp_path / "out", engine=scripted())
    beside.write_bytes(EXAMPLE.read_bytes())

    assert without.exit_code == 3
    assert "install rawmedia again" in without.stderr
    assert demo.example_speech() == beside
