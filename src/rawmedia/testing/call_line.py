"""A party's line in a fake call: its voice on the way to the program, and what comes back to its ear."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.format import DEFAULT_FRAME_MS
from rawmedia.errors import ConfigurationError, StreamClosedError, StreamEndedError
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.testing.call_path import DirectPath, PacketPath
from rawmedia.testing.party import CallHappening

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.leg import CallLeg
    from rawmedia.testing.call_path import CallPath
    from rawmedia.testing.network import LossyLink
    from rawmedia.testing.party import FakeParty

_MAX_WAITING = 10
"""Frames that a device or a mixer keeps; of more, which only a burst brings, the oldest go."""
_TOLERANCE_MS = 1e-6


class FrameQueue:
    """Where frames come as they come, and leave one every 20 ms: a device, or a mixer's input."""

    def __init__(self, format: AudioFormat) -> None:
        self._silence = bytes(format.samples(DEFAULT_FRAME_MS) * format.bytes_per_instant)
        self._waiting: deque[bytes] = deque()
        self.skipped = 0
        """Frames that went because more came than can leave."""

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def put(self, frame: AudioFrame) -> None:
        """Add a frame; of a last one that is shorter, the rest is silence."""
        data, silence = bytes(frame), self._silence
        if len(data) < len(silence):
            data += silence[len(data) :]
        # Most of a call is silence for each who hears, and a recording holds it once.
        self._waiting.append(silence if data == silence else data)
        if len(self._waiting) > _MAX_WAITING:
            self._waiting.popleft()
            self.skipped += 1

    def take(self) -> bytes:
        """The next frame, or silence."""
        return self._waiting.popleft() if self._waiting else self._silence


class CallLine:
    """What joins one party to the program: two paths, an ear and a recording.

    Args:
        party: Who speaks and hears.
        leg: The program's leg that it is on, which may be others' too.
        shared: None where the leg is the party's own; otherwise whether the leg has a stream for
            each participant beside the mixed one.
        max_frames: How many frames are recorded.
        clock: Of the streams.

    Raises:
        ConfigurationError: There is no such codec, or the downlink has a drift.
        MissingDependencyError: The codec's library is not installed.
    """

    def __init__(
        self,
        party: FakeParty,
        leg: CallLeg,
        *,
        shared: bool | None,
        max_frames: int,
        clock: Clock,
    ) -> None:
        if party.downlink is not None and _pace(party.downlink) != 1:
            raise ConfigurationError(
                "downlink", "no drift: the program's clock is the call's own; give it to the uplink"
            )
        self.party, self.leg = party, leg
        self.joined = self.left = False
        self.recorded: list[bytes] = []
        self.ear = FrameQueue(party.format)
        self.voice = FrameQueue(leg.inbound.format)
        self._max_frames = max_frames
        self._clock = clock
        self._separate = bool(shared)
        self._participant: InboundAudioStream | None = None
        self._own_leg = shared is None
        self._sent = 0
        self._pace = 1.0 if party.uplink is None else _pace(party.uplink)
        voice = leg.inbound
        if not self._own_leg:
            voice = InboundAudioStream(leg.inbound.format, source=party.name, clock=clock)
            voice.on_frame(self._arrived)
        ear = InboundAudioStream(party.format, clock=clock)
        ear.on_frame(self.ear.put)
        self.up = _path(voice, party.format, party, party.uplink, self._pressed)
        self.down = _path(ear, leg.outbound.format, party, party.downlink, _ignored)

    def attends(self, now_ms: float) -> bool:
        """Whether the party is there."""
        return now_ms >= self.party.joins_ms and not self.party.gone

    @property
    def silent(self) -> bool:
        """Whether the party has come and has nothing more to say."""
        return self.joined and self.party.silent and not self.up.presses

    @property
    def done(self) -> bool:
        """Whether the party hears no more: it has heard all, has hung up, or never came."""
        return (
            not self.joined or self.party.gone or (self.down.over and self.ear.empty)
        ) and self.left

    def enter(self, now_ms: float) -> list[CallHappening]:
        """Join, if now is the time."""
        if self.joined or not self.attends(now_ms):
            return []
        self.joined = True
        if self._separate:
            name = self.party.name
            self._participant = InboundAudioStream(
                self.leg.inbound.format, source=name, clock=self._clock
            )
            self.leg.join(name, self._participant)
        return [CallHappening(self.party.joins_ms, self.party.name, "joined")]

    def speak(self, now_ms: float) -> list[CallHappening]:
        """Say the frames that have ended by now, by the clock of who speaks; tells what happened."""
        happened: list[CallHappening] = []
        party, frame_ms = self.party, float(DEFAULT_FRAME_MS)
        first_ms = party.joins_ms + frame_ms
        while (
            self.joined
            and not party.gone
            and first_ms + self._sent * frame_ms * self._pace <= now_ms + _TOLERANCE_MS
        ):
            end_ms = first_ms + self._sent * frame_ms
            self._sent += 1
            acts = party.act(end_ms - frame_ms, end_ms)
            if party.gone:
                self.up.end()
            else:
                for key, key_ms in party.pressed():
                    self.up.press(key, key_ms)
                samples = party.speak(end_ms - frame_ms)
                connected = not self._own_leg or self.leg.state != "suspended"
                self.up.send(samples if connected else None, end_ms)
            happened += acts
        return happened

    def carry(self, now_ms: float) -> None:
        """Deliver what has arrived of the voice; when the last of it has, the party has left."""
        self.up.carry(now_ms)
        if self.up.over and self.voice.empty and not self.left:
            self.left = True
            if self._own_leg and self.party.gone:
                self.leg.outbound.close()
            self.leg.leave(self.party.name)

    def hear(self, now_ms: float, frame: AudioFrame | None) -> None:
        """Send the party a frame, or with None nothing any more, and record what it hears now."""
        if not self.attends(now_ms):
            return
        if frame is None:
            self.down.end()
        else:
            self.down.send(bytes(frame), now_ms)
        self.down.carry(now_ms)
        if self.down.over and self.ear.empty:
            return
        heard = self.ear.take()
        if len(self.recorded) < self._max_frames:
            self.recorded.append(heard)

    def next_voice(self) -> Int16Samples:
        """What a mixer has of the voice for its next frame."""
        samples: Int16Samples = np.frombuffer(self.voice.take(), np.int16)
        return samples.reshape(-1, self.leg.inbound.format.num_channels)

    def _arrived(self, frame: AudioFrame) -> None:
        self.voice.put(frame)
        if self._participant is not None:
            try:
                self._participant.push(frame, frame.position)
            except (StreamClosedError, StreamEndedError):
                self._participant = None

    def _pressed(self, key: str) -> None:
        self.leg.press(key, None if self._own_leg else self.party.name)


def _path(
    stream: InboundAudioStream,
    format: AudioFormat,
    party: FakeParty,
    link: LossyLink[bytes] | None,
    on_key: Callable[[str], object],
) -> CallPath:
    if party.codec is None and link is None:
        return DirectPath(stream, format, on_key)
    return PacketPath(
        stream,
        format,
        on_key,
        codec=party.codec or "L16",
        link=link,
        follow_drift=link is not None and _pace(link) != 1,
    )


def _pace(link: LossyLink[bytes]) -> float:
    """Seconds of the true clock for each of the sender's."""
    return link._pace


def _ignored(_key: str) -> None:
    """No program presses keys."""


__all__ = ["CallLine", "FrameQueue"]
