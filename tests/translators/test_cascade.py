"""Three parts make a translator: each works while the others do, and one that fails is survived."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import (
    ConfigurationError,
    EngineCrashedError,
    EngineFailedError,
    TranslatorClosedError,
    TranslatorOverloadedError,
    UnsupportedLanguageError,
)
from rawmedia.testing.clock import VirtualClock
from rawmedia.translators.cascade import CascadeTranslator
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslationEvent,
    TranslatorWarning,
    UtteranceEnded,
    WordTiming,
)
from rawmedia.translators.parts import Heard, Recognition, TextTranslation
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from rawmedia.audio.format import AudioFormat
    from rawmedia.translators.parts import Recognizer, Synthesizer, TextTranslator
    from rawmedia.translators.translator import Translation, Translator

Report = Recognition | Heard | Exception


def partial(text: str, start_ms: float, end_ms: float) -> Recognition:
    return Recognition(text, TimeSpan(start_ms, end_ms), is_final=False)


def final(text: str, start_ms: float, end_ms: float) -> Recognition:
    return Recognition(text, TimeSpan(start_ms, end_ms), is_final=True)


@dataclass
class Ear:
    """A recogniser that reports what it is told when it has heard so much."""

    clock: VirtualClock
    reports: list[tuple[float, Report]] = field(default_factory=list)
    languages: tuple[str, ...] | None = ("en-US",)
    input_formats: tuple[AudioFormat, ...] = (SPEECH,)
    ends_at_ms: float = float("inf")
    open_calls: int = 0

    async def recognize(
        self, frames: AsyncIterator[AudioFrame], language: str
    ) -> AsyncIterator[Recognition | Heard]:
        waiting = list(self.reports)
        self.open_calls += 1
        try:
            async for frame in frames:
                while waiting and waiting[0][0] <= frame.end_ms:
                    report = waiting.pop(0)[1]
                    if isinstance(report, Exception):
                        raise report
                    yield report
                if frame.end_ms >= self.ends_at_ms:
                    return
        finally:
            self.open_calls -= 1


@dataclass
class Mind:
    """A text translator that shouts the language, after a while."""

    clock: VirtualClock
    delay_ms: float = 0
    pairs: tuple[tuple[str, str], ...] | None = (("en", "es"), ("en", "fr"), ("de", "en"))
    refuses: dict[str, BaseException] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    closed: int = 0

    async def translate(
        self, text: str, source_language: str, target_language: str
    ) -> TextTranslation:
        self.calls.append((text, target_language))
        await self.clock.sleep_until(self.clock.now() + self.delay_ms / 1000)
        if text in self.refuses:
            raise self.refuses[text]
        unknown = tuple(word for word in text.split() if word == "xyzzy")
        return TextTranslation(f"{text} ({target_language})" if text else "", unknown)

    async def aclose(self) -> None:
        self.closed += 1


@dataclass
class Mouth:
    """A synthesizer that takes its time: five pieces of 100 ms."""

    clock: VirtualClock
    delay_ms: float = 0
    languages: tuple[str, ...] | None = None
    refuses: dict[str, BaseException] = field(default_factory=dict)
    calls: list[tuple[str, str, str | None]] = field(default_factory=list)
    open_calls: int = 0
    most_open_calls: int = 0

    async def synthesize(
        self, text: str, language: str, voice: str | None
    ) -> AsyncIterator[AudioFrame]:
        self.calls.append((text, language, voice))
        self.open_calls += 1
        self.most_open_calls = max(self.most_open_calls, self.open_calls)
        try:
            for number in range(5):
                await self.clock.sleep_until(self.clock.now() + self.delay_ms / 1000)
                if number == 2 and text in self.refuses:
                    raise self.refuses[text]
                yield AudioFrame(bytes(1600), TELEPHONY, number * 800)
        finally:
            self.open_calls -= 1


def request(
    *targets: str,
    speech: bool = True,
    partials: bool = True,
    voices: dict[str, str] | None = None,
    max_pending_ms: float = 10_000,
) -> TranslationRequest:
    return TranslationRequest(
        source_language="en",
        target_languages=targets or ("es",),
        speech=speech,
        partials=partials,
        voices=voices or {},
        max_pending_ms=max_pending_ms,
    )


def check_parts(
    ear: Ear, mind: Mind, mouth: Mouth, cascade: CascadeTranslator
) -> tuple[Recognizer, TextTranslator, Synthesizer, Translator]:
    """Never run: the type checker proves here that the fakes are parts."""
    return ear, mind, mouth, cascade


async def speak(translation: Translation, clock: VirtualClock, until_ms: float) -> None:
    """Send frames in real time."""
    begun = clock.now()
    for start_ms in range(0, round(until_ms), 20):
        await clock.sleep_until(begun + start_ms / 1000)
        await translation.send(AudioFrame(bytes(640), SPEECH, SPEECH.samples(start_ms)))


async def collect(translation: Translation) -> list[TranslationEvent]:
    return [event async for event in translation]


async def listen_to(
    cascade: CascadeTranslator, clock: VirtualClock, asked: TranslationRequest, until_ms: float
) -> list[TranslationEvent]:
    """Send so much in real time and read along."""
    translation = await cascade.open(asked)
    reading = asyncio.create_task(collect(translation))
    await speak(translation, clock, until_ms)
    await translation.end_input()
    events = await reading
    await translation.aclose()
    nothing_left_behind()
    return events


def run(clock: VirtualClock, main: Callable[[], Coroutine[None, None, None]]) -> None:
    clock.run(main(), limit=3_600)


def nothing_left_behind() -> None:
    assert asyncio.all_tasks() == {asyncio.current_task()}


def finals(events: list[TranslationEvent]) -> list[FinalTranslation]:
    return [event for event in events if isinstance(event, FinalTranslation)]


def speech(events: list[TranslationEvent], language: str = "es") -> list[str]:
    """Which utterance each piece of speech belongs to."""
    return [
        event.utterance_id
        for event in events
        if isinstance(event, TranslatedAudio) and event.language == language
    ]


def warnings(events: list[TranslationEvent]) -> list[TranslatorWarning]:
    return [event for event in events if isinstance(event, TranslatorWarning)]


TWO: list[tuple[float, Report]] = [
    (200.0, Heard(200, 100)),
    (400.0, partial("good", 100, 400)),
    (600.0, final("good morning", 100, 500)),
    (800.0, Heard(800, 700)),
    (1_000.0, partial("how", 700, 1_000)),
    (1_200.0, final("how are you", 700, 1_100)),
    (1_400.0, Heard(1_400, 1_300)),
]


def test_an_utterance_goes_through_the_parts_in_order() -> None:
    """What is heard is reported, translated, spoken, ended, and then not needed again."""
    clock = VirtualClock()
    words = (WordTiming("xyzzy", TimeSpan(100, 500)),)
    heard = Recognition("say xyzzy", TimeSpan(100, 500), is_final=True, words=words)
    ear = Ear(clock, [(300, partial("say", 100, 300)), (600, heard)])
    mouth = Mouth(clock)
    cascade = CascadeTranslator(ear, Mind(clock), mouth, clock=clock)

    async def main() -> None:
        asked = request(voices={"es": "Elvira"})
        events = await listen_to(cascade, clock, asked, 1_000)
        span = TimeSpan(100, 500)
        assert events[:2] == [
            PartialTranslation("u1", 0, "say", "en", TimeSpan(100, 300), {"es": "say (es)"}),
            FinalTranslation(
                "u1", 1, "say xyzzy", "en", span, {"es": "say xyzzy (es)"}, words, ("xyzzy",)
            ),
        ]
        pieces = [event for event in events[2:7] if isinstance(event, TranslatedAudio)]
        assert [piece.frame.position for piece in pieces] == [0, 800, 1_600, 2_400, 3_200]
        assert all(
            (piece.utterance_id, piece.language, piece.span) == ("u1", "es", span)
            for piece in pieces
        )
        assert events[7:] == [UtteranceEnded("u1", span), Progress(500), Progress(1_000)]
        assert mouth.calls == [("say xyzzy (es)", "es", "Elvira")]

    run(clock, main)


def test_progress_is_what_the_recogniser_needs_no_more_and_is_spoken() -> None:
    """Replay after a crash starts at the last progress: too late and words are lost."""
    clock = VirtualClock()
    cascade = CascadeTranslator(
        Ear(clock, TWO), Mind(clock), Mouth(clock, delay_ms=60), clock=clock
    )

    async def main() -> None:
        events = await listen_to(cascade, clock, request(), 1_500)
        seen: list[object] = [
            event.position_ms if isinstance(event, Progress) else event.utterance_id
            for event in events
            if isinstance(event, Progress | UtteranceEnded)
        ]
        # 700 comes with the end of u1, because it was being spoken when the recogniser said so.
        assert seen == [100, "u1", 700, "u2", 1_500]

    run(clock, main)


def test_the_next_utterance_is_heard_and_translated_while_one_is_spoken() -> None:
    """Captions must not wait for a voice."""
    clock = VirtualClock()
    mouth = Mouth(clock, delay_ms=1_000)
    cascade = CascadeTranslator(Ear(clock, TWO), Mind(clock), mouth, clock=clock)

    async def main() -> None:
        events = await listen_to(cascade, clock, request(), 1_500)
        kinds = [
            (type(event).__name__, event.utterance_id)
            for event in events
            if isinstance(event, FinalTranslation | TranslatedAudio)
        ]
        assert kinds.index(("FinalTranslation", "u2")) < kinds.index(("TranslatedAudio", "u1"))
        assert speech(events) == ["u1"] * 5 + ["u2"] * 5
        assert mouth.most_open_calls == 1

    run(clock, main)


def test_the_languages_of_an_utterance_are_spoken_at_the_same_time() -> None:
    """A second language must not come later than the first because it is the second."""
    clock = VirtualClock()
    mouth = Mouth(clock, delay_ms=100)
    cascade = CascadeTranslator(Ear(clock, TWO), Mind(clock), mouth, clock=clock)

    async def main() -> None:
        asked = request("es", "fr", voices={"fr": "Denise"})
        events = await listen_to(cascade, clock, asked, 1_500)
        assert [event.translations for event in finals(events)] == [
            {"es": "good morning (es)", "fr": "good morning (fr)"},
            {"es": "how are you (es)", "fr": "how are you (fr)"},
        ]
        assert speech(events, "es") == speech(events, "fr") == ["u1"] * 5 + ["u2"] * 5
        assert mouth.most_open_calls == 2
        assert ("good morning (fr)", "fr", "Denise") in mouth.calls
        assert ("good morning (es)", "es", None) in mouth.calls

    run(clock, main)


def test_only_the_newest_partial_is_translated() -> None:
    """Partials that queue would make captions fall ever further behind."""
    clock = VirtualClock()
    reports: list[tuple[float, Report]] = [
        (100.0 * number, partial(f"word {number}", 0, 100 * number)) for number in range(1, 20)
    ]
    reports.append((2_000, final("all words", 0, 2_000)))
    mind = Mind(clock, delay_ms=450)
    cascade = CascadeTranslator(Ear(clock, reports), mind, clock=clock)

    async def main() -> None:
        events = await listen_to(cascade, clock, request(speech=False), 3_000)
        seen = [event for event in events if isinstance(event, PartialTranslation)]
        assert [event.source_text for event in seen] == [
            f"word {number}" for number in (1, 5, 10, 14, 19)
        ]
        assert [event.revision for event in seen] == [0, 1, 2, 3, 4]
        assert all(event.translations == {"es": f"{event.source_text} (es)"} for event in seen)
        (last,) = finals(events)
        assert last.revision == 5

    run(clock, main)


def test_a_partial_that_is_slower_to_translate_than_its_final_never_comes() -> None:
    """It would take the caption back to what was corrected."""
    clock = VirtualClock()
    reports: list[tuple[float, Report]] = [
        (100, partial("hell", 0, 100)),
        (160, final("hello", 0, 160)),
    ]

    class SlowOnPartials(Mind):
        async def translate(
            self, text: str, source_language: str, target_language: str
        ) -> TextTranslation:
            self.delay_ms = 500 if text == "hell" else 0
            return await super().translate(text, source_language, target_language)

    cascade = CascadeTranslator(Ear(clock, reports), SlowOnPartials(clock), clock=clock)

    async def main() -> None:
        events = await listen_to(cascade, clock, request(speech=False), 1_000)
        assert [type(event) for event in events[:1]] == [FinalTranslation]
        assert not any(isinstance(event, PartialTranslation) for event in events)

    run(clock, main)


def test_a_partial_whose_final_is_there_already_is_not_reported() -> None:
    """A recogniser that catches up reports both in one breath."""
    clock = VirtualClock()
    reports: list[tuple[float, Report]] = [
        (100, partial("hell", 0, 100)),
        (100, final("hello", 0, 100)),
    ]
    mind = Mind(clock)
    cascade = CascadeTranslator(Ear(clock, reports), mind, clock=clock)

    async def main() -> None:
        events = await listen_to(cascade, clock, request(speech=False), 500)
        assert isinstance(events[0], FinalTranslation)
        assert mind.calls == [("hello", "es")]

    run(clock, main)


def test_partials_carry_the_source_alone_where_each_translation_costs() -> None:
    """A service that charges per call must not be called for what is thrown away."""
    clock = VirtualClock()
    mind = Mind(clock)
    cascade = CascadeTranslator(
        Ear(clock, TWO), mind, Mouth(clock), translate_partials=False, clock=clock
    )

    async def main() -> None:
        events = await listen_to(cascade, clock, request(), 1_500)
        seen = [event for event in events if isinstance(event, PartialTranslation)]
        assert [(event.source_text, event.translations) for event in seen] == [
            ("good", {}),
            ("how", {}),
        ]
        assert mind.calls == [("good morning", "es"), ("how are you", "es")]

    run(clock, main)


def test_who_wants_no_partials_gets_none() -> None:
    """And nothing is spent on them."""
    clock = VirtualClock()
    mind = Mind(clock)
    cascade = CascadeTranslator(Ear(clock, TWO), mind, clock=clock)

    async def main() -> None:
        events = await listen_to(cascade, clock, request(partials=False, speech=False), 1_500)
        assert not any(isinstance(event, PartialTranslation) for event in events)
        assert mind.calls == [("good morning", "es"), ("how are you", "es")]

    run(clock, main)


def test_an_utterance_that_was_none_is_taken_back_and_not_spoken() -> None:
    """A door that slammed must not leave a word in the captions."""
    clock = VirtualClock()
    reports: list[tuple[float, Report]] = [
        (100, partial("bang", 0, 100)),
        (300, final("", 0, 200)),
    ]
    mouth = Mouth(clock)
    cascade = CascadeTranslator(Ear(clock, reports), Mind(clock), mouth, clock=clock)

    async def main() -> None:
        events = await listen_to(cascade, clock, request(), 500)
        (last,) = finals(events)
        assert (last.source_text, last.translations) == ("", {"es": ""})
        assert UtteranceEnded("u1", TimeSpan(0, 200)) in events
        assert mouth.calls == []

    run(clock, main)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ValueError("no such word"), "ValueError: no such word"),
        (EngineCrashedError("mind", "gone"), "EngineCrashedError: mind: gone"),
        (TimeoutError("mine"), "TimeoutError: mine"),
        (asyncio.CancelledError(), "cancelled itself"),
    ],
)
def test_an_utterance_that_cannot_be_translated_is_warned_of_and_the_next_goes_on(
    error: BaseException, why: str
) -> None:
    """One bad sentence must not end a call."""
    clock = VirtualClock()
    mind = Mind(clock, refuses={"good morning": error})
    cascade = CascadeTranslator(Ear(clock, TWO), mind, Mouth(clock), clock=clock)

    async def main() -> None:
        events = await listen_to(cascade, clock, request("es", "fr"), 1_500)
        told = warnings(events)
        assert [event.utterance_id for event in told] == ["u1", "u1"]
        assert "no translation into es" in told[0].message
        assert why in told[1].message
        assert told[0].cause is error or error.__class__ is asyncio.CancelledError
        assert [event.translations for event in finals(events)] == [
            {},
            {"es": "how are you (es)", "fr": "how are you (fr)"},
        ]
        assert speech(events) == ["u2"] * 5
        assert [event.utterance_id for event in events if isinstance(event, UtteranceEnded)] == [
            "u1",
            "u2",
        ]

    run(clock, main)


def test_a_partial_that_cannot_be_translated_comes_without_and_without_a_fuss() -> None:
    """Its final will say what is wrong, once."""
    clock = VirtualClock()
    mind = Mind(clock, refuses={"good": ValueError("half a sentence")})
    cascade = CascadeTranslator(Ear(clock, TWO), mind, clock=clock)

    async def main() -> None:
        events = await listen_to(cascade, clock, request(speech=False), 1_500)
        assert warnings(events) == []
        first = next(event for event in events if isinstance(event, PartialTranslation))
        assert (first.source_text, first.translations) == ("good", {})

    run(clock, main)


@pytest.mark.parametrize(
    "error", [ValueError("no such sound"), asyncio.CancelledError()], ids=["error", "cancelled"]
)
def test_speech_that_breaks_off_is_warned_of_and_the_next_is_spoken(error: BaseException) -> None:
    """What was said before it broke stays said; the utterance still ends."""
    clock = VirtualClock()
    mouth = Mouth(clock, refuses={"good morning (es)": error})
    cascade = CascadeTranslator(Ear(clock, TWO), Mind(clock), mouth, clock=clock)

    async def main() -> None:
        events = await listen_to(cascade, clock, request(), 1_500)
        assert speech(events) == ["u1"] * 2 + ["u2"] * 5
        (told,) = warnings(events)
        assert told.utterance_id == "u1"
        assert "speech in es is missing or cut short" in told.message
        assert events.index(told) < events.index(UtteranceEnded("u1", TimeSpan(100, 500)))

    run(clock, main)


def test_a_part_that_hangs_is_given_up() -> None:
    """A wait without a limit would stop everything behind it for ever."""
    clock = VirtualClock()

    async def main() -> None:
        mind = CascadeTranslator(
            Ear(clock, TWO), Mind(clock, delay_ms=1e9), part_timeout_ms=500, clock=clock
        )
        events = await listen_to(mind, clock, request(speech=False), 1_500)
        assert [event.translations for event in finals(events)] == [{}, {}]
        assert "no answer within 500 ms" in warnings(events)[0].message

        mouth = CascadeTranslator(
            Ear(clock, TWO), Mind(clock), Mouth(clock, delay_ms=1e9), clock=clock
        )
        events = await listen_to(mouth, clock, request(), 1_500)
        assert len(finals(events)) == 2
        assert ["no answer within 10000 ms" in event.message for event in warnings(events)] == [
            True,
            True,
        ]

    run(clock, main)


def test_a_recogniser_that_fails_ends_the_translation_after_what_it_had_understood() -> None:
    """Its words are worth saying; and whoever sends learns at once that nobody listens."""
    clock = VirtualClock()
    error = EngineCrashedError("ear", "its process is gone")
    ear = Ear(clock, [*TWO[:3], (640, error)])
    cascade = CascadeTranslator(ear, Mind(clock, delay_ms=300), Mouth(clock), clock=clock)

    async def main() -> None:
        translation = await cascade.open(request())
        with pytest.raises(EngineCrashedError) as sending:
            await speak(translation, clock, 1_000)
        assert sending.value is error
        assert clock.now() < 0.7
        events: list[TranslationEvent] = []
        with pytest.raises(EngineCrashedError) as reading:
            await _collect_into(events, translation)
        assert reading.value is error
        assert speech(events) == ["u1"] * 5
        assert UtteranceEnded("u1", TimeSpan(100, 500)) in events
        await translation.aclose()
        nothing_left_behind()

    run(clock, main)


async def _collect_into(events: list[TranslationEvent], translation: Translation) -> None:
    async for event in translation:
        events.append(event)


def test_whatever_a_recogniser_raises_is_the_cause_of_a_typed_error() -> None:
    """Callers catch `TranslatorError`."""
    clock = VirtualClock()
    error = ValueError("a bug")
    cascade = CascadeTranslator(Ear(clock, [(20, error)]), Mind(clock), name="mine", clock=clock)

    async def main() -> None:
        translation = await cascade.open(request(speech=False))
        await speak(translation, clock, 20)
        with pytest.raises(EngineFailedError, match="mine: ValueError: a bug") as caught:
            await collect(translation)
        assert caught.value.__cause__ is error
        await translation.aclose()

    run(clock, main)


def test_a_recogniser_that_ends_early_ends_the_translation() -> None:
    """There is nothing to translate any more; no progress is claimed for what was not heard."""
    clock = VirtualClock()
    cascade = CascadeTranslator(
        Ear(clock, TWO, ends_at_ms=600), Mind(clock), Mouth(clock), clock=clock
    )

    async def main() -> None:
        translation = await cascade.open(request())
        with pytest.raises(TranslatorClosedError, match="has ended"):
            await speak(translation, clock, 1_000)
        events = await collect(translation)
        assert speech(events) == ["u1"] * 5
        assert events[-1] == Progress(500)
        await translation.aclose()

    run(clock, main)


def test_an_interrupt_stops_the_voice_and_forgets_what_waited_to_be_said() -> None:
    """Silence at once; the texts still come, and the next utterance is spoken."""
    clock = VirtualClock()
    later: list[tuple[float, Report]] = [*TWO, (2_500, final("goodbye", 2_000, 2_400))]
    mouth = Mouth(clock, delay_ms=400)
    cascade = CascadeTranslator(Ear(clock, later), Mind(clock), mouth, clock=clock)

    async def main() -> None:
        translation = await cascade.open(request())
        reading = asyncio.create_task(collect(translation))
        sending = asyncio.create_task(speak(translation, clock, 3_000))
        await clock.sleep_until(1.5)  # u1 is being spoken, u2 waits
        assert mouth.open_calls == 1
        await translation.interrupt()
        await translation.interrupt()
        await asyncio.sleep(0.001)
        assert mouth.open_calls == 0
        await sending
        await translation.end_input()
        events = await reading
        assert [event.source_text for event in finals(events)] == [
            "good morning",
            "how are you",
            "goodbye",
        ]
        assert [text for text, _, _ in mouth.calls] == ["good morning (es)", "goodbye (es)"]
        assert speech(events)[-5:] == ["u3"] * 5
        assert "u2" not in speech(events)
        assert [event.utterance_id for event in events if isinstance(event, UtteranceEnded)] == [
            "u1",
            "u2",
            "u3",
        ]
        assert warnings(events) == []
        await translation.aclose()
        nothing_left_behind()

    run(clock, main)


def test_an_interrupt_silences_what_was_heard_and_not_yet_reported() -> None:
    """It is being translated, and no event has named it yet."""
    clock = VirtualClock()
    mouth = Mouth(clock)
    cascade = CascadeTranslator(Ear(clock, TWO), Mind(clock, delay_ms=200), mouth, clock=clock)

    async def main() -> None:
        translation = await cascade.open(request(partials=False))
        reading = asyncio.create_task(collect(translation))
        sending = asyncio.create_task(speak(translation, clock, 1_500))
        await clock.sleep_until(0.7)
        await translation.interrupt()
        await sending
        await translation.end_input()
        events = await reading
        assert len(finals(events)) == 2
        assert [text for text, _, _ in mouth.calls] == ["how are you (es)"]
        await translation.aclose()

    run(clock, main)


def test_a_reader_who_does_not_read_stops_everything_in_bounds() -> None:
    """Voice, text and ear wait one after the other, and then the sender is told."""
    clock = VirtualClock()
    reports: list[tuple[float, Report]] = [
        (100.0 * number, final(f"word {number}", 100 * number - 100, 100 * number))
        for number in range(1, 10_000)
    ]
    mouth = Mouth(clock)
    cascade = CascadeTranslator(Ear(clock, reports), Mind(clock), mouth, clock=clock)

    async def main() -> None:
        translation = await cascade.open(request(max_pending_ms=1_000))
        with pytest.raises(TranslatorOverloadedError):
            await speak(translation, clock, 900_000)
        assert translation.pending_ms <= 1_000
        # 30 s of speech of half a second each, then the one at work, and two queues of 16.
        assert len(mouth.calls) <= 61
        assert translation._frames.end_ms <= (61 + 2 * 18) * 100 + 1_000
        # Nothing was lost on the way.
        await translation.end_input()
        events = await collect(translation)
        heard = [event.source_text for event in finals(events)]
        assert heard == [f"word {number}" for number in range(1, len(heard) + 1)]
        assert len(speech(events)) == 5 * len(heard)
        await translation.aclose()

    run(clock, main)


def test_silence_that_nobody_reads_about_stops_nothing() -> None:
    """A quiet line, reported several times a second."""
    clock = VirtualClock()
    reports: list[tuple[float, Report]] = [
        (200.0 * number, Heard(200 * number, 200 * number - 100)) for number in range(1, 5 * 200)
    ]
    cascade = CascadeTranslator(Ear(clock, reports), Mind(clock), clock=clock)

    async def main() -> None:
        translation = await cascade.open(request(speech=False))
        await speak(translation, clock, 200_000)
        await translation.end_input()
        assert await collect(translation) == [Progress(199_700), Progress(200_000)]
        await translation.aclose()

    run(clock, main)


def test_a_reader_who_is_behind_does_not_stop_the_ear() -> None:
    """Only utterances wait for him; the recogniser goes on, and the newest partial is kept."""
    clock = VirtualClock()
    reports: list[tuple[float, Report]] = [
        *(
            (100.0 * number, final("word", 100 * number - 100, 100 * number))
            for number in range(1, 62)
        ),
        *((6_200.0 + number, partial(f"{number}", 6_100, 6_200)) for number in range(500)),
        (6_800, Heard(6_800, 6_100)),
    ]
    cascade = CascadeTranslator(Ear(clock, reports), Mind(clock), Mouth(clock), clock=clock)

    async def main() -> None:
        translation = await cascade.open(request())
        await speak(translation, clock, 7_000)
        assert not translation._events.has_room
        assert translation.pending_ms <= 200
        reading = asyncio.create_task(collect(translation))
        await asyncio.sleep(0.1)
        await translation.end_input()
        events = await reading
        seen = [event for event in events if isinstance(event, PartialTranslation)]
        assert [event.source_text for event in seen] == ["499"]
        assert events[-1] == Progress(7_000)
        await translation.aclose()

    run(clock, main)


def test_partials_that_nobody_reads_do_not_pile_up() -> None:
    """Not even where they are not translated, and so come at once."""
    clock = VirtualClock()
    reports: list[tuple[float, Report]] = [
        (20.0 * number, partial(f"{number}", 0, 20 * number)) for number in range(1, 2_001)
    ]
    cascade = CascadeTranslator(
        Ear(clock, reports), Mind(clock), translate_partials=False, clock=clock
    )

    async def main() -> None:
        translation = await cascade.open(request(speech=False))
        await speak(translation, clock, 40_020)
        assert not translation._events.has_room
        events = aiter(translation)
        seen = [await anext(events) for _ in range(1_001)]
        texts = [event.source_text for event in seen if isinstance(event, PartialTranslation)]
        assert texts == [str(number) for number in (*range(1, 1_001), 2_000)]
        await translation.aclose()

    run(clock, main)


@pytest.mark.parametrize("moment_ms", [0, 100, 250, 450, 610, 700, 1_250, 1_450, 3_000])
@pytest.mark.parametrize("read", [True, False])
def test_closing_at_any_moment_leaves_nothing_open(moment_ms: float, read: bool) -> None:
    """Calls are hung up whenever people like."""
    clock = VirtualClock()
    ear, mouth = Ear(clock, TWO), Mouth(clock, delay_ms=70)
    cascade = CascadeTranslator(ear, Mind(clock, delay_ms=30), mouth, clock=clock)

    async def main() -> None:
        translation = await cascade.open(request("es", "fr"))
        reading = asyncio.create_task(collect(translation)) if read else None
        sending = asyncio.create_task(speak(translation, clock, 2_000))
        await clock.sleep_until(moment_ms / 1000)
        await translation.aclose()
        assert (ear.open_calls, mouth.open_calls) == (0, 0)
        if moment_ms < 2_000:
            with pytest.raises(TranslatorClosedError):
                await sending
        else:
            await sending
        if reading is not None:
            await reading
        nothing_left_behind()

    run(clock, main)


def test_what_a_recogniser_has_taken_is_pending_until_it_says_that_it_was_heard() -> None:
    """A recogniser in another process takes frames faster than it hears them."""
    clock = VirtualClock()
    ear = Ear(clock, [(100, Heard(40)), (1_000, Heard(900))])
    cascade = CascadeTranslator(ear, Mind(clock), clock=clock)

    async def main() -> None:
        translation = await cascade.open(request(speech=False, max_pending_ms=500))
        await speak(translation, clock, 80)
        await asyncio.sleep(0.001)
        assert translation.pending_ms == 0  # it has said nothing yet: what it asked for counts
        with pytest.raises(TranslatorOverloadedError):
            await speak_on(translation, 80)
        # It was given 580 ms and has said that it heard 40 of them, when 80 counted as heard.
        assert translation.pending_ms == 500
        await translation.aclose()

    async def speak_on(translation: Translation, start_ms: float) -> None:
        while True:
            frame = AudioFrame(bytes(640), SPEECH, SPEECH.samples(start_ms))
            await translation.send(frame)
            start_ms += 20

    run(clock, main)


def test_two_translations_share_only_the_parts() -> None:
    """Each has its own ear, queue and voice; one's interrupt is not the other's."""
    clock = VirtualClock()
    cascade = CascadeTranslator(
        Ear(clock, TWO), Mind(clock), Mouth(clock, delay_ms=50), clock=clock
    )

    async def main() -> None:
        alone, interrupted = await cascade.open(request()), await cascade.open(request())
        reading = [asyncio.create_task(collect(each)) for each in (alone, interrupted)]
        sending = [asyncio.create_task(speak(each, clock, 1_500)) for each in (alone, interrupted)]
        await clock.sleep_until(0.6)
        await interrupted.interrupt()
        await asyncio.gather(*sending)
        await alone.end_input()
        await interrupted.end_input()
        events, cut = await asyncio.gather(*reading)
        assert speech(events) == ["u1"] * 5 + ["u2"] * 5
        assert speech(cut) == ["u2"] * 5
        assert interrupted.interrupted_ms == 0  # nothing had been synthesized, nothing was dropped
        for each in (alone, interrupted):
            await each.aclose()
        nothing_left_behind()

    run(clock, main)


def test_the_cascade_can_do_what_its_parts_can_do_together() -> None:
    """A language that only one part has is none."""
    clock = VirtualClock()
    told = CascadeTranslator(Ear(clock), Mind(clock), Mouth(clock)).capabilities
    assert told.source_languages == ("en-US",)  # no ear for German
    assert told.target_languages == ("es", "fr")
    assert (told.speech, told.partials, told.multi_target) == (True, True, True)
    assert told.input_formats == (SPEECH,)

    silent = CascadeTranslator(Ear(clock, languages=None), Mind(clock), name="text").capabilities
    assert (silent.name, silent.speech) == ("text", False)
    assert silent.source_languages == ("en", "de")
    assert silent.target_languages == ("es", "fr", "en")

    open_ended = CascadeTranslator(Ear(clock), Mind(clock, pairs=None)).capabilities
    assert (open_ended.source_languages, open_ended.target_languages) == (("en-US",), None)


def test_a_request_that_a_part_cannot_serve_is_refused_before_the_call() -> None:
    """Each part may lack something that the others have."""
    clock = VirtualClock()
    ear = Ear(clock, languages=None)
    mouth = Mouth(clock, languages=("es",))

    async def main() -> None:
        cascade = CascadeTranslator(ear, Mind(clock), mouth, clock=clock)
        with pytest.raises(UnsupportedLanguageError, match=r"source language.*'fr'"):
            await cascade.open(TranslationRequest(source_language="fr", target_languages=("es",)))
        with pytest.raises(UnsupportedLanguageError, match="'es'; it has en") as pair:
            await cascade.open(TranslationRequest(source_language="de", target_languages=("es",)))
        assert pair.value.role == "target"
        with pytest.raises(UnsupportedLanguageError, match=r"speech language.*'fr'; it has es"):
            await cascade.open(request("fr"))
        with pytest.raises(ConfigurationError, match="text only"):
            await CascadeTranslator(ear, Mind(clock)).open(request())
        for asked in (request("fr", speech=False), request("es-MX")):
            await (await cascade.open(asked)).aclose()
        anything = CascadeTranslator(ear, Mind(clock, pairs=None), mouth, clock=clock)
        await (await anything.open(request("es"))).aclose()
        nothing_left_behind()

    run(clock, main)


def test_closing_the_cascade_closes_the_parts_that_can_be_closed() -> None:
    """A part may hold a process; another holds nothing."""
    clock = VirtualClock()
    mind = Mind(clock)

    async def main() -> None:
        cascade = CascadeTranslator(Ear(clock), mind)
        await cascade.aclose()
        await cascade.aclose()
        assert mind.closed == 2

    run(clock, main)
