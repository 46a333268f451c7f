"""The microphone and the loudspeaker of a machine as a leg."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from rawmedia.adapters.soundcard.choice import choose_device, choose_format
from rawmedia.adapters.soundcard.errors import DeviceLostError
from rawmedia.adapters.soundcard.microphone import Microphone
from rawmedia.adapters.soundcard.speaker import Speaker
from rawmedia.audio.format import SPEECH, WIDEBAND_VOICE, AudioFormat
from rawmedia.errors import StreamUseError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.leg import CallLeg
from rawmedia.streams.outbound import OutboundAudioStream

if TYPE_CHECKING:
    from typing import Self

    from rawmedia.adapters.soundcard.backend import (
        Direction,
        OnBlock,
        SoundBackend,
        SoundDevice,
        SoundStream,
    )
    from rawmedia.streams.clock import Clock

_LOOK_S = 0.25
"""How often it is looked at whether the devices still work."""
_GETTING_GOING_S = 10.0
"""How long a device may take that was just opened: one over Bluetooth changes its profile first."""


class SoundCardConfig(BaseModel):
    """Which devices, and how much the sound system may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    input_device: int | str | None = None
    """The microphone: its number, its name or a part of that; None for the machine's default."""
    output_device: int | str | None = None
    """The loudspeaker, likewise."""
    latency_ms: float = Field(default=60.0, ge=5, le=1_000)
    """How much the sound system is asked to hold each way; less crackles sooner. It decides itself."""
    capacity_ms: float = Field(default=2_000.0, ge=20, le=60_000)
    """How much unread, and how much unplayed audio is kept."""
    lost_after_s: float = Field(default=3.0, ge=0.5, le=60)
    """After how long without a block a device is lost; ten seconds where it has just been opened."""


@dataclass(frozen=True, slots=True)
class SoundCardStats:
    """How the devices work; the streams' own ``stats`` say what became of the audio."""

    input_device: str
    output_device: str
    input_format: AudioFormat
    """What the device gives; converted where that is not the leg's."""
    output_format: AudioFormat
    input_overflows: int
    """How often the microphone's audio was lost because it was not fetched in time."""
    output_underflows: int
    """How often the loudspeaker had nothing to play because it came too late."""
    output_stalled_ms: float
    """Time in which the loudspeaker stood still."""
    input_ppm: float | None
    """How fast the microphone's clock is against the leg's; None in the first seconds."""
    output_ppm: float | None
    input_latency_ms: float
    """How old the last block from the microphone was, as the sound system says."""
    output_latency_ms: float
    """How long after it is pulled audio is heard, likewise."""


