"""`rawmedia live`: somebody here, and a call."""

# No `from __future__ import annotations` here: typer reads the annotations as they are.

from pathlib import Path
from typing import Annotated

import typer

from rawmedia.cli.options.shared import (
    AnybodyOption,
    DebugOption,
    Engine,
    EngineOption,
    HostOption,
    Mix,
    PathOption,
    Platform,
    PortOption,
    PublicUrlOption,
    services_of,
)


def live(
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
    engine: EngineOption = Engine.auto,
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
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    path: PathOption = "/calls",
    public_url: PublicUrlOption = None,
    anybody: AnybodyOption = False,
    wait: Annotated[
        float, typer.Option(min=1, help="Seconds that the call is waited for until it is dialled.")
    ] = 300.0,
    folder: Annotated[
        Path | None, typer.Option(help="Where captions and a report go.", show_default=False)
    ] = None,
    debug: DebugOption = False,
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
            services_of(context),
            debug=debug,
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


__all__ = ["live"]
