"""What a microphone captures, brought to a leg's inbound stream on the leg's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawmedia.adapters.soundcard.device_clock import DeviceClock
from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.drift import DriftResampler
from rawmedia.errors import StreamError

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.inbound import InboundAudioStream


class Microphone:
    """Takes blocks in the sound system's thread, and pushes them in the stream's format and pace.

    Args:
        stream: Where they go.
        device_format: What the blocks are.
        clock: The leg's.
    """

    def __init__(
        self, stream: InboundAudioStream, device_format: AudioFormat, clock: Clock
    ) -> None:
        self._stream, self._device_format, self._clock = stream, device_format, clock
        self._converter = FormatConverter(device_format, stream.format, prompt=True)
        self._resampler = DriftResampler(stream.format.num_channels)
        self.device_clock = DeviceClock()
        self._captured = self._given = self._missing = 0
        self._unwanted = False
        self.overflows = 0
        """How often the device had audio that nobody fetched in time."""
        self.latency_ms = 0.0
        """How long ago the first sample of the last block was captured when that came."""
        self.last_block_at = clock.now()

    def take(self, block: memoryview, latency_s: float, overflowed: bool) -> None:  # noqa: FBT001 - `OnBlock`
        """Bring a block to the stream; whatever goes wrong fails that."""
        try:
            self._take(block, latency_s, overflowed=overflowed)
        except Exception as error:  # noqa: BLE001 - PortAudio's thread has nobody to raise it to
            self._unwanted = True
            self._stream.fail(error)

    def _take(self, block: memoryview, latency_s: float, *, overflowed: bool) -> None:
        now = self.last_block_at = self._clock.now()
        self.overflows += overflowed
        self.latency_ms = latency_s * 1000
        if self._unwanted:
            return
        self._captured += len(block) // self._device_format.bytes_per_instant
        layout, resampler = self._stream.format, self._resampler
        converted = np.frombuffer(self._converter.push(bytes(block)), np.int16)
        audio = resampler.push(converted.reshape(-1, layout.num_channels))
        self._given += len(audio)
        jump_ms = self.device_clock.note(
            now * 1000,
            self._device_format.duration_ms(self._captured),
            layout.duration_ms(self._given),
        )
        resampler.ppm = self.device_clock.ppm
        position = None
        if jump_ms > 0:
            # The device lost it. What is too much is no loss: time begins anew there.
            self._missing += layout.samples(jump_ms)
            position = self._given - len(audio) + self._missing
        try:
            self._stream.push(audio.tobytes(), position)
        except StreamError:
            # The program wants no more, or the stream has failed and its readers know why.
            self._unwanted = True


__all__ = ["Microphone"]
