"""Counting on across wraps, against a sender that counts without them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.errors import ConfigurationError
from rawmedia.wire.sequence import (
    SEQUENCE_BITS,
    TIMESTAMP_BITS,
    Unwrapper,
    distance,
    is_newer,
)

BITS = st.sampled_from([SEQUENCE_BITS, TIMESTAMP_BITS])


@st.composite
def journeys(draw: st.DrawFn) -> tuple[int, list[int]]:
    """Numbers as a sender counts them, in an order of arrival: each near the highest before it."""
    bits = draw(BITS)
    half = 1 << bits - 1
    numbers = [draw(st.integers(0, (1 << bits) - 1))]
    for _ in range(draw(st.integers(0, 30))):
        # Mostly small steps, and those that are at the edge of what can be told.
        step = draw(
            st.integers(-300, 300)
            | st.integers(-half, half - 1)
            | st.sampled_from([-half, half - 1, 0, 1])
        )
        numbers.append(max(numbers) + step)
    return bits, numbers


@given(journeys())
def test_the_sender_s_own_numbers_come_back(journey: tuple[int, list[int]]) -> None:
    """Through any number of wraps, with losses, repeats and reordering of up to half a circle."""
    bits, numbers = journey
    unwrapper = Unwrapper(bits)
    for index, number in enumerate(numbers):
        wire = number & (1 << bits) - 1
        assert unwrapper.peek(wire) == number
        assert unwrapper.unwrap(wire) == number
        assert unwrapper.highest == max(numbers[: index + 1])


@pytest.mark.parametrize("bits", [SEQUENCE_BITS, TIMESTAMP_BITS])
def test_a_long_call_wraps_many_times(bits: int) -> None:
    unwrapper = Unwrapper(bits)
    circle = 1 << bits
    step = circle // 3 + 1
    for turn in range(100):
        assert unwrapper.unwrap(turn * step % circle) == turn * step


def test_the_wrap_of_sequence_numbers_is_one_step() -> None:
    unwrapper = Unwrapper(SEQUENCE_BITS)
    wire = [65_534, 65_535, 0, 1, 65_535, 2]
    assert [unwrapper.unwrap(one) for one in wire] == [
        65_534,
        65_535,
        65_536,
        65_537,
        65_535,
        65_538,
    ]


def test_packets_sent_before_the_first_that_arrives_come_before_it() -> None:
    """A call may begin at number 0 and with its first two packets swapped."""
    unwrapper = Unwrapper(SEQUENCE_BITS)
    assert [unwrapper.unwrap(one) for one in (1, 65_535, 0, 2)] == [1, -1, 0, 2]
    assert -1 & 0xFFFF == 65_535


def test_a_late_packet_changes_nothing_for_those_after_it() -> None:
    """Were it the new middle, a packet half a circle on from it would be put a circle back."""
    unwrapper = Unwrapper(SEQUENCE_BITS)
    unwrapper.unwrap(32_000)
    unwrapper.unwrap(0)
    assert unwrapper.highest == 32_000
    assert unwrapper.unwrap(40_000) == 40_000


def test_a_reset_makes_the_next_number_the_first() -> None:
    unwrapper = Unwrapper(SEQUENCE_BITS)
    for one in (65_535, 0):
        unwrapper.unwrap(one)
    unwrapper.reset()
    assert unwrapper.highest is None
    assert unwrapper.unwrap(5) == 5


def test_looking_is_not_remembering() -> None:
    unwrapper = Unwrapper(SEQUENCE_BITS)
    assert unwrapper.peek(7) == 7
    assert unwrapper.highest is None
    unwrapper.unwrap(7)
    assert unwrapper.peek(9) == 9
    assert unwrapper.highest == 7


@pytest.mark.parametrize("value", [65_536 + 9, -65_536 + 9])
def test_bits_above_those_on_the_wire_do_not_count(value: int) -> None:
    unwrapper = Unwrapper(SEQUENCE_BITS)
    assert unwrapper.peek(value) == 9
    assert unwrapper.unwrap(value) == 9
    assert unwrapper.unwrap(value + 1) == 10


@pytest.mark.parametrize("bits", [0, 1, 65])
def test_a_circle_too_small_or_absurdly_big_is_refused(bits: int) -> None:
    with pytest.raises(ConfigurationError, match="bits"):
        Unwrapper(bits)


@given(BITS, st.integers(), st.integers())
def test_distance_is_the_shorter_way_round(bits: int, a: int, b: int) -> None:
    half = 1 << bits - 1
    ahead = distance(a, b, bits)
    assert -half <= ahead < half
    assert (b + ahead - a) % (1 << bits) == 0


@given(BITS, st.integers(), st.integers())
def test_of_two_numbers_at_most_one_is_newer(bits: int, a: int, b: int) -> None:
    """Exactly one, but for equal numbers and for those half a circle apart."""
    newer = is_newer(a, b, bits) + is_newer(b, a, bits)
    assert newer == ((a - b) % (1 << bits - 1) != 0)


@pytest.mark.parametrize(
    ("a", "b", "newer"),
    [(1, 0, True), (0, 65_535, True), (65_535, 0, False), (5, 5, False), (32_767, 0, True), (32_768, 0, False)],
)  # fmt: skip
def test_newer_is_told_across_the_wrap(a: int, b: int, newer: bool) -> None:
    assert is_newer(a, b) is newer
