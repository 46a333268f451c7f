"""Mixing eight voices, frames of 20 ms at 48 kHz, and what else is done to a frame on its way.

    python benchmarks/bench_mix.py

Rivals: LiveKit's AudioMixer, as it comes with the waiting around it and as the numpy expression that
it is made of, and ``audioop.add`` where the standard library still has it (up to Python 3.12), which
saturates after each addition, so that its result depends on the order of the voices.
"""

from __future__ import annotations

import os

# Before numpy loads: a second BLAS thread would be counted, and does not help products so small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import asyncio
import importlib.util
import warnings
from collections.abc import AsyncIterator
from functools import partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
from harness import Rival, measure

from rawmedia.audio.ducking import Ducker
from rawmedia.audio.format import WEBRTC
from rawmedia.audio.gain import Gain
from rawmedia.audio.level import LevelMeter, peak_dbfs, rms_dbfs
from rawmedia.audio.mix import mix, mix_minus

VOICES = 8
SIZE = 960
LIVEKIT_FRAMES = 50

Ints = npt.NDArray[np.int16]


def voices() -> list[Ints]:
    rng = np.random.default_rng(1)
    return [rng.integers(-8_000, 8_000, (SIZE, 1), np.int16) for _ in range(VOICES)]


def stacked(streams: list[Ints]) -> Ints:
    """The way that comes to mind first, and LiveKit's."""
    total = np.stack([samples.astype(np.float32) for samples in streams]).sum(axis=0)
    mixed: Ints = np.clip(total, -32_768, 32_767).astype(np.int16)
    return mixed


def audioop_add(streams: list[Ints]) -> Rival | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if not importlib.util.find_spec("audioop"):
            return None
        import audioop

    data = [samples.tobytes() for samples in streams]
    return lambda: reduce(lambda one, other: audioop.add(one, other, 2), data)


def livekit(streams: list[Ints]) -> Rival | None:
    """Fifty frames through its mixer, whose inputs never make it wait."""
    if not importlib.util.find_spec("livekit"):
        return None
    from livekit import rtc

    frames = [rtc.AudioFrame(samples.tobytes(), 48_000, 1, SIZE) for samples in streams]

    async def source(frame: Any) -> AsyncIterator[Any]:
        for _ in range(LIVEKIT_FRAMES):
            yield frame

    async def run() -> int:
        mixer = rtc.AudioMixer(48_000, 1, blocksize=SIZE)
        for frame in frames:
            mixer.add_stream(source(frame))
        mixer.end_input()
        given = 0
        async for _ in mixer:
            given += 1
        await mixer.aclose()
        return given

    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(run()) >= LIVEKIT_FRAMES
    return lambda: loop.run_until_complete(run())


def per_frame(call: Rival | None) -> Rival | None:
    """As often as LiveKit's mixer has frames in one run, so that the two are told per frame."""
    if call is None:
        return None

    def repeated(once: Rival) -> None:
        for _ in range(LIVEKIT_FRAMES):
            once()

    return partial(repeated, call)


def main() -> None:
    streams = voices()
    ratios = "ratio: this one's time by rawmedia's"
    measure(
        {
            "rawmedia mix": per_frame(partial(mix, streams)),
            "rawmedia mix_minus, 8 outputs": per_frame(partial(mix_minus, streams)),
            "numpy stack, sum, clip": per_frame(partial(stacked, streams)),
            "audioop.add, 7 times": per_frame(audioop_add(streams)),
            "livekit AudioMixer, asyncio and all": livekit(streams),
        },
        title=f"{VOICES} voices, one frame of 20 ms at 48 kHz; {ratios}",
        operations=LIVEKIT_FRAMES,
    )
    samples = streams[0]
    gain, muting = Gain(48_000, -6), Gain(48_000, ramp_ms=10_000)
    down, moving = Ducker(48_000), Ducker(48_000, attack_ms=5_000, release_ms=5_000)
    down.gains(48_000, speaking=True)
    meter = LevelMeter(WEBRTC)

    def ramp() -> Ints:
        if muting.settled:
            muting.gain_db = -20 if muting.gain_db == 0 else 0
        return muting.push_int16(samples)

    def duck() -> Ints:
        return moving.push_int16(samples, speaking=moving.gain_db > -15)

    measure(
        {
            "gain, steady": partial(gain.push_int16, samples),
            "gain, on a ramp": ramp,
            "ducker, down": partial(down.push_int16, samples, speaking=True),
            "ducker, gains alone": partial(moving.gains, SIZE, speaking=True),
            "ducker, moving": duck,
            "rms_dbfs": partial(rms_dbfs, samples),
            "peak_dbfs": partial(peak_dbfs, samples),
            "LevelMeter.push": partial(meter.push, samples),
        },
        title="One voice, one frame of 20 ms at 48 kHz, int16; ratio: by the first",
    )


if __name__ == "__main__":
    main()
