"""What is decided about lag: trim, then faster, then skip; no flutter, nothing too late."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.errors import ConfigurationError
from rawmedia.sessions.lag import Backlog, LagController, LagLimits

LAGS = st.floats(0, 20_000)


def settled(controller: LagController, expected_ms: float) -> LagController:
    """After the same backlog has been looked at for long."""
    for _ in range(50):
        controller.decide(Backlog(0, expected_ms))
    return controller


def test_what_is_not_late_is_played_as_it_is() -> None:
    decision = LagController().decide(Backlog(lag_ms=500, expected_ms=900, next_lag_ms=100))

    assert (decision.rate, decision.trim, decision.skip) == (1.0, False, False)


def test_first_pauses_are_trimmed_and_only_then_is_speech_played_faster() -> None:
    """A shorter pause is hardly noticed, a faster voice is."""
    controller = settled(LagController(), 1_200)
    assert controller.trim
    assert controller.rate == 1

    assert 1 < settled(controller, 2_000).rate < 1.25
    assert settled(controller, 3_000).rate == 1.25


def test_the_rate_rises_and_falls_a_step_at_a_time() -> None:
    """A voice that changes its pace at once sounds like a broken tape."""
    controller = LagController()
    up = [controller.decide(Backlog(0, 9_000)).rate for _ in range(8)]
    down = [controller.decide(Backlog(0, 0)).rate for _ in range(8)]

    assert up == pytest.approx([1.05, 1.1, 1.15, 1.2, 1.25, 1.25, 1.25, 1.25])
    assert down == pytest.approx([1.2, 1.15, 1.1, 1.05, 1, 1, 1, 1])


@given(middle=st.floats(0, 5_000), seed=st.randoms(use_true_random=False))
def test_a_lag_that_trembles_changes_nothing_for_long(middle: float, seed: Any) -> None:
    """Hysteresis: 5 % of the bound, either way, is within it."""
    controller = settled(LagController(), middle)
    rates, trims = set(), set()
    for turn in range(60):
        controller.decide(Backlog(0, max(0.0, middle + seed.uniform(-150, 150))))
        if turn >= 20:
            rates.add(controller.rate)
            trims.add(controller.trim)

    assert len(rates) <= 2  # it may still take the last step up
    assert len(trims) == 1 or (len(trims) == 2 and 850 <= middle <= 1_150)


@given(backlogs=st.lists(st.tuples(LAGS, LAGS, st.none() | LAGS), min_size=1, max_size=40))
def test_the_rate_stays_in_its_range_and_whatever_is_late_is_skipped(
    backlogs: list[tuple[float, float, float | None]],
) -> None:
    controller = LagController(LagLimits(max_rate=1.4))
    for lag_ms, expected_ms, next_lag_ms in backlogs:
        before = controller.rate
        decision = controller.decide(Backlog(lag_ms, expected_ms, 5_000, next_lag_ms))

        assert 1 <= decision.rate <= 1.4
        assert abs(decision.rate - before) <= 0.05 + 1e-9
        assert decision.skip == (lag_ms > 4_000 - 20 or (next_lag_ms or 0) > 4_000 - 80)


def test_a_skip_that_must_come_waits_for_no_more_than_the_pause_before_it() -> None:
    """Cut in a pause, within the second before it has to be, and only if nothing else helps."""

    def skips(rest_ms: float, next_lag_ms: float, pause_ms: float) -> bool:
        return LagController().decide(Backlog(0, 9_000, rest_ms, next_lag_ms, pause_ms)).skip

    assert skips(rest_ms=3_000, next_lag_ms=3_500, pause_ms=200)
    assert not skips(rest_ms=3_000, next_lag_ms=3_500, pause_ms=0)
    assert not skips(rest_ms=300, next_lag_ms=3_500, pause_ms=200)
    assert not skips(rest_ms=3_000, next_lag_ms=2_500, pause_ms=200)


def test_without_a_bound_nothing_is_ever_done() -> None:
    controller = LagController(LagLimits(max_lag_ms=None))
    decision = controller.decide(Backlog(1e6, 1e6, 1e6, 1e6, 300))

    assert (decision.rate, decision.trim, decision.skip) == (1.0, False, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_lag_ms": 99},
        {"max_lag_ms": float("nan")},
        {"max_rate": 0.9},
        {"max_rate": 1.6},
        {"trim_share": -0.1},
        {"speed_share": 0.75},
        {"full_share": 1.1},
        {"rate_step": 0},
        {"min_pause_ms": 170},
        {"keep_pause_ms": 10},
    ],
)
def test_a_setting_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        LagLimits(**wrong)

    assert caught.value.setting in wrong
