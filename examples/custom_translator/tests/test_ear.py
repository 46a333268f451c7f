"""What is heard does not depend on how the audio came."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rawmedia import SPEECH, AudioFrame
from rawmedia.testing import in_frames, noise

from morse_translator import keyed
from morse_translator.code import DOT_MS, SIGNS
from morse_translator.ear import MorseEar, SentenceEnded, Word

TEXTS = st.lists(st.text(sorted(SIGNS), min_size=1, max_size=5), min_size=1, max_size=4)


def heard(frames: list[AudioFrame]) -> list[Word | SentenceEnded]:
    ear = MorseEar()
    found = [each for frame in frames for each in ear.hear(frame)]
    return [*found, *ear.finish()]


def words(frames: list[AudioFrame]) -> list[str]:
    return [each.text for each in heard(frames) if isinstance(each, Word)]


@settings(deadline=None, max_examples=25)
@given(TEXTS, st.integers(1, 100))
def test_every_text_is_understood_however_it_is_cut(text: list[str], frame_ms: int) -> None:
    audio = keyed(" ".join(text))
    frames = in_frames(audio, frame_ms)
    assert words(frames) == text
    assert heard(frames) == heard([audio])


def test_a_pause_that_is_not_sent_is_one_all_the_same() -> None:
    """Media time goes on while nobody sends."""
    first, second = keyed("a"), keyed("b")
    later = second.at(first.end + SPEECH.samples(20 * DOT_MS))
    kinds = [type(each).__name__ for each in heard([first, later])]
    assert kinds == ["Word", "SentenceEnded", "Word", "SentenceEnded"]


def test_noise_is_no_key() -> None:
    audio = keyed("send help")
    hiss = noise(audio.duration_ms, seed=1, peak_dbfs=-30)
    both = audio.samples.astype(np.int32) + hiss.samples
    assert words([AudioFrame(both.clip(-32_768, 32_767).astype(np.int16), SPEECH)]) == [
        "send",
        "help",
    ]
