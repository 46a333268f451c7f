"""Several voices as one, exact until they are too loud together; and for each the mix without itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.pcm import saturate_whole
from rawmedia.errors import FormatMismatchError, PayloadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.audio.pcm import FloatSamples, Int16Samples

_INT16 = np.dtype(np.int16)
MAX_STREAMS = 512
"""So many times -32768 is -2**24: up to there float32 adds int16 samples without an error."""


def mix(streams: Sequence[Int16Samples]) -> Int16Samples:
    """Add voices that begin together, and saturate the sum once.

    The result is as long as the longest; where a shorter one has ended, it is silent. No voice is
    made softer for the others' sake: in a call hardly two speak at once, and a level that depends
    on who is connected would be heard. Up to the saturation the sum is exact, so the order of
    the voices does not matter.

    Args:
        streams: 1 to 512 arrays of int16, shape ``(samples_per_channel, num_channels)``, or
            ``(samples_per_channel,)``, with the same number of channels.

    Returns:
        int16 of that shape; a new array.

    Raises:
        PayloadError: None or too many, another type, or shapes that do not go together.
    """
    voices = _side_by_side(streams)
    return saturate_whole(_sum(voices)).reshape(-1, *streams[0].shape[1:])


def mix_minus(streams: Sequence[Int16Samples]) -> list[Int16Samples]:
    """For each voice the mix of all others, each saturated for itself: what a room plays to everyone.

    All are made of one sum, so that ``n`` voices cost ``n`` subtractions and not ``n * n``
    additions.

    Args:
        streams: As for `mix`; the lengths are made equal as there. Of a single one, the mix of all
            others is silence.

    Returns:
        One array per stream, in their order, all as long as the longest.

    Raises:
        PayloadError: As for `mix`.
    """
    voices = _side_by_side(streams)
    others = saturate_whole(np.subtract(_sum(voices), voices, out=voices))
    return list(others.reshape(len(streams), -1, *streams[0].shape[1:]))


def mix_frames(frames: Sequence[AudioFrame]) -> AudioFrame:
    """Add frames of one format, each at its place in media time.

    The result goes from the first start to the last end, and is filler if all of them are. It
    has no source, unless all have the same.

    Args:
        frames: 1 to 512, which overlap or adjoin: frames with a hole between them are no mix, and
            a wrong position must not cost memory.

    Raises:
        FormatMismatchError: A frame is in another format than the first.
        PayloadError: None or too many, or they are too far apart.
    """
    if not frames:
        raise PayloadError("1 to 512 frames", "none")
    first = frames[0]
    for frame in frames:
        if frame.format != first.format:
            raise FormatMismatchError(first.format, frame.format)
    start = min(frame.position for frame in frames)
    size = max(frame.end for frame in frames) - start
    if size > sum(frame.samples_per_channel for frame in frames):
        raise PayloadError("frames that overlap or adjoin", f"some within {size} samples")
    streams = [_placed(frame, start, size) for frame in frames]
    source = first.source if all(frame.source == first.source for frame in frames) else None
    filler = all(frame.filler for frame in frames)
    return AudioFrame(mix(streams), first.format, start, source, filler=filler)


def _placed(frame: AudioFrame, start: int, size: int) -> Int16Samples:
    """The frame's samples with silence around them; themselves where they need none."""
    if frame.samples_per_channel == size:
        return frame.samples
    placed = np.zeros((size, frame.format.num_channels), np.int16)
    placed[frame.position - start : frame.end - start] = frame.samples
    return placed


def _side_by_side(streams: Sequence[Int16Samples]) -> FloatSamples:
    """The voices as rows of float32, channels interleaved, silence after the end of a shorter one."""
    if not 1 <= len(streams) <= MAX_STREAMS:
        raise PayloadError(f"1 to {MAX_STREAMS} streams", f"{len(streams)}")
    shape = streams[0].shape
    if len(shape) not in (1, 2):
        raise PayloadError("arrays of shape (n, num_channels)", f"one of {shape}")
    shapes = set()
    for samples in streams:
        if samples.dtype != _INT16:
            raise PayloadError("arrays of int16 samples", f"one of {samples.dtype}")
        shapes.add(samples.shape)
    if len(shapes) == 1:
        return np.concatenate(streams, dtype=np.float32).reshape(len(streams), -1)
    for other in shapes:
        if other[1:] != shape[1:]:
            raise PayloadError("arrays with the same number of channels", f"{shape} and {other}")
    padded = np.zeros((len(streams), max(map(len, streams)), *shape[1:]), np.float32)
    for row, samples in zip(padded, streams, strict=True):
        row[: len(samples)] = samples
    return padded.reshape(len(streams), -1)


def _sum(voices: FloatSamples) -> FloatSamples:
    # A product with ones is the fastest sum, and exact: BLAS may add in any order.
    total: FloatSamples = np.dot(np.ones(len(voices), np.float32), voices)
    return total


__all__ = ["MAX_STREAMS", "mix", "mix_frames", "mix_minus"]
