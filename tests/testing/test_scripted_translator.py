"""The scripted engine: does what its script says, when it says so, and remembers what was done with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rawmedia.audio.format import SPEECH, TELEPHONY, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import (
    ConfigurationError,
    EngineCrashedError,
    NetworkError,
    TranslatorClosedError,
    TranslatorOverloadedError,
    UnsupportedChangeError,
)
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.translators import (
    ScriptedCrash,
    ScriptedEvent,
    ScriptedStall,
    ScriptedTranslator,
    ScriptedUtterance,
)
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslationEvent,
    TranslatorWarning,
    Usage,
    UtteranceEnded,
)
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rawmedia.testing.script import ScriptItem
    from rawmedia.translators.translator import Translation

Timed = list[tuple[float, TranslationEvent]]

HELLO = ScriptedUtterance(
    source_text="hello",
    start_ms=100,
    end_ms=500,
    translations={"es": "hola", "fr": "bonjour"},
    revisions=["he", ("hell", {"es": "infierno"}), "hello"],
    audio=250.0,
    revision_delay_ms=50,
    delay_ms=200,
    audio_delay_ms=100,
    audio_interval_ms=40,
)
GOODBYE = ScriptedUtterance(
    source_text="goodbye", start_ms=600, end_ms=900, translations={"es": "adiós"}, audio=100.0
)


def request(*targets: str, **settings: Any) -> TranslationRequest:
    return TranslationRequest(source_language="en", target_languages=targets or ("es",), **settings)


def audio(start_ms: float, format: AudioFormat = SPEECH) -> AudioFrame:
    return AudioFrame(bytes(format.samples(20) * 2), format, format.samples(start_ms))


async def speak(
    translation: Translation, clock: VirtualClock, until_ms: float, start_ms: float = 0
) -> None:
    """Send frames as they are spoken: each when its last sample is."""
    begun = clock.now()
    for place_ms in range(round(start_ms), round(until_ms), 20):
        await clock.sleep_until(begun + (place_ms + 20 - start_ms) / 1000)
        await translation.send(audio(place_ms))


async def collect(translation: Translation, clock: VirtualClock, events: Timed) -> None:
    async for event in translation:
        events.append((round(clock.now() * 1000, 3), event))


def play(
    script: list[ScriptItem], until_ms: float, asked: TranslationRequest, **settings: Any
) -> Timed:
    """Everything that an engine says, with the moment in ms, of a source that starts at 0."""
    clock = VirtualClock()
    events: Timed = []

    async def main() -> None:
        engine = ScriptedTranslator(script, clock=clock, **settings)
        translation = await engine.open(asked)
        reading = asyncio.create_task(collect(translation, clock, events))
        await speak(translation, clock, until_ms)
        await translation.end_input()
        await reading
        await translation.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main(), limit=3_600)
    return events


def run(clock: VirtualClock, main: Callable[[], Coroutine[None, None, None]]) -> None:
    clock.run(main(), limit=3_600)


def of_type(events: Timed, kind: type[Any]) -> list[tuple[float, Any]]:
    return [(moment, event) for moment, event in events if isinstance(event, kind)]


def test_an_utterance_is_answered_as_the_script_says_and_when() -> None:
    """Every figure of a latency report can be checked against the script."""
    events = play([HELLO], 1_500, request())
    span = TimeSpan(100, 500)
    assert of_type(events, PartialTranslation) == [
        (250, PartialTranslation("u1", 0, "he", "en", TimeSpan(100, 200), {})),
        (350, PartialTranslation("u1", 1, "hell", "en", TimeSpan(100, 300), {"es": "infierno"})),
        (450, PartialTranslation("u1", 2, "hello", "en", TimeSpan(100, 400), {})),
    ]
    assert of_type(events, FinalTranslation) == [
        (700, FinalTranslation("u1", 3, "hello", "en", span, {"es": "hola"}))
    ]
    spoken = of_type(events, TranslatedAudio)
    assert [(moment, event.frame.duration_ms) for moment, event in spoken] == [
        (800, 100),
        (840, 100),
        (880, 50),
    ]
    assert [event.frame.position for _, event in spoken] == [0, 2_400, 4_800]
    assert all(event.span == span and event.utterance_id == "u1" for _, event in spoken)
    assert of_type(events, UtteranceEnded) == [(880, UtteranceEnded("u1", span))]


def test_every_run_gives_the_same_events() -> None:
    """A test that fails once in a hundred runs is no test."""
    script: list[ScriptItem] = [HELLO, GOODBYE, ScriptedEvent(at_ms=300, event=Usage(audio_ms=300))]
    assert play(script, 2_000, request("es", "fr")) == play(script, 2_000, request("es", "fr"))


def test_progress_comes_every_second_and_waits_for_what_is_unanswered() -> None:
    """A wrapper that replays from the last progress must hear the utterance again from its start."""
    slow = ScriptedUtterance(source_text="slow", start_ms=1_500, end_ms=2_000, delay_ms=2_510)
    events = play([slow], 6_000, request())
    assert of_type(events, Progress) == [
        (1_000, Progress(1_000)),
        (2_000, Progress(1_500)),
        (4_510, Progress(4_500)),
        (5_000, Progress(5_000)),
        (6_000, Progress(6_000)),
    ]


def test_utterances_are_answered_in_order_though_one_is_slow() -> None:
    """The later one is ready first; it waits, text for text and speech for speech."""
    quick = ScriptedUtterance(source_text="quick", start_ms=520, end_ms=600, audio=100.0)
    events = play([HELLO, quick], 1_500, request())
    assert [
        (moment, event.utterance_id, type(event).__name__)
        for moment, event in events
        if isinstance(event, FinalTranslation | TranslatedAudio | UtteranceEnded)
    ] == [
        (700, "u1", "FinalTranslation"),
        (700, "u2", "FinalTranslation"),
        (800, "u1", "TranslatedAudio"),
        (840, "u1", "TranslatedAudio"),
        (880, "u1", "TranslatedAudio"),
        (880, "u1", "UtteranceEnded"),
        (880, "u2", "TranslatedAudio"),
        (880, "u2", "UtteranceEnded"),
    ]


def test_what_touches_is_no_overlap_and_what_overlaps_is_refused() -> None:
    """One speaker says one thing at a time."""
    first = ScriptedUtterance(source_text="one", start_ms=0, end_ms=100)
    second = ScriptedUtterance(source_text="two", start_ms=100, end_ms=100)
    third = ScriptedUtterance(source_text="three", start_ms=100, end_ms=200)
    events = play([third, second, first], 300, request())
    assert [event.source_text for _, event in of_type(events, FinalTranslation)] == [
        "one",
        "two",
        "three",
    ]
    with pytest.raises(ConfigurationError, match="'two' starts before 'one' ends"):
        ScriptedTranslator([first, ScriptedUtterance(source_text="two", start_ms=99, end_ms=300)])
    with pytest.raises(ConfigurationError, match="piece_ms"):
        ScriptedTranslator(piece_ms=0)


def test_each_language_gets_its_own_text_and_speech() -> None:
    """And only the languages that were asked for."""
    loud = np.full(240, 1_000, np.int16)
    frame = AudioFrame(bytes(1_600), TELEPHONY)
    both = ScriptedUtterance(
        source_text="hi",
        start_ms=0,
        end_ms=100,
        translations={"es": "hola", "fr": "salut", "de": "hallo"},
        audio={"es": loud, "fr": frame},
    )
    events = play([both], 200, request("fr", "es", "it"))
    ((_, final),) = of_type(events, FinalTranslation)
    assert final.translations == {"es": "hola", "fr": "salut"}
    spoken = {event.language: event.frame for _, event in of_type(events, TranslatedAudio)}
    assert spoken == {"fr": frame, "es": AudioFrame(loud, WIDEBAND_VOICE)}


def test_a_tone_is_audible_and_as_long_as_it_was_ordered() -> None:
    """Tests listen to what comes out of a session, so it must not be silence."""
    stereo = AudioFormat(16_000, 2)
    word = ScriptedUtterance(source_text="hi", start_ms=0, end_ms=100, audio=1_000.0)
    pieces = of_type(
        play([word], 200, request(), speech_format=stereo, piece_ms=300), TranslatedAudio
    )
    tone = np.concatenate([event.frame.samples for _, event in pieces])
    assert tone.shape == (16_000, 2)
    assert 8_100 < np.abs(tone).max() <= 8_192
    spectrum = np.abs(np.fft.rfft(tone[:, 0]))
    assert np.argmax(spectrum) == 440
    assert [event.frame.duration_ms for _, event in pieces] == [300, 300, 300, 100]


def test_who_wants_no_speech_or_no_partials_gets_none() -> None:
    """As the request says."""
    events = play([HELLO], 1_500, request(speech=False, partials=False))
    kinds = {type(event) for _, event in events}
    assert kinds == {FinalTranslation, UtteranceEnded, Progress}


def test_a_late_partial_does_not_come_after_its_final() -> None:
    """Nothing revises a final."""
    word = ScriptedUtterance(
        source_text="hello", start_ms=0, end_ms=100, revisions=["he"], revision_delay_ms=300
    )
    assert of_type(play([word], 1_000, request()), PartialTranslation) == []


def test_an_utterance_may_never_be_answered() -> None:
    """What a watchdog is for: partials came, then nothing, and progress stays."""
    mute = ScriptedUtterance(
        source_text="hello", start_ms=500, end_ms=900, revisions=["he"], answered=False
    )
    events = play(
        [mute, ScriptedUtterance(source_text="bye", start_ms=1_000, end_ms=1_100)], 2_500, request()
    )
    assert [event.source_text for _, event in of_type(events, PartialTranslation)] == ["he"]
    assert [event.source_text for _, event in of_type(events, FinalTranslation)] == ["bye"]
    assert [event for _, event in of_type(events, Progress)] == [Progress(500)]


@pytest.mark.parametrize("how", ["end_input", "commit"])
def test_an_utterance_in_progress_is_finished_early(how: str) -> None:
    """At the end of the input, or when the caller says that it is over."""
    clock = VirtualClock()
    events: Timed = []

    async def main() -> None:
        engine = ScriptedTranslator([HELLO], clock=clock)
        translation = await engine.open(request())
        reading = asyncio.create_task(collect(translation, clock, events))
        await speak(translation, clock, 320)
        await asyncio.sleep(0.001)
        if how == "commit":
            await translation.commit()
            await translation.commit()
            await speak(translation, clock, 1_000, start_ms=320)
        await translation.end_input()
        await reading
        assert translation.commits == (2 if how == "commit" else 0)
        assert translation.input_ended

    run(clock, main)
    ((_, final),) = of_type(events, FinalTranslation)
    assert final.span == TimeSpan(100, 320)
    assert len(of_type(events, PartialTranslation)) == 2


def test_what_the_source_never_reached_does_not_happen() -> None:
    """The engine can't answer what it did not hear."""
    events = play([HELLO, ScriptedCrash(at_ms=400)], 80, request())
    assert events == [(80, Progress(80))]


