"""The picture of a failed comparison: a PNG that shows what differs where it does."""

from __future__ import annotations

import struct
import wave
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import FormatMismatchError
from rawmedia.testing.compare import assert_same_audio
from rawmedia.testing.failed_comparison import MAX_KEPT, keep_failed_comparisons
from rawmedia.testing.pictures import (
    LABEL_HEIGHT,
    PICTURE_WIDTH,
    SPECTRUM_HEIGHT,
    WAVE_HEIGHT,
    comparison_picture,
    png,
)
from rawmedia.testing.signals import joined, noise, silence, tone

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


def read_png(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode what the module writes: 8 bits of RGB, no filter; every checksum is checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = [], 8
    while at < len(data):
        size, kind = struct.unpack_from("!I4s", data, at)
        body = data[at + 8 : at + 8 + size]
        (check,) = struct.unpack_from("!I", data, at + 8 + size)
        assert check == zlib.crc32(kind + body)
        chunks.append((kind, body))
        at += 12 + size
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack("!IIBBBBB", chunks[0][1])
    assert rest == [8, 2, 0, 0, 0]
    rows = np.frombuffer(zlib.decompress(chunks[1][1]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


class Parts:
    """The panels of a picture."""

    def __init__(self, expected: AudioFrame, got: AudioFrame) -> None:
        image = read_png(comparison_picture(expected, got)).astype(int)
        assert image.shape[1] == PICTURE_WIDTH
        tops = np.cumsum(
            [0, *[LABEL_HEIGHT, WAVE_HEIGHT, SPECTRUM_HEIGHT] * 2, LABEL_HEIGHT, WAVE_HEIGHT]
        )
        assert image.shape[0] == tops[-1]
        panels = [image[top:end] for top, end in pairwise(tops)]
        self.labels = panels[0], panels[3], panels[6]
        self.expected, self.expected_spectrum = panels[1], panels[2]
        self.got, self.got_spectrum = panels[4], panels[5]
        self.difference = panels[7]


def drawn(panel: npt.NDArray[np.int_]) -> npt.NDArray[np.intp]:
    """How many pixels of each column are painted, beside the paper and the line in the middle."""
    counts: npt.NDArray[np.intp] = (panel.max(axis=2) > 80).sum(axis=0)
    return counts


@given(height=st.integers(1, 20), width=st.integers(1, 20), seed=st.integers(0, 1_000))
def test_a_png_holds_its_image(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    np.testing.assert_array_equal(read_png(png(image)), image)


def test_what_differs_is_seen_where_it_does() -> None:
    """One look must lead to the place."""
    expected = noise(2_000, seed=1, peak_dbfs=-3)
    samples = expected.samples.copy()
    samples[SPEECH.samples(1_000) : SPEECH.samples(1_500)] //= 4
    parts = Parts(expected, AudioFrame(samples, SPEECH))
    heights = drawn(parts.difference)
    inside = slice(PICTURE_WIDTH // 2 + 2, PICTURE_WIDTH * 3 // 4 - 2)
    assert heights[inside].mean() > 10
    assert heights[: PICTURE_WIDTH // 2 - 2].max() <= 1
    assert heights[PICTURE_WIDTH * 3 // 4 + 2 :].max() <= 1
    assert drawn(parts.got)[inside].mean() < drawn(parts.expected)[inside].mean() / 2


@pytest.mark.parametrize("hz", [500.0, 2_000.0, 6_000.0])
def test_a_tone_is_a_bright_line_at_its_pitch(hz: float) -> None:
    parts = Parts(tone(1_000, hz=hz, peak_dbfs=0), silence(1_000))
    brightness = parts.expected_spectrum.sum(axis=2)[:, 100:-100]
    row = int(brightness.mean(axis=1).argmax())
    assert row == pytest.approx((1 - hz / 8_000) * (SPECTRUM_HEIGHT - 1), abs=2)
    assert brightness[row].min() > 600
    assert brightness[(row + SPECTRUM_HEIGHT // 2) % SPECTRUM_HEIGHT].max() < 150
    assert not parts.got_spectrum.any()


def test_a_louder_wave_is_higher_and_full_scale_fills_the_panel() -> None:
    heights = [
        int(drawn(Parts(tone(2_000, hz=3_900, peak_dbfs=level), silence(500)).expected).max())
        for level in (-20, -6, 0)
    ]
    assert heights == sorted(heights)
    assert heights[-1] >= WAVE_HEIGHT - 3
    assert heights[0] < WAVE_HEIGHT / 8


def test_where_one_is_longer_the_other_is_silent() -> None:
    parts = Parts(noise(1_000, seed=1), noise(500, seed=1))
    assert drawn(parts.got)[PICTURE_WIDTH // 2 + 2 :].max() <= 1
    assert drawn(parts.got)[: PICTURE_WIDTH // 2 - 2].min() > 1
    assert drawn(parts.difference)[: PICTURE_WIDTH // 2 - 2].max() <= 1


@pytest.mark.parametrize("samples", [0, 1, 3, 1_000, PICTURE_WIDTH, PICTURE_WIDTH + 1])
def test_any_length_is_drawn(samples: int) -> None:
    """Also what lasts less than a pixel, or nothing at all."""
    wave = np.full(samples, 20_000, np.int16)
    parts = Parts(AudioFrame(wave, SPEECH), AudioFrame(b"", SPEECH))
    above = parts.expected[: WAVE_HEIGHT // 2 - 5].max(axis=2) > 80
    assert above.any(axis=0).all() == (samples > 0)


def test_labels_can_be_read_and_say_how_long_it_is() -> None:
    one, other = Parts(tone(100), tone(100)), Parts(tone(200), tone(200))
    assert all(label.max() > 80 for label in one.labels)
    assert (one.labels[0] != other.labels[0]).any()
    assert (one.labels[1] == other.labels[1]).all()


def test_channels_are_averaged_and_formats_must_agree() -> None:
    both = AudioFormat(16_000, 2)
    left = np.zeros((32_000, 2), np.int16)
    left[:, 0] = tone(2_000, hz=3_900, peak_dbfs=0).samples[:, 0]
    parts = Parts(AudioFrame(left, both), AudioFrame(left, both))
    assert WAVE_HEIGHT / 3 < drawn(parts.expected).max() < WAVE_HEIGHT * 2 / 3
    with pytest.raises(FormatMismatchError):
        comparison_picture(tone(100), tone(100, format=TELEPHONY))


def test_ten_minutes_make_no_greater_picture_than_a_second() -> None:
    """What a failure leaves is small, and is made in no more memory than the audio has."""
    long = AudioFrame(np.tile(tone(1_000, format=TELEPHONY).samples, (600, 1)), TELEPHONY)
    short = comparison_picture(tone(1_000), tone(1_000))
    assert len(comparison_picture(long, long)) < 2 * len(short) < 1_000_000


# What is kept.


def differing(level: float) -> BaseException:
    with pytest.raises(AssertionError) as caught:
        assert_same_audio(tone(100), tone(100, peak_dbfs=level), snr_db=40)
    return caught.value


def test_a_failed_comparison_leaves_both_as_wav_and_a_picture(tmp_path: Path) -> None:
    kept = keep_failed_comparisons(differing(-20), tmp_path / "new" / "folder")
    assert [path.name for path in kept] == [
        "audio-1-expected.wav",
        "audio-1-got.wav",
        "audio-1.png",
    ]
    with wave.open(str(kept[0])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert file.readframes(10_000) == tone(100).data
    with wave.open(str(kept[1])) as file:
        assert file.readframes(10_000) == tone(100, peak_dbfs=-20).data
    read_png(kept[2].read_bytes())


def test_comparisons_in_groups_and_causes_are_kept_each_once(tmp_path: Path) -> None:
    """Tests of calls run in task groups, whose errors come in groups."""
    one, other = differing(-20), differing(-30)
    error = RuntimeError("no")
    error.__cause__ = BaseExceptionGroup("two", [one, ValueError("none"), other, one])
    error.__context__ = one
    kept = keep_failed_comparisons(error, tmp_path)
    assert len(kept) == 6
    again = keep_failed_comparisons(error, tmp_path)
    assert again == kept


def test_of_very_many_comparisons_some_are_kept(tmp_path: Path) -> None:
    group = BaseExceptionGroup("many", [differing(-20) for _ in range(MAX_KEPT + 5)])
    assert len(keep_failed_comparisons(group, tmp_path)) == 3 * MAX_KEPT


def test_other_errors_leave_nothing(tmp_path: Path) -> None:
    assert keep_failed_comparisons(ValueError("no"), tmp_path / "folder") == []
    assert not (tmp_path / "folder").exists()


def test_a_joined_timeline_is_kept_as_it_was_compared(tmp_path: Path) -> None:
    late = joined([silence(50), tone(100).at(800)])
    with pytest.raises(AssertionError) as caught:
        assert_same_audio(tone(100), late, snr_db=200, align_ms=49)
    kept = keep_failed_comparisons(caught.value, tmp_path)
    with wave.open(str(kept[0])) as one, wave.open(str(kept[1])) as other:
        assert one.getnframes() == other.getnframes()
