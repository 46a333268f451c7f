"""Which Azure Speech resource to use, and with which credentials."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

TokenProvider = Callable[[], str]
"""Gives an authorization token that is good now."""

_PREFIXES = ("AZURE_SPEECH", "SPEECH")
"""The names that programs use most, and those of Microsoft's samples."""
# The longest region's name has 18 letters. The bound keeps a key that was given as the region
# (32 letters or more) out of host names, and so out of every message that names the host.
_REGION = re.compile(r"[a-z][a-z0-9]{2,23}")
_SECRET = re.compile(r"[!-~]{1,8192}")
"""Visible ASCII: it goes into an HTTP header."""
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_ENDPOINT_ID = re.compile(r"[0-9a-zA-Z-]{1,64}")
_OPENERS = ("key", "token", "token_provider", "credential")
_PLACES = ("region", "endpoint", "host")
_VARIABLES = ("key", "token", *_PLACES, "endpoint_id", "proxy")
"""What the environment may set."""
_SAMPLE_FILE = {
    "key": "cognitiveServiceSpeechKey",
    "region": "cognitiveServicesRegion",
    "connection_string": "connectionString",
}
"""What Microsoft's calling samples call it."""


class AzureSpeechConfig(BaseModel):
    """Where the Speech service is and what opens it. Immutable; nothing shows its secrets.

    Give one of ``key``, ``token``, ``token_provider`` and ``credential``; and a ``region``, an
    ``endpoint`` or a ``host``. A host or an endpoint that asks for no credentials (a
    container, a fake in a test) needs none of the four.

    Raises:
        ConfigurationError: Names the setting that is missing, unknown or malformed; never
            shows its value, because a key may have been put there by mistake.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    key: SecretStr | None = None
    """Either key of the Speech resource; a plain ``str`` is taken too."""
    token: SecretStr | None = None
    """An authorization token instead of a key; the service's own last ten minutes."""
    token_provider: TokenProvider | None = Field(default=None, repr=False, exclude=True)
    """A function that gives a token that is good now. It is called on a thread of its own for
    every connection, the first and those after ten minutes or a failure, and may block."""
    credential: Any = Field(default=None, repr=False, exclude=True)
    """A Microsoft Entra token credential (``azure.core.credentials.TokenCredential``), such as
    ``azure.identity.DefaultAzureCredential()``; needs the resource's own ``endpoint``."""
    region: str | None = None
    """The resource's region, such as "westeurope"."""
    endpoint: str | None = None
    """A whole URL instead of a region: a resource's own or private
    ``https://NAME.cognitiveservices.azure.com/``."""
    host: str | None = None
    """``wss://HOST[:PORT]`` instead of a region, for a container or a sovereign cloud."""
    endpoint_id: str | None = None
    """The id of a custom speech model's deployment."""
    proxy: SecretStr | None = None
    """``http://[USER:PASSWORD@]HOST:PORT``, through which the service is reached; not on macOS."""
    connection_string: SecretStr | None = None
    """Of the Communication Services resource that carries the call: adapters use it, this
    engine does not."""
    connect_timeout_ms: Annotated[float, Field(ge=100, le=60_000)] = 10_000
    """How long a connection may take to come up, or to come back, before it counts as failed."""
    answer_timeout_ms: Annotated[float, Field(ge=100, le=600_000)] = 5_000
    """How much speech, and how long, without an answer before the service counts as dead.

    Silence does not count, nor does a sound without pauses, such as music on hold. After
    that a new connection is tried, and gets again what was not answered.
    """
    max_session_ms: Annotated[float, Field(ge=1_000, le=600_000)] = 600_000
    """How long a connection may last. The service ends it after ten minutes; before that
    another takes over."""

    def __init__(self, **settings: Any) -> None:
        # A ValidationError carries the input, secrets included; so it must not even be the
        # context of what is raised.
        try:
            super().__init__(**settings)
        except ValidationError as error:
            refusal = _refusal(error)
        else:
            return
        raise refusal

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown, wherever the service or the SDK may have put it."""
        hidden = (self.key, self.token, self.proxy, self.connection_string)
        return tuple(secret.get_secret_value() for secret in hidden if secret is not None)

    @property
    def place(self) -> str:
        """Where the service is, for people: the region, or the host's name without the rest of the URL."""
        if self.region:
            return f"region {self.region}"
        setting = "endpoint" if self.endpoint else "host"
        parts = urlsplit(self.endpoint or self.host or "")
        return f"{setting} {parts.scheme}://{parts.netloc}"

    @classmethod
    def is_configured(cls, environ: Mapping[str, str] | None = None) -> bool:
        """Whether the environment names a key, or a token, and where it belongs.

        Says nothing of whether they are right.
        """
        environ = os.environ if environ is None else environ
        prefix = _prefix(environ)
        return prefix is not None and any(
            environ.get(f"{prefix}_{place.upper()}") for place in _PLACES
        )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read ``AZURE_SPEECH_KEY`` and ``AZURE_SPEECH_REGION``, or Microsoft's ``SPEECH_KEY`` and ``SPEECH_REGION``.

        ``..._ENDPOINT`` or ``..._HOST`` counts instead of the region where it is set, and
        ``..._TOKEN`` where there is no key; ``..._ENDPOINT_ID`` and ``..._PROXY`` are read too. The
        names with the longer prefix come first; the two sets are never mixed.

        Args:
            environ: What to read instead of the process's environment.

        Raises:
            ConfigurationError: A variable is missing or malformed; names it.
        """
        environ = os.environ if environ is None else environ
        prefix = _prefix(environ)
        if prefix is None:
            raise ConfigurationError(
                "AZURE_SPEECH_KEY",
                "is not set, and neither is SPEECH_KEY; set it to a resource's key",
            )
        names = {each: f"{prefix}_{each.upper()}" for each in _VARIABLES}
        settings = {each: environ[name] for each, name in names.items() if environ.get(name)}
        if not settings.keys() & set(_PLACES):
            raise ConfigurationError(
                names["region"], f"is not set, and neither is {names['endpoint']}"
            )
        if "key" in settings:
            settings.pop("token", None)
        if settings.keys() & {"endpoint", "host"}:
            settings.pop("region", None)
        return cls._named(names, **settings)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Read the ``config.json`` of Microsoft's calling samples.

        ``cognitiveServiceSpeechKey`` and ``cognitiveServicesRegion`` must be there;
        ``connectionString`` is kept for adapters if it is.

        Raises:
            ConfigurationError: The file can't be read, is not such a file, or a value in it
                is malformed.
        """
        where = str(path)
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise ConfigurationError(where, error.strerror or "can't be read") from error
        values = _json_object(content)
        if values is None:
            raise ConfigurationError(where, "is not a JSON object in UTF-8")
        settings: dict[str, str] = {}
        for setting, name in _SAMPLE_FILE.items():
            value = values.get(name)
            if isinstance(value, str) and value:
                settings[setting] = value
            elif setting != "connection_string":
                raise ConfigurationError(where, f"has no text {name!r}")
        return cls._named(
            {setting: f"{where}: {name}" for setting, name in _SAMPLE_FILE.items()}, **settings
        )

    @classmethod
    def _named(cls, names: Mapping[str, str], **settings: str | None) -> Self:
        """Make one whose errors name the settings as the user wrote them."""
        try:
            return cls(**settings)
        except ConfigurationError as error:
            raise ConfigurationError(
                names.get(error.setting, error.setting), error.problem
            ) from None

    @field_validator("key", "token")
    @classmethod
    def _fits_a_header(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not _SECRET.fullmatch(secret.get_secret_value()):
            raise ValueError("must be visible ASCII characters without spaces or line ends")
        return secret

    @field_validator("credential")
    @classmethod
    def _gives_tokens(cls, credential: Any) -> Any:
        if credential is not None and not callable(getattr(credential, "get_token", None)):
            raise ValueError("must have get_token(), as azure.core.credentials.TokenCredential has")
        return credential

    @field_validator("endpoint_id")
    @classmethod
    def _is_an_id(cls, endpoint_id: str | None) -> str | None:
        if endpoint_id is not None and not _ENDPOINT_ID.fullmatch(endpoint_id):
            raise ValueError("must be the id of a deployment, letters, digits and hyphens")
        return endpoint_id

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, proxy: SecretStr | None) -> SecretStr | None:
        if proxy is None:
            return None
        try:
            parts = urlsplit(proxy.get_secret_value())
            complete = parts.scheme == "http" and parts.hostname and parts.port
        except ValueError:
            complete = False
        if not complete or not _SECRET.fullmatch(proxy.get_secret_value()):
            raise ValueError("must be http://[USER:PASSWORD@]HOST:PORT")
        return proxy

    @field_validator("region")
    @classmethod
    def _is_a_region(cls, region: str | None) -> str | None:
        if region is not None and not _REGION.fullmatch(region):
            raise ValueError(
                "must be a region's short name in small letters, such as westeurope or eastus2"
            )
        return region

    @field_validator("endpoint", "host")
    @classmethod
    def _is_a_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018 - raises where the port is no number
        except ValueError:
            parts = urlsplit("")
        if (
            parts.scheme not in {"wss", "https", "ws", "http"}
            or not parts.hostname
            or parts.username is not None
            or not _SECRET.fullmatch(url)
        ):
            raise ValueError("must be a URL such as wss://HOST or https://HOST:PORT")
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        places = [each for each in _PLACES if getattr(self, each)]
        if len(places) > 1:
            raise ValueError(f"{places[1]}: can't go together with {places[0]}; give one of them")
        if not places:
            raise ValueError("region: is missing; give it, or an endpoint or a host")
        openers = [each for each in _OPENERS if getattr(self, each) is not None]
        if len(openers) > 1:
            raise ValueError(f"{openers[1]}: can't go together with {openers[0]}; give one of them")
        secret = bool(openers)
        if self.region and not secret:
            raise ValueError("key: is missing; give the resource's key, or a token")
        if self.credential is not None and not self.endpoint:
            raise ValueError(
                "credential: needs the resource's own endpoint, such as "
                "https://NAME.cognitiveservices.azure.com/"
            )
        if self.host and urlsplit(self.host).path not in {"", "/"}:
            raise ValueError("host: has a path; give wss://HOST[:PORT] alone, or use endpoint")
        if secret and not self.region and not _is_private(self.endpoint or self.host or ""):
            raise ValueError(f"{places[0]}: would send the key unencrypted; use wss:// or https://")
        return self


def _json_object(content: bytes) -> dict[str, Any] | None:
    """What the bytes hold, or None; the errors of decoding them would carry all of them along."""
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _prefix(environ: Mapping[str, str]) -> str | None:
    """Which set of variables is in use: the first whose key is set, else whose token is."""
    return next(
        (
            prefix
            for opener in ("KEY", "TOKEN")
            for prefix in _PREFIXES
            if environ.get(f"{prefix}_{opener}")
        ),
        None,
    )


def _is_private(url: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    parts = urlsplit(url)
    return parts.scheme in {"wss", "https"} or parts.hostname in _LOOPBACK


def _refusal(error: ValidationError) -> ConfigurationError:
    """The first problem, without the value that has it."""
    problem = error.errors(include_input=False, include_context=False, include_url=False)[0]
    text = problem["msg"].removeprefix("Value error, ")
    if problem["loc"]:
        return ConfigurationError(str(problem["loc"][0]), text)
    setting, _, text = text.partition(": ")
    return ConfigurationError(setting, text)


__all__ = ["AzureSpeechConfig", "TokenProvider"]
