"""A whole bridged call in virtual time: two fake parties, two scripted engines, and what was heard."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from session_kit import VOICE, Cues, timeline

from rawmedia.errors import StreamFailedError
from rawmedia.sessions.bridge import Bridge, DirectionSetup
from rawmedia.sessions.events import DirectionChanged
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.legs import FakeLeg
from rawmedia.testing.script import ScriptedUtterance
from rawmedia.testing.signals import noise, silence
from rawmedia.testing.translators import ScriptedTranslator
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import DirectionState, SessionEvent
    from rawmedia.testing.script import ScriptItem

LANGUAGES = {"ana": "en", "bob": "fr"}


def voice(seed: int, speech_ms: float = 400) -> AudioFrame:
    """What an engine speaks."""
    return noise(speech_ms, seed=seed, format=VOICE)


def says(
    start_ms: float, end_ms: float, seed: int, speech_ms: float = 400, **more: Any
) -> ScriptedUtterance:
    """Something said, and how it sounds in either language; the answer comes 107 ms later."""
    return ScriptedUtterance(
        source_text=f"said {seed}",
        start_ms=start_ms,
        end_ms=end_ms,
        translations={"fr": f"dit {seed}", "en": f"said {seed}", "es": f"dicho {seed}"},
        audio=voice(seed, speech_ms),
        delay_ms=107.0,
        **more,
    )


@dataclass
class Call:
    """Ana speaks English, Bob French."""

    clock: VirtualClock
    ana: FakeLeg
    bob: FakeLeg
    engines: dict[str, Any]
    bridge: Bridge
    cues: dict[str, Any]
    events: list[tuple[float, str, SessionEvent]] = field(default_factory=list)
    error: BaseException | None = None

    def told(self, name: str, kind: type[Any]) -> list[Any]:
        """The events of a kind in a direction."""
        return [
            event
            for _, direction, event in self.events
            if direction == name and isinstance(event, kind)
        ]

    def states(self, name: str) -> list[DirectionState]:
        """What a direction went through."""
        return [event.state for event in self.told(name, DirectionChanged)]

    def heard(self, leg: FakeLeg) -> np.ndarray[Any, Any]:
        """What a party heard from the start of the call."""
        return leg.record().samples[:, 0]


def prepare(
    ana_says: Sequence[ScriptItem] = (),
    bob_says: Sequence[ScriptItem] = (),
    *,
    lasts_ms: float = 3_000,
    voices: dict[str, AudioFrame] | None = None,
    engines: dict[str, Any] | None = None,
    setups: dict[str, dict[str, Any]] | None = None,
    kinds: dict[str, Callable[..., FakeLeg]] | None = None,
    on_event: Callable[[Direction, SessionEvent], object] | None = None,
    **more: Any,
) -> Call:
    """Put a call together. What the parties say is silence, unless ``voices`` has it.

    Their legs are fakes, or of the ``kinds`` given.
    """
    clock = VirtualClock()
    legs = {
        name: (kinds or {}).get(name, FakeLeg)(
            (voices or {}).get(name, silence(lasts_ms)),
            outbound_format=VOICE,
            name=name,
            language=LANGUAGES[name],
            clock=clock,
        )
        for name in LANGUAGES
    }
    scripts = {"a_to_b": ana_says, "b_to_a": bob_says}
    ways = {"a_to_b": ("en", "fr"), "b_to_a": ("fr", "en")}
    made = {
        name: (engines or {}).get(name)
        or ScriptedTranslator(scripts[name], clock=clock, speech_format=VOICE)
        for name in ways
    }
    cues = {name: Cues() for name in ways}
    events: list[tuple[float, str, SessionEvent]] = []

    def note(direction: Direction, event: SessionEvent) -> None:
        events.append((round(clock.now() * 1000, 3), direction.name, event))
        if on_event is not None:
            on_event(direction, event)

    def setup(name: str) -> DirectionSetup:
        source, target = ways[name]
        settings: dict[str, Any] = {
            "translator": made[name],
            "request": TranslationRequest(source_language=source, target_languages=(target,)),
            "captions": {target: cues[name]},
            **(setups or {}).get(name, {}),
        }
        return DirectionSetup(**settings)

    bridge = Bridge(
        legs["ana"],
        legs["bob"],
        a_to_b=setup("a_to_b"),
        b_to_a=setup("b_to_a"),
        on_event=note,
        **more,
    )
    return Call(clock, legs["ana"], legs["bob"], made, bridge, cues, events)


def carry(call: Call, *, meanwhile: Callable[[Call], Awaitable[object]] | None = None) -> Call:
    """Carry the call and bridge it until both are over; an error of the bridge is kept."""

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            carrying = [tasks.create_task(_until_it_breaks(leg)) for leg in (call.ana, call.bob)]
            beside = None
            if meanwhile is not None:
                beside = tasks.create_task(_awaited(meanwhile(call)))
            try:
                await call.bridge.run()
            except Exception as error:  # noqa: BLE001 - it is what the test is about
                call.error = error
            for leg in (call.ana, call.bob):
                leg.outbound.end()
            if beside is not None:
                await beside
            for task in carrying:
                await asyncio.wait([task])
            assert len(asyncio.all_tasks()) == 1

    call.clock.run(main())
    return call


async def _awaited(what: Awaitable[object]) -> None:
    await what


async def _until_it_breaks(leg: FakeLeg) -> None:
    with contextlib.suppress(StreamFailedError):
        await leg.run()


def hears(call: Call, leg: FakeLeg, pieces: Sequence[tuple[float, AudioFrame]]) -> None:
    """A party heard these pieces, from their milliseconds on, and silence otherwise."""
    heard = call.heard(leg)
    np.testing.assert_array_equal(heard, timeline(pieces, len(heard)))


__all__ = ["LANGUAGES", "Call", "carry", "hears", "prepare", "says", "voice"]
