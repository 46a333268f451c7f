"""Who speaks is told from noise, however the audio is cut, and plug-in detectors are told the same way."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.audio.activity import ActivityDetector, EnergyActivity
from rawmedia.audio.decisions import DECISION_MS
from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.speech_spans import SpeechSpans
from rawmedia.audio.timeline import TimeSpan
from rawmedia.audio.webrtc_activity import WebRtcActivity
from rawmedia.errors import (
    ConfigurationError,
    MissingDependencyError,
    PayloadError,
    UnsupportedFormatError,
)
from rawmedia.testing.signals import speech_like, tone

Ints = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]

FORMATS = [TELEPHONY, SPEECH, AudioFormat(22_050), WIDEBAND_VOICE, AudioFormat(44_100), WEBRTC]


def hiss(seconds: float, dbfs: float, *, seed: int = 0, rate: int = 16_000) -> Floats:
    """White noise of so much power, in the units of int16."""
    rng = np.random.default_rng(seed)
    noise: Floats = rng.standard_normal(round(seconds * rate)) * 32_768 * 10 ** (dbfs / 20)
    return noise


def ints(wave: Floats) -> Ints:
    rounded: Ints = np.clip(np.rint(wave), -32_768, 32_767).astype(np.int16)
    return rounded


def told(wave: Floats, format: AudioFormat = SPEECH) -> npt.NDArray[np.bool_]:
    return np.array(EnergyActivity(format).push(ints(wave)))


def spoken(wave: Ints, format: AudioFormat) -> npt.NDArray[np.bool_]:
    """Which 10 ms of clean speech are within 30 dB of its power."""
    size = format.samples(DECISION_MS)
    whole = wave[: len(wave) // size * size].astype(np.float64).reshape(-1, size)
    power = np.square(whole).mean(axis=1)
    loud: npt.NDArray[np.bool_] = power > power[power > 0].mean() / 1_000
    return loud


class Scripted:
    """A detector that says what it was told to say."""

    def __init__(self, answers: str) -> None:
        self._answers = iter(answers)

    def push(self, samples: Ints) -> list[bool]:
        return [next(self._answers) == "x" for _ in range(len(samples) // 160)]


@settings(max_examples=40)
@given(
    st.sampled_from([TELEPHONY, AudioFormat(16_000, 2), AudioFormat(44_100), WEBRTC]),
    st.integers(0, 9),
    st.lists(st.integers(0, 30_000), max_size=12),
)
def test_where_the_input_is_cut_does_not_change_a_decision(
    format: AudioFormat, seed: int, cuts: list[int]
) -> None:
    speech = speech_like(1_000, seed=seed, format=format).samples
    samples = speech + ints(hiss(1, -45, seed=seed, rate=format.sample_rate))[:, np.newaxis]
    whole = EnergyActivity(format)
    expected = whole.push(samples)
    parts = EnergyActivity(format)
    got = []
    for start, end in itertools.pairwise([0, *sorted(cuts), len(samples)]):
        got += parts.push(samples[start:end])
    assert got == expected
    assert len(got) == len(samples) // format.samples(DECISION_MS)
    assert (parts.active, parts.floor_dbfs) == (whole.active, whole.floor_dbfs)


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_speech_is_found_in_noise_15_db_below_it(format: AudioFormat) -> None:
    """At least 95 % of it, and no noise is taken for speech once it has been heard for 2 s."""
    found = []
    for seed in range(4):
        speech = speech_like(8_000, seed=seed, format=format).samples[:, 0]
        loud = spoken(speech, format)
        size = format.samples(DECISION_MS)
        power = np.square(speech[: len(loud) * size].reshape(-1, size)[loud].astype(float)).mean()
        level = 10 * np.log10(power / 32_768**2) - 15
        noise = hiss(12, level, seed=seed, rate=format.sample_rate)
        noise[-len(speech) :] += speech
        decisions = told(noise, format)
        before = (len(noise) - len(speech)) // size
        assert decisions[220:before].mean() < 0.05
        found.append(decisions[-len(loud) :][loud].mean())
    assert np.mean(found) >= 0.95


@pytest.mark.parametrize("dbfs", [-60.0, -45.0, -30.0, -15.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_steady_noise_is_no_speech_after_two_seconds(dbfs: float, seed: int) -> None:
    decisions = told(hiss(30, dbfs, seed=seed))
    assert decisions[230:].mean() < 0.05


def test_noise_that_grows_louder_is_speech_for_no_more_than_the_window() -> None:
    """A fan that starts: 30 dB more, and after 2 s and the hangover it is background."""
    wave = hiss(8, -60)
    wave[32_000:] += hiss(6, -30, seed=1)
    decisions = told(wave)
    assert not decisions[:199].any()
    assert decisions[205:390].all()
    assert not decisions[430:].any()


def test_dc_and_hum_neither_are_speech_nor_hide_it() -> None:
    """A cheap sound card: far louder than the voice, and still the voice decides."""
    seconds = np.arange(16_000 * 12) / 16_000
    speech = speech_like(8_000, seed=3, peak_dbfs=-20).samples[:, 0]
    wave = hiss(12, -65) + 6_000 + 3_000 * np.sin(2 * np.pi * 50 * seconds)
    wave[-len(speech) :] += speech
    decisions = told(wave)
    loud = spoken(speech, SPEECH)
    assert not decisions[230:400].any()
    assert decisions[-len(loud) :][loud].mean() >= 0.9


def test_digital_silence_is_no_speech_and_teaches_nothing_of_the_noise() -> None:
    """Unmuting in a noisy room is not speaking."""
    wave = np.concatenate([hiss(3, -40), np.zeros(48_000), hiss(3, -40, seed=1), np.zeros(4_800)])
    detector = EnergyActivity(SPEECH)
    decisions = detector.push(ints(wave))
    assert not any(decisions[230:])
    assert detector.floor_dbfs == pytest.approx(-37, abs=2), "the power of differences: 3 dB more"
    assert not any(EnergyActivity(SPEECH).push(np.zeros(16_000, np.int16)))


def test_speech_after_nothing_at_all_is_heard_at_once() -> None:
    """Synthetic speech has no noise to learn from, and a call may begin in a word."""
    decisions = told(np.concatenate([np.zeros(8_000), tone(500, hz=300).samples[:, 0]]))
    assert decisions[51:100].all()
    assert not decisions[:50].any()
    assert told(tone(500, hz=300).samples[:, 0].astype(float))[1:].all()


def test_what_is_quieter_than_the_least_level_is_never_speech() -> None:
    wave = hiss(3.5, -80)
    wave[48_000:] += tone(500, hz=300, peak_dbfs=-50).samples[:, 0]
    assert not any(EnergyActivity(SPEECH, min_level_dbfs=-40).push(ints(wave)))
    assert all(EnergyActivity(SPEECH, min_level_dbfs=-60).push(ints(wave))[301:])


def test_speech_begins_after_the_onset_and_ends_after_the_hangover() -> None:
    """To the decision: 40 ms to begin, so the fourth; and 70 ms more at the end."""
    detector = EnergyActivity(SPEECH, onset_ms=40, hangover_ms=70)
    beep = tone(500, hz=300).samples
    click = tone(30, hz=300).samples
    silence = np.zeros((8_000, 1), np.int16)
    decisions = detector.push(np.concatenate([silence, click, silence, beep, silence]))
    begun, ended = 50 + 3 + 50 + 3, 50 + 3 + 50 + 50 + 7
    assert decisions == [begun <= index < ended for index in range(len(decisions))]


def test_a_gap_within_the_hangover_does_not_end_speech() -> None:
    beep = tone(200, hz=300).samples
    gap = np.zeros((160 * 15, 1), np.int16)
    assert (
        sum(EnergyActivity(SPEECH, hangover_ms=200).push(np.concatenate([beep, gap, beep]))) == 54
    )
    assert sum(EnergyActivity(SPEECH, hangover_ms=0).push(np.concatenate([beep, gap, beep]))) == 38


def test_speech_goes_on_down_to_half_the_threshold_but_not_below_the_least_level() -> None:
    """Words end softly; but what is nothing to begin with is nothing to go on with either."""
    beep, soft = (
        tone(500, hz=1_000, peak_dbfs=dbfs).samples[:, 0].astype(float) for dbfs in (-20, -34)
    )
    # Background at -37 dBFS as differences are counted; the soft part is 7 dB above it.
    wave = np.concatenate([hiss(3, -40), hiss(0.5, -40) + beep, hiss(0.5, -40) + soft])
    decisions = EnergyActivity(SPEECH, threshold_db=10, hangover_ms=0).push(ints(wave))
    assert np.mean(decisions[350:]) > 0.9
    assert not any(
        EnergyActivity(SPEECH, threshold_db=10).push(ints(np.delete(wave, range(48_000, 56_000))))[
            230:
        ]
    )
    wave = np.concatenate([hiss(3, -80), beep, soft])
    detector = EnergyActivity(SPEECH, min_level_dbfs=-29.5, hangover_ms=0)
    assert detector.push(ints(wave))[300:] == [False] + 49 * [True] + 50 * [False]


def music(seconds: float) -> Floats:
    """A chord that swells twice a second and never rests."""
    instants = np.arange(round(seconds * 16_000)) / 16_000
    chord = sum(np.sin(2 * np.pi * hz * instants) for hz in (262, 330, 392))
    swell = 1 + 0.6 * np.sin(2 * np.pi * 2 * instants)
    return np.asarray(chord * swell * 2_500)


def test_music_on_hold_is_given_up_as_speech_and_who_answers_after_it_is_heard() -> None:
    wave = hiss(45, -65)
    wave[16_000 : 16_000 * 36] += music(35)
    speech = speech_like(8_000, seed=3).samples[:, 0]
    wave[-len(speech) :] += speech
    decisions = told(wave)
    assert decisions[200:2_000].mean() > 0.9, "nobody can know before"
    assert decisions[2_600:3_600].mean() < 0.1
    loud = spoken(speech, SPEECH)
    assert decisions[-len(loud) :][loud].mean() >= 0.95


def test_with_no_limit_music_stays_what_it_is_heard_as() -> None:
    detector = EnergyActivity(SPEECH, max_active_ms=float("inf"))
    assert np.mean(detector.push(ints(hiss(30, -65) + music(30)))[100:]) > 0.9


@pytest.mark.untraced
def test_a_long_talk_is_not_taken_for_music() -> None:
    """Half a minute and more of phrases with short pauses: the limit is for what has none."""
    for seed in range(4):
        talk = speech_like(40_000, seed=seed).samples[:, 0] + hiss(40, -45, seed=seed)
        detector = EnergyActivity(SPEECH, max_active_ms=float("inf"))
        assert told(talk).tolist() == detector.push(ints(talk))


def test_after_digital_silence_the_weak_sounds_of_synthetic_speech_are_still_heard() -> None:
    """There is no noise in it, so the softest of its sounds must not be taken for that."""
    speech = speech_like(10_000, seed=2).samples[:, 0]
    loud = spoken(speech, SPEECH)
    assert told(speech.astype(float))[: len(loud)][loud].mean() >= 0.97
    weak = tone(1_000, hz=1_000, peak_dbfs=-40).samples[:, 0].astype(float)
    decisions = told(np.concatenate([music(3), np.zeros(8_000), weak]))
    assert decisions[351:].all(), "however long the last sound was"


def test_channels_count_together_and_do_not_cancel_out() -> None:
    beep = tone(300, hz=300).samples
    pair = np.hstack([beep, -beep])
    assert EnergyActivity(AudioFormat(16_000, 2)).push(pair) == EnergyActivity(SPEECH).push(beep)


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_a_level_means_the_same_at_every_rate(format: AudioFormat) -> None:
    """1 kHz is heard alike, so that a threshold need not be set anew."""
    detector = EnergyActivity(format)
    detector.push(tone(3_000, hz=1_000, peak_dbfs=-20, format=format).samples)
    # Half the power of the peak, and 6 dB more in the difference.
    assert detector.floor_dbfs == pytest.approx(-20 - 3 + 6 + 1.3, abs=0.2)


def test_a_reset_forgets_the_noise() -> None:
    detector = EnergyActivity(SPEECH)
    fresh = detector.floor_dbfs
    samples = ints(hiss(3, -45) + speech_like(3_000, seed=1, peak_dbfs=-20).samples[:, 0])
    first = detector.push(samples)
    floor = detector.floor_dbfs
    detector.push(tone(95, hz=300).samples)
    detector.reset()
    assert (detector.active, detector.floor_dbfs) == (False, fresh)
    assert fresh < floor
    assert detector.push(samples) == first
    assert detector.floor_dbfs == floor, "and the 5 ms that waited are gone"


@pytest.mark.parametrize(
    "setting",
    [
        {"threshold_db": 2},
        {"threshold_db": float("nan")},
        {"min_level_dbfs": 1},
        {"onset_ms": 0},
        {"hangover_ms": -1},
        {"window_ms": 100},
        {"max_active_ms": 10},
    ],
)
def test_settings_out_of_range_are_refused_by_name(setting: dict[str, float]) -> None:
    (name,) = setting
    with pytest.raises(ConfigurationError, match=name):
        EnergyActivity(SPEECH, **setting)


@pytest.mark.parametrize(
    "samples",
    [np.zeros((320, 2), np.float32), np.zeros((320, 1), np.int16), np.zeros(320, np.int16)],
)
def test_other_arrays_are_refused_and_nothing_of_them_taken(samples: Ints) -> None:
    detector = EnergyActivity(AudioFormat(16_000, 2))
    detector.push(np.zeros((159, 2), np.int16))
    with pytest.raises(PayloadError):
        detector.push(samples)
    assert detector.push(np.zeros((1, 2), np.int16)) == [False]


class TestWebRtc:
    """The optional detector."""

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("webrtcvad", reason="the package webrtcvad-wheels is not installed")

    @pytest.mark.parametrize("format", [TELEPHONY, SPEECH, AudioFormat(32_000), WEBRTC], ids=str)
    @pytest.mark.parametrize("aggressiveness", [0, 3])
    def test_it_says_what_the_package_says_however_the_audio_is_cut(
        self, format: AudioFormat, aggressiveness: int
    ) -> None:
        import webrtcvad

        samples = speech_like(3_000, seed=1, format=format).samples
        size = format.samples(DECISION_MS)
        vad = webrtcvad.Vad(aggressiveness)
        expected = [
            vad.is_speech(samples[at : at + size].tobytes(), format.sample_rate)
            for at in range(0, len(samples), size)
        ]
        detector = WebRtcActivity(format, aggressiveness=aggressiveness)
        got = []
        for at in range(0, len(samples), 777):
            got += detector.push(samples[at : at + 777])
        assert got == expected
        assert True in got
        assert False in got

    def test_channels_are_averaged(self) -> None:
        speech = speech_like(2_000, seed=1).samples
        pair = WebRtcActivity(AudioFormat(16_000, 2)).push(np.hstack([speech, speech]))
        assert pair == WebRtcActivity(SPEECH).push(speech[:, 0])

    @pytest.mark.parametrize("rate", [11_025, 24_000, 44_100])
    def test_other_rates_are_refused(self, rate: int) -> None:
        with pytest.raises(UnsupportedFormatError, match="8000, 16000, 32000, 48000 Hz"):
            WebRtcActivity(AudioFormat(rate))

    @pytest.mark.parametrize("aggressiveness", [-1, 4])
    def test_other_degrees_are_refused(self, aggressiveness: int) -> None:
        with pytest.raises(ConfigurationError, match="aggressiveness"):
            WebRtcActivity(SPEECH, aggressiveness=aggressiveness)


def test_where_the_package_is_missing_the_error_says_how_to_add_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    with pytest.raises(MissingDependencyError) as caught:
        WebRtcActivity(SPEECH)
    assert caught.value.command == "pip install 'rawmedia[vad]'"


@given(st.lists(st.integers(0, 2_000), min_size=1, max_size=9), st.text("x.", max_size=40))
def test_spans_are_what_the_detector_told_and_never_overlap(cuts: list[int], answers: str) -> None:
    """Any detector plugs in: one method is all that it needs."""
    detector: ActivityDetector = Scripted(answers)
    spans = SpeechSpans(SPEECH, detector, lead_ms=0)
    samples = np.zeros((160 * len(answers), 1), np.int16)
    got = spans.push(samples)
    last = spans.flush()
    if last:
        got.append(last)
    expected = [
        TimeSpan(group[0] * 10.0, group[-1] * 10.0 + 10)
        for active, indices in itertools.groupby(
            range(len(answers)), key=lambda index: answers[index] == "x"
        )
        if active and (group := list(indices))
    ]
    assert got == expected


def test_a_span_begins_earlier_by_the_lead_but_not_in_the_one_before() -> None:
    spans = SpeechSpans(SPEECH, Scripted("....xx.xx......xx"), lead_ms=30)
    assert spans.speaking_since_ms is None
    got = spans.push(np.zeros((160 * 9, 1), np.int16))
    assert got == [TimeSpan(10, 60)]
    assert spans.speaking_since_ms == 60
    assert spans.push(np.zeros((160 * 7, 1), np.int16)) == [TimeSpan(60, 90)]
    assert spans.flush() == TimeSpan(120, 160)
    assert spans.flush() is None


def test_spans_of_speech_lie_where_it_is() -> None:
    """With the detector that is there unless another is named."""
    beep = tone(500, hz=300).samples
    silence = np.zeros((16_000, 1), np.int16)
    (span,) = SpeechSpans(SPEECH).push(np.concatenate([silence, beep, silence]))
    assert 970 <= span.start_ms <= 1_000
    assert 1_500 <= span.end_ms <= 1_700


@pytest.mark.parametrize("lead_ms", [-1, float("nan")])
def test_a_negative_lead_is_refused(lead_ms: float) -> None:
    with pytest.raises(ConfigurationError, match="lead_ms"):
        SpeechSpans(SPEECH, lead_ms=lead_ms)
