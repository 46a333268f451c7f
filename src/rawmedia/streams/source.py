"""Audio that is made when it is pulled: for an outbound stream to ask where nothing was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import FormatMismatchError, PayloadError

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples

_INT16 = np.dtype(np.int16)


class OutboundSource(Protocol):
    """Where an outbound stream gets a frame from when nothing that was sent is queued.

    What is made this way is never queued: what a source no longer gives is silent with the
    next pull. It is asked in the thread that pulls, whichever that is, without the stream's
    lock; it must not wait. An exception out of either member fails the stream.
    """

    def render(self, samples: int, now: float) -> Int16Samples | AudioFrame | None:
        """Make the next frame.

        A `mark` that is set on the stream from in here marks the end of this frame.

        Args:
            samples: How many samples per channel, the same each time.
            now: When it is pulled, in seconds on the stream's clock.

        Returns:
            int16 of shape ``(samples, num_channels)``, which nobody writes to from now on; a
            frame of the stream's format and of so many samples, whose speaker and filler mark
            are kept; or None where there is nothing to hear.
        """
        ...

    @property
    def pending(self) -> bool:
        """Whether it has something that is still to be heard.

        A leg that goes faster than real time lets time pass for it, as it does for what was sent.
        """
        ...


def given_frame(
    given: Int16Samples | AudioFrame, format: AudioFormat, samples: int, position: int
) -> AudioFrame:
    """What a source gave, as a frame at a place of its own.

    Raises:
        FormatMismatchError: It is a frame of another format.
        PayloadError: It is no frame and no int16 array, or not so long.
    """
    if isinstance(given, AudioFrame):
        if given._format is not format and given._format != format:
            raise FormatMismatchError(format, given._format)
        if given._samples_per_channel != samples:
            raise _wrong(format, samples, f"a frame of {given._samples_per_channel}")
        return given.at(position)
    if type(given) is not np.ndarray or (given.dtype is not _INT16 and given.dtype != _INT16):
        raise _wrong(format, samples, f"{getattr(given, 'dtype', type(given).__name__)}")
    if given.shape != (samples, format._num_channels):
        if given.shape != (samples,) or format._num_channels != 1:
            raise _wrong(format, samples, f"an array of shape {given.shape}")
        given = given.reshape(-1, 1)
    # As AudioFrame() would, without its checks, all of which have been made.
    view = given.view()
    view.setflags(write=False)
    frame = AudioFrame.__new__(AudioFrame)
    frame._data, frame._samples = None, view
    frame._samples_per_channel, frame._format = samples, format
    frame._position, frame._source, frame._filler = position, None, False
    return frame


def _wrong(format: AudioFormat, samples: int, got: str) -> PayloadError:
    return PayloadError(f"a source's int16 of shape ({samples}, {format.num_channels})", got)


__all__ = ["OutboundSource", "given_frame"]
