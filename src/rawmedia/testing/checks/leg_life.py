"""What a leg promises beside its audio: who is there, what happens, and what is left when it is closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rawmedia.errors import EndOfStreamError, StreamClosedError, StreamTimeoutError, StreamUseError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.leg import (
    MAX_EVENTS,
    DtmfPressed,
    LegStateChanged,
    ParticipantJoined,
    ParticipantLeft,
)
from rawmedia.testing.checks.broken import broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.leftovers import Leftovers
from rawmedia.testing.checks.leg_trial import LegTrial, heard, speech, until
from rawmedia.testing.checks.waiting import cancelled_after

if TYPE_CHECKING:
    from rawmedia.streams.leg import CallLeg, LegEvent

_LEG = "rawmedia.streams.leg.CallLeg"
_TURNS = 6
_WHO = "somebody whom the check joined"
_KEYS = "0123456789ABCD*#"
_SUSPENDED_S = 0.4
_LIMIT_MS = 10_000.0

LEG_LIFE_CHECKS: CheckList[LegTrial] = CheckList()


@LEG_LIFE_CHECKS.promise(
    "Whoever joins has a stream among the participants, and an event says so.", f"{_LEG}.join"
)
async def who_joins_is_there(trial: LegTrial) -> None:
    """A recorder opens a track for each."""
    async with trial.factory() as leg:
        stream = InboundAudioStream(clock=leg.clock)
        await _read(leg)
        leg.join(_WHO, stream)
        require(
            leg.participants.get(_WHO) is stream,
            "join() came, and participants has another stream or none.",
        )
        events = await _read(leg)
        require(ParticipantJoined(_WHO) in events, f"join() came, and the events were {events}.")


@LEG_LIFE_CHECKS.promise(
    "The stream of whoever leaves ends, and an event says so.", f"{_LEG}.leave"
)
async def who_leaves_has_ended(trial: LegTrial) -> None:
    """What was said before stays readable."""
    async with trial.factory() as leg:
        stream = InboundAudioStream(clock=leg.clock)
        leg.join(_WHO, stream)
        stream.push(bytes(640))
        await _read(leg)
        leg.leave(_WHO)
        leg.leave(_WHO)
        require(
            _WHO not in leg.participants, "leave() came, and participants still has the stream."
        )
        events = await _read(leg)
        left = events.count(ParticipantLeft(_WHO))
        require(left == 1, f"somebody left, and the events were {events}.")
        try:
            await stream.arecv(timeout=0)
            await stream.arecv(timeout=0)
        except EndOfStreamError:
            return
        except StreamTimeoutError:
            broke("leave() came, and the participant's stream had not ended.")


@LEG_LIFE_CHECKS.promise("Nobody can join twice under one name.", f"{_LEG}.join")
async def nobody_joins_twice(trial: LegTrial) -> None:
    """The first stream would be lost to everybody."""
    async with trial.factory() as leg:
        leg.join(_WHO, InboundAudioStream(clock=leg.clock))
        try:
            leg.join(_WHO, InboundAudioStream(clock=leg.clock))
        except StreamUseError:
            return
        broke("join() came twice for one participant, and raised no StreamUseError.")


@LEG_LIFE_CHECKS.promise("Nobody can join a closed leg.", f"{_LEG}.join")
async def nobody_joins_what_is_closed(trial: LegTrial) -> None:
    """The stream would never be closed."""
    async with trial.factory() as leg:
        await trial.within(leg.aclose(), "aclose()")
        try:
            leg.join(_WHO, InboundAudioStream(clock=leg.clock))
        except StreamUseError:
            return
        broke("join() came after aclose(), and raised no StreamUseError.")


@LEG_LIFE_CHECKS.promise("aclose closes the participants' streams, too.", f"{_LEG}.aclose")
async def closing_closes_the_participants(trial: LegTrial) -> None:
    """Each has a reader."""
    async with trial.factory() as leg:
        stream = InboundAudioStream(clock=leg.clock)
        leg.join(_WHO, stream)
        await trial.within(leg.aclose(), "aclose()")
        try:
            await stream.arecv(timeout=0)
        except StreamClosedError:
            return
        except (EndOfStreamError, StreamTimeoutError) as error:
            broke(f"after aclose() a participant's stream raised {type(error).__name__}.")


@LEG_LIFE_CHECKS.promise("Unread events are kept, in order, each for one reader.", f"{_LEG}.events")
async def events_come_in_order(trial: LegTrial) -> None:
    """Keys pressed fast are a number that is dialled."""
    async with trial.factory() as leg:
        await _read(leg)
        for key in _KEYS:
            leg.press(key)
        keys = [event.key for event in await _read(leg) if isinstance(event, DtmfPressed)]
        require(keys == list(_KEYS), f"the keys {_KEYS} were pressed, and {''.join(keys)} read.")


@LEG_LIFE_CHECKS.promise(
    "A cancelled wait for an event loses none.", "rawmedia.streams.leg.LegEvents.get"
)
async def a_cancelled_wait_loses_no_event(trial: LegTrial) -> None:
    """Whoever waits for a key with a timeout cancels all the time."""
    async with trial.factory() as leg:
        await _read(leg)
        got: list[str] = []
        for key in _KEYS:
            waiting = asyncio.ensure_future(leg.events.get())
            await asyncio.sleep(0)
            leg.press(key)
            waiting.cancel()
            await asyncio.wait({waiting})
            events = [waiting.result()] if not waiting.cancelled() else await _read(leg)
            got += [event.key for event in events if isinstance(event, DtmfPressed)]
        require(
            got == list(_KEYS),
            f"{_KEYS} were pressed as waits were cancelled, and {''.join(got)} read.",
        )


@LEG_LIFE_CHECKS.promise(
    "Unread events are bounded; the oldest go and are counted.", "rawmedia.streams.leg.MAX_EVENTS"
)
async def unread_events_are_bounded(trial: LegTrial) -> None:
    """Nobody need read them."""
    async with trial.factory() as leg:
        await _read(leg)
        before = leg.lost_events
        for number in range(MAX_EVENTS + 10):
            leg.press(_KEYS[number % len(_KEYS)])
        unread = await _read(leg)
        lost = leg.lost_events - before
        require(
            len(unread) <= MAX_EVENTS and lost >= 10,
            f"{MAX_EVENTS + 10} events came, {len(unread)} were kept and {lost} counted as lost.",
        )


@LEG_LIFE_CHECKS.promise(
    "A suspended leg pulls nothing, so nothing underruns; resumed it goes on.", f"{_LEG}.suspend"
)
async def nothing_is_pulled_while_suspended(trial: LegTrial) -> None:
    """What was sent waits for the connection to come back."""
    if not trial.suspends:
        skip("suspends=False: its adapter never suspends it")
    async with trial.factory() as leg, heard(leg):
        await leg.clock.sleep_until(leg.clock.now() + 0.1)
        await _read(leg)
        leg.suspend()
        await leg.clock.sleep_until(leg.clock.now() + 0.05)
        await leg.outbound.asend(speech(leg, 200))
        leg.outbound.end_segment()
        before = leg.outbound.stats
        await leg.clock.sleep_until(leg.clock.now() + _SUSPENDED_S)
        after = leg.outbound.stats
        pulled_ms = leg.outbound.format.duration_ms(after.pulled_position - before.pulled_position)
        require(
            pulled_ms == 0,
            f"in {_SUSPENDED_S * 1000:g} ms of suspension {pulled_ms:g} ms were pulled.",
        )
        require(after.underruns == before.underruns, "it underran while it was suspended.")
        leg.resume()
        await until(
            lambda: not leg.outbound.stats.buffered_ms,
            leg,
            _LIMIT_MS,
            "it was resumed, and outbound was not emptied",
        )
        states = [event.state for event in await _read(leg) if isinstance(event, LegStateChanged)]
        require(
            states == ["suspended", "attached"],
            f"it was suspended and resumed, and events said {states}.",
        )


@LEG_LIFE_CHECKS.promise("aclose twice is harmless.", f"{_LEG}.aclose")
async def closing_twice_is_harmless(trial: LegTrial) -> None:
    """In turn and at once."""
    async with trial.factory() as leg, heard(leg):
        await leg.clock.sleep_until(leg.clock.now() + 0.06)
        both = asyncio.gather(leg.aclose(), leg.aclose())
        await trial.within(both, "aclose() twice at once")
        await trial.within(leg.aclose(), "aclose() again")


@LEG_LIFE_CHECKS.promise("aclose ends the events, after one that says so.", f"{_LEG}.aclose")
async def closing_ends_the_events(trial: LegTrial) -> None:
    """Or whoever watches them waits for ever."""
    async with trial.factory() as leg:
        watching = asyncio.ensure_future(_all_events(leg))
        await asyncio.sleep(0)
        await trial.within(leg.aclose(), "aclose()")
        events = await trial.within(watching, "iteration over the events at aclose()")
        require(
            bool(events) and events[-1] == LegStateChanged("closed"),
            f"the last events at aclose() were {events[-3:]}.",
        )


@LEG_LIFE_CHECKS.promise("A cancelled aclose can be called again.", f"{_LEG}.aclose")
async def a_cancelled_close_can_be_repeated(trial: LegTrial) -> None:
    """A shutdown with a time limit cancels, and somebody else closes what is left."""
    for turns in range(_TURNS):
        async with trial.factory() as leg, heard(leg):
            await leg.clock.sleep_until(leg.clock.now() + 0.06)
            await cancelled_after(SYSTEM_CLOCK, trial.patience_s, turns, leg.aclose(), "aclose()")
            await trial.within(leg.aclose(), "aclose() after a cancelled one")
            require(leg.state == "closed", f"it was closed again, and is {leg.state!r}.")


@LEG_LIFE_CHECKS.promise("A leg that was closed leaves no task.", f"{_LEG}.aclose")
async def no_task_is_left(trial: LegTrial) -> None:
    """A server has thousands of calls a day."""
    leftovers = Leftovers()
    async with trial.factory() as leg, heard(leg):
        await leg.clock.sleep_until(leg.clock.now() + 0.06)
    await leftovers.require_no_tasks("the leg was left")


@LEG_LIFE_CHECKS.promise("A leg that was closed leaves no thread.", f"{_LEG}.aclose")
async def no_thread_is_left(trial: LegTrial) -> None:
    """What legs share may stay; what each adds may not."""
    leftovers: Leftovers | None = None
    for _ in range(3):
        async with trial.factory() as leg, heard(leg):
            await leg.clock.sleep_until(leg.clock.now() + 0.06)
        leftovers = leftovers or Leftovers()
    assert leftovers is not None
    await leftovers.require_no_threads("two more legs were left")


async def _read(leg: CallLeg) -> list[LegEvent]:
    """What waits to be read."""
    events: list[LegEvent] = []
    while True:
        try:
            events.append(await leg.events.get(timeout=0))
        except (StreamTimeoutError, EndOfStreamError):
            return events


async def _all_events(leg: CallLeg) -> list[LegEvent]:
    return [event async for event in leg.events]


__all__ = ["LEG_LIFE_CHECKS"]
