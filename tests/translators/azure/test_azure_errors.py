"""What the SDK says, as errors a person can act on."""

from __future__ import annotations

import pytest

from rawmedia.errors import (
    AuthenticationError,
    EngineFailedError,
    NetworkError,
    ServiceError,
    TranslatorError,
)
from rawmedia.translators.azure.errors import cancelled, missing_sdk

KEY = "0123456789abcdef"
PLACE = "region westeurope"


def error(code: str, details: str = "") -> TranslatorError:
    return cancelled("azure", code, details, place=PLACE, secrets=[KEY])


@pytest.mark.parametrize(
    ("code", "kind", "retryable", "advice"),
    [
        ("AuthenticationFailure", AuthenticationError, False, PLACE),
        ("BadRequest", ServiceError, False, "voice"),
        ("Forbidden", ServiceError, False, "quota"),
        ("ConnectionFailure", NetworkError, True, PLACE),
        ("ServiceError", ServiceError, True, "again"),
        ("ServiceTimeout", ServiceError, True, "again"),
        ("ServiceUnavailable", ServiceError, True, "again"),
        ("TooManyRequests", ServiceError, True, "limit"),
        ("RuntimeError", EngineFailedError, True, "RuntimeError"),
        ("SomethingNew", EngineFailedError, True, "SomethingNew"),
    ],
)
def test_each_refusal_has_its_class_and_its_advice(
    code: str, kind: type[TranslatorError], retryable: bool, advice: str
) -> None:
    refusal = error(code)
    assert type(refusal) is kind
    assert refusal.retryable is retryable
    assert advice in str(refusal)


def test_a_service_that_is_not_there_is_not_worth_a_retry() -> None:
    refusal = error("ServiceError", "WebSocket upgrade failed: Internal service error (404).")
    assert not refusal.retryable
    assert PLACE in str(refusal)


def test_the_sdk_is_quoted_with_the_session_that_support_asks_for() -> None:
    refusal = error("ServiceUnavailable", "Service\n unavailable (503). SessionId: 5e41d9 0")
    assert "(Service unavailable (503).; session 5e41d9)" in str(refusal)


@pytest.mark.parametrize(
    "details",
    [
        f"the key {KEY} is wrong",
        f"failed\nwss://host/path?key={KEY}\nX-ConnectionId: 1 SessionId: 2",
        f'failed Response text: {{"Text": "what was said {KEY}"}} SessionId: 3',
    ],
)
def test_secrets_addresses_and_what_was_said_are_not_quoted(details: str) -> None:
    text = str(error("BadRequest", details))
    assert KEY not in text
    assert "wss:" not in text
    assert "said" not in text


def test_a_flood_of_words_is_cut() -> None:
    assert len(str(error("BadRequest", "x" * 100_000))) < 1_000


def test_a_missing_sdk_or_library_names_the_command_that_adds_it() -> None:
    assert "pip install" in str(missing_sdk(ImportError("no module")))
    broken = missing_sdk(OSError("libfoo.so.1: cannot open shared object file"))
    assert "libfoo.so.1" in str(broken)
    assert "apt-get install" in broken.command
