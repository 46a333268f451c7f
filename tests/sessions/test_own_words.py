"""Own words: a session knows its own speech when an engine has recognised it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import ConfigurationError
from rawmedia.sessions.own_voice.words import OwnWords

SAID = "Your flight to Madrid leaves at nine o'clock tomorrow morning, from gate twelve."
WHILE = TimeSpan(10_000, 14_000)
ECHO = TimeSpan(10_300, 14_300)


def own_words(*texts: str) -> OwnWords:
    words = OwnWords()
    for text in texts:
        words.said(text, WHILE)
    return words


@pytest.mark.parametrize(
    "heard",
    [
        SAID,
        "YOUR FLIGHT TO MADRID LEAVES AT NINE OCLOCK TOMORROW MORNING FROM GATE TWELVE",
        "your flight to my drid leaves at nine o'clock tomorrow morning from gate twelve",
        "flight to madrid leaves at nine o\u2019clock tomorrow",
        "uh leaves at nine o'clock tomorrow morning from great twelve",
    ],
)
def test_what_was_said_is_known_again(heard: str) -> None:
    """A recogniser writes otherwise, mishears, and begins late."""
    verdict = own_words(SAID).judge(heard, ECHO)
    assert verdict.own
    assert verdict.reason == "own_words"
    assert verdict.share >= 0.7
    assert verdict.said == SAID


@pytest.mark.parametrize(
    ("heard", "reason"),
    [
        ("and what time do I have to be at the gate tomorrow", "other_words"),
        ("nine o'clock is too early for me, is there a flight in the afternoon", "other_words"),
        ("twelve gate from morning tomorrow nine at leaves", "other_words"),
        ("nine o'clock", "too_few"),
        ("tomorrow morning, yes", "too_few"),
        ("...", "too_few"),
        ("", "too_few"),
    ],
)
def test_an_answer_is_not_taken_for_it(heard: str, reason: str) -> None:
    """Who answers uses some of the same words; no word of a real speaker may be dropped."""
    words = own_words(SAID)
    verdict = words.judge(heard, ECHO)
    assert not verdict.own
    assert verdict.reason == reason
    assert words.dropped == 0


@pytest.mark.parametrize(
    "span", [TimeSpan(15_600, 19_000), TimeSpan(4_000, 9_900)], ids=["after", "before"]
)
def test_who_says_the_same_at_another_time_is_heard(span: TimeSpan) -> None:
    """People repeat what they were told, to be sure; an echo comes while it is said."""
    assert own_words(SAID).judge(SAID, span).reason == "nothing_said"


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("您的航班明天早上九点从十二号登机口起飞。", "您的航班明天早上九点从二号登机口起飞"),
        ("お客様の便は明日の朝九時に出発いたします", "お客様の便は、明日の朝九時に出発します"),
        ("เที่ยวบินของคุณจะออกพรุ่งนี้เช้าเวลาเก้าโมง", "เที่ยวบินของคุณจะออกพรุ่งนี้เช้า"),
        ("내일 아침 아홉 시에 비행기가 출발합니다", "내일 아침 아홉 시에 비행기가 출발합니다."),
        (
            "Votre vol pour Málaga décolle à neuf heures",
            "votre vol pour malaga decolle a neuf heures",
        ),
        ("आपकी उड़ान कल सुबह नौ बजे है", "आपकी उड़ान कल सुबह नौ बजे है।"),
    ],
)
def test_every_script_is_known_again(said: str, heard: str) -> None:
    """Where words have no spaces characters are compared; accents come and go with the recogniser."""
    assert own_words(said).judge(heard, ECHO).own


def test_an_answer_in_a_language_without_spaces_is_heard() -> None:
    """It shares characters with the question, but not runs of them."""
    assert not own_words("您的航班明天早上九点起飞").judge("那我明天几点到机场比较好呢", ECHO).own


def test_an_utterance_may_take_in_two_texts() -> None:
    """A recogniser cuts where it hears a pause, not where a translator made a sentence."""
    words = own_words("Your flight to Madrid", "leaves at nine tomorrow")
    assert words.judge("your flight to madrid leaves at nine tomorrow", ECHO).share == 1


def test_what_was_dropped_is_counted_and_a_reset_forgets() -> None:
    """What is dropped in silence is the bug that a listener always finds."""
    words = own_words(SAID)
    words.judge(SAID, ECHO)
    assert words.dropped == 1
    words.reset()
    assert words.dropped == 0
    assert not words.judge(SAID, ECHO).own


def test_what_is_still_being_said_can_be_told_again() -> None:
    """It grows while it is spoken, and must not push out what was said before."""
    words = own_words(SAID)
    speaking = "and your seat is by the window in row eleven"
    for end_ms in range(14_100, 24_000, 100):
        words.said(speaking, TimeSpan(14_000, end_ms))
    assert words.judge(speaking, TimeSpan(24_500, 26_000)).own
    assert words.judge(SAID, ECHO).own


def test_only_the_last_texts_are_kept() -> None:
    """A session of days remembers no more than one of minutes."""
    words = own_words(SAID, *(f"this is sentence number {number} of many" for number in range(64)))
    assert not words.judge(SAID, ECHO).own


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_gets_a_verdict(said: str, heard: str) -> None:
    """Engines write whatever they like."""
    verdict = own_words(said).judge(heard, ECHO)
    assert 0 <= verdict.share <= 1
    assert verdict.own == (verdict.reason == "own_words")


@pytest.mark.parametrize("setting", [{"max_delay_ms": -1}, {"min_share": 0.4}], ids=str)
def test_settings_out_of_range_are_refused(setting: dict[str, float]) -> None:
    """Half the words of a sentence are anybody's."""
    with pytest.raises(ConfigurationError):
        OwnWords(**setting)
