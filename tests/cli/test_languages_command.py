"""``rawmedia languages``: what an engine hears, translates into, and in whose voice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rawmedia.cli.languages import Languages, TargetLanguage, languages, to_json, to_table
from rawmedia.errors import ConfigurationError, MissingDependencyError
from rawmedia.translators.offline import espeak_library

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def _no_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    for prefix in ("AZURE_SPEECH", "SPEECH"):
        for name in ("KEY", "TOKEN"):
            monkeypatch.delenv(f"{prefix}_{name}", raising=False)


def voice_of(found: Languages, code: str) -> str | None:
    return next(each.voice for each in found.targets if each.code == code)


def test_azure_s_are_listed_without_a_key_or_a_network() -> None:
    found = languages("azure")
    assert {"en-US", "fr-CA", "zh-CN"} <= set(found.sources)
    assert voice_of(found, "fr") == "fr-FR-DeniseNeural"
    assert voice_of(found, "tlh-Latn") is None


@pytest.mark.engines
def test_the_embedded_engine_s_are_listed() -> None:
    found = languages("offline")
    assert found.sources == ("en",)
    assert {each.code for each in found.targets} >= {"es"}
    assert voice_of(found, "es") is not None


def test_without_its_voice_the_embedded_engine_gives_text_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> None:
        raise MissingDependencyError("eSpeak NG", "speech", "pip install it")

    monkeypatch.setattr(espeak_library, "load", missing)
    assert {each.voice for each in languages("offline").targets} <= {None}


def test_auto_is_the_engine_that_a_translation_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    assert languages().engine == "offline"
    monkeypatch.setenv("AZURE_SPEECH_KEY", "k" * 32)
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    assert languages().engine == "azure"


def test_another_engine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="azure or offline"):
        languages("google")


def test_the_table_shows_every_language_and_where_there_is_no_voice() -> None:
    table = to_table(languages("azure"))
    lines = table.splitlines()
    assert max(map(len, lines[:20])) <= 100
    assert [line.split() for line in lines if line.split()[:1] == ["es"]] == [
        ["es", "Spanish", "es-ES-ElviraNeural"]
    ]
    (klingon,) = [line for line in lines if "tlh-Latn" in line]
    assert klingon.endswith("text only")
    assert all(f"  {source}" in table for source in languages("azure").sources)


@pytest.mark.parametrize("write", [to_json, to_table])
def test_a_language_that_nobody_named_is_listed_too(write: Callable[[Languages], str]) -> None:
    found = Languages("offline", ("en",), (TargetLanguage("oc", None, "roa/oc"),))
    assert "roa/oc" in write(found)


def test_a_program_gets_the_same_as_a_person() -> None:
    found = languages("azure")
    facts = json.loads(to_json(found))
    assert facts["engine"] == "azure"
    assert facts["sources"] == list(found.sources)
    assert {"code": "de", "name": "German", "voice": "de-DE-KatjaNeural"} in facts["targets"]