def test_an_utterance_of_which_nothing_was_heard_is_not_answered() -> None:
    """Audio that ends where the next utterance would begin says nothing of it."""
    events = play([GOODBYE], 600, request())
    assert events == [(600, Progress(600))]


def test_no_audio_at_all_ends_at_once() -> None:
    """A call in which nobody spoke."""
    assert play([HELLO], 0, request()) == []


def test_any_event_can_be_scripted() -> None:
    """Warnings and usage are what engines report beside translations."""
    warning = TranslatorWarning("the line is bad")
    events = play([ScriptedEvent(at_ms=100, event=warning, delay_ms=30)], 200, request())
    assert events[0] == (130, warning)


def test_a_crash_comes_after_what_was_said_and_once() -> None:
    """A wrapper that opens anew and replays must get past it."""
    clock = VirtualClock()

    async def main() -> None:
        engine = ScriptedTranslator([HELLO, ScriptedCrash(at_ms=1_000, delay_ms=10)], clock=clock)
        translation = await engine.open(request())
        events: Timed = []
        reading = asyncio.create_task(collect(translation, clock, events))
        with pytest.raises(EngineCrashedError, match="at 1000 ms"):
            await speak(translation, clock, 2_000)
        with pytest.raises(EngineCrashedError):
            await reading
        assert clock.now() == pytest.approx(1.02)
        assert len(of_type(events, UtteranceEnded)) == 1
        await translation.aclose()
        assert translation.closed

        again = await engine.open(request())
        reading = asyncio.create_task(collect(again, clock, []))
        await speak(again, clock, 2_000)
        await again.end_input()
        await reading
        await again.aclose()
        assert engine.translations == [translation, again]

    run(clock, main)


