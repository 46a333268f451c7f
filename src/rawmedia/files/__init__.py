"""Audio files in and out; the writers leave a playable file whenever the process dies."""

from __future__ import annotations

from rawmedia.files.opening import WRITERS, check_writable_suffix, open_writer
from rawmedia.files.probe import AudioFileInfo, probe
from rawmedia.files.reader import MAX_READ_SAMPLES, AudioFileReader
from rawmedia.files.writer import AudioFileWriter

__all__ = [
    "MAX_READ_SAMPLES",
    "WRITERS",
    "AudioFileInfo",
    "AudioFileReader",
    "AudioFileWriter",
    "check_writable_suffix",
    "open_writer",
    "probe",
]
