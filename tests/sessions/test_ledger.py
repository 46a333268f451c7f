"""The books of a direction: figures worked out by hand, and engines that break every rule."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_kit import carry, prepare, request, speech, utterance

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.captions.figures import (
    DirectionMetrics,
    EchoFigures,
    ErasureFigures,
    LatencyFigures,
    ReportedUsage,
    SessionMetrics,
    UsageFigures,
)
from rawmedia.captions.report import SessionReport
from rawmedia.sessions.metrics.latency import LatencyHistogram
from rawmedia.sessions.metrics.ledger import Ledger
from rawmedia.sessions.metrics.reporting import session_report
from rawmedia.sessions.speech.facts import SpeechStats
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslatorWarning,
    Usage,
    UtteranceEnded,
    WordTiming,
)
from rawmedia.translators.resilience.steps import ResilienceWarning

if TYPE_CHECKING:
    from rawmedia.translators.events import TranslationEvent

# The session begins at 10 s on the clock, and the source with it: 4 s, said as they arrive.
ORIGIN = 10.0
SPAN = TimeSpan(1_000, 3_000)


def heard(ledger: Ledger, duration_ms: float = 4_000) -> Ledger:
    for start_ms in range(0, round(duration_ms), 20):
        frame = AudioFrame(bytes(640), SPEECH, SPEECH.samples(start_ms))
        ledger.arrived(frame, ORIGIN + (start_ms + 20) / 1000)
    return ledger


def books(**more: Any) -> Ledger:
    settings = {"engine": "e", "source_language": "en", "target_languages": ("es", "fr")}
    return heard(Ledger(ORIGIN, **{**settings, **more}))


def partial(text: str, revision: int, name: str = "a") -> PartialTranslation:
    return PartialTranslation(name, revision, "source", "en", SPAN, {"es": text})


def final(
    text: str = "uno dos", name: str = "a", span: TimeSpan = SPAN, **more: Any
) -> FinalTranslation:
    return FinalTranslation(name, 9, "one two", "en", span, {"es": text}, **more)


def voice(
    duration_ms: float = 500, name: str = "a", language: str = "es", span: TimeSpan = SPAN
) -> TranslatedAudio:
    return TranslatedAudio(name, language, speech(duration_ms, 1), span)


def report_of(ledger: Ledger) -> SessionReport:
    """The report as who reads its file gets it."""
    report = session_report(
        ledger,
        "e",
        request("es", "fr"),
        SPEECH,
        source=None,
        overrun_ms=0,
        underruns=0,
        complete=True,
        error=None,
    )
    assert SessionReport.model_validate_json(report.model_dump_json()) == report
    return report


class TestFiguresOfAnUtterance:
    def test_are_what_one_works_out_by_hand(self) -> None:
        """Said at 11 to 13 s, its words at 11.2 to 12.8 s; heard at 14 to 15.5 s.

        Text: "uno" stands since 11.5, "tres" since 12.5 and "cinco" since 13.5 s, that is 300,
        1300 and 2300 ms after the first word; the ideal has them every 1600 / 3 ms. The last
        comes after the words' end, so LAAL is (300 + 1300 - 533.3 + 2300 - 1066.7) / 3 = 766.7.
        Erasure: "dos" and then "cuatro" went, for three words: 2/3. Speech began after the
        words' end, so its LAAL is what its first word waited, 2800 ms.
        """
        ledger = books()
        words = (
            WordTiming("one", TimeSpan(1_200, 1_900)),
            WordTiming("two", TimeSpan(2_000, 2_800)),
        )
        for revision, (text, now) in enumerate(
            [("uno", 11.5), ("uno dos", 12.0), ("uno tres cuatro", 12.5)]
        ):
            ledger.take(partial(text, revision), now)
        ledger.take(final("uno tres cinco", words=words), 13.5)
        ledger.take(voice(1_500), 13.6)
        ledger.take(UtteranceEnded("a", SPAN), 13.7)
        ledger.heard_from("a", "es", 14.0)
        ledger.heard_until("a", "es", 15.5, cut=False)

        figures = report_of(ledger).utterances[0].translations["es"]
        assert figures.ear_voice_span_ms == 2_800
        assert figures.start_offset_ms == 3_000
        assert figures.end_offset_ms == 2_500
        assert figures.laal_ms == 2_800
        assert figures.text_laal_ms == 766.7
        assert figures.erasure == 0.667

        metrics = ledger.metrics()
        assert metrics.ear_voice_span.p50_ms == pytest.approx(2_800, rel=0.005)
        assert metrics.start_offset.max_ms == pytest.approx(3_000)
        assert metrics.end_offset.max_ms == pytest.approx(2_500)
        assert metrics.laal.mean_ms == pytest.approx(2_800)
        assert metrics.text_laal.mean_ms == pytest.approx(766.6667)
        assert metrics.erasure == ErasureFigures(2, 3, 2 / 3)
        assert metrics.oddities == {}

    def test_of_who_speaks_simultaneously_lag_word_by_word(self) -> None:
        """Four words over 4 s of source, spoken from 1 s after its start to 1 s after its end."""
        ledger = books()
        ledger.take(final("uno dos tres cuatro", span=TimeSpan(0, 4_000)), 10.5)
        ledger.take(voice(4_000), 10.6)
        ledger.heard_from("a", "es", 11.0)
        hearing = ledger.heard_until("a", "es", 15.0, cut=False)
        assert hearing.laal_ms == pytest.approx(1_000)
        assert hearing.ear_voice_span_ms == hearing.start_offset_ms == pytest.approx(1_000)
        assert hearing.end_offset_ms == pytest.approx(1_000)

    def test_are_put_right_when_the_final_tells_where_it_was_said(self) -> None:
        """Speech may begin before the engine knows where the first word was."""
        ledger = books()
        ledger.take(voice(span=TimeSpan(2_000, 2_100)), 12.2)
        assert ledger.heard_from("a", "es", 12.5).ear_voice_span_ms == pytest.approx(500)
        ledger.take(final(), 13.2)
        hearing = ledger.heard_until("a", "es", 14.0, cut=False)
        assert hearing.ear_voice_span_ms == pytest.approx(1_500)
        assert ledger.metrics().ear_voice_span.max_ms == pytest.approx(1_500)

    def test_leave_out_lag_where_not_all_was_heard(self) -> None:
        """Words that were cut off were not early."""
        ledger = books()
        ledger.take(final(), 13.0)
        ledger.take(voice(), 13.0)
        ledger.skipped("a", "es", 200)
        ledger.heard_from("a", "es", 14.0)
        hearing = ledger.heard_until("a", "es", 14.3, cut=False)
        assert (hearing.cut, hearing.skipped_ms, hearing.laal_ms) == (True, 200, None)
        assert report_of(ledger).utterances[0].translations["es"].skipped_ms == 200

    def test_count_once_however_many_stretches_were_heard(self) -> None:
        """Percentiles are over utterances."""
        ledger = books()
        ledger.take(final(), 13.0)
        ledger.take(voice(), 13.0)
        for now in (14.0, 15.0):
            ledger.heard_from("a", "es", now)
            ledger.heard_until("a", "es", now + 0.5, cut=False)
        metrics = ledger.metrics()
        assert metrics.ear_voice_span.count == metrics.laal.count == 1

    def test_of_words_that_are_nowhere_in_the_utterance_go_by_its_span(self) -> None:
        """Words' times are a bonus; nonsense in them must not make nonsense of the figures."""
        ledger = books()
        ledger.take(final(words=(WordTiming("one", TimeSpan(3_500, 3_900)),)), 13.0)
        ledger.take(voice(), 13.0)
        assert ledger.heard_from("a", "es", 14.0).ear_voice_span_ms == pytest.approx(3_000)

    def test_of_what_was_never_said_are_none(self) -> None:
        """A span an hour ahead would make an ear-voice span of minus an hour."""
        ledger = books()
        ledger.take(final(span=TimeSpan(3_600_000, 3_601_000)), 13.0)
        ledger.take(voice(), 13.0)
        ledger.heard_from("a", "es", 14.0)
        hearing = ledger.heard_until("a", "es", 15.0, cut=False)
        assert hearing.ear_voice_span_ms is hearing.end_offset_ms is hearing.laal_ms is None
        assert ledger.metrics().ear_voice_span == LatencyFigures()
        assert ledger.metrics().oddities == {"span_unheard": 1}


