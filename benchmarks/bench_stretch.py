"""Time and activity in live audio, in frames of 20 ms: stretching, voice detection, following a clock.

    python benchmarks/bench_stretch.py

Rivals, each where it is installed: FFmpeg's atempo filter through PyAV, which takes and gives
frames of its own (both with the arrays turned into them and without); WebRTC's voice detector
(webrtcvad); python-soxr, which resamples by one fixed ratio and cannot follow a clock.

Held is the most audio, in milliseconds of input, that had gone in and was not in what had come
out, at the rate asked for. The pitch is that of a synthetic voice of 120 Hz.
"""

from __future__ import annotations

import os

# Before numpy loads: a second BLAS thread would be counted, and does not help products so small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import importlib.util
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from harness import Rival, measure

from rawmedia.audio.activity import EnergyActivity
from rawmedia.audio.clock_drift import ClockDrift
from rawmedia.audio.drift import DriftResampler
from rawmedia.audio.format import AudioFormat
from rawmedia.audio.stretch import TimeStretcher
from rawmedia.audio.webrtc_activity import WebRtcActivity
from rawmedia.testing.signals import speech_like

RATE, FRAME_MS, VOICE_HZ = 1.2, 20, 120.0
SPEECH_MS = 4_000
PPM = 130.0
RATIOS = "ratio: this one's time by rawmedia's"

Push = Callable[[Any], Any]
"""One frame of 20 ms in, an array of what comes out for it; state in between."""


def in_frames(samples: Any, sample_rate: int) -> list[Any]:
    size = sample_rate * FRAME_MS // 1000
    return [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]


def speech(sample_rate: int) -> list[Any]:
    return in_frames(
        speech_like(SPEECH_MS, seed=1, format=AudioFormat(sample_rate)).samples, sample_rate
    )


def each_in_turn(push: Push | None, frames: list[Any]) -> Rival | None:
    """One operation is the next frame of speech: what it costs depends on what is said."""
    if push is None:
        return None
    turn = itertools.cycle(frames)
    return lambda: push(next(turn))


def ours(sample_rate: int, rate: float) -> Push:
    return TimeStretcher(AudioFormat(sample_rate), rate).push


def atempo_graph(sample_rate: int, rate: float) -> Any:
    import av
    import av.filter

    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=sample_rate, format="s16", layout="mono")
    tempo = graph.add("atempo", str(rate))
    sink = graph.add("abuffersink")
    graph.link_nodes(source, tempo, sink).configure()
    return graph


def pulled(graph: Any) -> list[Any]:
    import av

    frames = []
    while True:
        try:
            frames.append(graph.pull())
        except (av.BlockingIOError, av.EOFError):
            return frames


def atempo(sample_rate: int, rate: float) -> Push | None:
    """Arrays in and out, as ours."""
    if not importlib.util.find_spec("av"):
        return None
    import av

    graph = atempo_graph(sample_rate, rate)

    def push(samples: Any) -> Any:
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = sample_rate
        graph.push(frame)
        arrays = [each.to_ndarray().reshape(-1) for each in pulled(graph)]
        return np.concatenate(arrays) if arrays else np.zeros(0, np.int16)

    return push


def atempo_of_frames(sample_rate: int, rate: float, frames: list[Any]) -> Rival | None:
    """FFmpeg's own frames in and out, made beforehand."""
    if not importlib.util.find_spec("av"):
        return None
    import av

    graph = atempo_graph(sample_rate, rate)
    ready = []
    for samples in frames:
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = sample_rate
        ready.append(frame)

    def push(frame: Any) -> Any:
        graph.push(frame)
        return pulled(graph)

    return each_in_turn(push, ready)


def voice(sample_rate: int, seconds: float = 4.0) -> Any:
    """Partials that fall by 6 dB an octave, up to 3400 Hz."""
    instants = np.arange(round(sample_rate * seconds)) / sample_rate
    partials = np.arange(1, int(3_400 / VOICE_HZ))[:, np.newaxis]
    wave = (np.sin(2 * np.pi * VOICE_HZ * partials * instants + partials) / partials).sum(axis=0)
    return (wave * 5_000).astype(np.int16)[:, np.newaxis]


