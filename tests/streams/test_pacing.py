"""Frames at the pace of the clock: no drift, a lead, catching up, and giving up."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_kit import FRAME, pcm

from rawmedia.audio.format import AudioFormat
from rawmedia.errors import ConfigurationError, EndOfStreamError, StreamClosedError
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing.clock import VirtualClock

CD = AudioFormat(22_050)


@pytest.mark.untraced
def test_an_hour_does_not_drift() -> None:
    """23 ms at 22050 Hz are rounded to 507 samples, whose length is no decimal fraction."""
    clock = VirtualClock(start=12_345.678)
    stream = OutboundAudioStream(CD, frame_ms=23, clock=clock)
    samples = CD.samples(23)
    frames = CD.sample_rate * 3_600 // samples

    async def main() -> tuple[float, int]:
        start = clock.now()
        worst, number = 0.0, 0
        async for frame in stream.paced():
            due = start + frame.position / CD.sample_rate
            worst = max(worst, abs(clock.now() - due))
            number += 1
            if number == frames:
                break
        return worst, number

    worst, number = clock.run(main())
    assert worst < 1e-9
    assert stream.stats.pulled_position == number * samples
    assert stream.stats.stalled_ms == 0


@given(st.lists(st.floats(0, 0.19), max_size=60))
def test_a_late_consumer_catches_up_and_no_frame_is_skipped(delays: list[float]) -> None:
    """What a slow socket holds up has to be made good, or the listener hears a hole."""
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)

    async def main() -> None:
        frames = aiter(stream.paced(catch_up_ms=20 * 60 * 20))
        start = clock.now()
        busy = 0.0
        for number, delay in enumerate(delays):
            await anext(frames)
            assert clock.now() == pytest.approx(max(start + number * 0.02, busy))
            await asyncio.sleep(delay)
            busy = clock.now()
        assert stream.stats.pulled_position == len(delays) * FRAME

    clock.run(main())
    assert stream.stats.stalled_ms == 0


def test_time_beyond_the_catch_up_is_skipped_and_counted() -> None:
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)

    async def main() -> list[float]:
        frames = aiter(stream.paced(catch_up_ms=100))
        await anext(frames)
        await clock.sleep_until(1.0)
        times = []
        for _ in range(3):
            await anext(frames)
            times.append(clock.now())
        return times

    assert clock.run(main()) == [1.0, 1.02, 1.04]
    assert stream.stats.stalled_ms == pytest.approx(980)


def test_just_within_the_catch_up_every_frame_is_given_at_once() -> None:
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)

    async def main() -> list[float]:
        frames = aiter(stream.paced(catch_up_ms=100))
        await anext(frames)
        await clock.sleep_until(0.12)
        times = []
        for _ in range(8):
            await anext(frames)
            times.append(clock.now())
        return times

    assert clock.run(main()) == pytest.approx([0.12] * 6 + [0.14, 0.16])
    assert stream.stats.stalled_ms == 0


def test_a_lead_is_kept_and_built_up_again_after_a_stall() -> None:
    """A platform that buffers 60 ms has to be 60 ms ahead, not only at the beginning."""
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)

    async def main() -> list[list[float]]:
        frames = aiter(stream.paced(lead_ms=60, catch_up_ms=100))
        times = []
        for resume in (0.0, 10.0):
            await clock.sleep_until(resume)
            part = []
            for _ in range(6):
                await anext(frames)
                part.append(clock.now() - resume)
            times.append(part)
        return times

    expected = [0.0, 0.0, 0.0, 0.0, 0.02, 0.04]
    first, after_stall = clock.run(main())
    assert first == pytest.approx(expected)
    assert after_stall == pytest.approx(expected)
    # Six frames had been given, so that the platform ran dry 120 ms after the start.
    assert stream.stats.stalled_ms == pytest.approx(10_000 - 120)


def test_a_consumer_that_is_always_late_does_not_starve_the_loop() -> None:
    """One that never waits would otherwise be the only task that runs."""
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)

    async def main() -> int:
        steps = 0

        async def other() -> None:
            nonlocal steps
            while True:
                steps += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        frames = aiter(stream.paced(catch_up_ms=1e9))
        await anext(frames)
        clock._now = 1_000.0  # all the rest is late
        for _ in range(50):
            await anext(frames)
        task.cancel()
        return steps

    assert clock.run(main()) >= 50


def test_cancelling_loses_no_frame_and_no_time() -> None:
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)

    async def main() -> None:
        await stream.asend(pcm(3 * FRAME))
        frames = aiter(stream.paced())
        assert (await anext(frames)).position == 0
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.004):
                    await anext(frames)
        assert (await anext(frames)).position == FRAME
        assert clock.now() == pytest.approx(0.02)
        assert bytes(await anext(frames)) == pcm(3 * FRAME)[4 * FRAME :]

    clock.run(main())


def test_it_ends_with_the_stream_again_and_again() -> None:
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)

    async def main() -> None:
        await stream.asend(pcm(FRAME + 1))
        stream.end()
        frames = stream.paced()
        assert [frame.position async for frame in frames] == [0, FRAME]
        assert [frame async for frame in frames] == []
        with pytest.raises(EndOfStreamError):
            stream.pull()

    clock.run(main())


def test_it_raises_when_the_stream_is_closed_under_it() -> None:
    clock = VirtualClock()
    stream = OutboundAudioStream(clock=clock)

    async def main() -> None:
        frames = aiter(stream.paced())
        await anext(frames)
        waiting = asyncio.create_task(anext(frames))
        await asyncio.sleep(0.01)
        stream.close()
        with pytest.raises(StreamClosedError):
            await waiting

    clock.run(main())


@pytest.mark.parametrize("setting", ["lead_ms", "catch_up_ms"])
@pytest.mark.parametrize("value", [-1, float("nan")])
def test_settings_that_make_no_sense_are_refused(setting: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        OutboundAudioStream().paced(**{setting: value})


def test_the_real_clock_paces_too() -> None:
    stream = OutboundAudioStream(frame_ms=2.5)

    async def main() -> float:
        clock = stream._clock
        start = clock.now()
        number = 0
        async for _ in stream.paced():
            number += 1
            if number == 21:
                break
        return clock.now() - start

    assert 0.05 <= asyncio.run(main()) < 2
