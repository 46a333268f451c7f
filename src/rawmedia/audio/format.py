"""What a stretch of audio is made of: a sample rate and a number of channels."""

from __future__ import annotations

from rawmedia.errors import UnsupportedFormatError

MIN_SAMPLE_RATE = 4_000
MAX_SAMPLE_RATE = 192_000
MAX_CHANNELS = 8
BYTES_PER_SAMPLE = 2
"""Samples are int16 wherever a layer is crossed."""


class AudioFormat:
    """int16 linear PCM, channels interleaved: the lingua franca between layers.

    Immutable and hashable; two formats with the same numbers are equal.

    Args:
        sample_rate: Samples per second and channel, 4000 to 192000.
        num_channels: 1 to 8.

    Raises:
        UnsupportedFormatError: A number is out of range or not a whole number.
    """

    __slots__ = ("_num_channels", "_sample_rate")

    def __init__(self, sample_rate: int, num_channels: int = 1) -> None:
        if type(sample_rate) is not int or not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
            raise UnsupportedFormatError(
                f"a sample rate of {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz", repr(sample_rate)
            )
        if type(num_channels) is not int or not 1 <= num_channels <= MAX_CHANNELS:
            raise UnsupportedFormatError(f"1 to {MAX_CHANNELS} channels", repr(num_channels))
        self._sample_rate = sample_rate
        self._num_channels = num_channels

    @property
    def sample_rate(self) -> int:
        """Samples per second and channel."""
        return self._sample_rate

    @property
    def num_channels(self) -> int:
        """How many samples share an instant."""
        return self._num_channels

    @property
    def bytes_per_instant(self) -> int:
        """Bytes that one sample of every channel takes together."""
        return BYTES_PER_SAMPLE * self._num_channels

    def samples(self, duration_ms: float) -> int:
        """How many samples per channel last ``duration_ms``, rounded to the nearest."""
        return round(duration_ms * self._sample_rate / 1000)

    def duration_ms(self, samples: int) -> float:
        """How long ``samples`` samples per channel last, in milliseconds."""
        return samples * 1000 / self._sample_rate

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AudioFormat):
            return NotImplemented
        return (self._sample_rate, self._num_channels) == (other._sample_rate, other._num_channels)

    def __hash__(self) -> int:
        return hash((self._sample_rate, self._num_channels))

    def __repr__(self) -> str:
        return f"AudioFormat({self._sample_rate}, {self._num_channels})"

    def __str__(self) -> str:
        names = {1: "mono", 2: "stereo"}
        return f"{self._sample_rate} Hz {names.get(self._num_channels, f'{self._num_channels} channels')}"

    def __reduce__(self) -> tuple[type[AudioFormat], tuple[int, int]]:
        return AudioFormat, (self._sample_rate, self._num_channels)


TELEPHONY = AudioFormat(8_000)
"""What a telephone line carries."""
SPEECH = AudioFormat(16_000)
"""What speech services take."""
WIDEBAND_VOICE = AudioFormat(24_000)
"""What speech synthesis and language models give."""
WEBRTC = AudioFormat(48_000)
"""What Opus and WebRTC run at."""

DEFAULT_FRAME_MS = 20
"""How much audio a frame holds unless somebody asks for something else."""

__all__ = ["DEFAULT_FRAME_MS", "SPEECH", "TELEPHONY", "WEBRTC", "WIDEBAND_VOICE", "AudioFormat"]
