"""Every exception of the library, in one tree.

::

    RawMediaError
    ├── ConfigurationError             what was asked for cannot be
    │   ├── UnsupportedLanguageError
    │   └── UnsupportedChangeError
    ├── MissingDependencyError         a package or program is not installed; says how to add it
    ├── AudioError                     a value that is not the audio it should be
    │   ├── UnsupportedFormatError
    │   ├── FormatMismatchError
    │   ├── PayloadError
    │   ├── PacketError                bytes from the network that are no such packet
    │   └── ContainerError             bytes of a stream of pages, such as Ogg
    ├── MediaFileError                 a file; carries its path
    │   ├── UnreadableFileError
    │   └── FileWriteError
    ├── StreamError
    │   ├── EndOfStreamError           the other end finished, and nothing is left
    │   ├── StreamEndedError           this end finished; it may send no more
    │   ├── StreamClosedError          somebody closed the stream
    │   ├── StreamFailedError          the other end broke; ``cause`` says on what
    │   ├── StreamOverflowError        policy "error": no room
    │   ├── StreamTimeoutError         (also a ``TimeoutError``) nothing came, or not all went
    │   └── StreamUseError             two ways of using a stream that exclude each other
    ├── ClockError                     a wait that this clock cannot do
    └── TranslatorError
        ├── TranslatorOverloadedError  the engine is too slow; the frame was not taken
        ├── TranslatorClosedError
        ├── EngineFailedError          the engine broke, or its answer makes no sense
        │   ├── TranslatorStalledError  it takes no audio any more
        │   └── EngineCrashedError     its process or thread is gone
        ├── AuthenticationError        the service refused the credentials
        ├── ServiceError               the service answered with an error
        └── NetworkError               the service could not be reached

Each class says in its first sentence what still works. Errors hold facts, not text, so
they survive pickling; ``fault`` says on whose side the cause lies, and ``retryable``
whether the same call may succeed later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from rawmedia.audio.format import AudioFormat

Fault = Literal["caller", "input", "far end", "engine", "service", "network", "machine"]


class RawMediaError(Exception):
    """The base of all errors that this library raises on purpose."""

    fault: ClassVar[Fault] = "caller"
    """On whose side the cause lies."""
    retryable: bool = False
    """Whether the same call may succeed later with nothing changed."""


class ConfigurationError(RawMediaError, ValueError):
    """Nothing was started; correct the setting and call again."""

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(setting, problem)
        self.setting, self.problem = setting, problem

    def __str__(self) -> str:
        return f"{self.setting}: {self.problem}"


class UnsupportedLanguageError(ConfigurationError):
    """Nothing was started; choose one of ``supported``."""

    def __init__(self, language: str, role: str, supported: Iterable[str] = ()) -> None:
        self.supported = tuple(supported)
        choice = f"; it has {', '.join(self.supported)}" if self.supported else ""
        super().__init__(f"{role} language", f"the engine has no {language!r}{choice}")
        self.args = (language, role, self.supported)
        self.language, self.role = language, role


class UnsupportedChangeError(ConfigurationError):
    """The translation goes on unchanged; open a new one with the new request and hand over."""


class MissingDependencyError(RawMediaError, ImportError):
    """Whatever does not need it still works; ``command`` adds it."""

    fault: ClassVar[Fault] = "machine"

    def __init__(self, what: str, needed_for: str, command: str) -> None:
        super().__init__(what, needed_for, command)
        self.what, self.needed_for, self.command = what, needed_for, command

    def __str__(self) -> str:
        return (
            f"{self.what} is not installed; {self.needed_for} needs it. Add it with: {self.command}"
        )


class AudioError(RawMediaError, ValueError):
    """The audio was not taken; the object that refused it still works."""

    fault: ClassVar[Fault] = "input"


class UnsupportedFormatError(AudioError):
    """No object was made; choose a rate and a number of channels in range."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected, self.got = expected, got

    def __str__(self) -> str:
        return f"expected {self.expected}, got {self.got}"


class FormatMismatchError(AudioError):
    """The frame was not taken; convert it and send it again."""

    fault: ClassVar[Fault] = "caller"

    def __init__(self, expected: AudioFormat, got: AudioFormat) -> None:
        super().__init__(expected, got)
        self.expected, self.got = expected, got

    def __str__(self) -> str:
        return f"expected {self.expected}, got {self.got}"


class PayloadError(AudioError):
    """The bytes or samples were not taken, none of them; the stream or codec still works."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected, self.got = expected, got

    def __str__(self) -> str:
        return f"expected {self.expected}, got {self.got}"


class PacketError(AudioError):
    """The packet was not taken; what comes after it is."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected, self.got = expected, got

    def __str__(self) -> str:
        return f"expected {self.expected}, got {self.got}"


class ContainerError(AudioError):
    """The damaged stretch was passed over; what came before it is good, and what follows is read."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected, self.got = expected, got

    def __str__(self) -> str:
        return f"expected {self.expected}, got {self.got}"


class MediaFileError(RawMediaError):
    """The base of what can be wrong with a file; ``path`` names it."""

    fault: ClassVar[Fault] = "input"

    def __init__(self, path: str | os.PathLike[str], problem: str) -> None:
        super().__init__(str(path), problem)
        self.path, self.problem = str(path), problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class UnreadableFileError(MediaFileError):
    """Nothing from here on was read; the file is missing, empty, not audio or broken, as ``problem`` says."""


class FileWriteError(MediaFileError):
    """What was written before is kept and playable; this and later audio is not written."""

    fault: ClassVar[Fault] = "machine"


class StreamError(RawMediaError):
    """The base of what a stream's verbs raise; of a send, the first ``accepted_samples`` were taken."""

    accepted_samples: int = 0


