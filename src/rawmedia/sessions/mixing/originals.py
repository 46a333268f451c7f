"""A speaker's original between the loop that brings it and the transport that pulls the mix."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples

CAPACITY_MS: Final = 200.0
"""How much is kept at most, whoever does not pull; or three of the listener's frames if they are longer."""
_MIN_RESERVE_MS: Final = 10.0
"""What is kept back at first: half a frame, so that it does not matter who of two comes first."""
_MAX_RESERVE_MS: Final = 100.0
_GROW_MS: Final = 10.0
"""How much more is kept back after it ran dry."""
_SHRINK_MS: Final = 2.0
"""How much less after ten seconds in which it did not."""
_CALM_WINDOWS: Final = 10
_WINDOW_MS: Final = 1_000.0
"""What is never needed for so long is too much."""
_RESUMED_MS: Final = 200.0
"""Who goes on within so long was late; who comes later was silent."""
_JOIN_MS: Final = 5.0
"""How long a break is glided over."""


@dataclass(frozen=True, slots=True)
class OriginalStats:
    """What became of a speaker's original at one listener."""

    buffered_ms: float
    reserve_ms: float
    """What is kept back against lateness; grows when that was too little."""
    dropped_ms: float
    """Went because nobody pulled."""
    skipped_ms: float
    """Left out because it was in hand for no use."""
    underruns: int
    """How often it was not there in time."""


