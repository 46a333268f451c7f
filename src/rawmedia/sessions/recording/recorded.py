"""A track, the files it becomes, and what the manifest says of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rawmedia.sessions.recording.events import PartFinished
from rawmedia.sessions.recording.manifest import PartReport, TrackReport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.files.parts import Part, PartWriter
    from rawmedia.sessions.recording.track import Track
    from rawmedia.sessions.recording.track_file import TrackFile


@dataclass(slots=True)
class RecordedTrack:
    """A track on its way to the disk."""

    track: Track
    file: TrackFile
    finished: bool = False
    """Whether nothing more will be written of it."""
    problem: str | None = None
    """Why it was given up."""
    deleted: int = 0
    """How many of its oldest parts made room for others."""
    _told: int = 0  # finished parts that an event told of, deleted ones included

    @property
    def parts(self) -> PartWriter | None:
        """Its files, once there is audio."""
        return self.file.parts

    @property
    def size_bytes(self) -> int:
        """How much its files take."""
        return self.parts.size_bytes if self.parts else 0

    def finished_parts(self) -> Iterator[PartFinished]:
        """An event for each part that was finished since this was asked last."""
        if self.parts is None:
            return
        ms = self.track.format.duration_ms
        for part in self.parts.finished[self._told - self.deleted :]:
            self._told += 1
            yield PartFinished(self.track.name, part.path, ms(part.start), ms(part.samples))

    def report(self, elapsed_ms: float) -> TrackReport:
        """What the manifest says of it; from any thread."""
        track, file, parts = self.track, self.file, self.parts
        ms = track.format.duration_ms
        end_ms = ms(parts.position) if parts else 0.0
        return TrackReport(
            name=track.name,
            role=track.role,
            participant=track.participant,
            language=track.language,
            sample_rate=track.format.sample_rate,
            num_channels=track.format.num_channels,
            state=self._state(),
            problem=self.problem,
            anchor_ms=track.anchor and track.anchor[0],
            anchor_position=track.anchor and track.anchor[1],
            end_ms=end_ms,
            behind_ms=elapsed_ms - end_ms if parts and not self.finished else None,
            gaps=file.gaps,
            gap_ms=ms(file.gap),
            overlap_ms=ms(file.overlap),
            lost_ms=track.lost_ms,
            misplaced_ms=ms(file.misplaced),
            deleted_parts=self.deleted,
            parts=tuple(
                PartReport(
                    file=part.path.name,
                    start=part.start,
                    start_ms=ms(part.start),
                    samples=part.samples,
                    duration_ms=ms(part.samples),
                    size_bytes=part.size_bytes,
                    finished=part.finished,
                )
                for part in self._all_parts()
            ),
        )

    def _state(self) -> Literal["waiting", "recording", "finished", "stopped"]:
        if self.finished:
            return "stopped" if self.problem else "finished"
        return "recording" if self.parts else "waiting"

    def _all_parts(self) -> tuple[Part, ...]:
        if self.parts is None:
            return ()
        current = self.parts.current
        finished = tuple(self.parts.finished)
        # Between these two looks the thread that writes may have finished it.
        if current is None or any(part.path == current.path for part in finished[-1:]):
            return finished
        return (*finished, current)


__all__ = ["RecordedTrack"]
