"""Ducking: an envelope straight in decibels that begins, holds and ends when it should."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.ducking import Ducker
from rawmedia.audio.level import rms_dbfs
from rawmedia.errors import ConfigurationError, PayloadError, UnsupportedFormatError

Floats = npt.NDArray[np.float32]
RATE = 8_000


def ducker(**settings: float) -> Ducker:
    """20 dB within 10 ms (80 samples), back in 100 ms (800), after 50 ms (400)."""
    defaults = {"depth_db": 20.0, "attack_ms": 10.0, "release_ms": 100.0, "hold_ms": 50.0}
    return Ducker(RATE, **(defaults | settings))


def db(factors: Floats) -> npt.NDArray[np.float64]:
    return 20 * np.log10(factors.astype(np.float64))


def test_both_ways_are_straight_lines_in_decibels_of_the_length_asked_for() -> None:
    duck = ducker(hold_ms=0)
    down = db(duck.gains(100, speaking=True))
    np.testing.assert_allclose(down[:80], -20 * np.arange(1, 81) / 80, atol=1e-4)
    np.testing.assert_allclose(down[80:], -20, atol=1e-4)
    up = db(duck.gains(900, speaking=False))
    np.testing.assert_allclose(up[:800], -20 + 20 * np.arange(1, 801) / 800, atol=1e-4)
    assert (up[800:] == 0).all(), "exactly its own level"


def test_the_stream_stays_down_for_the_hold_after_the_last_word() -> None:
    """The pauses between two words must not pump the original up and down."""
    duck = ducker()
    duck.gains(200, speaking=True)
    after = db(duck.gains(1_000, speaking=False))
    np.testing.assert_allclose(after[:400], -20, atol=1e-4)
    assert after[400] > -20


def test_a_word_within_the_hold_begins_it_anew() -> None:
    duck = ducker()
    for _ in range(5):
        duck.gains(100, speaking=True)
        last = duck.gains(399, speaking=False)
    np.testing.assert_allclose(db(last), -20, atol=1e-4)


def test_a_short_word_still_lowers_the_stream_fully() -> None:
    """The attack goes on through the hold."""
    duck = ducker()
    first = db(duck.gains(10, speaking=True))
    then = db(duck.gains(100, speaking=False))
    assert first[-1] == pytest.approx(-2.5, abs=1e-4)
    assert then[69] == pytest.approx(-20, abs=1e-4)


def test_turning_round_midway_goes_on_from_there_with_the_other_slope() -> None:
    duck = ducker(hold_ms=0)
    duck.gains(40, speaking=True)
    assert duck.gain_db == pytest.approx(-10, abs=1e-4)
    up = db(duck.gains(400, speaking=False))
    np.testing.assert_allclose(up, -10 + 10 * np.arange(1, 401) / 400, atol=1e-4)


turns = st.lists(st.tuples(st.integers(0, 900), st.booleans()), max_size=8)
settings = st.fixed_dictionaries(
    {
        "depth_db": st.sampled_from([0.0, 6.0, 20.0, 96.0]),
        "attack_ms": st.sampled_from([0.0, 0.1, 10.0, 77.7]),
        "release_ms": st.sampled_from([0.0, 0.1, 50.0, 77.7]),
        "hold_ms": st.sampled_from([0.0, 0.1, 30.0]),
    }
)


@given(turns, settings, st.data())
def test_where_the_audio_is_cut_does_not_change_one_bit(
    script: list[tuple[int, bool]], chosen: dict[str, float], data: st.DataObject
) -> None:
    """The other speaks at the same instants; what is cut is the audio between them."""
    whole, parts = ducker(**chosen), ducker(**chosen)
    rng = np.random.default_rng(len(script))
    for size, speaking in script:
        samples = rng.integers(-32_768, 32_768, (size, 2), np.int16)
        cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=3)))
        out = whole.push_int16(samples, speaking=speaking)
        pieces = [
            parts.push_int16(samples[a:b], speaking=speaking)
            for a, b in itertools.pairwise([0, *cuts, size])
        ]
        assert np.concatenate(pieces).tobytes() == out.tobytes()
        assert parts.gain_db == whole.gain_db


@given(turns, settings)
def test_the_gain_stays_in_its_range_and_never_jumps(
    script: list[tuple[int, bool]], chosen: dict[str, float]
) -> None:
    duck = ducker(**chosen)
    depth = chosen["depth_db"]
    fades = [max(1, round(chosen[name] * RATE / 1000)) for name in ("attack_ms", "release_ms")]
    pieces = [duck.gains(size, speaking=speaking) for size, speaking in script]
    gains = db(np.concatenate([np.ones(1, np.float32), *pieces]))
    assert (gains <= 0).all()
    assert (gains >= -depth - 1e-4).all()
    # A step of the steeper fade, and where they meet half of one more.
    steepest = depth / min(fades)
    assert np.abs(np.diff(gains)).max(initial=0) <= 1.5 * steepest + 1e-3


@given(turns)
def test_all_three_ways_to_use_it_agree(script: list[tuple[int, bool]]) -> None:
    ints, floats, gains = ducker(), ducker(), ducker()
    for size, speaking in script:
        samples = np.full((size, 2), -32_768, np.int16)
        factors = gains.gains(size, speaking=speaking)
        scaled = floats.push(samples.astype(np.float32), speaking=speaking)
        np.testing.assert_array_equal(scaled, factors[:, None] * samples.astype(np.float32))
        np.testing.assert_array_equal(
            ints.push_int16(samples, speaking=speaking), np.rint(scaled).astype(np.int16)
        )


def test_while_nothing_is_lowered_the_samples_pass_themselves() -> None:
    samples = np.ones((160, 1), np.int16)
    floats = np.ones(160, np.float32)
    duck = ducker()
    assert duck.push_int16(samples, speaking=False) is samples
    assert duck.push(floats, speaking=False) is floats
    lowered = duck.push(floats, speaking=True)
    assert lowered is not floats
    assert (floats == 1).all()


def test_no_audio_means_nobody_spoke() -> None:
    """An empty frame must not begin a hold."""
    duck = ducker()
    duck.gains(0, speaking=True)
    assert (duck.gains(100, speaking=False) == 1).all()
    duck.gains(100, speaking=True)
    duck.gains(400, speaking=False)
    duck.push(np.ones(0, np.float32), speaking=True)
    assert duck.gains(1, speaking=False)[0] > 10 ** (-20 / 20), "the hold was over"


def test_a_reset_forgets_who_spoke() -> None:
    duck = ducker()
    duck.gains(100, speaking=True)
    duck.reset()
    assert duck.gain_db == 0
    assert (duck.gains(100, speaking=False) == 1).all()


def test_a_level_can_stand_for_the_flag() -> None:
    """-45 dBFS by default: above a quiet line, below soft speech."""
    duck = ducker(threshold_dbfs=-40)
    voice = np.resize(np.array([1_000, -1_000], np.int16), (160, 1))
    assert duck.hears(rms_dbfs(voice))
    assert duck.hears(-40)
    assert not duck.hears(rms_dbfs(voice // 32))
    assert not duck.hears(-math.inf)


@pytest.mark.parametrize(
    ("setting", "bad"),
    [
        ("depth_db", -1),
        ("depth_db", 97),
        ("attack_ms", 5_001),
        ("release_ms", -0.1),
        ("hold_ms", 60_001),
        ("threshold_dbfs", 1),
        ("hold_ms", math.nan),
    ],
)
def test_settings_out_of_range_are_refused_and_named(setting: str, bad: float) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        ducker(**{setting: bad})
    with pytest.raises(UnsupportedFormatError):
        Ducker(100)


@pytest.mark.parametrize("bad", [np.zeros(4), np.zeros(4, np.int32), np.float32(3), np.int16(3)])
def test_other_types_are_refused_and_time_does_not_pass(bad: Any) -> None:
    duck = ducker()
    for call in (duck.push, duck.push_int16):
        with pytest.raises(PayloadError):
            call(bad, speaking=True)
    assert duck.gain_db == 0
    assert duck.push(np.ones(1, np.float32), speaking=False)[0] == 1
