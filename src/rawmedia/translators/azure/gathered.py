"""Frames that follow one another, gathered into a longer one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.frame import AudioFrame

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat


class Gathered:
    """Takes frames without a gap between them, until there is enough."""

    __slots__ = ("_end", "_format", "_pieces", "first", "missing")

    def __init__(self) -> None:
        self._format: AudioFormat
        self._end = 0
        self._pieces: list[bytes | memoryview] = []
        self.first: AudioFrame | None = None
        """The frame that it begins with, or None while there is none."""
        self.missing = 0
        """Samples per channel until there is enough; 0 also while nothing is being gathered."""

    @property
    def duration_ms(self) -> float:
        """How much there is."""
        first = self.first
        return 0.0 if first is None else first.format.duration_ms(self._end - first.position)

    def expect(self, position: int, format: AudioFormat, wanted: int) -> None:
        """Gather so many samples per channel, of frames that begin there; while there is nothing."""
        self._end, self._format, self.missing = position, format, wanted

    def add(self, frame: AudioFrame) -> bool:
        """Take the next frame, whole even where less is missing; False when it does not follow."""
        if frame.position != self._end or frame.format != self._format:
            return False
        if self.first is None:
            self.first = frame
        self._pieces.append(frame.data)
        samples = frame.samples_per_channel
        self._end += samples
        self.missing = max(0, self.missing - samples)
        return True

    def take(self) -> AudioFrame | None:
        """All of it as one frame, or None when there is nothing; nothing is being gathered then."""
        first, pieces = self.first, self._pieces
        self.missing = 0
        if first is None:
            return None
        self.first, self._pieces = None, []
        if len(pieces) == 1:
            return first
        return AudioFrame(b"".join(pieces), first.format, first.position, first.source)


__all__ = ["Gathered"]
