"""What every check of a codec works with: the same frames, encoded and decoded by new codecs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, PayloadError
from rawmedia.testing.checks.broken import broke, require
from rawmedia.testing.signals import in_frames, speech_like

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from rawmedia.codecs.codec import Decoder, Encoder

    Samples = npt.NDArray[np.int16]

T = TypeVar("T")
_DEFAULT_MS = 3_000.0
_LOUD = 300.0
_SEED = 3
_FEWEST_FRAMES = 10
_GARBAGE_SIZES = (0, 1, 2, 3, 7, 20, 64, 161, 400, 1_500)
_GARBAGE_EACH = 40


class CodecTrial:
    """A codec under test and the frames that it is tried with.

    Args:
        make_encoder: Makes one.
        make_decoder: Makes one of the same codec.
        audio: What is encoded; two seconds that sound like speech if not given.
        frame_ms: How much of it goes into a payload.

    Raises:
        ConfigurationError: The audio is in another format than the encoder's, or too short.
    """

    def __init__(
        self,
        make_encoder: Callable[[], Encoder],
        make_decoder: Callable[[], Decoder],
        audio: AudioFrame | None,
        frame_ms: float,
    ) -> None:
        self.make_encoder, self.make_decoder = make_encoder, make_decoder
        self.format = make_encoder().format
        if audio is None:
            audio = _loud(speech_like(_DEFAULT_MS, seed=_SEED, format=self.format), frame_ms)
        if audio.format != self.format:
            raise ConfigurationError("audio", f"{self.format} is needed, not {audio.format}")
        size = self.format.samples(frame_ms)
        self.frames: list[Samples] = [
            frame.samples
            for frame in in_frames(audio, frame_ms)
            if frame.samples_per_channel == size
        ]
        if len(self.frames) < _FEWEST_FRAMES:
            raise ConfigurationError("audio", f"{_FEWEST_FRAMES} frames of it are needed at least")

    def payloads(self, frames: Iterable[Samples] | None = None) -> list[bytes]:
        """What a new encoder makes of the frames."""
        encoder = self.make_encoder()
        return [encoder.encode(frame) for frame in (self.frames if frames is None else frames)]

    def sent(self) -> list[bytes]:
        """The payloads that are not empty: what a receiver gets."""
        sent = [payload for payload in self.payloads() if payload]
        require(len(sent) > 2, f"only {len(sent)} of {len(self.frames)} payloads were not empty.")
        return sent

    def after(self, payloads: Iterable[bytes]) -> Decoder:
        """A new decoder that has decoded these."""
        decoder = self.make_decoder()
        for payload in payloads:
            decoder.decode(payload)
        return decoder

    def no_payloads(self) -> list[bytes]:
        """Random bytes of many lengths that a new decoder refuses; the same from run to run."""
        refused = []
        for payload in self.garbage():
            try:
                self.make_decoder().decode(payload)
            except PayloadError:
                refused.append(payload)
        return refused

    def garbage(self) -> list[bytes]:
        """Random bytes of many lengths; the same from run to run."""
        chance = np.random.default_rng(_SEED)
        return [chance.bytes(size) for size in _GARBAGE_SIZES for _ in range(_GARBAGE_EACH)]


def rms(samples: Samples) -> float:
    """The level of samples, on the scale of int16."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0


def _loud(audio: AudioFrame, frame_ms: float) -> AudioFrame:
    """Its loud frames alone: of silence no codec remembers anything that could be found out."""
    frames = [each.samples for each in in_frames(audio, frame_ms) if rms(each.samples) > _LOUD]
    return AudioFrame(np.concatenate(frames), audio.format)


def same(one: Samples, other: Samples) -> bool:
    """Whether two arrays are of one shape and hold the same samples."""
    return one.shape == other.shape and bool(np.array_equal(one, other))


def require_samples(samples: Samples, channels: int, what: str) -> None:
    """It must be an int16 array of shape ``(samples_per_channel, num_channels)`` that can be written to.

    Raises:
        SeenError: It is not.
    """
    if not isinstance(samples, np.ndarray):
        broke(f"{what} gave a {type(samples).__name__}, not an array.")
    right = samples.dtype == np.int16 and samples.ndim == 2 and samples.shape[1] == channels
    require(
        right,
        f"{what} gave an array of {samples.dtype} and shape {samples.shape}, not of int16 and (n, {channels}).",
    )
    require(samples.flags.writeable, f"{what} gave an array that can't be written to.")


def refuses(call: Callable[[], object]) -> bool:
    """Whether it raises PayloadError."""
    try:
        call()
    except PayloadError:
        return True
    return False


def in_other_threads(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Make the calls one after the other, each in another of two threads."""
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        threads = (one, other)
        return [threads[n % 2].submit(call).result() for n, call in enumerate(calls)]


__all__ = ["CodecTrial", "in_other_threads", "refuses", "require_samples", "rms", "same"]
