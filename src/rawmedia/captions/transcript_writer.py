"""Transcripts that grow while people speak: JSON Lines for programs, Markdown for people."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from rawmedia.captions.cue import timestamp
from rawmedia.captions.layout import one_line
from rawmedia.captions.target import caption_target
from rawmedia.errors import ConfigurationError, StreamClosedError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from types import TracebackType

    from rawmedia.captions.target import TextStream
    from rawmedia.captions.transcript import TranscriptEntry


class TranscriptWriter(ABC):
    """Writes entries one after the other; what was written is a valid file at any moment.

    Used by one thread at a time.

    Args:
        to: A path, whose file is replaced if it exists; or a text stream, which is flushed
            after each entry and stays open.

    Raises:
        FileWriteError: The file cannot be made, or not even its header be written.
    """

    HEADER: ClassVar[str] = ""
    """What the file starts with."""

    def __init__(self, to: str | os.PathLike[str] | TextStream) -> None:
        self._closed = False
        self.written = 0
        """Entries in the file."""
        self._target = caption_target(to, "entries")
        try:
            self._target.append(self.HEADER)
        except BaseException:
            self.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def write(self, entry: TranscriptEntry) -> None:
        """Append an entry, whole, so that it can be read at once.

        Raises:
            FileWriteError: The disk is full or broken. The entries before this one are kept,
                and the file with them is valid.
            StreamClosedError: The writer is closed.
        """
        if self._closed:
            raise StreamClosedError
        self._target.append(self._text(entry))
        self.written += 1

    def close(self) -> None:
        """Close the file that was opened here. Twice is harmless.

        Raises:
            FileWriteError: The operating system could not close it well.
        """
        if not self._closed:
            self._closed = True
            self._target.close()

    @abstractmethod
    def _text(self, entry: TranscriptEntry) -> str:
        """The entry as the format writes it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class JsonLinesTranscript(TranscriptWriter):
    """One JSON object a line; `read_transcript` reads it back."""

    def _text(self, entry: TranscriptEntry) -> str:
        return entry.model_dump_json() + "\n"


# What Markdown, as CommonMark and GitHub have it, takes for markup inside a line.
_MARKUP = re.compile(r"([\\`*_~\[\]<>&|$])")


class MarkdownTranscript(TranscriptWriter):
    """A heading for each utterance, with when it was said and by whom, and its text in each language."""

    HEADER = "# Transcript\n\n"

    def _text(self, entry: TranscriptEntry) -> str:
        start, end = (timestamp(round(ms), ".") for ms in (entry.start_ms, entry.end_ms))
        speaker = _escaped(entry.speaker or "")
        texts = [(entry.source_language, entry.source_text), *entry.translations.items()]
        lines = "".join(
            f"- **{_escaped(language) or '?'}**: {_escaped(text)}\n" for language, text in texts
        )
        return f"## {start} - {end}{speaker and f' {speaker}'}\n\n{lines}\n"


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", one_line(text))


TRANSCRIPT_WRITERS: Mapping[str, type[JsonLinesTranscript | MarkdownTranscript]] = {
    ".jsonl": JsonLinesTranscript,
    ".md": MarkdownTranscript,
}
"""The writer of every suffix that transcripts can have."""


def open_transcript(path: str | os.PathLike[str]) -> TranscriptWriter:
    """Start a transcript of the kind that its suffix names, in any case.

    Args:
        path: Ends in ``.jsonl`` or ``.md``. A file that exists is replaced.

    Raises:
        ConfigurationError: Another suffix.
        FileWriteError: The file cannot be made.
    """
    writer = TRANSCRIPT_WRITERS.get(Path(path).suffix.lower())
    if writer is None:
        choices = " or ".join(TRANSCRIPT_WRITERS)
        raise ConfigurationError(str(path), f"the name of a transcript must end in {choices}")
    return writer(path)


__all__ = [
    "TRANSCRIPT_WRITERS",
    "JsonLinesTranscript",
    "MarkdownTranscript",
    "TranscriptWriter",
    "open_transcript",
]
