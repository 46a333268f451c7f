"""The fake leg: on time, on one timeline, and with the faults that a test asks for."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    PayloadError,
    StreamClosedError,
    StreamFailedError,
    UnreadableFileError,
)
from rawmedia.files import open_writer
from rawmedia.streams.leg import LegStateChanged
from rawmedia.testing.clock import ScaledClock, VirtualClock
from rawmedia.testing.compare import assert_same_audio, snr_db
from rawmedia.testing.legs import FakeLeg, Lost
from rawmedia.testing.signals import joined, noise, silence, speech_like, tone

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

Arrivals = list[tuple[float, AudioFrame]]


async def listen(leg: FakeLeg, clock: VirtualClock) -> Arrivals:
    """Everything the leg says, and when it came."""
    return [(round(clock.now() * 1000, 3), frame) async for frame in leg.inbound]


def call(leg: FakeLeg, clock: VirtualClock, *others: Coroutine[None, None, None]) -> Arrivals:
    """Carry a call in which the program says nothing of its own, to its end."""

    async def main() -> Arrivals:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(leg.run())
            for other in others:
                tasks.create_task(other)
            arrivals = await listen(leg, clock)
            leg.outbound.end()
        return arrivals

    return clock.run(main())


def test_what_it_says_comes_at_real_time_pace_when_its_last_sample_was_said() -> None:
    """The pace of a call is what programs are built around."""
    clock = VirtualClock(100)
    leg = FakeLeg(speech_like(110, seed=1), clock=clock)
    arrivals = call(leg, clock)
    assert [when for when, _ in arrivals] == [100_020, 100_040, 100_060, 100_080, 100_100, 100_120]
    assert [frame.samples_per_channel for _, frame in arrivals] == [320] * 5 + [160]
    assert_same_audio(speech_like(110, seed=1), [frame for _, frame in arrivals], snr_db=math.inf)
    assert leg.said_ms == 110


def test_a_minute_of_it_does_not_drift() -> None:
    """Rounding adds up where due times are counted from each other."""
    clock = VirtualClock()
    odd = AudioFormat(11_025)  # of which 20 ms are no whole number of samples
    leg = FakeLeg(silence(60_000, format=odd), format=odd, outbound_format=SPEECH, clock=clock)
    arrivals = call(leg, clock)
    when, last = arrivals[-1]
    assert abs(when - 60_000) <= 20
    assert abs(leg.record().duration_ms - when) <= 40
    assert last.end == 60 * 11_025


def test_what_is_sent_is_recorded_where_it_was_heard() -> None:
    """One timeline: the answer's place tells the latency of what is tested."""
    clock = VirtualClock()
    leg = FakeLeg(silence(1_000), outbound_format=WEBRTC, clock=clock)
    answer = noise(205, seed=1, format=WEBRTC)

    async def respond() -> None:
        await clock.sleep_until(0.31)
        await leg.outbound.asend(answer)
        assert await leg.outbound.adrain()

    call(leg, clock, respond())
    heard = leg.record()
    assert (heard.format, heard.position) == (WEBRTC, 0)
    expected = joined([silence(1_020, format=WEBRTC)])
    wave = expected.samples.copy()
    wave[WEBRTC.samples(320) :][: answer.samples_per_channel] = answer.samples
    assert_same_audio(AudioFrame(wave, WEBRTC), heard, snr_db=math.inf)
    assert 1_000 <= heard.duration_ms <= 1_020


def test_an_answer_that_is_given_at_once_is_heard_with_the_next_frame() -> None:
    """No reaction to a frame may be heard before it was said."""
    clock = VirtualClock()
    leg = FakeLeg(noise(400, seed=2), clock=clock)

    async def echo() -> None:
        async for frame in leg.inbound:
            await leg.outbound.asend(frame)
        leg.outbound.end()

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(leg.run())
            tasks.create_task(echo())

    clock.run(main())
    heard = leg.record().samples
    np.testing.assert_array_equal(heard[640:], noise(400, seed=2).samples)
    assert not heard[:640].any()


