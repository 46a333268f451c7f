"""The checks of legs pass ours, and each catches what it is there for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import soundfile
from broken_legs import LEG_BREACHES, TalkingLeg, legs
from conformance_kit import Breach, require_caught

from rawmedia.adapters.file_leg import FileLeg
from rawmedia.errors import StreamFailedError
from rawmedia.testing import FakeLeg, VirtualClock, speech_like
from rawmedia.testing.checks import LEG_CHECKS, BrokenPromiseError, carried, check_leg

if TYPE_CHECKING:
    from pathlib import Path

    from broken_legs import MakeLegs

SUSPENSION = "nothing_is_pulled_while_suspended"


@pytest.fixture
def speech_file(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    soundfile.write(path, speech_like(4_000, seed=1).samples, 16_000)
    return path


def test_a_fake_leg_keeps_every_promise() -> None:
    clock = VirtualClock()
    report = clock.run(check_leg(legs(TalkingLeg)(clock)))
    assert report.passed == LEG_CHECKS.names


def test_a_file_leg_in_real_time_keeps_every_promise(speech_file: Path) -> None:
    """Nobody re-dials a file, so it is never suspended."""
    clock = VirtualClock()
    out = speech_file.with_name("out.wav")
    report = clock.run(
        check_leg(lambda: FileLeg(speech_file, out, realtime=True, clock=clock), suspends=False)
    )
    assert set(report.skipped) == {SUSPENSION}


def test_a_file_leg_in_lockstep_keeps_every_promise(speech_file: Path) -> None:
    """Its clock is the audio itself, so a program's own time has no part in it."""
    out = speech_file.with_name("out.wav")
    report = asyncio.run(check_leg(lambda: FileLeg(speech_file, out), suspends=False))
    assert set(report.skipped) == {SUSPENSION}


@pytest.mark.parametrize("breach", LEG_BREACHES.params())
def test_a_broken_leg_is_caught(breach: Breach[MakeLegs]) -> None:
    clock = VirtualClock()
    with pytest.raises(BrokenPromiseError) as caught:
        clock.run(check_leg(breach.make(clock), only=breach.check))
    require_caught(caught, breach.check)


def test_every_check_has_somebody_to_catch() -> None:
    assert LEG_BREACHES.checks == set(LEG_CHECKS.names)


def test_a_far_end_that_finishes_early_leaves_a_check_out() -> None:
    clock = VirtualClock()
    report = clock.run(
        check_leg(
            lambda: carried(FakeLeg(speech_like(20, seed=1), clock=clock)),
            only="closing_lets_a_reader_go",
        )
    )
    assert "had finished before" in report.skipped["closing_lets_a_reader_go"]


def test_a_leg_that_fails_while_it_is_carried_says_so_at_the_end() -> None:
    """An error of ``run`` must not get lost because nobody awaited it."""
    clock = VirtualClock()

    async def main() -> None:
        async with carried(TalkingLeg(clock)) as leg:
            leg.outbound.fail(ConnectionResetError())
            await clock.sleep_until(clock.now() + 1)

    with pytest.raises(StreamFailedError):
        clock.run(main())


class GroupingLeg(TalkingLeg):
    """Its ways in and out are tasks of a group, as an adapter's are."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().run())


def test_a_failure_may_come_in_the_group_of_its_tasks() -> None:
    """A `TaskGroup` wraps what its tasks raise, and breaks no promise by it."""
    clock = VirtualClock()
    check = "a_failure_reaches_whoever_waits"
    report = clock.run(check_leg(legs(GroupingLeg)(clock), only=check))
    assert report.passed == (check,)
