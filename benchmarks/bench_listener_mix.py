"""What a listener's mix costs for each frame of 20 ms at 24 kHz, pull included.

    python benchmarks/bench_listener_mix.py

Aims: at most 100 us with eleven speakers of whom three talk at once; a few when one translation
speaks alone. Originals come in the listener's format, as a room converts them once for all of it.
"""

from __future__ import annotations

import os

# Before numpy loads: a second BLAS thread would be counted, and does not help products so small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from typing import TYPE_CHECKING

from harness import measure

from rawmedia.audio.format import WIDEBAND_VOICE
from rawmedia.sessions.mixing.listener_mix import ListenerMix, Mixing
from rawmedia.sessions.speech.playout import SpeechPlayout
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing.signals import noise

if TYPE_CHECKING:
    from harness import Rival

SECOND = noise(1_000, seed=1, format=WIDEBAND_VOICE, peak_dbfs=-20).samples
FRAME = noise(20, seed=2, format=WIDEBAND_VOICE, peak_dbfs=-20)


def listening(speakers: int, talking: int, mixing: Mixing) -> Rival:
    """A frame of everybody's original in, a frame of the mix out."""
    stream = OutboundAudioStream(WIDEBAND_VOICE)
    mix = ListenerMix(WIDEBAND_VOICE, on_facts=lambda _key, _facts: None)
    playouts = [SpeechPlayout(WIDEBAND_VOICE, max_lag_ms=None) for _ in range(speakers)]
    for key, playout in enumerate(playouts):
        mix.add_speaker(key, playout, mixing)
    stream.set_source(mix)

    def frame() -> None:
        for playout in playouts[:talking]:
            if playout.queued_ms < 100:
                with mix.lock:
                    playout.put("u", SECOND, 0.0)
        for key in range(speakers):
            mix.original(key, FRAME)
        stream.pull()

    return frame


def main() -> None:
    """Run them all."""
    for mode in ("replace", "duck", "side_by_side"):
        mixing = Mixing.model_validate({"mode": mode})
        measure(
            {
                "one speaker, who talks": listening(1, 1, mixing),
                "eleven, of whom one talks": listening(11, 1, mixing),
                "eleven, of whom three talk": listening(11, 3, mixing),
            },
            title=f"{mode} (aim: <= 100 us)",
        )


if __name__ == "__main__":
    main()
