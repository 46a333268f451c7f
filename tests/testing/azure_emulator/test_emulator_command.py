"""The body of ``rawmedia azure-emulator``, and the package's public names."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from emulator_client import CONTEXT, plain_client

from rawmedia.cli import azure_emulator as command
from rawmedia.cli.azure_emulator import choose, read_script, run_emulator, serve
from rawmedia.cli.exits import ExitCode
from rawmedia.errors import ConfigurationError
from rawmedia.testing import azure_emulator
from rawmedia.testing.azure_emulator import AzureSpeechEmulator, EmulatedUtterance

if TYPE_CHECKING:
    from pathlib import Path

LINES = [
    {
        "text": "hello",
        "start_ms": 0,
        "end_ms": 500,
        "revisions": ["he"],
        "translations": {"es": "hola"},
        "language": "en-US",
        "delay_ms": 5,
    },
    {"text": "bye", "start_ms": 600, "end_ms": 900},
]


def test_a_script_file_is_a_list_of_utterances(tmp_path: Path) -> None:
    file = tmp_path / "script.json"
    file.write_text(json.dumps(LINES))
    assert read_script(file) == (
        EmulatedUtterance(
            source_text="hello",
            start_ms=0,
            end_ms=500,
            language="en-US",
            revisions=("he",),
            translations={"es": "hola"},
            delay_ms=5,
        ),
        EmulatedUtterance(source_text="bye", start_ms=600, end_ms=900),
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "JSON"),
        ("{}", "its beginning"),
        ('[{"text": "a"}]', "0.start_ms"),
        ('[{"text": "a", "start_ms": -1, "end_ms": 2}]', "0.start_ms"),
        ('[{"text": "a", "start_ms": 1, "end_ms": 2, "endms": 3}]', "0.endms"),
        ('[{"text": "a", "start_ms": 2, "end_ms": 1}]', "from 2.0 to 1.0"),
    ],
)
def test_a_script_file_that_is_none_says_where(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "script.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=problem):
        read_script(file)


def test_a_script_file_must_be_there_and_of_some_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        read_script(tmp_path / "nothing")
    file = tmp_path / "script.json"
    file.write_text("[]")
    monkeypatch.setattr(command, "_MAX_SCRIPT_BYTES", 1)
    with pytest.raises(ConfigurationError, match="larger"):
        read_script(file)


def test_the_embedded_engine_hears_where_it_is_installed_and_nothing_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rawmedia.translators import offline

    file = tmp_path / "script.json"
    file.write_text(json.dumps(LINES))
    monkeypatch.setattr(offline, "missing", list, raising=False)
    assert choose(None, offline=None)[1] is True
    assert choose(None, offline=False)[1] is False
    assert choose(file, offline=None)[1] is False
    monkeypatch.setattr(offline, "missing", lambda: [("Apertium", "apt-get")], raising=False)
    script, hears = choose(None, offline=None)
    assert not hears
    assert callable(script)
    with pytest.raises(ConfigurationError, match="--script"):
        choose(file, offline=True)


def test_it_serves_until_it_is_stopped_and_says_where() -> None:
    said: list[str] = []

    async def main() -> None:
        stop = asyncio.Event()
        emulator = AzureSpeechEmulator(choose(None, offline=False)[0])
        said_first = asyncio.Event()

        def say(text: str) -> None:
            said.append(text)
            said_first.set()

        serving = asyncio.create_task(serve(emulator, stop, say))
        await said_first.wait()
        assert emulator.host in said[0]
        async with plain_client(emulator) as client:
            await client.begin(CONTEXT)
            await client.audio(5_000)
            await client.end()
            assert "translation.response" in [a.path for a in await client.until("turn.end")]
        stop.set()
        await serving
        assert said[1] == "1 connections were asked for, 1 clients came"

    asyncio.run(main())


def test_a_signal_ends_it_well() -> None:
    code = (
        "import sys; from rawmedia.cli.azure_emulator import run_emulator; "
        "sys.exit(run_emulator(0, None, offline=False))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        timer = threading.Timer(10, process.kill)
        timer.start()
        assert process.stdout.readline().startswith("Azure Speech emulator on ws://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
        assert process.wait(10) == ExitCode.OK
        timer.cancel()
    assert "0 clients came" in output


def test_a_port_that_is_taken_is_told() -> None:
    async def main() -> int:
        async with AzureSpeechEmulator() as emulator:
            with pytest.raises(ConfigurationError, match="port"):
                await asyncio.to_thread(run_emulator, emulator.port, None, offline=False)
            return emulator.port

    assert asyncio.run(main())


def test_every_public_name_can_be_had_and_is_listed_once() -> None:
    """The table of homes is what a program reads, ``__all__`` what a person does."""
    lazy = sorted(name for names in azure_emulator._HOMES.values() for name in names)
    assert lazy == sorted(azure_emulator.__all__)
    for name in azure_emulator.__all__:
        assert getattr(azure_emulator, name) is not None
    assert set(dir(azure_emulator)) >= set(lazy)
    with pytest.raises(AttributeError, match="no attribute 'Emulator'"):
        _ = azure_emulator.Emulator


def test_the_package_loads_without_what_it_listens_with() -> None:
    code = "import sys; sys.modules['websockets'] = None; from rawmedia.testing.azure_emulator import AzureSpeechEmulator"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
