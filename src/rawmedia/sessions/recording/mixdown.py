"""A recording as one stereo file: the original on the left, its translation on the right."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.format import AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.mix import mix
from rawmedia.audio.pcm import from_bytes
from rawmedia.audio.rechunk import Rechunker
from rawmedia.errors import ConfigurationError, UnreadableFileError
from rawmedia.files.opening import open_writer
from rawmedia.files.reader import AudioFileReader
from rawmedia.sessions.recording.manifest import RecordingManifest

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.sessions.recording.manifest import PartReport, TrackReport, TrackRole

_BLOCK_MS = 1_000
"""So much of every track is in memory at a time."""


def write_mixdown(
    folder: str | os.PathLike[str],
    to: str | os.PathLike[str],
    *,
    left: Sequence[str] | None = None,
    right: Sequence[str] | None = None,
) -> float:
    """Write two sides of a recording into one stereo file, in step.

    Tracks of one side are added; what is too loud together saturates. The file has the highest
    rate among the tracks. Silence stands where a track has none of the audio: before it
    began, after it ended, and where parts were deleted. Blocks until it is done, so an event
    loop calls it in a thread. A recording whose process was killed can be mixed too.

    Args:
        folder: Of the recording.
        to: Ends in ``.wav``, ``.flac``, ``.ogg`` or ``.opus``. A file that exists is replaced.
        left: Names of the tracks on the left; None for all with the role "original".
        right: The same of the right; None for all with the role "translation".

    Returns:
        Where in the recording the file begins, in milliseconds: where the first of the tracks'
        files does, so 0 unless parts were deleted or the recording is not ``aligned``.

    Raises:
        ConfigurationError: A side has no track or names one that is not there, ``to`` has another
            suffix, or is a file of the recording itself.
        UnsupportedFormatError: The rates of the tracks are in an odd ratio to each other.
        UnreadableFileError: A finished part is missing or broken.
        FileWriteError: The disk is full or broken; what was written is playable.
        OSError: The folder holds no manifest that can be read.
        pydantic.ValidationError: The manifest is of no version that this one knows.
    """
    folder = Path(folder)
    manifest = RecordingManifest.read(folder)
    _refuse_own_files(manifest, folder, Path(to))
    sides = (
        _tracks(manifest, "left", left, "original"),
        _tracks(manifest, "right", right, "translation"),
    )
    tracks = [track for side in sides for track in side]
    rate = max(track.sample_rate for track in tracks)
    begin_ms = min((part.start_ms for track in tracks for part in track.parts), default=0.0)
    channels = (_side(folder, side, AudioFormat(rate, 1), begin_ms) for side in sides)
    stereo = AudioFormat(rate, 2)
    nothing = np.zeros((0, 1), np.int16)
    with open_writer(to, stereo) as writer:
        for both in zip_longest(*channels, fillvalue=nothing):
            samples = np.zeros((max(map(len, both)), 2), np.int16)
            for channel, voice in enumerate(both):
                samples[: len(voice), channel] = voice[:, 0]
            writer.write(AudioFrame(samples, stereo))
    return begin_ms


def _tracks(
    manifest: RecordingManifest, side: str, names: Sequence[str] | None, role: TrackRole
) -> list[TrackReport]:
    if names is None:
        chosen = [track for track in manifest.tracks if track.role == role]
        if not chosen:
            raise ConfigurationError(side, f"no track has the role {role!r}; name the tracks")
        return chosen
    names = [names] if isinstance(names, str) else names
    known = {track.name for track in manifest.tracks}
    if not names or not known.issuperset(names):
        raise ConfigurationError(side, f"names of tracks, of {sorted(known)}, not {list(names)}")
    return [track for track in manifest.tracks if track.name in names]


def _refuse_own_files(manifest: RecordingManifest, folder: Path, to: Path) -> None:
    for track in manifest.tracks:
        for part in track.parts:
            if (folder / part.file).resolve() == to.resolve():
                raise ConfigurationError("to", f"{to} is a file of the recording itself")


def _side(
    folder: Path, tracks: Sequence[TrackReport], mono: AudioFormat, begin_ms: float
) -> Iterator[Int16Samples]:
    """One side in blocks of a second; only the last one is shorter."""
    voices = [_voice(folder, track, mono, begin_ms) for track in tracks]
    for blocks in zip_longest(*voices):
        yield mix([block for block in blocks if block is not None])


def _voice(
    folder: Path, track: TrackReport, mono: AudioFormat, begin_ms: float
) -> Iterator[Int16Samples]:
    """A track in such blocks, from the begin to its end."""
    blocks = Rechunker(mono, mono.samples(_BLOCK_MS))
    converter: FormatConverter | None = None
    for frame in _frames(folder, track.parts, begin_ms):
        converter = converter or FormatConverter(frame.format, mono)
        for block in blocks.push(converter.push(frame)):
            yield from_bytes(block, 1)
    if converter is not None:
        for block in blocks.push(converter.flush()):
            yield from_bytes(block, 1)
    if (rest := blocks.flush(pad=False)) is not None:
        yield from_bytes(rest, 1)


def _frames(folder: Path, parts: Sequence[PartReport], begin_ms: float) -> Iterator[AudioFrame]:
    """What is in the parts, one after the other, silence where one is missing."""
    end: int | None = None
    for part in parts:
        try:
            with AudioFileReader(folder / part.file) as reader:
                # An Opus file may have another rate than its track.
                layout = reader.format
                if end is None:
                    end = layout.samples(begin_ms)
                start = layout.samples(part.start_ms)
                yield from _silence(layout, start - end)
                end = start
                while (frame := reader.read(layout.samples(_BLOCK_MS))) is not None:
                    yield frame
                    end += frame.samples_per_channel
        except UnreadableFileError:
            # One that a killed process had just begun may hold no audio yet.
            if part.finished:
                raise


def _silence(layout: AudioFormat, samples: int) -> Iterator[AudioFrame]:
    block = layout.samples(_BLOCK_MS)
    for begin in range(0, samples, block):
        yield AudioFrame.silence(layout, min(block, samples - begin))


__all__ = ["write_mixdown"]
