"""An hour of a call in which two parties are interpreted for each other: wall time, and whether runs agree.

    python benchmarks/bench_call.py [MINUTES]

Both directions are translated by scripted engines; both parties send and hear PCM packets (16 kHz,
20 ms) over lossy links of their own, in virtual time. Two runs of a tenth of the time come first and
must agree to the last byte. No rival has a call to measure; the time is given as a multiple of
real time, and next to that of a bare loop which only wakes every 20 ms.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import asyncio
import hashlib
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from rawmedia import AudioFrame, Interpreter, TranslationRequest
from rawmedia.testing import (
    FakeCall,
    FakeParty,
    LossyLink,
    Says,
    ScriptedTranslator,
    VirtualClock,
    spoken,
)

EVERY_MS = 12_000
"""Each says something so often, in turn with the other."""
PHRASES = {
    "good morning, how are you today?": "buenos días, ¿cómo está usted hoy?",
    "the order has been on its way since Monday.": "el pedido está en camino desde el lunes.",
    "could you tell me the number once more?": "¿me puede decir el número otra vez?",
}


@dataclass(frozen=True)
class Result:
    """What a run gave."""

    digest: str
    utterances: int
    lost: int
    concealed_ms: float
    wall_s: float
    cpu_s: float


def party(name: str, offset_ms: float, minutes: float, seed: int) -> FakeParty:
    texts = [*PHRASES] if name == "ana" else [*PHRASES.values()]
    said = {text: spoken(text, seed=seed) for text in texts}
    count = int(minutes * 60_000 // EVERY_MS)
    return FakeParty(
        name,
        [
            Says(offset_ms + number * EVERY_MS, said[texts[number % len(texts)]])
            for number in range(count)
        ],
        language="en" if name == "ana" else "es",
        codec="L16",
        uplink=LossyLink.preset("congested_4g", seed),
        downlink=LossyLink.preset("transatlantic", seed + 1),
    )


def call(
    minutes: float,
    on_entry: Callable[[str], object] = lambda _: None,
    on_heard: Callable[[AudioFrame], object] = lambda _: None,
) -> Result:
    """Carry a call of so many minutes, and say what came of it.

    Args:
        minutes: How long it is.
        on_entry: Gets every entry of the log: events, happenings and reports.
        on_heard: Gets what each party heard, when the call is over.
    """
    start, cpu = time.perf_counter(), time.process_time()
    clock = VirtualClock()
    back = {spanish: english for english, spanish in PHRASES.items()}
    digest = hashlib.sha256()

    def enter(entry: str) -> None:
        digest.update(entry.encode())
        on_entry(entry)

    def hear(heard: AudioFrame) -> None:
        digest.update(heard.data)
        on_heard(heard)

    async def main() -> tuple[int, int, float]:
        ana, bob = party("ana", 1_000, minutes, 1), party("bob", 7_000, minutes, 11)
        fake = FakeCall([ana, bob], clock=clock, max_recorded_ms=minutes * 60_000 + 60_000)
        sessions = []
        for speaker, hearer, texts in ((ana, bob, PHRASES), (bob, ana, back)):
            translations = {text: {str(hearer.language): other} for text, other in texts.items()}
            engine = ScriptedTranslator(
                speaker.answered(translations, delay_ms=300, audio=2_000.0),
                clock=clock,
                max_recorded_frames=10,
            )
            request = TranslationRequest(
                source_language=str(speaker.language), target_languages=(str(hearer.language),)
            )
            sessions.append(
                Interpreter(
                    fake.legs[speaker.name].inbound,
                    engine,
                    fake.legs[hearer.name].outbound,
                    request,
                    on_event=lambda event: enter(repr(event)),
                )
            )
        carrying = asyncio.create_task(fake.run())
        reports = await asyncio.gather(*(session.run() for session in sessions))
        for leg in fake.legs.values():
            leg.outbound.end()
        await carrying
        for happening in fake.log:
            enter(repr(happening))
        for report in reports:
            enter(report.model_dump_json())
        lost, concealed_ms = 0, 0.0
        for name in fake.parties:
            hear(fake.heard(name))
            for stats in fake.stats(name):
                assert stats is not None
                lost += stats.jitter.lost
                concealed_ms += stats.concealed_ms
        return sum(len(report.utterances) for report in reports), lost, concealed_ms

    utterances, lost, concealed_ms = clock.run(main())
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    return Result(digest.hexdigest(), utterances, lost, concealed_ms, wall_s, cpu_s)


def bare_loop(minutes: float) -> float:
    """Seconds that nothing but waking every 20 ms takes."""
    clock = VirtualClock()

    async def main() -> None:
        for number in range(int(minutes * 3_000)):
            await clock.sleep_until(number * 0.02)

    start = time.process_time()
    clock.run(main())
    return time.process_time() - start


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    first, second = call(minutes / 10), call(minutes / 10)
    assert first.digest == second.digest, "two runs of one call differ"
    print(f"two runs of {minutes / 10:g} min agree: {first.digest[:16]}")
    result = call(minutes)
    bare_s = bare_loop(minutes)
    print(
        f"{minutes:g} min of call: {result.wall_s:.1f} s of wall time, {result.cpu_s:.1f} s of CPU "
        f"({minutes * 60 / result.cpu_s:.0f} times real time; waking alone {bare_s:.1f} s)"
    )
    print(
        f"{result.utterances} utterances, {result.lost} packets lost, "
        f"{result.concealed_ms / 1000:.1f} s concealed; digest {result.digest}"
    )
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak_mib:.0f} MiB, the recordings among it")


if __name__ == "__main__":
    main()
