"""How it sounds when speech is shortened or left: no clicks, the same pitch, cuts in pauses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from speech_kit import Ear, talk

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.sessions.lag import LagLimits
from rawmedia.sessions.speech.facts import SpeechSkipped
from rawmedia.sessions.speech.playout import SpeechPlayout
from rawmedia.testing.signals import silence, tone

RATE_HZ = SPEECH.sample_rate
STEREO = AudioFormat(16_000, 2)


def greatest_step(samples: np.ndarray[Any, Any]) -> int:
    """Between neighbouring samples: what a click is made of."""
    return int(np.abs(np.diff(samples[:, 0].astype(int))).max())


def pitch_hz(samples: np.ndarray[Any, Any]) -> float:
    """Of a tone: the strongest frequency."""
    wave = samples[:, 0] * np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(wave, 1 << 18))
    return float(np.argmax(spectrum) * RATE_HZ / (1 << 18))


def behind(audio: np.ndarray[Any, Any], limits: LagLimits | None = None, **more: Any) -> Ear:
    """A playout of audio behind which as much waits that something has to be done."""
    playout = SpeechPlayout(SPEECH, limits=limits, **more)
    for name in ("a", "b"):
        playout.put(name, audio, 0.0)
        playout.end_utterance(name)
    return Ear(playout)


def test_speech_that_is_played_faster_keeps_its_pitch_and_does_not_click() -> None:
    """Four seconds wait, so it is sped up from the first frame on."""
    audio = tone(3_600, hz=180, peak_dbfs=-6).samples
    ear = behind(audio)
    heard = ear.hear(2_400)

    assert ear.playout.stats.sped_up_ms > 400
    assert pitch_hz(heard) == pytest.approx(180, rel=0.01)
    assert greatest_step(heard[80:]) <= 1.2 * greatest_step(audio)


def test_a_faster_utterance_ends_with_its_last_sample() -> None:
    """What the stretcher held must not be lost where an utterance ends."""
    audio = talk(2_700, seed=5)
    audio = np.concatenate((audio, np.full((160, 1), 9_999, np.int16)))
    ear = behind(audio, LagLimits(min_pause_ms=60_000))
    heard = ear.hear(5_000)

    assert ear.playout.stats.sped_up_ms > 300
    ends = np.flatnonzero((heard[:, 0] == 9_999) & (np.append(heard[1:, 0], 0) != 9_999))
    assert len(ends) == 2
    for end in ends:
        assert (heard[end - 100 : end + 1, 0] == 9_999).all()
        assert heard[end + 1, 0] == 0 or end % 320 == 319


def test_trimming_shortens_pauses_alone_and_does_not_click() -> None:
    """Words and the first and last 80 ms of each pause stay, bit for bit but for the fades."""
    word = tone(400, hz=200, peak_dbfs=-10).samples
    pause = silence(700).samples
    audio = np.concatenate([word, pause, word, pause, word])
    ear = behind(audio, LagLimits(max_rate=1.0))
    heard = ear.hear(6_000)
    loud = np.flatnonzero(heard[:, 0])

    # Two pauses in each of the two utterances; the second has no pause after it.
    assert ear.playout.stats.trimmed_ms == pytest.approx(4 * 540, abs=80)
    assert ear.playout.stats.sped_up_ms == 0
    assert np.diff(loud).max() == pytest.approx(160 * 16, abs=40 * 16)
    assert greatest_step(heard) <= greatest_step(audio)
    first = int(loud[0])
    np.testing.assert_array_equal(heard[first - 1 : first + 6_300], word[:6_301])


def test_nothing_is_trimmed_while_nothing_is_behind() -> None:
    """Pauses are part of how somebody speaks."""
    audio = talk(5_000, seed=2)
    playout = SpeechPlayout(SPEECH)
    playout.put("a", audio, 0.0)
    playout.end_utterance("a")

    np.testing.assert_array_equal(Ear(playout).hear(5_000), audio)


@pytest.mark.parametrize("max_rate", [1.0, 1.25])
def test_leaving_an_utterance_for_a_newer_one_does_not_click(max_rate: float) -> None:
    """What is said fades out within 5 ms, though the tone is at full level when it is left."""
    audio = tone(9_000, hz=150, peak_dbfs=-3).samples
    ear = behind(audio, LagLimits(max_rate=max_rate, min_pause_ms=60_000))
    heard = ear.hear(6_000)

    assert [fact.utterance_id for fact in ear.told(SpeechSkipped)] == ["a"]
    assert greatest_step(heard) <= 1.2 * greatest_step(audio) + 23_200 / 80
    gap = np.diff(np.flatnonzero(heard[:, 0])).max()
    assert 200 <= gap <= 320  # the rest of the frame in which it fades


def test_going_on_within_an_utterance_does_not_click_either() -> None:
    """Both the end of what is left and the beginning of what follows are faded."""
    audio = tone(9_000, hz=150, peak_dbfs=-3).samples
    playout = SpeechPlayout(SPEECH, limits=LagLimits(max_rate=1.0, min_pause_ms=60_000))
    ear = Ear(playout)
    playout.put("a", audio[:RATE_HZ], 0.0)
    ear.hear(980)
    ear.now += 9
    playout.put("a", audio[RATE_HZ:], ear.now - 7)
    heard = np.concatenate((*ear.frames, ear.hear(5_000)))

    assert playout.stats.skips >= 1
    # Where speech goes on it does so from silence, whatever the level there is.
    resumed = ear.frames[50]
    assert not ear.frames[49][80:].any()
    assert np.abs(resumed[:4]).max() < 1_200 < np.abs(resumed[80:]).max()
    assert greatest_step(heard[: 7 * RATE_HZ // 2]) <= 1.2 * greatest_step(audio) + 23_200 / 80


def test_where_there_is_a_pause_speech_goes_on_after_it() -> None:
    """The first word that is heard is a whole one."""
    word, pause = tone(480, hz=200).samples, silence(270).samples
    playout = SpeechPlayout(SPEECH)
    playout.put("a", np.concatenate([word, pause] * 8), 0.0)
    ear = Ear(playout)
    ear.hear(20)
    ear.now = 5.0
    heard = ear.hear(600)[320:]  # after the frame in which the first word fades out
    loud = np.flatnonzero(np.abs(heard[:, 0]) > 500)

    assert playout.stats.skips == 1
    assert len(loud) > 0
    # Before the word that begins, 50 ms of the pause are kept.
    assert 40 * 16 <= loud[0] <= 70 * 16
    run = loud[: np.argmax(np.diff(loud) > 800) + 1] if (np.diff(loud) > 800).any() else loud
    assert (run[-1] - run[0]) / 16 == pytest.approx(480, rel=0.3)


def test_channels_stay_together() -> None:
    """Stereo goes through everything as mono does."""
    left = talk(3_000, seed=4)
    audio = np.concatenate([left, left], axis=1)
    playout = SpeechPlayout(STEREO)
    for number in range(3):
        playout.put(str(number), audio, 0.0)
    heard = Ear(playout).hear(6_000)

    np.testing.assert_array_equal(heard[:, 0], heard[:, 1])
    assert playout.stats.sped_up_ms > 0
