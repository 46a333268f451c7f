"""A bridge between a loudspeaker and a call does not translate itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from loudspeaker_kit import DELAY_MS, Loudspeaker

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.sessions.bridge import Bridge, DirectionSetup
from rawmedia.sessions.events import OwnVoiceIgnored, UtteranceHeard
from rawmedia.sessions.room import Room
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.legs import FakeLeg
from rawmedia.testing.script import ScriptedUtterance
from rawmedia.testing.signals import joined, silence, speech_like
from rawmedia.testing.translators import ScriptedTranslator
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.sessions.room_member import Member

ENGLISH = "your train leaves at nine from platform two"
FRENCH = "votre train part a neuf heures du quai deux"
HEARD_FROM_MS = 620.0
LENGTH_MS = 5_000.0


def scripts() -> tuple[ScriptedUtterance, ScriptedUtterance]:
    """What Bob says, and what is understood of its translation when that comes back."""
    spoken = speech_like(LENGTH_MS, seed=3)
    echo_from = HEARD_FROM_MS + DELAY_MS
    french = ScriptedUtterance(
        source_text=FRENCH,
        start_ms=100,
        end_ms=500,
        translations={"en": ENGLISH},
        audio=spoken,
        delay_ms=107.0,
    )
    again = ScriptedUtterance(
        # As a recogniser would hear it, with a word or two wrong.
        source_text="Your train leaves at 9 from platform too.",
        start_ms=echo_from,
        end_ms=echo_from + LENGTH_MS,
        translations={"fr": FRENCH},
        audio=speech_like(1_000, seed=4),
        delay_ms=107.0,
    )
    return french, again


def interpret(*, guarded: bool, ana_says: AudioFrame | None = None) -> dict[str, Any]:
    """Bob's French is spoken to Ana in English, comes back from her room, and is understood again."""
    clock = VirtualClock()
    ana = Loudspeaker(
        ana_says or silence(8_000), format=SPEECH, name="ana", language="en", clock=clock
    )
    bob = FakeLeg(silence(8_000), format=SPEECH, name="bob", language="fr", clock=clock)
    french, again = scripts()
    engines = {
        name: ScriptedTranslator([script], clock=clock, speech_format=SPEECH)
        for name, script in (("a_to_b", again), ("b_to_a", french))
    }
    events: list[tuple[str, SessionEvent]] = []

    def setup(name: str, source: str, target: str) -> DirectionSetup:
        return DirectionSetup(
            translator=engines[name],
            request=TranslationRequest(source_language=source, target_languages=(target,)),
            max_lag_ms=None,
            echo_guard=guarded,
        )

    def note(direction: Direction, event: SessionEvent) -> None:
        events.append((direction.name, event))

    bridge = Bridge(
        ana,
        bob,
        a_to_b=setup("a_to_b", "en", "fr"),
        b_to_a=setup("b_to_a", "fr", "en"),
        on_event=note,
    )

    async def main() -> None:
        carrying = [asyncio.create_task(leg.run()) for leg in (ana, bob)]
        await bridge.run()
        for leg in (ana, bob):
            leg.outbound.end()
        await asyncio.wait(carrying)

    clock.run(main())
    (translation,) = engines["a_to_b"].translations
    return {
        "engine": joined(translation.frames).samples[:, 0].astype(float),
        "bob": bob.record().samples,
        "events": [event for name, event in events if name == "a_to_b"],
        "bridge": bridge,
    }


def level(samples: np.ndarray[Any, Any]) -> float:
    return float(10 * np.log10(np.mean(samples**2) + 1e-9))


def test_without_the_guard_it_would_be_translated_again() -> None:
    """The loop that users complain of: it is here, so that the guard has something to guard from."""
    call = interpret(guarded=False)
    assert [event.text for event in call["events"] if isinstance(event, UtteranceHeard)] == [FRENCH]
    assert call["bob"].any()


def test_what_was_played_is_kept_from_the_engine_and_its_words_are_known_again() -> None:
    """The sound is taken out, and what gets through all the same is told by its text."""
    bare, guarded = interpret(guarded=False), interpret(guarded=True)
    late = slice(SPEECH.samples(HEARD_FROM_MS + DELAY_MS + 2_000), SPEECH.samples(5_700))
    assert level(bare["engine"][late]) - level(guarded["engine"][late]) >= 20
    (ignored,) = [event for event in guarded["events"] if isinstance(event, OwnVoiceIgnored)]
    assert ignored.text.startswith("Your train leaves")
    assert not any(isinstance(event, UtteranceHeard) for event in guarded["events"])
    assert not guarded["bob"].any()
    report = guarded["bridge"].report().directions["a_to_b"]
    assert report.metrics.echo.utterances == 1
    assert report.metrics.echo.delay_ms == pytest.approx(DELAY_MS, abs=25)
    assert report.complete


def test_who_speaks_over_it_is_heard_by_the_engine() -> None:
    """A guard that made a speaker wait until the loudspeaker is silent would be worse than none."""
    words = speech_like(3_000, seed=9, peak_dbfs=-10)
    pieces = [silence(2_600), words, silence(2_400)]
    says = AudioFrame(np.concatenate([piece.samples for piece in pieces]), SPEECH)
    call = interpret(guarded=True, ana_says=says)
    place = slice(SPEECH.samples(2_700), SPEECH.samples(5_500))
    said = says.samples[place, 0].astype(float)
    assert level(call["engine"][place]) >= level(said) - 3


def test_a_room_guards_each_of_its_engines() -> None:
    """One who listens over a loudspeaker would otherwise speak to everybody with everybody's voice."""
    clock = VirtualClock()
    ana = Loudspeaker(silence(8_000), format=SPEECH, name="ana", language="en", clock=clock)
    bob = FakeLeg(silence(8_000), format=SPEECH, name="bob", language="fr", clock=clock)
    french, again = scripts()
    events: list[tuple[str, SessionEvent]] = []

    def note(member: Member, event: SessionEvent) -> None:
        events.append((member.name, event))

    async def main() -> None:
        carrying = [asyncio.create_task(leg.run()) for leg in (ana, bob)]
        engine = ScriptedTranslator([french], clock=clock, speech_format=SPEECH)
        other = ScriptedTranslator([again], clock=clock, speech_format=SPEECH)
        async with Room(engine, max_lag_ms=None, on_event=note, echo_guard=True) as room:
            room.join(ana, translator=other)
            room.join(bob)
            await room.emptied()
        for leg in (ana, bob):
            leg.outbound.end()
        await asyncio.wait(carrying)

    clock.run(main())
    assert any(name == "ana" and isinstance(event, OwnVoiceIgnored) for name, event in events)
    assert ana.record().samples.any()
    assert not bob.record().samples.any()
