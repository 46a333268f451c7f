"""Where audio of any size and format becomes the frames of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.rechunk import Rechunker

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rawmedia.audio.convert import FormatConverter
    from rawmedia.audio.format import AudioFormat

    Audio = AudioFrame | bytes | bytearray | memoryview | npt.NDArray[Any]
    """A frame of any format, or interleaved int16 samples in the stream's own."""


class Intake:
    """Converts, cuts and numbers audio; holds less than a frame, and what the converter holds.

    Args:
        format: What the frames are.
        frame_samples: Samples per channel in a frame.
        source: Whom the frames name as speaker; None keeps what a pushed frame says.
        prompt: Convert a frame into a frame at once, a few ms late, instead of aligned;
            `Resampler` says how.
    """

    __slots__ = (
        "_converter",
        "_frame_bytes",
        "_prompt",
        "_rechunker",
        "_samples_in",
        "_samples_out",
        "format",
        "frame_samples",
        "position",
        "source",
    )

    def __init__(
        self,
        format: AudioFormat,
        frame_samples: int,
        source: str | None = None,
        *,
        prompt: bool = False,
    ) -> None:
        self.format = format
        self.frame_samples = frame_samples
        self.source = source
        self.position = 0
        """Where the next frame will start."""
        self._frame_bytes = frame_samples * format.bytes_per_instant
        self._rechunker = Rechunker(format, frame_samples)
        self._prompt = prompt
        self._converter: FormatConverter | None = None
        # What went into the converter and came out, per channel, since it was made.
        self._samples_in = self._samples_out = 0

    @property
    def unfinished_samples(self) -> int:
        """Samples per channel that wait for their frame to fill; less than a frame."""
        return len(self._rechunker._pending) // self.format.bytes_per_instant

    @property
    def pending_samples(self) -> int:
        """Samples per channel that are held: of the unfinished frame, and by a converter."""
        if self._converter is None:
            return self.unfinished_samples
        # What a whole stretch of audio gives is its length at the new rate, rounded up.
        rate = self._converter.source.sample_rate
        due = -(-self._samples_in * self.format.sample_rate // rate)
        return self.unfinished_samples + due - self._samples_out

    @property
    def end(self) -> int:
        """The position after the last sample that was added."""
        return self.position + self.pending_samples

    @property
    def slack(self) -> int:
        """How far from its true place converted audio may lie, in samples; 0 without conversion.

        Positions of converted audio are rounded, by the sender and here; and a prompt
        converter gives a little more than it got whenever a stretch of audio ends.
        """
        if self._converter is None:
            return 0
        return self.format.samples(1 + (self._converter.delay_ms if self._prompt else 0))

    def take_whole(self, data: bytes) -> AudioFrame | None:
        """The frame path: bytes that are one frame as it should be are only numbered.

        Returns:
            None, with nothing taken, where more is to be done.
        """
        if (
            len(data) != self._frame_bytes
            or self._converter is not None
            or self._rechunker._pending
        ):
            return None
        # As AudioFrame() would, without its checks, all of which have been made.
        frame = AudioFrame.__new__(AudioFrame)
        frame._data = data
        frame._samples = None
        frame._samples_per_channel = self.frame_samples
        frame._format = self.format
        frame._position = self.position
        frame._source = self.source
        frame._filler = False
        self.position += self.frame_samples
        return frame

    def take(self, audio: Audio) -> Sequence[AudioFrame]:
        """Take whatever a caller may pass; returns the frames that are full now.

        Raises:
            PayloadError: Not whole samples, or an array of the wrong kind; nothing was taken.
            UnsupportedFormatError: No resampler goes from its rate to the stream's; likewise.
        """
        if isinstance(audio, AudioFrame) and self._is_whole(audio):
            moved = audio.at(self.position, self.source)
            self.position += self.frame_samples
            return (moved,)
        return self.add(*as_payload(audio, self.format))

    def add(
        self, data: bytes | memoryview, format: AudioFormat, source: str | None = None
    ) -> Sequence[AudioFrame]:
        """Take audio, whole samples of it; returns the frames that are full now.

        Raises:
            UnsupportedFormatError: No resampler goes from this rate to the stream's; nothing
                was taken.
        """
        if not len(data):
            return ()
        if format is not self.format and format != self.format:
            data = self._convert(data, format)
        elif self._converter is not None:
            data = self._drain_converter() + data
        return self._number(self._rechunker.push(data), source)

    def flush(self, *, pad: bool, source: str | None = None) -> Sequence[AudioFrame]:
        """Give out all that is held, the last frame short or zero-padded."""
        frames = [*self._number(self._rechunker.push(self._drain_converter()), source)]
        tail = self._rechunker.flush(pad=pad)
        if tail is not None:
            frames += self._number((tail,), source)
        return frames

    def skip_to(self, position: int) -> None:
        """Leave a hole: the next frame starts at ``position``; flush first."""
        self.position = position

    def clear(self) -> int:
        """Drop what is held; returns the samples per channel."""
        dropped = self.pending_samples
        self._converter = None
        self._rechunker.clear()
        return dropped

    def _is_whole(self, frame: AudioFrame) -> bool:
        """Whether a frame is as it should be, so that it can pass uncopied."""
        return (
            frame._samples_per_channel == self.frame_samples
            and frame._format == self.format
            and self._converter is None
            and not self._rechunker._pending
        )

    def _number(self, chunks: Sequence[bytes], source: str | None) -> Sequence[AudioFrame]:
        frames = []
        for chunk in chunks:
            frame = AudioFrame(chunk, self.format, self.position, self.source or source)
            self.position += frame._samples_per_channel
            frames.append(frame)
        return frames

    def _convert(self, data: bytes | memoryview, format: AudioFormat) -> bytes:
        converter = self._converter
        before = b""
        if converter is None or converter.source != format:
            from rawmedia.audio.convert import FormatConverter

            converter = FormatConverter(format, self.format, prompt=self._prompt)
            before = self._drain_converter()
            self._converter = converter
        converted = converter.push(data)
        self._samples_in += len(data) // format.bytes_per_instant
        self._samples_out += len(converted) // self.format.bytes_per_instant
        return before + converted

    def _drain_converter(self) -> bytes:
        converter, self._converter = self._converter, None
        self._samples_in = self._samples_out = 0
        return b"" if converter is None else converter.flush()


def as_payload(
    audio: Audio, format: AudioFormat
) -> tuple[bytes | memoryview, AudioFormat, str | None]:
    """Bytes, format and speaker of whatever a caller may pass.

    Raises:
        PayloadError: Not whole samples, or an array of the wrong shape or type.
    """
    if type(audio) is bytes and not len(audio) % format.bytes_per_instant:
        return audio, format, None
    frame = audio if isinstance(audio, AudioFrame) else AudioFrame(audio, format)
    return frame.data, frame._format, frame._source


__all__ = ["Intake", "as_payload"]
