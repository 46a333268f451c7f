from __future__ import annotations

import errno
import inspect

import pytest
from pydantic import ValidationError

from rawmedia import errors
from rawmedia.adapters.soundcard import DeviceLostError, SoundDeviceError, SoundSystemError
from rawmedia.cli.errors import NobodyDialledError
from rawmedia.cli.exits import MEANINGS, ExitCode
from rawmedia.cli.failures import ADVICE, explain
from rawmedia.errors import (
    AuthenticationError,
    ConfigurationError,
    EngineCrashedError,
    FileWriteError,
    MissingDependencyError,
    NetworkError,
    RawMediaError,
    ServiceError,
    StreamFailedError,
    UnreadableFileError,
    UnsupportedFormatError,
    UnsupportedLanguageError,
)
from rawmedia.translators.request import TranslationRequest


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnsupportedLanguageError("de", "target", ["es"]), ExitCode.USAGE),
        (ConfigurationError("voice", "there is none"), ExitCode.USAGE),
        (MissingDependencyError("x", "y", "z"), ExitCode.NOT_INSTALLED),
        (UnreadableFileError("a.wav", "is empty"), ExitCode.INPUT),
        (UnsupportedFormatError("1 to 8 channels", "9"), ExitCode.INPUT),
        (FileWriteError("o.wav", "No space left on device"), ExitCode.OUTPUT),
        (OSError(errno.ENOSPC, "No space left on device"), ExitCode.OUTPUT),
        (AuthenticationError("azure", "refused"), ExitCode.FAILED),
        (NetworkError("azure", "unreachable"), ExitCode.FAILED),
        (ServiceError("azure", "busy"), ExitCode.FAILED),
        (EngineCrashedError("offline", "gone"), ExitCode.FAILED),
        (DeviceLostError("USB", "input", "it stopped"), ExitCode.FAILED),
        (SoundSystemError("it hangs"), ExitCode.FAILED),
        (NobodyDialledError("ws://127.0.0.1:8000/calls", 300), ExitCode.FAILED),
        (MemoryError(), ExitCode.FAILED),
        (OSError(errno.EIO, "Input/output error"), ExitCode.FAILED),
        (RuntimeError("what?"), ExitCode.FAILED),
    ],
)
def test_every_kind_of_error_has_its_code_and_its_advice(error: Exception, code: ExitCode) -> None:
    """A script goes by the code, a person by the words."""
    failure = explain(error)

    assert failure.exit_code is code
    assert failure.problem
    assert failure.advice.endswith(".")


@pytest.mark.parametrize(
    "error", [DeviceLostError("USB", "input", "it stopped"), SoundSystemError("it hangs")]
)
def test_a_sound_card_is_blamed_for_itself(error: SoundDeviceError | SoundSystemError) -> None:
    """Nobody is to report a cable that was pulled."""
    assert error.problem in explain(error).problem
    assert explain(error).advice.startswith("The sound card is at fault.")


def test_the_cause_is_told_and_not_who_passed_it_on() -> None:
    """Groups of tasks and streams wrap what went wrong, several times over."""
    cause = FileWriteError("o.wav", "No space left on device")
    wrapped = ExceptionGroup("tasks", [StreamFailedError(ExceptionGroup("more", [cause]))])

    assert explain(wrapped) == explain(cause)
    assert explain(wrapped).problem == "o.wav: No space left on device"


def test_a_setting_that_pydantic_refuses_is_one_line_with_the_option() -> None:
    """Its own text is four lines with a link to its documentation."""
    with pytest.raises(ValidationError) as caught:
        TranslationRequest(source_language="??", target_languages=("!!",))

    failure = explain(caught.value)

    assert failure.exit_code is ExitCode.USAGE
    assert "\n" not in failure.problem
    assert failure.problem.startswith("--from: '??' is not a BCP-47")
    assert "--to: '!!' is not a BCP-47" in failure.problem


def test_a_refusal_of_the_whole_is_told_without_an_option() -> None:
    """Some rules are about several settings at once."""
    with pytest.raises(ValidationError) as caught:
        TranslationRequest(source_language="en", target_languages=("es", "ES"))

    assert explain(caught.value).problem == "a target language is named twice: es, ES"


def test_every_exit_code_has_a_meaning() -> None:
    """The help is made of them."""
    assert set(MEANINGS) == set(ExitCode)


def test_every_error_of_the_library_that_a_user_can_cause_has_an_answer() -> None:
    """Only streams and clocks are this program's own business; a new error needs a new line."""
    own = (errors.StreamError, errors.ClockError)
    bases = {RawMediaError, errors.MediaFileError}
    kinds = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, RawMediaError) and not issubclass(kind, own)
    }
    answered = tuple(kind for kind, _, _ in ADVICE)

    assert {kind for kind in kinds - bases if not issubclass(kind, answered)} == set()