def test_it_says_frames_arrays_and_files_in_any_format_one_after_the_other(tmp_path: Path) -> None:
    """Whatever a test has at hand; a rate is a rate, and joints are not rounded to frames."""
    path = tmp_path / "said.wav"
    with open_writer(path, TELEPHONY) as writer:
        writer.write(speech_like(333, seed=3, format=TELEPHONY))
    clock = VirtualClock()
    stereo = speech_like(125, seed=2, format=AudioFormat(48_000, 2))
    leg = FakeLeg([tone(55), noise(30, seed=1).samples, stereo, path, str(path)], clock=clock)
    heard = joined(frame for _, frame in call(leg, clock))
    np.testing.assert_array_equal(heard.samples[:880], tone(55).samples)
    np.testing.assert_array_equal(heard.samples[880:1_360], noise(30, seed=1).samples)
    rest = AudioFrame(heard.samples[1_360:], SPEECH)
    expected = [speech_like(125, seed=2), speech_like(333, seed=3), speech_like(333, seed=3)]
    places = [0, 2_000, 2_000 + 5_328]
    assert (
        snr_db([audio.at(place) for audio, place in zip(expected, places, strict=True)], rest) > 35
    )
    assert heard.duration_ms == pytest.approx(55 + 30 + 125 + 2 * 333, abs=0.1)


def test_a_loss_is_a_gap_to_the_sample() -> None:
    """Programs must see where audio is missing, and how much."""
    clock = VirtualClock()
    leg = FakeLeg([tone(50), Lost(75), tone(50)], clock=clock)
    arrivals = call(leg, clock)
    assert_same_audio(
        [tone(50), tone(50).at(2_000)], [frame for _, frame in arrivals], snr_db=math.inf
    )
    assert (leg.inbound.stats.gaps, leg.inbound.stats.gap_ms) == (1, 75)
    assert leg.said_ms == 175


def test_what_a_muted_party_says_is_silence_at_the_same_pace() -> None:
    """A muted microphone does not stop the stream, nor the speaker."""
    clock = VirtualClock()
    leg = FakeLeg(noise(300, seed=1), clock=clock)

    async def mute_for_a_while() -> None:
        await clock.sleep_until(0.11)
        leg.muted = True
        await clock.sleep_until(0.21)
        leg.muted = False

    arrivals = call(leg, clock, mute_for_a_while())
    expected = noise(300, seed=1).samples.copy()
    expected[1_600:3_200] = 0  # the frames that end while it is muted
    heard = joined(frame for _, frame in arrivals)
    np.testing.assert_array_equal(heard.samples, expected)
    assert leg.inbound.stats.gaps == 0


def test_a_suspended_party_leaves_a_gap_hears_silence_and_loses_no_time() -> None:
    """A connection that is dialled again: neither an underrun nor a shift of what follows."""
    clock = VirtualClock()
    leg = FakeLeg(noise(600, seed=1), clock=clock)

    async def interrupt() -> None:
        await leg.outbound.asend(noise(600, seed=2))
        leg.outbound.end_segment()
        await clock.sleep_until(0.21)
        leg.suspend()
        await clock.sleep_until(0.41)
        leg.resume()

    arrivals = call(leg, clock, interrupt())
    np.testing.assert_array_equal(
        joined(frame for _, frame in arrivals).samples[6_400 + 320 :],
        noise(600, seed=1).samples[6_400 + 320 :],
    )
    assert (leg.inbound.stats.gaps, leg.inbound.stats.gap_ms) == (1, 200)
    assert leg.outbound.stats.underruns == 0
    heard = leg.record().samples
    sent = noise(600, seed=2).samples
    # The first frame was pulled before anything was sent.
    np.testing.assert_array_equal(heard[320:3_520], sent[:3_200])
    assert not heard[3_520:6_720].any()
    np.testing.assert_array_equal(heard[6_720 : 6_720 + 6_400], sent[3_200:])


def test_who_stays_is_silent_until_he_hangs_up() -> None:
    """A live line is never quiet; a program must hear that nobody speaks."""
    clock = VirtualClock()
    leg = FakeLeg(tone(50), stays=True, clock=clock)

    async def talk_on() -> None:
        await clock.sleep_until(0.205)
        leg.say(noise(25, seed=1))
        await clock.sleep_until(0.4)
        leg.hang_up()
        leg.hang_up()

    arrivals = call(leg, clock, talk_on())
    heard = joined(frame for _, frame in arrivals).samples
    np.testing.assert_array_equal(heard[:800], tone(50).samples)
    assert not heard[800:3_200].any()
    np.testing.assert_array_equal(heard[3_200:3_600], noise(25, seed=1).samples)
    assert not heard[3_600:].any()
    assert len(heard) in (6_080, 6_400)


