"""Text as captions show it: clean, a few lines at a time, no line too wide to read."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from rawmedia.captions.words import split_words

if TYPE_CHECKING:
    from collections.abc import Iterator

# Everything that Unicode or a caption format takes for the end of a line.
_LINE_BREAK = re.compile("\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
# Blanks at which a line may be broken; a no-break space (French puts one before "!") is not one.
_BLANKS = re.compile(r"[ \t\u1680\u2000-\u2006\u2008-\u200a\u205f\u3000]+")

_REPLACED = {"Cc": "", "Cs": "\N{REPLACEMENT CHARACTER}"}
_MAX_CLUSTER_COLUMNS = 6
"""A row of dots is punctuation too, and must be broken somewhere."""


def clean_lines(text: str) -> list[str]:
    """The lines of ``text`` that say something.

    Blanks at the ends go, runs of blanks become one space, control characters go, and half
    a surrogate pair, which no file can hold, becomes U+FFFD.
    """
    lines = (_clean_line(line) for line in _LINE_BREAK.split(text))
    return [line for line in lines if line]


def one_line(text: str) -> str:
    """``text`` as one clean line: what `clean_lines` gives, joined by spaces."""
    # What is printable has neither line breaks nor control characters, and no blank but the space.
    if text.isprintable() and "  " not in text:
        return text.strip(" ")
    return " ".join(clean_lines(text))


def _clean_line(line: str) -> str:
    spaced = _BLANKS.sub(" ", line)
    kept = (_REPLACED.get(unicodedata.category(char), char) for char in spaced)
    # Again, as a control character may have stood between two blanks.
    return _BLANKS.sub(" ", "".join(kept)).strip()


def width(text: str) -> int:
    """Columns that a clean line takes: two a Chinese, Japanese or Korean character, none a mark."""
    return len(text) if text.isascii() else sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrap(text: str, max_columns: int) -> list[str]:
    """Break clean lines further, at spaces, until none is wider than ``max_columns``.

    Words that are wider themselves are broken between characters, but never before a combining
    mark or a closing punctuation mark. What has no spaces, such as a Chinese sentence, begins on
    the line that is there, and a long word of another script on a line of its own.
    """
    return [piece for line in clean_lines(text) for piece in _wrap_line(line, max_columns)]


def _wrap_line(line: str, max_columns: int) -> Iterator[str]:
    current = ""
    for word in line.split(" "):
        joined = f"{current} {word}" if current else word
        if current and width(joined) > max_columns and not _unspaced(word, max_columns):
            yield current
            joined = word
        *whole, current = _break_word(joined, max_columns)
        yield from whole
    yield current


def _unspaced(word: str, max_columns: int) -> bool:
    """Whether it is a sentence rather than a word."""
    return width(word) > max_columns and len(split_words(word)) > 1


def _break_word(word: str, max_columns: int) -> list[str]:
    if width(word) <= max_columns:
        return [word]
    pieces = [""]
    columns = 0
    for cluster in _clusters(word):
        needed = width(cluster)
        if columns and columns + needed > max_columns:
            pieces.append("")
            columns = 0
        pieces[-1] += cluster
        columns += needed
    return [stripped for piece in pieces if (stripped := piece.strip(" "))]


def _clusters(word: str) -> Iterator[str]:
    """Characters with the marks, joiners and punctuation that belong to them."""
    cluster = ""
    for char in word:
        if cluster and not _belongs(char, cluster):
            yield cluster
            cluster = ""
        cluster += char
    yield cluster


def _belongs(char: str, cluster: str) -> bool:
    """Whether a line must not be broken between ``cluster`` and ``char``."""
    if _char_width(char) == 0 or cluster.endswith("\N{ZERO WIDTH JOINER}"):
        return True
    if width(cluster) + _char_width(char) > _MAX_CLUSTER_COLUMNS:
        return False
    closes = unicodedata.category(char) in ("Mc", "Pe", "Pf", "Po")
    return closes or unicodedata.category(cluster[-1]) in ("Pi", "Ps")


__all__ = ["clean_lines", "one_line", "width", "wrap"]
