"""Legs each of which breaks one promise, built around a fake one that keeps them all."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from conformance_kit import Breaches

from rawmedia.errors import StreamClosedError
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.leg import LegEvents
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing import FakeLeg, speech_like
from rawmedia.testing.checks import carried

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.leg import CallLeg, LegEvent

    MakeLegs = Callable[[Clock], Callable[[], AbstractAsyncContextManager[CallLeg]]]

LEG_BREACHES: Breaches[MakeLegs] = Breaches()
_FOREVER = threading.Event()
_SAID = speech_like(3_000, seed=1)


class TalkingLeg(FakeLeg):
    """Somebody who talks for three seconds and stays."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(_SAID, stays=True, clock=clock)


def legs(kind: Callable[[Clock], FakeLeg]) -> MakeLegs:
    """What makes legs of a kind, on a clock."""
    return lambda clock: lambda: carried(kind(clock))


def breaks(*checks: str) -> Any:
    """A class of legs as a broken implementation."""

    def add(kind: type[FakeLeg]) -> type[FakeLeg]:
        LEG_BREACHES.add(kind.__name__, legs(kind), *checks)
        return kind

    return add


class _OtherClock:
    """The same time by another clock."""

    def __init__(self, clock: Clock) -> None:
        self.now, self.sleep_until = clock.now, clock.sleep_until
        self.call_at, self.wait = clock.call_at, clock.wait


@breaks("its_streams_have_its_clock")
class HasTwoClocks(TalkingLeg):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.clock = _OtherClock(clock)


class _Restarting(InboundAudioStream):
    async def arecv(self, timeout: float | None = None) -> AudioFrame:
        return (await super().arecv(timeout)).at(0)


@breaks("positions_never_go_back")
class RestartsItsPositions(TalkingLeg):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.inbound.__class__ = _Restarting


@breaks("positions_never_go_back", "what_comes_in_is_paced")
class SaysNothing(TalkingLeg):
    def _push(self, samples: bytes | memoryview) -> None:
        """Nothing."""


@breaks("what_comes_in_is_paced")
class SaysAllAtOnce(TalkingLeg):
    async def run(self) -> None:
        self.inbound.push(_SAID.data)
        await super().run()


@breaks("what_goes_out_is_paced")
class HearsAllAtOnce(TalkingLeg):
    def _hear_frame(self) -> None:
        super()._hear_frame()
        while self.outbound.stats.buffered_ms:
            self.outbound.pull()


@breaks("what_goes_out_is_paced", "what_was_sent_is_played_to_its_end")
class HearsNothing(TalkingLeg):
    def _hear_frame(self) -> None:
        self._heard += self.outbound.format.samples(self.outbound.frame_ms)


class _Impatient(OutboundAudioStream):
    def end(self) -> None:
        self.clear()
        super().end()


@breaks("what_was_sent_is_played_to_its_end")
class CutsTheLastWord(TalkingLeg):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.outbound.__class__ = _Impatient


class _Reopening(OutboundAudioStream):
    async def asend(self, *args: Any, **kwargs: Any) -> int:
        return 0 if self._lifecycle.over else await super().asend(*args, **kwargs)


@breaks("what_was_sent_is_played_to_its_end")
class TakesMoreAfterTheEnd(TalkingLeg):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.outbound.__class__ = _Reopening


@breaks("ending_one_side_leaves_the_other")
class HangsUpAtTheEnd(TalkingLeg):
    def _say_frame(self) -> None:
        if not self._hears:
            self.hang_up()
        super()._say_frame()


class _Optimistic(InboundAudioStream):
    def fail(self, error: BaseException) -> None:
        self.end()


class _Vague(InboundAudioStream):
    def fail(self, error: BaseException) -> None:
        super().fail(RuntimeError("something went wrong"))


@breaks("a_failure_reaches_whoever_waits")
class TakesAFailureForAnEnd(TalkingLeg):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.inbound.__class__ = _Optimistic


