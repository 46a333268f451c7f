"""The service's names of languages, and its voices."""

from __future__ import annotations

import pytest

from rawmedia.errors import ConfigurationError, UnsupportedLanguageError
from rawmedia.translators.azure.languages import check_source, default_voice, target_code


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("es", "es"),
        ("es-MX", "es"),
        ("DE-de", "de"),
        ("pt-BR", "pt"),
        ("pt-PT", "pt-pt"),
        ("fr-CA", "fr-ca"),
        ("zh", "zh-Hans"),
        ("zh-CN", "zh-Hans"),
        ("zh-Hant-TW", "zh-Hant"),
        ("zh-TW", "zh-Hant"),
        ("sr-Latn-RS", "sr-Latn"),
        ("no", "nb"),
        ("fil-PH", "fil"),
    ],
)
def test_a_target_is_named_as_the_translator_names_it(tag: str, code: str) -> None:
    """Its codes are languages, not locales, except where script or region make another text."""
    assert target_code(tag) == code


@pytest.mark.parametrize(
    ("tag", "voice"),
    [
        ("es", "es-ES-ElviraNeural"),
        ("es-MX", "es-MX-DaliaNeural"),
        ("es-AR", "es-ES-ElviraNeural"),
        ("pt-PT", "pt-PT-RaquelNeural"),
        ("zh-TW", "zh-TW-HsiaoChenNeural"),
        ("sr-Cyrl", "sr-RS-SophieNeural"),
        ("no-NO", "nb-NO-PernilleNeural"),
    ],
)
def test_a_voice_is_chosen_by_the_nearest_tag(tag: str, voice: str) -> None:
    assert default_voice(tag) == voice


def test_a_language_without_a_voice_is_refused() -> None:
    with pytest.raises(UnsupportedLanguageError, match="tlh"):
        default_voice("tlh")


def test_a_source_without_a_region_is_refused() -> None:
    check_source("en-US")
    with pytest.raises(ConfigurationError, match="en-US"):
        check_source("en")