def pitch_hz(samples: Any, sample_rate: int) -> float:
    """The median over 60 ms windows of where the normalised autocorrelation has its peak."""
    size = sample_rate * 60 // 1000
    first, last = round(sample_rate / VOICE_HZ / 1.3), round(sample_rate / VOICE_HZ * 1.3)
    found = []
    for start in range(0, len(samples) - size - last, size):
        window = samples[start : start + size + last].astype(np.float64)
        lagged = np.lib.stride_tricks.sliding_window_view(window, size)[first : last + 1]
        likeness = (lagged @ window[:size]) / np.sqrt(np.square(lagged).sum(axis=1))
        peak = min(max(1, int(np.argmax(likeness))), len(likeness) - 2)
        before, at, after = likeness[peak - 1 : peak + 2]
        found.append(
            sample_rate / (first + peak + (before - after) / 2 / (before - 2 * at + after))
        )
    return float(np.median(found))


def held_ms(push: Push, frames: list[Any], sample_rate: int) -> float:
    most, given = 0.0, 0
    for index, frame in enumerate(frames, 1):
        given += np.asarray(push(frame)).size
        most = max(most, index * FRAME_MS - given * RATE * 1000 / sample_rate)
    return most


def print_stretching(
    sample_rate: int, makers: dict[str, Callable[[int, float], Push | None]]
) -> None:
    width = max(map(len, makers))
    print(
        f"\n{sample_rate} Hz at {RATE:g}x: what is held of speech, and the pitch of a voice after it"
    )
    print(f"{'':{width}}  {'held ms':>7}  {'pitch':>8}")
    for name, make in makers.items():
        one, other = make(sample_rate, RATE), make(sample_rate, RATE)
        if one is None or other is None:
            print(f"{name:{width}}  not installed")
            continue
        held = held_ms(one, speech(sample_rate), sample_rate)
        frames = in_frames(voice(sample_rate), sample_rate)
        spoken = np.concatenate([np.asarray(other(frame)).reshape(-1) for frame in frames])
        off = pitch_hz(spoken, sample_rate) / VOICE_HZ - 1
        print(f"{name:{width}}  {held:7.1f}  {off:+8.3%}")


def bench_stretching() -> None:
    for sample_rate in (16_000, 24_000, 48_000):
        frames = speech(sample_rate)
        measure(
            {
                "rawmedia": each_in_turn(ours(sample_rate, RATE), frames),
                "rawmedia at 1.0x": each_in_turn(ours(sample_rate, 1.0), frames),
                "PyAV atempo": each_in_turn(atempo(sample_rate, RATE), frames),
                "PyAV atempo, its frames": atempo_of_frames(sample_rate, RATE, frames),
            },
            title=f"Stretching {sample_rate} Hz mono at {RATE:g}x, {FRAME_MS} ms; {RATIOS}",
        )
        print_stretching(sample_rate, {"rawmedia": ours, "PyAV atempo": atempo})


def webrtc(sample_rate: int) -> Push | None:
    """The package as it is: bytes of 20 ms, one answer."""
    if not importlib.util.find_spec("webrtcvad"):
        return None
    import webrtcvad

    vad = webrtcvad.Vad(2)
    return lambda data: vad.is_speech(data, sample_rate)


def webrtc_through_ours(sample_rate: int) -> Push | None:
    if not importlib.util.find_spec("webrtcvad"):
        return None
    return WebRtcActivity(AudioFormat(sample_rate)).push


def bench_activity() -> None:
    for sample_rate in (8_000, 16_000, 48_000):
        frames = speech(sample_rate)
        data = [frame.tobytes() for frame in frames]
        detector = EnergyActivity(AudioFormat(sample_rate))
        measure(
            {
                "rawmedia, energy": each_in_turn(detector.push, frames),
                "rawmedia, WebRTC's": each_in_turn(webrtc_through_ours(sample_rate), frames),
                "webrtcvad, one answer": each_in_turn(webrtc(sample_rate), data),
            },
            title=f"Who speaks, {sample_rate} Hz, {FRAME_MS} ms, two answers; {RATIOS}",
        )


