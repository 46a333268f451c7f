"""What went wrong, in words for a person: what happened, whose fault it is, what to do next."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from pydantic import ValidationError

from rawmedia.adapters.soundcard.errors import SoundDeviceError, SoundSystemError
from rawmedia.cli.errors import NobodyDialledError
from rawmedia.cli.exits import ExitCode
from rawmedia.cli.printable import printable
from rawmedia.errors import (
    AudioError,
    AuthenticationError,
    ConfigurationError,
    FileWriteError,
    MissingDependencyError,
    NetworkError,
    ServiceError,
    StreamFailedError,
    TranslatorError,
    UnreadableFileError,
    UnsupportedLanguageError,
)

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_CORRECT = "Nothing was started. Correct it and run the command again; --help lists the options."
_CHOOSE = "Nothing was started. Choose one of its languages, or another engine with --engine."
_INSTALL = "`rawmedia doctor` shows what else is missing."
_NO_AUDIO = (
    "The input is at fault. Check the path, and that a player plays it (WAV, FLAC, MP3, Ogg)."
)
_CONVERT = "The input is at fault. Convert it first, for instance to a WAV file of 16000 Hz."
_MAKE_ROOM = "The input is in order. Make room, or choose another place, and run the command again."
_CREDENTIALS = (
    "The input is in order. Correct AZURE_SPEECH_KEY and the region, or try --engine offline."
)
_NETWORK = "The network is at fault. Try again when it works, or try --engine offline."
_SERVICE = "The service or its resource is at fault. Try again later, or try --engine offline."
_ENGINE = "The engine is at fault. Try again; if it fails again, --debug shows where."
_SOUND = (
    "The sound card is at fault. Check that it is plugged in and that no other program has it; "
    "`rawmedia devices` lists what there is."
)
_DIAL = (
    "Nothing was lost. Check that the platform dials this address, through a tunnel or a proxy where it "
    "comes from outside; --wait gives it more time."
)
_MEMORY = "The machine is at fault. Close other programs and try again."
_BUG = "This is a fault of rawmedia. Please report it, with what --debug prints."

ADVICE: tuple[tuple[type[BaseException], ExitCode, str], ...] = (
    (UnsupportedLanguageError, ExitCode.USAGE, _CHOOSE),
    (ConfigurationError, ExitCode.USAGE, _CORRECT),
    (ValidationError, ExitCode.USAGE, _CORRECT),
    (MissingDependencyError, ExitCode.NOT_INSTALLED, _INSTALL),
    (UnreadableFileError, ExitCode.INPUT, _NO_AUDIO),
    (AudioError, ExitCode.INPUT, _CONVERT),
    (FileWriteError, ExitCode.OUTPUT, _MAKE_ROOM),
    (AuthenticationError, ExitCode.FAILED, _CREDENTIALS),
    (NetworkError, ExitCode.FAILED, _NETWORK),
    (ServiceError, ExitCode.FAILED, _SERVICE),
    (TranslatorError, ExitCode.FAILED, _ENGINE),
    (SoundDeviceError, ExitCode.FAILED, _SOUND),
    (SoundSystemError, ExitCode.FAILED, _SOUND),
    (NobodyDialledError, ExitCode.FAILED, _DIAL),
)
"""What to exit with and what to say, by class; the first that fits counts."""

_OPTIONS = {
    "engine": "--engine",
    "path": "--path",
    "port": "--port",
    "source language": "--from",
    "source_language": "--from",
    "target language": "--to",
    "target_languages": "--to",
    "voice": "--voice",
    "voices": "--voice",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What a person is told."""

    exit_code: ExitCode
    problem: str
    """What happened, on one line."""
    advice: str
    """Whose fault it is and what to do next."""


def explain(error: BaseException) -> Failure:
    """Put an error into words; one that nobody foresaw is this program's own fault."""
    error = root_cause(error)
    for kind, code, advice in ADVICE:
        if isinstance(error, kind):
            return Failure(code, _problem(error), advice)
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return Failure(ExitCode.OUTPUT, _problem(error), _MAKE_ROOM)
    if isinstance(error, MemoryError):
        return Failure(ExitCode.FAILED, "this machine has no memory left", _MEMORY)
    return Failure(ExitCode.FAILED, f"{type(error).__name__}: {_problem(error)}", _BUG)


def root_cause(error: BaseException) -> BaseException:
    """What really went wrong, where a stream or a group of tasks only passed it on."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif isinstance(error, StreamFailedError):
            error = error.cause
        else:
            return error


def _problem(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        return printable("; ".join(_refusals(error)))
    if isinstance(error, ConfigurationError) and error.setting in _OPTIONS:
        return printable(f"{_OPTIONS[error.setting]}: {error.problem}")
    return printable(error)


def _refusals(error: ValidationError) -> list[str]:
    refusals = []
    for each in error.errors(include_url=False, include_context=False):
        where = str(each["loc"][0]) if each["loc"] else ""
        option = _OPTIONS.get(where, where)
        text = each["msg"].removeprefix("Value error, ")
        refusals.append(f"{option}: {text}" if option else text)
    return refusals


__all__ = ["ADVICE", "Failure", "explain", "root_cause"]
