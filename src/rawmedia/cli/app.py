"""The commands and their options, as typer reads them."""

from __future__ import annotations

import io
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from rawmedia.cli.exits import MEANINGS, ExitCode

if TYPE_CHECKING:
    from rawmedia.cli.services import Services
    from rawmedia.sessions.mixing.config import MixMode

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


class Engine(StrEnum):
    """Which engine translates."""

    auto = "auto"
    azure = "azure"
    offline = "offline"


class Mix(StrEnum):
    """How the original and its translation are heard."""

    alone = "replace"
    ducked = "duck"
    both = "side-by-side"

    @property
    def mode(self) -> MixMode:
        """As `Mixing` calls it."""
        return _MODES[self]


class Platform(StrEnum):
    """Who dials a server."""

    acs = "acs"
    twilio = "twilio"


class CallHandler(StrEnum):
    """What a server does with its calls."""

    bridge = "bridge"
    captions = "captions"
    record = "record"
    echo = "echo"


class Leaving(StrEnum):
    """What becomes of a bridged call whose other hangs up."""

    end = "end"
    wait = "wait"


class LogForm(StrEnum):
    """How a server's log is written."""

    text = "text"
    json = "json"


_MODES: dict[Mix, MixMode] = {
    Mix.alone: "replace",
    Mix.ducked: "duck",
    Mix.both: "side_by_side",
}
_EngineOption = Annotated[
    Engine,
    typer.Option(
        help="azure: Microsoft's Speech service, needs AZURE_SPEECH_KEY and AZURE_SPEECH_REGION. "
        "offline: no key and no network, English to Spanish, for trying out. auto: azure where "
        "it is configured, else offline."
    ),
]
_RealtimeOption = Annotated[
    bool | None,
    typer.Option(
        "--realtime/--no-realtime",
        help="Speak the input at the pace of a clock, as in a call: the ear-voice span then "
        "includes the time that the engine takes to compute. Without it the input goes as fast "
        "as the engine takes it. The default is real time for azure, which takes audio no faster "
        "than twice that, and as fast as possible for offline.",
        show_default=False,
    ),
]
_QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show nothing but warnings and errors.")
]
_DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug", envvar="RAWMEDIA_DEBUG", help="Show where in the program an error came up."
    ),
]
_HostOption = Annotated[str, typer.Option(help="Where to listen for who dials; TLS is a proxy's.")]
_PortOption = Annotated[int, typer.Option(min=1, max=65535, help="Likewise.")]
_PathOption = Annotated[
    str,
    typer.Option(
        help="Where the WebSocket is; /calls/{key}/{language} has in the path what is in the query else."
    ),
]
_PublicUrlOption = Annotated[
    str | None,
    typer.Option(
        help="The URL that Twilio was given, where a proxy changes it.", show_default=False
    ),
]
_AnybodyOption = Annotated[
    bool,
    typer.Option(
        "--insecure-no-auth",
        help="Let everybody dial: to try it out. Otherwise ACS's tokens are checked (ACS_AUDIENCE "
        "is the resource's immutable id) or Twilio's signatures (TWILIO_AUTH_TOKEN).",
    ),
]


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


