"""Frames of a call in a format that an engine takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.streams.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame


class EngineInput:
    """Converts frames where needed, and keeps their place in media time, gaps included.

    Args:
        formats: What the engine takes, the best first.
        frame_ms: Length of the converted frames.
    """

    def __init__(self, formats: tuple[AudioFormat, ...], frame_ms: float) -> None:
        self._formats = formats
        self._intake = Intake(formats[0], formats[0].samples(frame_ms))
        self._expected: int | None = None
        self._layout: AudioFormat | None = None

    def convert(self, frame: AudioFrame) -> Sequence[AudioFrame]:
        """The frame itself where the engine takes it, else what it makes."""
        if frame.format in self._formats and self._layout in (None, frame.format):
            self._layout = frame.format
            return (frame,)
        frames: list[AudioFrame] = []
        if frame.position != self._expected:
            frames += self._intake.flush(pad=False)
            start = self._formats[0].samples(frame.start_ms)
            self._intake.skip_to(max(start, self._intake.position))
        self._expected = frame.end
        self._layout = self._formats[0]
        return [*frames, *self._intake.add(frame.data, frame.format, frame.source)]

    def flush(self) -> Sequence[AudioFrame]:
        """What is held back, when no frame will follow."""
        return self._intake.flush(pad=False)


__all__ = ["EngineInput"]
