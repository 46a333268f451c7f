"""How the positions of what is played lie to those of what is heard, told by the order in which they come."""

from __future__ import annotations

from collections import deque
from typing import Final

_PARTS: Final = 4


class EchoAnchor:
    """The tightest bound of the last seconds on which played sample can be in which heard one.

    Two streams have two counts of samples. But an echo can't come in before its sound
    was played: what had come in when a frame was played has none of that frame. How jittery both ends
    are only loosens such a bound, so the tightest is taken: from there an echo is late, never early.

    Args:
        part: Heard samples after which an older bound is forgotten, in four steps.
    """

    __slots__ = ("_bounds", "_part", "_part_end", "offset")

    def __init__(self, part: int) -> None:
        self._part = part
        self._bounds: deque[int] = deque(maxlen=_PARTS)
        self._part_end = 0
        self.offset: int | None = None
        """What to add to a heard position to get the newest played one that can be in it."""

    def reset(self) -> None:
        """Know nothing."""
        self._bounds.clear()
        self.offset = None

    def push(self, played: int, heard: int) -> None:
        """The sample ``played`` was played when all before ``heard`` had come in."""
        bound = played - heard
        if not self._bounds or heard >= self._part_end:
            self._bounds.append(bound)
            self._part_end = heard + self._part
        elif bound < self._bounds[-1]:
            self._bounds[-1] = bound
        self.offset = min(self._bounds)


__all__ = ["EchoAnchor"]
