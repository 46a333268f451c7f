"""What the doctor says of a connection to Azure: that it is up, or what to do about it."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("azure.cognitiveservices.speech", reason="needs Microsoft's Speech SDK")

from rawmedia.cli import azure_check, doctor
from rawmedia.cli.azure_check import advice, check_azure_connection
from rawmedia.cli.checks import Check
from rawmedia.errors import (
    AuthenticationError,
    MissingDependencyError,
    NetworkError,
    ServiceError,
)
from rawmedia.testing.azure_emulator import (
    AzureSpeechEmulator,
    Fault,
    RefusedHandshake,
    SlowHandshake,
)
from rawmedia.translators.azure.config import AzureSpeechConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "0123456789abcdef0123456789abcdef"
EUROPE = AzureSpeechConfig(key=KEY, region="westeurope")
UNREACHED = NetworkError("azure", "the connection did not come up")


@contextmanager
def emulator(*faults: Fault, **settings: Any) -> Iterator[AzureSpeechEmulator]:
    """An emulator on a loop of its own: the check blocks, as the doctor does."""
    service = AzureSpeechEmulator(faults=faults, **settings)
    up, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with service:
            up.set()
            await asyncio.to_thread(over.wait)
            await asyncio.sleep(0.05)  # a connection that was just given up is taken, and ended

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert up.wait(5)
    try:
        yield service
    finally:
        over.set()
        thread.join()


def checked(service: AzureSpeechEmulator, key: str = KEY, timeout_ms: float = 3_000.0) -> Check:
    return check_azure_connection(
        AzureSpeechConfig(host=service.host, key=key), timeout_ms=timeout_ms
    )


def test_a_service_that_answers_is_found() -> None:
    with emulator(keys=[KEY]) as service:
        check = checked(service)
    assert check.found is not None
    assert f"host {service.host} answered in" in check.found
    assert service.handshakes == 1
    assert service.sessions[0].audio.end_ms == 0, "nothing is sent"


def test_a_wrong_key_is_told_with_where_to_find_the_right_one() -> None:
    with emulator(keys=["another"]) as service:
        check = checked(service)
    assert check.found is None
    assert check.problem is not None
    assert "the key is wrong" in check.problem
    assert "Keys and Endpoint" in check.problem
    assert KEY not in check.problem


def test_a_quota_is_told_as_one() -> None:
    with emulator(RefusedHandshake(status=429, times=None)) as service:
        check = checked(service)
    assert check.problem is not None
    assert "too many" in check.problem


def test_a_service_that_does_not_answer_is_given_up_in_time() -> None:
    with emulator(SlowHandshake(delay_ms=20_000.0, times=None)) as service:
        start = time.monotonic()
        check = checked(service, timeout_ms=300.0)
        assert time.monotonic() - start < 10
    assert check.problem is not None
    assert "was reached, and then" in check.problem


def test_nobody_at_the_port_is_told() -> None:
    check = check_azure_connection(AzureSpeechConfig(host="ws://127.0.0.1:9", key=KEY))
    assert check.problem is not None
    assert "127.0.0.1 does not take connections at port 9" in check.problem


@pytest.mark.parametrize(
    ("config", "names", "ports", "environ", "words"),
    [
        (AzureSpeechConfig(key=KEY, region="westeurop"), ["known"], [], {},
         "there is no westeurop.stt.speech.microsoft.com; did you mean the region westeurope?"),
        (AzureSpeechConfig(key=KEY, endpoint="https://nobody.example/"), ["known"], [], {},
         "there is no nobody.example; check endpoint"),
        (EUROPE, [], [], {}, "finds no names of the internet; check its network$"),
        (EUROPE, [], [], {"HTTPS_PROXY": "http://p:3128"},
         "HTTPS_PROXY is set, which the Speech SDK does not read: set AZURE_SPEECH_PROXY"),
        (EUROPE, ["known", "westeurope"], [], {}, "at port 443 from here; a firewall"),
        (EUROPE, ["westeurope"], [443], {},
         "was reached, and then: the connection did not come up. Something in between"),
        (AzureSpeechConfig(key=KEY, region="westeurope", proxy="http://me:pw@proxy:3128"), [], [], {},
         "the proxy proxy:3128 does not answer; check AZURE_SPEECH_PROXY"),
        (AzureSpeechConfig(key=KEY, region="westeurope", proxy="http://me:pw@proxy:3128"), [], [3128], {},
         "answers, but lets nothing through to westeurope.stt"),
        (AzureSpeechConfig(host="ws://[::1]:8080"), ["::1"], [], {}, "::1 does not take connections at port 8080"),
        (AzureSpeechConfig(host="http://localhost"), ["localhost"], [], {}, "at port 80 "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_network_is_said_in_words(
    config: AzureSpeechConfig,
    names: list[str],
    ports: list[int],
    environ: dict[str, str],
    words: str,
) -> None:
    """Each is another thing to do: the region, the network, the firewall, the proxy."""

    def resolves(host: str) -> bool:
        name = "known" if host == azure_check._KNOWN_HOST else host.partition(".stt")[0]
        return name in names

    said = advice(
        config,
        UNREACHED,
        environ=environ,
        resolves=resolves,
        answers=lambda _host, port: port in ports,
    )

    assert re.search(words if words.endswith("$") else re.escape(words), said), said
    assert "pw" not in said


def test_a_key_of_a_region_that_is_none_is_told_as_that() -> None:
    said = advice(
        AzureSpeechConfig(key=KEY, region="westeuropa"), AuthenticationError("azure", "401")
    )
    assert "did you mean the region westeurope?" in said


def test_any_other_error_speaks_for_itself() -> None:
    assert advice(EUROPE, ServiceError("azure", "quota")) == "azure: quota"


def test_looking_at_the_network_takes_no_longer_than_allowed() -> None:
    """Finding a name can take half a minute where a resolver is gone."""
    start = time.monotonic()
    never = threading.Event()
    assert azure_check._within(0.05, lambda: never.wait(10)) is False
    assert time.monotonic() - start < 5

    def fails() -> bool:
        raise OSError

    assert azure_check._within(1, fails) is False
    assert azure_check._resolves("localhost")
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert azure_check._answers("127.0.0.1", server.getsockname()[1])


def test_without_the_sdk_its_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def missing(*_: object) -> None:
        raise MissingDependencyError("Microsoft's Speech SDK", "Azure", "pip install it")

    monkeypatch.setattr(azure_check, "_connect", missing)
    check = check_azure_connection(EUROPE)
    assert (check.found, check.command) == (None, "pip install it")


def test_the_doctor_connects_where_azure_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulator(keys=[KEY]) as service:
        monkeypatch.setenv("AZURE_SPEECH_KEY", KEY)
        monkeypatch.setenv("AZURE_SPEECH_HOST", service.host)
        names = {check.name: check.found for check in doctor.diagnose().azure}
        assert service.handshakes == 1
    assert set(names) == {"Azure Speech SDK", "Azure configuration", "Azure connection"}
    assert all(names.values())


def test_the_doctor_connects_to_nothing_where_azure_is_not_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def connects(config: AzureSpeechConfig) -> Check:
        raise AssertionError

    monkeypatch.setattr(doctor, "check_azure_connection", connects)
    for name in ("KEY", "TOKEN"):
        monkeypatch.delenv(f"AZURE_SPEECH_{name}", raising=False)
        monkeypatch.delenv(f"SPEECH_{name}", raising=False)
    assert len(doctor.diagnose().azure) == 2
    monkeypatch.setenv("AZURE_SPEECH_KEY", KEY)
    monkeypatch.setenv("AZURE_SPEECH_REGION", "No Region")
    assert len(doctor.diagnose().azure) == 2
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    broken = Check(name="Azure Speech SDK", needed_for="Azure", found=None)
    monkeypatch.setattr(doctor, "check_azure_sdk", lambda: broken)
    assert len(doctor.diagnose().azure) == 2
