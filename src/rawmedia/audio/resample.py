"""Changing the sample rate of live audio, with little delay and the same result however it is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rawmedia.audio.format import AudioFormat
from rawmedia.audio.pcm import INT16_SCALE, int16_samples, saturate
from rawmedia.audio.polyphase import polyphase_filter
from rawmedia.errors import PayloadError

if TYPE_CHECKING:
    import numpy.typing as npt

    from rawmedia.audio.pcm import FloatSamples, Int16Samples
    from rawmedia.audio.polyphase import PolyphaseFilter

_LOUDEST = np.float32(2**32)
"""Beyond full scale by so much that it is no audio, while the filter's sums stay finite."""
_LOUDEST_SQUARED = np.float32(2**64)
_UNIT, _INT16_UNITS = np.float32(1), np.float32(INT16_SCALE)
"""What full scale is in the filter's memory: 1.0 or 32768.0, as the last samples had it."""


class Resampler:
    """A streaming resampler: a linear-phase polyphase filter of 1.5 ms delay at 16 kHz.

    The pass band is flat (0.001 dB) to 0.8 of the lower rate's half, and what lies beyond 1.04
    of it is 90 dB down or more. What it adds to a tone of 997 Hz lies 105 dB below that one, and
    through int16, whose own steps make up nearly all of it, 94 dB. Any cut of the same input gives
    the same output, bit for bit.

    By default the output is aligned: sample ``k`` stands for the instant ``k / out_rate``,
    and ``n`` samples in are ``ceil(n * out_rate / in_rate)`` samples out after the flush.
    The last ``delay_samples`` of them wait for input to come. A reader of whole frames
    would thereby get each frame one frame later; it wants ``prompt=True``: every output
    sample leaves as soon as its instant has come in, so that a frame in is a frame out, and
    sounds ``delay_samples`` late. The flush then adds these, after what they delayed.

    int16 and float32 may be mixed. Each object is for one thread at a time.

    Args:
        in_rate: Samples per second that come in, 4000 to 192000.
        out_rate: Samples per second that go out, likewise; may be the same.
        num_channels: 1 to 8; each is filtered for itself.
        prompt: Give every frame at once and late, instead of aligned.

    Raises:
        UnsupportedFormatError: A rate or the channels are out of range, or the ratio of the
            rates has terms too large (44101 : 16000), where the filter would exceed 1 MiB.
            Every pair among the multiples of 8000 and 11025 Hz works.
    """

    __slots__ = (
        "_done",
        "_fill",
        "_filter",
        "_full_scale",
        "_lanes",
        "_out_rate",
        "_prompt",
        "_skip",
        "_started",
    )

    def __init__(
        self, in_rate: int, out_rate: int, num_channels: int = 1, *, prompt: bool = False
    ) -> None:
        AudioFormat(in_rate, num_channels)
        AudioFormat(out_rate, num_channels)
        self._out_rate = out_rate
        self._filter = polyphase_filter(in_rate, out_rate)
        self._lanes = [_Lane(self._filter) for _ in range(num_channels)]
        self._prompt = prompt
        self._full_scale = _UNIT
        self.reset()

    @property
    def delay_samples(self) -> int:
        """Output samples that the filter waits for: held back, or (prompt) heard late."""
        return self._filter.delay

    @property
    def delay_ms(self) -> float:
        """The same in milliseconds: 1.5 between 48 and 16 kHz, 3 where one rate is 8 kHz."""
        return self._filter.delay * 1000 / self._out_rate

    def reset(self) -> None:
        """Forget the audio so far and what is held back of it; a new stretch begins."""
        for lane in self._lanes:
            lane.reset()
        self._fill = 0  # input samples in the block that is being filled
        self._done = 0  # outputs of that block that are computed
        self._skip = 0 if self._prompt else self._filter.delay  # outputs to leave out
        self._started = False

    def push(self, samples: npt.NDArray[np.floating[Any]]) -> FloatSamples:
        """Take samples, give those of the other rate that can be had now.

        Args:
            samples: Finite float32 (or float64), shape ``(n, num_channels)``, or ``(n,)`` for
                mono.

        Returns:
            float32 of shape ``(m, num_channels)``; a new array.

        Raises:
            PayloadError: Another type or shape, or NaN, infinity or an absurd value;
                nothing was taken.
        """
        if samples.dtype.kind != "f":
            raise PayloadError("float32 samples", f"an array of {samples.dtype}")
        if not _all_audible(samples):
            raise PayloadError("finite samples in about [-1, 1]", "NaN, infinity or beyond 2**32")
        return self._run(self._shaped(samples), _UNIT)

    def push_int16(self, samples: Int16Samples) -> Int16Samples:
        """Take samples, give those of the other rate, rounded and saturated.

        Raises:
            PayloadError: The array is not int16 or has another shape; nothing was taken.
        """
        return saturate(self._run(int16_samples(samples, len(self._lanes)), _INT16_UNITS))

    def push_unrounded(self, samples: FloatSamples) -> FloatSamples:
        """Take and give float32 in the units of int16, inside a chain whose ends check and round.

        Args:
            samples: Shape ``(n, num_channels)``, 32768.0 being full scale; not checked.
        """
        return self._run(samples, _INT16_UNITS)

    def flush(self) -> FloatSamples:
        """End the stretch: give its last samples, as if silence followed, and start afresh.

        Returns:
            float32 of shape ``(m, num_channels)``; empty when nothing was pushed.
        """
        return self._tail(_UNIT)

    def flush_int16(self) -> Int16Samples:
        """`flush` for int16."""
        return saturate(self._tail(_INT16_UNITS))

    def _shaped(self, samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
        channels = len(self._lanes)
        if samples.ndim == 1 and channels == 1:
            return samples.reshape(-1, 1)
        if samples.ndim != 2 or samples.shape[1] != channels:
            raise PayloadError(f"an array of shape (n, {channels})", f"one of {samples.shape}")
        return samples

    def _tail(self, full_scale: np.float32) -> FloatSamples:
        """The outputs that stand for the end of what was pushed."""
        delay, skip = self._filter.delay, self._skip
        size = -(-delay * self._filter.down // self._filter.up) if self._started else 0
        out = self._run(np.zeros((size, len(self._lanes)), np.float32), full_scale)
        self.reset()
        return out[: delay - skip]

    def _run(self, samples: npt.NDArray[Any], full_scale: np.float32) -> FloatSamples:
        """Samples in, all outputs whose instants are in then, both in the same units."""
        if full_scale is not self._full_scale:
            # A power of two, so that nothing is rounded.
            for lane in self._lanes:
                lane.scale(full_scale / self._full_scale)
            self._full_scale = full_scale
        if len(samples) == self._filter.block_in and not self._fill and not self._skip:
            return self._run_block(samples)
        return self._run_pieces(samples)

    def _run_block(self, samples: npt.NDArray[Any]) -> FloatSamples:
        """`_run_pieces` for one whole block and nothing else, the usual frame, at less cost."""
        self._started = True
        lanes = self._lanes
        if len(lanes) == 1:
            return lanes[0].whole(samples[:, 0]).reshape(-1, 1)
        out = np.empty((self._filter.block_out, len(lanes)), np.float32)
        for channel, lane in enumerate(lanes):
            out[:, channel] = lane.whole(samples[:, channel]).reshape(-1)
        return out

    def _run_pieces(self, samples: npt.NDArray[Any]) -> FloatSamples:
        """Any number of samples: block for block, and those begun before or now but in part."""
        up, down, block_in = self._filter.up, self._filter.down, self._filter.block_in
        size, fill, done, skip = len(samples), self._fill, self._done, self._skip
        due = -(-(fill + size) * up // down) - done - skip
        out = np.empty((max(0, due), len(self._lanes)), np.float32)
        taken = given = 0
        while taken < size:
            until = min(size, taken + block_in - fill)
            filled = fill + until - taken
            ready = -(-filled * up // down)
            if skip:
                skipped = min(skip, ready - done)
                skip -= skipped
                done += skipped
            upto = given + ready - done
            for channel, lane in enumerate(self._lanes):
                lane.write(samples[taken:until, channel], fill, filled)
                if done < ready:
                    lane.read(done, ready, out[given:upto, channel])
                if filled == block_in:
                    lane.advance()
            taken, given = until, upto
            fill, done = (0, 0) if filled == block_in else (filled, ready)
        self._fill, self._done, self._skip = fill, done, skip
        self._started = self._started or size > 0
        return out


class _Lane:
    """One channel: its history, the block that is being filled, and that block's outputs.

    The matrix products always have the same shape and place on a grid of whole blocks, and
    a block that is not full yet is computed and, when more is there, computed again. For BLAS
    adds in another order when a matrix has another number of rows, and the last bit would show
    where the input was cut. What the buffer holds beyond the input so far meets zeros in the
    matrix.
    """

    __slots__ = ("_ahead", "_block", "_buffer", "_head", "_outputs", "_products", "_shape", "_step")

    def __init__(self, filter: PolyphaseFilter) -> None:
        history, block_in = filter.history, filter.block_in
        # A window may reach one sample beyond the block, where its matrix has zeros.
        self._buffer = np.zeros(history + block_in + 1, np.float32)
        self._head = self._buffer[:history]
        self._block = self._buffer[history : history + block_in]
        self._ahead = self._buffer[block_in : block_in + history]
        self._outputs = np.zeros(filter.block_out, np.float32)
        self._step = filter.block_out // len(filter.matrices)
        self._products = []
        results = self._outputs.reshape(len(filter.matrices), filter.rows, -1)
        self._shape = results.shape
        for start, matrix, result in zip(filter.starts, filter.matrices, results, strict=True):
            windows = sliding_window_view(self._buffer, len(matrix))
            windows = windows[start :: block_in // filter.rows][: filter.rows]
            # BLAS takes no rows that overlap, so they are gathered here first.
            gathered = np.zeros((filter.rows, len(matrix)), np.float32)
            self._products.append((windows, gathered, matrix, result))

    def reset(self) -> None:
        self._buffer.fill(0)

    def scale(self, factor: np.float32) -> None:
        """Change the units of what came before."""
        self._buffer *= factor

    def write(self, samples: npt.NDArray[Any], first: int, end: int) -> None:
        """Fill the block from ``first`` to ``end``."""
        self._block[first:end] = samples

    def read(self, first: int, end: int, out: FloatSamples) -> None:
        """Compute the outputs ``first`` to ``end`` of the block."""
        for windows, gathered, matrix, result in self._products[
            first // self._step : -(-end // self._step)
        ]:
            np.copyto(gathered, windows)
            np.dot(gathered, matrix, result)
        out[...] = self._outputs[first:end]

    def whole(self, samples: npt.NDArray[Any]) -> FloatSamples:
        """Fill the whole block and give all of its outputs, in order, in a new array of some shape."""
        self._block[:] = samples
        out = np.empty(self._shape, np.float32)
        for index, (windows, gathered, matrix, _) in enumerate(self._products):
            gathered[:] = windows
            np.dot(gathered, matrix, out[index])
        self._head[:] = self._ahead
        return out

    def advance(self) -> None:
        """Make the end of a full block the history of the next."""
        np.copyto(self._head, self._ahead)


def _all_audible(samples: npt.NDArray[np.floating[Any]]) -> bool:
    """Whether no sample is NaN, infinite or above ``_LOUDEST``."""
    # No square exceeds the sum of all, which takes one pass and no memory; `vdot`, unlike `dot`,
    # does not warn where that overflows.
    if np.vdot(samples, samples) <= _LOUDEST_SQUARED:
        return True
    # NaN is not below anything. A search through the bytes costs half of what `.all()` does.
    return b"\0" not in (np.abs(samples) <= _LOUDEST).tobytes()


__all__ = ["Resampler"]
