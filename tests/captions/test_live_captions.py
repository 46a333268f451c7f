"""Captions from a translation's events, in order or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caption_texts import ANY_TEXT
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.timeline import TimeSpan
from rawmedia.captions import CaptionKey, CaptionUpdate, Erasure, LiveCaptions, StabilityConfig
from rawmedia.captions.layout import one_line
from rawmedia.testing.event_strategies import broken_event_sequences, event_sequences
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslationEvent,
    UtteranceEnded,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

SPAN = TimeSpan(100, 900)


def partial(text: str, revision: int = 0, uid: str = "u", source: str = "") -> PartialTranslation:
    return PartialTranslation(uid, revision, source, "en", SPAN, {"es": text})


def final(text: str, uid: str = "u", source: str = "") -> FinalTranslation:
    return FinalTranslation(uid, 99, source, "en", SPAN, {"es": text})


# Few ids and words, so that events meet; no order at all.
EVENTS = st.lists(
    st.one_of(
        st.builds(
            PartialTranslation,
            st.sampled_from("uv"),
            st.integers(0, 4),
            st.sampled_from(["", "a", "a b", "b a c"]),
            st.sampled_from(["en", "de"]),
            st.just(SPAN),
            st.dictionaries(st.sampled_from(["es", "en"]), st.one_of(ANY_TEXT, st.just("x y"))),
        ),
        st.builds(
            FinalTranslation,
            st.sampled_from("uv"),
            st.integers(0, 4),
            st.sampled_from(["", "a", "a b"]),
            st.just("en"),
            st.just(SPAN),
            st.dictionaries(st.sampled_from(["es", "en"]), st.one_of(ANY_TEXT, st.just("x y"))),
        ),
        st.builds(UtteranceEnded, st.sampled_from("uv"), st.just(SPAN)),
    ),
    max_size=20,
)


def check_laws(events: Iterable[TranslationEvent]) -> None:
    """What holds for every order of events."""
    captions = LiveCaptions(StabilityConfig(agreeing_revisions=1, held_back_words=0))
    last: dict[CaptionKey, CaptionUpdate] = {}
    finals: dict[tuple[str, str | None], str] = {}
    finished: set[str] = set()
    for now, event in enumerate(events):
        if isinstance(event, FinalTranslation) and event.utterance_id not in finished:
            finished.add(event.utterance_id)
            texts: dict[str | None, str] = {None: event.source_text}
            texts.update(event.translations)
            finals |= {(event.utterance_id, lang): one_line(text) for lang, text in texts.items()}
        for update in captions.tell(event, float(now)):
            before = last.get(update.key)
            if before is not None:
                assert not before.final
                assert update.revision == before.revision + 1
                assert update.final or update.stable.startswith(before.stable)
            else:
                assert update.revision == 0
            assert update.when == now
            assert update.shown_erasure.erased <= update.engine_erasure.erased
            if update.final:
                assert update.tail == ""
                assert update.text == finals[update.utterance_id, update.key.target]
            last[update.key] = update
    assert captions.latest(1_000) == tuple(last.values())
    # Every text that an engine called final is shown as it is.
    shown = {(key.utterance_id, key.target): each.text for key, each in last.items() if each.final}
    assert shown == {key: text for key, text in finals.items() if text or key in shown}
    assert captions.stats.finals == len(shown)
    assert captions.stats.abandoned == sum(each.abandoned for each in last.values())


@given(events=EVENTS)
def test_events_in_any_order_keep_the_laws(events: list[TranslationEvent]) -> None:
    """Revisions backwards, two finals, an end before the final: a caption grows, and ends right."""
    check_laws(events)


@given(events=event_sequences())
def test_a_well_behaved_translation_keeps_the_laws(events: tuple[TranslationEvent, ...]) -> None:
    """With speech and progress between."""
    check_laws(events)


@given(broken=broken_event_sequences())
def test_a_translation_that_breaks_a_promise_keeps_the_laws(broken: object) -> None:
    """One of each kind that the library knows of."""
    check_laws(getattr(broken, "events", ()))


def test_a_caption_grows_and_is_final() -> None:
    """The usual way; the source is a caption too."""
    captions = LiveCaptions(StabilityConfig(agreeing_revisions=2, held_back_words=0))
    shown = [
        (update.language, update.stable, update.tail, update.final)
        for event in (
            partial("uno", 0, source="one"),
            partial("uno dos", 1, source="one"),
            UtteranceEnded("other", SPAN),
            Progress(5),
            final("uno dos.", source="one two"),
            UtteranceEnded("u", SPAN),
        )
        for update in captions.tell(event, 1.5, speaker="Ann")
    ]
    assert shown == [
        ("en", "", "one", False),
        ("es", "", "uno", False),
        ("en", "one", "", False),
        ("es", "uno", " dos", False),
        ("en", "one two", "", True),
        ("es", "uno dos.", "", True),
    ]
    [source, translation] = captions.latest(9)
    assert (source.speaker, source.translated, translation.translated) == ("Ann", False, True)
    assert (translation.start_ms, translation.end_ms, translation.when) == (100, 900, 1.5)
    assert translation.engine_erasure == translation.shown_erasure == Erasure(1, 2)
    assert captions.stats.engine_erasure == Erasure(1, 4)


def test_nothing_is_told_twice() -> None:
    """A screen need not be drawn again for the same text."""
    captions = LiveCaptions(StabilityConfig(agreeing_revisions=1, held_back_words=0))
    assert len(captions.tell(partial("uno"), 0)) == 1
    assert captions.tell(partial("uno", 1), 0) == ()
    assert captions.tell(partial("uno\0", 2), 0) == ()


def test_a_revision_that_is_older_is_passed_over() -> None:
    """Events that overtake each other on a network must not take words back."""
    captions = LiveCaptions(StabilityConfig(agreeing_revisions=1, held_back_words=0))
    captions.tell(partial("uno dos", 2), 0)
    assert captions.tell(partial("uno tres", 1), 0) == ()
    captions.tell(final("uno dos"), 0)
    assert captions.tell(partial("uno tres", 100), 0) == ()
    assert captions.tell(final("uno tres"), 0) == ()
    assert captions.stats.out_of_order == 3


def test_an_end_without_a_final_abandons_and_a_late_final_is_shown_all_the_same() -> None:
    """No words are lost for the order in which two events came."""
    captions = LiveCaptions()
    captions.tell(partial("uno"), 0)
    [update] = captions.tell(UtteranceEnded("u", SPAN), 0)
    assert (update.text, update.final, update.abandoned, update.closed) == (
        "uno",
        False,
        True,
        True,
    )
    assert captions.stats.abandoned == 1
    assert captions.tell(UtteranceEnded("u", SPAN), 0) == ()
    assert captions.tell(partial("uno dos", 5), 0) == ()
    [update] = captions.tell(final("uno dos"), 0)
    assert (update.text, update.final, update.abandoned) == ("uno dos", True, False)
    assert captions.stats.abandoned == 0


def test_a_language_that_the_final_lacks_is_abandoned() -> None:
    """Its caption must not wait for ever."""
    captions = LiveCaptions()
    captions.tell(PartialTranslation("u", 0, "", "en", SPAN, {"es": "uno", "fr": "un"}), 0)
    updates = captions.tell(final("uno"), 0)
    assert [(each.language, each.final, each.abandoned) for each in updates] == [
        ("es", True, False),
        ("fr", False, True),
    ]


def test_speakers_and_channels_may_use_the_same_ids() -> None:
    """Each engine counts its utterances from 0."""
    captions = LiveCaptions()
    for speaker, channel in (("Ann", ""), ("Bob", ""), ("Bob", "second engine")):
        [update] = captions.tell(final(f"{speaker}{channel}"), 0, speaker=speaker, channel=channel)
        assert update.key == (channel, speaker, "u", "es")
    assert [each.text for each in captions.latest(2)] == ["Bob", "Bobsecond engine"]
    assert captions.latest(0) == ()
    assert captions.latest(5, language="de") == ()


def test_the_source_language_may_be_found_out_late() -> None:
    """It stays the same caption."""
    captions = LiveCaptions()
    captions.tell(PartialTranslation("u", 0, "guten", "", SPAN), 0)
    [update] = captions.tell(PartialTranslation("u", 1, "guten Tag", "de", SPAN), 0)
    assert (update.language, update.key.target) == ("de", None)


def test_an_engine_that_finishes_nothing_costs_bounded_memory() -> None:
    """Utterances without end, languages without end, and finals without end."""
    captions = LiveCaptions(history=50)
    for number in range(1_000):
        captions.tell(partial("x", uid=f"open {number}"), 0)
    stats = captions.stats
    assert (stats.forgotten, stats.abandoned) == (936, 936)
    assert len(captions.latest(10_000)) == 50
    for number in range(1_000):
        captions.tell(PartialTranslation("u", number, "", "", SPAN, {f"{number}": "x"}), 0)
    assert len(captions._open[CaptionKey("", None, "u", None)].captions) == 64
    for number in range(5_000):
        captions.tell(final("x", uid=f"closed {number}"), 0)
    assert len(captions._closed) == 1_024
    assert len(captions._open) <= 64
