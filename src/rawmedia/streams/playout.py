"""Where on the wire the sent audio went, and how much of that has been heard.

Two positions count here, both in samples per channel. The *place* of audio counts what was
sent, with the padding of segment ends; the *wire position* counts what was pulled, with
the silence between. Nothing here locks or calls back; the stream that owns it does.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class MarkReached:
    """What became of a mark."""

    name: str
    cleared: bool
    """True when `clear` dropped the audio before it, so that it will never be heard."""
    position: int
    """Where on the wire it lies; where the stream was when it was cleared."""
    estimated: bool
    """True where nobody reported playout and it was computed from what was pulled."""


@dataclass(slots=True)
class Mark:
    """A place in the sent audio that somebody wants to hear about."""

    name: str
    place: int
    callback: Callable[[MarkReached], object]
    wire: int = -1


class Playout:
    """Follows the audio of one outbound stream from the queue to the ear.

    Args:
        delay_s: How long after the pull audio is heard, where nobody reports it.
    """

    def __init__(self, delay_s: float) -> None:
        self._delay = delay_s
        self.pulled = 0
        """Wire position of the next sample to be pulled."""
        self.place = 0
        """Place of the next sample to be pulled."""
        self.content_end = 0
        """Wire position after the last sent audio that was pulled."""
        self._reported: int | None = None
        self._pulls: deque[tuple[float, int]] = deque()  # when, and up to where, not yet heard
        self._heard = 0
        self._queued_marks: deque[Mark] = deque()
        self._sent_marks: deque[Mark] = deque()

    @property
    def estimated(self) -> bool:
        """Whether what is said of playout is computed, for nobody reports it."""
        return self._reported is None

    @property
    def marks(self) -> int:
        """How many marks wait."""
        return len(self._queued_marks) + len(self._sent_marks)

    def played(self, now: float) -> int:
        """The wire position up to which audio has been heard."""
        if self._reported is not None:
            return self._reported
        if not self._delay:
            return self.pulled
        pulls = self._pulls
        while pulls and pulls[0][0] + self._delay <= now:
            self._heard = pulls.popleft()[1]
        return self._heard

    def settles_at(self) -> float | None:
        """When all that was pulled will have been heard; None when it was, or nobody can tell."""
        if self._reported is not None or not self._pulls:
            return None
        return self._pulls[-1][0] + self._delay

    def heard_at(self, wire: int) -> float | None:
        """When the audio before ``wire`` will have been heard; None when nobody can tell."""
        if self._reported is not None:
            return None
        return next((when + self._delay for when, end in self._pulls if end >= wire), None)

    def report(self, position: int) -> None:
        """The platform played up to ``position``; never goes back nor past what was pulled."""
        self._reported = max(self._reported or 0, min(position, self.pulled))
        self._pulls.clear()

    @property
    def delayed(self) -> bool:
        """Whether pulls have to be timed: what was pulled is heard later, and nobody reports it."""
        return self._delay > 0 and self._reported is None

    def note_pull(self, samples: int, now: float) -> None:
        """Remember when audio leaves; before it is counted as pulled."""
        self.played(now)
        self._pulls.append((now, self.pulled + samples))

    def pull(self, samples: int) -> list[Mark]:
        """Count sent audio that leaves; returns the marks that leave with it."""
        shift = self.pulled - self.place
        self.place += samples
        self.pulled += samples
        self.content_end = self.pulled
        return self._leave(shift) if self._queued_marks else []

    def add_mark(self, mark: Mark) -> list[Mark]:
        """Follow a mark; returns it when it has left already."""
        self._queued_marks.append(mark)
        return self._leave(self.pulled - self.place)

    def heard_marks(self, now: float) -> list[Mark]:
        """Marks that have been heard, each once."""
        marks = self._sent_marks
        if not marks:
            return []
        played = self.played(now)
        heard = []
        while marks and marks[0].wire <= played:
            heard.append(marks.popleft())
        return heard

    def clear(self, place: int, *, downstream: bool) -> list[Mark]:
        """Forget what was queued up to ``place``; returns the marks that will never be heard.

        Args:
            place: Where the next sent audio will lie.
            downstream: Whether the platform drops what was pulled and not heard, too.
        """
        cleared = list(self._queued_marks)
        self._queued_marks.clear()
        self.place = place
        if downstream:
            cleared = [*self._sent_marks, *cleared]
            self._sent_marks.clear()
            self._pulls.clear()
            self._heard = self.pulled
            if self._reported is not None:
                self._reported = self.pulled
        return cleared

    def _leave(self, shift: int) -> list[Mark]:
        leaving = []
        while self._queued_marks and self._queued_marks[0].place <= self.place:
            mark = self._queued_marks.popleft()
            mark.wire = mark.place + shift
            self._sent_marks.append(mark)
            leaving.append(mark)
        return leaving


__all__ = ["Mark", "MarkReached", "Playout"]
