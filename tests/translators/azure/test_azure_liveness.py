"""When a service counts as gone, and when it must not."""

from __future__ import annotations

import numpy as np
import pytest

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import NetworkError, ServiceError
from rawmedia.translators.azure.liveness import Liveness, has_sound

TONE = (3_000 * np.sin(np.arange(320) * 0.3)).astype(np.int16)
LOUD, QUIET = AudioFrame(TONE, SPEECH), AudioFrame(TONE // 100, SPEECH)


def liveness(answer_timeout_ms: float | None = 5_000) -> Liveness:
    return Liveness("azure", 1_000, answer_timeout_ms)


def talk(alive: Liveness, start: float, seconds: float, frame: AudioFrame = LOUD) -> float:
    """Send audio in real time; gives the time after it."""
    count = round(seconds * 50)
    for number in range(count):
        alive.sent(frame, start + number / 50)
        assert alive.problem(start + number / 50) is None
    return start + seconds


def test_sound_is_what_is_louder_than_a_quiet_line() -> None:
    assert has_sound(LOUD)
    assert not has_sound(QUIET)
    assert not has_sound(AudioFrame.silence(SPEECH, 320))
    assert not has_sound(AudioFrame(b"", SPEECH))


def test_sound_without_any_answer_is_an_error_of_the_service() -> None:
    alive = liveness()
    now = talk(alive, 0.0, 4.98)
    alive.sent(LOUD, now)
    problem = alive.problem(now + 0.02)
    assert isinstance(problem, ServiceError)
    assert problem.retryable
    assert "5.0 s" in str(problem)


def test_an_answer_begins_the_count_anew() -> None:
    alive = liveness()
    now = talk(alive, 0.0, 4.9)
    alive.message()
    alive.listening(now)
    talk(alive, now, 4.9)


def test_sound_that_was_sent_faster_than_real_time_gets_its_time() -> None:
    alive = liveness()
    for _ in range(1_000):
        alive.sent(LOUD, 0.0)
    assert alive.problem(4.9) is None
    assert alive.problem(5.1) is not None


def test_time_in_which_nobody_listened_does_not_count() -> None:
    """The reader of the events was busy; the answers wait."""
    alive = liveness()
    talk(alive, 0.0, 4.9)
    alive.sent(LOUD, 99.0)
    alive.listening(100.0)
    assert alive.problem(100.1) is None


def test_a_silent_caller_is_no_problem() -> None:
    alive = liveness()
    assert alive.problem(talk(alive, 0.0, 600.0, QUIET)) is None


def test_clicks_in_silence_never_add_up() -> None:
    alive = liveness()
    now = 0.0
    for _ in range(600):
        now = talk(alive, now, 0.98, QUIET)
        now = talk(alive, now, 0.02)


def test_sound_may_go_unanswered_for_ever_where_no_limit_is_set() -> None:
    talk(liveness(answer_timeout_ms=None), 0.0, 60.0)


@pytest.mark.parametrize(("answer_timeout_ms", "patience_s"), [(5_000, 5.0), (None, 15.0)])
def test_the_answer_to_the_last_audio_is_awaited_from_when_it_has_left(
    answer_timeout_ms: float | None, patience_s: float
) -> None:
    alive = liveness(answer_timeout_ms)
    talk(alive, 0.0, 1.0, QUIET)
    alive.input_ended(1.0, all_sent_at=20.0)
    assert alive.problem(19.9 + patience_s) is None
    assert isinstance(alive.problem(20.1 + patience_s), ServiceError)


def test_a_connection_that_stays_away_is_an_error_of_the_network() -> None:
    alive = liveness()
    alive.disconnected(10.0)
    alive.sent(QUIET, 10.5)
    assert alive.problem(11.4) is None
    assert isinstance(alive.problem(11.5), NetworkError)


def test_a_connection_that_comes_back_is_no_problem() -> None:
    alive = liveness()
    alive.disconnected(10.0)
    alive.sent(QUIET, 10.0)
    alive.connected()
    alive.sent(QUIET, 20.0)
    assert alive.problem(20.0) is None


def test_a_connection_that_nobody_needs_may_stay_away() -> None:
    """The service closes a connection that is idle; the SDK comes back when there is audio."""
    alive = liveness()
    alive.disconnected(10.0)
    assert alive.problem(1_000.0) is None


def test_the_end_of_the_input_needs_the_connection_too() -> None:
    lost_before, lost_after = liveness(None), liveness(None)
    lost_before.disconnected(10.0)
    lost_before.input_ended(20.0, 20.0)
    lost_after.input_ended(19.0, 19.0)
    lost_after.disconnected(20.0)
    for alive in (lost_before, lost_after):
        assert alive.problem(20.9) is None
        assert isinstance(alive.problem(21.1), NetworkError)
