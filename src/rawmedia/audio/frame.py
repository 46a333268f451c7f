"""A stretch of audio that knows its format and its place in media time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rawmedia.audio.pcm import byte_view, to_bytes
from rawmedia.errors import PayloadError

if TYPE_CHECKING:
    import numpy.typing as npt

    from rawmedia.audio.format import AudioFormat

    Samples = npt.NDArray[np.int16]
    AudioData = bytes | bytearray | memoryview | npt.NDArray[Any]
    """What a frame can be made from: interleaved int16 bytes, or an array of samples."""


_LITTLE = np.dtype("<i2")


class AudioFrame:
    """Immutable int16 audio: samples, their format, their place in media time.

    Args:
        data: Interleaved little-endian int16 as ``bytes`` or any contiguous buffer, or an
            int16 array of shape ``(samples_per_channel, num_channels)``, or
            ``(samples_per_channel,)`` for mono. None of them is copied: who passes memory
            that can change promises to leave it alone while the frame lives.
        format: What the data is.
        position: Samples per channel between the start of the stream and this frame;
            media time, so it says nothing about when the frame arrived.
        source: Who speaks (a participant's id), or None.
        filler: True for silence that this library put where there was no audio (an
            underrun, an idle stream, a filled gap); False for audio that somebody sent.

    Raises:
        PayloadError: The bytes do not hold whole samples, the array is not int16 or has
            the wrong shape, or the position is negative.
    """

    __slots__ = (
        "_data",
        "_filler",
        "_format",
        "_position",
        "_samples",
        "_samples_per_channel",
        "_source",
    )

    def __init__(
        self,
        data: AudioData,
        format: AudioFormat,
        position: int = 0,
        source: str | None = None,
        *,
        filler: bool = False,
    ) -> None:
        if type(data) is bytes:
            size = len(data)
            self._data: bytes | memoryview | None = data
            self._samples: Samples | None = None
        elif isinstance(data, np.ndarray):
            samples = _checked(data, format)
            size = samples.nbytes
            self._data, self._samples = None, samples
        else:
            view = byte_view(data)
            size = len(view)
            self._data, self._samples = view, None
        self._samples_per_channel, rest = divmod(size, format._num_channels * 2)
        if rest:
            raise PayloadError(
                f"whole samples of {format.bytes_per_instant} bytes", f"{size} bytes"
            )
        if position < 0:
            raise PayloadError("a position of 0 or later", str(position))
        self._format = format
        self._position = position
        self._source = source
        self._filler = filler

    @classmethod
    def silence(
        cls, format: AudioFormat, samples: int, position: int = 0, source: str | None = None
    ) -> AudioFrame:
        """A frame of zeros, marked as filler."""
        return cls(bytes(samples * format.bytes_per_instant), format, position, source, filler=True)

    @property
    def format(self) -> AudioFormat:
        """What the samples are."""
        return self._format

    @property
    def position(self) -> int:
        """Samples per channel between the start of the stream and this frame."""
        return self._position

    @property
    def source(self) -> str | None:
        """Who speaks, or None where nobody said."""
        return self._source

    @property
    def filler(self) -> bool:
        """Whether this is silence that stands where there was no audio."""
        return self._filler

    @property
    def samples_per_channel(self) -> int:
        """How many instants the frame holds."""
        return self._samples_per_channel

    @property
    def end(self) -> int:
        """The position after the last sample."""
        return self._position + self._samples_per_channel

    @property
    def start_ms(self) -> float:
        """Where the frame starts in media time, in milliseconds."""
        return self._position * 1000 / self._format._sample_rate

    @property
    def end_ms(self) -> float:
        """Where the frame ends in media time, in milliseconds."""
        return (self._position + self._samples_per_channel) * 1000 / self._format._sample_rate

    @property
    def duration_ms(self) -> float:
        """How long the frame lasts, in milliseconds."""
        return self._samples_per_channel * 1000 / self._format._sample_rate

    @property
    def samples(self) -> Samples:
        """The samples: read-only int16 of shape ``(samples_per_channel, num_channels)``, not a copy."""
        if self._samples is None:
            assert self._data is not None
            # Read-only, as is every buffer that a frame keeps.
            shape = (self._samples_per_channel, self._format._num_channels)
            self._samples = np.ndarray(shape, _LITTLE, self._data)
        return self._samples

    @property
    def data(self) -> bytes | memoryview:
        """The samples as interleaved little-endian bytes; not a copy where the memory allows.

        A frame made from ``bytes`` gives those very bytes; one made from a contiguous
        array or a buffer gives a read-only view of it.
        """
        if self._data is None:
            assert self._samples is not None
            # A view of its own where nothing has to be copied, and read-only in either case.
            flat = np.ascontiguousarray(self._samples, _LITTLE).reshape(-1)
            flat.setflags(write=False)
            self._data = flat.data.cast("B")
        return self._data

    def __bytes__(self) -> bytes:
        data = self._data
        if type(data) is bytes:
            return data
        return to_bytes(self.samples) if data is None else bytes(data)

    def at(self, position: int, source: str | None = None) -> AudioFrame:
        """The same audio, not copied, at another place in media time.

        Args:
            position: Where it starts now.
            source: Who speaks now; None keeps what the frame says.

        Raises:
            PayloadError: The position is negative.
        """
        if position < 0:
            raise PayloadError("a position of 0 or later", str(position))
        moved = AudioFrame.__new__(AudioFrame)
        moved._data, moved._samples = self._data, self._samples
        moved._samples_per_channel, moved._format = self._samples_per_channel, self._format
        moved._position, moved._filler = position, self._filler
        moved._source = self._source if source is None else source
        return moved

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AudioFrame):
            return NotImplemented
        return (
            self._format == other._format
            and self._position == other._position
            and self._source == other._source
            and self._filler == other._filler
            and self.data == other.data
        )

    def __hash__(self) -> int:
        return hash((self._format, self._position, self._source, self._samples_per_channel))

    def __repr__(self) -> str:
        who = f" of {self._source!r}" if self._source is not None else ""
        kind = "filler" if self._filler else "audio"
        return f"<AudioFrame: {self.duration_ms:g} ms of {kind}{who} at {self.start_ms:g} ms, {self._format}>"


def _checked(data: npt.NDArray[Any], format: AudioFormat) -> Samples:
    """The array as a read-only view of the right shape."""
    channels = format.num_channels
    if data.dtype != np.int16:
        raise PayloadError(
            "an array of int16 samples (rawmedia.audio.to_int16 converts)", f"one of {data.dtype}"
        )
    if data.ndim == 1 and channels == 1:
        data = data.reshape(-1, 1)
    if data.ndim != 2 or data.shape[1] != channels:
        raise PayloadError(
            f"an array of shape (samples_per_channel, {channels})", f"one of {data.shape}"
        )
    view: Samples = data.view()
    view.setflags(write=False)
    return view


__all__ = ["AudioFrame"]