class TestUsage:
    def test_is_counted_by_engine_and_language_from_what_was_seen(self) -> None:
        """Most engines report nothing, and somebody pays for them all the same."""
        ledger = books()
        two = replace(final("uno dos"), translations={"es": "uno dos", "fr": "un"})
        ledger.take(two, 13.0)
        ledger.take(voice(500), 13.0)
        ledger.take(voice(250), 13.0)
        ledger.unheard(voice(100, language="fr"))
        ledger.engine = "spare"
        heard(ledger, 1_000)
        ledger.take(voice(300, "b"), 13.0)
        ledger.take(final("tres", "b"), 13.0)
        metrics = ledger.metrics()
        assert set(metrics.usage) == {
            UsageFigures("e", "en", heard_ms=4_000, source_characters=7),
            UsageFigures("e", "es", target_characters=7, spoken_characters=7, speech_ms=750),
            UsageFigures("e", "fr", target_characters=2, speech_ms=100),
            UsageFigures("spare", "en", heard_ms=1_000, source_characters=7),
            UsageFigures("spare", "es", target_characters=4, spoken_characters=4, speech_ms=300),
        }
        assert metrics.input.heard_ms == 5_000
        assert (metrics.speech.made_ms, metrics.speech.unheard_ms) == (1_150, 100)
        assert metrics.reported_usage == ()
        assert ledger.metrics() == metrics

    def test_is_summed_up_where_an_engine_counts_itself(self) -> None:
        """Its count is what is paid for; nonsense in it counts nothing."""
        ledger = books()
        ledger.take(Usage(1_000, 10, 20, 500), 13.0)
        ledger.take(Usage(2_000, 1, 2, 250), 13.0)
        ledger.take(Usage(float("nan"), -5, 7, float("inf")), 13.0)
        ledger.engine = "spare"
        ledger.take(Usage(audio_ms=1), 13.0)
        assert ledger.metrics().reported_usage == (
            ReportedUsage("e", 3_000, 11, 29, 750),
            ReportedUsage("spare", 1),
        )

    def test_is_counted_for_the_engine_that_took_over(self) -> None:
        """A fail-over happens below the session, which must not send one engine's bill to the other."""
        ledger = books()
        ledger.take(ResilienceWarning("gone", code="reconnecting"), 13.0)
        ledger.take(Usage(audio_ms=1), 13.0)
        ledger.take(ResilienceWarning("here", code="reconnected", engine="spare"), 13.0)
        ledger.take(Usage(audio_ms=2), 13.0)
        metrics = ledger.metrics()
        assert metrics.engine == "spare"
        assert metrics.reported_usage == (ReportedUsage("e", 1), ReportedUsage("spare", 2))

    def test_of_more_languages_and_engines_than_anybody_has_is_put_together(self) -> None:
        """Made-up names must not fill the memory, and no character is lost."""
        ledger = books(target_languages=())
        for number in range(300):
            ledger.engine = f"e{number}"
            ledger.take(voice(100, str(number), f"x{number}"), 13.0)
            ledger.take(Usage(source_characters=1), 13.0)
        metrics = ledger.metrics()
        assert len(metrics.usage) == len(metrics.reported_usage) == 65
        assert sum(each.speech_ms for each in metrics.usage) == 30_000
        assert sum(each.source_characters for each in metrics.reported_usage) == 300


