"""A voice on its way over a network, for the tests of the receiver: encoded, numbered, delayed, lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.format import TELEPHONY, AudioFormat
from rawmedia.codecs.catalog import codec_of_name
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.receiver import AudioReceiver
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.signals import speech_like
from rawmedia.wire.payload_types import OPUS, TELEPHONE_EVENT, PayloadTypes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.wire.packetizer import RtpPacketizer
    from rawmedia.wire.rtp import RtpPacket

PCMU, OPUS_TYPE, KEYS = 0, 111, 101
TYPES = PayloadTypes({OPUS_TYPE: OPUS, KEYS: TELEPHONE_EVENT})
MS = 20


def voice(duration_ms: float, format: AudioFormat = TELEPHONY, seed: int = 1) -> Int16Samples:
    """Something that sounds like speech, mono."""
    samples: Int16Samples = speech_like(duration_ms, seed=seed, format=format).samples
    return samples


def ulaw(samples: Int16Samples) -> list[bytes]:
    """Payloads of 20 ms."""
    encoder = codec_of_name("PCMU").encoder()
    return [encoder.encode(samples[at : at + 160]) for at in range(0, len(samples) - 159, 160)]


def paced(
    payloads: Sequence[bytes], packetizer: RtpPacketizer, ticks: int = 160, start_ms: float = 0
) -> list[tuple[float, RtpPacket]]:
    """One packet every 20 ms, with the time when it is sent."""
    return [
        (start_ms + number * MS, packetizer.packet(payload, ticks))
        for number, payload in enumerate(payloads)
    ]


@dataclass
class Heard:
    """What the program got."""

    audio: Int16Samples
    """All frames joined, gaps left out."""
    positions: list[int]
    sizes: list[int]

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """Position and length of each, in samples."""
        ends = [at + size for at, size in zip(self.positions, self.sizes, strict=True)]
        return [
            (end, start - end)
            for end, start in zip([0, *ends], self.positions, strict=False)
            if start != end
        ]


@dataclass
class Reception:
    """A receiver on virtual time, fed with packets at their arrival."""

    format: AudioFormat = TELEPHONY
    types: PayloadTypes = field(default_factory=lambda: TYPES)
    options: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.stream = InboundAudioStream(
            self.format, clock=self.clock, capacity_ms=3_600_000, frame_ms=20
        )
        self.options.setdefault("follow_drift", False)
        self.receiver = AudioReceiver(
            self.stream,
            self.types,
            clock=self.clock,
            **self.options,  # type: ignore[arg-type]
        )

    def hear(self, arrivals: Sequence[tuple[float, RtpPacket | bytes]]) -> Heard:
        """Let each packet arrive at its time, in ms, while the receiver runs; then hang up."""

        async def call() -> None:
            running = asyncio.create_task(self.receiver.arun())
            for at, packet in arrivals:
                await self.clock.sleep_until(at / 1000)
                self.receiver.receive(packet)
            self.receiver.end()
            await running

        self.clock.run(call())
        return self.unread()

    def unread(self) -> Heard:
        """What the ended stream holds."""
        frames = list(self.stream)
        samples = [frame.samples for frame in frames]
        return Heard(
            np.concatenate(samples) if samples else np.empty((0, 1), np.int16),
            [frame.position for frame in frames],
            [frame.samples_per_channel for frame in frames],
        )


__all__ = [
    "KEYS",
    "MS",
    "OPUS_TYPE",
    "PCMU",
    "TYPES",
    "Heard",
    "Reception",
    "paced",
    "ulaw",
    "voice",
]
