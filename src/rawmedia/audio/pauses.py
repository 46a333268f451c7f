"""Where speech pauses, how much of each pause can go, and cutting it out so that nobody hears the cut."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rawmedia.audio.activity import DECISION_MS, EnergyActivity
from rawmedia.audio.pcm import saturate
from rawmedia.errors import ConfigurationError, PayloadError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.audio.activity import ActivityDetector
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples

FADE_MS: Final = 5.0
"""How long the audio before a cut takes to go over into that after it."""
_MIN_KEEP_MS: Final = 20.0
"""The fade lies in what is kept after a cut, and the next word must not begin within it."""


@dataclass(frozen=True, slots=True, order=True)
class Pause:
    """A stretch of a stream in which nobody speaks; all in samples since the stream began."""

    start: int
    end: int
    cut_start: int
    """Where the part begins that can go."""
    cut_end: int

    @property
    def cut(self) -> tuple[int, int]:
        """The part that can go, as `cut_out` takes it."""
        return self.cut_start, self.cut_end

    @property
    def cut_samples(self) -> int:
        """How much shorter the audio is without it."""
        return self.cut_end - self.cut_start


class PauseFinder:
    """Finds the pauses of a stream as it comes, and keeps none of its audio.

    What is kept of a pause stays at its ends, half after the word before and half before
    the word after, because the softest sounds of a word are below every threshold.

    Args:
        format: What the audio is.
        min_pause_ms: A shorter pause is part of speech and is not told, up to 60000.
        keep_ms: What is left of a pause, 20 or more and less than ``min_pause_ms``.
        detector: Who tells speech, fresh; unless said an `EnergyActivity` that takes no
            10 ms that are loud enough for a pause, and has no hangover of its own.

    Raises:
        ConfigurationError: A number is out of range.
    """

    __slots__ = ("_begun", "_decisions", "_detector", "_kept", "_least", "_size")

    def __init__(
        self,
        format: AudioFormat,
        *,
        min_pause_ms: float = 300.0,
        keep_ms: float = 160.0,
        detector: ActivityDetector | None = None,
    ) -> None:
        if not _MIN_KEEP_MS < min_pause_ms <= 60_000:
            raise ConfigurationError(
                "min_pause_ms", f"above {_MIN_KEEP_MS:g} and up to 60000, not {min_pause_ms}"
            )
        if not _MIN_KEEP_MS <= keep_ms < min_pause_ms:
            raise ConfigurationError(
                "keep_ms", f"from {_MIN_KEEP_MS:g} to below {min_pause_ms:g}, not {keep_ms}"
            )
        self._detector: ActivityDetector = detector or EnergyActivity(
            format, onset_ms=DECISION_MS, hangover_ms=0, max_active_ms=math.inf
        )
        self._size = format.samples(DECISION_MS)
        self._least = format.samples(min_pause_ms)
        self._kept = format.samples(keep_ms / 2)
        self._decisions = 0
        self._begun = 0  # the sample after the last speech

    @property
    def current(self) -> Pause | None:
        """The pause that goes on, as far as it has come; None in speech, or when it is short.

        What of it can go now can go whether it ends here or not.
        """
        return self._pause(self._decisions * self._size)

    def push(self, samples: Int16Samples) -> list[Pause]:
        """Take audio, give the pauses that ended in it, oldest first.

        Args:
            samples: int16 of shape ``(n, num_channels)``, or ``(n,)`` for mono.

        Raises:
            PayloadError: Another type or shape; nothing was taken.
        """
        ended = []
        for active in self._detector.push(samples):
            at = self._decisions * self._size
            self._decisions += 1
            if active:
                pause = self._pause(at)
                if pause is not None:
                    ended.append(pause)
                self._begun = at + self._size
        return ended

    def flush(self) -> Pause | None:
        """End the stream: the pause at its end, or None where there is none that is long enough."""
        pause = self.current
        self._begun = self._decisions * self._size
        return pause

    def _pause(self, end: int) -> Pause | None:
        """The pause up to ``end``, if it is one and something of it can go."""
        begun, kept = self._begun, self._kept
        if end - begun < self._least:
            return None
        return Pause(begun, end, begun + kept, end - kept)


def trim_pauses(
    samples: Int16Samples,
    format: AudioFormat,
    *,
    min_pause_ms: float = 300.0,
    keep_ms: float = 160.0,
    max_cut_ms: float = math.inf,
    detector: ActivityDetector | None = None,
) -> Int16Samples:
    """Shorten the pauses of a piece of speech.

    Args:
        samples: int16 of shape ``(n, num_channels)``, or ``(n,)`` for mono.
        format: What they are.
        min_pause_ms: Shorter pauses stay as they are.
        keep_ms: What is left of the others.
        max_cut_ms: Cut no more than so much, from the first pauses on.
        detector: Who tells speech, fresh; as for `PauseFinder`.

    Returns:
        Shape ``(m, num_channels)``; ``n - m`` samples are cut. The array that was passed, as it
        is, where there is nothing to cut.

    Raises:
        ConfigurationError: A number is out of range.
        PayloadError: The samples have another type or shape.
    """
    if not max_cut_ms >= 0:
        raise ConfigurationError("max_cut_ms", f"0 or more, not {max_cut_ms}")
    finder = PauseFinder(format, min_pause_ms=min_pause_ms, keep_ms=keep_ms, detector=detector)
    pauses = finder.push(samples)
    last = finder.flush()
    if last is not None:
        pauses.append(last)
    left = len(samples) if max_cut_ms == math.inf else format.samples(max_cut_ms)
    cuts = []
    for pause in pauses:
        taken = min(left, pause.cut_samples)
        left -= taken
        if taken:
            cuts.append((pause.cut_start, pause.cut_start + taken))
    return cut_out(samples, cuts, format)


def cut_out(
    samples: Int16Samples, cuts: Iterable[tuple[int, int]], format: AudioFormat
) -> Int16Samples:
    """Leave stretches of audio out, and fade over `FADE_MS` from what was before to what is after.

    Args:
        samples: int16 of shape ``(n, num_channels)``, or ``(n,)`` for mono.
        cuts: Where each stretch starts and ends, in samples, in order. Each is followed by
            `FADE_MS` or more that stay.
        format: What the samples are.

    Returns:
        Shape ``(m, num_channels)``, shorter by exactly the sum of the cuts; ``samples``
        themselves where there are none.

    Raises:
        PayloadError: The samples have another type or shape, or the cuts are not in order or
            too close to each other or to the end.
    """
    channels = format.num_channels
    if samples.dtype != np.int16:
        raise PayloadError("int16 samples", f"an array of {samples.dtype}")
    if samples.ndim == 1 and channels == 1:
        samples = samples.reshape(-1, 1)
    if samples.ndim != 2 or samples.shape[1] != channels:
        raise PayloadError(f"an array of shape (n, {channels})", f"one of {samples.shape}")
    fade = format.samples(FADE_MS)
    rise = ((np.arange(fade, dtype=np.float32) + np.float32(0.5)) / np.float32(fade))[:, np.newaxis]
    pieces, at = [], 0
    for start, end in cuts:
        if not at <= start <= end <= len(samples) - fade:
            raise PayloadError(
                f"cuts in order, with {fade} samples or more after each", f"{start} to {end}"
            )
        pieces.append(samples[at:start])
        old = samples[start : start + fade].astype(np.float32)
        new = samples[end : end + fade].astype(np.float32)
        pieces.append(saturate(old + (new - old) * rise))
        at = end + fade
    if not pieces:
        return samples
    return np.concatenate([*pieces, samples[at:]])


__all__ = ["FADE_MS", "Pause", "PauseFinder", "cut_out", "trim_pauses"]
