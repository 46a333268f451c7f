"""Speech of any length in pieces that take no time worth mentioning to convert."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rawmedia.audio.frame import AudioFrame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.translators.events import TranslatedAudio

# Converting a second takes a few milliseconds; engines that hand over a sentence at once give
# some of them, and one that hands over an hour must hold up nobody else.
_PIECE_MS = 1_000.0


def in_pieces(event: TranslatedAudio) -> Iterator[TranslatedAudio]:
    """The event, or several in its stead of a second each; their samples are not copied."""
    frame = event.frame
    size = frame.format.samples(_PIECE_MS)
    if frame.samples_per_channel <= size:
        yield event
        return
    for start in range(0, frame.samples_per_channel, size):
        samples = frame.samples[start : start + size]
        yield replace(
            event, frame=AudioFrame(samples, frame.format, frame.position + start, frame.source)
        )


__all__ = ["in_pieces"]
