"""Keys and tokens that the emulator lets in, and tokens that it gives out."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rawmedia.streams.clock import Clock

# https://learn.microsoft.com/azure/ai-services/authentication: a token is valid for ten minutes.
TOKEN_LIFE_MS = 600_000.0
_MAX_TOKENS = 10_000


class Credentials:
    """Who may come in; anybody, while neither keys nor tokens are configured.

    Args:
        keys: Subscription keys.
        tokens: Tokens, each with the milliseconds from the emulator's start after which it
            has expired; None is never.
        clock: What tokens age by.
    """

    def __init__(
        self, keys: Collection[str], tokens: Mapping[str, float | None], clock: Clock
    ) -> None:
        self._keys = tuple(keys)
        self._clock = clock
        self._start = clock.now()
        self._issued = 0
        self._tokens: OrderedDict[str, float | None] = OrderedDict(
            (token, None if life is None else self._start + life / 1000)
            for token, life in tokens.items()
        )
        self._anybody = not self._keys and not self._tokens

    def admit(self, headers: Mapping[str, str]) -> bool:
        """Whether a request with these headers may come in. A key counts before a token."""
        if self._anybody:
            return True
        key = headers.get("ocp-apim-subscription-key")
        if key:
            return any(hmac.compare_digest(key.encode(), each.encode()) for each in self._keys)
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or token not in self._tokens:
            return False
        expires = self._tokens[token]
        return expires is None or self._clock.now() < expires

    def issue(self) -> str:
        """A new token, good for ten minutes."""
        self._issued += 1
        token = f"emulated.{self._issued}.token"
        self._tokens[token] = self._clock.now() + TOKEN_LIFE_MS / 1000
        if len(self._tokens) > _MAX_TOKENS:
            self._tokens.popitem(last=False)
        return token


__all__ = ["TOKEN_LIFE_MS", "Credentials"]
