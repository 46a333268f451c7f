"""The low-pass filter between two sample rates, as matrices that work on blocks of a fixed grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.errors import UnsupportedFormatError

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

HALF_LENGTH = 24
"""Samples of the lower rate that the filter looks ahead, and as many back: 1.5 ms at 16 kHz."""
PASS_BAND = 0.8
"""Where the pass band ends, as a share of the lower rate's half."""
STOP_BAND_DB = 90.0
"""How far everything beyond the transition is attenuated."""
MAX_COEFFICIENTS = 2**18
"""1 MiB of float32 for one pair of rates; the cache holds at most 16 pairs."""
MAX_MATRICES = 128
"""Each costs a call per block, whatever its size."""


@dataclass(frozen=True, slots=True, eq=False)
class PolyphaseFilter:
    """How blocks of ``block_in`` input samples become blocks of ``block_out`` output samples.

    Output ``k`` of a block is an inner product of filter coefficients and the input up to
    instant ``k * down / up`` of that block, so it can be had as soon as that sample is in.

    A block's outputs are computed by matrices, one after the other in order of time. Matrix
    ``i``, of shape ``(window, group)``, takes as many rows as ``rows`` says: windows of input
    of which the first starts at ``starts[i]``, counted from the first sample of history,
    and the others follow at equal distances over the block.
    """

    up: int
    """Output samples in the time of ``down`` input samples, the ratio being in lowest terms."""
    down: int
    delay: int
    """Output samples by which the output is late, so that it needs no input to come."""
    history: int
    """Input samples before a block that the block's outputs need."""
    block_in: int
    block_out: int
    rows: int
    """1 unless there is only one matrix."""
    starts: tuple[int, ...]
    matrices: tuple[Floats, ...]


@lru_cache(maxsize=16)
def polyphase_filter(in_rate: int, out_rate: int) -> PolyphaseFilter:
    """Design the filter for a pair of rates; what it returns is shared and read-only.

    Raises:
        UnsupportedFormatError: The ratio of the rates, in lowest terms, has terms so large
            that the matrices would exceed ``MAX_COEFFICIENTS``.
    """
    common = math.gcd(in_rate, out_rate)
    up, down = out_rate // common, in_rate // common
    half = HALF_LENGTH * max(up, down) if up != down else 0
    delay = -(-half // down)
    # Time is counted in ticks of 1 / (in_rate * up) s: input comes every `up` ticks, output
    # every `down`. Output k is centred `delay` outputs back, at tick (k - delay) * down.
    history = (delay * down + half) // up
    grid = _cheapest_grid(up, down, history, frame_out=-(-out_rate // 50))
    if grid is None:
        raise UnsupportedFormatError(
            "sample rates in a ratio of smaller numbers", f"{in_rate} and {out_rate} ({down}:{up})"
        )
    starts = tuple(first * down // up for first in range(0, grid.matrices * grid.group, grid.group))
    # Output k weighs input with every `up`-th tick of the response, which is scaled so that all
    # ticks together weigh a constant `up` times over.
    response, hump = _impulse_response(max(up, down), half)
    response *= up / response.sum()
    matrices = []
    for index, start in enumerate(starts):
        outputs = index * grid.group + np.arange(grid.group)
        inputs = start - history + np.arange(grid.window)
        ticks = (outputs[None, :] - delay) * down - inputs[:, None] * up
        inside = np.abs(ticks) <= half
        places = np.where(inside, ticks, 0) + half
        taps = np.where(inside, response[places], 0.0)
        # Every output weighs a constant alike, so that no phase leaves a ripple on it. What a
        # phase lacks or has too much is spread so wide that only the lowest frequencies notice:
        # scaling the phase instead would amplify it for all of them, and every tone would have
        # an image.
        spread = np.where(inside, hump[places], 0.0)
        taps += spread * ((1 - taps.sum(axis=0)) / spread.sum(axis=0))
        matrix = np.ascontiguousarray(taps, dtype=np.float32)
        matrix.flags.writeable = False
        matrices.append(matrix)
    block_out = grid.rows * grid.group * grid.matrices
    return PolyphaseFilter(
        up,
        down,
        delay,
        history,
        block_out * down // up,
        block_out,
        grid.rows,
        starts,
        tuple(matrices),
    )


@dataclass(frozen=True, slots=True)
class _Grid:
    """A way to compute a block."""

    group: int
    """Outputs that a matrix gives per row."""
    matrices: int
    rows: int
    window: int
    """Inputs that a group needs."""

    @property
    def cost_us(self) -> float:
        """About what an output costs: a fit to timings of OpenBLAS on one x86-64 core.

        A call, the gathering of its windows, and 30 multiplications in a nanosecond, in columns
        of which the kernel takes 16 at a time, where there are not too few rows for that.
        """
        gather = self.rows * self.window * 2.5e-4
        product = self.rows * self.window * -(-self.group // 16) * 16 * 3e-5
        product *= 1 + 2 / self.rows
        return (1 + gather + product) / (self.rows * self.group)


def _cheapest_grid(up: int, down: int, history: int, frame_out: int) -> _Grid | None:
    """The best block of about 20 ms (``frame_out`` outputs); None where each is too large.

    The filter's phases repeat every ``up`` outputs. Either a group is a multiple of that, and
    one matrix serves every row; or each part of it has a matrix of its own, and one row.
    """
    frame_out = -(-frame_out // up) * up
    grids = []
    for group in range(1, frame_out + 1):
        # Wherever in the period a group starts, its inputs are among so many.
        window = history + 1 + -(-(group - 1) * down // up)
        if group % up == 0 and frame_out % group == 0:
            grids.append(_Grid(group, 1, frame_out // group, window))
        elif up % group == 0:
            grids.append(_Grid(group, up // group, 1, window))
    small = [
        grid
        for grid in grids
        if grid.matrices <= MAX_MATRICES
        and grid.matrices * grid.group * grid.window <= MAX_COEFFICIENTS
    ]
    return min(small, key=lambda grid: grid.cost_us, default=None)


def _impulse_response(
    ratio: int, half: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A windowed sinc of ``2 * half + 1`` ticks, and its window.

    ``ratio`` is the lower rate's period in ticks.

    Kaiser's window and his formulas for its shape and for the width of the transition:
    J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function",
    IEEE Symp. Circuits and Systems, 1974; in A. V. Oppenheim and R. W. Schafer,
    "Discrete-Time Signal Processing", section "The Kaiser window filter design method".
    """
    if half == 0:
        return np.ones(1), np.ones(1)
    ticks = np.arange(-half, half + 1)
    beta = 0.1102 * (STOP_BAND_DB - 8.7)
    # The transition's width in radians per tick is (A - 7.95) / (2.285 * 2 * half); the
    # lower rate's half is pi / ratio.
    transition = (STOP_BAND_DB - 7.95) / (2.285 * 2 * half) * ratio / math.pi
    cutoff = PASS_BAND + transition / 2
    shape: npt.NDArray[np.float64] = np.i0(beta * np.sqrt(1 - (ticks / half) ** 2))
    return np.sinc(cutoff * ticks / ratio) * shape / np.i0(beta), shape / np.i0(beta)


__all__ = ["PolyphaseFilter", "polyphase_filter"]
