"""What can be asked of Azure beside the request, and what the service's JSON says of words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.errors import ConfigurationError
from rawmedia.translators.azure import AzureOptions
from rawmedia.translators.azure.messages import HeardWord
from rawmedia.translators.azure.phrase_words import phrase_words
from rawmedia.translators.azure.settings import voice_of


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"candidates": ("de-DE",)}, "candidates"),
        ({"detection": "open", "candidates": ("de-DE",)}, "candidates"),
        ({"detection": "continuous"}, "candidates"),
        (
            {"detection": "at_start", "candidates": ("de-DE", "fr-FR", "es-ES", "it-IT")},
            "candidates",
        ),
        ({"detection": "continuous", "candidates": ("german",)}, "candidates.0"),
        ({"personal_voice": True}, "personal_voice"),
        (
            {"detection": "open", "personal_voice": True, "synthesis": "separate"},
            "personal_voice",
        ),
        ({"segmentation_silence_ms": 50}, "segmentation_silence_ms"),
        ({"segmentation_max_ms": 10_000}, "segmentation_max_ms"),
        ({"upload_speed": 0.5}, "upload_speed"),
        ({"phrases": ("",)}, "phrases.0"),
        ({"profanity": "loud"}, "profanity"),
        ({"low_latancy": True}, "low_latancy"),
    ],
)
def test_an_option_that_can_not_be_is_named(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AzureOptions(**settings)
    assert caught.value.setting == named


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"detection": "at_start", "candidates": ("de-DE", "fr-FR", "es-ES")},
        {"detection": "open", "personal_voice": True},
        {"telephony": "alaw", "low_latency": True},
    ],
)
def test_options_that_go_together_are_taken(settings: dict[str, Any]) -> None:
    assert AzureOptions(**settings).model_dump(exclude_defaults=True) == settings


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("es", "es-MX-DaliaNeural"),
        ("es-MX", "es-ES-ElviraNeural"),
        ("zh-CN", "zh-CN-liaoning-XiaobeiNeural"),
        ("zh-Hant", "zh-TW-HsiaoChenNeural"),
        ("sr-Latn", "sr-Latn-RS-NicholasNeural"),
        ("no", "nb-NO-PernilleNeural"),
        ("tl", "fil-PH-BlessicaNeural"),
        ("fr", "en-US-JennyMultilingualNeural"),
        ("fr", "en-US-Ava:DragonHDLatestNeural"),
    ],
)
def test_a_voice_of_the_language_is_taken_whatever_its_region(tag: str, name: str) -> None:
    assert voice_of(tag, {tag: name}, AzureOptions()) == name


@pytest.mark.parametrize(
    "name",
    ["de-DE-KatjaNeural", "Elvira", "es", "", "es-ES-", "personal-voice", "es_ES_ElviraNeural"],
)
def test_a_voice_of_another_language_or_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        voice_of("es", {"es": name}, AzureOptions())
    assert caught.value.setting == "voices"


def test_a_language_without_a_known_voice_may_have_one_by_name() -> None:
    """The list here is not the service's."""
    assert voice_of("tlh", {"tlh": "tlh-KL-MarcNeural"}, AzureOptions()) == "tlh-KL-MarcNeural"
    with pytest.raises(ConfigurationError, match="no name of a voice"):
        voice_of("tlh", {"tlh": "Marc"}, AzureOptions())


def test_the_speakers_own_voice_may_be_asked_for_by_name() -> None:
    own = AzureOptions(detection="open", personal_voice=True)
    assert voice_of("es", {"es": "personal-voice"}, own) == "personal-voice"
    assert voice_of("es", {}, own) == "personal-voice"


WORDS = [
    {"Word": "good", "Offset": 10_000_000, "Duration": 2_000_000},
    {"Word": "bye", "Offset": 12_000_000, "Duration": 3_000_000},
]
PHRASE = {"Offset": 10_000_000, "NBest": [{"Words": WORDS}, {"Words": []}]}
GOOD_BYE = (HeardWord("good", 5_000, 5_200), HeardWord("bye", 5_200, 5_500))


@pytest.mark.parametrize("content", [PHRASE, {"SpeechPhrase": PHRASE}])
def test_words_of_both_families_are_placed_in_the_whole_upload(content: object) -> None:
    """The JSON counts from the service's turn; the SDK knows where the phrase is."""
    assert phrase_words(json.dumps(content), 50_000_000) == GOOD_BYE


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {"NBest": []},
        {"NBest": {}, "Offset": 0},
        {"NBest": [7], "Offset": 0},
        {"NBest": [{"Words": WORDS}]},
        {"NBest": [{"Words": WORDS}], "Offset": "0"},
        {"NBest": [{"Words": [{}, 7, {"Word": "x"}]}], "Offset": 0},
        {"SpeechPhrase": 7, "NBest": [{"Words": WORDS}]},
    ],
)
def test_what_is_not_as_expected_counts_as_not_told(content: object) -> None:
    assert phrase_words(json.dumps(content), 0) == ()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["SpeechPhrase", "NBest", "Words", "Word", "Offset", "Duration"]), inner
        )
    ),
    max_leaves=20,
)


@given(st.text() | _JSON.map(json.dumps), st.integers(0, 2**50))
def test_any_text_gives_words_or_none(text: str, offset: int) -> None:
    for word in phrase_words(text, offset):
        assert word.start_ms <= word.end_ms
