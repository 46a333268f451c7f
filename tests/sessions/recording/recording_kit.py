"""Recordings in virtual time, and what is in their files."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.sessions.recording import Recorder
from rawmedia.sessions.recording.manifest import RecordingManifest, TrackReport
from rawmedia.testing.signals import noise

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import numpy.typing as npt

    from rawmedia.sessions.recording.events import RecordingEvent
    from rawmedia.testing.clock import VirtualClock

    Int16 = npt.NDArray[np.int16]

FRAME = 320
"""Samples in 20 ms of speech."""


def sound(samples: int, seed: int = 1) -> AudioFrame:
    """Noise without a zero in it, so that every sample tells where it belongs."""
    data = noise(samples / 16, seed=seed).samples.copy()
    data[data == 0] = 1
    return AudioFrame(data, SPEECH)


def record(
    clock: VirtualClock,
    folder: Path,
    call: Callable[[Recorder], Awaitable[object]],
    **settings: Any,
) -> tuple[RecordingManifest, list[RecordingEvent]]:
    """Record a call to its end; what the manifest says and which events came."""
    events: list[RecordingEvent] = []

    async def main() -> None:
        async with Recorder(folder, clock=clock, on_event=events.append, **settings) as recorder:
            await call(recorder)

    clock.run(main())
    return RecordingManifest.read(folder), events


def track_of(folder: Path, name: str) -> TrackReport:
    """What the manifest says of a track."""
    return next(each for each in RecordingManifest.read(folder).tracks if each.name == name)


def audio_of(folder: Path, name: str) -> Int16:
    """A track's files joined, as whoever reads the manifest would; they must join."""
    report = track_of(folder, name)
    pieces = []
    end = None
    for part in report.parts:
        samples, rate = soundfile.read(folder / part.file, dtype="int16", always_2d=True)
        assert rate == report.sample_rate
        assert len(samples) == part.samples
        assert end is None or end == part.start
        end = part.start + part.samples
        pieces.append(samples)
    return np.concatenate(pieces) if pieces else np.zeros((0, report.num_channels), np.int16)


@contextlib.asynccontextmanager
async def running(work: Awaitable[object]) -> Any:
    """Something that goes on beside, until the block is left."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
