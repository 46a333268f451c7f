"""The fakes hear what a source gives, as a real call would."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.format import SPEECH
from rawmedia.testing.calls import FakeCall
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.legs import FakeLeg
from rawmedia.testing.party import FakeParty, Says
from rawmedia.testing.signals import noise, silence

if TYPE_CHECKING:
    import numpy.typing as npt

    from rawmedia.streams.outbound import OutboundAudioStream


class Signal:
    """Gives a signal piece by piece, up to its end."""

    def __init__(self, stream: OutboundAudioStream) -> None:
        self.left = noise(200, seed=1, format=stream.format).samples
        stream.set_source(self)

    def render(self, samples: int, now: float) -> npt.NDArray[np.int16] | None:
        piece, self.left = self.left[:samples], self.left[samples:]
        return piece if len(piece) else None

    @property
    def pending(self) -> bool:
        return len(self.left) > 0


def heard(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    start = int(np.flatnonzero(samples[:, 0])[0])
    return samples[start : start + SPEECH.samples(200)]


def test_a_fake_leg_hears_a_source() -> None:
    clock = VirtualClock()
    leg = FakeLeg(silence(400), clock=clock)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            Signal(leg.outbound)
            tasks.create_task(leg.run())
            async for _ in leg.inbound:
                pass
            leg.outbound.end()

    clock.run(main(), limit=10)
    np.testing.assert_array_equal(heard(leg.record().samples), noise(200, seed=1).samples)


def test_a_fake_call_hears_a_source_apart_and_together() -> None:
    for layout in ("apart", "mixed"):
        clock = VirtualClock()
        party = FakeParty("ana", Says(0, silence(600)))
        call = FakeCall([party], layout=layout, clock=clock)
        leg = call.legs["ana"] if layout == "apart" else call.leg

        async def main(call: FakeCall = call, outbound: OutboundAudioStream = leg.outbound) -> None:
            async with call:
                Signal(outbound)
                await call.clock.sleep_until(call.clock.now() + 0.5)

        clock.run(main(), limit=10)
        np.testing.assert_array_equal(heard(call.heard("ana").samples), noise(200, seed=1).samples)
