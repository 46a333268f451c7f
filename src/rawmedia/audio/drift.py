"""Following a sender whose clock is a little off: resampling its audio by as little."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from rawmedia.audio.format import MAX_CHANNELS
from rawmedia.audio.pcm import saturate
from rawmedia.errors import ConfigurationError, PayloadError, UnsupportedFormatError

if TYPE_CHECKING:
    import numpy.typing as npt

    from rawmedia.audio.pcm import FloatSamples, Int16Samples

MAX_PPM: Final = 1_000.0
"""The furthest that a clock may be off, in millionths; crystals are within 100."""

_LOOKAHEAD: Final = 15
"""Samples that an output needs of what comes after its instant: 0.94 ms at 16 kHz."""
_TAPS: Final = 2 * _LOOKAHEAD
_KAISER_BETA: Final = 8.0
"""Distortion of -84 dB at 0.8 of half the sample rate, -95 at 0.4 of it, rounding left aside."""
_BLOCK: Final = 256
"""Outputs that share a filter: at `MAX_PPM` their phases drift by a quarter of a sample."""
_PHASES: Final = 64
"""Filters per sample; each serves all phases that are nearer to it than to another."""
_TERMS: Final = 4
_REACH: Final = _BLOCK / 2 * MAX_PPM * 1e-6 + 0.5 / _PHASES
"""How far a phase may be from that of its filter."""


class DriftResampler:
    """Follows a clock that is up to 1000 ppm off, 15 samples late.

    Each output is the input at an instant between two samples, from 30 samples weighted by a
    windowed sinc. The instants lie ``1 + ppm / 1e6`` samples apart and are counted in whole
    samples and a fraction, so that nothing is lost however long it runs. A frame in is a frame
    out, at once, now and then by a sample longer or shorter. At 0 ppm from the start on, the
    same samples come out, 15 later.

    Any cut of the same input gives the same output, bit for bit, as long as ``ppm`` changes at
    the same samples.

    The last sixth of the band, where the filter ends, is distorted as the fraction goes round.

    Each object is for one thread at a time.

    Args:
        num_channels: 1 to 8; each is filtered for itself.
        ppm: How fast the sender's clock is, in millionths, -1000 to 1000, as
            `rawmedia.audio.clock_drift.ClockDrift.ppm` tells. A fast one sends too many samples, so fewer come out.

    Raises:
        UnsupportedFormatError: The number of channels is out of range.
        ConfigurationError: ``ppm`` is out of range.
    """

    __slots__ = (
        "_channels",
        "_drift",
        "_filters",
        "_fraction",
        "_given",
        "_ppm",
        "_ramp",
        "_started",
        "_tail",
        "_terms",
        "_windows",
    )

    def __init__(self, num_channels: int = 1, ppm: float = 0.0) -> None:
        if type(num_channels) is not int or not 1 <= num_channels <= MAX_CHANNELS:
            raise UnsupportedFormatError(f"1 to {MAX_CHANNELS} channels", repr(num_channels))
        self._channels = num_channels
        self._filters = _filters()
        self._windows = np.zeros((_TAPS, _BLOCK), np.float32)
        self._terms = np.zeros((_TERMS, _BLOCK), np.float32)
        self._ppm = _checked_ppm(ppm)
        self._set_drift()
        self.reset()

    def reset(self) -> None:
        """Forget the audio so far, not ``ppm``; a new stretch begins."""
        # Outputs are made in blocks. The next block, or that which is partly given, starts at
        # an instant that is `fraction` after the sample at `_LOOKAHEAD` of the tail.
        self._tail: FloatSamples = np.zeros((self._channels, _TAPS), np.float32)
        self._fraction = 0.0
        self._given = 0  # outputs of that block
        self._started = False

    @property
    def ppm(self) -> float:
        """How fast the sender's clock is. Set it at any moment: it holds from the next output on."""
        return self._ppm

    @ppm.setter
    def ppm(self, ppm: float) -> None:
        ppm = _checked_ppm(ppm)
        if ppm == self._ppm:
            return
        # A block begins with the next output, at the instant where that is due anyway.
        skipped = self._advance(self._given)
        self._tail = self._tail[:, skipped:].copy()
        self._given = 0
        self._ppm = ppm
        self._set_drift()

    @property
    def delay_samples(self) -> int:
        """How much later than it came in a sample is heard."""
        return _LOOKAHEAD

    def push(self, samples: Int16Samples) -> Int16Samples:
        """Take samples, give those that are due.

        Args:
            samples: int16 of shape ``(n, num_channels)``, or ``(n,)`` for mono.

        Returns:
            int16 of shape ``(m, num_channels)``; a new array.

        Raises:
            PayloadError: Another type or shape; nothing was taken.
        """
        if samples.dtype != np.int16:
            raise PayloadError("int16 samples", f"an array of {samples.dtype}")
        if samples.ndim == 1 and self._channels == 1:
            samples = samples.reshape(-1, 1)
        if samples.ndim != 2 or samples.shape[1] != self._channels:
            raise PayloadError(
                f"an array of shape (n, {self._channels})", f"one of {samples.shape}"
            )
        if not len(samples):
            return np.zeros((0, self._channels), np.int16)
        self._started = True
        return self._run(samples)

    def flush(self) -> Int16Samples:
        """End the stretch: give its last samples, as if silence followed, and start afresh.

        Returns:
            int16 of shape ``(m, num_channels)``; empty when nothing was pushed.
        """
        silence = np.zeros((_LOOKAHEAD, self._channels), np.int16)
        rest = self._run(silence) if self._started else silence[:0]
        self.reset()
        return rest

    def _set_drift(self) -> None:
        """What follows from ``ppm``: samples that the phase moves by with each output of a block."""
        self._drift = self._ppm * 1e-6
        self._ramp = np.arange(_BLOCK, dtype=np.float32) * np.float32(self._drift)

    def _advance(self, outputs: int) -> int:
        """Move the block by ``outputs``; returns how many samples that is."""
        fraction = self._fraction + outputs * self._drift
        carry = math.floor(fraction)
        self._fraction = fraction - carry
        return outputs + carry

    def _run(self, samples: Int16Samples) -> Int16Samples:
        held = self._tail.shape[1]
        size = held + len(samples)
        # Zeros after the end, so that a block is always made as a whole: what is due of it
        # does not depend on them, and BLAS might add in another order in a smaller product.
        work = np.zeros((self._channels, size + 2 * _BLOCK), np.float32)
        work[:, :held] = self._tail
        work[:, held:size] = samples.T
        outputs = np.empty((len(samples) // (_BLOCK - 1) + 2, self._channels, _BLOCK), np.float32)
        first, made, begin, block = self._given, 0, 0, 0
        while True:
            middle = self._fraction + _BLOCK / 2 * self._drift
            shift = math.floor(middle)
            start = begin + _LOOKAHEAD + shift
            due = min(_BLOCK, size - _LOOKAHEAD - start)
            if due > self._given:
                self._fill(outputs[block], work, start, self._fraction - shift, middle - shift)
                block += 1
                made += due - self._given
                self._given = due
            if due < _BLOCK:
                break
            begin += self._advance(_BLOCK)
            self._given = 0
        self._tail = work[:, begin:size].copy()
        rows = outputs[:block].transpose(0, 2, 1).reshape(-1, self._channels)
        return saturate(rows[first : first + made])

    def _fill(
        self, block: FloatSamples, work: FloatSamples, start: int, phase: float, middle: float
    ) -> None:
        """Make the outputs of a block.

        Args:
            block: Where they go, shape ``(num_channels, _BLOCK)``.
            work: The input, shape ``(num_channels, n)``.
            start: The sample that the first output is ``phase`` after.
            phase: Between 0 and 1, give or take what the drift is in half a block.
            middle: What the phase has come to in the middle of the block, 0 to 1.
        """
        nearest = round(middle * _PHASES)
        weights, windows, terms = self._filters[nearest], self._windows, self._terms
        # How far each output's phase is from that of the filter.
        distances = self._ramp + np.float32(phase - nearest / _PHASES)
        place = (start - _LOOKAHEAD + 1) * work.itemsize
        for channel in range(self._channels):
            # Row `i` is the input `i` samples later; numpy checks that it is within.
            rows = np.ndarray((_TAPS, _BLOCK), np.float32, work[channel], place, (4, 4))
            np.copyto(windows, rows)
            np.dot(weights, windows, terms)
            made = terms[_TERMS - 1] * distances
            for term in range(_TERMS - 2, 0, -1):
                made += terms[term]
                made *= distances
            np.add(made, terms[0], block[channel])


@lru_cache(maxsize=1)
def _filters() -> FloatSamples:
    """Weights of shape ``(_PHASES + 1, _TERMS, _TAPS)``; shared and read-only.

    A phase ``t`` weighs the sample ``n`` after an output by ``k(n - t)``, ``k`` being a sinc
    in Kaiser's window (see `rawmedia.audio.polyphase`) and its sum 1. Around each of the
    phases that is a polynomial in the distance, whose terms are what the filters weigh the
    samples by: C. W. Farrow, "A continuously variable digital delay element", IEEE Symp.
    Circuits and Systems, 1988, for a part of a sample at a time.
    """
    # Where the terms are fitted: Chebyshev's points, which spread the error evenly.
    distances = _REACH * np.cos(np.pi * (np.arange(16) + 0.5) / 16)
    phases = np.arange(_PHASES + 1)[:, np.newaxis] / _PHASES
    at = _weights(phases)
    # The constant term is exact, so that at a distance of 0 nothing is left of the others.
    change = _weights(phases + distances) - at
    powers = distances[:, np.newaxis] ** np.arange(1, _TERMS)
    slopes = np.linalg.pinv(powers) @ change
    filters = np.concatenate([at, slopes], axis=1).astype(np.float32)
    filters.flags.writeable = False
    return filters


def _weights(phases: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What each of the samples around weighs at ``phases``; one more axis."""
    distances = np.arange(1 - _LOOKAHEAD, _LOOKAHEAD + 1) - phases[..., np.newaxis]
    within = np.maximum(0.0, 1 - (distances / _LOOKAHEAD) ** 2)
    weights = np.sinc(distances) * np.i0(_KAISER_BETA * np.sqrt(within)) * (within > 0)
    total: npt.NDArray[np.float64] = weights.sum(axis=-1, keepdims=True)
    return weights / total


def _checked_ppm(ppm: float) -> float:
    if not -MAX_PPM <= ppm <= MAX_PPM:
        raise ConfigurationError("ppm", f"from {-MAX_PPM:g} to {MAX_PPM:g}, not {ppm}")
    return float(ppm)


__all__ = ["MAX_PPM", "DriftResampler"]
