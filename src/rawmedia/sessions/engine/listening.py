"""Frames of a call in a format that an engine takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.sessions.convertible import require_convertible
from rawmedia.streams.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.translators.translator import TranslatorCapabilities


def require_hearable(heard: AudioFormat, capabilities: TranslatorCapabilities) -> None:
    """Refuse an engine that can't be given what there is to be heard.

    Raises:
        ConfigurationError: Its format can't be converted into one that the engine takes.
    """
    formats = capabilities.input_formats
    if heard not in formats:
        require_convertible("translator", capabilities.name, heard, formats[0])


class EngineInput:
    """Converts frames where needed, and keeps their place in media time, gaps included.

    A converted frame goes out with the frame that it is of; it sounds a resampler's delay,
    at most 3 ms, later than its place says.

    Args:
        heard: What the frames are.
        formats: What the engine takes, the best first.
        frame_ms: Length of the converted frames.
    """

    def __init__(
        self, heard: AudioFormat, formats: tuple[AudioFormat, ...], frame_ms: float
    ) -> None:
        self._intake: Intake | None = None
        if heard not in formats:
            best = formats[0]
            # A frame for a frame: held back for alignment, each would come a frame later.
            self._intake = Intake(best, best.samples(frame_ms), prompt=True)
        self._expected: int | None = None

    def convert(self, frame: AudioFrame) -> Sequence[AudioFrame]:
        """The frame itself where the engine takes it, else what it makes."""
        intake = self._intake
        if intake is None:
            return (frame,)
        frames: Sequence[AudioFrame] = ()
        if frame.position != self._expected:
            # What is before a gap must not be joined to what is behind it.
            frames = intake.flush(pad=False)
            intake.skip_to(max(intake.position, intake.format.samples(frame.start_ms)))
        self._expected = frame.end
        return [*frames, *intake.add(frame.data, frame.format, frame.source)]

    def flush(self) -> Sequence[AudioFrame]:
        """What is held back, when no frame will follow."""
        return () if self._intake is None else self._intake.flush(pad=False)


__all__ = ["EngineInput", "require_hearable"]
