"""The echo: what goes in comes out, as an utterance now and then."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import FormatMismatchError
from rawmedia.testing.translators import EchoTranslator
from rawmedia.translators.events import (
    FinalTranslation,
    Progress,
    TranslatedAudio,
    TranslationEvent,
    UtteranceEnded,
)
from rawmedia.translators.request import TranslationRequest


def noise(count: int) -> list[AudioFrame]:
    """Frames of 20 ms, all different."""
    random = np.random.default_rng(1)
    return [
        AudioFrame(random.integers(-999, 999, 320).astype(np.int16), SPEECH, number * 320)
        for number in range(count)
    ]


async def echo(
    engine: EchoTranslator, frames: list[AudioFrame], *targets: str, speech: bool = True
) -> list[TranslationEvent]:
    asked = TranslationRequest(
        source_language="en", target_languages=targets or ("es",), speech=speech
    )
    async with await engine.open(asked) as translation:
        for frame in frames:
            await translation.send(frame)
        await translation.end_input()
        return [event async for event in translation]


def test_every_sample_comes_back_in_order() -> None:
    """So a test can compare what comes out of a session with what went in."""
    frames = noise(120)
    events = asyncio.run(echo(EchoTranslator(), frames, "es", "fr"))
    sent = np.concatenate([frame.samples for frame in frames])
    for language in ("es", "fr"):
        spoken = [
            event
            for event in events
            if isinstance(event, TranslatedAudio) and event.language == language
        ]
        np.testing.assert_array_equal(
            np.concatenate([event.frame.samples for event in spoken]), sent
        )
        assert [event.span.start_ms for event in spoken] == [frame.start_ms for frame in frames]


def test_an_utterance_ends_after_its_time_and_at_the_end() -> None:
    """Sessions and captions need utterances; positions count from the start of each."""
    events = asyncio.run(echo(EchoTranslator(utterance_ms=40, text="hi"), noise(3)))
    assert [event for event in events if not isinstance(event, TranslatedAudio)] == [
        FinalTranslation("u1", 0, "hi", "en", TimeSpan(0, 40), {"es": "hi"}),
        UtteranceEnded("u1", TimeSpan(0, 40)),
        Progress(40),
        FinalTranslation("u2", 0, "hi", "en", TimeSpan(40, 60), {"es": "hi"}),
        UtteranceEnded("u2", TimeSpan(40, 60)),
        Progress(60),
    ]
    spoken = [event for event in events if isinstance(event, TranslatedAudio)]
    assert [(event.utterance_id, event.frame.position) for event in spoken] == [
        ("u1", 0),
        ("u1", 320),
        ("u2", 0),
    ]


def test_a_hole_in_the_source_is_no_hole_in_the_speech() -> None:
    """The pieces of an utterance are contiguous, wherever its source was."""
    frames = [noise(1)[0], noise(1)[0].at(3_200)]
    events = asyncio.run(echo(EchoTranslator(), frames))
    spoken = [event for event in events if isinstance(event, TranslatedAudio)]
    assert [event.frame.position for event in spoken] == [0, 320]
    assert UtteranceEnded("u1", TimeSpan(0, 220)) in events


def test_text_alone_and_no_audio_at_all() -> None:
    """As the request says, and as the caller is silent."""
    kinds = {type(event) for event in asyncio.run(echo(EchoTranslator(), noise(2), speech=False))}
    assert kinds == {FinalTranslation, UtteranceEnded, Progress}
    assert asyncio.run(echo(EchoTranslator(), [])) == [Progress(0)]


def test_it_takes_the_format_that_it_was_made_for() -> None:
    """A telephone line's echo is a telephone line's."""
    engine = EchoTranslator(input_format=TELEPHONY)
    assert engine.capabilities.input_formats == (TELEPHONY,)
    with pytest.raises(FormatMismatchError):
        asyncio.run(echo(engine, noise(1)))
