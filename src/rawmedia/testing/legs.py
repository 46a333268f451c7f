"""A call leg for tests: says what it is given at the pace of a clock, and records what it hears."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    EndOfStreamError,
    StreamClosedError,
    StreamEndedError,
    StreamFailedError,
)
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.leg import CallLeg
from rawmedia.streams.outbound import OutboundAudioStream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.audio.pcm import PCMBytes
    from rawmedia.streams.clock import Clock


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that was said and never arrived: it leaves a gap in the stream."""

    duration_ms: float


Said: TypeAlias = AudioFrame | npt.NDArray[Any] | str | os.PathLike[str] | Lost
"""A frame of any format, int16 samples in the leg's own, the path of an audio file, or a loss."""


class FakeLeg(CallLeg):
    """A party made of what a test gives it, on any clock, virtual or real.

    It speaks all along, silence where nothing is left to say, and hears all along: a frame
    is pushed when its last sample was said, and pulled when its first is heard. ``record``
    is all that it heard since the call began, on the timeline of what it says.

    ::

        leg = FakeLeg([tone(500), Lost(100), tone(500)], clock=clock)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(leg.run())
            ...                  # the program under test
            leg.outbound.end()
        assert_same_audio(expected, leg.record(), snr_db=40)

    Args:
        says: What it says, from the start of the call.
        format: Of ``inbound``, to which what it says is converted.
        outbound_format: Of ``outbound``; the same if None.
        stays: Whether it is silent and stays when it has said all; otherwise ``inbound`` ends.
        max_recorded_ms: How much it records; what comes later is counted.
        name: How reports call it.
        language: What it speaks, as a BCP-47 tag.
        clock: What it is paced by.
    """

    def __init__(
        self,
        says: Said | Iterable[Said] = (),
        *,
        format: AudioFormat = SPEECH,
        outbound_format: AudioFormat | None = None,
        stays: bool = False,
        max_recorded_ms: float = 600_000.0,
        name: str = "fake leg",
        language: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(
            InboundAudioStream(format, clock=clock),
            OutboundAudioStream(outbound_format or format, clock=clock),
            name=name,
            language=language,
            clock=clock,
        )
        self._to_say: deque[memoryview | int] = deque()  # samples, or how many are lost
        self._said = 0
        self._speaks = self._hears = True
        self._stays = stays
        self._recording: list[bytes] = []
        self._heard = 0
        self._max_recorded = self.outbound.format.samples(max_recorded_ms)
        self.muted = False
        """Whether it is silent whatever it says; may be set at any time."""
        if isinstance(says, AudioFrame | np.ndarray | str | os.PathLike | Lost):
            says = (says,)
        self.say(*says)

    @property
    def said_ms(self) -> float:
        """How long it has spoken, in media time."""
        return self.inbound.format.duration_ms(self._said)

    @property
    def unrecorded_ms(self) -> float:
        """What it heard after its recording was full."""
        return self.outbound.format.duration_ms(max(0, self._heard - self._max_recorded))

    def say(self, *audio: Said) -> None:
        """Say something after all that is still to be said; audio begins in the middle of a frame if need be.

        Raises:
            PayloadError: An array is not int16 or has the wrong shape.
            UnreadableFileError: A path leads to no audio.
        """
        for each in audio:
            if isinstance(each, Lost):
                self._to_say.append(self.inbound.format.samples(each.duration_ms))
            else:
                self._to_say.append(memoryview(converted(each, self.inbound.format)))

    def hang_up(self) -> None:
        """Leave: what was said stays readable, what was not yet heard never is. Twice is harmless."""
        self._speaks = self._hears = False
        self.inbound.end()
        self.outbound.close()

    def record(self) -> AudioFrame:
        """What it heard so far, silence included, from the start of the call."""
        return AudioFrame(b"".join(self._recording), self.outbound.format)

    async def run(self) -> None:
        """Carry the call until all is said and ``outbound`` has ended, or it hangs up.

        While it is suspended it pushes and pulls nothing, though time goes on: what it says
        is a gap, what it hears is silence. Cancelling stops it where it is.

        Raises:
            StreamFailedError: Somebody failed one of the streams; the other fails with it.
        """
        try:
            await self._carry()
        except StreamFailedError as error:
            self.inbound.fail(error.cause)
            self.outbound.fail(error.cause)
            raise

    async def _carry(self) -> None:
        start, frames = self.clock.now(), 0
        while self._speaks or self._hears:
            # Frames of the two streams differ where 20 ms are not whole samples.
            while self._heard_ms <= frames * self.inbound.frame_ms and (
                self._speaks or self._hears
            ):
                self._hear_frame()
            frames += 1
            await self.clock.sleep_until(start + frames * self.inbound.frame_ms / 1000)
            self._say_frame()

    @property
    def _heard_ms(self) -> float:
        return self.outbound.format.duration_ms(self._heard)

    def _hear_frame(self) -> None:
        samples = self.outbound.format.samples(self.outbound.frame_ms)
        frame = AudioFrame.silence(self.outbound.format, samples)
        if self._hears and self.state != "suspended":
            try:
                frame = self.outbound.pull()
            except (EndOfStreamError, StreamClosedError):
                self._hears = False
                return
        if self._heard < self._max_recorded:
            room = self._max_recorded - self._heard
            self._recording.append(bytes(frame)[: room * frame.format.bytes_per_instant])
        self._heard += frame.samples_per_channel

    def _say_frame(self) -> None:
        """Say what belongs to the next frame; where nothing is left, silence or goodbye."""
        if not self._speaks:
            return
        left = self.inbound.format.samples(self.inbound.frame_ms)
        try:
            while left and self._to_say:
                left -= self._say_some(left)
            if self._stays:
                self._push(bytes(left * self.inbound.format.bytes_per_instant))
            elif not self._to_say:
                self._speaks = False
                self.inbound.end()
        except (StreamClosedError, StreamEndedError):
            self._speaks = False

    def _say_some(self, most: int) -> int:
        """Say the beginning of what comes next, at most so many samples; returns how many."""
        piece = self._to_say.popleft()
        if isinstance(piece, int):
            if piece > most:
                self._to_say.appendleft(piece - most)
            lost = min(piece, most)
            self._said += lost
            return lost
        cut = most * self.inbound.format.bytes_per_instant
        if len(piece) > cut:
            self._to_say.appendleft(piece[cut:])
        self._push(piece[:cut])
        return min(len(piece), cut) // self.inbound.format.bytes_per_instant

    def _push(self, samples: bytes | memoryview) -> None:
        if self.state != "suspended" and samples:
            self.inbound.push(bytes(len(samples)) if self.muted else samples, position=self._said)
        self._said += len(samples) // self.inbound.format.bytes_per_instant


def converted(
    audio: AudioFrame | npt.NDArray[Any] | str | os.PathLike[str], format: AudioFormat
) -> PCMBytes:
    """All of a piece of audio as interleaved int16 of a format; of a frame in it, no copy.

    Args:
        audio: A frame of any format, int16 samples in ``format``, or the path of a file.
        format: What is wanted.

    Raises:
        PayloadError: An array is not int16 or has the wrong shape.
        UnreadableFileError: A path leads to no audio.
    """
    if isinstance(audio, str | os.PathLike):
        # Needs the package soundfile, which the rest of this does not.
        from rawmedia.files import AudioFileReader

        with AudioFileReader(audio) as reader:
            converter = FormatConverter(reader.format, format)
            return b"".join([*map(converter.push, reader), converter.flush()])
    if isinstance(audio, AudioFrame) and audio.format == format:
        return audio.data
    frame = audio if isinstance(audio, AudioFrame) else AudioFrame(audio, format)
    converter = FormatConverter(frame.format, format)
    return converter.push(frame) + converter.flush()


__all__ = ["FakeLeg", "Lost", "Said", "converted"]
