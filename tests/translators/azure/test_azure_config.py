"""Where the service is and what opens it."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rawmedia.errors import ConfigurationError
from rawmedia.translators.azure import AzureSpeechConfig

if TYPE_CHECKING:
    from pathlib import Path

KEY = "0123456789abcdef0123456789abcdef"


class Credential:
    """As azure.identity has them."""

    def get_token(self, *scopes: str) -> str:
        return KEY

    def __repr__(self) -> str:
        return f"Credential({KEY})"


def token() -> str:
    return KEY


@pytest.mark.parametrize(
    "settings",
    [
        {"key": KEY, "region": "westeurope"},
        {"token": KEY, "region": "eastus2"},
        {"key": KEY, "endpoint": "https://name.cognitiveservices.azure.com/"},
        {"key": KEY, "host": "wss://speech.example:443"},
        {"key": KEY, "host": "ws://127.0.0.1:8080"},
        {"host": "ws://speech-container:5000"},
        {"key": KEY, "region": "westeurope", "endpoint_id": "0f0f0f0f-1a1a-2b2b"},
        {"key": KEY, "region": "westeurope", "proxy": "http://user:word@proxy.example:3128"},
    ],
)
def test_a_complete_configuration_is_taken(settings: dict[str, str]) -> None:
    config = AzureSpeechConfig(**settings)
    assert settings.items() <= _plain(config).items()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "region"),
        ({"key": KEY}, "region"),
        ({"region": "westeurope"}, "key"),
        ({"key": KEY, "token": KEY, "region": "westeurope"}, "token"),
        ({"key": KEY, "region": "westeurope", "endpoint": "https://a.example"}, "endpoint"),
        ({"key": KEY, "host": "wss://a", "endpoint": "https://a.example"}, "host"),
        ({"key": KEY, "region": "West Europe"}, "region"),
        ({"key": "westeurope", "region": KEY}, "region"),
        ({"key": "two words", "region": "westeurope"}, "key"),
        ({"key": KEY + "\r\nX-Evil:1", "region": "westeurope"}, "key"),
        ({"key": "", "region": "westeurope"}, "key"),
        ({"key": 7, "region": "westeurope"}, "key"),
        ({"key": KEY, "endpoint": "a.example"}, "endpoint"),
        ({"key": KEY, "endpoint": "https://a.example:port"}, "endpoint"),
        ({"key": KEY, "endpoint": f"https://{KEY}@a.example"}, "endpoint"),
        ({"key": KEY, "host": "wss://a.example/path"}, "host"),
        ({"key": KEY, "host": "ws://a.example"}, "host"),
        ({"token": KEY, "endpoint": "http://a.example/speech"}, "endpoint"),
        ({"key": KEY, "region": "westeurope", "answer_timeout_ms": 1}, "answer_timeout_ms"),
        ({"key": KEY, "region": "westeurope", "max_session_ms": 600_001}, "max_session_ms"),
        ({"key": KEY, "region": "westeurope", "endpoint_id": f"{KEY}?x"}, "endpoint_id"),
        ({"key": KEY, "region": "westeurope", "proxy": f"https://{KEY}@p:1"}, "proxy"),
        ({"key": KEY, "region": "westeurope", "proxy": f"http://{KEY}"}, "proxy"),
        ({"key": KEY, "region": "westeurope", "proxy": f"http://{KEY}:port"}, "proxy"),
        ({"key": KEY, "region": "westeurope", "token_provider": lambda: KEY}, "token_provider"),
        ({"token_provider": KEY, "region": "westeurope"}, "token_provider"),
        ({"credential": KEY, "endpoint": "https://a.example"}, "credential"),
        ({"credential": Credential(), "region": "westeurope"}, "credential"),
        ({"kye": KEY, "region": "westeurope"}, "kye"),
    ],
)
def test_an_error_names_the_setting_and_shows_no_value(
    settings: dict[str, Any], named: str
) -> None:
    """A key is as easily pasted into the wrong field as into the right one."""
    with pytest.raises(ConfigurationError) as caught:
        AzureSpeechConfig(**settings)

    assert caught.value.setting == named
    _shows_no_secret(caught.value)


def test_validation_by_pydantic_shows_no_value_either() -> None:
    with pytest.raises(ValidationError) as caught:
        AzureSpeechConfig.model_validate({"key": KEY + " ", "region": "westeurope"})

    assert KEY not in str(caught.value)


def test_nothing_that_shows_a_configuration_shows_its_secrets() -> None:
    config = AzureSpeechConfig(key=KEY, region="westeurope")

    for shown in (repr(config), str(config), str(config.model_dump()), config.model_dump_json()):
        assert KEY not in shown


@pytest.mark.parametrize(
    "settings",
    [
        {"token_provider": token, "region": "westeurope"},
        {"credential": Credential(), "endpoint": "https://name.cognitiveservices.azure.com/"},
    ],
)
def test_what_gives_tokens_is_kept_and_not_shown(settings: dict[str, Any]) -> None:
    config = AzureSpeechConfig(**settings)
    name = next(iter(settings))
    assert getattr(config, name) is settings[name]
    for shown in (repr(config), str(config.model_dump()), config.model_dump_json()):
        assert KEY not in shown
        assert name not in shown


def test_a_configuration_can_not_be_changed() -> None:
    config = AzureSpeechConfig(key=KEY, region="westeurope")

    with pytest.raises(ValidationError):
        config.region = "eastus"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"AZURE_SPEECH_KEY": KEY, "AZURE_SPEECH_REGION": "westeurope"},
            {"key": KEY, "region": "westeurope"},
        ),
        ({"SPEECH_KEY": KEY, "SPEECH_REGION": "eastus"}, {"key": KEY, "region": "eastus"}),
        (
            {"SPEECH_KEY": KEY, "SPEECH_REGION": "eastus", "SPEECH_ENDPOINT": "https://a.example"},
            {"key": KEY, "endpoint": "https://a.example"},
        ),
        (
            {"SPEECH_TOKEN": KEY, "SPEECH_REGION": "eastus", "AZURE_SPEECH_REGION": "westus"},
            {"token": KEY, "region": "eastus"},
        ),
        (
            {
                "AZURE_SPEECH_KEY": KEY,
                "AZURE_SPEECH_TOKEN": "left",
                "AZURE_SPEECH_HOST": "wss://a.example",
                "AZURE_SPEECH_ENDPOINT_ID": "abc",
                "AZURE_SPEECH_PROXY": "http://p:1",
            },
            {"key": KEY, "host": "wss://a.example", "endpoint_id": "abc", "proxy": "http://p:1"},
        ),
        (
            {
                "AZURE_SPEECH_KEY": KEY,
                "AZURE_SPEECH_REGION": "westeurope",
                "SPEECH_KEY": "another",
                "SPEECH_REGION": "eastus",
            },
            {"key": KEY, "region": "westeurope"},
        ),
    ],
)
def test_the_environment_configures(environ: dict[str, str], expected: dict[str, str]) -> None:
    assert AzureSpeechConfig.is_configured(environ)
    assert _plain(AzureSpeechConfig.from_environment(environ)) == expected


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "AZURE_SPEECH_KEY"),
        ({"AZURE_SPEECH_KEY": "", "SPEECH_KEY": ""}, "AZURE_SPEECH_KEY"),
        ({"AZURE_SPEECH_REGION": "westeurope"}, "AZURE_SPEECH_KEY"),
        ({"AZURE_SPEECH_KEY": KEY, "SPEECH_REGION": "eastus"}, "AZURE_SPEECH_REGION"),
        ({"SPEECH_KEY": KEY}, "SPEECH_REGION"),
    ],
)
def test_an_incomplete_environment_does_not_configure(environ: dict[str, str], named: str) -> None:
    """The variables of the two sets are not mixed: they may belong to two resources."""
    assert not AzureSpeechConfig.is_configured(environ)
    with pytest.raises(ConfigurationError) as caught:
        AzureSpeechConfig.from_environment(environ)
    assert caught.value.setting == named


def test_a_malformed_variable_is_named_as_it_is_set() -> None:
    environ = {"SPEECH_KEY": KEY + " ", "SPEECH_REGION": "westeurope"}

    with pytest.raises(ConfigurationError) as caught:
        AzureSpeechConfig.from_environment(environ)

    assert caught.value.setting == "SPEECH_KEY"
    _shows_no_secret(caught.value)


def test_the_process_environment_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_SPEECH_KEY", "AZURE_SPEECH_REGION", "AZURE_SPEECH_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPEECH_KEY", KEY)
    monkeypatch.setenv("SPEECH_REGION", "westeurope")
    monkeypatch.delenv("SPEECH_ENDPOINT", raising=False)

    assert AzureSpeechConfig.is_configured()
    assert AzureSpeechConfig.from_environment().place == "region westeurope"


def test_the_configuration_of_the_calling_sample_is_read(tmp_path: Path) -> None:
    """Its connection string is kept for adapters; whatever else it holds is not looked at."""
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps(
            {
                "connectionString": "endpoint=https://acs.example/;accesskey=xyz",
                "cognitiveServiceSpeechKey": KEY,
                "cognitiveServicesRegion": "westeurope",
                "identity": "8:acs:x",
            }
        ),
        encoding="utf-8",
    )

    config = AzureSpeechConfig.from_file(path)
    assert _plain(config) == {
        "key": KEY,
        "region": "westeurope",
        "connection_string": "endpoint=https://acs.example/;accesskey=xyz",
    }
    assert "xyz" not in repr(config)
    assert config.secrets == (KEY, "endpoint=https://acs.example/;accesskey=xyz")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe{",
        b"[]",
        b"{}",
        b'{"cognitiveServiceSpeechKey": "%s"}' % KEY.encode(),
        b'{"cognitiveServiceSpeechKey": ["%s"], "cognitiveServicesRegion": "eastus"}'
        % KEY.encode(),
        b'{"cognitiveServiceSpeechKey": "%s", "cognitiveServicesRegion": "%s"}'
        % (KEY.encode(), KEY.encode()),
    ],
)
def test_a_file_that_is_no_such_configuration_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"config\.json") as caught:
        AzureSpeechConfig.from_file(path)
    _shows_no_secret(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no-such-file"):
        AzureSpeechConfig.from_file(tmp_path / "no-such-file.json")


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"key": KEY, "region": "westeurope"}, "region westeurope"),
        ({"key": KEY, "host": "wss://a.example:8"}, "host wss://a.example:8"),
        ({"endpoint": f"https://a.example/speech?key={KEY}"}, "endpoint https://a.example"),
    ],
)
def test_the_place_is_told_without_what_an_endpoint_may_carry(
    settings: dict[str, str], place: str
) -> None:
    assert AzureSpeechConfig(**settings).place == place


@given(
    st.dictionaries(
        st.sampled_from(["key", "token", "region", "endpoint", "host", "x"]), st.text(max_size=40)
    )
)
def test_any_settings_give_a_configuration_or_a_typed_error(settings: dict[str, str]) -> None:
    refusal = None
    try:
        AzureSpeechConfig(**settings)
    except ConfigurationError as error:
        refusal = error
    assert refusal is None or refusal.setting in {*AzureSpeechConfig.model_fields, "x"}


def _plain(config: AzureSpeechConfig) -> dict[str, object]:
    """The settings that were given, secrets in the clear."""
    values = config.model_dump(exclude_defaults=True)
    for name in {"key", "token", "proxy", "connection_string"} & values.keys():
        values[name] = values[name].get_secret_value()
    return values


def _shows_no_secret(error: ConfigurationError) -> None:
    """Not in the error, nor in what a log may find behind it."""
    behind: BaseException | None = error
    while behind is not None:
        assert KEY not in f"{behind} {behind!r} {behind.args} {pickle.dumps(behind)!r}"
        assert isinstance(behind, ConfigurationError)
        behind = behind.__cause__ or behind.__context__
