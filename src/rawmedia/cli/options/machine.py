"""`rawmedia doctor`, `languages`, `devices` and `azure-emulator`: what there is on a machine."""

# No `from __future__ import annotations` here: typer reads the annotations as they are.

from pathlib import Path
from typing import Annotated

import typer

from rawmedia.cli.exits import ExitCode
from rawmedia.cli.options.shared import DebugOption, Engine, EngineOption


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, for a program to read.")
    ] = False,
) -> None:
    """Say what is installed, what is missing, and the command that adds it.

    Where Azure is configured it opens a connection, for up to five seconds, and says what is
    wrong with it.

    Exits with 0 if recordings can be translated, with 1 if not. Shows no secrets.
    """
    from rawmedia.cli.display import write_out
    from rawmedia.cli.doctor import diagnose, to_json, to_table

    diagnosis = diagnose()
    write_out(to_json(diagnosis) if as_json else to_table(diagnosis))
    raise typer.Exit(ExitCode.OK if diagnosis.ready else ExitCode.FAILED)


def languages(
    engine: EngineOption = Engine.auto,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, for a program to read.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """List what an engine hears, what it translates into, and who speaks it by default."""
    from rawmedia.cli.command import report_failure
    from rawmedia.cli.display import write_out
    from rawmedia.cli.languages import languages, to_json, to_table

    try:
        found = languages(engine.value)
    except Exception as error:
        raise typer.Exit(report_failure(error, debug=debug)) from error
    write_out(to_json(found) if as_json else to_table(found))


def devices(
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, for a program to read.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """List the microphones and loudspeakers of this machine, by the names that other commands take."""
    from rawmedia.cli.command import report_failure
    from rawmedia.cli.devices import devices, to_json, to_table
    from rawmedia.cli.display import write_out

    try:
        found = devices()
    except Exception as error:
        raise typer.Exit(report_failure(error, debug=debug)) from error
    write_out(to_json(found) if as_json else to_table(found))


def azure_emulator(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where it listens; 0 is any free port.")
    ] = 0,
    script: Annotated[
        Path | None,
        typer.Option(
            help="What it claims to hear: a JSON list of text, start_ms, end_ms, translations, ...",
            show_default=False,
        ),
    ] = None,
    offline: Annotated[
        bool | None,
        typer.Option(
            "--offline/--scripted",
            help="Hear with the embedded engine, or say what the script says. "
            "The default is the engine where it is installed.",
            show_default=False,
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Run a service on this machine that Microsoft's Speech SDK connects to, with no key and no network."""
    from rawmedia.cli.command import report_failure

    try:
        from rawmedia.cli.azure_emulator import run_emulator

        code = run_emulator(port, script, offline=offline)
    except Exception as error:
        raise typer.Exit(report_failure(error, debug=debug)) from error
    raise typer.Exit(code)


__all__ = ["azure_emulator", "devices", "doctor", "languages"]
