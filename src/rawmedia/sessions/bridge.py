"""Two parties who don't share a language: each hears the other in his own, at the same time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal

from rawmedia.captions.report import CallReport
from rawmedia.errors import ConfigurationError
from rawmedia.sessions.direction import DEFAULT_MAX_LAG_MS, DEFAULT_NOTICE, Direction
from rawmedia.sessions.listener import Listener
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.sessions.own_voice.guard import OwnVoice
from rawmedia.sessions.plain_request import plain_request
from rawmedia.streams.tasks import joined_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawmedia.captions.figures import DirectionMetrics
    from rawmedia.sessions.audience import CaptionSink
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.streams.leg import CallLeg
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translator

EndsWith = Literal["both", "either"]
_OTHER = {"a_to_b": "b_to_a", "b_to_a": "a_to_b"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionSetup:
    """What a bridge does with what one party says."""

    translator: Translator
    request: TranslationRequest
    """From the speaker's language into the listener's; the first target is what is heard."""
    mixing: Mixing = field(default_factory=Mixing)
    """How the listener hears original and translation."""
    max_lag_ms: float | None = DEFAULT_MAX_LAG_MS
    """How late speech is heard after it was there, 100 or more; None for no bound."""
    captions: Mapping[str, CaptionSink] = field(default_factory=dict)
    """Where to write captions, by target language."""
    enabled: bool = True
    """Whether it begins switched on; off, the listener hears the original."""
    max_stall_ms: float = 30_000.0
    """How long the engine may take no audio before it counts as failed."""
    reopen_ms: float | None = 30_000.0
    """How long after a failure that may pass the engine is opened again; None for never."""
    echo_guard: bool = False
    """Whether the engine is kept from hearing what is played to the speaker, which a loudspeaker's
    room or a line sends back; see `OwnVoice`."""
    notice: str = DEFAULT_NOTICE
    """What captions say when the original is let through because the engine failed; empty for
    nothing."""


class Bridge:
    """Interprets between two legs, both ways at once, for as long as the call lasts.

    The directions share nothing but the legs: each has its engine, its languages, its mix and
    its lag, and each may fail, be changed, muted, interrupted or switched off while the other goes
    on; see `Direction`. Where there is no engine, the original is let through. The legs stay
    open: they are whoever made them.

    For one event loop; `run` runs once.

    Args:
        leg_a: One party. The legs must be on one clock.
        leg_b: The other.
        translator: The engine of both directions, from each leg's language into the other's;
            None where both are set up in detail.
        a_to_b: What to do with what the first party says, in detail.
        b_to_a: Likewise for the second.
        on_event: Called on the event loop with a direction and what happened in it; must not
            wait. What it raises ends the bridge.
        ends_with: Whether it ends when nobody says anything any more, or already when one party
            is gone.

    Raises:
        ConfigurationError: A leg has no language, there is no translator, the engine can't serve
            a request, captions are for a language that is not translated into, or the legs are on
            different clocks.
    """

    def __init__(
        self,
        leg_a: CallLeg,
        leg_b: CallLeg,
        translator: Translator | None = None,
        *,
        a_to_b: DirectionSetup | None = None,
        b_to_a: DirectionSetup | None = None,
        on_event: Callable[[Direction, SessionEvent], object] | None = None,
        ends_with: EndsWith = "both",
    ) -> None:
        if leg_a.clock is not leg_b.clock:
            raise ConfigurationError(
                "clock", f"{leg_a.name} and {leg_b.name} are on different clocks; give them one"
            )
        self._legs = (leg_a, leg_b)
        self._setups = (
            a_to_b or _setup(leg_a, leg_b, translator, "a_to_b"),
            b_to_a or _setup(leg_b, leg_a, translator, "b_to_a"),
        )
        self._on_event = on_event
        self._ends_with = ends_with
        self._running = False
        # What the first party hears, and what the second one does.
        self._own_voices: dict[str, OwnVoice] = {}
        self.a_to_b = self._direction("a_to_b", leg_a, self._setups[0])
        """What the first party says, for the second."""
        self.b_to_a = self._direction("b_to_a", leg_b, self._setups[1])
        """What the second party says, for the first."""

    @property
    def directions(self) -> tuple[Direction, Direction]:
        """Both, the first party's first."""
        return (self.a_to_b, self.b_to_a)

    def report(self) -> CallReport:
        """The call so far; whole at any moment."""
        reports = {each.name: each.report() for each in self.directions}
        complete = all(report.complete for report in reports.values())
        return CallReport(directions=reports, complete=complete)

    def metrics(self) -> dict[str, DirectionMetrics]:
        """The figures so far, by the direction's name."""
        return {each.name: each.metrics() for each in self.directions}

    async def run(self) -> CallReport:
        """Interpret until the parties have gone and everything has been heard.

        Cancelling stops at once; what was not heard yet is dropped, and what was heard stays in the
        captions and the report.

        Raises:
            ConfigurationError: What one party says can't be converted into what the other hears.
            StreamError: A leg's outbound stream takes nothing any more, or has a source already.
            Exception: What ``on_event`` raised.
            RuntimeError: It was run before.
        """
        if self._running:
            raise RuntimeError("a bridge runs once; make another")
        self._running = True
        listeners: list[Listener] = []
        try:
            for leg in self._legs:
                # One by one: where the second can't be had the first is given back.
                listener = Listener(leg.outbound, name=leg.name)
                listeners.append(listener)
            for direction, listener, setup in zip(
                self.directions, reversed(listeners), self._setups, strict=True
            ):
                direction.listen(
                    listener,
                    direction.request.target_languages[0],
                    setup.mixing,
                    max_lag_ms=setup.max_lag_ms,
                )
            await self._carry()
        finally:
            for listener in listeners:
                listener.close()
        return self.report()

    async def _carry(self) -> None:
        async with joined_tasks() as tasks:
            running = [tasks.create_task(each.run(), name=each.name) for each in self.directions]
            if self._ends_with == "either":
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for direction in self.directions:
                    direction.stop()

    def _direction(self, name: str, speaker: CallLeg, setup: DirectionSetup) -> Direction:
        own_voice = None
        if setup.echo_guard:
            own_voice = OwnVoice(speaker.inbound.format, speaker.outbound)
            # What it may not hear is what the other direction says.
            self._own_voices[_OTHER[name]] = own_voice
        return Direction(
            speaker.inbound,
            setup.translator,
            setup.request,
            name=name,
            clock=speaker.clock,
            captions=setup.captions,
            on_event=partial(self._tell, name),
            source_name=speaker.name,
            max_stall_ms=setup.max_stall_ms,
            reopen_ms=setup.reopen_ms,
            enabled=setup.enabled,
            speaker=speaker.name,
            notice=setup.notice,
            own_voice=own_voice,
        )

    def _tell(self, name: str, event: SessionEvent) -> None:
        direction = self.a_to_b if name == "a_to_b" else self.b_to_a
        own_voice = self._own_voices.get(name)
        if own_voice is not None:
            own_voice.tell(event, self._legs[0].clock.now())
        if self._on_event is not None:
            self._on_event(direction, event)


def _setup(
    speaker: CallLeg, listener: CallLeg, translator: Translator | None, name: str
) -> DirectionSetup:
    if translator is None:
        raise ConfigurationError(name, "give an engine for both directions, or set this one up")
    source, target = speaker.language, listener.language
    if source is None or target is None:
        mute = speaker if source is None else listener
        raise ConfigurationError(
            name, f"{mute.name} has no language; give it one, or set this direction up"
        )
    request = plain_request(source, (target,))
    return DirectionSetup(translator=translator, request=request)


__all__ = ["Bridge", "DirectionSetup", "EndsWith"]
