"""What the tests of resilience share: a talkative script, a plain detector, engines that fail, a run in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import NetworkError, RawMediaError, TranslatorOverloadedError
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.script import ScriptedCrash, ScriptedStall, ScriptedUtterance
from rawmedia.translators.events import FinalTranslation, TranslationEvent
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.resilience.config import ResilienceConfig
from rawmedia.translators.resilience.steps import ResilienceWarning
from rawmedia.translators.resilient import ResilientTranslator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from rawmedia.testing.script import ScriptItem
    from rawmedia.testing.translators import ScriptedTranslator
    from rawmedia.translators.resilience.machine import ResilienceStats
    from rawmedia.translators.resilient_translation import ResilientTranslation
    from rawmedia.translators.translator import Translation, Translator, TranslatorCapabilities

Timed = list[tuple[float, TranslationEvent]]

REQUEST = TranslationRequest(source_language="en", target_languages=("es",))
SPEAKING = np.full(SPEECH.samples(1_000), 1_000, dtype=np.int16)
SILENT = np.zeros(SPEECH.samples(1_000), dtype=np.int16)


class LoudActivity:
    """Speech is what is not digital silence: what a script says is known without hearing it."""

    def __init__(self, format: AudioFormat) -> None:
        self.format = format

    def push(self, samples: Any) -> Sequence[bool]:
        return [bool(np.any(samples))] if len(samples) else []


def talk(
    until_ms: float,
    *,
    every_ms: float = 4_000.0,
    length_ms: float = 2_500.0,
    audio: float | None = 1_500.0,
    **settings: Any,
) -> list[ScriptedUtterance]:
    """An utterance every so often, each with words of its own."""
    defaults: dict[str, Any] = {
        "delay_ms": 300.0,
        "audio_delay_ms": 100.0,
        "audio_interval_ms": 60.0,
        "revisions": ("so far",),
    }
    return [
        ScriptedUtterance(
            source_text=f"word{number} again{number}",
            start_ms=number * every_ms + 500,
            end_ms=number * every_ms + 500 + length_ms,
            translations={"es": f"palabra{number}"},
            audio=audio,
            **(defaults | settings),
        )
        for number in range(int(until_ms // every_ms))
    ]


def frames(
    script: Iterable[ScriptItem], until_ms: float, *, frame_ms: float = 20.0, start_ms: float = 0.0
) -> list[AudioFrame]:
    """Audio that is loud where the script has somebody speak."""
    spoken = [item for item in script if isinstance(item, ScriptedUtterance)]
    made = []
    samples = SPEECH.samples(frame_ms)
    place_ms = start_ms
    upcoming = sorted(spoken, key=lambda each: each.start_ms)
    while place_ms < until_ms:
        while upcoming and upcoming[0].end_ms <= place_ms:
            upcoming.pop(0)
        loud = bool(upcoming) and upcoming[0].start_ms < place_ms + frame_ms
        data = (SPEAKING if loud else SILENT)[:samples]
        made.append(AudioFrame(data, SPEECH, SPEECH.samples(place_ms)))
        place_ms += frame_ms
    return made


@dataclass
class Run:
    """What came of a translation."""

    events: Timed = field(default_factory=list)
    stats: ResilienceStats | None = None
    error: RawMediaError | None = None
    sent_samples: int = 0

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]

    @property
    def texts(self) -> list[str]:
        return [event.source_text for event in self.of(FinalTranslation)]

    @property
    def codes(self) -> list[str]:
        return [event.code for event in self.of(ResilienceWarning)]

    def times(self, code: str) -> list[float]:
        return [
            moment
            for moment, event in self.events
            if isinstance(event, ResilienceWarning) and event.code == code
        ]


async def collect(translation: Translation, clock: VirtualClock, events: Timed) -> None:
    async for event in translation:
        events.append((round(clock.now() * 1000, 3), event))


async def say(translation: Translation, frame: AudioFrame) -> None:
    """Send a frame however long that takes, as an interpreter does."""
    while True:
        try:
            return await translation.send(frame)
        except TranslatorOverloadedError:
            pass


def nothing_left_behind() -> None:
    """No task but the test's own is alive."""
    assert asyncio.all_tasks() == {asyncio.current_task()}


def resilient(
    engines: Translator | Iterable[Translator],
    clock: VirtualClock,
    *,
    seed: int = 0,
    **settings: Any,
) -> ResilientTranslator:
    return ResilientTranslator(
        engines,
        config=ResilienceConfig(**settings),
        clock=clock,
        random=Random(seed),
        activity=LoudActivity,
    )


