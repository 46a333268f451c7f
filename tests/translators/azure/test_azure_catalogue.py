"""Which languages and voices there are, and what is refused before anybody is asked."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from rawmedia.errors import ConfigurationError, UnsupportedLanguageError
from rawmedia.testing.azure_emulator import VOICES
from rawmedia.testing.azure_emulator.text_translation import TARGETS as EMULATED_TARGETS
from rawmedia.translators.azure.catalogue import (
    REGIONS,
    SOURCES,
    TARGETS,
    Voice,
    chosen_voice,
    similar_region,
    similar_voice,
    source_locale,
    spoken_languages,
    targets,
)
from rawmedia.translators.azure.languages import target_code
from rawmedia.translators.request import LanguageTag


def test_every_tag_is_one_that_a_request_takes() -> None:
    """A list that names what can't be asked for is worse than none."""
    tag: TypeAdapter[str] = TypeAdapter(LanguageTag)
    for each in (*SOURCES, *TARGETS):
        assert tag.validate_python(each) == each
    assert len(set(SOURCES)) == len(SOURCES)


def test_every_target_is_called_by_its_own_code() -> None:
    """Whoever copies a code from the list gets that language."""
    assert [target_code(code) for code in TARGETS] == list(TARGETS)
    unknown = {code.lower() for code in TARGETS} - {code.lower() for code in EMULATED_TARGETS}
    assert unknown == set(), "the emulator's Translator has them too"


def test_every_default_voice_speaks_its_language() -> None:
    for target in targets():
        if target.voice is not None:
            assert chosen_voice(target.code, target.voice).name == target.voice
            assert chosen_voice(target.code, None).name == target.voice


def test_the_list_names_what_everybody_looks_for() -> None:
    by_code = {target.code: target for target in targets()}
    assert (by_code["es"].name, by_code["es"].voice) == ("Spanish", "es-ES-ElviraNeural")
    assert by_code["zh-Hans"].voice == "zh-CN-XiaoxiaoNeural"
    assert by_code["tlh-Latn"].voice is None
    assert len(SOURCES) > 140
    assert len(by_code) > 130
    assert len(spoken_languages()) > 80
    assert "tlh-Latn" not in spoken_languages()


@pytest.mark.parametrize(
    ("tag", "locale"), [("en-US", "en-US"), ("EN-us", "en-US"), ("zh-cn-sichuan", "zh-CN-sichuan")]
)
def test_a_source_is_called_as_the_service_calls_it(tag: str, locale: str) -> None:
    assert source_locale(tag) == locale


def test_a_locale_of_a_known_language_that_is_new_is_left_to_the_service() -> None:
    assert source_locale("en-JM") == "en-JM"


@pytest.mark.parametrize(
    ("tag", "suggestion"),
    [("en", "en-US"), ("es", "es-ES"), ("no", "nb-NO"), ("ZH", "zh-CN"), ("cs", "cs-CZ")],
)
def test_a_source_without_a_region_is_refused_with_the_right_one(tag: str, suggestion: str) -> None:
    with pytest.raises(ConfigurationError, match=f"Did you mean {suggestion}"):
        source_locale(tag)


def test_a_source_that_nobody_recognises_is_refused() -> None:
    with pytest.raises(UnsupportedLanguageError, match="tlh-Latn"):
        source_locale("tlh-Latn")


@pytest.mark.parametrize(
    ("language", "voice", "chosen"),
    [
        ("de", None, Voice("de-DE-KatjaNeural", "de-DE")),
        ("de-AT", None, Voice("de-AT-IngridNeural", "de-AT")),
        ("es-MX", "es-ES-ElviraNeural", Voice("es-ES-ElviraNeural", "es-ES")),
        ("zh-Hant", "zh-HK-HiuMaanNeural", Voice("zh-HK-HiuMaanNeural", "zh-HK")),
        ("nb", "nb-NO-FinnNeural", Voice("nb-NO-FinnNeural", "nb-NO")),
        ("no", "nb-NO-FinnNeural", Voice("nb-NO-FinnNeural", "nb-NO")),
        ("zh-Hans", "zh-CN-sichuan-YunxiNeural", Voice("zh-CN-sichuan-YunxiNeural", "zh-CN-sichuan")),
        ("iu", "iu-Cans-CA-TaqqiqNeural", Voice("iu-Cans-CA-TaqqiqNeural", "iu-Cans-CA")),
        ("es", "en-US-AvaMultilingualNeural", Voice("en-US-AvaMultilingualNeural", "es-ES", foreign=True)),
        ("en", "en-US-AvaMultilingualNeural", Voice("en-US-AvaMultilingualNeural", "en-US")),
        ("fr-CA", "en-US-Ava:DragonHDLatestNeural", Voice("en-US-Ava:DragonHDLatestNeural", "fr-CA", foreign=True)),
        ("tlh", "en-US-AvaMultilingualNeural", Voice("en-US-AvaMultilingualNeural", "tlh", foreign=True)),
        ("de", "OurBrandVoice", Voice("OurBrandVoice", "de-DE")),
        ("tlh", "OurBrandVoice", Voice("OurBrandVoice", "tlh")),
    ],
)  # fmt: skip
def test_a_voice_is_told_what_it_speaks(language: str, voice: str | None, chosen: Voice) -> None:
    assert chosen_voice(language, voice) == chosen


@pytest.mark.parametrize(
    ("language", "voice", "words"),
    [
        ("es", "de-DE-KatjaNeural", "speaks de-DE, not es; choose one that does, such as es-ES"),
        ("tlh", "de-DE-KatjaNeural", "speaks de-DE, not tlh$"),
        ("de", " ", "must be a name"),
        ("de", "a\nb", "must be a name"),
        ("de", "x" * 201, "must be a name"),
    ],
)
def test_a_voice_that_can_not_say_it_is_refused(language: str, voice: str, words: str) -> None:
    """The service would say the text with the wrong sounds, and bill it."""
    with pytest.raises(ConfigurationError, match=words):
        chosen_voice(language, voice)


def test_a_language_without_a_voice_is_refused() -> None:
    with pytest.raises(UnsupportedLanguageError, match="tlh"):
        chosen_voice("tlh", None)


def test_a_voice_like_the_one_that_was_meant_is_found() -> None:
    assert similar_voice("de-DE-KatjNeural") == "de-DE-KatjaNeural"
    assert similar_voice("de-de-conradneural", VOICES) == "de-DE-ConradNeural"
    assert (
        similar_voice("de-DE-X", ("fr-FR-A", "de-DE-Long-Name-Neural")) == "de-DE-Long-Name-Neural"
    )
    assert similar_voice("qqqqqq", VOICES) is None


def test_a_region_like_the_one_that_was_meant_is_found() -> None:
    assert similar_region("westeurop") == "westeurope"
    assert similar_region("westeurope") is None
    assert similar_region("zzz") is None
    assert "eastus" in REGIONS
