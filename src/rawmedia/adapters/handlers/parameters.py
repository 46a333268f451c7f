"""What a call says of itself as it is dialled: its URL's path and query, and what its platform was told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qsl, urlsplit

from rawmedia.errors import RawMediaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rawmedia.adapters.websocket.leg import WebSocketLeg
    from rawmedia.errors import Fault

_MAX_PARAMETERS = 32
# A name that can stand in a log and, after `CallFolders`, in a file system.
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class BadParameterError(RawMediaError):
    """The call was hung up: its URL, or what the platform was told, has to say something else. Others go on."""

    fault: ClassVar[Fault] = "caller"

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(parameter, problem)
        self.parameter, self.problem = parameter, problem

    def __str__(self) -> str:
        return f"the call's parameter {self.parameter!r}: {self.problem}"


def call_parameters(leg: WebSocketLeg) -> Mapping[str, str]:
    """What was said of a call, by name.

    Twilio keeps no query of a stream's URL and has ``<Parameter>`` elements instead, ACS has the
    URL. All are read: the platform's own come first, then those of the path, where the server's
    route has names, as ``/calls/{key}/{language}`` does, then the query's, and of a name that comes twice the first.
    """
    query = "" if leg.handshake is None else urlsplit(leg.handshake.url).query
    try:
        pairs = parse_qsl(query, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        pairs = []  # more than anybody means
    found = dict(leg.started.parameters)
    in_path = {} if leg.handshake is None else leg.handshake.parameters
    for name, value in (*in_path.items(), *pairs):
        found.setdefault(name, value)
    return found


def required_key(parameters: Mapping[str, str], name: str) -> str:
    """The parameter that names what a call belongs to.

    Raises:
        BadParameterError: There is none, or it is no name of up to 64 letters, digits, dots,
            hyphens and underscores.
    """
    key = parameters.get(name)
    if key is None:
        raise BadParameterError(
            name, "is missing; the URL or the platform's parameters must give it"
        )
    if _KEY.fullmatch(key) is None:
        raise BadParameterError(name, "takes up to 64 letters, digits, '.', '-' and '_'")
    return key


def one_of(parameters: Mapping[str, str], name: str, choices: Iterable[str]) -> str | None:
    """The choice that a parameter names, in any case; None where there is no such parameter.

    Raises:
        BadParameterError: It names none of them.
    """
    wanted = parameters.get(name)
    if wanted is None:
        return None
    for choice in (each := tuple(choices)):
        if choice.casefold() == wanted.casefold():
            return choice
    raise BadParameterError(name, f"takes {' or '.join(each)}")


__all__ = ["BadParameterError", "call_parameters", "one_of", "required_key"]