class TestCounts:
    def test_of_steps_of_resilience_come_from_their_events(self) -> None:
        """Codes are stable; texts are for people."""
        ledger = books()
        steps: list[tuple[Any, float]] = [
            ("reconnecting", 0),
            ("reconnected", 0),
            ("replayed", 1_500),
            ("reconnecting", 0),
            ("failed_over", 0),
            ("reconnected", 0),
            ("replayed", 500),
            ("audio_lost", 120),
        ]
        for code, audio_ms in steps:
            ledger.take(ResilienceWarning("text", code=code, audio_ms=audio_ms), 13.0)
        ledger.take(TranslatorWarning("text"), 13.0)
        metrics = ledger.metrics()
        told = metrics.resilience
        assert (told.reconnects, told.replays, told.replayed_ms, told.lost_ms) == (2, 2, 2_000, 120)
        assert told.steps["reconnecting"] == 2
        assert told.steps["failed_over"] == 1
        assert metrics.warnings == 1

    def test_of_all_listeners_add_up_and_the_one_who_waits_longest_is_told(self) -> None:
        """A bound on lag that one listener's figures hide is none."""
        lags = [LatencyHistogram(), LatencyHistogram()]
        for ms in range(1, 101):
            lags[0].add(ms)
        lags[1].add(4_000)
        one = SpeechStats(played_ms=10, trimmed_ms=1, skips=1, underruns=2, lag=lags[0].figures())
        two = SpeechStats(
            played_ms=20, speed_ups=3, stale_ms=4, overflow_ms=5, lag=lags[1].figures()
        )
        metrics = books().metrics(
            speech=[one, two, SpeechStats()], underruns=7, overrun_ms=30, gaps=2, gap_ms=50
        )
        told = metrics.speech
        assert (told.played_ms, told.trimmed_ms, told.skips, told.speed_ups) == (30, 1, 1, 3)
        assert (told.underruns, told.refused_ms) == (9, 9)
        assert (metrics.input.overrun_ms, metrics.input.gaps, metrics.input.gap_ms) == (30, 2, 50)
        lag = metrics.queueing_lag
        assert (lag.count, lag.p50_ms, lag.p99_ms, lag.max_ms) == (101, 4_000, 4_000, 4_000)
        assert lag.mean_ms == pytest.approx((5_050 + 4_000) / 101)
        alone = books().metrics(speech=[one, SpeechStats()])
        assert (alone.queueing_lag.p99_ms, alone.queueing_lag.max_ms) == (99, 100)

    def test_are_whole_in_json(self) -> None:
        """What a dashboard reads; names come from engines and files."""
        ledger = books(engine="\ud800")
        ledger.take(final(), 13.0)
        metrics = ledger.metrics(echo=EchoFigures(delay_ms=123.456, gated_ms=40))
        both = SessionMetrics({"a to b": metrics.rounded()})
        told = json.loads(json.dumps(both.as_dict()))["directions"]["a to b"]
        assert told["echo"]["delay_ms"] == 123.5
        assert told["engine"] == "\\ud800"
        assert told["erasure"] == {"erased_words": 0, "final_words": 2, "normalised": 0.0}
        assert told["ear_voice_span"]["p50_ms"] is None


