"""Resampling live audio, 48 to 16 kHz in frames of 20 ms: what it costs and how long it waits.

    python benchmarks/bench_resample.py

Rivals: python-soxr (HQ, its default, and QQ, which does not filter) and LiveKit's resampler, each
where it is installed. The delay is what a listener waits: how far behind the input the resampler
keeps the output (hold-back), and how far behind it an impulse comes out of it (shift).
"""

from __future__ import annotations

import os

# Before numpy loads: a second BLAS thread would be counted, and does not help products so small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from harness import Rival, measure

from rawmedia.audio import resample
from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.format import AudioFormat

IN_RATE, OUT_RATE, FRAME_MS = 48_000, 16_000, 20
FRAME = IN_RATE * FRAME_MS // 1000
FRAMES = 100

Push = Callable[[Any], Any]
"""One frame of 960 samples in, an array of those of the other rate out; state in between."""


@dataclass(frozen=True)
class Delay:
    """What a listener waits, in milliseconds."""

    hold_back_ms: float
    shift_ms: float


def delay_of(push: Push, dtype: str) -> Delay:
    """Send 2 s with an impulse in the middle, in frames, and look where it comes out."""
    signal = np.zeros((FRAMES, FRAME, 1), dtype)
    at = FRAMES // 2
    signal[at, 0] = 0.5 if dtype == "float32" else 16_384
    outputs, held = [], 0.0
    for index, frame in enumerate(signal, 1):
        outputs.append(np.asarray(push(frame), np.float64).reshape(-1))
        if index >= at:  # in the steady state, after what the first frames need to fill buffers
            given_ms = sum(map(len, outputs)) * 1000 / OUT_RATE
            held = max(held, index * FRAME_MS - given_ms)
    peak_ms = int(np.argmax(np.abs(np.concatenate(outputs)))) * 1000 / OUT_RATE
    return Delay(held, peak_ms - at * FRAME_MS)


def ours(dtype: str, *, prompt: bool) -> Push:
    resampler = resample.Resampler(IN_RATE, OUT_RATE, prompt=prompt)
    return resampler.push if dtype == "float32" else resampler.push_int16


def ours_as_bytes() -> Push:
    converter = FormatConverter(AudioFormat(IN_RATE), AudioFormat(OUT_RATE), prompt=True)
    return lambda frame: np.frombuffer(converter.push(frame.data.cast("B")), np.int16)


def soxr(dtype: str, quality: str) -> Push | None:
    if not importlib.util.find_spec("soxr"):
        return None
    import soxr

    stream = soxr.ResampleStream(IN_RATE, OUT_RATE, 1, dtype=dtype, quality=quality)
    push: Push = stream.resample_chunk
    return push


def livekit() -> Push | None:
    if not importlib.util.find_spec("livekit"):
        return None
    from livekit import rtc

    resampler = rtc.AudioResampler(IN_RATE, OUT_RATE, num_channels=1)

    def push(frame: Any) -> Any:
        frames = resampler.push(bytearray(frame.data.cast("B")))
        return np.frombuffer(b"".join(bytes(one.data) for one in frames), np.int16)

    return push


def cost(push: Push | None, frame: Any) -> Rival | None:
    return None if push is None else partial(push, frame)


def livekit_cost(frame: Any) -> Rival | None:
    """Without the conversions around it that only measuring its delay needs."""
    if not importlib.util.find_spec("livekit"):
        return None
    from livekit import rtc

    resampler = rtc.AudioResampler(IN_RATE, OUT_RATE, num_channels=1)
    return partial(resampler.push, bytearray(frame.tobytes()))


def print_delays(delays: dict[str, Delay | None]) -> None:
    width = max(map(len, delays))
    print(f"\nDelay, {FRAME_MS} ms frames")
    print(f"{'':{width}}  {'delay ms':>8}  {'hold-back':>9}  {'shift':>6}")
    for name, delay in delays.items():
        if delay is None:
            print(f"{name:{width}}  not installed")
            continue
        total = delay.hold_back_ms + delay.shift_ms
        print(f"{name:{width}}  {total:8.2f}  {delay.hold_back_ms:9.2f}  {delay.shift_ms:6.2f}")


def main() -> None:
    rng = np.random.default_rng(1)
    floats = (rng.standard_normal((FRAME, 1)) * 0.1).astype(np.float32)
    ints = (floats * 32_768).astype(np.int16)
    data = ints.tobytes()
    converter = FormatConverter(AudioFormat(IN_RATE), AudioFormat(OUT_RATE), prompt=True)
    ratios = "ratio: this one's time by rawmedia's"
    measure(
        {
            "rawmedia": cost(ours("float32", prompt=True), floats),
            "soxr HQ": cost(soxr("float32", "HQ"), floats),
            "soxr QQ (no filter)": cost(soxr("float32", "QQ"), floats),
        },
        title=f"float32 to float32, one frame of {FRAME_MS} ms; {ratios}",
    )
    measure(
        {
            "rawmedia": cost(ours("int16", prompt=True), ints),
            "rawmedia, bytes to bytes": partial(converter.push, data),
            "soxr HQ": cost(soxr("int16", "HQ"), ints),
            "soxr QQ (no filter)": cost(soxr("int16", "QQ"), ints),
            "livekit (medium)": livekit_cost(ints),
        },
        title=f"int16 to int16, one frame of {FRAME_MS} ms; {ratios}",
    )
    rivals: dict[str, tuple[Push | None, str]] = {
        "rawmedia, prompt": (ours("float32", prompt=True), "float32"),
        "rawmedia, aligned": (ours("float32", prompt=False), "float32"),
        "rawmedia, bytes, prompt": (ours_as_bytes(), "int16"),
        "soxr HQ": (soxr("float32", "HQ"), "float32"),
        "soxr QQ (no filter)": (soxr("float32", "QQ"), "float32"),
        "livekit (medium)": (livekit(), "int16"),
    }
    print_delays({name: push and delay_of(push, dtype) for name, (push, dtype) in rivals.items()})


if __name__ == "__main__":
    main()
