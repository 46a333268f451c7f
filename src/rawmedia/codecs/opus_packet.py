"""What an Opus packet says of itself: mode, bandwidth, frames, duration; no codec is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rawmedia.audio.pcm import byte_view
from rawmedia.errors import ConfigurationError, PayloadError

if TYPE_CHECKING:
    from rawmedia.audio.pcm import PCMBytes

Mode = Literal["silk", "hybrid", "celt"]
"""The codec inside: for speech, for speech of full band, for music and low delay."""
Bandwidth = Literal["narrowband", "mediumband", "wideband", "superwideband", "fullband"]
"""Audio up to 4, 6, 8, 12 or 20 kHz."""

MAX_PACKET_MS = 120
"""RFC 6716, section 3.4, R5."""
MAX_FRAME_BYTES = 1_275
"""RFC 6716, section 3.4, R2; a greater one than this cannot be written down either."""

_CLOCK = 48_000
_SPEECH_MS = (10, 20, 40, 60)
_BOTH_MS = (10, 20)
_MUSIC_MS = (2.5, 5, 10, 20)
# RFC 6716, table 2: each row stands for as many numbers as it has durations.
_ROWS: tuple[tuple[Mode, Bandwidth, tuple[float, ...]], ...] = (
    ("silk", "narrowband", _SPEECH_MS),
    ("silk", "mediumband", _SPEECH_MS),
    ("silk", "wideband", _SPEECH_MS),
    ("hybrid", "superwideband", _BOTH_MS),
    ("hybrid", "fullband", _BOTH_MS),
    ("celt", "narrowband", _MUSIC_MS),
    ("celt", "wideband", _MUSIC_MS),
    ("celt", "superwideband", _MUSIC_MS),
    ("celt", "fullband", _MUSIC_MS),
)
_CONFIGURATIONS = tuple(
    (mode, bandwidth, frame_ms) for mode, bandwidth, durations in _ROWS for frame_ms in durations
)
_FRAME_TICKS = tuple(round(frame_ms * _CLOCK / 1000) for _, _, frame_ms in _CONFIGURATIONS)
# By the first byte; 0 where the second one says how many frames there are.
_PACKET_TICKS = tuple(_FRAME_TICKS[toc >> 3] * (1, 2, 2, 0)[toc & 3] for toc in range(256))


@dataclass(frozen=True, slots=True)
class OpusPacket:
    """The outside of an Opus packet whose structure is sound."""

    mode: Mode
    """Which codec its frames are of."""
    bandwidth: Bandwidth
    """What part of the spectrum they hold."""
    frame_ms: float
    """How long each frame is: 2.5, 5, 10, 20, 40 or 60 ms."""
    num_channels: int
    """1 or 2, as it was encoded; a decoder gives as many as it is asked for."""
    frame_sizes: tuple[int, ...]
    """Bytes of each frame; 0 for one that the encoder left out."""
    padding: int
    """Bytes at the end that mean nothing."""
    has_fec: bool
    """Whether its first frame also holds a coarse copy of what came right before it."""

    @property
    def num_frames(self) -> int:
        """How many frames it has, 1 to 48."""
        return len(self.frame_sizes)

    @property
    def duration_ms(self) -> float:
        """How much audio it holds, in milliseconds; 2.5 to 120."""
        return self.frame_ms * len(self.frame_sizes)

    def samples(self, sample_rate: int = _CLOCK) -> int:
        """How much audio it holds, in samples per channel at this rate.

        Raises:
            ConfigurationError: The rate is no multiple of 400 Hz, so that 2.5 ms are no whole
                number of samples.
        """
        return _at_rate(round(self.duration_ms * _CLOCK / 1000), sample_rate)

    def frame_samples(self, sample_rate: int = _CLOCK) -> int:
        """How much audio each of its frames holds; otherwise as `samples`."""
        return _at_rate(round(self.frame_ms * _CLOCK / 1000), sample_rate)


def parse_packet(payload: PCMBytes) -> OpusPacket:
    """Look into a packet, by all the rules of its structure.

    Args:
        payload: The bytes of one packet, without the self-delimiting framing of appendix B.

    Raises:
        PayloadError: They break one of the rules R1 to R7.

    Source: RFC 6716, section 3; for `OpusPacket.has_fec` sections 4.2.3 and 4.2.4.
    """
    data = payload if type(payload) is bytes else byte_view(payload)
    if not data:
        raise _broken("nothing at all", 1)
    toc = data[0]
    sizes, start, padding = _FRAMINGS[toc & 3](data)
    if max(sizes) > MAX_FRAME_BYTES:
        raise _broken(f"a frame of {max(sizes)} bytes", 2)
    mode, bandwidth, frame_ms = _CONFIGURATIONS[toc >> 3]
    channels = 2 if toc & 4 else 1
    has_fec = mode != "celt" and sizes[0] > 0 and _has_fec(data[start], frame_ms, channels)
    return OpusPacket(mode, bandwidth, frame_ms, channels, sizes, padding, has_fec)


def packet_samples(payload: PCMBytes, sample_rate: int = _CLOCK) -> int:
    """How much audio a packet says to hold, in samples per channel, from its first two bytes.

    Much cheaper than `parse_packet`, for who counts time and leaves the rest to a decoder.

    Raises:
        PayloadError: There is no such byte, or it says no frames or more than 120 ms.
        ConfigurationError: The rate is no multiple of 400 Hz.
    """
    data = payload if type(payload) is bytes else byte_view(payload)
    if not data:
        raise _broken("nothing at all", 1)
    ticks = _PACKET_TICKS[data[0]]
    if not ticks:
        ticks = _FRAME_TICKS[data[0] >> 3] * _frame_count(data)
    return ticks if sample_rate == _CLOCK else _at_rate(ticks, sample_rate)


def _at_rate(ticks: int, sample_rate: int) -> int:
    if sample_rate <= 0 or sample_rate % 400:
        raise ConfigurationError("sample_rate", f"a multiple of 400 Hz, not {sample_rate}")
    return ticks * sample_rate // _CLOCK


def _broken(problem: str, rule: int) -> PayloadError:
    return PayloadError("an Opus packet", f"{problem} (RFC 6716, section 3.4, R{rule})")


def _frame_count(data: bytes | memoryview) -> int:
    """The number in the second byte of a packet of any number of frames."""
    if len(data) < 2:
        raise _broken("one that ends before its number of frames", 6)
    count = data[1] & 0x3F
    if not 0 < count * _FRAME_TICKS[data[0] >> 3] <= MAX_PACKET_MS * _CLOCK // 1000:
        raise _broken(f"one of {count} frames of {_CONFIGURATIONS[data[0] >> 3][2]:g} ms", 5)
    return count


# Each framing gives the sizes of the frames, where the first starts, and the padding.
_Framed = tuple[tuple[int, ...], int, int]


def _one_frame(data: bytes | memoryview) -> _Framed:
    return (len(data) - 1,), 1, 0


def _two_equal_frames(data: bytes | memoryview) -> _Framed:
    size, rest = divmod(len(data) - 1, 2)
    if rest:
        raise _broken(f"two equal frames in {len(data) - 1} bytes", 3)
    return (size, size), 1, 0


def _two_frames(data: bytes | memoryview) -> _Framed:
    size, start = _frame_size(data, 1, len(data), 4)
    if size > len(data) - start:
        raise _broken(f"a frame of {size} bytes with {len(data) - start} left", 4)
    return (size, len(data) - start - size), start, 0


def _any_frames(data: bytes | memoryview) -> _Framed:
    count = _frame_count(data)
    start, padding = _padding(data) if data[1] & 0x40 else (2, 0)
    end = len(data) - padding
    if data[1] & 0x80:
        return _unequal_frames(data, count, start, end)
    size, rest = divmod(end - start, count)
    if end < start or rest:
        raise _broken(f"{count} equal frames in {end - start} bytes", 6)
    return (size,) * count, start, padding


def _unequal_frames(data: bytes | memoryview, count: int, start: int, end: int) -> _Framed:
    sizes = []
    for _ in range(count - 1):
        size, start = _frame_size(data, start, end, 7)
        sizes.append(size)
    last = end - start - sum(sizes)
    if last < 0:
        raise _broken(f"{count} frames that end {-last} bytes behind it", 7)
    return (*sizes, last), start, len(data) - end


def _padding(data: bytes | memoryview) -> tuple[int, int]:
    """Where the frames' sizes or the frames start, and how many bytes of padding end the packet."""
    padding = 0
    # 255 stands for 254 bytes and another number (section 3.2.5).
    for at in range(2, len(data)):
        padding += min(data[at], 254)
        if data[at] < 255:
            return at + 1, padding
    raise _broken("one that ends before the size of its padding", 6)


def _frame_size(data: bytes | memoryview, at: int, end: int, rule: int) -> tuple[int, int]:
    """The size in one or two bytes at ``at``, and where what follows starts (section 3.2.1)."""
    if at < end and data[at] < 252:
        return data[at], at + 1
    if at + 1 < end:
        return data[at] + 4 * data[at + 1], at + 2
    raise _broken("one that ends before the size of a frame", rule)


_FRAMINGS = (_one_frame, _two_equal_frames, _two_frames, _any_frames)


def _has_fec(first: int, frame_ms: float, channels: int) -> bool:
    """Whether the first byte of a SILK frame announces a copy of the audio before it.

    The range coder writes these flags, even odds each, as plain bits from the top: for each
    channel one of voice activity per 20 ms, then the one that is asked for.
    """
    parts = max(1, int(frame_ms // 20))
    flags = [0x80 >> (parts + channel * (parts + 1)) for channel in range(channels)]
    return any(first & flag for flag in flags)


__all__ = [
    "MAX_FRAME_BYTES",
    "MAX_PACKET_MS",
    "Bandwidth",
    "Mode",
    "OpusPacket",
    "packet_samples",
    "parse_packet",
]
