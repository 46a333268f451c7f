"""Marks and played positions: what was heard, and when, as far as anybody can tell."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_kit import FRAME, pcm, run, settle

from rawmedia.audio.format import TELEPHONY
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    ConfigurationError,
    EndOfStreamError,
    StreamClosedError,
    StreamFailedError,
    StreamUseError,
)
from rawmedia.streams.outbound import MAX_MARKS, OutboundAudioStream
from rawmedia.streams.playout import MarkReached, Playout
from rawmedia.testing.clock import VirtualClock


class Told:
    """Collects what marks say, in the order in which they say it."""

    def __init__(self) -> None:
        self.reached: list[MarkReached] = []

    def __call__(self, reached: MarkReached) -> None:
        self.reached.append(reached)

    @property
    def names(self) -> list[str]:
        return [("-" if mark.cleared else "+") + mark.name for mark in self.reached]


def test_a_mark_is_reached_when_the_audio_before_it_is_played() -> None:
    stream, told = OutboundAudioStream(), Told()
    stream.mark("start", told)
    assert told.names == ["+start"]
    stream.pull()
    stream.send(pcm(FRAME + 10))
    stream.mark("middle", told)
    stream.send(pcm(FRAME - 10))
    stream.mark("end", told)
    stream.pull()
    assert told.names == ["+start"]
    stream.pull()
    assert told.names == ["+start", "+middle", "+end"]
    assert [mark.position for mark in told.reached] == [0, 2 * FRAME + 10, 3 * FRAME]
    assert all(mark.estimated for mark in told.reached)


def test_a_mark_after_everything_was_played_lies_where_the_audio_ended() -> None:
    """Not where the silence since then has got to."""
    stream, told = OutboundAudioStream(), Told()
    stream.send(pcm(FRAME))
    for _ in range(10):
        stream.pull()
    stream.mark("late", told)
    assert [mark.position for mark in told.reached] == [FRAME]


def test_a_mark_behind_an_unfinished_frame_waits_for_it_to_leave() -> None:
    stream, told = OutboundAudioStream(), Told()
    stream.send(pcm(10))
    stream.mark("tail", told)
    stream.pull()
    assert told.names == []
    stream.end_segment()
    stream.pull()
    assert told.names == ["+tail"]
    assert told.reached[0].position == FRAME + 10


def test_a_mark_knows_what_a_converter_holds() -> None:
    stream, told = OutboundAudioStream(), Told()
    stream.send(AudioFrame(pcm(160, TELEPHONY), TELEPHONY))
    stream.mark("end", told)
    stream.pull()
    assert told.names == []
    stream.end_segment()
    stream.pull()
    assert [mark.position for mark in told.reached] == [2 * FRAME]


def test_the_transport_is_told_of_a_mark_before_it_has_the_frame() -> None:
    """It must be able to put the mark right behind the audio in its own messages."""
    stream, told = OutboundAudioStream(), Told()
    events: list[str] = []
    stream.on_mark(lambda name, position: events.append(f"{name} at {position}"))
    stream.send(pcm(FRAME))
    stream.mark("end", told)
    assert events == []
    stream.pull()
    events.append("pulled")
    assert events == ["end at 320", "pulled"]
    stream.mark("again", told)
    assert events[2:] == ["again at 320"]


# Delay, as far as the clock tells.


def test_with_a_delay_a_mark_is_reached_when_it_is_heard() -> None:
    clock = VirtualClock()
    stream, told = OutboundAudioStream(playout_delay_ms=150, clock=clock), Told()

    async def main() -> None:
        await stream.asend(pcm(FRAME))
        stream.mark("end", told)
        stream.pull()
        await clock.sleep_until(0.149)
        stream.pull()
        assert (told.names, stream.stats.played_position) == ([], 0)
        await clock.sleep_until(0.15)
        stream.pull()
        assert (told.names, stream.stats.played_position) == (["+end"], FRAME)
        assert stream.stats.pulled_position == 3 * FRAME

    clock.run(main())


def test_a_drain_ends_when_the_last_sample_is_heard() -> None:
    clock = VirtualClock()
    stream, told = OutboundAudioStream(playout_delay_ms=150, clock=clock), Told()

    async def main() -> float:
        await stream.asend(pcm(FRAME))
        stream.mark("end", told)
        stream.pull()
        assert await stream.adrain() is True
        return clock.now()

    assert clock.run(main()) == 0.15
    assert told.names == ["+end"]


def test_the_pace_lasts_until_the_last_mark_is_told() -> None:
    clock = VirtualClock()
    stream, told = OutboundAudioStream(playout_delay_ms=500, clock=clock), Told()

    async def main() -> float:
        await stream.asend(pcm(2 * FRAME))
        stream.mark("end", told)
        stream.end()
        assert len([frame async for frame in stream.paced()]) == 2
        return clock.now()

    assert clock.run(main()) == pytest.approx(0.52)
    assert told.names == ["+end"]


@pytest.mark.parametrize("verb", ["clear", "close", "fail"])
def test_what_the_clock_says_was_heard_is_not_called_cleared(verb: str) -> None:
    """Nobody has looked since; that does not unmake what the listener heard."""
    clock = VirtualClock()
    stream, told = OutboundAudioStream(playout_delay_ms=100, clock=clock), Told()
    stream.on_clear(lambda: None)

    async def main() -> None:
        await stream.asend(pcm(FRAME))
        stream.mark("heard", told)
        await stream.asend(pcm(2 * FRAME))
        stream.mark("not heard", told)
        stream.pull()
        await clock.sleep_until(0.05)
        stream.pull()
        stream.pull()
        await clock.sleep_until(0.101)
        stream.fail(OSError()) if verb == "fail" else getattr(stream, verb)()

    clock.run(main())
    assert told.names == ["+heard", "-not heard"]
    if verb != "clear":
        assert stream.stats.played_position == FRAME


def test_what_was_pulled_is_still_heard_where_the_platform_cannot_clear() -> None:
    clock = VirtualClock()
    stream, told = OutboundAudioStream(playout_delay_ms=100, clock=clock), Told()

    async def main() -> None:
        await stream.asend(pcm(FRAME))
        stream.mark("pulled", told)
        stream.pull()
        await stream.asend(pcm(FRAME))
        stream.mark("queued", told)
        assert stream.clear() == 20
        assert told.names == ["-queued"]
        await clock.sleep_until(0.1)
        stream.pull()

    clock.run(main())
    assert told.names == ["-queued", "+pulled"]


def test_timing_pulls_costs_bounded_memory() -> None:
    clock = VirtualClock()
    stream = OutboundAudioStream(playout_delay_ms=1_000, clock=clock)

    async def main() -> int:
        async for frame in stream.paced():
            if frame.position >= 1_000 * FRAME:
                break
        return len(stream._playout._pulls)

    assert clock.run(main()) <= 52


# Reports.


def test_reports_replace_the_estimate() -> None:
    clock = VirtualClock()
    stream, told = OutboundAudioStream(playout_delay_ms=100, clock=clock), Told()

    async def main() -> None:
        await stream.asend(pcm(2 * FRAME))
        stream.mark("end", told)
        stream.pull()
        stream.pull()
        drain = asyncio.create_task(stream.adrain())
        stream.report_played(FRAME)
        await asyncio.sleep(1_000)
        assert (told.names, drain.done()) == ([], False)
        stream.report_played(2 * FRAME)
        assert await drain is True

    clock.run(main())
    (mark,) = told.reached
    assert (mark.position, mark.estimated, mark.cleared) == (2 * FRAME, False, False)
    assert not stream.stats.played_is_estimate


@given(st.lists(st.integers(-100, 5_000), max_size=20))
def test_reports_never_go_back_nor_past_what_was_pulled(reports: list[int]) -> None:
    stream = OutboundAudioStream()
    stream.send(pcm(4 * FRAME))
    for _ in range(4):
        stream.pull()
    played = 0
    for position in reports:
        stream.report_played(position)
        now = stream.stats.played_position
        assert played <= now <= 4 * FRAME
        assert now == max(played, min(position, 4 * FRAME), 0)
        played = now


def test_a_clear_downstream_counts_as_the_end_of_what_was_pulled() -> None:
    """The platform dropped it; its next report will be about what comes after."""
    stream, told = OutboundAudioStream(), Told()
    stream.on_clear(lambda: 10)
    stream.send(pcm(3 * FRAME))
    stream.pull()
    stream.mark("end", told)
    stream.report_played(5)
    stream.pull()
    assert stream.clear() == 30
    assert told.names == ["-end"]
    assert stream.stats.played_position == 2 * FRAME
    stream.send(pcm(FRAME))
    stream.mark("new", told)
    stream.pull()
    stream.report_played(2 * FRAME)
    assert told.names == ["-end"]
    stream.report_played(3 * FRAME)
    assert told.names == ["-end", "+new"]


def test_a_report_from_another_thread_ends_a_drain() -> None:
    stream = OutboundAudioStream()
    stream.send(pcm(FRAME))
    stream.report_played(0)
    stream.pull()

    async def main() -> bool:
        drain = asyncio.create_task(stream.adrain())
        await settle()
        await asyncio.to_thread(stream.report_played, FRAME)
        return await drain

    assert run(main()) is True


# Every mark once, whatever happens.


@given(
    st.lists(st.sampled_from(["send", "pull", "mark", "clear", "report", "segment"]), max_size=40),
    st.sampled_from(["end", "close", "fail"]),
    st.sampled_from([0.0, 50.0]),
    st.booleans(),
)
def test_every_mark_is_told_exactly_once_and_in_order(
    steps: list[str], ending: str, delay_ms: float, clears: bool
) -> None:
    clock = VirtualClock()
    stream, told = OutboundAudioStream(playout_delay_ms=delay_ms, clock=clock), Told()
    if clears:
        stream.on_clear(lambda: None)
    marks = 0

    async def main() -> None:
        nonlocal marks
        for step in steps:
            await asyncio.sleep(0.02)
            if step == "send":
                await stream.asend(pcm(500), timeout=0) if stream.stats.buffered_ms < 1_900 else 0
            elif step == "pull":
                stream.pull()
            elif step == "mark":
                marks += 1
                stream.mark(f"{marks}", told)
            elif step == "clear":
                stream.clear()
            elif step == "report":
                stream.report_played(stream.stats.pulled_position)
            else:
                stream.end_segment()
        if ending == "end":
            stream.end()
            async for _ in stream.paced():
                pass
            stream.report_played(stream.stats.pulled_position)
        else:
            stream.fail(OSError()) if ending == "fail" else stream.close()

    clock.run(main())
    assert sorted(int(mark.name) for mark in told.reached) == list(range(1, marks + 1))
    heard = [mark for mark in told.reached if not mark.cleared]
    assert [int(mark.name) for mark in heard] == sorted(int(mark.name) for mark in heard)
    assert [mark.position for mark in heard] == sorted(mark.position for mark in heard)


def test_marks_of_a_stream_that_is_over() -> None:
    stream, told = OutboundAudioStream(), Told()
    stream.send(pcm(FRAME))
    stream.end()
    stream.mark("may still be set", told)
    stream.pull()
    with pytest.raises(EndOfStreamError):
        stream.pull()
    assert told.names == ["+may still be set"]
    stream.fail(OSError("cut"))
    with pytest.raises(StreamFailedError, match="cut"):
        stream.mark("too late", told)
    stream.close()
    with pytest.raises(StreamClosedError):
        stream.mark("too late", told)
    assert len(told.reached) == 1


def test_marks_are_bounded() -> None:
    """A transport that stopped must not make a program that marks run out of memory."""
    stream, told = OutboundAudioStream(), Told()
    stream.send(pcm(FRAME))
    for number in range(MAX_MARKS):
        stream.mark(str(number), told)
    with pytest.raises(StreamUseError, match="1000 marks"):
        stream.mark("one more", told)
    stream.pull()
    assert len(told.reached) == MAX_MARKS
    stream.mark("possible again", told)


@pytest.mark.parametrize("kind", ["mark", "on_mark"])
def test_a_callback_that_raises_fails_the_stream(kind: str) -> None:
    stream, told = OutboundAudioStream(), Told()

    def broken(*_: object) -> None:
        raise LookupError("no such key")

    if kind == "on_mark":
        stream.on_mark(broken)
    stream.send(pcm(2 * FRAME))
    stream.mark("broken", broken if kind == "mark" else told)
    stream.mark("others are told all the same", told)
    stream.pull()
    stream.pull()
    with pytest.raises(StreamFailedError, match="no such key"):
        stream.pull()
    assert told.names[-1][1:] == "others are told all the same"


def test_a_callback_may_use_the_stream() -> None:
    stream, told = OutboundAudioStream(), Told()

    def callback(reached: MarkReached) -> None:
        told(reached)
        if len(told.reached) < 3:
            stream.send(pcm(FRAME))
            stream.mark("next", callback)

    stream.mark("first", callback)
    for _ in range(3):
        stream.pull()
    assert told.names == ["+first", "+next", "+next"]


def test_forgetting_what_is_not_followed_is_harmless() -> None:
    playout = Playout(0.0)
    playout.forget(object())  # type: ignore[arg-type]
    assert playout.waypoints == 0


def test_a_transport_may_say_from_pull_to_pull_how_late_audio_is_heard() -> None:
    """Who sends some frames further ahead than others knows better than one figure for all."""
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)

    async def main() -> None:
        stream.pull()
        assert stream.stats.played_position == FRAME
        for delay_ms in (100, 0, 50):
            stream.pull(heard_at=delay_ms / 1000)
            assert stream.stats.played_position == FRAME
        await clock.sleep_until(0.0505)
        # The second is due, but what was pulled before it is not: playout has one order.
        assert stream.stats.played_position == FRAME
        await clock.sleep_until(0.1005)
        assert stream.stats.played_position == 4 * FRAME

    clock.run(main())


def test_what_was_heard_is_forgotten_though_nobody_asks() -> None:
    """A call of hours, whose transport says of every frame when it is heard, costs no memory."""
    clock, playout = VirtualClock(), Playout(0.0)

    async def main() -> int:
        most = 0
        for number in range(2_000):
            await clock.sleep_until(number * 0.02)
            playout.note_pull(FRAME, clock, heard_at=clock.now() + 0.08)
            playout.pull(FRAME)
            most = max(most, len(playout._pulls))
        assert playout.played(clock.now()) == 1_996 * FRAME
        return most

    assert clock.run(main()) <= 6


def test_what_the_platform_reports_goes_before_what_the_transport_expects() -> None:
    """An expectation is an estimate; and it is not kept for ever beside reports."""
    stream = OutboundAudioStream()
    stream.report_played(0)
    for _ in range(500):
        stream.pull(heard_at=0.0)
    stats = stream.stats
    assert (stats.played_position, stats.played_is_estimate) == (0, False)
    assert not stream._playout._pulls


def test_a_pull_that_says_nothing_after_one_that_did_is_heard_after_the_delay() -> None:
    """Else whoever drains would wait for ever."""
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)

    async def main() -> None:
        stream.pull(heard_at=0.05)
        stream.send(pcm(FRAME))
        stream.pull()
        assert await stream.adrain(3)
        assert stream.stats.played_position == 2 * FRAME

    clock.run(main())


def test_a_drain_ends_where_the_last_frame_was_to_be_heard_before_others() -> None:
    """Playout has one order, so it counts as heard after them, and who waits does not look without end."""
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)

    async def main() -> float:
        stream.send(pcm(2 * FRAME))
        stream.pull(heard_at=0.1)
        stream.pull(heard_at=0.0)
        assert await stream.adrain(3)
        return clock.now()

    assert clock.run(main()) == pytest.approx(0.1)


@pytest.mark.parametrize("heard_at", [float("nan"), float("inf"), 60.001])
def test_a_time_that_is_none_or_too_far_ahead_is_refused(heard_at: float) -> None:
    """It would hold up playout, and what waits to be heard would have no bound; the frame is still there."""
    stream = OutboundAudioStream(clock=VirtualClock())
    stream.send(pcm(FRAME))
    with pytest.raises(ConfigurationError, match="heard_at"):
        stream.pull(heard_at=heard_at)
    assert not stream.pull().filler
