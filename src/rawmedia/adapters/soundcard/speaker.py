"""What a leg sends, given to a loudspeaker as that asks for it, on the leg's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.adapters.soundcard.device_clock import DeviceClock
from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.drift import DriftResampler
from rawmedia.errors import StreamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.audio.format import AudioFormat
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.outbound import OutboundAudioStream


class Speaker:
    """Fills blocks in the sound system's thread, and says what has been heard.

    Less than a frame is held. What was given to the device can't be taken back: after a ``clear``
    it is still heard.

    Args:
        stream: Where the audio comes from.
        device_format: What the blocks are.
        clock: The leg's.
        suspended: Whether nothing is to be pulled now; the device plays silence then.
    """

    def __init__(
        self,
        stream: OutboundAudioStream,
        device_format: AudioFormat,
        clock: Clock,
        *,
        suspended: Callable[[], bool],
    ) -> None:
        self._stream, self._device_format, self._clock = stream, device_format, clock
        self._suspended = suspended
        self._converter = FormatConverter(stream.format, device_format, prompt=True)
        self._resampler = DriftResampler(stream.format.num_channels)
        self._late_samples = self._resampler.delay_samples + stream.format.samples(
            self._converter.delay_ms
        )
        self._frame_samples = stream.format.samples(stream.frame_ms)
        self._silence = bytes(self._frame_samples * stream.format.bytes_per_instant)
        self.device_clock = DeviceClock()
        self._held = bytearray()
        # In samples of the stream: all that was made for the device, and what of it was not pulled.
        self._made = self._unpulled = 0
        self._played = 0
        self._silent = False
        self.underflows = 0
        """How often the device had nothing to play, because a block came too late."""
        self.stalled_ms = 0.0
        """Time in which the device stood still."""
        self.latency_ms = 0.0
        """How much later than it is asked for a sample is heard."""
        self.last_block_at = clock.now()

    def fill(self, block: memoryview, latency_s: float, underflowed: bool) -> None:  # noqa: FBT001 - `OnBlock`
        """Fill a block; whatever goes wrong fails the stream and is silent."""
        try:
            self._fill(block, latency_s, underflowed=underflowed)
        except Exception as error:  # noqa: BLE001 - PortAudio's thread has nobody to raise it to
            self._silent = True
            self._stream.fail(error)
            block[:] = bytes(len(block))

    def _fill(self, block: memoryview, latency_s: float, *, underflowed: bool) -> None:
        now = self.last_block_at = self._clock.now()
        self.underflows += underflowed
        self.latency_ms = latency_s * 1000
        made = self._made_for_device()
        self._report(made - latency_s * self._stream.format.sample_rate)
        self._follow(now, made)
        held, size = self._held, len(block)
        while len(held) < size:
            held += self._next()
        block[:] = held[:size]
        del held[:size]
        self._played += size // self._device_format.bytes_per_instant

    def _made_for_device(self) -> float:
        """How much was made before the next sample for the device."""
        device = self._device_format
        held = len(self._held) // device.bytes_per_instant
        return self._made - held * self._stream.format.sample_rate / device.sample_rate

    def _report(self, heard: float) -> None:
        # Playout never goes back, so what is heard of a suspension does no harm.
        self._stream.report_played(max(0, int(heard) - self._late_samples - self._unpulled))

    def _follow(self, now: float, made: float) -> None:
        stood_ms = self.device_clock.note(
            now * 1000,
            self._device_format.duration_ms(self._played),
            made * 1000 / self._stream.format.sample_rate,
        )
        # Backwards: a device that is fast takes too many samples, so more are made.
        self._resampler.ppm = -self.device_clock.ppm
        self.stalled_ms += max(0.0, stood_ms)

    def _next(self) -> bytes:
        """A frame as the device takes it; silence when there is none any more."""
        data = None
        if self._suspended():
            self._unpulled += self._frame_samples
        elif not self._silent:
            try:
                data = self._stream.pull().samples
            except StreamError:
                self._silent = True
        self._made += self._frame_samples
        if data is None:
            return self._converter.push(self._silence)
        return self._converter.push(self._resampler.push(data).tobytes())


__all__ = ["Speaker"]
