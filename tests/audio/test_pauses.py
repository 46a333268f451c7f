"""Pauses are found where they are, and cutting them takes exactly what it says and no word."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, AudioFormat
from rawmedia.audio.pauses import FADE_MS, Pause, PauseFinder, cut_out, trim_pauses
from rawmedia.errors import ConfigurationError, PayloadError
from rawmedia.testing.signals import noise, speech_like, tone

Ints = npt.NDArray[np.int16]


class Scripted:
    """A detector that hears speech where there is an x, 10 ms each."""

    def __init__(self, answers: str, size: int = 160) -> None:
        self._answers, self._size = iter(answers), size

    def push(self, samples: Ints) -> list[bool]:
        return [next(self._answers) == "x" for _ in range(len(samples) // self._size)]


def found(answers: str, *, min_pause_ms: float = 50, keep_ms: float = 20) -> list[Pause]:
    finder = PauseFinder(
        SPEECH, min_pause_ms=min_pause_ms, keep_ms=keep_ms, detector=Scripted(answers)
    )
    pauses = finder.push(np.zeros((160 * len(answers), 1), np.int16))
    last = finder.flush()
    assert finder.flush() is None, "and the stream is at its end"
    return [*pauses, last] if last else pauses


def words(format: AudioFormat = SPEECH) -> Ints:
    """Three beeps of 300 ms with 600 ms of faint noise around each."""
    beep = tone(300, hz=400, format=format).samples.astype(int)
    rest = np.zeros((format.samples(600), format.num_channels), int)
    samples = np.concatenate([rest, beep, rest, beep, rest, beep, rest])
    ms = format.duration_ms(len(samples))
    return (samples + noise(ms, seed=1, format=format, peak_dbfs=-70).samples).astype(np.int16)


def test_a_pause_is_told_once_it_ends_with_what_of_it_can_go() -> None:
    assert found("xx.....xxx......") == [
        Pause(2 * 160, 7 * 160, 3 * 160, 6 * 160),
        Pause(10 * 160, 16 * 160, 11 * 160, 15 * 160),
    ]
    (pause, _) = found("xx.....xxx......")
    assert pause.cut == (480, 960)
    assert pause.cut_samples == 480


def test_shorter_pauses_are_part_of_speech() -> None:
    assert found("..x....x.x..") == []
    assert [pause.start for pause in found(".....x....x.....")] == [0, 11 * 160]


def test_the_pause_that_goes_on_can_be_cut_before_it_ends() -> None:
    """A queue need not wait for the next word to know that there is silence in it."""
    finder = PauseFinder(
        SPEECH, min_pause_ms=50, keep_ms=20, detector=Scripted("x" + 9 * "." + "x")
    )
    frame = np.zeros((160, 1), np.int16)
    seen = []
    for _ in range(10):
        assert finder.push(frame) == []
        seen.append(finder.current)
    assert seen[:5] == 5 * [None]
    assert seen[5] == Pause(160, 960, 320, 800)
    assert seen[9] == Pause(160, 1_600, 320, 1_440)
    assert finder.push(frame) == [seen[9]]
    assert finder.current is None


@settings(max_examples=40)
@given(st.lists(st.integers(0, 43_200), max_size=12))
def test_where_the_input_is_cut_does_not_change_what_is_found(cuts: list[int]) -> None:
    samples = words()
    whole, parts = PauseFinder(SPEECH), PauseFinder(SPEECH)
    expected = [*whole.push(samples), whole.flush()]
    got: list[Pause | None] = []
    for start, end in itertools.pairwise([0, *sorted(cuts), len(samples)]):
        got += parts.push(samples[start:end])
    assert [*got, parts.flush()] == expected
    assert len(expected) == 4


@pytest.mark.parametrize("format", [TELEPHONY, AudioFormat(24_000, 2), WEBRTC], ids=str)
def test_trimming_leaves_the_words_to_the_bit_and_so_much_between(format: AudioFormat) -> None:
    """What is quieter than a detector can hear is in the ends that are kept."""
    samples = words(format)
    out = trim_pauses(samples, format, min_pause_ms=300, keep_ms=160)
    loud_in, loud_out = (
        np.flatnonzero(np.abs(each[:, 0].astype(int)) > 200) for each in (samples, out)
    )
    np.testing.assert_array_equal(samples[loud_in], out[loud_out])
    gaps = np.diff(loud_out)
    gaps_ms = gaps[gaps > format.samples(50)] * 1_000 / format.sample_rate
    assert len(gaps_ms) == 2
    assert all(150 <= gap <= 182 for gap in gaps_ms)


@given(st.text("x.", max_size=120), st.integers(0, 9), st.sampled_from([20.0, 60.0, 155.0]))
def test_samples_out_are_samples_in_less_what_is_cut(
    answers: str, seed: int, keep_ms: float
) -> None:
    """A player that knows the cuts knows where in media time it is."""
    samples = noise(10 * len(answers) + 7, seed=seed).samples
    pauses = found(answers, min_pause_ms=160, keep_ms=keep_ms)
    out = trim_pauses(
        samples, SPEECH, min_pause_ms=160, keep_ms=keep_ms, detector=Scripted(answers)
    )
    assert len(out) == len(samples) - sum(pause.cut_samples for pause in pauses)
    assert all(
        pause.end - pause.start - pause.cut_samples == SPEECH.samples(keep_ms) for pause in pauses
    )


@given(st.floats(0, 2_000))
def test_no_more_is_cut_than_is_asked_for(max_cut_ms: float) -> None:
    samples = words()
    most = len(samples) - len(trim_pauses(samples, SPEECH))
    out = trim_pauses(samples, SPEECH, max_cut_ms=max_cut_ms)
    assert len(samples) - len(out) == min(most, SPEECH.samples(max_cut_ms))


def test_nothing_to_cut_gives_the_array_itself() -> None:
    samples = tone(500).samples
    assert trim_pauses(samples, SPEECH) is samples
    assert trim_pauses(words(), SPEECH, max_cut_ms=0).shape == words().shape
    assert np.shares_memory(trim_pauses(samples[:, 0], SPEECH), samples)


def test_speech_with_real_pauses_gets_shorter_and_keeps_its_sounds() -> None:
    samples = speech_like(10_000, seed=2).samples
    out = trim_pauses(samples, SPEECH, min_pause_ms=200, keep_ms=100)
    assert 0.6 * len(samples) < len(out) < 0.95 * len(samples)
    energy_in, energy_out = (np.square(each.astype(float)).sum() for each in (samples, out))
    assert energy_out == pytest.approx(energy_in, rel=1e-4)


def test_a_cut_does_not_click() -> None:
    """Between two levels, however far apart, no step is greater than its share of the fade."""
    samples = np.full((16_000, 2), 12_000, np.int16)
    samples[8_000:] = -12_000
    stereo = AudioFormat(16_000, 2)
    out = cut_out(samples, [(4_000, 12_000)], stereo)
    steps = np.abs(np.diff(out.astype(int), axis=0))
    assert steps.max() <= 24_000 / stereo.samples(FADE_MS) + 1
    assert out[0, 0] == 12_000
    assert out[-1, 1] == -12_000
    assert len(out) == 8_000


def test_several_cuts_leave_what_is_between_them() -> None:
    samples = np.arange(1_000, dtype=np.int16)
    fade = SPEECH.samples(FADE_MS)
    out = cut_out(samples, [(100, 300), (300 + fade, 500), (600, 600)], SPEECH)[:, 0]
    assert len(out) == 1_000 - 200 - (200 - fade)
    np.testing.assert_array_equal(out[:100], samples[:100])
    np.testing.assert_array_equal(out[100 + 2 * fade :], samples[500 + fade :])


@pytest.mark.parametrize(
    "cuts",
    [[(-1, 5)], [(5, 4)], [(0, 990)], [(0, 1_001)], [(100, 200), (210, 300)], [(500, 600), (0, 9)]],
)
def test_cuts_that_overlap_or_leave_no_room_for_the_fade_are_refused(
    cuts: list[tuple[int, int]],
) -> None:
    with pytest.raises(PayloadError, match="cuts in order"):
        cut_out(np.zeros((1_000, 1), np.int16), cuts, SPEECH)


@pytest.mark.parametrize(
    "samples", [np.zeros((10, 2), np.float32), np.zeros((10, 1), np.int16), np.zeros(10, np.int16)]
)
def test_other_arrays_are_refused(samples: Ints) -> None:
    stereo = AudioFormat(16_000, 2)
    with pytest.raises(PayloadError):
        cut_out(samples, [], stereo)
    with pytest.raises(PayloadError):
        trim_pauses(samples, stereo)
    with pytest.raises(PayloadError):
        PauseFinder(stereo).push(samples)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("min_pause_ms", {"min_pause_ms": 20.0, "keep_ms": 20.0}),
        ("min_pause_ms", {"min_pause_ms": 60_001.0}),
        ("min_pause_ms", {"min_pause_ms": float("nan")}),
        ("keep_ms", {"keep_ms": 300.0}),
        ("keep_ms", {"keep_ms": 19.0}),
        ("keep_ms", {"keep_ms": float("nan")}),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name: str, settings: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=name):
        PauseFinder(SPEECH, **settings)  # type: ignore[arg-type]  # only numbers are in it


@pytest.mark.parametrize("max_cut_ms", [-1.0, float("nan")])
def test_a_negative_budget_is_refused(max_cut_ms: float) -> None:
    with pytest.raises(ConfigurationError, match="max_cut_ms"):
        trim_pauses(words(), SPEECH, max_cut_ms=max_cut_ms)
