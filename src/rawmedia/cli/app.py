"""The program: its commands, how it starts and how it ends."""

from __future__ import annotations

import io
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from rawmedia.cli.exits import MEANINGS, ExitCode
from rawmedia.cli.options import files, live, machine, serve

if TYPE_CHECKING:
    from rawmedia.cli.services import Services

# "\b" keeps the lines as they are.
_EXIT_CODES = "\b\nExit codes:\n" + "\n".join(
    f"  {code.value:<4} {text}" for code, text in MEANINGS.items()
)

app = typer.Typer(
    name="rawmedia",
    help="Translates speech while people speak. Try it with: rawmedia demo",
    epilog=_EXIT_CODES,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_command = partial(app.command, epilog=_EXIT_CODES)
_command("translate", short_help="Translate a recording.")(files.translate)
_command("demo", short_help="Translate the example that comes along.")(files.demo)
# Its exit codes are its own.
app.command("doctor", short_help="Say what is installed and what is missing.")(machine.doctor)
_command("languages", short_help="List an engine's languages and voices.")(machine.languages)
_command("devices", short_help="List microphones and loudspeakers.")(machine.devices)
_command("azure-emulator", short_help="Run a local Azure Speech service.")(machine.azure_emulator)
_command("live", short_help="Interpret between you and a call.")(live.live)
_command("serve", short_help="Serve calls that a platform dials.")(serve.serve)


def _show_version(wanted: bool) -> None:
    if wanted:
        from rawmedia import __version__

        typer.echo(f"rawmedia {__version__}")
        raise typer.Exit


@app.callback()
def _rawmedia(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(ExitCode.USAGE)


def run(services: Services | None = None) -> NoReturn:
    """Run the command line of this process.

    Args:
        services: What the commands use instead of the real engines.
    """
    for stream in (sys.stdout, sys.stderr):
        # An "ñ" that the terminal's encoding lacks is no reason to stop.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(obj=services)
    except KeyboardInterrupt:
        print("rawmedia: stopped", file=sys.stderr)
        sys.exit(ExitCode.INTERRUPTED)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        print(
            f"rawmedia: the package {package} is missing; add it with: pip install {package}",
            file=sys.stderr,
        )
        sys.exit(ExitCode.NOT_INSTALLED)
    sys.exit(ExitCode.OK)


__all__ = ["app", "run"]
