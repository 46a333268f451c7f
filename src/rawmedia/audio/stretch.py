"""Playing live speech faster or slower without changing its pitch: WSOLA that joins only when it must.

The audio is copied as it is, bit for bit. Now and then, when the output has got 8 ms too
long or too short, the copying jumps ahead or back by 5 to 16 ms, to where the waveform is
most like the one that it leaves, and fades from one to the other. In voiced speech that is a
whole number of pitch periods, so the pitch stays.

WSOLA: W. Verhelst and M. Roelands, "An overlap-add technique based on waveform similarity
(WSOLA) for high quality time-scale modification of speech", ICASSP 1993. There every window
is joined to the next; here only as many joins are made as the rate needs, which is cheaper
and leaves more of the speech untouched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from rawmedia.audio.pcm import saturate
from rawmedia.errors import ConfigurationError, PayloadError

if TYPE_CHECKING:
    import numpy.typing as npt

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples

    Exact = npt.NDArray[np.float64]
    """Whole numbers below 2**53, so that sums are the same in whatever order they are added."""

MIN_RATE: Final = 0.8
MAX_RATE: Final = 1.5
MAX_HELD_MS: Final = 24.0
"""The most that a stretcher ever holds back: the longest jump and the fade after it."""
LENGTH_TOLERANCE_MS: Final = 20.0
"""How far the length of the output may be from what the rates say; 17 ms while one rate stays."""

_FADE_MS: Final = 8.0
_CONTEXT_MS: Final = 8.0
"""What came before a join is compared as well, which costs no delay."""
_MIN_JUMP_MS: Final = 5.0
_MAX_JUMP_MS: Final = MAX_HELD_MS - _FADE_MS
"""A period of 62 Hz; deeper voices are rare, and their second partial is matched instead."""
_TOLERANCE_MS: Final = 8.0
_SEARCH_RATE: Final = 8_000
"""About the rate at which all jumps are tried, before the best is refined at the full rate."""
_NEVER: Final = 1 << 62


class TimeStretcher:
    """Changes how long speech takes, 0.8 to 1.5 times as fast, while it streams.

    What has come in leaves at once, except where a join is due: there up to ``MAX_HELD_MS``
    wait for the audio that it needs (at rates below 1, 8 ms). At a rate of 1 nothing waits
    and nothing is computed. Any cut of the same input gives the same output, bit for bit, as
    long as the rate changes at the same samples.

    All channels jump together, so that voices stay where they are between the speakers.

    ``n`` samples pushed at rate ``r`` become ``n / r``. What was given, with what is held, is
    never more than ``LENGTH_TOLERANCE_MS`` longer or shorter than the sum of that over all
    pushes, however often the rate changes; `flush` leaves it so.

    Each object is for one thread at a time.

    Args:
        format: What the audio is.
        rate: How much faster it plays, 0.8 to 1.5.

    Raises:
        ConfigurationError: The rate is out of range.
    """

    __slots__ = (
        "_excess",
        "_format",
        "_join_at",
        "_jumped",
        "_origin",
        "_plan",
        "_rate",
        "_read",
        "_surplus",
        "_tail",
    )

    def __init__(self, format: AudioFormat, rate: float = 1.0) -> None:
        self._format = format
        self._plan = _plan(format.sample_rate)
        self._rate = _checked_rate(rate)
        self.reset()

    def reset(self) -> None:
        """Forget the audio so far, not the rate; a new stretch begins."""
        # What was read last and is kept for jumps back, then what is held.
        self._tail: Int16Samples = np.zeros(
            (self._plan.history, self._format.num_channels), np.int16
        )
        self._read = 0  # the input sample that is copied next
        # Without a jump, every input sample makes the output too long by `excess` samples:
        # too long by `surplus` up to input sample `origin`, by `excess` for each one after it,
        # and less by the samples `jumped` over. Computed from whole numbers alone, it does
        # not depend on how the input was cut.
        self._excess = 1 - 1 / self._rate
        self._surplus = 0.0
        self._origin = 0
        self._jumped = 0
        self._schedule()

    @property
    def format(self) -> AudioFormat:
        """What goes in and comes out."""
        return self._format

    @property
    def rate(self) -> float:
        """How much faster the audio plays that is pushed from now on."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        rate = _checked_rate(rate)
        if rate == self._rate:
            return
        # What is held counts at the rate that it was pushed at.
        pushed = self._read + self.held_samples
        self._surplus += self._excess * (pushed - self._origin)
        self._origin = pushed
        self._rate, self._excess = rate, 1 - 1 / rate
        self._schedule()

    @property
    def held_samples(self) -> int:
        """Samples per channel that wait for a join; `flush` would give them."""
        return len(self._tail) - self._plan.history

    @property
    def held_ms(self) -> float:
        """The same in milliseconds, at most ``MAX_HELD_MS``."""
        return self._format.duration_ms(self.held_samples)

    def push(self, samples: Int16Samples) -> Int16Samples:
        """Take audio, give what can be had of it now at the new speed.

        Args:
            samples: int16 of shape ``(n, num_channels)``, or ``(n,)`` for mono.

        Returns:
            int16 of shape ``(m, num_channels)``. At a rate of 1 with nothing held, these are
            ``samples`` themselves, not a copy.

        Raises:
            PayloadError: Another type or shape; nothing was taken.
        """
        samples = self._shaped(samples)
        if self._join_at == _NEVER and len(self._tail) == self._plan.history:
            self._read += len(samples)
            self._tail = self._last(samples)
            return samples
        return self._run(np.concatenate((self._tail, samples)))

    def flush(self) -> Int16Samples:
        """End the stretch: give what is held, as it is, and start afresh.

        Returns:
            int16 of shape ``(m, num_channels)``, at most ``MAX_HELD_MS`` long.
        """
        held = self._tail[self._plan.history :]
        self.reset()
        return held

    def _shaped(self, samples: Int16Samples) -> Int16Samples:
        channels = self._format.num_channels
        if samples.dtype != np.int16:
            raise PayloadError("int16 samples", f"an array of {samples.dtype}")
        if samples.ndim == 1 and channels == 1:
            return samples.reshape(-1, 1)
        if samples.ndim != 2 or samples.shape[1] != channels:
            raise PayloadError(f"an array of shape (n, {channels})", f"one of {samples.shape}")
        return samples

    def _last(self, samples: Int16Samples) -> Int16Samples:
        """The history after ``samples`` are copied; not a view of memory that others own."""
        history = self._plan.history
        if len(samples) >= history:
            return samples[-history:].copy()
        return np.concatenate((self._tail[len(samples) :], samples))

    def _schedule(self) -> None:
        """Find the sample where the next join is due; again after each join and change of rate."""
        read, excess, most = self._read, self._excess, self._plan.tolerance
        now = self._surplus_at(read)
        # A jump may overshoot by 10 ms. That must not be taken back, so against the direction
        # of the rate more is tolerated.
        too_long = most if excess > 0 else 1.5 * most
        too_short = most if excess < 0 else 1.5 * most
        if now >= too_long or now <= -too_short:
            self._join_at = read
        elif excess:
            missing = math.copysign(most, excess) - self._surplus + self._jumped
            self._join_at = max(read, self._origin + math.ceil(missing / excess))
        else:
            self._join_at = _NEVER

    def _surplus_at(self, read: int) -> float:
        """By how many samples the output is too long when it has got to input sample ``read``."""
        return self._surplus - self._jumped + self._excess * max(0, read - self._origin)

    def _run(self, work: Int16Samples) -> Int16Samples:
        """Copy and join as far as ``work`` reaches, which is the tail and what was pushed."""
        plan = self._plan
        offset = self._read - plan.history  # the input sample that work[0] is
        at, end = plan.history, len(work)
        pieces = []
        while True:
            until = min(end, self._join_at - offset)
            pieces.append(work[at:until])
            at = until
            self._read = offset + at
            shorten = self._surplus_at(self._read) > 0
            if at + (plan.ahead if shorten else plan.fade) > end:
                break
            jump = plan.best_jump(work, at, ahead=shorten)
            pieces.append(plan.faded(work, at, jump))
            at += jump + plan.fade
            self._read = offset + at
            self._jumped += jump
            self._schedule()
        # A jump back by more than the fade makes so much good that the next join is due after
        # what is played again: nothing is ever read further back than the history reaches.
        self._tail = work[at - plan.history :].copy()
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """How joins are sought and made at one sample rate; all lengths in samples."""

    step: int
    """Jumps are tried in steps of so many samples, and then refined."""
    fade: int
    """This and the next three are multiples of ``step``."""
    context: int
    shortest: int
    longest: int
    tolerance: int
    history: int
    """What a jump back and its comparison need of the past."""
    ahead: int
    """What a jump ahead needs of the future."""
    ones: Exact
    rise: Exact
    """How the fade comes in: half a period of a raised cosine, shape ``(fade, 1)``."""
    dip: Exact
    """The share of the power that the mix of two unlike signals lacks, of the same shape."""

    def best_jump(self, work: Int16Samples, at: int, *, ahead: bool) -> int:
        """Where to go on after ``work[at]``: samples to jump over, negative to go back.

        All candidates are compared at about 8 kHz, where each sample is the sum of ``step``
        samples, and those around the best at the full rate.
        """
        step, window = self.step, self.context + self.fade
        first, last = (self.shortest, self.longest) if ahead else (-self.longest, -self.shortest)
        start = at - self.context
        exact = np.ascontiguousarray(
            work[start + min(0, first) : start + window + max(0, last)].T, dtype=np.float64
        )
        here = max(0, -first)  # where the window is that the others are compared with
        coarse = (
            exact if step == 1 else (exact.reshape(-1, step) @ self.ones).reshape(len(exact), -1)
        )
        alike = _likeness(
            coarse[:, here // step : (here + window) // step],
            coarse[:, (here + first) // step : (here + last + window) // step],
        )
        # Of equals the longest, for fewer joins.
        best = (
            last - step * int(alike[::-1].argmax()) if ahead else first + step * int(alike.argmax())
        )
        if step == 1:
            return best
        # Over so few samples the energy hardly changes.
        first, last = max(first, best - step + 1), min(last, best + step - 1)
        fine = _correlation(
            exact[:, here : here + window], exact[:, here + first : here + last + window]
        )
        return first + int(fine.argmax())

    def faded(self, work: Int16Samples, at: int, jump: int) -> Int16Samples:
        """The audio that goes from ``work[at]`` over into what is ``jump`` samples away.

        Where the two are alike, their sum is as loud as each. Where they are not, as in
        noise, it would dip by up to 3 dB: of two signals of one power and correlation ``c``
        the mix ``(1 - w) x + w y`` has ``1 - 2 w (1 - w) (1 - c)`` of it.
        """
        old = work[at : at + self.fade].astype(np.float64)
        new = work[at + jump : at + jump + self.fade].astype(np.float64)
        one, other = old.reshape(-1), new.reshape(-1)
        power = float(np.dot(one, one) + np.dot(other, other))
        correlation = 2 * float(np.dot(one, other)) / power if power else 1.0
        new -= old
        new *= self.rise
        new += old
        if correlation < 1:
            new /= np.sqrt(1 - (1 - max(0.0, correlation)) * self.dip)
        return saturate(new.astype(np.float32))


@lru_cache(maxsize=16)
def _plan(sample_rate: int) -> _Plan:
    step = max(1, sample_rate // _SEARCH_RATE)

    def steps(duration_ms: float) -> int:
        # Rounded down: together they are what is held.
        return int(duration_ms * sample_rate / 1000 / step) * step

    fade, context, longest = steps(_FADE_MS), steps(_CONTEXT_MS), steps(_MAX_JUMP_MS)
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade))[:, np.newaxis]
    return _Plan(
        step=step,
        fade=fade,
        context=context,
        shortest=steps(_MIN_JUMP_MS),
        longest=longest,
        tolerance=int(_TOLERANCE_MS * sample_rate / 1000),
        history=longest + context,
        ahead=longest + fade,
        ones=np.ones(step),
        rise=rise,
        dip=2 * rise * (1 - rise),
    )


def _likeness(window: Exact, wide: Exact) -> Exact:
    """How like ``window`` each place of ``wide`` is: half for the same, 0 for nothing in common.

    The correlation by the sum of the energies: unlike the usual quotient by their geometric
    mean, it counts a difference of level too, and silence is most like silence.

    Args:
        window: Shape ``(num_channels, n)``; the channels are judged together.
        wide: Shape ``(num_channels, n + k)``.

    Returns:
        Shape ``(k + 1,)``.
    """
    products, squares, energy = _correlation(window, wide), wide[0] * wide[0], 0.0
    for channel, row in enumerate(window):
        if channel:
            squares += wide[channel] * wide[channel]
        energy += float(np.dot(row, row))
    size = window.shape[1]
    totals = np.add.accumulate(squares)
    energies: Exact = totals[size - 1 :] + (energy + 1)
    energies[1:] -= totals[:-size]
    products += 0.5
    products /= energies
    return products


def _correlation(window: Exact, wide: Exact) -> Exact:
    """The inner product of ``window`` with each place of ``wide``, over all channels."""
    products: Exact = np.correlate(wide[0], window[0])
    for channel in range(1, len(window)):
        products += np.correlate(wide[channel], window[channel])
    return products


def _checked_rate(rate: float) -> float:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ConfigurationError("rate", f"from {MIN_RATE:g} to {MAX_RATE:g}, not {rate}")
    return float(rate)


__all__ = ["LENGTH_TOLERANCE_MS", "MAX_HELD_MS", "MAX_RATE", "MIN_RATE", "TimeStretcher"]
