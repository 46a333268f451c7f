"""Pauses in speech that waits to be heard: found a second ahead, and cut out when they are reached."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np

from rawmedia.audio.pauses import FADE_MS, PauseFinder, cut_out

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.sessions.lag import LagLimits
    from rawmedia.sessions.speech.queue import Utterance

_AHEAD_MS: Final = 1_000.0
_AT_ONCE_MS: Final = 100.0
"""What is looked at per frame until that far is seen, so that no frame costs much more than others."""
_FRAMES_AT_ONCE: Final = 4


class PauseTrimmer:
    """Shortens the pauses of one utterance from where it is read now. For one thread at a time.

    Args:
        utterance: Whose; it is read and dropped from by others, too, but never back.
        format: What its audio is.
        limits: Which pauses, and what is left of them.
    """

    __slots__ = (
        "_ahead",
        "_at_once",
        "_cuts",
        "_done",
        "_fade",
        "_finder",
        "_format",
        "_origin",
        "_seen",
        "utterance",
    )

    def __init__(self, utterance: Utterance, format: AudioFormat, limits: LagLimits) -> None:
        self.utterance = utterance
        self._format = format
        self._finder = PauseFinder(
            format, min_pause_ms=limits.min_pause_ms, keep_ms=limits.keep_pause_ms
        )
        self._origin = self._seen = self._done = utterance.position
        self._ahead = format.samples(_AHEAD_MS)
        self._at_once = format.samples(_AT_ONCE_MS)
        self._fade = format.samples(FADE_MS)
        self._cuts: deque[tuple[int, int]] = deque()

    def look_ahead(self, frame: int) -> None:
        """Look at what comes, a little per call, before a frame of ``frame`` samples is read."""
        utterance = self.utterance
        if self._seen >= utterance.position + self._ahead:
            return
        # More than a frame takes of it, so that what is read was always looked at.
        audio = utterance.peek(self._seen, max(self._at_once, _FRAMES_AT_ONCE * frame))
        self._seen += len(audio)
        self._cuts.extend(
            (self._origin + pause.cut_start, self._origin + pause.cut_end)
            for pause in self._finder.push(audio)
        )

    def next_cut(self, within: int) -> tuple[int, int] | None:
        """The next stretch that can go, if it begins in the next ``within`` samples."""
        position = self.utterance.position
        while self._cuts:
            cut = self._usable(*self._cuts[0])
            if cut is not None:
                return cut if cut[0] < position + within else None
            self._cuts.popleft()
        pause = self._finder.current
        if pause is None:
            return None
        cut = self._usable(self._origin + pause.cut_start, self._origin + pause.cut_end)
        return cut if cut is not None and cut[0] < position + within else None

    def cut(self, cut: tuple[int, int]) -> int:
        """Leave a stretch out whose start is reached, and fade over it; returns its samples."""
        utterance, (start, end) = self.utterance, cut
        faded = cut_out(
            utterance.peek(start, end - start + self._fade), [(0, end - start)], self._format
        )
        utterance.drop(end - start)
        utterance.read(len(faded))
        utterance.unread(faded)
        self._done = end + self._fade
        return end - start

    def _usable(self, start: int, end: int) -> tuple[int, int] | None:
        """What is left of a stretch that lies partly before what is read next."""
        start = max(start, self._done, self.utterance.position)
        # A shorter one isn't worth a fade.
        return (start, end) if end - start >= 2 * self._fade else None


def resume_at(utterance: Utterance, first: int, last: int, format: AudioFormat) -> int | None:
    """The end of the first pause between two positions, shortly before the word after it."""
    finder = PauseFinder(format, min_pause_ms=200.0, keep_ms=100.0)
    pauses = finder.push(utterance.peek(first, last - first))
    return first + pauses[0].cut_end if pauses else None


def faded_in(samples: Int16Samples) -> Int16Samples:
    """A beginning in the middle of speech, without a click."""
    rise = (np.arange(len(samples)) + 0.5) / max(1, len(samples))
    return np.rint(samples * rise[:, np.newaxis]).astype(np.int16)


def faded_out(samples: Int16Samples) -> Int16Samples:
    """An end in the middle of speech, without a click."""
    return faded_in(samples[::-1])[::-1]


__all__ = ["PauseTrimmer", "faded_in", "faded_out", "resume_at"]
