"""Frames at the pace of the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rawmedia.errors import ConfigurationError, EndOfStreamError

if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.outbound import OutboundAudioStream


class Pacer:
    """An async iterator over a stream's frames, each when it is due; made by ``paced``.

    Due times are counted in samples from the first frame, so that neither rounding nor
    late wake-ups add up. Cancelling loses no frame.
    """

    def __init__(self, stream: OutboundAudioStream, lead_ms: float, catch_up_ms: float) -> None:
        for setting, value in (("lead_ms", lead_ms), ("catch_up_ms", catch_up_ms)):
            if not value >= 0:
                raise ConfigurationError(setting, f"0 or more, not {value}")
        self._stream = stream
        self._clock = stream._clock
        self._lead = lead_ms / 1000
        self._catch_up = catch_up_ms / 1000
        self._start: float | None = None
        self._samples = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AudioFrame:
        now = self._clock.now()
        if self._start is None:
            self._start = now
        due = self._start + self._samples / self._stream._format.sample_rate
        late = now - due
        if late > self._catch_up:
            # Counted from the due time without the lead, so that the lead builds up again.
            self._start += late
            self._stream._stalled_s += late
        # A frame that is late is given at once, but lets the other tasks of the loop run.
        await self._clock.sleep_until(max(now, due - self._lead))
        try:
            frame = self._stream.pull()
        except EndOfStreamError:
            await self._play_out()
            raise StopAsyncIteration from None
        self._samples += frame.samples_per_channel
        return frame

    async def _play_out(self) -> None:
        """Stay until the last audio is heard, so that its marks are told."""
        until = self._stream._playout.settles_at()
        if until is not None:
            await self._clock.sleep_until(until)
        self._stream._settle()


__all__ = ["Pacer"]
