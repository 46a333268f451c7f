"""The closing table: what came of a translation, in figures, and where its results lie."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from rawmedia.cli.printable import printable
from rawmedia.cli.translate import REALTIME_ENGINES
from rawmedia.errors import RawMediaError
from rawmedia.files import probe

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from rawmedia.captions import SessionReport
    from rawmedia.cli.translate import Outcome

_MAX_WORDS = 12
# Without a terminal no line is folded: `| grep Audio` shall show a whole path.
_UNFOLDED = 10_000


def rendered(content: RenderableType) -> str:
    """What the standard output shows of it: with colours on a terminal that wants them, else plain."""
    terminal = sys.stdout.isatty()
    console = Console(
        width=None if terminal else _UNFOLDED, force_terminal=terminal, highlight=False
    )
    with console.capture() as capture:
        console.print(content)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def summary(outcome: Outcome, report: SessionReport) -> Group:
    """The table of a translation that began to make results, under a line that says of which."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (*_figures(outcome, report), *_results(outcome)):
        table.add_row(name, value if isinstance(value, Text) else Text(value))
    return Group("", _title(outcome), table)


def _title(outcome: Outcome) -> Text:
    job = outcome.job
    how = "in real time" if outcome.realtime else "as fast as the engine goes"
    text = Text(
        f"{printable(job.source.name)}: {job.source_language} to {job.target_language}, "
        f"{outcome.engine} engine, {how}"
    )
    if outcome.error is not None or outcome.stop.signal is not None:
        text.append("  (not to the end)", style="yellow")
    return text


def _figures(outcome: Outcome, report: SessionReport) -> list[tuple[str, str | Text]]:
    totals = report.totals
    heard_s = report.input.duration_ms / 1000 if report.input is not None else 0.0
    rows: list[tuple[str, str | Text]] = [
        ("Utterances", str(totals.utterances)),
        ("Speech in", f"{heard_s:.1f} s heard in {outcome.wall_s:.1f} s"),
    ]
    if outcome.job.audio is not None:
        rows.append(("Speech out", f"{totals.spoken_ms / 1000:.1f} s"))
    rows.append(("Untranslated words", _untranslated(report)))
    if outcome.job.audio is not None:
        rows.append(("Ear-voice span", _ear_voice_span(outcome, report)))
    if totals.overrun_ms:
        dropped = f"{totals.overrun_ms:.0f} ms of the input: the engine was too slow for it"
        rows.append(("Dropped", Text(dropped, style="yellow")))
    if totals.underruns:
        gaps = f"{totals.underruns} times the speech ran out in the middle of an utterance"
        rows.append(("Underruns", Text(gaps, style="yellow")))
    return rows


def _untranslated(report: SessionReport) -> str:
    words = [printable(word) for each in report.utterances for word in each.untranslated]
    if not words:
        return "0"
    distinct = list(dict.fromkeys(words))
    more = "" if len(distinct) <= _MAX_WORDS else ", ..."
    return f"{len(words)} ({', '.join(distinct[:_MAX_WORDS])}{more})"


def _ear_voice_span(outcome: Outcome, report: SessionReport) -> str:
    p50, p90 = report.totals.ear_voice_span_p50_ms, report.totals.ear_voice_span_p90_ms
    if p50 is None or p90 is None:
        return "not measured: nothing was heard"
    figures = f"P50 {p50 / 1000:.2f} s, P90 {p90 / 1000:.2f} s"
    if outcome.realtime:
        return f"{figures} (first word said to first heard)"
    if outcome.engine in REALTIME_ENGINES:
        return f"{figures} (says little: the input ran ahead; --realtime measures)"
    return f"{figures} (computing excluded; --realtime includes it)"


def _results(outcome: Outcome) -> list[tuple[str, Text]]:
    job = outcome.job
    rows = []
    if job.audio is not None:
        rows.append(("Audio", _path(job.audio, _playing_time(job.audio))))
    if job.captions is not None:
        what = "timed to the audio" if job.audio is not None else "timed to the input"
        rows.append(("Captions", _path(job.captions, what)))
    if job.report is not None:
        rows.append(("Report", _path(job.report, "")))
    return rows


def _path(path: Path, note: str) -> Text:
    text = Text(printable(path), style="bold")
    return text.append(f"  {note}", style="not bold dim") if note else text


def _playing_time(path: Path) -> str:
    """How long the recording plays, from the file itself."""
    try:
        duration_ms = probe(path).duration_ms
    except RawMediaError:
        return "no audio in it"
    return "" if duration_ms is None else f"{duration_ms / 1000:.1f} s"


__all__ = ["rendered", "summary"]
