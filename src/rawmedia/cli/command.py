"""From what was typed to an exit code: runs a job, shows it, and says how it went."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from typing import TYPE_CHECKING

from rawmedia.cli.display import Display, PlainDisplay, QuietDisplay, write_out
from rawmedia.cli.exits import ExitCode
from rawmedia.cli.failures import explain
from rawmedia.cli.translate import Outcome, translate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.captions.report import CallReport
    from rawmedia.cli.call_display import CallDisplay
    from rawmedia.cli.job import Job
    from rawmedia.cli.live_call import LiveCall
    from rawmedia.cli.services import Services


def run_job(job: Job, services: Services, *, quiet: bool, debug: bool) -> Outcome:
    """Translate, show it meanwhile, and end with the table and what went wrong."""
    if debug:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    with _display(job, quiet=quiet) as display:
        outcome: Outcome = services.run(translate(job, services, display))
    if outcome.report is not None and not quiet:
        from rawmedia.cli.summary import rendered, summary

        write_out(rendered(summary(outcome, outcome.report)))
    if outcome.stop.signal is not None:
        kept = "what was translated is kept" if outcome.report is not None else "nothing was made"
        _complain(f"{outcome.stop}; {kept}")
    elif outcome.error is not None:
        report_failure(outcome.error, debug=debug)
    return outcome


def run_live(asked: LiveCall, services: Services, *, debug: bool) -> ExitCode:
    """Interpret a call, show its captions, and say how it ended.

    Raises:
        Exception: What it failed with.
    """
    from rawmedia.cli.live_call import live
    from rawmedia.cli.stopping import StoppedError

    with _call_display() as display, _log_to(display, debug=debug):
        try:
            report: CallReport | None = services.run(live(asked, services, display))
        except StoppedError as stopped:
            _complain(f"{stopped}; what was captioned is kept")
            return stopped.wish.exit_code
    if report is None:
        _complain("stopped before there was a call")
        return ExitCode.OK
    said = {name: each.totals.utterances for name, each in report.directions.items()}
    _complain(f"the call is over: {said['a_to_b']} utterances of mine, {said['b_to_a']} of theirs")
    return ExitCode.OK


@contextlib.contextmanager
def _log_to(display: CallDisplay, *, debug: bool) -> Iterator[None]:
    """Have what is logged meanwhile told among the captions: warnings, or all that programmers want."""
    from rawmedia.cli.dial_in import hush_libraries

    class Teller(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with contextlib.suppress(OSError):  # nobody reads it any more; who logs is not at fault
                display.say(self.format(record))

    hush_libraries()
    root, teller = logging.getLogger(), Teller()
    teller.setFormatter(logging.Formatter("%(name)s: %(message)s" if debug else "%(message)s"))
    before = root.level
    root.addHandler(teller)
    root.setLevel(logging.INFO if debug else logging.WARNING)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(teller)


def report_failure(error: BaseException, *, debug: bool) -> ExitCode:
    """Tell a person what went wrong, on the standard error; a programmer, if asked, also where."""
    if debug:
        traceback.print_exception(error)
    failure = explain(error)
    _complain(f"{failure.problem}\n{failure.advice}")
    return failure.exit_code


def _complain(text: str) -> None:
    print(f"rawmedia: {text}", file=sys.stderr, flush=True)


def _call_display() -> CallDisplay:
    from rawmedia.cli.call_display import CallDisplay, TerminalCallDisplay
    from rawmedia.cli.terminal_display import terminal

    console = terminal()
    return CallDisplay() if console is None else TerminalCallDisplay(console)


def _display(job: Job, *, quiet: bool) -> Display:
    if quiet:
        return QuietDisplay()
    from rawmedia.cli.live import LiveDisplay
    from rawmedia.cli.terminal_display import terminal

    console = terminal()
    if console is None:
        return PlainDisplay()
    return LiveDisplay(console, job.source_language, job.target_language)


__all__ = ["report_failure", "run_job", "run_live"]
