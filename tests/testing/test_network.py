"""The lossy link: what goes in comes out, but for what it says it lost, and always the same way."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.errors import ConfigurationError
from rawmedia.testing.network import GilbertElliott, LinkStats, LossyLink

SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "loss": st.floats(0, 1),
        "burst": st.builds(GilbertElliott.of, st.floats(0, 0.5), st.floats(1.5, 20)),
        "delay_ms": st.floats(0, 300),
        "jitter_ms": st.floats(0, 100),
        "reorder": st.floats(0, 1),
        "reorder_ms": st.floats(0, 100),
        "duplicate": st.floats(0, 1),
        "drift_ppm": st.floats(-1_000, 1_000),
    },
)


def every_20_ms(count: int, start_ms: float = 0.0) -> list[tuple[float, int]]:
    """Packets that are their own numbers."""
    return [(start_ms + 20.0 * number, number) for number in range(count)]


def runs_of_loss(numbers: list[int]) -> list[int]:
    """How long each gap in rising numbers is."""
    return [after - before - 1 for before, after in pairwise(numbers) if after - before > 1]


@given(SETTINGS, st.integers(), st.integers(0, 60))
def test_what_goes_in_comes_out_or_is_counted(
    settings: dict[str, Any], seed: int, count: int
) -> None:
    """A packet that vanished uncounted would make every test built on the link lie."""
    link: LossyLink[int] = LossyLink(seed, **settings)
    for sent_ms, packet in every_20_ms(count):
        link.send(packet, sent_ms)
    before = link.stats
    assert before.sent == count
    assert before.delivered == 0
    assert before.sent + before.duplicated == before.lost + before.in_flight

    arrived = [packet for _, packet in link.receive(1e9)]

    after = link.stats
    assert len(arrived) == after.delivered == before.in_flight
    assert after.in_flight == 0
    assert len(set(arrived)) == count - after.lost
    assert len(arrived) - len(set(arrived)) == after.duplicated


@given(SETTINGS, st.integers())
def test_packets_arrive_in_the_order_of_their_times_and_none_before_it_was_sent(
    settings: dict[str, Any], seed: int
) -> None:
    link: LossyLink[int] = LossyLink(seed, **settings)
    pace = 1 / (1 + settings.get("drift_ppm", 0.0) / 1e6)
    arrived = link.transmit(every_20_ms(50))
    times = [arrival_ms for arrival_ms, _ in arrived]
    assert times == sorted(times)
    least_ms = settings.get("delay_ms", 0.0)
    assert all(at >= 20 * packet * pace + least_ms - 1e-6 for at, packet in arrived)


@given(SETTINGS, st.integers())
def test_the_same_seed_does_the_same(settings: dict[str, Any], seed: int) -> None:
    one: LossyLink[int] = LossyLink(seed, **settings)
    other: LossyLink[int] = LossyLink(seed, **settings)
    assert one.transmit(every_20_ms(50)) == other.transmit(every_20_ms(50))
    assert one.stats == other.stats


@given(SETTINGS, st.integers(), st.lists(st.floats(0, 300), max_size=10))
def test_how_often_one_looks_does_not_change_what_arrives(
    settings: dict[str, Any], seed: int, looks: list[float]
) -> None:
    whole: LossyLink[int] = LossyLink(seed, **settings)
    looked_at: LossyLink[int] = LossyLink(seed, **settings)
    for sent_ms, packet in every_20_ms(10):
        looked_at.send(packet, sent_ms)
    pieces = []
    for now_ms in sorted(looks):
        piece = looked_at.receive(now_ms)
        assert all(arrival_ms <= now_ms for arrival_ms, _ in piece)
        following_ms = looked_at.next_arrival_ms
        assert following_ms is None or following_ms > now_ms
        pieces += piece
    assert pieces + looked_at.receive(1e9) == whole.transmit(every_20_ms(10))
    assert looked_at.next_arrival_ms is None


@given(st.integers(), st.floats(0, 200), st.floats(0, 1))
def test_without_reordering_packets_keep_their_order(
    seed: int, jitter_ms: float, loss: float
) -> None:
    """Jitter is a queue's: what waits behind a late packet is late too, and does not overtake it."""
    arrived = LossyLink[int](seed, jitter_ms=jitter_ms, loss=loss).transmit(every_20_ms(60))
    packets = [packet for _, packet in arrived]
    assert packets == sorted(packets)


