"""One direction of a fake call: frames go in every 20 ms, straight or as packets over a bad network."""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING, Protocol

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.format import DEFAULT_FRAME_MS, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.pcm import from_bytes
from rawmedia.codecs.catalog import codec_of_name
from rawmedia.errors import ConfigurationError, StreamClosedError, StreamEndedError
from rawmedia.streams.media_clock import MediaClock
from rawmedia.streams.receiver import AudioReceiver
from rawmedia.testing.network import LossyLink
from rawmedia.wire.payload_types import PayloadFormat, PayloadTypes
from rawmedia.wire.rtp import RtpPacket
from rawmedia.wire.telephone_event import KeyStarted, TelephoneEventSender

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.codecs.catalog import Codec
    from rawmedia.streams.inbound import InboundAudioStream
    from rawmedia.streams.receiver import ReceiverStats
    from rawmedia.wire.telephone_event import KeyEvent

_AUDIO, _EVENTS = 96, 101
"""Payload types; which ones does not matter, but that all runs have the same."""
_FIRST_NUMBER, _FIRST_TIMESTAMP = 1_000, 10_000
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_LINEAR = ("l16", "l24", "l8")


class CallPath(Protocol):
    """Takes a frame of 20 ms at every tick, and gives what arrives of it to an inbound stream.

    Times are milliseconds since the call began.
    """

    @property
    def over(self) -> bool:
        """Whether all that will ever arrive has arrived, and the stream has ended."""
        ...

    @property
    def presses(self) -> bool:
        """Whether keys are still to be sent."""
        ...

    @property
    def stats(self) -> ReceiverStats | None:
        """What became of the packets; None where there are none."""
        ...

    def send(self, samples: bytes | None, now_ms: float) -> None:
        """Send a frame, or with None nothing while 20 ms pass."""
        ...

    def press(self, key: str, duration_ms: float) -> None:
        """Press a telephone key, after those that are pressed already."""
        ...

    def carry(self, now_ms: float) -> None:
        """Deliver what has arrived by now."""
        ...

    def end(self) -> None:
        """Nothing more is sent; what is on its way still arrives. Twice is harmless."""
        ...


class DirectPath:
    """Gives every frame to the stream at once.

    Args:
        stream: Where the audio goes.
        format: What is sent; the stream converts.
        on_key: Called with each key that is pressed.
    """

    def __init__(
        self, stream: InboundAudioStream, format: AudioFormat, on_key: Callable[[str], object]
    ) -> None:
        self._stream, self._format, self._on_key = stream, format, on_key
        self._skipped_ms = 0.0
        self.over = False
        self.presses = False
        self.stats = None

    def send(self, samples: bytes | None, now_ms: float) -> None:  # noqa: ARG002 - it takes no time
        """Push a frame; after a pause at a position that is ahead by it."""
        if samples is None:
            self._skipped_ms += DEFAULT_FRAME_MS
        elif not self.over:
            position = None
            if self._skipped_ms:
                gap = self._stream.format.samples(self._skipped_ms)
                position = self._stream.stats.position + gap
            try:
                self._stream.push(AudioFrame(samples, self._format), position)
            except (StreamClosedError, StreamEndedError):  # the program wants no more
                self.over = True
            self._skipped_ms = 0.0

    def press(self, key: str, duration_ms: float) -> None:  # noqa: ARG002 - nor does this
        """Tell the key at once."""
        self._on_key(key)

    def carry(self, now_ms: float) -> None:
        """Nothing is ever on its way."""

    def end(self) -> None:
        """End the stream."""
        self.over = True
        self._stream.end()


