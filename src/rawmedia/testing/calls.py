"""A whole call for tests: parties with scripts and lines of their own, and what each of them heard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from rawmedia.audio.format import DEFAULT_FRAME_MS, SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.mix import mix, mix_minus
from rawmedia.errors import (
    ConfigurationError,
    EndOfStreamError,
    StreamClosedError,
    StreamFailedError,
)
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.leg import CallLeg
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing.call_line import CallLine
from rawmedia.testing.call_path import DirectPath, require_whole_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from rawmedia.streams.clock import Clock
    from rawmedia.streams.receiver import ReceiverStats
    from rawmedia.testing.party import CallHappening, FakeParty

Layout = Literal["apart", "separated", "mixed"]
"""Which legs a program has of a call."""


class FakeCall:
    """Parties that speak and hear on one timeline, at the pace of any clock, virtual or real.

    Every 20 ms each party says a frame, silence where its script has nothing, and hears one. What
    it says travels over its uplink to the program, what it shall hear over its downlink to it;
    both are straight where it has neither codec nor links. The same parties and seeds make the
    same call, sample for sample and happening for happening, wherever the program does the same.

    ::

        ana = FakeParty("ana", Says(500, spoken("good morning")), language="en")
        bob = FakeParty("bob", codec="PCMU", downlink=LossyLink.preset("congested_4g", seed=1))

        async def main() -> None:
            async with FakeCall([ana, bob], clock=clock) as call:
                await my_bridge(call.legs["ana"], call.legs["bob"])
            assert_same_audio(expected, call.heard("bob"), snr_db=20, align_ms=200)

        clock.run(main())

    ``async with`` carries the call while its block runs, then ends every outbound stream and
    carries on until all is heard; `run` is for who wants to hold the reins. When all scripts are
    through, everybody falls silent for good: the inbound streams end, and the parties go on
    hearing until the outbound streams have ended.

    Args:
        parties: Who takes part.
        layout: "apart": each party is on a leg of its own (`legs`) and hears what the program sends
            there, nobody else. "separated": they are in one call and hear each other and the
            program; the program has one leg (`leg`), with ``participants``. "mixed": the same
            without ``participants``.
        format: Of the streams of `leg`; those of `legs` are in their party's.
        stays: Whether the parties stay when their scripts are through, silent, until `hang_up` or
            the end of the block.
        max_recorded_ms: How much is recorded for each party; what comes later is not.
        clock: What it is paced by.

    Raises:
        ConfigurationError: Two parties of one name, no such layout or codec, or a format of which
            20 ms are no whole samples.
        MissingDependencyError: A codec's library is not installed.
    """

    def __init__(
        self,
        parties: Iterable[FakeParty],
        *,
        layout: Layout = "apart",
        format: AudioFormat = SPEECH,
        stays: bool = False,
        max_recorded_ms: float = 600_000.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if layout not in get_args(Layout):
            raise ConfigurationError(
                "layout", f"one of {', '.join(get_args(Layout))}, not {layout!r}"
            )
        require_whole_frames(format)
        self.clock = clock
        self.log: list[CallHappening] = []
        """What happened, in order."""
        self.legs: dict[str, CallLeg] = {}
        """The program's legs by party, where it has them apart; otherwise empty."""
        self._layout = layout
        self._stays = stays
        self._max_frames = round(max_recorded_ms / DEFAULT_FRAME_MS)
        self._frame = format.samples(DEFAULT_FRAME_MS)
        self._lines: dict[str, CallLine] = {}
        self._tick = 0
        self._begun = self._over = False
        self._carrying: asyncio.Task[None] | None = None
        self._leg: CallLeg | None = None
        self._mixed: DirectPath | None = None
        if layout != "apart":
            self._leg = _leg("call", format, None, clock)
            self._mixed = DirectPath(self._leg.inbound, format, self._leg.press)
        for party in parties:
            self.invite(party)

    @property
    def leg(self) -> CallLeg:
        """The program's only leg, where it has one for all parties.

        Raises:
            ConfigurationError: The parties are apart.
        """
        if self._leg is None:
            raise ConfigurationError("layout", "of parties apart each has its leg: see legs")
        return self._leg

    @property
    def parties(self) -> Mapping[str, FakeParty]:
        """Who was invited, by name."""
        return {name: line.party for name, line in self._lines.items()}

    @property
    def now_ms(self) -> float:
        """How long the call has lasted, in whole frames."""
        return float(self._tick * DEFAULT_FRAME_MS)

    def invite(self, party: FakeParty) -> None:
        """Add a party, also in mid-call; it comes when its ``joins_ms`` says, or with the next frame.

        Raises:
            ConfigurationError: There is one of this name, there is no such codec, or 20 ms of a
                format are no whole samples.
            MissingDependencyError: The codec's library is not installed.
        """
        if party.name in self._lines:
            raise ConfigurationError("parties", f"there are two of the name {party.name!r}")
        if self._begun:
            party.come_no_sooner_than(self.now_ms + DEFAULT_FRAME_MS)
        leg = self._leg
        if leg is None:
            leg = _leg(party.name, party.format, party.language, self.clock)
        self._lines[party.name] = CallLine(
            party,
            leg,
            shared=None if self._leg is None else self._layout == "separated",
            max_frames=self._max_frames,
            clock=self.clock,
        )
        if self._leg is None:
            self.legs[party.name] = leg

    def heard(self, party: str) -> AudioFrame:
        """What a party heard so far, since the call began: silence before it came."""
        line = self._lines[party]
        device = line.party.format
        before = device.samples(line.party.joins_ms) if line.recorded else 0
        silence = bytes(before * device.bytes_per_instant)
        return AudioFrame(b"".join([silence, *line.recorded]), device)

    def skipped_ms(self, party: str) -> float:
        """What came to a party's device in such a burst that it was not heard."""
        return self._lines[party].ear.skipped * float(DEFAULT_FRAME_MS)

    def stats(self, party: str) -> tuple[ReceiverStats | None, ReceiverStats | None]:
        """What became of a party's packets, from it and to it; None where there are no packets."""
        line = self._lines[party]
        return line.up.stats, line.down.stats

    def hang_up(self) -> None:
        """Everybody falls silent for good with the next frame, and hears on until the program ends."""
        self._over = True

    async def run(self) -> None:
        """Carry the call until all was said and every outbound stream has ended and was heard.

        Cancelling stops it where it is; run again, it goes on from there.

        Raises:
            StreamFailedError: Somebody failed a stream; all others fail with it.
        """
        self._begun = True
        start = self.clock.now() - self.now_ms / 1000
        try:
            while not self._step():
                await self.clock.sleep_until(start + (self.now_ms + DEFAULT_FRAME_MS) / 1000)
                self._tick += 1
        except StreamFailedError as error:
            for line in self._lines.values():
                line.leg.inbound.fail(error.cause)
                line.leg.outbound.fail(error.cause)
            raise

    async def __aenter__(self) -> Self:
        self._begun = True
        self._carrying = asyncio.create_task(self.run(), name="fake call")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        carrying, legs = self._carrying, [line.leg for line in self._lines.values()]
        assert carrying is not None
        try:
            if error is None:
                self.hang_up()
                for leg in legs:
                    leg.outbound.end()
                await carrying
        finally:
            carrying.cancel()
            await asyncio.wait([carrying])
            for leg in legs:
                await leg.aclose()

    def _step(self) -> bool:
        """Say the frame that ends now and hear the one that begins; whether the call is over."""
        now_ms, lines = self.now_ms, self._lines.values()
        for line in lines:
            self.log += line.enter(now_ms)
            if not self._over:
                self.log += line.speak(now_ms)
        if not self._stays and all(line.silent or line.party.gone for line in lines):
            self._over = True
        for line in lines:
            if self._over:
                line.up.end()
            line.carry(now_ms)
        if self._mixed is not None:
            self._mix(now_ms, self._mixed)
        else:
            for line in lines:
                if line.attends(now_ms):
                    line.hear(now_ms, _pulled(line.leg))
        return self._over and all(line.done for line in lines)

    def _mix(self, now_ms: float, mixed: DirectPath) -> None:
        """Give the program everybody, and everybody the others and the program."""
        leg, lines = self.leg, list(self._lines.values())
        quiet = self._over and all(line.left for line in lines)
        voices = [line.next_voice() for line in lines]
        nobody = np.zeros((self._frame, leg.inbound.format.num_channels), np.int16)
        if quiet:
            mixed.end()
        elif self._tick:
            everybody = mix([*voices, nobody])
            mixed.send(None if leg.state == "suspended" else everybody.tobytes(), now_ms)
        spoken = _pulled(leg)
        program = nobody if spoken is None else spoken.samples
        others = mix_minus([*voices, program])
        over = quiet and spoken is None
        for line, samples in zip(lines, others, strict=False):
            line.hear(now_ms, None if over else AudioFrame(samples, leg.outbound.format))


def _leg(name: str, format: AudioFormat, language: str | None, clock: Clock) -> CallLeg:
    return CallLeg(
        InboundAudioStream(format, clock=clock),
        OutboundAudioStream(format, clock=clock),
        name=name,
        language=language,
        clock=clock,
    )


def _pulled(leg: CallLeg) -> AudioFrame | None:
    """The frame that a leg's outbound stream has for now; None where it has ended."""
    if leg.state == "suspended":
        samples = leg.outbound.format.samples(DEFAULT_FRAME_MS)
        return AudioFrame.silence(leg.outbound.format, samples)
    try:
        return leg.outbound.pull()
    except (EndOfStreamError, StreamClosedError):
        return None


__all__ = ["FakeCall", "Layout"]
