"""What the SDK reports as this library's errors, which say what to change and hold no secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rawmedia.errors import (
    AuthenticationError,
    EngineFailedError,
    MissingDependencyError,
    NetworkError,
    ServiceError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.errors import TranslatorError

_SDK = "azure-cognitiveservices-speech"
_MAX_DETAILS = 300

# What to do about each of the SDK's CancellationErrorCode, and whether the same may work later.
_REFUSALS: dict[str, tuple[str, bool]] = {
    "BadRequest": (
        "the service did not understand the request; check the languages, the voice and the endpoint",
        False,
    ),
    "Forbidden": (
        "the resource's quota is used up; wait for the next period or choose a paid tier",
        False,
    ),
    "ServiceError": ("the service failed; try again in a moment", True),
    "ServiceTimeout": ("the service did not answer in time; try again in a moment", True),
    "ServiceUnavailable": ("the service is not available; try again in a moment", True),
    "TooManyRequests": (
        "too many translations run at once for this resource; close some, or raise its limit",
        True,
    ),
}


def missing_sdk(error: ImportError | OSError) -> MissingDependencyError:
    """What to install when the SDK, or a system library that it loads, is not there."""
    if isinstance(error, ImportError):
        return MissingDependencyError(
            "Microsoft's Speech SDK", "the Azure engine", f"pip install '{_SDK}>=1.52'"
        )
    return MissingDependencyError(
        f"a system library of Microsoft's Speech SDK ({error})",
        "the Azure engine",
        "apt-get install openssl ca-certificates libstdc++6",
    )


def cancelled(
    engine: str, code: str, details: str, *, place: str, secrets: Iterable[str] = ()
) -> TranslatorError:
    """The error for a recognition that the SDK gave up.

    Args:
        engine: How errors call the engine.
        code: The name of the SDK's ``CancellationErrorCode``.
        details: Its own words.
        place: The setting and value that say where the service is, such as "region westeurope".
        secrets: What must not be in the text, wherever the service put it.
    """
    said = _said(details, secrets)
    if code == "AuthenticationFailure":
        return AuthenticationError(
            engine,
            "the service refused the key or token; check that it belongs to the resource of "
            f"{place}, and that a token is not older than ten minutes{said}",
        )
    if code == "ConnectionFailure":
        return NetworkError(
            engine,
            f"the service could not be reached, or cut the connection; check the network and {place}{said}",
        )
    if code == "ServiceError" and "(404)" in details:
        return ServiceError(
            engine, f"there is no such service; check {place}{said}", retryable=False
        )
    if code in _REFUSALS:
        advice, retryable = _REFUSALS[code]
        return ServiceError(engine, f"{advice}{said}", retryable=retryable)
    return EngineFailedError(engine, f"Microsoft's Speech SDK gave up with {code}{said}")


def _said(details: str, secrets: Iterable[str]) -> str:
    """The SDK's words, without what a user can't use and what nobody may see.

    The service's answer may quote what was said on the call; the URL may carry whatever an
    endpoint was configured with. The session's id is what Microsoft's support asks for.
    """
    session = re.search(r"SessionId: ?(\w+)", details)
    text = re.split(r"Response text:|SessionId:|X-ConnectionId:|wss?://", details, maxsplit=1)[0]
    for secret in secrets:
        text = text.replace(secret, "...")
    parts = [" ".join(text.split())[:_MAX_DETAILS]]
    if session is not None:
        parts.append(f"session {session[1]}")
    said = "; ".join(part for part in parts if part)
    return f" ({said})" if said else ""


__all__ = ["cancelled", "missing_sdk"]
