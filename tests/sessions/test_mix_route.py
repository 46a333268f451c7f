"""A voice goes where it is sent, and changes its way without a click."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.sessions.mixing.route import FADE_MS, Route, Way
from rawmedia.testing.signals import noise, tone

STEREO = AudioFormat(16_000, 2)
WAYS: list[Way] = ["off", "through", "left", "right"]


def test_what_passes_through_is_not_touched() -> None:
    samples = noise(20, seed=1, format=STEREO).samples
    assert Route(STEREO, "through").push(samples) is samples


def test_what_is_off_is_nothing() -> None:
    route = Route(STEREO, "off")
    assert route.silent
    assert route.push(noise(20, seed=1, format=STEREO).samples) is None


@pytest.mark.parametrize(("way", "heard", "unheard"), [("left", 0, 1), ("right", 1, 0)])
def test_a_side_gets_the_mean_of_all_channels(way: Way, heard: int, unheard: int) -> None:
    """So that a voice in both channels is as loud on one, and a voice in one is not lost."""
    samples = noise(20, seed=1, format=STEREO).samples
    out = Route(STEREO, way).push(samples)
    assert out is not None
    np.testing.assert_allclose(out[:, heard], samples.mean(axis=1), atol=0.01)
    assert not out[:, unheard].any()


def test_a_gain_is_heard_as_it_is_said() -> None:
    samples = tone(20).samples
    out = Route(SPEECH, "through", 6.0).push(samples)
    assert out is not None
    np.testing.assert_allclose(out, samples * 10 ** (6 / 20), rtol=1e-5)


@given(
    st.lists(st.tuples(st.sampled_from(WAYS), st.integers(1, 400)), min_size=1, max_size=6),
    st.sampled_from([SPEECH, STEREO]),
)
def test_no_change_of_way_makes_a_step(
    changes: list[tuple[Way, int]], audio_format: AudioFormat
) -> None:
    """On a constant level any step is the change's own; also of one in the midst of another."""
    channels = audio_format.num_channels
    level = 10_000
    fade = audio_format.samples(FADE_MS)
    route = Route(audio_format, "through")
    heard = [np.full((1, channels), float(level))]
    for way, size in changes:
        if channels == 1 and way in ("left", "right"):
            continue
        route.turn(way)
        out = route.push(np.full((size, channels), level, np.int16))
        heard.append(np.zeros((size, channels)) if out is None else out.astype(float))
    steps = np.abs(np.diff(np.concatenate(heard), axis=0))
    assert steps.max(initial=0) <= level / fade * 1.01 + 0.01


@given(st.lists(st.integers(1, 200), max_size=10))
def test_where_the_audio_is_cut_does_not_matter(cuts: list[int]) -> None:
    samples = noise(40, seed=2, format=STEREO).samples
    results: list[np.ndarray] = []
    places: list[list[int]] = [[], np.cumsum(cuts).tolist()]
    for pieces in places:
        route = Route(STEREO, "through")
        route.turn("left", -3.0)
        parts = [
            out.astype(float)
            for piece in np.split(samples, [cut for cut in pieces if cut < len(samples)])
            if (out := route.push(piece)) is not None
        ]
        results.append(np.concatenate(parts))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=0.01)


def test_a_change_is_over_after_its_time_and_exact_then() -> None:
    route = Route(SPEECH, "off")
    route.turn("through")
    assert not route.silent
    samples = noise(FADE_MS, seed=3).samples
    assert route.push(samples) is not samples
    assert route.push(samples) is samples
    route.turn("off")
    route.push(samples)
    assert route.silent


def test_where_nothing_is_heard_a_change_is_there_at_once() -> None:
    route = Route(SPEECH, "through")
    route.turn("off")
    route.settle()
    assert route.silent
