"""What the clock of a device is taken for, by the times of its blocks alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from rawmedia.adapters.soundcard.device_clock import DeviceClock

BLOCK_MS = 20.0


@dataclass
class Device:
    """Gives blocks by a clock that is off, and stretches them as it is told."""

    ppm: float
    now_ms: float = 5_000.0
    device_ms: float = 0.0
    media_ms: float = 0.0
    clock: DeviceClock = field(default_factory=DeviceClock)
    jumps: list[float] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def run(self, seconds: float) -> None:
        until = self.now_ms + seconds * 1000
        while self.now_ms < until:
            self.now_ms += BLOCK_MS / (1 + self.ppm / 1e6)
            self.device_ms += BLOCK_MS
            self.media_ms += BLOCK_MS * (1 - self.clock.ppm / 1e6)
            late_ms = self.chance.uniform(0, 8)  # as threads are
            jump = self.clock.note(self.now_ms + late_ms, self.device_ms, self.media_ms)
            if jump:
                self.jumps.append(jump)

    @property
    def behind_ms(self) -> float:
        """How much less audio the program saw than time passed, since the beginning."""
        return self.now_ms - 5_000.0 - self.media_ms


@pytest.mark.parametrize("ppm", [-900.0, -100.0, 0.0, 100.0, 900.0])
def test_audio_keeps_pace_however_far_the_clock_is_off(ppm: float) -> None:
    """What came about before the drift was known is made up for."""
    device = Device(ppm)
    device.run(10)
    at_first = device.behind_ms
    device.run(290)
    assert device.jumps == []
    assert device.clock.drift_ppm == pytest.approx(ppm, abs=5)
    # The first three seconds count for nothing: a device fills its buffers in them.
    settling_ms = -3 * ppm / 1000
    assert device.behind_ms == pytest.approx(settling_ms, abs=1.0)
    if abs(ppm) == 900:
        assert abs(at_first) > 5


@pytest.mark.parametrize("lost_ms", [500.0, 60.0, -200.0])
def test_a_jump_is_told_once_and_is_no_drift(lost_ms: float) -> None:
    """Time without audio, or audio without time, as after a device stood still."""
    device = Device(80)
    device.run(60)
    device.now_ms += lost_ms
    device.run(20)
    assert device.jumps == [pytest.approx(lost_ms, abs=5)]
    assert device.clock.drift_ppm == pytest.approx(80, abs=8)
    device.run(100)
    assert len(device.jumps) == 1
    assert device.behind_ms == pytest.approx(lost_ms, abs=5)


def test_a_device_that_stands_still_again_and_again_keeps_its_drift() -> None:
    """Each time on a busy machine; taken for drift it would be thousands of ppm."""
    device = Device(80)
    device.run(20)
    for _ in range(20):
        device.now_ms += 100
        device.run(8)
    assert len(device.jumps) == 20
    # What each jump is measured wrong by adds to it; nobody hears so little.
    assert device.clock.drift_ppm == pytest.approx(80, abs=60)


def test_a_block_that_is_lost_is_made_up_for() -> None:
    """Nobody hears that, and a gap they would."""
    device = Device(0)
    device.run(60)
    before = device.behind_ms
    device.now_ms += BLOCK_MS
    device.run(5)
    assert device.behind_ms - before == pytest.approx(BLOCK_MS, abs=4)
    device.run(295)
    assert device.jumps == []
    assert device.behind_ms == pytest.approx(before, abs=1)


def test_what_happens_while_a_device_gets_going_counts_for_nothing() -> None:
    """PulseAudio takes a second until the first block, and gives some at once then."""
    device = Device(0)
    device.run(0.1)
    device.now_ms += 1_700
    device.run(1)
    assert not device.clock.settled
    device.run(5)
    assert device.clock.settled
    device.run(20)
    assert device.jumps == []
    assert abs(device.clock.ppm) < 20
