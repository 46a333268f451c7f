"""Utterances across sessions: one id, one row of revisions, no text and no sample of speech twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    TranslatedAudio,
    TranslatorWarning,
    UtteranceEnded,
    WordTiming,
)
from rawmedia.translators.resilience.decisions import Deliver, Suppress, Warn
from rawmedia.translators.resilience.utterances import UtteranceBook

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.resilience.decisions import Decision
    from rawmedia.translators.resilience.utterances import Report

ONE, TWO = TimeSpan(0, 1_000), TimeSpan(1_500, 2_500)


def partial(name: str, revision: int, text: str, span: TimeSpan = ONE) -> PartialTranslation:
    return PartialTranslation(name, revision, text, "en", span)


def final(
    name: str, revision: int, text: str, span: TimeSpan = ONE, *words: WordTiming
) -> FinalTranslation:
    return FinalTranslation(name, revision, text, "en", span, {"es": text}, words)


def audio(name: str, start: int, samples: int, span: TimeSpan = ONE) -> TranslatedAudio:
    data = np.arange(start, start + samples, dtype=np.int16)
    return TranslatedAudio(name, "es", AudioFrame(data, SPEECH, start), span)


def ended(name: str, span: TimeSpan = ONE) -> UtteranceEnded:
    return UtteranceEnded(name, span)


def book(*, speech: bool = True, resume: bool = True) -> UtteranceBook:
    made = UtteranceBook(speech=speech, resume=resume)
    assert list(made.begin_session(1, 0, 0.0)) == []
    return made


def hear(books: UtteranceBook, *events: Report) -> list[Decision]:
    return [decision for event in events for decision in books.hear(event)]


def heard(decisions: Iterable[Decision]) -> list[TranslationEvent]:
    return [each.event for each in decisions if isinstance(each, Deliver)]


def why(decisions: Iterable[Decision]) -> list[str]:
    return [each.why for each in decisions if isinstance(each, Suppress)]


def codes(decisions: Iterable[Decision]) -> list[str]:
    return [each.event.code for each in decisions if isinstance(each, Warn)]


def next_session(
    books: UtteranceBook, number: int = 2, *, engine: int = 0, from_ms: float = 0.0
) -> list[Decision]:
    return list(books.begin_session(number, engine, from_ms))


def test_one_session_passes_through_under_own_ids() -> None:
    """Without a fault a reader notices nothing."""
    decisions = hear(
        book(),
        partial("a7", 0, "he"),
        partial("a7", 3, "hell"),
        final("a7", 4, "hello"),
        audio("a7", 0, 10),
        audio("a7", 10, 10),
        ended("a7"),
    )
    assert heard(decisions) == [
        partial("u1", 0, "he"),
        partial("u1", 1, "hell"),
        final("u1", 2, "hello"),
        audio("u1", 0, 10),
        audio("u1", 10, 10),
        ended("u1"),
    ]
    assert len(decisions) == 6


def test_the_same_engine_id_in_two_sessions_is_two_utterances() -> None:
    """Engines count from one again; a reader must not take the second for the first."""
    books = book()
    hear(books, final("u1", 0, "one"), ended("u1"))
    list(books.settle(1_000))
    next_session(books, from_ms=1_000)
    assert heard(hear(books, final("u1", 0, "two", TWO), ended("u1", TWO))) == [
        final("u2", 0, "two", TWO),
        ended("u2", TWO),
    ]


def test_an_utterance_in_progress_goes_on_under_its_id_and_with_higher_revisions() -> None:
    """A caption line that is being written stays the same line."""
    books = book()
    hear(books, partial("x", 0, "he"), partial("x", 1, "hell"))
    next_session(books)
    decisions = hear(books, partial("y", 0, "hello"), final("y", 1, "hello you"), ended("y"))
    assert heard(decisions) == [
        partial("u1", 2, "hello"),
        final("u1", 3, "hello you"),
        ended("u1"),
    ]


def test_each_of_two_open_utterances_finds_its_own_again() -> None:
    books = book()
    hear(books, partial("a", 0, "one"), partial("b", 0, "two", TWO))
    next_session(books)
    decisions = hear(books, partial("c", 0, "two", TWO), partial("d", 0, "one"))
    assert heard(decisions) == [partial("u2", 1, "two", TWO), partial("u1", 1, "one")]


def test_a_final_text_is_not_said_again_and_its_speech_goes_on() -> None:
    books = book()
    hear(books, final("a", 0, "hello"), audio("a", 0, 30))
    assert not books.owes_nothing
    next_session(books)
    decisions = hear(
        books,
        partial("b", 0, "hel", TimeSpan(0, 500)),
        final("b", 1, "hello", TimeSpan(20, 980)),
        audio("b", 0, 20),
        audio("b", 20, 20),
        audio("b", 40, 20),
        ended("b"),
    )
    assert why(decisions) == ["said before", "said before", "spoken before"]
    assert codes(decisions) == ["duplicate_dropped", "speech_resumed"]
    assert heard(decisions) == [audio("u1", 30, 10), audio("u1", 40, 20), ended("u1")]
    assert books.owes_nothing


def test_a_text_cut_otherwise_the_second_time_is_still_not_said_again() -> None:
    """One utterance may come back as two; neither part is new."""
    books = book()
    hear(books, final("a", 0, "hello world"), audio("a", 0, 10))
    next_session(books)
    decisions = hear(
        books,
        final("b", 0, "hello", TimeSpan(0, 500)),
        final("c", 0, "world", TimeSpan(500, 1_000)),
        audio("b", 0, 15),
        ended("b"),
        audio("c", 0, 15),
        ended("c"),
    )
    assert codes(decisions).count("duplicate_dropped") == 2
    assert heard(decisions) == [audio("u1", 10, 5), ended("u1")]
    assert why(decisions)[-2:] == ["ended before", "ended before"]


def test_speech_of_an_utterance_that_was_told_to_the_end_is_not_spoken_again() -> None:
    books = book()
    hear(books, final("a", 0, "hello"), audio("a", 0, 10), ended("a"))
    next_session(books)
    decisions = hear(books, audio("b", 0, 10), final("b", 0, "hello"), ended("b"))
    assert heard(decisions) == []
    assert why(decisions) == ["ended before", "said before", "ended before"]


def test_partials_of_what_was_said_are_left_out_until_something_new_is_in_them() -> None:
    """The second recognition may hear two utterances as one."""
    books = book()
    hear(books, final("a", 0, "hello"), ended("a"))
    next_session(books)
    decisions = hear(
        books,
        partial("b", 0, "hel", TimeSpan(0, 500)),
        partial("b", 1, "hello wor", TimeSpan(0, 2_400)),
    )
    assert why(decisions) == ["said before"]
    assert heard(decisions) == [partial("u2", 0, "hello wor", TimeSpan(0, 2_400))]


def test_an_utterance_shown_by_mistake_is_ended_when_its_text_turns_out_to_be_known() -> None:
    books = book()
    hear(books, final("a", 0, "hello"))
    next_session(books)
    decisions = hear(books, partial("b", 0, "hello?", TimeSpan(900, 2_000)), final("b", 1, "hello"))
    assert heard(decisions) == [
        partial("u2", 0, "hello?", TimeSpan(900, 2_000)),
        ended("u2", TimeSpan(900, 2_000)),
    ]


def test_a_text_with_one_new_word_is_said_and_the_reader_is_told() -> None:
    books = book()
    hear(books, final("a", 0, "hello"), ended("a"))
    next_session(books)
    known = WordTiming("hello", TimeSpan(100, 700))
    new = WordTiming("world", TimeSpan(1_100, 1_600))
    decisions = hear(books, final("b", 0, "hello world", TimeSpan(0, 1_700), known, new))
    assert [type(event) for event in heard(decisions)] == [FinalTranslation]
    assert codes(decisions) == ["partly_repeated"]


def test_what_no_session_comes_back_to_is_ended_and_missing_speech_is_told() -> None:
    """A reader must not wait for ever, and silence must not pass for translation."""
    books = book()
    hear(books, final("a", 0, "hello"), partial("b", 0, "wor", TWO))
    next_session(books)
    assert list(books.settle(999)) == []
    assert heard(books.settle(1_000)) == [ended("u1")]
    decisions = list(books.settle(3_000))
    assert heard(decisions) == [ended("u2", TWO)]
    assert codes(decisions) == []


def test_speech_that_never_came_is_told_only_where_speech_was_asked_for() -> None:
    for speech in (True, False):
        books = book(speech=speech)
        hear(books, final("a", 0, "hello"))
        next_session(books)
        assert codes(books.settle(1_000)) == (["speech_dropped"] if speech else [])


def test_what_lies_before_the_audio_of_a_session_is_ended_as_it_begins() -> None:
    """That audio is gone; nobody will answer for it."""
    books = book()
    hear(books, final("a", 0, "hello"), audio("a", 0, 5), partial("b", 0, "wor", TWO))
    decisions = next_session(books, from_ms=1_000)
    assert heard(decisions) == [ended("u1")]
    assert codes(decisions) == ["speech_dropped"]


def test_another_engine_does_not_finish_the_first_ones_sentence() -> None:
    books = book()
    hear(books, final("a", 0, "hello"), audio("a", 0, 10))
    next_session(books, engine=1)
    decisions = hear(
        books, final("b", 0, "hello"), audio("b", 0, 30), audio("b", 30, 30), ended("b")
    )
    assert codes(decisions) == ["duplicate_dropped", "speech_dropped"]
    assert heard(decisions) == [ended("u1")]


def test_speech_before_its_text_goes_on_too() -> None:
    """Engines that translate speech to speech have no text until the end."""
    books = book()
    hear(books, audio("a", 0, 10))
    next_session(books)
    decisions = hear(books, audio("b", 0, 25), final("b", 0, "hello"), ended("b"))
    assert heard(decisions) == [audio("u1", 10, 15), final("u1", 0, "hello"), ended("u1")]


def test_an_interrupt_silences_what_was_begun_before_it_in_later_sessions_too() -> None:
    """The first session's engine drops it; the second has never heard of the interrupt."""
    books = book()
    hear(books, final("a", 0, "hello"), audio("a", 0, 10))
    assert list(books.begin_session(2, 0, 0.0, 1_200.0)) == []
    decisions = hear(books, final("b", 0, "hello"), audio("b", 0, 30), audio("c", 0, 5, TWO))
    assert why(decisions) == ["said before", "interrupted"]
    assert heard(decisions) == [audio("u2", 0, 5, TWO)]


