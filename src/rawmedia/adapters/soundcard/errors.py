"""What can be wrong with a sound device, and with the system that all of them belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rawmedia.errors import RawMediaError

if TYPE_CHECKING:
    from rawmedia.adapters.soundcard.backend import Direction
    from rawmedia.errors import Fault


class SoundSystemError(RawMediaError):
    """No device can be used, the rest of the program can; restart the sound server and try again."""

    fault: ClassVar[Fault] = "machine"
    retryable = True

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"the sound system of this machine does not work: {self.problem}"


class SoundDeviceError(RawMediaError):
    """The base of what a device does wrong; ``device`` names it, other devices still work."""

    fault: ClassVar[Fault] = "machine"
    retryable = True

    def __init__(self, device: str, direction: Direction, problem: str) -> None:
        super().__init__(device, direction, problem)
        self.device, self.direction, self.problem = device, direction, problem

    def __str__(self) -> str:
        return f"{self.direction} device {self.device!r}: {self.problem}"


class DeviceOpenError(SoundDeviceError):
    """Nothing was opened. Another program may have the device; free it, or choose another."""


class DeviceLostError(SoundDeviceError):
    """That side of the leg is over, and the other goes on. Plug the device in and open another leg."""


__all__ = ["DeviceLostError", "DeviceOpenError", "SoundDeviceError", "SoundSystemError"]
