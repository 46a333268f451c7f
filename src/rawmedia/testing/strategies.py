"""Hypothesis strategies: formats, frames, streams cut anywhere, and packets on a bad network.

`rawmedia.testing.event_strategies` has those of a translation's events. They need the package
hypothesis. All shrink to what is plain: one channel, low rates, short audio, silence, no faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.wire.rtp import RtpPacket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

CALL_RATES = tuple(
    each.sample_rate for each in (TELEPHONY, SPEECH, WIDEBAND_VOICE, AudioFormat(44_100), WEBRTC)
)
"""Sample rates that calls and files have."""

PacketFault = Literal["lost", "late", "twice", "truncated", "corrupted", "stranger"]
"""What a network and who is on it do to a packet: never comes; comes after later ones; comes again;
has lost its end; has a bit flipped; comes with a datagram that is none of the sender's."""


def formats(
    rates: Sequence[int] = CALL_RATES, max_channels: int = 2
) -> SearchStrategy[AudioFormat]:
    """Formats of these rates, with 1 to so many channels."""
    return st.builds(AudioFormat, st.sampled_from(rates), st.integers(1, max_channels))


@st.composite
def frames(
    draw: DrawFn,
    format: SearchStrategy[AudioFormat] | AudioFormat | None = None,
    *,
    min_samples: int = 0,
    max_samples: int = 960,
    max_position: int = 1 << 40,
    sources: SearchStrategy[str | None] | None = None,
) -> AudioFrame:
    """Frames of any audio, from silence to full-scale noise, anywhere in media time.

    Args:
        draw: Given by hypothesis.
        format: One, or a strategy; any of `formats` by default.
        min_samples: The shortest, in samples per channel.
        max_samples: The longest.
        max_position: The latest.
        sources: Who speaks; nobody by default.
    """
    chosen = draw(_formats(format))
    return AudioFrame(
        draw(_waves(chosen, min_samples, max_samples)),
        chosen,
        draw(st.integers(0, max_position)),
        None if sources is None else draw(sources),
    )


@dataclass(frozen=True)
class CutStream:
    """One piece of audio, and the frames that it was cut into."""

    whole: AudioFrame
    frames: tuple[AudioFrame, ...]
    """They follow each other from position 0; some may be empty."""


@st.composite
def cut_streams(
    draw: DrawFn,
    format: SearchStrategy[AudioFormat] | AudioFormat | None = None,
    *,
    max_samples: int = 4_000,
    max_cuts: int = 12,
) -> CutStream:
    """Streams cut anywhere, also twice at one place: what works on them must not be able to tell.

    Args:
        draw: Given by hypothesis.
        format: One, or a strategy; any of `formats` by default.
        max_samples: The longest, in samples per channel.
        max_cuts: How many frames at most, less one.
    """
    chosen = draw(_formats(format))
    whole = AudioFrame(draw(_waves(chosen, 0, max_samples)), chosen)
    pieces, at = [], 0
    for end in [*draw(_cuts(whole.samples_per_channel, max_cuts)), whole.samples_per_channel]:
        pieces.append(AudioFrame(whole.samples[at:end], chosen, at))
        at = end
    return CutStream(whole, tuple(pieces))


@st.composite
def cut_bytes(draw: DrawFn, data: bytes, *, max_cuts: int = 12) -> list[bytes]:
    """The bytes in pieces, cut anywhere, also in the middle of a sample or packet.

    Args:
        draw: Given by hypothesis.
        data: What is cut; the pieces together are it again.
        max_cuts: How many pieces at most, less one.
    """
    pieces, at = [], 0
    for end in [*draw(_cuts(len(data), max_cuts)), len(data)]:
        pieces.append(data[at:end])
        at = end
    return pieces


@dataclass(frozen=True)
class PacketSequence:
    """What a sender sent, and what came of it."""

    sent: tuple[tuple[float, RtpPacket], ...]
    """When, in ms, and what: one sender's packets in order."""
    arrived: tuple[tuple[float, bytes], ...]
    """When, in ms, in order, and what: datagrams."""
    faults: tuple[tuple[int, PacketFault], ...]
    """What happened to which packet of ``sent``; one comes to a packet at most."""

    def untouched(self) -> tuple[RtpPacket, ...]:
        """The packets that came whole and in time, at least once."""
        bad = {at for at, fault in self.faults if fault not in ("twice", "stranger")}
        return tuple(packet for at, (_, packet) in enumerate(self.sent) if at not in bad)


