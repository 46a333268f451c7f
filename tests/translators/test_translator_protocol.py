"""Capabilities refuse what the engine can't do; events are values; engines fit the protocol."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields
from typing import TYPE_CHECKING, get_args

import pytest

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import ConfigurationError, UnsupportedLanguageError
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslationEvent,
    TranslatorWarning,
    Usage,
    UtteranceEnded,
    WordTiming,
)
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.translator import Translation, Translator, TranslatorCapabilities

if TYPE_CHECKING:
    from rawmedia.testing.translators import EchoTranslator, ScriptedTranslator
    from rawmedia.translators.base import TranslationBase
    from rawmedia.translators.cascade import CascadeTranslator
    from rawmedia.translators.function import FunctionTranslator

SPAN = TimeSpan(0, 500)


def fits_the_protocol(
    base: TranslationBase,
    function: FunctionTranslator,
    cascade: CascadeTranslator,
    scripted: ScriptedTranslator,
    echo: EchoTranslator,
) -> tuple[Translation, Translator, Translator, Translator, Translator]:
    """Never run: the type checker proves here that these are what they claim to be."""
    return base, function, cascade, scripted, echo


def capabilities(
    *,
    target_languages: tuple[str, ...] | None = ("es", "fr-FR"),
    speech: bool = False,
    multi_target: bool = False,
) -> TranslatorCapabilities:
    return TranslatorCapabilities(
        name="engine",
        input_formats=(SPEECH,),
        source_languages=("en-US", "en-GB"),
        target_languages=target_languages,
        speech=speech,
        multi_target=multi_target,
    )


def ask(source: str = "en", *targets: str, speech: bool = False) -> TranslationRequest:
    return TranslationRequest(
        source_language=source, target_languages=targets or ("es",), speech=speech
    )


def test_what_the_engine_has_is_accepted() -> None:
    """A region that only one side names is no difference."""
    capabilities().check(ask("en", "es-MX"))
    capabilities(speech=True, multi_target=True).check(ask("en-US", "fr", "es", speech=True))


def test_a_missing_language_is_refused_with_the_choice() -> None:
    """The error is what a user reads; it must say what would work."""
    with pytest.raises(UnsupportedLanguageError, match="no 'de'; it has es, fr-FR") as target:
        capabilities().check(ask("en", "de"))
    with pytest.raises(UnsupportedLanguageError, match="no 'fr'") as source:
        capabilities().check(ask("fr"))
    assert (target.value.role, source.value.role) == ("target", "source")
    assert source.value.supported == ("en-US", "en-GB")


def test_what_only_the_service_knows_is_not_refused() -> None:
    """A service gets new languages without a release of this library."""
    capabilities(target_languages=None).check(ask("en", "tlh"))


def test_several_targets_and_speech_are_refused_where_the_engine_lacks_them() -> None:
    """Otherwise the second language, or the voice, would just never come."""
    with pytest.raises(ConfigurationError, match="one at a time"):
        capabilities().check(ask("en", "es", "fr"))
    with pytest.raises(ConfigurationError, match="speech=False"):
        capabilities().check(ask(speech=True))


def test_an_engine_takes_at_least_one_format() -> None:
    """Nobody could send it anything."""
    with pytest.raises(ConfigurationError, match="at least one"):
        TranslatorCapabilities(name="deaf", input_formats=())


EVENTS: tuple[TranslationEvent, ...] = (
    PartialTranslation("u1", 0, "hello", "en", SPAN, {"es": "hola"}),
    FinalTranslation("u1", 1, "hello", "en", SPAN, {"es": "hola"}, (WordTiming("hello", SPAN),)),
    TranslatedAudio("u1", "es", AudioFrame(bytes(640), SPEECH), SPAN),
    UtteranceEnded("u1", SPAN),
    Progress(500.0),
    TranslatorWarning("no voice", "u1", ValueError("why")),
    Usage(audio_ms=500.0),
)


def test_there_is_an_example_of_every_event() -> None:
    """The tests below speak for all events only if none is forgotten here."""
    assert {type(event) for event in EVENTS} == set(get_args(TranslationEvent))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_a_value(event: TranslationEvent) -> None:
    """Recorders, captions and metrics share one object; none of them may change it for the others."""
    with pytest.raises(FrozenInstanceError):
        setattr(event, fields(event)[0].name, None)
    if not isinstance(event, TranslatorWarning):  # exceptions have no equality
        assert pickle.loads(pickle.dumps(event)) == event
