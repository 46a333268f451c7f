"""The report: what is in it, and that a whole one is there whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rawmedia.captions import (
    InputReport,
    SessionReport,
    Totals,
    TranslationReport,
    UtteranceReport,
    percentile,
)
from rawmedia.errors import FileWriteError

if TYPE_CHECKING:
    from pathlib import Path


def utterance(number: int, span_ms: float | None, language: str = "es") -> UtteranceReport:
    return UtteranceReport(
        id=f"u{number}",
        start_ms=number * 1_000,
        end_ms=number * 1_000 + 800,
        source_text="good morning",
        translations={
            language: TranslationReport(
                text="Buenos días.",
                spoken_ms=700,
                heard_at_ms=9_000,
                heard_until_ms=9_700,
                ear_voice_span_ms=span_ms,
            )
        },
        untranslated=("widget",),
    )


def report(utterances: int = 2) -> SessionReport:
    said = tuple(utterance(number, 1_500 + number) for number in range(utterances))
    return SessionReport(
        engine="offline",
        source_language="en-US",
        target_languages=("es",),
        input=InputReport(path="in.wav", sample_rate=16_000, num_channels=1, duration_ms=5_000),
        utterances=said,
        totals=Totals.of(said, overrun_ms=20, underruns=1),
    )


def test_a_report_reads_back_as_it_was_written(tmp_path: Path) -> None:
    """Programs compare runs by it."""
    path = tmp_path / "report.json"

    report().write(path)

    assert SessionReport.read(path) == report()
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_the_json_is_what_its_readers_count_on(tmp_path: Path) -> None:
    """Names and places are the interface; a change of them changes ``schema_version``."""
    report(1).write(tmp_path / "report.json")

    assert json.loads((tmp_path / "report.json").read_text("utf-8")) == {
        "schema_version": 1,
        "engine": "offline",
        "source_language": "en-US",
        "target_languages": ["es"],
        "input": {
            "path": "in.wav",
            "sample_rate": 16_000,
            "num_channels": 1,
            "duration_ms": 5_000,
        },
        "utterances": [
            {
                "id": "u0",
                "start_ms": 0,
                "end_ms": 800,
                "source_text": "good morning",
                "translations": {
                    "es": {
                        "text": "Buenos días.",
                        "spoken_ms": 700,
                        "heard_at_ms": 9_000,
                        "heard_until_ms": 9_700,
                        "cut": False,
                        "skipped_ms": 0,
                        "ear_voice_span_ms": 1_500,
                        "start_offset_ms": None,
                        "end_offset_ms": None,
                        "laal_ms": None,
                        "text_laal_ms": None,
                        "erasure": None,
                    }
                },
                "untranslated": ["widget"],
            }
        ],
        "totals": {
            "utterances": 1,
            "spoken_ms": 700,
            "untranslated_words": 1,
            "ear_voice_span_p50_ms": 1_500,
            "ear_voice_span_p90_ms": 1_500,
            "overrun_ms": 20,
            "underruns": 1,
        },
        "complete": False,
        "error": None,
        "metrics": None,
    }


def test_another_version_is_not_taken_for_this_one(tmp_path: Path) -> None:
    """A reader that guesses shows wrong figures."""
    path = tmp_path / "report.json"
    path.write_text(report().model_dump_json().replace('"schema_version":1', '"schema_version":2'))

    with pytest.raises(ValidationError, match="schema_version"):
        SessionReport.read(path)


def test_totals_leave_out_what_was_not_measured() -> None:
    """An utterance without speech has no ear-voice span; it is not one of 0 ms."""
    said = [utterance(1, None), utterance(2, 4_000, "fr"), utterance(3, 1_000), utterance(4, 2_000)]

    totals = Totals.of(said)

    assert (totals.utterances, totals.spoken_ms, totals.untranslated_words) == (4, 2_800, 4)
    assert (totals.ear_voice_span_p50_ms, totals.ear_voice_span_p90_ms) == (2_000, 4_000)
    assert Totals.of([]) == Totals()
    assert Totals.of([utterance(1, None)]).ear_voice_span_p50_ms is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_times_that_are_none_are_refused(bad: float) -> None:
    """JSON has no NaN, and other programs would fail on it."""
    with pytest.raises(ValidationError):
        InputReport(sample_rate=8_000, num_channels=1, duration_ms=bad)


def test_a_name_that_is_no_unicode_does_not_break_the_report(tmp_path: Path) -> None:
    """A file's name is bytes; Python keeps those that are no UTF-8 as half surrogates."""
    source = InputReport(
        path=os.fsdecode(b"caf\xe9.wav"), sample_rate=8_000, num_channels=1, duration_ms=0
    )
    whole = SessionReport(
        engine="e", source_language="en", target_languages=("es",), input=source, error="\ud800"
    )

    whole.write(tmp_path / "report.json")

    assert source.path == "caf\\udce9.wav"
    assert SessionReport.read(tmp_path / "report.json") == whole


