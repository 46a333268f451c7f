"""What several commands have in common."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rawmedia.cli.services import Services
    from rawmedia.sessions.mixing.config import MixMode


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


_MODES: dict[Mix, MixMode] = {
    Mix.alone: "replace",
    Mix.ducked: "duck",
    Mix.both: "side_by_side",
}
EngineOption = Annotated[
    Engine,
    typer.Option(
        help="azure: Microsoft's Speech service, needs AZURE_SPEECH_KEY and AZURE_SPEECH_REGION. "
        "offline: no key and no network, English to Spanish, for trying out. auto: azure where "
        "it is configured, else offline."
    ),
]
RealtimeOption = Annotated[
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
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show nothing but warnings and errors.")
]
DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug", envvar="RAWMEDIA_DEBUG", help="Show where in the program an error came up."
    ),
]
HostOption = Annotated[str, typer.Option(help="Where to listen for who dials; TLS is a proxy's.")]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="Likewise.")]
PathOption = Annotated[
    str,
    typer.Option(
        help="Where the WebSocket is; /calls/{key}/{language} has in the path what is in the query else."
    ),
]
PublicUrlOption = Annotated[
    str | None,
    typer.Option(
        help="The URL that Twilio was given, where a proxy changes it.", show_default=False
    ),
]
AnybodyOption = Annotated[
    bool,
    typer.Option(
        "--insecure-no-auth",
        help="Let everybody dial: to try it out. Otherwise ACS's tokens are checked (ACS_AUDIENCE "
        "is the resource's immutable id) or Twilio's signatures (TWILIO_AUTH_TOKEN).",
    ),
]


def services_of(context: typer.Context) -> Services:
    """What a test gives, else the real ones."""
    from rawmedia.cli.services import Services

    return context.obj if isinstance(context.obj, Services) else Services()


__all__ = [
    "AnybodyOption",
    "DebugOption",
    "Engine",
    "EngineOption",
    "HostOption",
    "Mix",
    "PathOption",
    "Platform",
    "PortOption",
    "PublicUrlOption",
    "QuietOption",
    "RealtimeOption",
    "services_of",
]
