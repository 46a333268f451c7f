"""Where captions go: a file that grows by whole cues, or a text stream that somebody opened."""

from __future__ import annotations

import os
from typing import Protocol

from rawmedia.errors import FileWriteError
from rawmedia.files.sink import GuardedSink


class TextStream(Protocol):
    """What a text stream must have, as ``sys.stdout`` and ``io.StringIO`` do."""

    def write(self, text: str, /) -> object:
        """Take the text."""
        ...

    def flush(self) -> object:
        """Hand on what was taken."""
        ...


class CaptionTarget(Protocol):
    """What a writer of captions or of a transcript appends to."""

    def append(self, text: str) -> None:
        """Add a whole header, cue or entry; what was added before stays valid if this fails.

        Raises:
            FileWriteError: It could not be added.
        """
        ...

    def close(self) -> None:
        """Give back what was opened here. Twice is harmless."""
        ...


class FileTarget:
    """A file; each append is one write to the operating system, so a killed process tears no piece."""

    def __init__(self, path: str | os.PathLike[str], pieces: str) -> None:
        self._pieces = pieces
        self._path = str(path)
        self._sink = GuardedSink(path)

    def append(self, text: str) -> None:
        """Add the text as UTF-8; one that does not fit on the disk leaves no part."""
        self._sink.write(text.encode())
        self._check()

    def close(self) -> None:
        """Close the file."""
        failed_before = self._sink.error is not None
        self._sink.close()
        if not failed_before:
            self._check()

    def _check(self) -> None:
        if self._sink.error is not None:
            problem = f"{self._sink.problem}; the {self._pieces} before this one are kept"
            raise FileWriteError(self._path, problem) from self._sink.error


class StreamTarget:
    """A text stream; it is flushed after every append and left open."""

    def __init__(self, stream: TextStream) -> None:
        self._stream = stream

    def append(self, text: str) -> None:
        """Write and flush; a stream cannot take back what it has passed on."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError) as error:
            # ValueError: the stream is closed, or its encoding lacks a character.
            name = str(getattr(self._stream, "name", type(self._stream).__name__))
            raise FileWriteError(name, str(error)) from error

    def close(self) -> None:
        """Leave it to whoever opened it."""


def caption_target(to: str | os.PathLike[str] | TextStream, pieces: str = "cues") -> CaptionTarget:
    """A target for a path or a text stream.

    Args:
        to: The path or the stream.
        pieces: What is appended, in the plural, for the texts of errors.

    Raises:
        FileWriteError: The file cannot be made.
    """
    if isinstance(to, (str, os.PathLike)):
        return FileTarget(to, pieces)
    return StreamTarget(to)


__all__ = ["CaptionTarget", "TextStream", "caption_target"]
