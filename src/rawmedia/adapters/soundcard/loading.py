"""Loads sounddevice, which starts PortAudio."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rawmedia.adapters.soundcard.errors import SoundSystemError
from rawmedia.adapters.soundcard.in_time import in_time
from rawmedia.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEEDED_FOR = "the sound card"


def load_sounddevice(patience_s: float) -> Any:
    """The package ``sounddevice``, with PortAudio running.

    Args:
        patience_s: How long PortAudio may take to look at all devices.

    Raises:
        MissingDependencyError: sounddevice or PortAudio is not installed.
        SoundSystemError: PortAudio does not start.
    """
    try:
        with _stderr_kept():
            return in_time(_import, patience_s, "starting PortAudio")
    except ImportError:
        raise MissingDependencyError(
            "sounddevice", _NEEDED_FOR, "pip install 'rawmedia[soundcard]'"
        ) from None
    except OSError:
        raise missing_portaudio() from None
    except SoundSystemError:
        raise
    except Exception as error:
        # sounddevice's own PortAudioError, whose class is lost with the module.
        raise SoundSystemError(str(error)) from error


def missing_portaudio() -> MissingDependencyError:
    """The error of a machine without it."""
    return MissingDependencyError("PortAudio", _NEEDED_FOR, "sudo apt-get install libportaudio2")


def _import() -> Any:
    import sounddevice

    return sounddevice


@contextmanager
def _stderr_kept() -> Iterator[None]:
    """While PortAudio starts, sounddevice sends the process's errors to nowhere; if it hangs, for ever."""
    try:
        kept = os.dup(2)
    except OSError:  # a program without one
        yield
        return
    try:
        yield
    except SoundSystemError:
        os.dup2(kept, 2)
        raise
    finally:
        os.close(kept)


__all__ = ["load_sounddevice", "missing_portaudio"]
