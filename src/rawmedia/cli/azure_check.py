"""Whether the configured Azure Speech resource takes a connection, and if not, what a person can do about it."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rawmedia.cli.checks import Check
from rawmedia.errors import AuthenticationError, MissingDependencyError, NetworkError, RawMediaError
from rawmedia.translators.azure.catalogue import similar_region
from rawmedia.translators.azure.translator import AzureTranslator
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawmedia.translators.azure.config import AzureSpeechConfig

CONNECT_TIMEOUT_MS = 5_000.0
"""How long the service has."""
_LOOK_S = 2.0
# A name that every network with the internet behind it knows, and the service's own at that.
_KNOWN_HOST = "api.cognitive.microsofttranslator.com"
_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_REQUEST = TranslationRequest(source_language="en-US", target_languages=("es",), speech=False)


def check_azure_connection(
    config: AzureSpeechConfig, *, timeout_ms: float = CONNECT_TIMEOUT_MS
) -> Check:
    """Open a translation as a call would, send nothing, and close it; takes ten seconds at most.

    Args:
        config: Which service.
        timeout_ms: How long the connection may take, 100 ms to a minute.
    """
    name, needed_for = "Azure connection", "Azure"
    config = config.model_copy(update={"connect_timeout_ms": timeout_ms})
    start = time.monotonic()
    try:
        asyncio.run(_connect(config, timeout_ms))
    except MissingDependencyError as error:
        return Check(
            name=name,
            needed_for=needed_for,
            found=None,
            problem=f"{error.what} is not installed",
            command=error.command,
        )
    except RawMediaError as error:
        return Check(name=name, needed_for=needed_for, found=None, problem=advice(config, error))
    answered_ms = (time.monotonic() - start) * 1_000
    return Check(
        name=name, needed_for=needed_for, found=f"{config.place} answered in {answered_ms:.0f} ms"
    )


def advice(
    config: AzureSpeechConfig,
    error: RawMediaError,
    *,
    environ: Mapping[str, str] | None = None,
    resolves: Callable[[str], bool] | None = None,
    answers: Callable[[str, int], bool] | None = None,
) -> str:
    """What is wrong with a connection, in words that say what to do.

    Args:
        config: What was connected to.
        error: What came of it.
        environ: What to read instead of the process's environment.
        resolves: Whether a host's name is known, where the network is not to be asked.
        answers: Whether something takes a TCP connection at a host's port, likewise.
    """
    if isinstance(error, AuthenticationError):
        return (
            f"the key is wrong, or it belongs to a resource elsewhere than {config.place}; copy both "
            "from the page 'Keys and Endpoint' of the resource in Azure's portal"
            f"{_did_you_mean(config)}"
        )
    if not isinstance(error, NetworkError):
        return str(error)
    environ = os.environ if environ is None else environ
    return _network_advice(config, error, environ, resolves or _resolves, answers or _answers)


def _network_advice(
    config: AzureSpeechConfig,
    error: NetworkError,
    environ: Mapping[str, str],
    resolves: Callable[[str], bool],
    answers: Callable[[str, int], bool],
) -> str:
    host, port = _address(config)
    if config.proxy is not None:
        proxy = urlsplit(config.proxy.get_secret_value())
        if not answers(proxy.hostname or "", proxy.port or 0):
            return (
                f"the proxy {proxy.hostname}:{proxy.port} does not answer; check AZURE_SPEECH_PROXY"
            )
        return (
            f"the proxy {proxy.hostname}:{proxy.port} answers, but lets nothing through to {host}; "
            "check its user and password, and that it allows WebSockets to *.microsoft.com"
        )
    if not resolves(host):
        if suggestion := _did_you_mean(config):
            return f"there is no {host}{suggestion}"
        if resolves(_KNOWN_HOST):
            return f"there is no {host}; check {config.place}"
        return (
            f"this machine finds no names of the internet; check its network{_proxy_hint(environ)}"
        )
    if not answers(host, port):
        return (
            f"{host} does not take connections at port {port} from here; a firewall may forbid it"
            f"{_proxy_hint(environ)}"
        )
    return (
        f"{host} was reached, and then: {error.problem}. Something in between may forbid "
        f"WebSockets or have TLS certificates of its own{_proxy_hint(environ)}"
    )


def _address(config: AzureSpeechConfig) -> tuple[str, int]:
    """Where the connection goes."""
    if config.region is not None:
        return f"{config.region}.stt.speech.microsoft.com", 443
    parts = urlsplit(config.endpoint or config.host or "")
    return parts.hostname or "", parts.port or (443 if parts.scheme in {"wss", "https"} else 80)


def _did_you_mean(config: AzureSpeechConfig) -> str:
    similar = None if config.region is None else similar_region(config.region)
    return f"; did you mean the region {similar}?" if similar else ""


def _proxy_hint(environ: Mapping[str, str]) -> str:
    """What helps where there is a proxy for others: the SDK does not look for it."""
    variable = next((each for each in _PROXY_VARIABLES if environ.get(each)), None)
    if variable is None:
        return ""
    return f". {variable} is set, which the Speech SDK does not read: set AZURE_SPEECH_PROXY too"


async def _connect(config: AzureSpeechConfig, timeout_ms: float) -> None:
    try:
        async with asyncio.timeout(timeout_ms / 1_000 + 0.5):
            translation = await AzureTranslator(config).open(_REQUEST)
    except TimeoutError:
        raise NetworkError("azure", f"no answer within {timeout_ms:g} ms") from None
    await translation.aclose()


def _resolves(host: str) -> bool:
    return _within(_LOOK_S, lambda: bool(socket.getaddrinfo(host, None)))


def _answers(host: str, port: int) -> bool:
    def connect() -> bool:
        with socket.create_connection((host, port), timeout=_LOOK_S):
            return True

    return _within(_LOOK_S, connect)


def _within(seconds: float, look: Callable[[], bool]) -> bool:
    """What comes of a look at the network; False if it fails or takes too long, as names may."""
    seen: list[bool] = []

    def run() -> None:
        try:
            seen.append(look())
        except OSError:
            seen.append(False)

    thread = threading.Thread(target=run, name="network check", daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(seen and seen[0])


__all__ = ["CONNECT_TIMEOUT_MS", "advice", "check_azure_connection"]
