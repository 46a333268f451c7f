"""Audio and files for these tests, all from seeds and none from disk."""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from rawmedia.audio.frame import AudioFrame
from rawmedia.files import AudioFileReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from rawmedia.audio.format import AudioFormat

    Int16 = npt.NDArray[np.int16]

KINDS = {
    "WAV/PCM_16": ".wav",
    "WAV/PCM_24": ".wav",
    "WAV/PCM_U8": ".wav",
    "WAV/FLOAT": ".wav",
    "WAV/DOUBLE": ".wav",
    "WAV/ULAW": ".wav",
    "WAV/ALAW": ".wav",
    "WAV/MS_ADPCM": ".wav",
    "RF64/PCM_16": ".rf64",
    "W64/PCM_16": ".w64",
    "AIFF/PCM_16": ".aiff",
    "AU/ULAW": ".au",
    "CAF/PCM_16": ".caf",
    "FLAC/PCM_16": ".flac",
    "FLAC/PCM_24": ".flac",
    "MP3/MPEG_LAYER_III": ".mp3",
    "OGG/VORBIS": ".ogg",
    "OGG/OPUS": ".opus",
}
"""What libsndfile calls the kinds of file that are read here."""


def noise(samples: int, channels: int = 1, *, seed: int = 1) -> Int16:
    """Noise whose loudness changes, so that codecs have something to do."""
    rng = np.random.default_rng(seed)
    envelope = 500 + 4_000 * np.abs(np.sin(np.arange(samples) / 2_000))[:, None]
    loud: Int16 = (rng.standard_normal((samples, channels)) * envelope).astype(np.int16)
    return loud


def tone(format: AudioFormat, duration_ms: float, hz: float = 440.0) -> Int16:
    """A sine at half of full scale, the same in every channel."""
    at = np.arange(format.samples(duration_ms)) / format.sample_rate
    wave = np.round(16_384 * np.sin(2 * np.pi * hz * at)).astype(np.int16)
    return np.repeat(wave[:, None], format.num_channels, axis=1)


def frames_of(samples: Int16, format: AudioFormat, cuts: Sequence[int]) -> list[AudioFrame]:
    """The samples as frames, cut at ``cuts``."""
    borders = [0, *sorted(min(cut, len(samples)) for cut in cuts), len(samples)]
    return [AudioFrame(samples[a:b], format, a) for a, b in itertools.pairwise(borders)]


def make_file(path: Path, kind: str, samples: npt.NDArray[Any], rate: int = 16_000) -> Path:
    """A file of a kind of ``KINDS``, made by soundfile itself."""
    container, encoding = kind.split("/")
    soundfile.write(path, samples, rate, format=container, subtype=encoding)
    return path


def wav_bytes(
    data: bytes,
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = 16_000,
    bits: int = 16,
    claim: int | None = None,
    riff_claim: int | None = None,
) -> bytes:
    """A WAV file whose header may lie."""
    claim = len(data) if claim is None else claim
    instant = channels * bits // 8
    pcm = struct.pack("<HHIIHH", tag, channels, rate, rate * instant, instant, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + pcm + b"data" + struct.pack("<I", claim) + data
    return b"RIFF" + struct.pack("<I", len(body) if riff_claim is None else riff_claim) + body


def read_frames(path: Path, sizes: Iterable[int] = ()) -> list[AudioFrame]:
    """Every frame of a file, the first ones of the given sizes."""
    with AudioFileReader(path) as reader:
        frames: list[AudioFrame] = []
        for size in sizes:
            if (frame := reader.read(size)) is None:
                return frames
            frames.append(frame)
        return [*frames, *reader]


def read_samples(path: Path) -> Int16:
    """All samples of a file."""
    return joined(read_frames(path))


def joined(frames: Sequence[AudioFrame]) -> Int16:
    """The samples of the frames, which must follow each other without a gap."""
    position = 0
    for frame in frames:
        assert frame.position == position
        position = frame.end
    return np.concatenate([frame.samples for frame in frames])