@st.composite
def packet_sequences(
    draw: DrawFn,
    *,
    payload_type: int = 0,
    payloads: SearchStrategy[bytes] | None = None,
    packet_ms: float = 20.0,
    ticks: int = 160,
    max_packets: int = 40,
    faults: Sequence[PacketFault] = get_args(PacketFault),
    max_jitter_ms: float = 30.0,
) -> PacketSequence:
    """RTP packets of one sender after a way on which anything may happen to each.

    Numbers and timestamps start anywhere, so they may wrap.

    Args:
        draw: Given by hypothesis.
        payload_type: Of all packets.
        payloads: What they carry; by default 160 bytes, 20 ms of G.711.
        packet_ms: How long each lasts.
        ticks: The same in ticks of the codec's clock.
        max_packets: How many at most; 1 at least.
        faults: What may happen; with none of them all packets arrive, in order.
        max_jitter_ms: How much longer than others a packet may take, its order kept.
    """
    if payloads is None:
        payloads = st.integers(0, 255).map(lambda byte: bytes([byte]) * 160)
    fates = st.just(_WHOLE)
    if faults:
        fates |= st.one_of(*(st.tuples(st.just(each), _LUCK[each]) for each in faults))
    plans = draw(
        st.lists(
            st.tuples(payloads, st.integers(0, round(max_jitter_ms)), fates),
            min_size=1,
            max_size=max_packets,
        )
    )
    number, timestamp = draw(st.integers(0, 0xFFFF)), draw(st.integers(0, 0xFFFF_FFFF))
    sent: list[tuple[float, RtpPacket]] = []
    arrivals: list[tuple[float, bytes]] = []
    queued_ms = 0.0
    for at, (payload, jitter_ms, (fault, luck)) in enumerate(plans):
        packet = RtpPacket(
            payload_type,
            (number + at) & 0xFFFF,
            (timestamp + at * ticks) & 0xFFFF_FFFF,
            0xCA11,
            payload,
            marker=at == 0,
        )
        sent.append((at * packet_ms, packet))
        queued_ms = max(queued_ms, at * packet_ms + jitter_ms)
        arrivals += _arrivals(packet.build(), queued_ms, fault, luck, packet_ms)
    arrivals.sort(key=lambda arrival: arrival[0])
    happened = tuple((at, fault) for at, (*_, (fault, _)) in enumerate(plans) if fault is not None)
    return PacketSequence(tuple(sent), tuple(arrivals), happened)


_Fate: TypeAlias = tuple[PacketFault | None, int | bytes]
_WHOLE: _Fate = (None, 0)
_LUCK: dict[PacketFault, SearchStrategy[int | bytes]] = {
    "lost": st.just(0),
    "late": st.integers(2, 100),  # packets later
    "twice": st.integers(0, 50),  # packets between the two
    "truncated": st.integers(0, 10_000),  # bytes that are left, modulo its length
    "corrupted": st.integers(0, 80_000),  # which bit, modulo its length
    "stranger": st.binary(max_size=200),
}
"""What is drawn for each fault."""


def _arrivals(
    datagram: bytes, at_ms: float, fault: PacketFault | None, luck: int | bytes, packet_ms: float
) -> list[tuple[float, bytes]]:
    """What arrives of one datagram."""
    if isinstance(luck, bytes):
        return [(at_ms, luck), (at_ms, datagram)]
    match fault:
        case "lost":
            return []
        case "late":
            return [(at_ms + packet_ms * luck, datagram)]
        case "twice":
            return [(at_ms, datagram), (at_ms + packet_ms * luck, datagram)]
        case "truncated":
            return [(at_ms, datagram[: luck % len(datagram)])]
        case "corrupted":
            damaged = bytearray(datagram)
            damaged[luck // 8 % len(datagram)] ^= 1 << luck % 8
            return [(at_ms, bytes(damaged))]
        case _:
            return [(at_ms, datagram)]


def _formats(
    chosen: SearchStrategy[AudioFormat] | AudioFormat | None,
) -> SearchStrategy[AudioFormat]:
    if chosen is None:
        return formats()
    return st.just(chosen) if isinstance(chosen, AudioFormat) else chosen


@st.composite
def _waves(
    draw: DrawFn, format: AudioFormat, min_samples: int, max_samples: int
) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    """Samples by a seed and a peak: as many as one likes for a few draws."""
    shape = draw(st.integers(min_samples, max_samples)), format.num_channels
    peak = draw(st.sampled_from([0, 1, 1_000, 32_768]))
    rng = np.random.default_rng(draw(st.integers(0, 1_000)))
    if peak == 32_768:  # nothing but what is loudest, where arithmetic overflows
        return rng.choice(np.array([-32_768, 32_767], np.int16), shape)
    return rng.integers(-peak, peak + 1, shape, np.int16)


def _cuts(length: int, max_cuts: int) -> SearchStrategy[list[int]]:
    return st.lists(st.integers(0, length), max_size=max_cuts).map(sorted)


__all__ = [
    "CALL_RATES",
    "CutStream",
    "PacketFault",
    "PacketSequence",
    "cut_bytes",
    "cut_streams",
    "formats",
    "frames",
    "packet_sequences",
]
