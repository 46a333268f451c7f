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


@pytest.mark.parametrize(
    "settings",
    [
        {"key": KEY, "region": "westeurope"},
        {"token": KEY, "region": "eastus2"},
        {"key": KEY, "endpoint": "https://name.cognitiveservices.azure.com/"},
        {"key": KEY, "host": "wss://speech.example:443"},
        {"key": KEY, "host": "ws://127.0.0.1:8080"},
        {"host": "ws://speech-container:5000"},
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
    """Its connection string and whatever else it holds are not looked at."""
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps(
            {
                "connectionString": "endpoint=https://acs.example/;accesskey=xyz",
                "cognitiveServiceSpeechKey": KEY,
                "cognitiveServicesRegion": "westeurope",
            }
        ),
        encoding="utf-8",
    )

    assert _plain(AzureSpeechConfig.from_file(path)) == {"key": KEY, "region": "westeurope"}


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
    for name in {"key", "token"} & values.keys():
        values[name] = values[name].get_secret_value()
    return values


def _shows_no_secret(error: ConfigurationError) -> None:
    """Not in the error, nor in what a log may find behind it."""
    behind: BaseException | None = error
    while behind is not None:
        assert KEY not in f"{behind} {behind!r} {behind.args} {pickle.dumps(behind)!r}"
        assert isinstance(behind, ConfigurationError)
        behind = behind.__cause__ or behind.__context__
