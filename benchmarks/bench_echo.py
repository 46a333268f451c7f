"""What the echo guard keeps from an engine, what it costs, and what WebRTC's canceller does with the same input.

    python benchmarks/bench_echo.py
    python benchmarks/bench_echo.py ../shared/speech   # a folder of WAV files, mono, 16 kHz: human voices too

The rooms are those of the tests: delays of 0 to 500 ms, 6 to 30 dB of loss, a tail of 100 ms, noise, mu-law and
Opus on the line, clocks 100 ppm apart. Aims: 20 dB or more of own voice kept from the engine in every
room, no word of a real speaker passed 3 dB softer or more, at most 150 us for each 20 ms at 16 kHz.

The rival, `livekit.rtc.AudioProcessingModule`, cancels for people's ears, and has no delay to find: it is told.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys

# Before numpy loads: a second BLAS thread would be counted, and does not help products so small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import wave
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from harness import measure

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "audio"))

from echo_kit import (  # the set that the tests judge by
    Call,
    Outcome,
    Room,
    call,
    guarded,
    int16,
    near_words,
    spoken,
    voice,
)

from rawmedia.audio.echo.guard import EchoGuard
from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.testing.signals import in_frames

try:
    from livekit import rtc
except ImportError:
    rtc = None

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt
    from harness import Rival

    Wave = npt.NDArray[np.float64]

SECONDS = 12.0
FROM_MS = 3_000.0
"""Until then both may look for the echo."""
APM_LATE = 127
"""Samples at 16 kHz that the canceller's own filters take, as the correlation of a clean voice shows."""
ROOMS = [
    Room(seed, delay, gain, 100.0, codec=codec, drift_ppm=ppm, noise_dbfs=-65.0)
    for seed, ((delay, gain, codec), ppm) in enumerate(
        zip(
            itertools.product(
                (0.0, 60.0, 250.0, 500.0), (-6.0, -18.0, -30.0), ("", "ulaw", "opus")
            ),
            itertools.cycle((0.0, 100.0, -100.0, 0.0)),
            strict=False,
        ),
        1,
    )
]


def cancelled(played: Wave, heard: npt.NDArray[np.int16], delay_ms: float) -> npt.NDArray[np.int16]:
    """What WebRTC's canceller gives."""
    apm = rtc.AudioProcessingModule(echo_cancellation=True)
    out = np.zeros_like(heard)
    far = int16(played)
    for start in range(0, len(out) - 159, 160):
        apm.process_reverse_stream(_frame(far[start : start + 160]))
        apm.set_stream_delay_ms(int(delay_ms))
        frame = _frame(heard[start : start + 160])
        apm.process_stream(frame)
        out[start : start + 160] = np.frombuffer(frame.data, np.int16)
    return out


def _frame(samples: npt.NDArray[np.int16]) -> rtc.AudioFrame:
    return rtc.AudioFrame(samples.tobytes(), 16_000, 1, len(samples))


def calls(voices: Iterable[tuple[Wave, Wave]]) -> Iterator[tuple[Room, Call, Call]]:
    """Each room with the echo alone, and with somebody who speaks over it."""
    for room, (played, near) in zip(ROOMS, voices, strict=False):
        yield room, call(played, room), call(played, room, near)


def synthetic() -> Iterator[tuple[Wave, Wave]]:
    """Voices by seed."""
    for room in ROOMS:
        yield voice(room.seed, SECONDS), near_words(room.seed + 1_000, SECONDS)


