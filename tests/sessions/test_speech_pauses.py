"""Pauses are found before they are heard, and cut where nobody hears it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech_kit import talk

from rawmedia.audio.format import SPEECH
from rawmedia.sessions.lag import LagLimits
from rawmedia.sessions.speech.pauses import PauseTrimmer, faded_in, faded_out, resume_at
from rawmedia.sessions.speech.queue import Utterance
from rawmedia.testing.signals import silence, tone


def trimmed(audio: np.ndarray, frame: int, piece: int) -> tuple[np.ndarray, int]:
    """Read an utterance to its end frame by frame, and cut each pause that is reached."""
    utterance = Utterance("a", SPEECH, 0.0)
    for start in range(0, len(audio), piece):
        utterance.add(audio[start : start + piece], 0.0)
    trimmer, heard, cut_away = PauseTrimmer(utterance, SPEECH, LagLimits()), [], 0
    while utterance.queued:
        trimmer.look_ahead(frame)
        left = frame
        while (cut := trimmer.next_cut(left)) is not None:
            heard.append(utterance.read(cut[0] - utterance.position))
            left -= len(heard[-1])
            cut_away += trimmer.cut(cut)
        heard.append(utterance.read(left))
    return np.concatenate(heard), cut_away


@given(
    pauses=st.lists(st.integers(0, 1_500), min_size=1, max_size=4),
    frame=st.sampled_from([16, 160, 320, 960, 3_200]),
    piece=st.integers(50, 20_000),
)
@settings(max_examples=60)
def test_every_sample_is_heard_or_trimmed_and_words_stay(
    pauses: list[int], frame: int, piece: int
) -> None:
    word = tone(300, hz=250, peak_dbfs=-10).samples
    audio = np.concatenate([part for ms in pauses for part in (word, silence(ms).samples)])
    heard, cut_away = trimmed(audio, frame, piece)

    assert len(heard) + cut_away == len(audio)
    assert np.count_nonzero(heard) == np.count_nonzero(audio)
    # Of each of 300 ms or more 160 stay; where a word ends is found to 10 ms or so.
    assert cut_away / 16 <= sum(ms - 160 + 30 for ms in pauses if ms >= 270)
    assert cut_away / 16 >= sum(ms - 160 - 110 for ms in pauses if ms >= 330)


def test_speech_without_pauses_is_left_alone() -> None:
    audio = talk(400)

    heard, cut_away = trimmed(audio, 320, 6_400)

    assert not cut_away
    np.testing.assert_array_equal(heard, audio)


def test_where_to_go_on_is_shortly_before_a_word() -> None:
    utterance = Utterance("a", SPEECH, 0.0)
    word, pause = tone(300, hz=250).samples, silence(400).samples
    utterance.add(np.concatenate([word, pause, word, pause, word]), 0.0)

    # The second word begins at 700 ms.
    assert resume_at(utterance, 1_600, 16_000, SPEECH) == pytest.approx(650 * 16, abs=160)
    assert resume_at(utterance, 0, 4_000, SPEECH) is None


def test_fades_begin_and_end_in_silence() -> None:
    loud = np.full((80, 2), 30_000, np.int16)

    assert 0 < faded_in(loud)[0, 0] < 400
    assert 29_600 < faded_in(loud)[-1, 1] < 30_000
    np.testing.assert_array_equal(faded_out(loud), faded_in(loud)[::-1])
    assert len(faded_out(loud[:0])) == 0
