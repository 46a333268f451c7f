"""Long runs, apart from the suite: ``sh scripts/test -m soak``."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from rawmedia import (
    SPEECH,
    WIDEBAND_VOICE,
    InboundAudioStream,
    Interpreter,
    OutboundAudioStream,
    TranslationRequest,
)
from rawmedia.testing import ScriptedTranslator, ScriptedUtterance, VirtualClock, tone

UTTERANCE_MS = 6_000
REQUEST = TranslationRequest(source_language="en", target_languages=("es",))


@pytest.mark.soak
def test_an_hour_of_call_loses_nothing_falls_no_further_behind_and_keeps_its_memory() -> None:
    """Lag and leaks that a minute does not show are what users of such libraries complain of."""
    clock = VirtualClock()
    count = 3_600_000 // UTTERANCE_MS
    script = [
        ScriptedUtterance(
            source_text="hello",
            start_ms=number * UTTERANCE_MS + 500,
            end_ms=number * UTTERANCE_MS + 3_000,
            translations={"es": "hola"},
            audio=2_500.0,
            delay_ms=400,
        )
        for number in range(count)
    ]
    inbound = InboundAudioStream(SPEECH, clock=clock)
    outbound = OutboundAudioStream(WIDEBAND_VOICE, clock=clock)
    frame = tone(20)
    memory: list[int] = []

    async def speak() -> None:
        for number in range(count * UTTERANCE_MS // 20):
            await clock.sleep_until((number + 1) * 0.02)
            inbound.push(frame)
            if number % 30_000 == 29_999:  # every ten minutes
                memory.append(tracemalloc.get_traced_memory()[0])
        inbound.end()

    async def listen() -> None:
        async for _ in outbound.paced():
            pass

    async def main() -> None:
        engine = ScriptedTranslator(script, clock=clock, max_recorded_frames=10)
        interpreter = Interpreter(inbound, engine, outbound, REQUEST)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(speak())
            tasks.create_task(listen())
            report = await interpreter.run()
            outbound.end()
        assert len(report.utterances) == count
        assert report.totals.overrun_ms == report.totals.underruns == 0
        heard = [each.translations["es"].ear_voice_span_ms for each in report.utterances]
        spans = [span for span in heard if span is not None]
        assert len(spans) == count
        assert max(spans) - min(spans) <= 20

    tracemalloc.start()
    clock.run(main())
    tracemalloc.stop()
    # The books of an utterance, some hundred bytes each, are all that may grow.
    per_ten_minutes = 600_000 // UTTERANCE_MS
    assert memory[-1] - memory[0] < (len(memory) - 1) * per_ten_minutes * 4_000
