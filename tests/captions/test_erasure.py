"""Normalised erasure, by its definition and by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.captions.erasure import Erasure, ErasureMeter, common_prefix, erasure_of

WORDS = st.lists(st.sampled_from("abc"), max_size=6)


@pytest.mark.parametrize(
    ("revisions", "erased", "length"),
    [
        ([], 0, 0),
        (["a b c"], 0, 3),
        (["a", "a b", "a b c"], 0, 3),
        (["a", "a x", "a b", "a b c"], 1, 3),
        (["x y z", "a b"], 3, 2),
        (["a b c", "a", "a b c"], 2, 3),
        (["a  b", "a\nb\0"], 0, 2),
        (["我们开", "我门开会"], 2, 4),
        (["a b", ""], 2, 0),
    ],
)
def test_erasure_by_hand(revisions: list[str], erased: int, length: int) -> None:
    """What follows the first change is erased, and each time counts."""
    assert erasure_of(revisions) == Erasure(erased, length)


def test_normalised_is_per_word_of_the_final_text() -> None:
    """2.5 words erased for each word that stays is a caption that nobody can read."""
    assert Erasure(5, 2).normalised == 2.5
    assert Erasure(0, 2).normalised == 0
    assert Erasure(5, 0).normalised is None
    assert Erasure(5, 2) + Erasure(1, 4) == Erasure(6, 6)


@given(revisions=st.lists(WORDS, max_size=8))
def test_the_meter_follows_the_definition(revisions: list[list[str]]) -> None:
    """Sum over all revisions: length before, less the longest common prefix with the one after."""
    meter = ErasureMeter()
    for words in revisions:
        meter.revise(words)

    expected = 0
    for before, after in zip([[], *revisions], revisions, strict=False):
        longest = max(
            n for n in range(len(before) + 1) if n <= len(after) and before[:n] == after[:n]
        )
        expected += len(before) - longest
    assert meter.erased == expected
    assert meter.erasure.length == (len(revisions[-1]) if revisions else 0)


@given(before=WORDS, after=WORDS)
def test_a_common_prefix_is_common_and_the_longest(before: list[str], after: list[str]) -> None:
    """Both of its ways, the slice and the loop."""
    length = common_prefix(before, after)
    assert before[:length] == after[:length]
    assert before[: length + 1] != after[: length + 1] or length == len(before) == len(after)
