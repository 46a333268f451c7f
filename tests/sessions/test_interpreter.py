"""Interpreting, to the sample: what is heard when, what is captioned, told and reported."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_kit import (
    VOICE,
    Session,
    carry,
    next_frame,
    prepare,
    request,
    speech,
    timeline,
    utterance,
    whole_frames,
)

from rawmedia.audio.format import TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import ConfigurationError
from rawmedia.sessions.events import UtteranceHeard, UtteranceStarted
from rawmedia.sessions.interpreter import Interpreter
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.compare import assert_same_audio
from rawmedia.testing.legs import FakeLeg, Lost
from rawmedia.testing.script import ScriptedEvent
from rawmedia.testing.signals import silence, speech_like
from rawmedia.testing.translators import EchoTranslator, ScriptedTranslator
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    UtteranceEnded,
)
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from rawmedia.testing.script import ScriptedUtterance


def starts_of(script: list[ScriptedUtterance], speech_ms: list[float]) -> list[float]:
    """When each utterance is heard from: when it is there, but after the one before it."""
    starts: list[float] = []
    free_ms = final_ms = 0.0
    for each, length_ms in zip(script, speech_ms, strict=True):
        # The engine hears whole frames, and answers in order.
        final_ms = max(final_ms, whole_frames(each.end_ms) + each.delay_ms)
        starts.append(max(next_frame(final_ms), free_ms))
        free_ms = starts[-1] + whole_frames(length_ms)
    return starts


utterances = st.lists(
    st.tuples(
        st.integers(0, 30).map(lambda n: n * 10.0),  # pause
        st.integers(3, 40).map(lambda n: n * 10.0),  # length
        st.integers(1, 1_500).map(float),  # speech
        st.integers(0, 25).map(lambda n: n * 20.0 + 7),  # delay
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40)
@given(utterances=utterances)
def test_utterances_are_heard_whole_in_order_and_one_after_the_other(
    utterances: list[tuple[float, float, float, float]],
) -> None:
    """The recording is compared sample by sample: nothing is lost, doubled, mixed or moved."""
    script, lengths, at_ms = [], [], 40.0
    for number, (pause_ms, length_ms, speech_ms, delay_ms) in enumerate(utterances):
        at_ms += pause_ms
        script.append(
            utterance(at_ms, at_ms + length_ms, speech_ms, seed=number, delay_ms=delay_ms)
        )
        lengths.append(speech_ms)
        at_ms += length_ms
    session = carry(prepare(script, says=silence(at_ms + 100)))
    heard = session.heard()
    starts = starts_of(script, lengths)
    pieces = [
        (start, speech(length, number))
        for number, (start, length) in enumerate(zip(starts, lengths, strict=True))
    ]
    np.testing.assert_array_equal(heard, timeline(pieces, len(heard)))

    # And every figure says the same.
    report = session.report
    assert report.complete
    assert report.error is None
    assert len(report.utterances) == len(script)
    for each, said, start, length in zip(report.utterances, script, starts, lengths, strict=True):
        figures = each.translations["es"]
        assert (each.start_ms, each.end_ms) == (said.start_ms, said.end_ms)
        assert figures.heard_at_ms == start
        assert figures.heard_until_ms == start + length
        assert figures.ear_voice_span_ms == start - said.start_ms
        assert figures.end_offset_ms == start + length - said.end_ms
        assert figures.spoken_ms == length
        assert not figures.cut
    assert [(start, text) for start, _, text in session.cues["es"].times] == [
        (start, f"texto {number}") for number, start in enumerate(starts)
    ]
    assert session.leg.outbound.stats.underruns == 0


def test_captions_are_timed_as_the_speech_is_heard() -> None:
    """A deaf colleague reads along with what the others hear."""
    session = carry(prepare([utterance(100, 500, 410, seed=1), utterance(600, 700, 300, seed=2)]))
    # The second has to wait for the first.
    assert session.cues["es"].times == [(620, 1_030, "texto 1"), (1_040, 1_340, "texto 2")]
    assert {cue.language for cue in session.cues["es"]} == {"es"}


def test_the_program_is_told_of_everything_in_order_and_when_it_happens() -> None:
    """A display is driven by these events alone."""
    script = [utterance(100, 500, 300, revisions=["one", "two"])]
    session = carry(prepare(script))
    kinds = [
        (when, type(event)) for when, event in session.events if not isinstance(event, Progress)
    ]
    assert kinds == [
        (240, PartialTranslation),
        (380, PartialTranslation),
        (607, FinalTranslation),
        (607, TranslatedAudio),
        (607, TranslatedAudio),
        (607, TranslatedAudio),
        (607, UtteranceEnded),
        (620, UtteranceStarted),
        (900, UtteranceHeard),
    ]
    (started,) = session.started
    assert (started.utterance_id, started.language) == ("u1", "es")
    assert (started.start_ms, started.ear_voice_span_ms) == pytest.approx((620, 520))
    (heard,) = session.ended
    assert (heard.utterance_id, heard.language, heard.text) == ("u1", "es", "texto 1")
    assert (heard.start_ms, heard.end_ms) == pytest.approx((620, 920))
    assert (heard.spoken, heard.cut) == (True, False)


def test_the_end_of_an_utterance_that_the_engine_reports_late_is_still_when_it_was_heard() -> None:
    """Some engines know only later that nothing more comes; the ear knew before."""
    script = [utterance(100, 500, 200, audio_interval_ms=100.0)]
    assert carry(prepare(script)).ended[0].end_ms == pytest.approx(820)

    span = TimeSpan(100, 500)
    late = [
        ScriptedEvent(at_ms=500, event=TranslatedAudio("a", "es", speech(200, 1), span)),
        ScriptedEvent(at_ms=500, delay_ms=1_507, event=UtteranceEnded("a", span)),
    ]
    session = carry(prepare(late))
    assert (session.ended[0].start_ms, session.ended[0].end_ms) == pytest.approx((520, 720))
    told = next(when for when, event in session.events if isinstance(event, UtteranceHeard))
    assert told == 2_020  # with the first frame after it was known


def test_each_listener_hears_his_language_and_nothing_else() -> None:
    """Cost and latency of one language must not show in another."""
    spoken = {"es": speech(400, 11), "fr": speech(250, 22)}
    script = [utterance(100, 500, audio=spoken), utterance(700, 900, audio=spoken, seed=2)]
    session = carry(prepare(script, targets=["es", "fr"], listeners=["fr"]))
    for language, heard in (("es", session.heard()), ("fr", session.heard("fr"))):
        pieces = [(start, spoken[language]) for start in (620, 1_020)]
        np.testing.assert_array_equal(heard, timeline(pieces, len(heard)))
        assert [cue.text[:4] for cue in session.cues[language]] == ["text"] * 2
    assert [cue.text for cue in session.cues["fr"]] == ["texte 1", "texte 2"]
    totals = session.report.totals
    assert (totals.utterances, totals.spoken_ms) == (2, 2 * 650)


def test_a_language_without_a_stream_gets_its_captions_when_the_text_is_there() -> None:
    """Some follow in writing; they must not wait for the speech of the others."""
    session = carry(prepare([utterance(100, 500, 3_000)], targets=["es", "fr"]))
    assert session.cues["fr"].times == [(607, 1_607, "texte 1")]
    written = [event for event in session.ended if event.language == "fr"]
    assert [(event.spoken, event.cut) for event in written] == [(False, False)]
    figures = session.report.utterances[0].translations["fr"]
    assert (figures.text, figures.spoken_ms, figures.heard_at_ms) == ("texte 1", 0, None)


def test_without_speech_everything_is_written_and_nothing_is_heard() -> None:
    """Captions alone are a use of their own."""
    script = [
        utterance(100, 500, translations={"es": "palabra " * 40}),
        utterance(600, 900, seed=2),
    ]
    session = carry(prepare(script, settings={"speech": False}))
    assert not session.heard().any()
    lengths = [cue.end_ms - cue.start_ms for cue in session.cues["es"]]
    assert lengths == [pytest.approx(7_000), pytest.approx(1_000)]
    assert all(not event.spoken for event in session.ended)
    assert not session.started
    assert session.report.complete


def test_a_session_may_have_no_listener_at_all() -> None:
    """What is written is enough; no stream is needed for it."""
    session = prepare([utterance(100, 500)], targets=["es", "fr"])
    session.interpreter = Interpreter(
        session.leg.inbound,
        session.translator,
        {},
        request("es", "fr", speech=False),
        clock=session.clock,
        captions=session.cues,
    )
    carry(session)
    assert session.error is None
    assert session.cues["es"].times == [(607, 1_607, "texto 1")]
    assert session.cues["fr"].times == [(607, 1_607, "texte 1")]


def test_speech_that_did_not_come_is_written_instead() -> None:
    """A synthesizer that fails for a sentence must not cost its text."""
    session = carry(prepare([utterance(100, 500, audio=None), utterance(700, 900, seed=2)]))
    assert [(event.text, event.spoken) for event in session.ended] == [
        ("texto 1", False),
        ("texto 2", True),
    ]
    assert [cue.text for cue in session.cues["es"]] == ["texto 1", "texto 2"]


def test_an_utterance_without_text_is_heard_and_reported_and_not_captioned() -> None:
    """Engines that go from speech to speech have no text; their latency counts all the same."""
    span = TimeSpan(100, 500)
    script = [
        ScriptedEvent(at_ms=500, event=TranslatedAudio("a", "es", speech(100, 1), span)),
        ScriptedEvent(at_ms=500, event=UtteranceEnded("a", span)),
        ScriptedEvent(at_ms=600, event=UtteranceEnded("nothing", TimeSpan(500, 600))),
    ]
    session = carry(prepare(script))
    assert session.cues["es"] == []
    (reported,) = session.report.utterances
    assert (reported.id, reported.source_text) == ("a", "")
    assert reported.translations["es"].ear_voice_span_ms == 420
    assert len(session.ended) == 1


def test_an_engine_that_ends_no_utterance_is_captioned_all_the_same() -> None:
    """The protocol assumes neither utterances nor turns."""
    span = TimeSpan(100, 500)
    script = []
    for name in ("a", "b"):
        texts = {"es": f"{name} es", "fr": f"{name} fr"}
        final = FinalTranslation(name, 0, name, "en", span, texts)
        script.append(ScriptedEvent(at_ms=500, event=final))
        audio = TranslatedAudio(name, "es", speech(100, 1), span)
        script.append(ScriptedEvent(at_ms=500, event=audio))
    session = carry(prepare(script, targets=["es", "fr"]))
    assert [cue.text for cue in session.cues["es"]] == ["a es", "b es"]
    assert [cue.text for cue in session.cues["fr"]] == ["a fr", "b fr"]
    # More of the first might have come: so long the second waits, as voices never overlap.
    assert [cue.start_ms for cue in session.cues["es"]] == pytest.approx([520, 620 + 2_000])


def test_several_languages_are_kept_apart_where_one_falls_behind() -> None:
    """The one that speaks longer is later; the other is not held up by it."""
    spoken = {"es": speech(1_500, 1), "fr": speech(100, 2)}
    script = [utterance(100, 200, audio=spoken), utterance(300, 400, audio=spoken, seed=2)]
    session = carry(prepare(script, targets=["es", "fr"], listeners=["fr"]))
    second = session.report.utterances[1].translations
    assert second["fr"].heard_at_ms == 520
    assert second["es"].heard_at_ms == 320 + 1_500


def test_no_more_speech_is_queued_than_asked_and_nothing_is_lost_for_it() -> None:
    """An engine that speaks faster than can be heard has to wait, not memory to grow."""
    script = [utterance(100, 200, 5_000), utterance(300, 400, 5_000, seed=2)]
    session = carry(prepare(script, max_queued_ms=300.0))
    told_ms = 0.0
    for when, event in session.events:
        if isinstance(event, TranslatedAudio):
            told_ms += event.frame.duration_ms
            # The piece of 100 ms that fills it, and the one that waits.
            assert told_ms - max(0, when - 320) <= 300 + 2 * 100
    heard = session.heard()
    pieces = [(320.0, speech(5_000, 1)), (5_320.0, speech(5_000, 2))]
    np.testing.assert_array_equal(heard, timeline(pieces, len(heard)))
    assert session.report.complete


def test_sound_of_another_format_and_with_gaps_reaches_the_engine_in_its_own_and_in_place() -> None:
    """Every figure is computed from media time, so a gap must not shift what follows."""
    phone = AudioFormat(8_000, 2)
    before, after = (
        speech_like(1_010, seed=1, format=phone),
        speech_like(1_000, seed=2, format=phone),
    )
    clock = VirtualClock()
    inbound = InboundAudioStream(phone, clock=clock)
    session = prepare([utterance(1_500, 2_200)], clock=clock, inbound=inbound)

    async def feed(session: Session) -> None:
        for start in range(0, 8_080, 160):
            await clock.sleep_until((start + 160) / 8_000)
            inbound.push(AudioFrame(before.samples[start : start + 160], phone))
        for start in range(0, 8_000, 160):
            await clock.sleep_until(1.3 + (start + 160) / 8_000)
            inbound.push(
                AudioFrame(after.samples[start : start + 160], phone), position=10_400 + start
            )
        inbound.end()

    carry(session, meanwhile=feed)
    heard = list(session.translator.translations[0].frames)
    assert {frame.format for frame in heard} == {AudioFormat(16_000)}
    gaps = [
        (one.end, other.position) for one, other in pairwise(heard) if one.end != other.position
    ]
    assert len(gaps) == 1
    assert gaps[0][1] == 20_800
    assert 0 <= gaps[0][0] - 16_160 <= 64  # the end of a converted stretch rings on
    wide = [speech_like(1_010, seed=1), speech_like(1_000, seed=2).at(20_800)]
    assert_same_audio(wide, heard, snr_db=30, align_ms=4)
    # Said at 1500 ms of media time, which was at 1500 ms of the clock.
    assert session.report.utterances[0].translations["es"].ear_voice_span_ms == 820


def test_an_engine_that_takes_the_calls_format_gets_the_very_frames() -> None:
    """No conversion where none is needed, and none of its delay."""
    clock = VirtualClock()
    capabilities = TranslatorCapabilities(
        name="phone", input_formats=(AudioFormat(48_000), TELEPHONY), multi_target=True
    )
    engine = ScriptedTranslator([utterance(0, 100)], clock=clock, capabilities=capabilities)
    leg = FakeLeg(
        [
            speech_like(410, seed=1, format=TELEPHONY),
            Lost(90),
            speech_like(100, seed=2, format=TELEPHONY),
        ],
        format=TELEPHONY,
        outbound_format=VOICE,
        clock=clock,
    )
    session = prepare(translator=engine, clock=clock, leg=leg)
    carry(session)
    assert_same_audio(
        [
            speech_like(410, seed=1, format=TELEPHONY),
            speech_like(100, seed=2, format=TELEPHONY).at(4_000),
        ],
        list(engine.translations[0].frames),
        snr_db=float("inf"),
    )


def test_a_single_stream_is_that_of_the_first_target() -> None:
    """The short way to write the common case."""
    session = prepare([utterance(100, 500)], targets=["es", "fr"])
    session.interpreter = Interpreter(
        session.leg.inbound,
        session.translator,
        session.leg.outbound,
        request("es", "fr"),
        clock=session.clock,
    )
    heard = carry(session).heard()
    np.testing.assert_array_equal(heard, timeline([(620, speech(400, 1))], len(heard)))


def test_what_cannot_be_is_refused_before_anything_starts() -> None:
    """A misspelt language would otherwise go unheard for the length of a call."""
    inbound, outbound = InboundAudioStream(), OutboundAudioStream()
    with pytest.raises(ConfigurationError, match=r"outbound: it is no target"):
        Interpreter(inbound, EchoTranslator(), {"it": outbound}, request("es"))
    with pytest.raises(ConfigurationError, match=r"captions: it is no target"):
        Interpreter(inbound, EchoTranslator(), outbound, request("es"), captions={"it": []})  # type: ignore[dict-item]
    mute = TranslatorCapabilities(name="mute", input_formats=(TELEPHONY,), speech=False)
    with pytest.raises(ConfigurationError, match="speech"):
        Interpreter(inbound, ScriptedTranslator(capabilities=mute), outbound, request("es"))


def test_an_interpreter_runs_once() -> None:
    """Its books are those of one session."""
    session = carry(prepare([utterance(100, 500)]))
    again = carry(session)
    assert isinstance(again.error, RuntimeError)
    assert session.report.complete


def test_the_report_is_whole_before_during_and_after_the_session() -> None:
    """A display or a file may ask at any moment."""
    reports = []

    def look(event: object) -> None:
        if isinstance(event, UtteranceStarted):
            reports.append(session.report)

    script = [utterance(100, 500, 300), utterance(700, 1_100, 300, seed=2)]
    session = prepare(script, on_event=look)
    reports.append(session.report)
    carry(session)
    before, first, second = reports
    assert (before.input, before.utterances, before.complete) == (None, (), False)
    assert first.utterances[0].translations["es"].heard_until_ms is None
    assert first.input is not None
    assert first.input.duration_ms == 600  # the next frame comes with this one
    assert second.utterances[0].translations["es"].heard_until_ms == 920
    after = session.report
    assert after.complete
    assert after.input is not None
    assert after.input.duration_ms == session.interpreter.heard_ms == 3_000
    assert after.totals.ear_voice_span_p50_ms == 520


def test_two_sessions_at_once_share_nothing() -> None:
    """A bridge is two of them on one pair of legs."""
    clock = VirtualClock()
    engine = ScriptedTranslator([utterance(100, 500)], clock=clock, speech_format=VOICE)
    one = prepare(translator=engine, clock=clock)
    other = prepare([utterance(200, 400, 100, seed=2)], clock=clock)
    third = prepare(translator=engine, clock=clock)

    async def both(_: Session) -> None:
        async with asyncio.TaskGroup() as tasks:
            for session in (other, third):
                tasks.create_task(session.leg.run())
            await asyncio.gather(other.interpreter.run(), third.interpreter.run())
            other.leg.outbound.end()
            third.leg.outbound.end()

    carry(one, meanwhile=both)
    for session, pieces in (
        (one, [(620.0, speech(400, 1))]),
        (other, [(520.0, speech(100, 2))]),
        (third, [(620.0, speech(400, 1))]),
    ):
        np.testing.assert_array_equal(session.heard(), timeline(pieces, len(session.heard())))
        assert len(session.report.utterances) == len(session.cues["es"]) == 1
