"""Frames that follow one another, gathered into a longer one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.frame import AudioFrame

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat


class Gathered:
    """Takes frames without a gap between them, until there is enough."""

    __slots__ = ("_end", "_first", "_format", "_pieces", "missing")

    def __init__(self) -> None:
        self._first: AudioFrame | None = None
        self._format: AudioFormat
        self._end = 0
        self._pieces: list[bytes | memoryview] = []
        self.missing = 0
        """Samples per channel until there is enough; 0 also while nothing is being gathered."""

    @property
    def duration_ms(self) -> float:
        """How much there is."""
        first = self._first
        return 0.0 if first is None else first.format.duration_ms(self._end - first.position)

    def begin(self, frame: AudioFrame, wanted: int) -> None:
        """Gather ``wanted`` samples per channel, of which a frame is the first and not all."""
        self._first, self._format, self._end = frame, frame.format, frame.end
        self._pieces = [frame.data]
        self.missing = wanted - frame.samples_per_channel

    def add(self, frame: AudioFrame) -> bool:
        """Take the next frame, whole even where less is missing; False when it does not follow."""
        if frame.position != self._end or frame.format != self._format:
            return False
        self._pieces.append(frame.data)
        samples = frame.samples_per_channel
        self._end += samples
        self.missing = max(0, self.missing - samples)
        return True

    def take(self) -> AudioFrame | None:
        """All of it as one frame, or None when there is nothing; nothing is being gathered then."""
        first, pieces = self._first, self._pieces
        if first is None:
            return None
        self._first, self._pieces, self.missing = None, [], 0
        if len(pieces) == 1:
            return first
        return AudioFrame(b"".join(pieces), first.format, first.position, first.source)


__all__ = ["Gathered"]
