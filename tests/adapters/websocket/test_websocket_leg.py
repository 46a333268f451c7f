"""A call over a platform's sockets: heard both ways, interrupted, dropped, dialled again, hung up."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from websocket_kit import called, called_leg, dialled, happened, passes, state_of, unread

from rawmedia.adapters.websocket.acs import AcsDialect
from rawmedia.adapters.websocket.dialect import StreamStarted
from rawmedia.adapters.websocket.leg import CallLostError, WebSocketLeg, WebSocketLegConfig
from rawmedia.audio.format import SPEECH, TELEPHONY, WIDEBAND_VOICE, AudioFormat
from rawmedia.errors import (
    EndOfStreamError,
    FormatMismatchError,
    StreamClosedError,
    StreamFailedError,
    StreamUseError,
)
from rawmedia.streams.leg import (
    DtmfPressed,
    LegStateChanged,
    ParticipantJoined,
    ParticipantLeft,
)
from rawmedia.streams.playout import MarkReached
from rawmedia.testing import VirtualClock, joined, speech_like, tone
from rawmedia.testing.checks import LEG_CHECKS, check_leg
from rawmedia.testing.fake_acs import FakeAcs
from rawmedia.testing.fake_sockets import socket_pair
from rawmedia.testing.fake_twilio import FakeTwilio

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.testing.fake_platform import FakePlatform

    Make = Callable[[VirtualClock], FakePlatform]


def acs(clock: VirtualClock, format: AudioFormat = SPEECH, says_ms: float = 4_000) -> FakeAcs:
    return FakeAcs(speech_like(says_ms, seed=1, format=format), format=format, clock=clock)


def acs_24_khz(clock: VirtualClock) -> FakeAcs:
    return acs(clock, WIDEBAND_VOICE)


def twilio(clock: VirtualClock) -> FakeTwilio:
    return FakeTwilio(speech_like(4_000, seed=1, format=TELEPHONY), clock=clock)


PLATFORMS = pytest.mark.parametrize("make", [acs, acs_24_khz, twilio])


@PLATFORMS
def test_a_leg_over_sockets_keeps_every_promise(make: Make) -> None:
    """Whatever is written for legs works on calls."""
    clock = VirtualClock()
    report = clock.run(check_leg(lambda: called_leg(make(clock))))
    assert set(report.passed) == set(LEG_CHECKS.names)


@PLATFORMS
def test_what_is_said_is_heard_sample_for_sample(make: Make) -> None:
    """Nothing is lost or added on the way through the library, positions included."""
    clock = VirtualClock()

    async def main() -> list[AudioFrame]:
        async with called(make(clock), WebSocketLegConfig(capacity_ms=10_000)) as call:
            await passes(clock, 3_000)
            return await unread(call.leg.inbound)

    frames = clock.run(main())
    assert [frame.position for frame in frames] == [n * len(frames[0].samples) for n in range(149)]
    said = speech_like(4_000, seed=1, format=frames[0].format)
    heard = joined(frames).samples
    if frames[0].format == TELEPHONY:
        # μ-law: within half a step of its widest segment.
        assert np.abs(heard.astype(int) - said.samples[: len(heard)]).max() <= 512
    else:
        np.testing.assert_array_equal(heard, said.samples[: len(heard)])


@PLATFORMS
def test_what_is_sent_is_played_whole_and_without_a_hole(make: Make) -> None:
    """The platform's buffer never runs dry in it, nor is it filled up."""
    clock = VirtualClock()

    async def main() -> FakePlatform:
        async with called(make(clock)) as call:
            await passes(clock, 500)
            outbound = call.leg.outbound
            await outbound.asend(tone(1_000, hz=400, format=outbound.format))
            assert await outbound.adrain()
            await passes(clock, 200)
        return call.platform

    platform = clock.run(main())
    assert not platform.complaints
    assert platform.most_ahead_ms <= 290
    heard = np.abs(platform.heard().samples[:, 0].astype(int))
    loud = np.flatnonzero(heard > 20)
    start_ms = platform.messages.format.duration_ms(int(loud[0]))
    assert 500 <= start_ms <= 600
    length_ms = platform.messages.format.duration_ms(int(loud[-1] - loud[0]))
    assert 990 <= length_ms <= 1_001


