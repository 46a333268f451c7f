"""Plays a tone of 700 Hz on the default loudspeaker and says what the device "pulse" heard.

Stops after as many seconds as it is told, or when both devices have failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import asdict

import numpy as np
from sound_measures import holes_ms, pitch_hz, sounding

from rawmedia.adapters.soundcard import SoundCardConfig, SoundCardLeg
from rawmedia.audio.format import WIDEBAND_VOICE
from rawmedia.errors import RawMediaError, StreamFailedError
from rawmedia.testing import tone


async def main(seconds: float) -> None:
    heard: list[np.ndarray] = []
    lost: list[str] = []

    async def listen(leg: SoundCardLeg) -> None:
        try:
            async for frame in leg.inbound:
                heard.append(frame.samples)
        except StreamFailedError as error:
            lost.append(f"{type(error.cause).__name__} {error.cause}")

    async def speak(leg: SoundCardLeg) -> None:
        piece = tone(1_000, hz=700, format=WIDEBAND_VOICE)
        try:
            while True:
                await leg.outbound.asend(piece)
        except StreamFailedError as error:
            lost.append(f"{type(error.cause).__name__} {error.cause}")

    async with SoundCardLeg(SoundCardConfig(input_device="pulse", lost_after_s=1)) as leg:
        print("ready", flush=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(listen(leg), speak(leg)), seconds)
        stats, inbound, outbound = leg.stats, leg.inbound.stats, leg.outbound.stats
        leaving = time.monotonic()
    rate = leg.inbound.format.sample_rate
    samples = np.concatenate(heard)
    figures = {
        **{name: str(value) for name, value in asdict(stats).items() if "format" in name},
        **{name: value for name, value in asdict(stats).items() if "format" not in name},
        "heard_s": len(samples) / rate,
        "sounding_s": len(sounding(samples)) / rate,
        "holes_ms": holes_ms(samples, rate),
        "pitch_hz": pitch_hz(samples[rate : -rate // 2], rate),
        "gap_ms": inbound.gap_ms,
        "overrun_ms": inbound.overrun_ms,
        "pulled_s": outbound.pulled_position / WIDEBAND_VOICE.sample_rate,
        "played_s": outbound.played_position / WIDEBAND_VOICE.sample_rate,
        "lost": sorted(lost),
        "closing_s": time.monotonic() - leaving,
    }
    print(json.dumps(figures), flush=True)


try:
    asyncio.run(main(float(sys.argv[1])))
except RawMediaError as refused:
    print(json.dumps({"refused": type(refused).__name__, "because": str(refused)}), flush=True)
