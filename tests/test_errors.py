"""Every error: typed, picklable, with facts and a text that a person can act on."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from typing import get_args

import pytest

from rawmedia import errors
from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.errors import RawMediaError

CAUSE = OSError(104, "connection reset")

EXAMPLES: list[RawMediaError] = [
    errors.AudioError("no audio"),
    errors.AuthenticationError("azure", "the key was refused"),
    errors.ClockError("a thread can't wait in virtual time"),
    errors.ConfigurationError("capacity_ms", "20 to 3600000, not 5"),
    errors.ContainerError("an Ogg page", "65536 bytes without one"),
    errors.EndOfStreamError(),
    errors.EngineCrashedError("pocketsphinx", "its process ended with signal 9"),
    errors.EngineFailedError("pocketsphinx", "it answered nonsense"),
    errors.FileWriteError("out.wav", "no space left on device"),
    errors.FormatMismatchError(SPEECH, TELEPHONY),
    errors.MediaFileError("in.wav", "is a directory"),
    errors.MissingDependencyError("apertium", "offline translation", "apt install apertium"),
    errors.NetworkError("azure", "no route to host"),
    errors.PacketError("version 2", "version 0"),
    errors.PayloadError("whole samples of 2 bytes", "3 bytes"),
    errors.RawMediaError("anything"),
    errors.ServiceError("azure", "quota exceeded", retryable=False),
    errors.StreamClosedError(),
    errors.StreamEndedError(),
    errors.StreamError("anything"),
    errors.StreamFailedError(CAUSE),
    errors.StreamOverflowError(2_000, 20.5),
    errors.StreamTimeoutError("send", 1.5, 320),
    errors.StreamUseError("a stream has one callback"),
    errors.TranslatorClosedError("azure"),
    errors.TranslatorError("azure", "anything"),
    errors.TranslatorOverloadedError("azure", 10_020.0),
    errors.TranslatorStalledError("azure", "it took no audio for 30000 ms"),
    errors.UnreadableFileError("in.wav", "no such file"),
    errors.UnsupportedChangeError("target_languages", "can't be changed while it runs"),
    errors.UnsupportedFormatError("1 to 8 channels", "9"),
    errors.UnsupportedLanguageError("tlh", "target", ["es", "fr"]),
]


def every_class() -> list[type[RawMediaError]]:
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, RawMediaError)
    ]


def name(value: object) -> str:
    return value.__name__ if isinstance(value, type) else type(value).__name__


def test_there_is_an_example_of_every_error() -> None:
    """So that what is said below is said of all."""
    assert {type(error) for error in EXAMPLES} == set(every_class())


def test_all_is_complete_and_in_order() -> None:
    assert errors.__all__ == sorted({"Fault", *(kind.__name__ for kind in every_class())})


def test_the_drawn_tree_is_the_real_one() -> None:
    """The drawing is where people look first; one that lies is worse than none."""
    assert errors.__doc__ is not None
    drawn: dict[str, str | None] = {}
    ancestors: list[str] = []
    for line in errors.__doc__.splitlines():
        found = re.match(r"^ {4}([│├└─ ]*)(\w+Error)\b", line)
        if found:
            depth, kind = len(found[1]) // 4, found[2]
            del ancestors[depth:]
            drawn[kind] = ancestors[-1] if ancestors else None
            ancestors.append(kind)
    real = {
        kind.__name__: None if kind is RawMediaError else kind.__bases__[0].__name__
        for kind in every_class()
    }
    assert drawn == real


@pytest.mark.parametrize("error", EXAMPLES, ids=name)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_survives_pickling(error: RawMediaError, protocol: int) -> None:
    """Engines live in other processes, and their errors come home in a pickle."""
    twin = pickle.loads(pickle.dumps(error, protocol))
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    facts, twins = dict(vars(error)), dict(vars(twin))
    if isinstance(error, errors.StreamFailedError):  # exceptions don't compare
        assert repr(facts.pop("cause")) == repr(twins.pop("cause"))
    assert twins == facts
    assert twin.retryable == error.retryable
    assert str(copy.copy(error)) == str(error)


def test_what_a_failed_send_had_accepted_survives_pickling() -> None:
    error = errors.StreamClosedError()
    error.accepted_samples = 77
    assert pickle.loads(pickle.dumps(error)).accepted_samples == 77
    late = pickle.loads(pickle.dumps(errors.StreamTimeoutError("send", 1.5, 320)))
    assert (late.verb, late.timeout, late.accepted_samples) == ("send", 1.5, 320)


@pytest.mark.parametrize("error", EXAMPLES, ids=name)
def test_every_error_says_whose_fault_it_is(error: RawMediaError) -> None:
    assert error.fault in get_args(errors.Fault)
    assert isinstance(error.retryable, bool)


@pytest.mark.parametrize("error", EXAMPLES, ids=name)
def test_every_text_is_for_a_person(error: RawMediaError) -> None:
    """No tuple of arguments, no object's address, no name of a class of ours."""
    text = str(error)
    assert text
    assert not re.search(r"object at 0x|<class |AudioFormat\(|\bNone\b|^\(|\\n", text)
    for kind in every_class():
        assert kind.__name__ not in text


@pytest.mark.parametrize("kind", every_class(), ids=name)
def test_every_class_says_what_still_works(kind: type[RawMediaError]) -> None:
    assert kind.__doc__
    assert inspect.getdoc(kind) != inspect.getdoc(kind.__bases__[0])
    first = kind.__doc__.splitlines()[0]
    assert first.endswith((".", "``problem`` says.")), first


@pytest.mark.parametrize(
    ("kind", "standard"),
    [
        (errors.ConfigurationError, ValueError),
        (errors.AudioError, ValueError),
        (errors.EndOfStreamError, EOFError),
        (errors.StreamTimeoutError, TimeoutError),
        (errors.MissingDependencyError, ImportError),
        (errors.ClockError, RuntimeError),
    ],
    ids=name,
)
def test_programs_that_know_only_the_standard_errors_can_catch_them(
    kind: type[RawMediaError], standard: type[Exception]
) -> None:
    assert issubclass(kind, standard)


def test_texts_carry_the_facts() -> None:
    texts = {type(error).__name__: str(error) for error in EXAMPLES}
    assert texts["StreamTimeoutError"] == "send waited 1.5 s in vain (320 samples accepted)"
    assert texts["FormatMismatchError"] == "expected 16000 Hz mono, got 8000 Hz mono"
    assert texts["StreamFailedError"].startswith("the stream failed: ConnectionResetError: ")
    assert texts["UnsupportedLanguageError"].endswith("no 'tlh'; it has es, fr")
    assert "apt install apertium" in texts["MissingDependencyError"]
    assert "20.5 ms" in texts["StreamOverflowError"]
    assert "10020 ms" in texts["TranslatorOverloadedError"]
    assert texts["FileWriteError"] == "out.wav: no space left on device"
    assert str(errors.UnsupportedLanguageError("tlh", "source")).endswith("no 'tlh'")


def test_a_failed_streams_error_points_at_what_failed_it() -> None:
    assert errors.StreamFailedError(CAUSE).cause is CAUSE
