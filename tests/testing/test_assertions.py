"""What the assertions let pass and what they say where they don't."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.captions.cue import Cue
from rawmedia.captions.report import SessionReport, TranslationReport, UtteranceReport
from rawmedia.errors import ConfigurationError
from rawmedia.testing.assertions import assert_no_gap, assert_said, assert_same_audio
from rawmedia.testing.compare import AudioDiffersError
from rawmedia.testing.signals import in_frames, noise, silence, tone
from rawmedia.translators.events import FinalTranslation, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

CUES = [
    Cue(1_000, 2_000, "Good morning,\neverybody!", "en"),
    Cue(2_000, 3_000, "How are you?", "en"),
    Cue(9_000, 9_500, "Good morning.", "en"),
]


def report() -> SessionReport:
    def heard(text: str, at_ms: float | None, lag_ms: float | None) -> dict[str, TranslationReport]:
        end_ms = None if at_ms is None else at_ms + 500
        return {
            "es": TranslationReport(
                text=text, heard_at_ms=at_ms, heard_until_ms=end_ms, ear_voice_span_ms=lag_ms
            )
        }

    rows = [
        ("good morning", 1_000.0, "buenos días", 2_500.0, 1_450.0),
        ("good bye", 5_000.0, "adiós", None, None),
    ]
    return SessionReport(
        engine="scripted",
        source_language="en",
        target_languages=("es",),
        utterances=tuple(
            UtteranceReport(
                id=text,
                start_ms=start_ms,
                end_ms=start_ms + 800,
                source_text=text,
                translations=heard(other, at_ms, lag_ms),
            )
            for text, start_ms, other, at_ms, lag_ms in rows
        ),
    )


def complaint(check: Callable[[], None]) -> str:
    with pytest.raises(AssertionError) as caught:
        check()
    return str(caught.value)


# What was said.


@pytest.mark.parametrize(
    "text",
    ["good morning everybody", "GOOD   morning", "Everybody! How are", "how are you", "everybody"],
)
def test_words_count_and_not_case_punctuation_or_the_borders_of_captions(text: str) -> None:
    """Captions break lines and sentences where they fit a screen."""
    assert_said(CUES, text)


@pytest.mark.parametrize("text", ["good evening", "how good", "morning good", "go", "you good bye"])
def test_other_words_another_order_and_parts_of_words_are_not_what_was_said(text: str) -> None:
    with pytest.raises(AssertionError, match="was not said"):
        assert_said(CUES, text)


def test_apostrophes_of_either_kind_are_within_words() -> None:
    """Engines write what typographers like, tests what keyboards have."""
    assert_said([Cue(0, 1, "It\N{RIGHT SINGLE QUOTATION MARK}s late")], "it's late")
    with pytest.raises(AssertionError):
        assert_said([Cue(0, 1, "it s late")], "it's late")


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.data())
def test_any_stretch_of_what_was_said_is_found_however_it_was_cut(
    words: list[str], data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    size = data.draw(st.integers(1, 5))
    cues = [
        Cue(at, at + size, " ".join(words[at : at + size])) for at in range(0, len(words), size)
    ]
    assert_said(cues, " ".join(words[start:end]))
    assert_said(cues, " ".join(words[start:end]), at_ms=start // size * size, within_ms=0)


def test_a_time_that_fits_one_of_several_places_fits() -> None:
    assert_said(CUES, "good morning", at_ms=1_050, within_ms=50)
    assert_said(CUES, "good morning", at_ms=8_990, within_ms=10)
    assert complaint(lambda: assert_said(CUES, "good morning", at_ms=7_000, within_ms=500)) == (
        "'good morning' was said at 9000 ms: 2000 ms too late for 7000 ms, of which 500 ms are allowed"
    )
    assert "950 ms too early for 1950 ms" in complaint(
        lambda: assert_said(CUES[:1], "good morning", at_ms=1_950, within_ms=500)
    )


def test_what_was_not_said_is_told_with_what_came_nearest() -> None:
    assert complaint(lambda: assert_said(CUES, "how were you")) == (
        "'how were you' was not said; nearest is 'How are you?' at 2000 to 3000 ms, "
        "which lacks 'were'"
    )
    assert "you how" in complaint(lambda: assert_said(CUES, "you how"))
    assert complaint(lambda: assert_said([], "hello")) == "'hello' was not said: nothing was"
    assert "nor any of its words, but: 'Good" in complaint(lambda: assert_said(CUES, "hola"))


def test_a_report_tells_what_was_said_what_was_heard_and_how_long_after() -> None:
    assert_said(report(), "good morning", at_ms=1_000, within_ms=0)
    assert_said(report(), "buenos dias".replace("dias", "días"), language="es")
    assert_said(report(), "buenos días", language="es", at_ms=2_500, within_ms=0)
    assert_said(report(), "buenos días", language="es", within_ms=1_450)
    assert complaint(
        lambda: assert_said(report(), "buenos días", language="es", within_ms=1_000)
    ) == ("'buenos días' was heard 1450 ms after its source, 450 ms more than the 1000 ms asked")
    assert "was not said: nothing was" in complaint(
        lambda: assert_said(report(), "guten Tag", language="de")
    )


def test_a_translation_that_was_only_written_has_the_time_of_its_source_and_no_latency() -> None:
    assert_said(report(), "adiós", language="es", at_ms=5_000, within_ms=0)
    assert "is not known" in complaint(
        lambda: assert_said(report(), "adiós", language="es", within_ms=5_000)
    )


def test_a_translation_heard_before_its_source_is_told_as_that() -> None:
    """A sign of clocks that do not agree."""
    early = report().model_copy(
        update={
            "utterances": (
                report()
                .utterances[0]
                .model_copy(
                    update={
                        "translations": {
                            "es": TranslationReport(text="hola", ear_voice_span_ms=-300)
                        }
                    }
                ),
            )
        }
    )
    assert "300 ms before its source" in complaint(
        lambda: assert_said(early, "hola", language="es", within_ms=100)
    )


def test_finals_count_among_events_and_captions_of_other_languages_do_not() -> None:
    events = [
        Progress(100),
        FinalTranslation("u1", 1, "hello", "en", TimeSpan(500, 900), {"es": "hola"}),
    ]
    assert_said(events, "hello", at_ms=500, within_ms=0)
    assert_said(events, "hola", language="es")
    assert_said(CUES, "good morning", language="en")
    with pytest.raises(AssertionError):
        assert_said(CUES, "good morning", language="es")
    with pytest.raises(AssertionError):
        assert_said(events, "hola", language="fr")


@pytest.mark.parametrize(
    ("problem", "check"),
    [
        ("at least a word", lambda: assert_said(CUES, " ?! ")),
        ("within_ms", lambda: assert_said(CUES, "good", at_ms=100)),
        ("within_ms", lambda: assert_said(CUES, "good", within_ms=100)),
        ("within_ms", lambda: assert_said(report(), "good", within_ms=100)),
        ("within_ms", lambda: assert_said(CUES, "good", at_ms=100, within_ms=-1)),
    ],
)
def test_what_makes_no_sense_is_no_failure_of_what_is_tested(
    problem: str, check: Callable[[], None]
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        check()


# What is missing.


def test_frames_that_follow_each_other_have_no_gap() -> None:
    assert_no_gap(in_frames(noise(200, seed=1)))
    assert_no_gap(frame.at(frame.position + 999) for frame in in_frames(silence(100)))
    assert_no_gap([])
    assert_no_gap(in_frames(tone(100, format=AudioFormat(11_025))))


def test_holes_and_filler_and_what_goes_back_are_told_with_place_and_length() -> None:
    frames = in_frames(noise(400, seed=1))
    filler = AudioFrame.silence(SPEECH, 320, frames[3].position)
    again = frames[14].at(frames[13].position)
    gone = [*frames[:2], filler, *frames[4:10], *frames[11:14], again, *frames[15:]]
    assert complaint(lambda: assert_no_gap(gone)) == "\n".join(
        [
            "80.0 ms of audio missing, in 3 places",
            "  40.0 to 80.0 ms: 40.0 ms missing",
            "  200.0 to 220.0 ms: 20.0 ms missing",
            "  260.0 ms: goes back by 20.0 ms, which came twice",
            "  280.0 to 300.0 ms: 20.0 ms missing",
        ]
    )


def test_holes_may_be_as_long_as_is_allowed_and_going_back_never_is() -> None:
    frames = in_frames(noise(200, seed=1))
    assert_no_gap([*frames[:2], *frames[4:]], within_ms=40)
    assert "40.0 ms missing" in complaint(
        lambda: assert_no_gap([*frames[:2], *frames[4:]], within_ms=39.9)
    )
    with pytest.raises(AssertionError, match=r"goes back by 40\.0 ms"):
        assert_no_gap([*frames[:3], *frames[1:]], within_ms=1_000)


def test_of_many_problems_some_are_named() -> None:
    assert "and 4 more" in complaint(lambda: assert_no_gap(in_frames(noise(400, seed=1))[::2]))


@given(
    kinds=st.lists(st.sampled_from(["audio", "filler", "missing"]), max_size=30),
)
def test_what_is_missing_is_what_is_told_to_be(kinds: list[str]) -> None:
    """Of holes between audio, whatever they are made of."""
    inner = ["audio", *kinds, "audio"]
    frames = [
        AudioFrame(np.ones(160, np.int16), SPEECH, at * 160, filler=kind == "filler")
        for at, kind in enumerate(inner)
        if kind != "missing"
    ]
    missing = sum(kind != "audio" for kind in inner)
    runs = [kind for kind, _ in itertools.groupby(inner, key=lambda kind: kind == "audio")]
    if not missing:
        assert_no_gap(frames)
        return
    head = complaint(lambda: assert_no_gap(frames)).splitlines()[0]
    places = "1 place" if runs.count(False) == 1 else f"{runs.count(False)} places"
    assert head == f"{missing * 10:.1f} ms of audio missing, in {places}"


# What differs.


def test_a_difference_of_audio_carries_both_on_one_timeline() -> None:
    """So a failure can be kept and looked at."""
    late = AudioFrame(np.pad(noise(100, seed=1).samples, ((80, 0), (0, 0))), SPEECH)
    with pytest.raises(AudioDiffersError) as caught:
        assert_same_audio(tone(100), tone(60), snr_db=20)
    assert caught.value.expected == tone(100)
    assert caught.value.got.samples_per_channel == caught.value.expected.samples_per_channel
    np.testing.assert_array_equal(caught.value.got.samples[:960], tone(60).samples)
    assert str(caught.value).startswith("audio differs: SNR")
    assert_same_audio(noise(100, seed=1), late, snr_db=100, align_ms=5)
