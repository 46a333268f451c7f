"""What a file is, without reading its audio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawmedia.files.reader import AudioFileReader

if TYPE_CHECKING:
    import os

    from rawmedia.audio.format import AudioFormat


@dataclass(frozen=True, slots=True)
class AudioFileInfo:
    """What the header of an audio file says."""

    path: str
    format: AudioFormat
    """What a reader's frames are."""
    container: str
    """The file's format as libsndfile calls it, such as ``"WAV"``, ``"OGG"``, ``"MP3"``."""
    encoding: str
    """What is in it as libsndfile calls it, such as ``"PCM_16"``, ``"ULAW"``, ``"OPUS"``."""
    duration_ms: float | None
    """How long the file says it is, not how long it is; None where it does not say."""
    warning: str | None
    """How the file was cut short, where that can be told without reading it."""


def probe(path: str | os.PathLike[str]) -> AudioFileInfo:
    """Open a file, look, and close it.

    Raises:
        UnreadableFileError: It is missing, a folder, empty, not audio or broken.
        UnsupportedFormatError: Its rate or channels are outside `AudioFormat`'s range.
        MissingDependencyError: libsndfile is not installed.
    """
    with AudioFileReader(path) as reader:
        return AudioFileInfo(
            reader.path,
            reader.format,
            reader.container,
            reader.encoding,
            reader.duration_ms,
            reader.warning,
        )


__all__ = ["AudioFileInfo", "probe"]
