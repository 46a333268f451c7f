"""What the delay estimator makes of transits: the least, what nearly all stay within, what it forgets."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.errors import ConfigurationError
from rawmedia.wire.delay import MAX_SAMPLES, SETTLED_SAMPLES, WINDOW_MS, DelayEstimator

PACKET_MS = 20.0


class Feed:
    """An estimator and the time; packets come every 20 ms unless said otherwise."""

    def __init__(self, late_share: float = 0.02) -> None:
        self.estimator = DelayEstimator(late_share)
        self.now_ms = 0.0

    def add(self, *transits_ms: float, every_ms: float = PACKET_MS) -> None:
        for transit_ms in transits_ms:
            self.now_ms += every_ms
            self.estimator.add(transit_ms, self.now_ms, PACKET_MS)

    def add_spike(self, length_ms: float, usual_ms: float = 0.0) -> None:
        """Nothing for so long, then all at once, the last one on time."""
        self.now_ms += length_ms
        for behind in range(round(length_ms / PACKET_MS), -1, -1):
            self.estimator.add(usual_ms + behind * PACKET_MS, self.now_ms, PACKET_MS)

    @property
    def excess_ms(self) -> float:
        return self.estimator.excess_ms


def usual(count: int, seed: int = 1) -> list[float]:
    """Transits with a jitter of up to 10 ms."""
    chance = Random(seed)
    return [chance.uniform(0, 10) for _ in range(count)]


@given(
    st.lists(st.tuples(st.floats(0, 400), st.integers(10, 900)), min_size=1, max_size=200),
    st.floats(0.01, 0.2),
)
def test_it_knows_the_ranks_of_what_came_in_the_window(
    packets: list[tuple[float, int]], late_share: float
) -> None:
    """The ranked list is kept up to date packet by packet; a sort from nothing must agree."""
    feed = Feed(late_share)
    times, transits = [], []
    for transit_ms, every_ms in packets:
        feed.add(transit_ms, every_ms=every_ms)
        times.append(feed.now_ms)
        transits.append(transit_ms)
        recent = [t for t, at in zip(transits, times, strict=True) if at >= feed.now_ms - WINDOW_MS]
        ranked = sorted(recent if len(recent) > SETTLED_SAMPLES else transits[-SETTLED_SAMPLES:])
        size = len(ranked)
        late = int(max(size * late_share, min(size / 10, late_share * WINDOW_MS / PACKET_MS)))
        assert feed.estimator.baseline_ms == ranked[0]
        assert feed.estimator.median_ms == ranked[size // 2]
        assert feed.estimator.quantile_ms == ranked[size - 1 - late]
        assert feed.excess_ms == ranked[size - 1 - late] - ranked[0]


def test_before_the_first_packet_nothing_is_known() -> None:
    estimator = DelayEstimator()
    assert not estimator.settled
    assert estimator.baseline_ms == estimator.median_ms == estimator.quantile_ms == 0
    assert estimator.excess_ms == estimator.jitter_ms == 0


def test_it_is_settled_after_fifty_packets() -> None:
    feed = Feed()
    feed.add(*usual(49))
    assert not feed.estimator.settled
    feed.add(5.0)
    assert feed.estimator.settled


@pytest.mark.parametrize("late_share", [0.01, 0.02, 0.1])
def test_no_more_packets_exceed_the_quantile_than_may(late_share: float) -> None:
    feed = Feed(late_share)
    chance = Random(5)
    transits = [chance.expovariate(1 / 20) for _ in range(4_000)]
    feed.add(*transits[:2_000])
    exceeding = 0
    for transit_ms in transits[2_000:]:
        exceeding += transit_ms > feed.estimator.quantile_ms
        feed.add(transit_ms)
    assert exceeding / 2_000 == pytest.approx(late_share, rel=0.4)


@pytest.mark.parametrize("offset_ms", [-1e7, 0.0, 3e9])
def test_an_offset_between_the_clocks_means_nothing(offset_ms: float) -> None:
    """RTP timestamps begin anywhere (RFC 3550, section 5.1)."""
    feed, moved = Feed(), Feed()
    feed.add(*usual(300))
    moved.add(*(transit_ms + offset_ms for transit_ms in usual(300)))
    assert moved.excess_ms == pytest.approx(feed.excess_ms, abs=1e-5)


@pytest.mark.parametrize("length_ms", [300, 800, 3_000])
def test_one_delay_spike_is_no_reason_to_wait_longer(length_ms: float) -> None:
    """It costs one gap; waiting for the next one would cost every word from then on."""
    feed = Feed()
    feed.add(*usual(400))
    before_ms = feed.excess_ms
    feed.add_spike(length_ms)
    assert feed.excess_ms <= before_ms + 5
    feed.add(*usual(100, seed=2))
    assert feed.excess_ms <= before_ms + 5


def test_spikes_that_recur_are_waited_for_and_forgotten_after_the_window() -> None:
    feed = Feed()
    feed.add(*usual(400))
    for _ in range(3):
        feed.add_spike(300)
        feed.add(*usual(100))
    assert feed.excess_ms > 150
    feed.add(*usual(round(WINDOW_MS / PACKET_MS)))
    assert feed.excess_ms <= 10


def test_in_a_young_call_a_spike_is_forgotten_within_two_seconds() -> None:
    """A second into the call a burst of late packets is a quarter of all that is known."""
    feed = Feed()
    feed.add(*usual(60))
    feed.add_spike(300)
    feed.add(*usual(100, seed=2))
    assert feed.excess_ms <= 20


def test_jitter_that_grows_is_followed_within_a_second() -> None:
    feed = Feed()
    feed.add(*usual(1_000))
    chance = Random(2)
    feed.add(*(chance.uniform(0, 120) for _ in range(50)))
    assert feed.excess_ms > 60


def test_a_path_that_becomes_longer_is_waited_for_within_half_a_second() -> None:
    feed = Feed()
    feed.add(*usual(1_000))
    feed.add(*(100 + transit_ms for transit_ms in usual(25, seed=2)))
    assert feed.excess_ms >= 100


@pytest.mark.parametrize("step_ms", [600.0, 10_000.0, -40.0, -10_000.0])
def test_another_path_makes_the_old_one_forgotten_within_two_seconds(step_ms: float) -> None:
    """What was true of the old path would have audio wait for nothing for twenty seconds."""
    feed = Feed()
    feed.add(*usual(1_010))
    feed.add(*(step_ms + transit_ms for transit_ms in usual(100, seed=2)))
    assert feed.estimator.baseline_ms == pytest.approx(step_ms, abs=10)
    assert feed.excess_ms <= 10


def test_one_packet_far_from_all_others_is_no_other_path() -> None:
    feed = Feed()
    feed.add(*usual(200))
    quantile_ms = feed.estimator.quantile_ms
    feed.add(-300.0)
    feed.add(*usual(60, seed=2))
    assert feed.estimator.quantile_ms == pytest.approx(quantile_ms, abs=2), "due as before"
    assert feed.estimator.median_ms == pytest.approx(5, abs=2)


@pytest.mark.parametrize("ppm", [500.0, -500.0])
def test_a_clock_that_drifts_costs_no_more_than_its_drift_in_the_window(ppm: float) -> None:
    feed = Feed()
    for number in range(15_000):
        feed.add(-number * PACKET_MS * ppm / 1e6)
    assert feed.estimator.baseline_ms == pytest.approx(-15_000 * PACKET_MS * ppm / 1e6, abs=10.1)
    assert feed.excess_ms <= 10.1


def test_a_flood_of_packets_is_remembered_no_further_than_the_bound() -> None:
    feed = Feed()
    feed.add(*(number / 10 for number in range(MAX_SAMPLES + 1_000)), every_ms=6.0)
    assert feed.estimator.baseline_ms == 100


def test_after_a_long_silence_the_last_packets_still_count() -> None:
    """Else each talkspurt after a hold would begin with nothing known."""
    feed = Feed()
    feed.add(*usual(200))
    feed.add(9.0, every_ms=600_000)
    assert feed.estimator.settled
    assert feed.estimator.baseline_ms < 2


def test_the_interarrival_jitter_is_that_of_the_standard() -> None:
    """RFC 3550, A.8: J += (|D| - J) / 16."""
    feed = Feed()
    feed.add(10.0)
    assert feed.estimator.jitter_ms == 0
    feed.add(26.0)
    assert feed.estimator.jitter_ms == 1
    feed.add(26.0)
    assert feed.estimator.jitter_ms == 1 - 1 / 16


@pytest.mark.parametrize("late_share", [0.0, -1.0, 0.6, float("nan")])
def test_a_share_out_of_range_is_refused(late_share: float) -> None:
    with pytest.raises(ConfigurationError, match="late_share"):
        DelayEstimator(late_share)


@pytest.mark.parametrize("max_excess_ms", [0.0, -1.0, float("nan")])
def test_an_excess_out_of_range_is_refused(max_excess_ms: float) -> None:
    with pytest.raises(ConfigurationError, match="max_excess_ms"):
        DelayEstimator(max_excess_ms=max_excess_ms)
