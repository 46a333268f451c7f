"""Resampling live audio in frames of 20 ms: what it costs, how long it waits, what it adds and lets through.

    python benchmarks/bench_resample.py

Rivals: python-soxr (HQ, its default, and QQ, which does not filter), LiveKit's resampler and PyAV's
(FFmpeg's swresample), each where it is installed. Cost and delay are from 48 to 16 kHz. The delay
is what a listener waits: how far behind the input the resampler keeps the output (hold-back), and
how far behind it an impulse comes out of it (shift).

Quality is for eight pairs of rates. THD+N: a sine of 997 Hz at -1 dBFS goes through (AES17), and
all that is not a sine of 997 Hz afterwards is compared with it; through int16, the two roundings
alone make -94.1 dB over the full band. Alias: the loudest that comes back of a tone from 1.04 of
the lower rate's half upwards, by that tone.
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
import numpy.typing as npt
from harness import Rival, measure

from rawmedia.audio import resample
from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.format import AudioFormat

IN_RATE, OUT_RATE, FRAME_MS = 48_000, 16_000, 20
FRAME = IN_RATE * FRAME_MS // 1000
FRAMES = 100
PAIRS = [
    (48_000, 16_000),
    (16_000, 48_000),
    (48_000, 8_000),
    (8_000, 48_000),
    (24_000, 16_000),
    (16_000, 24_000),
    (48_000, 24_000),
    (24_000, 48_000),
]
TONE_HZ, TONE_DBFS = 997, -1.0
ALIAS_TONES = 40

Floats = npt.NDArray[np.float64]
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


def ours(dtype: str, *, prompt: bool, in_rate: int = IN_RATE, out_rate: int = OUT_RATE) -> Push:
    resampler = resample.Resampler(in_rate, out_rate, prompt=prompt)
    return resampler.push if dtype == "float32" else resampler.push_int16


def ours_as_bytes() -> Push:
    converter = FormatConverter(AudioFormat(IN_RATE), AudioFormat(OUT_RATE), prompt=True)
    return lambda frame: np.frombuffer(converter.push(frame.data.cast("B")), np.int16)


def soxr(dtype: str, quality: str, in_rate: int = IN_RATE, out_rate: int = OUT_RATE) -> Push | None:
    if not importlib.util.find_spec("soxr"):
        return None
    import soxr

    stream = soxr.ResampleStream(in_rate, out_rate, 1, dtype=dtype, quality=quality)
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


def pyav(dtype: str, in_rate: int = IN_RATE, out_rate: int = OUT_RATE) -> Push | None:
    if not importlib.util.find_spec("av"):
        return None
    import av

    kind = "flt" if dtype == "float32" else "s16"
    resampler = av.AudioResampler(format=kind, layout="mono", rate=out_rate)

    def push(frame: Any) -> Any:
        whole = av.AudioFrame.from_ndarray(frame.reshape(1, -1), format=kind, layout="mono")
        whole.sample_rate = in_rate
        given = [one.to_ndarray()[0] for one in resampler.resample(whole)]
        return np.concatenate(given) if given else np.zeros(0, dtype)

    return push


def pyav_cost(dtype: str, frame: Any) -> Rival | None:
    """Without the conversions around it: one frame of FFmpeg's, again and again."""
    if not importlib.util.find_spec("av"):
        return None
    import av

    kind = "flt" if dtype == "float32" else "s16"
    resampler = av.AudioResampler(format=kind, layout="mono", rate=OUT_RATE)
    whole = av.AudioFrame.from_ndarray(frame.reshape(1, -1), format=kind, layout="mono")
    whole.sample_rate = IN_RATE
    return partial(resampler.resample, whole)


def through(push: Push, samples: npt.NDArray[Any], in_rate: int) -> Floats:
    """What comes out of whole frames, in full scale units."""
    frame = in_rate * FRAME_MS // 1000
    frames = samples.reshape(-1, frame, 1)
    out = np.concatenate([np.asarray(push(each)).reshape(-1) for each in frames])
    return out.astype(np.float64) / (32_768 if samples.dtype == np.int16 else 1)


def thd_n_db(push: Push, dtype: str, in_rate: int, out_rate: int) -> float:
    instants = np.arange(in_rate * 2) / in_rate
    tone = 10 ** (TONE_DBFS / 20) * np.sin(2 * np.pi * TONE_HZ * instants + 0.3)
    sent = tone.astype(np.float32) if dtype == "float32" else np.rint(tone * 32_768)
    heard = through(push, sent.astype(dtype), in_rate)
    heard = heard[out_rate // 2 : out_rate * 3 // 2]  # after all delays, one whole second
    angles = 2 * np.pi * TONE_HZ * np.arange(len(heard)) / out_rate
    parts = np.stack([np.sin(angles), np.cos(angles), np.ones(len(heard))], axis=1)
    weights = np.linalg.lstsq(parts, heard, rcond=None)[0]
    rest = np.mean((heard - parts @ weights) ** 2)
    return float(10 * np.log10(rest / np.mean((parts[:, :2] @ weights[:2]) ** 2)))


def alias_db(make: Callable[[], Push | None], in_rate: int, out_rate: int) -> float:
    """The worst of many tones that the lower rate cannot hold; each begins with a fresh resampler."""
    worst = -300.0
    instants = np.arange(in_rate // 2) / in_rate
    for hz in np.linspace(1.04 * out_rate / 2, 0.995 * in_rate / 2, ALIAS_TONES):
        push = make()
        assert push is not None
        tone = (0.5 * np.sin(2 * np.pi * hz * instants)).astype(np.float32)
        heard = through(push, tone, in_rate)
        heard = heard[len(heard) * 2 // 5 : len(heard) * 9 // 10]
        level = np.sqrt(np.mean(heard**2)) / (0.5 / np.sqrt(2))
        worst = max(worst, 20 * np.log10(level + 1e-15))
    return float(worst)


def print_quality() -> None:
    """A line per pair of rates, a column per resampler."""
    makers: dict[str, Callable[[str, int, int], Push | None]] = {
        "rawmedia": lambda dtype, a, b: ours(dtype, prompt=True, in_rate=a, out_rate=b),
        "soxr HQ": lambda dtype, a, b: soxr(dtype, "HQ", a, b),
        "PyAV": pyav,
    }
    print(
        "\nTHD+N of 997 Hz at -1 dBFS (float32; int16), worst alias from 1.04 (float32), all in dB"
    )
    print(f"{'':16}" + "".join(f"{name:>25}" for name in makers))
    for in_rate, out_rate in PAIRS:
        line = f"{in_rate:>6} to {out_rate:>6}"
        for make in makers.values():
            figures = []
            for dtype in ("float32", "int16"):
                push = make(dtype, in_rate, out_rate)
                figures.append(f"{thd_n_db(push, dtype, in_rate, out_rate):.1f}" if push else "")
            if figures[0] and in_rate > out_rate:
                fresh = partial(make, "float32", in_rate, out_rate)
                figures.append(f"{alias_db(fresh, in_rate, out_rate):.1f}")
            else:
                figures.append("-" if figures[0] else "not installed")
            line += f"{figures[0]:>10}{figures[1]:>7}{figures[2]:>8}"
        print(line)


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
            "PyAV": pyav_cost("float32", floats),
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
            "PyAV": pyav_cost("int16", ints),
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
        "PyAV": (pyav("float32"), "float32"),
    }
    print_delays({name: push and delay_of(push, dtype) for name, (push, dtype) in rivals.items()})
    print_quality()


if __name__ == "__main__":
    main()
