"""Twilio's request signature: an HMAC of the URL that was dialled, by the account's token.

Source: Twilio's documentation, "Webhooks Security" (HMAC-SHA1 of the URL; a socket has no form).
The signature has no time in it, so one that was overheard is good for that URL for ever: serve
nothing but wss.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from rawmedia.adapters.websocket.authentication import CallRefusedError
from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.adapters.websocket.authentication import Handshake

HEADER = "x-twilio-signature"
_PORTS = {"wss": 443, "https": 443, "ws": 80, "http": 80}


class TwilioSignature:
    """Lets in whoever signed the URL with the account's token.

    Args:
        auth_token: The account's token; several while one replaces another.
        public_url: The URL as Twilio was given it, without the query; None to take what the
            server saw, which is another one behind a proxy that ends TLS.

    Raises:
        ConfigurationError: There is no token, or one is empty.
    """

    def __init__(
        self,
        auth_token: SecretStr | str | Iterable[SecretStr | str],
        *,
        public_url: str | None = None,
    ) -> None:
        tokens = (auth_token,) if isinstance(auth_token, str | SecretStr) else tuple(auth_token)
        self._tokens = tuple(SecretStr(each) if isinstance(each, str) else each for each in tokens)
        if not self._tokens or not all(each.get_secret_value() for each in self._tokens):
            raise ConfigurationError("auth_token", "the account's token, not an empty one")
        self._public_url = public_url

    async def check(self, handshake: Handshake) -> None:
        """Return if the URL is signed with a token.

        Raises:
            CallRefusedError: It is not.
        """
        given = handshake.headers.get(HEADER)
        if not given:
            raise CallRefusedError("nothing to check")
        signature = given.encode("utf-8", "surrogateescape")
        urls = _spellings(self._url(handshake))
        # All are compared, so that the time taken tells nothing.
        right = [
            hmac.compare_digest(signature, _signature(token, url))
            for token in self._tokens
            for url in urls
        ]
        if not any(right):
            raise CallRefusedError("wrong signature")

    def _url(self, handshake: Handshake) -> str:
        if self._public_url is None:
            return handshake.url
        _, mark, query = handshake.url.partition("?")
        return self._public_url + mark + query


def _spellings(url: str) -> tuple[str, ...]:
    """The URL with and without the port that is understood; both are signed somewhere."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return (url,)
    understood = _PORTS.get(parts.scheme)
    if not host or understood is None or port not in (None, understood):
        return (url,)
    bare = parts.netloc.removesuffix(f":{understood}")
    return tuple(
        urlunsplit(parts._replace(netloc=netloc)) for netloc in (bare, f"{bare}:{understood}")
    )


def _signature(token: SecretStr, url: str) -> bytes:
    secret = token.get_secret_value().encode()
    return base64.b64encode(hmac.digest(secret, url.encode("utf-8", "surrogateescape"), "sha1"))


__all__ = ["HEADER", "TwilioSignature"]