def test_reordered_packets_are_overtaken_and_counted() -> None:
    link: LossyLink[int] = LossyLink(1, reorder=0.2, reorder_ms=100)
    packets = [packet for _, packet in link.transmit(every_20_ms(500))]
    late = sum(packet < max(packets[:index], default=0) for index, packet in enumerate(packets))
    assert 60 <= link.stats.reordered <= 140
    assert 30 <= late <= link.stats.reordered


@pytest.mark.parametrize("loss", [0.0, 0.01, 0.05, 0.3, 1.0])
def test_the_share_of_packets_lost_is_what_was_asked_for(loss: float) -> None:
    link: LossyLink[int] = LossyLink(7, loss=loss)
    link.transmit(every_20_ms(10_000))
    assert link.stats.lost / 10_000 == pytest.approx(loss, abs=4 * (0.25 / 10_000) ** 0.5)


@pytest.mark.parametrize(("loss", "mean_burst"), [(0.05, 1.5), (0.05, 5.0), (0.2, 3.0)])
def test_bursts_have_the_loss_and_the_length_that_were_asked_for(
    loss: float, mean_burst: float
) -> None:
    model = GilbertElliott.of(loss, mean_burst)
    assert model.loss_rate == pytest.approx(loss)
    assert model.mean_burst == pytest.approx(mean_burst)

    link: LossyLink[int] = LossyLink(3, burst=model)
    runs = runs_of_loss([packet for _, packet in link.transmit(every_20_ms(30_000))])

    assert link.stats.lost / 30_000 == pytest.approx(loss, rel=0.15)
    assert sum(runs) / len(runs) == pytest.approx(mean_burst, rel=0.1)


def test_loss_in_the_good_and_the_bad_state_is_what_was_asked_for() -> None:
    model = GilbertElliott(enter=0.02, leave=0.1, loss_bad=0.5, loss_good=0.01)
    link: LossyLink[int] = LossyLink(3, burst=model)
    link.transmit(every_20_ms(30_000))
    assert model.loss_rate == pytest.approx(0.5 / 6 + 0.01 * 5 / 6)
    assert link.stats.lost / 30_000 == pytest.approx(model.loss_rate, rel=0.15)


def test_jitter_is_exponential_with_the_mean_that_was_asked_for() -> None:
    """Far apart, packets do not queue, so what is drawn can be seen."""
    sent = [(1_000.0 * number, number) for number in range(5_000)]
    arrived = LossyLink[int](5, delay_ms=30, jitter_ms=10).transmit(sent)
    extra_ms = sorted(at - 1_000 * number - 30 for at, number in arrived)
    assert extra_ms[0] >= 0
    assert sum(extra_ms) / len(extra_ms) == pytest.approx(10, rel=0.1)
    assert extra_ms[4_900] == pytest.approx(10 * 3.91, rel=0.15), "the 98th percentile is ln 50"


@pytest.mark.parametrize("ppm", [-500.0, 0.0, 200.0])
def test_the_senders_clock_is_off_by_the_drift(ppm: float) -> None:
    """A fast clock sends an hour of audio in less than an hour."""
    ((first_ms, _), (last_ms, _)) = LossyLink[int](1, delay_ms=10, drift_ppm=ppm).transmit(
        [(1_000.0, 0), (3_601_000.0, 1)]
    )
    assert first_ms == 1_010
    assert last_ms - first_ms == pytest.approx(3_600_000 / (1 + ppm / 1e6))


