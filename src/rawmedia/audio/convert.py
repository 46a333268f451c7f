"""Turning live PCM of one format into another: sample rate and number of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.pcm import from_bytes, mix_down, mix_up, saturate, to_bytes
from rawmedia.audio.resample import Resampler
from rawmedia.errors import FormatMismatchError

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples, PCMBytes


class FormatConverter:
    """Takes audio of any length in one format, gives interleaved int16 bytes of another.

    Surplus channels are averaged before the rate changes, missing ones repeated after it
    (`mix_down`, `mix_up`), so the samples are rounded once, at the end. `Resampler` says what
    ``prompt`` means and where it differs. For equal rates nothing is held back.

    Args:
        source: What comes in.
        target: What goes out.
        prompt: Give a frame for a frame, ``delay_ms`` late, instead of time-aligned audio of
            which ``delay_ms`` are held back.

    Raises:
        UnsupportedFormatError: The two rates are in a ratio that `Resampler` does not take.
    """

    __slots__ = ("_identical", "_instant_bytes", "_resampler", "_source", "_target")

    def __init__(self, source: AudioFormat, target: AudioFormat, *, prompt: bool = False) -> None:
        self._source, self._target = source, target
        self._identical = source == target
        self._instant_bytes = source.bytes_per_instant
        self._resampler: Resampler | None = None
        if source.sample_rate != target.sample_rate:
            self._resampler = Resampler(
                source.sample_rate,
                target.sample_rate,
                min(source.num_channels, target.num_channels),
                prompt=prompt,
            )

    @property
    def source(self) -> AudioFormat:
        """What comes in."""
        return self._source

    @property
    def target(self) -> AudioFormat:
        """What goes out."""
        return self._target

    @property
    def delay_ms(self) -> float:
        """How much is held back, or (prompt) how late the output sounds; 0 for equal rates."""
        return self._resampler.delay_ms if self._resampler else 0.0

    def push(self, audio: AudioFrame | PCMBytes) -> bytes:
        """Take audio, give what of it can be had in the target format now.

        ``bytes`` come back as they are when the formats are the same.

        Args:
            audio: A frame, or interleaved int16 bytes: whole samples of every channel.

        Raises:
            FormatMismatchError: The frame is not in the source format; it was not taken.
            PayloadError: The bytes end in the middle of a sample, or are no contiguous buffer;
                none of them was taken.
        """
        if isinstance(audio, AudioFrame):
            if audio.format != self._source:
                raise FormatMismatchError(self._source, audio.format)
            if self._identical:
                return bytes(audio)
            samples = audio.samples
        elif self._identical and type(audio) is bytes and not len(audio) % self._instant_bytes:
            return audio
        else:
            samples = from_bytes(audio, self._source.num_channels)
        return to_bytes(self._converted(samples))

    def flush(self) -> bytes:
        """End a stretch of audio: give what was held back of it, and start afresh."""
        if self._resampler is None:
            return b""
        return to_bytes(self._widened(self._resampler.flush_int16()))

    def reset(self) -> None:
        """Forget what is held back; a new stretch of audio begins."""
        if self._resampler is not None:
            self._resampler.reset()

    def _converted(self, samples: Int16Samples) -> Int16Samples:
        channels = self._target.num_channels
        if channels < self._source.num_channels:
            mixed = mix_down(samples, channels)
            if self._resampler is not None:
                mixed = self._resampler.push_unrounded(mixed)
            return saturate(mixed)
        if self._resampler is not None:
            samples = self._resampler.push_int16(samples)
        return self._widened(samples)

    def _widened(self, samples: Int16Samples) -> Int16Samples:
        channels = self._target.num_channels
        return mix_up(samples, channels) if samples.shape[1] < channels else samples


__all__ = ["FormatConverter"]
