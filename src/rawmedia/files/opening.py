"""Which writer a file's name asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rawmedia.errors import ConfigurationError
from rawmedia.files.flac import FlacWriter
from rawmedia.files.opus import OpusWriter
from rawmedia.files.wav import WavWriter

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from rawmedia.audio.format import AudioFormat
    from rawmedia.files.writer import AudioFileWriter

WRITERS: Mapping[str, type[WavWriter | FlacWriter | OpusWriter]] = {
    ".wav": WavWriter,
    ".flac": FlacWriter,
    ".ogg": OpusWriter,
    ".opus": OpusWriter,
}
"""The writer of every suffix that can be written."""


def check_writable_suffix(path: str | os.PathLike[str]) -> None:
    """Refuse a name that no writer has, before any work is done for it.

    Raises:
        ConfigurationError: The suffix is none of ``WRITERS``.
    """
    if Path(path).suffix.lower() not in WRITERS:
        raise ConfigurationError(
            str(path), f"audio is written as {', '.join(WRITERS)}; the name must end in one of them"
        )


def open_writer(path: str | os.PathLike[str], format: AudioFormat) -> AudioFileWriter:
    """Start an audio file of the kind that its suffix names, in any case.

    Args:
        path: Ends in ``.wav`` (16-bit PCM), ``.flac``, or ``.ogg`` or ``.opus`` (both Ogg
            Opus). A file that exists is replaced.
        format: What the frames will be.

    Raises:
        ConfigurationError: Another suffix.
        FileWriteError: The file cannot be made: no such folder, no permission, disk full.
        MissingDependencyError: FLAC or Opus, and libsndfile is not installed.
        UnsupportedFormatError: Opus, and the rate cannot be converted to one that it has.
    """
    check_writable_suffix(path)
    return WRITERS[Path(path).suffix.lower()](path, format)


__all__ = ["WRITERS", "check_writable_suffix", "open_writer"]
