"""Speech for the Opus tests, a measure of likeness, and packets joined as RFC 6716 allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rawmedia.audio.format import WEBRTC, AudioFormat
from rawmedia.testing.signals import speech_like

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.codecs.opus import OpusDecoder, OpusEncoder


def speech(duration_ms: float, format: AudioFormat = WEBRTC, seed: int = 1) -> Int16Samples:
    """Speech; in stereo another voice, more softly, on the right."""
    left = speech_like(duration_ms, seed=seed, format=format).samples
    if format.num_channels == 1:
        return left
    right = speech_like(duration_ms, seed=seed + 1, format=format, peak_dbfs=-12).samples
    return np.stack([left[:, 0], right[:, 0]], axis=1)


def cut(samples: Int16Samples, frame: int) -> list[Int16Samples]:
    """The whole frames of it."""
    return [samples[start : start + frame] for start in range(0, len(samples) - frame + 1, frame)]


def encoded(samples: Int16Samples, encoder: OpusEncoder, frame_ms: float = 20) -> list[bytes]:
    return [encoder.encode(frame) for frame in cut(samples, encoder.format.samples(frame_ms))]


def decoded(packets: Iterable[bytes], decoder: OpusDecoder) -> Int16Samples:
    return np.concatenate([decoder.decode(packet) for packet in packets])


def snr_db(wanted: Any, got: Any) -> float:
    """How far the difference lies below what was wanted, in decibels, over the shorter of the two."""
    size = min(len(wanted), len(got))
    signal = wanted[:size].astype(np.float64)
    noise = np.sum((signal - got[:size]) ** 2)
    return float(10 * np.log10(np.sum(signal**2) / max(noise, 1e-9)))


def level_db(samples: Any) -> float:
    """RMS, where a full-scale square wave has 0."""
    mean = np.mean(samples.astype(np.float64) ** 2)
    return float(10 * np.log10(max(mean, 1e-9)) - 20 * np.log10(32_768))


def joined(packets: list[bytes]) -> bytes:
    """Packets of one frame each and of one kind as a single packet (RFC 6716, section 3.2.5, VBR)."""
    frames = [packet[1:] for packet in packets]
    assert all(packet[0] == packets[0][0] and packet[0] & 3 == 0 for packet in packets)
    sizes = b"".join(size_field(len(frame)) for frame in frames[:-1])
    return bytes([packets[0][0] | 3, 0x80 | len(frames)]) + sizes + b"".join(frames)


def size_field(size: int) -> bytes:
    """A frame's size in one byte or two (section 3.2.1)."""
    if size < 252:
        return bytes([size])
    return bytes([252 + size % 4, (size - 252 - size % 4) // 4])


__all__ = [
    "cut",
    "decoded",
    "encoded",
    "joined",
    "level_db",
    "size_field",
    "snr_db",
    "speech",
]