def test_other_troubles_do_not_change_what_is_lost() -> None:
    """So a test can add jitter to a case and know that the case is still the same one."""
    plain = LossyLink[int](9, loss=0.1).transmit(every_20_ms(300))
    more = LossyLink[int](
        9, loss=0.1, jitter_ms=30, reorder=0.1, duplicate=0.1, drift_ppm=100
    ).transmit(every_20_ms(300))
    assert {packet for _, packet in plain} == {packet for _, packet in more}


def test_a_spike_holds_packets_up_and_lets_them_go_together() -> None:
    link: LossyLink[int] = LossyLink(1, delay_ms=5)
    link.spike(100, 60)
    times = {packet: arrival_ms for arrival_ms, packet in link.transmit(every_20_ms(12))}
    assert [times[number] for number in range(3, 11)] == [65, 85, 160, 160, 160, 165, 185, 205]
    assert link.stats.lost == 0


def test_spikes_follow_each_other_whatever_their_order_of_planning() -> None:
    link: LossyLink[int] = LossyLink(1)
    link.spike(150, 100)
    link.spike(100, 50)
    assert link.transmit([(110.0, 0)]) == [(250.0, 0)]


def test_an_outage_loses_what_is_sent_in_it() -> None:
    link: LossyLink[int] = LossyLink(1, delay_ms=500)
    link.outage(100, 60)
    assert [packet for _, packet in link.transmit(every_20_ms(12))] == [0, 1, 2, 3, 4, 8, 9, 10, 11]
    assert link.stats.lost == 3


@pytest.mark.parametrize("name", ["good_wifi", "congested_4g", "transatlantic"])
def test_presets_differ_from_each_other_and_are_the_same_by_seed(name: Any) -> None:
    arrived = LossyLink[int].preset(name, 4).transmit(every_20_ms(2_000))
    assert arrived == LossyLink[int].preset(name, 4).transmit(every_20_ms(2_000))
    assert arrived != LossyLink[int].preset(name, 5).transmit(every_20_ms(2_000))
    assert 0.9 < len(arrived) / 2_000 < 1


def test_any_object_is_a_packet_even_one_that_has_no_order() -> None:
    """Packets that arrive at the same instant must not be compared."""
    packets = [object() for _ in range(10)]
    link: LossyLink[object] = LossyLink(1)
    assert link.transmit((0.0, packet) for packet in packets) == [
        (0.0, packet) for packet in packets
    ]
    assert link.stats == LinkStats(10, 0, 0, 0, 10, 0)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("loss", -0.1),
        ("loss", 1.1),
        ("reorder", float("nan")),
        ("duplicate", 2.0),
        ("delay_ms", -1.0),
        ("jitter_ms", float("inf")),
        ("reorder_ms", float("nan")),
        ("drift_ppm", 2e5),
        ("drift_ppm", float("nan")),
    ],
)
def test_a_setting_out_of_range_is_named(setting: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        LossyLink(1, **{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: GilbertElliott(enter=0.1, leave=0.0), "leave"),
        (lambda: GilbertElliott(enter=1.1, leave=0.5), "enter"),
        (lambda: GilbertElliott(enter=0.1, leave=0.5, loss_bad=-1), "loss_bad"),
        (lambda: GilbertElliott.of(1.0, 3), "loss"),
        (lambda: GilbertElliott.of(0.1, 0.5), "mean_burst"),
        (lambda: GilbertElliott.of(0.9, 1.0), "enter"),
        (lambda: LossyLink[int](1).spike(0, -1), "duration_ms"),
        (lambda: LossyLink[int](1).outage(0, float("inf")), "duration_ms"),
        (lambda: LossyLink[int].preset("dial_up", 1), "name"),  # type: ignore[arg-type]
    ],
)
def test_models_and_events_out_of_range_are_refused(make: Any, setting: str) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        make()
