"""One party's end of a call: streams, participants, keys and states."""

from __future__ import annotations

import asyncio
from dataclasses import FrozenInstanceError

import pytest
from stream_kit import FRAME, pcm, run, settle

from rawmedia.errors import (
    EndOfStreamError,
    StreamClosedError,
    StreamTimeoutError,
    StreamUseError,
)
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.leg import (
    MAX_EVENTS,
    CallLeg,
    DtmfPressed,
    LegEvent,
    LegStateChanged,
    ParticipantJoined,
    ParticipantLeft,
)
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.streams.pair import audio_pair
from rawmedia.testing.clock import VirtualClock


def a_leg() -> CallLeg:
    return CallLeg(InboundAudioStream(), OutboundAudioStream(), name="agent", language="en-GB")


async def events_of(leg: CallLeg) -> list[LegEvent]:
    """What is there now."""
    events: list[LegEvent] = []
    while True:
        try:
            events.append(await leg.events.get(timeout=0))
        except (StreamTimeoutError, EndOfStreamError):
            return events


def test_a_new_leg_is_attached_and_knows_its_name() -> None:
    leg = a_leg()
    assert (leg.name, leg.language, leg.state) == ("agent", "en-GB", "attached")
    assert leg.participants == {}
    assert leg.lost_events == 0


def test_what_happens_is_told_in_order() -> None:
    leg = a_leg()
    voice = InboundAudioStream()
    leg.join("anna", voice)
    leg.press("5", "anna")
    leg.press("#")
    leg.suspend()
    leg.resume()
    assert leg.participants == {"anna": voice}
    leg.leave("anna")
    assert run(events_of(leg)) == [
        ParticipantJoined("anna"),
        DtmfPressed("5", "anna"),
        DtmfPressed("#"),
        LegStateChanged("suspended"),
        LegStateChanged("attached"),
        ParticipantLeft("anna"),
    ]
    assert leg.participants == {}


def test_who_leaves_is_heard_to_the_end() -> None:
    leg = a_leg()
    voice = InboundAudioStream()
    leg.join("anna", voice)
    voice.push(pcm(FRAME))
    leg.leave("anna")
    assert len(list(voice)) == 1
    leg.leave("anna")
    leg.leave("nobody")
    assert len(run(events_of(leg))) == 2


def test_nobody_joins_twice_and_anybody_may_come_back() -> None:
    leg = a_leg()
    leg.join("anna", InboundAudioStream())
    with pytest.raises(StreamUseError, match="'anna' is on the leg already"):
        leg.join("anna", InboundAudioStream())
    leg.leave("anna")
    leg.join("anna", InboundAudioStream())


def test_the_participants_one_sees_are_a_snapshot() -> None:
    """Somebody may join in another thread while a program goes through them."""
    leg = a_leg()
    seen = leg.participants
    leg.join("anna", InboundAudioStream())
    assert dict(seen) == {}


def test_a_state_is_told_only_when_it_changes() -> None:
    leg = a_leg()
    leg.resume()
    leg.suspend()
    leg.suspend()
    assert leg.state == "suspended"
    assert run(events_of(leg)) == [LegStateChanged("suspended")]


def test_closing_closes_everything_and_ends_the_events() -> None:
    leg = a_leg()
    voice = InboundAudioStream()
    leg.join("anna", voice)

    async def main() -> list[LegEvent]:
        async with leg:
            leg.press("1")
        await leg.aclose()
        return [event async for event in leg.events]

    events = run(main())
    assert events == [ParticipantJoined("anna"), DtmfPressed("1"), LegStateChanged("closed")]
    for stream in (leg.inbound, voice):
        with pytest.raises(StreamClosedError):
            stream.recv(timeout=0)
    with pytest.raises(StreamClosedError):
        leg.outbound.pull()
    with pytest.raises(StreamUseError, match="closed"):
        leg.join("bert", InboundAudioStream())
    leg.suspend()
    assert leg.state == "closed"


def test_what_comes_after_the_close_is_let_go() -> None:
    """An adapter's other thread may still tell of a key; readers have been told of the end."""
    leg = a_leg()
    leg.join("anna", InboundAudioStream())

    async def main() -> list[LegEvent]:
        await leg.aclose()
        before = await events_of(leg)
        leg.press("1")
        leg.leave("anna")
        assert await events_of(leg) == []
        return before

    assert run(main())[-1] == LegStateChanged("closed")


def test_events_wait_for_their_reader_and_each_goes_to_one() -> None:
    leg = a_leg()

    async def main() -> list[LegEvent]:
        readers = [asyncio.create_task(leg.events.get()) for _ in range(2)]
        await settle()
        await asyncio.to_thread(leg.press, "1")
        leg.press("2")
        return await asyncio.gather(*readers)

    assert run(main()) == [DtmfPressed("1"), DtmfPressed("2")]


def test_a_cancelled_or_timed_out_get_loses_nothing() -> None:
    clock = VirtualClock()
    leg = CallLeg(InboundAudioStream(clock=clock), OutboundAudioStream(clock=clock), clock=clock)

    async def main() -> LegEvent:
        with pytest.raises(StreamTimeoutError, match="get waited 3 s"):
            await leg.events.get(timeout=3)
        assert clock.now() == 3
        reader = asyncio.create_task(leg.events.get())
        await asyncio.sleep(0)
        leg.press("1")
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        return await leg.events.get(timeout=0)

    assert clock.run(main()) == DtmfPressed("1")


def test_unread_events_are_bounded_and_the_oldest_go_and_are_counted() -> None:
    leg = a_leg()
    for number in range(MAX_EVENTS + 3):
        leg.press(str(number))
    assert leg.lost_events == 3
    events = run(events_of(leg))
    assert len(events) == MAX_EVENTS
    assert events[0] == DtmfPressed("3")


def test_the_end_wakes_who_waits_for_an_event() -> None:
    leg = a_leg()

    async def main() -> list[object]:
        readers = [asyncio.create_task(leg.events.get()) for _ in range(3)]
        await settle()
        await leg.aclose()
        return await asyncio.gather(*readers, return_exceptions=True)

    kinds = [type(outcome) for outcome in run(main())]
    assert kinds == [LegStateChanged, EndOfStreamError, EndOfStreamError]


def test_events_are_values() -> None:
    """They are kept in logs and compared in tests, so nobody may change them."""
    event = DtmfPressed("1")
    with pytest.raises(FrozenInstanceError):
        event.key = "2"  # type: ignore[misc]
    for kind in (ParticipantJoined, ParticipantLeft, DtmfPressed):
        assert len({kind("a"), kind("a"), kind("b")}) == 2
    assert len({LegStateChanged("closed"), LegStateChanged("closed")}) == 1


def test_two_legs_share_nothing() -> None:
    outbound, inbound = audio_pair()
    first, second = CallLeg(inbound, OutboundAudioStream()), CallLeg(InboundAudioStream(), outbound)
    run(first.aclose())
    assert second.state == "attached"
    assert run(events_of(second)) == []
