"""What is followed of a text until it is final."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rawmedia.captions.erasure import Erasure, erasure_of
from rawmedia.sessions.metrics.revisions import RevisionLog, words_of

TEXTS = st.lists(
    st.lists(st.sampled_from(["ein", "zwei", "drei", "vier"]), max_size=6).map(" ".join),
    min_size=1,
    max_size=8,
)


def test_a_word_stands_since_the_revision_that_all_before_it_agrees_with() -> None:
    """What came back after a change was not to be relied upon before."""
    log = RevisionLog()
    log.revise("a", "es", "uno dos", 0, 1.0)
    log.revise("a", "es", "uno tres dos", 1, 2.0)
    assert log.finish("a", "es", "uno tres dos mas", 3.0).since_s == (1.0, 2.0, 2.0, 3.0)


def test_erasure_of_a_text_is_counted_by_hand() -> None:
    """Two words go at the first change, one at the final: 3 for 3 words."""
    log = RevisionLog()
    for revision, text in enumerate(["uno dos tres", "uno", "uno dos", "uno cuatro cinco"]):
        log.revise("a", "es", text, revision, 0.0)
    assert log.finish("a", "es", "uno cuatro cinco", 0.0).erasure == Erasure(3, 3)


@given(texts=TEXTS)
def test_erasure_is_that_of_the_captions(texts: list[str]) -> None:
    """One definition for what the engine did and for what was shown."""
    log = RevisionLog()
    for revision, text in enumerate(texts[:-1]):
        assert log.revise("a", "es", text, revision, float(revision))
    assert log.finish("a", "es", texts[-1], 99.0).erasure == erasure_of(texts)


@given(texts=TEXTS)
def test_every_word_of_the_final_has_a_time_and_none_is_before_the_one_before_it(
    texts: list[str],
) -> None:
    """A word stands no longer than those that it follows."""
    log = RevisionLog()
    for revision, text in enumerate(texts[:-1]):
        log.revise("a", "es", text, revision, float(revision))
    since = log.finish("a", "es", texts[-1], 99.0).since_s
    assert len(since) == len(words_of(texts[-1]))
    assert list(since) == sorted(since)


def test_an_older_revision_is_passed_over() -> None:
    """It came late; a reader has seen the newer one."""
    log = RevisionLog()
    assert log.revise("a", "es", "uno dos", 5, 1.0)
    assert not log.revise("a", "es", "uno", 4, 2.0)
    assert log.finish("a", "es", "uno dos", 3.0).erasure == Erasure(0, 2)


def test_languages_and_utterances_are_followed_apart() -> None:
    """They come in any order."""
    log = RevisionLog()
    log.revise("a", "es", "uno", 0, 1.0)
    log.revise("b", "es", "dos", 0, 2.0)
    log.revise("a", "fr", "un", 0, 3.0)
    assert log.finish("a", "fr", "un", 9.0).since_s == (3.0,)
    assert log.finish("b", "es", "dos", 9.0).since_s == (2.0,)
    assert log.finish("a", "es", "uno", 9.0).since_s == (1.0,)


def test_a_text_that_was_never_revised_stands_since_its_final() -> None:
    """Engines without partial results."""
    assert RevisionLog().finish("a", "es", "uno dos", 7.0).since_s == (7.0, 7.0)


def test_what_never_ends_is_given_up_and_books_are_read_to_a_page() -> None:
    """An engine that opens utterances for ever must not fill the memory."""
    log = RevisionLog()
    for number in range(1_000):
        log.revise(str(number), "es", "palabra " * 10_000, 0, float(number))
    assert len(log._texts) == 128
    assert all(len(text.since_s) == 500 for text in log._texts.values())
    log.forget("999")
    assert len(log._texts) == 127
    assert log.finish("0", "es", "palabra", 2_000.0).since_s == (2_000.0,)
