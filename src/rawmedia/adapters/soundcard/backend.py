"""What a sound system must offer: its devices, and a stream of blocks to or from one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat

Direction = Literal["input", "output"]
"""A microphone; a loudspeaker."""

OnBlock = Callable[[memoryview, float, bool], None]
"""Called for each block, from any thread but one at a time, and must not wait.

Its arguments: interleaved int16 samples as bytes, of an input to be copied before it returns, of an
output to be filled; how many seconds ago the first was captured, or how long until it is heard;
and whether audio was lost just before.
"""
OnFinished = Callable[[], None]
"""Called once when no block will come any more, also after ``close``."""


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """A microphone, a loudspeaker or both, as the sound system lists it."""

    index: int
    name: str
    host_api: str
    """Which of the machine's sound systems it belongs to, such as ALSA."""
    input_channels: int
    """0 where it can't be listened to."""
    output_channels: int
    default_rate_hz: int
    default_input: bool = False
    default_output: bool = False

    def channels(self, direction: Direction) -> int:
        """How many there are that way."""
        return self.input_channels if direction == "input" else self.output_channels

    def is_default(self, direction: Direction) -> bool:
        """Whether it is what is taken when nobody chooses."""
        return self.default_input if direction == "input" else self.default_output


class SoundStream(Protocol):
    """Blocks to or from one device."""

    def start(self) -> None:
        """Let the blocks come.

        Raises:
            DeviceOpenError: The device refuses.
        """
        ...

    def close(self) -> None:
        """Give the device back, in a few seconds at most. No block comes after it. Twice is harmless."""
        ...


class SoundBackend(Protocol):
    """The devices of a machine.

    Its calls may wait for the hardware, some seconds at most: where that does not answer, each
    raises `SoundSystemError`.
    """

    def devices(self) -> tuple[SoundDevice, ...]:
        """All there are."""
        ...

    def takes(self, device: SoundDevice, direction: Direction, format: AudioFormat) -> bool:
        """Whether the device works in this format.

        Raises:
            DeviceOpenError: It can't be asked: it is busy or gone.
        """
        ...

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
    ) -> SoundStream:
        """Open a device one way.

        Args:
            device: One of `devices`.
            direction: Whether to capture or to play.
            format: One that it takes.
            block_samples: How many samples per channel a block has; a device may give others.
            latency_s: How much the sound system shall hold between device and program.
            on_block: Gets or fills each block.
            on_finished: Told when there will be no more.

        Raises:
            DeviceOpenError: It is busy or gone.
        """
        ...


__all__ = ["Direction", "OnBlock", "OnFinished", "SoundBackend", "SoundDevice", "SoundStream"]
