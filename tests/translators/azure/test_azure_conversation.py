"""Which events follow from what the recogniser says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from azure_kit import riff_header
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.translators.azure.conversation import Conversation, SpokenFinal
from rawmedia.translators.azure.messages import (
    Connected,
    HeardWord,
    Hypothesis,
    Message,
    Noticed,
    Phrase,
    Speech,
)
from rawmedia.translators.azure.timeline import UploadTimeline
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslationEvent,
    TranslatorWarning,
    UtteranceEnded,
    WordTiming,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

SAMPLES = bytes(range(200))
SPOKEN = Speech(riff_header() + SAMPLES)
DONE = Speech(b"")
ONE = Phrase("one", {"es": "uno"}, 0.0, 1_000.0)
TWO = Phrase("two", {"es": "dos"}, 1_500.0, 2_000.0)
NOTHING = Phrase("", {}, 2_500.0, 3_000.0)


def conversation(spoken: str | None = "es-MX", *, sent_ms: float = 60_000) -> Conversation:
    timeline = UploadTimeline(SPEECH)
    timeline.place(AudioFrame.silence(SPEECH, SPEECH.samples(sent_ms)))
    return Conversation(
        timeline,
        source_language="en-US",
        targets={"es": "es-MX"},
        spoken=spoken,
    )


def hear(talk: Conversation, *messages: Message) -> list[TranslationEvent]:
    return [event for message in messages for event in talk.hear(message)]


def kinds(events: Sequence[TranslationEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_a_phrase_is_heard_translated_spoken_and_ended() -> None:
    events = hear(
        conversation(),
        Connected(),
        Noticed(),
        Hypothesis("o", {"es": "u"}, 0.0, 300.0),
        Hypothesis("on", {"es": "un"}, 0.0, 600.0),
        ONE,
        SPOKEN,
        Speech(SAMPLES),
        DONE,
    )
    whole = TimeSpan(0, 1_000)
    assert events == [
        PartialTranslation("u1", 0, "o", "en-US", TimeSpan(0, 300), {"es-MX": "u"}),
        PartialTranslation("u1", 1, "on", "en-US", TimeSpan(0, 600), {"es-MX": "un"}),
        SpokenFinal("u1", 2, "one", "en-US", whole, {"es-MX": "uno"}),
        TranslatedAudio("u1", "es-MX", AudioFrame(SAMPLES, SPEECH), whole),
        TranslatedAudio("u1", "es-MX", AudioFrame(SAMPLES, SPEECH, 100), whole),
        UtteranceEnded("u1", whole),
        Progress(1_000),
    ]


def test_speech_belongs_to_the_oldest_phrase_that_is_not_spoken() -> None:
    """The SDK doesn't say; the service speaks in the order in which it reports."""
    events = hear(conversation(), ONE, TWO, SPOKEN, DONE, SPOKEN, DONE)
    assert [event.utterance_id for event in events if isinstance(event, TranslatedAudio)] == [
        "u1",
        "u2",
    ]
    assert kinds(events[-4:]) == ["Progress", "TranslatedAudio", "UtteranceEnded", "Progress"]


def test_progress_waits_for_what_is_still_to_be_spoken() -> None:
    """Whoever replays from there would lose the speech otherwise."""
    talk = conversation()
    assert kinds(hear(talk, ONE)) == ["SpokenFinal"]
    assert kinds(hear(talk, TWO)) == ["SpokenFinal"]
    assert hear(talk, SPOKEN, DONE)[-1] == Progress(1_500)
    assert hear(talk, SPOKEN, DONE)[-1] == Progress(2_000)


def test_without_speech_an_utterance_ends_with_its_text() -> None:
    assert kinds(hear(conversation(None), ONE)) == [
        "FinalTranslation",
        "UtteranceEnded",
        "Progress",
    ]


def test_a_phrase_that_turns_out_to_be_nothing_is_ended_and_is_progress() -> None:
    talk = conversation()
    assert kinds(hear(talk, Hypothesis("o", {}, 2_500.0, 2_600.0), NOTHING)) == [
        "PartialTranslation",
        "UtteranceEnded",
        "Progress",
    ]
    assert kinds(hear(talk, replace(NOTHING, end_ms=4_000.0))) == ["Progress"]


def test_a_phrase_without_translation_is_reported_with_a_warning_and_not_waited_for() -> None:
    events = hear(conversation(), replace(ONE, translations={}))
    assert kinds(events) == ["SpokenFinal", "TranslatorWarning", "UtteranceEnded", "Progress"]


def test_a_language_that_nobody_asked_for_is_left_out() -> None:
    events = hear(conversation(), replace(ONE, translations={"ES": "uno", "fr": "un"}))
    assert isinstance(events[0], FinalTranslation)
    assert events[0].translations == {"es-MX": "uno"}


def test_the_language_that_was_found_out_and_the_times_of_words_are_told() -> None:
    words = (HeardWord("one", 100.0, 500.0), HeardWord("more", 500.0, 900.0))
    guess, final = hear(
        conversation(None),
        Hypothesis("o", {}, 0.0, 300.0, "de-DE"),
        replace(ONE, language="de-DE", words=words),
    )[:2]
    assert isinstance(guess, PartialTranslation)
    assert isinstance(final, FinalTranslation)
    assert (guess.source_language, final.source_language) == ("de-DE", "de-DE")
    assert final.words == (
        WordTiming("one", TimeSpan(100, 500)),
        WordTiming("more", TimeSpan(500, 900)),
    )


