"""What a session keeps: when audio was said, what became of each utterance, and all of it bounded."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_kit import VOICE, request, speech

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.captions.cue import Cue
from rawmedia.sessions.audience import Audience
from rawmedia.sessions.engine.listening import EngineInput
from rawmedia.sessions.events import UtteranceHeard
from rawmedia.sessions.interpreter import Interpreter
from rawmedia.sessions.metrics.ledger import Ledger
from rawmedia.sessions.metrics.reporting import session_report
from rawmedia.sessions.metrics.utterance import SpeechLog
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.compare import snr_db
from rawmedia.testing.script import ScriptedUtterance
from rawmedia.testing.signals import in_frames, noise, silence, speech_like
from rawmedia.testing.translators import ScriptedTranslator
from rawmedia.translators.events import FinalTranslation, TranslatedAudio


def at(start_ms: float, duration_ms: float = 20) -> AudioFrame:
    return AudioFrame(bytes(2 * SPEECH.samples(duration_ms)), SPEECH, SPEECH.samples(start_ms))


SPAN = TimeSpan(100, 500)


def final(name: str, text: str = "uno", span: TimeSpan = SPAN) -> FinalTranslation:
    return FinalTranslation(name, 0, "one", "en", span, {"es": text})


def spoken(name: str, span: TimeSpan = SPAN) -> TranslatedAudio:
    return TranslatedAudio(name, "es", speech(100, 1), span)


class TestASpeechLog:
    def test_of_steady_audio_knows_every_instant_from_one_entry(self) -> None:
        """A call of a day must cost no more than one of a minute."""
        log = SpeechLog()
        for number in range(5_000):
            log.arrived(at(20 * number), 7 + 0.02 * (number + 1))
        assert len(log._starts_ms) == 1
        for media_ms in (0, 13, 50_000, 99_999):
            assert log.said(media_ms) == pytest.approx(7 + media_ms / 1000)

    def test_knows_before_and_after_a_stall_apart(self) -> None:
        """What was said before the line hung was not said when it came back."""
        log = SpeechLog()
        log.arrived(at(0), 0.02)
        log.arrived(at(20), 0.04)
        log.arrived(at(40), 60.06)
        assert log.said(30) == pytest.approx(0.03)
        assert log.said(40) == pytest.approx(60.04)
        assert log.said(59) == pytest.approx(60.059)

    def test_places_a_gap_with_what_was_before_it(self) -> None:
        """Lost audio was said when it should have come, not later."""
        log = SpeechLog()
        log.arrived(at(0), 0.02)
        log.arrived(at(1_000), 5.02)
        assert log.said(500) == pytest.approx(0.5)
        assert log.said(1_010) == pytest.approx(5.01)

    def test_knows_nothing_before_anything_came_and_guesses_beyond_its_ends(self) -> None:
        """A figure that cannot be had is None; one that nearly can is reckoned."""
        log = SpeechLog()
        assert log.said(0) is None
        log.arrived(at(5_000), 1.02)
        assert log.said(4_000) == pytest.approx(0.0)
        assert log.said(6_000) == pytest.approx(2.0)

    @given(jitter=st.lists(st.floats(0, 0.2), min_size=1, max_size=60))
    def test_of_jittering_audio_is_never_wrong_by_more_than_the_tolerance(
        self, jitter: list[float]
    ) -> None:
        """Every frame was said until it arrived, however it arrived."""
        log, now = SpeechLog(), 0.0
        arrivals = []
        for number, late in enumerate(jitter):
            now = max(now, 0.02 * (number + 1) + late)
            arrivals.append(now)
            log.arrived(at(20 * number), now)
        for number, arrived in enumerate(arrivals):
            said = log.said(20 * number + 10)
            assert said == pytest.approx(arrived - 0.01, abs=0.0011)

    def test_is_bounded_where_every_frame_jitters(self) -> None:
        """A bad line must not fill the memory; the latest minutes are what anybody asks for."""
        log = SpeechLog()
        for number in range(25_000):
            log.arrived(at(20 * number), 0.02 * (number + 1) + (number % 2) * 0.01)
        assert len(log._starts_ms) == len(log._offsets_s) == 10_000
        assert log.said(499_990) == pytest.approx(499.99, abs=0.02)


class TestALedger:
    def test_forgets_the_oldest_utterances_and_counts_them(self) -> None:
        """A session that never ends must not keep what was said last week."""
        ledger = Ledger(0, max_utterances=3)
        for number in range(5):
            ledger.final(final(str(number)))
        assert [each.utterance_id for each in ledger] == ["2", "3", "4"]
        assert ledger.forgotten == 2
        assert ledger.text("0", "es") == ""

    def test_goes_on_where_what_it_forgot_is_heard_after_all(self) -> None:
        """Speech may wait longer than books are kept."""
        ledger = Ledger(0, max_utterances=1)
        ledger.spoken(spoken("a"))
        ledger.final(final("b"))
        ledger.ended("a")
        assert ledger.heard_from("a", "es", 1).start_ms == 1_000
        assert ledger.heard_until("a", "es", 2, cut=False).end_ms == 2_000
        assert not ledger.is_spoken("a", "es")
        assert [each.utterance_id for each in ledger] == ["b"]

    def test_takes_the_span_that_the_final_text_has(self) -> None:
        """Speech may begin before the engine knows where the sentence ends."""
        ledger = Ledger(0)
        ledger.arrived(at(0, 1_000), 1.0)
        ledger.spoken(spoken("a", TimeSpan(100, 200)))
        ledger.final(final("a", span=TimeSpan(50, 900)))
        assert ledger.heard_from("a", "es", 2.0).ear_voice_span_ms == pytest.approx(1_950)
        assert ledger.heard_until("a", "es", 3.0, cut=False).end_offset_ms == pytest.approx(2_100)

    def test_keeps_the_first_start_and_the_last_end(self) -> None:
        """An utterance that comes in two stretches was heard from the first to the last."""
        ledger = Ledger(0)
        ledger.spoken(spoken("a"))
        ledger.heard_from("a", "es", 1)
        ledger.heard_until("a", "es", 2, cut=True)
        assert ledger.heard_from("a", "es", 3).start_ms == 1_000
        hearing = ledger.heard_until("a", "es", 4, cut=False)
        assert (hearing.end_ms, hearing.cut) == (4_000, True)


class TestEngineInput:
    def test_lets_frames_that_the_engine_takes_pass_untouched(self) -> None:
        """The very objects: no copy, no delay."""
        source = EngineInput(TELEPHONY, (SPEECH, TELEPHONY), 20)
        frame = silence(20, format=TELEPHONY).at(77)
        assert list(source.convert(frame)) == [frame]
        assert source.convert(frame)[0] is frame
        assert list(source.flush()) == []

    @given(
        cuts=st.lists(st.integers(1, 2_000), max_size=8),
        gaps=st.lists(st.integers(0, 5_000), min_size=9, max_size=9),
    )
    def test_keeps_the_place_of_what_it_converts_and_never_goes_back(
        self, cuts: list[int], gaps: list[int]
    ) -> None:
        """An engine refuses frames that overlap, and every figure is computed from places."""
        phone = AudioFormat(8_000, 2)
        source = EngineInput(phone, (SPEECH,), 20)
        frames: list[AudioFrame] = []
        position = 123
        for cut, gap in zip([*cuts, 400], gaps, strict=False):
            position += gap
            frames += source.convert(noise(cut / 8, seed=cut, format=phone).at(position))
            position += cut
        frames += source.flush()
        end = SPEECH.samples(123 / 8)
        for frame in frames:
            assert frame.format == SPEECH
            assert frame.position >= end
            end = frame.end
        total = sum([*cuts, 400][: len(gaps)])
        # The end of each stretch rings on by what the resampler holds.
        heard = sum(frame.samples_per_channel for frame in frames)
        assert 0 <= heard - 2 * total <= 64 * (len(cuts) + 1)

    def test_gives_a_frame_for_a_frame(self) -> None:
        """Alignment would hold each back by a frame, for a millisecond that nobody needs."""
        source = EngineInput(TELEPHONY, (SPEECH,), 20)
        speech = speech_like(500, seed=1, format=TELEPHONY)
        frames = []
        for frame in in_frames(speech):
            (converted,) = source.convert(frame)
            assert (converted.start_ms, converted.end_ms) == (frame.start_ms, frame.end_ms)
            frames.append(converted)
        assert snr_db(speech_like(500, seed=1), frames, align_ms=4) > 25


class TestAnAudience:
    def test_hears_nothing_of_a_session_that_it_has_left(self) -> None:
        """A stream calls back later than a session ends."""

        async def main() -> None:
            told: list[object] = []
            ledger = Ledger(0)
            ledger.spoken(spoken("a"))
            ledger.final(final("a"))
            audience = Audience(ledger, {}, told.append)
            audience.leave()
            audience.started("es", "a", 1)
            audience.ended("es", "a", 2, cut=False)
            audience.written("es", "a", 2)
            audience.tell(UtteranceHeard("a", "es", "uno", 0, 1, spoken=True, cut=False))
            assert told == []
            (utterance,) = ledger
            assert utterance.hearings["es"].start_ms is None

        asyncio.run(main())

    def test_goes_on_without_a_program_and_without_captions(self) -> None:
        """Both are optional; the books are kept all the same."""

        async def main() -> None:
            ledger = Ledger(0)
            ledger.spoken(spoken("a"))
            audience = Audience(ledger, {}, None)
            audience.started("es", "a", 1)
            audience.ended("es", "a", 2, cut=False)
            (utterance,) = ledger
            assert utterance.hearings["es"].end_ms == 2_000

        asyncio.run(main())

    def test_calls_nobody_after_somebody_raised(self) -> None:
        """The session is about to end with that; more calls would only raise more."""

        async def main() -> None:
            calls: list[Cue] = []

            class Sink:
                def write(self, cue: Cue) -> None:
                    calls.append(cue)
                    raise ZeroDivisionError

            ledger = Ledger(0)
            ledger.final(final("a"))
            audience = Audience(ledger, {"es": Sink()}, calls.append)  # type: ignore[arg-type]
            audience.written("es", "a", 1)
            audience.written("es", "a", 2)
            assert calls == [
                Cue(1_000, 2_000, "uno", "es", source_text="one", source_language="en")
            ]
            with pytest.raises(ZeroDivisionError):
                await audience.watch()
            with pytest.raises(ZeroDivisionError):
                audience.check()

        asyncio.run(main())


def test_figures_in_a_report_are_rounded_to_tenths_of_a_millisecond() -> None:
    """Thirteen digits of a float say nothing and hide what is equal."""
    ledger = Ledger(0.1)
    ledger.arrived(at(0, 1_000), 1.1)
    span = TimeSpan(1 / 3, 500 / 3)
    ledger.final(final("a", span=span))
    for _ in range(3):
        ledger.spoken(TranslatedAudio("a", "es", speech(100 / 3, 1), span))
    ledger.heard_from("a", "es", 1.23456789)
    ledger.heard_until("a", "es", 1.33456789, cut=False)
    report = session_report(
        ledger,
        "engine",
        request("es"),
        AudioFormat(44_100),
        source="a.wav",
        overrun_ms=1 / 3,
        underruns=1,
        complete=True,
        error=None,
    )
    (utterance,) = report.utterances
    figures = utterance.translations["es"]
    assert (utterance.start_ms, utterance.end_ms) == (0.3, 166.7)
    assert (figures.heard_at_ms, figures.heard_until_ms) == (1_134.6, 1_234.6)
    assert (figures.ear_voice_span_ms, figures.end_offset_ms) == (1_134.2, 1_067.9)
    assert figures.spoken_ms == report.totals.spoken_ms == 100.0
    assert report.totals.overrun_ms == 0.3
    assert report.totals.underruns == 1
    assert report.input is not None
    assert (report.input.path, report.input.duration_ms) == ("a.wav", 1_000)


@pytest.mark.untraced
def test_an_hour_of_a_session_costs_constant_memory() -> None:
    """Frames of a second, so that the test is short; what is kept does not depend on them."""
    clock = VirtualClock()
    minutes = 60
    kept = 0
    inbound = InboundAudioStream(frame_ms=1_000, capacity_ms=5_000, clock=clock)
    outbound = OutboundAudioStream(VOICE, frame_ms=1_000, capacity_ms=5_000, clock=clock)
    audio = speech(4_000, 1)
    script = [
        ScriptedUtterance(
            source_text="x",
            start_ms=number * 10_000.0,
            end_ms=number * 10_000.0 + 5_000,
            translations={"es": "y"},
            audio=audio,
            delay_ms=107,
        )
        for number in range(minutes * 6)
    ]
    engine = ScriptedTranslator(script, clock=clock, max_recorded_frames=1)
    interpreter = Interpreter(inbound, engine, outbound, request("es"), clock=clock)

    async def main() -> None:
        nonlocal kept
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(interpreter.run())
            for second in range(minutes * 60):
                await clock.sleep_until(second + 1.0)
                inbound.push(bytes(32_000))
                outbound.pull()
                if second == 50 * 60:
                    tracemalloc.start()
            kept = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            inbound.end()
            while not running.done():
                await clock.sleep_until(clock.now() + 1)
                outbound.pull()

    clock.run(main())
    report = interpreter.report()
    assert report.totals.utterances == minutes * 6
    assert report.totals.overrun_ms == 0
    assert len(interpreter._direction._ledger._speech._starts_ms) == 1
    # Of ten minutes, 60 utterances, some hundred bytes each are kept, and the few frames that
    # are on their way; their sound would be 30 MB.
    assert 0 < kept < 300_000