class TestBrokenRules:
    @pytest.mark.parametrize(
        ("events", "oddities"),
        [
            ([final(), final("otro")], {"second_final": 1}),
            ([final(), partial("uno", 3)], {"partial_after_final": 1}),
            ([partial("uno dos", 3), partial("uno", 1)], {"revision_back": 1}),
            ([UtteranceEnded("a", SPAN), final()], {}),
            ([final(), UtteranceEnded("a", SPAN), voice()], {"after_end": 1}),
            ([final(), UtteranceEnded("a", SPAN), UtteranceEnded("a", SPAN)], {"second_end": 1}),
            ([voice(), UtteranceEnded("a", SPAN)], {"no_text": 1}),
            ([voice(), UtteranceEnded("a", SPAN), final()], {"no_text": 1, "after_end": 1}),
            ([final(), final(name="b", span=TimeSpan(2_000, 3_500))], {"spans_overlap": 1}),
            ([final(), final(name="b", span=TimeSpan(3_000, 3_500))], {}),
            ([final(span=TimeSpan(0, 9_000))], {"span_unheard": 1}),
            ([final(span=TimeSpan(0, float("inf")))], {"span_infinite": 1}),
            ([voice(language="xx")], {"unknown_language": 1}),
            ([replace(final(), translations={"es": "uno", "xx": "?"})], {"unknown_language": 1}),
            ([Progress(5.0)], {}),
        ],
    )
    def test_are_counted_by_name(
        self, events: list[TranslationEvent], oddities: dict[str, int]
    ) -> None:
        """Whoever wonders about an engine sees what it does."""
        ledger = books()
        for event in events:
            ledger.take(event, 13.0)
        assert ledger.metrics().oddities == oddities
        report_of(ledger)

    def test_the_first_final_stands_and_a_second_adds_languages(self) -> None:
        """Captions have printed the first; some engines finish one language after another."""
        ledger = books()
        ledger.take(final("uno"), 13.0)
        ledger.take(replace(final("otro"), translations={"es": "otro", "fr": "un"}), 13.0)
        assert (ledger.text("a", "es"), ledger.text("a", "fr")) == ("uno", "un")
        assert {each.language: each.target_characters for each in ledger.metrics().usage} == {
            "en": 0,
            "es": 3,
            "fr": 2,
        }

    def test_text_is_kept_within_bounds(self) -> None:
        """An engine that writes books fills a disk in an hour, and no memory."""
        ledger = books()
        for number in range(30):
            ledger.take(final("x" * 1_000_000, str(number)), 13.0)
        assert ledger.forgotten == 11
        assert next(iter(ledger)).utterance_id == "11"
        assert ledger.metrics().utterances == 30
        ledger.take(final("x" * 50_000_000, "huge"), 13.0)
        assert [each.utterance_id for each in ledger] == ["huge"]

    def test_speech_in_languages_without_end_is_unheard(self) -> None:
        """Nobody listens to more than a few, and each is a row of the report."""
        ledger = books(target_languages=())
        for number in range(100):
            ledger.take(voice(10, language=f"x{number}"), 13.0)
        (utterance,) = ledger
        assert len(utterance.hearings) == 64
        assert ledger.metrics().speech.unheard_ms == 360

    def test_a_text_that_will_not_be_final_is_given_up(self) -> None:
        """Noise that an engine takes for speech at first."""
        ledger = books()
        ledger.take(partial("uno dos", 0), 13.0)
        ledger.take(UtteranceEnded("a", SPAN), 13.1)
        ledger.take(final("tres"), 13.2)
        assert ledger.metrics().erasure == ErasureFigures(0, 1, 0.0)

    def test_cost_constant_memory(self) -> None:
        """Utterances that never end, partial results without a final, speech in any language."""

        def tell(numbers: range) -> None:
            for number in numbers:
                name = str(number)
                ledger.take(partial("uno dos tres", 0, name), 13.0)
                ledger.take(voice(20, name + "a", f"x{number}"), 13.0)
                ledger.take(final("uno", name + "b"), 13.0)

        ledger = books(max_utterances=100, target_languages=())
        tell(range(500))
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        tell(range(500, 1_500))
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        # As much as it replaces, of what was there before it was traced.
        assert grown < 200_000
        assert len(list(ledger)) == 100


