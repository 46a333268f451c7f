"""Microsoft's SDK as its users here need it: loaded late, configured from our settings, its errors made plain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from rawmedia.errors import AuthenticationError, EngineFailedError, RawMediaError
from rawmedia.translators.azure.errors import missing_sdk

if TYPE_CHECKING:
    from rawmedia.translators.azure.config import AzureSpeechConfig

ENGINE = "azure"
"""How errors call it."""
_TOKEN = re.compile(r"[!-~]+")


def load_sdk() -> Any:
    """The SDK's module; the first time takes up to half a second.

    Raises:
        MissingDependencyError: It, or a system library that it needs, is not installed.
    """
    try:
        import azure.cognitiveservices.speech as sdk
    except (ImportError, OSError) as error:
        raise missing_sdk(error) from error
    return sdk


def speech_config(sdk: Any, config: AzureSpeechConfig) -> Any:
    """The SDK's configuration of a plain recogniser or a synthesizer; may block as long as ``token_provider`` does.

    Of an ``endpoint`` only the host counts: a path would be that of another service.

    Raises:
        AuthenticationError: ``token_provider`` failed.
    """
    endpoint = None
    if config.endpoint is not None:
        parts = urlsplit(config.endpoint)
        endpoint = f"{parts.scheme}://{parts.netloc}/"
    return service_config(sdk.SpeechConfig, config, endpoint)


def service_config(make: Any, config: AzureSpeechConfig, endpoint: str | None) -> Any:
    """A configuration of the SDK that knows where the service is, what opens it, and the way there.

    Args:
        make: The SDK's class of configuration.
        config: Ours.
        endpoint: What to take for its endpoint.

    Raises:
        AuthenticationError: ``token_provider`` failed.
    """
    native = _for_service(make, config, endpoint)
    if config.endpoint_id is not None:
        native.endpoint_id = config.endpoint_id
    if config.proxy is not None:
        proxy = urlsplit(config.proxy.get_secret_value())
        native.set_proxy(
            proxy.hostname, proxy.port, unquote(proxy.username or ""), unquote(proxy.password or "")
        )
    return native


def current_token(config: AzureSpeechConfig) -> str | None:
    """The token that opens the service now; None where a key does, or nothing is asked for.

    Raises:
        AuthenticationError: ``token_provider`` failed; neither its words nor its traceback,
            which may hold a secret, are kept.
    """
    if config.token_provider is None:
        return None if config.token is None else config.token.get_secret_value()
    try:
        token: object = config.token_provider()
    except Exception as error:  # noqa: BLE001 - whatever it is, there is no token
        problem = f"token_provider failed with {type(error).__name__}"
    else:
        if isinstance(token, str) and _TOKEN.fullmatch(token):
            return token
        problem = "token_provider gave no token of visible ASCII"
    raise AuthenticationError(ENGINE, problem)


def _for_service(make: Any, config: AzureSpeechConfig, endpoint: str | None) -> Any:
    if config.credential is not None:
        return make(token_credential=config.credential, endpoint=endpoint)
    key = None if config.key is None else config.key.get_secret_value()
    token = current_token(config)
    if config.region is not None:
        return make(subscription=key, auth_token=token, region=config.region)
    native = make(subscription=key, endpoint=endpoint, host=config.host)
    if token is not None:
        native.authorization_token = token  # refused by the constructor beside an endpoint
    return native


def plain_error(error: Exception) -> RawMediaError:
    """The error without its traceback, whose frames would keep native objects for whoever reads it."""
    if isinstance(error, RawMediaError):
        return error.with_traceback(None)
    # What follows the first line is a native call stack.
    text = next(iter(str(error).splitlines()), "")
    return EngineFailedError(
        ENGINE, f"Microsoft's Speech SDK failed: {text or type(error).__name__}"
    )


__all__ = ["ENGINE", "current_token", "load_sdk", "plain_error", "service_config", "speech_config"]
