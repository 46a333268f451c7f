"""What is said on a call, an utterance a line of JSON, in the call's folder."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rawmedia.adapters.call_log import log_event
from rawmedia.captions.transcript import TranscriptEntry
from rawmedia.captions.transcript_writer import open_transcript
from rawmedia.errors import FileWriteError
from rawmedia.translators.events import FinalTranslation

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_log = logging.getLogger("rawmedia.server")


class CallTranscript:
    """Writes each utterance as it is final; a disk that fails ends the transcript and not the call.

    Args:
        path: Ends in ``.jsonl``.
        call: What the log calls it.

    Raises:
        FileWriteError: The file can't be made.
    """

    def __init__(self, path: Path, call: str) -> None:
        self._writer, self._call = open_transcript(path), call
        self._failed = False

    def take(self, event: object, speaker: str) -> None:
        """Write an event of a session, if it is an utterance."""
        if not isinstance(event, FinalTranslation) or self._failed:
            return
        try:
            self._writer.write(TranscriptEntry.of(event, speaker=speaker))
        except FileWriteError as error:
            self._failed = True
            log_event(
                _log,
                logging.ERROR,
                "transcript_failed",
                call=self._call,
                problem=type(error).__name__,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()


__all__ = ["CallTranscript"]