def test_an_engine_that_answers_twice_is_heard_once() -> None:
    books = book()
    first = hear(books, final("a", 0, "hello"), audio("a", 0, 10), ended("a"))
    again = hear(
        books,
        partial("b", 0, "hel"),
        final("b", 1, "hello"),
        final("b", 1, "hello"),
        audio("b", 0, 10),
        ended("b"),
    )
    assert len(heard(first)) == 3
    assert heard(again) == [partial("u2", 0, "hel"), ended("u2")]
    assert why(again) == ["said before", "said before", "spoken before", "said before"]


def test_the_same_words_said_twice_are_said_twice() -> None:
    """ "No, no": a repetition by the speaker is not one by the engine."""
    books = book()
    decisions = hear(books, final("a", 0, "no"), final("b", 0, "no", TimeSpan(1_000, 1_400)))
    assert [event.utterance_id for event in heard(decisions)] == ["u1", "u2"]  # type: ignore[union-attr]
    empty = TimeSpan(0, 0)
    decisions = hear(books, final("c", 0, "no", empty), final("d", 0, "no", empty))
    assert len(heard(decisions)) == 2, "an engine without spans repeats nothing"


def test_partials_after_the_final_or_of_an_older_revision_are_out_of_date() -> None:
    books = book()
    decisions = hear(
        books,
        partial("a", 2, "hello"),
        partial("a", 1, "he"),
        final("a", 3, "hello"),
        partial("a", 9, "x"),
    )
    assert why(decisions) == ["out of date", "out of date"]


