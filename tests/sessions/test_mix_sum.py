"""The sum of a listener's frame against whole-number arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rawmedia.sessions.mixing.total import MixSum

if TYPE_CHECKING:
    from rawmedia.audio.pcm import Int16Samples

_FACTORS = st.floats(0, 1, width=32)
_SAMPLES = arrays(np.int16, (7, 2))
_LOWERED = st.lists(st.tuples(_SAMPLES, _FACTORS), max_size=4)


def _lowered(samples: Int16Samples, factor: float) -> Int16Samples:
    lowered: Int16Samples = np.rint(samples.astype(np.float32) * np.float32(factor)).astype(
        np.int16
    )
    return lowered


@given(
    voices=st.lists(_SAMPLES, max_size=4), lowered=_LOWERED, blends=st.lists(_SAMPLES, max_size=2)
)
def test_a_sum_is_that_of_whole_numbers_saturated_once(
    voices: list[Int16Samples],
    lowered: list[tuple[Int16Samples, float]],
    blends: list[Int16Samples],
) -> None:
    """Whatever the order and the processor: recordings of one call are compared bit for bit."""
    mixed = MixSum()
    expected = np.zeros((7, 2), np.int64)
    for voice in voices:
        mixed.add(voice)
        expected += voice
    for samples, factor in lowered:
        mixed.add_lowered(samples, np.float32(factor))
        expected += _lowered(samples, factor)
    for blend in blends:
        mixed.add(blend.astype(np.float32))
        expected += blend
    total = mixed.total()
    if not (voices or lowered or blends):
        assert total is None
        return
    assert total is not None
    assert total.dtype == np.int16
    assert np.array_equal(total, expected.clip(-32768, 32767))


@given(samples=_SAMPLES, factor=_FACTORS)
def test_no_voice_is_written_to(samples: Int16Samples, factor: float) -> None:
    """It may be a frame that somebody else holds too."""
    before, blend = samples.copy(), samples.astype(np.float32)
    mixed = MixSum()
    mixed.add(samples)
    mixed.add_lowered(samples, np.float32(factor))
    mixed.add(blend)
    mixed.total()
    alone = MixSum()
    alone.add(blend)
    alone.total()
    assert np.array_equal(samples, before)
    assert np.array_equal(blend, before)


def test_a_voice_that_is_alone_is_not_copied() -> None:
    """Which is what nearly every frame of a call is."""
    voice = np.ones((320, 1), np.int16)
    mixed = MixSum()
    mixed.add(voice)
    assert mixed.total() is voice