def test_a_crash_may_come_several_times_and_with_any_error() -> None:
    """A back-off is tested with an engine that stays broken for a while."""
    clock = VirtualClock()
    error = NetworkError("scripted", "gone")

    async def main() -> None:
        engine = ScriptedTranslator([ScriptedCrash(at_ms=20, error=error, times=2)], clock=clock)
        for _ in range(2):
            translation = await engine.open(request())
            await speak(translation, clock, 20)
            with pytest.raises(NetworkError):
                await collect(translation, clock, [])
            await translation.aclose()
        translation = await engine.open(request())
        await speak(translation, clock, 20)
        await translation.end_input()
        await collect(translation, clock, [])
        await translation.aclose()

    run(clock, main)


def test_a_stalled_engine_takes_no_frames_and_says_what_it_owes() -> None:
    """The sender is told after max_pending_ms; a translation opened later works."""
    clock = VirtualClock()

    async def main() -> None:
        engine = ScriptedTranslator([HELLO, ScriptedStall(at_ms=520)], clock=clock)
        translation = await engine.open(request(max_pending_ms=200))
        events: Timed = []
        reading = asyncio.create_task(collect(translation, clock, events))
        with pytest.raises(TranslatorOverloadedError):
            await speak(translation, clock, 2_000)
        assert translation.frames_taken == 26
        assert len(of_type(events, FinalTranslation)) == 1
        await asyncio.sleep(1)
        assert len(of_type(events, UtteranceEnded)) == 1
        await translation.aclose()
        await reading

        again = await engine.open(request(max_pending_ms=200))
        reading = asyncio.create_task(collect(again, clock, []))
        await speak(again, clock, 2_000)
        await again.aclose()
        await reading

    run(clock, main)