class EndOfStreamError(StreamError, EOFError):
    """All audio was delivered; the other end has finished and nothing more will come."""

    fault: ClassVar[Fault] = "far end"

    def __str__(self) -> str:
        return "the stream has ended and all of its audio was delivered"


class StreamEndedError(StreamError):
    """The audio was not taken, because ``end()`` came before it; what was sent earlier still plays."""

    def __str__(self) -> str:
        return "end() was called on this stream; it takes no more audio"


class StreamClosedError(StreamError):
    """Nothing works on this stream any more; open another."""

    def __str__(self) -> str:
        return "the stream is closed"


class StreamFailedError(StreamError):
    """The other end broke and the stream is over; ``cause`` is what broke it."""

    fault: ClassVar[Fault] = "far end"

    def __init__(self, cause: BaseException) -> None:
        super().__init__(cause)
        self.cause = cause

    def __str__(self) -> str:
        return f"the stream failed: {type(self.cause).__name__}: {self.cause}"


class StreamOverflowError(StreamError):
    """The audio was not taken, none of it; the stream still works. Read faster, or choose a policy that drops."""

    retryable = True

    def __init__(self, capacity_ms: float, refused_ms: float) -> None:
        super().__init__(capacity_ms, refused_ms)
        self.capacity_ms, self.refused_ms = capacity_ms, refused_ms

    def __str__(self) -> str:
        return f"no room for {self.refused_ms:g} ms in a stream of {self.capacity_ms:g} ms that nobody reads"


class StreamTimeoutError(StreamError, TimeoutError):
    """The stream still works. Of a timed-out send, the first ``accepted_samples`` were taken."""

    fault: ClassVar[Fault] = "far end"
    retryable = True

    def __init__(self, verb: str, timeout: float, accepted_samples: int = 0) -> None:
        super().__init__(verb, timeout, accepted_samples)
        self.verb, self.timeout, self.accepted_samples = verb, timeout, accepted_samples

    def __str__(self) -> str:
        accepted = f" ({self.accepted_samples} samples accepted)" if self.verb == "send" else ""
        return f"{self.verb} waited {self.timeout:g} s in vain{accepted}"


class StreamUseError(StreamError):
    """Nothing changed; the stream still works in the way that it was first used."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem


class ClockError(RawMediaError, RuntimeError):
    """The wait was not begun; the streams still work. Use the door or the clock that the text names."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem


class TranslatorError(RawMediaError):
    """The base of what an engine raises; the audio streams around it still work."""

    fault: ClassVar[Fault] = "engine"

    def __init__(self, engine: str, problem: str) -> None:
        super().__init__(engine, problem)
        self.engine, self.problem = engine, problem

    def __str__(self) -> str:
        return f"{self.engine}: {self.problem}"


class TranslatorOverloadedError(TranslatorError):
    """The frame was not taken; the translation goes on. Wait, or let the oldest audio go."""

    retryable = True

    def __init__(self, engine: str, pending_ms: float) -> None:
        super().__init__(
            engine, f"{pending_ms:g} ms of audio wait to be processed, and no room came"
        )
        self.args = (engine, pending_ms)
        self.pending_ms = pending_ms


class TranslatorClosedError(TranslatorError):
    """The frame was not taken; this translation is over. Open another."""

    fault: ClassVar[Fault] = "caller"

    def __init__(
        self, engine: str, problem: str = "the translation is closed or its input has ended"
    ) -> None:
        super().__init__(engine, problem)


class EngineFailedError(TranslatorError):
    """This translation is over; what it has delivered stays valid. Open another to go on."""

    retryable = True


class TranslatorStalledError(EngineFailedError):
    """This translation takes no audio any more; what it has delivered stays valid. Open another to go on."""


class EngineCrashedError(EngineFailedError):
    """The engine's process is gone and this translation with it; what it has delivered stays valid."""


class AuthenticationError(TranslatorError):
    """Nothing was translated; correct the key, the token or the region. No secret is in this text."""

    fault: ClassVar[Fault] = "caller"


class ServiceError(TranslatorError):
    """This translation is over; the service said why. ``retryable`` says whether later may help."""

    fault: ClassVar[Fault] = "service"

    def __init__(self, engine: str, problem: str, *, retryable: bool = True) -> None:
        super().__init__(engine, problem)
        self.args = (engine, problem)
        self.retryable = retryable


class NetworkError(TranslatorError):
    """This translation is over; the service was not reached. Check the network and open another."""

    fault: ClassVar[Fault] = "network"
    retryable = True


__all__ = [
    "AudioError",
    "AuthenticationError",
    "ClockError",
    "ConfigurationError",
    "ContainerError",
    "EndOfStreamError",
    "EngineCrashedError",
    "EngineFailedError",
    "Fault",
    "FileWriteError",
    "FormatMismatchError",
    "MediaFileError",
    "MissingDependencyError",
    "NetworkError",
    "PacketError",
    "PayloadError",
    "RawMediaError",
    "ServiceError",
    "StreamClosedError",
    "StreamEndedError",
    "StreamError",
    "StreamFailedError",
    "StreamOverflowError",
    "StreamTimeoutError",
    "StreamUseError",
    "TranslatorClosedError",
    "TranslatorError",
    "TranslatorOverloadedError",
    "TranslatorStalledError",
    "UnreadableFileError",
    "UnsupportedChangeError",
    "UnsupportedFormatError",
    "UnsupportedLanguageError",
]
