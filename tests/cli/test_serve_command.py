"""``rawmedia serve`` as a process, dialled by fake platforms over the loopback."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from command_line import SCRIPTED_RAWMEDIA, rawmedia, scripted

from rawmedia.adapters.handlers import BridgeHandler, CaptionsHandler, EchoHandler, RecordHandler
from rawmedia.adapters.websocket import AcsToken, SocketClosedError, TwilioSignature
from rawmedia.audio.format import TELEPHONY
from rawmedia.captions.transcript import read_transcript
from rawmedia.cli.dial_in import DialIn
from rawmedia.cli.serve import Service, handler_of
from rawmedia.cli.services import Services
from rawmedia.errors import ConfigurationError, MissingDependencyError
from rawmedia.testing import FakeAcs, FakeTwilio, speech_like
from rawmedia.testing.translators import ScriptedTranslator
from server_process import ServerProcess, free_port

if TYPE_CHECKING:
    from pathlib import Path

ACS = DialIn(dialect="acs")
TOKEN = "0123456789abcdef0123456789abcdef"


def served(*options: str, environ: dict[str, str] | None = None) -> ServerProcess:
    """The command at work; its log is its standard error."""
    port = free_port()
    command = [*SCRIPTED_RAWMEDIA, "serve", "--port", str(port), "--log-format", "json", *options]
    return ServerProcess(port, command, environ)


def log_of(server: ServerProcess) -> list[dict[str, Any]]:
    """What it logged; every line must be an object."""
    return [json.loads(line) for line in server.stderr.splitlines()]


def events(log: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [line for line in log if line.get("event") == name]


def test_an_echo_is_heard_by_who_dials_and_logged() -> None:
    """The first thing that anybody tries with a platform."""

    async def main(server: ServerProcess) -> None:
        await server.answers("/ready", 200)
        fake = FakeAcs(speech_like(60_000, seed=1), call_id="call-7")
        dialling = asyncio.create_task(fake.dial(server.url + "?sig=secret-query", fake.headers))
        await asyncio.sleep(1)
        assert abs(fake.heard().samples).max() > 1_000
        fake.hang_up()
        await dialling
        await server.stop()
        log = log_of(server)
        assert not fake.complaints
        assert events(log, "anybody_may_dial")
        assert events(log, "serving")[0]["url"] == server.url
        (ended,) = events(log, "call_ended")
        assert (ended["call"], ended["outcome"]) == ("call-7", "over")
        assert ended["heard_ms"] > 500
        assert "secret-query" not in server.stderr

    options = ("--dialect", "acs", "--handler", "echo", "--insecure-no-auth")
    with served(*options) as server:
        asyncio.run(main(server))


def test_twilio_is_known_by_its_signature_and_nobody_else_gets_in() -> None:
    """By default; what was wrong is in the log, and no secret."""

    async def main(server: ServerProcess) -> None:
        await server.answers("/ready", 200)
        stranger = FakeTwilio()
        forged = FakeTwilio.headers(server.url, "another token")
        with pytest.raises(SocketClosedError):
            await stranger.dial(server.url, forged)
        fake = FakeTwilio(speech_like(60_000, seed=1, format=TELEPHONY))
        headers = FakeTwilio.headers(server.url, TOKEN)
        dialling = asyncio.create_task(fake.dial(server.url, headers))
        await asyncio.sleep(0.7)
        assert abs(fake.heard().samples).max() > 1_000
        fake.hang_up()
        await dialling
        await server.stop()
        log = log_of(server)
        (refused,) = events(log, "caller_refused")
        assert refused["reason"] == "wrong signature"
        for secret in (TOKEN, *headers.values(), *forged.values()):
            assert secret not in server.stderr

    options = ("--dialect", "twilio", "--handler", "echo")
    with served(*options, environ={"TWILIO_AUTH_TOKEN": TOKEN}) as server:
        asyncio.run(main(server))


def test_two_calls_are_bridged_and_drained_on_sigterm(tmp_path: Path) -> None:
    """A deployment cuts nobody off, refuses who comes, and ends when they have hung up."""

    async def main(server: ServerProcess) -> None:
        await server.answers("/ready", 200)
        ana = FakeAcs(speech_like(60_000, seed=1), call_id="ana")
        bob = FakeAcs(speech_like(60_000, seed=2), call_id="bob")
        dialling = [
            asyncio.create_task(fake.dial(f"{server.url}?key=k&language={language}", fake.headers))
            for fake, language in ((ana, "en-US"), (bob, "es"))
        ]
        await asyncio.sleep(2.5)
        server.process.send_signal(signal.SIGTERM)
        await server.answers("/ready", 503)
        before = bob.heard().samples_per_channel
        await asyncio.sleep(1.5)
        assert abs(bob.heard().samples[before:]).max() > 1_000
        ana.hang_up()
        await asyncio.wait_for(asyncio.gather(*dialling), 10)
        await server.ended()
        log = log_of(server)
        (ended,) = events(log, "bridge_ended")
        assert ended["utterances_a_to_b"] >= 1
        assert "sentence" not in server.stderr
        assert "frase" not in server.stderr

    options = ("--dialect", "acs", "--from", "en-US", "--to", "es", "--insecure-no-auth")
    with served(*options, "--folder", str(tmp_path), "--record") as server:
        asyncio.run(main(server))
    assert "frase" in (tmp_path / "k" / "en-US-es.vtt").read_text()
    assert (tmp_path / "k" / "audio" / "recording.json").exists()


def test_who_is_left_of_a_bridge_waits_and_the_drain_has_its_time(tmp_path: Path) -> None:
    """Keys in the path, a transcript, and a call that would wait for longer than the server may."""

    async def main(server: ServerProcess) -> None:
        await server.answers("/ready", 200)
        calls = {
            "en-US": FakeAcs(speech_like(60_000, seed=1), call_id="ana"),
            "es": FakeAcs(speech_like(60_000, seed=2), call_id="bob"),
        }
        dialling = {
            language: asyncio.create_task(fake.dial(f"{server.url}/k/{language}", fake.headers))
            for language, fake in calls.items()
        }
        await asyncio.sleep(2.5)
        calls["en-US"].hang_up()
        await asyncio.wait_for(dialling["en-US"], 10)
        await asyncio.sleep(1)
        assert not dialling["es"].done()
        await server.stop()
        log = log_of(server)
        await asyncio.wait_for(dialling["es"], 10)
        assert [line["call"] for line in events(log, "call_waits")][1:] == ["bob"]
        (drained,) = events(log, "drained")
        assert (drained["calls"], drained["in_time"]) == (1, False)
        ends = {line["call"]: line["outcome"] for line in events(log, "call_ended")}
        assert ends == {"ana": "over", "bob": "hung up"}

    options = ("--dialect", "acs", "--from", "en-US", "--to", "es", "--insecure-no-auth")
    more = ("--path", "/calls/{key}/{language}", "--when-one-leaves", "wait", "--drain", "0.5")
    with served(*options, *more, "--folder", str(tmp_path), "--transcript") as server:
        asyncio.run(main(server))
    entries = read_transcript(tmp_path / "k" / "transcript.jsonl")
    assert {entry.speaker for entry in entries} == {"ana", "bob"}


def test_a_token_that_is_no_good_is_refused_and_not_logged() -> None:
    """Nor is the audience, or the URL."""

    async def main(server: ServerProcess) -> None:
        await server.answers("/ready", 200)
        for token in ("secret-nonsense", "a.secret.b"):
            fake = FakeAcs()
            headers = {**fake.headers, "Authorization": f"Bearer {token}"}
            with pytest.raises(SocketClosedError):
                await fake.dial(server.url + "?key=k&sig=secret-query", headers)
        await server.stop()
        log = log_of(server)
        assert [line["reason"] for line in events(log, "caller_refused")] == ["malformed"] * 2
        assert not events(log, "anybody_may_dial")
        assert "secret" not in server.stderr

    options = ("--dialect", "acs", "--handler", "echo")
    with served(*options, environ={"ACS_AUDIENCE": "secret-audience"}) as server:
        asyncio.run(main(server))


def test_a_port_that_is_taken_is_told() -> None:
    """Exit code 2, and the option."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = ("--dialect", "acs", "--handler", "echo", "--insecure-no-auth")
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "rawmedia", "serve", *options),
                *("--port", str(taken.getsockname()[1])),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 2, ran.stderr
    assert "--port" in ran.stderr


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--dialect", "acs"], "ACS_AUDIENCE"),
        (["--dialect", "twilio"], "TWILIO_AUTH_TOKEN"),
        (["--dialect", "acs", "--insecure-no-auth"], "--from"),
        (
            ["--dialect", "acs", "--insecure-no-auth", "--handler", "echo", "--path", "calls"],
            "path",
        ),
        (["--dialect", "acs", "--insecure-no-auth", "--from", "en-US"], "--to"),
        (["--dialect", "acs", "--insecure-no-auth", "--handler", "record"], "--folder"),
        (
            [
                *("--dialect", "acs", "--insecure-no-auth", "--handler", "captions"),
                *("--from", "en-US", "--to", "es"),
            ],
            "--folder",
        ),
        (
            [
                "--dialect",
                "acs",
                "--insecure-no-auth",
                "--from",
                "en-US",
                "--to",
                "es",
                "--to",
                "fr",
            ],
            "one language",
        ),
        (
            [
                *("--dialect", "acs", "--insecure-no-auth"),
                "--from",
                "en-US",
                "--to",
                "es",
                "--record",
            ],
            "folder",
        ),
    ],
)
def test_what_is_missing_is_told_before_anything_is_served(
    options: list[str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at the first call."""
    for name in ("ACS_AUDIENCE", "TWILIO_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    ran = rawmedia("serve", *options, engine=scripted())
    assert ran.exit_code == 2
    assert problem in ran.stderr


def test_an_engine_for_one_way_only_has_to_be_wanted() -> None:
    """The embedded engine; nobody shall find out on the phone."""
    service = Service(
        dial_in=ACS, engine="offline", source_language="en-US", target_languages=("es",)
    )
    try:
        Services().choose_translator("offline")
    except MissingDependencyError:
        pytest.skip("the embedded engine is not installed")
    with pytest.raises(ConfigurationError, match="--one-way"):
        handler_of(service, Services())
    one_way = Service(
        dial_in=ACS,
        engine="offline",
        source_language="en-US",
        target_languages=("es",),
        one_way=True,
    )
    assert isinstance(handler_of(one_way, Services()), BridgeHandler)


def test_options_choose_the_handler_and_who_may_dial(tmp_path: Path) -> None:
    """Each name of the help is something."""
    services = Services(choose_translator=lambda _name: ScriptedTranslator())
    languages: dict[str, Any] = {"source_language": "en", "target_languages": ("es", "fr")}
    kinds = {
        "echo": EchoHandler,
        "record": RecordHandler,
        "captions": CaptionsHandler,
    }
    for name, kind in kinds.items():
        service = Service(dial_in=ACS, handler=name, folder=tmp_path, **languages)  # type: ignore[arg-type]
        assert isinstance(handler_of(service, services), kind)
    assert isinstance(ACS.authenticator({"ACS_AUDIENCE": "id"}), AcsToken)
    twilio = DialIn(dialect="twilio").authenticator({"TWILIO_AUTH_TOKEN": "t"})
    assert isinstance(twilio, TwilioSignature)