def test_a_stall_may_pass() -> None:
    """An engine that is slow for a while, and catches up."""
    clock = VirtualClock()

    async def main() -> None:
        engine = ScriptedTranslator([ScriptedStall(at_ms=100, duration_ms=300)], clock=clock)
        translation = await engine.open(request())
        reading = asyncio.create_task(collect(translation, clock, []))
        await speak(translation, clock, 300)
        assert translation.pending_ms == 220
        await asyncio.sleep(0.2)
        assert translation.pending_ms == 0
        await translation.aclose()
        await reading

    run(clock, main)


def test_a_later_translation_answers_what_it_hears_the_start_of() -> None:
    """A hand-over in the middle of a call: media time goes on."""
    clock = VirtualClock()

    async def main() -> None:
        engine = ScriptedTranslator([HELLO, GOODBYE], clock=clock)
        for start_ms, texts in ((100, ["hello", "goodbye"]), (120, ["goodbye"]), (620, [])):
            translation = await engine.open(request())
            events: Timed = []
            reading = asyncio.create_task(collect(translation, clock, events))
            await speak(translation, clock, 1_500, start_ms=start_ms)
            await translation.end_input()
            await reading
            heard = [event.source_text for _, event in of_type(events, FinalTranslation)]
            assert heard == texts
            await translation.aclose()

    run(clock, main)


def test_a_translation_can_be_told_to_understand_what_it_hears_nearly_all_of() -> None:
    """A real engine understands a word whose first sound fell into a hole of the line."""
    clock = VirtualClock()

    async def main() -> None:
        engine = ScriptedTranslator([HELLO, GOODBYE], clock=clock, start_tolerance_ms=50)
        for start_ms, texts in ((150, ["hello", "goodbye"]), (160, ["goodbye"])):
            translation = await engine.open(request())
            events: Timed = []
            reading = asyncio.create_task(collect(translation, clock, events))
            await speak(translation, clock, 1_500, start_ms=start_ms)
            await translation.end_input()
            await reading
            heard = [event.source_text for _, event in of_type(events, FinalTranslation)]
            assert heard == texts
            await translation.aclose()

    run(clock, main)


def test_a_tolerance_is_no_less_than_nothing() -> None:
    """Else an utterance that was heard whole would be left out."""
    with pytest.raises(ConfigurationError, match="start_tolerance_ms"):
        ScriptedTranslator(start_tolerance_ms=-1)


def test_opening_can_fail_as_often_as_the_script_says() -> None:
    """What was asked for is on record all the same."""
    clock = VirtualClock()
    error = NetworkError("scripted", "no route")

    async def main() -> None:
        engine = ScriptedTranslator(open_errors=[None, error], clock=clock)
        await (await engine.open(request())).aclose()
        with pytest.raises(NetworkError):
            await engine.open(request("fr"))
        await (await engine.open(request("de"))).aclose()
        assert [asked.target_languages for asked in engine.requests] == [("es",), ("fr",), ("de",)]
        assert len(engine.translations) == 2

    run(clock, main)


def test_it_claims_what_it_is_told_to_claim() -> None:
    """Code that chooses by capabilities is tested with engines that lack some."""
    poor = TranslatorCapabilities(name="poor", input_formats=(TELEPHONY,), speech=False)
    clock = VirtualClock()

    async def main() -> None:
        engine = ScriptedTranslator(capabilities=poor, clock=clock)
        with pytest.raises(ConfigurationError, match="poor gives text only"):
            await engine.open(request())
        translation = await engine.open(request(speech=False))
        await translation.send(audio(0, TELEPHONY))
        await translation.aclose()
        told = ScriptedTranslator().capabilities
        assert (told.name, told.input_formats, told.multi_target) == ("scripted", (SPEECH,), True)

    run(clock, main)


