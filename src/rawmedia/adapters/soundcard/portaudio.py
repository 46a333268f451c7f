"""The machine's own devices, through PortAudio."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from rawmedia.adapters.soundcard.backend import SoundDevice
from rawmedia.adapters.soundcard.errors import DeviceOpenError
from rawmedia.errors import MissingDependencyError

if TYPE_CHECKING:
    from rawmedia.adapters.soundcard.backend import Direction, OnBlock, OnFinished
    from rawmedia.audio.format import AudioFormat

_logger = logging.getLogger(__name__)
_CLOSE_S = 2.0
"""A device that has vanished can keep PortAudio from closing it for ever."""
_NEEDED_FOR = "the sound card"


class PortAudioBackend:
    """The devices of this machine, as PortAudio listed them when it was first used.

    Raises:
        MissingDependencyError: sounddevice or PortAudio is not installed.
    """

    def __init__(self) -> None:
        self._sd = _sounddevice()

    def devices(self) -> tuple[SoundDevice, ...]:
        """All there are; of one machine's default, that of PortAudio's default host."""
        host_apis = self._sd.query_hostapis()
        default_input, default_output = self._sd.default.device
        if default_input < 0 and default_output < 0 and host_apis:
            default_input, default_output = self._defaults(host_apis)
        return tuple(
            SoundDevice(
                index=device["index"],
                name=device["name"],
                host_api=host_apis[device["hostapi"]]["name"],
                input_channels=device["max_input_channels"],
                output_channels=device["max_output_channels"],
                default_rate_hz=round(device["default_samplerate"]),
                default_input=device["index"] == default_input,
                default_output=device["index"] == default_output,
            )
            for device in self._sd.query_devices()
        )

    def _defaults(self, host_apis: Any) -> tuple[int, int]:
        first = host_apis[self._sd.default.hostapi]
        return first["default_input_device"], first["default_output_device"]

    def takes(self, device: SoundDevice, direction: Direction, format: AudioFormat) -> bool:
        """Whether the device works in this format."""
        check = (
            self._sd.check_input_settings
            if direction == "input"
            else self._sd.check_output_settings
        )
        try:
            check(
                device=device.index,
                channels=format.num_channels,
                dtype="int16",
                samplerate=format.sample_rate,
            )
        except (self._sd.PortAudioError, ValueError):
            return False
        return True

    def open(
        self,
        device: SoundDevice,
        direction: Direction,
        format: AudioFormat,
        *,
        block_samples: int,
        latency_s: float,
        on_block: OnBlock,
        on_finished: OnFinished,
    ) -> PortAudioStream:
        """Open a device one way; it begins with ``start``.

        Raises:
            DeviceOpenError: It is busy or gone.
        """
        if direction == "input":
            kind = self._sd.RawInputStream

            def callback(data: Any, _samples: int, time: Any, status: Any) -> None:
                age_s = max(0.0, time.currentTime - time.inputBufferAdcTime)
                on_block(memoryview(data), age_s, bool(status.input_overflow))

        else:
            kind = self._sd.RawOutputStream

            def callback(data: Any, _samples: int, time: Any, status: Any) -> None:
                wait_s = max(0.0, time.outputBufferDacTime - time.currentTime)
                on_block(memoryview(data), wait_s, bool(status.output_underflow))

        try:
            stream = kind(
                device=device.index,
                channels=format.num_channels,
                dtype="int16",
                samplerate=format.sample_rate,
                blocksize=block_samples,
                latency=latency_s,
                callback=callback,
                finished_callback=on_finished,
            )
        except (self._sd.PortAudioError, ValueError) as error:
            raise DeviceOpenError(device.name, direction, str(error)) from error
        return PortAudioStream(stream, self._sd.PortAudioError, device.name, direction)


class PortAudioStream:
    """An open device; made by `PortAudioBackend.open`."""

    def __init__(
        self, stream: Any, failure: type[Exception], device: str, direction: Direction
    ) -> None:
        self._stream, self._failure = stream, failure
        self._device, self._direction = device, direction
        self._closing: threading.Thread | None = None

    def start(self) -> None:
        """Let the blocks come.

        Raises:
            DeviceOpenError: The device refuses.
        """
        try:
            self._stream.start()
        except self._failure as error:
            raise DeviceOpenError(self._device, self._direction, str(error)) from error

    def close(self) -> None:
        """Give the device back; one that hangs is left to a thread of its own after two seconds."""
        if self._closing is None:
            # A daemon, so that a device that hangs does not keep the program from exiting.
            self._closing = threading.Thread(target=self._close, name="close sound", daemon=True)
            self._closing.start()
            self._closing.join(_CLOSE_S)
            if self._closing.is_alive():
                _logger.warning("%s device %r does not close", self._direction, self._device)

    def _close(self) -> None:
        for call in (self._stream.abort, self._stream.close):
            try:
                call()
            except self._failure as error:
                _logger.warning("%s device %r: %s", self._direction, self._device, error)


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise MissingDependencyError(
            "sounddevice", _NEEDED_FOR, "pip install 'rawmedia[soundcard]'"
        ) from None
    except OSError:
        raise MissingDependencyError(
            "PortAudio", _NEEDED_FOR, "sudo apt-get install libportaudio2"
        ) from None
    return sounddevice


__all__ = ["PortAudioBackend", "PortAudioStream"]
