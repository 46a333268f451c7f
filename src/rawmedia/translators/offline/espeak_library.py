"""The eSpeak NG library, called through ctypes: one per process, one text at a time."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rawmedia.audio.format import AudioFormat
from rawmedia.errors import (
    ConfigurationError,
    EngineFailedError,
    MissingDependencyError,
    UnsupportedLanguageError,
)
from rawmedia.translators.request import language_matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

ENGINE = "eSpeak NG"

# From speak_lib.h of eSpeak NG 1.52.
_AUDIO_OUTPUT_SYNCHRONOUS: Final = 2
_INITIALIZE_DONT_EXIT: Final = 0x8000
_RATE: Final = 1
_POS_CHARACTER: Final = 1
_CHARS_UTF8: Final = 1  # alone: no SSML, no phonemes in brackets
_EE_OK: Final = 0
_MAX_DATA_PATH: Final = 159
"""Bytes: the library cuts a longer path off and then finds nothing."""

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
# A C string ends at NUL, and 0x01 begins a command to the synthesizer.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class _VoiceRecord(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that is installed."""

    name: str
    """As people call it: "Spanish (Latin America)"."""
    identifier: str
    """As the library finds it: "roa/es-419"."""
    languages: tuple[tuple[int, str], ...]
    """What it speaks, each with a rank; of two voices the lower suits better."""

    @property
    def calls(self) -> tuple[str, ...]:
        """Everything that it is called."""
        return (self.name, self.identifier, *(tag for _, tag in self.languages))


class EspeakLibrary:
    """The loaded library; made by ``load`` alone, because its state is the process's.

    Another copy of eSpeak NG that somebody else loaded from another file is not disturbed.
    """

    def __init__(self, library: Any, sample_rate: int, data_path: Path) -> None:
        self._library = library
        self._variants = {path.name for path in (data_path / "voices" / "!v").iterdir()}
        self._turn = threading.Lock()
        self._take: Callable[[bytes], bool] | None = None
        self._callback = _Callback(
            self._on_audio
        )  # kept, because the library keeps only its address
        library.espeak_SetSynthCallback(self._callback)
        self.format = AudioFormat(sample_rate, 1)
        self.voices = tuple(_voices(library))

    def find_voice(self, language: str, voice: str | None) -> str:
        """What to call ``speak`` with.

        Args:
            language: A BCP-47 tag.
            voice: A voice's name, identifier or language, with "+" and a variant if wanted
                ("es+f3"), or None for the one that suits the language best.

        Raises:
            UnsupportedLanguageError: No voice speaks the language.
            ConfigurationError: There is no such voice.
        """
        if voice is None:
            return self._best_voice(language).identifier
        name, plus, variant = voice.partition("+")
        if not plus or variant in self._variants:
            for each in self.voices:
                if name.lower() in (call.lower() for call in each.calls):
                    return f"{each.identifier}{plus}{variant}"
        raise ConfigurationError("voice", f"{ENGINE} has no voice {voice!r}")

    def speak(
        self, text: str, voice: str, words_per_minute: int, take: Callable[[bytes], bool]
    ) -> None:
        """Synthesize; blocks until it is done, and while another thread's turn lasts.

        Args:
            text: Spoken as plain text.
            voice: From ``find_voice``.
            words_per_minute: 80 to 450.
            take: Called in this thread with mono int16 samples, some 60 ms at a time; must
                not raise. The first False ends the speech.

        Raises:
            EngineFailedError: The library refused the voice or the text.
        """
        data = _CONTROL.sub(" ", text).encode()
        with self._turn:
            if self._library.espeak_SetVoiceByName(voice.encode()) != _EE_OK:
                raise EngineFailedError(ENGINE, f"it refused its voice {voice!r}")
            self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
            self._take = take
            status = self._library.espeak_Synth(
                data, len(data) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
            )
            self._take = None
        if status != _EE_OK:
            raise EngineFailedError(ENGINE, f"it refused the text with status {status}")

    def _on_audio(self, samples: Any, num_samples: int, _events: int | None) -> int:
        if not samples or not num_samples or self._take is None:
            return 0
        return 0 if self._take(ctypes.string_at(samples, 2 * num_samples)) else 1

    def _best_voice(self, language: str) -> Voice:
        candidates = [
            ((_distance(language, tag), rank), voice)
            for voice in self.voices
            for rank, tag in voice.languages
            if language_matches(language, tag)
        ]
        if not candidates:
            raise UnsupportedLanguageError(language, "target", self.languages)
        return min(candidates, key=lambda candidate: candidate[0])[1]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that some voice speaks, without regions."""
        tags = (tag for voice in self.voices for _, tag in voice.languages)
        return tuple(sorted({tag.split("-")[0].lower() for tag in tags}))


_loading = threading.Lock()
_loaded: list[EspeakLibrary] = []


def load() -> EspeakLibrary:
    """The library; loaded and initialised by the first call, in about 50 ms.

    Raises:
        MissingDependencyError: The package that brings it is not installed.
        EngineFailedError: It could not be loaded or did not find its data.
    """
    with _loading:
        if not _loaded:
            _loaded.append(_load())
        return _loaded[0]


def installed() -> bool:
    """Whether the package that brings the library and its data is there."""
    return importlib.util.find_spec("espeakng_loader") is not None


def missing_espeak() -> MissingDependencyError:
    """The error that says how to install it."""
    return MissingDependencyError(ENGINE, "offline speech", "pip install 'rawmedia[offline]'")


def _load() -> EspeakLibrary:
    if not installed():
        raise missing_espeak()
    import espeakng_loader

    try:
        data_path = os.fsencode(espeakng_loader.get_data_path())
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except (OSError, RuntimeError) as error:
        raise EngineFailedError(ENGINE, f"its library could not be loaded: {error}") from error
    if len(data_path) > _MAX_DATA_PATH:
        raise EngineFailedError(
            ENGINE,
            f"its data lie at a path of {len(data_path)} bytes, and it takes "
            f"{_MAX_DATA_PATH}; install it at a shorter one",
        )
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_VoiceRecord))
    library.espeak_Synth.argtypes = (
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    # A buffer of 0 ms is the library's own choice, 60 ms; it takes no other in this mode.
    sample_rate = library.espeak_Initialize(
        _AUDIO_OUTPUT_SYNCHRONOUS, 0, data_path, _INITIALIZE_DONT_EXIT
    )
    if sample_rate <= 0:
        raise EngineFailedError(ENGINE, f"it found no data in {os.fsdecode(data_path)}")
    return EspeakLibrary(library, sample_rate, Path(os.fsdecode(data_path)))


def _voices(library: Any) -> Iterator[Voice]:
    records = library.espeak_ListVoices(None)
    index = 0
    while records[index]:  # a null pointer ends the list
        record = records[index].contents
        languages = tuple(_languages(record.languages))
        yield Voice(record.name.decode(), record.identifier.decode(), languages)
        index += 1


def _languages(address: int) -> Iterator[tuple[int, str]]:
    """Rank and tag, rank and tag, until a rank of 0: one byte, then a C string."""
    while rank := ctypes.string_at(address, 1)[0]:
        tag = ctypes.string_at(address + 1)
        yield rank, tag.decode()
        address += len(tag) + 2


def _distance(wanted: str, offered: str) -> int:
    """In how many subtags two matching tags differ."""
    return abs(wanted.count("-") - offered.count("-"))


__all__ = ["EspeakLibrary", "Voice", "installed", "load", "missing_espeak"]
