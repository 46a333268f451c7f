"""Text as the pieces that a revision changes: words, or characters in scripts that have no spaces."""

from __future__ import annotations

import re
import unicodedata

# Scripts whose lines may be broken where there is no space (Unicode Standard Annex #14, line
# breaking classes ID, CJ, NS and SA), by block.
_SOUTH_EAST_ASIAN = ((0x0E00, 0x0EFF), (0x0F00, 0x109F), (0x1780, 0x17FF), (0x19E0, 0x19FF))
_EAST_ASIAN = (
    (0x2E80, 0x312F),  # radicals, punctuation, kana, bopomofo
    (0x31A0, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF00, 0xFFEF),  # fullwidth and halfwidth forms
    (0x1B000, 0x1B16F),
    (0x20000, 0x3FFFF),
)
# What stays with the character before it, in part (Unicode Standard Annex #29, Extend and
# SpacingMark): general combining marks, joiners, variation selectors, kana voicing.
_MARKS = "\u0300-\u036f\u200c\u200d\u3099\u309a\ufe00-\ufe0f\uff9e\uff9f\U000e0100-\U000e01ef"


def _ranges(blocks: tuple[tuple[int, int], ...]) -> str:
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in blocks)


def _marks_of_south_east_asia() -> str:
    marks = [
        char
        for first, last in _SOUTH_EAST_ASIAN
        for char in map(chr, range(first, last + 1))
        # Thai and Lao AM look like letters to Unicode, but belong to the consonant before.
        if unicodedata.category(char)[0] == "M" or char in "\u0e33\u0eb3"
    ]
    return "".join(marks)


_UNSPACED = _ranges(_SOUTH_EAST_ASIAN + _EAST_ASIAN)
_EXTEND = _MARKS + _marks_of_south_east_asia()
_WORD = re.compile(f" ?(?:[{_UNSPACED}][{_EXTEND}]*|[^ {_UNSPACED}]+)")


def split_words(text: str) -> list[str]:
    """The pieces of a clean line, in order; joined they are the line again.

    A piece is a word with the space before it and the punctuation at it. In Chinese,
    Japanese, Thai, Lao, Khmer, Burmese and Tibetan, where no space shows the end of a word,
    it is a character with the marks that belong to it.

    Args:
        text: One line, as `one_line` gives it.
    """
    return _WORD.findall(text)


__all__ = ["split_words"]
