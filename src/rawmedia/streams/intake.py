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
    """

    __slots__ = (
        "_converter",
        "_frame_bytes",
        "_rechunker",
        "_source",
        "format",
        "frame_samples",
        "position",
    )

    def __init__(self, format: AudioFormat, frame_samples: int, source: str | None = None) -> None:
        self.format = format
        self.frame_samples = frame_samples
        self._frame_bytes = frame_samples * format.bytes_per_instant
        self.position = 0
        """Where the next frame will start."""
        self._source = source
        self._rechunker = Rechunker(format, frame_samples)
        self._converter: FormatConverter | None = None

    @property
    def pending_samples(self) -> int:
        """Samples per channel that wait for their frame to fill."""
        return len(self._rechunker._pending) // self.format.bytes_per_instant

    @property
    def end(self) -> int:
        """The position after the last sample that was added (without what a converter holds)."""
        return self.position + self.pending_samples

    @property
    def converting(self) -> bool:
        """Whether the audio that came last was in another format."""
        return self._converter is not None

    def take(self, audio: Audio) -> Sequence[AudioFrame]:
        """Take whatever a caller may pass; returns the frames that are full now.

        Raises:
            PayloadError: Not whole samples, or an array of the wrong kind; nothing was taken.
        """
        # The frame path: audio that is one frame as it should be is only numbered.
        if type(audio) is bytes:
            if (
                len(audio) == self._frame_bytes
                and self._converter is None
                and not self._rechunker._pending
            ):
                frame = AudioFrame(audio, self.format, self.position, self._source)
                self.position += self.frame_samples
                return (frame,)
        elif isinstance(audio, AudioFrame):
            return self.add_frame(audio)
        return self.add(*as_payload(audio, self.format))

    def add(
        self, data: bytes | memoryview, format: AudioFormat, source: str | None = None
    ) -> Sequence[AudioFrame]:
        """Take audio; returns the frames that are full now.

        Raises:
            PayloadError: The bytes end in the middle of a sample; nothing was taken.
        """
        if format is not self.format and format != self.format:
            data = self._convert(data, format)
        elif self._converter is not None:
            data = self._drain_converter() + data
        return self._number(self._rechunker.push(data), source)

    def add_frame(self, frame: AudioFrame) -> Sequence[AudioFrame]:
        """Take a frame; one that is as it should be passes through uncopied."""
        if (
            frame._samples_per_channel == self.frame_samples
            and frame._format == self.format
            and self._converter is None
            and not self._rechunker._pending
        ):
            moved = frame.at(self.position, self._source)
            self.position += self.frame_samples
            return (moved,)
        return self.add(frame.data, frame._format, frame._source)

    def flush(self, *, pad: bool, source: str | None = None) -> Sequence[AudioFrame]:
        """Give out all that is held, the last frame short or zero-padded."""
        frames: list[AudioFrame] = []
        if self._converter is not None:
            frames += self._number(self._rechunker.push(self._drain_converter()), source)
        tail = self._rechunker.flush(pad=pad)
        if tail is not None:
            frames += self._number((tail,), source)
        return frames

    def skip_to(self, position: int) -> None:
        """Leave a hole: the next frame starts at ``position``; flush first."""
        self.position = position

    def clear(self) -> int:
        """Drop what is held; returns the samples per channel (without what a converter holds)."""
        self._converter = None
        return self._rechunker.clear()

    def _number(self, chunks: Sequence[bytes], source: str | None) -> Sequence[AudioFrame]:
        frames = []
        for chunk in chunks:
            frame = AudioFrame(chunk, self.format, self.position, self._source or source)
            self.position += frame._samples_per_channel
            frames.append(frame)
        return frames

    def _convert(self, data: bytes | memoryview, format: AudioFormat) -> bytes:
        converter = self._converter
        before = b""
        if converter is None or converter.source != format:
            from rawmedia.audio.convert import FormatConverter

            before = self._drain_converter()
            self._converter = converter = FormatConverter(format, self.format)
        return before + converter.push(data)

    def _drain_converter(self) -> bytes:
        converter, self._converter = self._converter, None
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
