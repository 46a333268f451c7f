"""The published keys of a platform: fetched once, kept, and asked for again when one is unknown."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import TYPE_CHECKING, Any

from rawmedia.adapters.websocket.authentication import CallRefusedError
from rawmedia.errors import ConfigurationError, MissingDependencyError
from rawmedia.streams.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from jwt import PyJWK

    from rawmedia.streams.clock import Clock

    Fetch = Callable[[str], Awaitable[bytes]]

_MAX_BYTES = 256 * 1024
_TIMEOUT_S = 10.0
_MAX_KEYS = 100


class KeySet:
    """Public keys by their id, from a URL (a JWK set, RFC 7517).

    A key that is not known has the set fetched again, but not before ``pause_s`` has passed
    since the last time: made-up ids must not become requests. When the set can't be fetched, the
    keys that are known stay good.

    Args:
        url: Where the set is published; https.
        pause_s: How long after one fetch another may begin.
        max_age_s: After how long the set is fetched again although every key was known.
        fetch: What gets the bytes of a URL; None for the standard library, in a thread.
        clock: What the pauses are counted on.

    Raises:
        ConfigurationError: The URL is not https.
        MissingDependencyError: PyJWT is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        pause_s: float = 60.0,
        max_age_s: float = 86_400.0,
        fetch: Fetch | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if not url.startswith("https://"):
            raise ConfigurationError("url", "https://…, or the keys could be anybody's")
        require_jwt()
        self.url = url
        self._pause, self._max_age = pause_s, max_age_s
        self._fetch = fetch or _fetch
        self._clock = clock
        self._keys: Mapping[str, PyJWK] = {}
        self._asked_at: float | None = None
        self._got_at = 0.0
        self._lock = asyncio.Lock()

    async def key(self, key_id: str) -> PyJWK:
        """The key of this id; cancelling loses nothing.

        Raises:
            CallRefusedError: There is none, or no set could be fetched so far.
        """
        # Who has a key does not wait while somebody else looks whether there are newer ones.
        if self._is_due(key_id) and not (key_id in self._keys and self._lock.locked()):
            # One at a time; whoever waited finds the work done.
            async with self._lock:
                if self._is_due(key_id):
                    await self._refresh()
        key = self._keys.get(key_id)
        if key is None:
            raise CallRefusedError("unknown key" if self._keys else "keys out of reach")
        return key

    def _is_due(self, key_id: str) -> bool:
        now = self._clock.now()
        if self._asked_at is not None and now - self._asked_at < self._pause:
            return False
        return key_id not in self._keys or now - self._got_at > self._max_age

    async def _refresh(self) -> None:
        try:
            keys = _usable_keys(await self._fetch(self.url))
        except Exception:  # noqa: BLE001 - whatever the network or the server did, there are no new keys
            keys = {}
        self._asked_at = self._clock.now()
        if keys:
            self._keys, self._got_at = keys, self._clock.now()


def require_jwt() -> None:
    """Make sure that tokens can be read.

    Raises:
        MissingDependencyError: PyJWT, or the cryptography that it needs, is not installed.
    """
    try:
        import cryptography  # noqa: F401
        import jwt  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "PyJWT", "the authentication of a platform", "pip install 'rawmedia[server]'"
        ) from error


def _usable_keys(published: bytes) -> dict[str, PyJWK]:
    """The RSA keys for signatures of a published set, by id; what else is in it is passed over."""
    from jwt import PyJWK
    from jwt.exceptions import PyJWTError

    document = json.loads(published)
    keys: dict[str, PyJWK] = {}
    for each in document["keys"][:_MAX_KEYS]:
        if not _is_for_signatures(each):
            continue
        try:
            keys[each["kid"]] = PyJWK.from_dict(each, algorithm="RS256")
        except (PyJWTError, ValueError):
            continue
    return keys


def _is_for_signatures(key: Any) -> bool:
    return (
        isinstance(key, dict)
        and isinstance(key.get("kid"), str)
        and key.get("kty") == "RSA"
        and key.get("use", "sig") == "sig"
    )


async def _fetch(url: str) -> bytes:
    return await asyncio.to_thread(_fetch_in_thread, url)


def _fetch_in_thread(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:  # noqa: S310 - https, checked above
        content: bytes = response.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError("no key set is so large")
    return content


__all__ = ["KeySet", "require_jwt"]