class PacketPath:
    """Encodes every frame, sends it as an RTP packet over a link, and receives what comes.

    Arrivals and playout happen at their very times, in their order, whenever `carry` is called:
    so what the stream gets depends on the link's seed alone. Keys go as telephone events, in
    place of the audio (RFC 4733).

    Args:
        stream: Where the audio goes.
        format: What is sent; converted to what the codec takes.
        on_key: Called with each key that arrives.
        codec: An encoding name such as ``"PCMU"`` or ``"opus"``; ``"L16"`` loses nothing.
        link: The way; without one nothing is lost and nothing takes time.
        follow_drift: Whether the receiver resamples what a sender sends whose clock runs off.

    Raises:
        ConfigurationError: There is no such codec, or 20 ms of the format are no whole number of
            samples.
        MissingDependencyError: The codec's library is not installed.
    """

    def __init__(
        self,
        stream: InboundAudioStream,
        format: AudioFormat,
        on_key: Callable[[str], object],
        *,
        codec: str = "L16",
        link: LossyLink[bytes] | None = None,
        follow_drift: bool = False,
    ) -> None:
        require_whole_frames(format)
        found = codec_of_name(codec)
        wire, payload_format = _on_the_wire(found, format)
        self._converter = FormatConverter(format, wire, prompt=True)
        self._encoder = found.encoder(wire)
        self._channels = wire.num_channels
        self._link: LossyLink[bytes] = LossyLink(0) if link is None else link
        self._clock = MediaClock()
        self._on_key = on_key
        clock_rate = payload_format.clock_rate
        self._receiver = AudioReceiver(
            stream,
            PayloadTypes(
                {_AUDIO: payload_format, _EVENTS: PayloadFormat("telephone-event", clock_rate)}
            ),
            follow_drift=follow_drift,
            on_event=self._hear_key,
            clock=self._clock,
        )
        self._due: float | None = None
        self._key_sender = TelephoneEventSender(clock_rate)
        self._keys: deque[tuple[str, float]] = deque()
        self._reports: deque[tuple[int, bool, bytes]] = deque()
        self._number, self._timestamp = _FIRST_NUMBER, _FIRST_TIMESTAMP
        self._ticks = clock_rate * DEFAULT_FRAME_MS // 1000
        self._marker = True
        self._ending = False
        self.over = False

    @property
    def presses(self) -> bool:
        """Whether keys are still to be sent."""
        return bool(self._keys or self._reports)

    @property
    def stats(self) -> ReceiverStats:
        """What became of the packets."""
        return self._receiver.stats

    def send(self, samples: bytes | None, now_ms: float) -> None:
        """Send the packet of a frame, or of a key in its place."""
        if self._keys and not self._reports:
            key, duration_ms = self._keys.popleft()
            reports = self._key_sender.press(key, duration_ms, self._timestamp)
            self._reports.extend((each.timestamp, each.marker, each.payload) for each in reports)
        if samples is None:
            self._marker = True
        elif self._reports:
            timestamp, marker, payload = self._reports.popleft()
            self._send_packet(_EVENTS, timestamp, payload, now_ms, marker=marker)
        else:
            wave = from_bytes(self._converter.push(samples), self._channels)
            payload = self._encoder.encode(wave)
            self._send_packet(_AUDIO, self._timestamp, payload, now_ms, marker=self._marker)
            self._marker = False
        self._timestamp = (self._timestamp + self._ticks) & 0xFFFF_FFFF

    def press(self, key: str, duration_ms: float) -> None:
        """Send a key, after those that are pressed already."""
        self._keys.append((key, duration_ms))

    def carry(self, now_ms: float) -> None:
        """Receive and play what is due by now, each at its time."""
        if self.over:
            return
        clock, link, receiver = self._clock, self._link, self._receiver
        due = self._due
        while True:
            arrival_ms = link.next_arrival_ms
            if self._ending and arrival_ms is None and not receiver.stats.jitter.buffered:
                # As a goodbye would tell it (RTCP BYE, or signalling): no hole follows.
                self.over = True
                receiver.end()
                due = None
                break
            due_ms = inf if due is None else due * 1000
            if arrival_ms is not None and arrival_ms <= due_ms:
                if arrival_ms > now_ms:
                    break
                clock.advance_to(arrival_ms / 1000)
                for _, packet in link.receive(arrival_ms):
                    receiver.receive(packet)
                if due is not None:  # the time to look again has been set
                    continue
            elif due_ms > now_ms:
                break
            else:
                clock.advance_to(due_ms / 1000)
            due = receiver.advance()
        self._due = due

    def end(self) -> None:
        """Send nothing more."""
        self._ending = True

    def _send_packet(
        self, payload_type: int, timestamp: int, payload: bytes, now_ms: float, *, marker: bool
    ) -> None:
        packet = RtpPacket(payload_type, self._number, timestamp, 1, payload, marker)
        self._number = (self._number + 1) & 0xFFFF
        self._link.send(packet.build(), now_ms)

    def _hear_key(self, event: KeyEvent) -> None:
        if isinstance(event, KeyStarted):
            self._on_key(event.name)


def require_whole_frames(format: AudioFormat) -> None:
    """Refuse a format of which 20 ms are no whole number of samples.

    Raises:
        ConfigurationError: It is one.
    """
    if format.sample_rate * DEFAULT_FRAME_MS % 1000:
        raise ConfigurationError(
            "format", f"{DEFAULT_FRAME_MS} ms must be whole samples, which they are not of {format}"
        )


def _on_the_wire(codec: Codec, format: AudioFormat) -> tuple[AudioFormat, PayloadFormat]:
    """What the encoder takes of a party's audio, and how a session announces it."""
    if codec.name == "opus":
        rate = next((each for each in _OPUS_RATES if each >= format.sample_rate), _OPUS_RATES[-1])
        wire = AudioFormat(rate, min(2, format.num_channels))
        return wire, PayloadFormat("opus", codec.clock_rate, codec.num_channels)
    wire = format if codec.name.casefold() in _LINEAR else TELEPHONY
    return wire, PayloadFormat(codec.name, wire.sample_rate, wire.num_channels)


__all__ = ["CallPath", "DirectPath", "PacketPath", "require_whole_frames"]
