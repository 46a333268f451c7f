"""How much of a text was taken back after it was shown: normalised erasure.

Source: N. Arivazhagan, C. Cherry, W. Macherey and G. Foster, Re-translation versus Streaming
for Simultaneous Translation, IWSLT 2020 (NE).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawmedia.captions.layout import one_line
from rawmedia.captions.words import split_words

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was taken back of one text or of many; they add up."""

    erased: int = 0
    """Words that were shown and then removed or replaced, counted each time."""
    length: int = 0
    """Words of the final texts."""

    @property
    def normalised(self) -> float | None:
        """Words erased for each word of the final text: 0 is a text that only grew.

        None where the final text has no words.
        """
        return self.erased / self.length if self.length else None

    def __add__(self, other: Erasure) -> Erasure:
        return Erasure(self.erased + other.erased, self.length + other.length)


class ErasureMeter:
    """Counts what each revision of a text takes back: all that follows the first change.

    A word is what `split_words` says: a character in Chinese, Japanese or Thai.
    """

    __slots__ = ("erased", "words")

    def __init__(self) -> None:
        self.words: list[str] = []
        """The text as it stands."""
        self.erased = 0
        """Words taken back so far."""

    def revise(self, words: list[str]) -> int:
        """The text is now this.

        Returns:
            How many words at its start stayed as they were.
        """
        kept = common_prefix(self.words, words)
        self.erased += len(self.words) - kept
        self.words = words
        return kept

    @property
    def erasure(self) -> Erasure:
        """What was erased, as if the text that stands were final."""
        return Erasure(self.erased, len(self.words))


def common_prefix(before: list[str], after: list[str]) -> int:
    """How many words two texts have in common at their start."""
    shorter = min(len(before), len(after))
    # Mostly nothing changed, and comparing slices is many times faster than a loop.
    if before[:shorter] == after[:shorter]:
        return shorter
    return next(i for i in range(shorter) if before[i] != after[i])


def erasure_of(revisions: Iterable[str]) -> Erasure:
    """The erasure of a text whose revisions these are, the final one last.

    Blanks and control characters do not count.
    """
    meter = ErasureMeter()
    for text in revisions:
        meter.revise(split_words(one_line(text)))
    return meter.erasure


__all__ = ["Erasure", "ErasureMeter", "common_prefix", "erasure_of"]
