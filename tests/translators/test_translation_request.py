"""What a request refuses, and which languages go together."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rawmedia.translators.request import TranslationRequest, language_matches


def request(**settings: Any) -> TranslationRequest:
    return TranslationRequest(
        **{"source_language": "en-US", "target_languages": ("es",), **settings}
    )


@pytest.mark.parametrize(
    ("tag", "supported"),
    [
        ("es", "es"),
        ("es-MX", "es"),
        ("en", "en-US"),
        ("EN-us", "en-US"),
        ("sr-RS", "sr-Latn-RS"),
        ("zh-Hans", "zh-CN"),
        ("zh-CN", "zh-CN-sichuan"),
        ("ca-valencia", "ca"),
        ("what is this", "What Is This"),
    ],
)
def test_an_engine_serves_a_language_that_it_has_at_least_as_closely(
    tag: str, supported: str
) -> None:
    """Engines name languages with and without region; a caller must not have to know which."""
    assert language_matches(tag, supported)
    assert language_matches(supported, tag)


@pytest.mark.parametrize(
    ("tag", "supported"),
    [
        ("es", "en"),
        ("es-MX", "es-ES"),
        ("zh-Hans", "zh-Hant"),
        ("zh-Hans-CN", "zh-Hant-CN"),
        ("es-419", "es-MX"),
        ("ca-valencia", "ca-balear1"),
        ("e", "en"),
        ("english", "en"),
    ],
)
def test_an_engine_does_not_serve_another_language_script_or_region(
    tag: str, supported: str
) -> None:
    """Mexican Spanish asked of a Castilian voice is a difference that the caller named."""
    assert not language_matches(tag, supported)
    assert not language_matches(supported, tag)


@given(st.text(), st.text())
def test_any_two_texts_can_be_compared(tag: str, supported: str) -> None:
    """An engine's list comes from a service; nothing in it may break the check."""
    assert language_matches(tag, tag)
    assert language_matches(tag, supported) == language_matches(supported, tag)


@pytest.mark.parametrize("tag", ["", "e", "english", "en_US", "en-", "-en", "en-US ", "en\n", "12"])
def test_what_is_no_language_tag_is_refused(tag: str) -> None:
    """A typing error must show before the call, not as an engine's silence."""
    with pytest.raises(ValidationError, match="BCP-47"):
        request(source_language=tag)
    with pytest.raises(ValidationError, match="BCP-47"):
        request(target_languages=(tag,))


def test_tags_are_kept_as_they_are_written() -> None:
    """Events name the languages as the request does."""
    assert request(target_languages=["ES-mx", "zh-Hans"]).target_languages == ("ES-mx", "zh-Hans")


def test_a_target_named_twice_is_refused() -> None:
    """Its audio would come twice under one name."""
    with pytest.raises(ValidationError, match="twice: es, ES"):
        request(target_languages=("es", "ES"))


def test_no_target_is_refused() -> None:
    """There would be nothing to do."""
    with pytest.raises(ValidationError, match="target_languages"):
        request(target_languages=())


def test_a_voice_for_no_target_is_refused() -> None:
    """It would silently not be used."""
    with pytest.raises(ValidationError, match="voices for fr, but the targets are es"):
        request(voices={"fr": "Denise"})
    assert request(voices={"es": "Elvira"}).voices == {"es": "Elvira"}


def test_an_unknown_setting_is_refused() -> None:
    """A misspelled setting must not be dropped in silence."""
    with pytest.raises(ValidationError, match="target_language\n"):
        request(target_language="es")


@pytest.mark.parametrize("pending_ms", [19, 60_001, float("nan"), float("inf"), -1])
def test_pending_audio_is_bounded_on_both_sides(pending_ms: float) -> None:
    """Less than a frame could never be sent; without a limit memory could fill."""
    with pytest.raises(ValidationError, match="max_pending_ms"):
        request(max_pending_ms=pending_ms)


def test_a_request_cannot_change_and_travels_whole() -> None:
    """It is shared between the caller, the engine and, later, another process."""
    asked = request(voices={"es": "Elvira"})
    with pytest.raises(ValidationError, match="frozen"):
        asked.speech = False
    assert pickle.loads(pickle.dumps(asked)) == asked
