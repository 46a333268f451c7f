"""A track as the disk sees it: what came out of order put in its place, holes as silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.frame import AudioFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.audio.format import AudioFormat
    from rawmedia.files.parts import PartWriter

_BATCH_MS = 1_000
"""So much audio is joined before it is written, at most."""


class TrackFile:
    """Writes frames at their places; used by the recorder's thread alone.

    Args:
        format: What the frames are.
        open_parts: Makes the files of a track whose first audio is at a place.
        make_room: Called with a number of bytes before so many are written at most; raises
            to refuse them.
    """

    def __init__(
        self,
        format: AudioFormat,
        open_parts: Callable[[int], PartWriter],
        make_room: Callable[[int], object],
    ) -> None:
        self._format = format
        self._open_parts = open_parts
        self._make_room = make_room
        self._batch: list[bytes | memoryview] = []
        self._batched = self._owed = 0
        self._end = 0
        self.parts: PartWriter | None = None
        """The files, once there is audio."""
        self.gaps = self.gap = self.overlap = self.misplaced = 0

    @property
    def owed(self) -> int:
        """Samples of silence that come before what has gathered, and are not written."""
        return self._owed

    @property
    def unwritten(self) -> int:
        """Samples that have gathered and are not written."""
        return self._batched

    def put(self, frame: AudioFrame, place: int, limit: int) -> None:
        """Take a frame, once nothing is owed; it is written with those that follow it at once.

        Args:
            frame: Audio.
            place: Where its first sample belongs.
            limit: The place beyond which a hole would be nonsense.

        Raises:
            FileWriteError: From here on nothing more is written.
        """
        samples = frame.samples_per_channel
        late = min(max(0, self._end - place), samples)
        self.overlap += late
        if late == samples:
            return
        place += late
        hole = place - self._end
        if hole and place > limit:
            self.misplaced += samples - late
            return
        if self.parts is None:
            self.parts = self._open_parts(place)
            self._end = self.parts.position
            self._owed = place - self._end
        elif hole:
            self.flush()
            self.gaps += 1
            self.gap += hole
            self._owed = hole
        data = frame.data
        self._batch.append(data[late * self._format.bytes_per_instant :] if late else data)
        self._batched += samples - late
        self._end = place + samples - late
        if self._batched >= self._format.samples(_BATCH_MS) and not self._owed:
            self.flush()

    def settle(self, most: int) -> bool:
        """Write silence that is owed, ``most`` samples of it; returns whether none is left."""
        if self._owed:
            assert self.parts is not None
            piece = min(self._owed, most)
            while piece:
                step = min(piece, self._format.sample_rate)
                self._make_room(step * self._format.bytes_per_instant)
                self.parts.write_silence(step)
                self._owed -= step
                piece -= step
        return not self._owed

    def flush(self) -> None:
        """Write what has gathered; raises as ``put``."""
        if self._batch and self.settle(self._owed):
            assert self.parts is not None
            data = b"".join(self._batch)
            self._make_room(len(data))
            self.parts.write(AudioFrame(data, self._format))
            self._batch.clear()
            self._batched = 0

    def close(self) -> None:
        """Finish the files; what has gathered must have been flushed."""
        if self.parts is not None:
            self.parts.close()


__all__ = ["TrackFile"]
