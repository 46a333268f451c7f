"""Changing the sample rate of live audio, with little delay and the same result however it is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rawmedia.audio.format import AudioFormat
from rawmedia.audio.pcm import INT16_SCALE, saturate
from rawmedia.audio.polyphase import polyphase_filter
from rawmedia.errors import PayloadError

if TYPE_CHECKING:
    import numpy.typing as npt

    from rawmedia.audio.pcm import FloatSamples, Int16Samples
    from rawmedia.audio.polyphase import PolyphaseFilter

_TO_INT16_UNITS = np.float32(INT16_SCALE)
_FROM_INT16_UNITS = np.float32(1 / INT16_SCALE)
_INT16 = np.dtype(np.int16)
_LOUDEST = np.float32(2**32)
"""Beyond full scale by so much that it is no audio, while the filter's sums stay finite."""


class Resampler:
    """A streaming resampler: a linear-phase polyphase filter of 1.5 ms delay at 16 kHz.

    The pass band is flat (0.001 dB) to 0.8 of the lower rate's half, and what lies beyond 1.04
    of it is 90 dB down or more. Any cut of the same input gives the same output, bit for bit.

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

    __slots__ = ("_done", "_fill", "_filter", "_lanes", "_out_rate", "_prompt", "_skip", "_started")

    def __init__(
        self, in_rate: int, out_rate: int, num_channels: int = 1, *, prompt: bool = False
    ) -> None:
        AudioFormat(in_rate, num_channels)
        AudioFormat(out_rate, num_channels)
        self._out_rate = out_rate
        self._filter = polyphase_filter(in_rate, out_rate)
        self._lanes = [_Lane(self._filter) for _ in range(num_channels)]
        self._prompt = prompt
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
        # NaN is not below anything. A search through the bytes costs half of what `.all()` does.
        if b"\0" in (np.abs(samples) <= _LOUDEST).tobytes():
            raise PayloadError("finite samples in about [-1, 1]", "NaN, infinity or beyond 2**32")
        return self._run(self._shaped(samples), _TO_INT16_UNITS, _FROM_INT16_UNITS)

    def push_int16(self, samples: Int16Samples) -> Int16Samples:
        """Take samples, give those of the other rate, rounded and saturated.

        Raises:
            PayloadError: The array is not int16 or has another shape; nothing was taken.
        """
        if samples.dtype != _INT16:
            raise PayloadError("int16 samples", f"an array of {samples.dtype}")
        return saturate(self._run(self._shaped(samples), None, None))

    def push_unrounded(self, samples: FloatSamples) -> FloatSamples:
        """Take and give float32 in the units of int16, inside a chain whose ends check and round.

        Args:
            samples: Shape ``(n, num_channels)``, 32768.0 being full scale; not checked.
        """
        return self._run(samples, None, None)

    def flush(self) -> FloatSamples:
        """End the stretch: give its last samples, as if silence followed, and start afresh.

        Returns:
            float32 of shape ``(m, num_channels)``; empty when nothing was pushed.
        """
        return self._tail(_FROM_INT16_UNITS)

    def flush_int16(self) -> Int16Samples:
        """`flush` for int16."""
        return saturate(self._tail(None))

    def _shaped(self, samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
        channels = len(self._lanes)
        if samples.ndim == 1 and channels == 1:
            return samples.reshape(-1, 1)
        if samples.ndim != 2 or samples.shape[1] != channels:
            raise PayloadError(f"an array of shape (n, {channels})", f"one of {samples.shape}")
        return samples

    def _tail(self, gain_out: np.float32 | None) -> FloatSamples:
        """The outputs that stand for the end of what was pushed."""
        delay, skip = self._filter.delay, self._skip
        size = -(-delay * self._filter.down // self._filter.up) if self._started else 0
        out = self._run(np.zeros((size, len(self._lanes)), np.float32), None, gain_out)
        self.reset()
        return out[: delay - skip]

    def _run(
        self, samples: npt.NDArray[Any], gain_in: np.float32 | None, gain_out: np.float32 | None
    ) -> FloatSamples:
        """Samples in, all outputs whose instants are in then; inside, 32768.0 is full scale."""
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
                lane.write(samples[taken:until, channel], fill, filled, gain_in)
                if done < ready:
                    lane.read(done, ready, out[given:upto, channel], gain_out)
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

    __slots__ = ("_ahead", "_block", "_buffer", "_head", "_outputs", "_products", "_step")

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
        for start, matrix, result in zip(filter.starts, filter.matrices, results, strict=True):
            windows = sliding_window_view(self._buffer, len(matrix))
            windows = windows[start :: block_in // filter.rows][: filter.rows]
            # BLAS takes no rows that overlap, so they are gathered here first.
            gathered = np.zeros((filter.rows, len(matrix)), np.float32)
            self._products.append((windows, gathered, matrix, result))

    def reset(self) -> None:
        self._buffer.fill(0)

    def write(
        self, samples: npt.NDArray[Any], first: int, end: int, gain: np.float32 | None
    ) -> None:
        """Fill the block from ``first`` to ``end``."""
        if gain is None:
            self._block[first:end] = samples
        else:
            np.multiply(samples, gain, self._block[first:end])

    def read(self, first: int, end: int, out: FloatSamples, gain: np.float32 | None) -> None:
        """Compute the outputs ``first`` to ``end`` of the block."""
        for windows, gathered, matrix, result in self._products[
            first // self._step : -(-end // self._step)
        ]:
            np.copyto(gathered, windows)
            np.dot(gathered, matrix, result)
        if gain is None:
            out[...] = self._outputs[first:end]
        else:
            np.multiply(self._outputs[first:end], gain, out)

    def advance(self) -> None:
        """Make the end of a full block the history of the next."""
        np.copyto(self._head, self._ahead)


__all__ = ["Resampler"]
