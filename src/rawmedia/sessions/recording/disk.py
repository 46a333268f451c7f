"""The part of a recorder that may have to wait for the disk: all of it runs in one thread."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from rawmedia.errors import ConfigurationError, FileWriteError, RawMediaError
from rawmedia.files.flac import FlacWriter
from rawmedia.files.ogg_opus import OggOpusWriter
from rawmedia.files.parts import PartWriter, stretch_of
from rawmedia.files.wav import WavWriter
from rawmedia.sessions.recording.events import ManifestNotWritten, PartDeleted, TrackStopped
from rawmedia.sessions.recording.manifest import MANIFEST_NAME, RecordingManifest
from rawmedia.sessions.recording.recorded import RecordedTrack
from rawmedia.sessions.recording.track_file import TrackFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from rawmedia.audio.format import AudioFormat
    from rawmedia.files.writer import AudioFileWriter
    from rawmedia.sessions.recording.events import RecordingEvent
    from rawmedia.sessions.recording.manifest import RecordingFormat
    from rawmedia.sessions.recording.options import RecordingOptions
    from rawmedia.sessions.recording.track import Track

WRITERS: Mapping[RecordingFormat, Callable[[Path, AudioFormat], AudioFileWriter]] = {
    "wav": WavWriter,
    "flac": FlacWriter,
    "opus": OggOpusWriter,
}
_MANIFEST_MS = 5_000
"""How old the counts in the manifest may be; what changes its files is told at once."""
_SILENCE_MS = 600_000
"""How much of a long hole a track fills before the others have their turn."""
_HEADER_BYTES = 512
"""More than any header here."""
_HELD_BYTES = 16_384
"""More than an encoder holds back of a voice and writes when its file is finished."""


@dataclass(slots=True)
class Turn:
    """What came of a turn."""

    events: list[RecordingEvent] = field(default_factory=list)
    pending: bool = False
    """Whether there is more to write already."""


class _FullError(Exception):
    """The recording is as large as it may get."""


class RecordingDisk:
    """Takes what waits in the tracks and writes it, a turn at a time."""

    def __init__(self, options: RecordingOptions) -> None:
        self._options = options
        self._started_at: datetime
        self._recorded: list[RecordedTrack] = []
        self._stems: set[str] = set()
        self._told_ms = 0.0
        self._changed = True  # as far as the list of files goes
        self._counted = False  # the counts in the manifest are no longer right
        self._turn = Turn()

    @property
    def idle(self) -> bool:
        """Whether a turn would do nothing."""
        return not (self._changed or self._counted or self._turn.pending) and all(
            each.finished or each.track.idle for each in self._recorded
        )

    def begin(self, started_at: datetime) -> None:
        """Make the folder.

        Raises:
            FileWriteError: It cannot be made.
            ConfigurationError: There is a recording in it.
        """
        folder = self._options.folder
        self._started_at = started_at
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileWriteError(folder, f"cannot be made: {error.strerror}") from error
        if (folder / MANIFEST_NAME).exists():
            raise ConfigurationError("folder", f"{folder} holds a recording; it is not overwritten")
        self.manifest(0.0).write(folder)

    def add(self, track: Track) -> None:
        """Take a track in; from the event loop's thread."""
        stem = self._new_stem(track.name)
        file = TrackFile(track.format, partial(self._open_parts, track, stem), self._make_room)
        self._changed = True
        self._recorded.append(RecordedTrack(track, file))

    def turn(self, elapsed_ms: float, *, last: bool = False) -> Turn:
        """Write what is there by now.

        Args:
            elapsed_ms: How long the recorder has run.
            last: Whether the recording ends: every file is finished.

        Returns:
            What happened. Nothing of the disk is raised.
        """
        turn = self._turn = Turn()
        for recorded in tuple(self._recorded):
            if not recorded.finished:
                self._counted |= not recorded.track.idle
                self._write(recorded, elapsed_ms, last=last)
        for recorded in self._recorded:
            self._tell_parts(recorded)
        if self._changed or last or elapsed_ms - self._told_ms >= _MANIFEST_MS:
            self._changed = self._counted = False
            self._told_ms = elapsed_ms
            try:
                self.manifest(elapsed_ms, complete=last).write(self._options.folder)
            except FileWriteError as error:
                turn.events.append(ManifestNotWritten(error))
        return turn

    def manifest(self, elapsed_ms: float, *, complete: bool = False) -> RecordingManifest:
        """What the recording consists of now."""
        options = self._options
        return RecordingManifest(
            started_at=self._started_at,
            format=options.format,
            rotate_ms=options.rotate_ms,
            rotate_bytes=options.rotate_bytes,
            max_bytes=options.max_bytes,
            when_full=options.when_full,
            aligned=options.aligned,
            duration_ms=elapsed_ms,
            size_bytes=self._size(),
            complete=complete,
            tracks=tuple(each.report(elapsed_ms) for each in tuple(self._recorded)),
        )

    def _write(self, recorded: RecordedTrack, elapsed_ms: float, *, last: bool) -> None:
        track, file = recorded.track, recorded.file
        most = sys.maxsize if last else track.format.samples(_SILENCE_MS)
        limit = track.format.samples(elapsed_ms + self._options.max_ahead_ms)
        over = last or track.over  # looked at before its last frame is
        try:
            while file.settle(most) and (taken := track.take()) is not None:
                place, frame = taken
                file.put(frame, place, limit)
            if file.owed:
                self._turn.pending = True
                return
            file.flush()
            if over:
                self._finish(recorded)
        except _FullError:
            for each in self._recorded:
                if not each.finished:
                    self._stop(each, None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other tracks go on
            self._stop(recorded, error)

    def _finish(self, recorded: RecordedTrack) -> None:
        recorded.finished = self._changed = True
        recorded.track.abandon()
        recorded.file.close()

    def _stop(self, recorded: RecordedTrack, error: Exception | None) -> None:
        """Give a track up, because of an error or because the recording is full."""
        name = recorded.track.name
        known = None if error is None else _known(name, error)
        problem = str(known) if known else f"max_bytes ({self._options.max_bytes}) is reached"
        recorded.finished = self._changed = True
        recorded.problem = problem
        recorded.track.abandon(recorded.file.unwritten)
        with contextlib.suppress(Exception):
            # What broke the track is the news; that its file was not finished either is not.
            recorded.file.close()
        self._turn.events.append(TrackStopped(name, problem, known))

    def _tell_parts(self, recorded: RecordedTrack) -> None:
        finished = tuple(recorded.finished_parts())
        self._turn.events += finished
        self._changed |= bool(finished)

    def _open_parts(self, track: Track, stem: str, place: int) -> PartWriter:
        options, layout = self._options, track.format
        start = max(0, place)
        if options.aligned and options.rotate_ms is None:
            start = 0
        elif options.aligned and options.rotate_ms is not None:
            # Parts that would be nothing but the silence before it joined are left out.
            stretch = stretch_of(start, layout, options.rotate_ms)
            start = layout.samples(stretch * options.rotate_ms)
        suffix = f".{options.format}"

        def path_of(number: int) -> Path:
            return options.folder / (
                f"{stem}-{number:04d}{suffix}" if options.rotates else stem + suffix
            )

        self._changed = True
        return PartWriter(
            path_of,
            layout,
            WRITERS[options.format],
            start=start,
            part_ms=options.rotate_ms,
            part_bytes=options.rotate_bytes,
        )

    def _new_stem(self, name: str) -> str:
        """A file's name without its end, like the track's, and no other track's."""
        safe = "".join(c if c.isalnum() or c in "-_ ." else "_" for c in name)
        safe = stem = safe.strip(" .")[:80] or "track"
        number = 1
        while stem.casefold() in self._stems:
            number += 1
            stem = f"{safe} ({number})"
        self._stems.add(stem.casefold())
        return stem

    def _size(self) -> int:
        return sum(each.size_bytes for each in self._recorded)

    def _make_room(self, size: int) -> None:
        """See to it that so many bytes more are allowed."""
        options = self._options
        if options.max_bytes is None:
            return
        held = _HEADER_BYTES if options.format == "wav" else _HELD_BYTES
        writing = sum(not each.finished for each in self._recorded)
        while self._size() + size + held * writing > options.max_bytes:
            if options.when_full == "stop" or not self._delete_oldest():
                raise _FullError

    def _delete_oldest(self) -> bool:
        """Delete the part that began first, of any track; says whether there was one."""
        oldest: tuple[float, RecordedTrack, PartWriter] | None = None
        for recorded in self._recorded:
            parts = recorded.parts
            if parts is None or not parts.finished:
                continue
            start_ms = recorded.track.format.duration_ms(parts.finished[0].start)
            if oldest is None or start_ms < oldest[0]:
                oldest = start_ms, recorded, parts
        if oldest is None:
            return False
        _, recorded, parts = oldest
        self._tell_parts(recorded)
        try:
            part = parts.delete_oldest()
        except FileWriteError:
            return False
        recorded.deleted += 1
        self._changed = True
        self._turn.events.append(PartDeleted(recorded.track.name, part.path))
        return True


def _known(name: str, error: Exception) -> RawMediaError:
    """An error of the code that writes becomes the error of the file that it is for a caller."""
    if isinstance(error, RawMediaError):
        return error
    known = FileWriteError(name, f"was given up: {error!r}")
    known.__cause__ = error
    return known


__all__ = ["WRITERS", "RecordingDisk", "Turn"]
