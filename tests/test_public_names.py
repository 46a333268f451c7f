"""The public surface, pinned: a name comes or goes here on purpose or not at all."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import rawmedia

PUBLIC = {
    "SPEECH",
    "TELEPHONY",
    "WEBRTC",
    "WIDEBAND_VOICE",
    "AudioFormat",
    "AudioFrame",
    "AzureOptions",
    "AzureSpeechConfig",
    "AzureTranslator",
    "Bridge",
    "CallLeg",
    "CascadeTranslator",
    "Clock",
    "Direction",
    "DirectionSetup",
    "FileLeg",
    "FinalTranslation",
    "InboundAudioStream",
    "Interpreter",
    "Mixing",
    "OutboundAudioStream",
    "PartialTranslation",
    "Progress",
    "RawMediaError",
    "Room",
    "TimeSpan",
    "TranslatedAudio",
    "Translation",
    "TranslationEvent",
    "TranslationRequest",
    "Translator",
    "TranslatorCapabilities",
    "TranslatorWarning",
    "Usage",
    "UtteranceEnded",
    "__version__",
    "audio_pair",
    "choose_translator",
    "translator",
}

SOURCE = Path(rawmedia.__file__).parent


def modules() -> list[str]:
    """Every module of the package by name."""
    paths = (path.relative_to(SOURCE.parent) for path in SOURCE.rglob("*.py"))
    names = (".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths)
    return sorted(name for name in names if not name.endswith("__main__"))


def test_the_package_offers_these_names_and_no_others() -> None:
    """Callers build on every one of them."""
    assert set(rawmedia.__all__) == PUBLIC


def test_every_public_name_can_be_had() -> None:
    """Names are loaded lazily, so a wrong home would show only at its first use."""
    for name in rawmedia.__all__:
        assert getattr(rawmedia, name) is not None


def test_the_lazy_names_are_those_that_a_type_checker_sees() -> None:
    """A type checker reads the imports, a program the table; they must not differ."""
    lazy = {name for names in rawmedia._HOMES.values() for name in names}
    assert lazy == PUBLIC - {"__version__"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    """`hasattr` and misspelt imports rely on it."""
    with pytest.raises(AttributeError, match="no attribute 'Inbound'"):
        _ = rawmedia.Inbound


def test_dir_shows_the_lazy_names() -> None:
    """An interactive user finds them by the tab key."""
    assert set(dir(rawmedia)) >= PUBLIC


@pytest.mark.parametrize("module", modules())
def test_every_name_in_all_exists(module: str) -> None:
    """A star import must not fail, and each module says what is public in it."""
    loaded = import_module(module)
    for name in getattr(loaded, "__all__", ()):
        assert hasattr(loaded, name), f"{module}.__all__ names {name}, which is not there"


@pytest.mark.parametrize("module", modules())
def test_a_lazy_name_is_in_all(module: str) -> None:
    """What a package loads when it is asked for is public, and said to be."""
    loaded = import_module(module)
    lazy = {name for names in getattr(loaded, "_HOMES", {}).values() for name in names}
    assert lazy <= set(getattr(loaded, "__all__", ()))


def test_importing_the_package_loads_nothing_heavy() -> None:
    """A command line or a worker process must not pay for what it does not use."""
    heavy = [
        "numpy",
        "pydantic",
        "asyncio",
        "soundfile",
        "azure",
        "pocketsphinx",
        "espeakng_loader",
        "av",
        "typer",
        "rich",
    ]
    code = f"import sys, rawmedia; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_streams_load_no_engine_and_no_configuration() -> None:
    """A program that only moves audio needs neither pydantic nor any engine."""
    heavy = [
        "pydantic",
        "soundfile",
        "azure",
        "pocketsphinx",
        "espeakng_loader",
        "av",
        "typer",
        "rich",
    ]
    code = (
        "import sys; from rawmedia import AudioFormat, InboundAudioStream, OutboundAudioStream, audio_pair; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
