"""The example of a server for ACS: it runs as it is, and its control plane by the platform's own package."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Match, WebSocketRoute

from rawmedia.adapters.websocket import AnyCaller, CallRefusedError
from rawmedia.captions.transcript import read_transcript
from rawmedia.files import AudioFileReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.adapters.websocket import Handshake

EXAMPLE = Path(__file__).parents[2] / "examples" / "acs_bridge"
LINES = "+15550100=desk-1/en-US, +15550101=desk-1/fr-FR"


def tried(engine: str, folder: Path) -> str:
    """Run it with an engine; gives what it logged."""
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", str(EXAMPLE / "try_it.py")),
            *("--engine", engine, "--folder", str(folder)),
        ],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "complains" not in done.stdout
    return done.stderr


def loudness(path: Path) -> float:
    """The loudest sample of a recording, and that it is as long as the call."""
    with AudioFileReader(path) as reader:
        frames = list(reader)
    assert sum(frame.duration_ms for frame in frames) > 10_000
    return max(float(abs(frame.samples).max()) for frame in frames)


@pytest.mark.untraced
def test_it_runs_with_the_real_sdk_and_the_emulator(tmp_path: Path) -> None:
    """Both ways, with what is kept of it; and the server ended as it was told to."""
    log = tried("emulator", tmp_path)
    folder = tmp_path / "desk-1"
    assert "Je voudrais changer mon adresse." in (folder / "en-US-fr-FR.vtt").read_text("utf-8")
    assert "What is your new address?" in (folder / "fr-FR-en-US.vtt").read_text("utf-8")
    entries = read_transcript(folder / "transcript.jsonl")
    assert {entry.speaker for entry in entries} == {"agent", "customer"}
    for language in ("en-US", "fr-FR"):
        assert loudness(tmp_path / f"heard-by-{language}.wav") > 1_000
    assert "bridge_ended key=desk-1" in log
    assert "drained calls=0 in_time=True" in log
    assert "Traceback" not in log


@pytest.mark.untraced
@pytest.mark.engines
def test_it_runs_with_the_embedded_engine(tmp_path: Path) -> None:
    """English is heard for real, and French passed on as it is."""
    log = tried("offline", tmp_path)
    captions = (tmp_path / "desk-1" / "en-US-fr-FR.vtt").read_text("utf-8")
    assert captions.count("-->") >= 2
    for language in ("en-US", "fr-FR"):
        assert loudness(tmp_path / f"heard-by-{language}.wav") > 1_000
    assert "Traceback" not in log


def test_a_page_leads_to_it() -> None:
    """An example that nothing leads to helps nobody."""
    page = EXAMPLE.parents[1] / "docs" / "howto" / "serve-calls.md"
    assert "](../../examples/acs_bridge/README.md)" in page.read_text("utf-8")


# The control plane.


def answering() -> Any:
    """The module, where the package is installed."""
    pytest.importorskip("azure.communication.callautomation")
    spec = importlib.util.spec_from_file_location("acs_bridge_answer", EXAMPLE / "answer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Service(ThreadingHTTPServer):
    """What the package posts to, instead of a resource of the platform."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[tuple[str, Any]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path.partition("?")[0], json.loads(body)))
        answer = json.dumps({"callConnectionId": "connection-7", "serverCallId": "x"}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Not to the standard error."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def _no_page(socket: Any) -> None:
    """A page of which only the place matters."""


class Nobody:
    """Lets nobody tell us of calls."""

    async def check(self, handshake: Handshake) -> None:
        raise CallRefusedError("wrong signature")


def posted(service: Service, path: str, body: object, platform: Any = None) -> httpx.Response:
    """What its pages answer."""
    from azure.communication.callautomation import CallAutomationClient
    from azure.core.credentials import AzureKeyCredential

    answer = answering()
    pages = answer.Answering(
        CallAutomationClient(service.url, AzureKeyCredential("c2VjcmV0"), retry_total=0),
        answer.read_lines(LINES),
        host="calls.example.org",
        secret="event-secret",
        platform=platform or AnyCaller(),
    )

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=pages.routes))
        async with httpx.AsyncClient(transport=transport, base_url="http://us") as client:
            return await client.post(path, json=body)

    return asyncio.run(main())


