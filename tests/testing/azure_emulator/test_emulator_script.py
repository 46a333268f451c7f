"""Scripts: what is said where, in which pieces, again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, WIDEBAND_VOICE
from rawmedia.errors import ConfigurationError
from rawmedia.testing import tone
from rawmedia.testing.azure_emulator import (
    EmulatedUtterance,
    Revision,
    ScriptedWord,
    repeated,
    speech_for_text,
)
from rawmedia.testing.azure_emulator.ears import ScriptEars
from rawmedia.testing.azure_emulator.heard import (
    Asked,
    Guessed,
    Heard,
    SpeechStarted,
    Understood,
    UtteranceDone,
    Voice,
)
from rawmedia.testing.azure_emulator.script import ScriptReader
from rawmedia.testing.azure_emulator.upload_format import wav_header
from rawmedia.testing.azure_emulator.voicing import speech_ms


def said(text: str, start_ms: float, end_ms: float, **more: Any) -> EmulatedUtterance:
    return EmulatedUtterance(source_text=text, start_ms=start_ms, end_ms=end_ms, **more)


def hear(
    script: Any, *cuts: float, start_ms: float = 0, asked: Asked | None = None, **more: Any
) -> list[Heard]:
    """All that is told when audio comes up to each of the cuts."""
    told: list[Heard] = []
    ears = ScriptEars(
        ScriptReader(script),
        start_ms,
        asked or Asked("en-US", targets=("es",)),
        told.append,
        more.get("silence_ms"),
    )
    for cut in cuts:
        drive(ears.hear(b"", cut))
    if more.get("end"):
        drive(ears.end())
    return told


def drive(step: Any) -> None:
    """Run what never waits."""
    with pytest.raises(StopIteration):
        step.send(None)


def finals(told: list[Heard]) -> list[tuple[str, float, float]]:
    return [(e.text, e.start_ms, e.end_ms) for e in told if isinstance(e, Understood)]


TWO = [
    said("one", 100, 500, revisions=["o", Revision("on", 450, {"es": "un"})]),
    said("two", 500, 900, translations={"ES": "dos"}, speech=None),
]


@given(st.lists(st.integers(1, 1_200), max_size=30))
def test_where_the_audio_is_cut_changes_nothing(cuts: list[int]) -> None:
    """A client may send any pieces; the script is bound to where they are."""
    assert hear(TWO, *sorted(cuts), 1_200) == hear(TWO, 1_200)


def test_an_utterance_is_told_as_far_as_it_was_heard() -> None:
    assert hear(TWO, 99) == []
    told = hear(TWO, 300, 450)
    assert told == [
        SpeechStarted(at_ms=100),
        Guessed(text="o", translations={"es": "[es] o"}, start_ms=100, end_ms=100 + 400 * (1 / 3)),
        Guessed(text="on", translations={"es": "un"}, start_ms=100, end_ms=450),
    ]
    assert finals(hear(TWO, 500)) == [("one", 100, 500)]


def test_a_translation_is_found_whatever_the_case_of_its_code() -> None:
    told = hear(TWO, 900)
    assert [e.translations for e in told if isinstance(e, Understood)] == [
        {"es": "[es] one"},
        {"es": "dos"},
    ]


def test_an_utterance_that_began_before_the_audio_is_not_heard() -> None:
    """So whoever loses audio on the way loses words, as with the real service."""
    assert finals(hear(TWO, 1_000, start_ms=500)) == [("two", 500, 900)]
    assert finals(hear(TWO, 1_000, start_ms=501)) == []


def test_the_end_of_the_audio_finishes_an_utterance_in_progress() -> None:
    assert finals(hear(TWO, 300, end=True)) == [("one", 100, 300)]
    assert finals(hear(TWO, 50, end=True)) == []


def test_silence_is_acknowledged_from_time_to_time() -> None:
    """A real client gives up after a minute of which it hears nothing."""
    told = hear([said("late", 350, 400)], 1_000, silence_ms=100)
    assert [(e.status, e.start_ms, e.end_ms) for e in told if isinstance(e, Understood)] == [
        ("InitialSilenceTimeout", 0, 100),
        ("InitialSilenceTimeout", 100, 200),
        ("InitialSilenceTimeout", 200, 300),
        ("Success", 350, 400),
        *[("NoMatch", at, at + 100) for at in range(400, 1_000, 100)],
    ]
    assert finals(hear([], 100_000)) == []


def test_one_utterance_only_waits_five_seconds_or_as_the_client_says() -> None:
    assert finals(hear([], 4_900, asked=Asked("en-US", once=True))) == []
    assert finals(hear([], 5_000, asked=Asked("en-US", once=True))) == [("", 0, 5_000)]
    asked = Asked("en-US", once=True, silence_ms=700)
    assert finals(hear([], 700, asked=asked)) == [("", 0, 700)]


def test_what_the_service_found_out_is_told_where_the_client_did_not_know() -> None:
    script = [said("eins", 0, 10, language="de-DE"), said("one", 10, 20)]
    told = hear(script, 20, asked=Asked(None, candidates=("en-US", "de-DE")))
    assert [e.language for e in told if isinstance(e, Understood)] == ["de-DE", "en-US"]


def test_only_what_was_asked_for_is_spoken() -> None:
    script = [said("one", 0, 10, speech={"es": 200.0}), said("bad", 10, 20, status="NoMatch")]
    asked = Asked("en-US", targets=("es", "de"), voices={"es": "a", "de": "b", "fr": "c"})
    told = hear(script, 20, asked=asked)
    assert [e.language for e in told if isinstance(e, Voice)] == ["es"]
    assert [type(e) for e in told][-2:] == [Understood, UtteranceDone]


def test_words_come_where_they_are_asked_for() -> None:
    given_words = [ScriptedWord("one", 0, 3), ScriptedWord("two", 5, 10)]
    script = [said("one two", 0, 10), said("one two", 10, 20, words=given_words)]
    asked = Asked("en-US", words=True)
    words = [e.words for e in hear(script, 20, asked=asked) if isinstance(e, Understood)]
    assert words == [[ScriptedWord("one", 0, 5), ScriptedWord("two", 5, 10)], given_words]


@pytest.mark.parametrize("speech", [tone(450), tone(450).samples, 450.0])
def test_speech_is_a_frame_samples_or_the_length_of_a_tone(speech: Any) -> None:
    messages = said("x", 0, 1, speech=speech).voiced("es", 200)
    assert [len(message) for message in messages] == [44 + 6_400, 6_400, 1_600]
    assert b"".join(messages) == wav_header(SPEECH) + bytes(tone(450))


def test_speech_keeps_the_format_of_its_frame() -> None:
    messages = said("x", 0, 1, speech=tone(100, format=WIDEBAND_VOICE)).voiced("es", 200)
    assert messages == [wav_header(WIDEBAND_VOICE) + bytes(tone(100, format=WIDEBAND_VOICE))]


def test_speech_is_messages_verbatim_or_made_from_the_text() -> None:
    assert said("x", 0, 1, speech=[b"RI", b"FF"]).voiced("es", 200) == [b"RI", b"FF"]
    (head, *_) = messages = said("x", 0, 1, translations={"es": "hola"}).voiced("es", 200)
    assert head.startswith(b"RIFF")
    assert b"".join(messages)[44:] == bytes(speech_for_text("hola", SPEECH))
    assert said("x", 0, 1, speech=None).voiced("es", 200) == []


def test_generated_speech_is_as_long_as_its_text_and_the_same_every_time() -> None:
    text = "a longer sentence, which takes its time " * 5
    speech = speech_for_text(text, SPEECH)
    assert speech.duration_ms == speech_ms(text) == len(text) * 65
    assert speech == speech_for_text(text, SPEECH)
    assert np.abs(speech.samples).max() > 1_000
    assert speech != speech_for_text(text[::-1], SPEECH)
    assert speech_for_text(" ", SPEECH).samples_per_channel == 0


def test_ten_minutes_is_the_longest_speech() -> None:
    """As the service has it; and a text of a million characters must not fill the memory."""
    assert speech_ms("x" * 1_000_000) == 600_000


def test_a_round_is_repeated_for_ever_or_so_many_times() -> None:
    one = [said("a", 100, 200, revisions=(Revision("", 150), "b")), said("b", 300, 400)]
    script = repeated(one, 1_000)
    assert [script(n) for n in (0, 1)] == one
    later = script(2_000_001)
    assert later is not None
    assert (later.source_text, later.start_ms) == ("b", 1_000_000_300)
    third = script(4)
    assert third is not None
    assert [r.at_ms for r in third.timed_revisions()] == [2_150, pytest.approx(2_166.7, abs=0.1)]
    assert repeated(one, 300, times=2)(4) is None


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_a_function_is_found_by_time_as_a_list_is(start_ms: int, times: int) -> None:
    script = repeated([said("a", 100, 200), said("b", 300, 400)], 300, times=times)
    whole = [utterance for n in range(2 * times) if (utterance := script(n)) is not None]
    assert ScriptReader(script).first_from(start_ms) == ScriptReader(whole).first_from(start_ms)


def test_a_text_is_found_in_a_script() -> None:
    reader = ScriptReader(TWO)
    assert reader.find("two") is TWO[1]
    assert reader.find("three") is None
    assert ScriptReader(lambda n: TWO[n] if n < 2 else None).find("three") is None
    endless = ScriptReader(repeated(TWO, 1_000))
    assert endless.find("three", among=10) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: said("a", 2, 1),
        lambda: said("a", -1, 1),
        lambda: said("a", 0, 1, delay_ms=-1),
        lambda: ScriptReader([said("a", 0, 10), said("b", 9, 20)]),
        lambda: repeated([], 10),
        lambda: repeated([said("a", 0, 10)], 9),
    ],
)
def test_a_script_that_cannot_be_is_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError):
        make()
