"""libsndfile through soundfile, imported when a file first needs it, and never sought in."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from rawmedia.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Callable


class Libsndfile(NamedTuple):
    """What of soundfile is used here; it has no types of its own."""

    open: Callable[..., Any]
    """``soundfile.SoundFile``, going forward only."""
    error: type[Exception]
    """What it raises, besides ``AssertionError`` where fewer samples were written."""
    version: str


@cache
def libsndfile() -> Libsndfile:
    """Import soundfile.

    Raises:
        MissingDependencyError: It or the C library under it is not installed.
    """
    try:
        import soundfile
    except (ImportError, OSError) as error:
        # The wheels bring libsndfile with them, but for fewer platforms than Python runs on.
        raise MissingDependencyError(
            f"libsndfile ({error})",
            "reading audio files and writing FLAC and Ogg Opus",
            "pip install soundfile, and where that is not enough: apt install libsndfile1",
        ) from error

    class ForwardSound(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
        # soundfile seeks after every read and write, to where the file is already. At the end
        # of a FLAC file of unknown length libsndfile cannot do that, and what it has just
        # decoded is lost; in an MP3 it forgets the frames that the next ones build on, and
        # decodes noise.
        def seekable(self) -> bool:
            return False

    return Libsndfile(ForwardSound, soundfile.SoundFileError, soundfile.__libsndfile_version__)


__all__ = ["Libsndfile", "libsndfile"]