@app.command("translate", epilog=_EXIT_CODES, short_help="Translate a recording.")
def _translate(
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
    engine: _EngineOption = Engine.auto,
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
    realtime: _RealtimeOption = None,
    quiet: _QuietOption = False,
    debug: _DebugOption = False,
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
    raise typer.Exit(run_job(job, _services(context), quiet=quiet, debug=debug).exit_code)


@app.command("demo", epilog=_EXIT_CODES, short_help="Translate the example that comes along.")
def _demo(
    context: typer.Context,
    target_language: Annotated[str, typer.Option("--to", help="What to translate into.")] = "es",
    out: Annotated[
        Path, typer.Option(help="The folder for the results; made if it is not there.")
    ] = Path("rawmedia-results"),
    engine: _EngineOption = Engine.offline,
    realtime: _RealtimeOption = None,
    debug: _DebugOption = False,
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
    outcome = run_job(job, _services(context), quiet=False, debug=debug)
    if outcome.exit_code is ExitCode.OK:
        write_out(where_to_listen(job))
    raise typer.Exit(outcome.exit_code)


@app.command("doctor", short_help="Say what is installed and what is missing.")
def _doctor(
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


@app.command("languages", epilog=_EXIT_CODES, short_help="List an engine's languages and voices.")
def _languages(
    engine: _EngineOption = Engine.auto,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, for a program to read.")
    ] = False,
    debug: _DebugOption = False,
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


@app.command("devices", epilog=_EXIT_CODES, short_help="List microphones and loudspeakers.")
def _devices(
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, for a program to read.")
    ] = False,
    debug: _DebugOption = False,
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


@app.command("azure-emulator", epilog=_EXIT_CODES, short_help="Run a local Azure Speech service.")
def _azure_emulator(
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
    debug: _DebugOption = False,
) -> None:
    """Run a service on this machine that Microsoft's Speech SDK connects to, with no key and no network."""
    from rawmedia.cli.command import report_failure

    try:
        from rawmedia.cli.azure_emulator import run_emulator

        code = run_emulator(port, script, offline=offline)
    except Exception as error:
        raise typer.Exit(report_failure(error, debug=debug)) from error
    raise typer.Exit(code)


@app.command("live", epilog=_EXIT_CODES, short_help="Interpret between you and a call.")
def _live(
    context: typer.Context,
    my_language: Annotated[
        str, typer.Option("--me", help="What you speak, such as fr-FR.", show_default=False)
    ],
    call_language: Annotated[
        str,
        typer.Option(
            "--call", help="What is spoken on the call, such as en-US.", show_default=False
        ),
    ],
    engine: _EngineOption = Engine.auto,
    listen: Annotated[
        bool, typer.Option("--listen/--no-listen", help="Hear the call in your language.")
    ] = True,
    broadcast: Annotated[
        bool, typer.Option("--broadcast/--no-broadcast", help="Be heard in the call's language.")
    ] = True,
    mix: Annotated[Mix, typer.Option(help="How you hear the call.")] = Mix.alone,
    echo_guard: Annotated[
        bool,
        typer.Option(
            "--echo-guard", help="For loudspeakers: keep the engine from hearing the translation."
        ),
    ] = False,
    input_device: Annotated[
        str | None,
        typer.Option("--input", help="Your microphone: a number or a part of its name."),
    ] = None,
    output_device: Annotated[
        str | None, typer.Option("--output", help="Your loudspeaker, likewise.")
    ] = None,
    call_input: Annotated[
        str | None,
        typer.Option(help="The device that brings the call, such as a virtual cable's monitor."),
    ] = None,
    call_output: Annotated[
        str | None,
        typer.Option(help="The device that leads into the call: the meeting's microphone."),
    ] = None,
    call_file: Annotated[
        Path | None, typer.Option(help="A recording in place of the call, to try it out.")
    ] = None,
    into_call: Annotated[
        Path | None, typer.Option(help="With --call-file: what the call would hear: .wav, ...")
    ] = None,
    dialect: Annotated[
        Platform | None,
        typer.Option(
            help="Who dials the call: Azure Communication Services, or Twilio.", show_default=False
        ),
    ] = None,
    host: _HostOption = "127.0.0.1",
    port: _PortOption = 8000,
    path: _PathOption = "/calls",
    public_url: _PublicUrlOption = None,
    anybody: _AnybodyOption = False,
    wait: Annotated[
        float, typer.Option(min=1, help="Seconds that the call is waited for until it is dialled.")
    ] = 300.0,
    folder: Annotated[
        Path | None, typer.Option(help="Where captions and a report go.", show_default=False)
    ] = None,
    debug: _DebugOption = False,
) -> None:
    """Interpret between whoever sits here and a call: listen in, broadcast, or both, with live captions.

    The call is two devices (--call-input, --call-output), a recording (--call-file), or dialled by a
    platform (--dialect), which is told ws://HOST:PORT/calls.

    `rawmedia devices` lists microphones, loudspeakers and virtual cables. While it runs type l or
    b and Enter to switch listening or broadcasting on and off, m to mute yourself, i for
    silence now, q to quit.
    """
    from rawmedia.cli.command import report_failure, run_live

    try:
        from rawmedia.cli.dial_in import DialIn
        from rawmedia.cli.live_call import LiveCall

        dial_in = None
        if dialect is not None:
            dial_in = DialIn(
                dialect=dialect.value,
                host=host,
                port=port,
                path=path,
                public_url=public_url,
                anybody=anybody,
            )
        else:
            _refuse_without_dialect(context)
        code = run_live(
            LiveCall(
                my_language=my_language,
                call_language=call_language,
                engine=engine.value,
                listen=listen,
                broadcast=broadcast,
                mix=mix.mode,
                echo_guard=echo_guard,
                input_device=input_device,
                output_device=output_device,
                call_input=call_input,
                call_output=call_output,
                call_file=call_file,
                into_call=into_call,
                dial_in=dial_in,
                wait_s=wait,
                folder=folder,
            ),
            _services(context),
            debug=debug,
        )
    except Exception as error:
        raise typer.Exit(report_failure(error, debug=debug)) from error
    raise typer.Exit(code)


@app.command("serve", epilog=_EXIT_CODES, short_help="Serve calls that a platform dials.")
def _serve(
    context: typer.Context,
    dialect: Annotated[
        Platform, typer.Option(help="Who dials: Azure Communication Services, or Twilio.")
    ],
    handler: Annotated[
        CallHandler,
        typer.Option(
            help="bridge: interpret between two calls that name one key in their URL (?key=...&"
            "language=...). captions: write captions of each call. record: record each call. "
            "echo: send callers back what they say."
        ),
    ] = CallHandler.bridge,
    engine: _EngineOption = Engine.auto,
    source_language: Annotated[
        str | None,
        typer.Option("--from", help="What one party speaks, such as en-US.", show_default=False),
    ] = None,
    target_languages: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            help="What the other speaks, such as fr-FR; of captions as many as are wanted.",
            show_default=False,
        ),
    ] = None,
    mix: Annotated[Mix, typer.Option(help="How a party of a bridge hears the other.")] = Mix.alone,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where captions, reports and recordings go, in a folder for each call.",
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Record bridged calls too, into the folder.")
    ] = False,
    transcript: Annotated[
        bool,
        typer.Option(
            "--transcript",
            help="Write what is said into the folder, too, an utterance a line of JSON.",
        ),
    ] = False,
    one_way: Annotated[
        bool,
        typer.Option(
            "--one-way",
            help="Pass the original on in a direction that the engine can't serve.",
        ),
    ] = False,
    host: _HostOption = "127.0.0.1",
    port: _PortOption = 8000,
    path: _PathOption = "/calls",
    public_url: _PublicUrlOption = None,
    anybody: _AnybodyOption = False,
    max_calls: Annotated[
        int, typer.Option(min=1, help="How many calls at once; more are told to try later.")
    ] = 200,
    max_minutes: Annotated[
        float | None,
        typer.Option(min=0.01, help="After how long a call is hung up.", show_default="never"),
    ] = None,
    max_messages_per_s: Annotated[
        float, typer.Option(min=50, help="How fast a socket is read; a voice is 50.")
    ] = 500.0,
    max_message_bytes: Annotated[
        int, typer.Option(min=1_024, help="What a message may have.")
    ] = 262_144,
    wait: Annotated[
        float, typer.Option(min=1, help="Seconds that a call waits for the other of its key.")
    ] = 120.0,
    when_one_leaves: Annotated[
        Leaving,
        typer.Option(
            help="Whether the other of a bridge is hung up too, or waits for another of its key."
        ),
    ] = Leaving.end,
    drain: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds that calls may go on after SIGTERM, which refuses new ones."
        ),
    ] = 300.0,
    log_format: Annotated[
        LogForm, typer.Option(help="json: an object a line, for programs.")
    ] = LogForm.text,
    debug: _DebugOption = False,
) -> None:
    """Serve calls that a platform dials, until SIGTERM: then new ones are refused and the others end in peace.

    GET /health says that it lives, GET /ready (503 if not) whether it takes another call.
    """
    from rawmedia.cli.command import report_failure

    try:
        from rawmedia.cli.dial_in import DialIn
        from rawmedia.cli.serve import Service, run_service

        code = run_service(
            Service(
                dial_in=DialIn(
                    dialect=dialect.value,
                    host=host,
                    port=port,
                    path=path,
                    public_url=public_url,
                    anybody=anybody,
                    max_message_bytes=max_message_bytes,
                ),
                handler=handler.value,
                engine=engine.value,
                source_language=source_language,
                target_languages=tuple(target_languages or ()),
                mix=mix.mode,
                folder=folder,
                record=record,
                transcript=transcript,
                one_way=one_way,
                max_calls=max_calls,
                max_minutes=max_minutes,
                max_messages_per_s=max_messages_per_s,
                wait_s=wait,
                when_one_leaves=when_one_leaves.value,
                drain_s=drain,
                log_format=log_format.value,
                debug=debug,
            ),
            _services(context),
        )
    except Exception as error:
        raise typer.Exit(report_failure(error, debug=debug)) from error
    raise typer.Exit(code)


def _refuse_without_dialect(context: typer.Context) -> None:
    """Refuse options of a call that is dialled where none is.

    Raises:
        ConfigurationError: Says which.
    """
    from rawmedia.errors import ConfigurationError

    options = {"anybody": "--insecure-no-auth", "public_url": "--public-url"}
    options |= {name: f"--{name}" for name in ("host", "port", "path", "wait")}
    for name, option in options.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise ConfigurationError(
                option,
                "is of a call that is dialled; say who dials with --dialect, or leave it out",
            )


def _services(context: typer.Context) -> Services:
    """What a test gives, else the real ones."""
    from rawmedia.cli.services import Services

    return context.obj if isinstance(context.obj, Services) else Services()


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
