"""Plays a tone of 700 Hz on the default loudspeaker and says what the default microphone heard."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict

import numpy as np
from test_soundcard_leg import pitch_hz

from rawmedia.adapters.soundcard import SoundCardLeg
from rawmedia.audio.format import WIDEBAND_VOICE
from rawmedia.testing import tone


async def main(seconds: float) -> None:
    async with SoundCardLeg() as leg:
        heard: list[np.ndarray] = []

        async def listen() -> None:
            async for frame in leg.inbound:
                heard.append(frame.samples)

        async def speak() -> None:
            piece = tone(1_000, hz=700, format=WIDEBAND_VOICE)
            while True:
                await leg.outbound.asend(piece)

        tasks = [asyncio.create_task(listen()), asyncio.create_task(speak())]
        print("ready", flush=True)
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        stats, inbound, outbound = leg.stats, leg.inbound.stats, leg.outbound.stats
        samples = np.concatenate(heard)
        rate = leg.inbound.format.sample_rate
        loud = np.abs(samples[:, 0].astype(int)) > 500
        figures = {
            **{name: str(value) for name, value in asdict(stats).items() if "format" in name},
            **{name: value for name, value in asdict(stats).items() if "format" not in name},
            "heard_s": len(samples) / rate,
            "loud_s": float(loud.sum()) / rate,
            "pitch_hz": pitch_hz(samples[rate : -rate // 2], rate),
            "gap_ms": inbound.gap_ms,
            "overrun_ms": inbound.overrun_ms,
            "pulled_s": outbound.pulled_position / WIDEBAND_VOICE.sample_rate,
            "played_s": outbound.played_position / WIDEBAND_VOICE.sample_rate,
        }
    print(json.dumps(figures), flush=True)


asyncio.run(main(float(sys.argv[1])))