@pytest.mark.untraced
def test_pacing_does_not_drift_in_twenty_minutes() -> None:
    """A frame more in a minute would be a second of delay by the end of a call."""
    clock = VirtualClock()

    async def main() -> float:
        fake = FakeAcs(clock=clock)
        fake.speaks = False
        async with called(fake) as call:
            await passes(clock, 1_200_000)
            pulled = call.leg.outbound.stats.pulled_position
            return call.leg.outbound.format.duration_ms(pulled) - call.platform.elapsed_ms

    assert 0 <= clock.run(main()) <= 80


def test_voices_apart_are_participants_with_streams_of_their_own() -> None:
    """Each at its place in the one media time, however late it begins."""
    clock = VirtualClock()
    voices = {"8:acs:ann": tone(2_000, hz=300), "8:acs:bob": tone(500, hz=700).at(16_000)}

    async def main() -> None:
        async with called(FakeAcs(voices, clock=clock)) as call:
            await passes(clock, 1_900)
            leg = call.leg
            events = await happened(leg)
            assert events == [ParticipantJoined("8:acs:ann"), ParticipantJoined("8:acs:bob")]
            for who, position in (("8:acs:ann", 0), ("8:acs:bob", 16_000)):
                frames = await unread(leg.participants[who])
                assert frames[0].position == position
                assert {frame.source for frame in frames} == {who}
                heard = joined(frames).samples
                said = voices[who].samples[: len(heard)]
                np.testing.assert_array_equal(heard, said)
            assert not await unread(leg.inbound)
            call.platform.hang_up()
            await passes(clock, 100)
            assert set(await happened(leg)) == {ParticipantLeft(who) for who in voices}

    clock.run(main())


def test_more_voices_than_may_be_are_counted_and_cost_nothing() -> None:
    """Names that are made up one after another must not fill the memory."""
    clock = VirtualClock()
    voices = {f"8:acs:{number}": tone(1_000) for number in range(10)}

    async def main() -> None:
        config = WebSocketLegConfig(max_participants=3)
        async with called(FakeAcs(voices, clock=clock), config) as call:
            await passes(clock, 1_100)
            assert len(call.leg.participants) == 3
            assert call.leg.unheard_ms == 7_000

    clock.run(main())