class OriginalBuffer:
    """At most `CAPACITY_MS` of a voice in the listener's format, and no more than is needed.

    It begins to give when a small reserve beyond a frame is there. One that runs dry and goes on
    soon was late: from then on more is kept back. A frame that stays in hand for a second is
    left out. Where samples are missing, the wave glides over the break, so that nothing clicks.
    Where none are, all of them pass as they are.

    For one thread at a time.

    Args:
        format: The listener's.
        frame_samples: How many samples per channel are taken at a time.
    """

    __slots__ = (
        "_calm",
        "_capacity",
        "_chunks",
        "_dropped",
        "_dry",
        "_flowing",
        "_format",
        "_heard",
        "_join",
        "_least",
        "_max_reserve",
        "_min_reserve",
        "_reserve",
        "_resumed",
        "_size",
        "_skipped",
        "_torn",
        "_underruns",
        "_waited",
        "_window",
        "_window_size",
    )

    def __init__(self, format: AudioFormat, frame_samples: int) -> None:
        samples = format.samples
        self._format = format
        self._capacity = max(samples(CAPACITY_MS), 3 * frame_samples)
        self._min_reserve, self._max_reserve = samples(_MIN_RESERVE_MS), samples(_MAX_RESERVE_MS)
        self._reserve = self._min_reserve
        self._resumed, self._window_size = samples(_RESUMED_MS), samples(_WINDOW_MS)
        share = np.arange(1, samples(_JOIN_MS) + 1, dtype=np.float32) / samples(_JOIN_MS)
        self._join = share.reshape(-1, 1)
        self._dropped = self._skipped = self._underruns = 0
        self._window, self._least = 0, self._capacity
        self._chunks: deque[Int16Samples] = deque()
        self.clear()

    def clear(self) -> None:
        """Forget what is kept, uncounted; a new stretch begins."""
        self._chunks.clear()
        self._size = 0
        self._flowing = self._torn = False
        # What was heard last; a break is glided over from where it ended.
        self._heard = np.zeros((1, self._format.num_channels), np.int16)
        self._dry = self._resumed + 1  # how long it has given nothing since it ran dry
        self._waited = 0
        self._begin_window()
        self._calm = 0

    @property
    def flowing(self) -> bool:
        """Whether the voice is being given, its pauses included."""
        return self._flowing

    @property
    def stats(self) -> OriginalStats:
        """What became of it so far."""
        ms = self._format.duration_ms
        return OriginalStats(
            buffered_ms=ms(self._size),
            reserve_ms=ms(self._reserve),
            dropped_ms=ms(self._dropped),
            skipped_ms=ms(self._skipped),
            underruns=self._underruns,
        )

    def put(self, samples: Int16Samples) -> None:
        """Add what was said, int16 of shape ``(n, num_channels)``, kept and not copied; the oldest goes."""
        size = len(samples)
        if not size:
            return
        surplus = self._size + size - self._capacity
        if surplus > 0:
            self._dropped += surplus
            self._torn = self._flowing
            if size > self._capacity:
                # Of a long piece only its end, and not the memory of all.
                samples = samples[size - self._capacity :].copy()
                surplus, size = self._size, len(samples)
            self._leave_out(surplus)
        self._chunks.append(samples)
        self._size += size

    def take(self, samples: int) -> Int16Samples | None:
        """What is heard now: so many samples, silence where some are missing; None for nothing at all."""
        if not self._flowing and not self._begins(samples):
            return None
        if self._size < samples:
            return self._last_of_it(samples)
        chunks = self._chunks
        if len(chunks[0]) == samples:  # the frame path
            out = chunks.popleft()
            self._size -= samples
        else:
            out = self._pop(samples)
        if self._torn:
            out = self._joined(out)
        self._heard = out
        if self._size < self._least:
            self._least = self._size
        self._window += samples
        if self._window >= self._window_size:
            self._judge(samples)
        return out

    def _begins(self, samples: int) -> bool:
        """Whether there is enough to begin with, or it has waited for more in vain."""
        if not self._size:
            self._dry += samples
            return False
        if not self._waited and self._dry <= self._resumed:
            self._underruns += 1
            self._reserve = min(self._reserve + self._format.samples(_GROW_MS), self._max_reserve)
            self._torn = True
            self._calm = 0
        enough = samples + self._reserve
        if self._size < enough and self._waited < enough:
            self._waited += samples
            self._dry += samples
            return False
        self._flowing, self._waited = True, 0
        self._begin_window()
        return True

    def _last_of_it(self, samples: int) -> Int16Samples | None:
        """What is left, and from its last value down to nothing, so that it does not break off."""
        left = self._pop(self._size)
        if self._torn and len(left):
            left = self._joined(left)
        last = left[-1] if len(left) else self._heard[-1]
        self._flowing, self._dry = False, 0
        self._heard = np.zeros((1, len(last)), np.int16)
        if not len(left) and not last.any():
            return None
        out = np.zeros((samples, len(last)), np.int16)
        out[: len(left)] = left
        rest = out[len(left) :]
        fall = (1 - self._join[: len(rest)]) * last
        rest[: len(fall)] = np.rint(fall)
        return out

    def _joined(self, samples: Int16Samples) -> Int16Samples:
        """The samples after a break, from the value before it into them."""
        self._torn = False
        share = self._join[: len(samples)]
        joined = samples.copy()
        joined[: len(share)] = np.rint(
            share * samples[: len(share)] + (1 - share) * self._heard[-1]
        )
        return joined

    def _judge(self, samples: int) -> None:
        """A window has passed: leave out what was never needed, and think better of the source."""
        surplus = self._least - self._reserve
        if surplus >= samples:
            self._leave_out(surplus)
            self._skipped += surplus
            self._torn = True
        self._calm += 1
        if self._calm >= _CALM_WINDOWS:
            self._calm = 0
            shrunk = self._reserve - self._format.samples(_SHRINK_MS)
            self._reserve = max(shrunk, self._min_reserve)
        self._begin_window()

    def _begin_window(self) -> None:
        self._window, self._least = 0, self._capacity

    def _pop(self, samples: int) -> Int16Samples:
        chunks = self._chunks
        self._size -= samples
        parts, missing = [], samples
        while missing:
            chunk = chunks.popleft()
            if len(chunk) > missing:
                chunks.appendleft(chunk[missing:])
                chunk = chunk[:missing]
            parts.append(chunk)
            missing -= len(chunk)
        if not parts:
            return np.zeros((0, self._format.num_channels), np.int16)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _leave_out(self, samples: int) -> None:
        """Drop the oldest; without joining them."""
        self._size -= samples
        while samples:
            chunk = self._chunks.popleft()
            if len(chunk) > samples:
                self._chunks.appendleft(chunk[samples:])
                return
            samples -= len(chunk)


__all__ = ["CAPACITY_MS", "OriginalBuffer", "OriginalStats"]
