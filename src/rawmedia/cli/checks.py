"""Looks at what rawmedia can use on this machine; starts nothing and shows no secret."""

from __future__ import annotations

import ctypes.util
import importlib
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from importlib.util import find_spec

from rawmedia.errors import ConfigurationError, MissingDependencyError, RawMediaError
from rawmedia.files.sound import libsndfile
from rawmedia.translators.azure.config import AzureSpeechConfig
from rawmedia.translators.azure.errors import missing_sdk

_AZURE_SDK = "azure-cognitiveservices-speech"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    needed_for: str
    found: str | None
    """What is there; None where it is missing or does not work."""
    problem: str | None = None
    """Why it counts as missing, where more is known than that."""
    command: str | None = None
    """What adds it, where it is missing and a command does."""


def check_python() -> Check:
    """Python and what it runs on."""
    where = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check(name="Python", needed_for="everything", found=where)


def check_rawmedia() -> Check:
    """This package."""
    from rawmedia import __version__

    return Check(name="rawmedia", needed_for="everything", found=__version__)


def check_numpy() -> Check:
    """The package that holds the audio."""
    return Check(name="numpy", needed_for="everything", found=_version("numpy"))


def check_libsndfile() -> Check:
    """The library that reads and writes files, and the package that brings it."""
    name, needed_for = "soundfile", "audio files"
    try:
        library = libsndfile()
    except MissingDependencyError as error:
        return _missing(name, needed_for, error)
    return Check(
        name=name,
        needed_for=needed_for,
        found=f"{_version('soundfile')}, libsndfile {library.version}",
    )


def check_pocketsphinx() -> Check:
    """The recogniser of the offline engine."""
    from rawmedia.translators.offline.pocketsphinx import missing_pocketsphinx

    name, needed_for = "PocketSphinx", "offline: hearing"
    if find_spec("pocketsphinx") is None:
        return _missing(name, needed_for, missing_pocketsphinx())
    return Check(name=name, needed_for=needed_for, found=_version("pocketsphinx"))


def check_apertium(needed_for: str, *modes: str) -> Check:
    """The translator of the offline engine, with the data for one pair of languages or a chain."""
    from rawmedia.translators.offline.apertium import missing_mode, mode_path

    name = f"Apertium {', '.join(modes)}"
    paths = [mode_path(mode) for mode in modes]
    for mode, path in zip(modes, paths, strict=True):
        if path is None:
            return _missing(name, needed_for, missing_mode(mode))
    return Check(name=name, needed_for=needed_for, found=str(paths[0] and paths[0].parent))


def check_espeak() -> Check:
    """The voice of the offline engine."""
    from rawmedia.translators.offline import espeak_library

    name, needed_for = "eSpeak NG", "offline: speaking"
    try:
        library = espeak_library.load()
    except MissingDependencyError as error:
        return _missing(name, needed_for, error)
    except RawMediaError as error:
        return Check(name=name, needed_for=needed_for, found=None, problem=str(error))
    return Check(name=name, needed_for=needed_for, found=f"{len(library.voices)} voices")


def check_azure_sdk() -> Check:
    """Microsoft's Speech SDK, loaded for real: it needs libraries of the system."""
    name, needed_for = "Azure Speech SDK", "Azure"
    try:
        importlib.import_module("azure.cognitiveservices.speech")
    except (ImportError, OSError) as error:
        return _missing(name, needed_for, missing_sdk(error))
    return Check(name=name, needed_for=needed_for, found=_version(_AZURE_SDK))


def check_azure_configuration() -> Check:
    """Whether the environment says which Speech resource to use; not whether it is right."""
    name, needed_for = "Azure configuration", "Azure"
    try:
        config = AzureSpeechConfig.from_environment()
    except ConfigurationError as error:
        return Check(
            name=name,
            needed_for=needed_for,
            found=None,
            problem=str(error),
            command="export AZURE_SPEECH_KEY=... AZURE_SPEECH_REGION=...",
        )
    return Check(name=name, needed_for=needed_for, found=f"a key, {config.place}")


def check_libopus() -> Check:
    """The Opus codec, in PyAV's wheel or in the system."""
    name, needed_for = "libopus", "Opus on calls"
    av, system = _version("av"), ctypes.util.find_library("opus")
    places = [f"PyAV {av}"] * (av is not None) + [f"the system's {system}"] * (system is not None)
    return Check(
        name=name,
        needed_for=needed_for,
        found=", ".join(places) or None,
        command=None if places else _pip("'rawmedia[opus]'"),
    )


def check_portaudio() -> Check:
    """What reaches microphone and loudspeaker; no device is needed, for a server has none."""
    from rawmedia.adapters.soundcard import PortAudioBackend

    name, needed_for = "PortAudio", "the sound card"
    try:
        devices = len(PortAudioBackend().devices())
    except MissingDependencyError as error:
        return _missing(name, needed_for, error)
    except RawMediaError as error:
        return Check(name=name, needed_for=needed_for, found=None, problem=str(error))
    found = f"sounddevice {_version('sounddevice')}, {devices} device{'s' * (devices != 1)}"
    return Check(name=name, needed_for=needed_for, found=found)


def _version(package: str) -> str | None:
    try:
        return package_version(package)
    except PackageNotFoundError:
        return None


def _pip(packages: str) -> str:
    """How to install into the environment that this runs in; uv's environments have no pip."""
    return f"pip install {packages}" if find_spec("pip") else f"uv pip install {packages}"


def _missing(name: str, needed_for: str, error: MissingDependencyError) -> Check:
    return Check(
        name=name,
        needed_for=needed_for,
        found=None,
        problem=f"{error.what} is not installed",
        command=error.command,
    )


__all__ = [
    "Check",
    "check_apertium",
    "check_azure_configuration",
    "check_azure_sdk",
    "check_espeak",
    "check_libopus",
    "check_libsndfile",
    "check_numpy",
    "check_pocketsphinx",
    "check_portaudio",
    "check_python",
    "check_rawmedia",
]
