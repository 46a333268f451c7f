"""The plan of faults: when each happens, and that the same seed gives the same run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.errors import ConfigurationError
from rawmedia.testing.azure_emulator import (
    Abort,
    BadJSON,
    Close,
    FailedSynthesis,
    Fault,
    Injection,
    RefusedHandshake,
    Rotation,
    Service,
    Throttle,
    Unacknowledged,
    WrongRequestId,
)
from rawmedia.testing.azure_emulator.fault_plan import FaultPlan, Moments, Place


def place(service: Service = Service.TRANSLATION, *, at_ms: float = 0, session: int = 0) -> Place:
    return Place(service, session, 0, at_ms)


def moments_of(plan: FaultPlan, session: Moments, *stream_ms: float, **more: float) -> list[Any]:
    """What happens on one connection at these places of its stream."""
    where = place()
    connection = session.connection(plan, where)
    happened = []
    for at_ms in stream_ms:
        where.position_ms = at_ms
        happened += [
            (type(fault).__name__, at_ms)
            for fault in connection.due(
                stream_ms=at_ms,
                connection_ms=more.get("connection_ms", at_ms),
                clock_ms=more.get("clock_ms", 0),
            )
        ]
    return happened


def test_a_fault_happens_so_many_times_and_is_written_down() -> None:
    fault = FailedSynthesis(skip=1, times=2)
    plan = FaultPlan([fault], seed=0)
    taken = [plan.take(FailedSynthesis, place(at_ms=at)) for at in range(5)]
    assert taken == [None, fault, fault, None, None]
    assert list(plan.injected) == [Injection(fault, 0, 0, 1), Injection(fault, 0, 0, 2)]
    assert plan.count == 2


def test_of_several_faults_the_first_that_happens_counts() -> None:
    first, second = RefusedHandshake(status=503), RefusedHandshake(status=401)
    plan = FaultPlan([first, second], seed=0)
    taken = [plan.take(RefusedHandshake, place()) for _ in range(3)]
    assert taken == [first, second, None]


def test_a_fault_of_one_service_leaves_the_others_alone() -> None:
    plan = FaultPlan([FailedSynthesis(service=Service.SYNTHESIS)], seed=0)
    assert plan.take(FailedSynthesis, place(Service.TRANSLATION)) is None
    assert plan.take(FailedSynthesis, place(Service.SYNTHESIS)) is not None


def test_a_fault_of_a_message_waits_for_its_place_and_its_path() -> None:
    plan = FaultPlan([Unacknowledged(from_ms=100), BadJSON(path="a", times=None)], seed=0)
    assert plan.take(Unacknowledged, place(at_ms=99)) is None
    assert plan.take(Unacknowledged, place(at_ms=100)) is not None
    assert plan.take(BadJSON, place(), "b") is None
    assert plan.take(BadJSON, place(), "a") is not None


def test_any_message_means_one_about_the_audio() -> None:
    """Spoiling the frame of a turn is a fault of its own."""
    plan = FaultPlan([WrongRequestId(times=None)], seed=0)
    assert plan.take(WrongRequestId, place(), "turn.start") is None
    assert plan.take(WrongRequestId, place(), "turn.end") is None
    assert plan.take(WrongRequestId, place(), "translation.phrase") is not None


@given(st.integers(0, 2**32), st.integers(0, 3))
def test_chance_does_not_depend_on_what_other_sessions_do(seed: int, session: int) -> None:
    """Several clients interleave as the machine likes; each still meets the same faults."""
    alone = FaultPlan([FailedSynthesis(rate=0.5, times=None)], seed)
    mixed = FaultPlan([FailedSynthesis(rate=0.5, times=None)], seed)
    expected = [alone.take(FailedSynthesis, place(session=session)) for _ in range(10)]
    got = []
    for _ in range(10):
        mixed.take(FailedSynthesis, place(session=session + 1))
        got.append(mixed.take(FailedSynthesis, place(session=session)))
    assert got == expected


def test_a_rate_is_a_rate() -> None:
    plan = FaultPlan([FailedSynthesis(rate=0.1, times=None)], seed=1)
    happened = sum(plan.take(FailedSynthesis, place()) is not None for _ in range(1_000))
    assert 70 <= happened <= 130


def test_a_moment_comes_once_on_a_connection() -> None:
    plan = FaultPlan([Abort(at_ms=100, times=None)], seed=0)
    session = Moments()
    assert moments_of(plan, session, 99, 100, 200) == [("Abort", 100)]
    assert moments_of(plan, session, 50, 150, 250) == [("Abort", 150)], "and again on the next"


def test_a_moment_that_repeats_comes_once_however_often_its_audio_does() -> None:
    """A drop every minute must not drop the replay of that minute for ever."""
    plan = FaultPlan([Abort(at_ms=100, every_ms=100, times=None)], seed=0)
    session = Moments()
    assert moments_of(plan, session, 50, 100) == [("Abort", 100)]
    assert moments_of(plan, session, 80, 100, 199, 200) == [("Abort", 200)]
    assert moments_of(plan, session, 150, 450, 500) == [("Abort", 450), ("Abort", 500)]


def test_a_moment_may_be_measured_by_the_connection_or_the_clock() -> None:
    plan = FaultPlan([Rotation(at_ms=100), Close(at_ms=50, measured="clock")], seed=0)
    session = Moments()
    assert moments_of(plan, session, 500, connection_ms=99, clock_ms=49) == []
    assert moments_of(plan, session, 500, connection_ms=100) == [("Rotation", 500)]
    assert moments_of(plan, session, 500, connection_ms=0, clock_ms=50) == [("Close", 500)]
    connection = session.connection(plan, place())
    assert connection.next_clock_ms() == 50
    assert Moments().connection(FaultPlan([], 0), place()).next_clock_ms() == float("inf")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fault(rate=1.1),
        lambda: Fault(times=0),
        lambda: Fault(skip=-1),
        lambda: RefusedHandshake(status=200),
        lambda: Abort(at_ms=-1),
        lambda: Abort(every_ms=0),
        lambda: Close(code=1006),
        lambda: Close(code=999),
        lambda: Close(reason="x" * 124),
        lambda: Throttle(speed=0),
    ],
)
def test_a_fault_that_cannot_be_is_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError):
        make()
