"""Texts as sound: the times of the words are those of the sound."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.testing.spoken_text import spoken

TEXTS = st.lists(st.text("abcdefgh.,!éñ", min_size=1, max_size=12), min_size=1, max_size=8)


@given(words=TEXTS, seed=st.integers(0, 3))
def test_every_word_sounds_where_it_is_said_to_and_nothing_sounds_between(
    words: list[str], seed: int
) -> None:
    """Captions are compared with these times."""
    text = " ".join(words)
    said = spoken(text, seed=seed)
    assert said.text == text
    assert [each.word for each in said.words] == words
    silent = np.ones(said.audio.samples_per_channel, bool)
    for each in said.words:
        start, end = SPEECH.samples(each.span.start_ms), SPEECH.samples(each.span.end_ms)
        silent[start:end] = False
        sound = said.audio.samples[start:end].astype(float)
        assert np.sqrt((sound**2).mean()) > 300
        assert sound[: SPEECH.samples(20)].any()
        assert sound[-SPEECH.samples(20) :].any()
    assert not said.audio.samples[silent].any()
    assert said.words[0].span.start_ms == 0
    assert said.words[-1].span.end_ms == said.duration_ms
    for one, other in pairwise(said.words):
        assert other.span.start_ms - one.span.end_ms >= 60


def test_the_same_text_is_the_same_sound_and_other_voices_and_words_are_others() -> None:
    assert spoken("good day", seed=1).audio == spoken("good day", seed=1).audio
    assert spoken("good day", seed=1).audio != spoken("good day", seed=2).audio
    same, other = spoken("ab ab cd").words, spoken("ab ab cd").audio.samples[:, 0]
    first, second, third = (
        other[SPEECH.samples(each.span.start_ms) : SPEECH.samples(each.span.end_ms)]
        for each in same
    )
    np.testing.assert_array_equal(first, second)
    assert (first[:1_000] != third[:1_000]).any()


def test_punctuation_makes_a_longer_pause() -> None:
    for text, pause_ms in (("one two", 60), ("one, two", 300)):
        one, two = spoken(text).words
        assert two.span.start_ms - one.span.end_ms == pytest.approx(pause_ms)


@pytest.mark.parametrize("audio_format", [TELEPHONY, AudioFormat(48_000, 2)])
def test_it_is_spoken_in_any_format(audio_format: AudioFormat) -> None:
    said = spoken("hello there", format=audio_format)
    assert said.audio.format == audio_format
    assert said.duration_ms == pytest.approx(spoken("hello there").duration_ms, abs=0.5)


def test_no_words_are_no_sound() -> None:
    assert spoken("  ").words == ()
    assert spoken("").duration_ms == 0
