"""What holds for every decoder whose payloads are samples, whatever a sample looks like."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

from rawmedia.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.codecs.codec import Decoder, Encoder

Ints = npt.NDArray[np.int16]


def voice(samples: int, rate: int = 8_000, channels: int = 1, hz: float = 125) -> Ints:
    """A vowel of sorts: harmonics of one pitch, level 0.3 of full scale at its peaks."""
    instants = np.arange(samples)[:, None] / rate
    wave = np.zeros((samples, 1))
    for n in range(1, 8):
        wave += 4_000 * np.sin(2 * np.pi * hz * n * instants + n) / n
    return np.rint(np.repeat(wave, channels, axis=1)).astype(np.int16)


def check_cuts(make: Callable[[], Decoder], payload: bytes, instant_bytes: int, cuts: Any) -> None:
    """A carrier may cut between any two instants, and nobody hears where."""
    whole = make().decode(payload)
    places = sorted({0, len(payload), *(cut * instant_bytes for cut in cuts)})
    decoder = make()
    pieces = [decoder.decode(payload[a:b]) for a, b in itertools.pairwise(places)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def check_refusals(make: Callable[[], Decoder], encoder: Encoder, bad: list[Any]) -> None:
    """What is refused leaves no trace, in what follows and in how a hole is filled."""
    samples = voice(400, channels=encoder.format.num_channels)
    payload = encoder.encode(samples)
    decoder, fresh = make(), make()
    for each in (decoder, fresh):
        each.decode(payload)
    for refused in bad:
        with pytest.raises(PayloadError):
            decoder.decode(refused)
        with pytest.raises(PayloadError):
            decoder.recover(refused, 80)
    assert decoder.conceal(160).tobytes() == fresh.conceal(160).tobytes()
    assert decoder.decode(payload).tobytes() == fresh.decode(payload).tobytes()


def check_protocol(make: Callable[[], Decoder], encoder: Encoder) -> None:
    """Buffers of any kind, new arrays, resets, two decoders that share nothing."""
    channels = encoder.format.num_channels
    samples = voice(400, channels=channels)
    payload = encoder.encode(samples)
    decoder = make()
    out = decoder.decode(payload)
    assert decoder.format == encoder.format
    assert out.dtype == np.int16
    assert out.shape == (400, channels)
    assert out.flags.writeable
    for buffer in (bytearray(payload), memoryview(payload)):
        np.testing.assert_array_equal(decoder.decode(buffer), out)
    changing = bytearray(payload)
    remembering, fresh = make(), make()
    remembering.decode(changing)
    changing[:] = bytes(len(changing))
    fresh.decode(payload)[:] = 99
    hole = remembering.conceal(100)
    assert hole.tobytes() == fresh.conceal(100).tobytes(), "the caller's memory is not kept"
    assert hole.any()

    used = make()
    used.decode(encoder.encode(voice(333, channels=channels, hz=180)))
    used.conceal(100)
    used.reset()
    encoder.reset()
    assert used.decode(payload).tobytes() == out.tobytes(), "no fade after a reset"
    assert used.conceal(100).tobytes() == hole.tobytes()

    assert make().recover(payload, 0).shape == (0, channels)
    assert make().recoverable(payload) == 0
    recovering, concealing = make(), make()
    for each in (recovering, concealing):
        each.decode(payload)
    assert recovering.recover(payload, 160).tobytes() == concealing.conceal(160).tobytes()
    with pytest.raises(PayloadError):
        recovering.conceal(-1)


def check_encoder_refusals(encoder: Encoder) -> None:
    """An encoder of stereo; nothing else than its int16 becomes bytes."""
    bad: list[Any] = [
        np.zeros((4, 2), np.float32),
        np.zeros((4, 2), ">i2"),
        np.zeros((4, 1), np.int16),
        np.zeros(4, np.int16),
        np.zeros((4, 2, 1), np.int16),
        np.int16(1),
    ]
    for samples in bad:
        with pytest.raises(PayloadError):
            encoder.encode(samples)
