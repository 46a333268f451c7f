"""Long calls with everything going wrong now and then, in compressed time, with the real SDK."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from azure_kit import request, wait_for_recognizers
from numbered_service import numbered_service
from numbered_speech import spoken_frame, words

from rawmedia.testing import ScaledClock
from rawmedia.translators.azure import AzureOptions, AzureSpeechConfig, AzureTranslator
from rawmedia.translators.events import (
    FinalTranslation,
    TranslatedAudio,
    TranslationEvent,
    TranslatorWarning,
    UtteranceEnded,
)
from rawmedia.translators.resilience import ResilienceConfig, ResilienceWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.translators.resilience import ResilienceStats

SPEED = 30.0
"""Of the clock. The SDK is let upload at that speed and a half: what is sent again must catch up."""
PATIENCE = ResilienceConfig(
    # Two seconds of real time: the SDK itself is no faster than it is.
    answer_timeout_ms=60_000,
    rest_timeout_ms=120_000,
    connect_timeout_ms=300_000,
    handover_lead_ms=60_000,
)


@dataclass
class Books:
    """What a long call came to."""

    texts: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    spoken: set[str] = field(default_factory=set)
    steps: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    stats: ResilienceStats | None = None
    injected: dict[str, int] = field(default_factory=dict)
    connections: int = 0

    def enter(self, event: TranslationEvent) -> None:
        match event:
            case FinalTranslation():
                self.texts.append(event.source_text)
            case UtteranceEnded():
                self.ended.append(event.utterance_id)
            case TranslatedAudio():
                self.spoken.add(event.utterance_id)
            case ResilienceWarning():
                self.steps[event.code] += 1
            case TranslatorWarning():
                self.failed += 1


async def long_call(
    minutes: int,
    *,
    session_s: float,
    rotation_s: float,
    every_minute: Callable[[], None] = lambda: None,
) -> Books:
    """A word a second; half of the minutes break the connection, one synthesis in a hundred fails."""
    seconds = minutes * 60
    clock = ScaledClock(SPEED)
    books = Books()
    async with numbered_service(rotation_s) as service:
        engine = AzureTranslator(
            AzureSpeechConfig(host=service.host, max_session_ms=session_s * 1_000),
            options=AzureOptions(upload_speed=SPEED * 1.5),
            resilience=PATIENCE,
            clock=clock,
        )
        async with await engine.open(request(max_pending_ms=60_000)) as translation:

            async def speak() -> None:
                start = clock.now()
                for at in range(0, seconds * 1_000, 100):
                    await clock.sleep_until(start + at / 1_000)
                    await translation.send(spoken_frame(at))
                    if at % 60_000 == 0:
                        every_minute()
                await translation.end_input()

            speaking = asyncio.create_task(speak())
            async for event in translation:
                books.enter(event)
            await speaking
            books.stats = translation.stats
    books.injected, books.connections = service.injected, service.connections
    return books


def check(books: Books, minutes: int) -> None:
    assert books.texts == words(minutes * 60), "a word was lost, doubled or out of order"
    assert len(set(books.ended)) == len(books.ended) == minutes * 60
    assert books.failed == books.injected["FailedSynthesis"]
    assert len(books.spoken) == minutes * 60 - books.failed
    assert books.stats is not None
    assert books.stats.received_samples == books.stats.settled_samples == minutes * 60 * 16_000
    assert books.stats.lost_samples == 0
    assert not {"speech_dropped", "audio_lost", "partly_repeated"} & books.steps.keys()


def test_five_minutes_with_drops_and_rotations_are_exact() -> None:
    """Every word once, every sample answered for; a failed synthesis costs one word's speech."""
    books = asyncio.run(long_call(5, session_s=100, rotation_s=110))
    wait_for_recognizers()
    check(books, 5)
    assert books.steps["handed_over"] >= 1
    assert books.steps["reconnected"] >= 2
    assert books.injected["Abort"] >= 1
    assert books.injected["FailedSynthesis"] >= 1


@pytest.mark.soak
def test_an_hour_with_drops_and_rotations_is_exact_and_keeps_nothing() -> None:
    """``pytest -m soak -s`` prints what it came to; takes two minutes."""
    memory: list[int] = []

    def weigh() -> None:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        memory.append(pages * os.sysconf("SC_PAGE_SIZE") // 1_024)

    def handles() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    asyncio.run(long_call(1, session_s=600, rotation_s=660))  # loads the SDK
    wait_for_recognizers()
    before = handles()
    books = asyncio.run(long_call(60, session_s=200, rotation_s=210, every_minute=weigh))
    wait_for_recognizers()
    growth_kb = memory[-1] - memory[5]
    print(
        f"{books.stats}\ninjected {books.injected}, {books.connections} connections, {books.steps}"
    )
    print(f"memory after 5 minutes {memory[5]} kB, grew by {growth_kb} kB; {before} {handles()}")
    check(books, 60)
    assert growth_kb <= 10 * 1_024
    assert handles() == before
