"""One recording in numbered files that join without a gap and without an overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import FileWriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rawmedia.audio.format import AudioFormat
    from rawmedia.files.writer import AudioFileWriter

_FAR = 1 << 62
"""A place that no recording gets to."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the files. Places are samples per channel since the recording's start."""

    path: Path
    start: int
    """The place of its first sample."""
    samples: int
    """Samples per channel in it."""
    size_bytes: int
    finished: bool
    """Whether nothing more will be written to it."""

    @property
    def end(self) -> int:
        """The place after its last sample."""
        return self.start + self.samples


class PartWriter:
    """Writes audio one piece after another, and begins another file when one is long or large.

    Parts by time end at the multiples of ``part_ms``, whatever the track, so that the parts of
    several recordings are of the same moments; a part by size ends with the piece that
    makes it ``part_bytes`` long. Used by one thread at a time.

    Args:
        path_of: The path of the part of a number, from 1 on; by time alone the number is that
            of the stretch of ``part_ms``.
        format: What is written.
        open_writer: Makes the writer of a path.
        start: The place of the first sample that will be written.
        part_ms: How long a part is, or None.
        part_bytes: How large a part is, or None.
    """

    def __init__(
        self,
        path_of: Callable[[int], Path],
        format: AudioFormat,
        open_writer: Callable[[Path, AudioFormat], AudioFileWriter],
        *,
        start: int = 0,
        part_ms: float | None = None,
        part_bytes: int | None = None,
    ) -> None:
        self._path_of = path_of
        self._format = format
        self._open_writer = open_writer
        self._part_ms = part_ms
        self._part_bytes = part_bytes
        self._writer: AudioFileWriter | None = None
        self._path: Path
        self._number = 0
        self._start = start
        self._border = _FAR
        self._finished: list[Part] = []
        self._finished_bytes = 0
        self.position = start
        """The place of the next sample."""

    @property
    def finished(self) -> Sequence[Part]:
        """The files to which nothing more will be written, in order."""
        return self._finished

    @property
    def current(self) -> Part | None:
        """The one that is being written."""
        writer = self._writer
        if writer is None:
            return None
        return Part(self._path, self._start, writer.position, writer.size_bytes, finished=False)

    @property
    def size_bytes(self) -> int:
        """How much all of them take together."""
        return self._finished_bytes + (self._writer.size_bytes if self._writer else 0)

    def write(self, frame: AudioFrame) -> None:
        """Append audio; its own position is not looked at.

        Raises:
            FileWriteError: As of `AudioFileWriter`, or the next part has no place on the disk
                or its name is taken. What was written before stays playable.
            FormatMismatchError: The frame has another format; nothing was written.
        """
        samples = frame.samples_per_channel
        done = 0
        while done < samples:
            writer = self._opened()
            count = min(samples - done, self._border - self.position)
            if count < samples:
                piece = AudioFrame(frame.samples[done : done + count], frame.format)
                writer.write(piece)
            else:
                writer.write(frame)
            done += count
            self._advance(count)

    def write_silence(self, samples: int) -> None:
        """Append silence, never more than a second of it in memory; raises as ``write``."""
        while samples > 0:
            writer = self._opened()
            count = min(samples, self._border - self.position, self._format.sample_rate)
            writer.write_silence(count)
            samples -= count
            self._advance(count)

    def delete_oldest(self) -> Part:
        """Delete the first of the finished parts, of which there must be one, from the disk.

        Raises:
            FileWriteError: The disk refuses; the part is still there.
        """
        part = self._finished[0]
        try:
            part.path.unlink(missing_ok=True)
        except OSError as error:
            raise FileWriteError(part.path, f"cannot be deleted: {error.strerror}") from error
        del self._finished[0]
        self._finished_bytes -= part.size_bytes
        return part

    def close(self) -> None:
        """Finish the file that is being written. Twice is harmless.

        Raises:
            FileWriteError: Its end could not be written, and no write failed before.
        """
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            writer.close()
        finally:
            part = Part(self._path, self._start, writer.position, writer.size_bytes, finished=True)
            self._finished.append(part)
            self._finished_bytes += part.size_bytes

    def _opened(self) -> AudioFileWriter:
        """The writer of the part that the next sample belongs to."""
        if self._writer is not None:
            return self._writer
        stretch = 0
        if self._part_ms is not None:
            stretch = stretch_of(self.position, self._format, self._part_ms)
            self._border = self._format.samples((stretch + 1) * self._part_ms)
        by_time_alone = self._part_ms is not None and self._part_bytes is None
        self._number = stretch + 1 if by_time_alone else self._number + 1
        path = self._path_of(self._number)
        if path.exists():
            raise FileWriteError(path, "is there already, and is not overwritten")
        self._path, self._start = path, self.position
        self._writer = self._open_writer(path, self._format)
        return self._writer

    def _advance(self, samples: int) -> None:
        self.position += samples
        assert self._writer is not None
        full = self._part_bytes is not None and self._writer.size_bytes >= self._part_bytes
        if full or self.position >= self._border:
            self.close()


def stretch_of(place: int, format: AudioFormat, part_ms: float) -> int:
    """Which of the stretches of ``part_ms`` a place lies in, from 0 on."""
    guess = int(format.duration_ms(place) / part_ms)
    # What is rounded here may be one off what is rounded to a sample there.
    if format.samples(guess * part_ms) > place:
        return guess - 1
    return guess + (format.samples((guess + 1) * part_ms) <= place)


__all__ = ["Part", "PartWriter", "stretch_of"]
