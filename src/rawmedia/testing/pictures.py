"""A picture of two pieces of audio, waveforms and spectrograms, as PNG; drawn with numpy and zlib alone."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.errors import FormatMismatchError

if TYPE_CHECKING:
    import numpy.typing as npt

    from rawmedia.audio.frame import AudioFrame

    Image = npt.NDArray[np.uint8]
    Wave = npt.NDArray[np.float64]

PICTURE_WIDTH = 1_024
"""Pixels; all of the audio is that wide, however long it is."""
WAVE_HEIGHT, SPECTRUM_HEIGHT = 96, 128
"""Pixels of a waveform and of a spectrogram."""
LABEL_HEIGHT = 20
FLOOR_DB = -90.0
"""What is black in a spectrogram, in decibels below a sine of full scale."""

_WINDOW = 512
_FULL_SCALE = 32_768.0
_PAPER, _GRID = (16, 16, 20), (70, 70, 80)
_EXPECTED, _GOT, _DIFFERENCE = (110, 190, 255), (255, 190, 90), (255, 90, 90)
# Black, blue, purple, orange, white: each step is lighter, so it can be read without colours.
_HEAT = np.array(
    [(0, 0, 0), (30, 20, 110), (150, 30, 130), (250, 140, 50), (255, 255, 240)], np.float64
)
# Letters of 3 by 5 pixels, a row in three bits from the top, as one octal number.
_GLYPHS = {
    "0": 0o75557,
    "1": 0o26227,
    "2": 0o71747,
    "3": 0o71717,
    "4": 0o55711,
    "5": 0o74717,
    "6": 0o74757,
    "7": 0o71111,
    "8": 0o75757,
    "9": 0o75717,
    ".": 0o00002,
    "-": 0o00700,
    "A": 0o25755,
    "C": 0o74447,
    "D": 0o65556,
    "E": 0o74647,
    "F": 0o74644,
    "G": 0o74557,
    "H": 0o55755,
    "I": 0o72227,
    "K": 0o55655,
    "M": 0o57755,
    "N": 0o65555,
    "O": 0o75557,
    "P": 0o75744,
    "R": 0o65655,
    "S": 0o74717,
    "T": 0o72222,
    "X": 0o55255,
    "Z": 0o71247,
    " ": 0o00000,
}
_SCALE = 2


def comparison_picture(expected: AudioFrame, got: AudioFrame) -> bytes:
    """Draw what was expected, what came, and the difference, one below the other.

    Of each of the first two a waveform and a spectrogram (linear, from 0 to half the sample rate),
    of the difference a waveform; all on one axis of time that begins with the audio. Channels are
    averaged. Where one is longer, the other is silent.

    Args:
        expected: What it should be.
        got: What it is, in the same format.

    Returns:
        A PNG, 1024 pixels wide.

    Raises:
        FormatMismatchError: They are in different formats.
    """
    if expected.format != got.format:
        raise FormatMismatchError(expected.format, got.format)
    length = max(1, expected.samples_per_channel, got.samples_per_channel)
    left, right = _mono(expected, length), _mono(got, length)
    duration_s, nyquist_hz = length / expected.format.sample_rate, expected.format.sample_rate / 2
    parts = [
        _label(f"EXPECTED  {duration_s:.3f} S  0-{nyquist_hz:g} HZ", _EXPECTED),
        _waveform(left, _EXPECTED),
        _spectrogram(left),
        _label("GOT", _GOT),
        _waveform(right, _GOT),
        _spectrogram(right),
        _label(f"DIFFERENCE  PEAK {_peak_percent(left - right):.1f} PERCENT", _DIFFERENCE),
        _waveform(right - left, _DIFFERENCE),
    ]
    return png(np.concatenate(parts))


def png(image: Image) -> bytes:
    """Write an image as PNG.

    Args:
        image: uint8 of shape ``(height, width, 3)``: red, green, blue.

    Source: W3C PNG, third edition: section 5 for chunks, 11.2 for the header, and filter 0.
    """
    height, width, _ = image.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with its filter, none
    rows[:, 1:] = image.reshape(height, -1)
    header = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))


def _mono(audio: AudioFrame, length: int) -> Wave:
    wave = np.zeros(length)
    wave[: audio.samples_per_channel] = audio.samples.mean(axis=1) / _FULL_SCALE
    return wave


def _peak_percent(wave: Wave) -> float:
    return 100 * float(np.abs(wave).max())


def _waveform(wave: Wave, colour: tuple[int, int, int]) -> Image:
    """From the least to the greatest sample of each column; the scale is that of full scale."""
    image = _blank(WAVE_HEIGHT)
    middle = WAVE_HEIGHT // 2
    image[middle] = _GRID
    edges = np.arange(PICTURE_WIDTH + 1) * len(wave) // PICTURE_WIDTH
    starts = np.minimum(edges[:-1], len(wave) - 1)
    # To where the next column begins, so that the line is one.
    following = wave[np.minimum(edges[1:], len(wave) - 1)]
    tops = np.maximum(np.maximum.reduceat(wave, starts), following)
    bottoms = np.minimum(np.minimum.reduceat(wave, starts), following)
    rows = np.arange(WAVE_HEIGHT)[:, np.newaxis]
    scale = middle - 1
    above = np.rint(middle - np.clip(tops, -1, 1) * scale)
    below = np.rint(middle - np.clip(bottoms, -1, 1) * scale)
    image[(rows >= above) & (rows <= below)] = colour
    return image


def _spectrogram(wave: Wave) -> Image:
    """Half-overlapping windows where there are as many columns; else a window in each column's middle."""
    window = np.hanning(_WINDOW)
    padded = np.pad(wave, _WINDOW // 2)
    centres = (np.arange(PICTURE_WIDTH) * 2 + 1) * len(wave) // (2 * PICTURE_WIDTH)
    blocks = padded[centres[:, np.newaxis] + np.arange(_WINDOW)] * window
    # A sine of full scale comes to 1, as the window halves it and the sum is over half the circle.
    levels = np.abs(np.fft.rfft(blocks, axis=1)) * (2 / window.sum())
    levels_db = 20 * np.log10(np.maximum(levels, 10 ** (FLOOR_DB / 20)))
    bins = np.linspace(levels.shape[1] - 1, 0, SPECTRUM_HEIGHT).round().astype(int)
    heat = (levels_db[:, bins].T - FLOOR_DB) / -FLOOR_DB * (len(_HEAT) - 1)
    steps = np.arange(len(_HEAT))
    colours = [np.interp(heat, steps, _HEAT[:, channel]) for channel in range(3)]
    return np.stack(colours, axis=2).astype(np.uint8)


def _label(text: str, colour: tuple[int, int, int]) -> Image:
    image = _blank(LABEL_HEIGHT)
    top = (LABEL_HEIGHT - 5 * _SCALE) // 2
    for place, letter in enumerate(text):
        bits = _GLYPHS[letter]
        pixels = np.array([bits >> (14 - at) & 1 for at in range(15)], bool).reshape(5, 3)
        glyph = pixels.repeat(_SCALE, axis=0).repeat(_SCALE, axis=1)
        left = 8 + place * 4 * _SCALE
        image[top : top + 5 * _SCALE, left : left + 3 * _SCALE][glyph] = colour
    return image


def _blank(height: int) -> Image:
    image = np.empty((height, PICTURE_WIDTH, 3), np.uint8)
    image[:] = _PAPER
    return image


__all__ = [
    "FLOOR_DB",
    "LABEL_HEIGHT",
    "PICTURE_WIDTH",
    "SPECTRUM_HEIGHT",
    "WAVE_HEIGHT",
    "comparison_picture",
    "png",
]
