"""Who may dial as Azure Communication Services: whoever has its token for us, and nobody else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import pickle
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.adapters.websocket.acs_token import ISSUER, AcsToken
from rawmedia.adapters.websocket.authentication import CallRefusedError, Handshake
from rawmedia.adapters.websocket.key_set import KeySet
from rawmedia.errors import ConfigurationError
from rawmedia.testing import VirtualClock

if TYPE_CHECKING:
    from rawmedia.adapters.websocket.authentication import RefusalReason

AUDIENCE = "our-resource"
URL = "https://keys.example.org/keys"
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def published(**keys: rsa.RSAPrivateKey) -> bytes:
    """A key set as the platform publishes it, with things in it that are no keys for us."""
    entries: list[Any] = [
        {"kty": "EC", "kid": "curve"},
        {"kid": 5},
        "no key",
        {"kty": "RSA", "kid": "broken"},
    ]
    for key_id, key in keys.items():
        entry = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
        entries.append({**entry, "kid": key_id, "use": "sig"})
    return json.dumps({"keys": entries}).encode()


class Publisher:
    """Where the keys are; counts how often they are asked for."""

    def __init__(self, **keys: rsa.RSAPrivateKey) -> None:
        self.keys, self.asked, self.down = keys, 0, False

    async def fetch(self, url: str) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise ConnectionError(url)
        return published(**self.keys)


def token(key: rsa.RSAPrivateKey = KEY, key_id: str = "one", **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 86_400}
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": key_id})


def dialled(authorization: str | None) -> Handshake:
    headers = [] if authorization is None else [("Authorization", authorization)]
    return Handshake.of("wss://calls.example.org/acs", headers)


def verifier(publisher: Publisher | None = None, clock: VirtualClock | None = None) -> AcsToken:
    publisher = publisher or Publisher(one=KEY)
    keys = KeySet(URL, fetch=publisher.fetch, clock=clock or VirtualClock())
    return AcsToken(AUDIENCE, keys=keys)


def refusal(authorization: str | None, checker: AcsToken | None = None) -> RefusalReason | None:
    """Why it is refused; None if it is not."""
    error = error_of(authorization, checker or verifier())
    if error is None:
        return None
    # Neither the text nor what hangs on the error may show what was sent.
    assert "Bearer" not in f"{error!s}{error!r}"
    assert error.__cause__ is None
    assert pickle.loads(pickle.dumps(error)).reason == error.reason
    return error.reason


def error_of(authorization: str | None, checker: AcsToken) -> CallRefusedError | None:
    try:
        asyncio.run(checker.check(dialled(authorization)))
    except CallRefusedError as error:
        return error
    return None


def test_a_token_of_the_platform_for_us_is_good() -> None:
    """In whatever case the scheme is written."""
    assert refusal(f"Bearer {token()}") is None
    assert refusal(f"bearer  {token()} ") is None
    assert refusal(f"Bearer {token(aud=['somebody', AUDIENCE])}") is None


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_clocks_may_differ_a_little(claim: str) -> None:
    """Or a call would fail because of a second."""
    changes: dict[str, Any] = {claim: int(time.time()) + 10}
    assert refusal(f"Bearer {token(**changes)}") is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": int(time.time()) - 3_600}, "expired"),
        ({"nbf": int(time.time()) + 3_600}, "not valid yet"),
        ({"aud": "somebody"}, "wrong audience"),
        ({"iss": "https://elsewhere.example.org"}, "wrong issuer"),
        ({"exp": None}, "malformed"),
        ({"iss": None}, "malformed"),
        ({"aud": None}, "malformed"),
        ({"exp": "soon"}, "malformed"),
        ({"key": OTHER_KEY}, "wrong signature"),
        ({"key_id": "two"}, "unknown key"),
        ({"key_id": "broken"}, "unknown key"),
    ],
)
def test_a_token_that_is_not_for_us_now_is_refused(
    changes: dict[str, Any], reason: RefusalReason
) -> None:
    """Each claim is checked, and none may be missing."""
    assert refusal(f"Bearer {token(**changes)}") == reason


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_does_not_choose_how_it_is_checked() -> None:
    """Neither unsigned, nor signed with the public key as if that were a shared secret."""
    _, claims, signature = token().split(".")
    unsigned = _part({"alg": "none", "kid": "one"})
    assert refusal(f"Bearer {unsigned}.{claims}.") == "wrong signature"
    assert refusal(f"Bearer {unsigned}.{claims}.{signature}") == "wrong signature"
    public = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    shared = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{claims}"
    forged = base64.urlsafe_b64encode(hmac.digest(public, shared.encode(), hashlib.sha256))
    assert refusal(f"Bearer {shared}.{forged.decode().rstrip('=')}") == "wrong signature"


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz"])
def test_without_a_token_nobody_is_let_in(authorization: str | None) -> None:
    """That is the default."""
    assert refusal(authorization) == "nothing to check"


@pytest.mark.parametrize(
    "given_token",
    ["x", "a.b.c", "…", "x" * 100_000, _part({"alg": "RS256"}) + ".e30.eA", f"{token()[:-40]}"],
)
def test_what_is_no_token_is_refused(given_token: str) -> None:
    """A header may hold anything."""
    assert refusal(f"Bearer {given_token}") in {"malformed", "wrong signature"}


@given(
    text=st.text(
        alphabet=st.characters(min_codepoint=33, max_codepoint=126) | st.just("."), max_size=80
    )
)
@settings(max_examples=200, deadline=None)
def test_any_text_is_refused_and_raises_nothing_else(text: str) -> None:
    """What comes before authentication comes from anybody."""
    assert refusal(f"Bearer {text}") is not None


def test_the_keys_are_fetched_once_for_many_calls_at_once() -> None:
    """A fetch for each call would delay every call and tire the platform."""
    publisher = Publisher(one=KEY)
    checker = verifier(publisher)

    async def main() -> None:
        await asyncio.gather(*(checker.check(dialled(f"Bearer {token()}")) for _ in range(20)))

    asyncio.run(main())
    assert publisher.asked == 1


def test_a_new_key_is_found_but_made_up_ids_are_no_requests() -> None:
    """Platforms change keys without notice; attackers ask for what never was."""
    publisher, clock = Publisher(one=KEY), VirtualClock()
    checker = verifier(publisher, clock)

    async def main() -> None:
        await checker.check(dialled(f"Bearer {token()}"))
        publisher.keys["two"] = OTHER_KEY
        new = dialled(f"Bearer {token(OTHER_KEY, 'two')}")
        for _ in range(50):
            with pytest.raises(CallRefusedError):
                await checker.check(new)
        assert publisher.asked == 1
        await clock.sleep_until(clock.now() + 61)
        await checker.check(new)
        assert publisher.asked == 2

    clock.run(main())


def test_a_key_that_was_withdrawn_is_good_for_a_day_at_most() -> None:
    """A stolen key must not open the door for ever."""
    publisher, clock = Publisher(one=KEY), VirtualClock()
    checker = verifier(publisher, clock)

    async def main() -> None:
        good = dialled(f"Bearer {token()}")
        await checker.check(good)
        publisher.keys = {"two": OTHER_KEY}
        await checker.check(good)
        await clock.sleep_until(clock.now() + 86_401)
        with pytest.raises(CallRefusedError, match="unknown key"):
            await checker.check(good)

    clock.run(main())


def test_keys_that_are_known_stay_good_while_the_platform_is_out_of_reach() -> None:
    """Its web server and its calls fail apart from each other."""
    publisher, clock = Publisher(one=KEY), VirtualClock()
    checker = verifier(publisher, clock)

    async def main() -> None:
        publisher.down = True
        with pytest.raises(CallRefusedError) as caught:
            await checker.check(dialled(f"Bearer {token()}"))
        assert caught.value.reason == "keys out of reach"
        assert caught.value.retryable
        await clock.sleep_until(clock.now() + 61)
        publisher.down = False
        await checker.check(dialled(f"Bearer {token()}"))
        publisher.down = True
        await clock.sleep_until(clock.now() + 90_000)
        await checker.check(dialled(f"Bearer {token()}"))

    clock.run(main())


@pytest.mark.parametrize("content", [b"", b"[]", b'{"keys":5}', b'{"keys":[]}', b"\xff"])
def test_what_is_no_key_set_gives_no_keys(content: bytes) -> None:
    """A proxy's error page, for one."""

    async def fetch(url: str) -> bytes:
        return content

    keys = KeySet(URL, fetch=fetch)
    assert refusal(f"Bearer {token()}", AcsToken(AUDIENCE, keys=keys)) == "keys out of reach"


def test_settings_that_would_let_anybody_in_are_refused() -> None:
    """Keys over plain http are anybody's, and so is a token for no one."""
    with pytest.raises(ConfigurationError, match="audience"):
        AcsToken("")
    with pytest.raises(ConfigurationError, match="https"):
        KeySet("http://keys.example.org")


def test_a_handshake_shows_no_secret() -> None:
    """It may end up in a log by accident."""
    shown = repr(dialled("Bearer secret"))
    assert "secret" not in shown
    assert "Bearer" not in shown
