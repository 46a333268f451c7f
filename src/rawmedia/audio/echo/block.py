"""A block that came in, without its echo: finding the delay, subtracting, gating, in this order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from rawmedia.audio.echo.delay import EchoDelay
from rawmedia.audio.echo.drift import EchoDrift
from rawmedia.audio.echo.filter import EchoFilter
from rawmedia.audio.echo.gate import EchoGate
from rawmedia.audio.echo.spectra import EchoSpectra
from rawmedia.audio.pcm import INT16_SCALE, saturate

if TYPE_CHECKING:
    from rawmedia.audio.echo.delay import EchoLag
    from rawmedia.audio.echo.reference import EchoReference
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import FloatSamples, Int16Samples

MAX_TAIL_MS: Final = 400.0
_LOOK_EVERY: Final = 3
"""Blocks between two looks for the delay."""
_LOOKS: Final = 3
_EVIDENCE: Final = 0.15
"""What three looks on end must say of one lag. Of 60 pairs of voices that have nothing to do with each
other one reaches it in 15 s; the filter then finds nothing there to take out."""
_PROOF: Final = 0.75
"""The share of power that may be left where the filter has found an echo: 1.25 dB less than came in."""
_PROOF_BLOCKS: Final = 5
_WORKING: Final = 0.5
"""A filter that leaves less is where the echo is, whatever a look for the delay says."""
_LATELY: Final = 0.05
"""How much a block counts in what is measured of the filter."""
_AUDIBLE: Final = 1e-7
"""Mean power of an echo that is worth subtracting: -70 dB of full scale."""
_OVERSHOOT: Final = 1.5
"""A block that is louder by so much without its echo than with it is better left alone."""
_ROUNDING: Final = 64
"""By this part of a block more may be read than was played: little enough not to be missed."""
_FULL: Final = np.float32(INT16_SCALE)


class EchoBlocks:
    """What an `EchoGuard` does with each block of mono samples.

    Args:
        format: What comes in.
        block: Samples per block.
        reference: What was played.
        lags: Blocks that an echo may be late.
        partitions: Blocks that the echo path is long.
        floor_db: What the gate lowers echo by.
    """

    __slots__ = (
        "_ahead",
        "_align",
        "_block",
        "_count",
        "_delay",
        "_drift",
        "_falling",
        "_filter",
        "_floor",
        "_gain",
        "_gate",
        "_heard_lately",
        "_lags",
        "_left_lately",
        "_looks",
        "_next",
        "_nothing",
        "_now",
        "_offset",
        "_partitions",
        "_proved",
        "_rate_hz",
        "_rising",
        "_share",
        "_slide",
        "_spectra",
        "_tried",
        "delay_changes",
        "double_talk",
        "gated",
        "subtracted",
    )

    def __init__(
        self,
        format: AudioFormat,
        block: int,
        reference: EchoReference,
        lags: int,
        partitions: int,
        floor_db: float,
    ) -> None:
        self._rate_hz, self._block = format.sample_rate, block
        self._lags, self._partitions = lags, partitions
        self._spectra = EchoSpectra(reference, block, lags + partitions)
        self._delay = EchoDelay(format.sample_rate, block, lags)
        self._drift = EchoDrift(block, self._delay.band)
        self._filter = EchoFilter(block, partitions)
        self._gate = EchoGate(format.sample_rate, block)
        self._floor = 10 ** (-floor_db / 20)
        self._falling = np.linspace(1, 0, block, dtype=np.float32)
        self._rising = np.zeros(block, np.float32)
        self._rising[: len(self._falling[::4])] = self._falling[::4]
        self._nothing = np.zeros(block, np.int16)
        self._next: int | None = None  # where the next block starts unless there is a gap
        self._offset: int | None = None
        self._slide = 0.0  # what the drift has added to the offset
        self._ahead = 0  # samples from where the reference is read to the newest that can be heard
        # Blocks from the newest that can be heard to the first that the filter knows of.
        self._align: int | None = None
        self._proved = False
        self._looks: list[EchoLag] = []
        self._count = self._tried = 0
        self._heard_lately = self._left_lately = 0.0
        self._now = 1.0  # the share of power that is left of a block, while there is echo in it
        self._gain, self._share = 1.0, 0.0  # at the end of the last block
        self.delay_changes = self.subtracted = self.gated = self.double_talk = 0
        """Blocks, the last three."""

    def reset(self) -> None:
        """Know of no echo."""
        self._offset, self._slide, self._ahead, self._count = None, 0.0, 0, 0
        self.delay_changes = self.subtracted = self.gated = self.double_talk = 0
        self._drift.reset()
        self._gate.reset()
        self._lose()
        self._forget()

    @property
    def delay_ms(self) -> float | None:
        """How late the strongest part of the echo is, or None where there is none."""
        if self._align is None or not self._proved:
            return None
        late = self._align * self._block + self._filter.strongest_tap() + self._ahead
        return max(0.0, late * 1000 / self._rate_hz)

    @property
    def erle_db(self) -> float | None:
        """How much quieter subtraction made the echo lately, or None."""
        if not self._proved or self._left_lately <= 0:
            return None
        return max(0.0, 10 * math.log10(max(self._heard_lately / self._left_lately, 1e-9)))

    @property
    def drift_ppm(self) -> float:
        """How much faster the loudspeaker's clock is."""
        return self._drift.rate * 1e6

    def anchor(self, offset: int) -> None:
        """Say what to add to a heard position to get the newest played one that can be in it.

        Small changes are left to the filter.
        """
        if self._offset is None:
            self._offset = offset
            return
        block = self._block
        moved = self._ahead = offset - self._offset - round(self._slide)
        # Earlier: what is read would not have been played yet. Later by two blocks: delays would be looked
        # for where none can be. An echo that is not late at all is heard as it is played, and can't be earlier.
        least = -block if self._align == 0 else -block // _ROUNDING
        if least <= moved <= 2 * block:
            return
        blocks = math.floor(moved / block)
        self._offset += blocks * block
        self._ahead -= blocks * block
        if self._align is not None:
            self._align += blocks
            if not 0 <= self._align < self._lags:
                self._lose()
        self._forget_phases()
        if self._next is not None:
            self._read_back(self._next)

    def push(self, samples: Int16Samples, position: int, *, filler: bool) -> Int16Samples | None:
        """Take a block, give it without its echo.

        Args:
            samples: int16, ``(block,)``.
            position: Where it starts.
            filler: Whether nobody sent it, so that nothing is to be learnt from it.

        Returns:
            int16, ``(block, 1)``, or None where the block is best left as it is.
        """
        if position != self._next:
            self._jump(position)
        self._next = position + self._block
        self._count += 1
        power = self._advance(samples, position)
        sounds = power > 0 and not filler
        self._delay.push(self._spectra.newest, heard=sounds)
        if not sounds:
            return None
        if not self._count % _LOOK_EVERY:
            self._look()
        return None if self._align is None else self._without_echo(power, self._align)

    def _advance(self, samples: Int16Samples, position: int) -> float:
        """Go on by a block; its power."""
        self._slide += self._drift.rate * self._block
        self._spectra.advance(samples, position + (self._offset or 0) + self._slide)
        heard = self._spectra.heard
        return float(np.vdot(heard, heard))

    def _jump(self, position: int) -> None:
        """Go on elsewhere: a gap in what is heard, or the first that is."""
        gap = None if self._next is None else position - self._next
        if gap is None or gap > self._spectra.depth * self._block:
            self._forget()
        self._slide += self._drift.rate * (gap or 0)
        self._read_back(position)

    def _read_back(self, position: int) -> None:
        """Read anew what was played before it, as the grid may be another, or the place to read at."""
        history = self._spectra.depth * self._block
        self._slide -= self._drift.rate * history
        for start in range(position - history, position, self._block):
            self._advance(self._nothing, start)
            self._delay.push(self._spectra.newest, heard=False)

    def _forget(self) -> None:
        """Know nothing of the moments before; what is known of the echo's path stays known."""
        self._next = None
        self._forget_phases()
        self._gain, self._share = 1.0, 0.0

    def _forget_phases(self) -> None:
        self._delay.reset()
        self._drift.forget()
        self._looks.clear()

    def _look(self) -> None:
        """Look for the delay; go there when three looks agree."""
        lag, align = self._delay.lag(), self._align
        self._looks = [*self._looks[1 - _LOOKS :], lag]
        if align is not None and (0 <= lag.blocks - align <= 2 or self._now < _WORKING):
            return
        if len(self._looks) < _LOOKS or any(
            look.blocks != lag.blocks or look.evidence < _EVIDENCE for look in self._looks
        ):
            return
        # An echo that has moved is one that is known, and the gate stays on its guard.
        known = self._proved
        self._lose()
        self._proved = known
        # A block early, because an echo between two lags may look more like the later one.
        self._align = max(0, lag.blocks - 1)
        self.delay_changes += 1
        self._drift.forget()

    def _lose(self) -> None:
        """Know no delay and nothing of the path."""
        self._align = None
        self._proved = False
        self._tried = 0
        self._filter.reset()
        self._gate.lose()
        self._heard_lately = self._left_lately = 0.0
        self._now = 1.0

    def _without_echo(self, heard_power: float, align: int) -> Int16Samples | None:
        heard = self._spectra.heard
        played, powers = self._spectra.latest(align, self._partitions)
        echo, left = self._filter.step(played, powers, heard)
        self._drift.push(self._delay.cross(align, 3))
        open_ = self._gate.push(self._filter.powers)
        left_power = float(np.vdot(left, left))
        audible = float(np.vdot(echo, echo)) > _AUDIBLE * self._block
        if audible:
            self._now += 0.1 * (min(2.0, left_power / (heard_power + 1e-9)) - self._now)
        if not self._proved:
            if audible:
                self._try(heard_power, left_power)
        elif audible and not open_:
            self._heard_lately += _LATELY * (heard_power - self._heard_lately)
            self._left_lately += _LATELY * (left_power - self._left_lately)
        if not self._proved:
            return None
        share = 1.0 if audible and left_power < _OVERSHOOT * heard_power else 0.0
        gain = 1.0 if open_ or not (audible or self._gate.expects) else self._floor
        self.subtracted += share > 0
        self.gated += gain < 1
        self.double_talk += open_ and audible
        return self._given(heard, echo, left, share, gain)

    def _try(self, heard: float, left: float) -> None:
        """Take what the filter takes out for proof of an echo."""
        self._tried += 1
        self._heard_lately += 0.1 * (heard - self._heard_lately)
        self._left_lately += 0.1 * (left - self._left_lately)
        self._proved = (
            self._tried >= _PROOF_BLOCKS and self._left_lately < _PROOF * self._heard_lately
        )

    def _given(
        self, heard: FloatSamples, echo: FloatSamples, left: FloatSamples, share: float, gain: float
    ) -> Int16Samples | None:
        """A block less a share of its echo, at a gain; both glide there from the block before."""
        last_share, last_gain = self._share, self._gain
        self._share, self._gain = share, gain
        if share == last_share == 0 and gain == last_gain == 1:
            return None
        if share == last_share:
            out = left * _FULL if share else heard * _FULL
        else:
            out = echo * self._ramp(last_share, share)
            np.subtract(heard, out, out=out)
            out *= _FULL
        if gain != last_gain:
            out *= self._ramp(last_gain, gain)
        elif gain != 1:
            out *= np.float32(gain)
        return saturate(out).reshape(-1, 1)

    def _ramp(self, before: float, after: float) -> FloatSamples:
        """From one factor to another: towards more within a quarter of a block, towards less in a whole."""
        shape = self._rising if after > before else self._falling
        return np.float32(after) + np.float32(before - after) * shape


__all__ = ["MAX_TAIL_MS", "EchoBlocks"]