def test_a_report_that_cannot_be_written_leaves_the_last_one(tmp_path: Path) -> None:
    """The folder is gone, the disk is full: the last whole report is worth more than a torn one."""
    with pytest.raises(FileWriteError, match="No such file or directory"):
        report().write(tmp_path / "none" / "report.json")
    (tmp_path / "report.json").mkdir()
    with pytest.raises(FileWriteError, match="is not a file"):
        report().write(tmp_path / "report.json")

    (tmp_path / "other.json.part").mkdir()
    (tmp_path / "other.json").write_text("the last one")
    with pytest.raises(FileWriteError, match="Is a directory"):
        report().write(tmp_path / "other.json")
    assert (tmp_path / "other.json").read_text() == "the last one"


def test_a_full_disk_leaves_the_last_report_and_no_draft(tmp_path: Path) -> None:
    """Half a draft beside the report would be taken for something."""
    import resource

    path = tmp_path / "report.json"
    report(1).write(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        with pytest.raises(FileWriteError, match="the report was not written: File too large"):
            report(50).write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert SessionReport.read(path) == report(1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """``latest.json`` may lead to another folder."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "latest.json").symlink_to(tmp_path / "reports" / "one.json")

    report().write(tmp_path / "latest.json")

    assert (tmp_path / "latest.json").is_symlink()
    assert SessionReport.read(tmp_path / "reports" / "one.json") == report()


WRITE_FOR_EVER = """
import itertools, sys
from rawmedia.captions import SessionReport, UtteranceReport

said = ()
for number in itertools.count():
    said += (UtteranceReport(id=str(number), start_ms=0, end_ms=1, source_text="word " * 20),)
    SessionReport(
        engine="e", source_language="en", target_languages=("es",), utterances=said
    ).write(sys.argv[1])
    print(number, flush=True)
"""


def test_kill_minus_nine_leaves_the_last_whole_report(tmp_path: Path) -> None:
    """Rewritten after every utterance, killed in the middle of one."""
    path = tmp_path / "report.json"
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) > 30:
                process.kill()
                break
        told = int([line, *process.stdout.read().split()][-1])

    assert len(SessionReport.read(path).utterances) > told


@settings(deadline=None)
@given(values=st.lists(st.integers(-50, 50), min_size=1), percent=st.integers(1, 100))
def test_a_percentile_is_the_least_value_that_enough_do_not_exceed(
    values: list[int], percent: int
) -> None:
    """The definition, counted."""
    got = percentile(values, percent)

    assert got in values
    assert sum(value <= got for value in values) * 100 >= percent * len(values)
    assert all(
        sum(other <= value for other in values) * 100 < percent * len(values)
        for value in values
        if value < got
    )


def test_percentiles_of_little() -> None:
    """A call of one utterance has a P90 too, one of none has not."""
    assert percentile([], 90) is None
    assert percentile([7.5], 1) == percentile([7.5], 100) == 7.5
    assert percentile(range(1, 101), 7) == 7
    with pytest.raises(ValueError, match="1 to 100"):
        percentile([1.0], 0)
