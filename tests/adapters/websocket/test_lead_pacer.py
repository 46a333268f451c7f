"""When frames go out: ahead of being heard, at once if they came late, and never ever later for that."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawmedia.adapters.websocket.pacing import LeadPacer
from rawmedia.errors import EndOfStreamError
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing import VirtualClock

if TYPE_CHECKING:
    import numpy.typing as npt


def paced(
    arrivals_ms: list[float],
    *,
    lead_ms: float = 80.0,
    max_ahead_ms: float = 0.0,
    until_ms: float = 1_000.0,
    stall_ms: tuple[float, float] | None = None,
) -> tuple[list[float], list[float], float]:
    """When frames that were sent then went out, when silence did, and what was skipped."""
    clock = VirtualClock()
    outbound = OutboundAudioStream(capacity_ms=10_000, clock=clock)
    pacer = LeadPacer(outbound, lead_ms, max_ahead_ms=max_ahead_ms)
    spoken: list[float] = []
    silent: list[float] = []

    async def pull() -> None:
        with suppress(EndOfStreamError):
            while True:
                if stall_ms and stall_ms[0] <= clock.now() * 1000 < stall_ms[1]:
                    await clock.sleep_until(stall_ms[1] / 1000)
                await pacer.ready()
                now_ms = round(clock.now() * 1000, 3)
                (silent if pacer.pull().filler else spoken).append(now_ms)

    async def main() -> None:
        pulling = asyncio.create_task(pull())
        for at_ms in arrivals_ms:
            await clock.sleep_until(at_ms / 1000)
            await outbound.asend(b"\1\0" * 320)
        await clock.sleep_until(until_ms / 1000)
        outbound.close()
        pulling.cancel()
        await asyncio.wait({pulling})

    clock.run(main())
    return spoken, silent, pacer.stalled_s * 1000


def test_audio_that_is_there_goes_out_as_far_ahead_as_the_lead() -> None:
    """Then at the pace at which it is heard."""
    spoken, silent, _ = paced([0.0] * 20)
    # First a stock of silence, which the platform plays meanwhile; frame n is heard at 20 n.
    assert silent[:4] == [0.0] * 4
    assert spoken == [20.0 * n - 80 for n in range(4, 24)]


def test_audio_that_comes_live_goes_out_as_it_comes() -> None:
    """Passing it on costs no time."""
    arrivals = [105.0 + 20 * n for n in range(20)]
    assert paced(arrivals)[0] == arrivals


@pytest.mark.parametrize("late_ms", [5.0, 30.0, 39.0])
def test_a_frame_that_is_late_delays_none_after_it(late_ms: float) -> None:
    """Silence in its place would stay in front of all that follows."""
    arrivals = [105.0 + 20 * n for n in range(20)]
    arrivals[10] += late_ms
    arrivals[11] = max(arrivals[10:12])
    spoken, silent, _ = paced(sorted(arrivals))
    assert spoken == sorted(arrivals)
    assert not [at for at in silent if 100 < at < 480]


def test_without_audio_silence_goes_out_at_the_same_pace() -> None:
    """The platform always holds the lead, but for a frame at most."""
    _, silent, _ = paced([])
    assert len(silent) == pytest.approx((1_000 + 80) / 20, abs=1)
    for n, at in enumerate(silent):
        assert -80 <= at - 20 * n <= 0


def test_without_a_lead_nothing_is_waited_for() -> None:
    """Then every frame is sent as it is heard."""
    _, silent, _ = paced([], lead_ms=0)
    assert silent[:10] == [20.0 * n for n in range(10)]


def test_a_long_stall_is_skipped_and_counted() -> None:
    """What was not sent in time is heard later, not all at once."""
    spoken, _, stalled_ms = paced([0.0] * 40, stall_ms=(200, 700), until_ms=1_500)
    assert 300 < stalled_ms < 500
    after = [at for at in spoken if at > 700]
    assert after
    assert max(b - a for a, b in pairwise(after)) <= 20.001


def test_a_short_stall_is_caught_up() -> None:
    """At once, so that nothing is later than it was."""
    spoken, _, stalled_ms = paced([0.0] * 40, stall_ms=(200, 300))
    assert stalled_ms == 0
    assert spoken[-1] == 20.0 * 43 - 80


def test_audio_that_came_while_the_program_was_held_up_goes_before_silence() -> None:
    """Its socket is read after its timers; silence that went out first would delay the call for good."""
    arrivals = [105.0 + 20 * n for n in range(40)]
    for n, at in enumerate(arrivals):
        if 310 <= at < 460:
            arrivals[n] = 461.0  # read after the stall, which the pacer wakes up from first
    spoken, silent, _ = paced(arrivals, stall_ms=(300, 460))
    assert spoken[-10:] == arrivals[-10:]
    assert not [at for at in silent if 310 < at < 800]


def test_audio_that_waits_goes_out_further_ahead_than_silence() -> None:
    """A second of speech leaves at once for the platform's buffer, as far as that may be filled."""
    spoken, silent, _ = paced([0.0] * 20, max_ahead_ms=200)
    assert silent[:4] == [0.0] * 4
    assert spoken == [max(0.0, 20.0 * n - 200) for n in range(4, 24)]
    assert silent[4] >= 20.0 * 24 - 80