def converse(
    make: Callable[[VirtualClock], Translator | Sequence[Translator]],
    audio: Sequence[AudioFrame],
    *,
    asked: TranslationRequest = REQUEST,
    seed: int = 0,
    meanwhile: Callable[[ResilientTranslation, VirtualClock], Awaitable[None]] | None = None,
    limit_s: float = 8_000.0,
    **settings: Any,
) -> Run:
    """Say all of the audio at the speed of speech, hear all events, and leave nothing behind."""
    clock = VirtualClock()
    run = Run()

    async def main() -> None:
        translator = resilient(make(clock), clock, seed=seed, **settings)
        translation = await translator.open(asked)
        reading = asyncio.create_task(collect(translation, clock, run.events))
        other = None
        if meanwhile is not None:
            other = asyncio.ensure_future(meanwhile(translation, clock))
        begun = clock.now()
        try:
            for frame in audio:
                await clock.sleep_until(begun + frame.end_ms / 1000)
                await say(translation, frame)
                run.sent_samples += frame.samples_per_channel
            await translation.end_input()
            await reading
        except RawMediaError as error:
            run.error = error
            await asyncio.wait([reading])
            reading.exception()
        if other is not None:
            await other
        await translation.aclose()
        run.stats = translation.stats
        nothing_left_behind()

    clock.run(main(), limit=limit_s)
    return run


def accounted(run: Run) -> None:
    """Every sample that was sent was answered for or counted as lost."""
    stats = run.stats
    assert stats is not None
    assert stats.received_samples == run.sent_samples
    assert stats.received_samples == stats.settled_samples + stats.lost_samples
    assert stats.held_samples == stats.unguarded_samples == 0


class MuteTranslator:
    """A `Translator` whose chosen translations take audio and never say a word after some time.

    Args:
        inner: The engine.
        mute_after_ms: For each translation in turn, after how much of its audio it falls
            silent; None for never. Translations beyond the list are well.
    """

    def __init__(
        self,
        inner: ScriptedTranslator,
        mute_after_ms: Iterable[float | None],
    ) -> None:
        self.inner = inner
        self.opened = 0
        self._mute_after_ms = list(mute_after_ms)

    @property
    def capabilities(self) -> TranslatorCapabilities:
        return self.inner.capabilities

    async def open(self, request: TranslationRequest) -> Translation:
        translation = await self.inner.open(request)
        number, self.opened = self.opened, self.opened + 1
        after_ms = self._mute_after_ms[number] if number < len(self._mute_after_ms) else None
        return translation if after_ms is None else _Mute(translation, after_ms)


class _Mute:
    """Takes all audio, and once it has heard enough says nothing any more."""

    def __init__(self, inner: Translation, after_ms: float) -> None:
        self._inner = inner
        self._left_ms = after_ms
        self._events = aiter(inner)

    async def send(self, frame: AudioFrame) -> None:
        self._left_ms -= frame.duration_ms
        if self._left_ms > 0:
            await self._inner.send(frame)

    async def commit(self) -> None:
        await self._inner.commit()

    async def interrupt(self) -> None:
        await self._inner.interrupt()

    async def update(self, request: TranslationRequest) -> None:
        await self._inner.update(request)

    async def end_input(self) -> None:
        if self._left_ms > 0:
            await self._inner.end_input()

    def __aiter__(self) -> AsyncIterator[TranslationEvent]:
        return self

    async def __anext__(self) -> TranslationEvent:
        event = await anext(self._events)
        if self._left_ms <= 0:
            await asyncio.Event().wait()
        return event

    async def aclose(self) -> None:
        await self._inner.aclose()


def faults(seed: int, until_ms: float, *, mean_ms: float) -> list[ScriptItem]:
    """Crashes and stalls, one every so often on average; each happens once."""
    dice = Random(seed)
    items: list[ScriptItem] = []
    at_ms = dice.expovariate(1 / mean_ms)
    while at_ms < until_ms:
        match dice.randrange(4):
            case 0:
                items.append(ScriptedStall(at_ms=at_ms))
            case 1:
                items.append(ScriptedStall(at_ms=at_ms, duration_ms=dice.uniform(100, 9_000)))
            case _:
                items.append(ScriptedCrash(at_ms=at_ms, delay_ms=dice.uniform(0, 3_000)))
        at_ms += dice.expovariate(1 / mean_ms)
    return items


def open_errors(seed: int, count: int) -> list[Exception | None]:
    """What the first attempts to open an engine raise: mostly nothing."""
    dice = Random(seed)
    return [
        dice.choice([None, None, None, NetworkError("scripted", "no route")]) for _ in range(count)
    ]