def incoming(to: dict[str, Any]) -> list[dict[str, Any]]:
    """As the platform documents it."""
    return [
        {
            "id": "1",
            "eventType": "Microsoft.Communication.IncomingCall",
            "data": {"to": to, "incomingCallContext": "context-7", "correlationId": "c"},
        }
    ]


CALLED = {
    "kind": "phoneNumber",
    "rawId": "4:+15550101",
    "phoneNumber": {"value": "+15550101"},
}


def test_an_incoming_call_is_answered_and_its_audio_comes_to_the_bridge(service: Service) -> None:
    """By the platform's package, which says what it posts."""
    assert posted(service, "/incoming?secret=event-secret", incoming(CALLED)).status_code == 200
    ((path, asked),) = service.asked
    assert path == "/calling/callConnections:answer"
    assert asked["incomingCallContext"] == "context-7"
    assert asked["callbackUri"] == "https://calls.example.org/progress"
    url = "wss://calls.example.org/calls/desk-1/fr-FR"
    assert asked["mediaStreamingOptions"] == {
        "transportUrl": url,
        "transportType": "websocket",
        "contentType": "audio",
        "audioChannelType": "mixed",
        "audioFormat": "pcm16KMono",
        "enableBidirectional": True,
        "startMediaStreaming": True,
    }
    # The page of the server, which gives the bridge its parameters.
    route = WebSocketRoute("/calls/{key}/{language}", _no_page)
    found, scope = route.matches({"type": "websocket", "path": url.partition("org")[2]})
    assert found == Match.FULL
    assert scope["path_params"] == {"key": "desk-1", "language": "fr-FR"}


def test_a_subscription_is_confirmed(service: Service) -> None:
    """Event Grid asks before it sends anything."""
    event = {
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "code-7"},
    }
    answer = posted(service, "/incoming?secret=event-secret", [event])
    assert answer.json() == {"validationResponse": "code-7"}


@pytest.mark.parametrize("path", ["/incoming", "/incoming?secret=", "/incoming?secret=%C3%A9"])
def test_who_does_not_know_the_secret_answers_no_call(service: Service, path: str) -> None:
    """Anybody can post to a page."""
    assert posted(service, path, incoming(CALLED)).status_code == 401
    assert not service.asked


def test_a_number_that_is_no_line_is_let_ring(service: Service) -> None:
    """By number or by identity; the event need not come again."""
    for to in ({"kind": "x", "rawId": "8:acs:unknown"}, {"phoneNumber": {"value": "+1"}}):
        assert posted(service, "/incoming?secret=event-secret", incoming(to)).status_code == 200
    assert not service.asked


def test_a_call_that_could_not_be_answered_comes_again(service: Service) -> None:
    """Event Grid repeats what was not taken."""
    service.status = 500
    assert posted(service, "/incoming?secret=event-secret", incoming(CALLED)).status_code == 503


def test_what_becomes_of_a_call_is_logged(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as that the platform could not reach the socket."""
    event = {
        "type": "Microsoft.Communication.MediaStreamingFailed",
        "data": {
            "callConnectionId": "connection-7",
            "resultInformation": {"code": 400, "subCode": 8581, "message": "not operational"},
        },
    }
    with caplog.at_level("INFO", "acs_bridge"):
        assert posted(service, "/progress", [event]).status_code == 200
        assert posted(service, "/progress", [event], Nobody()).status_code == 401
    assert [record.getMessage() for record in caplog.records] == [
        "call_progress call=connection-7 what=MediaStreamingFailed code=400 subcode=8581"
    ]


@pytest.mark.parametrize("text", ["", "+1", "+1=desk", "+1=desk/", "=desk/en"])
def test_lines_that_make_no_sense_are_told(text: str) -> None:
    """Before the first call."""
    with pytest.raises(ValueError, match="NUMBER=KEY/LANGUAGE"):
        answering().read_lines(text)
