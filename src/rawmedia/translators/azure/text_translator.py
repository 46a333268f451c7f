"""Azure's Translator as a cascade's text translator: one REST call for each text."""

from __future__ import annotations

import asyncio
import json
import random
import re
import weakref
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rawmedia.errors import (
    AuthenticationError,
    ConfigurationError,
    EngineFailedError,
    MissingDependencyError,
    NetworkError,
    RawMediaError,
    ServiceError,
    UnsupportedLanguageError,
)
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.azure.catalogue import TARGETS
from rawmedia.translators.azure.config import AzureSpeechConfig
from rawmedia.translators.azure.languages import target_code
from rawmedia.translators.azure.native_sdk import ENGINE, current_token
from rawmedia.translators.calls import time_limit
from rawmedia.translators.parts import TextTranslation

if TYPE_CHECKING:
    from rawmedia.streams.clock import Clock

GLOBAL_ENDPOINT = "https://api.cognitive.microsofttranslator.com"
"""Where the Translator is for a resource of any region."""

# https://learn.microsoft.com/azure/ai-services/translator/text-translation/reference/v3/translate
_API_VERSION = "3.0"
_MAX_CHARACTERS = 50_000
_MAX_ANSWER_BYTES = 1_048_576
_UNKNOWN_SOURCE, _UNKNOWN_TARGET, _NO_QUOTA = 400035, 400036, {403001, 429001}
_RETRIED = {429, 500, 502, 503, 504}
_FIRST_WAIT_MS = 200.0
_MAX_WAIT_MS = 5_000.0
_MAX_DETAILS = 200
# The next utterance is seconds away, and httpx would keep a connection for five.
_KEPT_ALIVE_S = 60.0
_SECONDS = re.compile(r"\d{1,6}(\.\d+)?")


