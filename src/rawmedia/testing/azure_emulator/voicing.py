"""What stands for a synthesizer: sound like speech, as long as its text, the same every time."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from rawmedia.audio.frame import AudioFrame
from rawmedia.testing.signals import speech_like

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.audio.format import AudioFormat

# About 15 characters a second, as people speak.
_MS_PER_CHARACTER = 65.0
_MIN_MS = 200.0
# As much as the service speaks for one request.
# https://learn.microsoft.com/azure/ai-services/speech-service/speech-services-quotas-and-limits
_MAX_MS = 600_000.0
# Longer texts say this again; making it anew would cost more than a test may take.
_LOOP_MS = 4_000.0
_SPEAKERS = 8


def speech_ms(text: str) -> float:
    """How long a text is spoken, at most ten minutes; nothing but spaces is not spoken at all."""
    if not text.strip():
        return 0.0
    return min(_MAX_MS, max(_MIN_MS, len(text) * _MS_PER_CHARACTER))


def speech_pieces(text: str, format: AudioFormat, piece_ms: float) -> Iterator[AudioFrame]:
    """Speak a text piece by piece; the last piece is shorter."""
    loop = _loop(crc32(text.encode()) % _SPEAKERS, format)
    total, step = format.samples(speech_ms(text)), format.samples(piece_ms)
    for start in range(0, total, step):
        at = np.arange(start, min(start + step, total)) % len(loop)
        yield AudioFrame(loop[at], format, start)


def speech_for_text(text: str, format: AudioFormat) -> AudioFrame:
    """Speak a text in one piece."""
    pieces = [piece.samples for piece in speech_pieces(text, format, _LOOP_MS)]
    samples = np.concatenate(pieces) if pieces else np.zeros((0, format.num_channels), np.int16)
    return AudioFrame(samples, format)


@lru_cache(maxsize=32)
def _loop(speaker: int, format: AudioFormat) -> np.ndarray:
    return speech_like(_LOOP_MS, seed=speaker, format=format).samples


__all__ = ["speech_for_text", "speech_ms", "speech_pieces"]