@breaks("a_failure_reaches_whoever_waits")
class ForgetsTheCause(TalkingLeg):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.inbound.__class__ = _Vague


@breaks("nothing_moves_after_the_close", "closing_closes_the_streams")
class OnlySaysThatItClosed(TalkingLeg):
    async def aclose(self) -> None:
        """Nothing; whoever carries it ends that."""


@breaks("closing_closes_the_streams")
class ForgetsOneStream(TalkingLeg):
    async def aclose(self) -> None:
        if self._state != "closed":
            self._state = "closed"
            self.inbound.close()
            self._events.end()


class _Forgetful(InboundAudioStream):
    async def arecv(self, timeout: float | None = None) -> AudioFrame:
        try:
            return await super().arecv(timeout)
        except StreamClosedError:
            await asyncio.Event().wait()
            raise


@breaks("closing_lets_a_reader_go")
class ForgetsItsReader(TalkingLeg):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.inbound.__class__ = _Forgetful


def _party_line(clock: Clock) -> Callable[[], AbstractAsyncContextManager[CallLeg]]:
    first: list[TalkingLeg] = []

    def make() -> AbstractAsyncContextManager[CallLeg]:
        leg = TalkingLeg(clock)
        if first:
            leg.inbound, leg.outbound = first[0].inbound, first[0].outbound
        first.append(leg)
        return carried(leg)

    return make


def _falls_with_the_others(clock: Clock) -> Callable[[], AbstractAsyncContextManager[CallLeg]]:
    all_of: list[TalkingLeg] = []

    class Falling(TalkingLeg):
        async def aclose(self) -> None:
            for leg in all_of:
                await FakeLeg.aclose(leg)

    def make() -> AbstractAsyncContextManager[CallLeg]:
        all_of.append(Falling(clock))
        return carried(all_of[-1])

    return make


LEG_BREACHES.add("party_line", _party_line, "legs_share_nothing")
LEG_BREACHES.add("falls_with_the_others", _falls_with_the_others, "legs_share_nothing")


# Who is there and what happens.


@breaks("who_joins_is_there")
class JoinsInSilence(TalkingLeg):
    def join(self, participant: str, stream: InboundAudioStream) -> None:
        self._participants[participant] = stream


@breaks("who_joins_is_there")
class HidesItsParticipants(TalkingLeg):
    @property
    def participants(self) -> dict[str, InboundAudioStream]:
        return {}


@breaks("who_leaves_has_ended")
class LeavesTheStreamOpen(TalkingLeg):
    def leave(self, participant: str) -> None:
        stream = self._participants.pop(participant, None)
        if stream is not None:
            self._participants[participant] = InboundAudioStream(clock=self.clock)
            super().leave(participant)


@breaks("who_leaves_has_ended")
class ForgetsToSayWhoLeft(TalkingLeg):
    def leave(self, participant: str) -> None:
        stream = self._participants.pop(participant, None)
        if stream is not None:
            stream.end()


@breaks("who_leaves_has_ended")
class KeepsWhoLeft(TalkingLeg):
    def leave(self, participant: str) -> None:
        stream = self._participants.get(participant)
        super().leave(participant)
        if stream is not None:
            self._participants[participant] = stream


@breaks("nobody_joins_twice")
class ReplacesParticipants(TalkingLeg):
    def join(self, participant: str, stream: InboundAudioStream) -> None:
        self._participants.pop(participant, None)
        super().join(participant, stream)


@breaks("nobody_joins_what_is_closed")
class LetsThemJoinTheDead(TalkingLeg):
    def join(self, participant: str, stream: InboundAudioStream) -> None:
        self._participants[participant] = stream


@breaks("closing_closes_the_participants")
class ForgetsItsParticipants(TalkingLeg):
    async def aclose(self) -> None:
        self._participants.clear()
        await super().aclose()


@breaks("closing_closes_the_participants")
class OnlyEndsItsParticipants(TalkingLeg):
    async def aclose(self) -> None:
        for stream in self._participants.values():
            stream.end()
        self._participants.clear()
        await super().aclose()


