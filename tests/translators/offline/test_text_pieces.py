"""Long texts are cut where people pause, and nothing but white space is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rawmedia.translators.offline.pieces import pieces


@given(text=st.text(alphabet="ab .!?-\n", max_size=200), max_length=st.integers(2, 40))
def test_pieces_are_short_and_together_the_text(text: str, max_length: int) -> None:
    """An engine gets no more than it takes, and no less than there is."""
    cut = pieces(text, max_length)
    assert all(0 < len(each) <= max_length for each in cut)
    assert "".join("".join(cut).split()) == "".join(text.split())


def test_cuts_are_made_after_sentences_first() -> None:
    """Half a sentence translates and sounds worse than a whole one."""
    assert pieces("One two. Three four. Five six.", 22) == ["One two. Three four.", "Five six."]
    assert pieces("One two. Three four five six.", 12) == ["One two.", "Three four", "five six."]
    assert pieces("abcdefgh", 3) == ["abc", "def", "gh"]
    assert pieces(" \n ", 3) == []