def test_a_new_target_is_missed_only_once_it_has_come() -> None:
    """What the service had begun before the change lacks it, and that is no fault."""
    talk = conversation(None)
    talk.set_targets({"es": "es-MX", "fr": "fr"})
    assert kinds(hear(talk, ONE))[1] == "UtteranceEnded"
    both = replace(ONE, translations={"es": "dos", "fr": "deux"})
    assert kinds(hear(talk, both))[1] == "UtteranceEnded"
    _, warning, *_ = hear(talk, ONE)
    assert isinstance(warning, TranslatorWarning)
    assert "fr" in warning.message

    talk.set_targets({"fr": "fr"})
    final, ended, *_ = hear(talk, both)
    assert isinstance(final, FinalTranslation)
    assert final.translations == {"fr": "deux"}
    assert isinstance(ended, UtteranceEnded)


@pytest.mark.parametrize(("messages", "extent"), [([], "missing"), ([SPOKEN], "cut short")])
def test_speech_that_can_not_be_made_costs_the_phrase_whose_turn_it_is(
    messages: list[Message], extent: str
) -> None:
    """The next phrase must not get its place, and is still to be spoken."""
    talk = conversation()
    hear(talk, ONE, TWO, *messages)
    assert talk.owes_speech
    warning, ended, progress = talk.fail_speech()
    assert isinstance(warning, TranslatorWarning)
    assert (warning.utterance_id, extent in warning.message) == ("u1", True)
    assert (ended, progress) == (UtteranceEnded("u1", TimeSpan(0, 1_000)), Progress(1_500))

    after = hear(talk, SPOKEN, DONE)
    assert [each.utterance_id for each in after if isinstance(each, TranslatedAudio)] == ["u2"]
    assert not talk.owes_speech
    assert list(talk.fail_speech()) == []


def test_a_new_header_begins_the_next_phrase_even_if_the_last_one_has_no_end() -> None:
    talk = conversation()
    hear(talk, ONE, TWO, SPOKEN)
    events = hear(talk, SPOKEN)
    assert kinds(events) == ["TranslatorWarning", "UtteranceEnded", "TranslatedAudio"]
    assert isinstance(events[2], TranslatedAudio)
    assert (events[2].utterance_id, events[2].frame.position) == ("u2", 0)


def test_speech_that_can_not_be_read_costs_one_utterance_its_audio() -> None:
    talk = conversation()
    events = hear(talk, ONE, TWO, Speech(b"OggS" + SAMPLES), Speech(SAMPLES), DONE, SPOKEN, DONE)
    assert kinds(events) == [
        "SpokenFinal",
        "SpokenFinal",
        "TranslatorWarning",
        "UtteranceEnded",
        "Progress",
        "TranslatedAudio",
        "UtteranceEnded",
        "Progress",
    ]


def test_speech_of_no_phrase_is_dropped_with_one_warning() -> None:
    talk = conversation()
    assert kinds(hear(talk, SPOKEN, Speech(SAMPLES), Speech(SAMPLES), DONE)) == [
        "TranslatorWarning"
    ]
    assert kinds(hear(talk, SPOKEN)) == ["TranslatorWarning"]


def test_a_service_that_stops_speaking_costs_no_memory() -> None:
    talk = conversation()
    for number in range(64):
        assert kinds(hear(talk, replace(ONE, end_ms=1_000.0 + number)))[-1] == "SpokenFinal"
    assert kinds(hear(talk, TWO)) == [
        "SpokenFinal",
        "TranslatorWarning",
        "UtteranceEnded",
    ]


def test_at_the_end_everything_open_is_ended_and_everything_sent_is_progress() -> None:
    talk = conversation()
    hear(talk, ONE, Hypothesis("t", {}, 1_500.0, 1_600.0))
    assert kinds(list(talk.finish())) == [
        "UtteranceEnded",
        "TranslatorWarning",
        "UtteranceEnded",
        "Progress",
        "Progress",
    ]
    assert list(talk.finish()) == []
    assert list(conversation().finish()) == [Progress(60_000)]


_TIMES = st.floats(-1e3, 1e5)
_TEXTS = st.sampled_from(["", " ", "word"])
_MESSAGES = st.one_of(
    st.builds(Hypothesis, _TEXTS, st.just({"es": "x"}), _TIMES, _TIMES),
    st.builds(Phrase, _TEXTS, st.sampled_from([{}, {"es": "x"}, {"es": ""}]), _TIMES, _TIMES),
    st.sampled_from([SPOKEN, DONE, Speech(SAMPLES), Speech(b"x"), Noticed(), Connected()]),
)


@given(st.lists(_MESSAGES, max_size=60))
def test_any_conversation_keeps_the_contract_of_events(messages: list[Message]) -> None:
    """Every utterance ends once, text before audio before end; revisions and progress only grow."""
    talk = conversation()
    events = [*hear(talk, *messages), *talk.finish()]

    finals, ended, revisions = set[str](), set[str](), dict[str, int]()
    audio_end, progress_ms = dict[str, int](), 0.0
    for event in events:
        match event:
            case PartialTranslation() | FinalTranslation():
                assert event.utterance_id not in finals | ended
                assert event.revision > revisions.get(event.utterance_id, -1)
                revisions[event.utterance_id] = event.revision
                if isinstance(event, FinalTranslation):
                    finals.add(event.utterance_id)
            case TranslatedAudio():
                assert event.utterance_id in finals - ended
                assert event.frame.position == audio_end.get(event.utterance_id, 0)
                audio_end[event.utterance_id] = event.frame.end
            case UtteranceEnded():
                assert event.utterance_id not in ended
                ended.add(event.utterance_id)
            case Progress():
                assert event.position_ms > progress_ms
                progress_ms = event.position_ms
            case _:
                pass
    assert ended == set(revisions)
    assert progress_ms == 60_000