@breaks("events_come_in_order")
class HoldsAKey(TalkingLeg):
    held: str | None = None

    def press(self, key: str, participant: str | None = None) -> None:
        held, self.held = self.held, key
        if held is not None:
            super().press(key, participant)
            super().press(held, participant)
            self.held = None


class _Handing(LegEvents):
    """Waits on a future that is given the event, which a cancelled wait takes along."""

    def __init__(self, leg: HandsEventsOver) -> None:
        super().__init__(leg._events)
        self.leg = leg

    async def get(self, timeout: float | None = None) -> LegEvent:
        if timeout is not None:
            return await super().get(timeout)
        self.leg.waiting = asyncio.get_running_loop().create_future()
        return await self.leg.waiting


@breaks("a_cancelled_wait_loses_no_event")
class HandsEventsOver(TalkingLeg):
    waiting: asyncio.Future[LegEvent] | None = None

    @property
    def events(self) -> LegEvents:
        return _Handing(self)

    def press(self, key: str, participant: str | None = None) -> None:
        waiting, self.waiting = self.waiting, None
        super().press(key, participant)
        if waiting is not None and not waiting.done():
            waiting.set_result(self._events._events.pop())


@breaks("unread_events_are_bounded")
class DoesNotCount(TalkingLeg):
    @property
    def lost_events(self) -> int:
        return 0


@breaks("nothing_is_pulled_while_suspended")
class PullsOn(TalkingLeg):
    def _hear_frame(self) -> None:
        state, self._state = self._state, "attached"
        super()._hear_frame()
        self._state = state


@breaks("nothing_is_pulled_while_suspended")
class StaysSuspended(TalkingLeg):
    def resume(self) -> None:
        """Nothing."""


@breaks("nothing_is_pulled_while_suspended")
class SuspendsInSilence(TalkingLeg):
    def suspend(self) -> None:
        self._state = "suspended"


@breaks("closing_twice_is_harmless")
class ClosesOnce(TalkingLeg):
    async def aclose(self) -> None:
        if self._state == "closed":
            raise RuntimeError("closed already")
        await super().aclose()


@breaks("closing_ends_the_events")
class NeverEndsItsEvents(TalkingLeg):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._events.end = lambda: None  # type: ignore[method-assign]


@breaks("closing_ends_the_events")
class ClosesWithoutAWord(TalkingLeg):
    async def aclose(self) -> None:
        self._events.end()
        await super().aclose()


@breaks("a_cancelled_close_can_be_repeated")
class WaitsForACancelledClose(TalkingLeg):
    done: asyncio.Event | None = None

    async def aclose(self) -> None:
        if self.done is not None:
            await self.done.wait()
            return
        self.done = asyncio.Event()
        await asyncio.sleep(0)
        await super().aclose()
        self.done.set()


@breaks("a_cancelled_close_can_be_repeated")
class TakesOneTry(TalkingLeg):
    tried = False

    async def aclose(self) -> None:
        if not self.tried:
            self.tried = True
            await asyncio.sleep(0)
            await super().aclose()


def _leaves_a_task(clock: Clock) -> Callable[[], AbstractAsyncContextManager[CallLeg]]:
    @asynccontextmanager
    async def make() -> AsyncIterator[CallLeg]:
        asyncio.create_task(asyncio.sleep(3_600), name="keep alive")  # noqa: RUF006 - the fault
        async with carried(TalkingLeg(clock)) as leg:
            yield leg

    return make


def _leaves_a_thread(clock: Clock) -> Callable[[], AbstractAsyncContextManager[CallLeg]]:
    def make() -> AbstractAsyncContextManager[CallLeg]:
        threading.Thread(target=_FOREVER.wait, args=(3,), daemon=True, name="sound").start()
        return carried(TalkingLeg(clock))

    return make


LEG_BREACHES.add("leaves_a_task", _leaves_a_task, "no_task_is_left")
LEG_BREACHES.add("leaves_a_thread", _leaves_a_thread, "no_thread_is_left")
