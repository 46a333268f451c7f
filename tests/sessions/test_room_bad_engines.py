"""In a room an engine that breaks every rule costs one speaker his translation, and nobody else anything."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from lawless_kit import Lawless, every
from test_room import Conference, confer, spoken, three

from rawmedia.audio.format import AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.captions.report import CallReport
from rawmedia.sessions.events import DirectionChanged, EngineMisbehaved, SessionWarning
from rawmedia.testing.signals import silence
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    TranslatedAudio,
    UtteranceEnded,
)
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable

SPAN = TimeSpan(100, 500)


def final(language: str = "fr") -> FinalTranslation:
    return FinalTranslation("u", 0, "yes", "en", SPAN, {language: "oui"})


def meeting(says: Any = (), *, multi_target: bool = True, **acts: Any) -> Conference:
    """Ana's engine is broken; Bob and Eva speak as in any room, and hear each other."""
    conference = three()
    engine = Lawless(says, **acts)
    engine.capabilities = TranslatorCapabilities(
        name="lawless", input_formats=engine.capabilities.input_formats, multi_target=multi_target
    )
    conference.engines["ana"] = engine  # type: ignore[assignment]
    return conference


def are_unharmed(conference: Conference) -> None:
    """Ana hears both of the others; each of them hears the other one, to the sample."""
    conference.hears("ana", (1_220.0, spoken("bob", "en")), (1_820.0, spoken("eva", "en")))
    conference.hears("bob", (1_820.0, spoken("eva", "fr")))
    conference.hears("eva", (1_220.0, spoken("bob", "es")))
    report = conference.reports
    assert CallReport.model_validate_json(report.model_dump_json()) == report
    for name in ("bob", "eva"):
        assert not conference.told(name, SessionWarning)
        assert not conference.told(name, EngineMisbehaved)


@pytest.mark.parametrize(
    ("place", "multi_target"),
    [("open", True), ("send", False), ("anext", True), ("end_input", True), ("aclose", False)],
)
@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError,
        asyncio.CancelledError,
        GeneratorExit,
        StopAsyncIteration,
        "cancel",
        "hang",
    ],
)
def test_what_an_engine_raises_is_its_speakers_own_trouble(
    error: Any, place: str, multi_target: bool
) -> None:
    """A room is one task group; what escapes would send everybody out."""
    acts = {place: error if isinstance(error, str) else error()}
    conference = confer(meeting(multi_target=multi_target, **acts), max_stall_ms=500.0)
    are_unharmed(conference)
    told = conference.told("ana", DirectionChanged)
    if (place, error) not in (("send", "hang"), ("anext", "hang"), ("end_input", "hang")):
        assert any(event.error for event in told) or conference.told("ana", SessionWarning)


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(lambda: [(600, None)], id="None"),
        pytest.param(lambda: [(600, final()), (600, final()), (610, final("tlh"))], id="finals"),
        pytest.param(
            lambda: [
                (600, TranslatedAudio("u", "tlh", silence(400), SPAN)),
                (600, UtteranceEnded("u", SPAN)),
                (600, UtteranceEnded("u", SPAN)),
            ],
            id="a language of its own",
        ),
        pytest.param(
            lambda: [
                (
                    600,
                    TranslatedAudio("u", "fr", AudioFrame.silence(AudioFormat(23_981), 500), SPAN),
                )
            ],
            id="a rate of its own",
        ),
        pytest.param(
            lambda: every(
                1,
                lambda number: PartialTranslation(
                    "u", number, "x", "en", SPAN, {"fr": str(number)}
                ),
            ),
            id="partials without end",
        ),
    ],
)
def test_what_an_engine_says_is_its_speakers_own_trouble(says: Callable[[], Any]) -> None:
    """However odd it is, and however much."""
    are_unharmed(confer(meeting(says()), max_stall_ms=500.0))


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError, "hang", "cancel"])
def test_an_engine_that_can_not_be_changed_is_asked_again(error: Any) -> None:
    """When somebody with another language comes in, it must not take the speaker's member with it."""
    conference = meeting(update=error if isinstance(error, str) else error())
    conference.invite("ute", "de")

    async def meanwhile(conference: Conference) -> None:
        await conference.clock.sleep_until(0.3)
        conference.join("ute")

    confer(conference, meanwhile=meanwhile, late=("ute",), max_stall_ms=500.0, reopen_ms=700.0)
    are_unharmed(conference)
    warnings = conference.told("ana", SessionWarning)
    assert any("not translated into" in warning.message for warning in warnings)
    conference.hears("ute", (1_220.0, spoken("bob", "de")), (1_820.0, spoken("eva", "de")))
