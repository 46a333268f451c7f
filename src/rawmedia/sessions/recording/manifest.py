"""What a recording consists of, as JSON beside its files that another program can read.

A reader of the file checks ``schema_version``; it changes when a field goes or changes its
meaning, not when one is added. Times are milliseconds since the recording began; places are
samples per channel since then, at the track's own rate.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads it
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict

from rawmedia.captions.report import Text  # noqa: TC001 - pydantic reads it
from rawmedia.files.replacing import replace_text

if TYPE_CHECKING:
    import os

MANIFEST_NAME = "recording.json"
"""What the file is called, in the recording's folder."""

RecordingFormat = Literal["wav", "flac", "opus"]
"""16-bit PCM, lossless at about half the size, or about 24 kbit/s a channel."""
WhenFull = Literal["stop", "delete_oldest"]
"""What happens at ``max_bytes``: nothing more is recorded, or the oldest finished part goes."""
TrackRole = Literal["original", "translation", "heard"]
"""What somebody said, a translation of it, or all that was sent to a listener."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PartReport(_Model):
    """One file of a track."""

    file: Text
    """Its name in the recording's folder."""
    start: int
    """The place of its first sample."""
    start_ms: float
    samples: int
    """As of when the manifest was written. Of a part that is not finished more may be in the file."""
    duration_ms: float
    size_bytes: int
    finished: bool


class TrackReport(_Model):
    """One voice, or one listener, from the start of the recording."""

    name: Text
    role: TrackRole | None = None
    participant: Text | None = None
    language: Text | None = None
    sample_rate: int
    num_channels: int
    state: Literal["waiting", "recording", "finished", "stopped"]
    """No audio yet; going on; ended in order; given up, and ``problem`` says why."""
    problem: Text | None = None
    anchor_ms: float | None = None
    """Where on the recorder's clock the first frame was put; all others follow by position."""
    anchor_position: int | None = None
    """The position that this frame had in its own stream."""
    end_ms: float = 0.0
    behind_ms: float | None = None
    """How far the end was behind the recorder's clock when the manifest was written: what was on its
    way, and by how much the leg's clock is slower; less than nothing where it is faster."""
    gaps: int = 0
    """Holes in the positions; they are silence in the files."""
    gap_ms: float = 0.0
    overlap_ms: float = 0.0
    """Audio for a time that another has already, or before the recording began; dropped."""
    lost_ms: float = 0.0
    """Audio that the disk was too slow for, or that was closed unread; silence in the files."""
    misplaced_ms: float = 0.0
    """Audio that claimed a place impossibly far ahead of the clock; dropped."""
    deleted_parts: int = 0
    """How many of the oldest parts made room for others."""
    parts: tuple[PartReport, ...] = ()


class RecordingManifest(_Model):
    """A recording so far, or to its end."""

    schema_version: Literal[1] = 1
    started_at: datetime
    """The wall clock's time of place 0."""
    format: RecordingFormat
    rotate_ms: float | None = None
    rotate_bytes: int | None = None
    max_bytes: int | None = None
    when_full: WhenFull = "stop"
    aligned: bool = True
    """Whether a track's first file starts with silence up to its first audio."""
    duration_ms: float = 0.0
    """How long the recorder had run when the manifest was written."""
    size_bytes: int = 0
    """All files together."""
    complete: bool = False
    """Whether the recording was closed in order; False where the process died."""
    tracks: tuple[TrackReport, ...] = ()

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Put it into the folder, in place of the one before, whole at every moment.

        Raises:
            FileWriteError: It cannot be written; the one before is still there.
        """
        replace_text(
            Path(folder) / MANIFEST_NAME, self.model_dump_json(indent=2) + "\n", "manifest"
        )

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Self:
        """Read the manifest of a recording's folder.

        Raises:
            OSError: The file cannot be read.
            pydantic.ValidationError: It holds no manifest of this version.
        """
        return cls.model_validate_json((Path(folder) / MANIFEST_NAME).read_bytes())


__all__ = [
    "MANIFEST_NAME",
    "PartReport",
    "RecordingFormat",
    "RecordingManifest",
    "TrackReport",
    "TrackRole",
    "WhenFull",
]