class AzureTextTranslator:
    """Translates texts into more than a hundred languages through Microsoft's Translator, version 3.0.

    The connection is kept for the next text. What the service refuses for the moment (429,
    500, 502, 503, 504), and a connection that breaks, is tried again, after as long as the service
    says or twice as long as before; a text has no other effect than its translation.

    Args:
        config: What opens it: the key or token of a Translator or a multi-service resource (a
            plain Speech resource has no Translator), and its region, its own endpoint, or a
            host; from the environment if not given.
        endpoint: ``https://HOST`` of the Translator instead of what follows from ``config``: the
            global one for a region, such as that of a sovereign cloud.
        timeout_ms: How long one attempt may take.
        attempts: How often a text is tried at most.
        clock: What the waits are measured by.

    Raises:
        ConfigurationError: There is no ``config``, and the environment has none; or a setting
            is out of range.
    """

    def __init__(
        self,
        config: AzureSpeechConfig | None = None,
        *,
        endpoint: str | None = None,
        timeout_ms: float = 5_000.0,
        attempts: int = 3,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if not timeout_ms > 0 or attempts < 1:
            raise ConfigurationError("timeout_ms and attempts", "above 0, and at least 1")
        self.config = AzureSpeechConfig.from_environment() if config is None else config
        self._url = f"{_base(self.config, endpoint)}/translate"
        self._timeout_ms = timeout_ms
        self._attempts = attempts
        self._clock = clock
        # A client's connections belong to the event loop that they were made on.
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[Any]] = (
            weakref.WeakKeyDictionary()
        )

    @property
    def pairs(self) -> tuple[tuple[str, str], ...] | None:
        """None: it has thousands, any of its languages into any other."""
        return None

    async def translate(
        self, text: str, source_language: str, target_language: str
    ) -> TextTranslation:
        """Translate one text; see ``TextTranslator.translate``.

        Args:
            text: 50,000 characters at most.
            source_language: A BCP-47 tag; the service is told the language alone, or with the
                script or region where that makes another one.
            target_language: Likewise. The same language as the source gives the same text.

        Raises:
            UnsupportedLanguageError: The Translator has no such language.
            ConfigurationError: The text is too long.
            MissingDependencyError: httpx is not installed.
            AuthenticationError: The service refused the key or token.
            ServiceError: The service failed, or the quota is used up.
            NetworkError: The service could not be reached, or did not answer in time.
            EngineFailedError: The answer makes no sense.
        """
        source, target = target_code(source_language), target_code(target_language)
        if not text.strip() or source == target:
            return TextTranslation(text.strip() and text)
        if len(text) > _MAX_CHARACTERS:
            raise ConfigurationError("text", f"{_MAX_CHARACTERS} characters at most")
        # Halves of pairs can't be sent.
        body = json.dumps([{"Text": text.encode("utf-8", "replace").decode()}]).encode()
        query = {"api-version": _API_VERSION, "from": source, "to": target}
        wait_ms, attempt = _FIRST_WAIT_MS, 0
        while True:
            attempt += 1
            error: RawMediaError
            try:
                return await self._try(query, body)
            except _RefusedError as refused:
                error = self._error(refused, source_language, target_language)
                again = refused.status in _RETRIED and error.retryable
                wait_ms = max(wait_ms, refused.retry_after_ms)
            except NetworkError as unreached:
                error, again = unreached, True
            if not again or attempt == self._attempts or wait_ms > _MAX_WAIT_MS:
                raise error from None
            # Whoever was refused together shall not come again together.
            jitter = 1 + random.random() / 4  # noqa: S311 - nobody gains by guessing it
            await self._clock.sleep_until(self._clock.now() + wait_ms * jitter / 1_000)
            wait_ms = min(2 * wait_ms, _MAX_WAIT_MS)

    async def aclose(self) -> None:
        """Close the connections of this event loop; another text would make another. Twice is harmless."""
        making = self._clients.pop(asyncio.get_running_loop(), None)
        if making is not None:
            await (await making).aclose()

    async def _try(self, query: dict[str, str], body: bytes) -> TextTranslation:
        """One attempt.

        Raises:
            _RefusedError: The service answered with an error.
        """
        client = await self._client()
        import httpx

        headers = await self._headers()
        try:
            async with (
                time_limit(ENGINE, self._clock, self._timeout_ms),
                client.stream(
                    "POST", self._url, params=query, content=body, headers=headers
                ) as response,
            ):
                content = b""
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > _MAX_ANSWER_BYTES:
                        raise EngineFailedError(ENGINE, "the Translator's answer has no end")
        except TimeoutError:
            raise NetworkError(
                ENGINE,
                f"the Translator did not answer within {self._timeout_ms:g} ms; check the network",
            ) from None
        except httpx.HTTPError as error:
            # Its text may hold the URL, never the headers.
            raise NetworkError(
                ENGINE,
                f"the Translator at {urlsplit(self._url).netloc} could not be reached "
                f"({type(error).__name__}); check the network and {self.config.place}",
            ) from None
        if response.status_code != 200:
            code, message = _problem(content)
            wait = response.headers.get("retry-after", "")
            raise _RefusedError(response.status_code, code, message, wait)
        return TextTranslation(_translation(content))

    async def _client(self) -> Any:
        """This event loop's client, which is made on a thread: loading httpx takes a while."""
        loop = asyncio.get_running_loop()
        making = self._clients.get(loop)
        if making is None:
            making = loop.create_task(asyncio.to_thread(_new_client, self.config))
            self._clients[loop] = making
        try:
            return await asyncio.shield(making)
        except RawMediaError:
            self._clients.pop(loop, None)
            raise

    async def _headers(self) -> dict[str, str]:
        config = self.config
        headers = {"Content-Type": "application/json; charset=UTF-8"}
        if config.key is not None:
            headers["Ocp-Apim-Subscription-Key"] = config.key.get_secret_value()
        else:
            # A provider, and Entra, may block.
            token = await asyncio.to_thread(_token, config)
            if token is not None:
                headers["Authorization"] = f"Bearer {token}"
        if config.region is not None:
            headers["Ocp-Apim-Subscription-Region"] = config.region
        return headers

    def _error(self, refused: _RefusedError, source: str, target: str) -> RawMediaError:
        """What a refusal means to the caller."""
        status, code, said = refused.status, refused.code, self._said(refused)
        if code in {_UNKNOWN_SOURCE, _UNKNOWN_TARGET}:
            role, tag = ("source", source) if code == _UNKNOWN_SOURCE else ("target", target)
            return UnsupportedLanguageError(tag, role, TARGETS)
        if code in _NO_QUOTA:
            advice = (
                "the resource's quota is used up; wait for the next period or choose a paid tier"
            )
            return ServiceError(ENGINE, f"{advice}{said}", retryable=False)
        if status in {401, 403}:
            return AuthenticationError(
                ENGINE,
                "the Translator refused the key or token; check that it belongs to a Translator "
                f"or multi-service resource of {self.config.place}{said}",
            )
        if status == 429:
            return ServiceError(ENGINE, f"too many texts at once for this resource{said}")
        if status in _RETRIED:
            return ServiceError(ENGINE, f"the Translator failed; try again in a moment{said}")
        if status == 404:
            advice = f"there is no Translator at {urlsplit(self._url).netloc}; check the endpoint"
            return ServiceError(ENGINE, f"{advice}{said}", retryable=False)
        return ServiceError(ENGINE, f"the Translator refused the text{said}", retryable=False)

    def _said(self, refused: _RefusedError) -> str:
        text = refused.message
        for secret in self.config.secrets:
            text = text.replace(secret, "...")
        return f" ({refused.status}: {text[:_MAX_DETAILS]})" if text else f" ({refused.status})"


