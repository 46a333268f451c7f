"""The bearer token with which Azure Communication Services dials: a JWT, signed by published keys.

Source: Microsoft Learn, "Secure webhook endpoints and WebSocket connections" (issuer, key set,
audience; a token of its own for each connection).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.adapters.websocket.authentication import CallRefusedError
from rawmedia.adapters.websocket.key_set import KeySet, require_jwt
from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    from rawmedia.adapters.websocket.authentication import Handshake, RefusalReason

ISSUER = "https://acscallautomation.communication.azure.com"
KEYS_URL = "https://acscallautomation.communication.azure.com/calling/keys"
_MAX_TOKEN_CHARS = 16 * 1024


class AcsToken:
    """Lets in whoever has a token of the service for our resource.

    Args:
        audience: The immutable id of our Communication Services resource.
        issuer: Who must have issued the token.
        keys: What it must be signed with; None for the service's published set, fetched when
            the first call comes.
        leeway_s: How far the service's clock and ours may differ.

    Raises:
        ConfigurationError: ``audience`` is empty.
        MissingDependencyError: PyJWT is not installed.
    """

    def __init__(
        self,
        audience: str,
        *,
        issuer: str = ISSUER,
        keys: KeySet | None = None,
        leeway_s: float = 30.0,
    ) -> None:
        if not audience:
            raise ConfigurationError(
                "audience", "the immutable id of the resource, not an empty one"
            )
        require_jwt()
        self._audience, self._issuer, self._leeway = audience, issuer, leeway_s
        self._keys = keys or KeySet(KEYS_URL)

    async def check(self, handshake: Handshake) -> None:
        """Return if the token is good.

        Raises:
            CallRefusedError: It is not, or there is none, or the keys can't be had.
        """
        import jwt

        token = _bearer(handshake)
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise CallRefusedError("malformed") from None
        if not isinstance(key_id, str):
            raise CallRefusedError("malformed")
        key = await self._keys.key(key_id)
        reason: RefusalReason
        try:
            jwt.decode(
                token,
                key.key,
                # Never what the token itself says, which could be "none" or a shared secret.
                algorithms=["RS256"],
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": ["exp", "aud", "iss"]},
            )
        except jwt.ExpiredSignatureError:
            reason = "expired"
        except jwt.ImmatureSignatureError:
            reason = "not valid yet"
        except jwt.InvalidAudienceError:
            reason = "wrong audience"
        except jwt.InvalidIssuerError:
            reason = "wrong issuer"
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
            reason = "wrong signature"
        except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
            reason = "malformed"
        else:
            return
        # Outside of the handlers, so that no other error, whose text is not ours, hangs on to it.
        raise CallRefusedError(reason)


def _bearer(handshake: Handshake) -> str:
    scheme, _, token = handshake.headers.get("authorization", "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise CallRefusedError("nothing to check")
    if len(token) > _MAX_TOKEN_CHARS or not token.isascii():
        raise CallRefusedError("malformed")
    return token


__all__ = ["ISSUER", "KEYS_URL", "AcsToken"]
