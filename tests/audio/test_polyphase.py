"""The filter's matrices: which ratios they exist for, how large they are, who may change them."""

from __future__ import annotations

import contextlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.audio.polyphase import (
    MAX_COEFFICIENTS,
    MAX_MATRICES,
    PolyphaseFilter,
    polyphase_filter,
)
from rawmedia.errors import UnsupportedFormatError

COMMON_RATES = [4_000, 8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]
COMMON_RATES += [88_200, 96_000, 176_400, 192_000]


def check_grid(design: PolyphaseFilter) -> None:
    """What the resampler relies on."""
    window, group = design.matrices[0].shape
    assert all(matrix.shape == (window, group) for matrix in design.matrices)
    assert sum(matrix.size for matrix in design.matrices) <= MAX_COEFFICIENTS
    assert len(design.matrices) <= MAX_MATRICES
    assert design.rows == 1 or len(design.matrices) == 1
    assert design.block_out == design.rows * group * len(design.matrices)
    assert design.block_out * design.down == design.block_in * design.up
    assert design.block_in % design.rows == 0
    # Every window lies in the history, the block, and the one sample beyond it.
    last = max(design.starts) + (design.rows - 1) * (design.block_in // design.rows)
    assert last + window <= design.history + design.block_in + 1


@pytest.mark.parametrize("rates", list(itertools.product(COMMON_RATES, repeat=2)))
def test_every_pair_of_rates_in_use_has_a_filter_of_bounded_size(rates: tuple[int, int]) -> None:
    check_grid(polyphase_filter(*rates))


@settings(deadline=None)
@given(st.integers(40, 1_920), st.integers(40, 1_920))
def test_a_filter_is_bounded_or_refused_before_it_is_made(in_rate: int, out_rate: int) -> None:
    """Rates of whole hundreds; the refusal costs no memory that grows with the ratio."""
    with contextlib.suppress(UnsupportedFormatError):
        design = polyphase_filter(in_rate * 100, out_rate * 100)
        check_grid(design)
        assert design.delay / (out_rate * 100) <= 0.006 + 1 / (out_rate * 100), "24 of 4 kHz"


@pytest.mark.parametrize(
    "rates",
    [
        (44_101, 16_000),
        (16_000, 44_101),
        (191_999, 192_000),
        (192_000, 191_999),
        (192_000, 191_300),
    ],
)
def test_a_ratio_of_large_terms_is_refused_and_named(rates: tuple[int, int]) -> None:
    """The last would take little memory, but a call of BLAS for every sample: 1913 is prime."""
    with pytest.raises(UnsupportedFormatError) as caught:
        polyphase_filter(*rates)
    assert f"{rates[0]} and {rates[1]}" in caught.value.got


def test_a_pair_is_designed_once_and_nobody_can_change_it() -> None:
    """Hundreds of calls share one set of matrices."""
    design = polyphase_filter(48_000, 16_000)
    assert polyphase_filter(48_000, 16_000) is design
    for matrix in design.matrices:
        with pytest.raises(ValueError, match="read-only"):
            matrix[0] = 0


@pytest.mark.parametrize("rates", [(48_000, 16_000), (16_000, 48_000), (44_100, 16_000)])
def test_every_output_weighs_a_constant_alike(rates: tuple[int, int]) -> None:
    for matrix in polyphase_filter(*rates).matrices:
        np.testing.assert_allclose(matrix.sum(axis=0), 1, atol=1e-6)


def test_twenty_milliseconds_are_one_block_at_the_rates_of_calls() -> None:
    """So that the usual frame costs one matrix product."""
    rates = (8_000, 16_000, 24_000, 48_000)
    for in_rate, out_rate in itertools.permutations(rates, 2):
        design = polyphase_filter(in_rate, out_rate)
        assert (design.block_in, design.block_out) == (in_rate // 50, out_rate // 50)
        assert len(design.matrices) == 1