NAMES = st.sampled_from(["a", "b", "c"])
LANGUAGES = st.sampled_from(["es", "fr", "xx", "\ud800"])
SPANS = st.tuples(
    st.floats(0, 1e9, allow_nan=False) | st.floats(0, 5_000) | st.just(float("inf")),
    st.floats(0, 5_000) | st.just(float("inf")),
).map(lambda pair: TimeSpan(pair[0], pair[0] + pair[1]))
TEXTS = st.text(max_size=12)
TRANSLATIONS = st.dictionaries(LANGUAGES, TEXTS, max_size=3)
WORDS = st.lists(st.builds(WordTiming, TEXTS, SPANS), max_size=3).map(tuple)
EVENTS = st.one_of(
    st.builds(
        PartialTranslation, NAMES, st.integers(-5, 5), TEXTS, TEXTS, SPANS, TRANSLATIONS, WORDS
    ),
    st.builds(
        FinalTranslation, NAMES, st.integers(-5, 5), TEXTS, TEXTS, SPANS, TRANSLATIONS, WORDS
    ),
    st.builds(
        TranslatedAudio,
        NAMES,
        LANGUAGES,
        st.integers(0, 400).map(lambda samples: AudioFrame.silence(SPEECH, samples)),
        SPANS,
    ),
    st.builds(UtteranceEnded, NAMES, SPANS),
    st.builds(Usage, st.floats(), st.integers(), st.integers(), st.floats()),
    st.builds(TranslatorWarning, TEXTS),
    st.builds(Progress, st.floats()),
)
STEPS = st.one_of(
    EVENTS,
    st.tuples(st.sampled_from(["from", "until", "cut", "skipped"]), NAMES, LANGUAGES),
    st.just("arrived"),
)


