"""Opening a file to read, and saying in words why it is not audio."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from rawmedia.errors import UnreadableFileError

if TYPE_CHECKING:
    import io

_KINDS = "WAV, FLAC, MP3, Ogg Vorbis, Ogg Opus or another format of libsndfile"
_MAGIC = {
    b"RIFF": "WAV",
    b"RF64": "WAV",
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"ID3": "MP3",
    b"FORM": "AIFF",
    b".snd": "AU",
    b"caff": "CAF",
}


def open_regular(path: str) -> io.FileIO:
    """Open a file, and nothing else that has a name.

    Raises:
        UnreadableFileError: It is missing, a folder, a pipe or device, empty or forbidden.
    """
    try:
        # Looked at before it is opened: opening a pipe waits for whoever writes to it.
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableFileError(path, f"is a folder; expected a file: {_KINDS}")
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFileError(path, f"is a pipe or a device; expected a file: {_KINDS}")
        if status.st_size == 0:
            raise UnreadableFileError(path, f"is empty; expected {_KINDS}")
        return open(path, "rb", buffering=0)  # noqa: PTH123 -- the caller closes it
    except FileNotFoundError as error:
        raise UnreadableFileError(path, "there is no such file") from error
    except (OSError, ValueError) as error:
        # ValueError: a path with a NUL in it.
        reason = getattr(error, "strerror", None) or error
        raise UnreadableFileError(path, f"cannot be opened: {reason}") from error


def not_audio(head: bytes, error: Exception) -> str:
    """Why libsndfile refused a file that starts with ``head``."""
    why = str(getattr(error, "error_string", error)).rstrip(".")
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return f"starts like {kind}, but is cut short or damaged before its audio ({why})"
    return f"is not audio: expected {_KINDS}, it starts with {head!r} ({why})"


__all__ = ["not_audio", "open_regular"]
