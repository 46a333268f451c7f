"""A whole session in virtual time: a fake party, a scripted engine, and all that can be seen of it."""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rawmedia.audio.format import SPEECH, WIDEBAND_VOICE, AudioFormat
from rawmedia.errors import StreamFailedError
from rawmedia.sessions.events import SessionEvent, UtteranceHeard, UtteranceStarted
from rawmedia.sessions.interpreter import Interpreter
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.legs import FakeLeg
from rawmedia.testing.script import ScriptedUtterance
from rawmedia.testing.signals import noise, silence
from rawmedia.testing.translators import ScriptedTranslator
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.captions.cue import Cue
    from rawmedia.captions.report import SessionReport
    from rawmedia.streams.reader import AudioReader
    from rawmedia.testing.script import ScriptItem
    from rawmedia.translators.translator import Translator

FRAME_MS = 20
VOICE = WIDEBAND_VOICE


def request(*targets: str, **settings: Any) -> TranslationRequest:
    return TranslationRequest(source_language="en", target_languages=targets or ("es",), **settings)


def utterance(
    start_ms: float, end_ms: float, speech_ms: float = 400, *, seed: int = 1, **more: Any
) -> ScriptedUtterance:
    """Something said in the source, and noise of its own as its translation."""
    defaults: dict[str, Any] = {
        "source_text": f"text {seed}",
        "translations": {"es": f"texto {seed}", "fr": f"texte {seed}"},
        "audio": speech(speech_ms, seed),
        # No multiple of a frame, so that the answer never comes at the instant of a pull.
        "delay_ms": 107.0,
    }
    return ScriptedUtterance(start_ms=start_ms, end_ms=end_ms, **{**defaults, **more})


def speech(duration_ms: float, seed: int, format: AudioFormat = VOICE) -> AudioFrame:
    """What an engine speaks: noise, so that every sample tells where it belongs."""
    return noise(duration_ms, seed=seed, format=format)


def next_frame(when_ms: float) -> float:
    """When the first frame that is pulled after a moment starts to be heard."""
    return FRAME_MS * math.floor(when_ms / FRAME_MS + 1)


def whole_frames(duration_ms: float) -> float:
    """How long audio is, the padding of its last frame included."""
    return FRAME_MS * math.ceil(round(duration_ms / FRAME_MS, 6))


class Cues(list["Cue"]):
    """A caption sink that keeps what it gets."""

    def write(self, cue: Cue) -> None:
        self.append(cue)

    @property
    def times(self) -> list[tuple[float, float, str]]:
        """When each begins and ends, to a thousandth of a millisecond, and what it says."""
        return [(round(cue.start_ms, 3), round(cue.end_ms, 3), cue.text) for cue in self]


@dataclass
class Session:
    """A session and what came of it."""

    clock: VirtualClock
    leg: FakeLeg
    translator: Any
    interpreter: Interpreter
    cues: dict[str, Cues]
    events: list[tuple[float, SessionEvent]] = field(default_factory=list)
    """Every event and when it was told, in milliseconds."""
    listeners: dict[str, FakeLeg] = field(default_factory=dict)
    error: BaseException | None = None

    @property
    def report(self) -> SessionReport:
        return self.interpreter.report()

    def heard(self, language: str | None = None) -> np.ndarray[Any, Any]:
        """What a listener heard, from the start of the session."""
        leg = self.leg if language is None else self.listeners[language]
        return leg.record().samples[:, 0]

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]

    @property
    def started(self) -> list[UtteranceStarted]:
        return self.told(UtteranceStarted)

    @property
    def ended(self) -> list[UtteranceHeard]:
        return self.told(UtteranceHeard)


def prepare(
    script: Sequence[ScriptItem] = (),
    *,
    says: Any = None,
    targets: Sequence[str] = ("es",),
    listeners: Sequence[str] = (),
    translator: Translator | None = None,
    captions: Mapping[str, Any] | None = None,
    on_event: Callable[[SessionEvent], object] | None = None,
    settings: Mapping[str, Any] | None = None,
    clock: VirtualClock | None = None,
    leg: FakeLeg | None = None,
    inbound: AudioReader | None = None,
    max_lag_ms: float | None = None,
    **more: Any,
) -> Session:
    """Put a session together; the party hears the first target, ``listeners`` other ones.

    Lag is not bounded unless asked for, so that what is heard is what the engine said.
    """
    clock = clock or VirtualClock()
    says = silence(3_000) if says is None else says
    leg = leg or FakeLeg(says, outbound_format=VOICE, clock=clock)
    others = {language: FakeLeg(outbound_format=VOICE, clock=clock) for language in listeners}
    engine = translator or ScriptedTranslator(script, clock=clock, speech_format=VOICE)
    cues = {language: Cues() for language in targets}
    events: list[tuple[float, SessionEvent]] = []

    def note(event: SessionEvent) -> None:
        events.append((round(clock.now() * 1000, 3), event))
        if on_event is not None:
            on_event(event)

    interpreter = Interpreter(
        inbound or leg.inbound,
        engine,
        {targets[0]: leg.outbound, **{name: other.outbound for name, other in others.items()}},
        request(*targets, **(settings or {})),
        clock=clock,
        captions=cues if captions is None else captions,
        on_event=note,
        max_lag_ms=max_lag_ms,
        **more,
    )
    return Session(clock, leg, engine, interpreter, cues, events, others)


def carry(
    session: Session, *, meanwhile: Callable[[Session], Awaitable[object]] | None = None
) -> Session:
    """Carry the call and interpret it until both are over; an error of the session is kept."""

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            carrying = [tasks.create_task(_until_it_breaks(leg)) for leg in legs]
            beside = None
            if meanwhile is not None:
                beside = tasks.create_task(_awaited(meanwhile(session)))
            try:
                await session.interpreter.run()
            except Exception as error:  # noqa: BLE001 - it is what the test is about
                session.error = error
            for leg in legs:
                leg.outbound.end()
            if beside is not None:
                await beside
            await asyncio.wait(carrying)
            # The party and the test are all that may still be there.
            assert len(asyncio.all_tasks()) == 1

    legs = [session.leg, *session.listeners.values()]
    session.clock.run(main())
    return session


async def _awaited(what: Awaitable[object]) -> None:
    await what


async def _until_it_breaks(leg: FakeLeg) -> None:
    with contextlib.suppress(StreamFailedError):
        await leg.run()


def timeline(
    pieces: Sequence[tuple[float, AudioFrame]], length: int, format: AudioFormat = VOICE
) -> np.ndarray[Any, Any]:
    """So many samples of silence, with pieces of speech where they begin, in milliseconds."""
    wave = np.zeros(length, np.int16)
    for start_ms, audio in pieces:
        start = format.samples(start_ms)
        wave[start : start + audio.samples_per_channel] = audio.samples[:, 0]
    return wave


__all__ = [
    "FRAME_MS",
    "SPEECH",
    "VOICE",
    "Cues",
    "Session",
    "carry",
    "next_frame",
    "prepare",
    "request",
    "speech",
    "timeline",
    "utterance",
    "whole_frames",
]