@pytest.mark.parametrize("make", [acs, twilio])
def test_a_clear_is_silent_at_the_platform_within_a_frame(make: Make) -> None:
    """Barge-in: who interrupts must not be talked over."""
    clock = VirtualClock()

    async def main() -> FakePlatform:
        async with called(make(clock), WebSocketLegConfig(lead_ms=500)) as call:
            outbound = call.leg.outbound
            await outbound.asend(tone(1_900, format=outbound.format))
            await passes(clock, 1_000)
            outbound.clear()
            await outbound.asend(tone(200, hz=900, format=outbound.format))
            outbound.end_segment()
            await passes(clock, 100)
            # It has its stock again, so a late frame is no more heard than before.
            assert call.platform.ahead_ms >= 420
            await passes(clock, 900)
        return call.platform

    platform = clock.run(main())
    assert not platform.complaints
    heard = platform.heard().samples[:, 0].astype(float)
    rate = platform.messages.format.sample_rate
    low, high = (
        np.array(
            [
                _strength(heard[at : at + rate // 50], hz, rate)
                for at in range(0, len(heard), rate // 50)
            ]
        )
        for hz in (440, 900)
    )
    assert 980 <= 20 * np.flatnonzero(low > 1_000)[-1] <= 1_040
    assert 1_000 <= 20 * np.flatnonzero(high > 1_000)[0] <= 1_060
    assert len(np.flatnonzero(high > 1_000)) >= 10


@pytest.mark.parametrize("make", [acs, twilio])
@pytest.mark.parametrize("sent_ms", [600, 1_900])
def test_a_clear_waits_for_no_audio(make: Make, sent_ms: float) -> None:
    """Also where all was sent, the platform holds it, and the program says nothing more."""
    clock = VirtualClock()

    async def main() -> FakePlatform:
        async with called(make(clock), WebSocketLegConfig(lead_ms=500)) as call:
            outbound = call.leg.outbound
            await outbound.asend(tone(sent_ms, format=outbound.format))
            await passes(clock, 210)
            outbound.clear()
            await passes(clock, 1_000)
        return call.platform

    platform = clock.run(main())
    loud = np.flatnonzero(np.abs(platform.heard().samples[:, 0].astype(int)) > 20)
    assert platform.messages.format.duration_ms(int(loud[-1])) <= 210 + 41


@pytest.mark.parametrize("make", [acs, twilio])
def test_a_frame_that_was_on_its_way_when_the_stream_was_cleared_is_not_sent(make: Make) -> None:
    """A clear may come in any thread, also between a frame's pull and its message."""
    clock = VirtualClock()

    async def main() -> FakePlatform:
        async with called(make(clock), WebSocketLegConfig(lead_ms=0)) as call:
            outbound = call.leg.outbound
            # As the frame is pulled, before it is sent.
            outbound.on_mark(lambda name, position: outbound.clear())
            await passes(clock, 100)
            await outbound.asend(tone(20, format=outbound.format))
            outbound.mark("here", lambda mark: None)
            await passes(clock, 500)
        return call.platform

    assert not np.abs(clock.run(main()).heard().samples).max() > 20


def _strength(audio: npt.NDArray[np.float64], hz: float, rate: int) -> float:
    turns = np.exp(-2j * np.pi * hz * np.arange(len(audio)) / rate)
    return float(abs(audio @ turns) / max(1, len(audio)))


def test_marks_are_the_platforms_own_where_it_has_them() -> None:
    """Told when the audio before them was heard, not when it was sent."""
    clock = VirtualClock()

    async def main() -> None:
        async with called(twilio(clock), WebSocketLegConfig(lead_ms=300)) as call:
            outbound, reached = call.leg.outbound, list[tuple[float, MarkReached]]()
            await passes(clock, 100)
            assert not outbound.stats.played_is_estimate
            await outbound.asend(tone(500, format=TELEPHONY))
            outbound.mark("said", lambda mark: reached.append((call.platform.elapsed_ms, mark)))
            assert await outbound.adrain()
            await passes(clock, 300)
            ((at_ms, mark),) = reached
            assert not mark.estimated
            assert not mark.cleared
            heard = np.abs(call.platform.heard().samples[:, 0].astype(int))
            end_ms = TELEPHONY.duration_ms(int(np.flatnonzero(heard > 20)[-1]))
            assert end_ms <= at_ms <= end_ms + 60

    clock.run(main())


@pytest.mark.parametrize("ms", [20, 60, 110])
def test_speech_of_any_length_is_known_to_be_played(ms: float) -> None:
    """A short yes, too; or whoever drains after it waits for ever."""
    clock = VirtualClock()

    async def main() -> None:
        async with called(twilio(clock)) as call:
            await call.leg.outbound.asend(tone(ms, format=TELEPHONY))
            assert await call.leg.outbound.adrain(timeout=1)
            await call.leg.outbound.asend(tone(ms, format=TELEPHONY))
            call.leg.outbound.end()
            assert await call.leg.outbound.adrain(timeout=1)

    clock.run(main())


def test_where_the_platform_has_no_marks_playout_is_estimated_and_says_so() -> None:
    """A figure that is computed must not look like one that was measured."""
    clock = VirtualClock()

    async def main() -> None:
        async with called(acs(clock)) as call:
            outbound, reached = call.leg.outbound, list[MarkReached]()
            await outbound.asend(tone(200))
            outbound.mark("said", reached.append)
            assert await outbound.adrain()
            assert outbound.stats.played_is_estimate
            assert [mark.estimated for mark in reached] == [True]

    clock.run(main())


def test_a_platform_that_never_answers_marks_costs_a_bounded_memory() -> None:
    """What it does not answer is forgotten in the end."""
    clock = VirtualClock()

    async def main() -> None:
        fake = FakeTwilio(clock=clock)
        fake.answers_marks = fake.speaks = False
        async with called(fake) as call:
            for _ in range(300):
                await call.leg.outbound.asend(tone(500, format=TELEPHONY))
            assert len(call.leg._speaking._marks) <= 1_000

    clock.run(main())


def test_keys_are_events() -> None:
    """From both platforms alike."""
    for make in (acs, twilio):
        clock = VirtualClock()

        async def main(make: Make = make, clock: VirtualClock = clock) -> None:
            async with called(make(clock)) as call:
                call.platform.press("5")
                call.platform.press("#")
                await passes(clock, 100)
                assert await happened(call.leg) == [DtmfPressed("5"), DtmfPressed("#")]

        clock.run(main())


@PLATFORMS
def test_when_the_platform_hangs_up_what_was_heard_stays_readable(make: Make) -> None:
    """The last word before a hang-up counts."""
    clock = VirtualClock()

    async def main() -> None:
        async with called(make(clock)) as call:
            await passes(clock, 210)
            call.platform.hang_up()
            await passes(clock, 100)
            for _ in range(10):
                await call.leg.inbound.arecv(timeout=0)
            with pytest.raises(EndOfStreamError):
                await call.leg.inbound.arecv(timeout=0)
            with pytest.raises(StreamClosedError):
                await call.leg.outbound.asend(b"")
            assert call.leg.over
            dialect, dialling, (_, server_end) = await dialled(call.platform)
            with pytest.raises(StreamUseError):
                await call.leg.carry(server_end, dialect)
            await server_end.close()
            await asyncio.wait({dialling})

    clock.run(main())


def test_hanging_up_closes_the_socket() -> None:
    """The platform then goes on with the call without us."""
    clock = VirtualClock()

    async def main() -> None:
        async with called(acs(clock)) as call:
            await passes(clock, 100)
            await call.leg.aclose()
            assert call.platform_end.closed == 1000

    clock.run(main())


@PLATFORMS
def test_a_call_whose_socket_dropped_goes_on_where_time_is(make: Make) -> None:
    """What was said meanwhile is a gap; what was to be said waits and is said then."""
    clock = VirtualClock()

    async def main() -> None:
        async with called(make(clock), WebSocketLegConfig(capacity_ms=5_000)) as call:
            leg, outbound = call.leg, call.leg.outbound
            await passes(clock, 500)
            await call.platform_end.drop()
            await passes(clock, 20)
            assert leg.state == "suspended"
            pulled = outbound.stats.pulled_position
            await outbound.asend(tone(300, format=outbound.format))
            outbound.end_segment()
            await passes(clock, 980)
            assert outbound.stats.pulled_position == pulled
            await call.dial()
            await passes(clock, 1_000)
            assert await happened(leg) == [
                LegStateChanged("suspended"),
                LegStateChanged("attached"),
            ]
            frames = await unread(leg.inbound)
            gaps_ms = [
                outbound.format.duration_ms(after.position - before.end)
                for before, after in itertools.pairwise(frames)
                if after.position != before.end
            ]
            assert len(gaps_ms) == 1
            assert 980 <= gaps_ms[0] <= 1_040
            assert outbound.stats.underruns == 0
            assert np.abs(call.platform.heard().samples).max() > 1_000
            assert leg.attached == 2
            assert not call.platform.complaints
            await passes(clock, 20_000)
            assert not leg.over

    clock.run(main())


def test_a_call_that_does_not_come_back_is_lost() -> None:
    """Its handler must not wait for ever; what was heard before stays readable."""
    clock = VirtualClock()

    async def main() -> None:
        async with called(acs(clock), WebSocketLegConfig(grace_s=5)) as call:
            await passes(clock, 90)
            await call.platform_end.drop()
            await passes(clock, 4_900)
            assert not call.leg.over
            await passes(clock, 200)
            assert call.leg.over
            for _ in range(4):
                await call.leg.inbound.arecv(timeout=0)
            with pytest.raises(StreamFailedError) as caught:
                await call.leg.inbound.arecv(timeout=0)
            assert isinstance(caught.value.cause, CallLostError)
            with pytest.raises(StreamFailedError):
                await call.leg.outbound.asend(b"")

    clock.run(main())


def test_a_socket_that_dials_while_another_is_there_takes_over() -> None:
    """Who dialled again knows that the first one is dead; we need not."""
    clock = VirtualClock()

    async def main() -> None:
        async with called(acs(clock)) as call:
            await passes(clock, 500)
            first = call.platform_end
            await call.dial()
            await passes(clock, 500)
            assert first.closed == 1000
            assert state_of(call.leg) == "attached"
            frames = await unread(call.leg.inbound)
            assert frames[-1].end_ms >= 900
            assert await happened(call.leg) == []

    clock.run(main())


def test_a_socket_that_takes_over_does_not_wait_for_one_that_is_stuck() -> None:
    """That it is stuck is why the platform dialled again."""
    clock = VirtualClock()

    async def never(code: int = 1000) -> None:
        await passes(clock, 60_000)

    async def main() -> None:
        async with called(acs(clock)) as call:
            await passes(clock, 100)
            first = call.platform_end
            call.server_end.close = never  # type: ignore[method-assign]
            await call.dial()
            await passes(clock, 60)
            assert call.leg.attached == 2
            await first.close()

    clock.run(main())


def test_a_call_that_is_given_up_is_closed_even_where_nothing_moves() -> None:
    """The program has said all it will, and the platform says nothing."""
    clock = VirtualClock()

    async def main() -> None:
        async with called(acs(clock)) as call:
            call.platform.speaks = False
            call.leg.outbound.end()
            await passes(clock, 500)
            call.leg.lose(OSError("the machine goes down"))
            await passes(clock, 100)
            assert call.platform_end.closed == 1011

    clock.run(main())


def test_a_call_that_comes_back_in_another_format_is_refused_and_still_expected() -> None:
    """Its streams are what they are."""
    clock = VirtualClock()

    async def main() -> None:
        async with called(acs(clock)) as call:
            await call.platform_end.drop()
            await passes(clock, 100)
            other = acs(clock, WIDEBAND_VOICE)
            dialect, dialling, (_, server_end) = await dialled(other)
            with pytest.raises(FormatMismatchError):
                await call.leg.carry(server_end, dialect)
            await server_end.close()
            await asyncio.wait({dialling})
            assert state_of(call.leg) == "suspended"
            await call.dial()
            await passes(clock, 100)
            assert state_of(call.leg) == "attached"

    clock.run(main())


def test_a_platform_that_stops_reading_is_given_up_and_nothing_piles_up() -> None:
    """A socket that never reads must cost no memory, and be noticed."""
    clock = VirtualClock()

    async def main() -> None:
        config = WebSocketLegConfig(send_timeout_s=5)
        async with called(acs(clock), config, max_unread=10) as call:
            call.platform.reads = False
            await passes(clock, 3_000)
            assert state_of(call.leg) == "attached"
            await passes(clock, 8_000)
            assert state_of(call.leg) == "suspended"
            assert call.platform_end.most_unread <= 10
            call.platform.reads = True
            await call.dial()
            await passes(clock, 100)
            assert state_of(call.leg) == "attached"

    clock.run(main())


def test_a_platform_that_falls_silent_is_given_up_where_that_is_asked_for() -> None:
    """A dead network without a close frame; off by default, because voices may pause for long."""
    for timeout_s, state in ((3.0, "suspended"), (None, "attached")):
        clock = VirtualClock()

        async def main(
            timeout_s: float | None = timeout_s, state: str = state, clock: VirtualClock = clock
        ) -> None:
            config = WebSocketLegConfig(silence_timeout_s=timeout_s)
            async with called(acs(clock), config) as call:
                call.platform.speaks = False
                await passes(clock, 5_000)
                assert state_of(call.leg) == state

        clock.run(main())


def test_a_flood_is_left_in_the_network() -> None:
    """Reading it all would starve other calls of this process."""
    clock = VirtualClock()

    async def main() -> None:
        config = WebSocketLegConfig(max_messages_per_s=100)
        fake = FakeAcs(clock=clock)
        fake.speaks = False
        async with called(fake, config, max_unread=50) as call:
            for _ in range(2_000):
                fake.inject('{"kind":"Flood"}')
            await passes(clock, 5_000)
            assert 600 <= call.leg.faults["unknown_kind"] <= 750
            assert call.server_end.most_unread <= 50
            fake._outbox.clear()

    clock.run(main())


def test_faults_are_counted_over_all_sockets() -> None:
    """Where to look when a platform has changed its messages."""
    clock = VirtualClock()

    async def main() -> None:
        async with called(acs(clock)) as call:
            call.platform.inject("{")
            await passes(clock, 50)
            assert call.leg.faults == {"not_json": 1}
            await call.platform_end.drop()
            await passes(clock, 50)
            await call.dial()
            call.platform.inject("{}")
            call.platform.inject(b"\xff")
            await passes(clock, 50)
            assert call.leg.faults == {"not_json": 1, "unknown_kind": 1, "not_utf8": 1}

    clock.run(main())


def test_failing_one_stream_fails_the_call() -> None:
    """Half a call is none; the error that broke it is what everybody sees."""
    clock = VirtualClock()
    cause = OSError("disk full")

    async def main() -> None:
        async with called(acs(clock)) as call:
            await passes(clock, 100)
            call.leg.inbound.fail(cause)
            await passes(clock, 100)
            with pytest.raises(StreamFailedError) as caught:
                await call.leg.outbound.asend(b"")
            assert caught.value.cause is cause
            assert call.platform_end.closed == 1011

    clock.run(main())


def test_a_dialect_that_has_not_started_is_refused() -> None:
    """Its format is not known."""

    async def main() -> None:
        leg = WebSocketLeg(StreamStarted(SPEECH, "one"))
        assert leg.name == "one"
        with pytest.raises(StreamUseError):
            await leg.carry(socket_pair()[0], AcsDialect())
        await leg.aclose()

    asyncio.run(main())
