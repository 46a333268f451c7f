"""A microphone and a loudspeaker without hardware, whose clocks are as wrong as you like."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.adapters.soundcard.backend import SoundDevice
from rawmedia.adapters.soundcard.errors import DeviceOpenError
from rawmedia.audio.format import AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.pcm import saturate
from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.adapters.soundcard.backend import Direction, OnBlock, OnFinished
    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.streams.clock import Clock, Timer

    _Times = np.ndarray[tuple[int], np.dtype[np.float64]]

MICROPHONE = SoundDevice(0, "fake microphone", "fake", 1, 0, 48_000, default_input=True)
LOUDSPEAKER = SoundDevice(1, "fake loudspeaker", "fake", 0, 2, 48_000, default_output=True)
MAX_DRIFT_PPM = 10_000.0


@dataclass(eq=False)
class _Side:
    """What happens to the audio of one direction."""

    ppm: float
    latency_ms: float
    lost: bool = False
    drops: int = 0
    stands_until: float = 0.0
    open: FakeSoundStream | None = None
    played: list[Int16Samples] = field(default_factory=list)


class FakeSoundCard:
    """A `SoundBackend` on any clock: the same call, sample for sample, in virtual time.

    Make it where the event loop runs: its blocks come on that loop. ::

        card = FakeSoundCard(clock, hears=tone(5_000, hz=440), input_ppm=80)
        async with SoundCardLeg(backend=card, clock=clock) as leg:
            ...
        card.heard()                     # what came out of the loudspeaker

    Args:
        clock: What it is paced by.
        hears: What the microphone hears from the moment it is opened; then it is silent.
        input_ppm: How fast the microphone's clock is, -10000 to 10000.
        output_ppm: How fast the loudspeaker's.
        latency_ms: How old a captured block is when it comes, and how much later than it is asked
            for a block is heard.
        formats: What both devices take; None for 44100 and 48000 Hz with up to as many channels as
            they have.
        devices: What is listed.
        busy: Names of devices that somebody else has.
        echo: How loud the microphone hears the loudspeaker, 0 to 1, as without headphones.
        block_ms: How long the blocks are, 1 to 1000; None for what is asked for.

    Raises:
        ConfigurationError: A number is out of range.
        RuntimeError: No event loop runs.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        hears: AudioFrame | None = None,
        input_ppm: float = 0.0,
        output_ppm: float = 0.0,
        latency_ms: float = 20.0,
        formats: Iterable[AudioFormat] | None = None,
        devices: Iterable[SoundDevice] = (MICROPHONE, LOUDSPEAKER),
        busy: Iterable[str] = (),
        echo: float = 0.0,
        block_ms: float | None = None,
    ) -> None:
        for name, ppm in (("input_ppm", input_ppm), ("output_ppm", output_ppm)):
            if not abs(ppm) <= MAX_DRIFT_PPM:
                raise ConfigurationError(name, f"-10000 to 10000, not {ppm}")
        if not 0 <= echo <= 1:
            raise ConfigurationError("echo", f"0 to 1, not {echo}")
        if block_ms is not None and not 1 <= block_ms <= 1_000:
            raise ConfigurationError("block_ms", f"1 to 1000, not {block_ms}")
        self.clock = clock
        self.opened: list[tuple[str, Direction, AudioFormat]] = []
        """Which device was opened which way in which format, in order."""
        self._loop = asyncio.get_running_loop()
        self._hears = hears
        self._formats = None if formats is None else tuple(formats)
        self._devices = tuple(devices)
        self._busy = frozenset(busy)
        self._echo, self._block_ms = echo, block_ms
        self._streams: list[FakeSoundStream] = []
        self._sides: dict[Direction, _Side] = {
            "input": _Side(input_ppm, latency_ms),
            "output": _Side(output_ppm, latency_ms),
        }

    # What a leg uses.

    def devices(self) -> tuple[SoundDevice, ...]:
        """All there are."""
        return self._devices

    def takes(self, device: SoundDevice, direction: Direction, format: AudioFormat) -> bool:
        """Whether the device works in this format.

        Raises:
            DeviceOpenError: It is one of the busy ones.
        """
        if device.name in self._busy:
            raise DeviceOpenError(device.name, direction, "it is busy")
        if self._formats is not None:
            return format in self._formats
        fits = 1 <= format.num_channels <= device.channels(direction)
        return fits and format.sample_rate in (44_100, 48_000)

    def open(
        self,
        device: SoundDevice,
        direction: Direction,
        format: AudioFormat,
        *,
        block_samples: int,
        latency_s: float,  # noqa: ARG002 - a sound system decides itself
        on_block: OnBlock,
        on_finished: OnFinished,
    ) -> FakeSoundStream:
        """Open a device one way.

        Raises:
            DeviceOpenError: It was unplugged.
        """
        side = self._sides[direction]
        if side.lost:
            raise DeviceOpenError(device.name, direction, "it is gone")
        if self._block_ms is not None:
            block_samples = format.samples(self._block_ms)
        self.opened.append((device.name, direction, format))
        side.open = FakeSoundStream(
            self, side, direction, format, block_samples, on_block, on_finished
        )
        self._streams.append(side.open)
        return side.open

    # What happens to it; to be called on the event loop.

    def unplug(self, direction: Direction, *, silently: bool = False) -> None:
        """Take a device away; silently as sound systems do that don't tell."""
        side = self._sides[direction]
        side.lost = True
        if side.open is not None:
            side.open.stop(tell=not silently)

    def drop(self, direction: Direction) -> None:
        """Lose the next block, and say so with the one after it."""
        self._sides[direction].drops += 1

    def stand_still(self, direction: Direction, ms: float) -> None:
        """Ask for and bring nothing for a while; what it would have captured is lost."""
        self._sides[direction].stands_until = self.clock.now() + ms / 1000

    # What came of it.

    @property
    def open_streams(self) -> int:
        """How many were opened and not closed."""
        return sum(stream.is_open for stream in self._streams)

    def heard(self) -> AudioFrame:
        """What the loudspeaker played since it was opened, at its nominal rate on the true clock."""
        side = self._sides["output"]
        if side.open is None or not side.played:
            return AudioFrame(b"", AudioFormat(48_000))
        played = np.concatenate(side.played)
        layout = side.open.format
        true_times = np.arange(len(played)) / (layout.sample_rate * (1 + side.ppm / 1e6))
        times = np.arange(0.0, true_times[-1], 1 / layout.sample_rate)
        channels = [np.interp(times, true_times, each) for each in played.T]
        return AudioFrame(np.stack(channels, axis=1).round().astype(np.int16), layout)

    def sound_at(self, since: float, times: _Times) -> Int16Samples:
        """What there is to be heard.

        Args:
            since: When the microphone was opened.
            times: Ever later seconds since then; shape ``(n,)``.

        Returns:
            A sample for each, of the same shape.
        """
        sound = self._hears_at(times)
        speaker = self._sides["output"]
        if self._echo and speaker.open is not None:
            sound += self._echo * speaker.open.played_at(since + times - speaker.latency_ms / 1000)
        return saturate(sound.astype(np.float32))

    def _hears_at(self, times: _Times) -> _Times:
        if self._hears is None:
            return np.zeros(len(times))
        samples, rate = self._hears.samples[:, 0], self._hears.format.sample_rate
        places = times * rate
        first = int(places[0])
        near = samples[first : int(places[-1]) + 2]
        if not len(near):
            return np.zeros(len(times))
        return np.interp(places, first + np.arange(len(near)), near, right=0)


