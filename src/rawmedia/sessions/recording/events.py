"""What a recorder reports while the call goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rawmedia.errors import FileWriteError, RawMediaError


@dataclass(frozen=True, slots=True)
class TrackStopped:
    """Nothing more of this track is written; what was written is playable, and the call goes on."""

    track: str
    problem: str
    error: RawMediaError | None
    """A full or broken disk; None where the recording has become as large as it may."""


@dataclass(frozen=True, slots=True)
class PartFinished:
    """A file is complete: nothing more will be written to it."""

    track: str
    path: Path
    start_ms: float
    """Since the recording began."""
    duration_ms: float


@dataclass(frozen=True, slots=True)
class PartDeleted:
    """The oldest file made room for others."""

    track: str
    path: Path


@dataclass(frozen=True, slots=True)
class ManifestNotWritten:
    """The manifest is as it was before; another attempt follows."""

    error: FileWriteError


RecordingEvent = TrackStopped | PartFinished | PartDeleted | ManifestNotWritten

__all__ = ["ManifestNotWritten", "PartDeleted", "PartFinished", "RecordingEvent", "TrackStopped"]
