"""How text becomes lines that can be read in the time they are shown."""

from __future__ import annotations

import unicodedata

import pytest
from caption_texts import ANY_TEXT, without_blanks
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.captions.layout import clean_lines, width, wrap


@settings(deadline=None)
@given(text=ANY_TEXT, max_columns=st.integers(10, 60))
def test_lines_fit_and_lose_nothing(text: str, max_columns: int) -> None:
    """Whatever an engine says, in any script, is shown whole and no line runs off the screen."""
    lines = wrap(text, max_columns)

    assert all(0 <= width(line) <= max_columns for line in lines)
    assert without_blanks("".join(lines)) == without_blanks(text)


@settings(deadline=None)
@given(text=ANY_TEXT)
def test_clean_lines_cannot_end_a_cue(text: str) -> None:
    """An empty line, or anything that some reader takes for one, would cut the cue in two."""
    for line in clean_lines(text):
        assert line.strip() == line != ""
        assert line.splitlines() == [line]
        assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in line)
        assert line.encode()


@settings(deadline=None)
@given(text=ANY_TEXT)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    """Texts pass through several hands."""
    once = clean_lines(text)
    assert clean_lines("\n".join(once)) == once


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("one two three four", 10, ["one two", "three four"]),
        ("exactly te", 10, ["exactly te"]),
        ("a  b \t c", 10, ["a b c"]),
        ("- Yes.\n\n \n- No.", 42, ["- Yes.", "- No."]),
        ("incomprehensibilities", 10, ["incomprehe", "nsibilitie", "s"]),
        ("an incomprehensible", 10, ["an", "incomprehe", "nsible"]),
        ("我们今天开会讨论", 10, ["我们今天开", "会讨论"]),
        ("我们今天开。会讨论", 10, ["我们今天", "开。会讨论"]),
        ("Ann: 我们今天开会讨论", 10, ["Ann: 我们", "今天开会讨", "论"]),
        ("Annabel: 我们今天开会讨论", 10, ["Annabel:", "我们今天开", "会讨论"]),
        ("Ann: 我们今天", 10, ["Ann:", "我们今天"]),
        ("我们今天「开会」讨论", 10, ["我们今天", "「开会」讨", "论"]),
        ("le mot\u00a0! oui", 10, ["le mot\u00a0!", "oui"]),
        ("cafe\u0301" * 3, 10, ["cafe\u0301cafe\u0301ca", "fe\u0301"]),
        ("......................", 10, ["......", "......", ".........."]),
        ("", 10, []),
        (" \n\t\0\n", 10, []),
    ],
)
def test_where_lines_break(text: str, columns: int, lines: list[str]) -> None:
    """At spaces; else between characters, where a reader of the script would."""
    assert wrap(text, columns) == lines


def test_wide_characters_take_two_columns_and_marks_none() -> None:
    """What a screen shows, not what ``len`` says."""
    assert [width(text) for text in ("abc", "日本", "한국", "e\u0301", "👍", "")] == [
        3,
        4,
        4,
        1,
        2,
        0,
    ]
