from __future__ import annotations

from pathlib import Path

import pytest

from rawmedia.captions import SessionReport, Totals, UtteranceReport
from rawmedia.cli.exits import ExitCode
from rawmedia.cli.job import Job
from rawmedia.cli.stopping import StopWish
from rawmedia.cli.summary import rendered, summary
from rawmedia.cli.translate import Outcome
from rawmedia.errors import EngineCrashedError


def table(
    totals: Totals,
    *untranslated: str,
    audio: str | None = "no/o.wav",
    realtime: bool = False,
    engine: str = "scripted",
) -> str:
    utterance = UtteranceReport(
        id="u1", start_ms=0, end_ms=1, source_text="s", untranslated=untranslated
    )
    report = SessionReport(
        engine="scripted",
        source_language="en",
        target_languages=("es",),
        utterances=(utterance,),
        totals=totals,
    )
    run = outcome(audio=audio, realtime=realtime, report=report, engine=engine)
    return rendered(summary(run, report))


def outcome(
    *,
    audio: str | None = None,
    realtime: bool = False,
    report: SessionReport | None = None,
    error: Exception | None = None,
    stop: StopWish | None = None,
    engine: str = "scripted",
) -> Outcome:
    job = Job(
        source=Path("talk.wav"),
        source_language="en",
        target_language="es",
        audio=None if audio is None else Path(audio),
    )
    return Outcome(
        job=job,
        engine=engine,
        realtime=realtime,
        report=report,
        error=error,
        stop=stop or StopWish(),
        wall_s=2.0,
    )


def test_what_went_wrong_on_the_way_is_in_the_table() -> None:
    """Dropped audio and stutters are what a listener notices; nothing of it when there is none."""
    troubled = table(Totals(overrun_ms=1_234, underruns=3))
    smooth = table(Totals())

    assert "1234 ms of the input" in troubled
    assert "3 times the speech ran out" in troubled
    assert "Dropped" not in smooth
    assert "Underruns" not in smooth


def test_many_untranslated_words_are_counted_and_some_of_them_shown() -> None:
    """Each once, the first twelve: enough to see whether they are names."""
    words = [f"w{number}" for number in range(20)] + ["w0"]

    assert "21 (w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, ...)" in table(Totals(), *words)
    assert "2 (w0)" in table(Totals(), "w0", "w0")


def test_spans_say_what_is_in_them() -> None:
    """Figures of the two modes must not be compared with each other."""
    totals = Totals(ear_voice_span_p50_ms=1_500, ear_voice_span_p90_ms=2_250)

    assert "P50 1.50 s, P90 2.25 s (computing excluded; --realtime includes it)" in table(totals)
    assert "P90 2.25 s (first word said to first heard)" in table(totals, realtime=True)
    assert "(says little: the input ran ahead; --realtime measures)" in table(
        totals, engine="azure"
    )
    assert "not measured: nothing was heard" in table(Totals())


def test_a_recording_without_audio_is_called_that() -> None:
    """A run that ended before the first word may leave one."""
    assert "o.wav  no audio in it" in table(Totals())
    assert "o.wav" not in table(Totals(), audio=None)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (outcome(), ExitCode.OK),
        (outcome(error=EngineCrashedError("x", "y")), ExitCode.FAILED),
    ],
)
def test_the_exit_code_is_that_of_the_error(outcome: Outcome, code: ExitCode) -> None:
    """Unless somebody stopped it, which comes first."""
    assert outcome.exit_code is code
