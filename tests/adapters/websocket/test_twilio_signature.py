"""Who may dial as Twilio: whoever signed the URL with the account's token."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from rawmedia.adapters.websocket.authentication import AnyCaller, CallRefusedError, Handshake
from rawmedia.adapters.websocket.twilio_signature import TwilioSignature
from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    from rawmedia.adapters.websocket.authentication import Authenticator

TOKEN = "0123456789abcdef"
URL = "wss://calls.example.org/twilio?seat=12"


def signature(url: str, token: str = TOKEN) -> str:
    """By another path than the library's."""
    return base64.b64encode(hmac.new(token.encode(), url.encode(), hashlib.sha1).digest()).decode()


def is_let_in(checker: Authenticator, signed: str | None, url: str = URL) -> bool:
    headers = {} if signed is None else {"X-Twilio-Signature": signed}
    try:
        asyncio.run(checker.check(Handshake.of(url, headers)))
    except CallRefusedError:
        return False
    return True


def test_the_signature_is_that_of_the_url_by_the_token() -> None:
    """A value that OpenSSL worked out, so that both sides of the test can't be wrong alike."""
    known = "w0lPzFy8VTjJLfZMBNrV75bYHC8="
    assert signature("wss://example.org/", "12345") == known
    assert is_let_in(TwilioSignature("12345"), known, "wss://example.org/")


def test_another_url_or_token_is_refused() -> None:
    """Also one that differs in the query alone."""
    checker = TwilioSignature(SecretStr(TOKEN))
    assert is_let_in(checker, signature(URL))
    assert not is_let_in(checker, signature(URL, "another"))
    assert not is_let_in(checker, signature(URL + "3"))
    assert not is_let_in(checker, None)
    assert not is_let_in(checker, "")
    assert not is_let_in(checker, "é\udcff")


@given(text=st.text(max_size=40))
def test_any_text_is_refused_and_raises_nothing_else(text: str) -> None:
    """What comes before authentication comes from anybody."""
    assert not is_let_in(TwilioSignature(TOKEN), text)


@given(url=st.text(max_size=40))
def test_any_url_may_be_dialled(url: str) -> None:
    """It comes from the far end, too."""
    url = url.encode("utf-8", "replace").decode()
    assert is_let_in(TwilioSignature(TOKEN), signature(url), url)
    assert not is_let_in(TwilioSignature("another"), signature(url), url)


@pytest.mark.parametrize(
    "signed", ["wss://calls.example.org:443/a?b", "wss://calls.example.org/a?b"]
)
@pytest.mark.parametrize(
    "dialled", ["wss://calls.example.org:443/a?b", "wss://calls.example.org/a?b"]
)
def test_the_port_that_is_understood_may_be_there_or_not(signed: str, dialled: str) -> None:
    """Proxies add and remove it."""
    assert is_let_in(TwilioSignature(TOKEN), signature(signed), dialled)
    assert not is_let_in(TwilioSignature(TOKEN), signature(signed), dialled.replace("wss", "ws"))


def test_behind_a_proxy_the_public_url_counts() -> None:
    """The server sees another scheme and host than Twilio dialled."""
    checker = TwilioSignature(TOKEN, public_url="wss://calls.example.org/twilio")
    assert is_let_in(checker, signature(URL), "ws://10.0.0.7:8000/internal?seat=12")
    assert not is_let_in(checker, signature(URL), "ws://10.0.0.7:8000/internal?seat=13")


def test_while_one_token_replaces_another_both_are_good() -> None:
    """Calls come all the time."""
    checker = TwilioSignature(["old", "new"])
    assert is_let_in(checker, signature(URL, "old"))
    assert is_let_in(checker, signature(URL, "new"))


@pytest.mark.parametrize("token", ["", [], ["good", ""]])
def test_an_empty_token_is_refused(token: str | list[str]) -> None:
    """Anybody could sign with it."""
    with pytest.raises(ConfigurationError, match="auth_token"):
        TwilioSignature(token)


def test_no_token_is_shown() -> None:
    """Not even to whoever prints everything."""
    checker = TwilioSignature(TOKEN)
    assert TOKEN not in repr(checker)
    assert TOKEN not in repr(vars(checker))


def test_an_asgi_scope_says_what_was_dialled() -> None:
    """As an ASGI server gives it: bytes, a path and a query apart."""
    scope = {
        "type": "websocket",
        "scheme": "wss",
        "path": "/twilio",
        "raw_path": b"/twilio",
        "query_string": b"seat=12",
        "headers": [
            (b"host", b"calls.example.org"),
            (b"X-Twilio-Signature", b"first"),
            (b"x-twilio-signature", b"second"),
        ],
    }
    handshake = Handshake.of_asgi(scope)
    assert handshake.url == URL
    assert handshake.headers["x-twilio-signature"] == "first"


def test_who_lets_everybody_in_says_so_by_name() -> None:
    """So that it is seen where it is written."""
    assert is_let_in(AnyCaller(), None)
