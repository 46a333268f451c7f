"""Where a text can be cut into pieces that a revision changes."""

from __future__ import annotations

import pytest
from caption_texts import ANY_TEXT
from hypothesis import given

from rawmedia.captions.layout import clean_lines, one_line
from rawmedia.captions.words import split_words


@given(text=ANY_TEXT)
def test_pieces_joined_are_the_text(text: str) -> None:
    """A caption is put together from pieces; none may be lost, whatever script they are in."""
    line = one_line(text)
    assert "".join(split_words(line)) == line


@given(text=ANY_TEXT)
def test_one_line_is_the_clean_lines_joined(text: str) -> None:
    """It has a shorter way for plain text, which must not differ."""
    assert one_line(text) == " ".join(clean_lines(text))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("Hello, world!", ["Hello,", " world!"]),
        ("我们 用Python。", ["我", "们", " 用", "Python", "。"]),
        ("がか\u3099", ["が", "か\u3099"]),
        ("ครับน้ำ", ["ค", "รั", "บ", "น้ำ"]),
        ("한국어 문장", ["한국어", " 문장"]),
        ("שלום עולם", ["שלום", " עולם"]),
        ("👩‍👩‍👧 ok", ["👩‍👩‍👧", " ok"]),
        ("le mot\u00a0!", ["le", " mot\u00a0!"]),
    ],
)
def test_where_pieces_begin(text: str, pieces: list[str]) -> None:
    """At spaces; in scripts that have none, between characters with their marks."""
    assert split_words(text) == pieces
