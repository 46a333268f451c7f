"""What every audio file writer does; how the bytes look is left to the format's own file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import FileWriteError, FormatMismatchError, StreamClosedError
from rawmedia.files.sink import GuardedSink

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from rawmedia.audio.format import AudioFormat


class AudioFileWriter(ABC):
    """Writes frames to a file that can be played at any moment, whatever ends the process.

    The file is written in place and without a buffer in this process, so that after a
    ``kill -9`` it holds what each format's writer promises. (A machine that loses power is
    another matter: nothing is synced to the disk.) Positions of frames are not looked at;
    a gap is written only if somebody filled it with silence before.

    Used by one thread at a time. ``write`` goes to the disk, so an event loop calls it in
    a thread.

    Args:
        path: The file; one that exists is emptied.
        format: What the frames are.

    Raises:
        FileWriteError: The file cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str], format: AudioFormat) -> None:
        self._path, self._format = str(path), format
        self._position = 0
        self._closed = False
        self._sink = self._open_sink()

    def _open_sink(self) -> GuardedSink:
        return GuardedSink(self._path)

    @property
    def path(self) -> str:
        """Where the file is."""
        return self._path

    @property
    def format(self) -> AudioFormat:
        """What the frames must be."""
        return self._format

    @property
    def position(self) -> int:
        """Samples per channel that were written."""
        return self._position

    @property
    def duration_ms(self) -> float:
        """How much audio was written."""
        return self._format.duration_ms(self._position)

    @property
    def size_bytes(self) -> int:
        """How long the file is by now; what an encoder holds back is not in it yet."""
        return self._sink.size

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def write(self, frame: AudioFrame) -> None:
        """Append the frame's audio.

        Raises:
            FormatMismatchError: The frame has another format; nothing was written.
            FileWriteError: The disk is full or broken. What was written before stays
                playable; every later call fails in the same way.
            StreamClosedError: The writer is closed.
        """
        if self._closed:
            raise StreamClosedError
        if frame.format != self._format:
            raise FormatMismatchError(expected=self._format, got=frame.format)
        self._check()
        self._append(frame)
        self._check()
        self._position += frame.samples_per_channel

    def write_silence(self, samples: int) -> None:
        """Append silence of any length, a second at a time; cheaper than frames of it.

        Args:
            samples: Samples per channel, 0 or more.

        Raises:
            FileWriteError: As for ``write``; some of it may have been written.
            StreamClosedError: The writer is closed.
        """
        if self._closed:
            raise StreamClosedError
        self._check()
        while samples > 0:
            piece = min(samples, self._format.sample_rate)
            self._append_silence(piece)
            self._check()
            self._position += piece
            samples -= piece

    def close(self) -> None:
        """Finish the file. Twice is harmless.

        Raises:
            FileWriteError: The end could not be written, and no ``write`` failed before.
        """
        if self._closed:
            return
        self._closed = True
        failed_before = self._sink.error is not None
        try:
            self._finish()
        finally:
            self._sink.close()
        if not failed_before:
            self._check()

    def _check(self) -> None:
        """Raise what the sink had to keep to itself."""
        if self._sink.error is not None:
            raise FileWriteError(
                self._path,
                f"{self._sink.problem}, after {self.duration_ms:.0f} ms; what is in it stays playable",
            ) from self._sink.error

    @abstractmethod
    def _append(self, frame: AudioFrame) -> None:
        """Encode the frame into the sink; errors of the disk are left in the sink."""

    def _append_silence(self, samples: int) -> None:
        """Do so for a second of silence or less."""
        self._append(AudioFrame.silence(self._format, samples))

    @abstractmethod
    def _finish(self) -> None:
        """Write what is held back and make the header final; also after an error."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except FileWriteError:
            # What broke the block is the news; a file that could not be finished as well is not.
            if error is None:
                raise


__all__ = ["AudioFileWriter"]