def test_when_it_hangs_up_what_was_said_can_be_read_and_what_is_unheard_is_gone() -> None:
    """That is what a far end does: it is gone for the ear at once, its voice is not."""
    clock = VirtualClock()
    leg = FakeLeg(noise(1_000, seed=1), clock=clock)

    async def main() -> None:
        running = asyncio.create_task(leg.run())
        await leg.outbound.asend(tone(1_000))
        await clock.sleep_until(0.1)
        leg.hang_up()
        with pytest.raises(StreamClosedError):
            await leg.outbound.adrain()
        await running
        assert len(joined([frame async for frame in leg.inbound]).samples) in (1_280, 1_600)
        await leg.aclose()
        assert [event async for event in leg.events] == [LegStateChanged("closed")]

    clock.run(main())
    assert leg.record().duration_ms in (80, 100)


def test_closing_it_ends_its_run() -> None:
    """`async with` on the leg must not leave a task behind."""
    clock = VirtualClock()

    async def main() -> None:
        async with FakeLeg(tone(1_000), clock=clock) as leg:
            running = asyncio.create_task(leg.run())
            await clock.sleep_until(0.1)
        await running

    clock.run(main())


def test_a_program_that_stops_listening_or_talking_does_not_stop_the_other_side() -> None:
    """Each direction of a call has its own end."""
    clock = VirtualClock()
    leg = FakeLeg(tone(200), clock=clock)

    async def main() -> None:
        running = asyncio.create_task(leg.run())
        await clock.sleep_until(0.05)
        leg.inbound.close()
        await leg.outbound.asend(tone(100))
        leg.outbound.end()
        await running
        assert_same_audio(
            [tone(100).at(960)],
            AudioFrame(leg.record().samples[960:], SPEECH).at(960),
            snr_db=math.inf,
        )

    clock.run(main())

    clock = VirtualClock()
    deaf = FakeLeg(tone(200), clock=clock)
    deaf.outbound.close()
    arrivals = call(deaf, clock)
    assert_same_audio(tone(200), [frame for _, frame in arrivals], snr_db=math.inf)
    assert deaf.record().duration_ms == 200


def test_a_stream_that_fails_ends_the_run_with_its_error() -> None:
    """A fault in the program's own call-backs must not look like the end of a call."""
    clock = VirtualClock()
    leg = FakeLeg(tone(200), clock=clock)
    leg.outbound.fail(OSError("broken"))
    with pytest.raises(StreamFailedError, match="broken"):
        clock.run(leg.run())
    with pytest.raises(StreamFailedError, match="broken"):
        leg.inbound.recv(timeout=0)


def test_what_it_records_is_bounded_and_the_rest_is_counted() -> None:
    """An hour's soak must not fill the memory with its own recording."""
    clock = VirtualClock()
    leg = FakeLeg(silence(200), max_recorded_ms=90, clock=clock)
    call(leg, clock)
    assert leg.record().duration_ms == 90
    assert leg.unrecorded_ms == pytest.approx(110, abs=20)


def test_it_refuses_what_is_no_audio(tmp_path: Path) -> None:
    """At the line that is wrong, not in the middle of the call."""
    with pytest.raises(PayloadError):
        FakeLeg(np.zeros(10))
    with pytest.raises(UnreadableFileError):
        FakeLeg(tmp_path / "nothing.wav")


def test_it_runs_on_real_time_as_well() -> None:
    """The same fake serves tests with threads and processes, which need real time."""
    clock = ScaledClock(20)
    leg = FakeLeg(tone(400), clock=clock)

    async def main() -> float:
        begun = clock.now()
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(leg.run())
            frames = [frame async for frame in leg.inbound]
            leg.outbound.end()
        assert_same_audio(tone(400), frames, snr_db=math.inf)
        return clock.now() - begun

    assert asyncio.run(main()) >= 0.4
