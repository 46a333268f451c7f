"""How the time of what was uploaded relates to media time, across gaps in the input."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from rawmedia.audio.timeline import TimeSpan

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame

# Longer than the pause after which the service ends a phrase. More would only delay what comes
# after the gap, because the SDK uploads at no more than twice the speed of speech.
_MAX_FILL_MS = 1_000.0
# Gaps that are remembered; the service settles what it hears within a minute or so.
_MAX_ANCHORS = 1_024


class UploadTimeline:
    """Places frames one after the other in the upload, with silence for gaps.

    A gap is filled up to a second; beyond that the upload's time falls behind media time,
    and the difference is remembered here. Times of the service are of the upload.

    Args:
        format: What frames are.
    """

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        # Where stretches without a jump begin, in samples of the upload and of media time.
        self._uploads: list[int] = [0]
        self._medias: list[int] = [0]
        self._upload_end = 0
        self._media_end: int | None = None

    @property
    def end_ms(self) -> float:
        """The media time after the last frame; 0 before the first."""
        return self._format.duration_ms(self._media_end or 0)

    def place(self, frame: AudioFrame) -> int:
        """Put the next frame; it must not begin before the end of the one before.

        Returns:
            How many samples of silence to upload before it.
        """
        silence = 0
        if self._media_end is None:
            self._medias = [frame.position]
        elif frame.position > self._media_end:
            gap = frame.position - self._media_end
            silence = min(gap, self._format.samples(_MAX_FILL_MS))
            self._upload_end += silence
            if gap > silence:
                self._anchor(frame.position)
        self._upload_end += frame.samples_per_channel
        self._media_end = frame.end
        return silence

    def span(self, start_ms: float, end_ms: float) -> TimeSpan:
        """The stretch of media time that a stretch of the upload speaks for.

        Whatever the service says, the stretch lies within what was sent and has no negative length.
        """
        start = self._media(start_ms, bisect_right)
        # A stretch that ends where another begins has nothing of what comes after the gap.
        return TimeSpan(start, max(start, self._media(end_ms, bisect_left)))

    def forget(self, before_ms: float) -> None:
        """Nothing earlier than this media time will be asked for."""
        before = self._format.samples(before_ms)
        while len(self._medias) > 1 and self._medias[1] <= before:
            del self._medias[0], self._uploads[0]

    def _anchor(self, position: int) -> None:
        self._uploads.append(self._upload_end)
        self._medias.append(position)
        if len(self._medias) > _MAX_ANCHORS:
            del self._medias[0], self._uploads[0]

    def _media(self, upload_ms: float, bisect: Callable[[list[int], int], int]) -> float:
        upload = self._format.samples(max(0.0, upload_ms))
        index = max(0, bisect(self._uploads, upload) - 1)
        media = self._medias[index] + upload - self._uploads[index]
        return self._format.duration_ms(
            min(max(media, self._medias[0]), self._media_end or self._medias[0])
        )


__all__ = ["UploadTimeline"]
