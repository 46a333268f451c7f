"""A bridged call in which something goes wrong every few seconds, by luck that has a seed."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from session_kit import Cues

from rawmedia.audio.format import SPEECH
from rawmedia.errors import EngineCrashedError, NetworkError, TranslatorOverloadedError
from rawmedia.sessions.bridge import Bridge, DirectionSetup
from rawmedia.sessions.events import DirectionChanged, SpeechLeftOut
from rawmedia.testing.calls import FakeCall
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.network import LossyLink
from rawmedia.testing.party import FakeParty, Says
from rawmedia.testing.script import ScriptedUtterance
from rawmedia.testing.signals import noise, speech_like
from rawmedia.testing.translators import ScriptedTranslator
from rawmedia.translators.base import TranslationBase
from rawmedia.translators.events import FinalTranslation, TranslatedAudio, UtteranceEnded
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.resilience.config import ResilienceConfig
from rawmedia.translators.resilient import ResilientTranslator

if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.captions.report import CallReport
    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.translator import Translation, TranslatorCapabilities

Trouble = Literal["crash", "disconnect", "stall", "pause", "silence", "double", "double_renamed"]
"""It fails; it loses the network; it takes no more audio, for good or for a while; it takes audio and
says nothing more; it gives its next answer twice, under the same name or another."""

_Answer = FinalTranslation | TranslatedAudio | UtteranceEnded

EVERY_MS = 5_000
SPEAKS_MS = 1_500
TROUBLE_EVERY_MS = 20_000
PAUSE_MS = 700
_TROUBLES: tuple[Trouble, ...] = (
    "crash",
    "disconnect",
    "stall",
    "pause",
    "silence",
    "double",
    "double_renamed",
)


def troubles(minutes: float, random: Random) -> list[tuple[float, Trouble]]:
    """What goes wrong at which media time, every twenty seconds on average."""
    at_ms, planned = 0.0, []
    while (at_ms := at_ms + random.expovariate(1 / TROUBLE_EVERY_MS)) < minutes * 60_000:
        planned.append((at_ms, random.choice(_TROUBLES)))
    return planned


def script(name: str, minutes: float, random: Random) -> list[ScriptedUtterance]:
    """A sentence of three seconds every five; one of ten is translated slowly."""
    answer = noise(SPEAKS_MS, seed=3, format=SPEECH, peak_dbfs=-20)
    return [
        ScriptedUtterance(
            source_text=f"{name} {start}",
            start_ms=start,
            end_ms=start + 3_000,
            translations={"en": f"{name} {start} in English", "fr": f"{name} {start} en français"},
            audio=answer,
            revisions=[name, f"{name} {start}"],
            delay_ms=1_900 if random.random() < 0.1 else 107,
            audio_interval_ms=20,
        )
        for start in range(500, int(minutes * 60_000) - EVERY_MS, EVERY_MS)
    ]


class TroubledTranslator:
    """Another engine, to whose translations everything that is planned happens once."""

    def __init__(
        self, engine: ScriptedTranslator, plan: list[tuple[float, Trouble]], clock: Clock
    ) -> None:
        self.engine, self.clock = engine, clock
        self.plan = deque(plan)
        self.happened: Counter[Trouble] = Counter()

    @property
    def capabilities(self) -> TranslatorCapabilities:
        return self.engine.capabilities

    async def open(self, request: TranslationRequest) -> TroubledTranslation:
        # What an engine was is of no interest any more; what it kept would be held for an hour.
        self.engine.translations.clear()
        self.engine.requests.clear()
        return TroubledTranslation(self, await self.engine.open(request), request)


class TroubledTranslation(TranslationBase):
    """Hands on what the other says and hears, until it is time for trouble."""

    def __init__(
        self, translator: TroubledTranslator, inner: Translation, request: TranslationRequest
    ) -> None:
        super().__init__(translator.capabilities, request, clock=translator.clock)
        self._translator, self._inner = translator, inner
        self._silent = False
        self._doubling: Trouble | None = None
        self._twice: dict[str, list[_Answer]] = {}
        self._start(self._run)

    async def interrupt(self) -> None:
        await super().interrupt()
        await self._inner.interrupt()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                async for event in self._inner:
                    if not self._silent:
                        await self._report(event)
                        await self._repeat(event)
        finally:
            await self._inner.aclose()

    async def _repeat(self, event: TranslationEvent) -> None:
        """Keep an answer that is to be given twice, and give it again when it is over."""
        if isinstance(event, FinalTranslation) and self._doubling is not None:
            self._twice[event.utterance_id] = []
        if not isinstance(event, _Answer):
            return
        kept = self._twice.get(event.utterance_id)
        if kept is None:
            return
        kept.append(event)
        if isinstance(event, UtteranceEnded):
            renamed = self._doubling == "double_renamed"
            self._doubling = None
            for each in self._twice.pop(event.utterance_id):
                name = event.utterance_id + " again" * renamed
                await self._report(replace(each, utterance_id=name))

    async def _listen(self) -> None:
        async for frame in self._frames:
            while self._translator.plan and self._translator.plan[0][0] <= frame.start_ms:
                _, trouble = self._translator.plan.popleft()
                self._translator.happened[trouble] += 1
                await self._suffer(trouble)
            await self._hand_on(frame)
        await self._inner.end_input()

    async def _suffer(self, trouble: Trouble) -> None:
        match trouble:
            case "crash":
                raise EngineCrashedError(self._name, "by plan")
            case "disconnect":
                raise NetworkError(self._name, "by plan")
            case "stall":
                await asyncio.Event().wait()
            case "pause":
                await self._clock.sleep_until(self._clock.now() + PAUSE_MS / 1000)
            case "silence":
                self._silent = True
            case "double" | "double_renamed":
                self._doubling = trouble

    async def _hand_on(self, frame: AudioFrame) -> None:
        while True:
            try:
                return await self._inner.send(frame)
            except TranslatorOverloadedError:
                continue


@dataclass
class Outcome:
    """All that is to be seen of such a call."""

    report: CallReport
    cues: dict[str, Cues]
    scripts: dict[str, list[ScriptedUtterance]]
    happened: dict[str, Counter[Trouble]]
    events: list[tuple[str, SessionEvent]] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    """What Python held, minute by minute; empty unless it was asked for."""

    def of(self, direction: str, kind: type[Any]) -> list[Any]:
        """What a direction told of a kind."""
        return [event for name, event in self.events if name == direction and type(event) is kind]


def troubled_call(minutes: float, seed: int, *, trace: bool = False) -> Outcome:
    """Carry a call of Ana, who speaks English, and Bob, who speaks French, both over bad mobile networks."""
    clock = VirtualClock()
    random = Random(seed)
    ways = {"a_to_b": ("ana", "en", "fr"), "b_to_a": ("bob", "fr", "en")}
    scripts = {way: script(name, minutes, random) for way, (name, _, _) in ways.items()}
    engines = {
        way: TroubledTranslator(
            ScriptedTranslator(
                scripts[way],
                clock=clock,
                speech_format=SPEECH,
                max_recorded_frames=1,
                # The line has holes, and an engine may begin to hear in one of them.
                start_tolerance_ms=200,
            ),
            troubles(minutes, random),
            clock,
        )
        for way in ways
    }
    cues = {way: Cues() for way in ways}
    events: list[tuple[str, SessionEvent]] = []
    memory: list[int] = []

    def note(direction: Direction, event: SessionEvent) -> None:
        if isinstance(event, DirectionChanged | SpeechLeftOut):
            events.append((direction.name, event))

    def setup(way: str) -> DirectionSetup:
        _, source, target = ways[way]
        return DirectionSetup(
            translator=ResilientTranslator(
                engines[way],
                config=ResilienceConfig(retry_base_ms=100, answer_timeout_ms=2_000),
                clock=clock,
                random=random,
            ),
            request=TranslationRequest(source_language=source, target_languages=(target,)),
            captions={target: cues[way]},
        )

    async def watch() -> None:
        while trace:
            memory.append(tracemalloc.get_traced_memory()[0])
            await clock.sleep_until(clock.now() + 60)

    async def main() -> CallReport:
        voice = speech_like(60_000, seed=seed, format=SPEECH)
        parties = [
            FakeParty(
                name,
                [Says(start * 60_000, voice) for start in range(int(minutes))],
                language=source,
                uplink=LossyLink.preset("congested_4g", seed=seed + number),
                downlink=LossyLink.preset("congested_4g", seed=seed + 10 + number),
            )
            for number, (name, source, _) in enumerate(ways.values())
        ]
        async with FakeCall(parties, clock=clock, max_recorded_ms=0) as call:
            bridge = Bridge(
                call.legs["ana"],
                call.legs["bob"],
                a_to_b=setup("a_to_b"),
                b_to_a=setup("b_to_a"),
                on_event=note,
            )
            watching = asyncio.create_task(watch())
            try:
                return await bridge.run()
            finally:
                watching.cancel()

    if trace:
        tracemalloc.start()
    try:
        report = clock.run(main())
    finally:
        tracemalloc.stop()
    happened = {way: engine.happened for way, engine in engines.items()}
    return Outcome(report, cues, scripts, happened, events, memory)
