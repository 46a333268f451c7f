"""What is shown while a text is still being revised."""

from __future__ import annotations

import pytest
from caption_texts import ANY_TEXT
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rawmedia.captions import StabilityConfig, StableText
from rawmedia.captions.erasure import erasure_of
from rawmedia.captions.layout import one_line

CONFIGS = st.builds(
    StabilityConfig,
    agreeing_revisions=st.integers(1, 4),
    held_back_words=st.integers(0, 3),
    show_tail=st.booleans(),
)
# Few words, so that revisions agree often, in scripts with spaces and without.
TEXTS = st.one_of(
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=7).map(" ".join),
    st.lists(st.sampled_from(["a", "b"]), max_size=7).map(" ".join),
    st.lists(st.sampled_from(["我", "们", "か\u3099"]), max_size=7).map("".join),
    ANY_TEXT,
)


@given(config=CONFIGS, revisions=st.lists(TEXTS, max_size=12), final=TEXTS)
def test_stable_text_only_grows_and_the_final_is_shown(
    config: StabilityConfig, revisions: list[str], final: str
) -> None:
    """A reader who looks away and back finds what was there, and in the end what was said."""
    text = StableText(config)
    for revision in revisions:
        before = text.stable
        text.revise(revision)
        assert text.stable.startswith(before)
        assert config.show_tail or text.tail == ""
    text.finish(final)

    assert (text.stable, text.tail, text.final) == (one_line(final), "", True)


@given(config=CONFIGS, revisions=st.lists(TEXTS, max_size=12), final=TEXTS)
def test_what_is_shown_takes_back_no_more_than_the_engine_did(
    config: StabilityConfig, revisions: list[str], final: str
) -> None:
    """The point of it all; and both figures are those of the definition."""
    text, shown = StableText(config), []
    for revision in revisions:
        text.revise(revision)
        shown.append(text.text)
    text.finish(final)

    assert text.engine_erasure == erasure_of([*revisions, final])
    assert text.shown_erasure == erasure_of([*shown, final])
    assert text.shown_erasure.erased <= text.engine_erasure.erased


@given(
    agreeing=st.integers(1, 4),
    held_back=st.integers(0, 3),
    revisions=st.lists(TEXTS, max_size=12),
)
def test_without_a_tail_nothing_is_taken_back_before_the_final(
    agreeing: int, held_back: int, revisions: list[str]
) -> None:
    """Only a final that contradicts what is shown can do that."""
    text = StableText(
        StabilityConfig(agreeing_revisions=agreeing, held_back_words=held_back, show_tail=False)
    )
    for revision in revisions:
        text.revise(revision)
        assert text.shown_erasure.erased == 0
    text.finish(text.stable)
    assert text.shown_erasure.erased == 0


def test_a_final_that_contradicts_is_shown_and_counted() -> None:
    """A wrong text that never flickers is still wrong."""
    text = StableText(StabilityConfig(agreeing_revisions=1, held_back_words=0))
    text.revise("so we meat")
    text.finish("So we meet.")
    assert text.text == "So we meet."
    assert text.shown_erasure.normalised == 1.0


def test_words_wait_until_revisions_agree() -> None:
    """Three revisions in a row, here."""
    text = StableText(StabilityConfig(agreeing_revisions=3, held_back_words=0))
    shown = []
    for revision in ["a", "a b", "a b c", "a x c", "a x c d", "a x c e"]:
        text.revise(revision)
        shown.append((text.stable, text.tail))
    assert shown == [
        ("", "a"),
        ("", "a b"),
        ("a", " b c"),
        ("a", " x c"),
        ("a", " x c d"),
        ("a x c", " e"),
    ]


def test_the_last_words_wait() -> None:
    """They are the ones that change; in Chinese the last characters are."""
    text = StableText(StabilityConfig(agreeing_revisions=1, held_back_words=2))
    text.revise("we meet again tomorrow")
    assert (text.stable, text.tail) == ("we meet", " again tomorrow")
    text = StableText(StabilityConfig(agreeing_revisions=1, held_back_words=2))
    text.revise("我们开会")
    assert (text.stable, text.tail) == ("我们", "开会")


def test_a_contradiction_freezes_what_is_stable_and_hides_the_rest() -> None:
    """Nobody knows where the rest belongs; when the engine comes back to it, it goes on."""
    text = StableText(StabilityConfig(agreeing_revisions=1, held_back_words=0))
    text.revise("we meet")
    text.revise("he meets us")
    assert (text.stable, text.tail) == ("we meet", "")
    text.revise("we meet again")
    assert text.stable == "we meet again"


def test_a_text_that_shrinks_stays_shown() -> None:
    """Engines start a recognition anew in the middle of a sentence."""
    text = StableText(StabilityConfig(agreeing_revisions=1, held_back_words=0))
    text.revise("we meet")
    text.revise("")
    assert text.text == "we meet"


def test_nothing_changes_after_the_final() -> None:
    """A late partial must not replace it."""
    text = StableText()
    text.finish("done")
    text.revise("undone")
    text.finish("undone too")
    assert text.text == "done"


@pytest.mark.parametrize(
    "setting", [{"agreeing_revisions": 0}, {"held_back_words": -1}, {"agreeing": 2}]
)
def test_a_setting_that_cannot_be_is_refused(setting: dict[str, int]) -> None:
    """And so is one that is misspelt."""
    with pytest.raises(ValidationError):
        StabilityConfig.model_validate(setting)
