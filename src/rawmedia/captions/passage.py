"""What a cue says in one language, in lines, and how two languages are shown in step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rawmedia.captions.layout import width

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines in one language."""

    lines: tuple[str, ...]
    language: str
    """A tag, or empty where it is not known."""

    @property
    def columns(self) -> int:
        """The width of all lines together."""
        return sum(map(width, self.lines))


def divided(passages: Sequence[Passage], max_lines: int) -> list[list[Passage]]:
    """What is shown one after the other, at most ``max_lines`` of each passage at a time.

    The longest passage fills every part but its last; shorter ones are spread over all
    parts, so that a reader of either language is about as far. One with fewer lines than
    there are parts stays: a line of it is shown in several.

    Args:
        passages: At least one; each has a line or more.
        max_lines: 1 or more.

    Returns:
        The parts, each with a line or more of every passage.
    """
    count = max(-(-len(passage.lines) // max_lines) for passage in passages)
    parts: list[list[Passage]] = [[] for _ in range(count)]
    for passage in passages:
        total = len(passage.lines)
        filled = -(-total // max_lines) == count
        for i, part in enumerate(parts):
            first, last = i * max_lines, (i + 1) * max_lines
            if not filled:
                first, last = i * total // count, (i + 1) * total // count
            part.append(replace(passage, lines=passage.lines[first : max(first + 1, last)]))
    return parts


__all__ = ["Passage", "divided"]