def test_an_update_is_refused_or_followed_as_told() -> None:
    """Both kinds of engine exist."""
    clock = VirtualClock()

    async def main() -> None:
        stubborn = await ScriptedTranslator(clock=clock).open(request())
        with pytest.raises(UnsupportedChangeError):
            await stubborn.update(request("fr"))
        await stubborn.aclose()

        engine = ScriptedTranslator([HELLO, GOODBYE], accepts_update=True, clock=clock)
        translation = await engine.open(request())
        events: Timed = []
        reading = asyncio.create_task(collect(translation, clock, events))
        await speak(translation, clock, 300)
        await translation.update(request("fr"))
        await speak(translation, clock, 600, start_ms=300)
        await translation.end_input()
        await reading
        ((_, final),) = of_type(events, FinalTranslation)
        assert final.translations == {"fr": "bonjour"}
        assert {event.language for _, event in of_type(events, TranslatedAudio)} == {"fr"}
        assert [asked.target_languages for asked in engine.requests] == [("es",), ("fr",)]
        await translation.aclose()

    run(clock, main)


def test_an_interrupt_drops_the_speech_to_come_of_what_has_begun() -> None:
    """As every engine's does; and it is counted."""
    clock = VirtualClock()

    async def main() -> None:
        engine = ScriptedTranslator([HELLO, GOODBYE], clock=clock)
        translation = await engine.open(request())
        events: Timed = []
        reading = asyncio.create_task(collect(translation, clock, events))
        await speak(translation, clock, 200)
        await asyncio.sleep(0)
        await translation.interrupt()
        await speak(translation, clock, 1_500, start_ms=200)
        await translation.end_input()
        await reading
        assert [event.source_text for _, event in of_type(events, FinalTranslation)] == [
            "hello",
            "goodbye",
        ]
        assert {event.utterance_id for _, event in of_type(events, TranslatedAudio)} == {"u2"}
        assert (translation.interrupts, translation.interrupted_ms) == (1, 250)
        await translation.aclose()

    run(clock, main)


def test_frames_are_recorded_within_bounds() -> None:
    """An hour of call must not fill the memory of whoever tests it."""
    clock = VirtualClock()

    async def main() -> None:
        engine = ScriptedTranslator(max_recorded_frames=3, clock=clock)
        translation = await engine.open(request())
        await speak(translation, clock, 200)
        await asyncio.sleep(0)
        assert list(translation.frames) == [audio(140), audio(160), audio(180)]
        assert translation.frames_taken == 10
        await translation.aclose()
        with pytest.raises(TranslatorClosedError):
            await translation.send(audio(200))

    run(clock, main)


def test_an_answer_of_any_length_is_bounded_by_its_reader() -> None:
    """An engine that talks for an hour about one word."""
    clock = VirtualClock()
    endless = ScriptedUtterance(source_text="hi", start_ms=0, end_ms=20, audio=120_000.0)

    async def main() -> None:
        engine = ScriptedTranslator([endless], clock=clock)
        translation = await engine.open(request())
        await speak(translation, clock, 100)
        await asyncio.sleep(1)
        assert not translation._events.has_room
        await translation.interrupt()
        await translation.end_input()
        events: Timed = []
        await collect(translation, clock, events)
        assert of_type(events, TranslatedAudio) == []
        assert translation.interrupted_ms == 120_000
        await translation.aclose()

    run(clock, main)


def test_places_between_two_samples_are_reached() -> None:
    """A third of a second at 44100 Hz is no whole millisecond; its script is."""
    odd = AudioFormat(44_100)
    clock = VirtualClock()
    word = ScriptedUtterance(source_text="hi", start_ms=33.3334, end_ms=66.6668)

    async def main() -> None:
        told = TranslatorCapabilities(name="odd", input_formats=(odd,))
        engine = ScriptedTranslator([word], capabilities=told, clock=clock)
        translation = await engine.open(request())
        # From 33.3333 to 66.6667 ms, and nothing after it.
        await translation.send(AudioFrame(bytes(2_940), odd, 1_470))
        event = await anext(aiter(translation))
        assert isinstance(event, FinalTranslation)
        await translation.aclose()

    run(clock, main)