def test_what_piles_up_behind_silence_delays_nothing_that_comes_after_it() -> None:
    """The sender was held up, so silence is in front; what comes live goes out as it comes again."""
    arrivals = [105.0 + 20 * n for n in range(40)]
    for n, at in enumerate(arrivals):
        if 310 <= at < 460:
            arrivals[n] = 461.0
    spoken, silent, _ = paced(arrivals, max_ahead_ms=250)
    assert [at for at in silent if 310 < at < 460]
    assert spoken == arrivals
    late, _, _ = paced(arrivals)
    assert late[-1] > arrivals[-1]


class Live:
    """A source that mixes live voices: there is always something, and it never says so before."""

    pending = False

    def render(self, samples: int, now: float) -> npt.NDArray[np.int16] | None:
        return np.ones((samples, 1), np.int16)


@pytest.mark.parametrize(("until_ms", "skipped_ms"), [(200, 0), (230, 0), (300, 0), (600, 320)])
def test_a_source_that_is_asked_is_not_waited_for(until_ms: float, skipped_ms: float) -> None:
    """Who once was late, as timers are, would be so with every frame, and never catch up."""
    clock = VirtualClock()
    outbound = OutboundAudioStream(clock=clock)
    outbound.set_source(Live())
    pacer = LeadPacer(outbound, 80.0, max_ahead_ms=250.0)
    pulled: list[float] = []

    async def main() -> None:
        while clock.now() < 1:
            if 0.2 <= clock.now() < until_ms / 1000:
                await clock.sleep_until(until_ms / 1000)
            await pacer.ready()
            assert not pacer.pull().filler
            pulled.append(clock.now() * 1000)

    clock.run(main())
    assert pacer.stalled_s * 1000 == pytest.approx(skipped_ms, abs=20)
    # What is missing is sent at once, and then each frame in its time.
    after = [at for at in pulled if at > until_ms + 1]
    assert [later - at for at, later in pairwise(after)] == pytest.approx([20] * (len(after) - 1))


def test_how_late_a_frame_is_heard_is_what_is_estimated() -> None:
    """Playout that nobody reports is counted from when a frame is due, not from when it left."""
    clock = VirtualClock()
    outbound = OutboundAudioStream(capacity_ms=10_000, playout_delay_ms=80, clock=clock)
    pacer = LeadPacer(outbound, 80.0, max_ahead_ms=400.0)

    async def main() -> None:
        outbound.send(b"\1\0" * 320 * 10)
        for _ in range(10):
            await pacer.ready()
            assert clock.now() == 0
            pacer.pull()
        for heard_frames in range(10):
            await clock.sleep_until(heard_frames * 0.02 + 0.001)
            assert outbound.stats.played_position == (heard_frames + 1) * 320

    clock.run(main())