class FakeSoundStream:
    """An open fake device; made by `FakeSoundCard.open`."""

    def __init__(
        self,
        card: FakeSoundCard,
        side: _Side,
        direction: Direction,
        format: AudioFormat,
        block_samples: int,
        on_block: OnBlock,
        on_finished: OnFinished,
    ) -> None:
        self.format = format
        self._card, self._side, self._direction = card, side, direction
        self._block, self._on_block, self._on_finished = block_samples, on_block, on_finished
        self._rate = format.sample_rate * (1 + side.ppm / 1e6)
        self._start = 0.0
        self._blocks = 0
        self._dropped = False
        self._stopped = self._told = False
        self.is_open = True
        """Whether nobody has closed it."""
        self._timer: Timer | None = None

    def start(self) -> None:
        """Let the blocks come, from any thread."""
        self._card._loop.call_soon_threadsafe(self._begin)

    def close(self) -> None:
        """No block comes after it. Twice is harmless."""
        self.is_open = False
        self.stop(tell=True)

    def stop(self, *, tell: bool) -> None:
        """It is gone, and says so or not."""
        self._stopped = True
        if tell and not self._told:
            self._told = True
            self._on_finished()

    def played_at(self, times: _Times) -> _Times:
        """What was played for these moments of the clock, ever later ones; shape ``(n,)``."""
        places = (times - self._start) * self._rate
        first = max(0, int(places[0] // self._block))
        blocks = self._side.played[first : int(places[-1] // self._block) + 2]
        if not blocks:
            return np.zeros(len(times))
        near = np.concatenate(blocks)[:, 0]
        return np.interp(places, first * self._block + np.arange(len(near)), near, left=0, right=0)

    def _begin(self) -> None:
        self._start = self._card.clock.now()
        self._set_timer()

    def _set_timer(self) -> None:
        # A microphone has a block when it is over, a loudspeaker wants one before it begins.
        number = self._blocks + (self._direction == "input")
        at = self._start + number * self._block / self._rate
        self._timer = self._card.clock.call_at(at, self._tick)

    def _tick(self) -> None:
        if self._stopped:
            return
        first = self._blocks * self._block
        self._blocks += 1
        self._set_timer()
        standing = self._card.clock.now() < self._side.stands_until
        if standing or self._side.drops:
            self._side.drops -= not standing
            self._dropped = True
            if self._direction == "output":
                self._side.played.append(
                    np.zeros((self._block, self.format.num_channels), np.int16)
                )
            return
        dropped, self._dropped = self._dropped, False
        latency_s = self._side.latency_ms / 1000
        if self._direction == "input":
            times = (first + np.arange(self._block)) / self._rate
            mono = self._card.sound_at(self._start, times)
            block = np.repeat(mono[:, np.newaxis], self.format.num_channels, axis=1).tobytes()
            self._on_block(memoryview(block), latency_s, dropped)
            return
        wanted = bytearray(self._block * self.format.bytes_per_instant)
        self._on_block(memoryview(wanted), latency_s, dropped)
        samples = np.frombuffer(bytes(wanted), np.int16)
        self._side.played.append(samples.reshape(-1, self.format.num_channels))


__all__ = ["LOUDSPEAKER", "MICROPHONE", "FakeSoundCard", "FakeSoundStream"]
