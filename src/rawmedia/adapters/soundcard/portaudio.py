"""The machine's own devices, through PortAudio."""

from __future__ import annotations

import atexit
import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rawmedia.adapters.soundcard.backend import SoundDevice
from rawmedia.adapters.soundcard.errors import DeviceOpenError, SoundSystemError
from rawmedia.adapters.soundcard.in_time import in_time
from rawmedia.adapters.soundcard.loading import load_sounddevice

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.adapters.soundcard.backend import Direction, OnBlock, OnFinished
    from rawmedia.audio.format import AudioFormat

T = TypeVar("T")

_logger = logging.getLogger(__name__)
_PATIENCE_S: Final = 10.0
"""A device over Bluetooth takes some seconds to open; a server that hangs takes for ever."""
_CLOSE_S: Final = 2.0
_NO_SUCH_FORMAT: Final = frozenset({-9998, -9997, -9994, -9993})
"""Wrong channels, rate, sample format, or combination; source: ``PaErrorCode`` of portaudio.h."""
_LATEST_S: Final = 10.0
"""Some systems leave a time out, and then it seems to be hours ago."""


class PortAudioBackend:
    """The devices of this machine, as PortAudio listed them when it was first used.

    Raises:
        MissingDependencyError: sounddevice or PortAudio is not installed.
        SoundSystemError: PortAudio does not start.
    """

    def __init__(self) -> None:
        self._sd = load_sounddevice(_PATIENCE_S)

    def devices(self) -> tuple[SoundDevice, ...]:
        """All there are; of one machine's default, that of PortAudio's default host.

        Raises:
            SoundSystemError: PortAudio can't list them.
        """
        try:
            return self._devices()
        except self._sd.PortAudioError as error:
            raise SoundSystemError(str(error)) from error

    def _devices(self) -> tuple[SoundDevice, ...]:
        host_apis = self._sd.query_hostapis()
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
        """What the program has told sounddevice to take, or else what the machine has."""
        told_input, told_output = self._sd.default.device
        host = host_apis[self._sd.default.hostapi] if host_apis else {}
        return (
            host.get("default_input_device", -1) if told_input == -1 else told_input,
            host.get("default_output_device", -1) if told_output == -1 else told_output,
        )

    def takes(self, device: SoundDevice, direction: Direction, format: AudioFormat) -> bool:
        """Whether the device works in this format.

        Raises:
            DeviceOpenError: It can't be asked: it is busy or gone.
            SoundSystemError: It does not answer.
        """
        sd = self._sd
        check = sd.check_input_settings if direction == "input" else sd.check_output_settings

        def ask() -> None:
            check(
                device=device.index,
                channels=format.num_channels,
                dtype="int16",
                samplerate=format.sample_rate,
            )

        try:
            _in_time(sd, ask, _PATIENCE_S, f"asking {direction} device {device.name!r}")
        except sd.PortAudioError as error:
            if error.args[1:2] and error.args[1] in _NO_SUCH_FORMAT:
                return False
            raise DeviceOpenError(device.name, direction, str(error)) from error
        except ValueError:
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
            SoundSystemError: It does not answer.
        """
        if direction == "input":
            kind = self._sd.RawInputStream

            def callback(data: Any, _samples: int, time: Any, status: Any) -> None:
                age_s = _plausible(time.currentTime - time.inputBufferAdcTime)
                on_block(memoryview(data), age_s, bool(status.input_overflow))

        else:
            kind = self._sd.RawOutputStream

            def callback(data: Any, _samples: int, time: Any, status: Any) -> None:
                wait_s = _plausible(time.outputBufferDacTime - time.currentTime)
                on_block(memoryview(data), wait_s, bool(status.output_underflow))

        def make() -> PortAudioStream:
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
            return PortAudioStream(self._sd, stream, device.name, direction)

        doing = f"opening {direction} device {device.name!r}"
        try:
            return _in_time(self._sd, make, _PATIENCE_S, doing, too_late=PortAudioStream.close)
        except (self._sd.PortAudioError, ValueError) as error:
            raise DeviceOpenError(device.name, direction, str(error)) from error


class PortAudioStream:
    """An open device; made by `PortAudioBackend.open`."""

    def __init__(self, sd: Any, stream: Any, device: str, direction: Direction) -> None:
        self._sd, self._stream = sd, stream
        self._device, self._direction = device, direction
        self._closed = False

    def start(self) -> None:
        """Let the blocks come.

        Raises:
            DeviceOpenError: The device refuses.
            SoundSystemError: It does not answer.
        """
        doing = f"starting {self._direction} device {self._device!r}"
        try:
            _in_time(self._sd, self._stream.start, _PATIENCE_S, doing)
        except self._sd.PortAudioError as error:
            raise DeviceOpenError(self._device, self._direction, str(error)) from error

    def close(self) -> None:
        """Give the device back. One that hangs is given up after two seconds, with a warning."""
        if self._closed:
            return
        self._closed = True
        doing = f"closing {self._direction} device {self._device!r}"
        try:
            _in_time(self._sd, self._close, _CLOSE_S, doing)
        except SoundSystemError as error:
            _logger.warning("%s", error)

    def _close(self) -> None:
        for call in (self._stream.abort, self._stream.close):
            try:
                call()
            except self._sd.PortAudioError as error:
                _logger.warning("%s device %r: %s", self._direction, self._device, error)


def _plausible(seconds: float) -> float:
    return seconds if 0.0 < seconds < _LATEST_S else 0.0


def _in_time(
    sd: Any,
    call: Callable[[], T],
    seconds: float,
    doing: str,
    *,
    too_late: Callable[[T], object] | None = None,
) -> T:
    try:
        return in_time(call, seconds, doing, too_late=too_late)
    except SoundSystemError:
        # At exit sounddevice ends PortAudio, which would wait for the call that hangs.
        at_exit = getattr(sd, "_exit_handler", None)
        if at_exit is not None:
            atexit.unregister(at_exit)
        raise


__all__ = ["PortAudioBackend", "PortAudioStream"]
