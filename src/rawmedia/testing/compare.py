"""Whether two pieces of audio are the same, how well, and where they are not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, FormatMismatchError
from rawmedia.testing.signals import joined

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat

    Wave = npt.NDArray[np.float64]

Audio: TypeAlias = AudioFrame | npt.NDArray[Any] | Iterable[AudioFrame]
"""A frame, int16 samples, or frames in order, whose gaps count as silence."""

_BLOCK_MS = 10.0
_MAX_STRETCHES = 5


class AudioDiffersError(AssertionError):
    """Audio did not come as it should; the text says where and by how much it differs.

    Attributes:
        expected: What it should be, on one timeline with ``got``.
        got: What it is: aligned, and as long as ``expected``, silence where one had no audio.
    """

    def __init__(self, account: str, expected: AudioFrame, got: AudioFrame) -> None:
        super().__init__(account, expected, got)
        self.account, self.expected, self.got = account, expected, got

    def __str__(self) -> str:
        return self.account


def snr_db(
    expected: Audio, got: Audio, *, align_ms: float = 0.0, format: AudioFormat | None = None
) -> float:
    """How far the difference of two pieces of audio lies below the expected one, in decibels.

    Where one is longer than the other, the other counts as silent there; so a tail of
    zeros is no difference, and missing audio is. Positions are not compared.

    Args:
        expected: What it should be.
        got: What it is.
        align_ms: How much earlier or later it may come: the shift, by whole samples, that
            fits best is taken out first.
        format: Of arrays; needed where neither is a frame.

    Returns:
        The signal-to-noise ratio; infinity where they are the same, minus infinity where
        silence was expected and something came.

    Raises:
        FormatMismatchError: They are in different formats.
        ConfigurationError: Nobody says what the format is.
    """
    return _Comparison.of(expected, got, align_ms, format).snr_db()


def assert_same_audio(
    expected: Audio,
    got: Audio,
    *,
    snr_db: float,
    align_ms: float = 0.0,
    format: AudioFormat | None = None,
) -> None:
    """Check that audio came as it should, and say where and by how much it did not.

    Args:
        expected: What it should be.
        got: What it is.
        snr_db: The least signal-to-noise ratio; `math.inf` for sample by sample.
        align_ms: How much earlier or later it may come.
        format: Of arrays; needed where neither is a frame.

    Raises:
        AudioDiffersError: It is worse; an ``AssertionError`` whose text names the stretches that
            differ most.
        FormatMismatchError: They are in different formats.
        ConfigurationError: Nobody says what the format is.
    """
    comparison = _Comparison.of(expected, got, align_ms, format)
    if comparison.snr_db() < snr_db:
        raise AudioDiffersError(
            comparison.account(snr_db),
            comparison.frame(comparison.expected),
            comparison.frame(comparison.got),
        )


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Two pieces of audio on one timeline, which starts where the expected one does."""

    expected: Wave
    got: Wave
    format: AudioFormat
    begin: int
    """Where both arrays start on the timeline, in samples; 0, or before it."""
    shift: int
    """How many samples later it came."""
    lengths: tuple[int, int]

    @classmethod
    def of(
        cls, expected: Audio, got: Audio, align_ms: float, format: AudioFormat | None
    ) -> _Comparison:
        """Read, align and pad both."""
        known = format or next(
            (each.format for each in (expected, got) if isinstance(each, AudioFrame)), None
        )
        one, other = _as_frame(expected, known), _as_frame(got, known)
        if one.format != other.format:
            raise FormatMismatchError(one.format, other.format)
        left, right = one.samples.astype(np.float64), other.samples.astype(np.float64)
        shift = _best_shift(left, right, one.format.samples(align_ms))
        begin = min(0, -shift)
        end = max(len(left), len(right) - shift)
        return cls(
            _padded(left, begin, end),
            _padded(right, begin + shift, end + shift),
            one.format,
            begin,
            shift,
            (len(left), len(right)),
        )

    def snr_db(self) -> float:
        """Signal to noise over everything."""
        return _ratio_db(self.expected, self.got)

    def frame(self, wave: Wave) -> AudioFrame:
        """One of the two, as the audio that it was."""
        return AudioFrame(wave.astype(np.int16), self.format)

    def account(self, asked_db: float) -> str:
        """What is wrong, in words."""
        ms = self.format.duration_ms
        lines = [f"audio differs: SNR {self.snr_db():.1f} dB, at least {asked_db:g} dB asked"]
        if self.shift:
            direction = "late" if self.shift > 0 else "early"
            lines[0] += f" (it comes {abs(ms(self.shift)):.1f} ms {direction}; that is taken out)"
        stretches = self._stretches(asked_db)
        lines += [self._describe(*each) for each in stretches[:_MAX_STRETCHES]]
        if len(stretches) > _MAX_STRETCHES:
            lines.append(f"  and {len(stretches) - _MAX_STRETCHES} stretches more")
        if self.lengths[0] != self.lengths[1]:
            lines.append(
                f"  expected {ms(self.lengths[0]):.1f} ms, got {ms(self.lengths[1]):.1f} ms"
            )
        gain = float(np.vdot(self.expected, self.got)) / (
            float(np.vdot(self.expected, self.expected)) or 1
        )
        if gain > 0 and abs(gain_db := 20 * math.log10(gain)) >= 0.1:
            lines.append(
                f"  as a whole it is {abs(gain_db):.1f} dB {'louder' if gain > 1 else 'quieter'}"
            )
        return "\n".join(lines)

    def _stretches(self, asked_db: float) -> list[tuple[int, int]]:
        """Where the difference is more than its share of what is asked, the worst first."""
        size = max(1, self.format.samples(_BLOCK_MS))
        noise = _power(self.expected - self.got)
        blocks = np.add.reduceat(noise, np.arange(0, len(noise), size))
        allowed = float(_power(self.expected).sum()) / 10 ** (asked_db / 10) / len(blocks)
        bad = np.flatnonzero(blocks > allowed)
        runs = np.split(bad, np.flatnonzero(np.diff(bad) > 1) + 1)
        runs.sort(key=lambda run: -float(blocks[run].sum()))
        return [(int(run[0]) * size, min((int(run[-1]) + 1) * size, len(noise))) for run in runs]

    def _describe(self, start: int, end: int) -> str:
        apart = np.abs(self.expected - self.got)[start:end].max(axis=1)
        worst = int(apart.argmax())
        ms = self.format.duration_ms
        return (
            f"  {ms(self.begin + start):.1f} to {ms(self.begin + end):.1f} ms: "
            f"{_ratio_db(self.expected[start:end], self.got[start:end]):.1f} dB, "
            f"at most {apart[worst]:.0f} apart, at {ms(self.begin + start + worst):.1f} ms"
        )


