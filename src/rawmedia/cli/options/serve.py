"""`rawmedia serve`: calls that a platform dials."""

# No `from __future__ import annotations` here: typer reads the annotations as they are.

from enum import StrEnum
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


def serve(
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
    engine: EngineOption = Engine.auto,
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
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    path: PathOption = "/calls",
    public_url: PublicUrlOption = None,
    anybody: AnybodyOption = False,
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
    debug: DebugOption = False,
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
            services_of(context),
        )
    except Exception as error:
        raise typer.Exit(report_failure(error, debug=debug)) from error
    raise typer.Exit(code)


__all__ = ["serve"]
