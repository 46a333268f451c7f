"""An hour of a translation that takes 1.6 times as long as what it translates, in virtual time.

    python benchmarks/bench_lag.py [MINUTES]

A whole `Interpreter` with a scripted engine, once with the bound on lag and once without. Aims: queueing
lag P99 within ``max_lag_ms``; all that is skipped is in the captions; nothing is said on top of
something else.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from rawmedia import (
    SPEECH,
    InboundAudioStream,
    Interpreter,
    OutboundAudioStream,
    TranslationRequest,
)
from rawmedia.sessions.events import SpeechLeftOut, SpeechPlayedFaster
from rawmedia.testing import ScriptedTranslator, ScriptedUtterance, VirtualClock
from rawmedia.testing.signals import speech_like

if TYPE_CHECKING:
    from rawmedia.captions.cue import Cue
    from rawmedia.captions.report import SessionReport
    from rawmedia.sessions.events import SessionEvent

LONGER = 1.6
MAX_LAG_MS = 4_000.0
REQUEST = TranslationRequest(source_language="en", target_languages=("es",))


@dataclass
class Run:
    """What came of an hour, and the greatest lag up to each quarter of it."""

    utterances: int
    captions: list[Cue] = field(default_factory=list)
    skips: list[SpeechLeftOut] = field(default_factory=list)
    faster: int = 0
    lags_ms: list[float] = field(default_factory=list)
    report: SessionReport | None = None

    def write(self, cue: Cue) -> None:
        """Keep a caption."""
        self.captions.append(cue)

    def note(self, event: SessionEvent) -> None:
        """Keep what was told of speech."""
        if isinstance(event, SpeechLeftOut):
            self.skips.append(event)
        self.faster += isinstance(event, SpeechPlayedFaster)


def script(minutes: float) -> list[ScriptedUtterance]:
    """Somebody who speaks without a break, in sentences of 1.5 to 6 s."""
    rng = np.random.default_rng(6)
    voice = speech_like(60_000, seed=6, format=SPEECH).samples
    said: list[ScriptedUtterance] = []
    start_ms = 0.0
    while (end_ms := start_ms + float(rng.uniform(1_500, 6_000))) < minutes * 60_000:
        samples = SPEECH.samples(LONGER * (end_ms - start_ms))
        first = int(rng.integers(0, len(voice) - samples))
        said.append(
            ScriptedUtterance(
                source_text=f"sentence {len(said)}",
                start_ms=start_ms,
                end_ms=end_ms - 20,
                translations={"es": f"frase {len(said)}"},
                audio=voice[first : first + samples],
                delay_ms=107,
            )
        )
        start_ms = end_ms
    return said


def carry(said: list[ScriptedUtterance], minutes: float, max_lag_ms: float | None) -> Run:
    """Interpret it."""
    clock = VirtualClock()
    run = Run(len(said))
    inbound = InboundAudioStream(SPEECH, clock=clock)
    outbound = OutboundAudioStream(SPEECH, clock=clock)
    engine = ScriptedTranslator(said, clock=clock, speech_format=SPEECH, max_recorded_frames=1)
    interpreter = Interpreter(
        inbound,
        engine,
        outbound,
        REQUEST,
        captions={"es": run},
        on_event=run.note,
        max_lag_ms=max_lag_ms,
        max_queued_ms=3_600_000,
    )
    frame = speech_like(20, seed=1, format=SPEECH)
    frames = round(minutes * 3_000)

    async def speak() -> None:
        for number in range(frames):
            await clock.sleep_until((number + 1) * 0.02)
            inbound.push(frame)
            if number % (frames // 4) == frames // 4 - 1:
                run.lags_ms.append(interpreter.metrics().queueing_lag.max_ms or 0.0)
        inbound.end()

    async def listen() -> None:
        async for _ in outbound.paced():
            pass

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(speak())
            tasks.create_task(listen())
            run.report = await interpreter.run()
            outbound.end()

    clock.run(main())
    return run


def show(name: str, run: Run) -> None:
    """Print the figures of a run, and whether the books agree."""
    assert run.report is not None
    assert run.report.metrics is not None
    lag, speech = run.report.metrics.queueing_lag, run.report.metrics.speech
    heard = sorted(
        (each.heard_at_ms, each.heard_until_ms)
        for one in run.report.utterances
        for each in one.translations.values()
        if each.heard_at_ms is not None and each.heard_until_ms is not None
    )
    overlaps = sum(later[0] < earlier[1] for earlier, later in pairwise(heard))
    texts = {cue.text for cue in run.captions}
    missing = sum(f"frase {number}" not in texts for number in range(run.utterances))
    quarters = "  ".join(f"{each / 1000:8.1f}" for each in run.lags_ms)
    print(f"\n{name}")
    print(f"  queueing lag      P50 {lag.p50_ms} ms, P99 {lag.p99_ms} ms, max {lag.max_ms} ms")
    print(f"  max by quarter    {quarters} s")
    print(
        f"  utterances        {run.utterances}, {run.faster} played faster, {len(run.skips)} skips"
    )
    print(f"  skipped           {sum(each.ms for each in run.skips) / 1000:.1f} s of speech")
    print(f"  speech            {speech}")
    print(f"  not in captions   {missing}")
    print(f"  on top of another {overlaps}")


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    said = script(minutes)
    show(f"{minutes:g} min, lag bounded to {MAX_LAG_MS:g} ms", carry(said, minutes, MAX_LAG_MS))
    show(f"{minutes:g} min, no bound", carry(said, minutes, None))


if __name__ == "__main__":
    main()