class SoundCardLeg(CallLeg):
    """Whoever sits at this machine: heard by its microphone, spoken to by its loudspeaker.

    ``async with`` opens the devices. Each is a stream of its own; both are stretched by as little as
    their clocks are off, so that the audio of both keeps pace with the leg's clock. Of a device that
    loses audio, ``inbound`` shows a gap. When a device vanishes its side fails with
    `DeviceLostError`, and the other goes on.

    Audio is pushed and pulled in threads of the sound system: a callback of ``on_frame`` and a
    source of ``outbound`` run there, and what they compute must be short. ``clear`` drops what
    the device has not got; what it has, about ``latency_ms``, is still heard.

    Args:
        config: Devices and limits.
        inbound_format: What ``inbound`` gives.
        outbound_format: What ``outbound`` takes.
        backend: Another sound system than PortAudio.
        name: How reports call the leg.
        language: What is spoken at it, as a BCP-47 tag.
        clock: What everything is timed on.
    """

    def __init__(
        self,
        config: SoundCardConfig | None = None,
        *,
        inbound_format: AudioFormat = SPEECH,
        outbound_format: AudioFormat = WIDEBAND_VOICE,
        backend: SoundBackend | None = None,
        name: str = "sound card",
        language: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.config = config or SoundCardConfig()
        capacity_ms = self.config.capacity_ms
        super().__init__(
            InboundAudioStream(inbound_format, capacity_ms=capacity_ms, clock=clock),
            OutboundAudioStream(
                outbound_format,
                capacity_ms=capacity_ms,
                playout_delay_ms=self.config.latency_ms,
                clock=clock,
            ),
            name=name,
            language=language,
            clock=clock,
        )
        self._backend = backend
        self._devices = threading.Lock()  # held while devices are opened or closed
        self._streams: list[SoundStream] = []
        self._over = False
        self._microphone: Microphone | None = None
        self._speaker: Speaker | None = None
        self._sides: dict[Direction, Microphone | Speaker] = {}
        self._names: dict[Direction, str] = {}
        self._formats: dict[Direction, AudioFormat] = {}
        self._watching: asyncio.Task[None] | None = None

    @property
    def stats(self) -> SoundCardStats:
        """How the devices work.

        Raises:
            StreamUseError: They have not been opened.
        """
        microphone, speaker = self._microphone, self._speaker
        if microphone is None or speaker is None:
            raise StreamUseError("the devices are not open; enter the leg with `async with` first")
        return SoundCardStats(
            input_device=self._names["input"],
            output_device=self._names["output"],
            input_format=self._formats["input"],
            output_format=self._formats["output"],
            input_overflows=microphone.overflows,
            output_underflows=speaker.underflows,
            output_stalled_ms=speaker.stalled_ms,
            input_ppm=microphone.device_clock.drift_ppm,
            output_ppm=speaker.device_clock.drift_ppm,
            input_latency_ms=microphone.latency_ms,
            output_latency_ms=speaker.latency_ms,
        )

    async def __aenter__(self) -> Self:
        """Open the devices and begin.

        Raises:
            MissingDependencyError: sounddevice or PortAudio is not installed.
            DeviceNotFoundError: No device is meant, or more than one.
            DeviceOpenError: A device is busy or gone.
            SoundSystemError: The machine's sound system does not start, or hangs.
            UnsupportedFormatError: A device takes no format that can be converted.
            StreamUseError: The leg was opened before, or is closed, or was so meanwhile.
        """
        if self._watching is not None or self._state == "closed":
            raise StreamUseError("a sound card's leg is opened once; make another")
        try:
            await asyncio.to_thread(self._open)
            if self._over:
                raise StreamUseError("the leg was closed while its devices were opened")
        except BaseException:
            await self.aclose()
            raise
        self._watching = asyncio.create_task(self._watch(), name=f"{self.name} is watched")
        return self

    async def aclose(self) -> None:
        """Close the streams and give the devices back, in a few seconds at most. Twice is harmless."""
        self._over = True
        await super().aclose()
        if self._watching is not None:
            self._watching.cancel()
        await asyncio.to_thread(self._close)

    # In a thread, for devices may take their time.

    def _open(self) -> None:
        with self._devices:
            if self._over:  # closed before this thread had begun
                return
            backend = self._backend or _portaudio()
            # Both are found before either is opened, so that a typing error opens nothing.
            chosen = self._choose(backend, "input"), self._choose(backend, "output")
            microphone = Microphone(self.inbound, self._formats["input"], self.clock)
            speaker = Speaker(
                self.outbound,
                self._formats["output"],
                self.clock,
                suspended=lambda: self._state == "suspended",
            )
            self._open_one(backend, chosen[0], "input", microphone.take)
            self._open_one(backend, chosen[1], "output", speaker.fill)
            for stream in self._streams:
                stream.start()
            self._microphone, self._speaker = microphone, speaker
            self._sides = {"input": microphone, "output": speaker}

    def _open_one(
        self, backend: SoundBackend, device: SoundDevice, direction: Direction, on_block: OnBlock
    ) -> None:
        layout = self._formats[direction]
        stream = backend.open(
            device,
            direction,
            layout,
            block_samples=layout.samples(self.inbound.frame_ms),
            latency_s=self.config.latency_ms / 1000,
            on_block=on_block,
            on_finished=partial(self._lose, direction, "it stopped"),
        )
        self._streams.append(stream)

    def _choose(self, backend: SoundBackend, direction: Direction) -> SoundDevice:
        config = self.config
        listening = direction == "input"
        wanted = config.input_device if listening else config.output_device
        device = choose_device(backend.devices(), wanted, direction)
        self._names[direction] = device.name
        self._formats[direction] = choose_format(
            backend, device, direction, (self.inbound if listening else self.outbound).format
        )
        return device

    def _close(self) -> None:
        with self._devices:
            for stream in self._streams:
                stream.close()
            self._streams.clear()

    # A device that vanishes.

    async def _watch(self) -> None:
        """Fail the side of a device that gives no sign: not every sound system says that it is gone."""
        while True:
            await self.clock.sleep_until(self.clock.now() + _LOOK_S)
            for direction, side in self._sides.items():
                silent_s = self.clock.now() - side.last_block_at
                patience_s = self.config.lost_after_s
                if not side.device_clock.settled:
                    patience_s = max(patience_s, _GETTING_GOING_S)
                if silent_s > patience_s:
                    self._lose(direction, f"it gave no sign for {silent_s:.1f} s")

    def _lose(self, direction: Direction, problem: str) -> None:
        stream = self.inbound if direction == "input" else self.outbound
        # Harmless where it is closed, as when the device stops because it was given back.
        stream.fail(DeviceLostError(self._names[direction], direction, problem))


def _portaudio() -> SoundBackend:
    from rawmedia.adapters.soundcard.portaudio import PortAudioBackend

    return PortAudioBackend()


__all__ = ["SoundCardConfig", "SoundCardLeg", "SoundCardStats"]