def human(folder: Path) -> Iterator[tuple[Wave, Wave]]:
    """Recordings: one is played again and again, another is said over it from the third second on."""
    recordings = [_recording(path) for path in sorted(folder.glob("*.wav"))]
    length = int(SECONDS * 16_000)
    for index in range(len(ROOMS)):
        near, far = (recordings[(index + turn) % len(recordings)] for turn in (1, 0))
        yield np.tile(far, length // len(far) + 1)[:length], spoken(near, length)


def _recording(path: Path) -> Wave:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32_768


def judge(title: str, judged: Iterable[tuple[Room, Call, Call]]) -> None:
    """Print what of own voice and of words each of them lets through."""
    kept: dict[str, list[float]] = {}
    over: dict[str, list[float]] = {}
    losses: dict[str, list[float]] = {}
    for room, alone, both in judged:
        ours = guarded(both)
        results = {
            "EchoGuard": (
                guarded(alone).kept_db(FROM_MS),
                ours.kept_db(FROM_MS),
                ours.word_losses_db(),
            )
        }
        if rtc is not None:
            single, double = (
                Outcome(each, cancelled(each.played, each.heard, room.delay_ms))
                for each in (alone, both)
            )
            # Words are compared with those that it gives where it has nothing to cancel.
            clean = cancelled(0 * both.played, both.clean, room.delay_ms)
            words = double.word_losses_db(clean=clean, late=APM_LATE)
            results["livekit APM"] = (single.kept_db(FROM_MS), double.kept_db(FROM_MS), words)
        for name, (own, between, passed) in results.items():
            kept.setdefault(name, []).append(own)
            over.setdefault(name, []).append(between)
            losses.setdefault(name, []).extend(passed)
    print(f"\n{title}: {len(ROOMS)} rooms of {SECONDS:g} s, from the third second on")
    print(f"{'':12}  own voice kept out, dB    between words, dB    words 3 dB softer or more")
    print(f"{'':12}  least  median  < 20 dB    least  median        lost  of  softest, dB")
    for name, values in kept.items():
        few = sum(value < 20 for value in values)
        lost = sum(loss < -3 for loss in losses[name])
        print(
            f"{name:12}  {min(values):5.1f}  {statistics.median(values):6.1f}  {few:7}    "
            f"{min(over[name]):5.1f}  {statistics.median(over[name]):6.1f}        "
            f"{lost:4}  {len(losses[name])}  {min(losses[name]):.1f}"
        )
    if rtc is None:
        print("livekit APM   not installed")


def guarding(audio: Call) -> Rival:
    """A frame played, a frame heard; round and round."""
    guard = EchoGuard(SPEECH)
    guarded(audio, guard)  # the echo is found
    played = itertools.cycle(in_frames(AudioFrame(int16(audio.played), SPEECH)))
    heard = itertools.cycle(in_frames(AudioFrame(audio.heard, SPEECH)))
    position = itertools.count(len(audio.heard), 320)

    def frame() -> None:
        at = next(position)
        guard.played(AudioFrame(next(played).samples, SPEECH, at))
        guard.heard(AudioFrame(next(heard).samples, SPEECH, at))

    return frame


def cancelling(audio: Call, delay_ms: float) -> Rival | None:
    """The same with the rival, which takes 10 ms at a time."""
    if rtc is None:
        return None
    apm = rtc.AudioProcessingModule(echo_cancellation=True)
    played = itertools.cycle(int16(audio.played).reshape(-1, 160))
    heard = itertools.cycle(audio.heard.reshape(-1, 160))

    def frame() -> None:
        for _ in range(2):
            apm.process_reverse_stream(_frame(next(played)))
            apm.set_stream_delay_ms(int(delay_ms))
            apm.process_stream(_frame(next(heard)))

    return frame


def main() -> None:
    """Run them all."""
    room = ROOMS[20]
    audio = call(voice(room.seed, SECONDS), room, near_words(room.seed + 1_000, SECONDS))
    measure(
        {"EchoGuard": guarding(audio), "livekit APM": cancelling(audio, room.delay_ms)},
        rounds=15,
        title="20 ms at 16 kHz, played and heard (aim: <= 150 us)",
    )
    judge("synthetic voices", calls(synthetic()))
    if len(sys.argv) > 1:
        judge("human voices", calls(human(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