def test_an_end_without_a_beginning_is_passed_on() -> None:
    assert heard(hear(book(), ended("a"))) == [ended("u1")]


def test_the_engines_own_warnings_name_the_readers_utterance() -> None:
    books = book()
    hear(books, partial("a", 0, "he"))
    assert books.warn(TranslatorWarning("no voice", "a")) == Deliver(
        TranslatorWarning("no voice", "u1")
    )
    for stranger in ("b", None):
        assert books.warn(TranslatorWarning("slow", stranger)) == Deliver(TranslatorWarning("slow"))
    next_session(books)
    hear(books, partial("c", 0, "he", TimeSpan(5_000, 6_000)))
    assert books.warn(TranslatorWarning("no voice", "a")) == Deliver(TranslatorWarning("no voice"))


def test_everything_open_is_ended_at_the_end() -> None:
    books = book()
    hear(books, partial("a", 0, "one"), final("b", 0, "two", TWO))
    assert books.open_since_ms == 0
    assert heard(books.finish()) == [ended("u1"), ended("u2", TWO)]
    assert books.open_since_ms == float("inf")
    assert list(books.finish()) == []


def test_an_engine_that_never_ends_anything_costs_bounded_memory_and_no_text() -> None:
    """A million partials of ever new utterances must not fill the books."""
    books = book()
    decisions: list[Decision] = []
    for number in range(700):
        span = TimeSpan(number * 10, number * 10 + 10)
        decisions += hear(
            books, partial(f"a{number}", 0, "x", span), final(f"b{number}", 0, "y", span)
        )
    assert len(books._open) <= 256
    assert len(books._hearings) <= 256
    assert len(books._said) <= 256
    texts = [event for event in heard(decisions) if isinstance(event, FinalTranslation)]
    assert len(texts) == 700


def test_a_text_whose_utterance_had_to_be_ended_early_gets_another() -> None:
    books = book()
    hear(books, partial("a", 0, "x", TimeSpan(0, 1)))
    for number in range(200):
        hear(books, *(final(f"b{number}{each}", 0, "y", TimeSpan(5, 6 + number)) for each in "12"))
        hear(books, partial("a", number, "still", TimeSpan(0, 1)))
    decisions = hear(books, final("a", 300, "at last", TimeSpan(0, 2)))
    assert [type(event) for event in heard(decisions)] == [FinalTranslation]


def test_an_utterance_that_was_ended_early_and_repeats_another_is_not_ended_twice() -> None:
    books = book()
    hear(books, partial("a", 0, "x"))
    for number in range(256):
        hear(books, final(f"b{number}", 0, "y", TimeSpan(number, number + 1)))
        hear(books, partial("a", number + 1, "x", TimeSpan(0, 1))) if number == 200 else None
    assert heard(hear(books, final("a", 999, "y", TimeSpan(200, 201)))) == []
