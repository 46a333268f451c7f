"""Recording a call: every voice in files of its own, on one timeline.

Each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.sessions.recording.events import (
        ManifestNotWritten,
        PartDeleted,
        PartFinished,
        RecordingEvent,
        TrackStopped,
    )
    from rawmedia.sessions.recording.manifest import (
        PartReport,
        RecordingFormat,
        RecordingManifest,
        TrackReport,
        TrackRole,
        WhenFull,
    )
    from rawmedia.sessions.recording.mixdown import write_mixdown
    from rawmedia.sessions.recording.recorder import TURN_MS, Recorder
    from rawmedia.sessions.recording.track import Track

_HOMES = {
    "rawmedia.sessions.recording.events": (
        "ManifestNotWritten",
        "PartDeleted",
        "PartFinished",
        "RecordingEvent",
        "TrackStopped",
    ),
    "rawmedia.sessions.recording.manifest": (
        "PartReport",
        "RecordingFormat",
        "RecordingManifest",
        "TrackReport",
        "TrackRole",
        "WhenFull",
    ),
    "rawmedia.sessions.recording.mixdown": ("write_mixdown",),
    "rawmedia.sessions.recording.recorder": ("TURN_MS", "Recorder"),
    "rawmedia.sessions.recording.track": ("Track",),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "TURN_MS",
    "ManifestNotWritten",
    "PartDeleted",
    "PartFinished",
    "PartReport",
    "Recorder",
    "RecordingEvent",
    "RecordingFormat",
    "RecordingManifest",
    "Track",
    "TrackReport",
    "TrackRole",
    "TrackStopped",
    "WhenFull",
    "write_mixdown",
]