class _RefusedError(Exception):
    """An answer that is no translation."""

    def __init__(self, status: int, code: int, message: str, retry_after: str) -> None:
        super().__init__(status, code, message, retry_after)
        self.status, self.code, self.message = status, code, message
        # A date is possible too (RFC 9110, 10.2.3); the service sends seconds.
        seconds = _SECONDS.fullmatch(retry_after.strip())
        self.retry_after_ms = float(seconds[0]) * 1_000 if seconds else 0.0


def _base(config: AzureSpeechConfig, endpoint: str | None) -> str:
    """Where the Translator is, without the path of its methods."""
    if endpoint is not None:
        parts = urlsplit(endpoint)
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise ConfigurationError("endpoint", "must be a URL such as https://HOST")
        if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
            raise ConfigurationError("endpoint", "would send the key unencrypted; use https://")
        return endpoint.rstrip("/")
    if config.region is not None:
        return GLOBAL_ENDPOINT
    parts = urlsplit(config.endpoint or config.host or "")
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
    # A resource's own host puts the service's name before the path.
    path = "/translator/text/v3.0" if config.endpoint else ""
    return f"{scheme}://{parts.netloc}{path}"


def _new_client(config: AzureSpeechConfig) -> Any:
    try:
        import httpx
    except ImportError as error:
        raise MissingDependencyError(
            "httpx", "AzureTextTranslator", "pip install 'rawmedia[azure-text]'"
        ) from error
    return httpx.AsyncClient(
        timeout=None,  # noqa: S113 - the clock's time limit is around every call
        limits=httpx.Limits(keepalive_expiry=_KEPT_ALIVE_S),
        proxy=None if config.proxy is None else config.proxy.get_secret_value(),
    )


def _token(config: AzureSpeechConfig) -> str | None:
    """The token that opens it now; blocks."""
    if config.credential is None:
        return current_token(config)
    try:
        token: object = config.credential.get_token(
            "https://cognitiveservices.azure.com/.default"
        ).token
    except Exception as error:  # noqa: BLE001 - what it says may hold a secret
        problem = f"the credential gave no token: {type(error).__name__}"
    else:
        return str(token)
    raise AuthenticationError(ENGINE, problem)


def _problem(content: bytes) -> tuple[int, str]:
    """The service's code and words, where they are what it says."""
    try:
        error = json.loads(content)["error"]
        code, message = error["code"], error["message"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return 0, ""
    known = isinstance(code, int) and not isinstance(code, bool)
    return (code if known else 0), " ".join(str(message).split())


def _translation(content: bytes) -> str:
    try:
        text = json.loads(content)[0]["translations"][0]["text"]
    except (ValueError, LookupError, TypeError, RecursionError):
        text = None
    if not isinstance(text, str):
        raise EngineFailedError(ENGINE, "the Translator's answer is no translation")
    return text


__all__ = ["GLOBAL_ENDPOINT", "AzureTextTranslator"]