def soxr(sample_rate: int) -> Push | None:
    if not importlib.util.find_spec("soxr"):
        return None
    import soxr

    stream = soxr.ResampleStream(
        sample_rate * (1 + PPM / 1e6), sample_rate, 1, dtype="int16", quality="HQ"
    )
    push: Push = stream.resample_chunk
    return push


def distortion_db(push: Push, hz: float, sample_rate: int = 16_000) -> float:
    """What comes out besides the tone at its new pitch, by that tone (THD+N), over 6 s."""
    instants = np.arange(sample_rate * 6) / sample_rate
    samples = np.rint(16_000 * np.sin(2 * np.pi * hz * instants)).astype(np.int16)[:, np.newaxis]
    frames = in_frames(samples, sample_rate)
    wave = np.concatenate([np.asarray(push(frame)).reshape(-1) for frame in frames])
    wave = wave.astype(np.float64)[sample_rate:-sample_rate]
    angles = 2 * np.pi * hz * (1 + PPM / 1e6) * np.arange(len(wave)) / sample_rate
    basis = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    fitted = basis @ np.linalg.lstsq(basis, wave, rcond=None)[0]
    return float(10 * np.log10(np.square(wave - fitted).sum() / np.square(fitted).sum()))


def bench_drift() -> None:
    for sample_rate in (8_000, 16_000, 48_000):
        frames = speech(sample_rate)
        measure(
            {
                "rawmedia": each_in_turn(DriftResampler(ppm=PPM).push, frames),
                "soxr HQ, fixed ratio": each_in_turn(soxr(sample_rate), frames),
            },
            title=f"Following a clock {PPM:g} ppm off, {sample_rate} Hz, {FRAME_MS} ms; {RATIOS}",
        )
    print(f"\nDistortion and noise at {PPM:g} ppm, 16 kHz, int16 in and out, dB")
    makers: dict[str, Callable[[], Push | None]] = {
        "rawmedia": lambda: DriftResampler(ppm=PPM).push,
        "soxr HQ": lambda: soxr(16_000),
    }
    for name, make in makers.items():
        pushes = {hz: make() for hz in (300, 1_000, 3_000, 6_000)}
        figures = [f"{hz} Hz {distortion_db(push, hz):6.1f}" for hz, push in pushes.items() if push]
        print(f"{name:9} {'   '.join(figures) or 'not installed'}")


def bench_clock() -> None:
    """Estimating the drift: the cost of a packet, and how close it gets in 20 ms of jitter."""
    jitter = np.random.default_rng(0).uniform(0, 20, 100_000)
    clock, count = ClockDrift(), itertools.count()

    def packet() -> None:
        index = next(count)
        clock.push(index * 20 + jitter[index % len(jitter)], index * 20)

    measure({"rawmedia": packet}, number=5_000, title="Estimating the drift, one packet of 20 ms")
    print("\nHow far off the estimate is, ppm, worst of 5 drifts and 6 seeds")
    for seconds in (20, 30, 60, 120):
        print(f"after {seconds:3} s: {max(map(partial(off_by, seconds), range(6))):5.1f}")


def off_by(seconds: int, seed: int) -> float:
    worst = 0.0
    for ppm in (-500, -60, 0, 200, 500):
        media = np.arange(seconds * 50 + 5) * 20.0
        jitter = np.random.default_rng(seed).uniform(0, 20, len(media))
        arrivals = media / (1 + ppm / 1e6) + jitter
        clock = ClockDrift()
        for index in np.argsort(arrivals, kind="stable"):
            clock.push(float(arrivals[index]), float(media[index]))
        assert clock.ppm is not None
        worst = max(worst, abs(clock.ppm - ppm))
    return worst


def main() -> None:
    bench_stretching()
    bench_activity()
    bench_drift()
    bench_clock()


if __name__ == "__main__":
    main()