@given(steps=st.lists(STEPS, max_size=40), targets=st.sampled_from([(), ("es",), ("es", "fr")]))
def test_an_engine_that_breaks_every_rule_breaks_no_books(
    steps: list[Any], targets: tuple[str, ...]
) -> None:
    """Whatever comes in whatever order: nothing raises, sums are right, the report is whole."""
    ledger = Ledger(ORIGIN, 2, engine="e", source_language="en", target_languages=targets)
    now, made_ms, came_ms = ORIGIN, 0.0, 0.0
    for step in steps:
        now += 0.05
        if step == "arrived":
            ledger.arrived(AudioFrame.silence(SPEECH, 320, SPEECH.samples(came_ms)), now)
            came_ms += 20
        elif isinstance(step, tuple):
            what, name, language = step
            if what == "from":
                assert ledger.heard_from(name, language, now).start_ms is not None
            elif what == "skipped":
                ledger.skipped(name, language, 20)
            else:
                assert ledger.heard_until(name, language, now, cut=what == "cut").end_ms is not None
        else:
            ledger.take(step, now)
            if isinstance(step, TranslatedAudio):
                made_ms += step.frame.duration_ms
    metrics = ledger.metrics()
    assert metrics.speech.made_ms == pytest.approx(made_ms)
    assert sum(each.speech_ms for each in metrics.usage) == pytest.approx(made_ms)
    assert metrics.input.heard_ms == came_ms == sum(each.heard_ms for each in metrics.usage)
    assert len(list(ledger)) <= 2
    assert metrics.utterances == len(list(ledger)) + ledger.forgotten
    for figures in (metrics.ear_voice_span, metrics.laal, metrics.text_laal):
        assert (figures.count == 0) == (figures.p50_ms is None)
    assert metrics.erasure.erased_words >= 0
    report = report_of(ledger)
    assert report.metrics == metrics.rounded()
    json.dumps(metrics.rounded().as_dict(), allow_nan=False)


def test_a_session_reports_the_figures_of_its_books() -> None:
    """A program sees at any moment what the report says at the end."""
    script = [
        utterance(100, 500),
        utterance(900, 1_300, seed=2),
    ]
    session = carry(prepare(script))
    report = session.report
    assert isinstance(report.metrics, DirectionMetrics)
    assert report.metrics.utterances == 2
    assert report.metrics.ear_voice_span.count == 2
    assert report.metrics.ear_voice_span.p90_ms == pytest.approx(
        report.totals.ear_voice_span_p90_ms, abs=0.5
    )
    assert report.metrics.input.heard_ms == 3_000
    assert report.metrics.speech.made_ms == 800
    for each in report.utterances:
        figures = each.translations["es"]
        # All of it is heard after its source; so the first word's delay is the lag.
        assert figures.laal_ms == figures.start_offset_ms == figures.ear_voice_span_ms
