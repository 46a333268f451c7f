"""A party whose loudspeaker is heard by his microphone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rawmedia.audio.format import SPEECH
from rawmedia.testing.legs import FakeLeg

if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame

DELAY_MS = 180.0


class Loudspeaker(FakeLeg):
    """A party whose room sends back what he hears, 12 dB softer and 180 ms later."""

    def __init__(self, says: AudioFrame, **more: Any) -> None:
        self.played = np.zeros((0, 1), np.int16)
        super().__init__(says, **more)

    def _hear_frame(self) -> None:
        super()._hear_frame()
        self.played = self.record().samples

    def _push(self, samples: bytes | memoryview) -> None:
        own = np.frombuffer(samples, np.int16).astype(np.int32)
        start = self.inbound.stats.position - SPEECH.samples(DELAY_MS)
        echo = np.zeros(len(own), np.int32)
        if start >= 0:
            heard = self.played[start : start + len(own), 0]
            echo[: len(heard)] = heard // 4
        super()._push(np.clip(own + echo, -32_768, 32_767).astype(np.int16).tobytes())


__all__ = ["DELAY_MS", "Loudspeaker"]