def _as_frame(audio: Audio, format: AudioFormat | None) -> AudioFrame:
    if isinstance(audio, AudioFrame):
        return audio
    if not isinstance(audio, np.ndarray):
        return joined(audio)
    if format is None:
        raise ConfigurationError("format", "arrays do not say what they are; pass it")
    return AudioFrame(audio, format)


def _best_shift(expected: Wave, got: Wave, most: int) -> int:
    """How many samples later ``got`` comes, at most ``most`` either way, by cross-correlation."""
    if not most or not len(expected) or not len(got):
        return 0
    size = 1 << (len(expected) + len(got) + most).bit_length()
    spectrum = np.fft.rfft(got, size, axis=0) * np.conj(np.fft.rfft(expected, size, axis=0))
    correlation = np.fft.irfft(spectrum.sum(axis=1), size)
    shifts = np.arange(-most, most + 1)
    likeness = correlation[shifts]
    # What rounding alone tells apart is equal, and then the least shift is taken.
    best = shifts[likeness >= likeness.max() - 1e-9 * float(np.abs(correlation).max())]
    return int(best[np.abs(best).argmin()])


def _padded(wave: Wave, begin: int, end: int) -> Wave:
    """The samples from ``begin`` to ``end``, zeros where there are none."""
    before, after = max(0, -begin), max(0, end - len(wave))
    return np.pad(wave[max(0, begin) : max(0, end)], ((before, after), (0, 0)))


def _power(wave: Wave) -> Wave:
    power: Wave = (wave**2).sum(axis=1)
    return power


def _ratio_db(expected: Wave, got: Wave) -> float:
    noise = float(_power(expected - got).sum())
    signal = float(_power(expected).sum())
    if not noise:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


__all__ = ["Audio", "AudioDiffersError", "assert_same_audio", "snr_db"]
