"""`rawmedia translate` and `rawmedia demo`: what is done with recordings."""

# No `from __future__ import annotations` here: typer reads the annotations as they are.

from pathlib import Path
from typing import Annotated

import typer

from rawmedia.cli.exits import ExitCode
from rawmedia.cli.options.shared import (
    DebugOption,
    Engine,
    EngineOption,
    Mix,
    QuietOption,
    RealtimeOption,
    services_of,
)


def translate(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Speech: WAV, FLAC, MP3, Ogg Vorbis, Ogg Opus, ...",
            show_default=False,
        ),
    ],
    source_language: Annotated[
        str, typer.Option("--from", help="What is spoken, such as en-US.", show_default=False)
    ],
    target_language: Annotated[
        str, typer.Option("--to", help="What to translate into, such as es.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Where the translated speech goes: .wav, .flac, .ogg or .opus. It lies on the "
            "input's timeline. An existing file is replaced.",
            show_default=False,
        ),
    ] = None,
    captions: Annotated[
        Path | None,
        typer.Option(
            help="Write captions of the translation too: .vtt or .srt.", show_default=False
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write what was said, translated and heard when, with figures: .json.",
            show_default=False,
        ),
    ] = None,
    engine: EngineOption = Engine.auto,
    voice: Annotated[
        str | None,
        typer.Option(
            help="The engine's name of the voice that speaks the translation.", show_default=False
        ),
    ] = None,
    mix: Annotated[
        Mix,
        typer.Option(
            help="Hear the translation alone, over the original made quieter, or both: the original "
            "on the left channel and the translation on the right.",
        ),
    ] = Mix.alone,
    text_only: Annotated[
        bool,
        typer.Option(
            "--text-only",
            help="Speak nothing: show the text, and write captions that are timed to the input.",
        ),
    ] = False,
    realtime: RealtimeOption = None,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Translate a recording: speech in one language in, speech in another out.

    What was translated is kept whatever happens: Ctrl-C, a full disk or an engine that
    crashes leave audio that plays, valid captions and a report.
    """
    if text_only == (output is not None):
        raise typer.BadParameter(
            "nothing is spoken with --text-only; leave --output out"
            if text_only
            else "say where the translated speech goes, or --text-only",
            param_hint="--output",
        )
    from rawmedia.cli.command import run_job
    from rawmedia.cli.job import Job

    job = Job(
        source=source,
        source_language=source_language,
        target_language=target_language,
        audio=output,
        captions=captions,
        report=report,
        engine=engine.value,
        voice=voice,
        mix=mix.mode,
        realtime=realtime,
    )
    raise typer.Exit(run_job(job, services_of(context), quiet=quiet, debug=debug).exit_code)


def demo(
    context: typer.Context,
    target_language: Annotated[str, typer.Option("--to", help="What to translate into.")] = "es",
    out: Annotated[
        Path, typer.Option(help="The folder for the results; made if it is not there.")
    ] = Path("rawmedia-results"),
    engine: EngineOption = Engine.offline,
    realtime: RealtimeOption = None,
    debug: DebugOption = False,
) -> None:
    """Translate the example that comes with rawmedia: six sentences from a call centre.

    They are spoken by a synthesizer. Writes speech, captions and a report.
    """
    from rawmedia.cli.command import report_failure, run_job
    from rawmedia.cli.demo import demo_job, where_to_listen
    from rawmedia.cli.display import write_out

    try:
        job = demo_job(target_language, out, engine=engine.value, realtime=realtime)
    except Exception as error:
        raise typer.Exit(report_failure(error, debug=debug)) from error
    outcome = run_job(job, services_of(context), quiet=False, debug=debug)
    if outcome.exit_code is ExitCode.OK:
        write_out(where_to_listen(job))
    raise typer.Exit(outcome.exit_code)


__all__ = ["demo", "translate"]
