from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from command_line import rawmedia

from rawmedia.adapters.soundcard import SoundSystemError, portaudio
from rawmedia.adapters.soundcard.loading import missing_portaudio
from rawmedia.cli import doctor
from rawmedia.cli.checks import Check
from rawmedia.cli.doctor import Diagnosis, to_table
from rawmedia.errors import EngineFailedError
from rawmedia.translators.offline import espeak_library

if TYPE_CHECKING:
    from pathlib import Path

HERE = Check(name="here", needed_for="tests", found="1.0")
GONE = Check(name="gone", needed_for="tests", found=None, command="apt-get install gone")


@pytest.fixture(autouse=True)
def _no_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_SPEECH_KEY", "AZURE_SPEECH_TOKEN", "SPEECH_KEY", "SPEECH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def not_installed(package: str) -> str:
    raise PackageNotFoundError(package)


def checks(stdout: str) -> dict[str, dict[str, str | None]]:
    return {each["name"]: each for each in json.loads(stdout)["checks"]}


@pytest.mark.engines
def test_with_the_embedded_engine_all_is_well() -> None:
    """What README promises for a machine that was set up: exit code 0."""
    ran = rawmedia("doctor", "--json")

    facts = json.loads(ran.stdout)
    assert ran.exit_code == 0
    assert facts["ready"]
    assert facts["engines"] == ["offline"]
    found = {name for name, check in checks(ran.stdout).items() if check["found"]}
    assert {"Python", "rawmedia", "numpy", "soundfile", "PocketSphinx", "eSpeak NG"} <= found
    assert "Apertium eng-spa" in found


def test_what_is_missing_is_named_with_the_command_that_adds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without any engine: exit code 1, and everything to type."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for package in ("pocketsphinx", "espeakng_loader", "azure.cognitiveservices.speech"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(espeak_library, "_loaded", [])

    ran = rawmedia("doctor")

    assert ran.exit_code == 1
    assert "no engine is complete" in ran.stdout
    commands = ran.stdout.partition("To add what is missing:\n")[2]
    for command in (
        "  sudo apt-get install apertium apertium-eng-spa\n",
        "  pip install 'rawmedia[offline]'\n",
        "  pip install 'azure-cognitiveservices-speech>=1.52'\n",
        "  export AZURE_SPEECH_KEY=... AZURE_SPEECH_REGION=...\n",
    ):
        assert commands.count(command) == 1


def test_without_libsndfile_nothing_can_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base comes before any engine."""
    from rawmedia.files.sound import libsndfile

    libsndfile.cache_clear()
    monkeypatch.setitem(sys.modules, "soundfile", None)

    ran = rawmedia("doctor")

    libsndfile.cache_clear()
    assert ran.exit_code == 1
    assert "the base is incomplete" in ran.stdout
    assert "pip install soundfile" in ran.stdout


def test_an_engine_part_that_is_broken_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed is not enough; the doctor loads it and tells what it said."""

    def broken() -> None:
        raise EngineFailedError("eSpeak NG", "it found no data")

    monkeypatch.setattr(espeak_library, "load", broken)

    check = checks(rawmedia("doctor", "--json").stdout)["eSpeak NG"]

    assert (check["found"], check["problem"]) == (None, "eSpeak NG: it found no data")


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The output is pasted into bug reports."""
    monkeypatch.setenv("AZURE_SPEECH_KEY", "0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    monkeypatch.setattr(doctor, "check_azure_connection", lambda _config: HERE)

    for options in ([], ["--json"]):
        text = rawmedia("doctor", *options).stdout
        assert "a key, region westeurope" in text
        assert "0123456789" not in text


def test_a_codec_that_is_nowhere_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What calls will need one day is shown, and does not decide."""
    from rawmedia.cli import checks as looked_at

    monkeypatch.setattr(looked_at, "package_version", not_installed)
    monkeypatch.setattr("ctypes.util.find_library", lambda _name: None)

    check = looked_at.check_libopus()

    assert (check.found, check.command) == (None, "pip install 'rawmedia[opus]'")


def test_a_sound_card_that_can_not_be_reached_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The package, or the system's library that it needs; and it does not decide either."""
    from rawmedia.cli import checks as looked_at

    def broken(error: Exception) -> Any:
        def load(_patience_s: float) -> None:
            raise error

        return load

    monkeypatch.setattr(portaudio, "load_sounddevice", broken(missing_portaudio()))
    check = looked_at.check_portaudio()
    assert (check.found, check.command) == (None, "sudo apt-get install libportaudio2")
    monkeypatch.setattr(portaudio, "load_sounddevice", broken(SoundSystemError("it is ill")))
    check = looked_at.check_portaudio()
    assert (check.found, check.command) == (None, None)
    assert "it is ill" in (check.problem or "")
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert looked_at.check_portaudio().command == "pip install 'rawmedia[soundcard]'"


def test_a_sound_card_that_can_be_reached_says_with_what(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server has no device, and that is no fault."""
    from rawmedia.cli import checks as looked_at

    nothing = ModuleType("sounddevice")
    vars(nothing).update(
        PortAudioError=OSError,
        query_hostapis=tuple,
        query_devices=tuple,
        default=SimpleNamespace(device=(-1, -1), hostapi=-1),
    )
    monkeypatch.setitem(sys.modules, "sounddevice", nothing)
    monkeypatch.setattr(looked_at, "package_version", lambda _name: "1.0")
    assert looked_at.check_portaudio().found == "sounddevice 1.0, 0 devices"


def test_a_uv_environment_is_given_uv_s_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no pip in it."""
    from rawmedia.cli import checks as looked_at

    monkeypatch.setattr(looked_at, "find_spec", lambda _name: None)
    monkeypatch.setattr(looked_at, "package_version", not_installed)
    monkeypatch.setattr("ctypes.util.find_library", lambda _name: None)

    assert looked_at.check_libopus().command == "uv pip install 'rawmedia[opus]'"


@pytest.mark.parametrize(
    ("diagnosis", "ready", "verdict"),
    [
        (Diagnosis(base=(HERE,), offline=(HERE,), azure=(HERE,), more=(GONE,)), True,
         "with the offline and the azure engine."),
        (Diagnosis(base=(HERE,), offline=(HERE,), azure=(GONE,), more=()), True,
         "with the offline engine."),
        (Diagnosis(base=(HERE,), offline=(GONE,), azure=(HERE,), more=()), True,
         "`rawmedia demo` wants the offline engine, or --engine azure"),
        (Diagnosis(base=(HERE,), offline=(GONE,), azure=(GONE,), more=()), False,
         "no engine is complete"),
        (Diagnosis(base=(GONE,), offline=(HERE,), azure=(HERE,), more=()), False,
         "the base is incomplete"),
    ],
)  # fmt: skip
def test_one_complete_engine_is_enough(diagnosis: Diagnosis, ready: bool, verdict: str) -> None:
    """Recordings can be translated with either."""
    assert diagnosis.ready is ready
    assert verdict in diagnosis.verdict
    assert to_table(diagnosis).endswith(f"{diagnosis.verdict}\n")
